"""`dedup clean --engine spark`: a corpus at any path that Spark reads, cleaned to another.

OUTPUT is a folder of part files in the order of the input, and OUTPUT.dedup/ has the decisions, the dropped records,
the report, and what undo needs of lines (`dedup.parts`). Both are written beside their names and then renamed, the
sidecar first: at once on HDFS and local disks; an object store copies what it renames, so that there OUTPUT is complete
only when the command has ended well.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import xxhash
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql
from pyspark.sql.pandas.types import from_arrow_schema

from dedup import __version__, decisions, report
from dedup.config import Config
from dedup.errors import InputError, OutputError, UsageError
from dedup.formats.digests import Digest
from dedup.formats.fields import Fields
from dedup.jobs import Clock, as_json
from dedup.parts import DECISIONS, DROPPED, HEADER, PARTS, REPORT, TAKEN, Parts
from dedup.spark import columns, engine, files, summary
from dedup.spark.files import Found
from dedup.spark.storage import Storage, Stored, literal
from dedup.spark.tasks import Tasks
from dedup.staging import SIDECAR_SUFFIX

PART_BYTES = 64 << 20
"""Of the input, as it is stored, what one task works on."""


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
    with _staged(storage, targets), _fitted(spark, found) as parts:
        spark.sparkContext.setCheckpointDir(checkpoints)
        with clock.time("scan"):
            corpus = files.read(spark, found, config)
            tasks = Tasks(config, corpus.carrier, corpus.identified)
            judged = engine.judge(
                corpus.frame, corpus.schema, tasks, lambda rows: corpus.in_order(rows, parts), corpus.refuse
            )
        with clock.time("decide"):
            told = engine.finished(judged, tasks)
            if corpus.kind != "jsonl":
                # Rows are written on their own.
                told = told.persist(StorageLevel.DISK_ONLY)
            lines = f"{checkpoints}/lines"
            notes = _write_lines(told, lines)
            summed = summary.summed(notes, tasks.nothing())
        if not summed.counts.total["documents"]["read"]:
            raise files.no_documents()
        report.refuse_loss(summed.counts.total, config.max_loss)
        with clock.time("write"):
            writer = _Writer(storage, told, lines, summed.seals, corpus.kind)
            stays = writer.rows(columns.KEPT, kept)
            besides = {DROPPED: writer.rows(columns.DROPPED, f"{beside}/{DROPPED}")}
            for what, name in ((columns.LINES, DECISIONS), (columns.TAKEN, TAKEN)):
                besides[name] = writer.lines(what, f"{beside}/{name}")
        made = summary.build(judged, summed, config, tasks.carrier.names, clock.seconds)
        head = msgspec.to_builtins(decisions.header(config, tasks.carrier.names))
        besides[""] = {}
        for name, data in ((HEADER, as_json(head)), (REPORT, as_json(made))):
            storage.write(f"{beside}/{name}", data)
            besides[""][name] = Digest(xxhash.xxh3_128_hexdigest(data), len(data))
        text_field = list(Fields.of(config).text)
        written = Parts(version=__version__, kind=corpus.kind, text_field=text_field, files=corpus.files,
                        output=stays, sidecar=besides)  # fmt: skip
        storage.write(f"{beside}/{PARTS}", written.encoded())
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


@contextmanager
def _fitted(spark: SparkSession, found: Found) -> Iterator[int]:
    """Give how many parts suit the input, and have Spark read and shuffle as many where nobody said otherwise.

    As many for every processor, so that all of them end at about the same time.
    """
    cores = spark.sparkContext.defaultParallelism
    size = sum(file.size for file in found.files)
    parts: int = cores * max(-(-size // (cores * PART_BYTES)), 1)
    # What was never set is not among all settings, but has a value.
    said = spark.conf.getAll
    unsaid = [name for name in ("spark.sql.files.minPartitionNum", "spark.sql.shuffle.partitions") if name not in said]
    for name in unsaid:
        spark.conf.set(name, str(parts))
    try:
        yield parts
    finally:
        for name in unsaid:
            spark.conf.unset(name)


def _write_lines(told: DataFrame, folder: str) -> DataFrame:
    """Write the lines that tasks tell, each kind to a folder of its own in a folder; return the notes among them."""
    settings, most = told.sparkSession.conf, "spark.sql.maxConcurrentOutputFileWriters"
    said = settings.get(most)
    # With a file open for every kind, Spark leaves rows in the order in which it gets them.
    settings.set(most, str(len(columns.SEALED) + 1))
    try:
        rows = told.where("lines IS NOT NULL").select("what", sql.col("lines").cast("string"))
        options = {"lineSep": "\n", "compression": "none", "maxRecordsPerFile": "0"}
        rows.write.partitionBy("what").options(**options).text(folder)
    finally:
        settings.set(most, said)
    read = told.sparkSession.read.options(mode="FAILFAST", lineSep="\n", maxStringLen=str(2**31 - 1))
    return read.schema(from_arrow_schema(columns.NOTES)).json(literal(_of_kind(folder, columns.NOTED)))


def _of_kind(folder: str, what: int) -> str:
    """Return where in a folder Spark writes the lines of a kind."""
    return f"{folder}/what={what}"


class _Writer(NamedTuple):
    """Puts what tasks told where it belongs, each kind in a folder of its own.

    Attributes:
        storage: Where it goes.
        told: As `columns.TOLD` says, in partitions that follow one another.
        written: Where its lines are.
        seals: The digests of the lines, by kind and partition.
        kind: The format of rows.
    """

    storage: Storage
    told: DataFrame
    written: str
    seals: dict[int, dict[int, Digest]]
    kind: str

    def rows(self, what: int, folder: str) -> dict[str, Digest]:
        """Put rows into a folder in the format of the input; return the digests of parts, for those of lines."""
        if self.kind == "jsonl":
            return self.lines(what, folder)
        rows = self.told.where(sql.col("what") == what)
        # Not as the 96-bit integers that other readers take for nanoseconds without a time zone.
        rows.sparkSession.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        rows.select("row.*").write.option("compression", "zstd").parquet(folder)
        self._name_parts(folder, folder, ".parquet")
        return {}

    def lines(self, what: int, folder: str) -> dict[str, Digest]:
        """Put lines into a folder; return the digests of parts.

        Raises OutputError if what is written is not as long as what was told.
        """
        self.storage.make_folder(folder)
        seals, digests = self.seals[what], {}
        for partition, (file, name) in self._name_parts(_of_kind(self.written, what), folder, ".jsonl").items():
            digests[name] = seals.pop(partition)
            if file.size != digests[name].size:
                raise OutputError("is not as long as it was to be", file=file.path, hint="Run again.")
        if any(digest.size for digest in seals.values()):
            raise OutputError("has fewer parts than it was to have", file=folder, hint="Run again.")
        # As Spark leaves in a folder that is complete.
        self.storage.write(f"{folder}/_SUCCESS", b"")
        return digests

    def _name_parts(self, written: str, folder: str, extension: str) -> dict[int, tuple[Stored, str]]:
        """Move part files, if there are any, and give them names that say their place and format, and nothing else.

        Returns:
            The file that each partition wrote, and what it is called now.
        """
        files = self.storage.files(written) if self.storage.exists(written) else ()
        found = {int(file.path.rpartition("/")[2].split("-")[1]): file for file in files}
        named = {}
        for number, (partition, file) in enumerate(sorted(found.items())):
            named[partition] = file, f"part-{number:05d}{extension}"
            self.storage.rename(file.path, f"{folder}/{named[partition][1]}")
        return named


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
