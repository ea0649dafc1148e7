"""What a scan for tokens looks up: the Unicode tables, and what follows of them for letters of one and two bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dedup.kernels.leaf import leaf
from dedup.unicode import EXPANDS as _EXPANDS
from dedup.unicode import FOLD_MASK as _FOLD_MASK
from dedup.unicode import MARK as _MARK
from dedup.unicode import SINGLE as _SINGLE
from dedup.unicode import SYMBOL as _SYMBOL
from dedup.unicode import WORD as _WORD

FOLD_MASK, WORD, SINGLE, EXPANDS = np.uint32(_FOLD_MASK), np.uint32(_WORD), np.uint32(_SINGLE), np.uint32(_EXPANDS)
SYMBOL, MARK = np.uint32(_SYMBOL), np.uint32(_MARK)

NOTHING, S48, S56 = np.uint64(0), np.uint64(48), np.uint64(56)
# Code points of two bytes in UTF-8, the first of which are 0xC2 to 0xDF.
TWO_BYTES, TWO_BYTES_FIRST, TWO_BYTES_END = 0x800, np.uint8(0xC2), np.uint8(0xE0)
# The iota below a Greek letter is a mark that folds to a letter: other marks, which belong before it, may follow it.
IOTA_BELOW, GREEK_WITH_IOTA, GREEK_END = np.uint32(0x345), np.uint32(0x1F80), np.uint32(0x2000)


class Folding(NamedTuple):
    """What a scan looks up of code points and bytes.

    Attributes:
        packed: As of `dedup.unicode.CodePoints`.
        expansion_offsets: The same.
        expansions: The same.
        ordered: The same.
        two_bytes: uint64[0x800], what `fold_two_bytes` says.
        ends_word: bool[256], what `find_enders` says.
    """

    packed: npt.NDArray[np.uint32]
    expansion_offsets: npt.NDArray[np.int32]
    expansions: npt.NDArray[np.uint32]
    ordered: npt.NDArray[np.uint8]
    two_bytes: npt.NDArray[np.uint64]
    ends_word: npt.NDArray[np.bool_]


@leaf
def encode(code_point):
    """Return the bytes of a code point in UTF-8, the first one lowest, and how many there are."""
    c = np.uint64(code_point)
    low = np.uint64(0x80) | (c & np.uint64(0x3F))
    if c < np.uint64(0x80):
        return c, 1
    if c < np.uint64(0x800):
        return np.uint64(0xC0) | (c >> np.uint64(6)) | (low << np.uint64(8)), 2
    middle = np.uint64(0x80) | ((c >> np.uint64(6)) & np.uint64(0x3F))
    if c < np.uint64(0x10000):
        return np.uint64(0xE0) | (c >> np.uint64(12)) | (middle << np.uint64(8)) | (low << np.uint64(16)), 3
    high = np.uint64(0x80) | ((c >> np.uint64(12)) & np.uint64(0x3F))
    lead = np.uint64(0xF0) | (c >> np.uint64(18))
    return lead | (high << np.uint64(8)) | (middle << np.uint64(16)) | (low << np.uint64(24)), 4


@njit(cache=True, nogil=True)
def fold_two_bytes(packed, expansion_offsets, expansions, ordered):
    """Return what each code point of two bytes in UTF-8 appends to a word, so that nothing need be looked at: uint64[].

    Up to six bytes, above them the class of the mark it ends with, and highest how many bytes; 0 for what is no letter,
    or has to be looked at.
    """
    found = np.zeros(TWO_BYTES, np.uint64)
    for code_point in range(0x80, TWO_BYTES):
        entry = packed[code_point]
        row = np.int64(entry & FOLD_MASK)
        pieces = expansion_offsets[row + 1] - expansion_offsets[row] if entry & EXPANDS else 1
        bytes_so_far = NOTHING
        fill = 0
        last_class = np.uint8(0)
        is_plain = pieces > 0
        for piece in range(pieces):
            folded = packed[expansions[expansion_offsets[row] + piece]] if entry & EXPANDS else entry
            if folded & MARK:
                mark_class = ordered[folded & FOLD_MASK]
                is_plain = is_plain and piece > 0 and mark_class >= last_class
            else:
                mark_class = np.uint8(0)
                is_plain = is_plain and (folded & (WORD | SINGLE)) == WORD
            last_class = mark_class
            some, size = encode(folded & FOLD_MASK)
            is_plain = is_plain and fill + size <= 6
            if is_plain:
                bytes_so_far |= some << np.uint64(8 * fill)
                fill += size
        if is_plain and code_point != np.int64(IOTA_BELOW):
            found[code_point] = bytes_so_far | (np.uint64(last_class) << S48) | (np.uint64(fill) << S56)
    return found


@njit(cache=True, nogil=True)
def find_enders(packed):
    """Say which bytes end a word and are nothing else: bool[256], ASCII ones only."""
    found = np.zeros(256, np.bool_)
    for byte in range(0x80):
        found[byte] = not packed[byte] & (WORD | SYMBOL | MARK | EXPANDS)
    return found


@njit(cache=True, nogil=True)
def folding_of(packed, expansion_offsets, expansions, ordered):
    """Return the Unicode tables with what follows from them."""
    two_bytes = fold_two_bytes(packed, expansion_offsets, expansions, ordered)
    return Folding(packed, expansion_offsets, expansions, ordered, two_bytes, find_enders(packed))


@leaf
def letter_at(data, at, two_bytes):
    """Return what `fold_two_bytes` says of the letter of two bytes at a byte; 0 if there is none."""
    lead = data[np.uint64(at)]
    if lead < TWO_BYTES_FIRST or lead >= TWO_BYTES_END:
        return NOTHING
    return two_bytes[((np.int64(lead) & 0x1F) << 6) | (np.int64(data[np.uint64(at + 1)]) & 0x3F)]
