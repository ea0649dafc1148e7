"""End runs in every way there is, at every step and at random moments, and look what is left.

    python tests/kills.py FOLDER [--random 300] [--every 1]

A run is killed just before one of its file operations (opened to write, renamed, removed, made), each in turn, or every
so many; or a real process is ended by SIGKILL, SIGTERM or Ctrl-C after a random part of the time that it takes; or the
disk is full at a random size. Then the output must be absent or complete, and nothing else be touched; the same
command, given again, must come to the same bytes and leave no temporary file. Prints how many runs were ended and what
was found.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from dedup.cli import main as dedup
from tests.corpora import edited, site
from tests.index_kills import EVENTS

Contents = dict[str, bytes]
"""Files by name."""

LINES = {signal.SIGINT: (130, "dedup: interrupted\n"), signal.SIGTERM: (143, "dedup: terminated\n")}
"""What a run that is ended by a signal says."""

READY = b"1"
PROGRAM = [sys.executable, "-c", f"import os; from dedup.cli import main; os.write(1, {READY!r}); main()"]
"""The command in a process of its own, which says when it begins: how Python ends while it starts is its own affair."""


class Ended(NamedTuple):
    """How a run ended: its exit code, less than zero for a signal, and what it said."""

    code: int
    said: str


def make_input(folder: Path, seed: int) -> None:
    """Write articles of four formats; some are copies, and all share lines."""
    rng = random.Random(seed)
    documents = site(rng, "a.example", 30)
    documents += [{**document, "text": edited(rng, document["text"], 0.01)} for document in documents[:6]]
    folder.mkdir()
    lines = [json.dumps(document, ensure_ascii=False) + "\n" for document in documents]
    (folder / "news.jsonl").write_text("".join(lines[:10]), encoding="utf-8")
    (folder / "more.jsonl.gz").write_bytes(gzip.compress("".join(lines[10:20]).encode(), mtime=0))
    pq.write_table(pa.Table.from_pylist(documents[20:30]), folder / "table.parquet")
    (folder / "pages").mkdir()
    for number, document in enumerate(documents[30:]):
        (folder / "pages" / f"{number}.txt").write_text(document["text"], encoding="utf-8")


class Scene:
    """A command, where it is given, and what it comes to.

    Attributes:
        arguments: The command line.
    """

    def __init__(self, folder: Path, arguments: list[str], before: list[list[str]]) -> None:
        """Make the scene.

        Args:
            folder: Where.
            arguments: The command line; it writes `out`, in the folder that it is given in.
            before: Commands that are given before, in turn.
        """
        self.arguments = arguments
        self._start, self._work, self._temporary = folder / "start", folder / "work", folder / "tmp"
        self._start.mkdir(parents=True)
        self._temporary.mkdir()
        make_input(self._start / "in", 1)
        make_input(self._start / "older", 2)
        for command in before:
            assert self._forked(self._start, command) == (0, "")
        self.reset()
        assert self.run() == (0, "")
        self._before, self._after = contents(self._start), contents(self._work)
        assert self._before != self._after

    def reset(self) -> None:
        """Go back to the moment before the command."""
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._start, self._work)

    def run(self, prepare: Callable[[], Any] = lambda: None) -> Ended:
        """Run the command in a fork of this process, which takes no time to start."""
        return self._forked(self._work, self.arguments, prepare)

    def start(self) -> subprocess.Popen[bytes]:
        """Run the command in a process of its own; return when it has begun."""
        return begun(quiet(self.arguments), self._work, self._temporary)

    def is_tidy(self) -> bool:
        """Say whether nothing temporary is left."""
        return not any(map(is_hidden, contents(self._work))) and not list(self._temporary.iterdir())

    def check(self) -> str:
        """Look at what is left, give the command again, and say whether the output was there."""
        left = contents(self._work)
        visible = {name: data for name, data in left.items() if not is_hidden(name)}
        found = {unit: part_of(visible, unit) for unit in ("out", "out.dedup")}
        for unit, part in found.items():
            assert part in ({}, part_of(self._before, unit), part_of(self._after, unit)), unit
        rest = {name: data for name, data in self._before.items() if unit_of(name) not in (*found, "stages")}
        assert {name: visible.get(name) for name in rest} == rest
        is_done = found["out"] == part_of(self._after, "out")
        if is_done:
            assert found["out.dedup"] == part_of(self._after, "out.dedup")
        ended = self._forked(self._work, [*self.arguments, *(["--force"] if is_done else [])])
        assert ended == (0, ""), ended
        again = contents(self._work)
        other = {name for name in {**again, **self._after} if again.get(name) != self._after.get(name)}
        assert not other, other
        assert not list(self._temporary.iterdir())
        return "complete" if is_done else "absent" if not found["out"] else "as before"

    def _forked(self, folder: Path, arguments: list[str], prepare: Callable[[], Any] = lambda: None) -> Ended:
        said = folder.parent / "said"
        process = os.fork()
        if not process:
            code = 70
            try:
                os.chdir(folder)
                tempfile.tempdir = str(self._temporary)
                os.dup2(os.open(said, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 2)
                prepare()
                dedup.main(quiet(arguments))
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(process, 0)
        return Ended(os.waitstatus_to_exitcode(status), said.read_text("utf-8"))


def begun(arguments: list[str], folder: Path, temporary: Path) -> subprocess.Popen[bytes]:
    """Run a command in a process of its own, in a folder; return when it has begun."""
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
        # A shell lets what it runs in the background ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.read(len(READY)) == READY
    return process


def quiet(arguments: list[str]) -> list[str]:
    """Return a command line that prints nothing but errors."""
    return arguments if arguments[0] == "restore" else [*arguments, "--quiet"]


def is_hidden(name: str) -> bool:
    """Say whether a file or a folder that it is in has a hidden name."""
    return "/." in f"/{name}"


def unit_of(name: str) -> str:
    """Return the file or folder that a file is in."""
    return name.partition("/")[0]


def part_of(files: Contents, unit: str) -> Contents:
    """Return the files of one file or folder."""
    return {name: data for name, data in files.items() if unit_of(name) == unit}


def contents(folder: Path) -> Contents:
    """Return all files of a folder, and below, without what says how long a run took; and its empty folders."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            if not any(path.iterdir()):
                found[name + "/"] = b""
            continue
        found[name] = path.read_bytes()
        if path.name == "report.json":
            found[name] = json.dumps(json.loads(found[name]) | {"timing_s": {}}).encode()
        if path.name == "manifest.json":
            manifest = json.loads(found[name])
            del manifest["sidecar"]["report.json"], manifest["xxh3"]
            found[name] = json.dumps(manifest).encode()
    return found


