"""One pass over UTF-8: lines, the sentences in them, and the keys of both.

A *word* is a maximal run of WORD code points of the folded text; in scripts without spaces every letter is one, and so
is every symbol. Words are hashed while they are scanned, and pushed into the keys of the segment and of the line at
once. Whether a full stop ends a sentence depends on the token left of it and the first token right of it, never on
anything further away: the same sentence comes out as the same segment whatever its neighbours are.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.unicode import (
    CASELESS,
    CLASS_MASK,
    CLASS_SHIFT,
    CLOSE,
    COMMA,
    DASH,
    DIGIT,
    EXPANDS,
    FOLD_MASK,
    HARD,
    LOWER,
    MARK,
    NEWLINE,
    OPEN,
    OTHER,
    QUOTE,
    SINGLE,
    SPACE,
    STOP,
    SYMBOL,
    UPPER,
    WIDE,
    WIDE_STOP,
    WORD,
)

# Flags of segments and lines.
TERMINATED, QUOTED, BULLET = 1, 2, 4

# What the lexicon says of a word, see dedup/data/lexicon.toml.
ABBREVIATION, ENDER, UNIT, NUMBERED, STARTER, FORM, DATE, NEAR_DATE, COUNTED = 1, 2, 4, 8, 16, 32, 64, 128, 256

# Rows of `lines` and `segments`, the columns that `scan` returns.
LINE_START, LINE_END, LINE_TEXT_END, LINE_K0, LINE_K1, LINE_WIDTH, LINE_FLAGS = 0, 1, 2, 3, 4, 5, 6
LINE_NUMBERS, LINE_DATES, LINE_LABEL, LINE_REST, LINE_SEGMENTS, LINE_COLUMNS = 7, 8, 9, 10, 11, 12
SEGMENT_START, SEGMENT_END, SEGMENT_K0, SEGMENT_K1, SEGMENT_WIDTH, SEGMENT_FLAGS, SEGMENT_COLUMNS = 0, 1, 2, 3, 4, 5, 6

# Places in the running state: key accumulators ...
SEG_K0, SEG_K1, SEG_K1_BEFORE, ROW_K0, ROW_K1, ROW_K1_BEFORE, REST_K0, LABEL, KEYS = 0, 1, 2, 3, 4, 5, 6, 7, 8
# ... and counters; "zero" says whether the last word pushed into K1 was a masked one.
SEG_WORDS, SEG_WIDTH, SEG_ZERO, ROW_WORDS, ROW_WIDTH, ROW_ZERO, ROW_NUMBERS, ROW_DATES = 0, 1, 2, 3, 4, 5, 6, 7
GROUP_IS_DATE, HELD, LAST_ALONE, COLONS, REST_WORDS, TEXT_START, TEXT_END, SEG_FLAGS, LINE_DONE = 8, 9, 10, 11, 12, 13, 14, 15, 16
COUNTS = 17
# What is known of the token left of a full stop.
WORD_END, CHAIN_START, ROLES, IS_NUMBER, ORDINAL, IS_INITIAL, LETTERS, BEFORE, TOKEN = 0, 1, 2, 3, 4, 5, 6, 7, 8
# Values of COLONS: no colon yet, a label before it and its rest being read, a colon that makes no label.
NO_COLON, LABELLED, NO_LABEL = 0, 1, 2

SEED = np.uint64(0x9E3779B97F4A7C15)
# Chosen so that no difference below 2**22, times this, is below 2**40 again: no two pairs of code points collide.
STEP = np.uint64(0xD6E8FEB86659FD93)
CHAIN = np.uint64(0xD1342543DE82EF95)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S30, S27, S31 = np.uint64(30), np.uint64(27), np.uint64(31)
NOTHING, ONE = np.uint64(0), np.uint64(1)
ZERO_DIGIT = np.uint64(48)

# Anything but a plain letter or digit of a word takes the slow path of `read_word`.
SLOW = 255
PLAIN = WORD | SINGLE | EXPANDS | SYMBOL | MARK
MINUS, HYPHEN, COLON, WIDE_COLON, FULL_STOP, COMMA_SIGN, SLASH = 0x2212, 0x2D, 0x3A, 0xFF1A, 0x2E, 0x2C, 0x2F
# The iota subscript is a mark (class 240) until it is folded, and a letter afterwards.
IOTA_SUBSCRIPT, IOTA, IOTA_CLASS, GREEK_FIRST, GREEK_LAST = 0x345, 0x3B9, 240, 0x1F80, 0x1FFF
# Vowels and finals of Hangul syllables stand in the cell of the initial consonant.
JAMO_FIRST, JAMO_LAST = 0x1160, 0x11FF
FIRST_NON_LATIN, FIRST_EAST_ASIAN = 0x500, 0x2E80
MAX_LABEL_CHARS, MAX_LABEL_LINE_CHARS = 30, 160
MAX_ORDINAL_DIGITS = 2
# U+FDFA folds to 18 code points and makes 4 words in 3 bytes; a 0 is written behind each word.
MAX_PIECES_A_BYTE = 8
# A full stop before a small letter ends a sentence only after a word too long for an abbreviation.
MIN_PLAIN_LETTERS = 3
BLANK, CLOSING_BRACKET, ELLIPSIS = 0x20, 0x29, 0x2026

# Functions that only read and write the arrays they are given count no references: with counting, each call would
# raise and lower those of all its arrays, atomically, and the whole pass would take twice as long (measured).
leaf = njit(cache=True, nogil=True, _nrt=False)


def finished(code_point: int) -> np.uint64:
    """Return the finished hash of a word of one code point."""
    mask = 0xFFFFFFFFFFFFFFFF
    h = (int(SEED) ^ code_point) * int(STEP) & mask
    h = (h ^ (h >> 30)) * int(MIX_A) & mask
    h = (h ^ (h >> 27)) * int(MIX_B) & mask
    return np.uint64(h ^ (h >> 31))


# What every number and date is in K1, and what the minus before a number is in both.
ZERO_WORD, SIGN_WORD = finished(0x30), finished(HYPHEN)


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
def look_up(hashes, roles, h):
    """Return what the lexicon says of the word (or dotted chain of words) with this hash; 0 if nothing."""
    last = np.int64(hashes.shape[0] - 1)
    slot = np.int64(h & np.uint64(last))
    while hashes[slot] != NOTHING:
        if hashes[slot] == h:
            return np.int64(roles[slot])
        slot = (slot + 1) & last
    return np.int64(0)


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
    """Return the canonical combining class that the `k`-th folded piece of `code_point` had before folding."""
    if folded == IOTA and (code_point == IOTA_SUBSCRIPT or k > 0 and GREEK_FIRST <= code_point <= GREEK_LAST):
        return np.int64(IOTA_CLASS)
    return np.int64(ordered[folded])


@leaf
def step(h, folded):
    """Add a code point to a word's hash."""
    return (h ^ np.uint64(folded)) * STEP


