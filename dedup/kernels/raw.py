"""Kernels between raw bytes and text: unescape JSON strings, find text in raw bytes, take bytes out.

Every array is C-contiguous; `data` is a read-only view of the bytes of a file (one specialisation each).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.columns import Bytes, Ints
from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.vector import WIDTH, copy, copy_range, count_trailing_zeros, find_byte, match

NEWLINE = np.uint8(10)
RETURN = np.uint8(13)
QUOTE = np.uint8(34)
BACKSLASH = np.uint8(92)
LOWER_U = np.uint8(117)
UNESCAPED = np.zeros(256, np.uint8)
"""What each byte stands for behind a backslash; 0 for those that may not be there, and for u."""
for _escaped, _plain in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    UNESCAPED[_escaped] = _plain


@leaf
def _hex4(data: Bytes, position: int, end: int) -> int:
    """Return the value of the four hex digits at `position`, or -1."""
    if position + 4 > end:
        return -1
    value = 0
    for i in range(position, position + 4):
        digit = int(np.int64(data[i]))
        if 48 <= digit <= 57:
            digit -= 48
        elif 65 <= digit <= 70:
            digit -= 55
        elif 97 <= digit <= 102:
            digit -= 87
        else:
            return -1
        value = value * 16 + digit
    return value


@leaf
def _escape(data: Bytes, position: int, end: int) -> tuple[int, int]:
    """Read the escape at `position`, a backslash: its code point, -1 if it has none, and its raw bytes."""
    if position + 1 >= end:
        return -1, 1
    kind = data[position + 1]
    if kind == LOWER_U:
        first = _hex4(data, position + 2, end)
        if first < 0 or 0xDC00 <= first < 0xE000:
            return -1, 2
        if first < 0xD800 or first >= 0xE000:
            return first, 6
        if position + 8 > end or data[position + 6] != BACKSLASH or data[position + 7] != LOWER_U:
            return -1, 6
        second = _hex4(data, position + 8, end)
        if second < 0xDC00 or second >= 0xE000:
            return -1, 6
        return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00), 12
    plain = int(np.int64(UNESCAPED[kind]))
    return plain if plain else -1, 2


@leaf
def _width(code_point: int) -> int:
    """Return how many bytes of UTF-8 a code point takes."""
    return 1 + (code_point >= 0x80) + (code_point >= 0x800) + (code_point >= 0x10000)


@leaf
def _put(out: Bytes, at: int, code_point: int) -> int:
    """Write a code point as UTF-8; return the position after it."""
    width = _width(code_point)
    if width == 1:
        out[at] = code_point
        return at + 1
    for i in range(width - 1, 0, -1):
        out[at + i] = 0x80 | (code_point & 0x3F)
        code_point >>= 6
    lead = 0xC0 if width == 2 else 0xE0 if width == 3 else 0xF0
    out[at] = lead | code_point
    return at + width


@inlined
def _copy_until(data, position, end, byte, out, at):
    """Copy bytes up to `byte` or `end`; return how many. What is behind them in `out` may be overwritten."""
    first = position
    while position < end and position + WIDTH <= data.shape[0] and at + WIDTH <= out.shape[0]:
        copy(out, at, data, position)
        found = match(data, position, 0, byte, byte)
        if found or position + WIDTH > end:
            return min(position + count_trailing_zeros(found), end) - first
        position += WIDTH
        at += WIDTH
    stop = find_byte(data, position, end, byte)
    for i in range(stop - position):
        out[at + i] = data[position + i]
    return stop - first


@njit(cache=True, nogil=True)
def unescape(data: Bytes, starts: Ints, ends: Ints, out: Bytes, offsets: Ints, is_bad: Bytes) -> int:
    """Decode JSON strings end to end.

    Args:
        data: uint8[n], the raw bytes, valid UTF-8.
        starts: int64[rows], where each value starts: at its opening quote. Any order.
        ends: int64[rows], behind its closing quote.
        out: uint8[sum of the sizes], receives the text.
        offsets: int64[rows + 1], receives where each text starts in `out`.
        is_bad: uint8[rows], receives 1 where the value is no string or has an escape that stands for no
            character (a lone surrogate); its text is empty then.

    Returns:
        The number of bad rows.
    """
    at = 0
    bad = 0
    offsets[0] = 0
    for row in range(starts.size):
        position = starts[row] + 1
        end = ends[row] - 1
        first = at
        is_string = end >= position and data[position - 1] == QUOTE
        while is_string and position < end:
            if data[position] != BACKSLASH:
                size = _copy_until(data, position, end, BACKSLASH, out, at)
                at += size
            else:
                code_point, size = _escape(data, position, end)
                is_string = code_point >= 0
                if is_string:
                    at = _put(out, at, code_point)
            position += size
        is_bad[row] = not is_string
        if not is_string:
            at = first
            bad += 1
        offsets[row + 1] = at
    return bad


@njit(cache=True, nogil=True)
def locate_in_json(
    data: Bytes,
    values: Ints,
    value_ends: Ints,
    starts: Ints,
    ends: Ints,
    raw_starts: Ints,
    raw_ends: Ints,
) -> int:
    """Find the raw bytes of pieces of text inside JSON strings.

    Args:
        data: uint8[n], the raw bytes.
        values: int64[pieces], where the string that a piece is in starts: at its opening quote. Pieces of one
            string follow each other.
        value_ends: int64[pieces], behind its closing quote.
        starts: int64[pieces], byte offsets in the UTF-8 of the text, ascending and disjoint in a string.
        ends: int64[pieces].
        raw_starts: int64[pieces], receives the positions in `data`.
        raw_ends: int64[pieces].

    Returns:
        -1, or the first piece that is not inside its string.
    """
    position = 0
    text = 0
    escape = 0
    for piece in range(values.size):
        stop = value_ends[piece] - 1
        if piece == 0 or values[piece] != values[piece - 1]:
            position = values[piece] + 1
            text = 0
            escape = find_byte(data, position, stop, BACKSLASH)
        for edge in range(2):
            target = ends[piece] if edge else starts[piece]
            while text < target and position < stop:
                if position == escape:
                    code_point, size = _escape(data, position, stop)
                    position += size
                    text += _width(code_point)
                    escape = find_byte(data, position, stop, BACKSLASH)
                else:
                    step = min(target - text, escape - position)
                    position += step
                    text += step
            if text != target:
                return piece
            if edge:
                raw_ends[piece] = position
            else:
                raw_starts[piece] = position
    return -1


@njit(cache=True, nogil=True)
def find_cells(
    data: Bytes, records: Ints, record_ends: Ints, column: int, delimiter: int, starts: Ints, ends: Ints
) -> int:
    """Find one cell in CSV records, as raw bytes with its quotes.

    Args:
        data: uint8[n], the raw bytes; the records are well-formed.
        records: int64[rows], where each record starts.
        record_ends: int64[rows], behind its line terminator.
        column: The cell, counted from 0.
        delimiter: The byte between cells.
        starts: int64[rows], receives where the cell starts.
        ends: int64[rows].

    Returns:
        -1, or the first record that has no such cell.
    """
    for row in range(records.size):
        position = records[row]
        stop = record_ends[row]
        while stop > position and (data[stop - 1] == NEWLINE or data[stop - 1] == RETURN):
            stop -= 1
        cell = 0
        while True:
            first = position
            if position < stop and data[position] == QUOTE:
                position += 1
                while position < stop:
                    if data[position] == QUOTE:
                        if position + 1 < stop and data[position + 1] == QUOTE:
                            position += 1
                        else:
                            break
                    position += 1
                position += 1
            while position < stop and data[position] != delimiter:
                position += 1
            if cell == column:
                starts[row] = first
                ends[row] = position
                break
            if position >= stop:
                return row
            cell += 1
            position += 1
    return -1


@njit(cache=True, nogil=True)
def locate_in_cells(
    data: Bytes, cells: Ints, cell_ends: Ints, starts: Ints, ends: Ints, raw_starts: Ints, raw_ends: Ints
) -> int:
    """Find the raw bytes of pieces of text inside CSV cells; the arguments are those of `locate_in_json`.

    A cell that starts with a quote is quoted, and two quotes in it stand for one; any other is its own text.
    """
    position = 0
    text = 0
    for piece in range(cells.size):
        is_quoted = cells[piece] < cell_ends[piece] and data[cells[piece]] == QUOTE
        if piece == 0 or cells[piece] != cells[piece - 1]:
            position = cells[piece] + is_quoted
            text = 0
        stop = cell_ends[piece] - is_quoted
        for edge in range(2):
            target = ends[piece] if edge else starts[piece]
            while text < target and position < stop:
                position += 2 if is_quoted and data[position] == QUOTE else 1
                text += 1
            if text != target:
                return piece
            if edge:
                raw_ends[piece] = position
            else:
                raw_starts[piece] = position
    return -1


@njit(cache=True, nogil=True)
def take_out(data: Bytes, starts: Ints, ends: Ints, kept: Bytes, removed: Bytes) -> int:
    """Split `data` in what the ranges (ascending, disjoint) cover and what is left; return the bytes left."""
    at = 0
    gone = 0
    position = 0
    for i in range(starts.size + 1):
        start = starts[i] if i < starts.size else data.size
        copy_range(kept, at, data, position, start - position)
        at += start - position
        if i < starts.size:
            copy_range(removed, gone, data, start, ends[i] - start)
            gone += ends[i] - start
            position = ends[i]
    return at
