"""Which documents are versions of one article does not depend on the order in which they come."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.columns import Column
from dedup.segment import segment
from dedup.spill import IN_MEMORY, Room
from dedup.versions import Versions
from tests.corpora import sentence

SENTENCES = [sentence(random.Random(number)) for number in range(12)]


def leaders_of(texts: list[str], batch: int, sources: int = 1, room: Room = IN_MEMORY, workers: int = 1) -> list[int]:
    """Who stands for each document, in batches of this size; document i is from source `i % sources`."""
    found = Versions(room, workers)
    for start in range(0, len(texts), batch):
        segments = segment(Column.of(texts[start : start + batch]))
        count = len(segments.line_offsets) - 1
        rows = np.repeat(np.arange(count), np.diff(segments.line_offsets))
        numbers = np.arange(start, start + count) % sources
        found.add(segments, rows, numbers, numbers.astype(np.uint64) + np.uint64(7))
    return found.group().tolist()


def groups(texts: list[str], batch: int) -> set[frozenset[int]]:
    """The documents that count as one, those of one source, read in batches of this size."""
    leaders = leaders_of(texts, batch)
    return {frozenset(row for row, other in enumerate(leaders) if other == leader) for leader in leaders}


@st.composite
def dated(draw: st.DrawFn) -> str:
    """A text of sentences that others have, too, each with a figure of its own, broken into lines or not."""
    figures = st.sampled_from(["7", "1999", "1 234 567 890"])
    parts = st.lists(st.tuples(st.sampled_from(SENTENCES), figures, st.sampled_from([" ", "\n"])), max_size=5)
    return "".join(f"{figure} {words}{end}" for words, figure, end in draw(parts))


@settings(max_examples=150)
@given(st.lists(dated(), min_size=1, max_size=25), st.randoms(use_true_random=False), st.integers(1, 9))
def test_versions_are_the_same_in_any_order(texts: list[str], rng: random.Random, batch: int) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    found = groups([texts[number] for number in order], batch)
    assert {frozenset(order[row] for row in group) for group in found} == groups(texts, len(texts))


@pytest.mark.parametrize("workers", [1, 3])
def test_versions_are_the_same_whoever_groups_them(tmp_path: Path, workers: int) -> None:
    """In memory, where portions of the sources are grouped, and beyond it, where units are portions as well."""
    rng = random.Random(1)
    common = [sentence(rng) for _ in range(3)]
    articles = [[sentence(rng) for _ in range(6)] for _ in range(150)]
    texts = [" ".join([*rng.choice(articles)[: rng.randint(3, 6)], *common[: rng.randint(0, 3)]]) for _ in range(900)]
    alone = [leaders_of(texts[number::30], 900) for number in range(30)]
    expected = [30 * alone[row % 30][row // 30] + row % 30 for row in range(900)]
    assert len(set(expected)) < 900
    assert leaders_of(texts, 100, 30, workers=workers) == expected
    assert leaders_of(texts, 100, 30, Room(tmp_path, 4096), workers) == expected
