"""Who shares a key with whom."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.slots import slot_of


@njit(cache=True, nogil=True)
def number_shared(keys, secret, table, used, numbers):
    """Give rows that have a key in common a number in common, from `used` on; return the first one that is free.

    Args:
        keys: uint64[rows].
        secret: As of `slots.SECRET`.
        table: Scratch, as of `slots.empty_table`.
        used: How many numbers are taken.
        numbers: int32[rows], all -1, which stays where no other row has the key.
    """
    mask = np.uint64(table.shape[0] - 1)
    for row in range(keys.shape[0]):
        slot = slot_of(keys[row], secret, mask)
        while table[slot] >= 0 and keys[table[slot]] != keys[row]:
            slot = (slot + np.uint64(1)) & mask
        first = table[slot]
        if first < 0:
            table[slot] = row
            continue
        if numbers[first] < 0:
            numbers[first] = used
            used += 1
        numbers[row] = numbers[first]
    return used
