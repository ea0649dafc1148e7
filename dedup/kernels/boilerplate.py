"""The keys that lines are counted by, and which lines of a document go, by the lines beside them."""

from __future__ import annotations

import numpy as np
from numba import njit

# What a line is. Only the first three kinds are units, which are counted; BARRED ones are neither units nor neighbours.
EXACT, DATED, COUNTED, BARE, BLANK, BARRED = range(6)

# Rows of the keys of a line: of its words with numbers masked, of its very words where these are others, of the line
# and the one before it, of its label.
LINE_KEY, FORM_KEY, PAIR_KEY, LABEL_KEY, KEYS = range(5)

# Set the keys of different kinds apart.
LINE_SALT, FORM_SALT, LABEL_SALT, PAIR_SALT, EDGE_SALT, BARE_SALT = 0, 2, 3, 4, 5, 6

# What is known of a line besides how often it stands: it varies from article to article; it stands several times in a
# document; it says when it was published; it stands behind a label, one of links to other articles; the user lists it.
VARIES, CROWDED, DATELINE, LABELLED, LINKING, LISTED = 1, 2, 4, 8, 16, 32

# Why a line goes: listed by the user; in a run of lines that recur; as a link to another article; between such lines
# below the text; as a number or sign between lines that go. Above these, why it would have gone.
STAYS, AS_LISTED, IN_RUN, AS_LINK, IN_GAP, AS_SIGN = range(6)
FEW, ONCE = 6, 7


