"""What a run on a cluster reads: files of one kind, as pieces of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
from pyspark import RDD
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from dedup.errors import InputError
from dedup.parts import Lines, Table
from dedup.spark.pieces import Carrier, Origin, Piece
from dedup.spark.storage import Stored


class Columns(NamedTuple):
    """What tables have in common.

    Attributes:
        schema: The columns of all of them, as Spark sees them.
        own: The different columns that files have, as Arrow says them.
        file_rows: Rows of an output file, at most.
    """

    schema: StructType
    own: list[pa.Schema]
    file_rows: int


class Input(NamedTuple):
    """The input of a run.

    Attributes:
        pieces: What is worked on.
        total: How many pieces there are.
        carrier: Reads them.
        files: What is known of each file.
        tables: What all of them have in common, where they are tables.
    """

    pieces: RDD[Piece]
    total: int
    carrier: Carrier
    files: Sequence[Lines | Table]
    tables: Columns | None = None


class Inputs(NamedTuple):
    """The input files in order, all of one kind."""

    kind: str
    files: list[Stored]
    origins: list[Origin]

    def shown(self, index: int) -> str:
        """Return how messages name a file."""
        return self.files[index].path


def no_documents() -> InputError:
    """Say that there is nothing to clean."""
    return InputError("there is not a single document in the input", hint="Check the path.")


def session_for(slices: int) -> SparkSession:
    """Return the session, which reads files in so many partitions where nobody said otherwise."""
    session, name = SparkSession.builder.getOrCreate(), "spark.sql.files.minPartitionNum"
    if name not in session.conf.getAll:
        session.conf.set(name, str(slices))
    return session
