"""The process that Spark forks its Python workers from, with the kernels in it: loaded once, not once a worker.

Spark starts it on every executor where `spark.python.daemon.module` names it.
"""

from __future__ import annotations

from pyspark import daemon

SAMPLE = "Die Sitzung begann um neun Uhr mit einem Bericht über das vergangene Jahr. Danach sprach Frau Weiß.\nTeilen\n"


def load() -> None:
    """Load what tasks need, kernels included, by cleaning a few made-up documents."""
    import dedup
    from dedup.spark import tasks  # noqa: F401

    texts = [f"{SAMPLE * 2}Nummer {number} von acht, und dazu noch ein Satz.\n" for number in range(8)]
    dedup.clean([{"text": text, "source": "a"} for text in texts])


if __name__ == "__main__":
    load()
    daemon.manager()
