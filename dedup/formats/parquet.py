"""Parquet: a row is a document; only the columns that matter are decoded, once, a piece of a row group at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dedup.columns import Bytes, Column, Ints
from dedup.errors import InputError
from dedup.formats.compression import bomb, most_plain_bytes
from dedup.formats.fields import Fields, Path, id_text, rank_of
from dedup.formats.json_faults import NAME_THE_FIELD, listed
from dedup.formats.parquet_columns import KeptColumns, Rows, can_be_kept
from dedup.formats.parquet_pages import Weights, start_of, weigh
from dedup.formats.sites import Site, Way, named_all, source_of
from dedup.formats.source import InputFile, Reject, Rejected
from dedup.model import Batch
from dedup.parallel import in_order

BATCH_BYTES = 8 << 20


def read(file: InputFile, fields: Fields, wanted: Ints | None, reject: Reject, *, workers: int = 1) -> Iterator[Batch]:
    """Yield the documents of a Parquet file; see `jsonl.read` for the arguments."""

    def parse(part: pa.RecordBatch, numbers: Ints) -> Batch:
        return documents_of(file, part, numbers, fields, reject)

    with opened(file) as (source, weights), reading(file):
        if file.columns is not None and file.columns.is_complete:
            parts = file.columns.parts(wanted)
        else:
            columns = _columns(file, source.schema_arrow, fields)
            parts = _decoded(source, weights, columns, wanted, use_threads=workers > 1)
            if wanted is None and file.decoded is not None and can_be_kept(source.schema_arrow, columns):
                file.columns = KeptColumns(file.decoded)
                parts = file.columns.filled(parts, source.metadata.num_rows, file.shown)
        yield from filter(len, in_order(parse, _among(parts, wanted), workers))


@contextlib.contextmanager
def opened(file: InputFile) -> Iterator[tuple[pq.ParquetFile, Weights]]:
    """Open a Parquet file; yield it with what comes out of its pages, which is no more than may."""
    with file.open() as handle:
        with reading(file):
            source = pq.ParquetFile(handle)
            _refuse_lies(source.metadata, os.fstat(handle.fileno()).st_size)
            weights = file.weights or weigh(handle, source.metadata)
            # Counted once, since a file that changes between two passes is refused.
            if file.weights is None and weights.exceed(most_plain_bytes(handle, file.max_expansion), handle):
                raise bomb(file.shown, file.max_expansion)
            file.weights = weights
        yield source, weights


def _refuse_lies(metadata: pq.FileMetaData, file_bytes: int) -> None:
    """Raise ArrowInvalid for a footer that cannot be true: room is made for what it says before anything is read."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    rows = [group.num_rows for group in groups]
    if min(rows, default=0) < 0 or sum(rows) != metadata.num_rows:
        raise pa.ArrowInvalid("the row groups do not have as many rows as the file")
    for group in groups:
        for column in map(group.column, range(group.num_columns)):
            start = start_of(column)
            is_inside = 0 <= start <= start + column.total_compressed_size <= file_bytes
            if not is_inside or column.total_uncompressed_size < 0 or column.num_values < 0:
                raise pa.ArrowInvalid(f"column {column.path_in_schema!r} is said to lie outside the file")


