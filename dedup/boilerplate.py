"""Which lines belong to a site and not to its articles.

A line is a template when many *different* articles of one source carry it: versions of one article (`dedup.versions`)
count once, or else an article crawled twelve times would make each of its sentences look like boilerplate.

Everything here is counting: who carries what. What may go is decided line by line in `mark`, and a line that is short
or differs in a number from article to article goes only next to one that is a template beyond doubt.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.config import Config
from dedup.errors import UsageError
from dedup.segment import QUOTED, TERMINATED, Segments, segment
from dedup.spill import IN_MEMORY, Room, Table
from dedup.versions import Versions, differs, mix, stands_twice

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int32]

LABEL_SHARE = 0.05
"""Share of a source's articles that must carry a label ("Lesen Sie auch: ...") before its lines are boilerplate."""


SUSPICIOUS_ARTICLES = 3
"""Different articles that carry a line before it is flagged, though it stays."""

SURE_WIDTH = 25
"""Columns from which a line that is the same in every article is boilerplate wherever it stands."""

SURE_DATED_WIDTH = 15
"""The same for a line with a date: "Stand: 3.12.2025"."""


SPARSE, MOST_SLOTS = 8, 1 << 20
"""Slots a template, and slots at most, of the table of bytes that says which keys may be templates. Chosen: of
up to 65,000 templates, next to nothing else gets through, and of more, it is no slower than without."""


class Templates(NamedTuple):
    """The lines that are boilerplate, by source.

    Attributes:
        keys: uint64[templates], ascending: the line's key mixed with its source (`mix`).
        kinds: uint8[templates], EXACT, DATED, COUNTED or LABEL.
        articles: int64[templates], different articles that carry it.
        documents: int64[templates], documents that carry it.
        sources: int64[templates], source numbers; EVERY_SOURCE for those of LISTED.
        often: bool[templates], carried by enough different articles; the others are merely suspicious.
        rare: bool[templates], enough articles carry it only together with its other wordings (`dedup.variants`).
        mains: uint64[templates], the key of the wording that names the template; of one that has no other, its own.
        similarities: float64[templates], exact Jaccard similarity to that wording.
    """

    keys: Keys
    kinds: npt.NDArray[np.uint8]
    articles: Ints
    documents: Ints
    sources: Ints
    often: Bools
    rare: Bools
    mains: Keys
    similarities: npt.NDArray[np.float64]

    @classmethod
    def of_one_wording(
        cls, keys: Keys, kind: int, articles: Ints, documents: Ints, sources: Ints, often: Bools
    ) -> Templates:
        """Return templates of one kind, each of which has but one wording."""
        kinds = np.full(len(keys), kind, np.uint8)
        return cls(
            keys, kinds, articles, documents, sources, often, np.zeros(len(keys), np.bool_), keys, np.ones(len(keys))
        )

    @classmethod
    def join(cls, parts: list[Templates]) -> Templates:
        """Put templates together, ordered by key."""
        none = np.zeros(0, np.int64)
        empty = cls.of_one_wording(none.astype(np.uint64), EXACT, none, none, none, none.astype(np.bool_))
        columns = [np.concatenate(column) for column in zip(empty, *parts, strict=True)]
        order = np.argsort(columns[0])
        return cls._make(column[order] for column in columns)

    @classmethod
    def none(cls) -> Templates:
        """Return no templates."""
        return cls.join([])


class Carriers(NamedTuple):
    """Who carries a line: each pair of a key and a document once, by key.

    Attributes:
        keys: uint64[pairs].
        documents: int64[pairs].
    """

    keys: Keys
    documents: Ints

    @classmethod
    def join(cls, parts: list[Carriers]) -> Carriers:
        """Put pairs together, each once."""
        keys = np.concatenate([np.zeros(0, np.uint64), *(part.keys for part in parts)])
        documents = np.concatenate([np.zeros(0, np.int64), *(part.documents for part in parts)])
        order = np.lexsort((documents, keys))
        keys, documents = keys[order], documents[order]
        once = differs(keys) | differs(documents)
        return cls(keys[once], documents[once])


