"""Every decision of a plan with its evidence, in input order: what decisions.jsonl holds.

There may be more decisions than documents, so this is bulk work: columns become Python values for a whole batch at
once, and what all decisions on a template have in common is made once.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dedup.boilerplate import Templates
from dedup.cluster import REACH
from dedup.columns import Column, decoded
from dedup.decisions import Decision, KeptSpan
from dedup.edit import to_characters
from dedup.model import Span
from dedup.pipeline import numbered_batches
from dedup.plan import Corpus, Place, Plan
from dedup.policy import Cuts
from dedup.repeats import similarity

Ints = npt.NDArray[np.int64]

BORDERLINE = 0.05
"""A document that stays, but is this little below the threshold, is flagged."""


def decisions(plan: Plan, corpus: Corpus, only: Ints | None = None) -> Iterator[Decision]:
    """Yield the decisions; reads the documents with cuts once more, since decisions quote what goes.

    Args:
        plan: What was decided.
        corpus: The documents.
        only: The numbers of the documents to tell of; None for all.
    """
    dropped, copies = plan.dropped, plan.is_copy
    near = borderline(plan)
    quoted = np.zeros(len(dropped), np.bool_)
    quoted[plan.suspicions.documents] = True
    quoted[plan.protected.documents] = True
    quoted &= ~dropped
    quoted[plan.cuts.documents] = True
    held = (plan.contained.holders >= 0) & ~dropped
    flagged = near | held | plan.clusters.crowded | plan.documents.whole | plan.documents.structured
    told = dropped | quoted | flagged
    if only is not None:
        told &= np.isin(np.arange(len(dropped)), only)
        quoted &= told
    teller = _Teller(plan, corpus.names)
    quotes = _quotes(plan, corpus, np.flatnonzero(quoted))
    documents = np.flatnonzero(told)
    for document, place in zip(documents.tolist(), plan.places(documents, corpus.names), strict=True):
        cuts, suspicions, protected = next(quotes) if quoted[document] else ([], [], [])
        if dropped[document]:
            yield teller.drop(document, place, cuts, is_copy=bool(copies[document]))
            continue
        for quote in cuts:
            yield teller.cut(place, quote)
        for quote in suspicions:
            yield teller.suspicion(place, quote)
        for quote in protected:
            yield teller.protected(place, quote)
        if flagged[document]:
            yield from teller.flags(document, place, is_borderline=bool(near[document]))


def noting_templates(found: Iterable[Decision], texts: dict[str, str]) -> Iterator[Decision]:
    """Pass decisions on, and note in `texts` what each template that went says, by its id: its main wording if seen."""
    seen = set[str]()
    for decision in found:
        if decision.action == "cut" and decision.template is not None and decision.text is not None:
            is_main = decision.similarity is None
            if decision.template not in texts or (is_main and decision.template not in seen):
                texts[decision.template] = decision.text.strip()
            if is_main:
                seen.add(decision.template)
        yield decision


def borderline(plan: Plan) -> npt.NDArray[np.bool_]:
    """Return which documents stay though they nearly went: bool[documents]."""
    similarities = plan.clusters.similarities
    return ~plan.dropped & (plan.clusters.nearest >= 0) & (similarities >= plan.config.threshold - BORDERLINE)


def template_id(templates: Templates, row: int) -> str:
    """Name a template by the key of its main wording, which depends on its words and its source only."""
    return f"{int(templates.mains[row]):016x}"


class _Quote(msgspec.Struct, gc=False):
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
            spans = (_quoted(batch.texts, numbers, cuts) for cuts in (plan.cuts, plan.suspicions, plan.protected))
            yield from map(list, zip(*spans, strict=True))


def _quoted(texts: Column, numbers: Ints, cuts: Cuts) -> list[list[_Quote]]:
    """Return the spans of each text."""
    rows, spans = cuts.among(numbers)
    bases = texts.offsets[rows]
    start, end, keeper_start, keeper_end = edges = [
        column[spans] for column in (cuts.starts, cuts.ends, cuts.keeper_starts, cuts.keeper_ends)
    ]
    at, until, keeper_at, keeper_until = (to_characters(texts, rows, column).tolist() for column in edges)
    text = decoded(texts.data, bases + start, bases + end)
    # Boilerplate has no keeper: both ends are -1, and nothing is between them.
    keeper_text = decoded(texts.data, bases + keeper_start, bases + keeper_end)
    columns = at, until, text, keeper_at, keeper_until, keeper_text, cuts.templates[spans].tolist()
    quotes = list(map(_Quote, *columns))
    bounds = np.searchsorted(rows, np.arange(len(numbers) + 1)).tolist()
    return [quotes[first:last] for first, last in itertools.pairwise(bounds)]


class _Carried(NamedTuple):
    """What all decisions on a template say of it."""

    documents: int
    articles: int
    template: str
    similarity: float | None
    why: str


class _Teller:
    """Says what is to be said about the documents of a plan."""

    def __init__(self, plan: Plan, names: list[str]) -> None:
        self._plan = plan
        self._names = names
        self._known: dict[int, _Carried] = {}

    def drop(self, document: int, place: Place, cuts: list[_Quote], *, is_copy: bool) -> Decision:
        """Return the decision that drops a document; `cuts` would have gone from it."""
        clusters = self._plan.clusters
        return Decision(
            document=place.id,
            source=place.source,
            file=place.file,
            record=place.record,
            action="drop",
            reason="exact-duplicate" if is_copy else "near-duplicate",
            similarity=float(clusters.similarities[document]),
            containment=self._containment(document),
            cuts=[Span(quote.start, quote.end) for quote in cuts] or None,
            **self._keeper(int(clusters.keepers[document])),
        )

    def cut(self, place: Place, quote: _Quote) -> Decision:
        """Return the decision that takes a span away."""
        if quote.template < 0:
            return Decision(
                document=place.id,
                source=place.source,
                file=place.file,
                record=place.record,
                action="cut",
                reason="repeat",
                similarity=similarity(quote.keeper_text, quote.text),
                keeper=KeptSpan(quote.keeper_start, quote.keeper_end),
                start=quote.start,
                end=quote.end,
                text=quote.text,
            )
        carried = self._carried(quote.template)
        return Decision(
            document=place.id,
            source=place.source,
            file=place.file,
            record=place.record,
            action="cut",
            reason="boilerplate",
            similarity=carried.similarity,
            start=quote.start,
            end=quote.end,
            text=quote.text,
            documents=carried.documents,
            articles=carried.articles,
            template=carried.template,
        )

    def suspicion(self, place: Place, quote: _Quote) -> Decision:
        """Return the flag of a line that nearly went as boilerplate."""
        carried = self._carried(quote.template)
        return Decision(
            document=place.id,
            source=place.source,
            file=place.file,
            record=place.record,
            action="flag",
            reason="boilerplate",
            similarity=carried.similarity,
            start=quote.start,
            end=quote.end,
            text=quote.text,
            documents=carried.documents,
            articles=carried.articles,
            template=carried.template,
            why=carried.why,
        )

    def protected(self, place: Place, quote: _Quote) -> Decision:
        """Return the flag of a span that stays because the user says so."""
        return Decision(
            document=place.id,
            source=place.source,
            file=place.file,
            record=place.record,
            action="flag",
            reason="repeat" if quote.template < 0 else "boilerplate",
            start=quote.start,
            end=quote.end,
            text=quote.text,
            why="would have gone, but a protected pattern is found in it; it stays",
        )

    def flags(self, document: int, place: Place, *, is_borderline: bool) -> Iterator[Decision]:
        """Yield what was suspicious about a document as a whole."""
        flag = functools.partial(
            Decision, document=place.id, source=place.source, file=place.file, record=place.record, action="flag"
        )
        if self._plan.documents.whole[document]:
            why = "every line of it is boilerplate of its source; it stays whole rather than empty"
            yield flag(reason="boilerplate", why=why)
        if self._plan.documents.structured[document]:
            why = "what stands more than once in it looks like a list, a refrain, a table or code; it stays"
            yield flag(reason="repeat", why=why)
        holder = int(self._plan.contained.holders[document])
        if holder >= 0:
            yield flag(
                reason="near-duplicate",
                containment=self._containment(document),
                why="a longer document of its source holds nearly all of it; it stays",
                **self._keeper(holder),
            )
        if self._plan.clusters.crowded[document]:
            why = f"meets more than {REACH:,} articles in a band, and only the last of them were compared; it stays"
            yield flag(reason="near-duplicate", why=why)
        if is_borderline:
            yield flag(
                reason="near-duplicate",
                similarity=float(self._plan.clusters.similarities[document]),
                why=f"nearly as similar as the threshold of {self._plan.config.threshold:g} asks; it stays",
                **self._keeper(int(self._plan.clusters.nearest[document])),
            )

    def _containment(self, document: int) -> float | None:
        contained = self._plan.contained
        return float(contained.shares[document]) if contained.holders[document] >= 0 else None

    def _keeper(self, keeper: int) -> dict[str, Any]:
        place = self._plan.place(keeper, self._names)
        return {"keeper": place.id, "keeper_file": place.file, "keeper_record": place.record}

    def _carried(self, template: int) -> _Carried:
        """Return what is said of a template, made once."""
        if template not in self._known:
            templates = self._plan.templates
            carried, why = "this line", "that is too few to be sure"
            if templates.rare[template]:
                carried, why = "this line in one wording or another", "few have this very wording"
            elif templates.often[template]:
                why = "it may be a quotation, a table or code"
            articles = int(templates.articles[template])
            is_main = templates.mains[template] == templates.keys[template]
            self._known[template] = _Carried(
                documents=int(templates.documents[template]),
                articles=articles,
                template=template_id(templates, template),
                similarity=None if is_main else float(templates.similarities[template]),
                why=f"{articles} different articles of its source carry {carried}; it stays, since {why}",
            )
        return self._known[template]
