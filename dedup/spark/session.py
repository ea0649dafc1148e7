"""Spark for the command line."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException

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
def opened(master: str | None) -> Iterator[SparkContext]:
    """Start Spark, with our settings where nobody said otherwise, and stop it at the end.

    Args:
        master: Where Spark runs; None for what its own settings say, else for this machine.

    Raises:
        EngineError: Spark does not start, for want of Java for instance, or it gives up.
    """
    while _stopping:
        _stopping.pop().join()
    # Executors on this machine are to find the packages that are here.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    importing = threading.Thread(target=_import, daemon=True)
    importing.start()
    try:
        # Only then are there settings to look at.
        SparkContext._ensure_initialized()
        settings = SparkConf().setIfMissing("spark.app.name", "dedup")
        for name, value in SETTINGS.items():
            settings.setIfMissing(name, value)
        context = SparkContext.getOrCreate(settings if master is None else settings.setMaster(master))
    except (PySparkException, Py4JError) as error:
        raise EngineError(
            f"Spark does not start: {reason_of(error)}", hint="It needs Java 17 or newer, and a master that runs."
        ) from None
    try:
        context.setLogLevel("ERROR")
        threading.Thread(target=_wake, args=(context,), daemon=True).start()
        importing.join()
        yield context
    except (PySparkException, Py4JError) as error:
        raise EngineError(f"Spark gave up: {reason_of(error)}", hint="Its logs say more.") from None
    finally:
        _stop(context)


_stopping: list[threading.Thread] = []


def _stop(context: SparkContext) -> None:
    """Stop Spark, and do not wait for what it leaves to be stopped in this process: that takes another half second."""
    thread = threading.Thread(target=context.stop, daemon=True)
    _stopping.append(thread)
    thread.start()
    # It is taken away as soon as Java has stopped.
    while thread.is_alive() and context._jsc is not None:
        thread.join(0.01)


def _import() -> None:
    """Import what the driver needs, which takes half a second, while Java starts."""
    # What is missing is told where it is needed.
    with suppress(ImportError):
        for name in ("dedup.spark.jobs", "scipy.sparse.csgraph"):
            import_module(name)


def _wake(context: SparkContext) -> None:
    """Have executors start their Python, which takes a second or two, while the driver looks at files."""
    # Spark may be stopped before this ends; and if it does not work, neither will the first task that matters.
    with suppress(Exception):
        workers = context.defaultParallelism
        context.parallelize(range(workers), workers).count()


def reason_of(error: Exception) -> str:
    """Return what went wrong, in one line: what a task raised, if one did."""
    said = str(error.java_exception.getMessage()) if isinstance(error, Py4JJavaError) else str(error)
    _, is_raised, raised = said.rpartition("Traceback (most recent call last):\n")
    # Below a traceback, the first line that is not indented.
    lines = [line for line in raised.splitlines() if line.strip() and not (is_raised and line[:1].isspace())]
    return (lines[0].strip() if lines else type(error).__name__).rstrip(".")