@njit(cache=True, nogil=True)
def mix(key, source_key, salt):
    """Return what `dedup.versions.mix` makes of a key."""
    salted = key ^ ((source_key + salt) * np.uint64(0x9E3779B97F4A7C15))
    salted = (salted ^ (salted >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return salted ^ (salted >> np.uint64(27))


@njit(cache=True, nogil=True)
def key_lines(
    line_offsets, starts, text_ends, barred, k0, k1, numbers, dates, labels, source_keys, mask_alone, kinds, keys, ends
):
    """Say what every line is, and make its keys, mixed with the source of its document.

    Args:
        line_offsets: int64[rows + 1].
        starts: int64[lines], bytes.
        text_ends: int64[lines], bytes; equal to the start of a blank line.
        barred: bool[lines], are no units.
        k0: uint64[lines], 0 for lines without words.
        k1: uint64[lines].
        numbers: uint8[lines], masked plain numbers.
        dates: uint8[lines], masked dates.
        labels: uint64[lines], 0 for lines without a label.
        source_keys: uint64[rows].
        mask_alone: The K1 of a line of nothing but a number or a date.
        kinds: uint8[lines], out.
        keys: uint64[KEYS, lines], out, all 0; what a line does not have stays 0.
        ends: uint64[rows], out: of the pair of the last unit and the end of the document; 0 without a unit there.
    """
    for row in range(line_offsets.shape[0] - 1):
        source_key = source_keys[row]
        before = mix(source_key, np.uint64(0), np.uint64(EDGE_SALT))
        between = np.uint64(0)
        for line in range(line_offsets[row], line_offsets[row + 1]):
            if text_ends[line] == starts[line]:
                kinds[line] = BLANK
                continue
            if barred[line]:
                kinds[line] = BARRED
                before = between = np.uint64(0)
                continue
            if k0[line] == np.uint64(0) or k1[line] == mask_alone:
                # What stands between two lines has to be the same for them to be the same pair.
                kinds[line] = BARE
                between = mix(k0[line], between, np.uint64(BARE_SALT))
                continue
            key = mix(k1[line], source_key, np.uint64(LINE_SALT))
            # Digits in words, "A4", are masked too, though they are no numbers.
            kinds[line] = EXACT
            if dates[line]:
                kinds[line] = DATED
            if numbers[line] or (dates[line] == 0 and k0[line] != k1[line]):
                kinds[line] = COUNTED
            keys[LINE_KEY, line] = key
            if kinds[line] != EXACT:
                keys[FORM_KEY, line] = mix(k0[line], source_key, np.uint64(FORM_SALT))
            if labels[line] != np.uint64(0):
                keys[LABEL_KEY, line] = mix(labels[line], source_key, np.uint64(LABEL_SALT))
            if before != np.uint64(0):
                keys[PAIR_KEY, line] = mix(before ^ between, key, np.uint64(PAIR_SALT))
            before, between = key, np.uint64(0)
        ends[row] = np.uint64(0)
        edge = mix(source_key, np.uint64(1), np.uint64(EDGE_SALT))
        if before != np.uint64(0):
            ends[row] = mix(before ^ between, edge, np.uint64(PAIR_SALT))


@njit(cache=True, nogil=True)
def is_evidence(traits, other):
    """Say whether a line can be the neighbour that makes another furniture: it does not vary, or says just a date."""
    return (traits[other] & VARIES == 0 and traits[other] & LABELLED == 0) or traits[other] & DATELINE != 0


@njit(cache=True, nogil=True)
def begins_text(at, size, text, widths, block):
    """Say whether a sentence of the article's own is long, or one of several."""
    if not text[at]:
        return False
    if widths[at] >= block:
        return True
    several = 0
    for other in range(max(0, at - 3), min(size, at + 4)):
        several += text[other]
    return several > 1


@njit(cache=True, nogil=True)
def mark(
    line_offsets, kinds, line_widths, terminated, line_traits, line_carried, line_pairs, end_pairs, articles, skipped,
    rule, full, reasons, contexts, whole,
):  # fmt: skip
    """Say which lines of each document go, and on what evidence.

    Args:
        line_offsets: int64[rows + 1].
        kinds: uint8[lines].
        line_widths: int32[lines], columns.
        terminated: bool[lines], end like a sentence.
        line_traits: uint8[lines], VARIES ... LISTED.
        line_carried: int64[lines], different articles that carry the line.
        line_pairs: int64[lines], different articles in which it follows the line before it; 1 for this one only.
        end_pairs: int64[rows], the same for the last line and the end of the document.
        articles: int64[rows], of the source.
        skipped: bool[rows], documents of which only listed lines go.
        rule: The thresholds (`dedup.boilerplate.Rule`).
        full: Whether what stands once between lines that go, below the text, goes too.
        reasons: uint8[lines], out, STAYS ... ONCE.
        contexts: int64[lines], out, different articles in which the line stands beside the same neighbour.
        whole: bool[rows], out: every line with text would have gone, so none does.
    """
    most = 1
    for row in range(line_offsets.shape[0] - 1):
        most = max(most, line_offsets[row + 1] - line_offsets[row])
    lines = np.empty(most, np.int64)
    traits = np.empty(most, np.uint8)
    widths = np.empty(most, np.int64)
    carried = np.empty(most, np.int64)
    pairs = np.empty(most + 1, np.int64)
    context = np.empty(most, np.int64)
    wide = np.empty(most, np.int64)
    least = np.empty(most, np.float64)
    enough = np.empty(most, np.int64)
    prose = np.empty(most, np.bool_)
    text = np.empty(most, np.bool_)
    sure = np.empty(most, np.bool_)
    steady = np.empty(most, np.bool_)
    likely = np.empty(most, np.bool_)
    firm = np.empty(most, np.bool_)
    why = np.empty(most, np.uint8)
    runs = np.empty((most, 2), np.int64)
    taken = np.empty(most, np.bool_)
    for row in range(line_offsets.shape[0] - 1):
        start, stop = line_offsets[row], line_offsets[row + 1]
        whole[row] = False
        size = 0
        for line in range(start, stop):
            reasons[line] = STAYS
            contexts[line] = 0
            if kinds[line] in (BARE, BLANK):
                continue
            lines[size] = line
            traits[size] = line_traits[line]
            widths[size] = line_widths[line]
            carried[size] = line_carried[line]
            pairs[size] = line_pairs[line]
            prose[size] = terminated[line] and line_widths[line] >= rule.sentence_columns
            why[size] = STAYS
            size += 1
        if size == 0:
            continue
        pairs[size] = end_pairs[row]
        n = articles[row]
        is_judged = not skipped[row] and n >= rule.usual_articles
        if is_judged:
            find_context(size, kinds, lines, traits, prose, pairs, n, rule, context, wide)
            top = 0
            while top < size and (context[top] >= rule.articles or traits[top] & VARIES != 0):
                top += 1
            bottom = 0
            while bottom < size and (
                context[size - 1 - bottom] >= rule.articles or traits[size - 1 - bottom] & VARIES != 0
            ):
                bottom += 1
            # A source may be several sites: the share is of the articles with this frame, where a document has one.
            frame = 0
            if top >= rule.frame:
                frame = max(frame, context[:top].max())
            if bottom >= rule.frame:
                frame = max(frame, context[size - bottom : size].max())
            usual = max(float(rule.articles), rule.share * (min(n, frame) if frame else n))
            for i in range(size):
                asked = min(max(float(rule.sentence_articles), rule.sentence_share * n), 0.5 * n)
                least[i] = max(usual, asked) if prose[i] else usual
                steady[i] = context[i] >= rule.steady * carried[i]
                is_fixed = traits[i] & (VARIES | CROWDED | LABELLED) == 0
                sure[i] = is_fixed and steady[i] and context[i] >= least[i]
                text[i] = carried[i] == 1 and prose[i]
            body = find_body(size, text, widths, rule.block)
            ask_above(body, context, widths, rule, size, enough)
            for i in range(size):
                varies = traits[i] & (VARIES | LABELLED) != 0
                likely[i] = sure[i] or (wide[i] if varies else context[i]) >= enough[i]
                firm[i] = (
                    sure[i]
                    or (traits[i] & DATELINE != 0 and likely[i])
                    or (not varies and not prose[i] and (steady[i] or context[i] >= rule.firm * least[i]))
                )
            found = find_runs(size, context, text, widths, sure, likely, firm, kinds, lines, stop, rule, runs)
            choose_runs(found, size, n, context, text, traits, sure, rule, runs, taken)
            for k in range(found):
                if taken[k]:
                    mark_run(runs[k, 0], runs[k, 1], size, prose, traits, sure, rule, why)
            mark_links(size, body, context, traits, widths, rule, why)
            mark_gaps(size, text, widths, traits, carried, rule, full, why)
        gone = 0
        for i in range(size):
            if traits[i] & LISTED:
                why[i] = AS_LISTED
            gone += STAYS < why[i] < FEW
            recurs = carried[i] >= rule.articles and widths[i] >= rule.flagged
            if why[i] == STAYS and recurs and is_judged and kinds[lines[i]] != BARRED:
                why[i] = FEW
        if gone == size:
            whole[row] = True
            continue
        for i in range(size):
            reasons[lines[i]] = why[i]
            contexts[lines[i]] = 0 if not is_judged else max(context[i], wide[i] if why[i] == IN_RUN else 0)
        if gone:
            mark_signs(start, stop, kinds, line_widths, line_pairs, end_pairs[row], full, reasons)


@njit(cache=True, nogil=True)
def find_context(size, kinds, lines, traits, prose, pairs, n, rule, context, wide):
    """Say in how many articles each unit stands beside the same neighbour.

    `context` counts neighbours that are evidence only, `wide` all. The edges of a document count where enough articles
    have the line there; above all else only sentences count, and fewer are enough, for they are neither headlines nor
    formulas.
    """
    edge = max(float(rule.edge_articles), rule.edge_share * n)
    top = max(float(rule.usual_articles), rule.edge_share * n)
    for i in range(size):
        context[i] = wide[i] = 1
        if kinds[lines[i]] == BARRED:
            continue
        for side in range(2):
            pair = pairs[i + side]
            other = i - 1 + 2 * side
            if 0 <= other < size:
                wide[i] = max(wide[i], pair)
                if is_evidence(traits, other) and kinds[lines[other]] != BARRED:
                    context[i] = max(context[i], pair)
            elif pair >= edge if other >= 0 else prose[i] and pair >= top:
                context[i] = max(context[i], pair)
                wide[i] = max(wide[i], pair)


@njit(cache=True, nogil=True)
def find_body(size, text, widths, block):
    """Return the unit at which the article's own text begins; `size` if it has none."""
    first = size
    for i in range(size):
        if text[i]:
            first = min(first, i)
            if begins_text(i, size, text, widths, block):
                return i
    return first


@njit(cache=True, nogil=True)
def ask_above(body, context, widths, rule, size, enough):
    """Say how many articles are enough for a line in a run.

    Above the text, few are enough only where some other line is left to be the headline, and where the template has
    been by itself for a while.
    """
    enough[:size] = rule.grow
    left = False
    stretch = 0
    for i in range(body - 1, -1, -1):
        if not left or stretch < rule.above:
            enough[i] = max(rule.grow, rule.articles)
        left = left or (context[i] < rule.grow and widths[i] >= rule.headline)
        stretch += context[i] >= rule.articles


@njit(cache=True, nogil=True)
def find_runs(size, context, text, widths, sure, likely, firm, kinds, lines, stop, rule, runs):
    """Find the runs of likely units with a sure one; where a run meets other lines, it ends with a firm one."""
    found = 0
    start = 0
    while start < size:
        end = start
        while end < size and likely[end]:
            end += 1
        first, last = start, end
        while 0 < first < last and not firm[first]:
            first += 1
        while first < last < size and not firm[last - 1]:
            last -= 1
        # What stands right above the text may be its headline.
        if end < size and begins_text(end, size, text, widths, rule.block):
            while first < last and context[last - 1] < rule.articles and not sure[last - 1]:
                last -= 1
        some = False
        for i in range(first, last):
            some = some or sure[i]
        if some and not (last < size and heads_figures(first, last, kinds, lines, stop, rule)):
            runs[found, 0], runs[found, 1] = first, last
            found += 1
        start = max(end, start + 1)
    return found


@njit(cache=True, nogil=True)
def heads_figures(first, last, kinds, lines, stop, rule):
    """Say whether a short run stands above figures, a line each: then it is the head of a table."""
    if last - first >= rule.table_run:
        return False
    figures = 0
    at = lines[last - 1] + 1
    while at < stop and at <= lines[last - 1] + rule.table_reach:
        figures += kinds[at] == BARE
        at += 1
    return figures >= rule.table_figures


@njit(cache=True, nogil=True)
def choose_runs(found, size, n, context, text, traits, sure, rule, runs, taken):
    """Say which runs go: long ones, and shorter ones beside those, or at the edge of the document.

    How long depends on where a run is: between an article's own sentences most lines are wanted, fewer above all of
    them, and fewest below. A short run at the edge goes if it stands in half of the articles, and one near
    the edge if it says when the article was published, too.
    """
    first_text, last_text = size, size
    for i in range(size):
        if text[i]:
            first_text = min(first_text, i)
            last_text = i
    for k in range(found):
        first, last = runs[k, 0], runs[k, 1]
        many, most, dated = 0, 0, 0
        for i in range(first, last):
            many += sure[i]
            dated += traits[i] & DATELINE != 0
            if sure[i]:
                most = max(most, context[i])
        asked = rule.between
        if first > last_text:
            asked = rule.below
        elif last <= first_text:
            asked = rule.ahead
        is_near = first <= rule.apart or size - last <= rule.apart
        is_edge = first == 0 or last == size
        is_usual = most >= max(float(rule.usual_articles), rule.usual_share * n)
        taken[k] = (
            many >= asked
            or (is_edge and many >= rule.edge)
            or (is_edge and is_usual)
            or (is_near and is_usual and dated > 0 and many + dated >= rule.near)
        )
    # Those close to others that go, from one to the next: downwards, then upwards.
    for k in range(1, found):
        taken[k] |= taken[k - 1] and is_close(runs[k - 1, 1], runs[k, 0], text, rule.apart)
    for k in range(found - 2, -1, -1):
        taken[k] |= taken[k + 1] and is_close(runs[k, 1], runs[k + 1, 0], text, rule.apart)


@njit(cache=True, nogil=True)
def is_close(start, end, text, apart):
    """Say whether but few units, none of them a sentence of the article's own, stand between two runs."""
    own = 0
    for i in range(start, end):
        own += text[i]
    return end - start <= apart and own == 0


@njit(cache=True, nogil=True)
def mark_run(first, last, size, prose, traits, sure, rule, why):
    """Mark the units of a run.

    A sentence that few articles carry may be theirs, and a line that varies a fact: they go between sure lines only.
    """
    above, below = 0, 0
    for i in range(first, last):
        below += sure[i]
    for i in range(first, last):
        below -= sure[i]
        sides = min(above + size * (first == 0), below + size * (last == size))
        asked = 0
        if (traits[i] & VARIES and traits[i] & DATELINE == 0) or traits[i] & (LABELLED | CROWDED):
            asked = rule.varying_sides
        if prose[i]:
            asked = max(asked, rule.sentence_sides)
        if sure[i] or sides >= asked:
            why[i] = IN_RUN
        above += sure[i]


@njit(cache=True, nogil=True)
def mark_links(size, body, context, traits, widths, rule, why):
    """Mark links to other articles; above the text, only below a line that can be the headline."""
    left = False
    for i in range(size):
        if why[i] == STAYS and traits[i] & LINKING and (left or i > body):
            why[i] = AS_LINK
        left = left or (why[i] == STAYS and widths[i] >= rule.headline)


@njit(cache=True, nogil=True)
def mark_gaps(size, text, widths, traits, carried, rule, full, why):
    """Mark what stands between lines that go, below the last text, where the template has been by itself for a while.

    Unless `full`, what stands once there is only flagged, and what stands several times in a document stays.
    """
    last_text = -1
    at = 0
    while at < size:
        end = at
        own, long = 0, False
        while end < size and (why[end] != STAYS) == (why[at] != STAYS):
            own += text[end]
            long = long or (text[end] and widths[end] >= rule.block)
            end += 1
        if why[at] == STAYS and (own > 1 or long):
            last_text = at
        at = end
    stretch = 0
    seen = False
    at = 0
    while at < size:
        end = at
        own = False
        # Marks are set behind `end` only.
        is_gap = why[at] == STAYS
        while end < size and (why[end] == STAYS) == is_gap:
            own = own or text[end]
            end += 1
        if not is_gap:
            stretch += end - at
        elif seen and stretch >= rule.gap_after and at > last_text and end < size:
            for i in range(at, end):
                if full or traits[i] & CROWDED == 0:
                    why[i] = IN_GAP if full or carried[i] > 1 else ONCE
            stretch += end - at
        elif own or end - at >= rule.gap_break:
            stretch = 0
        seen = seen or (is_gap and own)
        at = end


@njit(cache=True, nogil=True)
def mark_signs(start, stop, kinds, widths, pairs, end_pair, full, reasons):
    """Mark numbers and signs both of whose neighbours go; numbers only where they recur there, unless `full`."""
    before = True
    line = start
    waiting = start
    has_number = False
    while line <= stop:
        if line < stop and kinds[line] in (BARE, BLANK):
            has_number = has_number or (kinds[line] == BARE and widths[line] > 0)
            line += 1
            continue
        goes = line == stop or STAYS < reasons[line] < FEW
        recurs = (end_pair if line == stop else pairs[line]) > 1
        if before and goes and (full or recurs or not has_number):
            for sign in range(waiting, line):
                if kinds[sign] == BARE:
                    reasons[sign] = AS_SIGN
        before, has_number = goes, False
        line += 1
        waiting = line


@njit(cache=True, nogil=True)
def bar_markup(data, starts, text_ends, barred):
    """Bar lines that begin a section, "§ 1", are in brackets, hold a mark of a dialogue, "<|a|>", or name, "-- B"."""
    for line in range(starts.shape[0]):
        start, end = starts[line], text_ends[line]
        while start < end and (data[start] == 0x20 or data[start] == 0x09):
            start += 1
        if end - start < 2:
            continue
        is_section = data[start] == 0xC2 and data[start + 1] == 0xA7
        is_turn = (data[start] == 0x3C and data[start + 1] == 0x7C) or (data[end - 2] == 0x7C and data[end - 1] == 0x3E)
        is_name = data[start] == 0x2D and data[start + 1] == 0x2D
        barred[line] |= is_section or is_turn or is_name or (data[start] == 0x28 and data[end - 1] == 0x29)
