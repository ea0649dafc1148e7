"""CSV and TSV: a header, then one document a record; read with Python's `csv`, edited in the raw bytes.

A record may span lines, so reading notes where each one starts and ends, and editing needs no second parse.
"""

from __future__ import annotations

import csv
import sys
from array import array
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np
import xxhash

from dedup.columns import Column, Ints
from dedup.errors import InputError
from dedup.formats.fields import Fields, Path, rank_of_cell
from dedup.formats.json_faults import CONVERT, NAME_THE_FIELD, listed
from dedup.formats.sites import Site, source_of
from dedup.formats.slabs import BOM, NOTHING, FileEdits, Slab, misplaced, slab_of, view
from dedup.formats.source import InputFile, Reject, Rejected
from dedup.kernels import raw as kernels
from dedup.model import Batch

BATCH_BYTES = 4 << 20
ROW_BYTES = 64
"""What a row counts besides its text, so that a batch of short texts is bounded as well."""

SLAB_BYTES = 1 << 20
DELIMITERS = (",", ";", "\t")
REPAIR = "Repair the record, or pass over such records with --on-error skip."


class _Header(NamedTuple):
    """The header record.

    Attributes:
        names: The names of the columns.
        text: The column of the text, counted from 0.
        delimiter: What stands between cells.
        end: Where the first record starts, in bytes.
        line: 1-based line of the first record.
    """

    names: list[str]
    text: int
    delimiter: str
    end: int
    line: int

    def column(self, path: Path) -> int | None:
        """Return the position of a column; cells hold no objects, so dots are part of the name."""
        name = ".".join(path)
        return self.names.index(name) if name in self.names else None


class _Record(NamedTuple):
    cells: list[str]
    line: int
    start: int
    end: int
    fault: str
    hint: str = REPAIR


def read(file: InputFile, fields: Fields, wanted: Ints | None, reject: Reject) -> Iterator[Batch]:
    """Yield the documents of a CSV or TSV file; see `jsonl.read` for the arguments."""
    with file.open() as handle:
        header = _header(handle, file, fields)
        rows = _Rows(file, fields, header)
        chosen = None if wanted is None else set(wanted.tolist())
        bounds = array("q")
        for number, record in enumerate(_records(handle, header), 1):
            bounds.extend((record.start, record.end))
            if chosen is not None and number not in chosen:
                continue
            message = record.fault or _width_fault(record.cells, header)
            if message:
                reject(Rejected(file.index, number, record.line, message, record.hint, record.start, record.end))
                continue
            rows.add(number, record.cells)
            if rows.size >= BATCH_BYTES:
                yield rows.take()
    file.bounds = np.array(bounds, np.int64).reshape(-1, 2)
    if rows.size:
        yield rows.take()


def slabs(file: InputFile, fields: Fields, edits: FileEdits) -> Iterator[Slab]:
    """Yield the file's bytes with dropped records, and the raw bytes of cuts in the others, marked."""
    bounds = _bounds(file, fields)
    for records in (edits.drops, edits.cuts):
        if len(records) and records[-1] > len(bounds):
            raise misplaced(file, int(records[-1]))
    with file.open() as handle:
        header = _header(handle, file, fields)
        handle.seek(0)
        at = 0
        first = 0
        while first < len(bounds) or at == 0:
            last = max(first + 1, int(np.searchsorted(bounds[:, 1], at + SLAB_BYTES, side="right")))
            # What follows the last record, blank lines for instance, goes with it.
            data = handle.read(int(bounds[last - 1, 1]) - at) if last < len(bounds) else handle.read()
            yield _slab(data, bounds[first:last] - at, first + 1, header, file, fields, edits)
            at += len(data)
            first = last


def _bounds(file: InputFile, fields: Fields) -> Ints:
    """Return where the records start and end, from an earlier pass or from one more."""
    if file.bounds is None:
        for _ in read(file, fields, NOTHING, lambda _: None):
            pass
    return NOTHING.reshape(0, 2) if file.bounds is None else file.bounds


