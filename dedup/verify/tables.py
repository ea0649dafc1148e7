"""Parquet files compared value by value, row by row where that is not enough to tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dedup.formats.fields import Path
from dedup.formats.parquet_rows import RowsInTurn
from dedup.model import Span
from dedup.verify.claims import without

BATCH_ROWS = 4_096


def differing_row(
    before: pq.ParquetFile, after: pq.ParquetFile, path: Path, gone: set[int], cuts: dict[int, list[Span]]
) -> tuple[int, str] | None:
    """Find the first row of a table that is not what it should be in another one.

    Args:
        before: The table as it was.
        after: What is left of it.
        path: Leads to the text, as `column_at` found it.
        gone: The rows that should be gone, counted from 1.
        cuts: By row, the spans that should be gone from its text.

    Returns:
        The row, 0 for the whole table, and what is wrong with it; None if nothing is.
    """
    if not before.schema_arrow.equals(after.schema_arrow):
        return 0, "has other columns in the output"
    left = RowsInTurn(after.iter_batches(BATCH_ROWS), after.schema_arrow)
    first = 1
    for batch in before.iter_batches(BATCH_ROWS):
        numbers = np.array([n for n in range(first, first + len(batch)) if n not in gone], np.int64)
        kept = _rows(pa.Table.from_batches([batch]), numbers - first)
        found = left.take(len(kept))
        for row, number in enumerate(numbers.tolist()):
            if row == len(found):
                return number, "is missing from the output"
        differs = _first_difference(
            kept, found, path, {row: cuts[n] for row, n in enumerate(numbers.tolist()) if n in cuts}
        )
        if differs is not None:
            return int(numbers[differs]), "is not in the output what its decisions leave of it"
        first += len(batch)
    return None if left.is_empty() else (0, "has more rows in the output than stay")


def _rows(table: pa.Table, rows: npt.NDArray[np.int64]) -> pa.Table:
    """Return some ascending rows, as slices: Arrow can slice columns of every type, but not take from all."""
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []
    return pa.concat_tables([table.slice(0, 0), *(table.slice(int(run[0]), len(run)) for run in runs)])


def _first_difference(before: pa.Table, after: pa.Table, path: Path, cuts: dict[int, list[Span]]) -> int | None:
    """Return the first row in which two tables of as many rows differ, the cuts aside."""
    (texts, *others), (cut_texts, *cut_others) = (list(_columns(table, path)) for table in (before, after))
    found = [_difference(column, other) for column, other in zip(others, cut_others, strict=True)]
    left = cut_texts.to_pylist()
    for row, text in enumerate(texts.to_pylist()):
        if left[row] != (without(text, cuts[row]) if row in cuts else text):
            found.append(row)
            break
    return min((row for row in found if row is not None), default=None)


def _columns(table: pa.Table, path: Path) -> Iterator[Any]:
    """Yield the column of the text, then every other one, those in the objects around it by themselves."""
    others = [table.column(name) for name in table.column_names if name != path[0]]
    column = table.column(path[0])
    for name in path[1:]:
        fields = [column.type.field(position).name for position in range(column.type.num_fields)]
        others.append(column.is_null())
        others += [pc.struct_field(column, field) for field in fields if field != name]
        column = pc.struct_field(column, name)
    yield column
    yield from others


def _difference(before: pa.ChunkedArray, after: pa.ChunkedArray) -> int | None:
    """Return the first row in which two columns differ; a NaN is equal to itself here."""
    if before.equals(after):
        return None
    pairs = zip(before, after, strict=True)
    return next((row for row, (one, other) in enumerate(pairs) if not _is_same(one, other)), None)


def _is_same(one: pa.Scalar, other: pa.Scalar) -> bool:
    """Tell whether two values of one type are equal, NaN to itself, without what Python cannot hold: nanoseconds."""
    if one.equals(other):
        return True
    if not (one.is_valid and other.is_valid):
        return False
    kind = one.type
    if pa.types.is_floating(kind):
        return math.isnan(one.as_py()) and math.isnan(other.as_py())
    if pa.types.is_dictionary(kind):
        return _is_same(one.value, other.value)
    if not pa.types.is_nested(kind):
        return False
    parts, others = ((value.values() if pa.types.is_struct(kind) else value.values) for value in (one, other))
    return len(parts) == len(others) and all(_is_same(*pair) for pair in zip(parts, others, strict=True))