@leaf
def absorb(h0, h1, digits, after_digit, folded, is_digit):
    """Add a code point to both hashes of a word; the second sees a run of digits as one 0 (and lags until there is one)."""
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
    """Return what reading a word needs to know of a byte: a folded ASCII letter, 0 if it ends a word, else SLOW."""
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
    """Add a run of ASCII letters to a word's hash; return (end of the run, hash). Most of all time is spent here."""
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
    """Hash the run of marks that begins at (i, k) in canonical order; return (end of the run, hash, masked hash).

    Two passes per combining class that occurs, at most some fifty, so a storm of marks still takes linear time.
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
                running = low < high
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

    Returns (i, k, K0 hash, K1 hash, width, letters, digits, alone): where it ends, its hashes before `finish`, its
    columns, its code points without marks, the digits among them, and whether it is a letter or symbol that stands
    alone, as in scripts without spaces.
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
            width += 2 if entry & WIDE else 1
            i += size
            continue
        low, high = folded_range(expansion_offsets, entry)
        if low == high:
            last_class = 0
        piece = low + k
        while piece < high:
            folded = folded_piece(expansions, entry, piece)
            flags = np.int64(packed[folded])
            found = mark_class(ordered, code_point, folded, k)
            if not flags & MARK:
                if found == 0:
                    started = i != first_i or k != first_k
                    if started and (alone or flags & (SINGLE | SYMBOL)) or not flags & (WORD | SYMBOL):
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


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def push(keys, counts, w0, w1, roles, joined, width, alone):
    """Add a finished word to the keys, widths and counts of the segment and of the line.

    `roles` says whether it is a month or weekday name, `joined` whether just one of . : / - stands before it.
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
    if (is_date or joined and in_group) and not counts[GROUP_IS_DATE]:
        counts[GROUP_IS_DATE] = 1
        counts[ROW_NUMBERS] -= 1
        counts[ROW_DATES] += 1
    counts[SEG_ZERO] = counts[ROW_ZERO] = 1


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


