"""Kernels that write JSON: strings escaped, and values filled into the holes of forms."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.vector import WIDTH, copy, copy_range, count_trailing_zeros, match

QUOTE, BACKSLASH, ZERO, LOWER_A, LOWER_U = (
    np.uint8(34), np.uint8(92), np.uint8(48), np.uint8(97), np.uint8(117),
)  # fmt: skip
MINUS, TEN = np.uint8(45), np.uint8(10)
NOTHING, ONE, TENS = np.uint64(0), np.uint64(1), np.uint64(10)
NUMBER = -1
"""In place of the end of a text: its start is a number."""


@leaf
def _digit(value):
    """Return a hexadecimal digit."""
    return ZERO + value if value < TEN else LOWER_A + (value - TEN)


@inlined
def _find_special(data, at):
    """Set the bits of what may not stand inside a JSON string as it is, of 64 bytes."""
    return match(data, at, 0, QUOTE, QUOTE) | match(data, at, 0, BACKSLASH, BACKSLASH) | match(data, at, 0, 0, 0x1F)


@njit(cache=True, nogil=True)
def escape(data, offsets, marks, out, out_offsets):
    """Escape every row as inside a JSON string: `marks` has what stands behind the backslash for a byte, else 0.

    `out` has room for `WIDTH` bytes more than are written.
    """
    to = np.int64(0)
    out_offsets[0] = to
    for row in range(offsets.shape[0] - 1):
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            if at + WIDTH <= data.shape[0]:
                copy(out, to, data, at)
                plain = min(np.int64(count_trailing_zeros(_find_special(data, at))), end - at)
                at += plain
                to += plain
                if plain == WIDTH or at == end:
                    continue
            byte = data[at]
            mark = marks[byte]
            at += 1
            if mark == np.uint8(0):
                out[to] = byte
                to += 1
                continue
            out[to] = BACKSLASH
            out[to + 1] = mark
            to += 2
            if mark == LOWER_U:
                out[to] = out[to + 1] = ZERO
                out[to + 2] = _digit(byte >> np.uint8(4))
                out[to + 3] = _digit(byte & np.uint8(15))
                to += 4
        out_offsets[row + 1] = to


@leaf
def _copy(target, to, data, start, end):
    """Copy some bytes; return where the next ones go."""
    copy_range(target, to, data, start, end - start)
    return to + (end - start)


@leaf
def _write_number(out, to, number):
    """Write a number; return where the next bytes go."""
    left = np.uint64(number)
    if number < 0:
        out[to] = MINUS
        to += 1
        left = ~left + ONE
    end = to + 1
    rest = left // TENS
    while rest > NOTHING:
        rest //= TENS
        end += 1
    for at in range(end - 1, to - 1, -1):
        out[at] = ZERO + np.uint8(left % TENS)
        left //= TENS
    return end


@njit(cache=True, nogil=True)
def fill(literals, bounds, forms, texts, starts, ends, out, offsets):
    """Write lines: the literals of their forms, and between them the values of their holes.

    Args:
        literals: uint8[], what the forms say, end to end.
        bounds: int64[forms, holes + 2], literal i of form f is `literals[bounds[f, i]:bounds[f, i + 1]]`.
        forms: int64[lines], the form of each line.
        texts: uint8[], in which the texts are.
        starts: int64[lines, holes], of the text; or a number.
        ends: int64[lines, holes], exclusive; or `NUMBER`.
        out: uint8[], room for all of it.
        offsets: int64[lines + 1], filled with where the lines begin in `out`.
    """
    holes = starts.shape[1]
    to = np.int64(0)
    offsets[0] = to
    for line in range(forms.shape[0]):
        form = forms[line]
        for hole in range(holes):
            to = _copy(out, to, literals, bounds[form, hole], bounds[form, hole + 1])
            if ends[line, hole] == NUMBER:
                to = _write_number(out, to, starts[line, hole])
            else:
                to = _copy(out, to, texts, starts[line, hole], ends[line, hole])
        to = _copy(out, to, literals, bounds[form, holes], bounds[form, holes + 1])
        offsets[line + 1] = to
