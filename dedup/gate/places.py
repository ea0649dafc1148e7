"""Where something stands: file, line and column, as editors and CI systems count them."""

from __future__ import annotations

import bisect
import functools
import os
import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np

from dedup.columns import Ints
from dedup.formats.source import InputFile

CHUNK_BYTES = 8 << 20
BYTE_ORDER_MARK = "\ufeff"
NEWLINE = 10


class Place(msgspec.Struct, frozen=True, gc=False):
    """A document, or a piece of it.

    Attributes:
        file: Its path, from the current folder if it is in there; `-` for standard input.
        record: 1-based.
        line: 1-based line; None in formats without lines, and in what was extracted from web pages.
        column: 1-based, in code points; None for whole documents and for records, whose text is escaped in its file.
        end_line: The last line.
        end_column: One past the last code point.
    """

    file: str
    record: int
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.file} (record {self.record})"
        return f"{self.file}:{self.line}" + ("" if self.column is None else f":{self.column}")


class Lines:
    r"""The lines of one text, for positions in it.

    >>> Lines("Ä\nzwei\n").at(2), Lines("Ä\nzwei\n").at(5)
    ((2, 1), (2, 4))
    """

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        # Editors and CI systems do not count it as a column.
        self._hidden = int(text.startswith(BYTE_ORDER_MARK))

    def at(self, position: int) -> tuple[int, int]:
        """Return 1-based line and column of a position in code points."""
        line = bisect.bisect_right(self._starts, position)
        column = position - self._starts[line - 1] + 1
        return line, max(column - self._hidden, 1) if line == 1 else column


class Spot(NamedTuple):
    """A file of the corpus as findings name it: its path, and the line on which each record starts."""

    path: str
    line_of: Callable[[int], int | None]

    def record(self, record: int) -> Place:
        """Return the place of a whole record."""
        return Place(self.path, record, self.line_of(record))

    def span(self, record: int, lines: Lines, start: int, end: int) -> Place:
        """Return the place of some code points of a text that is a file of its own."""
        (line, column), (end_line, end_column) = lines.at(start), lines.at(end)
        return Place(self.path, record, line, column, end_line, end_column)


def spot_of(file: InputFile) -> Spot:
    """Return how findings name a file; its records must have been read."""
    path = path_of(file)
    if file.form.extracted:
        return Spot(path, _no_line)
    if file.form.kind in ("csv", "tsv"):
        return Spot(path, _RecordLines(file))
    return Spot(path, {"text": _first_line, "jsonl": _own_line}.get(file.form.kind, _no_line))


def path_of(file: InputFile) -> str:
    """Return the path from the current folder, or as it was named where that is elsewhere."""
    if file.is_standard_input:
        return str(file.path)
    shown = os.path.relpath(file.path)
    return os.path.normpath(file.path) if shown.startswith(os.pardir) else shown


def _no_line(record: int) -> None:
    """Say that there are no lines."""


def _first_line(record: int) -> int:
    """Return where a file that is one document starts."""
    return 1


def _own_line(record: int) -> int:
    """Return the line of a record in JSON Lines, where records are counted by lines."""
    return record


class _RecordLines:
    """The lines on which the records of a CSV file start, counted when the first is asked for."""

    def __init__(self, file: InputFile) -> None:
        self._file = file

    def __call__(self, record: int) -> int:
        return int(self._lines[record - 1])

    @functools.cached_property
    def _lines(self) -> Ints:
        starts = np.zeros(0, np.int64) if self._file.bounds is None else self._file.bounds[:, 0]
        lines = np.empty(len(starts), np.int64)
        offset = counted = first = 0
        with self._file.open() as handle:
            while data := handle.read(CHUNK_BYTES):
                ends = np.flatnonzero(np.frombuffer(data, np.uint8) == NEWLINE)
                last = int(np.searchsorted(starts, offset + len(data)))
                lines[first:last] = counted + np.searchsorted(ends, starts[first:last] - offset) + 1
                offset, counted, first = offset + len(data), counted + len(ends), last
        return lines
