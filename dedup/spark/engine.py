"""The engine on a cluster: the local engine's functions on partitions, and Spark for what it is good at.

Four steps. Lines are counted source by source, which takes one shuffle of the texts. All documents are examined where
they are. Those that share a band key, an equal text or an article are put together by connected components, and the
members of whole components meet in one task each, which compares them as the local engine does. Then what happens to
documents is brought to them, by one more shuffle that puts files into their order, and carried out there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as sql
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StringType, StructType

from dedup import boilerplate
from dedup.api import NAME
from dedup.boilerplate import Templates
from dedup.config import Config
from dedup.errors import InputError
from dedup.spark import columns
from dedup.spark.carriers import Records
from dedup.spark.components import nodes
from dedup.spark.members import JUDGED
from dedup.spark.tasks import Tasks
from dedup.spark.telling import DECISIONS

NODE = ("file", "record")

HASHED_FILES = 1 << 16
"""Rows without a file are hashed to so many, which makes 80 bits of what identifies them."""


class Judged(NamedTuple):
    """All that was found and decided.

    Attributes:
        documents: The input with what was found in each document, `columns.EXAMINED`, and behind it, where the document
            has to do with others, a row with what happens to it, `columns.OUTCOMES`.
        templates: The boilerplate of every source.
        source_names: The sources, as templates number them.
    """

    documents: DataFrame
    templates: Templates
    source_names: list[str]


def clean(frame: DataFrame, config: Config | None = None) -> tuple[DataFrame, DataFrame]:
    """Strip repeats, boilerplate and duplicate articles from a DataFrame.

    Args:
        frame: A column of texts, and those that `config` names; any others are passed through.
        config: What counts as a duplicate.

    Returns:
        What stays, with the columns of the input; and the decisions, with the columns of decisions.jsonl.

    Raises:
        InputError: A record has no text.
    """
    config = config or Config()
    _refuse_textless(frame, config)
    tasks = Tasks(config, Records(config, [NAME] * HASHED_FILES))
    rows = _identified(frame)
    judged = judge(rows, rows.schema, tasks, lambda documents: documents.repartition(*NODE))
    judged = judged._replace(documents=judged.documents.persist(StorageLevel.DISK_ONLY))
    return stored(judged, tasks).select("row.*"), decisions(judged, tasks).drop("number", "place", "file", "record")


def judge(
    frame: DataFrame,
    schema: StructType,
    tasks: Tasks,
    gathered: Callable[[DataFrame], DataFrame],
    refuse: Callable[[], None] = lambda: None,
) -> Judged:
    """Find and decide.

    Args:
        frame: The input.
        schema: What the tasks make of its rows: `file`, `record` and `row`, as their carrier reads it.
        tasks: What is done with it.
        gathered: Moves documents so that all rows of one are together; inside a partition they are sorted then.
        refuse: Raises InputError for the first record that holds no document, if there may be any.
    """
    counted = _counted(frame, tasks)
    templates, source_names = _templates(counted, tasks.config, refuse)
    found = frame.mapInArrow(lambda rows: tasks.examine(rows, templates), _schema(schema, columns.EXAMINED))
    found = found.persist(StorageLevel.DISK_ONLY)
    versions = counted.where("version_record IS NOT NULL").select(*columns.VERSIONS.names)
    rows = found.withColumn("is_outcome", sql.lit(False))
    if "articles" in tasks.config.only:
        outcomes = _outcomes(found, versions, tasks).withColumn("is_outcome", sql.lit(True))
        rows = rows.unionByName(outcomes, allowMissingColumns=True)
    else:
        rows = _without_outcomes(rows)
    documents = gathered(rows).sortWithinPartitions(*NODE, "is_outcome")
    return Judged(documents, _with_listed(found, templates), source_names)


def stored(judged: Judged, tasks: Tasks) -> DataFrame:
    """Return what stays: `file`, `record` and `row`."""
    schema = StructType([judged.documents.schema[name] for name in (*NODE, "row")])
    return judged.documents.mapInArrow(tasks.stored, schema)


def decisions(judged: Judged, tasks: Tasks) -> DataFrame:
    """Return the decisions, as `telling.DECISIONS` says."""
    templates, names = judged.templates, judged.source_names
    rows = judged.documents
    return rows.mapInArrow(lambda handed: tasks.decide(handed, templates, names), from_arrow_schema(DECISIONS))


def finished(judged: Judged, tasks: Tasks) -> DataFrame:
    """Return what stays, what goes, and what is told of it, as `columns.TOLD` says."""
    templates, names, rows = judged.templates, judged.source_names, judged.documents
    schema = StructType([*from_arrow_schema(columns.TOLD).fields, rows.schema["row"]])
    return rows.mapInArrow(lambda handed: tasks.finish(handed, templates, names), schema)


def _counted(frame: DataFrame, tasks: Tasks) -> DataFrame:
    """Return the templates of every source, and who is a version of whom."""
    schema = from_arrow_schema(columns.COUNTED)
    kinds = tasks.config.only
    if "boilerplate" not in kinds and not (tasks.config.drop_contained and "articles" in kinds):
        return frame.sparkSession.createDataFrame([], schema)
    evidence = frame.mapInArrow(tasks.evidence, from_arrow_schema(columns.EVIDENCE))
    by_source = evidence.repartition("source").sortWithinPartitions("source", *NODE)
    return by_source.mapInArrow(tasks.count, schema).persist(StorageLevel.DISK_ONLY)


def _templates(counted: DataFrame, config: Config, refuse: Callable[[], None]) -> tuple[Templates, list[str]]:
    """Bring the templates to the driver, which hands them to every task."""
    if "boilerplate" not in config.only:
        # What counts lines tells of no bad record, since it is not looked at here.
        refuse()
        return Templates.none(), []
    rows = counted.where("version_record IS NULL").select(*columns.TEMPLATES.names).toArrow()
    if rows["keys"].null_count:
        refuse()
        raise InputError("the input changed while it was being read", hint="Run again when nothing writes to it.")
    names = sorted(set(rows["source"].to_pylist()))
    return Templates.join([boilerplate.listed(config.known_boilerplate), columns.templates_of(rows, names)]), names


def _outcomes(found: DataFrame, versions: DataFrame, tasks: Tasks) -> DataFrame:
    """Say what happens to every document that may have to do with another one."""
    documents = found.where("key IS NOT NULL")
    partitions = int(found.sparkSession.conf.get("spark.sql.shuffle.partitions"))
    keyed = documents.select(*NODE, "key", "tokens", "bands").mapInArrow(
        lambda rows: tasks.keyed(rows, partitions), from_arrow_schema(columns.KEYED)
    )
    met = keyed.repartitionById(partitions, "part").mapInArrow(tasks.meet, from_arrow_schema(columns.EDGES))
    versions = versions.toDF(*columns.EDGES.names[:-1]).withColumn("kind", sql.lit(columns.VERSION))
    edges = met.unionByName(versions).persist(StorageLevel.DISK_ONLY)
    # Of equal texts one is sent.
    text = sql.when(~sql.col("is_equal"), sql.col("row")).alias("row")
    component = ("component_file", "component_record")
    members = documents.join(nodes(edges), [*NODE]).select(*JUDGED.names, text, "cuts", *component)
    together = members.repartition(*component).sortWithinPartitions(*NODE)
    return together.mapInArrow(tasks.judge, from_arrow_schema(columns.OUTCOMES))


def _without_outcomes(rows: DataFrame) -> DataFrame:
    """Return rows with the columns of outcomes, where nobody is judged."""
    kinds = from_arrow_schema(columns.OUTCOMES)
    empty = {name: sql.lit(None).cast(kinds[name].dataType) for name in columns.OUTCOMES.names if name not in NODE}
    return rows.withColumns(empty)


def _with_listed(documents: DataFrame, templates: Templates) -> Templates:
    """Fill in how many documents carry each line that the user listed."""
    listed = [int(row) for row in (templates.kinds == boilerplate.LISTED).nonzero()[0]]
    if not listed:
        return templates
    step, at = columns.SPAN_FIELDS, columns.SPAN_TEMPLATE
    of_spans = sql.expr(f"array_distinct(transform(sequence({at}, size(cuts) - 1, {step}), i -> cuts[i]))")
    carried = documents.where("size(cuts) > 0").select(sql.explode(of_spans).alias("template"))
    counts = dict(carried.where(sql.col("template").isin(listed)).groupBy("template").count().collect())
    documents_of, articles = templates.documents.copy(), templates.articles.copy()
    for row in listed:
        documents_of[row] = articles[row] = counts.get(row, 0)
    return templates._replace(documents=documents_of, articles=articles)


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
    equal = hashed.groupBy(*NODE).count().where("count > 1").select(*NODE).persist(StorageLevel.DISK_ONLY)
    numbered = hashed.join(equal, [*NODE], "left_semi").withColumn(
        "record", sql.col("record") + sql.row_number().over(Window.partitionBy(*NODE).orderBy(sql.lit(0))) - 1
    )
    return hashed.join(equal, [*NODE], "left_anti").unionByName(numbered)


def _schema(handed: StructType, more: pa.Schema) -> StructType:
    """Return the schema of rows with some columns behind their own."""
    return StructType([*handed.fields, *from_arrow_schema(more).fields])
