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

NOTHING, ONE, S48, S56 = np.uint64(0), np.uint64(1), np.uint64(48), np.uint64(56)
# What begins U+00C0 to U+00FF in UTF-8, and in a token.
LATIN_LEAD, SMALL_LATIN = np.uint64(0xC3), np.uint64(0xE3)
# The letters from a to z, and the marks that letters of two bytes may have.
FIRST_BASE, BASES, FIRST_MARK, MARKS = 0x61, 26, 0x300, 0x70
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
        composed: uint8[], what `find_composed` says.
        two_bytes: uint64[0x800], what `fold_two_bytes` says.
        ends_word: bool[256], what `find_enders` says.
    """

    packed: npt.NDArray[np.uint32]
    expansion_offsets: npt.NDArray[np.int32]
    expansions: npt.NDArray[np.uint32]
    ordered: npt.NDArray[np.uint8]
    composed: npt.NDArray[np.uint8]
    two_bytes: npt.NDArray[np.uint64]
    ends_word: npt.NDArray[np.bool_]


@leaf
def encode(code_point):
    """Return the bytes that stand for a code point in a token, the first one lowest, and how many there are.

    They are its UTF-8, but for U+00C0 to U+00FF, which have the bit that `vector.put_letters` sets. Nothing else has
    these bytes: in UTF-8 the first of them begins three, and what can be the third begins nothing.
    """
    c = np.uint64(code_point)
    low = np.uint64(0x80) | (c & np.uint64(0x3F))
    if c < np.uint64(0x80):
        return c, 1
    if c < np.uint64(0x800):
        lead = np.uint64(0xC0) | (c >> np.uint64(6))
        return (SMALL_LATIN if lead == LATIN_LEAD else lead) | (low << np.uint64(8)), 2
    middle = np.uint64(0x80) | ((c >> np.uint64(6)) & np.uint64(0x3F))
    if c < np.uint64(0x10000):
        return np.uint64(0xE0) | (c >> np.uint64(12)) | (middle << np.uint64(8)) | (low << np.uint64(16)), 3
    high = np.uint64(0x80) | ((c >> np.uint64(12)) & np.uint64(0x3F))
    lead = np.uint64(0xF0) | (c >> np.uint64(18))
    return lead | (high << np.uint64(8)) | (middle << np.uint64(16)) | (low << np.uint64(24)), 4


@njit(cache=True, nogil=True)
def find_composed(packed, expansion_offsets, expansions):
    """Return which letter of U+00C0 to U+00FF a letter from a to z and a mark make: uint8[], as of `compose`."""
    found = np.zeros(BASES * MARKS, np.uint8)
    for code_point in range(0xC0, 0x100):
        entry = packed[code_point]
        row = np.int64(entry & FOLD_MASK)
        if entry & EXPANDS and expansion_offsets[row + 1] - expansion_offsets[row] == 2:
            at = expansion_offsets[row]
            mark = np.int64(expansions[at + 1]) - FIRST_MARK
            if 0 <= mark < MARKS:
                found[(np.int64(expansions[at]) - FIRST_BASE) * MARKS + mark] = 0x80 | (code_point & 0x3F) | 0x20
    return found


@leaf
def is_base(folded):
    """Say whether a folded code point is a letter from a to z, with which a mark may make another."""
    return 0 <= np.int64(folded) - FIRST_BASE < BASES


@leaf
def compose(composed, base, mark):
    """Return the bytes, as of `encode`, of the letter of U+00C0 to U+00FF that a base and a mark make; 0 if none."""
    number = np.int64(mark) - FIRST_MARK
    if number < 0 or number >= MARKS:
        return NOTHING
    second = np.uint64(composed[(np.int64(base) - FIRST_BASE) * MARKS + number])
    return NOTHING if second == NOTHING else SMALL_LATIN | (second << np.uint64(8))


@njit(cache=True, nogil=True)
def fold_two_bytes(packed, expansion_offsets, expansions, ordered, composed):
    """Return what each code point of two bytes in UTF-8 appends to a word, so that nothing need be looked at: uint64[].

    Up to six bytes, above them the class of the mark it ends with, and highest how many bytes; 0 for what is no letter,
    or has to be looked at.
    """
    found = np.zeros(TWO_BYTES, np.uint64)
    for code_point in range(0x80, TWO_BYTES):
        entry = packed[code_point]
        row = np.int64(entry & FOLD_MASK)
        pieces = expansion_offsets[row + 1] - expansion_offsets[row] if entry & EXPANDS else 1
        bytes_so_far = held = NOTHING
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
            if held != NOTHING:
                both = compose(composed, held, folded & FOLD_MASK)
                if both != NOTHING:
                    some, size = both, 2
                    fill -= 1
                    bytes_so_far &= (ONE << np.uint64(8 * fill)) - ONE
            held = some if is_base(some) else NOTHING
            is_plain = is_plain and fill + size <= 6
            if is_plain:
                bytes_so_far |= some << np.uint64(8 * fill)
                fill += size
        # With what ends in a base, a mark that follows may make another letter.
        if is_plain and held == NOTHING and code_point != np.int64(IOTA_BELOW):
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
    composed = find_composed(packed, expansion_offsets, expansions)
    two_bytes = fold_two_bytes(packed, expansion_offsets, expansions, ordered, composed)
    return Folding(packed, expansion_offsets, expansions, ordered, composed, two_bytes, find_enders(packed))


@leaf
def letter_at(data, at, two_bytes):
    """Return what `fold_two_bytes` says of the letter of two bytes at a byte; 0 if there is none."""
    lead = data[np.uint64(at)]
    if lead < TWO_BYTES_FIRST or lead >= TWO_BYTES_END:
        return NOTHING
    return two_bytes[((np.int64(lead) & 0x1F) << 6) | (np.int64(data[np.uint64(at + 1)]) & 0x3F)]
