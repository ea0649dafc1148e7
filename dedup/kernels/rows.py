"""Which rows of a column say the same."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.compare import are_equal
from dedup.kernels.leaf import inlined
from dedup.kernels.slots import slot_of

STEP = np.uint64(0x9E3779B97F4A7C15)
S29 = np.uint64(29)


@inlined
def hash_range(data, start, end, secret):
    """Hash some bytes; good enough for a table."""
    found = secret
    for at in range(np.uint64(start), np.uint64(end)):
        found = (found ^ np.uint64(data[at])) * STEP
        found ^= found >> S29
    return found


@njit(cache=True, nogil=True)
def find_firsts(data, offsets, secret, table, firsts):
    """Find for every row the first one that says the same.

    Args:
        data: uint8[], the rows end to end.
        offsets: int64[rows + 1].
        secret: As of `slots.SECRET`.
        table: Scratch, as of `slots.empty_table`.
        firsts: int64[rows], out.
    """
    mask = np.uint64(table.shape[0] - 1)
    for row in range(offsets.shape[0] - 1):
        start, size = offsets[row], offsets[row + 1] - offsets[row]
        slot = slot_of(hash_range(data, start, start + size, secret), secret, mask)
        while True:
            first = np.int64(table[slot])
            if first < 0:
                table[slot] = first = row
                break
            if offsets[first + 1] - offsets[first] == size and are_equal(data, offsets[first], data, start, size):
                break
            slot = (slot + np.uint64(1)) & mask
        firsts[row] = first
