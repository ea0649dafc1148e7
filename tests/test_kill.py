"""Runs that are ended: at every step, at random moments, and by a full disk."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dedup.cli import main
from dedup.columns import Column
from dedup.segment import segment
from dedup.shingle import shingle_sets
from dedup.staging import Staging
from tests.corpora import article
from tests.kills import begun

ROOT = Path(__file__).resolve().parents[1]
SCENES = {"clean", "clean --force", "clean --work-dir", "apply", "restore"}


def ended(folder: Path, times: int, every: int) -> dict[str, Any]:
    """End runs in another process, which looks what is left and gives each command again; return what it counted."""
    command = [sys.executable, "tests/kills.py", str(folder), "--random", str(times), "--every", str(every)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    for kind in ("events", "full disk", "random"):
        assert found[kind].keys() == SCENES
    for scene, left in found["events"].items():
        assert left["as before" if scene == "clean --force" else "absent"] > 10 // every
    assert sum(left.get("absent", 0) + left.get("as before", 0) for left in found["full disk"].values()) > 5
    assert sum(sum(left.values()) for left in found["random"].values()) >= times
    assert found["signals"]["untidy ends"] <= max(times // 50, 1)
    return found


def test_whatever_ends_a_run_the_output_is_absent_or_complete(tmp_path: Path) -> None:
    found = ended(tmp_path / "kills", 25, 5)
    assert sum(left.get("complete", 0) for left in found["events"].values()) > 0


@pytest.mark.long
def test_whatever_ends_a_run_300_times_the_output_is_absent_or_complete(tmp_path: Path) -> None:
    found = ended(tmp_path / "kills", 300, 1)
    # Between the last rename and the end.
    assert all(left["complete"] > 0 for left in found["events"].values())
    # Between the two renames of a folder that is replaced.
    assert found["events"]["clean --force"]["absent"] > 0


@pytest.mark.parametrize("function", [segment, shingle_sets], ids=["segment", "shingle_sets"])
def test_a_kernel_can_be_interrupted(function: Callable[[Column], Any]) -> None:
    """What is raised while it is at work in the main thread comes out behind it, and is what was raised."""
    function(Column.of(["Der Rat tagt."]))
    texts = Column.of(["Der Rat tagt am Montag in Linz. " * 200_000])

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, end)
    try:
        for _ in range(5):
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            with pytest.raises(KeyboardInterrupt):
                function(texts)
    finally:
        signal.signal(signal.SIGALRM, before)


SWALLOWING = {
    "a lock that is half taken": """
        held = []
        class Lock:
            def __enter__(self):
                held.append(True)
                os.kill(os.getpid(), NUMBER)
            def __exit__(self, *_):
                held.clear()
        try:
            with Lock():
                while True:
                    pass
        finally:
            if held:
                click.echo("still held")
    """,
    "a lock that calls others while it is half taken": """
        import threading
        from llvmlite.binding import ffi
        lock, found = ffi.lib._lock, []
        ffi.register_lock_callback(lambda: os.kill(os.getpid(), NUMBER), lambda: None)
        try:
            with lock:
                while True:
                    pass
        finally:
            other = threading.Thread(target=lambda: found.append(lock._lock.acquire(timeout=1)))
            other.start()
            other.join()
            if found != [True]:
                click.echo("still held")
    """,
    "LLVM, which asks for the code of a kernel": """
        from numba.core import codegen
        from dedup.quick import quick_loading
        usual = codegen.CPUCodeLibrary._object_getbuffer_hook.__func__
        def hook(kind, module):
            os.kill(os.getpid(), NUMBER)
            return usual(kind, module)
        codegen.CPUCodeLibrary._object_getbuffer_hook = classmethod(hook)
        from dedup.columns import Column
        from dedup.segment import segment
        with quick_loading():
            segment(Column.of(["Ja."]))
    """,
    "a destructor": """
        class Watched:
            def __del__(self):
                os.kill(os.getpid(), NUMBER)
                while True:
                    pass
        Watched()
    """,
    "whatever catches everything": """
        try:
            os.kill(os.getpid(), NUMBER)
            while True:
                pass
        except BaseException:
            pass
    """,
    "an import that fails in its own way": """
        try:
            os.kill(os.getpid(), NUMBER)
            while True:
                pass
        except BaseException:
            raise ImportError("numpy could not be imported")
    """,
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", SWALLOWING)
def test_no_signal_is_lost_and_there_is_one_line(where: str, number: signal.Signals) -> None:
    script = f"""
