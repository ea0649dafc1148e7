"""The same decisions on Apache Spark: `clean` for DataFrames."""

from dedup.spark.engine import clean

__all__ = ["clean"]
