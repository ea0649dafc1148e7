"""Settings and data shared by all tests."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, settings

from dedup import console

settings.register_profile(
    "dedup",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# For a longer look: pytest --hypothesis-profile=search
settings.register_profile("search", settings.get_profile("dedup"), derandomize=False, max_examples=500)
settings.load_profile("dedup")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Real data for measuring, beside the project where there is any; not part of it."""


@pytest.fixture(scope="session", autouse=True)
def _compiled_in_silence() -> Iterator[None]:
    """Keep commands in this process from saying that kernels are compiled: which test meets a new one is chance."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(console, "announced_compilation", lambda _: contextlib.nullcontext())
        yield


@pytest.fixture(scope="session")
def shared_path() -> Callable[[str], Path]:
    """Return what finds a file of the measuring data, or skips."""

    def find(name: str) -> Path:
        if not (SHARED / name).is_file():
            pytest.skip(f"there is no {name} here")
        return SHARED / name

    return find


@pytest.fixture(scope="session")
def shared_records(shared_path: Callable[[str], Path]) -> Callable[[str], list[dict[str, Any]]]:
    """Return what reads a data set of the measuring data, or skips."""

    def read(name: str) -> list[dict[str, Any]]:
        with zstandard.open(shared_path(f"{name}.jsonl.zst"), "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    return read
