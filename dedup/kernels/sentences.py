"""Where a sentence ends: rules that look at the token left of a mark and the first token right of it.

They look at nothing further away, so that the same sentence comes out as the same segment whatever its
neighbours are; one rule set serves all languages. Splitting too often does little harm as long as it is
consistent; joining a sentence to a neighbour hides it.
numba's cache does not see changes in imported files: after changing this one, delete `__pycache__`.
"""

from __future__ import annotations

import numpy as np

from dedup.kernels.leaf import leaf
from dedup.kernels.words import (
    ABBREVIATION,
    COUNTED,
    DATE,
    ENDER,
    FORM,
    NEAR_DATE,
    NUMBERED,
    STARTER,
    UNIT,
    class_at,
    finish,
    look_up,
    read_word,
    skip_spaces,
)
from dedup.unicode import (
    CASELESS,
    CLOSE,
    COMMA,
    DASH,
    DIGIT,
    HARD,
    LOWER,
    NEWLINE,
    OPEN,
    OTHER,
    QUOTE,
    SPACE,
    STOP,
    UPPER,
    WIDE_STOP,
)

# What is known of the word or dotted chain of words ("z.B", "3.12") that may stand left of a full stop.
WORD_END, CHAIN_START, ROLES, IS_NUMBER, ORDINAL, IS_INITIAL, LETTERS, BEFORE = range(8)
# ... and of the number that ends there: its value (-1 for none), its digits, and the value of the number before it
# if the two are joined.
VALUE, DIGITS, VALUE_BEFORE, TOKEN = range(8, 12)

FIRST_NON_LATIN, FIRST_EAST_ASIAN = 0x500, 0x2E80
# A full stop before a small letter ends a sentence only after a word too long for an abbreviation, or one that is none
# ("it"). Measured (benchmarks/segmentation.py): of 3, 4 and 5, 3 is best or equal in F1 and consistency.
MIN_PLAIN_LETTERS = 3
YEAR_DIGITS = 4
CLOSING_BRACKET, ELLIPSIS = 0x29, 0x2026


FIRST_HAN, LAST_HAN = 0x3400, 0x9FFF
# ” is E2 80 9D in UTF-8.
QUOTE_MID, QUOTE_LAST = 0x80, 0x9D


@leaf
def skip_closers(data, i, end, packed, wide):
    """Return the position after the closing brackets and quotation marks at byte `i`.

    Which way a quotation mark faces depends on the language; before space or punctuation it closes.
    """
    while True:
        kind, _, size = class_at(data, i, end, packed)
        if kind == QUOTE:
            after, _, _ = class_at(data, i + size, end, packed)
            if not wide and (after in (UPPER, LOWER, CASELESS, DIGIT, OPEN, OTHER)):
                return i
        elif kind != CLOSE:
            return i
        i += size


@leaf
def is_ellipsis_at(data, i, end, packed):
    """Say whether an ellipsis, or several full stops, stand at byte `i`."""
    kind, code_point, size = class_at(data, i, end, packed)
    after, _, _ = class_at(data, i + size, end, packed)
    return code_point == ELLIPSIS or (kind == STOP and after == STOP)


@leaf
def full_stop_ends(token, closed, next_class, next_roles, next_letters):
    """Say whether one full stop after `token` ends a sentence, given what the next token is."""
    starts = next_class == UPPER and next_roles & STARTER != 0
    if token[IS_NUMBER]:
        if next_class == LOWER:
            # Years are ordinals in some languages ("1995. godine", "2010. május"), other long numbers hardly ever.
            return not token[ORDINAL] and token[DIGITS] != YEAR_DIGITS
        if next_class == CASELESS or closed or starts or not token[ORDINAL]:
            return True
        return token[BEFORE] & COUNTED != 0 and next_class == UPPER and not next_roles & (DATE | NEAR_DATE)
    roles = token[ROLES]
    if roles & ENDER:
        return next_class == UPPER and not next_roles & FORM
    if roles & UNIT:
        # "Art. I", "Art. A": what looks like a starter is a number.
        return starts and not (roles & NUMBERED and next_letters == 1)
    if roles & ABBREVIATION:
        return False
    if token[IS_INITIAL]:
        return starts and next_letters > 1 and token[IS_INITIAL] == 1
    if roles & NUMBERED:
        return next_class != DIGIT
    return next_class != LOWER or token[LETTERS] >= MIN_PLAIN_LETTERS or roles & STARTER != 0


