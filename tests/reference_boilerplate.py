"""The slow, obvious twins of `dedup.kernels.boilerplate`: lists of lines, looked at one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dedup.boilerplate import Rule
from tests.reference import mixed


class CountedLine(NamedTuple):
    """A line as counting sees it: its keys, 0 for none, and how many numbers and dates are masked in K1."""

    k0: int
    k1: int
    numbers: int = 0
    dates: int = 0
    label: int = 0
    is_blank: bool = False
    is_barred: bool = False


class Keys(NamedTuple):
    """What a line is, and what it is counted by; 0 for none."""

    kind: str
    line: int = 0
    form: int = 0
    pair: int = 0
    label: int = 0


def key_lines(lines: Sequence[CountedLine], source: int, mask_alone: int) -> tuple[list[Keys], int]:
    """Return the keys of the lines of a document, and that of its last one and the end."""
    found = []
    before: int | None = mixed(source, 0, 5)
    numbers: list[int] = []

    def pair_with(key: int) -> int:
        between = 0
        for number in numbers:
            between = mixed(number, between, 6)
        return 0 if before is None else mixed(before ^ between, key, 4)

    for line in lines:
        if line.is_blank:
            found.append(Keys("blank"))
        elif line.is_barred:
            found.append(Keys("barred"))
            before, numbers = None, []
        elif not line.k0 or line.k1 == mask_alone:
            found.append(Keys("bare"))
            numbers.append(line.k0)
        else:
            kind = (
                "counted" if line.numbers else "dated" if line.dates else "exact" if line.k0 == line.k1 else "counted"
            )
            key = mixed(line.k1, source, 0)
            form = mixed(line.k0, source, 2) if kind != "exact" else 0
            label = mixed(line.label, source, 3) if line.label else 0
            found.append(Keys(kind, key, form, pair_with(key), label))
            before, numbers = key, []
    return found, pair_with(mixed(source, 1, 5))


def is_barred(line: bytes) -> bool:
    """Say whether a line begins a section, holds a mark of a dialogue, is in brackets, or a name behind dashes."""
    line = line.lstrip(b" \t")
    is_in_brackets = line[:1] == b"(" and line[-1:] == b")"
    return len(line) > 1 and (line.startswith(("§".encode(), b"<|", b"--")) or line.endswith(b"|>") or is_in_brackets)


class Line(NamedTuple):
    """A line as the decision sees it.

    `pair`: different articles in which it follows the line before it. Traits are those of the kernel, in small letters.
    """

    kind: str = "exact"
    width: int = 20
    ends_sentence: bool = False
    traits: frozenset[str] = frozenset()
    carried: int = 1
    pair: int = 1


class Document(NamedTuple):
    """Lines, how many articles end with the last one, how many articles its source has, and whether it is skipped."""

    lines: list[Line]
    end_pair: int = 1
    articles: int = 1
    is_skipped: bool = False


class Decided(NamedTuple):
    """Why each line goes, its context, and whether all would have gone."""

    reasons: list[str]
    contexts: list[int]
    is_whole: bool


GOING = ("listed", "run", "link", "gap", "sign")


@dataclass
class Unit:
    """A line with words, and what is found out about it."""

    line: Line
    is_prose: bool
    is_own: bool
    context: int = 1
    wide: int = 1
    is_steady: bool = False
    is_sure: bool = False
    is_likely: bool = False
    is_firm: bool = False
    why: str = "stays"

    def has(self, *traits: str) -> bool:
        return bool(self.line.traits & set(traits))

    @property
    def is_evidence(self) -> bool:
        """Whether it makes its neighbour furniture."""
        return self.line.kind != "barred" and (self.has("dateline") or not self.has("varies", "labelled"))


def mark(document: Document, rule: Rule, full: bool) -> Decided:
    """Say which lines of a document go."""
    lines = document.lines
    at = [number for number, line in enumerate(lines) if line.kind not in ("bare", "blank")]
    units = [unit_of(lines[number], rule) for number in at]
    is_judged = not document.is_skipped and document.articles >= rule.usual_articles
    if is_judged and units:
        pairs = [unit.line.pair for unit in units] + [document.end_pair]
        find_context(units, pairs, document.articles, rule)
        judge(units, document.articles, rule)
        runs = [run for run in find_runs(units, rule) if not heads_figures(run, at, lines, rule)]
        for run in choose(runs, units, document.articles, rule):
            mark_run(run, units, rule)
        mark_links(units, rule)
        mark_gaps(units, rule, full)
    for unit in units:
        if unit.has("listed"):
            unit.why = "listed"
    reasons, contexts = ["stays"] * len(lines), [0] * len(lines)
    gone = [unit.why in GOING for unit in units]
    if not units or all(gone):
        return Decided(reasons, contexts, bool(units))
    for number, unit in zip(at, units, strict=True):
        line = unit.line
        is_flagged = line.carried >= rule.articles and line.width >= rule.flagged and line.kind != "barred"
        reasons[number] = unit.why
        if unit.why == "stays" and is_flagged and is_judged:
            reasons[number] = "few"
        if is_judged:
            contexts[number] = max(unit.context, unit.wide) if unit.why == "run" else unit.context
    if any(gone):
        mark_signs(document, at, full, reasons)
    return Decided(reasons, contexts, False)


def unit_of(line: Line, rule: Rule) -> Unit:
    is_prose = line.ends_sentence and line.width >= rule.sentence_columns
    return Unit(line, is_prose, is_own=is_prose and line.carried == 1)


def find_context(units: list[Unit], pairs: list[int], articles: int, rule: Rule) -> None:
    """Say in how many articles each unit stands beside the same neighbour; `wide` counts any."""
    for number, unit in enumerate(units):
        if unit.line.kind == "barred":
            continue
        evidence, every = [1], [1]
        for pair, other in ((pairs[number], number - 1), (pairs[number + 1], number + 1)):
            if other in range(len(units)):
                every.append(pair)
                evidence += [pair] * units[other].is_evidence
            else:
                least = rule.usual_articles if other < 0 else rule.edge_articles
                if pair >= max(least, rule.edge_share * articles) and (unit.is_prose or other >= 0):
                    every.append(pair)
                    evidence.append(pair)
        unit.context, unit.wide = max(evidence), max(every)


def judge(units: list[Unit], articles: int, rule: Rule) -> None:
    """Say which units are furniture for sure, which are likely to be, and which can end a run."""
    usual = max(rule.articles, rule.share * articles_with_frame(units, articles, rule))
    of_sentences = min(max(rule.sentence_articles, rule.sentence_share * articles), articles / 2)
    least = [max(usual, of_sentences) if unit.is_prose else usual for unit in units]
    for unit, asked in zip(units, least, strict=True):
        unit.is_steady = unit.context >= rule.steady * unit.line.carried
        varies = unit.has("varies", "crowded", "labelled")
        unit.is_sure = unit.is_steady and unit.context >= asked and not varies
    enough = grows_from(units, rule)
    for unit, asked, few in zip(units, least, enough, strict=True):
        varies = unit.has("varies", "labelled")
        unit.is_likely = unit.is_sure or (unit.wide if varies else unit.context) >= few
        holds = unit.is_steady or unit.context >= rule.firm * asked
        unit.is_firm = (
            unit.is_sure or (unit.has("dateline") and unit.is_likely) or (holds and not varies and not unit.is_prose)
        )


def articles_with_frame(units: list[Unit], articles: int, rule: Rule) -> int:
    """Return how many articles have the frame of the document; all of the source, where it has none."""

    def frame(ordered: list[Unit]) -> list[int]:
        return [
            unit.context
            for unit in itertools.takewhile(lambda unit: unit.context >= rule.articles or unit.has("varies"), ordered)
        ]

    frames = [max(found) for found in (frame(units), frame(units[::-1])) if len(found) >= rule.frame]
    return min(articles, max(frames)) if frames else articles


def begins_text(number: int, units: list[Unit], rule: Rule) -> bool:
    """Say whether a sentence of the article's own is long, or one of several within three lines."""
    near = units[max(0, number - 3) : number + 4]
    is_long = units[number].line.width >= rule.block
    return units[number].is_own and (is_long or sum(unit.is_own for unit in near) > 1)