EXACT, DATED, COUNTED, LABEL, LISTED = range(5)
"""How the lines of a template differ: not at all, in dates, in plain numbers, in what follows a label. Those of LISTED
are known to the user."""

EVERY_SOURCE = -1
"""In place of a source number."""


class Occurrences:
    """Who carries what: filled batch by batch, counted once. 12 bytes a line and 16 a sentence."""

    def __init__(self, room: Room = IN_MEMORY, workers: int = 1) -> None:
        self._versions = Versions(room, workers)
        self._sources: list[Ints] = []
        self._lines = [Table(room, (np.uint64, np.int32), is_keyed=True) for _ in (EXACT, DATED, COUNTED)]
        # The documents of sentences behind a label as `~document`.
        self._labels = Table(room, (np.uint64, np.int32, np.uint64), is_keyed=True)
        self._documents = 0
        self._groups: Ints | None = None

    def __len__(self) -> int:
        return self._documents

    def add(self, segments: Segments, fragments: Bools, sources: Ints, source_keys: Keys) -> None:
        """Note the lines and sentences of some documents.

        Args:
            segments: The segments of the documents.
            fragments: bool[lines], the lines that are no units (`dedup.fragments`).
            sources: int64[documents], the number of each one's source.
            source_keys: uint64[documents], a hash of its name.
        """
        rows = np.repeat(np.arange(len(sources)), np.diff(segments.line_offsets))
        documents = rows + self._documents
        keys = line_keys(segments, fragments, source_keys)
        for table, kind_keys in zip(self._lines, keys, strict=False):
            carried = np.flatnonzero(kind_keys)
            table.add(kind_keys[carried], documents[carried])
        labelled = np.flatnonzero(keys[LABEL])
        is_sentence = segments.line_flags[labelled] & TERMINATED != 0
        carriers = np.where(is_sentence, ~documents[labelled], documents[labelled])
        self._labels.add(keys[LABEL][labelled], carriers, segments.line_rest[labelled])
        self._versions.add(segments, rows, sources, source_keys)
        self._sources.append(sources)
        self._documents += len(sources)

    def versions(self) -> Ints:
        """Return for each document the number of the one that stands for all versions of its article."""
        if self._groups is None:
            self._groups = self._versions.group() if self._documents else np.zeros(0, np.int64)
        return self._groups

    def least(self, config: Config, share: float) -> Ints:
        """Return how many different articles of each source, this share of them, must carry a line: int64[sources]."""
        sources = np.concatenate(self._sources)
        leads = np.zeros(len(sources), np.bool_)
        leads[self.versions()] = True
        articles = np.bincount(sources[leads], minlength=int(sources.max()) + 1)
        least: Ints = np.maximum(config.template_documents, np.ceil(share * articles)).astype(np.int64)
        return least

    def count(self, config: Config, asked: Keys) -> tuple[Templates, Carriers]:
        """Count lines over groups of versions; to be called once, since the lines are let go of.

        Args:
            config: Says how many articles are enough.
            asked: Ascending keys of whole lines.

        Returns:
            The lines that enough different articles carry, and who carries those that are asked for.
        """
        if not self._documents:
            return Templates.none(), Carriers.join([])
        sources = np.concatenate(self._sources)
        groups = self.versions()
        least, label_least = (self.least(config, share) for share in (config.template_share, LABEL_SHARE))
        found, carriers = [], []
        for kind, table in zip((EXACT, DATED, COUNTED), self._lines, strict=True):
            for keys, documents in table.parts():
                found.append(_carried_often(documents, keys, groups, sources, least, kind))
                chosen = _is_among(keys, asked)
                carriers.append(Carriers(keys[chosen], documents[chosen].astype(np.int64)))
        for keys, carried, rests in self._labels.parts():
            # A sentence behind a label says nothing for the label, but its document carries it.
            is_open = carried >= 0
            labels = _carried_often(carried[is_open], keys[is_open], groups, sources, label_least, LABEL)
            labelled, different_rests, _ = _count_distinct(keys[is_open], rests[is_open])
            various = np.isin(labels.keys, labelled[different_rests >= config.template_documents])
            every, documents, _ = _count_distinct(keys, np.where(is_open, carried, ~carried))
            labels = labels._replace(documents=documents[np.searchsorted(every, labels.keys)])
            found.append(Templates._make(column[various] for column in labels))
        return Templates.join(found), Carriers.join(carriers)


