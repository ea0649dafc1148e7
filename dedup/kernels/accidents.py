"""Which repeats are accidents of the page: the rest was said twice on purpose, or may have been.

A document is seen without its later copies ("the rest of it"), so that the cleaned text is judged as the text was.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from dedup.kernels.leaf import inlined, leaf
from dedup.kernels.segment import TERMINATED
from dedup.kernels.structure import ITEM, QUESTION
from dedup.kernels.words import decode
from dedup.unicode import CLASS_MASK, CLASS_SHIFT, DASH, DIGIT, LOWER, OPEN, QUOTE, SPACE, SYMBOL

# Bits of `credited`: a caption with its label or credit, a line that begins with a label of pictures.
CREDITED, IS_CREDIT = 1, 2

# How a line begins, or what it is besides a statement: `kinds`.
PLAIN, NUMBERED, BRACKETED, DASHED, QUOTING, SMALL, ASKING, LABELLED, KINDS = range(9)

NO_WORDS = np.uint64(0)
# Why a copy goes: what follows a headline may go for following it.
STAYS, CAPTION, HEADLINE = range(3)
# A line that goes has `GONE` less its keeper.
GONE = -2
FULL_STOP, CLOSING, COLON = 0x2E, 0x29, 0x3A
ROMAN_LONGEST = 7
WIDE_COLON_LAST, WIDE_COLON_MID = 0x9A, 0xBC


@inlined
def is_roman(byte):
    """Say whether a byte is a letter of which Roman numbers are made."""
    return byte in (0x49, 0x56, 0x58, 0x4C, 0x43, 0x44, 0x4D)


@leaf
def begins_like_a_clause(data, start, end):
    """Say whether a line begins with a Roman number and a full stop or bracket: "IV. "."""
    at = start
    while at < end and at - start < ROMAN_LONGEST and is_roman(data[at]):
        at += 1
    return start < at < end and data[at] in (FULL_STOP, CLOSING)


@njit(cache=True, nogil=True)
def find_kinds(data, line_offsets, starts, text_ends, keys, labels, shapes, keepers, packed, kinds):
    """Say of the lines of documents with copies what they are besides statements.

    Args:
        data: uint8[], UTF-8.
        line_offsets: int64[rows + 1].
        starts: int64[lines].
        text_ends: int64[lines], past the last visible character.
        keys: uint64[lines], 0 for lines without words.
        labels: uint64[lines], 0 for lines without one.
        shapes: uint8[lines] of `shape_lines`.
        keepers: int64[lines], -1 for lines that are no copies.
        packed: The Unicode table.
        kinds: uint8[lines], out, PLAIN ... LABELLED; PLAIN in documents without copies.
    """
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        copies = 0
        for line in range(first, last):
            kinds[line] = PLAIN
            copies += keepers[line] >= 0
        if copies == 0:
            continue
        for line in range(first, last):
            if keys[line] == NO_WORDS:
                continue
            at, end = starts[line], text_ends[line]
            code_point, size = decode(data, at)
            kind = (np.int64(packed[code_point]) >> CLASS_SHIFT) & CLASS_MASK
            while kind == SPACE:
                at += size
                code_point, size = decode(data, at)
                kind = (np.int64(packed[code_point]) >> CLASS_SHIFT) & CLASS_MASK
            if kind == DASH or np.int64(packed[code_point]) & SYMBOL:
                kinds[line] = DASHED
            elif kind == DIGIT or shapes[line] & ITEM or begins_like_a_clause(data, at, end):
                kinds[line] = NUMBERED
            elif kind == OPEN:
                kinds[line] = BRACKETED
            elif kind == QUOTE:
                kinds[line] = QUOTING
            elif kind == LOWER:
                kinds[line] = SMALL
            elif shapes[line] & QUESTION:
                kinds[line] = ASKING
            elif labels[line] != NO_WORDS:
                kinds[line] = LABELLED


# What `survey` finds out about a document.
FIRST, LAST, TITLE, SECOND, THIRD, BODY, BODY_END, IS_ARTICLE, IS_LIST, FACTS = range(10)


class Lines(NamedTuple):
    """The lines of a batch, as of `Segments` where nothing else is said.

    Attributes:
        starts: int64[lines].
        text_ends: int64[lines].
        keys: uint64[lines], K0.
        widths: int32[lines].
        flags: uint8[lines].
        labels: uint64[lines].
        kinds: uint8[lines] of `find_kinds`.
        credited: uint8[lines], the bits CREDITED and IS_CREDIT.
        marked: bool[lines], go already.
        fragments: bool[lines], are no units.
        segment_offsets: int64[lines + 1]; line l of several segments is unit `segments + l`.
    """

    starts: Any
    text_ends: Any
    keys: Any
    widths: Any
    flags: Any
    labels: Any
    kinds: Any
    credited: Any
    marked: Any
    fragments: Any
    segment_offsets: Any


class Limits(NamedTuple):
    """What makes a line what it is; values and reasons are in `dedup.accidents`.

    Attributes:
        least: Columns of a copy.
        least_adjacent: Columns of a copy next to its copy, or of the title.
        paragraph: Columns from which a line of several sentences is a paragraph.
        wide: Columns from which a line of one is.
        heading: Columns up to which an open line is a heading.
        caption: Columns from which an open line is a caption or a headline rather than a heading.
        share: Percent of the columns in paragraphs from which a document is an article.
        times: Units said so often are what the page is built of.
        opens: Open lines from which, being half of all, a document without paragraphs is a list.
        statements: Narrow sentences from which, being half of a document that is no article, it is a list as well.
        turns: Labelled lines from which labels are speakers.
        head: Lines below the title among which it may be said again.
        rounds: How often is looked again at most.
    """

    least: int
    least_adjacent: int
    paragraph: int
    wide: int
    heading: int
    caption: int
    share: int
    times: int
    opens: int
    statements: int
    turns: int
    head: int
    rounds: int


@njit(cache=True, nogil=True)
def judge_lines(data, line_offsets, lines, segments, limits, keepers):
    """Let those later copies of lines stay that are no accidents: their `keepers` become -1.

    Args:
        data: uint8[], UTF-8.
        line_offsets: int64[rows + 1].
        lines: `Lines`.
        segments: How many segments there are.
        limits: `Limits`.
        keepers: int64[lines] of `find_repeats`, in and out.
    """
    facts = np.zeros(FACTS, np.int64)
    of_kind = np.zeros(KINDS, np.int64)
    times, places, below = np.zeros(16, np.int64), np.zeros(16, np.int64), np.zeros(16, np.int64)
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        copies = 0
        for line in range(first, last):
            copies += keepers[line] >= 0
        if copies == 0:
            continue
        units = lines.segment_offsets[last] - lines.segment_offsets[first] + last - first
        if units > times.shape[0]:
            times, places = np.zeros(2 * units, np.int64), np.zeros(2 * units, np.int64)
            below = np.zeros(2 * units, np.int64)
        survey(first, last, lines, limits, keepers, facts, of_kind)
        times[:units] = 1
        following = np.int64(-1)
        for line in range(last - 1, first - 1, -1):
            below[line - first] = following
            if keepers[line] >= 0:
                times[place_of(keepers[line], lines, segments, facts)] += 1
            elif lines.keys[line] != NO_WORDS and not lines.marked[line]:
                following = np.int64(-1) if lines.fragments[line] else line
        left = limits.rounds
        while left > 0 and sweep(
            data, lines, segments, limits, facts, of_kind, times, places[:units], below, keepers
        ):  # fmt: skip
            left -= 1
        for line in range(first, last):
            keepers[line] = GONE - keepers[line] if keepers[line] < -1 else -1


@leaf
def survey(first, last, lines, limits, keepers, facts, of_kind):
    """Look at the lines of a document that are no copies.

    Args:
        first: The first line.
        last: Past the last line.
        lines: `Lines`.
        limits: `Limits`.
        keepers: int64[lines], -1 for lines that are no copies.
        facts: int64[FACTS], out: the two above, the first three lines with words, the first and the last paragraph, -1
            where there is none; whether the document is an article, and whether it is a list.
        of_kind: int64[KINDS], out, how many lines of one segment, or with a number or bracket, are of each kind.
    """
    of_kind[:] = 0
    facts[:] = -1
    facts[FIRST], facts[LAST] = first, last
    columns = in_paragraphs = worded = opens = narrow = in_narrow = 0
    for line in range(first, last):
        if lines.keys[line] == NO_WORDS or lines.marked[line] or lines.fragments[line] or keepers[line] >= 0:
            continue
        if worded < 3:
            facts[TITLE + worded] = line
        worded += 1
        columns += lines.widths[line]
        of_kind[lines.kinds[line]] += is_counted(line, lines)
        is_open = lines.flags[line] & TERMINATED == 0
        if is_paragraph(line, lines, limits):
            in_paragraphs += lines.widths[line]
            facts[BODY_END] = line
            facts[BODY] = line if facts[BODY] < 0 else facts[BODY]
        elif is_single(line, lines) and not is_open:
            narrow += 1
            in_narrow += lines.widths[line]
        opens += is_single(line, lines) and is_open and worded > 1
    facts[IS_ARTICLE] = in_paragraphs > 0 and 100 * in_paragraphs >= limits.share * columns
    facts[IS_LIST] = (in_paragraphs == 0 and opens >= limits.opens and 2 * opens >= worded) or (
        not facts[IS_ARTICLE] and narrow >= limits.statements and 2 * in_narrow >= columns
    )


@leaf
def sweep(data, lines, segments, limits, facts, of_kind, times, places, below, keepers):
    """Let copies of a document go that are accidents: `keepers` become `GONE` less their keeper; say if any did.

    Args:
        data: uint8[], UTF-8.
        lines: `Lines`.
        segments: How many segments there are.
        limits: `Limits`.
        facts: int64[FACTS] of `survey`.
        of_kind: int64[KINDS] of `survey`.
        times: int64[units of the document], how often each is said.
        places: int64[units of the document], for own use: in how many places.
        below: int64[lines of the document], the next line that is no copy, -1 where there is none.
        keepers: int64[lines], in and out.
    """
    places[:] = 1
    before = np.int64(-1)
    for line in range(facts[FIRST], facts[LAST]):
        if lines.keys[line] != NO_WORDS and not lines.marked[line] and keepers[line] >= -1:
            unit = unit_of(line, lines, segments, keepers)
            if keepers[line] >= 0 and unit != before:
                places[place_of(unit, lines, segments, facts)] += 1
            before = unit
    above = follows = np.int64(-1)
    worded = 0
    broken = going = False
    for line in range(facts[FIRST], facts[LAST]):
        if lines.marked[line] or keepers[line] < -1:
            continue
        if lines.keys[line] == NO_WORDS:
            broken |= lines.text_ends[line] > lines.starts[line]
            continue
        unit = unit_of(line, lines, segments, keepers)
        said = times[place_of(unit, lines, segments, facts)]
        reason = STAYS
        if keepers[line] >= 0 and said < limits.times:
            kept = line_of(unit, lines, segments, facts)
            is_line = unit == own_unit(kept, lines, segments)
            next_to = above if not broken and above >= 0 and unit_of(above, lines, segments, keepers) == unit else -1
            apart = places[place_of(unit, lines, segments, facts)] > 2
            if not facts[IS_LIST] and is_statement(line, kept, lines, limits, facts, of_kind, keepers):
                if next_to >= 0:
                    reason = CAPTION if not leads_in(data, next_to, lines) else STAYS
                elif is_line and kept == follows:
                    reason = HEADLINE
                elif is_line and kept == facts[TITLE] and is_single(line, lines):
                    reason = is_headline(data, line, above, worded, lines, limits, facts)
                elif is_line and not apart:
                    reason = is_caption(data, line, kept, above, below, worded, lines, limits, facts)
            if reason == STAYS and min(lines.widths[line], lines.widths[kept]) >= limits.least:
                own = has_credit(line, below, lines, facts)
                reason = CAPTION if own or (is_line and has_credit(kept, below, lines, facts)) else STAYS
        if reason != STAYS:
            keepers[line] = GONE - unit
            going = True
            follows = below[kept - facts[FIRST]] if reason == HEADLINE else np.int64(-1)
            continue
        is_same = keepers[line] < 0 and follows >= 0 and lines.keys[line] == lines.keys[follows]
        follows = below[follows - facts[FIRST]] if is_same else np.int64(-1)
        worded += 1
        # What the page is built of is no heading of what is below it.
        broken = said >= limits.times
        if not broken:
            above = np.int64(-1) if lines.fragments[line] else line
    return going


@leaf
def is_headline(data, line, above, worded, lines, limits, facts):
    """Return HEADLINE where the title is said again at the head of the document, or below the body."""
    if above >= 0 and leads_in(data, above, lines):
        return STAYS
    is_open = lines.flags[line] & TERMINATED == 0
    if worded <= limits.head and (is_open or facts[IS_ARTICLE]):
        return HEADLINE
    is_below = facts[IS_ARTICLE] and line > facts[BODY_END]
    return HEADLINE if is_below and is_open and not is_heading(data, above, lines, limits) else STAYS


@leaf
def is_caption(data, line, kept, above, below, worded, lines, limits, facts):
    """Return CAPTION for a headline, caption or teaser above the body that an article says again.

    It is a sentence right below a paragraph; an open line, as headlines are, right above one, not far from the head; or
    one of the first lines, of several sentences, again at the head or below the body.
    """
    if not facts[IS_ARTICLE] or lines.kinds[line] != PLAIN or lines.widths[line] < limits.least or above < 0:
        return STAYS
    under_heading = is_heading(data, above, lines, limits)
    if not is_single(line, lines):
        is_outside = worded <= limits.head or line > facts[BODY_END]
        return CAPTION if kept <= facts[THIRD] and is_outside and not under_heading else STAYS
    is_open = lines.flags[line] & TERMINATED == 0
    if is_open and lines.widths[line] < limits.caption:
        return STAYS
    following = below[line - facts[FIRST]]
    if is_open and worded <= 2 * limits.head and not under_heading:
        return CAPTION if following >= 0 and is_paragraph(following, lines, limits) else STAYS
    stood_above = kept < facts[BODY] and (not is_open or kept == facts[SECOND])
    return CAPTION if stood_above and is_paragraph(above, lines, limits) else STAYS


@leaf
def is_statement(line, kept, lines, limits, facts, of_kind, keepers):
    """Say whether a copy is a plain statement, or in an article the one line of its kind: quoted, labelled."""
    kind = lines.kinds[line]
    if kind == PLAIN or not facts[IS_ARTICLE]:
        return kind == PLAIN
    others = of_kind[kind] - (lines.kinds[kept] == kind and is_counted(kept, lines))
    if others == 0 or kind != LABELLED or others >= limits.turns:
        return others == 0
    for other in range(facts[FIRST], facts[LAST]):
        if keepers[other] == -1 and other != kept and lines.labels[other] == lines.labels[line]:
            return False
    return True


@leaf
def is_heading(data, line, lines, limits):
    """Say whether what is below a line may be said about it alone: a heading, a question, a number, a speaker."""
    if line < 0 or leads_in(data, line, lines) or not is_single(line, lines):
        return line >= 0 and leads_in(data, line, lines)
    is_open = lines.flags[line] & TERMINATED == 0
    return lines.kinds[line] != PLAIN or (is_open and lines.widths[line] <= limits.heading)


@leaf
def has_credit(line, below, lines, facts):
    """Say whether a line has a credit, in itself or below it."""
    following = below[line - facts[FIRST]]
    return lines.credited[line] & CREDITED != 0 or (following >= 0 and lines.credited[following] & IS_CREDIT != 0)


@leaf
def leads_in(data, line, lines):
    """Say whether a line ends in a colon."""
    end = lines.text_ends[line]
    return data[end - 1] == COLON or (
        end - lines.starts[line] > 2 and data[end - 1] == WIDE_COLON_LAST and data[end - 2] == WIDE_COLON_MID
    )


@leaf
def is_single(line, lines):
    """Say whether a line is one segment."""
    return lines.segment_offsets[line + 1] - lines.segment_offsets[line] == 1


@leaf
def is_counted(line, lines):
    """Say whether a line makes other lines of its kind one of many: a quotation in a paragraph does not."""
    return is_single(line, lines) or lines.kinds[line] == NUMBERED or lines.kinds[line] == BRACKETED


@leaf
def is_paragraph(line, lines, limits):
    """Say whether a line is long enough for the sentences it has."""
    return lines.widths[line] >= (limits.wide if is_single(line, lines) else limits.paragraph)


@leaf
def own_unit(line, lines, segments):
    """Return the number of a line as a unit."""
    return lines.segment_offsets[line] if is_single(line, lines) else segments + line


@leaf
def unit_of(line, lines, segments, keepers):
    """Return the unit that a line says, its own or that of its first copy."""
    return keepers[line] if keepers[line] >= 0 else own_unit(line, lines, segments)


@leaf
def place_of(unit, lines, segments, facts):
    """Return where a unit of a document is counted."""
    first, last = lines.segment_offsets[facts[FIRST]], lines.segment_offsets[facts[LAST]]
    return unit - first if unit < segments else last - first + unit - segments - facts[FIRST]


@leaf
def line_of(unit, lines, segments, facts):
    """Return the line that a unit is or is in."""
    if unit >= segments:
        return unit - segments
    low, high = facts[FIRST], facts[LAST]
    while high - low > 1:
        middle = (low + high) // 2
        if lines.segment_offsets[middle] <= unit:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def judge_sentences(
    line_offsets, keys, marked, fragments, line_keepers, segment_offsets, segment_keys, longest, opening, reach, run,
    keepers,
):  # fmt: skip
    """Let those later copies of sentences stay that are no accidents: their `keepers` become -1.

    Sentences go that stand directly behind their copies, one or up to `longest` in a row; and of a document of one
    line, the first sentence again among the first `reach`, and `run` or more sentences in a row whose first copies
    stand in a row too and begin among the first `opening`.

    Args:
        line_offsets: int64[rows + 1].
        keys: uint64[lines].
        marked: bool[lines].
        fragments: bool[lines].
        line_keepers: int64[lines], of lines that go.
        segment_offsets: int64[lines + 1].
        segment_keys: uint64[segments].
        longest: Sentences in a row that are looked back for.
        opening: Sentences at the beginning of a document of one line.
        reach: Sentences among which the first one is a headline said again.
        run: Sentences in a row that are no coincidence.
        keepers: int64[segments] of `find_repeats`, in and out.
    """
    for row in range(line_offsets.shape[0] - 1):
        worded = 0
        for line in range(line_offsets[row], line_offsets[row + 1]):
            worded += keys[line] != NO_WORDS and not marked[line] and line_keepers[line] < 0
        for line in range(line_offsets[row], line_offsets[row + 1]):
            first, last = segment_offsets[line], segment_offsets[line + 1]
            segment = first
            while segment < last:
                if keepers[segment] < 0:
                    segment += 1
                    continue
                size = np.int64(0)
                if not fragments[line]:
                    size = tandem(segment, first, last, segment_keys, longest)
                if size:
                    for place in range(segment, segment + size):
                        # The first copy stays, what is before this one may go itself.
                        before = place - size if keepers[place - size] < 0 else keepers[place - size]
                        keepers[place] = before if keepers[place] < 0 else keepers[place]
                    segment += size
                    continue
                along = np.int64(1)
                while segment + along < last and keepers[segment + along] == keepers[segment] + along:
                    along += 1
                begins = keepers[segment] - first
                flat = worded == 1 and begins >= 0 and keepers[segment] < segment
                if not flat or not ((begins == 0 and segment - first <= reach) or (begins < opening and along >= run)):
                    keepers[segment : segment + along] = -1
                segment += along


@inlined
def tandem(segment, first, last, segment_keys, longest):
    """Return how many sentences from `segment` on say again what as many before them say; 0 for none."""
    for size in range(1, min(longest, segment - first, last - segment) + 1):
        same = 0
        while same < size and segment_keys[segment + same] == segment_keys[segment + same - size]:
            same += 1
        if same == size:
            return size
    return 0
