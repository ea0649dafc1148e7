"""JSON Lines and Parquet, at any path that Spark reads, as pieces of the input.

What identifies a document is where it is, which every attempt at a task sees alike: the position of its file in the
list of inputs, and the number of its line or row there. Lines are counted first, piece by piece. Plain files of lines
that executors can open are read by them, again whenever their documents are needed; all others Spark reads once, and
keeps their pieces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import RDD, SparkContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as sql
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import DataType, StringType, StructType

from dedup.columns import Column as Ended
from dedup.config import Config
from dedup.errors import InputError, UsageError
from dedup.formats.fields import Fields
from dedup.formats.json_faults import NAME_THE_FIELD, listed
from dedup.formats.names import Form, compression_of, form_of, kind_named
from dedup.formats.slabs import BOM
from dedup.parts import Lines as FileLines
from dedup.spark.frames import table_pieces
from dedup.spark.numbering import Placed, first_lines, numbered
from dedup.spark.pieces import Carrier, LinePiece, Lines, Origin, Piece, Rows
from dedup.spark.storage import LOCAL, SLASHES, Storage, Stored, literal, with_one_slash
from dedup.staging import SIDECAR_SUFFIX
from dedup.versions import differs

KINDS = ("jsonl", "parquet")
COMPRESSIONS = ("", "gzip", "bzip2")
"""What Hadoop reads without further libraries."""

PIECE_BYTES = 8 << 20
"""Of a file of lines, what is read at once."""

MOST_PIECES = 1_000_000
"""About so many pieces the driver can name; of very large inputs they are larger."""

DRIVER_BYTES = 1 << 30
"""In an input of so many bytes the driver counts lines, while the executors start."""


class Input(NamedTuple):
    """The input of a run.

    Attributes:
        kind: `jsonl` or `parquet`.
        pieces: What is worked on.
        total: How many pieces there are.
        carrier: Reads them.
        files: What is known of each file.
        schema: The columns of a table.
    """

    kind: str
    pieces: RDD[Piece]
    total: int
    carrier: Carrier
    files: list[FileLines]
    schema: StructType | None = None


class Inputs(NamedTuple):
    """The input files in order, all of one kind."""

    kind: str
    files: list[Stored]
    origins: list[Origin]

    def shown(self, index: int) -> str:
        """Return how messages name a file."""
        return self.files[index].path


def find(storage: Storage, inputs: Sequence[str], format_name: str | None) -> Inputs:
    """Return the files that inputs stand for: as named, and inside a folder by the bytes of their relative names."""
    kind = None if format_name is None else kind_named(format_name)
    files, names, forms = [], [], []
    for name in inputs:
        for file in sorted(storage.files(name), key=lambda file: file.path.encode()):
            inner = file.path.removeprefix(file.root).removeprefix("/")
            if SIDECAR_SUFFIX in {part[part.rfind(".") :] for part in inner.split("/") if "." in part}:
                continue
            form = _form(file, kind)
            if form is None and inner:
                continue
            files.append(file)
            names.append((inner, file))
            forms.append(form)
    _refuse(inputs, files, forms)
    return Inputs(forms[0].kind if forms[0] else "", files, _origins(names))


def _form(file: Stored, kind: str | None) -> Form | None:
    return Form.of(kind, compression_of(file.path)) if kind else form_of(file.path.rpartition("/")[2])


def _refuse(inputs: Sequence[str], files: list[Stored], forms: Sequence[Form | None]) -> None:
    if not files:
        raise InputError("holds no file of a known format", file=inputs[0], hint="Spark reads .jsonl and .parquet.")
    for file, form in zip(files, forms, strict=True):
        if form is None or form.kind not in KINDS or form.extracted or form.compression not in COMPRESSIONS:
            raise UsageError(
                "is not what --engine spark reads",
                file=file.path,
                hint="It reads JSON Lines, also as .gz and .bz2, and Parquet; name others to the local engine.",
            )
        if forms[0] is None or form.kind != forms[0].kind:
            raise UsageError(
                f"is {form.kind}, but {files[0].path} is not", file=file.path, hint="Clean them one after the other."
            )
        if file.path == file.root and file.path.rpartition("/")[2].startswith((".", "_")):
            raise UsageError("is hidden, so Spark passes over it", file=file.path, hint="Rename it.")
    for path, count in Counter(file.path for file in files).items():
        if count > 1:
            raise UsageError("is an input twice", file=path, hint="Name it once.")


def _origins(names: list[tuple[str, Stored]]) -> list[Origin]:
    """Return what decisions call the files, as the local engine does: relative to the folder that was named."""
    short = [inner or file.path.rpartition("/")[2] for inner, file in names]
    folders = [inner.rpartition("/")[0] for inner, _ in names]
    if len(set(short)) < len(short):
        roots = [(file.root if inner else file.root.rpartition("/")[0]).rpartition("/")[2] for inner, file in names]
        short = [f"{root}/{name}" for root, name in zip(roots, short, strict=True)]
    twice = [name for name, count in Counter(short).items() if count > 1]
    if twice:
        raise UsageError(f"two inputs would both be called {twice[0]!r}", hint="Name a folder above both of them.")
    return [Origin(name, folder) for name, folder in zip(short, folders, strict=True)]


def read(context: SparkContext, found: Inputs, config: Config, slices: int) -> Input:
    """Open the input, in about so many partitions.

    Raises:
        InputError: There is no record, or in Parquet one without a text, the first of which is named.
    """
    if found.kind == "parquet":
        return _rows(_session(slices), found, config, slices)
    is_plain = all(file.path.startswith(LOCAL) and not compression_of(file.path) for file in found.files)
    return (_local_lines(context, found, slices) if is_plain else _lines(found, slices)).input(config, found)


def _session(slices: int) -> SparkSession:
    """Return the session, which reads files in so many partitions where nobody said otherwise."""
    session, name = SparkSession.builder.getOrCreate(), "spark.sql.files.minPartitionNum"
    if name not in session.conf.getAll:
        session.conf.set(name, str(slices))
    return session


class _LinePieces(NamedTuple):
    """Pieces of files of lines.

    Attributes:
        pieces: The pieces.
        places: Of each, in order, its place, which begins with the file; its lines, and how long they are, each with
            its newline.
    """

    pieces: RDD[Piece]
    places: list[tuple[tuple[Any, ...], int, int]]

    def input(self, config: Config, found: Inputs) -> Input:
        """Say what was read of each file; raises InputError if that is not all of it."""
        lines: Counter[int] = Counter()
        sizes: Counter[int] = Counter()
        for (file, *_), count, size in self.places:
            lines[file] += count
            sizes[file] += size
        if not self.places:
            raise no_documents()
        read = [_read_whole(found, file, lines[file], sizes[file]) for file in range(len(found.files))]
        return Input("jsonl", self.pieces, len(self.places), Lines(config, found.origins), read)


def _local_lines(context: SparkContext, found: Inputs, slices: int) -> _LinePieces:
    total = sum(file.size for file in found.files)
    step = min(max(PIECE_BYTES, total // MOST_PIECES), max(-(-total // slices), 1))
    ranges = [
        (index, file.path.removeprefix(LOCAL), start, min(start + step, file.size))
        for index, file in enumerate(found.files)
        for start in range(0, file.size, step)
    ]
    try:
        if total <= DRIVER_BYTES:
            surveyed = list(_surveyed(ranges))
        else:
            surveyed = context.parallelize(ranges, slices).mapPartitions(_surveyed).collect()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", file=str(error.filename), hint="Check its permissions."
        ) from None
    firsts = first_lines((piece.file, count) for piece, count, _ in surveyed)
    pieces: list[Piece] = [
        piece._replace(number=number, first=first)
        for number, ((piece, *_), first) in enumerate(zip(surveyed, firsts, strict=True))
    ]
    places = [((piece.file, piece.start), count, size) for piece, count, size in surveyed]
    return _LinePieces(context.parallelize(pieces, slices), places)


def _surveyed(ranges: Iterable[tuple[int, str, int, int]]) -> Iterator[tuple[LinePiece, int, int]]:
    """Yield the lines that begin in each range of a file, as a piece, with how many they are, and their bytes.

    A byte order mark counts for nothing.
    """
    for index, path, low, high in ranges:
        with Path(path).open("rb") as file:
            start, end = _next_line(file, low), _next_line(file, high)
            if start == end:
                continue
            file.seek(start)
            data = file.read(end - start)
            more = not data.endswith(b"\n")
            size = len(data) - (len(BOM) if start == 0 and data.startswith(BOM) else 0)
            yield LinePiece(-1, index, 0, path, start, end), data.count(b"\n") + more, size + more


def _next_line(file: BinaryIO, at: int) -> int:
    """Return where the first line begins that does so at a place or behind it."""
    if at == 0:
        return 0
    file.seek(at - 1)
    file.readline()
    return file.tell()


def _lines(found: Inputs, slices: int) -> _LinePieces:
    whole = _session(slices).read.option("lineSep", "\n").text([literal(file.path) for file in found.files])
    lines = whole.select(
        sql.col("_metadata.file_path").alias("uri"),
        sql.col("_metadata.file_block_start").alias("block"),
        sql.col("value").cast("binary").alias("line"),
    )
    files = {file.uri: index for index, file in enumerate(found.files)}
    pieces = lines.mapInArrow(lambda handed: _packed(handed, files), from_arrow_schema(PACKED)).rdd

    def placed(one: Any) -> Placed:
        piece = LinePiece(-1, one.file, 0, data=bytes(one.data))
        return Placed((one.file, one.block, one.part), one.lines, len(piece.data), piece)

    return _LinePieces(*numbered(pieces.map(placed), slices))


PACKED = pa.schema(
    [
        ("file", pa.int32()), ("block", pa.int64()), ("part", pa.int32()), ("lines", pa.int64()), ("data", pa.binary()),
    ]
)  # fmt: skip
"""Lines of one block of a file, which one task reads: where the block starts, and which part of its lines they are."""

NO_BYTES, NEWLINE = (pa.scalar(data, pa.large_binary()) for data in (b"", b"\n"))


def _packed(handed: Iterable[pa.RecordBatch], files: dict[str, int]) -> Iterator[pa.RecordBatch]:
    """Yield lines, which come block by block and in order, a batch's worth of those of a block in one row."""
    seen: Counter[tuple[int, int]] = Counter()
    for rows in handed:
        told = []
        for uri, block, lines in _by_block(rows):
            place = files[with_one_slash(uri)], block
            ended = Ended.from_arrow(pc.binary_join_element_wise(lines.cast(pa.large_binary()), NO_BYTES, NEWLINE))
            data = ended.data[ended.offsets[0] : ended.offsets[-1]].tobytes()
            told.append([*place, seen[place], len(lines), data])
            seen[place] += 1
        yield pa.RecordBatch.from_pylist([dict(zip(PACKED.names, row, strict=True)) for row in told], schema=PACKED)


