"""The process that Spark forks its Python workers from, with the kernels in it: loaded once, not once a worker.

Spark starts it on every executor where `spark.python.daemon.module` names it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HOME = Path(os.environ.get("SPARK_HOME", ""))
if (HOME / "__init__.py").is_file():
    # Where Spark is a Python package, its modules come from an archive first, to be compiled anew by every process that
    # starts, which takes half a second; here are the same ones, with their bytecode.
    sys.path.insert(0, str(HOME.parent))

SAMPLE = "Die Sitzung begann um neun Uhr mit einem Bericht über das vergangene Jahr. Danach sprach Frau Weiß.\nTeilen\n"


def load() -> None:
    """Load what tasks need, kernels included, by doing their work on a few made-up documents."""
    import msgspec
    import numpy as np

    from dedup.config import Config
    from dedup.formats.sites import NOWHERE
    from dedup.spark.components import Nodes
    from dedup.spark.outcomes import Outcomes
    from dedup.spark.parting import Parting
    from dedup.spark.pieces import LinePiece, Lines, Origin
    from dedup.spark.tasks import Tasks

    texts = [f"{SAMPLE * 2}Nummer {number % 5} von acht, und dazu noch ein Satz.\n" for number in range(8)]
    lines = msgspec.json.Encoder().encode_lines([{"text": text, "source": "a"} for text in texts])
    tasks = Tasks(Config(), Lines(Config(), [Origin("a.jsonl", NOWHERE)], skips_bad=False), Parting(1, 1))
    pieces = [LinePiece(0, 0, 1, data=lines)]
    counted: Any
    found: Any
    counted, *_ = tasks.count(_things(tasks.evidence(iter(pieces), 1)))
    (found,) = tasks.examine(iter(pieces), counted.templates)
    list(tasks.meet(_things(tasks.keyed(iter([found])))))
    rows, first, nobody = np.arange(len(texts)), np.zeros(len(texts), np.int64), np.full(len(texts), -1)
    nodes = Nodes(first, rows, first, first, first > 0, nobody, nobody)
    outcomes = Outcomes.join(list(_things(tasks.judge(_things(tasks.sent(iter([(found, nodes)])))))))
    list(tasks.tell(iter([(found, outcomes)]), counted.templates))


def _things(placed: Iterable[tuple[int, Any]]) -> Iterator[Any]:
    return (thing for _, thing in placed)


if __name__ == "__main__":
    from pyspark import daemon

    from dedup.quick import quick_loading

    # Not any longer: what else runs in these processes is the user's.
    with quick_loading():
        load()
    daemon.manager()
