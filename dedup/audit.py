"""Every decision of a plan with its evidence, in input order: what decisions.jsonl holds."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup.boilerplate import Templates
from dedup.decisions import Decision, KeptSpan
from dedup.edit import to_characters
from dedup.pipeline import Corpus, Plan, numbered_batches
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
    quoted &= ~dropped
    texts = _texts(plan, corpus, np.flatnonzero(quoted))
    told = dropped | quoted | near | plan.documents.whole | plan.documents.structured
    for document in np.flatnonzero(told).tolist():
        found = _Document(plan, corpus.names, document)
        if dropped[document]:
            yield found.drop()
            continue
        if quoted[document]:
            text = next(texts)
            yield from found.cuts(text)
            yield from found.suspicions(text)
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


def _texts(plan: Plan, corpus: Corpus, rows: Ints) -> Iterator[bytes]:
    if len(rows):
        for batch, _ in numbered_batches(corpus, plan.documents, rows):
            yield from (batch.texts.row(row) for row in range(len(batch)))


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
            **self._keeper(keeper),
        )

    def cuts(self, text: bytes) -> Iterator[Decision]:
        """Yield what goes from it."""
        cuts = self._plan.cuts.of(self._document)
        positions = np.stack([cuts.starts, cuts.ends, cuts.keeper_starts, cuts.keeper_ends])
        characters = np.where(positions >= 0, to_characters(text, np.maximum(positions, 0)), -1)
        for span, template in enumerate(cuts.templates.tolist()):
            start, end, keeper_start, keeper_end = characters[:, span].tolist()
            went = text[positions[0, span] : positions[1, span]].decode()
            cut = functools.partial(self._decide, action="cut", start=start, end=end, text=went)
            if template < 0:
                kept = text[positions[2, span] : positions[3, span]].decode()
                yield cut(reason="repeat", similarity=similarity(kept, went), keeper=KeptSpan(keeper_start, keeper_end))
            else:
                yield cut(reason="boilerplate", **self._template(template))

    def suspicions(self, text: bytes) -> Iterator[Decision]:
        """Yield the lines that nearly went as boilerplate."""
        spans = self._plan.suspicions.of(self._document)
        for start, end, template in zip(
            spans.starts.tolist(), spans.ends.tolist(), spans.templates.tolist(), strict=True
        ):
            first, last = to_characters(text, np.array([start, end])).tolist()
            why = "it may be a quotation" if self._plan.templates.often[template] else "that is too few to be sure"
            found = self._template(template)
            yield self._decide(
                action="flag",
                reason="boilerplate",
                start=first,
                end=last,
                text=text[start:end].decode(),
                why=f"{found['articles']} different articles of its source carry this line; it stays, since {why}",
                **found,
            )

    def flags(self, *, is_borderline: bool) -> Iterator[Decision]:
        """Yield what was suspicious about the document as a whole."""
        if self._plan.documents.whole[self._document]:
            why = "every line of it is boilerplate of its source; it stays whole rather than empty"
            yield self._decide(action="flag", reason="boilerplate", why=why)
        if self._plan.documents.structured[self._document]:
            why = "so much stands more than once that it looks like a list, a refrain or a table; it stays"
            yield self._decide(action="flag", reason="repeat", why=why)
        if is_borderline:
            yield self._decide(
                action="flag",
                reason="near-duplicate",
                similarity=float(self._plan.clusters.similarities[self._document]),
                why=f"nearly as similar as the threshold of {self._plan.config.threshold:g} asks; it stays",
                **self._keeper(int(self._plan.clusters.nearest[self._document])),
            )

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