def _by_block(rows: pa.RecordBatch) -> Iterator[tuple[str, int, pa.Array]]:
    """Yield runs of lines of one block."""
    uris, starts = rows.column("uri"), rows.column("block").to_numpy()
    is_new = differs(uris.dictionary_encode().indices.to_numpy()) | differs(starts)
    for start, end in pairwise([*np.flatnonzero(is_new).tolist(), rows.num_rows]):
        yield uris[start].as_py(), int(starts[start]), rows.column("line").slice(start, end - start)


def no_documents() -> InputError:
    """Say that there is nothing to clean."""
    return InputError("there is not a single document in the input", hint="Check the path.")


def _read_whole(found: Inputs, index: int, lines: int, size: int) -> FileLines:
    """Say what was read of a file, each line with a newline; raises InputError if that is not all of it."""
    file, compression = found.files[index], compression_of(found.files[index].path)
    # How long a compressed file is nobody knows; a newline at its end is taken for granted.
    is_ended = bool(compression) or size == file.size
    if not is_ended and size != file.size + 1:
        raise _unlike(file, size)
    return FileLines(found.origins[index].name, lines, compression, is_ended, 0 if compression else file.size)


def _unlike(file: Stored, size: int) -> InputError:
    return InputError(
        f"{size:,} bytes of {file.size:,} are lines",
        file=file.path,
        hint="Remove the byte order mark at its start, if it has one, or run again when nothing writes to it.",
    )


