"""Every decision of a plan with its evidence, in input order: what decisions.jsonl holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from dedup.boilerplate import Templates
from dedup.decisions import Decision, KeptSpan
from dedup.edit import to_characters
from dedup.pipeline import Corpus, Documents, Plan, numbered_batches

Ints = npt.NDArray[np.int64]

BORDERLINE = 0.05
"""A document that stays, but is this little below the threshold, is flagged."""


def decisions(plan: Plan, corpus: Corpus) -> Iterator[Decision]:
    """Yield all decisions; reads the documents with cuts once more, since decisions quote what goes."""
    dropped = plan.dropped
    has_cuts = np.zeros(len(dropped), np.bool_)
    has_cuts[plan.cuts.documents] = True
    has_cuts &= ~dropped
    near = borderline(plan)
    flagged = near | plan.documents.whole | plan.documents.structured
    is_quoted = has_cuts.copy()
    is_quoted[plan.suspicions.documents] = True
    is_quoted &= ~dropped
    texts = _texts(plan, corpus, np.flatnonzero(is_quoted))
    for document in np.flatnonzero(dropped | is_quoted | flagged).tolist():
        if dropped[document]:
            yield _drop(plan, corpus.names, document)
            continue
        if is_quoted[document]:
            text = next(texts)
            yield from _cuts(plan, corpus.names, document, text)
            yield from _suspicions(plan, corpus.names, document, text)
        if flagged[document]:
            yield from _flags(plan, corpus.names, document, is_borderline=bool(near[document]))


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


def _place(documents: Documents, names: list[str], document: int) -> tuple[str, str, str, int]:
    """Return id, source, file and record of a document."""
    return (
        documents.ids[document],
        documents.source_names[documents.sources[document]],
        names[documents.files[document]],
        int(documents.records[document]),
    )


def _drop(plan: Plan, names: list[str], document: int) -> Decision:
    clusters = plan.clusters
    keeper = int(clusters.keepers[document])
    similarity = float(clusters.similarities[document])
    equal = bool(clusters.exact[document]) and plan.documents.keys[keeper] == plan.documents.keys[document]
    name, source, file, record = _place(plan.documents, names, document)
    keeper_name, _, keeper_file, keeper_record = _place(plan.documents, names, keeper)
    return Decision(
        document=name,
        source=source,
        file=file,
        record=record,
        action="drop",
        reason="exact-duplicate" if equal else "near-duplicate",
        similarity=similarity,
        keeper=keeper_name,
        keeper_file=keeper_file,
        keeper_record=keeper_record,
    )


def _cuts(plan: Plan, names: list[str], document: int, text: bytes) -> Iterator[Decision]:
    cuts = plan.cuts
    name, source, file, record = _place(plan.documents, names, document)
    first, last = np.searchsorted(cuts.documents, [document, document + 1]).tolist()
    positions = np.stack([column[first:last] for column in (cuts.starts, cuts.ends, cuts.keeper_starts, cuts.keeper_ends)])
    characters = np.where(positions >= 0, to_characters(text, np.maximum(positions, 0)), -1)
    for span in range(last - first):
        start, end, keeper_start, keeper_end = characters[:, span].tolist()
        went = text[positions[0, span] : positions[1, span]].decode()
        template = int(cuts.templates[first + span])
        if template < 0:
            yield Decision(
                document=name, source=source, file=file, record=record, action="cut", reason="repeat",
                similarity=1.0, keeper=KeptSpan(keeper_start, keeper_end), start=start, end=end, text=went,
            )  # fmt: skip
        else:
            yield Decision(
                document=name, source=source, file=file, record=record, action="cut", reason="boilerplate",
                start=start, end=end, text=went, documents=int(plan.templates.documents[template]),
                template=template_id(plan.templates, template),
            )  # fmt: skip


def _suspicions(plan: Plan, names: list[str], document: int, text: bytes) -> Iterator[Decision]:
    name, source, file, record = _place(plan.documents, names, document)
    spans = plan.suspicions
    for span in range(*np.searchsorted(spans.documents, [document, document + 1]).tolist()):
        start, end = to_characters(text, np.array([spans.starts[span], spans.ends[span]])).tolist()
        template = int(spans.templates[span])
        articles = int(plan.templates.articles[template])
        yield Decision(
            document=name, source=source, file=file, record=record, action="flag", reason="boilerplate",
            start=start, end=end, text=text[spans.starts[span] : spans.ends[span]].decode(),
            documents=int(plan.templates.documents[template]), template=template_id(plan.templates, template),
            why=f"{articles} different articles of its source carry this line; it stays, since it may be a quotation"
            if plan.templates.often[template]
            else f"{articles} different articles of its source carry this line, too few to be sure; it stays",
        )  # fmt: skip


def _flags(plan: Plan, names: list[str], document: int, *, is_borderline: bool) -> Iterator[Decision]:
    name, source, file, record = _place(plan.documents, names, document)
    if plan.documents.whole[document]:
        yield Decision(
            document=name, source=source, file=file, record=record, action="flag", reason="boilerplate",
            why="every line of it is boilerplate of its source; it stays whole rather than empty",
        )  # fmt: skip
    if plan.documents.structured[document]:
        yield Decision(
            document=name, source=source, file=file, record=record, action="flag", reason="repeat",
            why="says so much more than once that the repeats look like its structure (a list, a refrain, a table); they stay",
        )  # fmt: skip
    if is_borderline:
        nearest = int(plan.clusters.nearest[document])
        keeper_name, _, keeper_file, keeper_record = _place(plan.documents, names, nearest)
        yield Decision(
            document=name, source=source, file=file, record=record, action="flag", reason="near-duplicate",
            similarity=float(plan.clusters.similarities[document]), keeper=keeper_name, keeper_file=keeper_file,
            keeper_record=keeper_record, why=f"nearly as similar as the threshold of {plan.config.threshold:g} asks; it stays",
        )  # fmt: skip
