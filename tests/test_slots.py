"""Hash tables take no longer for keys that were chosen to meet in them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup.cluster import TextKeys, cluster
from dedup.kernels import accidents, repeats, shingle
from dedup.kernels.slots import SECRET, slot_of, table_size
from dedup.shingle import ShingleSets, StoredSets

Keys = npt.NDArray[np.uint64]


def alike(count: int) -> Keys:
    """Hashes that end in the same 20 bits, as whoever tries a million texts for each of them can have them."""
    return np.random.default_rng(1).integers(1, 1 << 44, count, np.uint64) << np.uint64(20)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1), st.integers(4, 30))
def test_a_slot_is_that_of_the_twin(key: int, half: int, bits: int) -> None:
    secret, mask = 2 * half + 1, (1 << bits) - 1
    with np.errstate(over="ignore"):
        found = slot_of(np.uint64(key), np.uint64(secret), np.uint64(mask))
    assert found == (key * secret % 2**64) // 2**32 % (mask + 1)


def probes(keys: Keys, place: Callable[[Keys, np.uint64], Keys]) -> int:
    """Put keys into a half-full table, each into the first free slot; return how many slots are looked at."""
    size = 2 * len(keys)
    free, looked_at = np.ones(size, np.bool_), 0
    for slot in place(keys, np.uint64(size - 1)).tolist():
        while not free[slot]:
            slot, looked_at = (slot + 1) % size, looked_at + 1
        free[slot] = False
        looked_at += 1
    return looked_at


def test_keys_that_end_alike_do_not_crowd() -> None:
    keys = alike(1 << 11)
    assert probes(keys, lambda keys, mask: keys & mask) > 2_000_000
    with np.errstate(over="ignore"):
        assert probes(keys, lambda keys, mask: np.array([slot_of(key, SECRET, mask) for key in keys])) < 10_000


def look_for_repeats(keys: Keys) -> None:
    count = len(keys)
    offsets, widths = np.arange(count + 1), np.full(count, 40, np.int32)
    repeats.find_repeats(
        np.array([0, count]), keys, np.zeros(count, np.uint64), widths, np.zeros(count, np.bool_), offsets, keys,
        widths, 25, 15, 8, 5, 4, 3, SECRET, np.full(count, -1), np.full(count, -1), np.zeros(1, np.bool_),
    )  # fmt: skip


def judge_repeats(keys: Keys) -> None:
    """Look at a page that is said twice as a whole."""
    count = len(keys)
    page, no, offsets = 2 * count, np.zeros(2 * count, np.bool_), np.arange(2 * count + 1)
    some = np.zeros(page, np.uint64)
    lines = accidents.Lines(
        offsets[:-1], offsets[1:], np.concatenate([keys, keys]), np.full(page, 90, np.int32),
        np.ones(page, np.uint8), some, np.zeros(page, np.uint8), np.zeros(page, np.uint8), no, no, offsets,
    )  # fmt: skip
    limits = accidents.Limits(25, 15, 80, 80, 60, 40, 50, 5, 4, 12, 3, 6, 100)
    keepers = np.where(offsets[:-1] < count, -1, offsets[:-1] - count)
    accidents.judge_lines(np.full(page, 120, np.uint8), np.array([0, page]), lines, page, limits, keepers)


def look_for_distinct(keys: Keys) -> None:
    shingle.distinct(keys, len(keys), SECRET, np.zeros(table_size(len(keys)), np.uint64))


def compare(keys: Keys) -> None:
    count = len(keys)
    sets = StoredSets.of(ShingleSets(np.concatenate([keys, keys]), np.array([0, count, 2 * count])))
    of_texts = TextKeys(*np.array([[1, 2], [1, 2], [0, 0]], np.uint64))
    found = cluster(np.sort, of_texts, np.array([9, 9]), [np.zeros(2, np.uint64)], lambda *_: sets, 0.8, 0.5)
    assert found.keepers.tolist() == [0, 0]


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="Python takes as long for other reasons")
@pytest.mark.parametrize("work", [look_for_repeats, judge_repeats, look_for_distinct, compare])
def test_time_is_linear(work: Callable[[Keys], None]) -> None:
    """Of 200,000 keys in one corner each would look at the others: twenty seconds, not a few hundredths of one."""
    with np.errstate(over="ignore"):
        work(alike(100))
        start = time.process_time()
        work(alike(200_000))
        assert time.process_time() - start < 2
