"""Pieces of tables: rows, which stay with new texts or go."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dedup.api import batch_of
from dedup.columns import Column, decoded
from dedup.config import Config
from dedup.edit import remove_spans
from dedup.formats import parquet, parquet_edits
from dedup.formats.fields import Fields
from dedup.formats.fields import Path as FieldPath
from dedup.formats.source import Rejected
from dedup.model import Batch
from dedup.parts import checksum
from dedup.policy import Cuts
from dedup.spark.packing import packed, unpacked
from dedup.spark.pieces import (
    Bools,
    Chosen,
    Excerpt,
    Ints,
    OfFiles,
    Parted,
    SomeLines,
    TablePiece,
    taken_of,
    unread_of,
)


class _OfTables:
    """What both kinds of rows have: nobody finds their texts again, so that these are handed over."""

    def excerpt(self, some: SomeLines | Excerpt) -> Excerpt:
        """Return what documents say."""
        assert isinstance(some, Excerpt)  # noqa: S101  (nothing else is handed over)
        return some


class Rows(OfFiles, _OfTables):
    """Rows of Parquet files, each piece of one file: structs of all their columns."""

    def open(self, piece: TablePiece, chosen: Chosen | None = None) -> _OpenRows:
        """Read a piece, or some of its rows."""
        table = unpacked(piece.data)
        numbers, fields = table.column("record").to_numpy(), Fields.of(self.config)
        if chosen is not None:
            at = np.searchsorted(numbers, chosen.records)
            table, numbers = table.take(pa.array(at)), numbers[at]
        index = table.column("file")[0].as_py()
        file, found = self.origins[index].file(index, "parquet"), list[Rejected]()
        rows = pa.RecordBatch.from_struct_array(table.column("row"))
        batch = parquet.documents_of(file, rows, numbers, fields, found.append)
        self.accept(found)
        return _OpenFileRows(batch, table, fields.text, found, file.name)


@dataclass(frozen=True)
class Records(_OfTables):
    """Rows of a table without files: structs of all its columns."""

    config: Config
    name: str

    @property
    def names(self) -> list[str]:
        """What decisions call the files: `file` is part of what identifies a row."""
        return [self.name] * HASHED_FILES

    def open(self, piece: TablePiece, chosen: Chosen | None = None) -> _OpenRows:
        """Read a piece, or some of its rows; one without an id is called by what identifies it."""
        table = unpacked(piece.data)
        if chosen is not None:
            table = table.take(pa.array(chosen.rows))
        files, numbers = (table.column(name).to_numpy() for name in ("file", "record"))
        batch = batch_of(pa.Table.from_struct_array(table.column("row")), self.config)
        ids = [
            f"{self.name}:{record}" if name == f"{self.name}:{row}" else name
            for row, (name, record) in enumerate(zip(batch.ids, numbers.tolist(), strict=True), 1)
        ]
        batch = dataclasses.replace(batch, files=files, records=numbers, ids=Column.of(ids))
        return _OpenRows(batch, table, (self.config.text_field,))


HASHED_FILES = 1 << 16
"""Rows without a file are hashed to so many, which makes 80 bits of what identifies them."""


@dataclass(frozen=True)
class _OpenRows:
    batch: Batch
    table: pa.RecordBatch
    text: FieldPath

    def some(self, rows: Ints) -> Excerpt:
        """Return what some rows say."""
        return Excerpt.of(self.batch).among(rows)

    def parted(self, dropped: Bools, cuts: Cuts) -> Parted:
        """Part rows, which have new texts if they stay; those that hold no document go."""
        rows = kept = pa.RecordBatch.from_struct_array(self.table.column("row"))
        is_gone = dropped
        if len(self.batch) < len(rows):
            at = np.searchsorted(self.table.column("record").to_numpy(), self.batch.records)
            kept, is_gone = rows.take(pa.array(at)), np.ones(len(rows), np.bool_)
            is_gone[at] = dropped
        if len(cuts.documents):
            texts = remove_spans(self.batch.texts, cuts.documents, cuts.starts, cuts.ends).to_arrow()
            kept = parquet_edits.replaced(kept, parquet.column_at(rows, self.text) or self.text, texts)
        return Parted(packed(kept.filter(pa.array(~dropped))), packed(rows.filter(pa.array(is_gone))), [], [], {})


@dataclass(frozen=True)
class _OpenFileRows(_OpenRows):
    """Rows of one file, which `restore` is to give back."""

    rejected: list[Rejected]
    name: str

    def parted(self, dropped: Bools, cuts: Cuts) -> Parted:
        """Part rows, and tell what was cut from texts, and what all of them were."""
        batch, texts = self.batch, self.batch.texts
        file, begun = self.table.column("file")[0].as_py(), texts.offsets[cuts.documents]
        pieces = decoded(texts.data, begun + cuts.starts, begun + cuts.ends)
        taken = taken_of(file, batch.records[cuts.documents], cuts.starts, pieces)
        unread = unread_of(self.rejected, self.name, lambda _: b"")
        checksums = {file: checksum(batch.digests, batch.records)}
        return super().parted(dropped, cuts)._replace(taken=taken, unread=unread, checksums=checksums)
