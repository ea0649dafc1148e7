"""What tests need that is not always installed."""

from __future__ import annotations

from importlib.util import find_spec

# It is imported by Scrapy, which is there then, and otherwise only for its examples.
collect_ignore = [] if find_spec("scrapy") else ["dedup/scrapy.py"]
if find_spec("pyspark") is None:
    collect_ignore.append("dedup/spark")
# No test, and it needs a fuzzer.
collect_ignore.append("tests/fuzz/run.py")
