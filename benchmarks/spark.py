"""Measure the Spark engine: against the local one with the same cores, what is shuffled, and what skew costs.

    python benchmarks/spark.py --cache benchmarks-cache --documents 100000
    python benchmarks/spark.py --cache benchmarks-cache --documents 100000 --archive
    python benchmarks/spark.py --cache benchmarks-cache --documents 200000 --skew
    python benchmarks/spark.py --cache benchmarks-cache --documents 100000 --identity

Spark runs here, with one executor in a process of its own. Corpora are made on first use (see corpus.py) and stay in
the cache. With --archive, the JVMs take their classes from archives, which a run before makes that is not counted, as
those who build an image for a cluster would make them. With --skew, half of the documents become copies of one article,
and every second of the others carries one more line: the figure is how much longer that takes than the corpus as it
was. With --identity, the lines are shuffled, and what Spark writes in 2 and in 50 partitions is compared with what the
local engine writes.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import click

HERE = Path(__file__).parent
DEDUP = str(Path(sys.executable).with_name("dedup"))
LINE = "Redaktionell erstellt und geprüft von der Redaktion dieser Zeitung.\n"
MEMORY_MB = 3072
"""Of the executor."""

JVMS = ("driver", "executor")
ARCHIVED_DOCUMENTS = 10_000
"""So many need all classes that more of them need."""

SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    # Of a minute, the better compiler of the JVM would take a third.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    # All bytes stay on one machine.
    "spark.shuffle.compress": "false",
    "spark.shuffle.checksum.enabled": "false",
    # Between the JVM and Python, where that costs less than the network's.
    "spark.python.unix.domain.socket.enabled": "true",
    "spark.executor.memory": f"{MEMORY_MB}m",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}

LOG = {
    "spark.eventLog.compress": "false",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.rolling.enabled": "false",
}
"""Have Spark say what it shuffled, which takes a second of some fifteen."""


class Taken(NamedTuple):
    """What a run took: seconds, and seconds of processors."""

    wall_s: float
    cpu_s: float

    def __str__(self) -> str:
        return f"{self.wall_s:8.1f} s, {self.cpu_s:.1f} s of processors"


@click.command()
@click.option("--cache", type=click.Path(path_type=Path), default=Path("benchmarks-cache"), show_default=True)
@click.option("--documents", default=100_000, show_default=True)
@click.option("--cores", default=2, show_default=True)
@click.option("--archive", is_flag=True, help="Let the JVMs take their classes from archives, made beforehand.")
@click.option("--skew", is_flag=True, help="Compare with a corpus of half copies, instead of with the local engine.")
@click.option("--identity", is_flag=True, help="Compare what is written, instead of times.")
def main(cache: Path, documents: int, cores: int, archive: bool, skew: bool, identity: bool) -> None:
    """Print seconds, and bytes shuffled a document and stage."""
    cache.mkdir(parents=True, exist_ok=True)
    corpus = made(cache, documents)
    print(f"load {os.getloadavg()[0]:.1f}, {documents:,} documents, {corpus.stat().st_size:,} bytes")
    if identity:
        for partitions in (2, 50):
            compare(shuffled(corpus, partitions), cores, partitions)
        return
    more = from_archives(cache, cores) if archive else {}
    even = on_spark(corpus, cores, more=more)
    print(f"spark    {even}")
    other, name = (
        (on_spark(made_skewed(corpus), cores, more=more), "skewed") if skew else (locally(corpus, cores), "local")
    )
    print(f"{name:8} {other}")
    first, second = (other, even) if skew else (even, other)
    print(f"{first.wall_s / second.wall_s:.2f} times as long, {first.cpu_s / second.cpu_s:.2f} times of processors")
    stages = shuffled_by(corpus, cores)
    for name, size in stages:
        print(f"  {size / documents:10,.0f} bytes shuffled a document  {name}")
    print(f"  {sum(size for _, size in stages) / documents:10,.0f} in all")


def made(cache: Path, documents: int) -> Path:
    """Return a corpus of so many documents."""
    path = cache / f"{documents}.jsonl"
    if not path.exists():
        subprocess.run([sys.executable, str(HERE / "corpus.py"), str(documents), str(path)], check=True)
    return path


def from_archives(cache: Path, cores: int) -> dict[str, str]:
    """Return settings by which the JVMs take their classes from archives, which are made if there are none."""
    paths = {jvm: (cache / f"{jvm}.jsa").resolve() for jvm in JVMS}
    if not all(path.exists() for path in paths.values()):
        making = with_options(paths, "-Xlog:disable -XX:ArchiveClassesAtExit=")
        on_spark(made(cache, ARCHIVED_DOCUMENTS), cores, more=making)
    return with_options(paths, "-XX:SharedArchiveFile=")


def with_options(paths: dict[str, Path], option: str) -> dict[str, str]:
    """Return the settings of each JVM's options with one more."""
    names = {jvm: f"spark.{jvm}.extraJavaOptions" for jvm in paths}
    return {names[jvm]: f"{SETTINGS[names[jvm]]} {option}{path}" for jvm, path in paths.items()}


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


