"""Load: readers and a writer on one index, for as long as asked; ends with an error at the first wrong verdict.

    python tests/load.py --seconds 600 --readers 8

What a reader is asked about was committed before it is asked, or is new: either way one verdict is right.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections import Counter
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import dedup
from tests.corpora import article

COMMIT_EVERY = 50
PROGRESS = "committed"


def text_of(number: int) -> str:
    """Return the text of a document: the same in every process."""
    return article(random.Random(number))


def record_of(number: int, text: str) -> dict[str, Any]:
    return {"id": str(number), "source": f"{number % 5}.example", "text": text}


def write(folder: Path, end: Event, done: Queue[dict[str, Any]]) -> None:
    """Add and commit until the end; after every commit, say how many documents are there."""
    number = 0
    with dedup.open_index(folder / "news.index") as index:
        while not end.is_set():
            verdict = index.add(record_of(number, text_of(number)))
            assert verdict.kind == "new", f"document {number} is said to be {verdict.kind}"
            number += 1
            if number % COMMIT_EVERY == 0:
                index.commit()
                staged = folder / f"{PROGRESS}.new"
                staged.write_text(str(number), encoding="utf-8")
                staged.rename(folder / PROGRESS)
    done.put({"added": number, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10})


def read(folder: Path, seed: int, end: Event, done: Queue[dict[str, Any]]) -> None:
    """Ask about documents that are there and about new ones until the end."""
    rng, asked = random.Random(seed), Counter[str]()
    while not end.is_set():
        committed = int((folder / PROGRESS).read_text(encoding="utf-8"))
        with dedup.open_index(folder / "news.index", is_reading=True) as index:
            for _ in range(20):
                number = rng.randrange(committed)
                text = text_of(number)
                verdict = index.judge(text.upper() if rng.random() < 0.5 else text)
                assert verdict.kind == "duplicate", f"document {number} of {committed} is said to be new"
                assert verdict.keeper is not None
                assert verdict.keeper.id == str(number)
                assert index.judge(text_of(-rng.getrandbits(60) - 1)).kind == "new"
                asked.update(("there", "new"))
        asked["opened"] += 1
    done.put({**asked, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10})


def run(folder: Path, seconds: float, readers: int) -> list[dict[str, Any]]:
    """Return what the writer and each reader did; raises RuntimeError if one of them failed."""
    context = multiprocessing.get_context("spawn")
    end, done = context.Event(), context.Queue()
    workers = [context.Process(target=write, args=(folder, end, done))]
    workers += [context.Process(target=read, args=(folder, seed, end, done)) for seed in range(readers)]
    workers[0].start()
    while not (folder / PROGRESS).exists() and workers[0].is_alive():
        time.sleep(0.05)
    for worker in workers[1:]:
        worker.start()
    stop = time.monotonic() + seconds
    while time.monotonic() < stop and all(worker.is_alive() for worker in workers):
        time.sleep(0.1)
    end.set()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError(f"a process failed: exit codes {[worker.exitcode for worker in workers]}")
    return [done.get() for _ in workers]


def main() -> None:
    """Run the load and print what was done, a line of JSON a process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--readers", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for found in run(Path(folder), options.seconds, options.readers):
            print(json.dumps(found))


if __name__ == "__main__":
    main()
