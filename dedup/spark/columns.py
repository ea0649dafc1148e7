"""Columns as they travel between tasks: numpy on one side, Arrow that Spark can read on the other.

Spark has no unsigned numbers, so hashes travel as signed ones of the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup.boilerplate import Templates
from dedup.columns import Column
from dedup.policy import Cuts

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

SPAN_FIELDS = len(Cuts._fields) - 1
"""Numbers said of a span; which document it is in is said by the row."""

SPAN_TEMPLATE = Cuts._fields.index("templates") - 1
"""Where among them its template stands."""

NUMBERS = pa.list_(pa.int64())
PLACE = pa.struct([("file", pa.int32()), ("record", pa.int64()), ("id", pa.string()), ("source", pa.string())])

IDENTITY = pa.schema([("file", pa.int32()), ("record", pa.int64())])
EVIDENCE = pa.schema([*IDENTITY, ("source", pa.string()), ("text", pa.binary()), ("digest", pa.int64())])
TEMPLATES = pa.schema(
    [
        ("source", pa.string()), ("keys", pa.int64()), ("kinds", pa.int32()), ("articles", pa.int64()),
        ("documents", pa.int64()), ("often", pa.bool_()), ("rare", pa.bool_()), ("mains", pa.int64()),
        ("similarities", pa.float64()),
    ]
)  # fmt: skip
"""`Templates`, the name of the source in place of its number."""

REFUSED = {"file": -1, "record": -1}
"""`EVIDENCE` of a record that holds no document, and what is `COUNTED` where there is any."""

VERSIONS = pa.schema([*IDENTITY, ("version_file", pa.int32()), ("version_record", pa.int64())])
COUNTED = pa.schema([*TEMPLATES, *VERSIONS])
EDGES = pa.schema([*IDENTITY, ("other_file", pa.int32()), ("other_record", pa.int64()), ("kind", pa.int32())])
"""Two documents that belong together: `BANDED` ones share a band, a `COPY` has the text of the other, a `VERSION` is
one of its article."""
BANDED, COPY, VERSION = range(3)

KEYED = pa.schema(
    [
        ("part", pa.int32()), ("kind", pa.int32()),
        *((name, NUMBERS) for name in ("key", "file", "record", "other_file", "other_record")),
    ]
)  # fmt: skip
"""Documents and the keys by which others meet them in partition `part`; or, without keys, edges that were found."""

NODES = pa.schema(
    [
        *IDENTITY, ("component_file", pa.int32()), ("component_record", pa.int64()), ("is_equal", pa.bool_()),
        ("version_file", pa.int32()), ("version_record", pa.int64()),
    ]
)  # fmt: skip
"""A document that belongs to others: the least of its component; whether its text is equal to that of another one,
which is judged with it; and the one that stands for its article."""
EXAMINED = pa.schema(
    [
        ("id", pa.string()), ("source", pa.string()), ("digest", pa.int64()), ("rank_number", pa.float64()),
        ("rank_text", pa.string()), ("characters", pa.int64()), ("stored", pa.int64()), ("whole", pa.bool_()),
        ("structured", pa.bool_()), ("key", pa.int64()), ("tokens", pa.int64()), ("bands", NUMBERS),
        ("cuts", NUMBERS), ("suspicions", NUMBERS), ("protected", NUMBERS),
    ]
)  # fmt: skip
OUTCOMES = pa.schema(
    [
        *IDENTITY, ("similarity", pa.float64()), ("exact", pa.bool_()), ("crowded", pa.bool_()),
        ("is_copy", pa.bool_()), ("share", pa.float64()), ("keeper", PLACE), ("nearest", PLACE), ("holder", PLACE),
        ("candidates", pa.int64()), ("compared", pa.int64()), ("similarities", pa.list_(pa.float64())),
    ]
)  # fmt: skip
"""What happens to a document; with the keepers of the largest clusters, how similar those are that went for them."""

TOLD = pa.schema([("what", pa.int32()), ("lines", pa.binary())])
"""What is told of documents: the `row` of one that is `KEPT` or `DROPPED`, which a table of the input's type has beside
these columns, or where documents are lines, `lines` of them; `LINES` of decisions.jsonl; lines of what was `TAKEN` out
of others; and `NOTED` for the report, as `NOTES` says."""
KEPT, DROPPED, LINES, TAKEN, NOTED = range(5)
SEALED = (KEPT, DROPPED, LINES, TAKEN)

NOTES = pa.schema(
    [
        ("what", pa.int32()), *IDENTITY, ("source", pa.string()), ("counts", NUMBERS), ("template", pa.string()),
        ("at", pa.struct([("is_other", pa.bool_()), *IDENTITY])), ("text", pa.string()), ("keeper", PLACE),
        ("similarities", pa.list_(pa.float64())),
    ]
)  # fmt: skip
"""What is `COUNTED_UP` over the documents of one `source`, or without one over all; the text of a template, in its main
wording or another, and where it stands (`at`); a `CLUSTER` of many, and where its keeper is; and the `SEAL` of all
lines of one kind (`record`) that a partition (`file`) tells, their digest in `text` and `counts`."""
COUNTED_UP, CLUSTER, SEAL = range(3)


def batch(schema: pa.Schema, **columns: Any) -> pa.RecordBatch:
    """Make a record batch; columns that are not given are null."""
    rows = len(next(iter(columns.values())))
    arrays = [_array(columns.get(field.name), field.type, rows) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if values is None:
        return pa.nulls(rows, kind)
    if isinstance(values, Column):
        texts = values.to_arrow()
        return (texts.view(pa.large_binary()) if kind == pa.binary() else texts).cast(kind)
    if isinstance(values, np.ndarray) and values.dtype == np.uint64:
        values = values.view(np.int64)
    if isinstance(values, pa.Array):
        return values.cast(kind)
    return pa.array(values, kind)


def numbers(handed: pa.RecordBatch, name: str, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
    """Return a column without nulls; `uint64` gives the bits of a signed one."""
    values = handed.column(name).to_numpy(zero_copy_only=False)
    return np.asarray(values.view(np.uint64) if dtype == np.uint64 else values.astype(dtype, copy=False))


def texts(handed: pa.RecordBatch, name: str) -> Column:
    """Return a column of strings or bytes."""
    values = handed.column(name)
    return Column.from_arrow(pa.concat_arrays([values.cast(pa.large_binary())]))


def table_of(handed: pa.RecordBatch, name: str) -> Ints:
    """Return a column of lists of equal lengths as a table: int64[rows, length]."""
    values = handed.column(name)
    flat = values.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat.reshape(len(values), -1) if len(values) else flat.reshape(0, 0))


def lists(table: npt.NDArray[Any]) -> pa.ListArray:
    """Return the rows of a table as lists."""
    rows, width = table.shape
    flat = np.ascontiguousarray(table).view(np.int64).ravel()
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(width)), pa.array(flat))


def span_lists(cuts: Cuts, documents: int) -> pa.ListArray:
    """Return the spans of each document as one list of numbers."""
    counts = np.bincount(cuts.documents, minlength=documents) * SPAN_FIELDS
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.stack(cuts[1:], axis=1).ravel()))


def spans(handed: pa.RecordBatch, name: str) -> Cuts:
    """Return what `span_lists` made."""
    values = handed.column(name)
    counts = values.value_lengths().to_numpy(zero_copy_only=False) // SPAN_FIELDS
    columns = values.flatten().to_numpy(zero_copy_only=False).reshape(-1, SPAN_FIELDS).T
    documents = np.repeat(np.arange(len(values)), counts)
    return Cuts(documents, *(np.ascontiguousarray(column) for column in columns))


def of_templates(templates: Templates, source_names: list[str]) -> pa.RecordBatch:
    """Return templates as rows."""
    columns = templates._asdict()
    columns["source"] = [source_names[number] for number in columns.pop("sources").tolist()]
    return batch(COUNTED, **columns)


def templates_of(rows: pa.Table, source_names: list[str]) -> Templates:
    """Return what `of_templates` made, with sources numbered as in `source_names`."""
    numbered = {name: number for number, name in enumerate(source_names)}
    dtypes = {name: column.dtype for name, column in Templates.none()._asdict().items()}
    columns: dict[str, Any] = {
        name: np.array([numbered[source] for source in rows["source"].to_pylist()], np.int64)
        if name == "sources"
        else _typed(rows[name].to_numpy(), dtype)
        for name, dtype in dtypes.items()
    }
    return Templates.join([Templates(**columns)])


def _typed(values: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return values.view(np.uint64) if dtype == np.uint64 else values.astype(dtype)
