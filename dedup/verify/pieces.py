"""Files in the byte formats as records of raw bytes, split and parsed with nothing of what reads and writes a run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple, Protocol

import msgspec

from dedup.formats.fields import Path
from dedup.formats.slabs import BOM
from dedup.model import Span
from dedup.verify.claims import without

DELIMITERS = (",", ";", "\t")

STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
"""A JSON string."""

CHARACTER = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)
"""One code point in a JSON string, as it is written there."""


class Piece(NamedTuple):
    """A record of a file.

    Attributes:
        number: As decisions count it; 0 for what follows the last record.
        lead: The bytes between the record before and this one: a byte order mark, a header, blank lines.
        raw: The bytes of the record.
    """

    number: int
    lead: bytes
    raw: bytes


class Layout(Protocol):
    """How a file holds its records."""

    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Yield the records of a file, and in the end what follows them."""

    def is_cut(self, before: bytes, after: bytes, spans: list[Span]) -> bool:
        """Say whether a record is the one before, with some spans of its text gone and not a byte else."""


def layout_of(kind: str, file: IO[bytes], path: Path) -> Layout:
    """Return how a file of a byte format holds its records; `path` leads to the text."""
    if kind == "text":
        return Whole()
    if kind == "jsonl":
        return Lines(path)
    column = ".".join(path)
    header = file.readline().removeprefix(BOM).decode("utf-8", "replace")
    file.seek(0)
    fitting = (d for d in DELIMITERS if column in next(csv.reader([header], delimiter=d), []))
    return Rows(column, "\t" if kind == "tsv" else next(fitting, DELIMITERS[0]))


class Whole:
    """A text file, which is one record."""

    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Yield the file."""
        yield Piece(1, b"", file.read())
        yield Piece(0, b"", b"")

    def is_cut(self, before: bytes, after: bytes, spans: list[Span]) -> bool:
        """Say whether the text lost its cuts and nothing else."""
        return without(before.decode(), spans).encode() == after


class Lines:
    """JSON Lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Yield the lines, blank ones too."""
        lead = _mark(file)
        for number, line in enumerate(file, 1):
            yield Piece(number, lead, line)
            lead = b""
        yield Piece(0, lead, b"")

    def is_cut(self, before: bytes, after: bytes, spans: list[Span]) -> bool:
        """Say whether, as they are written, the characters of the text that were cut are gone and nothing else."""
        text = _text_of(before, self._path)
        if _text_of(after, self._path) != without(text, spans):
            return False
        for literal in STRING.finditer(before):
            if msgspec.json.decode(literal[0]) == text:
                inside = CHARACTER.findall(literal[0][1:-1].decode())
                for start, end in reversed(spans):
                    del inside[start:end]
                if after == b"".join(
                    (before[: literal.start() + 1], "".join(inside).encode(), before[literal.end() - 1 :])
                ):
                    return True
        return False


class Rows:
    """CSV and TSV."""

    def __init__(self, column: str, delimiter: str) -> None:
        self._name = column
        self._delimiter = delimiter
        self._column = -1

    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Yield the rows; the header and blank lines are the lead of what follows."""
        lead, number = _mark(file), -1
        taken: list[bytes] = []
        reader = csv.reader(_noted(file, taken), delimiter=self._delimiter, strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error:
                cells = [""]
            raw = b"".join(taken)
            taken.clear()
            number += bool(cells)
            if cells and number:
                yield Piece(number, lead, raw)
                lead = b""
                continue
            lead += raw
            if self._column < 0 and self._name in cells:
                self._column = cells.index(self._name)
        yield Piece(0, lead + b"".join(taken), b"")

    def is_cut(self, before: bytes, after: bytes, spans: list[Span]) -> bool:
        """Say whether all cells have the values they had, but for the text without its cuts."""
        cells, others = _cells(before, self._delimiter), _cells(after, self._delimiter)
        cells[self._column] = without(cells[self._column], spans)
        return cells == others


def _mark(file: IO[bytes]) -> bytes:
    """Read the byte order mark, if there is one."""
    if file.read(len(BOM)) == BOM:
        return BOM
    file.seek(0)
    return b""


def _noted(lines: Iterable[bytes], taken: list[bytes]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line.decode("utf-8", "replace")


def _text_of(line: bytes, path: Path) -> str:
    """Return the text of a line of JSON; an empty one where there is none."""
    try:
        for name in path:
            line = bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw]).get(name, b""))
        return msgspec.json.decode(line, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _cells(row: bytes, delimiter: str) -> list[str]:
    """Return the cells of a row; none where it cannot be parsed."""
    try:
        return next(csv.reader(io.StringIO(row.decode(), newline=""), delimiter=delimiter, strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        return []
