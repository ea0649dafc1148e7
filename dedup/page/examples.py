"""What a page shows of the texts themselves: templates in context, articles with their repeats, pairs side by side.

Only what is shown is read: a few dozen documents, whatever the size of the corpus.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.audit import template_id
from dedup.boilerplate import LINE, SOURCE
from dedup.outright import BORDERLINE, borderline
from dedup.page.compare import MARKUP_BYTES, SIDE_BYTES, Piece, Row, beginning, compare, ending, shortened
from dedup.pipeline import numbered_batches, stored_texts
from dedup.plan import Corpus, Place, Plan
from dedup.policy import Cuts
from dedup.report import largest_clusters

Ints = npt.NDArray[np.int64]

MOST_BORDERLINE = 6
"""Pairs shown on either side of the threshold."""

MOST_ARTICLES = 10
"""Articles shown with their repeats."""

CONTEXT_CHARACTERS = 160
"""Text shown on either side of a template."""

MOST_FRAMES, MOST_LINES = 20, 60
"""Sources shown with what is taken for the site's, those that lose most of it, and lines shown of each."""


class Pair(NamedTuple):
    """A keeper and a document that went, or nearly went, in its favour.

    Attributes:
        keeper: The one on the left.
        other: The one on the right.
        similarity: Exact, 0-1.
        is_dropped: Whether the other one went.
        size: Documents in the cluster, the keeper included.
        rows: What is stored of both, side by side.
    """

    keeper: Place
    other: Place
    similarity: float
    is_dropped: bool
    size: int
    rows: list[Row]


class Sample(NamedTuple):
    """A stretch of a document."""

    document: Place
    pieces: list[Piece]


class FrameLine(NamedTuple):
    """A line of a site's frame.

    Attributes:
        text: What it says.
        articles: Different articles that carry it, numbers and dates aside.
        beside: How many of them have it beside the same line.
    """

    text: str
    articles: int
    beside: int


class Frame(NamedTuple):
    """What is taken for a site's: the lines of it that one document has, in their order.

    Attributes:
        source: The source.
        articles: Its different articles.
        document: The document that has most of its lines.
        lines: The lines.
    """

    source: str
    articles: int
    document: Place
    lines: list[FrameLine]


@dataclass(frozen=True, slots=True)
class Examples:
    """All that is shown.

    Attributes:
        borderline: Pairs nearest to the threshold first, on both sides of it.
        clusters: The largest first, each with the member that is least like its keeper.
        templates: The first article that carries each template, by the template's id.
        repeats: The articles that lose most characters as repeats first.
        frames: What is taken for each site's, the sites that lose most of it first.
    """

    borderline: list[Pair]
    clusters: list[Pair]
    templates: dict[str, Sample]
    repeats: list[Sample]
    frames: list[Frame]


class _Texts(NamedTuple):
    """Documents that were read again, by number: as they were, and as they are stored."""

    read: dict[int, bytes]
    stored: dict[int, str]


def collect(plan: Plan, corpus: Corpus, templates: list[str]) -> Examples:
    """Choose the examples and read their documents; `templates` are the ids of those that are shown."""
    near = _nearest_to_threshold(plan)
    keepers, counts = largest_clusters(plan)
    # An article that an index holds cannot be read here.
    here = keepers < len(plan.documents)
    furthest = [_least_like(plan, keeper) for keeper in keepers[here].tolist()]
    carriers = _carriers(plan, templates)
    repeating, framed = _most_repeating(plan), _most_framed(plan)
    pairs = [*near, *furthest]
    numbers = {*pairs, *plan.clusters.nearest[pairs].tolist(), *carriers.values(), *repeating, *framed}
    texts = _read(plan, corpus, sorted(numbers))

    def pair(document: int, size: int = 0) -> Pair:
        keeper = int(plan.clusters.nearest[document])
        return Pair(
            keeper=plan.place(keeper, corpus.names),
            other=plan.place(document, corpus.names),
            similarity=float(plan.clusters.similarities[document]),
            is_dropped=bool(plan.dropped[document]),
            size=size,
            rows=compare(texts.stored[keeper], texts.stored[document]),
        )

    def sample(document: int, pieces: list[Piece]) -> Sample:
        return Sample(plan.place(document, corpus.names), pieces)

    return Examples(
        borderline=[pair(document) for document in near],
        clusters=[pair(document, size) for document, size in zip(furthest, counts[here].tolist(), strict=True)],
        templates={
            template: sample(document, _in_context(plan, texts.read[document], document, template))
            for template, document in carriers.items()
        },
        repeats=[sample(document, _marked(plan.cuts.of(document), texts.read[document])) for document in repeating],
        frames=[_frame(plan, texts.read[document], document, corpus.names) for document in framed],
    )


def _nearest_to_threshold(plan: Plan) -> list[int]:
    """Return documents that just went, and some that just stayed, those nearest to the threshold first."""
    distances = plan.clusters.similarities - plan.config.threshold
    here = plan.clusters.nearest < len(plan.documents)
    went = plan.dropped & ~plan.clusters.exact & (distances >= 0) & (distances <= BORDERLINE)
    chosen: list[int] = []
    for group in (went, borderline(plan)):
        rows = np.flatnonzero(group & here)
        chosen += rows[np.argsort(np.abs(distances[rows]), kind="stable")][:MOST_BORDERLINE].tolist()
    return sorted(chosen, key=lambda row: (abs(distances[row]), row))


