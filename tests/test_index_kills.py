"""Runs on top of an index that are killed: at every step, and at random moments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RANDOM_KILLS = 20
"""`python tests/index_kills.py FOLDER --random 200` takes longer and finds no more."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, int]]:
    """What 20 random kills and one at every file operation left; each was looked at and repeated."""
    folder = tmp_path_factory.mktemp("kills")
    command = [sys.executable, "tests/index_kills.py", str(folder), "--random", str(RANDOM_KILLS)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    left: dict[str, dict[str, int]] = json.loads(done.stdout)
    return left


def test_a_run_killed_at_any_step_leaves_one_of_two_states(found: dict[str, dict[str, int]]) -> None:
    left = found["every event"]
    assert left.keys() == {"yesterday", "today"}
    assert sum(left.values()) > 50


def test_a_run_killed_at_any_moment_leaves_one_of_two_states(found: dict[str, dict[str, int]]) -> None:
    assert sum(found["random"].values()) == RANDOM_KILLS
