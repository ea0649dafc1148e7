"""The kernels take for JSON what Python's parser takes for JSON, and find the same values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedup.columns import Bytes, Column
from dedup.kernels import json as kernels
from dedup.kernels.vector import WIDTH
from tests import reference_raw as reference

CASES = settings(max_examples=300, deadline=None, derandomize=True, database=None)

NAMES = ("text", "id", "ä", "")
LETTERS = st.one_of(st.sampled_from('\\"/bfnrtu\n\0,;:{}[]äö€😀 '), st.characters(exclude_categories=["Cs"]))
TEXTS = st.text(LETTERS, max_size=40)
SCALARS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
KEYS = st.one_of(st.sampled_from(NAMES), st.text("abc", max_size=3))


def view(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Objects as different programs write them: spaced out or not, escaped or not, some with a key twice."""
    pairs = draw(st.lists(st.tuples(KEYS, VALUES), max_size=4))
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" \t, ", "\r :\t ")]))
    is_ascii = draw(st.booleans())

    def dump(value: Any) -> str:
        return json.dumps(value, ensure_ascii=is_ascii, separators=(comma, colon))

    inner = comma.join(f"{json.dumps(key, ensure_ascii=False)}{colon}{dump(value)}" for key, value in pairs)
    blank = draw(st.sampled_from(["", " ", "\t\r"]))
    return f"{blank}{{{blank}{inner}{blank}}}{blank}".encode()


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Objects with some bytes changed, left out or put in."""
    data = bytearray(draw(objects()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"", b'"', b"\\", b"{", b"}", b"]", b",", b":", b"\0", b"\xff", b"\xc3", b"0", b"-", b"e"])
        )
    return bytes(data)


def found_in(lines: list[bytes]) -> list[dict[str, bytes] | None]:
    """The raw values that the kernel finds; None for what it leaves to a full parser."""
    found = _found_in(lines, b"")
    # Near the end of the data it reads byte by byte, before that 64 at once.
    assert found == _found_in(lines, b'"' * WIDTH)
    return found


def _found_in(lines: list[bytes], behind: bytes) -> list[dict[str, bytes] | None]:
    data = b"?".join(lines) + behind
    sizes = np.array([len(line) for line in lines], np.int64)
    starts = np.cumsum(sizes + 1) - sizes - 1
    names = Column.of(NAMES)
    value_starts, value_ends = (np.full((len(lines), len(NAMES)), -1, np.int64) for _ in range(2))
    is_plain = np.full(len(lines), 7, np.uint8)
    others = kernels.find_values(
        view(data), starts, starts + sizes, names.data, names.offsets, value_starts, value_ends, is_plain
    )
    assert others == len(lines) - is_plain.sum()
    return [
        {name: data[start:end] for name, start, end in zip(NAMES, *edges, strict=True) if end} if plain else None
        for plain, edges in zip(is_plain, zip(value_starts.tolist(), value_ends.tolist(), strict=True), strict=True)
    ]


@CASES
@given(st.lists(objects(), max_size=4))
def test_values_are_found(lines: list[bytes]) -> None:
    for line, found in zip(lines, found_in(lines), strict=True):
        expected = reference.record(line)
        assert found is not None
        values = {name: json.loads(value) for name, value in found.items()}
        assert values == {name: expected[name] for name in NAMES if name in expected}
        assert all(value == value.strip() for value in found.values())


@CASES
@given(st.lists(st.one_of(broken(), st.binary(max_size=20)), max_size=6))
@example([b'{"a": 01}', b'{"a": 1.}', b'{"a": -}', b'{"a": 1e}', b'{"a": +1}', b'{"a": .5}', b'{"a": 1E+2}'])
@example([b'{"a": NaN}', b'{"a": nul}', b'{"a": truee}', b'{"a": null}', b'{"a"}', b'{"a":}', b"{1: 2}"])
@example([b"", b"{", b"{}", b"{},", b"{}{}", b'{"a":[1,]}', b'{"a":[,]}', b'{"a":{}}', b'{"a":[]]}', b'{"a":[}'])
@example([b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"a":"\xe2\x82"}'])
@example([b'{"a":"\\x"}', b'{"a":"\\u12g4"}', b'{"a":"\\ud800"}', b'{"a":"\\', b'{"a":"\\u12'])
def test_what_is_no_json_is_never_taken_for_it(lines: list[bytes]) -> None:
    for line, found in zip(lines, found_in(lines), strict=True):
        expected = reference.record(line)
        assert (found is None) == (expected is None or b"\\" in b"".join(reference.raw_keys(line))), line


@pytest.mark.parametrize("special", ["ä", "€", "😀", '\\"', "\\u12ab", "\\\\", "\x7f"])
def test_what_is_special_is_seen_wherever_it_is(special: str) -> None:
    for size in range(140):
        string = ("x" * size + special + "y" * 70).encode()
        assert found_in([b'{"text": "' + string + b'", "id": 7}']) == [{"text": b'"' + string + b'"', "id": b"7"}]
        for fault in (b"\n", b"\xc3", b"\\x", b"\0", b"\xed\xa0\x80"):
            assert found_in([b'{"text": "' + string + fault + b'", "id": 7}']) == [None]


@pytest.mark.parametrize(("depth", "is_plain"), [(kernels.MAX_DEPTH, True), (kernels.MAX_DEPTH + 1, False)])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"1]"), (b'{"k":', b"1}")])
def test_depth(depth: int, is_plain: bool, opening: bytes, closing: bytes) -> None:
    inner = opening * depth + closing[:1] + closing[1:] * depth
    (found,) = found_in([b'{"id": ' + inner + b"}"])
    assert found == ({"id": inner} if is_plain else None)


def test_an_escape_in_a_key_is_left_to_a_parser() -> None:
    assert found_in([b'{"te\\u0078t": 1}', b'{"a": {"te\\u0078t": 1}}']) == [None, {}]


@CASES
@given(st.text("ab\n", max_size=60), st.integers(0, 3))
def test_line_ends(text: str, room: int) -> None:
    data = text.encode()
    expected = [place + 1 for place, letter in enumerate(text) if letter == "\n"]
    found: list[int] = []
    while True:
        ends = np.zeros(room + 1, np.int64)
        count = kernels.find_line_ends(view(data), found[-1] if found else 0, ends)
        found += ends[:count].tolist()
        if count < len(ends):
            break
    assert found == expected


def test_each_kernel_has_one_specialisation() -> None:
    for name in ("find_values", "find_line_ends"):
        assert len(getattr(getattr(kernels, name), "signatures", [()])) <= 1
