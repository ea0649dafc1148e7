"""Measure the Spark engine: against the local one with the same cores, what is shuffled, and what skew costs.

    python benchmarks/spark.py --cache benchmarks-cache --documents 100000
    python benchmarks/spark.py --cache benchmarks-cache --documents 200000 --skew

Spark runs here, with one executor a core in processes of its own. Corpora are made on first use (see corpus.py) and
stay in the cache. With --skew, half of the documents become copies of one article, and every second of the others
carries one more line: the figure is how much longer that takes than the corpus as it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click

HERE = Path(__file__).parent
DEDUP = str(Path(sys.executable).with_name("dedup"))
LINE = "Redaktionell erstellt und geprüft von der Redaktion dieser Zeitung.\n"
MEMORY_MB = 2048
"""Of an executor."""


@click.command()
@click.option("--cache", type=click.Path(path_type=Path), default=Path("benchmarks-cache"), show_default=True)
@click.option("--documents", default=100_000, show_default=True)
@click.option("--cores", default=2, show_default=True)
@click.option("--partitions", default=8, show_default=True, help="As spark.sql.shuffle.partitions.")
@click.option("--skew", is_flag=True, help="Compare with a corpus of half copies, instead of with the local engine.")
def main(cache: Path, documents: int, cores: int, partitions: int, skew: bool) -> None:
    """Print seconds, and bytes shuffled a document and stage."""
    cache.mkdir(parents=True, exist_ok=True)
    corpus = made(cache, documents)
    print(f"load {os.getloadavg()[0]:.1f}, {documents:,} documents, {corpus.stat().st_size:,} bytes")
    even, shuffled = on_spark(corpus, cores, partitions)
    print(f"spark    {even:8.1f} s")
    for name, size in shuffled:
        print(f"  {size / documents:10,.0f} bytes shuffled a document  {name}")
    print(f"  {sum(size for _, size in shuffled) / documents:10,.0f} in all")
    if skew:
        skewed, _ = on_spark(made_skewed(corpus), cores, partitions)
        print(f"skewed   {skewed:8.1f} s, {skewed / even:.2f} times the even one")
    else:
        local = locally(corpus, cores)
        print(f"local    {local:8.1f} s, Spark takes {even / local:.2f} times as long")


def made(cache: Path, documents: int) -> Path:
    """Return a corpus of so many documents."""
    path = cache / f"{documents}.jsonl"
    if not path.exists():
        subprocess.run([sys.executable, str(HERE / "corpus.py"), str(documents), str(path)], check=True)
    return path


def made_skewed(corpus: Path) -> Path:
    """Return the corpus with half of it copies of its first document, and a line more in every second of the others."""
    path = corpus.with_name(f"{corpus.stem}-skewed.jsonl")
    if not path.exists():
        with corpus.open(encoding="utf-8") as source, path.open("w", encoding="utf-8") as out:
            first = None
            for number, line in enumerate(source):
                record = json.loads(line)
                first = first or record["text"]
                if number % 2:
                    record["text"] = first
                elif number % 4:
                    record["text"] = f"{record['text']}\n{LINE}"
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


def locally(corpus: Path, cores: int) -> float:
    """Return the seconds that the local engine takes."""
    with tempfile.TemporaryDirectory() as folder:
        return timed([DEDUP, "clean", "-q", str(corpus), "-o", f"{folder}/out.jsonl", "--workers", str(cores)], {})


def on_spark(corpus: Path, cores: int, partitions: int) -> tuple[float, list[tuple[str, int]]]:
    """Return the seconds that Spark takes, its start included, and the bytes that each stage shuffles."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        log.mkdir()
        settings = {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.eventLog.compress": "false",
            "spark.eventLog.dir": log.as_uri(),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.rolling.enabled": "false",
            "spark.executor.memory": f"{MEMORY_MB}m",
            "spark.sql.shuffle.partitions": str(partitions),
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        arguments = " ".join(f"--conf {name}={value}" for name, value in settings.items())
        environment = {"PYSPARK_SUBMIT_ARGS": f"{arguments} pyspark-shell", "SPARK_LOCAL_IP": "127.0.0.1"}
        master = f"local-cluster[{cores},1,{MEMORY_MB}]"
        command = [DEDUP, "clean", "-q", "--engine", "spark", "--master", master, str(corpus), "-o", f"{folder}/out"]
        seconds = timed(command, environment)
        (events,) = log.iterdir()
        return seconds, shuffled_in(events)


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Run a command and return its wall time."""
    start = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ | environment, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def shuffled_in(events: Path) -> list[tuple[str, int]]:
    """Return what the stages of an event log shuffled, in their order."""
    names: dict[int, str] = {}
    sizes: Counter[int] = Counter()
    with events.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["Event"] == "SparkListenerStageCompleted":
                names[event["Stage Info"]["Stage ID"]] = event["Stage Info"]["Stage Name"]
            elif event["Event"] == "SparkListenerTaskEnd":
                written = event["Task Metrics"]["Shuffle Write Metrics"]
                sizes[event["Stage ID"]] += written["Shuffle Bytes Written"]
    return [(f"stage {stage}, {names[stage]}", size) for stage, size in sorted(sizes.items()) if size]


if __name__ == "__main__":
    main()
