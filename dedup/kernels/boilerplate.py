"""The keys that lines are counted by, and which lines of a document go: sure ones, and likely ones beside them."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def mix(key, source_key, salt):
    """Return what `dedup.versions.mix` makes of a key."""
    salted = key ^ ((source_key + salt) * np.uint64(0x9E3779B97F4A7C15))
    salted = (salted ^ (salted >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return salted ^ (salted >> np.uint64(27))


@njit(cache=True, nogil=True)
def line_keys(line_offsets, fragments, k0, k1, numbers, dates, labels, source_keys, mask_alone, keys):
    """Mix the keys of every line with the source of its document.

    Args:
        line_offsets: int64[rows + 1].
        fragments: bool[lines], have no keys.
        k0: uint64[lines], 0 for lines without words.
        k1: uint64[lines].
        numbers: uint8[lines], masked plain numbers.
        dates: uint8[lines], masked dates.
        labels: uint64[lines], 0 for lines without a label.
        source_keys: uint64[rows].
        mask_alone: The K1 of a line of nothing but a number or a date, which has no masked key.
        keys: uint64[4, lines], out, all 0: by the line itself, by its K1 if it has dates only, by its K1 if it has
            plain numbers, by its label.
    """
    for row in range(line_offsets.shape[0] - 1):
        source_key = source_keys[row]
        for line in range(line_offsets[row], line_offsets[row + 1]):
            if k0[line] == np.uint64(0) or fragments[line]:
                continue
            keys[0, line] = mix(k0[line], source_key, np.uint64(0))
            if (numbers[line] or dates[line]) and k1[line] != mask_alone:
                kind = 2 if numbers[line] else 1
                keys[kind, line] = mix(k1[line], source_key, np.uint64(kind))
            if labels[line] != np.uint64(0):
                keys[3, line] = mix(labels[line], source_key, np.uint64(3))


@njit(cache=True, nogil=True)
def settle(line_offsets, blank, sure, likely, marked, whole):
    """Mark the sure lines, and the likely ones in an unbroken run with a sure one; spare documents with nothing else.

    Args:
        line_offsets: int64[rows + 1].
        blank: bool[lines]; blank lines neither break a run nor are marked.
        sure: bool[lines].
        likely: bool[lines].
        marked: bool[lines], out, all False.
        whole: bool[rows], out: every line with text would have gone, so none is marked.
    """
    for row in range(line_offsets.shape[0] - 1):
        start, end = line_offsets[row], line_offsets[row + 1]
        texts = 0
        hits = 0
        run = False
        for line in range(start, end):
            if blank[line]:
                continue
            texts += 1
            run = sure[line] or (run and likely[line])
            marked[line] = run
        run = False
        for line in range(end - 1, start - 1, -1):
            if blank[line]:
                continue
            run = marked[line] or (run and likely[line])
            marked[line] = run
            hits += run
        whole[row] = texts > 0 and hits == texts
        if whole[row]:
            marked[start:end] = False
