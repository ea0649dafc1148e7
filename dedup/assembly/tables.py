"""Files of rows, put together again: each as it was, from which is then taken what a local run takes."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dedup.assembly.folders import Folders
from dedup.assembly.taken import TakenOut
from dedup.columns import Column, Ints
from dedup.config import Config
from dedup.formats import parquet_edits
from dedup.formats.digests import Digest, digest_of
from dedup.formats.fields import Fields
from dedup.formats.lines import between
from dedup.formats.names import Form
from dedup.formats.parquet import column_at, schema_without_views, values_at
from dedup.formats.parquet_rows import RowsInTurn
from dedup.formats.sites import NOWHERE
from dedup.formats.slabs import FileEdits
from dedup.formats.source import InputFile
from dedup.manifest import PARQUET, REMOVED, REMOVED_INDEX, FileEntry
from dedup.parts import CHECKSUMS, DROPPED, TAKEN, Parts, Table, changed, checksum

WHOLE = "whole.parquet"
BATCH_ROWS = 4_096


class TableFiles:
    """All files of a run over tables: rows that stay and rows that went, each in input order.

    Args:
        parts: What the run left.
        folders: Where that is, and where all goes.
    """

    def __init__(self, parts: Parts, folders: Folders) -> None:
        self._parts, self._folders = parts, folders
        self._fields = Fields.of(Config(text_field=".".join(parts.text_field)))
        self._dropped = folders.sidecar / DROPPED
        self._kept = _rows_of(folders.output, parts.output)
        self._gone = _rows_of(self._dropped, parts.sidecar[DROPPED])
        self._taken = TakenOut(folders.sidecar, parts.sidecar[TAKEN])

    def __enter__(self) -> None:
        (self._folders.beside / PARQUET).mkdir()
        # What byte formats have there, and tables do not.
        (self._folders.beside / REMOVED).write_bytes(b"")
        np.save(self._folders.beside / REMOVED_INDEX, np.zeros((0, 4), np.int64))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        for rows, folder in ((self._kept, self._folders.output), (self._gone, self._dropped)):
            if not rows.is_empty():
                raise changed(folder, "has more rows than the input had")
        self._taken.end()

    def divide(self, number: int, dropped: Ints) -> FileEntry:
        """Write the output of one file, and what went from it; `dropped` are the rows that did as a whole."""
        table = self._parts.files[number]
        if not isinstance(table, Table):
            raise self._folders.mixed()
        # Beside what is listed and sealed.
        whole = self._folders.beside.with_name(WHOLE)
        try:
            edits = self._put_together(number, table, dropped, whole)
        except (ValueError, LookupError, pa.ArrowException) as error:
            raise changed(self._folders.output, f"{table.name} cannot be put together again: {error}") from None
        file = InputFile(number, table.name, whole, NOWHERE, Form("parquet"), False, None, "article", math.inf)
        out = self._folders.target / table.name
        stripped = parquet_edits.strip(file, self._fields, edits, out, self._folders.beside / PARQUET, lambda: None)
        return FileEntry(
            number, table.name, "parquet", "", "", None, digest_of(out), stripped.text_xxh3, stripped.group_rows
        )

    def _put_together(self, number: int, table: Table, dropped: Ints, whole: Path) -> FileEdits:
        """Write a file as it was, and return what went from it."""
        schema = pa.ipc.read_schema(pa.py_buffer(self._parts.schemas[table.schema]))
        path = column_at(schema, self._fields.text) or self._fields.text
        cuts = _Cuts(self._taken, number)
        first, texts = 1, 0
        with pq.ParquetWriter(whole, schema, compression="zstd", use_compliant_nested_type=False) as writer:
            for count in table.groups:
                behind = first + count
                gone = dropped[between(dropped, first, behind - 1)] - first
                is_kept = np.ones(count, np.bool_)
                is_kept[gone] = False
                kept = _next(self._kept, self._folders.output, count - len(gone), schema)
                again = _next(self._gone, self._dropped, len(gone), schema)
                records, starts, pieces = cuts.before(behind)
                if not is_kept[records - first].all():
                    raise self._taken.misplaced()
                rows = parquet_edits.woven(kept, again, is_kept, path, records - first, starts, pieces)
                for part in rows.to_batches():
                    # A row without a text holds no document.
                    values = values_at(part, path)
                    numbers = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False)) + first
                    column = Column.from_arrow(values.drop_null().cast(pa.large_string()))
                    texts += checksum(column.digests(), numbers)
                    first += len(part)
                writer.write_table(rows.cast(schema), row_group_size=max(1, count))
        if texts % CHECKSUMS != table.texts:
            raise changed(self._folders.output, f"has not the texts of {table.name}")
        return cuts.edits(dropped)


class _Cuts:
    """What was cut out of the texts of one file, asked for in order."""

    def __init__(self, taken: TakenOut, number: int) -> None:
        self._taken, self._number = taken, number
        self._places = array("q")

    def before(self, record: int) -> tuple[Ints, Ints, pa.Array]:
        """Return the record of each cut that is before one, its place in the text as it was, and what was cut."""
        seen, pieces = len(self._places), list[bytes]()
        for taken in self._taken.before(self._number, record):
            if taken.file != self._number:
                raise self._taken.misplaced()
            for start, piece in zip(taken.starts, (piece.encode() for piece in taken.pieces), strict=True):
                self._places.extend((taken.record, start, start + len(piece)))
                pieces.append(piece)
        records, starts, _ = np.array(self._places[seen:], np.int64).reshape(-1, 3).T
        return records, starts, pa.array(pieces, pa.large_binary())

    def edits(self, dropped: Ints) -> FileEdits:
        """Return all that went from the file."""
        records, starts, ends = np.array(self._places, np.int64).reshape(-1, 3).T
        return FileEdits(dropped, records, starts, ends)


def _rows_of(folder: Path, parts: dict[str, Digest]) -> RowsInTurn:
    """Return the rows of parts, which all have the same columns."""
    if not parts:
        raise changed(folder, "has no parts")
    return RowsInTurn(_batches(folder, parts), pq.read_schema(folder / next(iter(parts))))


def _batches(folder: Path, parts: dict[str, Digest]) -> Iterator[Any]:
    for name in parts:
        with pq.ParquetFile(folder / name) as part:
            yield from part.iter_batches(BATCH_ROWS)


def _next(rows: RowsInTurn, folder: Path, count: int, schema: pa.Schema) -> pa.Table:
    """Return the next rows as a file had them: with its own columns, of its own types."""
    found = rows.take(count)
    if len(found) < count:
        raise changed(folder, "has fewer rows than the input had")
    return found.select(schema.names).cast(schema_without_views(schema))
