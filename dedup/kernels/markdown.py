"""Telling texts that are written in Markdown, so that only those are parsed."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.leaf import inlined
from dedup.kernels.segment import TERMINATED
from dedup.kernels.structure import (
    APOSTROPHE,
    BACKTICK,
    BLANK,
    COLON,
    EQUALS,
    EXCLAMATION,
    FULL_STOP,
    HYPHEN,
    LESS,
    OPENING,
    PIPE,
    PLUS,
    QUOTE,
    TAB,
    TILDE,
    fence_at,
)
from dedup.kernels.structure import CLOSING_SQUARE as CLOSING
from dedup.kernels.vector import WIDTH, count_trailing_zeros, match

HASH, OPENING_SQUARE = 0x23, 0x5B
MOST_INDENT, MOST_HASHES, LEAST_UNDERLINE, LEAST_DELIMITERS, FENCE_MARKS = 3, 6, 3, 2, 3
BOM = (0xEF, 0xBB, 0xBF)

# What `find_markdown` comes to. SUBTLE signs may be part of a paragraph, FIRM ones never are.
PLAIN, SUBTLE, FIRM = range(3)


@njit(cache=True, nogil=True)
def find_markdown(data, line_offsets, starts, text_ends, widths, flags, found):
    """Say which texts have a sign of Markdown: `found`, uint8[rows], PLAIN, SUBTLE or FIRM.

    A firm sign is front matter at the very beginning; a line that is a heading with hashes, a fence of code or a rule
    below the head of a table; an underline below a line of its own that does not end like a sentence. A subtle one is a
    comment, a link with its address, or the definition of a link. Dashes, numbers and hashtags are none.
    """
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        found[row] = PLAIN
        if first == last:
            continue
        if has_inline_sign(data, starts[first], text_ends[last - 1]):
            found[row] = SUBTLE
        if has_front_matter(data, starts, text_ends, first, last):
            found[row] = FIRM
        else:
            found[row] = max(found[row], find_sign_line(data, starts, text_ends, widths, flags, first, last))


@njit(cache=True, nogil=True)
def find_sign_line(data, starts, text_ends, widths, flags, first, last):
    """Return how firm a sign the lines are, each by itself."""
    found = PLAIN
    for line in range(first, last):
        start, end = starts[line], text_ends[line]
        while start < end and data[start] == BLANK:
            start += 1
        if start == end or start - starts[line] > MOST_INDENT:
            continue
        byte = data[start]
        if byte == HASH:
            is_sign = is_heading(data, start, end)
        elif byte in (BACKTICK, TILDE):
            is_sign = fence_at(data, start, end) != 0
        elif byte == OPENING_SQUARE:
            is_sign = False
            if found == PLAIN and is_definition(data, start, end):
                found = SUBTLE
        else:
            is_sign = byte in (PIPE, COLON, HYPHEN) and is_delimiter_row(data, start, end)
            if byte in (EQUALS, HYPHEN) and line > first and is_underline(data, start, end):
                is_alone = line - 1 == first or starts[line - 2] == text_ends[line - 2]
                is_sign |= is_alone and widths[line - 1] > 0 and flags[line - 1] & TERMINATED == 0
        if is_sign:
            return FIRM
    return found


@njit(cache=True, nogil=True)
def has_inline_sign(data, start, end):
    """Say whether there is "](" or "<!--" in a range of bytes."""
    at = start
    while at < end:
        if at + WIDTH <= data.shape[0]:
            hits = match(data, at, np.uint8(0), np.uint8(CLOSING), np.uint8(CLOSING))
            hits |= match(data, at, np.uint8(0), np.uint8(LESS), np.uint8(LESS))
            while hits:
                if is_inline_sign(data, at + np.int64(count_trailing_zeros(hits)), end):
                    return True
                hits &= hits - np.uint64(1)
            at += WIDTH
        else:
            if is_inline_sign(data, at, end):
                return True
            at += 1
    return False


@inlined
def is_inline_sign(data, at, end):
    """Say whether "](" or "<!--" stands at a place."""
    if data[at] == CLOSING:
        return at + 1 < end and data[at + 1] == OPENING
    return (
        data[at] == LESS
        and at + 3 < end
        and data[at + 1] == EXCLAMATION
        and data[at + 2] == HYPHEN
        and data[at + 3] == HYPHEN
    )


@njit(cache=True, nogil=True)
def has_front_matter(data, starts, text_ends, first, last):
    """Say whether the first lines are a fence of YAML or TOML, a key, and so on to the closing fence."""
    start = starts[first]
    if text_ends[first] - start > FENCE_MARKS and data[start] == BOM[0]:
        start += len(BOM)
    if last - first < FENCE_MARKS or not is_mark(data, start, text_ends[first], HYPHEN, PLUS):
        return False
    mark = data[start]
    sign = COLON if mark == HYPHEN else EQUALS
    has_key = data[starts[first + 1]] == HASH
    for at in range(starts[first + 1], text_ends[first + 1]):
        has_key |= data[at] == sign
    if not has_key:
        return False
    other = FULL_STOP if mark == HYPHEN else mark
    line = first + 2
    while line < last and not is_mark(data, starts[line], text_ends[line], mark, other):
        line += 1
    return line < last


@njit(cache=True, nogil=True)
def is_mark(data, start, end, mark, other):
    """Say whether a line is one of two marks three times."""
    return (
        end - start == FENCE_MARKS
        and (data[start] == mark or data[start] == other)
        and data[start] == data[start + 1]
        and data[start] == data[start + 2]
    )


@njit(cache=True, nogil=True)
def is_heading(data, start, end):
    """Say whether one to six hashes, a space and text make a line."""
    at = start
    while at < end and data[at] == HASH:
        at += 1
    return at - start <= MOST_HASHES and at < end and (data[at] == BLANK or data[at] == TAB)


@njit(cache=True, nogil=True)
def is_delimiter_row(data, start, end):
    """Say whether a line sets a head of a table apart: "|---|:-:|"."""
    dashes = pipes = 0
    for at in range(start, end):
        byte = data[at]
        dashes += byte == HYPHEN
        pipes += byte == PIPE
        if byte not in (HYPHEN, PIPE, COLON, BLANK, TAB):
            return False
    return pipes > 0 and dashes >= LEAST_DELIMITERS


@njit(cache=True, nogil=True)
def is_underline(data, start, end):
    """Say whether a line is nothing but the mark that it begins with."""
    for at in range(start, end):
        if data[at] != data[start]:
            return False
    return end - start >= LEAST_UNDERLINE


@njit(cache=True, nogil=True)
def is_definition(data, start, end):
    """Say whether a line says where a link goes: '[name]: address "title"'."""
    at = start
    while at < end and data[at] != CLOSING:
        at += 1
    if at + 1 >= end or data[at + 1] != COLON:
        return False
    at = skip_blanks(data, at + 2, end)
    begin = at
    while at < end and data[at] != BLANK and data[at] != TAB:
        at += 1
    if at == begin:
        return False
    at = skip_blanks(data, at, end)
    return at == end or data[at] in (QUOTE, APOSTROPHE, OPENING)


@inlined
def skip_blanks(data, start, end):
    """Return where the spaces and tabs from a place on end."""
    at = start
    while at < end and (data[at] == BLANK or data[at] == TAB):
        at += 1
    return at
