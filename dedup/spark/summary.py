"""report.json of a run on a cluster: the local report's keys and numbers, from sums that Spark makes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as sql

from dedup import pipeline, report
from dedup.boilerplate import Templates
from dedup.config import Config
from dedup.report import TOP, Counts
from dedup.spark.counts import counts_of, marks_of, numbers_of, summed
from dedup.spark.engine import Judged


def count(told: DataFrame, shape: Counts) -> Counts:
    """Sum what tasks counted.

    Args:
        told: As `columns.TOLD` says.
        shape: Counts of no documents.
    """
    sums = (sql.sum(sql.col("counts")[at]).alias(str(at)) for at in range(len(numbers_of(shape.total))))
    by_source = told.where("counts IS NOT NULL").groupBy("source").agg(*sums).collect()
    marks = told.where("marks IS NOT NULL").select("marks").toArrow()["marks"].to_pylist()
    return counts_of(
        shape, {name: list(numbers) for name, *numbers in map(tuple, by_source)}, summed([marks_of(shape), *marks])
    )


def build(
    judged: Judged, told: DataFrame, counts: Counts, config: Config, names: list[str], timing_s: dict[str, float]
) -> dict[str, Any]:
    """Return the report; arguments as for `count` and `report.build`."""
    total = judged.documents.agg(sql.sum("candidates").alias("candidates"), sql.sum("compared").alias("compared"))
    searched = total.toArrow().to_pylist()[0]
    return report.assembled(
        counts,
        config,
        templates=_templates(told, judged.templates, judged.source_names),
        clusters=_clusters(judged.documents, names),
        lsh=report.lsh_told(config, pipeline.bands_of(config), searched["candidates"] or 0, searched["compared"] or 0),
        rejected=0,
        timing_s=timing_s,
    )


def _templates(told: DataFrame, templates: Templates, source_names: list[str]) -> list[dict[str, Any]]:
    seen = told.where("template IS NOT NULL").groupBy("template")
    texts = seen.agg(sql.min_by("text", sql.struct("is_other", "file", "record")).alias("text")).toArrow()
    by_id = dict(zip(texts["template"].to_pylist(), texts["text"].to_pylist(), strict=True))
    return report.templates_told(templates, source_names, by_id)


def _clusters(documents: DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """Return the largest clusters; of those of one size, those whose keepers come first."""
    gone = documents.where("keeper IS NOT NULL").select("keeper", "similarity")
    sizes = gone.groupBy("keeper").count()
    order = (sql.desc("count"), "keeper.file", "keeper.record")
    largest = sizes.orderBy(*order).limit(TOP)
    members = gone.join(sql.broadcast(largest.select("keeper")), "keeper").groupBy("keeper")
    similarities = sql.sort_array(sql.collect_list("similarity")).alias("similarities")
    clusters: pa.Table = members.agg(similarities, sql.count("*").alias("count")).orderBy(*order).toArrow()
    return [
        {
            "keeper": row["keeper"]["id"],
            "keeper_file": names[row["keeper"]["file"]],
            "keeper_record": row["keeper"]["record"],
            "size": row["count"] + 1,
            "similarities": row["similarities"],
        }
        for row in clusters.to_pylist()
    ]