def line_keys(segments: Segments, fragments: Bools, source_keys: Keys) -> list[Keys]:
    """Return the keys of every line, one array a kind, 0 where a line has none of that kind.

    Fragments have none at all.
    """
    from dedup.kernels import boilerplate as kernels

    keys = np.zeros((LABEL + 1, len(fragments)), np.uint64)
    with np.errstate(over="ignore"):
        kernels.line_keys(
            segments.line_offsets, fragments, segments.line_k0, segments.line_k1, segments.line_numbers,
            segments.line_dates, segments.line_label, source_keys, _mask_alone(), keys,
        )  # fmt: skip
    return list(keys)


def listed(lines: tuple[str, ...]) -> Templates:
    """Return the templates of lines that the user knows to be boilerplate, in every source.

    Raises UsageError for one that is nothing but a number or a date, since every such line would go with it.
    """
    if not lines:
        return Templates.none()
    texts = Column.of(lines)
    segments = segment(texts)
    bare = np.flatnonzero(segments.line_k1 == _mask_alone())
    if len(bare):
        line = texts.data[segments.line_start[bare[0]] : segments.line_text_end[bare[0]]].tobytes().decode()
        raise UsageError(
            f"known boilerplate {line!r} is nothing but a number or a date, and so is every line of figures",
            hint="Take it off the list.",
        )
    keys = np.unique(_listed_keys(segments))
    keys = keys[keys != 0]
    nothing = np.zeros(len(keys), np.int64)
    sources = np.full(len(keys), EVERY_SOURCE, np.int64)
    return Templates.of_one_wording(keys, LISTED, nothing, nothing, sources, np.ones(len(keys), np.bool_))


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


def _listed_keys(segments: Segments) -> Keys:
    keys = mix(segments.line_k1, np.zeros(len(segments.line_k1), np.uint64), LISTED)
    return np.where(segments.line_k1 != 0, keys, np.uint64(0))


@functools.cache
def _mask_alone() -> np.uint64:
    """Return the masked key of a line that is nothing but a number or a date: it says nothing about what it counts."""
    return np.uint64(segment(Column.of(["1"])).line_k1[0])


def _count_distinct(keys: Keys, values: npt.NDArray[Any]) -> tuple[Keys, Ints, npt.NDArray[Any]]:
    """Return the keys, ascending, how many different values come with each, and the least of these values."""
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    new = differs(keys) | differs(values)
    found, first, counts = np.unique(keys[new], return_index=True, return_counts=True)
    return found, counts, values[new][first]


def _is_among(keys: Keys, asked: Keys) -> Bools:
    """Say which keys are in an ascending array."""
    if not len(asked):
        return np.zeros(len(keys), np.bool_)
    return np.asarray(asked[np.minimum(np.searchsorted(asked, keys), len(asked) - 1)] == keys)


def _carried_often(documents: Rows, keys: Keys, groups: Ints, sources: Ints, least: Ints, kind: int) -> Templates:
    """Return the keys that several articles carry, and whether it is at least `least` (by source)."""
    several_least = np.minimum(SUSPICIOUS_ARTICLES, least)
    if several_least.min() > 1:
        # Most lines stand in one document only; what is left takes less time to count.
        twice = stands_twice(keys)
        keys, documents = keys[twice], documents[twice]
    found, carriers, first = _count_distinct(keys, documents)
    _, articles, _ = _count_distinct(keys, groups[documents])
    key_sources = sources[first]
    often = articles >= least[key_sources]
    several = articles >= several_least[key_sources]
    every = Templates.of_one_wording(found, kind, articles, carriers, key_sources, often)
    return Templates._make(column[several] for column in every)


