"""The keys of the segment and of the line that are being read: what a word adds to both at once.

A word also becomes the token that may stand left of a full stop, which `dedup.kernels.sentences` looks at.
"""

from __future__ import annotations

import numpy as np

from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.plain import read_plain, skip_quiet
from dedup.kernels.sentences import (
    BEFORE,
    CHAIN_START,
    DIGITS,
    IS_INITIAL,
    IS_NUMBER,
    LETTERS,
    MIN_PLAIN_LETTERS,
    ORDINAL,
    ROLES,
    VALUE,
    VALUE_BEFORE,
    WORD_END,
)
from dedup.kernels.vector import count_code_points
from dedup.kernels.words import (
    COLON,
    DATE,
    DATED_WORDS,
    HYPHEN,
    NEAR_DATE,
    NOTHING,
    STEP,
    ZERO_WORD,
    class_at,
    decode,
    finish,
    finish_key,
    look_up,
    may_be_date,
)
from dedup.unicode import SPACE

# The running state, of the segment (SEG) and of the line (ROW): keys ...
SEG_K0, SEG_K1, SEG_K1_BEFORE, ROW_K0, ROW_K1, ROW_K1_BEFORE, REST_K0, LABEL, CHAIN_HASH, KEYS = range(10)
# ... and counters; ZERO: is the last word in K1 a masked one; HELD: may the last word yet become one.
SEG_WORDS, SEG_WIDTH, SEG_ZERO, ROW_WORDS, ROW_WIDTH, ROW_ZERO, ROW_NUMBERS, ROW_DATES = range(8)
GROUP_IS_DATE, HELD, LAST_ALONE, COLONS, REST_WORDS, TEXT_START, TEXT_END = range(8, 15)
SEG_FLAGS, LINE_DONE, COUNTS = range(15, 18)
# Values of COLONS: no colon yet, a label before it and its rest being read, a colon that makes no label.
NO_COLON, LABELLED, NO_LABEL = 0, 1, 2

CHAIN = np.uint64(0xD1342543DE82EF95)
FULL_STOP, COMMA_SIGN, SLASH = 0x2E, 0x2C, 0x2F
MAX_LABEL_CHARS = 30
MAX_ORDINAL_DIGITS = 2
MAX_DATE_DIGITS, FIRST_YEAR, LAST_YEAR = 4, 1900, 2099
ZERO_SIGN = 0x30
# 年 月 日 时 時 分 号 and the Korean 년 월 일.
DATE_UNITS = (0x5E74, 0x6708, 0x65E5, 0x65F6, 0x6642, 0x5206, 0x53F7, 0xB144, 0xC6D4, 0xC77C)


@leaf
def push(keys, counts, w0, w1, roles, dated, width, alone):
    """Add a finished word to the keys, widths and counts of the segment and of the line.

    `roles` says whether it is a month or weekday name, `dated` whether it is a number that shows a date or a time.
    """
    gap = 0 if alone or counts[LAST_ALONE] else 1
    counts[LAST_ALONE] = alone
    counts[SEG_WIDTH] += width + (gap if counts[SEG_WORDS] else 0)
    counts[ROW_WIDTH] += width + (gap if counts[ROW_WORDS] else 0)
    counts[SEG_WORDS] += 1
    counts[ROW_WORDS] += 1
    keys[SEG_K0] = (keys[SEG_K0] ^ w0) * STEP
    keys[ROW_K0] = (keys[ROW_K0] ^ w0) * STEP
    if counts[COLONS] == LABELLED:
        keys[REST_K0] = (keys[REST_K0] ^ w0) * STEP
        counts[REST_WORDS] += 1
    is_number = w1 == ZERO_WORD
    is_date = roles & DATE != 0
    if is_number and counts[HELD]:
        # "So" or "Mai" right before a number is a date after all: forget that it was pushed as a word.
        keys[SEG_K1] = keys[SEG_K1_BEFORE]
        keys[ROW_K1] = keys[ROW_K1_BEFORE]
        counts[ROW_ZERO] = counts[HELD] - 1
        is_date = True
    counts[HELD] = 0
    if roles & NEAR_DATE and not is_date:
        if counts[SEG_ZERO]:
            is_date = True
        else:
            counts[HELD] = 1 + counts[ROW_ZERO]
            keys[SEG_K1_BEFORE] = keys[SEG_K1]
            keys[ROW_K1_BEFORE] = keys[ROW_K1]
    if not is_number and not is_date:
        keys[SEG_K1] = (keys[SEG_K1] ^ w1) * STEP
        keys[ROW_K1] = (keys[ROW_K1] ^ w1) * STEP
        counts[SEG_ZERO] = counts[ROW_ZERO] = 0
        return
    if not counts[SEG_ZERO]:
        keys[SEG_K1] = (keys[SEG_K1] ^ ZERO_WORD) * STEP
    in_group = counts[ROW_ZERO]
    if not in_group:
        keys[ROW_K1] = (keys[ROW_K1] ^ ZERO_WORD) * STEP
        counts[ROW_NUMBERS] += 1
        counts[GROUP_IS_DATE] = 0
    if (is_date or dated) and not counts[GROUP_IS_DATE]:
        counts[GROUP_IS_DATE] = 1
        counts[ROW_NUMBERS] -= 1
        counts[ROW_DATES] += 1
    counts[SEG_ZERO] = counts[ROW_ZERO] = 1


