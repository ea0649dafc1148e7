"""JSON Lines and Parquet, at any path that Spark reads, as documents numbered by file and record.

What identifies a document is where it is, which every attempt at a task sees alike: the position of its file in the
list of inputs, and the number of its line or row there. Spark splits files, so lines are counted first, split by split;
without Python, which starts meanwhile. Lines without a document are found when documents are read for the first time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sql
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import DataType, StringType, StructType

from dedup.config import Config
from dedup.errors import InputError, UsageError
from dedup.formats.fields import Fields
from dedup.formats.json_faults import NAME_THE_FIELD, listed
from dedup.formats.names import Form, compression_of, form_of, kind_named
from dedup.parts import Lines as FileLines
from dedup.spark.carriers import FAULTS, Carrier, Lines, Origin, Rows
from dedup.spark.storage import SLASHES, Storage, Stored, literal, with_one_slash
from dedup.staging import SIDECAR_SUFFIX
from dedup.versions import differs

KINDS = ("jsonl", "parquet")
COMPRESSIONS = ("", "gzip", "bzip2")
"""What Hadoop reads without further libraries."""

Block = tuple[str, int]
"""A piece of a file that one task reads: the file's URI, and where the piece starts."""

NUMBERED = pa.schema([("file", pa.int32()), ("record", pa.int64()), ("row", pa.struct([("line", pa.binary())]))])


class Input(NamedTuple):
    """The input of a run.

    Attributes:
        kind: `jsonl` or `parquet`.
        frame: What Spark reads.
        schema: That of `file`, `record` and `row`, which are made of it.
        carrier: Reads documents from those.
        files: What is known of each file.
        identified: Makes them, batch by batch.
        refuse: Raises InputError for the first record that holds no document, if there is one.
    """

    kind: str
    frame: DataFrame
    schema: StructType
    carrier: Carrier
    files: list[FileLines]
    identified: Callable[[Any], Iterator[Any]] = iter
    refuse: Callable[[], None] = lambda: None

    def in_order(self, rows: DataFrame, parts: int) -> DataFrame:
        """Move rows to partitions, each of which has a piece of the input: equally many, in their order."""
        sizes = [file.records for file in self.files]
        before = sql.lit([0, *accumulate(sizes[:-1])])
        number = sql.get(before, sql.col("file")) + sql.col("record") - 1
        part = sql.floor(number * parts / sum(sizes)).cast("int")
        return rows.repartitionById(parts, part)


class Found(NamedTuple):
    """The input files in order, all of one kind."""

    kind: str
    files: list[Stored]
    origins: list[Origin]

    def shown(self, index: int) -> str:
        """Return how messages name a file."""
        return self.files[index].path


def find(storage: Storage, inputs: Sequence[str], format_name: str | None) -> Found:
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
    return Found(forms[0].kind if forms[0] else "", files, _origins(names))


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


def read(spark: SparkSession, found: Found, config: Config) -> Input:
    """Open the input.

    Raises:
        InputError: There is no record, or in Parquet one without a text, the first of which is named.
    """
    return (_lines if found.kind == "jsonl" else _rows)(spark, found, config)


def _lines(spark: SparkSession, found: Found, config: Config) -> Input:
    whole = spark.read.option("lineSep", "\n").text([literal(file.path) for file in found.files])
    lines = whole.select(
        sql.col("_metadata.file_path").alias("uri"),
        sql.col("_metadata.file_block_start").alias("block"),
        sql.col("value").cast("binary").alias("line"),
    )
    count = sql.count("*")
    sums = lines.groupBy("uri", "block").agg(
        count.alias("lines"), (sql.sum(sql.octet_length("line")) + count).alias("bytes")
    )
    firsts, read = _firsts(sums.toArrow().to_pylist(), found)
    carrier, identified = Lines(config, found.origins), _numbering(firsts)

    def refuse() -> None:
        faults = lines.mapInArrow(lambda rows: carrier.faults(identified(rows)), from_arrow_schema(FAULTS))
        for row in faults.orderBy("file", "record").limit(1).toArrow().to_pylist():
            raise InputError(row["message"], file=found.shown(row["file"]), line=row["record"], hint=row["hint"])

    return Input("jsonl", lines, from_arrow_schema(NUMBERED), carrier, read, identified, refuse)


