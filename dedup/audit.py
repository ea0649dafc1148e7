"""Every decision of a plan with its evidence, in input order: what decisions.jsonl holds.

There may be more decisions than documents, so this is bulk work: they are made portion by portion, as lines that differ
from a few forms (`dedup.forms`) in places, texts and evidence only; those on whole documents in `dedup.outright`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dedup import forms, outright
from dedup.boilerplate import LINE, ONCE, Templates
from dedup.decisions import Decision, How
from dedup.pipeline import numbered_batches
from dedup.plan import Corpus, Plan
from dedup.policy import Cuts
from dedup.quotes import CUT, PROTECTED, KeptQuotes, Quotes, quoted

Ints = npt.NDArray[np.int64]

PORTION = 4096
"""Documents that are told of at once."""

HOWS: tuple[How | None, ...] = (None, "listed", "run", "link", "gap", "sign", None, "gap")
"""How boilerplate went, or would have gone, by reason (`dedup.kernels.boilerplate`)."""

FORMS = 50_000
"""Forms that are kept for the next time; one takes some 700 bytes."""


@dataclass(frozen=True, slots=True)
class TemplateTexts:
    """What each template that went says where it was seen first.

    Attributes:
        by_id: The texts.
    """

    by_id: dict[str, str] = field(default_factory=dict)

    def note(self, decision: Decision) -> None:
        """Note what a decision says of a template; of the decisions on one line of a source, the first is enough."""
        if decision.action == "cut" and decision.template is not None and decision.text is not None:
            self.by_id.setdefault(decision.template, decision.text.strip())

    def noting(self, found: Iterable[Decision]) -> Iterator[Decision]:
        """Pass decisions on, and note what they say of templates."""
        for decision in found:
            self.note(decision)
            yield decision


def decisions(plan: Plan, corpus: Corpus, only: Ints | None = None) -> Iterator[Decision]:
    """Yield the decisions; reads the documents with cuts once more, since decisions quote what goes.

    Args:
        plan: What was decided.
        corpus: The documents.
        only: The numbers of the documents to tell of; None for all.
    """
    decoder = msgspec.json.Decoder(Decision)
    for told in _told(plan, corpus, only=only):
        yield from decoder.decode_lines(told.lines.data)


def lines(
    plan: Plan,
    corpus: Corpus,
    texts: TemplateTexts,
    kept: KeptQuotes | None = None,
    made: Forms | None = None,
) -> Iterator[bytes]:
    """Yield the decisions as lines of JSON, many at a time.

    Args:
        plan: What was decided.
        corpus: The documents.
        texts: Takes what the templates say.
        kept: What the decisions quote, if it was kept; else the documents with cuts are read once more.
        made: The forms of decisions on the templates of the plan, where several plans share them.
    """
    decoder = msgspec.json.Decoder(Decision)
    is_noted = np.zeros(len(plan.templates.keys) + 1, np.bool_)
    is_noted[-1] = True  # of the lines that take no template away
    for told in _told(plan, corpus, kept, made=made):
        templates, firsts = np.unique(told.templates, return_index=True)
        for line in np.sort(firsts[~is_noted[templates]]).tolist():
            texts.note(decoder.decode(told.lines.line(line)))
        is_noted[templates] = True
        yield told.lines.data


def template_id(templates: Templates, row: int) -> str:
    """Name a template by its key, which depends on its words and its source only."""
    return f"{int(templates.keys[row]):016x}"


class _Told(NamedTuple):
    """The decisions on some documents.

    Attributes:
        lines: The decisions.
        templates: int64[lines], the row of the template that each takes away; -1 for none.
    """

    lines: forms.Lines
    templates: Ints


def _told(
    plan: Plan,
    corpus: Corpus,
    kept: KeptQuotes | None = None,
    only: Ints | None = None,
    made: Forms | None = None,
) -> Iterator[_Told]:
    """Yield the decisions, those on some documents at a time."""
    teller = _Teller(plan, corpus.names, made or Forms(plan.templates))
    has_quotes = np.zeros(len(plan.documents), np.bool_)
    has_quotes[plan.suspicions.documents] = True
    has_quotes[plan.protected.documents] = True
    has_quotes &= ~teller.dropped
    has_quotes[plan.cuts.documents] = True
    told = teller.whole | has_quotes
    if only is not None:
        told &= np.isin(np.arange(len(told)), only)
    documents = np.flatnonzero(told)
    if kept is not None and kept.is_complete:
        portions = kept.portions()
    else:
        portions = _read_again(plan, corpus, np.flatnonzero(has_quotes & told))
    at = 0
    for quotes in itertools.chain(portions, [Quotes.none()]):
        last = int(quotes.spans["document"][-1]) if len(quotes.spans) else len(told)
        end = int(np.searchsorted(documents, last, side="right"))
        for start in range(at, end, PORTION):
            portion = documents[start : min(start + PORTION, end)]
            yield teller.tell(portion, quotes.among(int(portion[0]), int(portion[-1])))
        at = end


def _read_again(plan: Plan, corpus: Corpus, documents: Ints) -> Iterator[Quotes]:
    """Read some documents again and yield what is to be quoted of them."""
    if len(documents):
        for batch, numbers in numbered_batches(corpus, plan.documents, documents):
            quotes = quoted(batch.texts, *(_of(cuts, numbers) for cuts in (plan.cuts, plan.suspicions, plan.protected)))
            quotes.spans["document"] = numbers[quotes.spans["document"]]
            yield quotes


def _of(cuts: Cuts, numbers: Ints) -> Cuts:
    """Return the spans of some documents, numbered from 0."""
    rows, spans = cuts.among(numbers)
    return Cuts._make(column[spans] for column in cuts)._replace(documents=rows)


def _alike(spans: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Ints]:
    """Return spans of which no two have the same form, and for each span the number of the one that has its form."""
    # Those of a template differ in what they are, and in their evidence; repeats, which have none, in their similarity.
    _, similarity = np.unique(spans["similarity"], return_inverse=True)
    kind = np.where(spans["template"] < 0, -1 - similarity, spans["template"].astype(np.int64))
    _, evidence = np.unique((spans["context"].astype(np.int64) << 8) | spans["reason"], return_inverse=True)
    kind = (kind * (PROTECTED + 1) + spans["what"]) * (evidence.max(initial=0) + 1) + evidence
    _, firsts, numbers = np.unique(kind, return_index=True, return_inverse=True)
    return spans[firsts], numbers


class Forms:
    """The forms of the decisions on spans, made when they are first needed."""

    def __init__(self, templates: Templates) -> None:
        """Make none yet; `templates` are those that the spans of all plans name."""
        self._templates = templates
        self.of = functools.lru_cache(FORMS)(self._made)

    def _made(self, what: int, template: int, similarity: float, reason: int, context: int) -> forms.Form:
        """Return the form of the decisions on all spans of a kind: on a line of boilerplate, or on equal repeats."""
        return forms.form_of(self._decision(what, template, similarity, reason, context), forms.SPAN_HOLES)

    def _decision(self, what: int, template: int, similarity: float, reason: int, context: int) -> Decision:
        """Return such a decision, with holes."""
        told = functools.partial(
            Decision, **forms.PLACE, start=forms.HOLES["start"], end=forms.HOLES["end"], text=forms.HOLES["text"]
        )
        if what == PROTECTED:
            why = "would have gone, but a protected pattern is found in it; it stays"
            return told(action="flag", reason="repeat" if template < 0 else "boilerplate", why=why)
        if template < 0:
            return told(action="cut", reason="repeat", similarity=similarity, keeper=forms.KEPT)
        templates = self._templates
        is_known = templates.kinds[template] != ONCE
        is_line = templates.kinds[template] == LINE
        carried = functools.partial(
            told,
            reason="boilerplate",
            documents=int(templates.documents[template]) if is_known else None,
            articles=int(templates.articles[template]) if is_known else None,
            beside=context if is_line else None,
            template=template_id(templates, template) if is_known else None,
        )
        if what == CUT:
            return carried(action="cut", how=HOWS[reason])
        return carried(action="flag", how=HOWS[reason], why=self._why(template, reason, context))

    def _why(self, template: int, reason: int, context: int) -> str:
        """Say why a line that nearly went as boilerplate stays."""
        from dedup.kernels import boilerplate as kernels

        if reason == kernels.ONCE:
            return (
                "what is around it is boilerplate, but no other article of its source has this line; it stays without "
                "--boilerplate full"
            )
        if reason != kernels.FEW:
            return "it would be boilerplate"
        return (
            f"{self._templates.articles[template]} different articles of its source carry this line, {context} of them "
            "beside the same line as here; too little else recurs around it for it to be the site's, and it stays"
        )


class _Teller:
    """Says what is to be said about the documents of a plan.

    Attributes:
        dropped: bool[documents].
        whole: bool[documents], of which something is said as a whole.
    """

    def __init__(self, plan: Plan, names: list[str], made: Forms) -> None:
        self._plan = plan
        self._names = names
        self._outright = outright.Teller(plan, names)
        self._form = made.of
        self.dropped = plan.dropped
        self.whole = self._outright.kinds.any(axis=1)

    def tell(self, documents: Ints, quotes: Quotes) -> _Told:
        """Return the decisions on some ascending documents, and on what is quoted of them."""
        row = np.searchsorted(documents, quotes.spans["document"])
        gone = np.flatnonzero((quotes.spans["what"] == CUT) & self.dropped[documents][row])
        cuts = np.stack([quotes.spans[edge][gone] for edge in ("start", "end")], axis=1)
        places = self._plan.places(documents, self._names)
        of_whole, whole = self._outright.tell(documents, places, row[gone], cuts)
        stay = np.flatnonzero(~self.dropped[documents][row])
        spans, row = quotes.spans[stay], row[stay]
        examples, of_spans = _alike(spans)
        kinds = (examples[name].tolist() for name in ("what", "template", "similarity", "reason", "context"))
        # Of a document, what is said of it as a whole comes last.
        ranks = row * (PROTECTED + 2) + spans["what"], of_whole * (PROTECTED + 2) + PROTECTED + 1
        order = np.argsort(np.concatenate(ranks), kind="stable")
        nothing = np.full(len(of_whole), -1)

        def laid(of_spans: npt.NDArray[Any], of_whole: Ints = nothing) -> Ints:
            """Put the values of all lines in order; nothing goes into those on whole documents."""
            values: Ints = np.concatenate([of_spans, of_whole])[order]
            return values

        def placed(name: str) -> forms.Numbers:
            """Return places, which are -1 where there are none."""
            values = laid(spans[name])
            return forms.Numbers(values, values >= 0)

        rows = laid(row)
        lines = forms.filled(
            forms.SPAN_HOLES,
            list(map(self._form, *kinds)),
            laid(of_spans, len(examples) + np.arange(len(of_whole))),
            texts=outright.place_texts(places, rows) | {"text": forms.Texts(quotes.texts, laid(stay))},
            numbers={name: placed(name) for name in ("keeper_start", "keeper_end", "start", "end")}
            | {"record": forms.Numbers(places.records[rows], rows >= 0)},
            complete=whole,
        )
        return _Told(lines, laid(np.where(spans["what"] == CUT, spans["template"], -1)))