def _slab(
    data: bytes, bounds: Ints, first: int, header: _Header, file: InputFile, fields: Fields, edits: FileEdits
) -> Slab:
    """Mark what goes from the records at `bounds`, the first of which has the number `first`."""
    rows = edits.drops[_between(edits.drops, first, len(bounds))] - first
    starts, ends = bounds[rows, 0], bounds[rows, 1]
    cuts = _between(edits.cuts, first, len(bounds))
    numbers = edits.cuts[cuts]
    if not len(numbers):
        return slab_of(data, starts, ends)
    at = bounds[numbers - first]
    cells, cell_ends, cut_starts, cut_ends = (np.empty(len(numbers), np.int64) for _ in range(4))
    raw = view(data)
    records = (np.ascontiguousarray(at[:, 0]), np.ascontiguousarray(at[:, 1]))
    failed = kernels.find_cells(raw, *records, header.text, ord(header.delimiter), cells, cell_ends)
    if failed < 0:
        texts = (edits.starts[cuts].astype(np.int64), edits.ends[cuts].astype(np.int64))
        failed = kernels.locate_in_cells(raw, cells, cell_ends, *texts, cut_starts, cut_ends)
    if failed >= 0:
        raise misplaced(file, int(numbers[failed]))
    return _requoted(data, cells, cell_ends, cut_starts, cut_ends, len(header.names) == 1, (starts, ends))


def _requoted(
    data: bytes,
    cells: Ints,
    cell_ends: Ints,
    starts: Ints,
    ends: Ints,
    is_only_cell: bool,
    drops: tuple[Ints, Ints],
) -> Slab:
    """Make the slab, and where the rest of a bare cell would read as another value, put it in quotes.

    That is so where the rest starts with a quote, or where the only cell of a record would be empty, which
    is a blank line.
    """
    keep = np.ones(len(cells), np.bool_)
    quoted: list[tuple[int, int, bytes]] = []
    for first in np.flatnonzero(np.diff(cells, prepend=-1)):
        cell, cell_end = int(cells[first]), int(cell_ends[first])
        if data[cell : cell + 1] == b'"' or starts[first] != cell:
            continue
        pieces = slice(*np.searchsorted(cells, (cell, cell + 1)))
        edges = [cell, *np.stack((starts[pieces], ends[pieces]), 1).ravel().tolist(), cell_end]
        rest = b"".join(data[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2))
        if rest.startswith(b'"') or (not rest and is_only_cell):
            keep[pieces] = False
            quoted.append((cell, cell_end, b'"' + rest.replace(b'"', b'""') + b'"'))
    replaced = np.array([item[:2] for item in quoted], np.int64).reshape(-1, 2)
    inserted = {index: item[2] for index, item in enumerate(quoted)}
    return slab_of(
        data,
        np.concatenate((replaced[:, 0], starts[keep], drops[0])),
        np.concatenate((replaced[:, 1], ends[keep], drops[1])),
        inserted,
    )


def _between(numbers: Ints, first: int, count: int) -> slice:
    return slice(int(np.searchsorted(numbers, first)), int(np.searchsorted(numbers, first + count)))


class _Rows:
    """Collects documents until they make a batch."""

    def __init__(self, file: InputFile, fields: Fields, header: _Header) -> None:
        self._file = file
        self._text = header.text
        self._id = header.column(fields.id)
        self._sources = [at for path in fields.sources if (at := header.column(path)) is not None]
        self._url = None if fields.url is None else header.column(fields.url)
        self._has_rank = fields.rank is not None
        self._rank = None if fields.rank is None else header.column(fields.rank)
        self._clear()

    def _clear(self) -> None:
        self.size = 0
        self._numbers: list[int] = []
        self._texts: list[bytes] = []
        self._ids: list[str] = []
        self._sites: list[Site] = []
        self._ranks: list[float | str | None] = []
        self._digests: list[int] = []

    def add(self, number: int, cells: list[str]) -> None:
        """Add a record."""
        text = cells[self._text].encode()
        self._numbers.append(number)
        self._texts.append(text)
        self._ids.append((cells[self._id] if self._id is not None else "") or f"{self._file.name}:{number}")
        url = None if self._url is None else cells[self._url]
        self._sites.append(source_of([cells[at] for at in self._sources], url, self._file.site))
        self._ranks.append(None if self._rank is None else rank_of_cell(cells[self._rank]))
        self._digests.append(xxhash.xxh3_64_intdigest("\x1f".join(cells).encode()))
        self.size += len(text) + ROW_BYTES

    def take(self) -> Batch:
        """Return what was collected and start anew."""
        batch = Batch(
            files=np.full(len(self._numbers), self._file.index, np.int32),
            records=np.array(self._numbers, np.int64),
            texts=Column.join(self._texts),
            ids=Column.of(self._ids),
            sources=Column.of(site.name for site in self._sites),
            ways=np.array([site.way for site in self._sites], np.uint8),
            digests=np.array(self._digests, np.uint64),
            ranks=self._ranks if self._has_rank else None,
        )
        self._clear()
        return batch


