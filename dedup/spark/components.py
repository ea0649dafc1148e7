"""Connected components of a graph too large for one machine.

Large-star and small-star, in turn (Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii: Connected Components in
MapReduce and Beyond, 2014), make every node point to the least of its component in few rounds, and no node ever gets
more neighbours than its component has. Where all edges fit on the driver, it does that alone, and faster.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sql

from dedup.spark import columns
from dedup.spark.columns import COPY, VERSION

DRIVER_EDGES = 4_000_000
"""Edges that the driver takes: 32 bytes each, and a few times that while it works."""

Ints = npt.NDArray[np.int64]


def nodes(edges: DataFrame, driver_edges: int | None = None) -> DataFrame:
    """Return the least node of its component, and what else edges say of it, for every node that has an edge.

    Args:
        edges: As `columns.EDGES` says; read several times.
        driver_edges: Edges that the driver takes; None for `DRIVER_EDGES`.

    Returns:
        As `columns.NODES` says.
    """
    most = DRIVER_EDGES if driver_edges is None else driver_edges
    few = edges.limit(most + 1).toArrow()
    if few.num_rows <= most:
        return edges.sparkSession.createDataFrame(_on_driver(few))
    pairs = edges.select(_node("file", "record", "u"), _node("other_file", "other_record", "v"))
    pairs = pairs.where("u != v").distinct().persist(StorageLevel.DISK_ONLY)
    while not _is_finished(pairs):
        pairs = _settled(_small_star(_large_star(pairs)))
    version = _node("other_file", "other_record", "version")
    said = edges.groupBy("file", "record").agg(
        sql.max(sql.col("kind") == COPY).alias("is_equal"),
        sql.max(sql.when(sql.col("kind") == VERSION, version)).alias("version"),
    )
    is_equal = sql.coalesce("is_equal", sql.lit(False)).alias("is_equal")
    versions = (sql.col(f"version.{name}").alias(f"version_{name}") for name in ("file", "record"))
    found = _flat(pairs).join(said, ["file", "record"], "left")
    return found.select("file", "record", "component_file", "component_record", is_equal, *versions)


def _settled(pairs: DataFrame) -> DataFrame:
    """Compute pairs now and forget how, or the plan would grow ninefold with every round.

    With a checkpoint folder they outlive the executors that made them.
    """
    has_folder = pairs.sparkSession.sparkContext.getCheckpointDir() is not None
    return pairs.checkpoint() if has_folder else pairs.localCheckpoint()


def _node(file: str, record: str, name: str) -> Column:
    return sql.struct(sql.col(file).alias("file"), sql.col(record).alias("record")).alias(name)


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
    names = {"u": ("file", "record"), "v": ("component_file", "component_record")}
    ends = (sql.col(f"{end}.{name}").alias(alias) for end, aliases in names.items()
            for name, alias in zip(("file", "record"), aliases, strict=True))  # fmt: skip
    return pairs.unionByName(roots).select(*ends)


def _on_driver(edges: pa.Table) -> pa.Table:
    """Find the components of few edges."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    files, records, other_files, other_records, kinds = (edges[name].to_numpy() for name in columns.EDGES.names)
    places = np.stack([np.concatenate([files, other_files]), np.concatenate([records, other_records])], axis=1)
    found, at = np.unique(places, axis=0, return_inverse=True)
    start, end = at.ravel()[: len(files)], at.ravel()[len(files) :]
    graph = coo_array((np.ones(len(start), np.int8), (start, end)), shape=(len(found), len(found)))
    labels = connected_components(graph, directed=False)[1]
    # Nodes ascend, so the first of a label is its least.
    roots = np.unique(labels, return_index=True)[1][labels]
    is_equal = np.zeros(len(found), np.bool_)
    is_equal[start[kinds == COPY]] = True
    version = np.full(len(found), -1)
    version[start[kinds == VERSION]] = end[kinds == VERSION]
    ends = {"file": found[:, 0], "record": found[:, 1]}
    ends |= {f"component_{name}": column[roots] for name, column in list(ends.items())[:2]}
    versions = {f"version_{name}": pa.array(ends[name][version], mask=version < 0) for name in ("file", "record")}
    return pa.table({**ends, "is_equal": is_equal, **versions}).cast(columns.NODES)
