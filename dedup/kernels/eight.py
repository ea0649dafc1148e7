"""Eight bytes at once, as one 64-bit number: most bytes of most texts need no look of their own."""

from __future__ import annotations

import numpy as np
from numba import njit

LOW, S7, BYTES = np.uint64(1), np.uint64(7), np.uint64(255)
LOW_BITS, HIGH_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
SEVEN_BITS = ~HIGH_BITS


@njit(cache=True, nogil=True, inline="always")
def load_eight(data, at):
    """Read eight bytes, the first one lowest. Unsigned indices let the compiler make it one load."""
    i = np.uint64(at)
    eight = np.uint64(data[i])
    for k in range(np.uint64(1), np.uint64(8)):
        eight |= np.uint64(data[i + k]) << (k * np.uint64(8))
    return eight


@njit(cache=True, nogil=True, inline="always")
def mark(eight, pattern):
    """Set the high bit of every byte that is equal to that of `pattern`, and no other bit."""
    other = eight ^ pattern
    return ~(((other & SEVEN_BITS) + SEVEN_BITS) | other) & HIGH_BITS


@njit(cache=True, nogil=True, inline="always")
def place_of_first(marks):
    """Return which of eight bytes is the first whose high bit is set; no other bit is, and at least one."""
    below = ((marks & (~marks + LOW)) >> S7) - LOW
    # A number modulo 255 is the sum of its bytes, and each byte below the first is 1 here.
    return np.int64((below & LOW_BITS) % BYTES)


@njit(cache=True, nogil=True, inline="always")
def find_byte(data, at, end, byte):
    """Return the first position from `at` on that holds `byte`, `end` if none before it does."""
    pattern = np.uint64(byte) * LOW_BITS
    while at + 8 <= end:
        marks = mark(load_eight(data, at), pattern)
        if marks:
            return at + place_of_first(marks)
        at += 8
    while at < end and data[at] != byte:
        at += 1
    return at
