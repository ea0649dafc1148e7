"""Which documents are versions of one article does not depend on the order in which they come."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.columns import Column
from dedup.segment import segment
from dedup.versions import Versions
from tests.corpora import sentence

SENTENCES = [sentence(random.Random(number)) for number in range(12)]


def groups(texts: list[str], batch: int) -> set[frozenset[int]]:
    """The documents that count as one, those of one source, read in batches of this size."""
    found = Versions()
    for start in range(0, len(texts), batch):
        segments = segment(Column.of(texts[start : start + batch]))
        count = len(segments.line_offsets) - 1
        rows = np.repeat(np.arange(count), np.diff(segments.line_offsets))
        found.add(segments, rows, np.zeros(count, np.int64), np.full(count, 7, np.uint64))
    leaders = found.group().tolist()
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
