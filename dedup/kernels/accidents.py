"""Which repeats are accidents of the page: the rest was said twice on purpose, or may have been.

A document is seen without its later copies ("the rest of it"), so that the cleaned text is judged as the text was.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.leaf import inlined
from dedup.kernels.segment import TERMINATED
from dedup.kernels.structure import ITEM, QUESTION
from dedup.kernels.words import decode
from dedup.unicode import CLASS_MASK, CLASS_SHIFT, DASH, DIGIT, LOWER, OPEN, QUOTE, SPACE, SYMBOL

# Bits of `credited`: a caption with its label or credit, a line that begins with a label of pictures.
CREDITED, IS_CREDIT = 1, 2

# How a line begins, or what it is besides a statement: `kinds`.
PLAIN, NUMBERED, BRACKETED, DASHED, QUOTING, SMALL, ASKING, LABELLED, KINDS = range(9)

NO_WORDS = np.uint64(0)
# A line that goes has `GONE` less its keeper.
GONE = -2
FULL_STOP, CLOSING, COLON = 0x2E, 0x29, 0x3A
ROMAN_LONGEST = 7
WIDE_COLON_LAST, WIDE_COLON_MID = 0x9A, 0xBC


@inlined
def is_roman(byte):
    """Say whether a byte is a letter of which Roman numbers are made."""
    return byte in (0x49, 0x56, 0x58, 0x4C, 0x43, 0x44, 0x4D)


@njit(cache=True, nogil=True)
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
            if kind == DIGIT or shapes[line] & ITEM or begins_like_a_clause(data, at, end):
                kinds[line] = NUMBERED
            elif kind == OPEN:
                kinds[line] = BRACKETED
            elif kind == DASH or np.int64(packed[code_point]) & SYMBOL:
                kinds[line] = DASHED
            elif kind == QUOTE:
                kinds[line] = QUOTING
            elif kind == LOWER:
                kinds[line] = SMALL
            elif shapes[line] & QUESTION:
                kinds[line] = ASKING
            elif labels[line] != NO_WORDS:
                kinds[line] = LABELLED


@inlined
def leads_in(data, start, end):
    """Say whether a line ends in a colon."""
    return data[end - 1] == COLON or (
        end - start > 2 and data[end - 1] == WIDE_COLON_LAST and data[end - 2] == WIDE_COLON_MID
    )


# What `survey` finds out about a document.
TITLE, SECOND, THIRD, BODY, BODY_END, IS_ARTICLE, IS_LIST, FACTS = range(8)


@njit(cache=True, nogil=True)
def survey(
    first, last, keys, widths, flags, kinds, marked, fragments, segment_offsets, paragraph_width, wide, share,
    list_lines, statements, keepers, facts, of_kind,
):  # fmt: skip
    """Look at the lines of a document that are no copies.

    Args as of `judge_lines`, but:
        first: The first line.
        last: Past the last line.
        facts: int64[FACTS], out: the first three lines with words, and the first and last paragraph, -1 where there is
            none; whether the document is an article, and whether it is a list.
        of_kind: int64[KINDS], out, how many lines of one segment, or with a number or bracket, are of each kind.
    """
    of_kind[:] = 0
    facts[:] = -1
    columns = in_paragraphs = worded = opens = narrow = in_narrow = 0
    for line in range(first, last):
        if keys[line] == NO_WORDS or marked[line] or fragments[line] or keepers[line] >= 0:
            continue
        if worded < BODY:
            facts[worded] = line
        worded += 1
        columns += widths[line]
        single = is_single(line, segment_offsets)
        if is_paragraph(line, widths, segment_offsets, paragraph_width, wide):
            in_paragraphs += widths[line]
            facts[BODY_END] = line
            if facts[BODY] < 0:
                facts[BODY] = line
        elif single and flags[line] & TERMINATED:
            narrow += 1
            in_narrow += widths[line]
        opens += single and flags[line] & TERMINATED == 0 and worded > 1
        of_kind[kinds[line]] += is_counted(line, kinds, segment_offsets)
    facts[IS_ARTICLE] = in_paragraphs > 0 and in_paragraphs >= share * columns
    facts[IS_LIST] = (in_paragraphs == 0 and opens >= list_lines and 2 * opens >= worded) or (
        not facts[IS_ARTICLE] and narrow >= statements and 2 * in_narrow >= columns
    )


@njit(cache=True, nogil=True)
def judge_lines(
    data, line_offsets, starts, text_ends, keys, widths, flags, labels, kinds, credited, marked, fragments,
    segment_offsets, segments, least, least_adjacent, paragraph_width, wide, heading_width, open_width, share,
    most_times, list_lines, statements, turns, head, rounds, keepers,
):  # fmt: skip
    """Let those later copies of lines stay that are no accidents: their `keepers` become -1.

    A copy goes if its unit is said fewer than `most_times` times, and

    - nothing but blank and removed lines is between it and a copy of it that stays;
    - or it is the title said again at the head of the document or below its body, or goes on there like the lines below the title;
    - or it or its first copy has the credit of a picture;
    - or it stood above the body of an article and stands again, twice at most, right below a paragraph, or as an open
      line right above the body where no heading is above it;
    - or it is one of the first lines of an article, of several sentences, again, and no heading is above it.

    What is no plain statement (`kinds`) goes by the first two only, in an article, and only if it is the one line of
    its kind. Of a list, or a song, nothing goes but captions with credits.

    Args:
        data: uint8[], UTF-8.
        line_offsets: int64[rows + 1].
        starts: int64[lines].
        text_ends: int64[lines].
        keys: uint64[lines].
        widths: int32[lines].
        flags: uint8[lines], of segmentation.
        labels: uint64[lines].
        kinds: uint8[lines] of `find_kinds`.
        credited: uint8[lines], the bits CREDITED and IS_CREDIT.
        marked: bool[lines], go already.
        fragments: bool[lines], are no units.
        segment_offsets: int64[lines + 1].
        segments: How many segments there are: line l of several is unit `segments + l`.
        least: Columns of a copy.
        least_adjacent: Columns of a copy next to its copy, or of the title.
        paragraph_width: Columns from which a line of several sentences is a paragraph.
        wide: Columns from which a line of one is.
        heading_width: Columns up to which an open line is a heading.
        open_width: Columns from which an open line is a caption or headline rather than a heading.
        share: Share of the columns in paragraphs from which a document is an article.
        most_times: Units said so often are the page's structure.
        list_lines: Open lines from which, being half of all, a document without paragraphs is a list.
        statements: Narrow lines of one sentence from which, being more than half of all, a document is a list as well.
        turns: Labelled lines from which labels are speakers.
        head: Lines below the title among which it may be said again.
        rounds: How often is looked again at most, since what goes makes others neighbours.
        keepers: int64[lines] of `find_repeats`, in and out.
    """
    times = np.zeros(16, np.int64)
    places = np.zeros(16, np.int64)
    of_kind = np.zeros(KINDS, np.int64)
    facts = np.zeros(FACTS, np.int64)
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        copies = 0
        for line in range(first, last):
            copies += keepers[line] >= 0
        if copies == 0:
            continue
        first_segment, inside = segment_offsets[first], segment_offsets[last] - segment_offsets[first]
        units = inside + last - first
        if units > times.shape[0]:
            times = np.zeros(2 * units, np.int64)
            places = np.zeros(2 * units, np.int64)
        times[:units] = 1
        for line in range(first, last):
            if keepers[line] >= 0:
                times[place_of(keepers[line], segments, first_segment, first, inside)] += 1
        survey(
            first, last, keys, widths, flags, kinds, marked, fragments, segment_offsets, paragraph_width, wide, share,
            list_lines, statements, keepers, facts, of_kind,
        )  # fmt: skip
        going = True
        left = rounds
        while going and left > 0:
            going = False
            left -= 1
            places[:units] = 1
            before = np.int64(-1)
            for line in range(first, last):
                if keys[line] == NO_WORDS or marked[line] or keepers[line] < -1:
                    continue
                unit = unit_of(line, segment_offsets, segments, keepers)
                if keepers[line] >= 0 and unit != before:
                    places[place_of(unit, segments, first_segment, first, inside)] += 1
                before = unit
            above = follows = np.int64(-1)
            broken = False
            worded = 0
            for line in range(first, last):
                if marked[line] or keepers[line] < -1:
                    continue
                if keys[line] == NO_WORDS:
                    broken |= text_ends[line] > starts[line]
                    continue
                unit = keepers[line]
                runs = goes = False
                kept = np.int64(-1)
                if unit >= 0:
                    kept = line_of(unit, segments, segment_offsets, first, last)
                    at = place_of(unit, segments, first_segment, first, inside)
                    is_line = unit == own_unit(kept, segment_offsets, segments)
                    is_statement = kinds[line] == PLAIN or (
                        facts[IS_ARTICLE]
                        and is_alone(line, kept, first, last, keys, labels, kinds, of_kind, segment_offsets, turns, keepers)
                    )
                    is_single_line = is_single(line, segment_offsets)
                    is_open = flags[line] & TERMINATED == 0
                    if times[at] < most_times and is_statement and not facts[IS_LIST]:
                        under_heading = above >= 0 and is_heading(
                            data, above, starts, text_ends, widths, flags, kinds, segment_offsets, heading_width
                        )
                        if above >= 0 and not broken and unit_of(above, segment_offsets, segments, keepers) == unit:
                            goes = not leads_in(data, starts[above], text_ends[above])
                        elif is_line and kept == follows:
                            goes = runs = True
                        elif is_line and kept == facts[TITLE] and is_single_line:
                            goes = runs = (worded <= head and (is_open or facts[IS_ARTICLE])) or (
                                facts[IS_ARTICLE] and line > facts[BODY_END] and is_open and not under_heading
                            )
                        elif not is_line or widths[line] < least or kinds[line] != PLAIN or not facts[IS_ARTICLE]:
                            goes = False
                        elif places[at] > 2 or above < 0:
                            goes = False
                        elif not is_single_line:
                            goes = kept <= facts[THIRD] and not under_heading
                        elif worded <= 2 * head and is_open and not under_heading:
                            following = next_line(line, last, keys, marked, fragments, keepers)
                            goes = (
                                widths[line] >= open_width
                                and following >= 0
                                and is_paragraph(following, widths, segment_offsets, paragraph_width, wide)
                            )
                        else:
                            goes = (
                                kept < facts[BODY]
                                and is_paragraph(above, widths, segment_offsets, paragraph_width, wide)
                                and (not is_open or (kept == facts[SECOND] and widths[line] >= open_width))
                            )
                    if times[at] < most_times and min(widths[line], widths[kept]) >= least:
                        goes |= has_credit(line, last, keys, marked, fragments, credited, keepers)
                        goes |= is_line and has_credit(kept, last, keys, marked, fragments, credited, keepers)
                if goes:
                    keepers[line] = GONE - unit
                    going = True
                    follows = next_line(kept, last, keys, marked, fragments, keepers) if runs else np.int64(-1)
                    continue
                if unit < 0 and follows >= 0 and keys[line] == keys[follows]:
                    follows = next_line(follows, last, keys, marked, fragments, keepers)
                else:
                    follows = np.int64(-1)
                above = np.int64(-1) if fragments[line] else line
                broken = False
                worded += 1
        for line in range(first, last):
            keepers[line] = GONE - keepers[line] if keepers[line] < -1 else -1


@njit(cache=True, nogil=True)
def is_alone(line, kept, first, last, keys, labels, kinds, of_kind, segment_offsets, turns, keepers):
    """Say whether no other line of a document is what a copy and its first copy are."""
    kind = kinds[line]
    others = of_kind[kind] - (kinds[kept] == kind and is_counted(kept, kinds, segment_offsets))
    if others == 0 or kind != LABELLED or others >= turns:
        return others == 0
    for other in range(first, last):
        if keepers[other] == -1 and other != kept and labels[other] == labels[line]:
            return False
    return True


@inlined
def is_single(line, segment_offsets):
    """Say whether a line is one segment."""
    return segment_offsets[line + 1] - segment_offsets[line] == 1


@inlined
def is_counted(line, kinds, segment_offsets):
    """Say whether a line makes other lines of its kind one of many: a quotation in a paragraph does not."""
    return is_single(line, segment_offsets) or kinds[line] == NUMBERED or kinds[line] == BRACKETED


@inlined
def is_paragraph(line, widths, segment_offsets, paragraph_width, wide):
    """Say whether a line is long enough for the sentences it has."""
    return widths[line] >= (wide if is_single(line, segment_offsets) else paragraph_width)


@inlined
def has_credit(line, last, keys, marked, fragments, credited, keepers):
    """Say whether a line has a credit, in itself or below it."""
    if credited[line] & CREDITED:
        return True
    below = next_line(line, last, keys, marked, fragments, keepers)
    return below >= 0 and credited[below] & IS_CREDIT != 0


@inlined
def own_unit(line, segment_offsets, segments):
    """Return the number of a line as a unit."""
    return segment_offsets[line] if is_single(line, segment_offsets) else segments + line


@inlined
def unit_of(line, segment_offsets, segments, keepers):
    """Return the unit that a line says, its own or that of its first copy."""
    return keepers[line] if keepers[line] >= 0 else own_unit(line, segment_offsets, segments)


@inlined
def place_of(unit, segments, first_segment, first_line, inside):
    """Return where a unit of a document is counted."""
    return unit - first_segment if unit < segments else inside + unit - segments - first_line


@inlined
def line_of(unit, segments, segment_offsets, first, last):
    """Return the line that a unit is or is in."""
    if unit >= segments:
        return unit - segments
    return first + np.searchsorted(segment_offsets[first : last + 1], unit, side="right") - 1


@inlined
def next_line(line, last, keys, marked, fragments, keepers):
    """Return the next line that is no copy, -1 if there is none."""
    following = line + 1
    while following < last and (keys[following] == NO_WORDS or marked[following] or keepers[following] != -1):
        following += 1
    return following if following < last and not fragments[following] else np.int64(-1)


@njit(cache=True, nogil=True)
def is_heading(data, line, starts, text_ends, widths, flags, kinds, segment_offsets, heading_width):
    """Say whether what is below a line may be said about it alone: a heading, a question, a number, a speaker."""
    if leads_in(data, starts[line], text_ends[line]):
        return True
    if not is_single(line, segment_offsets):
        return False
    return kinds[line] != PLAIN or (flags[line] & TERMINATED == 0 and widths[line] <= heading_width)


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
                flat = worded == 1 and 0 <= begins and keepers[segment] < segment
                if not flat or not (
                    (begins == 0 and segment - first <= reach) or (begins < opening and along >= run)
                ):
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
