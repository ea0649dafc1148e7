"""Where a hash table puts a key: by a secret, so that nobody can write a text whose keys all crowd in one corner.

Keys are hashes that everybody can compute, and a hundred tries are enough for a line or a word whose hash ends in given
bits. In a table that went by these bits, looking up any of them would mean to pass by all the others.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from dedup.kernels.leaf import inlined, leaf

SECRET = np.uint64(int.from_bytes(os.urandom(8), "little") | 1)
"""Drawn anew by every process. Nothing that is found depends on it, only how long it takes."""

S32 = np.uint64(32)


@inlined
def slot_of(key, secret, mask):
    """Return the slot of a key in a table of `mask + 1`, a power of two.

    Multiply-shift (Dietzfelbinger and others, A Reliable Randomized Algorithm for the Closest-Pair Problem, 1997).
    """
    return ((key * secret) >> S32) & mask


def empty_table(rows: int) -> npt.NDArray[np.int32]:
    """Return a table for the numbers of so many rows, which fill half of it at most: a power of two, all -1."""
    return np.full(1 << (2 * rows).bit_length(), -1, np.int32)


@leaf
def table_size(keys):
    """Return how many slots a table of so many keys gets, a power of two: a quarter of them is filled at most.

    Measured: with half of them filled, making a set of shingles takes a quarter longer.
    """
    size = 16
    while size < 4 * keys:
        size *= 2
    return size