def shuffled(corpus: Path, seed: int) -> Path:
    """Return the corpus with its lines in another order."""
    path = corpus.with_name(f"{corpus.stem}-shuffled-{seed}.jsonl")
    if not path.exists():
        lines = corpus.read_bytes().splitlines(keepends=True)
        random.Random(seed).shuffle(lines)  # noqa: S311
        path.write_bytes(b"".join(lines))
    return path


def compare(corpus: Path, cores: int, partitions: int) -> None:
    """Say whether Spark and the local engine write the same."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        locally(corpus, cores, out / "local.jsonl")
        said = ("spark.sql.shuffle.partitions", "spark.sql.files.minPartitionNum")
        on_spark(corpus, cores, out / "spark", dict.fromkeys(said, str(partitions)))
        local = (out / "local.jsonl.dedup" / "decisions.jsonl").read_bytes().split(b"\n", 1)[1]
        same = (
            (out / "local.jsonl").read_bytes() == parts(out / "spark"),
            local == parts(out / "spark.dedup" / "decisions"),
        )
    count = local.count(b"\n")
    print(f"{partitions} partitions: documents {_told(same[0])}, {count:,} decisions {_told(same[1])}")


def _told(is_same: bool) -> str:
    return "the same" if is_same else "DIFFERENT"


def parts(folder: Path) -> bytes:
    """Return the parts in a folder, end to end."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("part-*")))


def locally(corpus: Path, cores: int, out: Path | None = None) -> Taken:
    """Return what the local engine takes."""
    with tempfile.TemporaryDirectory() as folder:
        target = out or Path(folder, "out.jsonl")
        return timed([DEDUP, "clean", "-q", str(corpus), "-o", str(target), "--workers", str(cores)], {})


def on_spark(corpus: Path, cores: int, out: Path | None = None, more: dict[str, str] | None = None) -> Taken:
    """Return what Spark takes, its start and end included."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = " ".join(f'--conf "{name}={value}"' for name, value in (SETTINGS | (more or {})).items())
        environment = {"PYSPARK_SUBMIT_ARGS": f"{arguments} pyspark-shell", "SPARK_LOCAL_IP": "127.0.0.1"}
        master, target = f"local-cluster[1,{cores},{MEMORY_MB}]", str(out or Path(folder, "out"))
        command = [DEDUP, "clean", "-q", "--engine", "spark", "--master", master, str(corpus), "-o", target]
        return timed(command, environment)


def shuffled_by(corpus: Path, cores: int) -> list[tuple[str, int]]:
    """Return the bytes that each stage shuffles, in a run of their own."""
    with tempfile.TemporaryDirectory() as folder:
        on_spark(corpus, cores, more=LOG | {"spark.eventLog.dir": Path(folder).as_uri()})
        (events,) = Path(folder).iterdir()
        return shuffled_in(events)


def timed(command: list[str], environment: dict[str, str]) -> Taken:
    """Run a command and return what it took, with all processes that it started."""
    start = time.perf_counter()
    seen: dict[int, float] = {}
    with subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL) as process:
        # Nobody waits for Spark's workers, so that the system does not add their times to anybody's.
        watching = threading.Thread(target=watch, args=(process, seen))
        watching.start()
        process.wait()
        wall_s = time.perf_counter() - start
        watching.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    # A JVM that writes an archive does so when all else has ended.
    while any(is_running(number) for number in seen):
        time.sleep(0.2)
    return Taken(wall_s, sum(seen.values()))


def watch(process: subprocess.Popen[bytes], seen: dict[int, float]) -> None:
    """Keep what every process below this one has taken, as long as one of them runs."""
    while process.returncode is None:
        seen |= of_descendants(os.getpid())
        time.sleep(0.2)


def is_running(process: int) -> bool:
    """Say whether a process is there and not merely waited for by nobody."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False


def of_descendants(root: int) -> dict[int, float]:
    """Return the seconds of processors that each process below another one has taken, as /proc says."""
    parents, seconds = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            _, parent, *rest = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(parent)
            seconds[int(path.parent.name)] = (int(rest[9]) + int(rest[10])) / os.sysconf("SC_CLK_TCK")
    found = {root}
    while more := {number for number, parent in parents.items() if parent in found} - found:
        found |= more
    return {number: seconds[number] for number in found - {root}}


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