@leaf
def skip_closers(data, i, end, packed, wide):
    """Return the position after the closing brackets and quotation marks at byte `i`.

    Which way a quotation mark faces depends on the language; one that space or punctuation follows is taken to close.
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
def full_stop_ends(token, closed, next_class, next_roles, next_letters):
    """Say whether one full stop after `token` ends a sentence, given what the next token is."""
    starts = next_class == UPPER and next_roles & STARTER != 0
    if token[IS_NUMBER]:
        if next_class == LOWER:
            return False
        if next_class == CASELESS or closed or starts or not token[ORDINAL]:
            return True
        return token[BEFORE] & COUNTED != 0 and next_class == UPPER and not next_roles & (DATE | NEAR_DATE)
    roles = token[ROLES]
    if roles & ENDER:
        return next_class == UPPER and not next_roles & FORM
    if roles & UNIT:
        return starts
    if roles & ABBREVIATION:
        return False
    if token[IS_INITIAL]:
        return starts and next_letters > 1 and token[IS_INITIAL] == 1
    if roles & NUMBERED:
        return next_class != DIGIT
    return next_class != LOWER or not closed and token[LETTERS] >= MIN_PLAIN_LETTERS


@leaf
def find_boundary(data, i, end, points, lexicon, letters_of, token):
    """Look at the run of terminators at byte `i`; return (end of it and its closers, start of the next sentence or -1)."""
    packed = points.packed
    stops = 0
    hard = wide = False
    first = True
    j = i
    mark = np.int64(0)
    kind, code_point, size = class_at(data, j, end, packed)
    while kind == STOP or kind == HARD or kind == WIDE_STOP:
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
        if kind == COMMA or closed and kind == CASELESS:
            return closed_end, np.int64(-1)
        return closed_end, start
    if kind != SPACE:
        if hard and kind == CASELESS and (mark >= FIRST_NON_LATIN or code_point >= FIRST_EAST_ASIAN):
            return closed_end, closed_end
        return closed_end, np.int64(-1)
    at = start
    while next_class == OPEN or next_class == QUOTE or next_class == DASH or next_class == SPACE:
        _, _, size = class_at(data, at, end, packed)
        at += size
        next_class, _, _ = class_at(data, at, end, packed)
    if next_class == COMMA or next_class == STOP or next_class == HARD:
        return closed_end, np.int64(-1)
    next_roles = next_letters = np.int64(0)
    if next_class == UPPER or next_class == LOWER or next_class == CASELESS:
        after, _, h, _, _, next_letters, _, _ = read_word(data, at, np.int64(0), end, points, letters_of)
        next_roles = look_up(lexicon.hashes, lexicon.roles, finish(h))
        if next_letters == 1 and after < end and data[after] == CLOSING_BRACKET:
            # "a) ..." starts a sentence as a capital letter would.
            next_class = np.int64(UPPER)
            next_roles = np.int64(STARTER)
    if stops != 1 or hard:
        is_ellipsis = stops > 1 or mark == ELLIPSIS
        return closed_end, start if next_class != LOWER or not (closed or is_ellipsis) else np.int64(-1)
    if token[WORD_END] != i:
        return closed_end, start if next_class != LOWER else np.int64(-1)
    if full_stop_ends(token, closed, next_class, next_roles, next_letters):
        return closed_end, start
    return closed_end, np.int64(-1)


@leaf
def is_spaceless(code_point):
    """Say whether the code point is of a script that sets spaces between phrases: Thai, Lao, Burmese, Khmer."""
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
    if kind == DASH or code_point in (0x2A, 0xB7, 0x2022, 0x2023, 0x25A0, 0x25AA, 0x25B6, 0x25BA, 0x25CB, 0x25CF):
        after, _, _ = class_at(data, i + size, end, packed)
        if after == SPACE:
            return BULLET
    return 0


@leaf
def next_segment(data, start, end, points, lexicon, letters_of, keys, counts, token):
    """Read one segment into the running state and return where it ends; `counts[LINE_DONE]` says if its line does too."""
    i = start
    k = np.int64(0)
    visible_end = np.int64(-1)
    terminated_end = np.int64(-2)
    apostrophe_end = np.int64(-1)
    chain = NOTHING
    spaceless = False
    token[WORD_END] = -1
    token[IS_INITIAL] = 0
    token[ROLES] = 0
    counts[SEG_FLAGS] = 0
    counts[LINE_DONE] = 0
    packed, expansion_offsets, expansions, ordered = points
    hashes = lexicon.hashes
    roles_of = lexicon.roles
    while i < end:
        word_start = i
        complete = False
        if data[i] == BLANK and not spaceless:
            i += 1
            continue
        if k == 0 and letters_of[data[i]] not in (0, SLOW):
            i, h0 = read_letters(data, i, end, letters_of, SEED)
            complete = i == end or letters_of[data[i]] == 0
        if complete:
            if visible_end < 0:
                counts[SEG_FLAGS] = 0
                if counts[TEXT_START] < 0:
                    counts[TEXT_START] = word_start
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
                if kind == STOP or kind == HARD or kind == WIDE_STOP:
                    i, following = find_boundary(data, i, end, points, lexicon, letters_of, token)
                    visible_end = terminated_end = i
                    if following >= 0:
                        i = following
                        break
                    continue
            if entry & EXPANDS:
                low, high = folded_range(expansion_offsets, entry)
                if low + k >= high:
                    i += size
                    k = np.int64(0)
                    continue
                folded = folded_piece(expansions, entry, low + k)
                flags = np.int64(packed[folded])
            else:
                if k:
                    i += size
                    k = np.int64(0)
                    continue
                folded = entry & FOLD_MASK
                flags = entry
            is_sign = folded == HYPHEN or folded == MINUS
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
        visible_end = i
        w0 = finish(h0)
        w1 = finish(h1) if digits else w0
        roles = look_up(hashes, roles_of, w0)
        gap = word_start - token[WORD_END]
        after_stop = token[WORD_END] >= 0 and gap > 0 and data[token[WORD_END]] == FULL_STOP
        joined = token[WORD_END] >= 0 and gap == 1 and data[token[WORD_END]] in (FULL_STOP, COLON, SLASH, HYPHEN)
        push(keys, counts, w0, w1, roles, joined, width, alone)
        initial = letters == 1 and digits == 0 and not alone and kind != CASELESS and apostrophe_end != word_start
        if initial and after_stop and gap == 2 and token[IS_INITIAL]:
            token[IS_INITIAL] = 2
        else:
            token[IS_INITIAL] = initial
        if after_stop and gap == 1:
            chain = chain * CHAIN + w0
            roles = roles | look_up(hashes, roles_of, finish(chain))
        else:
            chain = w0
            token[BEFORE] = token[ROLES]
            token[CHAIN_START] = word_start
            token[IS_NUMBER] = 1
        token[IS_NUMBER] = token[IS_NUMBER] if digits == letters else 0
        if digits:
            # "2,5." and "2:1." are no ordinals either.
            token[ORDINAL] = i - token[CHAIN_START] <= MAX_ORDINAL_DIGITS and not (
                token[CHAIN_START] > start and data[token[CHAIN_START] - 1] in (COMMA_SIGN, COLON)
            )
        token[ROLES] = roles
        token[LETTERS] = letters
        token[WORD_END] = i
        spaceless = alone and is_spaceless(code_point)
    if i >= end:
        counts[LINE_DONE] = 1
    if visible_end >= 0:
        counts[TEXT_END] = visible_end
        if terminated_end == visible_end:
            counts[SEG_FLAGS] |= TERMINATED
    return i


@njit(cache=True, nogil=True)
def grown(table):
    """Return a copy of a table of columns with twice the room."""
    larger = np.empty((table.shape[0], 2 * table.shape[1]), np.uint64)
    larger[:, : table.shape[1]] = table
    return larger


@njit(cache=True, nogil=True)
def scan(data, offsets, start, stop, points, lexicon, line_offsets):
    """Segment the rows `start` to `stop`; return (lines, how many, segments, how many), both as tables of columns.

    `line_offsets[d]` gets where the lines of row `start + d` begin.
    """
    room = (offsets[stop] - offsets[start]) // 128 + 16
    lines = np.empty((LINE_COLUMNS, room), np.uint64)
    segments = np.empty((SEGMENT_COLUMNS, room), np.uint64)
    keys = np.zeros(KEYS, np.uint64)
    counts = np.zeros(COUNTS, np.int64)
    token = np.zeros(TOKEN, np.int64)
    letters_of = build_letters(points.packed)
    line = segment = np.int64(0)
    for row in range(start, stop):
        line_offsets[row - start] = line
        i = offsets[row]
        end = offsets[row + 1]
        while i < end:
            if line == lines.shape[1]:
                lines = grown(lines)
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
                    segments = grown(segments)
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
    line_offsets[stop - start] = line
    return lines, line, segments, segment


@leaf
def sort_run(out, classes, spare, first, stop):
    """Sort `out[first:stop]`, the marks of one letter, by combining class, keeping the order inside a class."""
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
    """Append the folded code points from (i, k) to (stop_i, stop_k) in canonical order; return the new count."""
    packed, expansion_offsets, expansions, ordered = points
    in_digits = disordered = False
    run = count
    while i < stop_i or i == stop_i and k < stop_k:
        code_point, size = decode(data, i)
        entry = np.int64(packed[code_point])
        low, high = folded_range(expansion_offsets, entry)
        ends_run = low == high
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
        if low == high:
            if disordered:
                sort_run(out, classes, spare, run, count)
                disordered = False
            run = count
        if i == stop_i:
            break
        i += size
        k = np.int64(0)
    if disordered:
        sort_run(out, classes, spare, run, count)
    return count


@leaf
def write_words(data, start, end, points, lexicon, letters_of, masked, out, classes, spare):
    """Write the words of a byte range as the keys see them, a 0 behind each; return how many code points that makes."""
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
        is_sign = folded == HYPHEN or folded == MINUS
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
            is_number = digits > 0 and finish(h1) == ZERO_WORD
            roles = look_up(lexicon.hashes, lexicon.roles, finish(h0))
            if is_number and held >= 0:
                count = held
                after_zero = held_after_zero
            held = np.int64(-1)
            if is_number or roles & DATE or roles & NEAR_DATE and after_zero:
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
    """Say whether two byte ranges have the same words (`masked`: with numbers and dates masked), code point by code point."""
    if end_a - start_a == end_b - start_b and np.array_equal(data[start_a:end_a], data[start_b:end_b]):
        return True
    letters_of = build_letters(points.packed)
    room = MAX_PIECES_A_BYTE * max(end_a - start_a, end_b - start_b) + 2
    words_a = np.empty(room, np.uint32)
    words_b = np.empty(room, np.uint32)
    classes = np.empty(room, np.uint8)
    spare = np.empty(room, np.uint32)
    count_a = write_words(data, start_a, end_a, points, lexicon, letters_of, masked, words_a, classes, spare)
    count_b = write_words(data, start_b, end_b, points, lexicon, letters_of, masked, words_b, classes, spare)
    return count_a == count_b and np.array_equal(words_a[:count_a], words_b[:count_b])
