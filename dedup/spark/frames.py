"""DataFrames: their rows as pieces of the input, and rows again made of what stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from pyspark import RDD, StorageLevel
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as sql
from pyspark.sql.classic.dataframe import DataFrame as ClassicFrame
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StringType, StructType

from dedup.api import NAME
from dedup.config import Config
from dedup.decisions import Decision, KeptSpan
from dedup.errors import EngineError, InputError
from dedup.spark import engine
from dedup.spark.numbering import Placed, numbered
from dedup.spark.packing import packed, unpack
from dedup.spark.parting import Parting
from dedup.spark.pieces import Fault, TablePiece
from dedup.spark.rows import HASHED_FILES, Records
from dedup.spark.tasks import Tasks
from dedup.spark.telling import DECISIONS, KEPT
from dedup.versions import differs

PLACE = ("file", "record")

PIECE_ROWS = 5_000
"""Rows of a piece, at most."""

PACKED = pa.schema([("file", pa.int32()), ("record", pa.int64()), ("data", pa.binary())])

DECISION_ROWS = pa.schema(
    [
        ("document", pa.string()), ("source", pa.string()), ("action", pa.string()), ("reason", pa.string()),
        ("similarity", pa.float64()), ("similarity_original", pa.float64()), ("containment", pa.float64()),
        ("keeper", pa.string()), ("keeper_file", pa.string()), ("keeper_record", pa.int64()),
        ("kept", pa.struct([("start", pa.int64()), ("end", pa.int64())])),
        ("cuts", pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64())]))),
        ("start", pa.int64()), ("end", pa.int64()), ("text", pa.string()),
        ("documents", pa.int64()), ("articles", pa.int64()), ("beside", pa.int64()), ("how", pa.string()),
        ("template", pa.string()), ("why", pa.string()),
    ]
)  # fmt: skip
"""`Decision` without its file and record, and with `kept` for the span that a repeat repeats."""


def clean(frame: DataFrame, config: Config | None = None) -> tuple[DataFrame, DataFrame]:
    """Strip repeats, boilerplate and duplicate articles from a DataFrame.

    Args:
        frame: A column of texts, and those that `config` names; any others are passed through.
        config: What counts as a duplicate.

    Returns:
        What stays, with the columns of the input; and the decisions, with the columns of decisions.jsonl.

    Raises:
        InputError: A record has no text.
        EngineError: The session is one of Spark Connect.
    """
    if not isinstance(frame, ClassicFrame):
        raise EngineError(
            "this is not a DataFrame of a Spark session in this process",
            hint="Spark Connect has no resilient distributed datasets, which dedup needs.",
        )
    config = config or Config()
    _refuse_textless(frame, config)
    session = frame.sparkSession
    parts = int(session.conf.get("spark.sql.shuffle.partitions"))
    rows = _identified(frame)
    part = sql.floor(sql.col("file") * parts / HASHED_FILES).cast("int")
    gathered = rows.repartitionById(parts, part).sortWithinPartitions(*PLACE)
    pieces, placed = numbered(table_pieces(gathered, by_file=False))
    tasks = Tasks(config, Records(config, NAME), Parting(parts, max(len(placed), 1)))
    told = engine.told(engine.judge(pieces, tasks, _unexpected), tasks).persist(StorageLevel.DISK_ONLY)
    decisions = _told(session, told, DECISIONS).mapInArrow(_decisions, from_arrow_schema(DECISION_ROWS))
    return rows_told(session, told, KEPT, frame.schema), decisions


def table_pieces(rows: DataFrame, *, by_file: bool) -> RDD[Placed]:
    """Return rows of `file`, `record` and `row` as pieces, each of rows that follow one another, or of one file."""
    pieces = rows.mapInArrow(lambda handed: _packed(handed, by_file), from_arrow_schema(PACKED)).rdd
    return pieces.map(lambda one: Placed((one.file, one.record), 0, 0, TablePiece(-1, bytes(one.data))))


def _packed(handed: Iterable[pa.RecordBatch], by_file: bool) -> Iterator[pa.RecordBatch]:
    for batch in handed:
        files, records = (batch.column(name).to_numpy() for name in PLACE)
        is_new = np.zeros(len(files), np.bool_)
        if by_file:
            # What Spark reads of several files in one task need neither be in their order nor all of them.
            is_new = differs(files) | (np.diff(records, prepend=records[:1]) != 1)
        starts = np.union1d(np.flatnonzero(is_new), np.arange(0, len(files), PIECE_ROWS)).tolist()
        told = [
            {"file": int(files[start]), "record": int(records[start]), "data": packed(batch.slice(start, end - start))}
            for start, end in pairwise([*starts, len(files)])
        ]
        yield pa.RecordBatch.from_pylist(told, schema=PACKED)


def rows_told(session: SparkSession, told: RDD[Any], what: int, schema: StructType) -> DataFrame:
    """Return the rows of tables that were told, of one kind."""
    return _told(session, told, what).mapInArrow(unpack, schema)


def _told(session: SparkSession, told: RDD[Any], what: int) -> DataFrame:
    """Return what was told of one kind, each a row of bytes."""
    rows = told.filter(lambda one: one[0] == what).map(lambda one: (one[1],))
    return session.createDataFrame(rows, "data binary", verifySchema=False)


def _decisions(handed: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    return (_decided(lines) for batch in handed for lines in batch.column("data").to_pylist())


def _decided(lines: bytes) -> pa.RecordBatch:
    """Return lines of decisions.jsonl as rows."""
    rows: list[dict[str, Any]] = []
    for decision in msgspec.json.Decoder(Decision).decode_lines(lines):
        row = {name: getattr(decision, name) for name in DECISION_ROWS.names if name != "kept"}
        if isinstance(decision.keeper, KeptSpan):
            row["keeper"], row["kept"] = None, msgspec.to_builtins(decision.keeper)
        if decision.cuts is not None:
            row["cuts"] = [span._asdict() for span in decision.cuts]
        rows.append(row)
    return pa.RecordBatch.from_pylist(rows, schema=DECISION_ROWS)


def _unexpected(fault: Fault) -> InputError:
    return InputError(fault.message, line=fault.record, hint=fault.hint)


def _refuse_textless(frame: DataFrame, config: Config) -> None:
    """Raise InputError before anything else is done if a row has no text."""
    field = config.text_field
    if field not in frame.columns:
        raise InputError(
            f"there is no column {field!r} (there are: {', '.join(frame.columns)})", hint="Name it with text_field=."
        )
    kind = frame.schema[field].dataType
    if not isinstance(kind, StringType):
        raise InputError(
            f"column {field!r} does not hold texts ({kind.simpleString()})", hint="Name another with text_field=."
        )
    if not frame.where(sql.col(f"`{field}`").isNull()).isEmpty():
        raise InputError(f"a row has no text in column {field!r}", hint="Leave such rows out, or name another field.")


def _identified(frame: DataFrame) -> DataFrame:
    """Return rows with 80 bits of hash that identify them; equal rows are counted on from there.

    Equal rows are interchangeable, so it is all the same which of them gets which number.
    """
    row = sql.struct(*(sql.col(f"`{name}`") for name in frame.columns))
    said = sql.to_json(row) if "map<" in frame.schema.simpleString() else row
    file, record = sql.pmod(sql.hash(said), sql.lit(HASHED_FILES)), sql.xxhash64(said)
    hashed = frame.select(file.alias("file"), record.alias("record"), row.alias("row"))
    equal = hashed.groupBy(*PLACE).count().where("count > 1").select(*PLACE).persist(StorageLevel.DISK_ONLY)
    numbered = hashed.join(equal, [*PLACE], "left_semi").withColumn(
        "record", sql.col("record") + sql.row_number().over(Window.partitionBy(*PLACE).orderBy(sql.lit(0))) - 1
    )
    return hashed.join(equal, [*PLACE], "left_anti").unionByName(numbered)
