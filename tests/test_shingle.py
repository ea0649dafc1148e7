"""Tokens, shingles and exact similarity, against their slow twins."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dedup
from dedup.columns import Column
from dedup.kernels import folding, siphash, tokens
from dedup.kernels import shingle as kernels
from dedup.shingle import SHINGLE_WORDS, shingle_sets, tables
from tests import reference
from tests.corpora import HOSTILE, SENTENCES, hostile_texts

LONG = " ".join(SENTENCES)


def token_hashes(text: str) -> list[int]:
    column = Column.of([text])
    firsts, seconds, hashes = np.zeros((3, 2 * len(column.data) + tokens.LANES), np.uint64)
    tables_of_folding = folding.folding_of(*tables())
    with np.errstate(over="ignore"):
        count, _, disordered = tokens.tokenise(column.data, 0, len(column.data), tables_of_folding, firsts, seconds)
        tokens.hash_tokens(firsts, seconds, count, hashes)
    if disordered:
        return token_hashes(reference.fold(text))
    return hashes[: tokens.drop_symbols(hashes, seconds, count)].tolist()


@settings(max_examples=200)
@given(hostile_texts())
@example(LONG)
def test_tokens_are_those_of_the_regex(text: str) -> None:
    hashes, words = token_hashes(text), reference.tokens(text)
    assert len(hashes) == len(words)
    assert len(set(zip(hashes, words, strict=True))) == len(set(words)) == len(set(hashes))


def test_siphash_is_the_published_one() -> None:
    """The one vector of the paper, appendix A: its key is 00 ... 0f and its message 00 ... 0e, ended by its length."""
    start = 0x0706050403020100, 0x0F0E0D0C0B0A0908
    names = siphash.SIP_0, siphash.SIP_1, siphash.SIP_2, siphash.SIP_3
    state = [constant ^ np.uint64(start[number % 2]) for number, constant in enumerate(names)]
    with np.errstate(over="ignore"):
        for block in (0x0706050403020100, 0x0F0E0D0C0B0A0908):
            state = [np.uint64(lane) for lane in siphash.absorb(*state, np.uint64(block))]
        assert int(siphash.digest(*state)) == 0xA129CA6149BE45E5


@settings(max_examples=200)
@given(hostile_texts())
@example(LONG)
@example("achtacht achtachtacht é aé aaaaaaaaé éa")
@example(" ".join("ä" * size + " " + "Aé" * size + " " + "b" * size for size in range(1, 36)))
@example(" ".join("b" * size + mark for size in range(70) for mark in (",", " +", "ß", "Ω.", "漢", "\u0301", "\u00ad")))
def test_tokens_are_hashed_as_their_twin_does_it(text: str) -> None:
    assert token_hashes(text) == [reference.token_hash(token) for token in reference.tokens(text)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_pieces_inside_a_sentence_have_the_tokens_of_the_regex(text: str) -> None:
    for frame in ("{}", "eins {} zwei", "eins{}zwei", "漢{}字", "{0}{0}"):
        framed = frame.format(text)
        assert len(token_hashes(framed)) == len(reference.tokens(framed))


@given(st.lists(hostile_texts(), max_size=4))
@example(["", LONG, "", "Ja"])
def test_sets_are_as_large_as_those_of_tuples(texts: list[str]) -> None:
    sizes = np.diff(shingle_sets(Column.of(texts)).offsets).tolist()
    assert sizes == [len(reference.shingles(text)) for text in texts]


@settings(max_examples=200)
@given(hostile_texts(), hostile_texts(), hostile_texts())
@example(LONG, "", "")
@example("eins zwei drei vier fünf ", "sechs", "sieben")
def test_jaccard_is_the_textbook_one(shared: str, first: str, second: str) -> None:
    assert dedup.jaccard(shared + first, shared + second) == reference.jaccard(shared + first, shared + second)


@given(hostile_texts())
def test_a_text_with_words_is_like_itself(text: str) -> None:
    assert dedup.jaccard(text, text) == (1.0 if reference.tokens(text) else 0.0)


@given(hostile_texts(), hostile_texts())
def test_similarity_does_not_depend_on_which_text_comes_first(first: str, second: str) -> None:
    assert dedup.jaccard(first, second) == dedup.jaccard(second, first)


WORDS = st.text(st.sampled_from("aZ5äßŁжΩ\u0301\u0345_市„"), max_size=22)


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(WORDS, st.sampled_from([" ", ". ", "\n\n", "-", "%", "–"])), max_size=30))
@example([("Übergrößenträger", " "), ("ä" * 16, " "), ("a" * 16, " "), ("a" * 14 + "ß", " "), ("ёлка", ".")])
def test_words_of_one_and_two_bytes_a_letter_are_hashed_as_their_twin_does_it(pairs: list[tuple[str, str]]) -> None:
    # With what makes them go on behind 64 bytes, wherever that is in a word.
    text = "".join(word + between for word, between in pairs) + "x" * 100
    assert token_hashes(text) == [reference.token_hash(token) for token in reference.tokens(text)]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_european_letters_are_hashed_as_their_twin_does_it(form: str) -> None:
    """Each as a word, in one, at the end of one that fills a block, in a long one, and with one mark more."""
    letters = [chr(code_point) for code_point in range(0xAA, 0x250)]
    for frame in ("{}", "k{}n", "acht{}{}", "k{}n" + "en" * 8, "{}\u0323a", "{}\u0301"):
        text = unicodedata.normalize(form, " ".join(frame.replace("{}", letter) for letter in letters)) + " " * 200
        assert token_hashes(text) == [reference.token_hash(token) for token in reference.tokens(text)]


@given(hostile_texts(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
@example("e\u0323\u0301 e\u0301\u0323 a b c", "NFC")
def test_normal_forms_of_one_text_have_the_same_shingles(text: str, form: str) -> None:
    sets = shingle_sets(Column.of([text, unicodedata.normalize(form, text)]))
    first, second = np.split(sets.hashes, sets.offsets[1:-1])
    assert set(first.tolist()) == set(second.tolist())


@pytest.mark.parametrize("text", ["\u03b1\u0345\u0301", "\u1fb3\u0301", "a\u0301\u034f\u0323", "\u1f80\u0327"])
def test_marks_written_out_of_order_are_put_in_order(text: str) -> None:
    assert token_hashes(text) == token_hashes(unicodedata.normalize("NFC", text.replace("\u034f", "")))


def test_case_and_punctuation_do_not_count() -> None:
    assert dedup.jaccard("STRASSE, nach dem Regen: nass!", "Straße nach dem Regen nass") == 1.0


def test_different_sentences_in_cyrillic_are_different() -> None:
    # Faults 2: a key that keeps only Latin letters merges all of these.
    assert dedup.jaccard("Он пришёл домой очень поздно", "Она ушла утром очень рано") == 0.0


@pytest.mark.parametrize("text", ["Он", "나는", "我", "私", "ก", "و", "मैं"])
def test_every_script_has_tokens(text: str) -> None:
    assert token_hashes(text)


def test_a_text_of_fewer_words_than_a_shingle_has_one_shingle() -> None:
    words = ["eins", "zwei", "drei", "vier", "fünf", "sechs"]
    sets = shingle_sets(Column.of([" ".join(words[:count]) for count in range(7)]))
    assert SHINGLE_WORDS == 5
    assert np.diff(sets.offsets).tolist() == [0, 1, 1, 1, 1, 1, 2]


def test_short_texts_are_alike_only_when_equal() -> None:
    assert dedup.jaccard("eins zwei drei vier", "Eins, zwei: DREI vier!") == 1.0
    assert dedup.jaccard("eins zwei drei vier", "eins zwei drei") == 0.0


def test_a_repeated_shingle_counts_once() -> None:
    once = "eins zwei drei vier fünf"
    sets = shingle_sets(Column.of([f"{once} " * 50]))
    assert len(sets.hashes) == 5


def test_rows_of_one_column_do_not_see_each_other() -> None:
    texts = [LONG, "Ja", "", *SENTENCES, LONG]
    together = shingle_sets(Column.of(texts))
    for row, text in enumerate(texts):
        alone = shingle_sets(Column.of([text])).hashes
        assert together.hashes[together.offsets[row] : together.offsets[row + 1]].tolist() == alone.tolist()


def test_kernel_has_one_specialisation() -> None:
    shingle_sets(Column.of([LONG]))
    shingle_sets(Column(np.frombuffer(LONG.encode(), np.uint8).copy(), np.array([0, 5])))
    signatures = getattr(kernels.shingle_rows, "signatures", [None])
    assert len(signatures) == 1


def test_a_disordered_text_among_others_is_put_in_its_place() -> None:
    texts = ["eins zwei", "e\u0301\u0323 zwei", "drei vier"]
    ordered = [unicodedata.normalize("NFC", text) for text in texts]
    assert [set(part.tolist()) for part in rows_of(texts)] == [set(part.tolist()) for part in rows_of(ordered)]


def rows_of(texts: list[str]) -> list[np.ndarray]:
    sets = shingle_sets(Column.of(texts))
    return np.split(sets.hashes, sets.offsets[1:-1])
