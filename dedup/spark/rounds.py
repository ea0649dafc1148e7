"""Connected components of more ties than the driver takes.

Large-star and small-star, in turn (Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii: Connected Components in
MapReduce and Beyond, 2014), make every node point to the least of its component in few rounds, and no node ever gets
more neighbours than its component has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark import RDD, StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sql
from pyspark.sql.pandas.types import from_arrow_schema

from dedup.spark.components import Nodes
from dedup.spark.meeting import COPY, VERSION, Ties
from dedup.spark.packing import packed, unpack, unpacked
from dedup.spark.parting import Parting

TIES = pa.schema([(name, pa.int64()) for name in ("kind", "piece", "row", "other_piece", "other_row")])
NODES = pa.schema(
    [
        *((name, pa.int64()) for name in ("piece", "row", "component_piece", "component_row")),
        ("is_equal", pa.bool_()), ("version_piece", pa.int64()), ("version_row", pa.int64()),
    ]
)  # fmt: skip


def by_spark(ties: RDD[Ties], parting: Parting) -> RDD[tuple[int, Nodes]]:
    """Return every document that is tied to others, with the least of its component, by partitions of pieces.

    Args:
        ties: All ties; gone through several times.
        parting: The partitions.
    """
    # A row of bytes for each: what Spark makes of it is columns.
    rows = ties.map(lambda some: (packed(_edges(some)),))
    handed = SparkSession.builder.getOrCreate().createDataFrame(rows, "data binary", verifySchema=False)
    edges = handed.mapInArrow(unpack, from_arrow_schema(TIES)).persist(StorageLevel.DISK_ONLY)
    found = in_rounds(edges).mapInArrow(lambda batches: _by_part(batches, parting), "part int, data binary").rdd
    return found.map(lambda row: (row.part, _nodes_of(unpacked(row.data))))


def _edges(some: Ties) -> pa.RecordBatch:
    kinds = np.full(len(some.rows), some.kind)
    return pa.RecordBatch.from_arrays([pa.array(column) for column in (kinds, *some[1:])], schema=TIES)


def _nodes_of(rows: pa.RecordBatch) -> Nodes:
    filled = (
        rows.column(name).fill_null(-1) if name.startswith("version") else rows.column(name) for name in NODES.names
    )
    return Nodes(*(column.to_numpy(zero_copy_only=False) for column in filled))


def _by_part(handed: Iterable[pa.RecordBatch], parting: Parting) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([("part", pa.int32()), ("data", pa.binary())])
    for batch in handed:
        told = [
            {"part": part, "data": packed(pa.RecordBatch.from_arrays(list(map(pa.array, own)), schema=NODES))}
            for part, own in Nodes.join([_nodes_of(batch)]).parted(parting)
        ]
        yield pa.RecordBatch.from_pylist(told, schema=schema)


def in_rounds(edges: DataFrame) -> DataFrame:
    """Find the components of many ties: as `NODES` says of `TIES`."""
    pairs = edges.select(_node("piece", "row", "u"), _node("other_piece", "other_row", "v"))
    pairs = pairs.where("u != v").distinct().persist(StorageLevel.DISK_ONLY)
    while not _is_finished(pairs):
        pairs = _settled(_small_star(_large_star(pairs)))
    version = _node("other_piece", "other_row", "version")
    said = edges.groupBy("piece", "row").agg(
        sql.max(sql.col("kind") == COPY).alias("is_equal"),
        sql.max(sql.when(sql.col("kind") == VERSION, version)).alias("version"),
    )
    is_equal = sql.coalesce("is_equal", sql.lit(False)).alias("is_equal")
    versions = (sql.col(f"version.{name}").alias(f"version_{name}") for name in ("piece", "row"))
    found = _flat(pairs).join(said, ["piece", "row"], "left")
    return found.select("piece", "row", "component_piece", "component_row", is_equal, *versions)


def _settled(pairs: DataFrame) -> DataFrame:
    """Compute pairs now and forget how, or the plan would grow ninefold with every round.

    With a checkpoint folder they outlive the executors that made them.
    """
    has_folder = pairs.sparkSession.sparkContext.getCheckpointDir() is not None
    return pairs.checkpoint() if has_folder else pairs.localCheckpoint()


def _node(piece: str, row: str, name: str) -> Column:
    return sql.struct(sql.col(piece).alias("piece"), sql.col(row).alias("row")).alias(name)


def _large_star(pairs: DataFrame) -> DataFrame:
    """Tie the larger neighbours of every node to the least one."""
    both = pairs.unionByName(pairs.select(sql.col("v").alias("u"), sql.col("u").alias("v")))
    least = both.groupBy("u").agg(sql.min("v").alias("m")).select("u", sql.least("u", "m").alias("m"))
    return both.where("v > u").join(least, "u").select(sql.col("v").alias("u"), sql.col("m").alias("v")).distinct()


def _small_star(pairs: DataFrame) -> DataFrame:
    """Tie the smaller neighbours of every node, and itself, to the least one."""
    down = pairs.select(sql.greatest("u", "v").alias("u"), sql.least("u", "v").alias("v"))
    least = down.groupBy("u").agg(sql.min("v").alias("m"))
    moved = down.join(least, "u").select(sql.col("v").alias("u"), sql.col("m").alias("v"))
    return moved.unionByName(least.select("u", sql.col("m").alias("v"))).where("u != v").distinct()


def _is_finished(pairs: DataFrame) -> bool:
    """Say whether every node points to one other, which points nowhere."""
    doubled = pairs.groupBy("u").count().where("count > 1")
    onward = pairs.join(pairs.select(sql.col("u").alias("v")), "v", "left_semi")
    return bool(doubled.isEmpty() and onward.isEmpty())


def _flat(pairs: DataFrame) -> DataFrame:
    """Return finished pairs, and every root with itself, as columns."""
    roots = pairs.select(sql.col("v").alias("u"), "v").distinct()
    names = {"u": ("piece", "row"), "v": ("component_piece", "component_row")}
    ends = (sql.col(f"{end}.{name}").alias(alias) for end, aliases in names.items()
            for name, alias in zip(("piece", "row"), aliases, strict=True))  # fmt: skip
    return pairs.unionByName(roots).select(*ends)
