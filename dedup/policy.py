"""From what was found to what is done: pure functions, no text in or out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.boilerplate import Marks
from dedup.columns import Column, Whole
from dedup.edit import count_span_characters
from dedup.repeats import Repeats, unit_spans
from dedup.segment import Segments

Ints = npt.NDArray[np.int64]


class Cuts(NamedTuple):
    """Spans that go, ascending by document and start, disjoint; positions in bytes from the start of the text.

    Columns are int64, but int32 in the plan of a scan: a corpus has more cuts than documents, and all are held till the
    end.

    Attributes:
        documents: int[spans].
        starts: int[spans].
        ends: int[spans], exclusive.
        keeper_starts: int[spans], the first copy of a repeat; -1 for boilerplate.
        keeper_ends: int[spans].
        templates: int[spans], row in `Templates` of boilerplate; -1 for a repeat.
        characters: int[spans], code points of what goes.
        reasons: int[spans], why boilerplate goes, or would have gone: `dedup.kernels.boilerplate`; 0 for a repeat.
        contexts: int[spans], different articles in which boilerplate stands beside the same neighbour; 0 for a repeat.
    """

    documents: Whole
    starts: Whole
    ends: Whole
    keeper_starts: Whole
    keeper_ends: Whole
    templates: Whole
    characters: Whole
    reasons: Whole
    contexts: Whole

    def of(self, document: int) -> Cuts:
        """Return the cuts of one document."""
        # Of the type of the column, or all of it would be converted.
        edges = np.array([document, document + 1], self.documents.dtype)
        span = slice(*np.searchsorted(self.documents, edges).tolist())
        return Cuts(*(column[span] for column in self))

    def among(self, documents: Ints) -> tuple[Ints, Ints]:
        """Return, for each cut of some ascending documents, which of them it is in, and its row here."""
        sought = documents.astype(self.documents.dtype)
        first = np.searchsorted(self.documents, sought)
        counts = np.searchsorted(self.documents, sought, side="right") - first
        rows = np.repeat(np.arange(len(documents)), counts)
        return rows, np.arange(len(rows)) + np.repeat(first - np.cumsum(counts) + counts, counts)

    @classmethod
    def none(cls) -> Cuts:
        """Return no cuts."""
        return cls(*(np.zeros(0, np.int64) for _ in cls._fields))

    @classmethod
    def join(cls, parts: list[Cuts]) -> Cuts:
        """Put the cuts of consecutive batches together."""
        return cls(*(np.concatenate([np.zeros(0, np.int64), *columns]) for columns in zip(*parts, strict=True)))


def suspect(texts: Column, segments: Segments, marks: Marks) -> Cuts:
    """Return the lines that nearly went as boilerplate, as if they were cuts."""
    lines = np.flatnonzero(marks.suspicious)
    return spans_of(texts, segments.line_start[lines], segments.line_text_end[lines], marks, lines)


def spans_of(texts: Column, starts: Ints, ends: Ints, marks: Marks, lines: Ints) -> Cuts:
    """Return ascending byte ranges of the column's data, none of them empty, as if they were cuts without keepers.

    Args:
        texts: The texts.
        starts: int64[spans].
        ends: int64[spans].
        marks: What is known of lines.
        lines: int64[spans], the line that each is for its boilerplate; -1 for a repeat.
    """
    rows = np.searchsorted(texts.offsets, starts, side="right") - 1
    starts, ends = starts - texts.offsets[rows], ends - texts.offsets[rows]
    nowhere = np.full(len(rows), -1, np.int64)
    return Cuts(
        rows, starts, ends, nowhere, nowhere, _known(marks.templates, lines, -1),
        count_span_characters(texts, rows, starts, ends), _known(marks.reasons, lines), _known(marks.contexts, lines),
    )  # fmt: skip


def _known(values: npt.NDArray[Any], lines: Ints, otherwise: int = 0) -> Ints:
    """Return what is known of some lines, and something else where there is none (-1)."""
    return np.append(values, otherwise).astype(np.int64)[lines]


def cut(texts: Column, segments: Segments, marks: Marks, repeats: Repeats) -> Cuts:
    """Turn marked lines and repeats into spans with their evidence; documents are numbered from 0."""
    from dedup.kernels import repeats as kernels

    most = int(marks.marked.sum() + (repeats.line_keepers >= 0).sum())
    most += int((repeats.segment_keepers >= 0).sum())
    rows, lines, units, starts, ends = (np.empty(most, np.int64) for _ in range(5))
    count = kernels.cut_spans(
        texts.data, texts.offsets, segments.line_offsets, segments.line_start, segments.line_end,
        segments.line_text_end, segments.line_width, marks.marked, repeats.line_keepers,
        segments.segment_offsets, segments.segment_start, segments.segment_end, repeats.segment_keepers,
        rows, lines, units, starts, ends,
    )  # fmt: skip
    rows, lines, units, starts, ends = (column[:count] for column in (rows, lines, units, starts, ends))
    keepers = np.full((count, 2), -1, np.int64)
    spans = np.flatnonzero(units >= 0)
    keepers[spans] = np.stack(unit_spans(segments, units[spans]), axis=1) - texts.offsets[rows[spans], None]
    of_lines = np.where(units < 0, lines, -1)
    return Cuts(
        rows, starts, ends, keepers[:, 0], keepers[:, 1], _known(marks.templates, of_lines, -1),
        count_span_characters(texts, rows, starts, ends),
        _known(marks.reasons, of_lines), _known(marks.contexts, of_lines),
    )  # fmt: skip


def in_original(texts: Column, cuts: Cuts, more: Cuts, rows: Ints) -> Cuts:
    """Return spans found in texts that had lost some as spans of the original, around what is lost already.

    Args:
        texts: The original texts.
        cuts: The cuts made in them.
        more: Further spans; document i is `rows[i]` of `texts`, positions are those of what `cuts` left of it.
        rows: int64[], ascending.
    """
    pieces = []
    for span in range(len(more.documents)):
        row = int(rows[more.documents[span]])
        made = cuts.of(row)
        start, end, keeper_start, keeper_end = (
            int(_original(made, int(position)))
            for position in (
                more.starts[span],
                more.ends[span] - 1,
                more.keeper_starts[span],
                more.keeper_ends[span] - 1,
            )
        )
        inside = (made.starts >= start) & (made.ends <= end)
        edges = np.concatenate([[start], np.stack([made.starts[inside], made.ends[inside]], axis=1).ravel(), [end + 1]])
        pieces += [
            (row, low, high, keeper_start, keeper_end + 1, -1) for low, high in edges.reshape(-1, 2) if low < high
        ]
    if not pieces:
        return Cuts.none()
    columns = np.array(pieces, np.int64).T
    nothing = np.zeros(len(pieces), np.int64)
    return Cuts._make([*columns, count_span_characters(texts, *columns[:3]), nothing, nothing])


def ordered(parts: list[Cuts]) -> Cuts:
    """Join spans of the same documents, each once, by document and place."""
    columns = np.unique(np.stack(Cuts.join(parts), axis=1), axis=0).T
    return Cuts(*(np.ascontiguousarray(column) for column in columns))


def _original(made: Cuts, position: int) -> int:
    """Return where a byte of an edited text stands in the original."""
    for start, end in zip(made.starts.tolist(), made.ends.tolist(), strict=True):
        if start > position:
            break
        position += end - start
    return position
