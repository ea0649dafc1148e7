"""The figures that say how good the results are, each a small pure function; `benchmarks/quality.py` prints them."""
