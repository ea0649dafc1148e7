"""Signatures: datasketch's to the bit, and as good an estimate as theory says."""

from __future__ import annotations

import random

import datasketch
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dedup
from dedup.columns import Column
from dedup.shingle import shingle_sets
from dedup.signature import (
    band_keys,
    copy_keys,
    original_keys,
    permutations,
    sketch,
    text_keys,
    to_datasketch,
)
from tests import reference
from tests.corpora import SENTENCES, article, edited, hostile_texts

TEXTS = (" ".join(SENTENCES), *SENTENCES, article(random.Random(1)), "Ja", "")


def bases(text: str) -> list[int]:
    """The 32-bit hashes that signatures are made of."""
    return [shingle >> 32 for shingle in shingle_sets(Column.of([text])).hashes.tolist()]


def oracle(text: str, hashes: int, seed: int) -> datasketch.MinHash:
    minhash = datasketch.MinHash(num_perm=hashes, seed=seed, hashfunc=int, scheme="affine32")
    for base in bases(text):
        minhash.update(base)
    return minhash


@pytest.mark.parametrize(("hashes", "seed"), [(16, 1), (128, 1), (128, 42), (200, 7), (1024, 2**31)])
def test_permutations_are_those_of_datasketch(hashes: int, seed: int) -> None:
    theirs = datasketch.MinHash(num_perm=hashes, seed=seed, scheme="affine32").permutations
    assert np.array_equal(np.stack(permutations(hashes, seed)), np.asarray(theirs))


@pytest.mark.parametrize(("hashes", "seed"), [(128, 1), (128, 42), (50, 3), (83, 5)])
def test_signatures_are_those_of_datasketch(hashes: int, seed: int) -> None:
    signatures = sketch(Column.of(TEXTS), permutations(hashes, seed)).signatures
    for text, signature in zip(TEXTS, signatures, strict=True):
        assert signature.tolist() == oracle(text, hashes, seed).hashvalues.tolist()


@given(hostile_texts(), st.integers(0, 2**32 - 1))
def test_signatures_of_any_text_are_those_of_datasketch(text: str, seed: int) -> None:
    signature = sketch(Column.of([text]), permutations(16, seed)).signatures[0]
    assert signature.tolist() == oracle(text, 16, seed).hashvalues.tolist()


@given(hostile_texts())
def test_signatures_are_the_textbook_ones(text: str) -> None:
    drawn = permutations(16, 1)
    signature = sketch(Column.of([text]), drawn).signatures[0]
    assert signature.tolist() == reference.minhash(bases(text), *(values.tolist() for values in drawn))


def test_the_seed_changes_the_signature() -> None:
    column = Column.of([TEXTS[0]])
    first, second = (sketch(column, permutations(16, seed)).signatures[0] for seed in (1, 2))
    assert first.tolist() != second.tolist()


def test_the_estimate_is_within_its_bound() -> None:
    rng = random.Random(7)
    errors = []
    for share in (0.005, 0.01, 0.02, 0.05, 0.1) * 10:
        text = article(rng, lines=6)
        other = edited(rng, text, share)
        first, second = sketch(Column.of([text, other]), permutations(256, 1)).signatures
        errors.append(float((first == second).mean()) - dedup.jaccard(text, other))
    # The standard error of one estimate is at most 1 / (2 * sqrt(hashes)); 50 pairs stay inside four.
    assert max(map(abs, errors)) <= 4 * 0.5 / np.sqrt(256)
    assert abs(np.mean(errors)) <= 4 * 0.5 / np.sqrt(256 * len(errors))


def test_a_text_without_words_has_the_empty_signature() -> None:
    sketches = sketch(Column.of(["", " \n", "\u200b"]), permutations(16, 1))
    assert (sketches.signatures == 0xFFFFFFFF).all()
    assert sketches.tokens.tolist() == [0, 0, 0]
    assert sketches.keys.tolist() == [0, 0, 0]


@given(hostile_texts(), hostile_texts())
def test_text_keys_are_equal_exactly_for_equal_words_and_symbols(first: str, second: str) -> None:
    keys = sketch(Column.of([first, second, first.upper()]), permutations(16, 1)).keys
    words = [reference.words_and_symbols(text) for text in (first, second, first.upper())]
    assert (keys[0] == keys[1]) == (words[0] == words[1])
    assert (keys[0] == keys[2]) == (words[0] == words[2])


