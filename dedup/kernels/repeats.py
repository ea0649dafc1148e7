"""Finding what a document says twice, and turning lines and sentences that go into spans."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.leaf import inlined
from dedup.kernels.slots import slot_of
from dedup.kernels.words import decode, finish, folded_piece, folded_range
from dedup.unicode import MARK, WORD

FREE = np.uint64(0)
ONE = np.uint64(1)
SPACE, TAB = np.uint8(0x20), np.uint8(0x09)


@inlined
def look_up(keys, secret, mask, key):
    """Return the slot of a key in an open-addressing table, or the free slot where it would go."""
    slot = slot_of(key, secret, mask)
    while keys[slot] != FREE and keys[slot] != key:
        slot = (slot + ONE) & mask
    return np.int64(slot)


@njit(cache=True, nogil=True)
def find_signs(data, starts, ends, widths, widest, reach, signs):
    """Say which lines may end in a credit: in a bracket, or with a colon, a bar, a dash, a slash or © near the end.

    A colon that ends the line or begins an address is no sign, nor is a bracket right behind another one: a link.

    Args:
        data: uint8[], UTF-8.
        starts: int64[lines].
        ends: int64[lines], past the last visible character.
        widths: int32[lines].
        widest: Columns of the widest line that is looked at.
        reach: Bytes before the end that are looked at.
        signs: bool[lines], out.
    """
    for line in range(starts.shape[0]):
        signs[line] = False
        if widths[line] > widest:
            continue
        for at in range(max(starts[line] + 2, ends[line] - reach), ends[line] - 1):
            byte, before, after = np.int64(data[at]), np.int64(data[at - 1]), np.int64(data[at + 1])
            if (
                (byte == 0x7C)  # |
                or (byte in (0x28, 0x5B) and before != 0x5D)  # ( and [
                or (byte == 0x3A and after != 0x2F)  # :
                or (byte == 0x2F and before != 0x2F and before != 0x3A and after != 0x2F)  # /
                or (byte == 0x3D and before >= 0x80)  # = behind 사진
                or (byte == 0x2D and before == SPACE and after == SPACE)  # -
                or (byte == 0xA9 and before == 0xC2)  # ©
                or (byte in (0x93, 0x94) and before == 0x80)  # – and —
                or (byte == 0xBC and before == 0xEF and after in (0x88, 0x9A))  # wide ( and :
                or (byte == 0x80 and before == 0xE3 and after == 0x90)  # 【
            ):
                signs[line] = True
                break


@njit(cache=True, nogil=True)
def spare_lone_beginnings(data, line_offsets, starts, ends, line_keys, points, letters, secret, signs):
    """Take the sign from lines that begin like no other line of their document, copies of the line itself aside.

    Two lines begin alike if their first `letters` letters and digits are the same after folding, marks aside.

    Args:
        data: uint8[], UTF-8.
        line_offsets: int64[rows + 1].
        starts: int64[lines].
        ends: int64[lines].
        line_keys: uint64[lines], equal for copies of one line.
        points: The Unicode tables.
        letters: How many characters are compared.
        secret: Places keys in tables (`slots.SECRET`).
        signs: bool[lines], in and out.
    """
    packed, expansion_offsets, expansions, _ordered = points
    beginnings = np.zeros(16, np.uint64)
    keys = np.zeros(16, np.uint64)
    copies = np.zeros(16, np.uint64)
    differ = np.zeros(16, np.bool_)
    for row in range(line_offsets.shape[0] - 1):
        first, last = line_offsets[row], line_offsets[row + 1]
        signed = 0
        for line in range(first, last):
            # Not `any`: to load what numba compiled it to takes importing its linear algebra, and scipy's.
            signed += signs[line]
        if signed == 0:
            continue
        size = 16
        while size < 2 * (last - first):
            size *= 2
        if size > keys.shape[0]:
            beginnings = np.zeros(size, np.uint64)
            keys = np.zeros(size, np.uint64)
            copies = np.zeros(size, np.uint64)
            differ = np.zeros(size, np.bool_)
        keys[:size] = FREE
        differ[:size] = False
        mask = np.uint64(size - 1)
        for line in range(first, last):
            h = ONE
            taken = 0
            at = starts[line]
            while at < ends[line] and taken < letters:
                code_point, length = decode(data, at)
                at += length
                entry = np.int64(packed[code_point])
                low, high = folded_range(expansion_offsets, entry)
                if low == high:
                    continue
                folded = folded_piece(expansions, entry, low)
                flags = np.int64(packed[folded])
                if flags & WORD and not flags & MARK:
                    h = finish(h ^ np.uint64(folded))
                    taken += 1
            beginnings[line - first] = max(h, ONE)
            if taken:
                slot = look_up(keys, secret, mask, beginnings[line - first])
                if keys[slot] == FREE:
                    keys[slot], copies[slot] = beginnings[line - first], line_keys[line]
                differ[slot] |= copies[slot] != line_keys[line]
        for line in range(first, last):
            if signs[line]:
                signs[line] = differ[look_up(keys, secret, mask, beginnings[line - first])]


@njit(cache=True, nogil=True)
def find_repeats(
    line_offsets, line_keys, line_cores, line_widths, marked, segment_offsets, segment_keys, segment_widths,
    least, least_adjacent, most_units, most_times, verse_units, verse_times, secret, line_keepers, segment_keepers,
    structured,
):  # fmt: skip
    """Tie every later copy of a line or sentence to its first copy in the document.

    Lines are compared whole first, then the sentences of lines that are new. Units are numbered: segment s is s, a line
    of several segments is `segments + line`.

    Args:
        line_offsets: int64[rows + 1]; line l has segments segment_offsets[l]:segment_offsets[l + 1].
        line_keys: uint64[lines], 0 for lines without words, which are never repeats.
        line_cores: uint64[lines], key of the line without the credit at its end; 0 for a line without one.
        line_widths: int32[lines].
        marked: bool[lines], lines that go already and are not looked at.
        segment_offsets: int64[lines + 1].
        segment_keys: uint64[segments].
        segment_widths: int32[segments].
        least: Columns from which a unit can be a repeat.
        least_adjacent: Columns from which a line can be a repeat of the line right above it or of the title.
        most_units: A document with this many different repeated units is a structured page and left alone.
        most_times: So is one that says one unit this many times.
        verse_units: So is one with this many repeated units ...
        verse_times: ... of which one stands this many times.
        secret: Places keys in tables (`slots.SECRET`).
        line_keepers: int64[lines], out, the unit that stays instead of the line; -1 where it stays itself.
        segment_keepers: int64[segments], out, the same for a sentence in a line that stays.
        structured: bool[rows], out, had repeats but was left alone.
    """
    segments = segment_keys.shape[0]
    keys = np.zeros(16, np.uint64)
    units = np.zeros(16, np.int64)
    times = np.zeros(16, np.int64)
    for row in range(line_offsets.shape[0] - 1):
        start, end = line_offsets[row], line_offsets[row + 1]
        size = 16
        while size < 2 * (2 * (end - start) + segment_offsets[end] - segment_offsets[start]):
            size *= 2
        if size > keys.shape[0]:
            keys = np.zeros(size, np.uint64)
            units = np.zeros(size, np.int64)
            times = np.zeros(size, np.int64)
        else:
            keys[:size] = FREE
        mask = np.uint64(size - 1)
        title = np.int64(-1)
        above = np.int64(-1)
        repeated = 0
        most = 0
        for line in range(start, end):
            key = line_keys[line]
            if key == FREE or marked[line]:
                continue
            first_segment, last_segment = segment_offsets[line], segment_offsets[line + 1]
            own = first_segment if last_segment - first_segment == 1 else segments + line
            if title < 0:
                title = own
            slot = look_up(keys, secret, mask, key)
            core = line_cores[line]
            if keys[slot] != key and core != FREE:
                core_slot = look_up(keys, secret, mask, core)
                if keys[core_slot] == core:
                    slot = core_slot
                    key = core
            if keys[slot] == key:
                unit = units[slot]
                if line_widths[line] >= least or (line_widths[line] >= least_adjacent and unit in (above, title)):
                    line_keepers[line] = unit
                    times[slot] += 1
                    repeated += times[slot] == 2
                    most = max(most, times[slot])
                    # What is above the next line in the cleaned text is still the line before this one.
                    continue
            else:
                keys[slot], units[slot], times[slot] = key, own, 1
                if core != FREE:
                    slot = look_up(keys, secret, mask, core)
                    if keys[slot] != core:
                        keys[slot], units[slot], times[slot] = core, own, 1
            above = own
            if last_segment - first_segment == 1:
                continue
            for segment in range(first_segment, last_segment):
                key = segment_keys[segment]
                if key == FREE:
                    continue
                slot = look_up(keys, secret, mask, key)
                if keys[slot] != key:
                    keys[slot], units[slot], times[slot] = key, segment, 1
                elif segment_widths[segment] >= least and units[slot] != own:
                    # A line with one sentence and a wordless rest ("...") has its sentence's key: that is no repeat.
                    segment_keepers[segment] = units[slot]
                    times[slot] += 1
                    repeated += times[slot] == 2
                    most = max(most, times[slot])
        if repeated >= most_units or most >= most_times or (repeated >= verse_units and most >= verse_times):
            structured[row] = True
            line_keepers[start:end] = -1
            segment_keepers[segment_offsets[start] : segment_offsets[end]] = -1


@njit(cache=True, nogil=True)
def cut_spans(
    data, text_offsets, line_offsets, line_starts, line_ends, line_text_ends, line_widths, marked, line_keepers,
    segment_offsets, segment_starts, segment_ends, segment_keepers, rows, lines, units, starts, ends,
):  # fmt: skip
    """Turn what goes into spans, in order; return how many.

    A line goes with its line ending, and with the blank line after it where it would leave two blank lines in a row. A
    sentence goes with the space after it, or before it at the end of its line.

    Args:
        data: uint8[], UTF-8.
        text_offsets: int64[rows + 1].
        line_offsets: int64[rows + 1].
        line_starts: int64[lines], bytes in `data`.
        line_ends: int64[lines], past the line ending.
        line_text_ends: int64[lines], past the last visible character.
        line_widths: int32[lines], 0 for lines without words.
        marked: bool[lines], boilerplate.
        line_keepers: int64[lines] of `find_repeats`.
        segment_offsets: int64[lines + 1].
        segment_starts: int64[segments].
        segment_ends: int64[segments].
        segment_keepers: int64[segments] of `find_repeats`.
        rows: int64[spans], out.
        lines: int64[spans], out, the line the span is in.
        units: int64[spans], out, the unit that stays instead; -1 for boilerplate.
        starts: int64[spans], out, bytes from the start of the text.
        ends: int64[spans], out.
    """
    count = 0
    for row in range(line_offsets.shape[0] - 1):
        base = text_offsets[row]
        blank_above = False
        line = line_offsets[row]
        last = line_offsets[row + 1]
        while line < last:
            blank = line_text_ends[line] == line_starts[line]
            first_segment, last_segment = segment_offsets[line], segment_offsets[line + 1]
            going = 0
            for segment in range(first_segment, last_segment):
                going += segment_keepers[segment] >= 0
            whole = marked[line] or line_keepers[line] >= 0
            if not whole and going < last_segment - first_segment:
                previous_going = False
                for segment in range(first_segment, last_segment):
                    if segment_keepers[segment] < 0:
                        previous_going = False
                        continue
                    start, end = segment_starts[segment], segment_ends[segment]
                    rest_goes = True
                    for later in range(segment + 1, last_segment):
                        rest_goes = rest_goes and segment_keepers[later] >= 0
                    if rest_goes and not previous_going:
                        while start > line_starts[line] and (data[start - 1] == SPACE or data[start - 1] == TAB):
                            start -= 1
                    if segment == last_segment - 1:
                        end = line_text_ends[line]
                    rows[count], lines[count], units[count] = row, line, segment_keepers[segment]
                    starts[count], ends[count] = start - base, end - base
                    count += 1
                    previous_going = True
                blank_above = blank
                line += 1
                continue
            end = line_ends[line]
            following = line + 1
            if blank_above and following < last and line_text_ends[following] == line_starts[following]:
                end = line_ends[following]
                following += 1
            if whole:
                rows[count], lines[count] = row, line
                units[count] = -1 if marked[line] else line_keepers[line]
                starts[count], ends[count] = line_starts[line] - base, end - base
                count += 1
            else:
                for segment in range(first_segment, last_segment):
                    rows[count], lines[count], units[count] = row, line, segment_keepers[segment]
                    starts[count] = segment_starts[segment] - base
                    ends[count] = (end if segment == last_segment - 1 else segment_ends[segment]) - base
                    count += 1
            line = following
    return count
