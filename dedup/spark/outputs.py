"""What tasks tell, written: lines by the tasks themselves where they can open the folder, all else by Spark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyspark import RDD, StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql import functions as sql

from dedup.errors import OutputError
from dedup.formats.digests import Digest, digest_of_bytes
from dedup.spark.frames import rows_told
from dedup.spark.inputs import Columns, Input
from dedup.spark.storage import LOCAL, Storage, literal
from dedup.spark.telling import DECISIONS, DROPPED, KEPT, NOTED, SEAL, TAKEN, UNREAD, Key, Told, added, sealed

ROWS = (KEPT, DROPPED)
"""What is rows of tables, where documents are not lines."""


class Result(NamedTuple):
    """What tasks told.

    Attributes:
        notes: Their notes, summed.
        told: What they told, but for lines that they wrote themselves.
        files: The files of lines, by kind and partition.
        storage: Where all of it goes.
        corpus: What was read.
    """

    notes: dict[Key, Any]
    told: RDD[Told]
    files: dict[tuple[int, int], str]
    storage: Storage
    corpus: Input

    def put(self, what: int, folder: str, seals: dict[int, dict[int, Digest]]) -> dict[str, Digest]:
        """Put what was told of a kind into a folder; return the digests of its parts.

        Raises OutputError if what is written is not there, or not as long as what was told.
        """
        if what in ROWS and self.corpus.tables is not None:
            return self._put_rows(what, folder, self.corpus.tables)
        storage, digests = self.storage, {}
        storage.make_folder(folder)
        for number, (partition, digest) in enumerate(sorted(seals.get(what, {}).items())):
            path = self.files.get((what, partition), "")
            part = f"part-{number:05d}.jsonl"
            if not path or not storage.exists(path):
                raise OutputError(
                    "is not where the executors were to write it",
                    file=path or folder,
                    hint="Name an OUTPUT in a folder that all machines mount, or at a path of Spark's.",
                )
            if storage.size(path) != digest.size:
                raise OutputError("is not as long as it was to be", file=path, hint="Run again.")
            storage.rename(path, f"{folder}/{part}")
            digests[part] = digest
        # As Spark leaves in a folder that is complete.
        storage.write(f"{folder}/_SUCCESS", b"")
        return digests

    def _put_rows(self, what: int, folder: str, columns: Columns) -> dict[str, Digest]:
        """Have Spark write rows of a table, in the format of the input."""
        session = SparkSession.builder.getOrCreate()
        # Not as the 96-bit integers that other readers take for nanoseconds without a time zone.
        session.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        options = {"compression": "zstd", "maxRecordsPerFile": str(columns.file_rows)}
        rows_told(session, self.told, what, columns.schema).write.options(**options).parquet(folder)
        written = _parts(self.storage, folder).values()
        names = [f"part-{number:05d}.parquet" for number in range(len(written))]
        for path, name in zip(written, names, strict=True):
            self.storage.rename(path, f"{folder}/{name}")
        files = session.read.format("binaryFile").load([literal(f"{folder}/{name}") for name in names])
        told = files.select("path", "content").rdd
        digests = dict(told.map(lambda row: (row.path.rpartition("/")[2], digest_of_bytes(row.content))).collect())
        return {name: digests[name] for name in names}


def written(told: RDD[Told], storage: Storage, folder: str, corpus: Input) -> Result:
    """Compute what tasks tell, and write its lines to a folder.

    Args:
        told: What they tell, in partitions that follow one another.
        storage: Where it goes.
        folder: For the lines.
        corpus: What was read.
    """
    lines = (DECISIONS, TAKEN, UNREAD) if corpus.tables is not None else (KEPT, DROPPED, DECISIONS, TAKEN, UNREAD)
    is_local = folder.startswith(LOCAL)
    own = folder.removeprefix(LOCAL) if is_local else ""
    storage.make_folder(folder)
    passed = told.mapPartitionsWithIndex(lambda part, handed: sealed(part, handed, lines, own))
    if not is_local or corpus.tables is not None:
        passed = passed.persist(StorageLevel.DISK_ONLY)
    notes = passed.filter(lambda one: one[0] == NOTED).map(lambda one: one[1]).treeReduce(added)
    if is_local:
        files = {(key[1], key[2]): f"{folder}/{seal[0]}" for key, seal in notes.items() if key[0] == SEAL}
    else:
        files = _by_spark(passed, lines, storage, f"{folder}/all")
    return Result(notes, passed, files, storage, corpus)


def _by_spark(told: RDD[Told], kinds: Sequence[int], storage: Storage, folder: str) -> dict[tuple[int, int], str]:
    """Have Spark write lines, each kind to a folder of its own in a folder; return the files."""
    session, most = SparkSession.builder.getOrCreate(), "spark.sql.maxConcurrentOutputFileWriters"
    said = session.conf.get(most)
    # With a file open for every kind, Spark leaves rows in the order in which it gets them.
    session.conf.set(most, str(len(kinds) + 1))
    try:
        # Spark adds the last newline.
        rows = told.filter(lambda one: one[0] in kinds).map(lambda one: (one[0], one[1][:-1]))
        handed = session.createDataFrame(rows, "what int, lines binary", verifySchema=False)
        options = {"lineSep": "\n", "compression": "none", "maxRecordsPerFile": "0"}
        handed.select("what", sql.col("lines").cast("string")).write.partitionBy("what").options(**options).text(folder)
    finally:
        session.conf.set(most, said)
    return {
        (what, partition): path
        for what, own in ((what, f"{folder}/what={what}") for what in kinds)
        if storage.exists(own)
        for (partition, _), path in _parts(storage, own).items()
    }


def _parts(storage: Storage, folder: str) -> dict[tuple[int, int], str]:
    """Return the part files that Spark wrote to a folder, in order: by partition, and their number there."""
    found = {}
    for file in storage.files(folder):
        # part-00007-JOB.c000.txt, or part-00007-JOB-c000.zstd.parquet
        name = file.path.rpartition("/")[2]
        first, *_, last = re.findall(r"part-(\d+)-|[-.]c(\d+)\.", name)
        found[int(first[0]), int(last[1])] = file.path
    return dict(sorted(found.items()))
