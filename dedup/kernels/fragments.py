"""Telling lines that are units from pieces of hard-wrapped sentences."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.segment import TERMINATED, is_spaceless
from dedup.kernels.words import decode
from dedup.unicode import CASELESS, CLASS_MASK, CLASS_SHIFT, DIGIT, LOWER, UPPER


@njit(cache=True, nogil=True)
def find_fragments(
    data,
    line_offsets,
    starts,
    ends,
    widths,
    flags,
    packed,
    narrowest,
    widest,
    lower_share,
    open_share,
    least_open,
    fragments,
    going_on,
    lines,
):
    """Say which lines are pieces of hard-wrapped sentences, not units: `fragments`, all False at first.

    A line is open if it is `narrowest` to `widest` columns wide, does not end like a sentence, and is not followed by a
    blank line; Thai and the like, which have no full stop, are never open. If the next line starts with a lower-case
    letter, both are fragments. All lines of a document are if `lower_share` of those with text go on in lower case, or
    `open_share` of them, and at least `least_open`, are open.

    `going_on` gets how many lines of each document go on in lower case, and `lines` how many have text.
    """
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        texts = 0
        lowers = 0
        opens = 0
        for line in range(first, last):
            texts += widths[line] > 0
            following = line + 1
            if (
                narrowest <= widths[line] <= widest
                and flags[line] & TERMINATED == 0
                and following < last
                and widths[following] > 0
                and not ends_spaceless(data, starts[line], ends[line])
            ):
                opens += 1
                if starts_lower(data, starts[following], ends[following], packed):
                    lowers += 1
                    fragments[line] = fragments[following] = True
        going_on[row], lines[row] = lowers, texts
        if lowers > lower_share * texts or (opens >= least_open and opens > open_share * texts):
            fragments[first:last] = True


@njit(cache=True, nogil=True)
def ends_spaceless(data, start, end):
    """Say whether some UTF-8 ends in a letter of a script without full stops."""
    at = end - 1
    while at > start and data[at] & 0xC0 == 0x80:
        at -= 1
    code_point, _ = decode(data, at)
    return is_spaceless(code_point)


@njit(cache=True, nogil=True)
def starts_lower(data, start, end, packed):
    """Say whether the first letter of some UTF-8 is a lower-case one."""
    at = start
    while at < end:
        byte = np.uint32(data[at])
        size = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        code_point = byte if size == 1 else byte & np.uint32(0xFF >> (size + 1))
        for i in range(1, size):
            code_point = (code_point << np.uint32(6)) | (np.uint32(data[at + i]) & np.uint32(0x3F))
        kind = (packed[code_point] >> np.uint32(CLASS_SHIFT)) & np.uint32(CLASS_MASK)
        if kind == LOWER:
            return True
        if kind in (UPPER, CASELESS, DIGIT):
            return False
        at += size
    return False
