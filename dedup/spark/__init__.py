"""The same decisions on Apache Spark: `clean` for DataFrames.

Importing it raises EngineError where pyspark is missing.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dedup.errors import EngineError

if TYPE_CHECKING:
    from dedup.spark.frames import clean

if find_spec("pyspark") is None:
    raise EngineError("Spark needs pyspark", hint="Run: pip install 'corpus-dedup[spark]'")

__all__ = ["clean"]


def __getattr__(name: str) -> Any:
    # Not before somebody asks for it: executors start without what only a driver needs.
    if name == "clean":
        from dedup.spark.frames import clean

        return clean
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