@contextlib.contextmanager
def reading(file: InputFile) -> Iterator[None]:
    """Turn what Arrow says about damage in a file into an InputError."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise InputError(f"cannot be read as Parquet: {reason}", file=file.shown, hint="Fetch it again.") from None


def column_at(table: pa.Table | pa.RecordBatch | pa.Schema, path: Path) -> Path | None:
    """Tell how a path leads through a table: a column of that name, else structs; None if it does not."""
    schema = table if isinstance(table, pa.Schema) else table.schema
    whole = (".".join(path),)
    if whole[0] in schema.names:
        return whole
    if path[0] not in schema.names:
        return None
    kind = schema.field(path[0]).type
    for name in path[1:]:
        if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            return None
        kind = kind.field(name).type
    return path


def values_at(table: pa.Table | pa.RecordBatch, path: Path) -> Any:
    """Return the array at a path that `column_at` found; null where an object around it is."""
    column = table.column(path[0])
    for name in path[1:]:
        column = pc.struct_field(column, name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def without_views(rows: Any) -> Any:
    """Cast columns of a table or batch that are views, whose rows Arrow cannot select, to what they are views of."""
    return rows.cast(schema_without_views(rows.schema))


def schema_without_views(schema: pa.Schema) -> pa.Schema:
    """Return what `without_views` casts to."""
    return pa.schema([_without_view(field) for field in schema], schema.metadata)


def _without_view(field: pa.Field) -> pa.Field:
    if pa.types.is_string_view(field.type):
        return field.with_type(pa.large_string())
    if pa.types.is_binary_view(field.type):
        return field.with_type(pa.large_binary())
    if pa.types.is_struct(field.type):
        return field.with_type(pa.struct([_without_view(child) for child in field.type]))
    return field


def integers(numbers: Ints) -> pa.Array:
    """View numbers as an Arrow array (no copy): `pa.array` would import pandas, if it is there, which takes 0.2 s."""
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds strings, dictionary-encoded ones included."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _between(numbers: Ints, first: int, count: int) -> Ints:
    low, high = np.searchsorted(numbers, (first, first + count))
    return numbers[low:high]


def _columns(file: InputFile, schema: pa.Schema, fields: Fields) -> list[str]:
    """Return the columns to read; raises if there is no text among them."""
    text = column_at(schema, fields.text)
    name = ".".join(fields.text)
    if text is None:
        message = f"no column {name!r} (it has: {listed(schema.names)})"
        raise InputError(message, file=file.shown, hint=NAME_THE_FIELD)
    kind = schema.field(text[0]).type
    for part in text[1:]:
        kind = kind.field(part).type
    if not is_text(kind):
        raise InputError(f"column {name!r} is of type {kind}, not string", file=file.shown, hint=NAME_THE_FIELD)
    found = [text, *(column_at(schema, path) for path in fields.optional())]
    return list(dict.fromkeys(path[0] for path in found if path is not None))


def _decoded(
    source: pq.ParquetFile, weights: Weights, columns: list[str], wanted: Ints | None, *, use_threads: bool
) -> Iterator[Rows]:
    """Yield the rows of those row groups that hold wanted ones, a piece of a row group at a time."""
    first = 1
    for group in range(source.num_row_groups):
        metadata = source.metadata.row_group(group)
        behind = first + metadata.num_rows
        if wanted is None or len(_between(wanted, first, metadata.num_rows)):
            mean_bytes = max(0, metadata.total_byte_size) // max(1, metadata.num_rows) + 1
            batch_rows = max(1, min(BATCH_BYTES // mean_bytes, weights.rows_at_once(group, columns)))
            for part in source.iter_batches(batch_rows, row_groups=[group], columns=columns, use_threads=use_threads):
                yield Rows(first, without_views(part))
                first += len(part)
        first = behind


def _among(parts: Iterator[Rows], wanted: Ints | None) -> Iterator[tuple[pa.RecordBatch, Ints]]:
    """Yield the wanted rows with their numbers."""
    for first, part in parts:
        if wanted is None:
            yield part, np.arange(first, first + len(part))
        elif len(numbers := _between(wanted, first, len(part))):
            yield part if len(numbers) == len(part) else part.take(integers(numbers - first)), numbers


def documents_of(file: InputFile, part: pa.RecordBatch, numbers: Ints, fields: Fields, reject: Reject) -> Batch:
    """Turn rows into documents; `numbers` are those of the rows, `reject` takes the rows without a text."""
    texts = values_at(part, column_at(part, fields.text) or fields.text).cast(pa.large_string())
    if texts.null_count:
        nulls = texts.is_null()
        for number in numbers[nulls.to_numpy(zero_copy_only=False)].tolist():
            message = f"column {'.'.join(fields.text)!r} is null, not a string"
            reject(Rejected(file.index, number, number, message, "Pass over such rows with --on-error skip.", 0, 0))
        keep = pc.invert(nulls)
        part, texts, numbers = (
            part.filter(keep),
            texts.filter(keep),
            numbers[keep.to_numpy(zero_copy_only=False)],
        )
    texts.validate(full=True)

    sources, ways = _sources(part, fields, file.site)
    return Batch(
        files=np.full(len(part), file.index, np.int32),
        records=numbers,
        texts=(column := Column.from_arrow(texts)),
        digests=column.digests(),
        ids=_ids(part, fields, file.name, numbers),
        sources=sources,
        ways=ways,
        ranks=None if fields.rank is None else [rank_of(value) for value in _values(part, fields.rank)],
    )


def _values(part: pa.RecordBatch, path: Path | None) -> list[Any]:
    """Return the values at a path, one a row; None where there are none."""
    at = None if path is None else column_at(part, path)
    return [None] * len(part) if at is None else list(values_at(part, at).to_pylist())


def _strings(part: pa.RecordBatch, path: Path) -> Column | None:
    """Return the strings at a path as they are; None if not every row has one."""
    at = column_at(part, path)
    if at is None:
        return None
    strings = values_at(part, at)
    if strings.null_count or not is_text(strings.type):
        return None
    strings = strings.cast(pa.large_string())
    strings.validate(full=True)
    return Column.from_arrow(strings)


def _ids(part: pa.RecordBatch, fields: Fields, name: str, numbers: Ints) -> Column:
    ids = _strings(part, fields.id)
    if ids is not None:
        return ids
    return Column.of(
        f"{name}:{number}" if (text := id_text(value)) is None else text
        for value, number in zip(_values(part, fields.id), numbers.tolist(), strict=True)
    )


def _sources(part: pa.RecordBatch, fields: Fields, otherwise: Site) -> tuple[Column, Bytes]:
    """Return the source of each row, and how it was found."""
    sources = _strings(part, fields.sources[0])
    if sources is not None and (sources.sizes > 0).all():
        return named_all(sources), np.full(len(part), Way.FIELD, np.uint8)
    values = zip(*(_values(part, path) for path in fields.sources), strict=True)
    urls = _values(part, fields.url)
    found = [source_of(row, url, otherwise) for row, url in zip(values, urls, strict=True)]
    return Column.of(site.name for site in found), np.array([site.way for site in found], np.uint8)
