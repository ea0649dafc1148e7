"""Which repeats are accidents, the slow and obvious way: one document, as a list of lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dedup.kernels.accidents import BRACKETED, CREDITED, IS_CREDIT, LABELLED, NUMBERED, PLAIN, Limits

Unit = tuple[int, int]
"""A sentence of a line, or with -1 the whole of a line of several."""


@dataclass
class Line:
    """A line as the kernel sees it; `keeper` is the unit of which it is a later copy."""

    key: int
    width: int
    sentences: int
    is_open: bool
    label: int
    kind: int
    credited: int
    is_marked: bool
    is_fragment: bool
    leads_in: bool
    is_blank: bool
    keeper: Unit | None = None
    is_gone: bool = False


class Document:
    """What is known of the lines that are no copies, and which copies have gone so far."""

    def __init__(self, lines: Sequence[Line], limits: Limits) -> None:
        self.lines, self.limits = lines, limits
        rest = [n for n, line in enumerate(lines) if self.has_words(n) and not line.is_fragment and not line.keeper]
        self.firsts, paragraphs = rest[:3], [n for n in rest if self.is_paragraph(n)]
        self.body = paragraphs[0] if paragraphs else -1
        self.body_end = paragraphs[-1] if paragraphs else -1
        columns = sum(lines[n].width for n in rest)
        in_paragraphs = sum(lines[n].width for n in paragraphs)
        opens = sum(lines[n].sentences == 1 and lines[n].is_open for n in rest[1:])
        narrow = [n for n in rest if n not in paragraphs and lines[n].sentences == 1 and not lines[n].is_open]
        self.is_article = in_paragraphs > 0 and 100 * in_paragraphs >= limits.share * columns
        self.is_list = (in_paragraphs == 0 and opens >= limits.opens and 2 * opens >= len(rest)) or (
            not self.is_article
            and len(narrow) >= limits.statements
            and 2 * sum(lines[n].width for n in narrow) >= columns
        )
        self.kinds = Counter(lines[n].kind for n in rest if self.is_counted(n))
        self.times = Counter(line.keeper for line in lines if line.keeper)

    def has_words(self, number: int) -> bool:
        return self.lines[number].key != 0 and not self.lines[number].is_marked

    def is_counted(self, number: int) -> bool:
        return self.lines[number].sentences == 1 or self.lines[number].kind in (NUMBERED, BRACKETED)

    def is_paragraph(self, number: int) -> bool:
        line = self.lines[number]
        return line.width >= (self.limits.wide if line.sentences == 1 else self.limits.paragraph)

    def unit(self, number: int) -> Unit:
        line = self.lines[number]
        return line.keeper or ((number, 0) if line.sentences == 1 else (number, -1))

    def below(self, number: int) -> int:
        for other in range(number + 1, len(self.lines)):
            if self.has_words(other) and not self.lines[other].keeper:
                return -1 if self.lines[other].is_fragment else other
        return -1

    def said(self, unit: Unit) -> int:
        return self.times[unit] + 1

    def places(self, unit: Unit) -> int:
        count, before = 1, None
        for number, line in enumerate(self.lines):
            if self.has_words(number) and not line.is_gone:
                count += line.keeper == unit and before != unit
                before = self.unit(number)
        return count

    def is_heading(self, number: int) -> bool:
        line = self.lines[number]
        if number < 0 or line.sentences > 1 or line.leads_in:
            return number >= 0 and line.leads_in
        return line.kind != PLAIN or (line.is_open and line.width <= self.limits.heading)

    def has_credit(self, number: int) -> bool:
        below = self.below(number)
        return bool(self.lines[number].credited & CREDITED or (below >= 0 and self.lines[below].credited & IS_CREDIT))

    def is_statement(self, number: int, kept: int) -> bool:
        kind = self.lines[number].kind
        if kind == PLAIN or not self.is_article:
            return kind == PLAIN
        others = self.kinds[kind] - (self.lines[kept].kind == kind and self.is_counted(kept))
        same = [
            n
            for n, line in enumerate(self.lines)
            if not line.keeper and n != kept and line.label == self.lines[number].label
        ]
        return others == 0 or (kind == LABELLED and others < self.limits.turns and not same)

    def is_headline(self, number: int, above: int, worded: int) -> bool:
        if above >= 0 and self.lines[above].leads_in:
            return False
        is_open = self.lines[number].is_open
        if worded <= self.limits.head and (is_open or self.is_article):
            return True
        return self.is_article and number > self.body_end and is_open and not self.is_heading(above)

    def is_caption(self, number: int, kept: int, above: int, worded: int) -> bool:
        line = self.lines[number]
        if not self.is_article or line.kind != PLAIN or line.width < self.limits.least or above < 0:
            return False
        if line.sentences > 1:
            is_outside = worded <= self.limits.head or number > self.body_end
            return kept <= (self.firsts[2:] or [-1])[0] and is_outside and not self.is_heading(above)
        if line.is_open and line.width < self.limits.caption:
            return False
        if line.is_open and worded <= 2 * self.limits.head and not self.is_heading(above):
            return self.below(number) >= 0 and self.is_paragraph(self.below(number))
        stood_above = kept < self.body and (not line.is_open or kept in self.firsts[1:2])
        return stood_above and self.is_paragraph(above)

    def look(self) -> bool:
        """Go through the lines once; say whether a copy went."""
        above = follows = -1
        worded = 0
        broken = going = False
        places = {line.keeper: self.places(line.keeper) for line in self.lines if line.keeper}
        for number, line in enumerate(self.lines):
            if line.is_marked or line.is_gone:
                continue
            if not line.key:
                broken |= not line.is_blank
                continue
            unit, reason = self.unit(number), ""
            if line.keeper and self.said(unit) < self.limits.times:
                kept = unit[0]
                is_line = unit == (kept, 0 if self.lines[kept].sentences == 1 else -1)
                if not self.is_list and self.is_statement(number, kept):
                    if not broken and above >= 0 and self.unit(above) == unit:
                        reason = "" if self.lines[above].leads_in else "caption"
                    elif is_line and kept == follows:
                        reason = "headline"
                    elif is_line and kept in self.firsts[:1] and line.sentences == 1:
                        reason = "headline" if self.is_headline(number, above, worded) else ""
                    elif is_line and places[unit] <= 2:
                        reason = "caption" if self.is_caption(number, kept, above, worded) else ""
                is_wide = min(line.width, self.lines[kept].width) >= self.limits.least
                if not reason and is_wide and (self.has_credit(number) or (is_line and self.has_credit(kept))):
                    reason = "caption"
            if reason:
                line.is_gone = going = True
                follows = self.below(unit[0]) if reason == "headline" else -1
                continue
            is_same = not line.keeper and follows >= 0 and line.key == self.lines[follows].key
            follows = self.below(follows) if is_same else -1
            worded += 1
            broken = self.said(unit) >= self.limits.times
            if not broken:
                above = -1 if line.is_fragment else number
        return going


def accidents(lines: Sequence[Line], limits: Limits) -> list[int]:
    """Return the numbers of the copies that go."""
    document = Document(lines, limits)
    while document.look():
        pass
    return [number for number, line in enumerate(lines) if line.is_gone]


def accidental_sentences(
    keys: Sequence[int], keepers: Sequence[int | None], is_flat: bool, longest: int, opening: int, reach: int, run: int
) -> dict[int, int]:
    """Return the sentence or other unit that stays for each sentence of one line that goes."""
    goes: dict[int, int] = {}
    at = 0
    while at < len(keys):
        keeper = keepers[at]
        if keeper is None:
            at += 1
            continue
        sizes = [n for n in range(1, longest + 1) if at >= n and list(keys[at - n : at]) == list(keys[at : at + n])]
        if sizes:
            for place in range(at, at + sizes[0]):
                own, before = keepers[place], place - sizes[0]
                goes[place] = goes.get(before, before) if own is None else own
            at += sizes[0]
            continue
        along = 1
        while at + along < len(keys) and keepers[at + along] == keeper + along:
            along += 1
        if is_flat and 0 <= keeper < at and ((keeper == 0 and at <= reach) or (keeper < opening and along >= run)):
            goes.update({place: keeper + place - at for place in range(at, at + along)})
        at += along
    return goes
