"""Kernels that read JSON Lines: where lines end, where the values of wanted fields are, and the text of strings.

What is taken for JSON here is JSON, strictly (RFC 8259, and UTF-8). The reverse does not hold: lines with an escape in
a key or nested deeper than `MAX_DEPTH` are left to a full parser, as are those that are broken, since it can say why.
Every array is C-contiguous; `data` is a read-only view of the bytes of a file (one specialisation each).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.columns import Bytes, Ints
from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.vector import WIDTH, count_trailing_zeros, find_byte, match

MAX_DEPTH = 60
"""Of objects and lists in each other: one bit of a 64-bit word each."""

NEWLINE, QUOTE, BACKSLASH, LOWER_U = np.uint8(10), np.uint8(34), np.uint8(92), np.uint8(117)
TAB, RETURN, SPACE = np.uint8(9), np.uint8(13), np.uint8(32)
COMMA, COLON = np.uint8(44), np.uint8(58)
OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT = np.uint8(91), np.uint8(93), np.uint8(123), np.uint8(125)
ZERO, NINE, MINUS, PLUS, DOT = np.uint8(48), np.uint8(57), np.uint8(45), np.uint8(43), np.uint8(46)
UPPER_E, LOWER_E = np.uint8(69), np.uint8(101)
LOW, TWO, ALL = np.uint64(1), np.uint64(2), np.uint64(0xFFFFFFFFFFFFFFFF)
# What may follow a backslash but a u, as the bits of two numbers: that of the byte, or of the byte less 64.
ESCAPED_LOW = np.uint64(sum(1 << byte for byte in b'"/'))
ESCAPED_HIGH = np.uint64(sum(1 << (byte - 64) for byte in b"\\bfnrt"))


@inlined
def _find_special(data, at):
    """Set the bits of what is no plain text inside a string, of 64 bytes: quotes, backslashes, controls, odd UTF-8.

    Code points of two bytes, and the common ones of three, are plain where all of their bytes are among the 64.
    """
    quotes, backslashes = match(data, at, 0, QUOTE, QUOTE), match(data, at, 0, BACKSLASH, BACKSLASH)
    others = match(data, at, 0, 0, 0x1F) | match(data, at, 0, 0xC0, 0xFF)
    of_two = match(data, at, 0, 0xC2, 0xDF)
    # All that 0xE1 to 0xEC lead are code points, whatever follows; of 0xE0, 0xED and higher ones that is not so.
    of_three = match(data, at, 0, 0xE1, 0xEC)
    going_on = match(data, at, 0, 0x80, 0xBF)
    next_one, next_two = going_on >> LOW, going_on >> TWO
    plain = (of_two & next_one) | (of_three & next_one & next_two)
    expected = ((of_two | of_three) << LOW) | (of_three << TWO)
    return quotes | backslashes | (others & ~plain) | (going_on ^ (going_on & expected))


@leaf
def _skip_character(data: Bytes, at: int, end: int) -> int:
    """Return the position behind the UTF-8 of a character that is not ASCII, -1 if it is no UTF-8."""
    lead = data[at]
    low, high = np.uint8(0x80), np.uint8(0xBF)
    if np.uint8(0xC2) <= lead <= np.uint8(0xDF):
        size = 2
    elif np.uint8(0xE0) <= lead <= np.uint8(0xEF):
        size = 3
        if lead == np.uint8(0xE0):
            low = np.uint8(0xA0)
        elif lead == np.uint8(0xED):
            high = np.uint8(0x9F)
    elif np.uint8(0xF0) <= lead <= np.uint8(0xF4):
        size = 4
        if lead == np.uint8(0xF0):
            low = np.uint8(0x90)
        elif lead == np.uint8(0xF4):
            high = np.uint8(0x8F)
    else:
        return -1
    if at + size > end or not low <= data[at + 1] <= high:
        return -1
    for i in range(at + 2, at + size):
        if not np.uint8(0x80) <= data[i] <= np.uint8(0xBF):
            return -1
    return at + size


@leaf
def _skip_escape(data: Bytes, at: int, end: int) -> int:
    """Return the position behind the escape at `at`, a backslash; -1 if it is none."""
    if at + 2 > end:
        return -1
    kind = data[at + 1]
    if kind != LOWER_U:
        is_known = (ESCAPED_LOW if kind < np.uint8(64) else ESCAPED_HIGH) >> np.uint64(kind & np.uint8(63)) & LOW
        return at + 2 if is_known and kind < np.uint8(128) else -1
    if at + 6 > end:
        return -1
    for i in range(at + 2, at + 6):
        digit = data[i] | SPACE
        if not (ZERO <= data[i] <= NINE or np.uint8(97) <= digit <= np.uint8(102)):
            return -1
    return at + 6


@leaf
def _skip_special(data: Bytes, at: int, end: int) -> int:
    """Return the position behind what may need a closer look inside a string, -1 if it cannot be there."""
    byte = data[at]
    if byte == BACKSLASH:
        return _skip_escape(data, at, end)
    if byte < SPACE:
        return -1
    return at + 1 if byte < np.uint8(0x80) else _skip_character(data, at, end)


@leaf
def _skip_string(data: Bytes, at: int, end: int) -> int:
    """Return the position behind the string whose opening quote is at `at`, -1 if it is none."""
    if at >= end or data[at] != QUOTE:
        return -1
    at += 1
    while 0 <= at < end and at + WIDTH <= data.shape[0]:
        special = _find_special(data, at)
        block = at
        at += WIDTH
        # Where nothing is special, the processor goes on before it knows so.
        while special:
            place = block + count_trailing_zeros(special)
            if place >= end:
                return -1
            if data[place] == QUOTE:
                return place + 1
            place = _skip_special(data, place, end)
            if place < 0 or place >= block + WIDTH:
                at = place
                break
            special &= ALL << np.uint64(place - block)
    while 0 <= at < end:
        if data[at] == QUOTE:
            return at + 1
        at = _skip_special(data, at, end)
    return -1


@leaf
def _skip_blank(data, at, end):
    """Return the first position from `at` on that is not blank."""
    while at < end and (data[at] == SPACE or data[at] == NEWLINE or data[at] == RETURN or data[at] == TAB):
        at += 1
    return at


@leaf
def _skip_digits(data: Bytes, at: int, end: int) -> int:
    """Return the position behind one digit or more, -1 if there is none."""
    first = at
    while at < end and ZERO <= data[at] <= NINE:
        at += 1
    return at if at > first else -1


@leaf
def _skip_number(data: Bytes, at: int, end: int) -> int:
    """Return the position behind a number, -1 if it is none."""
    if data[at] == MINUS:
        at += 1
    first = at
    at = _skip_digits(data, at, end)
    if at < 0 or (data[first] == ZERO and at > first + 1):
        return -1
    if at < end and data[at] == DOT:
        at = _skip_digits(data, at + 1, end)
        if at < 0:
            return -1
    if at < end and (data[at] == LOWER_E or data[at] == UPPER_E):
        at += 1
        if at < end and (data[at] == PLUS or data[at] == MINUS):
            at += 1
        at = _skip_digits(data, at, end)
    return at


@leaf
def _skip_word(data: Bytes, at: int, end: int) -> int:
    """Return the position behind true, false or null, -1 if it is none."""
    for word in (b"true", b"null", b"false"):
        if at + len(word) <= end and data[at] == word[0]:
            for i in range(len(word)):
                if data[at + i] != word[i]:
                    return -1
            return at + len(word)
    return -1


@leaf
def _skip_key(data: Bytes, at: int, end: int) -> int:
    """Return the position behind a key, its colon and the blanks around, -1 if there is none."""
    at = _skip_string(data, at, end)
    if at < 0:
        return -1
    at = _skip_blank(data, at, end)
    if at >= end or data[at] != COLON:
        return -1
    return _skip_blank(data, at + 1, end)


@leaf
def _skip_value(data: Bytes, at: int, end: int) -> int:
    """Return the position behind the value that starts at `at`, -1 if it is none or nested too deeply."""
    depth = 0
    # Bit 0 says whether the innermost of what is open is an object, bit 1 the one around it.
    objects = np.uint64(0)
    while at < end:
        byte = data[at]
        if byte in (OPEN_OBJECT, OPEN_LIST):
            is_object = byte == OPEN_OBJECT
            at = _skip_blank(data, at + 1, end)
            if at >= end:
                return -1
            if data[at] != (CLOSE_OBJECT if is_object else CLOSE_LIST):
                if depth == MAX_DEPTH:
                    return -1
                depth += 1
                objects = (objects << LOW) | np.uint64(is_object)
                if is_object:
                    at = _skip_key(data, at, end)
                    if at < 0:
                        return -1
                continue
            at += 1
        elif byte == QUOTE:
            at = _skip_string(data, at, end)
        elif byte == MINUS or ZERO <= byte <= NINE:
            at = _skip_number(data, at, end)
        else:
            at = _skip_word(data, at, end)
        if at < 0:
            return -1
        # A value ended, and with it perhaps some of those it is in.
        is_open = True
        while is_open:
            if depth == 0:
                return at
            at = _skip_blank(data, at, end)
            if at >= end:
                return -1
            is_object = (objects & LOW) == LOW
            if data[at] == COMMA:
                at = _skip_blank(data, at + 1, end)
                if is_object:
                    at = _skip_key(data, at, end)
                    if at < 0:
                        return -1
                is_open = False
            elif data[at] == (CLOSE_OBJECT if is_object else CLOSE_LIST):
                at += 1
                depth -= 1
                objects >>= LOW
            else:
                return -1
    return -1


@leaf
def _which(data: Bytes, start: int, end: int, names: Bytes, name_offsets: Ints) -> int:
    """Return which of the names is at `start` to `end`, -1 if none is, -2 if it has an escape."""
    for i in range(start, end):
        if data[i] == BACKSLASH:
            return -2
    for name in range(name_offsets.size - 1):
        first = name_offsets[name]
        if name_offsets[name + 1] - first == end - start:
            same = 0
            while same < end - start and data[start + same] == names[first + same]:
                same += 1
            if same == end - start:
                return name
    return -1


@leaf
def _read_object(
    data: Bytes, at: int, end: int, names: Bytes, name_offsets: Ints, value_starts: Ints, value_ends: Ints
) -> bool:
    """Find the values of one object; return whether it is one, and plain."""
    at = _skip_blank(data, at, end)
    if at >= end or data[at] != OPEN_OBJECT:
        return False
    at = _skip_blank(data, at + 1, end)
    is_open = at < end and data[at] != CLOSE_OBJECT
    while is_open:
        key = at
        at = _skip_string(data, at, end)
        if at < 0:
            return False
        name = _which(data, key + 1, at - 1, names, name_offsets)
        at = _skip_blank(data, at, end)
        if name == -2 or at >= end or data[at] != COLON:
            return False
        start = _skip_blank(data, at + 1, end)
        stop = _skip_value(data, start, end)
        if stop < 0:
            return False
        if name >= 0:
            value_starts[name] = start
            value_ends[name] = stop
        at = _skip_blank(data, stop, end)
        is_open = at < end and data[at] == COMMA
        if is_open:
            at = _skip_blank(data, at + 1, end)
    return at < end and data[at] == CLOSE_OBJECT and _skip_blank(data, at + 1, end) == end


@njit(cache=True, nogil=True)
def find_values(
    data: Bytes, starts: Ints, ends: Ints, names: Bytes, name_offsets: Ints, value_starts: Ints, value_ends: Ints,
    is_plain: Bytes,
) -> int:  # fmt: skip
    """Find the values of some keys in objects; of equal keys the last counts.

    Args:
        data: uint8[n], the raw bytes.
        starts: int64[rows], where each object starts, blanks before it included.
        ends: int64[rows], behind it and the blanks after it.
        names: uint8[], the keys end to end.
        name_offsets: int64[keys + 1], key i is `names[name_offsets[i]:name_offsets[i + 1]]`.
        value_starts: int64[rows, keys], receives where the values start; 0 for those that are not there.
        value_ends: int64[rows, keys], receives where they end.
        is_plain: uint8[rows], receives 1 where there is exactly one object; 0 for what a full parser must look at.

    Returns:
        The number of rows that are not plain.
    """
    others = 0
    for row in range(starts.size):
        value_starts[row] = 0
        value_ends[row] = 0
        found = _read_object(data, starts[row], ends[row], names, name_offsets, value_starts[row], value_ends[row])
        is_plain[row] = found
        others += not found
    return others


@njit(cache=True, nogil=True)
def find_line_ends(data: Bytes, at: int, ends: Ints) -> int:
    """Note the position behind each newline from `at` on in `ends`, as many as it takes; return how many those are."""
    count = 0
    while count < ends.size:
        at = find_byte(data, at, data.size, NEWLINE) + 1
        if at > data.size:
            break
        ends[count] = at
        count += 1
    return count