def body_of(units: list[Unit], rule: Rule) -> int:
    """Return where the article's own text begins: else at its first sentence, else at the end."""
    begins = [number for number in range(len(units)) if begins_text(number, units, rule)]
    own = [number for number, unit in enumerate(units) if unit.is_own]
    return (begins + own + [len(units)])[0]


def grows_from(units: list[Unit], rule: Rule) -> list[int]:
    """Return for each unit from how many articles on it goes on with a run."""
    enough = [rule.grow] * len(units)
    for number in range(body_of(units, rule)):
        below = units[number + 1 : body_of(units, rule)]
        has_headline = any(unit.context < rule.grow and unit.line.width >= rule.headline for unit in below)
        if not has_headline or sum(unit.context >= rule.articles for unit in below) < rule.above:
            enough[number] = max(rule.grow, rule.articles)
    return enough


def stretches(units: list[Unit], of: Callable[[Unit], bool]) -> Iterator[tuple[bool, range]]:
    """Yield the stretches of units that have something in common, or have not."""
    for value, numbers in itertools.groupby(range(len(units)), lambda number: of(units[number])):
        found = list(numbers)
        yield value, range(found[0], found[-1] + 1)


def find_runs(units: list[Unit], rule: Rule) -> list[range]:
    """Return the runs of likely units with a sure one, without what is not firm at their ends."""
    runs = []
    for _, run in filter(lambda stretch: stretch[0], stretches(units, lambda unit: unit.is_likely)):
        numbers = list(run)
        while numbers and numbers[0] > 0 and not units[numbers[0]].is_firm:
            del numbers[0]
        while numbers and numbers[-1] < len(units) - 1 and not units[numbers[-1]].is_firm:
            del numbers[-1]
        if run.stop < len(units) and begins_text(run.stop, units, rule):
            while numbers and units[numbers[-1]].context < rule.articles and not units[numbers[-1]].is_sure:
                del numbers[-1]
        if any(units[number].is_sure for number in numbers):
            runs.append(range(numbers[0], numbers[-1] + 1))
    return runs


