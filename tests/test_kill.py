"""Runs that are ended: at every step, at random moments, and by a full disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dedup.cli import main
from dedup.staging import Staging

ROOT = Path(__file__).resolve().parents[1]
SCENES = {"clean", "clean --force", "clean --work-dir", "apply", "restore"}


def ended(folder: Path, times: int) -> dict[str, Any]:
    """End runs in another process, which looks what is left and gives each command again; return what it counted."""
    command = [sys.executable, "tests/kills.py", str(folder / "kills"), "--random", str(times)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(found: dict[str, Any], times: int) -> None:
    for kind in ("every event", "full disk", "random"):
        assert found[kind].keys() == SCENES
    for scene, left in found["every event"].items():
        assert sum(left.values()) > 15
        # Between the last rename and the end.
        assert left["complete"] > 0
        assert left["as before" if scene == "clean --force" else "absent"] > 10
    # Killed between the two renames of a folder that is replaced.
    assert found["every event"]["clean --force"]["absent"] > 0
    assert sum(left.get("absent", 0) + left.get("as before", 0) for left in found["full disk"].values()) > 5
    assert sum(sum(left.values()) for left in found["random"].values()) >= times
    assert found["signals"]["untidy ends"] <= max(times // 50, 1)


@pytest.mark.long
def test_whatever_ends_a_run_the_output_is_absent_or_complete(tmp_path: Path) -> None:
    check(ended(tmp_path, 24), 24)


@pytest.mark.long
def test_whatever_ends_a_run_300_times_the_output_is_absent_or_complete(tmp_path: Path) -> None:
    check(ended(tmp_path, 300), 300)


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
