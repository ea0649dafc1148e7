"""The targets of the fuzzer, on what it once failed on and on inputs of chance; the fuzzer itself is run by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.corpora import HOSTILE, SENTENCES
from tests.fuzz.targets import TARGETS

SEEDS = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "fuzz").glob("*/*"))

EXAMPLES = 40


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_failed_once_does_not_fail_again(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_of_chance_do_no_harm(target: str) -> None:
    rng = random.Random(target)
    for _ in range(EXAMPLES):
        pieces = [rng.choice((*HOSTILE, *SENTENCES, "\x1e", "\n")).encode() for _ in range(rng.randrange(12))]
        data = bytes([rng.randrange(256)]) + b"".join(pieces) + rng.randbytes(rng.randrange(8))
        TARGETS[target](data)