@leaf
def read_label(data, i, after, end, packed, wide, keys, counts):
    """Decide at the first colon of a line whether a label stands before it."""
    counts[COLONS] = NO_LABEL
    kind, _, _ = class_at(data, after, end, packed)
    if (
        counts[ROW_WORDS]
        and (kind == SPACE or wide)
        and count_code_points(data, counts[TEXT_START], i) <= MAX_LABEL_CHARS
    ):
        counts[COLONS] = LABELLED
        keys[LABEL] = finish_key(keys[ROW_K0], counts[ROW_WORDS])


@leaf
def is_part_of_date(data, start, stop, end, digits, gap, token):
    """Say whether a number, with what stands around it, shows a date or a time, and remember it for the next one.

    It does as a year, as the month of "3.12.", as the last part of "3.12.25" or "2025-12-03", as the minutes of
    "14:30", and before 年 月 日 and the like. Scores ("2:1"), decimals ("2.5") and thousands ("1.000") do not.
    """
    value = np.int64(-1)
    if digits == stop - start and digits <= MAX_DATE_DIGITS:
        value = np.int64(0)
        for i in range(start, stop):
            value = value * 10 + data[i] - ZERO_SIGN
    before, digits_before, two_before = token[VALUE], token[DIGITS], token[VALUE_BEFORE]
    separator = data[token[WORD_END]] if gap == 1 else 0
    joined = before >= 0 and separator in (FULL_STOP, SLASH, HYPHEN)
    token[VALUE] = value
    token[DIGITS] = digits
    token[VALUE_BEFORE] = before if joined else -1
    if value < 0:
        return False
    if digits == MAX_DATE_DIGITS and FIRST_YEAR <= value <= LAST_YEAR:
        return True
    if stop >= end:
        after = np.int64(0)
    else:
        after, _ = decode(data, stop)
    if separator == COLON and before >= 0:
        return digits == 2 and value < 60 and digits_before <= 2 and before <= 24
    if joined and FIRST_YEAR <= before <= LAST_YEAR and digits_before == MAX_DATE_DIGITS:
        return value <= 12
    if joined and digits == 2 and 0 <= two_before <= 31 and before <= 31:
        return True
    if separator == FULL_STOP and after == FULL_STOP and 1 <= before <= 31:
        return 1 <= value <= 12
    return after in DATE_UNITS


