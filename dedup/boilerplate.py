"""Which lines belong to a site and not to its articles: those that recur beside the same neighbours.

A line that recurs is no evidence by itself: a headline recurs in every list of links, a fact on every page that it is
true of. A line that recurs *beside the same neighbour* is: in a menu, a footer, a list of links the neighbours recur
too. So lines and pairs of lines are counted, over the *different* articles of a source: versions of one article
(`dedup.versions`) count once, or else an article crawled twelve times would make each of its sentences look like
boilerplate. What may go is then decided document by document, by the runs that such lines make.

What differs from article to article is content. A line that varies in a number or a date, or a value behind a label,
goes only amid lines that do not; and what stands once, between them, only if that is asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import furniture
from dedup.columns import Column
from dedup.config import Config
from dedup.errors import UsageError
from dedup.fragments import Wrapping
from dedup.segment import TERMINATED, Segments, segment
from dedup.spill import IN_MEMORY, Room, Table
from dedup.versions import Versions, differs, mix, stands_twice

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int32]

WRAPPED, WRAPPED_SOURCE = 0.2, 0.15
"""Share of the lines of a document, and of a source, that go on in lower case, from which they are hard-wrapped: their
lines are pieces of sentences, and nothing but what the user lists goes."""


class Rule(NamedTuple):
    """The thresholds of `mark`.

    Measured on 1,027 labelled pages of 92 sites, on laws, speeches, news and manual pages, and on job advertisements,
    recipes, tables and regulations put between the lines of those pages; `benchmarks/quality.py` gives the figures.

    Attributes:
        articles: Different articles in which a line stands beside the same neighbour.
        share: The same as a share of the articles that have the frame of the document.
        frame: Lines from the first or to the last that make a frame.
        steady: Share of a line's articles in which it has this neighbour.
        sentence_columns: Columns of a line that ends like a sentence and is one.
        sentence_articles: `articles` for a sentence; half of the articles in a small source ...
        sentence_share: ... and this share of them in a large one.
        grow: Articles in which a line has its neighbour, in a run with a line that is sure.
        fixed_share: Share of a line's articles that carry its very numbers, for it not to vary.
        headline: Columns of a line that can be the headline.
        above: Lines of the template between the text and a line above it that few articles carry.
        firm: How many times the least context is enough at the end of a run, if a line is not steady.
        block: Columns of a sentence that is a text by itself.
        between: Sure lines of a run between sentences of the article.
        ahead: The same above all of them.
        below: The same below all of them.
        edge: The same at the edge of the document.
        near: Sure lines and dates of publication of a run near the edge.
        apart: Lines between a run and one beside it that goes, or the edge of the document.
        usual_articles: Articles of a source in which anything goes, and that have a short run which goes by itself ...
        usual_share: ... and which share of them.
        edge_articles: Articles that have a line at the edge of the document, for that to be a neighbour ...
        edge_share: ... and which share of them.
        sentence_sides: Sure lines above and below a sentence that few articles carry.
        varying_sides: The same for a line that varies.
        table_run: Lines of a run that is no head of a table.
        table_reach: Lines below a run ...
        table_figures: ... of which so many are numbers if it is one.
        gap_after: Lines that go between the last text and a gap that is filled.
        gap_break: Lines that stay, after which the template begins anew.
        flagged: Columns of a line that is flagged if it stays though enough articles carry it.
    """

    articles: int = 4
    share: float = 0.1
    frame: int = 10
    steady: float = 0.5
    sentence_columns: int = 60
    sentence_articles: int = 10
    sentence_share: float = 0.1
    grow: int = 2
    fixed_share: float = 0.5
    headline: int = 15
    above: int = 2
    firm: float = 2.0
    block: int = 200
    between: int = 8
    ahead: int = 5
    below: int = 3
    edge: int = 5
    near: int = 3
    apart: int = 3
    usual_articles: int = 5
    usual_share: float = 0.5
    edge_articles: int = 10
    edge_share: float = 0.5
    sentence_sides: int = 3
    varying_sides: int = 2
    table_run: int = 12
    table_reach: int = 15
    table_figures: int = 3
    gap_after: int = 3
    gap_break: int = 3
    flagged: int = 25

    @classmethod
    def of(cls, config: Config) -> Rule:
        """Return the thresholds under a configuration."""
        rule = cls(articles=config.template_documents, share=config.template_share)
        return rule._replace(articles=max(rule.articles - 1, 2), **FULL) if config.boilerplate == "full" else rule


FIELD_VALUES = 5
"""Different lines behind one label, numbers and dates aside, from which what stands behind it is a value: a place, a
name, a price."""


FULL = {
    "between": 5, "ahead": 3, "below": 1, "edge": 2, "apart": 8, "sentence_sides": 0, "varying_sides": 1, "above": 0,
    "gap_after": 1, "usual_articles": 4,
}  # fmt: skip
"""Where all is to go that can be found, shorter runs do, and more alone; one article less is enough."""

CROWDED_TIMES = 2
"""Times that a line stands in a document that carries it, on average, from which it is no furniture."""

SPARSE, MOST_SLOTS = 8, 1 << 20
"""Slots a row, and slots at most, of the table of bytes that says which keys may have a row. Chosen: of up to 65,000
rows, next to nothing else gets through, and of more, it is no slower than without."""

LINE, FORM, PAIR, LABEL, SOURCE, LISTED, ONCE = range(7)
"""What a row of `Templates` counts: a line with its numbers masked; its very words, where it has numbers; two lines
that follow one another; a label; the articles of a source. LISTED are lines that the user knows; ONCE is the row of all
that stands once."""

EVERY_SOURCE = -1
"""In place of a source number."""


class Templates(NamedTuple):
    """What recurs in the articles of a source, and how often.

    Attributes:
        keys: uint64[rows], ascending: mixed with the source (`mix`).
        kinds: uint8[rows], LINE ... ONCE.
        articles: int64[rows], different articles that carry it.
        documents: int64[rows], documents that carry it.
        times: int64[rows], how often it stands in all of them; of a LABEL, how many different lines begin with it; of a
            SOURCE, whether it is hard-wrapped.
        sources: int64[rows], source numbers; EVERY_SOURCE for those of LISTED and ONCE.
    """

    keys: Keys
    kinds: npt.NDArray[np.uint8]
    articles: Ints
    documents: Ints
    times: Ints
    sources: Ints

    @classmethod
    def of_kind(cls, kind: int, keys: Keys, articles: Ints, documents: Ints, times: Ints, sources: Ints) -> Templates:
        """Return rows of one kind."""
        return cls(keys, np.full(len(keys), kind, np.uint8), articles, documents, times, sources)

    @classmethod
    def join(cls, parts: list[Templates]) -> Templates:
        """Put rows together, ordered by key."""
        none = np.zeros(0, np.int64)
        empty = cls.of_kind(LINE, none.astype(np.uint64), none, none, none, none)
        columns = [np.concatenate(column) for column in zip(empty, *parts, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        return cls._make(column[order] for column in columns)

    @classmethod
    def none(cls) -> Templates:
        """Return no rows."""
        return cls.join([])

    def rows(self, chosen: Any) -> Templates:
        """Return some rows."""
        return Templates._make(column[chosen] for column in self)

    def find(self, keys: Keys) -> Ints:
        """Return the row of each key; -1 where there is none."""
        found = np.full(len(keys), -1, np.int64)
        # Few keys have a row, and a look at a table that fits the cache leaves nearly all others out.
        slots = np.uint64(min(SPARSE << len(self.keys).bit_length(), MOST_SLOTS) - 1)
        taken = np.zeros(int(slots) + 1, np.bool_)
        taken[self.keys & slots] = True
        hits = np.flatnonzero(taken[keys & slots] & (keys != 0))
        at = np.searchsorted(self.keys, keys[hits])
        # One entry more, for keys past the last.
        fits = np.append(self.keys, np.uint64(0))[at] == keys[hits]
        found[hits[fits]] = at[fits]
        return found


class Keyed(NamedTuple):
    """What the lines of some documents are counted by.

    Attributes:
        kinds: uint8[lines], EXACT ... BARRED of `dedup.kernels.boilerplate`.
        lines: uint64[lines], the key of the words with numbers and dates masked; 0 for none, as for all of these.
        forms: uint64[lines], of the very words, where a number or a date is masked.
        pairs: uint64[lines], of the line and the one before it.
        labels: uint64[lines], of what stands before the first colon.
        ends: uint64[documents], of the last line and the end of the document.
    """

    kinds: npt.NDArray[np.uint8]
    lines: Keys
    forms: Keys
    pairs: Keys
    labels: Keys
    ends: Keys

    @classmethod
    def of(cls, segments: Segments, barred: Bools, source_keys: Keys) -> Keyed:
        """Make the keys of all lines but those that are `barred`: bool[lines]."""
        from dedup.kernels import boilerplate as kernels

        kinds, ends = np.zeros(len(barred), np.uint8), np.zeros(len(source_keys), np.uint64)
        keys = np.zeros((kernels.KEYS, len(barred)), np.uint64)
        with np.errstate(over="ignore"):
            kernels.key_lines(
                segments.line_offsets, segments.line_start, segments.line_text_end, barred, segments.line_k0,
                segments.line_k1, segments.line_numbers, segments.line_dates, segments.line_label, source_keys,
                _mask_alone(), kinds, keys, ends,
            )  # fmt: skip
        return cls(
            kinds, keys[kernels.LINE_KEY], keys[kernels.FORM_KEY], keys[kernels.PAIR_KEY], keys[kernels.LABEL_KEY], ends
        )

    @classmethod
    def of_counted(cls, segments: Segments, wrapping: Wrapping, markup: Bools, source_keys: Keys) -> Keyed:
        """Make the keys that are counted: none of hard-wrapped documents, and of Markdown those of paragraphs only."""
        wrapped = np.repeat(is_wrapped(wrapping), np.diff(segments.line_offsets))
        return cls.of(segments, markup | wrapped, source_keys)


class Occurrences:
    """Who carries what: filled batch by batch, counted once. 24 bytes a line and 16 a sentence."""

    def __init__(self, room: Room = IN_MEMORY, workers: int = 1) -> None:
        self._versions = Versions(room, workers)
        self._tables = {kind: Table(room, (np.uint64, np.int32), is_keyed=True) for kind in (LINE, FORM, PAIR)}
        self._labels = Table(room, (np.uint64, np.int32, np.uint64), is_keyed=True)
        # Of each document: its source, the key of that, lines that go on in lower case, lines with text.
        self._rows = Table(IN_MEMORY, (np.int64, np.uint64, np.int64, np.int64))
        self._groups: Ints | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, segments: Segments, wrapping: Wrapping, markup: Bools, sources: Ints, source_keys: Keys) -> None:
        """Note the lines and sentences of some documents.

        Args:
            segments: The segments of the documents.
            wrapping: How they are wrapped.
            markup: bool[lines], no paragraphs of Markdown.
            sources: int64[documents], the number of each one's source.
            source_keys: uint64[documents], a hash of its name.
        """
        rows = np.repeat(np.arange(len(sources)), np.diff(segments.line_offsets))
        documents = rows + len(self)
        keyed = Keyed.of_counted(segments, wrapping, markup, source_keys)
        for kind, keys in {LINE: keyed.lines, FORM: keyed.forms, PAIR: keyed.pairs}.items():
            carried = np.flatnonzero(keys)
            self._tables[kind].add(keys[carried], documents[carried])
        labelled = np.flatnonzero(keyed.labels)
        self._labels.add(keyed.labels[labelled], documents[labelled], keyed.lines[labelled])
        ends = np.flatnonzero(keyed.ends)
        self._tables[PAIR].add(keyed.ends[ends], ends + len(self))
        self._versions.add(segments, rows, sources, source_keys)
        self._rows.add(sources, source_keys, wrapping.going_on, wrapping.lines)

    def versions(self) -> Ints:
        """Return for each document the number of the one that stands for all versions of its article."""
        if self._groups is None:
            self._groups = self._versions.group() if len(self) else np.zeros(0, np.int64)
        return self._groups

    def count(self, config: Config) -> Templates:
        """Count over groups of versions; to be called once, since what was noted is let go of.

        What only one article carries has no row; of the very words of a line, what enough articles carry has one.
        """
        if not len(self):
            return Templates.none()
        groups = self.versions()
        sources, source_keys, going_on, with_text = self._rows.taken()
        found = [_count_sources(sources, source_keys, groups, going_on, with_text)]
        for kind, table in self._tables.items():
            least = config.template_documents if kind == FORM else 2
            for keys, documents in table.parts():
                found.append(_carried_by(least, documents, keys, groups, sources, kind))
        for keys, documents, lines in self._labels.parts():
            labels = _carried_by(2, documents, keys, groups, sources, LABEL)
            order = np.lexsort((lines, keys))
            keys, lines = keys[order], lines[order]
            different = keys[differs(keys) | differs(lines)]
            values = np.searchsorted(different, labels.keys, side="right") - np.searchsorted(different, labels.keys)
            found.append(labels._replace(times=values))
        return Templates.join(found)


def is_wrapped(wrapping: Wrapping) -> Bools:
    """Say which documents are hard-wrapped."""
    return np.asarray(wrapping.going_on > WRAPPED * wrapping.lines)


def _count_sources(sources: Ints, source_keys: Keys, groups: Ints, going_on: Ints, lines: Ints) -> Templates:
    """Count the articles of every source, and say which ones are hard-wrapped."""
    numbers, first = np.unique(sources, return_index=True)
    at = np.searchsorted(numbers, sources)
    leads = groups == np.arange(len(groups))
    wrapped = np.bincount(at, going_on) > WRAPPED_SOURCE * np.bincount(at, lines)
    return Templates.of_kind(
        SOURCE, _source_rows(source_keys[first]), np.bincount(at[leads], minlength=len(numbers)), np.bincount(at),
        wrapped.astype(np.int64), numbers,
    )  # fmt: skip


def _source_rows(source_keys: Keys) -> Keys:
    return mix(np.zeros(len(source_keys), np.uint64), source_keys, SOURCE_SALT)


def _carried_by(least: int, documents: Rows, keys: Keys, groups: Ints, sources: Ints, kind: int) -> Templates:
    """Return the keys that at least so many articles carry."""
    # Most lines stand in one document only; what is left takes less time to count.
    twice = stands_twice(keys)
    keys, documents = keys[twice], documents[twice]
    order = np.lexsort((documents, keys))
    keys, documents = keys[order], documents[order]
    new = differs(keys)
    units = np.cumsum(new) - 1
    times = np.bincount(units)
    carriers = np.bincount(units[new | differs(documents)])
    articles = groups[documents]
    order = np.lexsort((articles, units))
    different = np.bincount(units[order][differs(units[order]) | differs(articles[order])])
    first = np.flatnonzero(new)
    every = Templates.of_kind(kind, keys[first], different, carriers, times, sources[documents[first]])
    return every.rows(different >= least)


def always(config: Config) -> Templates:
    """Return the rows that are there whatever is counted: of the lines that the user lists, and of what stands once.

    Raises UsageError for a listed line that is nothing but a number or a date, since every such line would go with it.
    """
    nothing = np.zeros(1, np.int64)
    once = Templates.of_kind(
        ONCE, np.zeros(1, np.uint64), nothing + 1, nothing + 1, nothing + 1, nothing + EVERY_SOURCE
    )
    if not config.known_boilerplate:
        return once
    lines = (line for line in config.known_boilerplate if not line.endswith(ANYTHING))
    texts = Column.of([*lines, *beginnings(config)])
    segments = segment(texts)
    bare = np.flatnonzero(segments.line_k1 == _mask_alone())
    if len(bare):
        line = texts.data[segments.line_start[bare[0]] : segments.line_text_end[bare[0]]].tobytes().decode()
        raise UsageError(
            f"known boilerplate {line!r} is nothing but a number or a date, and so is every line of figures",
            hint="Take it off the list.",
        )
    keys = np.unique(_listed_keys(segments.line_k1))
    keys = keys[keys != 0]
    counts = np.zeros(len(keys), np.int64)
    return Templates.join([once, Templates.of_kind(LISTED, keys, counts, counts, counts, counts + EVERY_SOURCE)])


ANYTHING = "*"
"""At the end of a listed line, in place of whatever follows."""


def beginnings(config: Config) -> tuple[str, ...]:
    """Return what the listed lines that end in anything begin with."""
    begins = (line.removesuffix(ANYTHING).strip() for line in config.known_boilerplate if line.endswith(ANYTHING))
    return tuple(begin for begin in begins if begin)


def count_listed(templates: Templates, documents: Ints, carried: Ints) -> Templates:
    """Fill in how many documents carry each line of LISTED, which is known only when it has been looked for.

    Args:
        templates: All templates.
        documents: int64[cuts], the document of each cut.
        carried: int64[cuts], the template of each cut, -1 for a repeat.
    """
    is_listed = templates.kinds == LISTED
    chosen = np.isin(carried, np.flatnonzero(is_listed))
    pairs = np.unique(np.stack([carried[chosen], documents[chosen]]), axis=1)[0]
    counts = np.bincount(pairs, minlength=len(templates.keys))
    return templates._replace(
        articles=np.where(is_listed, counts, templates.articles),
        documents=np.where(is_listed, counts, templates.documents),
    )


LISTED_SALT, SOURCE_SALT = 13, 14
"""Set these keys apart from those of lines and pairs (`dedup.kernels.boilerplate`) and of `dedup.versions`."""


def _listed_keys(masked: Keys) -> Keys:
    return np.where(masked != 0, mix(masked, np.zeros(len(masked), np.uint64), LISTED_SALT), np.uint64(0))


@functools.cache
def _mask_alone() -> np.uint64:
    """Return the masked key of a line that is nothing but a number or a date: it says nothing about what it counts."""
    return np.uint64(segment(Column.of(["1"])).line_k1[0])


class Marks(NamedTuple):
    """Which lines of a batch are boilerplate.

    Attributes:
        marked: bool[lines], the line goes.
        suspicious: bool[lines], the line stays, but nearly went.
        templates: int64[lines], its row in `Templates`, whether it goes or not; -1 for none.
        reasons: uint8[lines], why it goes, or would have gone: STAYS ... ONCE of `dedup.kernels.boilerplate`.
        contexts: int64[lines], different articles in which it stands beside the same neighbour.
        whole: bool[documents]: every line with text is boilerplate, so all of them stay.
    """

    marked: Bools
    suspicious: Bools
    templates: Ints
    reasons: npt.NDArray[np.uint8]
    contexts: Ints
    whole: Bools


def no_marks(segments: Segments) -> Marks:
    """Return the result where no boilerplate is looked for."""
    lines = len(segments.line_start)
    nothing = np.zeros(lines, np.bool_)
    return Marks(
        nothing, nothing, np.full(lines, -1, np.int64), nothing.astype(np.uint8), np.zeros(lines, np.int64),
        np.zeros(len(segments.line_offsets) - 1, np.bool_),
    )  # fmt: skip


def mark(
    templates: Templates,
    texts: Column,
    segments: Segments,
    wrapping: Wrapping,
    markup: Bools,
    fixed: Bools,
    source_keys: Keys,
    config: Config,
) -> Marks:
    """Say which lines go.

    Args:
        templates: What recurs, with the rows of `always`.
        texts: The documents.
        segments: Their segments.
        wrapping: How they are wrapped.
        markup: bool[lines], no paragraphs of Markdown.
        fixed: bool[lines], rows of tables with figures, and code.
        source_keys: uint64[documents], a hash of the name of each one's source.
        config: The configuration.
    """
    from dedup.kernels import boilerplate as kernels

    rule, lines = Rule.of(config), len(segments.line_start)
    barred = markup | fixed
    kernels.bar_markup(texts.data, segments.line_start, segments.line_text_end, barred)
    keyed = Keyed.of(segments, barred, source_keys)
    of_lines = keyed.lines, keyed.forms, keyed.pairs, keyed.labels
    found = templates.find(np.concatenate([*of_lines, keyed.ends, _source_rows(source_keys)]))
    rows, form_rows, pairs, labels = np.split(found[: len(of_lines) * lines], len(of_lines))
    ends, of_source = np.split(found[len(of_lines) * lines :], 2)
    counts = np.append(templates.articles, 1)
    carried, forms = counts[rows], counts[form_rows]
    varies = (keyed.forms != 0) & (forms < np.maximum(rule.articles, rule.fixed_share * carried))
    crowded = np.append(templates.times > CROWDED_TIMES * templates.documents, False)[rows]
    known, with_label = np.zeros(lines, np.bool_), np.flatnonzero(labels >= 0)
    known[with_label] = np.isin(segments.line_label[with_label], furniture.label_keys())
    linking = known & (counts[labels] >= config.template_documents)
    labelled = ~known & (np.append(templates.times, 0)[labels] >= FIELD_VALUES)
    traits = kernels.VARIES * varies + kernels.CROWDED * crowded + kernels.LINKING * linking
    traits = traits + kernels.LABELLED * labelled
    traits[_datelines(texts, segments, np.flatnonzero(varies & (carried > 1)))] += kernels.DATELINE
    listed = np.where(markup, -1, _find_listed(templates, texts, segments, config))
    traits[listed >= 0] += kernels.LISTED
    skipped = is_wrapped(wrapping) | (np.append(templates.times, 0)[of_source] > 0)
    reasons, contexts = np.zeros(lines, np.uint8), np.zeros(lines, np.int64)
    whole = np.zeros(len(source_keys), np.bool_)
    kernels.mark(
        segments.line_offsets, keyed.kinds, segments.line_width, segments.line_flags & TERMINATED != 0,
        traits.astype(np.uint8), carried, counts[pairs], counts[ends], counts[of_source],
         skipped, rule, config.boilerplate == "full", reasons, contexts, whole,
    )  # fmt: skip
    marked = (reasons > kernels.STAYS) & (reasons < kernels.FEW)
    suspicious = reasons >= kernels.FEW
    once = int(np.searchsorted(templates.keys, 0))
    found = np.where((rows < 0) & (marked | suspicious), once, rows)
    found = np.where(reasons == kernels.AS_LINK, labels, found)
    found = np.where(reasons == kernels.AS_LISTED, listed, found)
    return Marks(marked, suspicious, found, reasons, contexts, whole)


DATELINES = 1 << 16
"""Lines, dates aside, of which it is remembered whether they say nothing but when something was published."""

_datelines_met: dict[int, bool] = {}


def _datelines(texts: Column, segments: Segments, lines: Ints) -> Ints:
    """Return those of some lines that say nothing but when something was published.

    That depends on their words, dates aside, and on the sign of rights at their beginning, which is no word.
    """
    starts = segments.line_start[lines]
    signs = (texts.data[starts] == RIGHTS_SIGN[0]) & (texts.data[starts + 1] == RIGHTS_SIGN[1])
    keys, first, of_line = np.unique(segments.line_k1[lines] ^ signs, return_index=True, return_inverse=True)
    found = np.zeros(len(keys), np.bool_)
    for at, (key, line) in enumerate(zip(keys.tolist(), lines[first].tolist(), strict=True)):
        known = _datelines_met.get(key)
        if known is None:
            known = furniture.is_dateline(_text(texts, segments, line))
            if len(_datelines_met) >= DATELINES:
                _datelines_met.clear()
            _datelines_met[key] = known
        found[at] = known
    return lines[found[of_line]]


RIGHTS_SIGN = "©".encode()


def _find_listed(templates: Templates, texts: Column, segments: Segments, config: Config) -> Ints:
    """Return the row of LISTED of each line; -1 for those that the user does not list."""
    if not config.known_boilerplate:
        return np.full(len(segments.line_start), -1, np.int64)
    found = templates.find(_listed_keys(segments.line_k1))
    begins = beginnings(config)
    if begins:
        rows = dict(zip(begins, templates.find(_listed_keys(segment(Column.of(begins)).line_k1)).tolist(), strict=True))
        for begin, line in _lines_that_begin(texts, segments, begins):
            if found[line] < 0:
                found[line] = rows[begin]
    return found


def _lines_that_begin(texts: Column, segments: Segments, begins: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Yield the lines that begin with one of some texts, and which of them."""
    for line in np.flatnonzero(segments.line_width > 0).tolist():
        text = _text(texts, segments, line).lstrip().casefold()
        for begin in begins:
            if text.startswith(begin.casefold()):
                yield begin, line
                break


def _text(texts: Column, segments: Segments, line: int) -> str:
    return texts.data[segments.line_start[line] : segments.line_text_end[line]].tobytes().decode()
