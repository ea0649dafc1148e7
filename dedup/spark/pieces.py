"""Pieces of the input: runs of documents, which travel between tasks in place of their documents.

Pieces are numbered in the order of the input, and a document goes by its piece and its row there. A piece of a file of
lines that every executor can read for itself is a place in that file; others carry what they are made of. Carriers read
them, and part what stays of them from what goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dedup.columns import Column, decoded
from dedup.config import Config
from dedup.edit import take_rows
from dedup.errors import InputError
from dedup.formats import jsonl
from dedup.formats.fields import Fields
from dedup.formats.keys import finder_of
from dedup.formats.lines import Chunk, lines_at
from dedup.formats.lines import Lines as JsonLines
from dedup.formats.names import Form
from dedup.formats.sites import Site
from dedup.formats.slabs import NOTHING, FileEdits, slab_of, view
from dedup.formats.source import InputFile, Rejected
from dedup.model import Batch
from dedup.parts import Taken, Unread
from dedup.policy import Cuts
from dedup.versions import differs

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class LinePiece(NamedTuple):
    """Some lines of a file.

    Attributes:
        number: Which piece of the input this is.
        file: Position of the file in the list of inputs.
        first: 1-based number of its first line.
        path: The file, where it can be read there; else empty.
        start: Where in the file the piece starts.
        end: Where it ends.
        data: The lines, each with its newline, where there is no path.
    """

    number: int
    file: int
    first: int
    path: str = ""
    start: int = 0
    end: int = 0
    data: bytes = b""

    def lines(self) -> JsonLines:
        """Return the lines, each with a newline, even where the file ends without one."""
        data = self.data
        if self.path:
            with Path(self.path).open("rb") as file:
                file.seek(self.start)
                data = file.read(self.end - self.start)
            if not data.endswith(b"\n"):
                data += b"\n"
        return Chunk.of(self.start, self.first, data).lines()


class SomeLines(NamedTuple):
    """Lines of a file, wherever they are in it.

    Attributes:
        file: Position of the file in the list of inputs.
        path: The file, which every executor can read.
        numbers: int64[lines], ascending.
        starts: int64[lines], where in the file each starts.
        ends: int64[lines], behind its newline, even where the file ends without one.
    """

    file: int
    path: str
    numbers: Ints
    starts: Ints
    ends: Ints

    def among(self, which: Ints) -> SomeLines:
        """Return some of them."""
        return self._replace(numbers=self.numbers[which], starts=self.starts[which], ends=self.ends[which])

    def lines(self) -> JsonLines:
        """Return the lines, each with a newline; raises InputError if they are not there any more."""
        with Path(self.path).open("rb") as file:
            found = lines_at(file, self.numbers, self.starts, self.ends)
        if len(found.data) == found.ends[-1] - 1:
            found = found._replace(data=found.data + b"\n")
        if len(found.data) != found.ends[-1]:
            raise InputError(
                "changed while it was being read", file=self.path, hint="Run again when nothing writes to it."
            )
        return found


class Excerpt(NamedTuple):
    """What some documents say.

    Attributes:
        texts: Their texts.
        sources: Their sources.
    """

    texts: Column
    sources: Column

    def among(self, which: Ints) -> Excerpt:
        """Return that of some of them."""
        return Excerpt(take_rows(self.texts, which), take_rows(self.sources, which))

    @classmethod
    def of(cls, batch: Batch) -> Excerpt:
        """Return what the documents of a batch say."""
        return cls(batch.texts, batch.sources)


class TablePiece(NamedTuple):
    """Some rows of a table, with the file and the record of each.

    Attributes:
        number: Which piece of the input this is.
        data: A record batch of `file`, `record` and `row`, as Arrow writes it to a stream.
    """

    number: int
    data: bytes


Piece = LinePiece | TablePiece


class Fault(NamedTuple):
    """A record that holds no document; the first of its piece."""

    file: int
    record: int
    message: str
    hint: str


class FaultError(Exception):
    """Raised where a piece is read that has a fault; the driver is to tell of the first one in the whole input."""

    def __init__(self, found: list[Rejected]) -> None:
        first = min(found, key=lambda rejected: rejected.record)
        self.fault = Fault(first.file, first.record, first.message, first.hint)
        super().__init__(first.message)


class Parted(NamedTuple):
    """What becomes of a piece: lines of JSON, or record batches as Arrow writes them to a stream.

    Attributes:
        kept: What stays.
        dropped: The documents that go, and the records that hold none.
        taken: What was cut from records of files that stay, in their order.
        unread: The records that hold no document.
        checksums: Of tables, the `checksum` of the texts of each file.
    """

    kept: bytes
    dropped: bytes
    taken: list[Taken]
    unread: list[Unread]
    checksums: dict[int, int]


class Chosen(NamedTuple):
    """Some documents of a piece.

    Attributes:
        rows: int64[documents], ascending.
        records: int64[documents], the number of each in its file.
    """

    rows: Ints
    records: Ints


class Opened(Protocol):
    """A piece that was read."""

    @property
    def batch(self) -> Batch:
        """Its documents; a blank line holds none."""

    def some(self, rows: Ints) -> SomeLines | Excerpt:
        """Return where some of its documents are, if everybody can read them there; otherwise what they say."""

    def parted(self, dropped: Bools, cuts: Cuts) -> Parted:
        """Part what stays from what goes, given which documents are dropped, and the cuts in the others."""


class Carrier(Protocol):
    """Reads pieces."""

    @property
    def names(self) -> list[str]:
        """What decisions call the files."""

    def open(self, piece: Any, chosen: Chosen | None = None) -> Opened:
        """Read a piece of the kind that it takes, or only some of its documents.

        Raises FaultError if a record holds no document, unless such records are set aside.
        """

    def excerpt(self, some: SomeLines | Excerpt) -> Excerpt:
        """Return what documents say, given what `Opened.some` says of them."""


class Origin(NamedTuple):
    """What an input file is called, and the source of its documents where they do not say another."""

    name: str
    site: Site

    def file(self, index: int, kind: str) -> InputFile:
        """Return the file as readers know it."""
        return InputFile(index, self.name, Path(self.name), self.site, Form(kind), False, None, "article")


@dataclass(frozen=True)
class OfFiles:
    """What carriers know of the files that they read.

    Attributes:
        config: The configuration.
        origins: What is known of each file.
        skips_bad: Whether records that hold no document are set aside.
    """

    config: Config
    origins: list[Origin]
    skips_bad: bool

    @property
    def names(self) -> list[str]:
        """What decisions call the files."""
        return [origin.name for origin in self.origins]

    def accept(self, found: list[Rejected]) -> None:
        """Raise FaultError for records that hold no document, unless they are set aside."""
        if found and not self.skips_bad:
            raise FaultError(found)


class Lines(OfFiles):
    """Lines of JSON."""

    def open(self, piece: LinePiece, chosen: Chosen | None = None) -> _OpenLines:
        """Read a piece, or some of its lines."""
        lines = piece.lines()
        if chosen is not None:
            lines = lines.among(chosen.records)
        file, fields = self.origins[piece.file].file(piece.file, "jsonl"), Fields.of(self.config)
        found: list[Rejected] = []
        batch = jsonl.documents_of(lines, file, fields, finder_of(fields), found.append)
        self.accept(found)
        return _OpenLines(batch, lines, file, fields, piece.path, found)

    def excerpt(self, some: SomeLines | Excerpt) -> Excerpt:
        """Return what documents say."""
        if isinstance(some, Excerpt):
            return some
        file, fields = self.origins[some.file].file(some.file, "jsonl"), Fields.of(self.config)
        found: list[Rejected] = []
        batch = jsonl.documents_of(some.lines(), file, fields, finder_of(fields), found.append)
        if found:
            # They held documents when they were read first.
            raise FaultError(found)
        return Excerpt.of(batch)


@dataclass(frozen=True)
class _OpenLines:
    batch: Batch
    lines: JsonLines
    file: InputFile
    fields: Fields
    path: str
    rejected: list[Rejected]

    def some(self, rows: Ints) -> SomeLines | Excerpt:
        """Return where some lines are, or what they say."""
        if not self.path:
            return Excerpt.of(self.batch).among(rows)
        records = self.batch.records[rows]
        at = np.searchsorted(self.lines.numbers, records)
        starts = self.lines.places[at]
        return SomeLines(
            self.file.index, self.path, records, starts, starts + self.lines.ends[at] - self.lines.starts[at]
        )

    def parted(self, dropped: Bools, cuts: Cuts) -> Parted:
        """Part lines by the raw bytes that go."""
        lines, records = self.lines, self.batch.records
        bad = sorted(rejected.record for rejected in self.rejected)
        at = np.searchsorted(lines.numbers, np.union1d(records[dropped], np.array(bad, np.int64)))
        whole = lines.starts[at], lines.ends[at]
        edits = FileEdits(NOTHING, records[cuts.documents], cuts.starts, cuts.ends)
        starts, ends = jsonl.locate(lines, self.file, self.fields, edits)
        slab = slab_of(lines.data, np.concatenate([whole[0], starts]), np.concatenate([whole[1], ends]))
        kept, _ = slab.parted()
        gone = b"".join(lines.data[start:end] for start, end in zip(*(edge.tolist() for edge in whole), strict=True))
        begun = self.lines.starts[np.searchsorted(self.lines.numbers, edits.cuts)]
        taken = taken_of(self.file.index, edits.cuts, starts - begun, decoded(view(self.lines.data), starts, ends))
        return Parted(bytes(kept), gone, taken, unread_of(self.rejected, self.file.name, self._line), {})

    def _line(self, number: int) -> bytes:
        """Return the bytes of the line of this number."""
        at = int(np.searchsorted(self.lines.numbers, number))
        return self.lines.data[self.lines.starts[at] : self.lines.ends[at]]


def unread_of(rejected: list[Rejected], name: str, raw: Callable[[int], bytes]) -> list[Unread]:
    """Return what is told of records of a file that hold no document, in their order; `raw` has the bytes of each."""
    return [
        Unread(name, bad.record, bad.line, bad.message, raw(bad.record).decode("utf-8", "backslashreplace"))
        for bad in sorted(rejected, key=lambda bad: bad.record)
    ]


def taken_of(file: int, records: Ints, starts: Ints, pieces: list[str]) -> list[Taken]:
    """Return what was cut from each record, given the record of every piece, and where in it the piece began."""
    if not pieces:
        return []
    own = starts.tolist()
    return [
        Taken(file, number, own[low:high], pieces[low:high]) for number, low, high in zip(*_runs(records), strict=True)
    ]


def _runs(values: Ints) -> tuple[list[int], list[int], list[int]]:
    """Return the values of ascending ones, and where each begins and ends."""
    starts = np.flatnonzero(differs(values))
    return values[starts].tolist(), starts.tolist(), [*starts[1:].tolist(), len(values)]