def _uri() -> Column:
    """Return the column of URIs, as `Stored` has them."""
    return sql.regexp_replace("_metadata.file_path", SLASHES, "$1:/").alias("uri")


def _numbering(firsts: dict[Block, tuple[int, int]]) -> Callable[[Any], Iterator[Any]]:
    """Return what numbers the lines of a task, which come block by block and in order."""

    def number(handed: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        seen: Counter[Block] = Counter()
        for rows in handed:
            for block, part in _by_block(rows):
                file, first = firsts[block]
                records = np.arange(len(part)) + first + seen[block]
                seen[block] += len(part)
                row = pa.StructArray.from_arrays([part], ["line"])
                files = np.full(len(part), file, np.int32)
                yield pa.RecordBatch.from_arrays([pa.array(files), pa.array(records), row], schema=NUMBERED)

    return number


def _by_block(rows: pa.RecordBatch) -> Iterator[tuple[Block, pa.Array]]:
    """Yield runs of lines of one block."""
    uris, starts = rows.column("uri"), rows.column("block").to_numpy()
    is_new = differs(uris.dictionary_encode().indices.to_numpy()) | differs(starts)
    for start, end in pairwise([*np.flatnonzero(is_new).tolist(), rows.num_rows]):
        yield (with_one_slash(uris[start].as_py()), int(starts[start])), rows.column("line").slice(start, end - start)


def _firsts(blocks: list[dict[str, Any]], found: Found) -> tuple[dict[Block, tuple[int, int]], list[FileLines]]:
    """Return the file and the first record of every block, and what is known of every file."""
    files = {file.uri: index for index, file in enumerate(found.files)}
    firsts: dict[Block, tuple[int, int]] = {}
    lines: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    placed = ((files[uri], block["block"], uri, block) for block in blocks for uri in [with_one_slash(block["uri"])])
    for file, start, uri, block in sorted(placed, key=lambda place: place[:2]):
        firsts[uri, start] = file, lines[file] + 1
        lines[file] += block["lines"]
        sizes[file] += block["bytes"]
    if not blocks:
        raise no_documents()
    return firsts, [_read_whole(found, file, lines[file], sizes[file]) for file in files.values()]


def no_documents() -> InputError:
    """Say that there is nothing to clean."""
    return InputError("there is not a single document in the input", hint="Check the path.")


def _read_whole(found: Found, index: int, lines: int, size: int) -> FileLines:
    """Say what was read of a file, each line with a newline; raises InputError if that is not all of it."""
    file, compression = found.files[index], compression_of(found.files[index].path)
    # How long a compressed file is nobody knows; a newline at its end is taken for granted.
    is_ended = bool(compression) or size == file.size
    if not is_ended and size != file.size + 1:
        raise InputError(
            f"Spark read {size:,} bytes of {file.size:,}",
            file=file.path,
            hint="Remove the byte order mark at its start, if it has one, or run again when nothing writes to it.",
        )
    return FileLines(found.origins[index].name, lines, compression, is_ended, 0 if compression else file.size)


def _rows(spark: SparkSession, found: Found, config: Config) -> Input:
    # Of files with other columns, those that the first does not have would be lost.
    whole = spark.read.option("mergeSchema", "true").parquet(*(literal(file.path) for file in found.files))
    text = _text_column(whole.schema, config, found)
    files = pa.table({"uri": [file.uri for file in found.files], "file": pa.array(range(len(found.files)), pa.int32())})
    row = sql.struct(*(sql.col(f"`{name}`") for name in whole.columns)).alias("row")
    placed = whole.select(_uri(), (sql.col("_metadata.row_index") + 1).alias("record"), row)
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
    return Input("parquet", frame, frame.schema, Rows(config, found.origins), read)


def _text_column(schema: StructType, config: Config, found: Found) -> str:
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
