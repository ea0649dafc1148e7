"""Segments of a corpus between two passes: kept in the first, so that the second need not split the texts again.

They take about half the bytes of the texts; beyond a buffer of fixed size they are in the work folder (`dedup.spill`).
To write them there and to read them takes a fifth of the time of splitting the texts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from dedup.columns import Column
from dedup.model import Batch
from dedup.segment import Segments
from dedup.spill import Room, Table

Bytes = npt.NDArray[np.uint8]

ROW = (np.uint32,)
"""What is packed of a row: its lines."""

LINE = (
    np.uint32, np.uint32, np.uint64, np.uint64, np.int32, np.uint8, np.uint8, np.uint8, np.uint64, np.uint64, np.uint32,
)  # fmt: skip
"""What is packed of a line: its bytes, those of its text, the columns from `line_k0` to `line_rest`, its segments."""

SEGMENT = (np.uint32, np.uint64, np.uint64, np.int32, np.uint8)
"""What is packed of a segment: its bytes, and the columns from `segment_k0`."""

LARGEST_BYTES = 2**32 - 1
"""Bytes of text of the largest batch that is packed: sizes take 32 bits."""

MOST_KEPT_BYTES = 4 << 30
"""What is kept at most, of some 8 GB of text; the rest of a larger corpus is split twice. Chosen: not every work folder
has room for half of a corpus."""


class _Place(NamedTuple):
    """Where the segments of a batch are: bytes of the table, and the lines and segments that they hold."""

    start: int
    end: int
    lines: int
    segments: int


class KeptSegments:
    """The segments of batches, as many as there is room for."""

    def __init__(self, room: Room, most_bytes: int = MOST_KEPT_BYTES) -> None:
        """Keep nothing yet; no more than `most_bytes`, or a buffer where all is held in memory."""
        self._packed = Table(room, (np.uint8,))
        self._most_bytes = most_bytes if room.folder is not None else room.buffer_bytes
        self._places: dict[bytes, _Place] = {}

    def add(self, batch: Batch, packed: Bytes, segments: Segments) -> None:
        """Keep the segments of a batch, which `pack` has packed."""
        start = len(self._packed)
        if not len(packed) or start + len(packed) > self._most_bytes:
            return
        self._packed.add(packed)
        counts = len(segments.line_start), len(segments.segment_start)
        self._places[_name(batch)] = _Place(start, len(self._packed), *counts)

    def close(self) -> None:
        """End the filling."""
        self._packed.close()

    def of(self, batch: Batch) -> Segments | None:
        """Return the segments of a batch; None if they were not kept."""
        place = self._places.get(_name(batch))
        if place is None:
            return None
        packed = self._packed.ranges(np.array([place.start]), np.array([place.end]))
        return unpack(batch.texts, packed, place.lines, place.segments)


def pack(texts: Column, segments: Segments) -> Bytes:
    """Return the segments of all rows of a column as bytes; none where they do not fit.

    Lines tile the rows and segments tile the lines, so that their sizes say where they are.
    """
    if texts.offsets[-1] - texts.offsets[0] > LARGEST_BYTES:
        return np.zeros(0, np.uint8)
    columns: tuple[npt.NDArray[Any], ...] = (
        np.diff(segments.line_offsets),
        segments.line_end - segments.line_start,
        segments.line_text_end - segments.line_start,
        *segments[4:12],
        np.diff(segments.segment_offsets),
        segments.segment_end - segments.segment_start,
        *segments[15:],
    )
    dtypes = (*ROW, *LINE, *SEGMENT)
    return np.concatenate(
        [column.astype(dtype, copy=False).view(np.uint8) for column, dtype in zip(columns, dtypes, strict=True)]
    )


def unpack(texts: Column, packed: Bytes, lines: int, segments: int) -> Segments:
    r"""Return the segments of all rows of a column from what `pack` made of these lines and segments.

    >>> from dedup.segment import segment
    >>> column = Column.of(["Am 3. Dezember. Ende.\n", ""])
    >>> found = segment(column)
    >>> again = unpack(column, pack(column, found), len(found.line_start), len(found.segment_start))
    >>> all((a == b).all() for a, b in zip(found, again, strict=True))
    True
    """
    columns: list[npt.NDArray[Any]] = []
    at = 0
    for dtypes, rows in ((ROW, len(texts)), (LINE, lines), (SEGMENT, segments)):
        for dtype in map(np.dtype, dtypes):
            end = at + rows * dtype.itemsize
            # A copy, since what is packed is not aligned.
            columns.append(packed[at:end].copy().view(dtype))
            at = end
    of_rows, line_sizes, text_sizes, *line_columns, of_lines = columns[: -len(SEGMENT)]
    segment_sizes, *segment_columns = columns[-len(SEGMENT) :]
    first = int(texts.offsets[0])
    line_edges, segment_edges = _edges(line_sizes, first), _edges(segment_sizes, first)
    line_start, segment_start = line_edges[:-1], segment_edges[:-1]
    of_line = _edges(of_rows), line_start, line_edges[1:], line_start + text_sizes, *line_columns
    return Segments._make((*of_line, _edges(of_lines), segment_start, segment_edges[1:], *segment_columns))


def _edges(sizes: npt.NDArray[np.uint32], first: int = 0) -> npt.NDArray[np.int64]:
    """Return where ranges end to end start and end, the first of them at `first`."""
    edges = np.empty(len(sizes) + 1, np.int64)
    edges[0] = first
    np.cumsum(sizes, out=edges[1:])
    edges[1:] += first
    return edges


def _name(batch: Batch) -> bytes:
    """Name a batch by where its records are and what they say, so that nothing is taken for what it is not."""
    name = xxhash.xxh3_128()
    for column in (batch.files, batch.records, batch.digests):
        name.update(np.ascontiguousarray(column).data)
    return name.digest()
