"""Columns that grow with the corpus: in memory while they are short, in files of a work folder beyond.

What a run holds of a document is counted in bytes (`dedup.plan.Documents`); what it holds of a line, a sentence or a
shingle goes through a `Table`, which keeps a buffer of fixed size and writes the rest down. Reading gives the same rows
in the same order either way, so results do not depend on the memory at hand.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import joined_ranges
from dedup.work import held

BUFFER_BYTES = 16 << 20
"""What a table holds in memory where nobody sets a limit. Chosen: 10,000 articles never reach it, and beyond, larger
buffers were no faster."""

PARTS = 256
"""Ranges of keys in which keyed tables can be read; a power of two, at most 256."""

LOOSE = 32
"""Batches after which what was added is put together: small arrays that stay, among large ones that go, would leave the
memory between them unused."""

Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Room:
    """Where the rows of tables are held.

    Attributes:
        folder: An existing folder for what does not fit into memory; None to hold everything in memory.
        buffer_bytes: What each table holds in memory before it writes to the folder.
        limit_bytes: The most memory that the process may take (`dedup.limit`); None for as much as it likes.
    """

    folder: Path | None = None
    buffer_bytes: int = BUFFER_BYTES
    limit_bytes: int | None = None


IN_MEMORY = Room()


class _Run(NamedTuple):
    """Rows that were written at once, column after column, those of a keyed table sorted by part.

    Attributes:
        offset: Where they start in the file.
        bounds: int64[parts + 1], the rows of part p are `bounds[p]:bounds[p + 1]`.
    """

    offset: int
    bounds: npt.NDArray[np.int64]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.bounds[-1])


class Table:
    """Columns of equal length that grow batch by batch and are read when they are complete.

    >>> table = Table(IN_MEMORY, (np.uint64, np.int32))
    >>> table.add(np.array([7, 8], np.uint64), np.array([1, 2], np.int32))
    >>> table.add(np.array([9], np.uint64), np.array([3], np.int32))
    >>> [column.tolist() for column in table]
    [[7, 8, 9], [1, 2, 3]]
    """

    def __init__(self, room: Room, dtypes: Sequence[npt.DTypeLike], *, is_keyed: bool = False) -> None:
        """Make an empty table.

        Args:
            room: Where its rows are held.
            dtypes: The type of each column.
            is_keyed: The first column holds 64-bit hashes, and rows are to be read by them, with `parts`.
        """
        self._room = room
        self._dtypes = [np.dtype(dtype) for dtype in dtypes]
        self._row_bytes = sum(dtype.itemsize for dtype in self._dtypes)
        self._is_keyed = is_keyed
        self._pending: list[list[Column]] = [[] for _ in dtypes]
        self._pending_rows = 0
        self._loose = 0
        self._runs: list[_Run] = []
        self._file = -1
        self._written_bytes = 0

    def add(self, *columns: Column) -> None:
        """Append rows.

        Raises OutputError if they cannot be written to the folder.
        """
        if not len(columns[0]):
            return
        for pending, column, dtype in zip(self._pending, columns, self._dtypes, strict=True):
            pending.append(column.astype(dtype, copy=False))
        self._pending_rows += len(columns[0])
        self._loose += 1
        if self._loose == LOOSE:
            for pending in self._pending:
                pending[-LOOSE:] = [np.concatenate(pending[-LOOSE:])]
            self._loose = 0
        if self._room.folder is not None and self._pending_rows * self._row_bytes > self._room.buffer_bytes:
            self._write_out()

    def __len__(self) -> int:
        return self._pending_rows + sum(run.rows for run in self._runs)

    def __iter__(self) -> Iterator[Column]:
        """Yield the columns, each joined only when its turn comes; those of a keyed table in no order to rely on."""
        for number, (pending, dtype) in enumerate(zip(self._pending, self._dtypes, strict=True)):
            column = np.empty(len(self), dtype)
            at = 0
            for run in self._runs:
                self._read(column[at : at + run.rows], run, number, 0)
                at += run.rows
            for piece in pending:
                column[at : at + len(piece)] = piece
                at += len(piece)
            yield column

    def taken(self) -> Iterator[Column]:
        """Yield the columns as iteration does, and let go of each as soon as it is joined; use the table no more."""
        for pending, column in zip(self._pending, self, strict=True):
            pending.clear()
            yield column

    def parts(self) -> Iterator[list[Column]]:
        """Yield the rows in parts by ascending ranges of their key, in the order in which they were added.

        All rows of one key are in one part. A part is about half a buffer large, unless one range of keys is larger.
        Use the table no more.
        """
        if not self._runs:
            yield list(self.taken())
            return
        self._write_out()
        sizes = np.sum([np.diff(run.bounds) for run in self._runs], axis=0)
        groups = np.cumsum(sizes * self._row_bytes) // max(self._room.buffer_bytes // 2, 1)
        edges = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), PARTS]
        for first, last in itertools.pairwise(edges):
            columns = [np.empty(int(sizes[first:last].sum()), dtype) for dtype in self._dtypes]
            at = 0
            for run in self._runs:
                rows = int(run.bounds[last] - run.bounds[first])
                for number, column in enumerate(columns):
                    self._read(column[at : at + rows], run, number, int(run.bounds[first]))
                at += rows
            yield columns

    def close(self) -> None:
        """End the filling of a table of one column, for `ranges`."""
        if self._runs:
            self._write_out()
        else:
            self._pending = [[column] for column in self.taken()]

    def pieces(self) -> Iterator[Column]:
        """Yield the column of a table that is not keyed, piece by piece."""
        for run in self._runs:
            piece = np.empty(run.rows, self._dtypes[0])
            self._read(piece, run, 0, 0)
            yield piece
        yield from self._pending[0]

    @property
    def is_in_memory(self) -> bool:
        """Whether nothing was written to the folder."""
        return not self._runs

    @property
    def buffer_rows(self) -> int:
        """How many rows fit into the buffer, at least one."""
        return max(self._room.buffer_bytes // self._row_bytes, 1)

    @property
    def whole(self) -> Column:
        """The column of a closed table that is in memory; not a copy."""
        ((column,),) = self._pending
        return column

    def ranges(self, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Column:
        """Return some ranges of rows, end to end; of a closed table of one column."""
        (dtype,) = self._dtypes
        spans = list(zip(*(edges.tolist() for edges in joined_ranges(starts, ends)), strict=True))
        if not self._runs:
            return np.concatenate([self.whole[:0], *(self.whole[start:end] for start, end in spans)])
        found = np.empty(int((ends - starts).sum()), dtype)
        at = 0
        for start, end in spans:
            # Runs of one column that is not keyed follow one another without a gap.
            self._fill(found[at : at + end - start], start * dtype.itemsize)
            at += end - start
        return found

    def _write_out(self) -> None:
        """Write the rows in memory to the file as a run."""
        if not self._pending_rows:
            return
        bounds, order = np.array([0, self._pending_rows]), None
        if self._is_keyed:
            part = (np.concatenate(self._pending[0]) >> np.uint64(56)).astype(np.uint8)
            order = np.argsort(part, kind="stable")
            bounds = np.searchsorted(part[order], np.arange(PARTS + 1))
        self._runs.append(_Run(self._written_bytes, bounds))
        self._pending_rows = self._loose = 0
        for pending in self._pending:
            pieces = pending if order is None else [np.concatenate(pending)[order]]
            for piece in pieces:
                self._write(np.ascontiguousarray(piece))
            pending.clear()

    def _write(self, column: Column) -> None:
        folder = self._room.folder
        with held("what does not fit into memory", folder):
            if self._file < 0:
                # Without a name, so that nothing is left of it however the process ends.
                with tempfile.TemporaryFile(dir=folder) as file:
                    self._file = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._file)
            left = column.view(np.uint8).data
            while left:
                written = os.pwrite(self._file, left, self._written_bytes)
                self._written_bytes += written
                left = left[written:]

    def _read(self, target: Column, run: _Run, number: int, first: int) -> None:
        """Fill `target` with rows of a column of a run."""
        before = sum(dtype.itemsize for dtype in self._dtypes[:number])
        self._fill(target, run.offset + run.rows * before + first * self._dtypes[number].itemsize)

    def _fill(self, target: Column, offset: int) -> None:
        """Read from the file until `target` is full."""
        left = target.view(np.uint8).data
        while left:
            read = os.preadv(self._file, [left], offset)
            offset += read
            left = left[read:]
