"""`dedup clean --engine spark`: a corpus at any path that Spark reads, cleaned to another.

OUTPUT is a folder of part files in the order of the input, and OUTPUT.dedup/ has the decisions, the dropped records and
the report. Both are written beside their names and then renamed, the sidecar first: at once on HDFS and local disks; an
object store copies what it renames, so that there OUTPUT is complete only when the command has ended well.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql

from dedup import decisions, report
from dedup.config import Config
from dedup.errors import InputError, UsageError
from dedup.jobs import Clock, as_json
from dedup.spark import engine, files, summary
from dedup.spark.files import Found, Input
from dedup.spark.storage import Storage
from dedup.spark.tasks import Tasks
from dedup.staging import SIDECAR_SUFFIX

DECISIONS, DROPPED, HEADER, REPORT = "decisions", "dropped", "header.json", "report.json"


class _Target(NamedTuple):
    """What is to be written: under its name, if it is to have one, only when it is complete."""

    path: str
    staged: str


def clean(
    spark: SparkSession,
    inputs: Sequence[str],
    output: str,
    config: Config,
    *,
    format_name: str | None = None,
    sidecar: str | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write the cleaned corpus, its decisions and its report; return the report.

    Args:
        spark: The session.
        inputs: Files, folders and patterns, all of JSON Lines or all of Parquet.
        output: The folder for what stays.
        config: What counts as a duplicate.
        format_name: The format of files whose names do not tell; None to go by their names.
        sidecar: The folder for decisions and dropped records; None for OUTPUT.dedup.
        force: Replace an existing output.

    Raises:
        DedupError: The input cannot be read, the output not written, or too much would go; nothing was written.
    """
    storage, clock = Storage(spark), Clock()
    found = files.find(storage, inputs, format_name)
    targets = _targets(storage, found, output.rstrip("/"), sidecar, force=force)
    kept, beside, checkpoints = (target.staged for target in targets)
    with _staged(storage, targets):
        spark.sparkContext.setCheckpointDir(checkpoints)
        with clock.time("scan"):
            corpus = files.read(spark, found, config)
            tasks = Tasks(config, corpus.carrier)
            judged = _in_input_order(engine.judge(corpus.frame, tasks))
        with clock.time("decide"):
            told = engine.told(judged, tasks).persist(StorageLevel.DISK_ONLY)
            counts = summary.count(told, tasks.nothing())
        report.refuse_loss(counts.total, config.max_loss)
        with clock.time("write"):
            _write_rows(engine.stored(judged, tasks), corpus, storage, kept)
            _write_rows(judged.documents.where("keeper IS NOT NULL"), corpus, storage, f"{beside}/{DROPPED}")
            _write_lines(told.where("lines IS NOT NULL").select("lines"), storage, f"{beside}/{DECISIONS}")
        storage.write(f"{beside}/{HEADER}", as_json(msgspec.to_builtins(decisions.header(config, tasks.carrier.names))))
        made = summary.build(judged, told, counts, config, tasks.carrier.names, clock.seconds)
        storage.write(f"{beside}/{REPORT}", as_json(made))
        _refuse_changed(storage, inputs, format_name, found)
        _commit(storage, targets[:2])
    return made


def _targets(storage: Storage, found: Found, output: str, sidecar: str | None, *, force: bool) -> list[_Target]:
    """Return where output, sidecar and checkpoints go; raises UsageError where they may not."""
    targets = []
    for name in (output, sidecar or f"{output}{SIDECAR_SUFFIX}"):
        path = storage.qualified(name)
        folder, _, last = path.rpartition("/")
        targets.append(_Target(path, f"{folder}/.{last}-{uuid.uuid4().hex[:8]}"))
        for file in found.files:
            for source in (file.path, file.root):
                if f"{path}/".startswith(f"{source}/") or f"{source}/".startswith(f"{path}/"):
                    raise UsageError(f"touches the input {source}", file=path, hint="Name another output.")
        if storage.exists(path) and not force:
            raise UsageError("exists already", file=path, hint="Use --force to replace it.")
    first, second = (f"{target.path}/" for target in targets)
    if first.startswith(second) or second.startswith(first):
        raise UsageError("the output and its sidecar are in each other's place", file=first, hint="Name another.")
    # Spark keeps there what must outlive an executor.
    return [*targets, _Target("", f"{targets[0].staged}-checkpoints")]


def _in_input_order(judged: engine.Judged) -> engine.Judged:
    """Sort the documents once, for all that is written of them."""
    documents = judged.documents.orderBy(*engine.NODE).persist(StorageLevel.DISK_ONLY)
    return judged._replace(documents=documents)


def _write_rows(rows: DataFrame, corpus: Input, storage: Storage, folder: str) -> None:
    """Write rows in the format of the input."""
    if corpus.kind == "jsonl":
        _write_lines(rows.select("row.line"), storage, folder)
        return
    # Not as the 96-bit integers that other readers take for nanoseconds without a time zone.
    rows.sparkSession.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    rows.select("row.*").write.option("compression", "zstd").parquet(folder)
    _name_parts(storage, folder, ".parquet")


def _write_lines(lines: DataFrame, storage: Storage, folder: str) -> None:
    """Write bytes as lines."""
    (name,) = lines.columns
    lines.select(sql.col(name).cast("string")).write.option("lineSep", "\n").text(folder)
    _name_parts(storage, folder, ".jsonl")


def _name_parts(storage: Storage, folder: str, extension: str) -> None:
    """Give the part files of a folder names that say their place and their format, and nothing of the run."""

    def number_of(path: str) -> int:
        return int(path.rpartition("/")[2].split("-")[1])

    for number, path in enumerate(sorted((file.path for file in storage.files(folder)), key=number_of)):
        storage.rename(path, f"{folder}/part-{number:05d}{extension}")


def _refuse_changed(storage: Storage, inputs: Sequence[str], format_name: str | None, found: Found) -> None:
    """Raise InputError if a file changed meanwhile: it was read more than once."""
    before, now = (set(each.files) for each in (found, files.find(storage, inputs, format_name)))
    for file in sorted(before ^ now):
        raise InputError("changed while it was being read", file=file.path, hint="Run again when nothing writes to it.")


@contextmanager
def _staged(storage: Storage, targets: list[_Target]) -> Iterator[None]:
    """Leave nothing of what is not complete."""
    try:
        yield
    finally:
        for target in targets:
            storage.remove(target.staged)


def _commit(storage: Storage, targets: list[_Target]) -> None:
    """Give all its name; the sidecar first, so that no output is ever without it."""
    for target in reversed(targets):
        storage.remove(target.path)
        storage.rename(target.staged, target.path)
