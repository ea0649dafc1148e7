"""A file as chunks of whole lines, or some of its lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np

from dedup.columns import Ints, joined_ranges
from dedup.formats.slabs import BOM, view
from dedup.kernels import json as kernels

CHUNK_BYTES = 2 << 20
"""Measured on news articles, of 1 to 8 MB the fastest: larger blocks the C library gives back to the system, and takes
them anew, page by page."""

MOST_LINES = 4096
"""Lines looked at together when only some are read: few enough to be nothing beside a chunk."""

USUAL_LINE_BYTES = 500
"""A first guess at the length of lines: shorter ones take another look or two."""


class Chunk(NamedTuple):
    """Consecutive whole lines.

    Attributes:
        offset: Where the chunk starts in the plain bytes of the file.
        first: 1-based number of its first line.
        data: Its bytes; without the byte order mark at the start of a file.
        starts: int64[lines], where each line starts in `data`.
        ends: int64[lines], behind its terminator, if it has one.
    """

    offset: int
    first: int
    data: bytes
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, offset: int, first: int, data: bytes) -> Chunk:
        """Find the lines of some bytes."""
        ends = _line_ends(data)
        starts = np.concatenate((np.zeros(1, np.int64), ends[:-1])) if len(ends) else ends
        return cls(offset, first, data, starts, ends)

    def lines(self) -> Lines:
        """Return all lines of the chunk."""
        return Lines(
            self.data, self.starts, self.ends, np.arange(len(self.ends)) + self.first, self.starts + self.offset
        )


class Lines(NamedTuple):
    """Some lines of a file, ascending.

    Attributes:
        data: What they are in.
        starts: int64[lines], where each line starts in `data`.
        ends: int64[lines], behind its terminator, if it has one.
        numbers: int64[lines], their 1-based numbers in the file.
        places: int64[lines], where each line starts in the plain bytes of the file.
    """

    data: bytes
    starts: Ints
    ends: Ints
    numbers: Ints
    places: Ints

    def among(self, numbers: Ints) -> Lines:
        """Return those of some ascending numbers that are there."""
        inside = numbers[between(numbers, int(self.numbers[0]), int(self.numbers[-1]))]
        which = np.searchsorted(self.numbers, inside)
        return Lines(self.data, self.starts[which], self.ends[which], inside, self.places[which])


def between(numbers: Ints, first: int, last: int) -> slice:
    """Return which of some ascending numbers are `first` to `last`."""
    return slice(int(np.searchsorted(numbers, first)), int(np.searchsorted(numbers, last, side="right")))


def chunks_of(file: IO[bytes], known: Ints | None = None) -> Iterator[Chunk]:
    """Yield an open file in chunks of whole lines; a line longer than a chunk is a chunk of its own size.

    Args:
        file: The file.
        known: Where its lines end, if that is known from an earlier pass: then nothing is searched and nothing copied.
    """
    if known is not None:
        yield from _known_chunks(file, known)
        return
    offset, first = 0, 1
    for data in _whole_lines(file):
        if offset == 0 and data.startswith(BOM):
            offset, data = len(BOM), data[len(BOM) :]
        chunk = Chunk.of(offset, first, data)
        yield chunk
        offset += len(data)
        first += len(chunk.ends)


def wanted_lines(file: IO[bytes], line_ends: Ints, wanted: Ints) -> Iterator[Lines]:
    """Yield some lines of an open file, a chunk's worth at a time, reading little else.

    Args:
        file: The file.
        line_ends: Where its lines end.
        wanted: int64[], ascending 1-based numbers.
    """
    begin = len(BOM) if file.read(len(BOM)) == BOM else 0
    at = 0
    while at < len(wanted):
        numbers = wanted[at : at + MOST_LINES]
        places, ends = np.where(numbers > 1, line_ends[numbers - 2], begin), line_ends[numbers - 1]
        behind = np.cumsum(ends - places)
        count = min(int(np.searchsorted(behind, CHUNK_BYTES)) + 1, len(numbers))
        lines = lines_at(file, numbers[:count], places[:count], ends[:count])
        if len(lines.data) < behind[count - 1]:
            return
        yield lines
        at += count


def lines_at(file: IO[bytes], numbers: Ints, places: Ints, ends: Ints) -> Lines:
    """Return some lines of an open file, whose numbers, starts and ends are known; all at once."""
    behind = np.cumsum(ends - places)
    # To read what lies between lines takes longer than to ask for each of them.
    spans = zip(*(edges.tolist() for edges in joined_ranges(places, ends)), strict=True)
    data = b"".join([_read(file, start, end) for start, end in spans])
    return Lines(data, behind - (ends - places), behind, numbers, places)


def _read(file: IO[bytes], start: int, end: int) -> bytes:
    """Return a range of the file; less where it has become shorter, of which `InputFile.open` complains in the end."""
    pieces = []
    while start < end and (piece := os.pread(file.fileno(), end - start, start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _line_ends(data: bytes) -> Ints:
    """Return the position behind each line; the last may have no terminator."""
    found: list[Ints] = []
    at, room = 0, len(data) // USUAL_LINE_BYTES + 1
    while at < len(data):
        ends = np.empty(room, np.int64)
        count = kernels.find_line_ends(view(data), at, ends)
        if count < room:
            found.append(ends[:count])
            if not data.endswith(b"\n"):
                found.append(np.array([len(data)], np.int64))
            break
        found.append(ends)
        at, room = int(ends[-1]), 2 * room
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _known_chunks(file: IO[bytes], line_ends: Ints) -> Iterator[Chunk]:
    at = len(BOM) if file.read(len(BOM)) == BOM else 0
    file.seek(at)
    first = 0
    while first < len(line_ends):
        # As far as `_whole_lines` reads, so that every pass has the same chunks.
        last = min(int(np.searchsorted(line_ends, at + CHUNK_BYTES, side="right")) + 1, len(line_ends))
        ends = line_ends[first:last] - at
        starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
        data = file.read(int(ends[-1]))
        if len(data) < ends[-1]:
            return  # It has become shorter, of which `InputFile.open` complains.
        yield Chunk(at, first + 1, data, starts, ends)
        at, first = int(line_ends[last - 1]), last


def _whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    at = file.tell()
    while True:
        # To look first where the chunk ends is cheaper than to append the rest of a line to it, which copies all.
        file.seek(at + CHUNK_BYTES)
        rest = len(file.readline())
        file.seek(at)
        data = file.read(CHUNK_BYTES + rest)
        if not data:
            break
        yield data
        at += len(data)
