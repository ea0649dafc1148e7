"""Sixty-four bytes at once are what they are one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

from dedup.columns import Bytes
from dedup.kernels import vector
from dedup.kernels.vector import SHARP_S, SHORT, WIDTH

CASES = settings(max_examples=200, deadline=None, derandomize=True, database=None)
BYTE = st.integers(0, 255)


# What LLVM makes of them cannot be called from Python.
@njit
def match(data: Any, at: int, bits: int, low: int, high: int) -> Any:
    return vector.match(data, at, bits, low, high)


@njit
def copy(target: Any, to: int, data: Any, at: int) -> None:
    vector.copy(target, to, data, at)


@njit
def copy_range(target: Any, to: int, data: Any, at: int, size: int) -> None:
    vector.copy_range(target, to, data, at, size)


@njit
def put_letters(firsts: Any, seconds: Any, row: int, data: Any, at: int, size: int) -> None:
    vector.put_letters(firsts, seconds, row, data, at, size)


@njit
def join_blocks(first: Any, second: Any, low: Any, high: Any, fill: int) -> Any:
    return vector.join_blocks(first, second, low, high, fill)


@njit
def count_trailing_zeros(number: Any) -> Any:
    return vector.count_trailing_zeros(number)


@njit
def count_ones(number: Any) -> Any:
    return vector.count_ones(number)


def view(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)


def places(bits: int) -> list[int]:
    return [place for place in range(WIDTH) if int(bits) >> place & 1]


@CASES
@given(st.binary(min_size=WIDTH, max_size=2 * WIDTH), BYTE, BYTE, BYTE)
@example(bytes(range(WIDTH)), 0, 0, 255)
@example(bytes(range(128, 128 + WIDTH)), 0, 128, 255)
@example(bytes(range(64, 64 + WIDTH)), 32, 97, 122)
def test_match(data: bytes, bits: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    at = len(data) - WIDTH
    expected = [place for place in range(WIDTH) if low <= data[at + place] | bits <= high]
    assert places(match(view(data), at, bits, low, high)) == expected


@CASES
@given(st.binary(min_size=WIDTH, max_size=2 * WIDTH), st.integers(0, 9))
def test_copy(data: bytes, to: int) -> None:
    target, at = np.zeros(WIDTH + 20, np.uint8), len(data) - WIDTH
    copy(target, to, view(data), at)
    assert target.tobytes() == bytes(to) + data[at:] + bytes(20 - to)


def test_count_trailing_zeros() -> None:
    assert count_trailing_zeros(np.uint64(0)) == WIDTH
    for place in range(WIDTH):
        for above in (0, 1 << 63, 2**64 - (1 << place)):
            assert count_trailing_zeros(np.uint64(1 << place | above)) == place


@CASES
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 9))
def test_copy_range(data: bytes, start: int, end: int, to: int) -> None:
    start, end = sorted((min(start, len(data)), min(end, len(data))))
    target = np.zeros(len(data) + 10, np.uint8)
    copy_range(target, to, view(data), start, end - start)
    assert target.tobytes() == (bytes(to) + data[start:end]).ljust(len(target), b"\0")


def test_copy_range_of_wide_numbers() -> None:
    data, target = np.arange(9, dtype=np.uint64) << np.uint64(40), np.zeros(9, np.uint64)
    copy_range(target, 2, data, 5, 3)
    assert target.tolist() == [0, 0, *data[5:8].tolist(), 0, 0, 0, 0]


@CASES
@given(st.binary(min_size=SHORT, max_size=2 * SHORT), st.integers(0, SHORT), st.integers(0, 2))
@example("Füße und Größe".encode().ljust(SHORT), SHORT, 0)
@example("ß".encode().rjust(SHORT), SHORT, 0)
def test_put_letters(data: bytes, size: int, row: int) -> None:
    firsts, seconds = np.zeros(3, np.uint64), np.zeros(3, np.uint64)
    at = len(data) - SHORT
    put_letters(firsts, seconds, row, view(data), at, size)
    sharp = [SHARP_S in data[at + place : min(at + place + 2, len(data))] for place in range(size)]
    letters = bytes(ord("s") if s else byte | 0x20 for s, byte in zip(sharp, data[at:], strict=False)).ljust(
        SHORT, b"\0"
    )
    assert firsts[row].tobytes() + seconds[row].tobytes() == letters
    assert np.count_nonzero(firsts) + np.count_nonzero(seconds) <= 2


@CASES
@given(st.binary(max_size=SHORT - 1), st.binary(min_size=1, max_size=SHORT))
def test_join_blocks(some: bytes, more: bytes) -> None:
    more = more[: SHORT - len(some)]
    joined = join_blocks(*blocks(some), *blocks(more), len(some))
    assert tuple(map(int, joined)) == tuple(map(int, blocks(some + more)))


def blocks(some: bytes) -> Any:
    return np.frombuffer(some.ljust(SHORT, b"\0"), np.uint64)


@CASES
@given(st.integers(0, 2**64 - 1))
@example(0)
@example(2**64 - 1)
def test_count_ones(number: int) -> None:
    assert count_ones(np.uint64(number)) == number.bit_count()


def test_letters() -> None:
    for start in range(0, 256, WIDTH):
        data = bytes(range(start, start + WIDTH))
        found = places(int(vector.find_letters(view(data), 0)))
        assert found == [place for place, byte in enumerate(data) if byte < 128 and chr(byte).isalnum()]


def test_latin_letters() -> None:
    """Also the one whose second byte is behind the 64."""
    letters = [chr(code_point) for code_point in range(0x80, 0x180)]
    for shift in range(2):
        data = ("x" * shift + "".join(letters)).encode()
        for start in range(0, len(data) - WIDTH, WIDTH):
            first_bytes = [
                place for place, byte in enumerate(data) if byte == 0xC3 and data[place : place + 2].decode().isalpha()
            ]
            found = places(int(vector.find_latin(view(data), start)))
            assert found == [place - start for place in first_bytes if start <= place < start + WIDTH]


def test_load_eight() -> None:
    data = bytes(range(250, 256)) + bytes(range(9))
    assert int(vector.load_eight(view(data), 3)) == int.from_bytes(data[3:11], "little")


@CASES
@given(st.binary(max_size=200), BYTE, st.integers(0, 200), st.integers(0, 200))
@example(b"x" * 64 + b"y", ord("y"), 0, 65)
@example(b"x" * 100 + b"y", ord("y"), 0, 70)
def test_find_byte(data: bytes, byte: int, start: int, end: int) -> None:
    start, end = sorted((min(start, len(data)), min(end, len(data))))
    place = data.find(bytes([byte]), start, end)
    assert vector.find_byte(view(data), start, end, np.uint8(byte)) == (end if place < 0 else place)