class Marks(NamedTuple):
    """Which lines of a batch are boilerplate.

    Attributes:
        marked: bool[lines], the line goes.
        suspicious: bool[lines], the line stays, but nearly went.
        templates: int64[lines], its row in `Templates`, whether it goes or not; -1 for none.
        whole: bool[documents]: every line with text is boilerplate, so all of them stay.
    """

    marked: Bools
    suspicious: Bools
    templates: Ints
    whole: Bools


def no_marks(segments: Segments) -> Marks:
    """Return the result where no boilerplate is looked for."""
    lines = len(segments.line_start)
    nothing = np.zeros(lines, np.bool_)
    return Marks(nothing, nothing, np.full(lines, -1, np.int64), np.zeros(len(segments.line_offsets) - 1, np.bool_))


def mark(templates: Templates, segments: Segments, fragments: Bools, fixed: Bools, source_keys: Keys) -> Marks:
    """Say which lines go.

    Sure is a line of some width that is the same in every article, or differs only in a date, or carries a label of the
    site and no sentence after it. A short line ("Teilen") or one that differs in a number ("124 Kommentare") is only
    likely: it could be a heading or a table of results, and goes only in a run with a sure one. So does a sentence
    behind a label, and a rare wording, unless it stands where the title does. Quotations stay, and so do lines that are
    `fixed` (`dedup.structure`).
    """
    from dedup.kernels import boilerplate as kernels

    lines = len(segments.line_start)
    found = np.full(lines, -1, np.int64)
    often = np.zeros(lines, np.bool_)
    every_key = line_keys(segments, fragments, source_keys)
    if (templates.kinds == LISTED).any():
        every_key.insert(0, _listed_keys(segments))
    # Few lines are templates, and a look at a table that fits the cache leaves nearly all others out.
    slots = np.uint64(min(SPARSE << len(templates.keys).bit_length(), MOST_SLOTS) - 1)
    taken = np.zeros(int(slots) + 1, np.bool_)
    taken[templates.keys & slots] = True
    # One entry more, for keys past the last.
    table, table_often = np.append(templates.keys, np.uint64(0)), np.append(templates.often, False)
    for keys in every_key:
        hits = np.flatnonzero(taken[keys & slots] & (keys != 0))
        at = np.searchsorted(templates.keys, keys[hits])
        # The first kind that fits says what a line is, unless only a later one is carried often enough.
        fits = (table[at] == keys[hits]) & ((found[hits] < 0) | (~often[hits] & table_often[at]))
        hits, at = hits[fits], at[fits]
        found[hits], often[hits] = at, table_often[at]
    known = found >= 0
    kinds = np.full(lines, -1)
    kinds[known] = templates.kinds[found[known]]
    rare = known & np.append(templates.rare, False)[found]
    sentence = (kinds == LABEL) & (segments.line_flags & TERMINATED != 0)
    telling = (
        ((kinds == EXACT) & (segments.line_width >= SURE_WIDTH))
        | ((kinds == DATED) & (segments.line_width >= SURE_DATED_WIDTH))
        | ((kinds == LABEL) & ~sentence)
        | (kinds == LISTED)
    )
    likely = often & (((segments.line_flags & QUOTED == 0) & ~fixed) | (kinds == LISTED))
    sure = likely & telling & ~rare
    titles = _titles(segments, sure)
    likely[titles] &= ~(rare | sentence)[titles]
    marked, whole = np.zeros(lines, np.bool_), np.zeros(len(source_keys), np.bool_)
    kernels.settle(segments.line_offsets, segments.line_width == 0, sure, likely, marked, whole)
    spared = np.repeat(whole, np.diff(segments.line_offsets))
    return Marks(marked, telling & ~marked & ~spared, found, whole)


def _titles(segments: Segments, sure: Bools) -> Ints:
    """Return the first line of each document that has words and is not boilerplate for sure."""
    lines = np.flatnonzero((segments.line_width > 0) & ~sure)
    rows = np.searchsorted(segments.line_offsets, lines, side="right") - 1
    return lines[differs(rows)]