def _header(handle: IO[bytes], file: InputFile, fields: Fields) -> _Header:
    """Read the header and leave `handle` behind it."""
    csv.field_size_limit(sys.maxsize)
    start = len(BOM) if handle.read(len(BOM)) == BOM else 0
    handle.seek(start)
    line = handle.readline()
    handle.seek(start)
    name = ".".join(fields.text)
    delimiter = "\t" if file.form.kind == "tsv" else _delimiter(line.decode("utf-8", "replace"), name)
    for record in _parsed(handle, delimiter, start, 1):
        if record.fault:
            raise InputError(record.fault, file=file.shown, line=record.line, hint="Repair the header.")
        if record.cells.count(name) != 1:
            count = record.cells.count(name)
            what = (
                f"{count} columns are called {name!r}"
                if count
                else f"no column {name!r} (it has: {listed(record.cells)})"
            )
            raise InputError(what, file=file.shown, line=record.line, hint=NAME_THE_FIELD)
        handle.seek(record.end)
        return _Header(
            record.cells,
            record.cells.index(name),
            delimiter,
            record.end,
            record.line + _lines_in(handle, record),
        )
    raise InputError("has no header", file=file.shown, hint="Put the names of the columns on the first line.")


def _lines_in(handle: IO[bytes], record: _Record) -> int:
    """Count the lines of a record and leave `handle` behind it."""
    handle.seek(record.start)
    return handle.read(record.end - record.start).count(b"\n") or 1


def _delimiter(line: str, text_column: str) -> str:
    """Choose the delimiter that makes `text_column` a column, else the one that makes the most columns."""
    columns = {delimiter: _cells(line, delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: (text_column in columns[delimiter], len(columns[delimiter])))


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line; none of one that is broken, which is refused when it is read in earnest."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _records(handle: IO[bytes], header: _Header) -> Iterator[_Record]:
    return _parsed(handle, header.delimiter, header.end, header.line)


def _parsed(handle: IO[bytes], delimiter: str, start: int, line: int) -> Iterator[_Record]:
    """Parse records from where `handle` is; blank lines are none. A fault does not end it."""
    feed = _Feed(handle, start, line)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        start, line = feed.position, feed.line
        fault = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = []
            fault = f"is broken CSV: {error}"
            if feed.is_over:
                fault = "a quote is opened in this record and never closed"
            elif "new-line character" in str(error):
                # Python asks how the file was opened.
                fault = "has a carriage return outside of quotes that ends no line"
        not_utf8 = feed.take_fault()
        if cells or fault or not_utf8:
            hint = CONVERT if not_utf8 else REPAIR
            yield _Record(cells, line, start, feed.position, not_utf8 or fault, hint)


class _Feed:
    """Hands lines to the CSV parser and knows how far it is."""

    def __init__(self, handle: IO[bytes], position: int, line: int) -> None:
        self._handle = handle
        self._fault = ""
        self.position = position
        self.line = line
        self.is_over = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        data = self._handle.readline()
        if not data:
            self.is_over = True
            raise StopIteration
        self.position += len(data)
        self.line += 1
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            # Raising here would end the parser; the record is refused once it is complete.
            self._fault = self._fault or (
                f"is not UTF-8 (byte {error.start + 1} of line {self.line - 1} is {data[error.start]:#04x})"
            )
            return data.decode("utf-8", "replace")

    def take_fault(self) -> str:
        """Return what was wrong with the lines since the last call."""
        fault, self._fault = self._fault, ""
        return fault


def _width_fault(cells: list[str], header: _Header) -> str:
    if len(cells) == len(header.names):
        return ""
    return f"has {len(cells)} cells, but the header has {len(header.names)}"
