"""Readers and a writer on one index: for ten minutes when asked (`pytest -m long`), for seconds otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load import run


@pytest.mark.parametrize(
    ("seconds", "readers"), [(3.0, 2), pytest.param(600.0, 8, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_readers_and_a_writer_are_all_right(tmp_path: Path, seconds: float, readers: int) -> None:
    writer, *asked = sorted(run(tmp_path, seconds, readers), key=lambda found: "added" not in found)
    assert writer["added"] > 0
    assert len(asked) == readers
