"""Parquet as pieces of the input.

Spark reads it once, as rows that have the columns of all files, and keeps them as pieces. What a file's own columns and
row groups are says its footer, which the driver reads, so that `restore` can give them back.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql
from pyspark.sql.types import DataType, StringType, StructType

from dedup.config import Config
from dedup.errors import InputError
from dedup.formats.fields import Fields
from dedup.formats.json_faults import NAME_THE_FIELD, listed
from dedup.formats.parquet import schema_without_views
from dedup.parts import Table
from dedup.spark.frames import table_pieces
from dedup.spark.inputs import Columns, Input, Inputs, no_documents, session_for
from dedup.spark.numbering import numbered
from dedup.spark.rows import Rows
from dedup.spark.storage import SLASHES, Storage, Stored, literal

FOOTER_BYTES = 64 << 10
"""Of the end of a file, what is read first: more than most footers have."""

MAGIC = b"PAR1"

FILE_BYTES = 128 << 20
"""About so large output files become at most: what a task reads of one to make its digest, it holds in memory."""


def read(context: SparkContext, found: Inputs, config: Config, slices: int, *, skips_bad: bool) -> Input:
    """Open files of rows, in about so many partitions."""
    storage = Storage(context)
    ends = storage.ends_of(found.files, FOOTER_BYTES)
    footers = [_footer(storage, file, end) for file, end in zip(found.files, ends, strict=True)]
    count = sum(footer.num_rows for footer in footers)
    if not count:
        raise no_documents()
    spark = session_for(slices)
    # Of files with other columns, those that the first does not have would be lost.
    whole = spark.read.option("mergeSchema", "true").parquet(*(literal(file.path) for file in found.files))
    tables, own = _described(found, footers, whole.limit(0).toArrow().schema)
    rows = _placed(spark, whole, found)
    text = _text_column(whole.schema, config, found)
    if not skips_bad:
        _refuse_textless(rows, text, config, found)
    pieces, places = numbered(table_pieces(rows, by_file=True), slices)
    columns = Columns(whole.schema, own, max(FILE_BYTES * count // sum(file.size for file in found.files), 1))
    return Input(pieces, len(places), Rows(config, found.origins, skips_bad), tables, columns)


def _footer(storage: Storage, file: Stored, end: bytes) -> pq.FileMetaData:
    """Read what a file says of itself at its end; raises InputError if that is nothing."""
    size = int.from_bytes(end[-8:-4], "little") + 8
    if end[-4:] != MAGIC or size > file.size:
        raise InputError("cannot be read as Parquet: it has no footer", file=file.path, hint="Fetch it again.")
    if size > len(end):
        end = storage.end_of(file, size)
    try:
        return pq.read_metadata(pa.BufferReader(end))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"cannot be read as Parquet: {reason}", file=file.path, hint="Fetch it again.") from None


def _described(found: Inputs, footers: list[pq.FileMetaData], read: pa.Schema) -> tuple[list[Table], list[pa.Schema]]:
    """Return what `restore` is to know of each file, and the different columns that files have.

    Raises InputError if these cannot be made again of the columns that were read.
    """
    tables, schemas = [], dict[bytes, pa.Schema]()
    for index, (origin, footer) in enumerate(zip(found.origins, footers, strict=True)):
        own = footer.schema.to_arrow_schema()
        name = own.serialize().to_pybytes()
        if name not in schemas:
            _refuse_unlike(own, read, found.shown(index))
            schemas[name] = own
        groups = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
        tables.append(Table(origin.name, groups, list(schemas).index(name)))
    return tables, list(schemas.values())


def _refuse_unlike(own: pa.Schema, read: pa.Schema, shown: str) -> None:
    """Raise InputError for a file whose columns cannot be made again of what Spark makes of them."""
    for field in schema_without_views(own):
        try:
            pa.array([], read.field(field.name).type).cast(field.type)
        except (KeyError, pa.ArrowException):
            raise InputError(
                f"column {field.name!r} is of type {field.type}, which does not come back from Spark",
                file=shown,
                hint="Clean it with the local engine, or leave the column out.",
            ) from None


def _placed(spark: SparkSession, whole: DataFrame, found: Inputs) -> DataFrame:
    """Return rows as `file`, `record` and `row`."""
    files = pa.table({"uri": [file.uri for file in found.files], "file": pa.array(range(len(found.files)), pa.int32())})
    row = sql.struct(*(sql.col(f"`{name}`") for name in whole.columns)).alias("row")
    uri = sql.regexp_replace("_metadata.file_path", SLASHES, "$1:/").alias("uri")
    placed = whole.select(uri, (sql.col("_metadata.row_index") + 1).alias("record"), row)
    return placed.join(sql.broadcast(spark.createDataFrame(files)), "uri").select("file", "record", "row")


def _refuse_textless(rows: DataFrame, text: str, config: Config, found: Inputs) -> None:
    """Raise InputError for the first row without a text."""
    bad = rows.where(sql.col(f"row.{text}").isNull()).agg(sql.min(sql.struct("file", "record")).alias("first")).first()
    if bad is not None and bad["first"] is not None:
        file, record = bad["first"]
        raise InputError(
            f"column {config.text_field!r} is null, not a string",
            file=found.shown(file),
            line=record,
            hint="Pass over such rows with --on-error skip.",
        )


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
