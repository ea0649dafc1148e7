"""The work folder: gone when the run is, whatever ends it, and never anybody else's."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from dedup.errors import OutputError
from dedup.work import PREFIX, clear_leftovers, work_folder
from tests.corpora import article


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_the_folder_is_where_tmpdir_says_and_goes_with_the_run(temporary: Path) -> None:
    with work_folder() as folder:
        assert folder.parent == temporary
        (folder / "spool").write_bytes(b"data")
    assert not list(temporary.iterdir())


def test_the_folder_goes_when_the_run_fails(temporary: Path) -> None:
    with pytest.raises(ZeroDivisionError), work_folder():
        raise ZeroDivisionError
    assert not list(temporary.iterdir())


def test_a_folder_in_use_is_left_alone(temporary: Path) -> None:
    with work_folder() as first, work_folder() as second:
        clear_leftovers(temporary)
        assert sorted(temporary.iterdir()) == sorted([first, second])


def test_nobody_elses_folders_are_cleared_away(temporary: Path) -> None:
    (temporary / "dedup-venv").mkdir()
    (temporary / f"{PREFIX}of-mine").mkdir()
    (temporary / f"{PREFIX}abcd1234").write_bytes(b"a file")
    (temporary / "elsewhere").mkdir()
    (temporary / f"{PREFIX}link1234").symlink_to(temporary / "elsewhere")
    before = sorted(temporary.iterdir())
    with work_folder():
        pass
    assert sorted(temporary.iterdir()) == before


def test_without_a_place_for_it_there_is_an_error_with_a_remedy(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(OutputError) as caught, work_folder():
        pass
    assert caught.value.message == "the work folder cannot be made: Permission denied"
    assert caught.value.hint == "Name a folder for it with TMPDIR or --work-dir."


def waiting_run(tmp_path: Path) -> subprocess.Popen[bytes]:
    """Start a run that waits for more of its standard input, its work folder made."""
    rng = random.Random(1)
    run = subprocess.Popen(
        [sys.executable, "-c", "from dedup.cli import main; main()", "clean", "-q", "-", "-o", "out.jsonl"],
        cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert run.stdin
    run.stdin.write(b"".join(json.dumps({"text": article(rng)}).encode() + b"\n" for _ in range(9)))
    run.stdin.flush()
    folder = tmp_path / "tmp"
    until = time.monotonic() + 60
    while not list(folder.glob(f"{PREFIX}*")) and time.monotonic() < until:
        time.sleep(0.02)
    assert len(list(folder.glob(f"{PREFIX}*"))) == 1
    return run


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_ended_leaves_nothing(tmp_path: Path, temporary: Path, number: int, code: int) -> None:
    with waiting_run(tmp_path) as run:
        time.sleep(0.3)  # the folder is made a moment before the run is inside it
        os.kill(run.pid, number)
        run.communicate(timeout=30)
    assert run.returncode == code
    assert not list(temporary.iterdir())
    assert not (tmp_path / "out.jsonl").exists()


def test_what_a_killed_run_left_goes_with_the_next_one(tmp_path: Path, temporary: Path) -> None:
    with waiting_run(tmp_path) as run:
        run.kill()
        run.communicate(timeout=30)
    assert len(list(temporary.iterdir())) == 1
    with work_folder() as folder:
        assert list(temporary.iterdir()) == [folder]