def _rows(spark: SparkSession, found: Inputs, config: Config, slices: int) -> Input:
    # Of files with other columns, those that the first does not have would be lost.
    whole = spark.read.option("mergeSchema", "true").parquet(*(literal(file.path) for file in found.files))
    text = _text_column(whole.schema, config, found)
    files = pa.table({"uri": [file.uri for file in found.files], "file": pa.array(range(len(found.files)), pa.int32())})
    row = sql.struct(*(sql.col(f"`{name}`") for name in whole.columns)).alias("row")
    uri = sql.regexp_replace("_metadata.file_path", SLASHES, "$1:/").alias("uri")
    placed = whole.select(uri, (sql.col("_metadata.row_index") + 1).alias("record"), row)
    frame = placed.join(sql.broadcast(spark.createDataFrame(files)), "uri").select("file", "record", "row")
    counted = frame.groupBy("file").agg(
        sql.count("*").alias("rows"), sql.min(sql.when(sql.col(f"row.{text}").isNull(), sql.col("record"))).alias("bad")
    )
    sizes = [0] * len(found.files)
    for file, rows, bad in sorted(map(tuple, counted.collect())):
        if bad is not None:
            raise InputError(
                f"column {config.text_field!r} is null, not a string",
                file=found.shown(file),
                line=bad,
                hint="Leave such rows out first.",
            )
        sizes[file] = rows
    read = [FileLines(origin.name, size, "", True, 0) for origin, size in zip(found.origins, sizes, strict=True)]
    if not sum(sizes):
        raise no_documents()
    pieces, places = numbered(table_pieces(frame, by_file=True), slices)
    return Input("parquet", pieces, len(places), Rows(config, found.origins), read, whole.schema)


def _text_column(schema: StructType, config: Config, found: Inputs) -> str:
    """Return the name of the column of texts, as Spark writes it."""
    path = Fields.of(config).text
    whole = ".".join(path)
    steps = (whole,) if whole in schema.names else path
    kind: DataType = schema
    for step in steps:
        if not isinstance(kind, StructType) or step not in kind.names:
            raise InputError(
                f"no column {whole!r} (it has: {listed(schema.names)})", file=found.shown(0), hint=NAME_THE_FIELD
            )
        kind = kind[step].dataType
    if not isinstance(kind, StringType):
        raise InputError(
            f"column {whole!r} is of type {kind.simpleString()}, not string", file=found.shown(0), hint=NAME_THE_FIELD
        )
    return ".".join(f"`{step}`" for step in steps)
