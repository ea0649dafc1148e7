"""Kill runs on top of an index, at every step and at random moments, and look what is left.

    python tests/index_kills.py FOLDER [--random 200]

Each run is a fork of this process, so that it takes no time to start. It is killed by SIGKILL, either just before one
of its file operations (opened, renamed, removed, made), each in turn, or after a random time. Then the index must be
whole and hold yesterday's state or today's, whichever goes with the output; and the same command, given again if there
is no output, must come to the same bytes. Prints how many runs were killed and how often each of the two was found.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from dedup import jobs
from dedup.config import Config
from dedup.index import upkeep
from dedup.index.runs import is_written
from dedup.index.store import Store
from tests.corpora import article, edited, site, written

CONFIG = Config(keep="first", max_loss=1.0)
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


def make_days(folder: Path) -> list[str]:
    """Write the articles of two days; some of the second are copies."""
    rng = random.Random(4)
    first = site(rng, "a.example", 8) + [{"id": f"x{n}", "source": "b", "text": article(rng)} for n in range(4)]
    copies = [{**document, "id": f"again/{n}"} for n, document in enumerate(first[:3])]
    near = [{**first[n], "id": f"near/{n}", "text": edited(rng, first[n]["text"], 0.01)} for n in range(3, 6)]
    paths = []
    for name, documents in (("one", first), ("two", copies + near + site(rng, "a.example", 4, prefix="new/"))):
        (folder / name).mkdir()
        paths.append(written(folder / name, documents))
    return paths


class Scene:
    """An index of one day, and the second day's run on top of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        first, self._today = make_days(folder)
        self.index, self.output = folder / "work" / "news.index", folder / "work" / "clean.jsonl"
        self._start = folder / "start"
        (folder / "work").mkdir()
        jobs.clean([first], str(folder / "work" / "first.jsonl"), CONFIG, jobs.Run(index=self.index))
        shutil.copytree(folder / "work", self._start)
        self.before = self.state()
        self.run()
        self.after, self.expected = self.state(), self.output_bytes()
        assert self.before != self.after

    def reset(self) -> None:
        """Go back to the evening of the first day."""
        shutil.rmtree(self._folder / "work")
        shutil.copytree(self._start, self._folder / "work")

    def run(self) -> None:
        """Clean the second day."""
        jobs.clean([self._today], str(self.output), CONFIG, jobs.Run(index=self.index))

    def state(self) -> list[str]:
        """Return what the index holds."""
        return [json.dumps(row) for rows in (upkeep.documents, upkeep.templates) for row in rows(self.index)]

    def output_bytes(self) -> tuple[bytes, bytes]:
        """Return the output and its decisions."""
        return self.output.read_bytes(), (self.output.with_name("clean.jsonl.dedup") / "decisions.jsonl").read_bytes()

    def check(self) -> str:
        """Look at what a killed run left, repeat it if it has to be, and say which state was found."""
        assert list(upkeep.verify(self.index)) == []
        assert self.state() in (self.before, self.after)
        with Store(self.index).locked(is_written):
            pass
        is_done = self.output.exists()
        assert self.state() == (self.after if is_done else self.before)
        if not is_done:
            self.run()
        assert self.output_bytes() == self.expected
        assert self.state() == self.after
        left = {path.name for path in self.index.iterdir()} - Store(self.index).catalog.files()
        assert left == {"index.json", "lock"}
        return "today" if is_done else "yesterday"


def killed(run: Callable[[], None], watch: Callable[[int], None] | None = None, after_event: int = -1) -> bool:
    """Run something in a fork; return whether it was killed, by `watch` or before an event with this number."""
    process = os.fork()
    if not process:
        events = 0

        def count(event: str, _: object) -> None:
            nonlocal events
            if event in EVENTS:
                if events == after_event:
                    os.kill(os.getpid(), signal.SIGKILL)
                events += 1

        if after_event >= 0:
            sys.addaudithook(count)
        run()
        os._exit(0)
    if watch is not None:
        watch(process)
    _, status = os.waitpid(process, 0)
    assert status in (0, signal.SIGKILL), f"the run ended with status {status}"
    return status == signal.SIGKILL


def kill_at_every_event(scene: Scene) -> Counter[str]:
    """Kill one run before each of its file operations in turn."""
    found: Counter[str] = Counter()
    while True:
        scene.reset()
        if not killed(scene.run, after_event=found.total()):
            return found
        found[scene.check()] += 1


def kill_at_random(scene: Scene, kills: int) -> Counter[str]:
    """Kill runs after a random part of the time that they take."""
    rng = random.Random(1)
    scene.reset()
    start = time.perf_counter()
    assert not killed(scene.run)
    longest_s = time.perf_counter() - start
    found: Counter[str] = Counter()

    def kill_soon(process: int) -> None:
        time.sleep(rng.uniform(0, longest_s))
        os.kill(process, signal.SIGKILL)

    while found.total() < kills:
        scene.reset()
        if killed(scene.run, kill_soon):
            found[scene.check()] += 1
    return found


def main() -> None:
    """Kill runs in a new folder, as the command line says."""
    folder, kills = Path(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 3 else 0
    folder.mkdir(exist_ok=True)
    scene = Scene(folder)
    found = {"every event": kill_at_every_event(scene), "random": kill_at_random(scene, kills)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
