"""Connected components of a graph too large for one machine.

Large-star and small-star, in turn (Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii: Connected Components in
MapReduce and Beyond, 2014), make every node point to the least of its component in few rounds, and no node ever gets
more neighbours than its component has. As soon as the edges that are left fit on the driver, it finishes.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sql

DRIVER_EDGES = 4_000_000
"""Edges that the driver takes: 24 bytes each, and a few times that while it works."""

COMPONENTS = pa.schema([(name, kind) for end in ("", "component_") for name, kind in
                        ((f"{end}file", pa.int32()), (f"{end}record", pa.int64()))])  # fmt: skip


def components(edges: DataFrame, driver_edges: int = DRIVER_EDGES) -> DataFrame:
    """Return for every node of a graph the least node of its component.

    Args:
        edges: `file`, `record` and `version_file`, `version_record`: two nodes that belong together.
        driver_edges: Edges that the driver takes.

    Returns:
        `file`, `record`, `component_file`, `component_record`, a row for every node that has an edge.
    """
    pairs = edges.select(_node("file", "record", "u"), _node("version_file", "version_record", "v"))
    pairs = pairs.where("u != v").distinct().persist(StorageLevel.DISK_ONLY)
    while pairs.count() > driver_edges and not _is_finished(pairs):
        pairs = _settled(_small_star(_large_star(pairs)))
    return _finished(pairs) if pairs.count() <= driver_edges else _flat(pairs)


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
    ends = (sql.col(f"{end}.{name}") for end in ("u", "v") for name in ("file", "record"))
    return pairs.unionByName(roots).select(*(end.alias(name) for end, name in zip(ends, COMPONENTS.names, strict=True)))


def _finished(pairs: DataFrame) -> DataFrame:
    """Find the components of few pairs on the driver."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    found = pairs.select("u.file", "u.record", sql.col("v.file").alias("f"), sql.col("v.record").alias("r")).toArrow()
    ends = [np.stack([found[file].to_numpy(), found[record].to_numpy()], axis=1) for file, record in
            (("file", "record"), ("f", "r"))]  # fmt: skip
    nodes, at = np.unique(np.concatenate(ends).reshape(-1, 2), axis=0, return_inverse=True)
    start, end = at.ravel()[: len(found)], at.ravel()[len(found) :]
    graph = coo_array((np.ones(len(start), np.int8), (start, end)), shape=(len(nodes), len(nodes)))
    labels = connected_components(graph, directed=False)[1]
    # Nodes ascend, so the first of a label is its least.
    roots = nodes[np.unique(labels, return_index=True)[1][labels]] if len(nodes) else nodes
    table = pa.table([nodes[:, 0], nodes[:, 1], roots[:, 0], roots[:, 1]], names=COMPONENTS.names).cast(COMPONENTS)
    return pairs.sparkSession.createDataFrame(table)
