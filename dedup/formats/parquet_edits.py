"""Editing Parquet: row groups are written anew without dropped rows and cuts, and rebuilt from both parts.

Undo data for file number N are two Parquet files: `N-rows`, the dropped rows as they were, and `N-edits`, a
row for each thing that went: `record`; `start`, its byte offset in the text, or -1 for a dropped row; and
`removed`, the bytes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from dedup.columns import Bytes, Column, Ints
from dedup.errors import InputError
from dedup.formats.digests import Digest, digest_of
from dedup.formats.fields import Fields
from dedup.formats.fields import Path as FieldPath
from dedup.formats.parquet import (
    column_at,
    integers,
    opened,
    reading,
    schema_without_views,
    values_at,
    without_views,
)
from dedup.formats.slabs import NOTHING, FileEdits, misplaced
from dedup.formats.source import InputFile
from dedup.kernels import raw as kernels

WHOLE_ROW = -1
UNDO_COMPRESSION = "zstd"
WOVEN_BYTES = 256 << 20
"""Texts of rows that are put together at once."""
EDITS_SCHEMA = pa.schema(
    [("record", pa.int64()), ("start", pa.int64()), ("removed", pa.large_binary())],
)


class Stripped(NamedTuple):
    """What the manifest says of a Parquet file: digests of the input and its texts, rows of its groups."""

    before: Digest
    text_xxh3: str
    group_rows: list[int]


class TextDigest:
    """A digest over the values of a text column that does not depend on how they are split into arrays."""

    def __init__(self) -> None:
        self._sizes = xxhash.xxh3_128()
        self._data = xxhash.xxh3_128()

    def add(self, texts: pa.Array) -> None:
        """Take the next values, a `large_string` array."""
        column = Column.from_arrow(texts)
        if not texts.null_count:
            self._sizes.update(column.sizes.tobytes())
            self._data.update(column.data[column.offsets[0] : column.offsets[-1]].data)
            return
        is_null = texts.is_null().to_numpy(zero_copy_only=False)
        self._sizes.update(np.where(is_null, -1, column.sizes).tobytes())
        for first, last in _runs(~is_null):
            self._data.update(column.data[column.offsets[first] : column.offsets[last]].data)

    def __str__(self) -> str:
        return self._sizes.hexdigest() + self._data.hexdigest()


def strip(
    file: InputFile, fields: Fields, edits: FileEdits, out: Path, undo: Path | None, proceed: Callable[[], None]
) -> Stripped:
    """Write a Parquet file without what `edits` names.

    Args:
        file: The input.
        fields: Says where the text is.
        edits: The dropped rows, and the cuts in others.
        out: Where the output goes.
        undo: The folder for undo data; None if they are not kept.
        proceed: Called before every row group is written; raises if the run is to end.
    """
    digest = TextDigest()
    with opened(file) as (source, _):
        schema = source.schema_arrow
        path = column_at(schema, fields.text)
        if path is None:
            raise InputError(f"no column {'.'.join(fields.text)!r}", file=file.shown, hint="Run again.")
        _refuse_beyond(file, edits, source.metadata.num_rows)
        groups = [source.metadata.row_group(group).num_rows for group in range(source.num_row_groups)]
        with _writer(out, schema, source) as writer, _UndoWriter(undo, file.index, source) as undo_writer:
            first = 1
            for table in _row_groups(file, source):
                proceed()
                kept = []
                for part in table.to_batches():
                    digest.add(values_at(part, path).cast(pa.large_string()))
                    kept.append(_strip_part(file, part, first, path, edits, undo_writer))
                    first += len(part)
                left = pa.Table.from_batches(kept, table.schema)
                if len(left):
                    writer.write_table(left.cast(schema), row_group_size=len(left))
    with file.open():
        before = digest_of(file.plain())
    return Stripped(before, str(digest), groups)


def rebuild(stripped: Path, index: int, text_field: FieldPath, group_rows: list[int], undo: Path, out: Path) -> str:
    """Write a Parquet file as it was; return the digest of its texts.

    Args:
        stripped: The file without its dropped rows and its cuts.
        index: The number of the file in the corpus.
        text_field: The path of the text.
        group_rows: The rows of each row group of the file as it was.
        undo: The folder of the undo data.
        out: Where the file goes.

    Raises:
        ValueError: The parts do not fit together.
    """
    edits = pq.read_table(_edits_path(undo, index))
    records, starts = (edits.column(name).to_numpy() for name in ("record", "start"))
    removed = edits.column("removed").combine_chunks()
    digest = TextDigest()
    with pq.ParquetFile(stripped) as source, pq.ParquetFile(_rows_path(undo, index)) as dropped:
        schema = source.schema_arrow
        path = column_at(schema, text_field)
        if path is None:
            raise ValueError(f"no column {'.'.join(text_field)!r}")
        kept_groups, dropped_groups = _groups(source), _groups(dropped)
        empty = without_views(schema.empty_table())
        # An output without rows does not say how it was compressed; then the dropped rows do.
        with _writer(out, schema, source if source.num_row_groups else dropped) as writer:
            first = 1
            for rows in group_rows:
                own = slice(*np.searchsorted(records, (first, first + rows)))
                is_row = starts[own] == WHOLE_ROW
                gone = records[own][is_row] - first
                kept = _rows_of(kept_groups, rows - len(gone), empty)
                again = _rows_of(dropped_groups, len(gone), empty)
                is_kept = np.ones(rows, np.bool_)
                is_kept[gone] = False
                cuts = np.flatnonzero(~is_row)
                cut_rows, cut_starts = records[own][cuts] - first, starts[own][cuts]
                table = woven(kept, again, is_kept, path, cut_rows, cut_starts, removed[own].take(integers(cuts)))
                for part in table.to_batches():
                    digest.add(values_at(part, path).cast(pa.large_string()))
                writer.write_table(table.cast(schema), row_group_size=max(1, rows))
                first += rows
    return str(digest)


def _rows_of(groups: Iterator[pa.Table], count: int, empty: pa.Table) -> pa.Table:
    """Return the next so many rows; undo data of one row group are several where its texts are too long for one array.

    Raises ValueError if row groups end elsewhere.
    """
    found = [empty]
    while count > 0:
        found.append(next(groups, empty))
        if not len(found[-1]):
            break
        count -= len(found[-1])
    if count:
        raise ValueError("the row groups have other sizes")
    return pa.concat_tables(found)


def woven(
    kept: pa.Table,
    again: pa.Table,
    is_kept: npt.NDArray[np.bool_],
    path: FieldPath,
    cut_rows: Ints,
    cut_starts: Ints,
    cut_texts: pa.Array,
) -> pa.Table:
    """Put the rows of a row group together again.

    Args:
        kept: Those that stayed.
        again: Those that went.
        is_kept: bool[rows], which of all rows stayed.
        path: Where the text is.
        cut_rows: int64[cuts], the row of each cut among all rows, ascending.
        cut_starts: int64[cuts], its place in the text as it was.
        cut_texts: What it took away.
    """
    sizes = np.empty(len(is_kept), np.int64)
    for which, table in ((is_kept, kept), (~is_kept, again)):
        texts = (values_at(part, path).cast(pa.large_string()) for part in table.to_batches())
        sizes[which] = np.concatenate([NOTHING, *(Column.from_arrow(some).sizes for some in texts)])
    before = np.concatenate(([0], np.cumsum(is_kept)))
    parts = []
    # Arrow takes rows of strings from what it can put into one array, which is 2 GB at most.
    for low, high in itertools.pairwise(
        [0, *(np.flatnonzero(np.diff(np.cumsum(sizes) // WOVEN_BYTES)) + 1), len(sizes)]
    ):
        stayed = kept.slice(before[low], before[high] - before[low])
        went = again.slice(low - before[low], high - low - len(stayed))
        cuts = slice(*np.searchsorted(cut_rows, (low, high)))
        stayed = _with_texts_back(stayed, path, before[cut_rows[cuts]] - before[low], cut_starts[cuts], cut_texts[cuts])
        here = is_kept[low:high]
        order = np.where(here, np.cumsum(here) - 1, len(stayed) + np.cumsum(~here) - 1)
        parts.append(pa.concat_tables([stayed, went]).take(integers(order)))
    return pa.concat_tables(parts)


class _UndoWriter:
    """Writes the undo data of one file, if there is a folder for them."""

    def __init__(self, folder: Path | None, index: int, source: pq.ParquetFile) -> None:
        self._edits: Any = None
        self._rows: Any = None
        if folder is not None:
            self._edits = pq.ParquetWriter(_edits_path(folder, index), EDITS_SCHEMA, compression=UNDO_COMPRESSION)
            self._rows = _writer(_rows_path(folder, index), source.schema_arrow, source)

    def __enter__(self) -> _UndoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._edits is not None:
            self._edits.close()
            self._rows.close()

    def add(self, records: Ints, starts: Ints, removed: pa.Array, rows: pa.RecordBatch) -> None:
        """Note cuts and dropped rows."""
        if self._edits is None:
            return
        if len(records):
            columns = [integers(records), integers(starts), removed]
            self._edits.write_table(pa.Table.from_arrays(columns, schema=EDITS_SCHEMA))
        if len(rows):
            self._rows.write_table(pa.Table.from_batches([rows]).cast(self._rows.schema))


def _row_groups(file: InputFile, source: pq.ParquetFile) -> Iterator[pa.Table]:
    """Yield the rows of each row group; columns that were kept when they were read are not decoded again."""
    kept = file.columns
    with reading(file):
        if kept is None or not kept.is_complete:
            yield from _groups(source)
            return
        schema = schema_without_views(source.schema_arrow)
        own = set(kept.schema.names)
        others = [name for name in schema.names if name not in own]
        first = 1
        for group in range(source.num_row_groups):
            behind = first + source.metadata.row_group(group).num_rows
            columns = kept.table(first, behind)
            rest = without_views(source.read_row_group(group, columns=others))
            found = [(columns if name in own else rest).column(name) for name in schema.names]
            yield pa.Table.from_arrays(found, schema=schema)
            first = behind


def _strip_part(
    file: InputFile, part: pa.RecordBatch, first: int, path: FieldPath, edits: FileEdits, undo: _UndoWriter
) -> pa.RecordBatch:
    """Return some rows, the first of which has the number `first`, without what goes from them."""
    drops = _between(edits.drops, first, len(part))
    cuts = slice(*np.searchsorted(edits.cuts, (first, first + len(part))))
    if not len(drops) and cuts.start == cuts.stop:
        return part
    removed = _pieces(np.zeros(0, np.int64), np.zeros(0, np.uint8))
    dropped = part.take(integers(drops - first))
    if cuts.start < cuts.stop:
        own = FileEdits(drops, edits.cuts[cuts], edits.starts[cuts], edits.ends[cuts])
        part, removed = _cut(file, part, first, path, own)
    records = np.concatenate((edits.cuts[cuts], drops))
    starts = np.concatenate((edits.starts[cuts], np.full(len(drops), WHOLE_ROW)))
    texts = pa.concat_arrays([removed, _pieces(np.zeros(len(drops), np.int64), np.zeros(0, np.uint8))])
    order = np.lexsort((starts, records))
    undo.add(records[order], starts[order], texts.take(integers(order)), dropped)
    is_kept = np.ones(len(part), np.bool_)
    is_kept[drops - first] = False
    return part.take(integers(np.flatnonzero(is_kept)))


def _cut(
    file: InputFile, part: pa.RecordBatch, first: int, path: FieldPath, edits: FileEdits
) -> tuple[pa.RecordBatch, pa.Array]:
    """Take cuts out of the texts; return the rows and what was cut."""
    texts = values_at(part, path).cast(pa.large_string())
    column = Column.from_arrow(texts)
    rows = edits.cuts - first
    base = column.offsets[rows]
    starts, ends = base + edits.starts, base + edits.ends
    if (ends > column.offsets[rows + 1]).any():
        raise misplaced(file, int(edits.cuts[np.argmax(ends > column.offsets[rows + 1])]))
    sizes = ends - starts
    low = int(column.offsets[0])
    data = column.data[low : int(column.offsets[-1])]
    kept, removed = np.empty(len(data) - int(sizes.sum()), np.uint8), np.empty(int(sizes.sum()), np.uint8)
    kernels.take_out(data, starts - low, ends - low, kept, removed)
    lost = np.zeros(len(part), np.int64)
    np.add.at(lost, rows, sizes)
    column_cut = _strings(kept, _offsets(column.sizes - lost), texts)
    return replaced(part, path, column_cut), _pieces(sizes, removed)


def _pieces(sizes: Ints, data: Bytes) -> pa.Array:
    """Make a `large_binary` array of pieces that lie end to end."""
    return pa.Array.from_buffers(
        pa.large_binary(), len(sizes), [None, pa.py_buffer(_offsets(sizes)), pa.py_buffer(data)]
    )


def _with_texts_back(table: pa.Table, path: FieldPath, rows: Ints, starts: Ints, removed: pa.Array) -> pa.Table:
    """Put removed texts back into rows of a table; `rows` ascends, and `starts` in each row."""
    if not len(rows):
        return table
    batch = table.combine_chunks().to_batches()[0]
    texts = values_at(batch, path).cast(pa.large_string())
    column = Column.from_arrow(texts)
    values = list(map(column.row, range(len(column))))
    pieces = removed.to_pylist()
    for row in np.unique(rows).tolist():
        low, high = np.searchsorted(rows, (row, row + 1))
        values[row] = _inserted(values[row], starts[low:high].tolist(), pieces[low:high])
    whole = Column.join(values)
    return pa.Table.from_batches([replaced(batch, path, _strings(whole.data, whole.offsets, texts))])


def _inserted(text: bytes, starts: list[int], pieces: list[bytes]) -> bytes:
    """Insert pieces so that each starts at its offset in the result."""
    parts: list[bytes] = []
    size = position = 0
    for start, piece in zip(starts, pieces, strict=True):
        kept = text[position : position + start - size]
        position += len(kept)
        size = start + len(piece)
        parts += (kept, piece)
    return b"".join((*parts, text[position:]))


def _strings(data: Bytes, offsets: Ints, like: pa.Array) -> pa.Array:
    """Make a `large_string` array, null where `like` is."""
    strings = pa.Array.from_buffers(
        pa.large_string(), len(like), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    )
    if not like.null_count:
        return strings
    return pc.if_else(like.is_valid(), strings, pa.scalar(None, pa.large_string()))


def replaced(part: pa.RecordBatch, path: FieldPath, texts: pa.Array) -> pa.RecordBatch:
    """Put other texts in the place that `path` names; their type becomes that of the old ones."""
    position = part.schema.get_field_index(path[0])
    columns = part.columns
    columns[position] = _nested(columns[position], path[1:], texts)
    return pa.RecordBatch.from_arrays(columns, schema=part.schema)


def _nested(column: pa.Array, path: FieldPath, texts: pa.Array) -> pa.Array:
    if not path:
        return texts.cast(column.type)
    children = [column.field(index) for index in range(column.type.num_fields)]
    inner = column.type.get_field_index(path[0])
    children[inner] = _nested(children[inner], path[1:], texts)
    return pa.StructArray.from_arrays(children, fields=list(column.type), mask=column.is_null())


def _writer(path: Path, schema: pa.Schema, source: pq.ParquetFile) -> pq.ParquetWriter:
    """Open a file for rows of `schema`, compressed like those of `source`."""
    compression: dict[str, str] | str = "snappy"
    if source.num_row_groups:
        group = source.metadata.row_group(0)
        columns = [group.column(index) for index in range(group.num_columns)]
        compression = {column.path_in_schema: _codec(column.compression) for column in columns}
    has_schema = b"ARROW:schema" in (source.metadata.metadata or {})
    # Old files call the elements of a list "item"; not "compliant" means that names stay as they are.
    return pq.ParquetWriter(
        path, schema, compression=compression, store_schema=has_schema, use_compliant_nested_type=False
    )


def _codec(name: str) -> str:
    return "NONE" if name == "UNCOMPRESSED" else name


def _groups(source: pq.ParquetFile) -> Iterator[Any]:
    return (without_views(source.read_row_group(group)) for group in range(source.num_row_groups))


def _between(numbers: Ints, first: int, count: int) -> Ints:
    low, high = np.searchsorted(numbers, (first, first + count))
    return numbers[low:high]


def _offsets(sizes: Ints) -> Ints:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))


def _runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield where runs of true flags start and end."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _refuse_beyond(file: InputFile, edits: FileEdits, rows: int) -> None:
    for records in (edits.drops, edits.cuts):
        if len(records) and records[-1] > rows:
            raise misplaced(file, int(records[-1]))


def _edits_path(folder: Path, index: int) -> Path:
    return folder / f"{index:08d}-edits.parquet"


def _rows_path(folder: Path, index: int) -> Path:
    return folder / f"{index:08d}-rows.parquet"
