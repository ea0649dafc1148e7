"""From paths to documents: find the files, and read them in batches as often as needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dedup.columns import Column, concatenate
from dedup.config import Config
from dedup.errors import InputError, UsageError
from dedup.formats import delimited, jsonl, parquet, plain
from dedup.formats.discovery import find
from dedup.formats.fields import Fields
from dedup.formats.source import STANDARD_INPUT, InputFile, Rejected
from dedup.model import Batch, Wanted

READERS = {
    "text": plain.read,
    "jsonl": jsonl.read,
    "csv": delimited.read,
    "tsv": delimited.read,
    "parquet": parquet.read,
}

ON_ERROR = ("fail", "skip")

BATCH_BYTES = 4 << 20
"""Text enough for a batch of its own; smaller pieces, files even, are put together."""

BATCH_ROWS = 50_000
"""The most rows of a batch."""


class Corpus:
    """The inputs of one run in a fixed order; can be read as often as needed.

    Attributes:
        files: The input files.
        fields: Which fields are read.
        inputs: The files and folders that were named, without standard input.
        is_single_file: Whether the inputs are one file, named directly.
        unreadable: The positions of the files that cannot be read at all and were set aside; complete after one full
            pass. They are neither in the output nor rebuilt by undo.
    """

    def __init__(self, inputs: Sequence[str], files: Sequence[InputFile], fields: Fields, *, skip_bad: bool) -> None:
        self.files = tuple(files)
        self.fields = fields
        self.inputs = [name for name in inputs if name != STANDARD_INPUT]
        self.is_single_file = len(inputs) == 1 and files[0].is_named
        self._skip_bad = skip_bad
        self.unreadable: set[int] = set()
        self._rejected: dict[tuple[int, int], Rejected] = {}
        self._is_complete = False

    @property
    def names(self) -> list[str]:
        """How decisions name the files."""
        return [file.name for file in self.files]

    @property
    def rejected(self) -> list[Rejected]:
        """The records set aside so far, in input order; complete after one full pass."""
        return [self._rejected[key] for key in sorted(self._rejected)]

    def complete(self) -> None:
        """Make `rejected` complete: read all once, unless that was done or bad records are errors anyway."""
        if self._skip_bad and not self._is_complete:
            for _ in self.batches():
                pass

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Yield the documents, all of them or the wanted ones, in input order.

        Raises:
            InputError: A file cannot be read or changed since an earlier pass, or, unless bad records are
                skipped, a record holds no document.
        """
        if wanted is None:
            yield from _gathered(self._pieces())
            self._is_complete = True
        else:
            yield from _gathered(self._wanted_pieces(wanted))

    def _pieces(self) -> Iterator[Batch]:
        for file in self.files:
            # In a folder it may be what an earlier run left of a file of duplicates.
            must_hold = file.is_named and not self._skip_bad
            has_rows = False
            try:
                if file.is_empty() and (must_hold or file.form.kind != "text"):
                    if must_hold:
                        raise InputError("is empty", file=file.shown, hint="Leave the file out, or fetch it again.")
                    continue
                for piece in READERS[file.form.kind](file, self.fields, None, self._reject):
                    has_rows = True
                    yield piece
            except InputError as error:
                if not self._skip_bad or has_rows or self.is_single_file:
                    raise
                self.unreadable.add(file.index)
                self._reject(Rejected(file.index, 0, 0, error.message, error.hint, 0, 0))
                continue
            if must_hold and not has_rows:
                raise InputError("holds no records", file=file.shown, hint="Leave the file out.")

    def _wanted_pieces(self, wanted: Wanted) -> Iterator[Batch]:
        for index in np.unique(wanted.files):
            file = self.files[index]
            low, high = np.searchsorted(wanted.files, (index, index + 1))
            yield from READERS[file.form.kind](file, self.fields, wanted.records[low:high], self._reject)

    def _reject(self, rejected: Rejected) -> None:
        file = self.files[rejected.file]
        # Of a single text nothing would be left to write.
        if not self._skip_bad or (self.is_single_file and file.form.kind == "text"):
            raise InputError(rejected.message, file=file.shown, line=rejected.line, hint=rejected.hint)
        self._rejected[rejected.file, rejected.record] = rejected


def open_corpus(
    inputs: Sequence[str],
    config: Config,
    *,
    work: Path,
    format: str | None = None,  # noqa: A002
    on_error: str = "fail",
) -> Corpus:
    """Find the input files; nothing but folders and file sizes is read yet.

    Args:
        inputs: Files, folders, and `-` for standard input.
        config: Says which fields matter.
        work: An existing folder for the plain bytes of compressed files and of standard input.
        format: The format of the inputs named directly, whatever their names say.
        on_error: `fail` raises at the first bad record, `skip` sets bad records aside.

    Raises:
        InputError: An input is missing or is not what can be read.
        UsageError: The inputs or the arguments do not go together.
    """
    if on_error not in ON_ERROR:
        raise UsageError(f"on_error is {on_error!r}, but must be fail or skip", hint="fail is usual.")
    if not inputs:
        raise UsageError("no input is named", hint="Name a file, a folder, or - for standard input.")
    return Corpus(inputs, find(inputs, work, format, config.extract), Fields.of(config), skip_bad=on_error == "skip")


def _gathered(pieces: Iterator[Batch]) -> Iterator[Batch]:
    """Put small consecutive pieces together and split those of too many rows."""
    pending: list[Batch] = []
    size = rows = 0
    for piece in pieces:
        if pending and rows + len(piece) > BATCH_ROWS:
            yield _joined(pending)
            pending, size, rows = [], 0, 0
        for start in range(0, len(piece), BATCH_ROWS):
            part = _rows(piece, start, start + BATCH_ROWS)
            pending.append(part)
            size += int(part.texts.offsets[-1] - part.texts.offsets[0])
            rows += len(part)
            if size >= BATCH_BYTES or rows >= BATCH_ROWS:
                yield _joined(pending)
                pending, size, rows = [], 0, 0
    if pending:
        yield _joined(pending)


def _rows(batch: Batch, start: int, stop: int) -> Batch:
    """Return some rows of a batch, as views."""
    if start == 0 and stop >= len(batch):
        return batch
    texts, ids, sources = (
        Column(column.data, column.offsets[start : stop + 1]) for column in (batch.texts, batch.ids, batch.sources)
    )
    ranks = None if batch.ranks is None else batch.ranks[start:stop]
    digests = batch.digests[start:stop]
    return Batch(batch.files[start:stop], batch.records[start:stop], texts, ids, sources, digests, ranks)


def _joined(batches: Sequence[Batch]) -> Batch:
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
        ranks=ranks,
    )
