"""What lines are made of, and runs of lines alike: tables, code, lists, verse."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.leaf import inlined
from dedup.kernels.segment import BULLET, TERMINATED

# Bits of `shapes`. ROW_RULE is a line drawn between rows of a table; BARE, a fence that says nothing of what it opens.
FENCE, BARE, ROW_RULE, FIGURES, CODE, ITEM, QUESTION = 1, 2, 4, 8, 16, 32, 64

# How the cells of a line are set apart, the high byte of `columns`; the low byte says how often. Of a fence, its mark.
PIPES, GAPS, SEPARATORS = 1 << 8, 2 << 8, 3 << 8
MOST_COLUMNS = 255
FENCE_MARKS, RULE_MARKS, MARKER_DIGITS = 3, 3, 3

TAB, BLANK, QUOTE, APOSTROPHE, OPENING, CLOSING = 0x09, 0x20, 0x22, 0x27, 0x28, 0x29
PLUS, COMMA, HYPHEN, FULL_STOP, SLASH, COLON, SEMICOLON = 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x3A, 0x3B
EXCLAMATION, LESS, EQUALS, GREATER, ASKING, BACKSLASH = 0x21, 0x3C, 0x3D, 0x3E, 0x3F, 0x5C
CLOSING_SQUARE, UNDERSCORE, BACKTICK, OPENING_CURLY, PIPE, CLOSING_CURLY, TILDE = (
    0x5D, 0x5F, 0x60, 0x7B, 0x7C, 0x7D, 0x7E,
)  # fmt: skip
CODE_ENDS = (SEMICOLON, OPENING_CURLY, CLOSING_CURLY, COLON, COMMA, OPENING, CLOSING, CLOSING_SQUARE)


@inlined
def is_digit(byte):
    """Say whether a byte is an ASCII digit."""
    return 0x30 <= byte <= 0x39


@inlined
def is_name(byte):
    """Say whether a byte is an ASCII letter or digit."""
    return 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A


@njit(cache=True, nogil=True)
def shape_lines(data, starts, text_ends, flags, longest, shapes, columns):
    """Say of every line what it is made of.

    Args:
        data: uint8[], UTF-8.
        starts: int64[lines], bytes in `data`.
        text_ends: int64[lines], past the last visible character.
        flags: uint8[lines], of segmentation.
        longest: Lines of more bytes are prose, and so are lines that end like sentences.
        shapes: uint8[lines], out, bits.
        columns: int16[lines], out, what sets the cells apart and how often, 0 for nothing.
    """
    for line in range(starts.shape[0]):
        start, end = starts[line], text_ends[line]
        shapes[line] = columns[line] = 0
        while start < end and (data[start] == BLANK or data[start] == TAB):
            start += 1
        if start == end:
            continue
        shape = ITEM if flags[line] & BULLET or has_marker(data, start, end) else 0
        if ends_asking(data, start, end):
            shape |= QUESTION
        if end - start <= longest and flags[line] & TERMINATED == 0:
            if data[start] == BACKTICK or data[start] == TILDE:
                fence = fence_at(data, start, end)
                if fence:
                    shapes[line] = fence
                    columns[line] = data[start]
                    continue
            if is_row_rule(data, start, end):
                shape |= ROW_RULE
            else:
                found, columns[line] = inner_shape(data, start, end)
                shape |= found
        shapes[line] = shape


@njit(cache=True, nogil=True)
def inner_shape(data, start, end):
    """Return the bits FIGURES and CODE of a line without spaces around it, and its columns."""
    figures = named = False
    pipes = gaps = separators = marks = 0
    at = start
    last = 0
    quoting = True
    while at < end:
        byte = data[at]
        following = data[at + 1] if at + 1 < end else BLANK
        if byte in (BLANK, TAB):
            first = at
            tabbed = False
            while data[at] == BLANK or data[at] == TAB:
                tabbed |= data[at] == TAB
                at += 1
            gaps += tabbed or (at - first > 1 and last not in (FULL_STOP, EXCLAMATION, ASKING, COLON))
            last = BLANK
            continue
        quoting &= byte == GREATER
        if byte >= 0x80 or is_name(byte):
            named = True
            figures |= is_digit(byte)
        elif byte == PIPE:
            pipes += 1
        elif byte in (SEMICOLON, COMMA):
            separators += following not in (BLANK, TAB)
        elif byte == COLON:
            if following == SLASH and at + 2 < end and data[at + 2] == SLASH:
                while at < end and data[at] not in (BLANK, TAB, QUOTE, APOSTROPHE):
                    at += 1
                last = SLASH
                continue
            marks += last in (QUOTE, APOSTROPHE)
        elif byte == OPENING:
            marks += is_name(last) or last == UNDERSCORE
        elif byte == UNDERSCORE:
            marks += is_name(last) and is_name(following)
        elif byte in (OPENING_CURLY, CLOSING_CURLY, BACKSLASH, EQUALS, LESS, GREATER):
            marks += not quoting
        last = byte
        at += 1
    shape = FIGURES if figures else 0
    if named and (marks > 1 or (marks == 1 and data[end - 1] in CODE_ENDS)):
        shape |= CODE
    if pipes:
        return shape, PIPES | min(pipes, MOST_COLUMNS)
    if gaps:
        return shape, GAPS | min(gaps, MOST_COLUMNS)
    return shape, SEPARATORS | min(separators, MOST_COLUMNS) if separators > 1 else 0


@njit(cache=True, nogil=True)
def has_marker(data, start, end):
    """Say whether a line begins like an item of a list: "1. ", "12) ", "a) "."""
    at = start
    while at < end and at - start < MARKER_DIGITS and is_digit(data[at]):
        at += 1
    stop_will_do = at > start
    if at == start and is_name(data[at]):
        at += 1
    if at == start or at + 1 >= end or (data[at + 1] != BLANK and data[at + 1] != TAB):
        return False
    return data[at] == CLOSING or (stop_will_do and data[at] == FULL_STOP)


@njit(cache=True, nogil=True)
def ends_asking(data, start, end):
    """Say whether a line ends in a question mark: ?, ？ or ؟."""
    if data[end - 1] == ASKING:
        return True
    if data[end - 1] != 0x9F:
        return False
    if end - start > 1 and data[end - 2] == 0xD8:
        return True
    return end - start > 2 and data[end - 2] == 0xBC and data[end - 3] == 0xEF


@njit(cache=True, nogil=True)
def fence_at(data, start, end):
    """Return FENCE, with BARE if nothing follows, for three or more backticks or tildes; else 0."""
    at = start
    while at < end and data[at] == data[start]:
        at += 1
    if at - start < FENCE_MARKS:
        return 0
    for i in range(at, end):
        if data[i] == BACKTICK:
            return 0
    return FENCE | BARE if at == end else FENCE


@njit(cache=True, nogil=True)
def is_row_rule(data, start, end):
    """Say whether a line is drawn between rows: "|---|:-:|", "+====+", "---  ---"."""
    drawn = 0
    divided = False
    for at in range(start, end):
        byte = data[at]
        if byte in (HYPHEN, EQUALS):
            drawn += 1
        elif byte in (PIPE, PLUS, BLANK, TAB):
            divided = True
        elif byte != COLON:
            return False
    return divided and drawn >= RULE_MARKS


@njit(cache=True, nogil=True)
def find_tables(line_offsets, starts, text_ends, keys, gone, shapes, columns, least, firm, found):
    """Mark runs of `least` lines or more whose cells are set apart alike; `found` is bool[lines].

    A run ends at a blank line; lines in `gone` are as if they were not there; of lines with equal `keys` in a row, one
    counts, and none without words. `firm` asks for more: a rule between rows or, in half of the rows, at least three
    cells and a figure somewhere.
    """
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        line = first
        while line < last:
            begin = line
            kind = np.int16(0)
            size = figures = ruled = 0
            above = np.uint64(0)
            while line < last:
                if not gone[line]:
                    own = columns[line] if shapes[line] & FENCE == 0 else 0
                    is_rule = shapes[line] & ROW_RULE != 0
                    if starts[line] == text_ends[line] or not (is_rule or (own != 0 and (kind == 0 or own == kind))):
                        break
                    ruled += is_rule
                    kind = kind if is_rule else own
                    if is_rule or (keys[line] != np.uint64(0) and keys[line] != above):
                        size += 1
                        figures += shapes[line] & FIGURES != 0
                    above = keys[line]
                line += 1
            cells = (kind & MOST_COLUMNS) + 1
            if size >= least and kind and (not firm or ruled or (cells > 2 and 2 * figures >= size)):
                found[begin:line] = True
            if line == begin:
                line += 1


@njit(cache=True, nogil=True)
def find_code(line_offsets, widths, shapes, columns, least, apart, found):
    """Mark what is fenced, and groups of `least` lines of code or more; `found` is bool[lines].

    Lines of code make one group if at most `apart` other lines with words are between any two of them.
    """
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        opening = np.int64(-1)
        for line in range(first, last):
            if shapes[line] & FENCE == 0:
                continue
            if opening < 0:
                opening = line
            elif shapes[line] & BARE and columns[line] == columns[opening]:
                found[opening : line + 1] = True
                opening = -1
        begin = end = np.int64(-1)
        size = between = 0
        for line in range(first, last):
            if shapes[line] & CODE == 0:
                between += widths[line] > 0
                continue
            if begin >= 0 and between > apart:
                if size >= least:
                    found[begin : end + 1] = True
                begin = -1
            if begin < 0:
                begin = line
                size = 0
            size += 1
            end = line
            between = 0
        if begin >= 0 and size >= least:
            found[begin : end + 1] = True


@njit(cache=True, nogil=True)
def find_lists(line_offsets, widths, gone, shapes, least, found):
    """Mark runs of `least` items of a list or more, with nothing but blank lines between; `found` is bool[lines]."""
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        begin = end = np.int64(-1)
        size = 0
        for line in range(first, last):
            if gone[line] or widths[line] == 0:
                continue
            if shapes[line] & ITEM:
                begin = line if size == 0 else begin
                end = line
                size += 1
                continue
            if size >= least:
                found[begin : end + 1] = True
            size = 0
        if size >= least:
            found[begin : end + 1] = True


@njit(cache=True, nogil=True)
def find_verse(line_offsets, widths, flags, gone, narrowest, widest, stanza, least, least_share, found):
    """Mark the stanzas of poems: `found`, bool[lines], all False at first.

    A stanza is at least `stanza` lines between lines without words, all from `narrowest` to `widest` columns. A
    document is a poem if at least `least` lines of its stanzas, and `least_share` of its lines with words, do not end
    like sentences. Lines in `gone` are as if they were not there.
    """
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        texts = opens = 0
        begin = first
        size = own_opens = others = 0
        for line in range(first, last + 1):
            if line < last and (gone[line] or widths[line] > 0):
                if not gone[line]:
                    size += 1
                    own_opens += flags[line] & TERMINATED == 0
                    others += not narrowest <= widths[line] <= widest
                continue
            if size >= stanza and others == 0:
                found[begin:line] = True
                opens += own_opens
            texts += size
            begin = line + 1
            size = own_opens = others = 0
        if opens < least or opens < least_share * texts:
            found[first:last] = False