@inlined
def push_plain(data, i, end, letters_of, alphabet, lexicon, keys, counts, token):
    """Push the plain words from byte `i` on that have another word behind them and only quiet characters between.

    This is most of most texts. A sentence goes on behind such a word, so that nothing but the keys, the widths and what
    the lexicon says of it is needed: that stays in registers. None may be a date; a name that is one next to a number
    only, "so", is an everyday word here, unless a number stands before it.

    Returns:
        Of the first word that is left, where it begins, where it ends (-1 if it is not plain), its hash and letters.
    """
    segment_k0, segment_k1, row_k0, row_k1 = keys[SEG_K0], keys[SEG_K1], keys[ROW_K0], keys[ROW_K1]
    rest_k0 = keys[REST_K0]
    masked = DATE | NEAR_DATE if counts[SEG_ZERO] else DATE
    words, all_letters, last_end = np.int64(0), np.int64(0), np.int64(-1)
    last = NOTHING
    while True:
        stop, h, letters = read_plain(data, i, end, letters_of, alphabet)
        if stop < 0:
            break
        following = skip_quiet(data, stop, end, letters_of, alphabet)
        if following < 0 or (may_be_date(lexicon, h) and look_up(lexicon, h) & masked):
            break
        masked = DATE
        segment_k0 = (segment_k0 ^ h) * STEP
        segment_k1 = (segment_k1 ^ h) * STEP
        row_k0 = (row_k0 ^ h) * STEP
        row_k1 = (row_k1 ^ h) * STEP
        rest_k0 = (rest_k0 ^ h) * STEP
        all_letters += letters
        words += 1
        last = h
        last_end = stop
        i = following
    if words:
        keys[SEG_K0], keys[SEG_K1], keys[ROW_K0], keys[ROW_K1] = segment_k0, segment_k1, row_k0, row_k1
        gap = 0 if counts[LAST_ALONE] else 1
        counts[SEG_WIDTH] += all_letters + words - 1 + (gap if counts[SEG_WORDS] else 0)
        counts[ROW_WIDTH] += all_letters + words - 1 + (gap if counts[ROW_WORDS] else 0)
        counts[SEG_WORDS] += words
        counts[ROW_WORDS] += words
        counts[LAST_ALONE] = counts[HELD] = counts[SEG_ZERO] = counts[ROW_ZERO] = 0
        if counts[COLONS] == LABELLED:
            keys[REST_K0] = rest_k0
            counts[REST_WORDS] += words
        token[ROLES] = look_up(lexicon, last)
        token[VALUE] = -1
        token[WORD_END] = last_end
    return i, stop, h, letters


@leaf
def note_word(
    data,
    start,
    end,
    word_start,
    word_end,
    w0,
    w1,
    width,
    letters,
    digits,
    alone,
    is_cased,
    lexicon,
    keys,
    counts,
    token,
):
    """Push the word just read, and describe it as the token that may stand left of a full stop.

    `is_cased` is False for letters of scripts without case, and after an apostrophe: "Anna's." is no initial.
    """
    roles = look_up(lexicon, w0)
    last_end = token[WORD_END]
    gap = word_start - last_end if last_end >= 0 else np.int64(0)
    after_stop = gap > 0 and data[last_end] == FULL_STOP
    dated = False
    if 0 < digits == letters:
        dated = is_part_of_date(data, word_start, word_end, end, digits, gap, token)
    else:
        token[VALUE] = -1
        if digits and w1 in DATED_WORDS:
            w1 = ZERO_WORD
            dated = True
    push(keys, counts, w0, w1, roles, dated, width, alone)
    is_initial = letters == 1 and digits == 0 and not alone and is_cased
    # 2 for the second of a pair, "z. B.", which no sentence begins after.
    token[IS_INITIAL] = 2 if is_initial and after_stop and gap == 2 and token[IS_INITIAL] else is_initial
    if after_stop and gap == 1:
        keys[CHAIN_HASH] = keys[CHAIN_HASH] * CHAIN + w0
        roles = roles | look_up(lexicon, finish(keys[CHAIN_HASH]))
    else:
        keys[CHAIN_HASH] = w0
        token[BEFORE] = token[ROLES]
        token[CHAIN_START] = word_start
        token[IS_NUMBER] = 1
    token[IS_NUMBER] = token[IS_NUMBER] if 0 < digits == letters else 0
    if digits:
        # "2,5.", "2:1." and "5/30." are no ordinals either, but "1./2." is.
        chain_start = token[CHAIN_START]
        decimal = chain_start > start and (
            data[chain_start - 1] in (COMMA_SIGN, COLON)
            or (data[chain_start - 1] == SLASH and data[max(chain_start - 2, start)] != FULL_STOP)
        )
        token[ORDINAL] = word_end - chain_start <= MAX_ORDINAL_DIGITS and not decimal
    token[ROLES] = roles
    # Nor does an abbreviation end that way: "the video's."
    token[LETTERS] = letters if is_cased else max(letters, MIN_PLAIN_LETTERS)
    token[WORD_END] = word_end