@leaf
def find_boundary(data, i, end, points, lexicon, letters_of, token):
    """Look at the terminators at byte `i`; return (their and their closers' end, next start or -1)."""
    packed = points.packed
    stops = 0
    hard = wide = False
    first = True
    j = i
    mark = np.int64(0)
    kind, code_point, size = class_at(data, j, end, packed)
    while kind in (STOP, HARD, WIDE_STOP):
        if first:
            mark = code_point
            first = False
        stops += kind == STOP
        hard |= kind == HARD
        wide |= kind == WIDE_STOP
        j += size
        kind, code_point, size = class_at(data, j, end, packed)
    closed_end = skip_closers(data, j, end, packed, wide)
    closed = closed_end > j
    kind, code_point, _ = class_at(data, closed_end, end, packed)
    start, next_class = skip_spaces(data, closed_end, end, packed)
    if next_class == NEWLINE:
        return closed_end, np.int64(-1)
    if wide:
        # 「来た。」と言った goes on behind the bracket; Chinese text behind ” begins anew far more often (measured).
        anew = (
            FIRST_HAN <= code_point <= LAST_HAN
            and data[closed_end - 1] == QUOTE_LAST
            and data[closed_end - 2] == QUOTE_MID
        )
        if kind == COMMA or (closed and kind == CASELESS and not anew):
            return closed_end, np.int64(-1)
        return closed_end, start
    if kind != SPACE:
        if hard and kind == CASELESS and (mark >= FIRST_NON_LATIN or code_point >= FIRST_EAST_ASIAN):
            return closed_end, closed_end
        return closed_end, np.int64(-1)
    is_ellipsis = stops > 1 or mark == ELLIPSIS
    if next_class in (STOP, HARD):
        # A mark apart is a sentence of its own, unless it only goes on: ". . .", "! ?", "... !".
        goes_on = hard == (next_class == HARD) and not is_ellipsis_at(data, start, end, packed)
        return closed_end, np.int64(-1) if is_ellipsis or goes_on else start
    at = start
    opened = False
    while next_class in (OPEN, QUOTE, DASH, SPACE):
        opened |= next_class in (OPEN, QUOTE)
        _, _, size = class_at(data, at, end, packed)
        at += size
        next_class, _, _ = class_at(data, at, end, packed)
    if opened and is_ellipsis_at(data, at, end, packed):
        next_class = np.int64(OTHER)
    if next_class in (COMMA, STOP, HARD):
        return closed_end, np.int64(-1)
    next_roles = next_letters = np.int64(0)
    if next_class in (UPPER, LOWER, CASELESS):
        after, _, h, _, _, next_letters, _, _ = read_word(data, at, np.int64(0), end, points, letters_of)
        next_roles = look_up(lexicon, finish(h))
        if next_letters == 1 and after < end and data[after] == CLOSING_BRACKET:
            # "a) ..." starts a sentence as a capital letter would.
            next_class = np.int64(UPPER)
            next_roles = np.int64(STARTER)
    if stops != 1 or hard:
        return closed_end, start if next_class != LOWER or not (closed or is_ellipsis) else np.int64(-1)
    # Behind a bracket, a quotation mark or a space stands no abbreviation.
    if token[WORD_END] != i:
        return closed_end, start
    if full_stop_ends(token, closed, next_class, next_roles, next_letters):
        return closed_end, start
    return closed_end, np.int64(-1)