def load_kernels(folder: Path) -> None:
    """Run once in this process, so that forks need not load the kernels; without Arrow, whose threads do not fork."""
    make_input(folder / "first", 1)
    dedup.main(
        ["clean", str(folder / "first" / "news.jsonl"), "-o", str(folder / "first.jsonl"), "-q"], standalone_mode=False
    )


def scenes(folder: Path) -> dict[str, Scene]:
    """Return what is to be ended: every command that writes."""
    folder.mkdir()
    load_kernels(folder)
    # One thread is the main one, which hears of signals between two kernels only; with two, it waits for them.
    clean = ["clean", "in", "-o", "out", "--workers"]
    return {
        "clean": Scene(folder / "clean", [*clean, "2"], []),
        "clean --force": Scene(folder / "force", [*clean, "1", "--force"], [["clean", "older", "-o", "out"]]),
        "clean --work-dir": Scene(folder / "work-dir", [*clean, "2", "--work-dir", "stages"], []),
        "apply": Scene(
            folder / "apply",
            ["apply", "decisions.jsonl", "in", "-o", "out"],
            [["scan", "in", "-o", "decisions.jsonl"]],
        ),
        "restore": Scene(folder / "restore", ["restore", "kept", "-o", "out"], [["clean", "in", "-o", "kept"]]),
    }


def kill_at_events(scene: Scene, every: int) -> Counter[str]:
    """Kill one run before each of its file operations in turn, or every so many; and always before the first."""
    found: Counter[str] = Counter()
    while True:
        left = every * found.total()

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event in EVENTS and (event != "open" or arguments[2] & (os.O_WRONLY | os.O_RDWR)):
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        scene.reset()
        ended = scene.run(lambda hook=count: sys.addaudithook(hook))
        if ended.code == 0:
            return found
        assert ended.code == -signal.SIGKILL, ended
        found[scene.check()] += 1


def fill_the_disk(scene: Scene, times: int, rng: random.Random) -> Counter[str]:
    """Let no file grow beyond a random size."""
    found: Counter[str] = Counter()
    while found.total() < times:
        most = int(2 ** rng.uniform(0, 15))
        scene.reset()
        ended = scene.run(lambda size=most: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        if ended.code == 0:
            found["complete"] += 1
            continue
        # What is said goes to a file that may not grow either.
        assert ended.code == 3, ended
        assert "Traceback" not in ended.said
        assert scene.is_tidy()
        found[scene.check()] += 1
    return found


def end_at_random(
    scene: Scene, times: int, rng: random.Random, delays: list[float], untidy: list[Scene]
) -> Counter[str]:
    """End real processes by signals, after a random part of the time that they take.

    Args:
        scene: The command.
        times: How often.
        rng: Chooses the moments.
        delays: Takes the seconds from Ctrl-C or SIGTERM to the end.
        untidy: Takes the scene if something temporary was left by it. A signal between two lines of Python, one of
            which makes a folder while the next would note it, does that.
    """
    scene.reset()
    with scene.start() as process:
        start = time.perf_counter()
        process.communicate()
        whole_s = time.perf_counter() - start
    found: Counter[str] = Counter()
    while found.total() < times:
        number = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[found.total() % 3]
        scene.reset()
        with scene.start() as process:
            time.sleep(rng.uniform(0, whole_s))
            process.send_signal(number)
            sent = time.perf_counter()
            _, said = process.communicate()
            delay = time.perf_counter() - sent
        # Python itself, before it has come to the handlers of signals, or behind them.
        if process.returncode not in (0, -number):
            assert (process.returncode, said.decode()) == LINES[number], (process.returncode, said)
            delays.append(delay)
        if number != signal.SIGKILL and not scene.is_tidy():
            untidy.append(scene)
        found[scene.check()] += 1
    return found


def main() -> None:
    """End runs in a new folder, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--random", type=int, default=0, metavar="TIMES")
    parser.add_argument("--every", type=int, default=1, metavar="OPERATIONS")
    options = parser.parse_args()
    rng = random.Random(1)
    made = scenes(options.folder.resolve())
    found: dict[str, dict[str, Any]] = {"events": {}, "full disk": {}, "random": {}}
    delays: list[float] = []
    untidy: list[Scene] = []
    for name, scene in made.items():
        found["events"][name] = kill_at_events(scene, options.every)
        found["full disk"][name] = fill_the_disk(scene, max(options.random // 10, 4), rng)
        found["random"][name] = end_at_random(scene, -(-options.random // len(made)), rng, delays, untidy)
    found["signals"] = {"clean ends": len(delays) - len(untidy), "untidy ends": len(untidy)}
    if delays:
        found["signals"] |= {"median_s": round(statistics.median(delays), 3), "most_s": round(max(delays), 3)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
