"""Bands and rows: recall is chosen, not hoped for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup.errors import UsageError
from dedup.lsh import Bands, buckets, choose_bands
from tests import reference


@given(st.floats(0.3, 1), st.integers(64, 1024), st.floats(0.5, 0.99))
def test_a_pair_at_the_threshold_is_found_with_the_recall_asked_for(
    threshold: float, hashes: int, recall: float
) -> None:
    assert choose_bands(threshold, hashes, recall).recall(threshold) >= recall


@given(st.floats(0.3, 1), st.integers(64, 1024), st.floats(0.5, 0.99))
def test_no_more_hashes_are_used_than_there_are(threshold: float, hashes: int, recall: float) -> None:
    shape = choose_bands(threshold, hashes, recall)
    assert shape.bands * shape.rows <= hashes


@given(st.floats(0.3, 0.99), st.integers(64, 512), st.floats(0.5, 0.99))
def test_longer_rows_would_miss_too_many(threshold: float, hashes: int, recall: float) -> None:
    rows = choose_bands(threshold, hashes, recall).rows + 1
    assert Bands(hashes // rows, rows).recall(threshold) < recall


def test_the_default_finds_98_percent_at_the_threshold() -> None:
    assert choose_bands(0.8, 128).recall(0.8) >= 0.98


@pytest.mark.parametrize(
    ("threshold", "bands", "rows", "found"), [(0.9, 5, 25, 0.31), (0.8, 9, 13, 0.40), (0.7, 25, 10, 0.51)]
)
def test_the_shapes_usual_elsewhere_are_refused(threshold: float, bands: int, rows: int, found: float) -> None:
    # Faults 7: datasketch's default, SlimPajama's, data-juicer's.
    assert Bands(bands, rows).recall(threshold) == pytest.approx(found, abs=0.01)
    assert choose_bands(threshold, bands * rows).recall(threshold) >= 0.98


def test_a_recall_that_the_hashes_cannot_give_is_an_error() -> None:
    with pytest.raises(UsageError) as raised:
        choose_bands(0.1, 16)
    assert str(raised.value) == (
        "16 hashes cannot find a pair at threshold 0.1 with probability 0.98. "
        "Raise --hashes or the threshold, or lower the recall."
    )


def test_the_curve_is_the_share_of_pairs_that_meet() -> None:
    rng = np.random.default_rng(5)
    shape = Bands(18, 7)
    for similarity in (0.5, 0.7, 0.8):
        agree = rng.random((20_000, shape.bands, shape.rows)) < similarity
        measured = agree.all(axis=2).any(axis=1).mean()
        expected = shape.recall(similarity)
        assert abs(measured - expected) <= 4 * np.sqrt(expected * (1 - expected) / 20_000)


@given(
    st.integers(0, 12).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=1, max_size=4)
    )
)
def test_buckets_hold_who_agrees_in_a_band(keys: list[list[int]]) -> None:
    documents = len(keys[0])
    table = buckets((np.array(band, np.uint64) for band in keys), documents)
    found = []
    for column in table.T.tolist():
        numbers = {number for number in column if number >= 0}
        found.append({tuple(d for d, number in enumerate(column) if number == bucket) for bucket in numbers})
    assert found == reference.buckets(keys)


@given(st.lists(st.lists(st.integers(0, 3), min_size=8, max_size=8), min_size=1, max_size=4))
def test_bucket_numbers_are_unique_over_the_bands_and_leave_no_gaps(keys: list[list[int]]) -> None:
    columns = buckets((np.array(band, np.uint64) for band in keys), 8).T.tolist()
    numbers = [bucket for column in columns for bucket in sorted({number for number in column if number >= 0})]
    assert sorted(numbers) == list(range(len(numbers)))


def test_no_bands_make_no_buckets() -> None:
    assert buckets([], 3).shape == (3, 0)
