"""A Spark session for the command line."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from dedup.errors import EngineError

BATCH_ROWS = 5_000
BATCH_BYTES = 64 << 20
"""What a task holds of the texts at once, several times over."""

SETTINGS = {
    "spark.python.daemon.module": "dedup.spark.daemon",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    "spark.sql.execution.arrow.maxBytesPerBatch": str(BATCH_BYTES),
    # What is kept between stages is texts above all, which this leaves as they are.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}


@contextmanager
def opened(master: str | None) -> Iterator[SparkSession]:
    """Open a session, with our settings where nobody said otherwise, and stop it at the end.

    Args:
        master: Where Spark runs; None for what its own settings say, else for this machine.

    Raises:
        EngineError: Spark does not start, for want of Java for instance, or it gives up.
    """
    # Executors on this machine are to find the packages that are here.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("dedup")
    try:
        # Only then are there settings to look at.
        SparkContext._ensure_initialized()
        said = SparkConf()
        for name, value in SETTINGS.items():
            builder = builder.config(name, said.get(name, value))
        spark = (builder if master is None else builder.master(master)).getOrCreate()
    except (PySparkException, Py4JError) as error:
        raise EngineError(
            f"Spark does not start: {_first_line(error)}", hint="It needs Java 17 or newer, and a master that runs."
        ) from None
    try:
        spark.sparkContext.setLogLevel("ERROR")
        threading.Thread(target=_wake, args=(spark,), daemon=True).start()
        yield spark
    except (PySparkException, Py4JError) as error:
        raise EngineError(f"Spark gave up: {_first_line(error)}", hint="Its logs say more.") from None
    finally:
        spark.stop()


def _wake(spark: SparkSession) -> None:
    """Have executors start their Python, which takes a second or two, on half of their cores.

    The others can count lines meanwhile, which takes no Python.
    """
    # The session may end before this does; and if it does not work, neither will the first task that matters.
    with suppress(Exception):
        workers = max(spark.sparkContext.defaultParallelism // 2, 1)
        spark.range(0, workers, 1, workers).mapInArrow(lambda rows: rows, "id long").toArrow()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
