"""Whether two texts have the same words, code point by code point: what verifies equal keys."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.words import (
    DATE,
    DATED_WORDS,
    HYPHEN,
    MINUS,
    NEAR_DATE,
    ZERO_DIGIT,
    ZERO_WORD,
    build_letters,
    class_at,
    decode,
    finish,
    folded_piece,
    folded_range,
    look_up,
    mark_class,
    read_word,
)
from dedup.unicode import (
    CLASS_MASK,
    CLASS_SHIFT,
    DIGIT,
    SYMBOL,
    WORD,
)

# U+FDFA folds to 18 code points and makes 4 words in 3 bytes; a 0 is written behind each word.
MAX_PIECES_A_BYTE = 8


@leaf
def sort_run(out, classes, spare, first, stop):
    """Sort `out[first:stop]`, the marks of one letter, by combining class; stable."""
    at = first
    for wanted in range(1, 256):
        for position in range(first, stop):
            if classes[position] == wanted:
                spare[at] = out[position]
                at += 1
    for position in range(first, stop):
        out[position] = spare[position]


@leaf
def write_word(data, i, k, stop_i, stop_k, points, masked, out, classes, spare, count):
    """Append the folded pieces from (i, k) to (stop_i, stop_k) in canonical order; return the new count."""
    packed, expansion_offsets, expansions, ordered = points
    in_digits = disordered = False
    run = count
    while i < stop_i or (i == stop_i and k < stop_k):
        code_point, size = decode(data, i)
        entry = np.int64(packed[code_point])
        low, high = folded_range(expansion_offsets, entry)
        for piece in range(low + k, low + stop_k if i == stop_i else high):
            folded = folded_piece(expansions, entry, piece)
            found = mark_class(ordered, code_point, folded, piece - low)
            ends_run = found == 0
            if ends_run and disordered:
                sort_run(out, classes, spare, run, count)
                disordered = False
            is_digit = (np.int64(packed[folded]) >> CLASS_SHIFT) & CLASS_MASK == DIGIT
            if not (masked and is_digit and in_digits):
                disordered |= count > run and 0 < found < classes[count - 1]
                out[count] = ZERO_DIGIT if masked and is_digit else folded
                classes[count] = found
                count += 1
            in_digits = is_digit
            if ends_run:
                run = count
        if i == stop_i:
            break
        i += size
        k = np.int64(0)
    if disordered:
        sort_run(out, classes, spare, run, count)
    return count


@inlined
def are_equal(a, start_a, b, start_b, size):
    """Say whether two runs of an array are equal; numba's own needs its linear algebra, and scipy's, to be loaded."""
    others = 0
    for i in range(size):
        others += a[start_a + i] != b[start_b + i]
    return others == 0


@leaf
def write_words(data, start, end, points, lexicon, letters_of, masked, out, classes, spare):
    """Write the words of a byte range as the keys see them, a 0 behind each; return the count."""
    packed, expansion_offsets, expansions, _ = points
    count = np.int64(0)
    i = start
    k = np.int64(0)
    word_end = held = np.int64(-1)
    after_zero = held_after_zero = False
    while i < end:
        code_point, size = decode(data, i)
        entry = np.int64(packed[code_point])
        low, high = folded_range(expansion_offsets, entry)
        if low + k >= high:
            i += size
            k = np.int64(0)
            continue
        folded = folded_piece(expansions, entry, low + k)
        is_sign = folded in (HYPHEN, MINUS)
        if is_sign or not np.int64(packed[folded]) & (WORD | SYMBOL):
            after, _, _ = class_at(data, i + size, end, packed)
            if is_sign and after == DIGIT and word_end != i:
                out[count] = HYPHEN
                out[count + 1] = 0
                count += 2
                after_zero = False
                held = np.int64(-1)
            k += 1
            continue
        first_i = i
        first_k = k
        i, k, h0, h1, _, _, digits, _ = read_word(data, i, k, end, points, letters_of)
        word_end = i
        if masked:
            w1 = finish(h1)
            is_number = digits > 0 and (w1 == ZERO_WORD or w1 in DATED_WORDS)
            roles = look_up(lexicon, finish(h0))
            if is_number and held >= 0:
                count = held
                after_zero = held_after_zero
            held = np.int64(-1)
            if is_number or roles & DATE or (roles & NEAR_DATE and after_zero):
                if not after_zero:
                    out[count] = ZERO_DIGIT
                    out[count + 1] = 0
                    count += 2
                after_zero = True
                continue
            if roles & NEAR_DATE:
                held = count
                held_after_zero = after_zero
            after_zero = False
        count = write_word(data, first_i, first_k, i, k, points, masked, out, classes, spare, count)
        out[count] = 0
        count += 1
    return count


@njit(cache=True, nogil=True)
def same_words(data, start_a, end_a, start_b, end_b, points, lexicon, masked):
    """Say whether two byte ranges have the same words; `masked`: with numbers and dates masked."""
    if end_a - start_a == end_b - start_b and are_equal(data, start_a, data, start_b, end_a - start_a):
        return True
    letters_of = build_letters(points.packed)
    room = MAX_PIECES_A_BYTE * max(end_a - start_a, end_b - start_b) + 2
    words_a = np.empty(room, np.uint32)
    words_b = np.empty(room, np.uint32)
    classes = np.empty(room, np.uint8)
    spare = np.empty(room, np.uint32)
    count_a = write_words(data, start_a, end_a, points, lexicon, letters_of, masked, words_a, classes, spare)
    count_b = write_words(data, start_b, end_b, points, lexicon, letters_of, masked, words_b, classes, spare)
    return count_a == count_b and are_equal(words_a, 0, words_b, 0, count_a)


@njit(cache=True, nogil=True)
def compare_ranges(data, starts_a, ends_a, starts_b, ends_b, points, lexicon, masked, same):
    """Say of each pair of byte ranges whether both have the same words: bool[pairs], out."""
    for pair in range(same.shape[0]):
        same[pair] = same_words(
            data, starts_a[pair], ends_a[pair], starts_b[pair], ends_b[pair], points, lexicon, masked
        )