@given(hostile_texts())
def test_text_keys_are_those_of_the_twin(text: str) -> None:
    assert sketch(Column.of([text]), permutations(16, 1)).keys.tolist() == [reference.text_key(text)]


@given(st.lists(hostile_texts(), min_size=1, max_size=4), st.data())
def test_text_keys_alone_are_those_of_sketches(texts: list[str], data: st.DataObject) -> None:
    column, rows = Column.of(texts), st.lists(st.integers(0, len(texts) - 1), unique=True).map(sorted)
    lost = np.array(data.draw(rows), np.int64)
    keys = sketch(column, permutations(16, 1)).keys
    assert text_keys(column, lost).tolist() == keys[lost].tolist()
    # What is stored of the others is what came.
    stored = np.where(np.isin(np.arange(len(texts)), lost), np.uint64(1), keys)
    assert original_keys(column, stored, lost).tolist() == keys.tolist()


def test_copies_are_of_one_source_and_equal_as_they_came_and_as_they_are_stored() -> None:
    originals, stored = np.array([0, 3, 3, 3, 4, 4], np.uint64), np.array([0, 3, 2, 2, 2, 2], np.uint64)
    keys = copy_keys(originals, stored, np.array([1, 1, 1, 1, 1, 2], np.uint64)).tolist()
    assert keys[0] == 0
    assert keys[2] == keys[3]
    assert len({*keys, *originals.tolist()}) == 7


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("5 %", "5"),
        ("5 €", "5 $"),
        ("C++", "C"),
        ("ab c", "a bc"),
        ("a < b", "a > b"),
        ("Ja Ja", "Ja"),
        ("Да", "Нет"),
    ],
)
def test_short_texts_that_say_different_things_have_different_keys(first: str, second: str) -> None:
    keys = sketch(Column.of([first, second]), permutations(16, 1)).keys
    assert keys[0] != keys[1]


@given(st.lists(hostile_texts(), max_size=5))
def test_token_counts_are_those_of_the_regex(texts: list[str]) -> None:
    counts = sketch(Column.of(texts), permutations(16, 1)).tokens.tolist()
    assert counts == [len(reference.tokens(text)) for text in texts]


def test_band_keys_are_equal_exactly_for_equal_bands() -> None:
    rng = np.random.default_rng(1)
    signatures = rng.integers(0, 2, (60, 12), dtype=np.uint32)
    keys = band_keys(signatures, 4, 3)
    for band in range(4):
        parts = [tuple(row) for row in signatures[:, 3 * band : 3 * band + 3].tolist()]
        assert len(set(zip(parts, keys[:, band].tolist(), strict=True))) == len(set(parts))
        assert len(set(keys[:, band].tolist())) == len(set(parts))


def test_equal_bands_at_different_places_have_different_keys() -> None:
    keys = band_keys(np.zeros((1, 12), np.uint32), 4, 3)
    assert len(set(keys[0].tolist())) == 4


def test_sketches_go_into_the_index_of_datasketch() -> None:
    rng = random.Random(3)
    texts = [article(rng) for _ in range(4)]
    texts.append(edited(rng, texts[2], 0.01))
    signatures = sketch(Column.of(texts), permutations(128, 1)).signatures
    index = datasketch.MinHashLSH(threshold=0.8, num_perm=128)
    for number, signature in enumerate(signatures[:4]):
        index.insert(number, to_datasketch(signature, seed=1))
    assert index.query(to_datasketch(signatures[4], seed=1)) == [2]


def test_sketches_estimate_in_datasketch_what_datasketch_would() -> None:
    rng = random.Random(4)
    text = article(rng)
    other = edited(rng, text, 0.02)
    ours = [
        to_datasketch(signature, 1) for signature in sketch(Column.of([text, other]), permutations(128, 1)).signatures
    ]
    assert ours[0].jaccard(ours[1]) == oracle(text, 128, 1).jaccard(oracle(other, 128, 1))
