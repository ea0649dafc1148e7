"""One pass over UTF-8: lines, the sentences in them, and the keys of both.

Words are hashed while they are scanned, and pushed into the keys of the segment and of the line at once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

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
    TOKEN,
    VALUE,
    VALUE_BEFORE,
    WORD_END,
    find_boundary,
)
from dedup.kernels.words import (
    DATE,
    DATED_WORDS,
    HYPHEN,
    MINUS,
    NEAR_DATE,
    NOTHING,
    SEED,
    SIGN_WORD,
    SLOW,
    STEP,
    ZERO_WORD,
    build_letters,
    class_at,
    decode,
    finish,
    finish_key,
    folded_piece,
    folded_range,
    leaf,
    look_up,
    read_letters,
    read_word,
    skip_spaces,
)
from dedup.unicode import (
    CASELESS,
    CLASS_MASK,
    CLASS_SHIFT,
    DASH,
    DIGIT,
    HARD,
    NEWLINE,
    QUOTE,
    SPACE,
    STOP,
    SYMBOL,
    UPPER,
    WIDE_STOP,
    WORD,
)

# Flags of segments and lines.
TERMINATED, QUOTED, BULLET = 1, 2, 4

# What `scan` came to.
ALL_DONE, LINES_FULL, SEGMENTS_FULL = range(3)

# Rows of `lines` and `segments`, the columns that `scan` fills.
LINE_START, LINE_END, LINE_TEXT_END, LINE_K0, LINE_K1, LINE_WIDTH = range(6)
LINE_FLAGS, LINE_NUMBERS, LINE_DATES, LINE_LABEL, LINE_REST, LINE_SEGMENTS, LINE_COLUMNS = range(6, 13)
SEGMENT_START, SEGMENT_END, SEGMENT_K0, SEGMENT_K1, SEGMENT_WIDTH, SEGMENT_FLAGS, SEGMENT_COLUMNS = range(7)

# The running state, of the segment (SEG) and of the line (ROW): keys ...
SEG_K0, SEG_K1, SEG_K1_BEFORE, ROW_K0, ROW_K1, ROW_K1_BEFORE, REST_K0, LABEL, CHAIN_HASH, KEYS = range(10)
# ... and counters; ZERO: is the last word in K1 a masked one; HELD: may the last word yet become one.
SEG_WORDS, SEG_WIDTH, SEG_ZERO, ROW_WORDS, ROW_WIDTH, ROW_ZERO, ROW_NUMBERS, ROW_DATES = range(8)
GROUP_IS_DATE, HELD, LAST_ALONE, COLONS, REST_WORDS, TEXT_START, TEXT_END = range(8, 15)
SEG_FLAGS, LINE_DONE, COUNTS = range(15, 18)
# Values of COLONS: no colon yet, a label before it and its rest being read, a colon that makes no label.
NO_COLON, LABELLED, NO_LABEL = 0, 1, 2

CHAIN = np.uint64(0xD1342543DE82EF95)
BLANK, COLON, WIDE_COLON, FULL_STOP, COMMA_SIGN, SLASH = 0x20, 0x3A, 0xFF1A, 0x2E, 0x2C, 0x2F
MAX_LABEL_CHARS, MAX_LABEL_LINE_CHARS = 30, 160
MAX_ORDINAL_DIGITS = 2
MAX_DATE_DIGITS, FIRST_YEAR, LAST_YEAR = 4, 1900, 2099
ZERO_SIGN = 0x30
# 年 月 日 时 時 分 号 and the Korean 년 월 일.
DATE_UNITS = (0x5E74, 0x6708, 0x65E5, 0x65F6, 0x6642, 0x5206, 0x53F7, 0xB144, 0xC6D4, 0xC77C)

# Called once a word: inlining saves a tenth of the whole pass (measured).
inlined = njit(cache=True, nogil=True, _nrt=False, inline="always")


@inlined
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
def is_spaceless(code_point):
    """Say whether the script sets spaces between phrases only: Thai, Lao, Burmese, Khmer."""
    return 0x0E00 <= code_point <= 0x0EFF or 0x1000 <= code_point <= 0x109F or 0x1780 <= code_point <= 0x17FF


@leaf
def count_chars(data, start, end):
    """Count the code points of a byte range."""
    count = 0
    for i in range(start, end):
        count += (data[i] & 0xC0) != 0x80
    return count


@leaf
def read_label(data, i, after, end, packed, wide, keys, counts):
    """Decide at the first colon of a line whether a label stands before it."""
    counts[COLONS] = NO_LABEL
    kind, _, _ = class_at(data, after, end, packed)
    if counts[ROW_WORDS] and (kind == SPACE or wide) and count_chars(data, counts[TEXT_START], i) <= MAX_LABEL_CHARS:
        counts[COLONS] = LABELLED
        keys[LABEL] = finish_key(keys[ROW_K0], counts[ROW_WORDS])


@leaf
def first_flags(data, i, end, packed, kind, code_point, size):
    """Return the flags that the first visible character of a segment sets."""
    if kind == QUOTE or code_point in (0x300C, 0x300E):
        return QUOTED
    if kind == DASH or code_point in (
        0x2A,
        0xB7,
        0x2022,
        0x2023,
        0x25A0,
        0x25AA,
        0x25B6,
        0x25BA,
        0x25CB,
        0x25CF,
    ):
        after, _, _ = class_at(data, i + size, end, packed)
        if after == SPACE:
            return BULLET
    return 0


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
def note_word(
    data,
    start,
    end,
    word_start,
    word_end,
    h0,
    h1,
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
    w0 = finish(h0)
    w1 = finish(h1) if digits else w0
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


@inlined
def read_plain_words(data, i, end, letters_of, lexicon, keys, counts, token):
    """Add words of ASCII letters for as long as a space and another letter stand behind them, and none may be a date.

    This is most of most texts. A word goes on in the middle of a sentence then, so that nothing but the keys, the
    widths and what the lexicon says of it is needed: that stays in registers.

    Returns:
        Of the first word that is left, where it begins, where its letters end, and their hash.
    """
    segment_k0, segment_k1, row_k0, row_k1 = keys[SEG_K0], keys[SEG_K1], keys[ROW_K0], keys[ROW_K1]
    rest_k0 = keys[REST_K0]
    start, words, letters, roles = i, np.int64(0), np.int64(0), np.int64(0)
    while True:
        stop, h = read_letters(data, start, end, letters_of, SEED)
        if stop + 1 >= end or data[stop] != BLANK or letters_of[data[stop + 1]] in (0, SLOW):
            break
        word = finish(h)
        found = look_up(lexicon, word)
        if found & (DATE | NEAR_DATE):
            break
        segment_k0 = (segment_k0 ^ word) * STEP
        segment_k1 = (segment_k1 ^ word) * STEP
        row_k0 = (row_k0 ^ word) * STEP
        row_k1 = (row_k1 ^ word) * STEP
        rest_k0 = (rest_k0 ^ word) * STEP
        roles = found
        words += 1
        letters += stop - start
        start = stop + 1
    if words:
        keys[SEG_K0], keys[SEG_K1], keys[ROW_K0], keys[ROW_K1] = segment_k0, segment_k1, row_k0, row_k1
        gap = 0 if counts[LAST_ALONE] else 1
        counts[SEG_WIDTH] += letters + words - 1 + (gap if counts[SEG_WORDS] else 0)
        counts[ROW_WIDTH] += letters + words - 1 + (gap if counts[ROW_WORDS] else 0)
        counts[SEG_WORDS] += words
        counts[ROW_WORDS] += words
        counts[LAST_ALONE] = counts[HELD] = counts[SEG_ZERO] = counts[ROW_ZERO] = 0
        if counts[COLONS] == LABELLED:
            keys[REST_K0] = rest_k0
            counts[REST_WORDS] += words
        token[ROLES] = roles
        token[VALUE] = -1
        token[WORD_END] = start - 1
    return start, stop, h


@leaf
def next_segment(data, start, end, points, lexicon, letters_of, keys, counts, token):
    """Read one segment into the running state; return where it ends (LINE_DONE: and its line)."""
    i = start
    k = np.int64(0)
    visible_end = np.int64(-1)
    terminated_end = np.int64(-2)
    apostrophe_end = np.int64(-1)
    spaceless = False
    token[WORD_END] = token[VALUE] = token[VALUE_BEFORE] = -1
    token[IS_INITIAL] = 0
    token[ROLES] = 0
    counts[SEG_FLAGS] = 0
    counts[LINE_DONE] = 0
    packed, expansion_offsets, expansions, _ordered = points
    while i < end:
        word_start = i
        complete = False
        if data[i] == BLANK and not spaceless:
            i += 1
            continue
        if k == 0 and letters_of[data[i]] not in (0, SLOW):
            if counts[TEXT_START] < 0:
                counts[TEXT_START] = i
            word_start, i, h0 = read_plain_words(data, i, end, letters_of, lexicon, keys, counts, token)
            complete = i == end or letters_of[data[i]] == 0
        if complete:
            h1 = h0
            width = letters = i - word_start
            digits = np.int64(0)
            alone = spaceless = False
            kind = np.int64(UPPER)
            code_point = np.int64(0)
        else:
            i = word_start
            code_point, size = decode(data, i)
            entry = np.int64(packed[code_point])
            kind = (entry >> CLASS_SHIFT) & CLASS_MASK
            if k == 0:
                if kind == SPACE:
                    i += size
                    if spaceless:
                        at, _ = skip_spaces(data, i, end, packed)
                        if at < end and is_spaceless(decode(data, at)[0]):
                            i = at
                            break
                    continue
                if kind == NEWLINE:
                    i += size
                    if code_point == 13 and i < end and data[i] == 10:
                        i += 1
                    counts[LINE_DONE] = 1
                    break
                if visible_end < 0:
                    counts[SEG_FLAGS] = first_flags(data, i, end, packed, kind, code_point, size)
                    if counts[TEXT_START] < 0:
                        counts[TEXT_START] = i
                visible_end = i + size
                spaceless = False
                if kind == QUOTE and token[WORD_END] == i:
                    apostrophe_end = i + size
                if kind in (STOP, HARD, WIDE_STOP):
                    i, following = find_boundary(data, i, end, points, lexicon, letters_of, token)
                    visible_end = terminated_end = i
                    if following >= 0:
                        i = following
                        break
                    continue
            low, high = folded_range(expansion_offsets, entry)
            if low + k >= high:
                i += size
                k = np.int64(0)
                continue
            folded = folded_piece(expansions, entry, low + k)
            flags = np.int64(packed[folded])
            is_sign = folded in (HYPHEN, MINUS)
            if is_sign:
                after, _, _ = class_at(data, i + size, end, packed)
                if after == DIGIT and token[WORD_END] != i:
                    push(keys, counts, SIGN_WORD, SIGN_WORD, 0, False, 1, False)
            elif folded == COLON and counts[COLONS] == NO_COLON:
                read_label(data, i, i + size, end, packed, code_point == WIDE_COLON, keys, counts)
            if is_sign or not flags & (WORD | SYMBOL):
                k += 1
                continue
            i, k, h0, h1, width, letters, digits, alone = read_word(data, i, k, end, points, letters_of)
        # A word may end inside what one character folds to, whose end is known already.
        visible_end = max(visible_end, i)
        is_cased = kind != CASELESS and apostrophe_end != word_start
        note_word(
            data,
            start,
            end,
            word_start,
            i,
            h0,
            h1,
            width,
            letters,
            digits,
            alone,
            is_cased,
            lexicon,
            keys,
            counts,
            token,
        )
        spaceless = alone and is_spaceless(code_point)
    if i >= end:
        counts[LINE_DONE] = 1
    if visible_end >= 0:
        counts[TEXT_END] = visible_end
        if terminated_end == visible_end:
            counts[SEG_FLAGS] |= TERMINATED
    return i


@njit(cache=True, nogil=True)
def scan(data, offsets, start, stop, points, lexicon, line_offsets, lines, segments, at):
    """Segment the rows `start` to `stop` as far as there is room; return `ALL_DONE`, `LINES_FULL` or `SEGMENTS_FULL`.

    Called again with more room, it goes on where it was. The tables are the caller's, since Ctrl-C cannot end a kernel
    that returns several arrays: numba makes each by a call into Python, and does not look whether that failed.

    Args:
        data: uint8[], UTF-8.
        offsets: int64[rows + 1].
        start: The first row.
        stop: The row behind the last.
        points: The Unicode tables.
        lexicon: Words that are masked, and that end no sentence.
        line_offsets: int64[stop - start + 1], out: where the lines of each row begin.
        lines: uint64[LINE_COLUMNS, room], out.
        segments: uint64[SEGMENT_COLUMNS, room], out.
        at: int64[4], in and out: the row, byte, line and segment to go on with.
    """
    keys = np.zeros(KEYS, np.uint64)
    counts = np.zeros(COUNTS, np.int64)
    token = np.zeros(TOKEN, np.int64)
    letters_of = build_letters(points.packed)
    row, i, line, segment = at[0], at[1], at[2], at[3]
    while row < stop:
        if i == offsets[row]:
            line_offsets[row - start] = line
        end = offsets[row + 1]
        while i < end:
            at[:] = row, i, line, segment
            if line == lines.shape[1]:
                return LINES_FULL
            keys[:] = NOTHING
            counts[:] = 0
            counts[TEXT_START] = -1
            counts[TEXT_END] = i
            lines[LINE_START, line] = i
            lines[LINE_SEGMENTS, line] = segment
            lines[LINE_FLAGS, line] = 0
            first = True
            opening = np.int64(0)
            while not counts[LINE_DONE]:
                if segment == segments.shape[1]:
                    return SEGMENTS_FULL
                segments[SEGMENT_START, segment] = i
                keys[SEG_K0] = keys[SEG_K1] = NOTHING
                counts[SEG_WORDS] = counts[SEG_WIDTH] = counts[SEG_ZERO] = counts[HELD] = 0
                i = next_segment(data, i, end, points, lexicon, letters_of, keys, counts, token)
                segments[SEGMENT_END, segment] = i
                segments[SEGMENT_K0, segment] = finish_key(keys[SEG_K0], counts[SEG_WORDS])
                segments[SEGMENT_K1, segment] = finish_key(keys[SEG_K1], counts[SEG_WORDS])
                segments[SEGMENT_WIDTH, segment] = counts[SEG_WIDTH]
                segments[SEGMENT_FLAGS, segment] = counts[SEG_FLAGS]
                if first:
                    opening = counts[SEG_FLAGS] & (QUOTED | BULLET)
                    first = False
                segment += 1
            lines[LINE_FLAGS, line] = opening | counts[SEG_FLAGS] & TERMINATED
            lines[LINE_END, line] = i
            lines[LINE_TEXT_END, line] = counts[TEXT_END]
            lines[LINE_K0, line] = finish_key(keys[ROW_K0], counts[ROW_WORDS])
            lines[LINE_K1, line] = finish_key(keys[ROW_K1], counts[ROW_WORDS])
            lines[LINE_WIDTH, line] = counts[ROW_WIDTH]
            lines[LINE_NUMBERS, line] = min(counts[ROW_NUMBERS], 255)
            lines[LINE_DATES, line] = min(counts[ROW_DATES], 255)
            labelled = (
                counts[COLONS] == LABELLED
                and counts[REST_WORDS] > 0
                and count_chars(data, counts[TEXT_START], counts[TEXT_END]) < MAX_LABEL_LINE_CHARS
            )
            lines[LINE_LABEL, line] = keys[LABEL] if labelled else NOTHING
            lines[LINE_REST, line] = finish_key(keys[REST_K0], counts[REST_WORDS]) if labelled else NOTHING
            line += 1
        row += 1
        i = end
    at[:] = row, i, line, segment
    line_offsets[stop - start] = line
    return ALL_DONE