def heads_figures(run: range, at: list[int], lines: list[Line], rule: Rule) -> bool:
    """Say whether a short run that is not the end stands above figures, a line each."""
    below = lines[at[run[-1]] + 1 :][: rule.table_reach]
    is_short = run.stop < len(at) and len(run) < rule.table_run
    return is_short and sum(line.kind == "bare" for line in below) >= rule.table_figures


def choose(runs: list[range], units: list[Unit], articles: int, rule: Rule) -> list[range]:
    """Return the runs that go."""
    size = len(units)
    own = [number for number, unit in enumerate(units) if unit.is_own] or [size]
    taken = set()
    for run in runs:
        sure = [units[number].context for number in run if units[number].is_sure]
        dated = sum(units[number].has("dateline") for number in run)
        asked = rule.below if run.start > own[-1] else rule.ahead if run.stop <= own[0] else rule.between
        is_edge = run.start == 0 or run.stop == size
        is_near = run.start <= rule.apart or size - run.stop <= rule.apart
        is_usual = max(sure) >= max(rule.usual_articles, rule.usual_share * articles)
        is_dated = is_near and is_usual and dated and len(sure) + dated >= rule.near
        if len(sure) >= asked or (is_edge and (len(sure) >= rule.edge or is_usual)) or is_dated:
            taken.add(run)

    def are_close(above: range, below: range) -> bool:
        return below.start - above.stop <= rule.apart and not any(
            unit.is_own for unit in units[above.stop : below.start]
        )

    while True:
        more = {
            other
            for pair in itertools.pairwise(runs)
            if are_close(*pair) and len(taken & set(pair)) == 1
            for other in pair
        }
        if more <= taken:
            return [run for run in runs if run in taken]
        taken |= more


def mark_run(run: range, units: list[Unit], rule: Rule) -> None:
    """Mark the units of a run that have enough sure ones on both sides."""
    for number in run:
        unit = units[number]
        above = sum(units[other].is_sure for other in run if other < number)
        below = sum(units[other].is_sure for other in run if other > number)
        if run.start == 0:
            above += len(units)
        if run.stop == len(units):
            below += len(units)
        asked = [0]
        if (unit.has("varies") and not unit.has("dateline")) or unit.has("labelled", "crowded"):
            asked.append(rule.varying_sides)
        if unit.is_prose:
            asked.append(rule.sentence_sides)
        if unit.is_sure or min(above, below) >= max(asked):
            unit.why = "run"


def mark_links(units: list[Unit], rule: Rule) -> None:
    """Mark links to other articles, below a line that is left to be the headline or below the first text."""
    for number, unit in enumerate(units):
        above = units[:number]
        has_headline = any(other.why == "stays" and other.line.width >= rule.headline for other in above)
        if unit.why == "stays" and unit.has("linking") and (has_headline or number > body_of(units, rule)):
            unit.why = "link"


def mark_gaps(units: list[Unit], rule: Rule, full: bool) -> None:
    """Mark what stands between lines that go, below the last text."""
    parts = list(stretches(units, lambda unit: unit.why == "stays"))
    last_text = -1
    for stays, part in parts:
        own = [units[number] for number in part if units[number].is_own]
        if stays and (len(own) > 1 or any(unit.line.width >= rule.block for unit in own)):
            last_text = part.start
    gone, seen = 0, False
    for stays, part in parts:
        has_own = any(units[number].is_own for number in part)
        is_between = gone >= rule.gap_after and part.stop < len(units)
        if not stays:
            gone += len(part)
        elif seen and is_between and part.start > last_text:
            for unit in (units[number] for number in part):
                if full or not unit.has("crowded"):
                    unit.why = "gap" if full or unit.line.carried > 1 else "once"
            gone += len(part)
        elif has_own or len(part) >= rule.gap_break:
            gone = 0
        seen |= stays and has_own


def mark_signs(document: Document, at: list[int], full: bool, reasons: list[str]) -> None:
    """Mark numbers and signs both of whose neighbours go; numbers only where they recur there, unless `full`."""
    lines = document.lines
    for above, below in itertools.pairwise([-1, *at, len(lines)]):
        pair = document.end_pair if below == len(lines) else lines[below].pair
        signs = [number for number in range(above + 1, below) if lines[number].kind == "bare"]
        goes = all(number in (-1, len(lines)) or reasons[number] in GOING for number in (above, below))
        if goes and (full or pair > 1 or not any(lines[number].width for number in signs)):
            for number in signs:
                reasons[number] = "sign"
