"""From UTF-8 to words: decoding, folding, and hashing a word while it is read.

A *word* is a maximal run of WORD code points of the folded text; in scripts without spaces every letter is
one, and so is every symbol. A place in the text is a byte and `k`, the number of folded pieces of the code
point there that are read already: "½" folds to "1", a slash and "2", and "½kg" holds "1" and "2kg".
numba's cache does not see changes in imported files: after changing this one, delete `__pycache__`.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numba import njit

from dedup.kernels.leaf import leaf
from dedup.unicode import (
    CLASS_MASK,
    CLASS_SHIFT,
    DIGIT,
    EXPANDS,
    FOLD_MASK,
    MARK,
    NEWLINE,
    SINGLE,
    SPACE,
    SYMBOL,
    WIDE,
    WORD,
)

SEED = np.uint64(0x9E3779B97F4A7C15)
# No difference below 2**22, times this, is below 2**40 (checked): no two pairs of code points collide.
STEP = np.uint64(0xD6E8FEB86659FD93)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S30, S27, S31 = np.uint64(30), np.uint64(27), np.uint64(31)
S47, S53, SIX_BITS = np.uint64(47), np.uint64(53), np.uint64(63)
NOTHING, ONE = np.uint64(0), np.uint64(1)
ZERO_DIGIT = np.uint64(0x30)

# What `build_letters` says of bytes that take the slow path, as every code point does that is not PLAIN.
SLOW = 255
PLAIN = WORD | SINGLE | EXPANDS | SYMBOL | MARK
HYPHEN, MINUS, COLON = 0x2D, 0x2212, 0x3A
# The iota subscript is a mark (class 240) until it is folded, and a letter afterwards.
IOTA_SUBSCRIPT, IOTA, IOTA_CLASS, GREEK_FIRST, GREEK_LAST = 0x345, 0x3B9, 240, 0x1F80, 0x1FFF
# Vowels and finals of Hangul syllables stand in the cell of the initial consonant.
JAMO_FIRST, JAMO_LAST = 0x1160, 0x11FF

# What the lexicon says of a word, see dedup/data/lexicon.toml.
ABBREVIATION, ENDER, UNIT, NUMBERED, STARTER, FORM = 1, 2, 4, 8, 16, 32
DATE, NEAR_DATE, COUNTED = 64, 128, 256


def finished(word: str) -> np.uint64:
    """Return the finished hash of a word without capitals."""
    mask = 0xFFFFFFFFFFFFFFFF
    h = int(SEED)
    for character in unicodedata.normalize("NFD", word):
        h = (h ^ ord(character)) * int(STEP) & mask
    h = (h ^ (h >> 30)) * int(MIX_A) & mask
    h = (h ^ (h >> 27)) * int(MIX_B) & mask
    return np.uint64(h ^ (h >> 31))


# What every number and date is in K1, and what the minus before a number is in both keys.
ZERO_WORD, SIGN_WORD = finished("0"), finished("-")
# Korean writes the unit of a date behind its number, without a space: 2025년 12월 3일.
DATED_WORDS = (finished("0년"), finished("0월"), finished("0일"))


@leaf
def decode(data, i):
    """Return the code point at byte `i` of valid UTF-8 and its length in bytes."""
    first = np.int64(data[i])
    if first < 0x80:
        return first, 1
    second = np.int64(data[i + 1]) & 0x3F
    if first < 0xE0:
        return (first & 0x1F) << 6 | second, 2
    third = np.int64(data[i + 2]) & 0x3F
    if first < 0xF0:
        return (first & 0x0F) << 12 | second << 6 | third, 3
    return (first & 0x07) << 18 | second << 12 | third << 6 | (np.int64(data[i + 3]) & 0x3F), 4


@leaf
def finish(h):
    """Avalanche (splitmix64's finaliser): every input bit reaches every output bit."""
    h = (h ^ (h >> S30)) * MIX_A
    h = (h ^ (h >> S27)) * MIX_B
    return h ^ (h >> S31)


@leaf
def finish_key(h, words):
    """Turn an accumulator into a key: 0 if and only if there were no words."""
    if words == 0:
        return NOTHING
    return max(finish(h), ONE)


@leaf
def look_up(lexicon, h):
    """Return what the lexicon says of the word (or dotted chain of words) with this hash; 0 if nothing."""
    if not (lexicon.signs[h >> S53] >> ((h >> S47) & SIX_BITS)) & ONE:
        return np.int64(0)
    last = np.int64(lexicon.hashes.shape[0] - 1)
    slot = np.int64(h & np.uint64(last))
    while lexicon.hashes[slot] != NOTHING:
        if lexicon.hashes[slot] == h:
            return np.int64(lexicon.roles[slot])
        slot = (slot + 1) & last
    return np.int64(0)


@leaf
def may_be_date(lexicon, h):
    """Say whether the lexicon may hold a date with this hash: most words are none, and of nearly all this says so."""
    return (lexicon.dates[h >> S53] >> ((h >> S47) & SIX_BITS)) & ONE != NOTHING


@leaf
def folded_range(expansion_offsets, entry):
    """Return the positions of the pieces that a code point folds to: places in `expansions`, else just 0."""
    if entry & EXPANDS:
        row = entry & FOLD_MASK
        return np.int64(expansion_offsets[row]), np.int64(expansion_offsets[row + 1])
    return np.int64(0), np.int64(1)


@leaf
def folded_piece(expansions, entry, piece):
    """Return the folded code point at one of those positions."""
    if entry & EXPANDS:
        return np.int64(expansions[piece])
    return entry & FOLD_MASK


@leaf
def mark_class(ordered, code_point, folded, k):
    """Return the combining class that the `k`-th folded piece of `code_point` had before folding."""
    if folded == IOTA and (code_point == IOTA_SUBSCRIPT or (k > 0 and GREEK_FIRST <= code_point <= GREEK_LAST)):
        return np.int64(IOTA_CLASS)
    return np.int64(ordered[folded])


@leaf
def step(h, folded):
    """Add a code point to a word's hash."""
    return (h ^ np.uint64(folded)) * STEP


@leaf
def absorb(h0, h1, digits, after_digit, folded, is_digit):
    """Add a code point to both hashes of a word; the second sees digits as one 0, and lags before them."""
    if is_digit:
        if digits == 0:
            h1 = h0
        if not after_digit:
            h1 = step(h1, ZERO_DIGIT)
        return step(h0, folded), h1, digits + 1, True
    if digits:
        h1 = step(h1, folded)
    return step(h0, folded), h1, digits, False


@njit(cache=True, nogil=True)
def build_letters(packed):
    """Return what a byte is to a word: a folded ASCII letter, 0 where it ends the word, else SLOW."""
    letters = np.full(256, SLOW, np.uint8)
    for code_point in range(128):
        entry = np.int64(packed[code_point])
        if not entry & (WORD | MARK):
            letters[code_point] = 0
        elif (entry >> CLASS_SHIFT) & CLASS_MASK != DIGIT:
            letters[code_point] = entry & FOLD_MASK
    return letters


@leaf
def read_letters(data, i, end, letters, h):
    """Add a run of ASCII letters to a word's hash; return (end of the run, hash). The hottest loop."""
    at = np.uint64(i)
    last = np.uint64(end)
    while at < last:
        folded = letters[data[at]]
        if folded == 0 or folded == SLOW:
            break
        h = (h ^ np.uint64(folded)) * STEP
        at += ONE
    return np.int64(at), h


@leaf
def sort_marks(data, i, k, end, points, h0, h1, digits):
    """Hash the run of marks from (i, k) on in canonical order; return (end of the run, hash, masked hash).

    Two passes per combining class that occurs, at most some fifty: a storm of marks still takes linear time.
    """
    packed, expansion_offsets, expansions, ordered = points
    done = np.int64(0)
    while True:
        lowest = np.int64(256)
        at = i
        for hashing in range(2):
            at = i
            skip = k
            running = True
            while running and at < end:
                code_point, size = decode(data, at)
                entry = np.int64(packed[code_point])
                low, high = folded_range(expansion_offsets, entry)
                for piece in range(low + skip, high):
                    folded = folded_piece(expansions, entry, piece)
                    found = mark_class(ordered, code_point, folded, piece - low)
                    if found == 0:
                        running = False
                        break
                    if hashing == 0 and done < found < lowest:
                        lowest = found
                    elif hashing == 1 and found == lowest:
                        h0 = step(h0, folded)
                        if digits:
                            h1 = step(h1, folded)
                if running:
                    at += size
                    skip = 0
        if lowest == 256:
            return at, h0, h1
        done = lowest


@leaf
def read_word(data, i, k, end, points, letters_of):
    """Hash the word that begins at byte `i`, at the `k`-th piece of what the code point there folds to.

    Returns (i, k, K0 hash, K1 hash, width, letters, digits, alone): where it ends, its hashes before
    `finish`, its columns, its code points without marks, the digits among them, and whether it is a letter or
    symbol that stands alone, as in scripts without spaces.
    """
    packed, expansion_offsets, expansions, ordered = points
    first_i = i
    first_k = k
    h0 = h1 = run_h0 = run_h1 = SEED
    width = letters = digits = run_i = run_k = last_class = np.int64(0)
    after_digit = alone = False
    while i < end:
        if digits == 0 and not alone and k == 0:
            at, h0 = read_letters(data, i, end, letters_of, h0)
            if at > i:
                letters += at - i
                width += at - i
                last_class = 0
                i = at
                if i == end:
                    break
        code_point, size = decode(data, i)
        entry = np.int64(packed[code_point])
        if entry & PLAIN == WORD and code_point != IOTA_SUBSCRIPT:
            if alone:
                break
            is_digit = (entry >> CLASS_SHIFT) & CLASS_MASK == DIGIT
            h0, h1, digits, after_digit = absorb(h0, h1, digits, after_digit, entry & FOLD_MASK, is_digit)
            last_class = 0
            letters += 1
            if not JAMO_FIRST <= (entry & FOLD_MASK) <= JAMO_LAST:
                width += 2 if entry & WIDE else 1
            i += size
            continue
        low, high = folded_range(expansion_offsets, entry)
        piece = low + k
        while piece < high:
            folded = folded_piece(expansions, entry, piece)
            flags = np.int64(packed[folded])
            found = mark_class(ordered, code_point, folded, k)
            if not flags & MARK:
                if found == 0 or alone:
                    started = i != first_i or k != first_k
                    if (started and (alone or flags & (SINGLE | SYMBOL))) or not flags & (WORD | SYMBOL):
                        return i, k, h0, h1 if digits else h0, width, letters, digits, alone
                    alone = flags & (SINGLE | SYMBOL) != 0
                letters += 1
                if not JAMO_FIRST <= folded <= JAMO_LAST:
                    width += 2 if flags & WIDE else 1
            if 0 < found < last_class:
                i, h0, h1 = sort_marks(data, run_i, run_k, end, points, run_h0, run_h1, digits)
                last_class = 0
                after_digit = False
                break
            if last_class == 0:
                run_i, run_k, run_h0, run_h1 = i, k, h0, h1
            last_class = found
            is_digit = (flags >> CLASS_SHIFT) & CLASS_MASK == DIGIT
            h0, h1, digits, after_digit = absorb(h0, h1, digits, after_digit, folded, is_digit)
            piece += 1
            k += 1
        else:
            i += size
        k = 0
    return i, k, h0, h1 if digits else h0, width, letters, digits, alone


@leaf
def class_at(data, i, end, packed):
    """Return (class, code point, bytes) at byte `i`; the end of the text counts as a line end."""
    if i >= end:
        return np.int64(NEWLINE), np.int64(0), 0
    code_point, size = decode(data, i)
    return (np.int64(packed[code_point]) >> CLASS_SHIFT) & CLASS_MASK, code_point, size


@leaf
def skip_spaces(data, i, end, packed):
    """Return the next position that holds no space, and the class there."""
    kind, _, size = class_at(data, i, end, packed)
    while kind == SPACE:
        i += size
        kind, _, size = class_at(data, i, end, packed)
    return i, kind
