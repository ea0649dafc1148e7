"""Rows of tables that follow one another, taken from the front."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa


class RowsInTurn:
    """Rows that come in batches, and go in any number.

    >>> rows = RowsInTurn([pa.record_batch({"n": [1, 2]}), pa.record_batch({"n": [3]})], pa.schema({"n": pa.int64()}))
    >>> [rows.take(count).column("n").to_pylist() for count in (0, 1, 5)]
    [[], [1], [2, 3]]
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        self._batches = iter(batches)
        self._rest = schema.empty_table()

    def take(self, count: int) -> pa.Table:
        """Return the next rows, fewer if there are no more."""
        found, size = [self._rest], len(self._rest)
        while size < count and (batch := next(self._batches, None)) is not None:
            found.append(pa.Table.from_batches([batch]))
            size += len(batch)
        rows = pa.concat_tables(found)
        self._rest = rows.slice(count)
        return rows.slice(0, count)

    def is_empty(self) -> bool:
        """Say whether all rows were taken."""
        return len(self.take(1)) == 0
