"""The same decisions on Apache Spark: `clean` for DataFrames.

Importing it raises EngineError where pyspark is missing.
"""

from importlib.util import find_spec

from dedup.errors import EngineError

if find_spec("pyspark") is None:
    raise EngineError("Spark needs pyspark", hint="Run: pip install 'corpus-dedup[spark]'")

from dedup.spark.engine import clean

__all__ = ["clean"]