def _least_like(plan: Plan, keeper: int) -> int:
    members = np.flatnonzero((plan.clusters.keepers == keeper) & plan.dropped)
    return int(members[np.argmin(plan.clusters.similarities[members])])


def _carriers(plan: Plan, templates: list[str]) -> dict[str, int]:
    """Return the first document that loses each template."""
    cuts = plan.cuts
    stays = np.flatnonzero((cuts.templates >= 0) & ~plan.dropped[cuts.documents])
    rows, first = np.unique(cuts.templates[stays], return_index=True)
    found: dict[str, int] = {}
    for row, at in zip(rows.tolist(), first.tolist(), strict=True):
        found.setdefault(template_id(plan.templates, row), int(cuts.documents[stays[at]]))
    return {template: found[template] for template in templates}


def _most_repeating(plan: Plan) -> list[int]:
    cuts = plan.cuts
    repeats = np.flatnonzero((cuts.templates < 0) & ~plan.dropped[cuts.documents])
    lengths = np.bincount(cuts.documents[repeats], cuts.characters[repeats], minlength=len(plan.documents))
    rows = np.flatnonzero(lengths)
    most: list[int] = rows[np.argsort(-lengths[rows], kind="stable")][:MOST_ARTICLES].tolist()
    return most


def _most_framed(plan: Plan) -> list[int]:
    """Return of each source the document that loses most lines which recur; sources that lose most of them first."""
    cuts, documents = plan.cuts, plan.documents
    recurs = np.flatnonzero(cuts.templates >= 0)
    recurs = recurs[plan.templates.kinds[cuts.templates[recurs]] == LINE]
    lines = np.bincount(cuts.documents[recurs], minlength=len(documents))
    lost = np.bincount(documents.sources[cuts.documents[recurs]], cuts.characters[recurs])
    most = np.argsort(-lost, kind="stable")[:MOST_FRAMES]
    order = np.lexsort((np.arange(len(documents)), -lines))
    _, first = np.unique(documents.sources[order], return_index=True)
    of_source = dict(zip(documents.sources[order[first]].tolist(), order[first].tolist(), strict=True))
    return [of_source[source] for source in most.tolist() if lost[source] > 0]


def _frame(plan: Plan, text: bytes, document: int, names: list[str]) -> Frame:
    cuts, templates, source = plan.cuts.of(document), plan.templates, int(plan.documents.sources[document])
    articles = templates.articles[(templates.kinds == SOURCE) & (templates.sources == source)]
    lines = [
        FrameLine(text[start:end].decode().strip(), int(templates.articles[row]), beside)
        for start, end, row, beside in zip(
            *(column.tolist() for column in (cuts.starts, cuts.ends, cuts.templates, cuts.contexts)), strict=True
        )
        if row >= 0 and templates.kinds[row] == LINE
    ]
    return Frame(
        plan.documents.source_names[source], int(articles.sum()), plan.place(document, names), lines[:MOST_LINES]
    )


def _read(plan: Plan, corpus: Corpus, numbers: list[int]) -> _Texts:
    texts = _Texts({}, {})
    for batch, rows in numbered_batches(corpus, plan.documents, np.array(numbers, np.int64)) if numbers else ():
        stored = stored_texts(batch.texts, rows, plan.cuts)
        for at, number in enumerate(rows.tolist()):
            texts.read[number], texts.stored[number] = batch.texts.row(at), stored[at]
    return texts


def _in_context(plan: Plan, text: bytes, document: int, template: str) -> list[Piece]:
    cuts = plan.cuts.of(document)
    rows = (row for row, found in enumerate(cuts.templates.tolist()) if found >= 0)
    row = next(row for row in rows if template_id(plan.templates, int(cuts.templates[row])) == template)
    start, end = int(cuts.starts[row]), int(cuts.ends[row])
    before, line, after = (part.decode() for part in (text[:start], text[start:end], text[end:]))
    return [
        Piece("same", ending(before, CONTEXT_CHARACTERS)),
        Piece("boilerplate", shortened(line)),
        Piece("same", beginning(after, CONTEXT_CHARACTERS)),
    ]


def _marked(cuts: Cuts, text: bytes) -> list[Piece]:
    """Return an article with what goes and the first copies of it, as much as there is room for."""
    edges = {0, len(text)}
    spans: list[tuple[int, int, str]] = []
    # Each span makes a piece at least, so there is no room for more.
    columns = (column[: SIDE_BYTES // MARKUP_BYTES].tolist() for column in cuts[1:6])
    for start, end, first, last, template in zip(*columns, strict=True):
        if template < 0:
            spans.append((first, last, "first"))
        spans.append((start, end, "repeat" if template < 0 else "boilerplate"))
    for start, end, _ in spans:
        edges |= {start, end}
    bounds = sorted(edges)
    # What goes is painted over what stays: a copy may be cut out of the middle of a first one.
    marks = dict.fromkeys(bounds, "same")
    for wanted in ("first", "boilerplate", "repeat"):
        for start, end, mark in spans:
            if mark == wanted:
                marks |= {bound: mark for bound in bounds if start <= bound < end}
    pieces, room = [], SIDE_BYTES
    for start, end in itertools.pairwise(bounds):
        piece = Piece(marks[start], shortened(text[start:end].decode()))
        room -= piece.size_bytes
        if room < 0:
            break
        pieces.append(piece)
    return pieces
