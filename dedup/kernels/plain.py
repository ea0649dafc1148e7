"""Plain words: read and hashed eight letters at a time.

A word is *plain* if it has nothing but ASCII letters, and letters of two bytes in UTF-8 that fold to two units, an
ASCII letter and a mark ("ü") or two letters ("ß"). That is nearly every word of many languages. How long a word is no
processor can foresee, so that up to eight letters no branch hangs on it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.vector import count_trailing_zeros, load_eight
from dedup.kernels.words import COLON, NOTHING, ONE, SEED, SLOW, STEP, finish
from dedup.unicode import (
    CLASS_MASK,
    CLASS_SHIFT,
    EXPANDS,
    FOLD_MASK,
    HARD,
    LOWER,
    MARK,
    NEWLINE,
    STOP,
    SYMBOL,
    UPPER,
    WIDE_STOP,
    WORD,
    CodePoints,
)

# Two-byte letters that are looked up; the first byte of these is 0xC3 to 0xC9.
FIRST_LETTER, END_OF_LETTERS, FIRST_LEAD, LAST_LEAD = 0xC0, 0x280, 0xC3, 0xC9
BLOCK, S8, BYTE, UNIT = 8, np.uint64(8), np.uint64(0xFF), np.uint32(0xFFFF)
FIRST_MARK = 0x300


def in_every_byte(byte: int) -> np.uint64:
    """Repeat a byte eight times."""
    return np.uint64(byte * 0x0101010101010101)


# Added to a byte below 0x80, they raise its highest bit from "a" on, and from behind "z" on.
FROM_A, FROM_BEHIND_Z = in_every_byte(0x80 - ord("a")), in_every_byte(0x80 - ord("z") - 1)
SMALL, LOW_BITS, HIGH_BIT = in_every_byte(0x20), in_every_byte(0x7F), in_every_byte(0x80)


class Alphabet(NamedTuple):
    """What the scan looks up of bytes and letters.

    Attributes:
        quiet: bool[256], ASCII characters that end words and are nothing else: sentences and labels go on behind them.
        units: uint32[END_OF_LETTERS], the two code points that a letter folds to, the first one lower; 0 for none.
        undo: uint64[BLOCK + 1], what takes the zeros behind so many bytes of a block out of a hash again: each has only
            multiplied it by STEP.
    """

    quiet: npt.NDArray[np.bool_]
    units: npt.NDArray[np.uint32]
    undo: npt.NDArray[np.uint64]


def build_alphabet(points: CodePoints) -> Alphabet:
    """Return what follows from the Unicode tables: in Python, since compiling it takes longer."""
    units = np.zeros(END_OF_LETTERS, np.uint32)
    for code_point in range(FIRST_LETTER, END_OF_LETTERS):
        entry = int(points.packed[code_point])
        row = entry & FOLD_MASK
        if entry & EXPANDS and (entry >> CLASS_SHIFT) & CLASS_MASK in (UPPER, LOWER):
            pieces = points.expansions[points.expansion_offsets[row] : points.expansion_offsets[row + 1]]
            if len(pieces) == 2 and pieces[0] < FIRST_MARK:
                units[code_point] = pieces[0] | pieces[1] << np.uint32(16)
    quiet = np.zeros(256, np.bool_)
    quiet[:128] = [is_quiet(int(entry)) for entry in points.packed[:128]]
    undo = np.array([pow(int(STEP), size - BLOCK, 1 << 64) for size in range(BLOCK + 1)], np.uint64)
    return Alphabet(quiet, units, undo)


def is_quiet(entry: int) -> bool:
    """Say whether a character does nothing but end a word, or make a number behind it negative."""
    kind = (entry >> CLASS_SHIFT) & CLASS_MASK
    is_loud = kind in (NEWLINE, STOP, HARD, WIDE_STOP) or entry & FOLD_MASK == COLON
    return not (is_loud or entry & (WORD | SYMBOL | MARK | EXPANDS))


@leaf
def units_at(data, i, units):
    """Return the units of the letter of two bytes at byte `i`, 0 if there is none."""
    if not FIRST_LEAD <= data[i] <= LAST_LEAD:
        return np.uint32(0)
    return units[((np.int64(data[i]) & 0x1F) << 6) | (np.int64(data[i + 1]) & 0x3F)]


@leaf
def may_begin_plain(data, i, letters_of, alphabet):
    """Say whether a plain word may begin at byte `i`."""
    return letters_of[data[i]] not in (0, SLOW) or units_at(data, i, alphabet.units) != 0


@leaf
def load_block(data, i, end):
    """Read up to eight bytes, the first one lowest, and zeros behind `end`."""
    block = NOTHING
    for k in range(min(end - i, BLOCK)):
        block |= np.uint64(data[i + k]) << np.uint64(8 * k)
    return block


@inlined
def read_plain(data, start, end, letters_of, alphabet):
    """Hash the plain word that begins at byte `start`.

    Returns:
        Where it ends, -1 if it is not plain, its finished hash, and its letters without marks.
    """
    at = start
    h = SEED
    letters = np.int64(0)
    while True:
        block = load_eight(data, at) if at + BLOCK <= end else load_block(data, at, end)
        small = block | SMALL
        low = small & LOW_BITS
        is_letter = (low + FROM_A) & ~(low + FROM_BEHIND_Z) & ~block & HIGH_BIT
        bits = count_trailing_zeros(is_letter ^ HIGH_BIT)
        size = bits >> 3
        at += size
        letters += size
        if size < BLOCK:
            small &= (ONE << np.uint64(size << 3)) - ONE
        for _ in range(BLOCK):
            h = (h ^ (small & BYTE)) * STEP
            small >>= S8
        if size == BLOCK:
            continue
        h *= alphabet.undo[np.uint64(size)]
        if at == end or letters_of[data[at]] == 0:
            return at, finish(h), letters
        found = units_at(data, at, alphabet.units)
        if found == 0:
            return np.int64(-1), h, letters
        second = found >> np.uint32(16)
        h = (((h ^ np.uint64(found & UNIT)) * STEP) ^ np.uint64(second)) * STEP
        letters += 1 + (second < FIRST_MARK)
        at += 2


@inlined
def skip_quiet(data, i, end, letters_of, alphabet):
    """Return where a plain word may begin, if nothing but quiet characters stands before it, and some do; else -1."""
    at = i
    while at < end and alphabet.quiet[data[at]]:
        at += 1
    return at if i < at < end and may_begin_plain(data, at, letters_of, alphabet) else np.int64(-1)
