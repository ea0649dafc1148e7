"""Every decision of a plan with its evidence, in input order: what decisions.jsonl holds."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.boilerplate import Templates
from dedup.columns import Column
from dedup.decisions import Decision, KeptSpan
from dedup.edit import to_characters
from dedup.pipeline import numbered_batches
from dedup.plan import Corpus, Plan
from dedup.policy import Cuts
from dedup.repeats import similarity

Ints = npt.NDArray[np.int64]

BORDERLINE = 0.05
"""A document that stays, but is this little below the threshold, is flagged."""


def decisions(plan: Plan, corpus: Corpus) -> Iterator[Decision]:
    """Yield all decisions; reads the documents with cuts once more, since decisions quote what goes."""
    dropped = plan.dropped
    near = borderline(plan)
    quoted = np.zeros(len(dropped), np.bool_)
    quoted[plan.cuts.documents] = True
    quoted[plan.suspicions.documents] = True
    quoted[plan.protected.documents] = True
    quoted &= ~dropped
    quotes = _quotes(plan, corpus, np.flatnonzero(quoted))
    held = (plan.contained.holders >= 0) & ~dropped
    told = dropped | quoted | near | held | plan.documents.whole | plan.documents.structured
    for document in np.flatnonzero(told).tolist():
        found = _Document(plan, corpus.names, document)
        if dropped[document]:
            yield found.drop()
            continue
        if quoted[document]:
            cuts, suspicions, protected = next(quotes)
            yield from map(found.cut, cuts)
            yield from map(found.suspicion, suspicions)
            yield from map(found.protected, protected)
        yield from found.flags(is_borderline=bool(near[document]))


def noting_templates(found: Iterable[Decision], texts: dict[str, str]) -> Iterator[Decision]:
    """Pass decisions on, and note in `texts` what each template that went says, by its id."""
    for decision in found:
        if decision.action == "cut" and decision.template is not None and decision.text is not None:
            texts.setdefault(decision.template, decision.text.strip())
        yield decision


def borderline(plan: Plan) -> npt.NDArray[np.bool_]:
    """Return which documents stay though they nearly went: bool[documents]."""
    similarities = plan.clusters.similarities
    return ~plan.dropped & (plan.clusters.nearest >= 0) & (similarities >= plan.config.threshold - BORDERLINE)


def template_id(templates: Templates, row: int) -> str:
    """Name a template by its key, which depends on its words and its source only."""
    return f"{int(templates.keys[row]):016x}"


class _Quote(NamedTuple):
    """A span with what it says; positions in code points."""

    start: int
    end: int
    text: str
    keeper_start: int
    keeper_end: int
    keeper_text: str
    template: int


def _quotes(plan: Plan, corpus: Corpus, documents: Ints) -> Iterator[list[list[_Quote]]]:
    """Read some documents again and yield, for each of them, its cuts, its suspicions and what is protected."""
    if len(documents):
        for batch, numbers in numbered_batches(corpus, plan.documents, documents):
            spans = [_quoted(batch.texts, numbers, cuts) for cuts in (plan.cuts, plan.suspicions, plan.protected)]
            for number in range(len(numbers)):
                yield [quotes.get(number, []) for quotes in spans]


def _quoted(texts: Column, numbers: Ints, cuts: Cuts) -> dict[int, list[_Quote]]:
    """Return the spans of each text, by its row."""
    rows, spans = cuts.among(numbers)
    columns = [cuts.starts[spans], cuts.ends[spans], cuts.keeper_starts[spans], cuts.keeper_ends[spans]]
    characters = [to_characters(texts, rows, column).tolist() for column in columns]
    places = [column.tolist() for column in (rows, *columns, cuts.templates[spans])]
    whole = texts.rows()
    found: dict[int, list[_Quote]] = {}
    for row, start, end, keeper_start, keeper_end, template, *at in zip(*places, *characters, strict=True):
        text = whole[row]
        kept = text[keeper_start:keeper_end].decode() if keeper_start >= 0 else ""
        quote = _Quote(at[0], at[1], text[start:end].decode(), at[2], at[3], kept, template)
        found.setdefault(row, []).append(quote)
    return found


class _Document:
    """What is to be said about one document."""

    def __init__(self, plan: Plan, names: list[str], document: int) -> None:
        self._plan = plan
        self._names = names
        self._document = document
        documents = plan.documents
        self._decide = functools.partial(
            Decision,
            document=documents.ids[document],
            source=documents.source_names[documents.sources[document]],
            file=names[documents.files[document]],
            record=int(documents.records[document]),
        )

    def drop(self) -> Decision:
        """Return the decision that drops it."""
        clusters = self._plan.clusters
        keeper = int(clusters.keepers[self._document])
        keys = self._plan.documents.keys
        equal = bool(clusters.exact[self._document]) and keys[keeper] == keys[self._document]
        return self._decide(
            action="drop",
            reason="exact-duplicate" if equal else "near-duplicate",
            similarity=float(clusters.similarities[self._document]),
            containment=self._containment(),
            **self._keeper(keeper),
        )

    def cut(self, quote: _Quote) -> Decision:
        """Return the decision that takes a span away."""
        decide = functools.partial(self._decide, action="cut", start=quote.start, end=quote.end, text=quote.text)
        if quote.template >= 0:
            return decide(reason="boilerplate", **self._template(quote.template))
        return decide(
            reason="repeat",
            similarity=similarity(quote.keeper_text, quote.text),
            keeper=KeptSpan(quote.keeper_start, quote.keeper_end),
        )

    def suspicion(self, quote: _Quote) -> Decision:
        """Return the flag of a line that nearly went as boilerplate."""
        why = "it may be a quotation" if self._plan.templates.often[quote.template] else "that is too few to be sure"
        found = self._template(quote.template)
        return self._decide(
            action="flag",
            reason="boilerplate",
            start=quote.start,
            end=quote.end,
            text=quote.text,
            why=f"{found['articles']} different articles of its source carry this line; it stays, since {why}",
            **found,
        )

    def protected(self, quote: _Quote) -> Decision:
        """Return the flag of a span that stays because the user says so."""
        return self._decide(
            action="flag",
            reason="repeat" if quote.template < 0 else "boilerplate",
            start=quote.start,
            end=quote.end,
            text=quote.text,
            why="would have gone, but a protected pattern is found in it; it stays",
        )

    def flags(self, *, is_borderline: bool) -> Iterator[Decision]:
        """Yield what was suspicious about the document as a whole."""
        if self._plan.documents.whole[self._document]:
            why = "every line of it is boilerplate of its source; it stays whole rather than empty"
            yield self._decide(action="flag", reason="boilerplate", why=why)
        if self._plan.documents.structured[self._document]:
            why = "so much stands more than once that it looks like a list, a refrain or a table; it stays"
            yield self._decide(action="flag", reason="repeat", why=why)
        holder = int(self._plan.contained.holders[self._document])
        if holder >= 0:
            yield self._decide(
                action="flag",
                reason="near-duplicate",
                containment=self._containment(),
                why="a longer document of its source holds nearly all of it; it stays",
                **self._keeper(holder),
            )
        if is_borderline:
            yield self._decide(
                action="flag",
                reason="near-duplicate",
                similarity=float(self._plan.clusters.similarities[self._document]),
                why=f"nearly as similar as the threshold of {self._plan.config.threshold:g} asks; it stays",
                **self._keeper(int(self._plan.clusters.nearest[self._document])),
            )

    def _containment(self) -> float | None:
        contained = self._plan.contained
        return float(contained.shares[self._document]) if contained.holders[self._document] >= 0 else None

    def _keeper(self, keeper: int) -> dict[str, Any]:
        documents = self._plan.documents
        return {
            "keeper": documents.ids[keeper],
            "keeper_file": self._names[documents.files[keeper]],
            "keeper_record": int(documents.records[keeper]),
        }

    def _template(self, template: int) -> dict[str, Any]:
        templates = self._plan.templates
        return {
            "documents": int(templates.documents[template]),
            "articles": int(templates.articles[template]),
            "template": template_id(templates, template),
        }
