"""report.json of a run on a cluster: the local report's keys and numbers, from sums that Spark makes."""

from __future__ import annotations

from typing import Any, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as sql

from dedup import pipeline, report
from dedup.config import Config
from dedup.formats.digests import Digest
from dedup.report import TOP, Counts
from dedup.spark import columns
from dedup.spark.counts import counts_of, marks_of, numbers_of
from dedup.spark.engine import Judged

SEARCHED = 2
"""Numbers that count candidates and comparisons; they come before the others."""


class Summed(NamedTuple):
    """What tasks counted, all together.

    Attributes:
        counts: What happens to documents.
        searched: How many candidates there were, and how many comparisons.
        texts: The text of each template by its id, as far as it went anywhere.
        clusters: The largest clusters of every task, `keeper` and `similarities`.
        seals: The digests of the lines that tasks told, by what they are and by partition.
    """

    counts: Counts
    searched: list[int]
    texts: dict[str, str]
    clusters: list[dict[str, Any]]
    seals: dict[int, dict[int, Digest]]


def summed(notes: DataFrame, shape: Counts) -> Summed:
    """Sum what tasks counted.

    Args:
        notes: As `columns.NOTES` says.
        shape: Counts of no documents.
    """
    numbers = max(SEARCHED + len(marks_of(shape)), len(numbers_of(shape.total)))
    sums = [sql.sum(sql.get("counts", sql.lit(at))) for at in range(numbers)]
    # Of a cluster and of a seal there is one.
    columns_of_one = [sql.first(name).alias(name) for name in ("keeper", "similarities")]
    text = sql.coalesce(sql.min_by("text", "at"), sql.first("text")).alias("text")
    of_one = notes.groupBy("what", "file", "record", "source", "template")
    rows = of_one.agg(sql.array(*sums).alias("counts"), text, *columns_of_one).toArrow().to_pylist()
    counted = [row for row in rows if row["what"] == columns.COUNTED_UP]
    sources = {
        row["source"]: row["counts"][: len(numbers_of(shape.total))] for row in counted if row["source"] is not None
    }
    texts = {row["template"]: row["text"] for row in counted if row["template"] is not None}
    marks = [row["counts"] for row in counted if row["source"] is None and row["template"] is None]
    whole = marks[0][: SEARCHED + len(marks_of(shape))] if marks else [0, 0, *marks_of(shape)]
    clusters = [row for row in rows if row["what"] == columns.CLUSTER]
    seals: dict[int, dict[int, Digest]] = {what: {} for what in columns.SEALED}
    for row in rows:
        if row["what"] == columns.SEAL:
            seals[row["record"]][row["file"]] = Digest(row["text"], row["counts"][0])
    return Summed(counts_of(shape, sources, whole[SEARCHED:]), whole[:SEARCHED], texts, clusters, seals)


def build(
    judged: Judged, counted: Summed, config: Config, names: list[str], timing_s: dict[str, float]
) -> dict[str, Any]:
    """Return the report; arguments as for `report.build`."""
    return report.assembled(
        counted.counts,
        config,
        templates=report.templates_told(judged.templates, judged.source_names, counted.texts),
        clusters=_clusters(counted.clusters, names),
        lsh=report.lsh_told(config, pipeline.bands_of(config), *counted.searched),
        rejected=0,
        timing_s=timing_s,
    )


def _clusters(clusters: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """Return the largest clusters; of those of one size, those whose keepers come first."""
    clusters.sort(key=lambda row: (-len(row["similarities"]), row["keeper"]["file"], row["keeper"]["record"]))
    return [
        {
            "keeper": row["keeper"]["id"],
            "keeper_file": names[row["keeper"]["file"]],
            "keeper_record": row["keeper"]["record"],
            "size": len(row["similarities"]) + 1,
            "similarities": row["similarities"],
        }
        for row in clusters[:TOP]
    ]
