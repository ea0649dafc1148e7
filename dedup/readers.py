"""From paths to documents: find the files, and read them in batches as often as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from dedup.columns import Column, Ints, concatenate
from dedup.config import Config
from dedup.errors import InputError, UsageError
from dedup.formats import delimited, jsonl, plain
from dedup.formats.compression import MAX_EXPANSION
from dedup.formats.discovery import find
from dedup.formats.fields import Fields
from dedup.formats.source import STANDARD_INPUT, InputFile, Reject, Rejected
from dedup.model import Batch, Wanted
from dedup.spill import Room

Piece = Batch | plain.Document
"""What the readers yield."""

Reader = Callable[[InputFile, Fields, Ints | None, Reject], Iterator[Piece]]

READERS: dict[str, Reader] = {"text": plain.read, "csv": delimited.read, "tsv": delimited.read}
"""The formats of which one thread reads; those of `Corpus._read` take more."""

ON_ERROR = ("fail", "skip")

BATCH_BYTES = 1 << 20
"""Text enough for a batch of its own; smaller pieces, files even, are put together."""

BATCH_ROWS = 50_000
"""The most rows of a batch."""


class Corpus:
    """The inputs of one run in a fixed order; can be read as often as needed.

    Attributes:
        files: The input files.
        fields: Which fields are read.
        room: Where what is found in them is held while it grows.
        inputs: The files and folders that were named, without standard input.
        is_single_file: Whether the inputs are one file, named directly.
        skips_bad: Whether bad records are set aside.
        workers: Threads, all but one of which parse, and which compress what is written of it.
        unreadable: The positions of the files that cannot be read at all and were set aside; complete after one full
            pass. They are neither in the output nor rebuilt by undo.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        files: Sequence[InputFile],
        fields: Fields,
        room: Room,
        *,
        skip_bad: bool,
        workers: int = 1,
    ) -> None:
        self.files = tuple(files)
        self._names = [file.name for file in files]
        self.fields = fields
        self.room = room
        self.inputs = [name for name in inputs if name != STANDARD_INPUT]
        self.is_single_file = len(inputs) == 1 and files[0].is_named
        self.skips_bad = skip_bad
        self.workers = workers
        self.unreadable: set[int] = set()
        self._rejected: dict[tuple[int, int], Rejected] = {}
        self._is_complete = False

    @property
    def names(self) -> list[str]:
        """How decisions name the files."""
        return self._names

    @property
    def rejected(self) -> list[Rejected]:
        """The records set aside so far, in input order; complete after one full pass."""
        return [self._rejected[key] for key in sorted(self._rejected)]

    def complete(self) -> None:
        """Make `rejected` complete: read all once, unless that was done or bad records are errors anyway."""
        if self.skips_bad and not self._is_complete:
            for _ in self.batches():
                pass

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Yield the documents, all of them or the wanted ones, in input order.

        Raises:
            InputError: A file cannot be read or changed since an earlier pass, or, unless bad records are
                skipped, a record holds no document.
        """
        if wanted is None:
            yield from _gathered(self._together(self._pieces()))
            self._is_complete = True
        else:
            yield from _gathered(self._together(self._wanted_pieces(wanted)))

    def _pieces(self) -> Iterator[Piece]:
        for file in self.files:
            # In a folder it may be what an earlier run left of a file of duplicates.
            must_hold = file.is_named and not self.skips_bad
            has_rows = False
            try:
                if file.is_empty() and (must_hold or file.form.kind != "text"):
                    if must_hold:
                        raise InputError("is empty", file=file.shown, hint="Leave the file out, or fetch it again.")
                    continue
                for piece in self._read(file, None):
                    has_rows = True
                    yield piece
            except InputError as error:
                if not self.skips_bad or has_rows or self.is_single_file:
                    raise
                self.unreadable.add(file.index)
                self._reject(Rejected(file.index, 0, 0, error.message, error.hint, 0, 0))
                continue
            if must_hold and not has_rows:
                raise InputError("holds no records", file=file.shown, hint="Leave the file out.")

    def _wanted_pieces(self, wanted: Wanted) -> Iterator[Piece]:
        for index in np.unique(wanted.files):
            file = self.files[index]
            low, high = np.searchsorted(wanted.files, (index, index + 1))
            yield from self._read(file, wanted.records[low:high])

    def _read(self, file: InputFile, wanted: Ints | None) -> Iterator[Piece]:
        kind = file.form.kind
        # Of two workers, one is busy with what was read: a third thread that parses was measured a tenth slower.
        parsers = max(self.workers - 1, 1)
        if kind == "jsonl":
            return jsonl.read(file, self.fields, wanted, self._reject, workers=parsers)
        if kind == "parquet":
            # pyarrow, which nothing else needs, takes 50 ms to import.
            from dedup.formats import parquet

            return parquet.read(file, self.fields, wanted, self._reject, workers=parsers)
        return READERS[kind](file, self.fields, wanted, self._reject)

    def _together(self, pieces: Iterator[Piece]) -> Iterator[Batch]:
        """Make batches of consecutive text files: one for each would cost more than to read it."""
        documents: list[plain.Document] = []
        size = 0
        for piece in pieces:
            if isinstance(piece, plain.Document):
                documents.append(piece)
                size += len(piece.text)
                if size < BATCH_BYTES and len(documents) < BATCH_ROWS:
                    continue
            if documents:
                yield plain.batch_of(documents, self.fields)
                documents, size = [], 0
            if isinstance(piece, Batch):
                yield piece
        if documents:
            yield plain.batch_of(documents, self.fields)

    def _reject(self, rejected: Rejected) -> None:
        file = self.files[rejected.file]
        # Of a single text nothing would be left to write.
        if not self.skips_bad or (self.is_single_file and file.form.kind == "text"):
            raise InputError(rejected.message, file=file.shown, line=rejected.line, hint=rejected.hint)
        self._rejected[rejected.file, rejected.record] = rejected


def open_corpus(
    inputs: Sequence[str],
    config: Config,
    *,
    work: Path,
    format: str | None = None,  # noqa: A002
    on_error: str = "fail",
    room: Room | None = None,
    workers: int = 1,
    max_expansion: float = MAX_EXPANSION,
) -> Corpus:
    """Find the input files; nothing but folders and file sizes is read yet.

    Args:
        inputs: Files, folders, and `-` for standard input.
        config: Says which fields matter.
        work: An existing folder for the plain bytes of compressed files and of standard input.
        format: The format of the inputs named directly, whatever their names say.
        on_error: `fail` raises at the first bad record, `skip` sets bad records aside.
        room: Where what is found is held while it grows; by default in memory, and what is long in the folder `work`.
        workers: Threads, all but one of which parse; how many makes no difference to what is read.
        max_expansion: How many times its size may come out of a compressed file, from 1 GB on.

    Raises:
        InputError: An input is missing or is not what can be read.
        UsageError: The inputs or the arguments do not go together.
    """
    if on_error not in ON_ERROR:
        raise UsageError(f"on_error is {on_error!r}, but must be fail or skip", hint="fail is usual.")
    if not inputs:
        raise UsageError("no input is named", hint="Name a file, a folder, or - for standard input.")
    files = find(inputs, work, format, config.extract, max_expansion)
    return Corpus(inputs, files, Fields.of(config), room or Room(work), skip_bad=on_error == "skip", workers=workers)


def _gathered(pieces: Iterator[Batch]) -> Iterator[Batch]:
    """Put small consecutive pieces together and split those of too many rows."""
    pending: list[Batch] = []
    size = rows = 0
    for piece in pieces:
        if pending and rows + len(piece) > BATCH_ROWS:
            yield joined(pending)
            pending, size, rows = [], 0, 0
        for start in range(0, len(piece), BATCH_ROWS):
            part = _rows(piece, start, start + BATCH_ROWS)
            pending.append(part)
            size += int(part.texts.offsets[-1] - part.texts.offsets[0])
            rows += len(part)
            if size >= BATCH_BYTES or rows >= BATCH_ROWS:
                yield joined(pending)
                pending, size, rows = [], 0, 0
    if pending:
        yield joined(pending)


def _rows(batch: Batch, start: int, stop: int) -> Batch:
    """Return some rows of a batch, as views."""
    if start == 0 and stop >= len(batch):
        return batch
    texts, ids, sources = (
        Column(column.data, column.offsets[start : stop + 1]) for column in (batch.texts, batch.ids, batch.sources)
    )
    ranks = None if batch.ranks is None else batch.ranks[start:stop]
    digests, ways = batch.digests[start:stop], batch.ways[start:stop]
    return Batch(batch.files[start:stop], batch.records[start:stop], texts, ids, sources, digests, ways, ranks)


def joined(batches: Sequence[Batch]) -> Batch:
    """Put consecutive batches, at least one, into one."""
    if len(batches) == 1:
        return batches[0]
    ranks = None if batches[0].ranks is None else [rank for batch in batches for rank in batch.ranks or ()]
    return Batch(
        files=np.concatenate([batch.files for batch in batches]),
        records=np.concatenate([batch.records for batch in batches]),
        texts=concatenate([batch.texts for batch in batches]),
        ids=concatenate([batch.ids for batch in batches]),
        sources=concatenate([batch.sources for batch in batches]),
        digests=np.concatenate([batch.digests for batch in batches]),
        ways=np.concatenate([batch.ways for batch in batches]),
        ranks=ranks,
    )
