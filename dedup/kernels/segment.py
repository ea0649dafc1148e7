"""One pass over UTF-8: lines, the sentences in them, and the keys of both.

Words are hashed while they are scanned and pushed into the keys at once, plain ones (`plain.py`) many in a row.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.keys import (
    COLONS,
    COUNTS,
    HELD,
    KEYS,
    LABEL,
    LABELLED,
    LINE_DONE,
    NO_COLON,
    REST_K0,
    REST_WORDS,
    ROW_DATES,
    ROW_K0,
    ROW_K1,
    ROW_NUMBERS,
    ROW_WIDTH,
    ROW_WORDS,
    SEG_FLAGS,
    SEG_K0,
    SEG_K1,
    SEG_WIDTH,
    SEG_WORDS,
    SEG_ZERO,
    TEXT_END,
    TEXT_START,
    note_word,
    push,
    push_plain,
    read_label,
)
from dedup.kernels.leaf import leaf
from dedup.kernels.plain import may_begin_plain
from dedup.kernels.sentences import IS_INITIAL, ROLES, TOKEN, VALUE, VALUE_BEFORE, WORD_END, find_boundary
from dedup.kernels.vector import count_code_points
from dedup.kernels.words import (
    COLON,
    HYPHEN,
    MINUS,
    NOTHING,
    SIGN_WORD,
    build_letters,
    class_at,
    decode,
    finish,
    finish_key,
    folded_piece,
    folded_range,
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

BLANK, WIDE_COLON = 0x20, 0xFF1A
MAX_LABEL_LINE_CHARS = 160


@leaf
def is_spaceless(code_point):
    """Say whether the script sets spaces between phrases only: Thai, Lao, Burmese, Khmer."""
    return 0x0E00 <= code_point <= 0x0EFF or 0x1000 <= code_point <= 0x109F or 0x1780 <= code_point <= 0x17FF


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
def next_segment(data, start, end, points, lexicon, letters_of, alphabet, keys, counts, token):
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
        if data[i] == BLANK and not spaceless:
            i += 1
            continue
        stop = np.int64(-1)
        if k == 0 and may_begin_plain(data, i, letters_of, alphabet):
            if counts[TEXT_START] < 0:
                counts[TEXT_START] = i
            first = i
            i, stop, w0, letters = push_plain(data, i, end, letters_of, alphabet, lexicon, keys, counts, token)
            if i > first and data[i - 1] != BLANK:
                after, _, size = class_at(data, token[WORD_END], end, packed)
                if after == QUOTE and token[WORD_END] + size == i:
                    apostrophe_end = i
        if stop >= 0:
            word_start = i
            i = stop
            w1 = w0
            width = letters
            digits = np.int64(0)
            alone = spaceless = False
            kind = np.int64(UPPER)
            code_point = np.int64(0)
        else:
            word_start = i
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
            w0 = finish(h0)
            w1 = finish(h1) if digits else w0
        # A word may end inside what one character folds to, whose end is known already.
        visible_end = max(visible_end, i)
        is_cased = kind != CASELESS and apostrophe_end != word_start
        note_word(
            data,
            start,
            end,
            word_start,
            i,
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
        )
        spaceless = alone and is_spaceless(code_point)
    if i >= end:
        counts[LINE_DONE] = 1
    if visible_end >= 0:
        counts[TEXT_END] = visible_end
        if terminated_end == visible_end:
            counts[SEG_FLAGS] |= TERMINATED
    return i


@leaf
def note_place(at, row, i, line, segment):
    """Say where to go on; one by one, since numba takes 2 s to compile the assignment of a tuple to an array."""
    at[0] = row
    at[1] = i
    at[2] = line
    at[3] = segment


@njit(cache=True, nogil=True)
def scan(data, offsets, start, stop, points, lexicon, alphabet, line_offsets, lines, segments, at):
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
        alphabet: What follows from the Unicode tables.
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
            note_place(at, row, i, line, segment)
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
                i = next_segment(data, i, end, points, lexicon, letters_of, alphabet, keys, counts, token)
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
                and count_code_points(data, counts[TEXT_START], counts[TEXT_END]) < MAX_LABEL_LINE_CHARS
            )
            lines[LINE_LABEL, line] = keys[LABEL] if labelled else NOTHING
            lines[LINE_REST, line] = finish_key(keys[REST_K0], counts[REST_WORDS]) if labelled else NOTHING
            line += 1
        row += 1
        i = end
    note_place(at, row, i, line, segment)
    line_offsets[stop - start] = line
    return ALL_DONE
