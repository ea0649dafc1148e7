"""Editing: what is left is the text without the spans, and nothing else happens."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup.columns import Column, concatenate
from dedup.edit import count_characters, count_span_characters, remove_spans, take_spans, to_bytes, to_characters
from tests import reference
from tests.corpora import hostile_texts

Cuts = list[tuple[str, reference.Spans]]


@st.composite
def cuts(draw: st.DrawFn) -> Cuts:
    result = []
    for text in draw(st.lists(hostile_texts(), max_size=5)):
        edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
        result.append((text, list(zip(edges[::2], edges[1::2], strict=False))))
    return result


def columns(cuts: Cuts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [row for row, (_, spans) in enumerate(cuts) for _ in spans]
    spans = [[len(text[:edge].encode()) for edge in span] for text, spans in cuts for span in spans]
    starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
    return np.array(rows, np.int64), np.ascontiguousarray(starts), np.ascontiguousarray(ends)


@given(cuts())
def test_what_is_left_is_the_text_without_the_spans(cuts: Cuts) -> None:
    texts = Column.of([text for text, _ in cuts])
    assert list(remove_spans(texts, *columns(cuts))) == [reference.without(text, spans) for text, spans in cuts]


@given(cuts())
def test_a_column_inside_a_larger_buffer_is_edited_alike(cuts: Cuts) -> None:
    whole = Column.of(["davor", *(text for text, _ in cuts), "danach"])
    inside = Column(whole.data, whole.offsets[1:-1])
    assert list(remove_spans(inside, *columns(cuts))) == [reference.without(text, spans) for text, spans in cuts]


@given(st.lists(hostile_texts(), max_size=5))
def test_characters_are_code_points(texts: list[str]) -> None:
    assert count_characters(Column.of(texts)).tolist() == [len(text) for text in texts]


@given(cuts())
def test_characters_of_spans_are_code_points(cuts: Cuts) -> None:
    texts = Column.of([text for text, _ in cuts])
    assert count_span_characters(texts, *columns(cuts)).tolist() == [
        end - start for _, spans in cuts for start, end in spans
    ]


@given(hostile_texts(), st.randoms(use_true_random=False))
def test_positions_in_bytes_and_in_characters_are_each_others_inverse(text: str, random: Random) -> None:
    characters = np.array([*range(len(text) + 1), *random.choices(range(len(text) + 1), k=9)])
    positions = to_bytes(text.encode(), characters)
    assert positions.tolist() == [len(text[:position].encode()) for position in characters.tolist()]
    rows = np.array(random.choices((1, 2), k=len(positions)))
    assert to_characters(Column.of(["Käse", text, text]), rows, positions).tolist() == characters.tolist()


def test_a_position_past_the_end_is_an_error() -> None:
    with pytest.raises(IndexError):
        to_bytes("Käse".encode(), np.array([5]))


def test_texts_are_never_cut_inside_a_character() -> None:
    # Faults 9: google's suffix arrays cut UTF-8 characters in half; Column decodes, which would raise.
    text = "日本語😀" * 3
    cut: Cuts = [(text, [(1, 2), (3, 4), (7, 8)])]
    assert remove_spans(Column.of([text]), *columns(cut))[0] == "日語日本語日本語😀"


@given(st.lists(st.lists(hostile_texts(), max_size=3), max_size=4))
def test_joined_columns_hold_all_rows_in_order(parts: list[list[str]]) -> None:
    assert list(concatenate([Column.of(part) for part in parts])) == [text for part in parts for text in part]


@given(st.lists(hostile_texts(), min_size=1, max_size=4), st.data())
def test_spans_are_taken_as_slices(rows: list[str], data: st.DataObject) -> None:
    encoded = [row.encode() for row in rows]
    of = st.integers(0, len(rows) - 1)
    spans = [
        (row, *sorted(data.draw(st.tuples(*[st.integers(0, len(encoded[row]))] * 2))))
        for row in data.draw(st.lists(of, max_size=5))
    ]
    whole = Column.join([b"davor", *encoded])
    columns = np.array(spans, np.int64).reshape(-1, 3).T
    taken = take_spans(Column(whole.data, whole.offsets[1:]), *columns)
    assert taken.rows() == [encoded[row][start:end] for row, start, end in spans]
