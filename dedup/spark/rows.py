"""Rows of what was found, as the engine keeps documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup.config import Config
from dedup.plan import Documents
from dedup.spark import columns

Ints = npt.NDArray[np.int64]


def identity(rows: pa.RecordBatch) -> tuple[npt.NDArray[np.int32], Ints]:
    """Return the files and the records of some rows."""
    return columns.numbers(rows, "file", np.int32), columns.numbers(rows, "record")


def filled(rows: pa.RecordBatch, name: str, value: Any) -> npt.NDArray[Any]:
    """Return a column with a value in place of nulls."""
    return np.asarray(rows.column(name).fill_null(value).to_numpy(zero_copy_only=False))


def documents_of(rows: pa.RecordBatch, config: Config, files: npt.NDArray[np.int32], records: Ints) -> Documents:
    """Return examined rows as the engine keeps documents."""
    names, sources = np.unique(np.array(rows.column("source").to_pylist(), object), return_inverse=True)
    ranks = None
    if config.keep[:4] in ("max:", "min:"):
        pairs = zip(rows.column("rank_number").to_pylist(), rows.column("rank_text").to_pylist(), strict=True)
        ranks = [text if number is None else number for number, text in pairs]
    return Documents(
        files=files,
        records=records,
        ids=columns.texts(rows, "id"),
        sources=sources.astype(np.int64),
        source_names=list(names),
        digests=columns.numbers(rows, "digest", np.uint64),
        ranks=ranks,
        characters=columns.numbers(rows, "characters"),
        stored=columns.numbers(rows, "stored"),
        whole=columns.numbers(rows, "whole", np.bool_),
        structured=columns.numbers(rows, "structured", np.bool_),
        keys=columns.numbers(rows, "key", np.uint64),
        tokens=columns.numbers(rows, "tokens"),
    )


def with_outcomes(handed: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield documents with what happens to them beside what was found in them, given one row behind the other."""
    held = None
    for rows in filter(len, handed):
        if held is not None:
            rows = pa.concat_batches([held, rows.select(held.schema.names)])
        # The outcome of the last document may be in the next batch.
        end = rows.num_rows - (0 if filled(rows, "is_outcome", False)[-1] else 1)
        held = rows.slice(end)
        if end > 0:
            yield _beside(rows.slice(0, end))
    if held is not None and held.num_rows:
        yield _beside(held)


def _beside(rows: pa.RecordBatch) -> pa.RecordBatch:
    is_outcome = filled(rows, "is_outcome", False)
    documents, outcomes = np.flatnonzero(~is_outcome), np.flatnonzero(is_outcome)
    at = np.full(len(documents), -1)
    at[np.searchsorted(documents, outcomes) - 1] = outcomes
    own, told = pa.array(documents), pa.array(at, mask=at < 0)
    names = [name for name in rows.schema.names if name != "is_outcome"]
    of_outcomes = set(columns.OUTCOMES.names[len(columns.IDENTITY) :])
    return pa.RecordBatch.from_arrays(
        [rows.column(name).take(told if name in of_outcomes else own) for name in names], names=names
    )
