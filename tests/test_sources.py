"""Sources by number."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from dedup.columns import Column
from dedup.model import Batch
from dedup.sources import SourceNumbers

NAMES = st.one_of(st.sampled_from(["", "a", "a.example", "b.example", "ä", "\0"]), st.text(max_size=3))


@given(st.lists(st.lists(NAMES, max_size=6), max_size=4))
def test_sources_are_numbered_as_they_come(batches: list[list[str]]) -> None:
    sources, seen = SourceNumbers(["a.example"]), {"a.example": 0}
    for names in batches:
        # Inside a larger buffer, as batches often are.
        column = Column.of(["a", *names, "b"])
        batch = dataclasses.replace(Batch.none(), sources=Column(column.data, column.offsets[1:-1]))
        expected = [seen.setdefault(name, len(seen)) for name in names]
        assert sources.of(batch).tolist() == expected
    assert sources.names == list(seen)


def test_names_of_one_length_and_one_beginning_are_told_apart() -> None:
    names = [f"{'x' * 50}{number:04}" for number in range(3000)] * 2
    batch = dataclasses.replace(Batch.none(), sources=Column.of(names))
    assert SourceNumbers().of(batch).tolist() == [*range(3000)] * 2