import os
import click
from dedup.cli.group import Group

@click.group(cls=Group)
def main():
    pass

@main.command()
def run():
    try:
{textwrap.indent(textwrap.dedent(SWALLOWING[where]), " " * 8)}
        while True:
            pass
    finally:
        # What clears away is not disturbed by a second one.
        os.kill(os.getpid(), {int(number)})
        for _ in range(10_000_000):
            pass
        click.echo("cleared away")

main(["run"])
""".replace("NUMBER", str(int(number)))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    word = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "cleared away\n", f"dedup: {word}\n")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_a_run_at_once(tmp_path: Path, workers: int) -> None:
    """In less than half a second of work a thread, however long the run would take."""
    rng = random.Random(1)
    lines = [json.dumps({"id": n, "source": f"{n % 9}", "text": article(rng, lines=20)}) + "\n" for n in range(300)]
    # More than a run reads in the longest of these times, on a machine several times as fast: one that is over
    # is not ended by a signal, but by Python, without a word.
    (tmp_path / "news.jsonl").write_text("".join(lines) * 150, encoding="utf-8")
    command = ["clean", "news.jsonl", "-o", "out.jsonl", "-q", "--workers", str(workers), "--max-loss", "1"]
    for after_s in (0.1, 0.3, 0.6):
        before_s = seconds_of_children()
        with begun(command, tmp_path, tmp_path) as process:
            time.sleep(after_s)
            process.send_signal(signal.SIGINT)
            used_s = seconds_of(process)
            _, said = process.communicate()
        assert (process.returncode, said) == (130, b"dedup: interrupted\n")
        assert seconds_of_children() - before_s - used_s < 0.5 * workers
        assert [path.name for path in tmp_path.iterdir()] == ["news.jsonl"]


def seconds_of_children() -> float:
    """Seconds of processors that the processes took that we started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds_of(process: subprocess.Popen[bytes]) -> float:
    """Those that a process took so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def killed_between_two_renames(target: Path) -> None:
    """Leave behind what a run does that was killed when a folder had lost its name and the next one had not got it."""

    def watch(event: str, given: tuple[Any, ...]) -> None:
        if event == "os.rename" and os.fspath(given[1]) == str(target):
            os.kill(os.getpid(), signal.SIGKILL)

    process = os.fork()
    if not process:
        try:
            with Staging(target) as staged:
                staged.path.mkdir()
                sys.addaudithook(watch)
                staged.commit()
        finally:
            os._exit(1)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL


def test_a_folder_that_lost_its_name_gets_it_back(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "a.txt").write_bytes(b"mine")
    killed_between_two_renames(target)
    assert not target.exists()
    with Staging(target):
        assert (target / "a.txt").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    """A disk of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("free", [0, 4096, 65536, 262144])
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path, disk: Path, free: int) -> None:
    source = tmp_path / "news.jsonl"
    source.write_text("".join(json.dumps({"id": n, "text": f"Satz {n} steht hier.\n" * 9}) + "\n" for n in range(3000)))
    size = os.statvfs(disk)
    (disk / "full").write_bytes(bytes(size.f_bavail * size.f_frsize - free))
    result = CliRunner().invoke(main, ["clean", str(source), "-o", str(disk / "out.jsonl"), "-q", "--max-loss", "1"])
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert result.stderr.startswith(f"dedup: {disk / 'out.jsonl'}")
    assert "cannot be written: No space left on device" in result.stderr
    assert [path.name for path in disk.iterdir()] == ["full"]
    (disk / "full").unlink()
    again = CliRunner().invoke(main, ["clean", str(source), "-o", str(disk / "out.jsonl"), "-q", "--max-loss", "1"])
    assert again.exit_code == 0, again.stderr
