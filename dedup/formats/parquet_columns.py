"""Columns of a Parquet file as they were decoded, kept in the work folder: reading them takes a tenth of decoding them.

They are an Arrow file (https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dedup.columns import Ints
from dedup.work import held


class Rows(NamedTuple):
    """Consecutive rows of a file, those of one row group at most; `first` is the 1-based number of the first."""

    first: int
    batch: pa.RecordBatch


class KeptColumns:
    """Some columns of one file, a batch after the other.

    Attributes:
        schema: Their names and types.
        is_complete: Whether all rows of the file are there.
    """

    def __init__(self, path: Path) -> None:
        """Keep nothing yet; `path` is where the columns will be."""
        self.schema = pa.schema([])
        self.is_complete = False
        self._path = path
        self._firsts: list[int] = []

    def filled(self, parts: Iterator[Rows], rows: int, shown: str) -> Iterator[Rows]:
        """Pass the rows of a whole file on, and keep them.

        Args:
            parts: All rows of the file.
            rows: How many it says it has; if those that come are others, nothing is kept.
            shown: How messages call the file.

        Raises:
            OutputError: There is no room for them.
        """
        columns = f"the columns of {shown}"
        with held(columns, self._path):
            sink = pa.OSFile(str(self._path), "wb")
        writer, behind, is_whole = None, 1, True
        with sink:
            for part in parts:
                with held(columns, self._path):
                    writer = writer or pa.ipc.new_file(sink, part.batch.schema)
                    writer.write_batch(part.batch)
                is_whole &= part.first == behind
                behind = part.first + len(part.batch)
                self.schema = part.batch.schema
                self._firsts.append(part.first)
                yield part
            if writer is not None:
                with held(columns, self._path):
                    writer.close()
        self.is_complete = is_whole and behind == rows + 1

    def parts(self, wanted: Ints | None = None) -> Iterator[Rows]:
        """Yield the rows as they came, all or those parts that hold any of the wanted ones, numbers that ascend."""
        if not self._firsts:
            return
        # Not mapped into memory: pages of a mapped file count as memory of the process.
        with pa.OSFile(str(self._path)) as source, pa.ipc.open_file(source) as reader:
            which: Ints = np.arange(len(self._firsts))
            if wanted is not None:
                which = np.unique(np.searchsorted(self._firsts, wanted, side="right") - 1)
            for number in which.tolist():
                yield Rows(self._firsts[number], reader.get_batch(number))

    def table(self, first: int, behind: int) -> pa.Table:
        """Return the rows of a row group, given by the number of its first and that behind its last one."""
        batches = [part.batch for part in self.parts(np.arange(first, behind))]
        # As if they had been decoded at once: where Arrow ends a page when it writes them depends on that.
        return pa.Table.from_batches(batches, self.schema).combine_chunks()


def can_be_kept(schema: pa.Schema, columns: Collection[str]) -> bool:
    """Tell whether some columns of a file can be kept, and the others be read without them.

    An Arrow file has one dictionary a column, Parquet one a row group. And where the name of a column goes on with a
    dot in the name of another, Arrow reads both when asked for the one.
    """
    names = set(schema.names)
    beginnings = {name[:at] for name in names for at, letter in enumerate(name) if letter == "."}
    is_clear = len(names) == len(schema.names) and not names & beginnings
    return is_clear and not any(_has_dictionary(schema.field(name).type) for name in columns)


def _has_dictionary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    return any(_has_dictionary(kind.field(index).type) for index in range(kind.num_fields))
