"""Which lines belong to a site and not to its articles.

A line is a template when many *different* articles of one source carry it. Counting documents would be wrong: an
article crawled twelve times makes each of its sentences look like boilerplate. Grouping documents by what they share
would be wrong too: thirty short items that are mostly boilerplate would look like one article. So it goes in two steps:

1. Units (sentences, with dates and numbers masked) that very many documents of the source carry are set aside; the
   documents are grouped by the rest, by containment, so that a version that grew or shrank is still a version. A
   document with next to no rest is grouped by all it has: thirty copies of one page are one page.
2. Lines are counted over those groups.

Everything here is counting: who carries what. What may go is decided line by line in `mark`, and a line that is short
or differs in a number from article to article goes only next to one that is a template beyond doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.config import Config
from dedup.segment import QUOTED, TERMINATED, Segments, segment

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

COMMON_DOCUMENTS = 20
"""Documents of a source that make a unit common, that is, no evidence that two of them are versions of one article.
Measured on the labelled sites: with 20 a re-crawl of 12 still groups, and 30 short items do not."""

COMMON_SHARE = 0.5
"""The same for small sources, as a share of their documents (from `Config.template_documents` on)."""

LEAST_RESIDUAL = 60
"""Columns of own text below which a document is judged by all its text."""

LEAST_RESIDUAL_SHARE = 0.1
"""The same as a share of the document."""

VERSION_SHARE = 0.5
"""Share of a document's own text that a longer one must hold for it to be counted as a version of it."""

VERSION_REACH = 64
"""Leaders looked at per common unit when short pages are compared by all their text."""

UNIT_WIDTH = 25
"""Columns from which a sentence says something about which article it is from."""

LABEL_SHARE = 0.05
"""Share of a source's articles that must carry a label ("Lesen Sie auch: ...") before its lines are boilerplate."""


SUSPICIOUS_ARTICLES = 3
"""Different articles that carry a line before it is flagged, though it stays."""

SURE_WIDTH = 25
"""Columns from which a line that is the same in every article is boilerplate wherever it stands."""

SURE_DATED_WIDTH = 15
"""The same for a line with a date: "Stand: 3.12.2025"."""


class Templates(NamedTuple):
    """The lines that are boilerplate, by source.

    Attributes:
        keys: uint64[templates], ascending: the line's key mixed with its source (`mix`).
        kinds: uint8[templates], EXACT, DATED, COUNTED or LABEL.
        articles: int64[templates], different articles that carry it.
        documents: int64[templates], documents that carry it.
        sources: int64[templates], source numbers.
        often: bool[templates], carried by enough different articles; the others are merely suspicious.
    """

    keys: Keys
    kinds: npt.NDArray[np.uint8]
    articles: Ints
    documents: Ints
    sources: Ints
    often: Bools

    @classmethod
    def join(cls, parts: list[Templates]) -> Templates:
        """Put templates together, ordered by key."""
        dtypes = (np.uint64, np.uint8, np.int64, np.int64, np.int64, np.bool_)
        columns = [np.concatenate([np.zeros(0, dtype), *(part[i] for part in parts)]) for i, dtype in enumerate(dtypes)]
        order = np.argsort(columns[0])
        return cls(*(column[order] for column in columns))

    @classmethod
    def none(cls) -> Templates:
        """Return no templates."""
        return cls.join([])


EXACT, DATED, COUNTED, LABEL = range(4)
"""How the lines of a template differ: not at all, in dates, in plain numbers, in what follows a label."""


def mix(keys: Keys, sources: Ints, salt: int) -> Keys:
    """Return keys that are equal only for equal keys of one source (splitmix64's multiplier and shifts)."""
    with np.errstate(over="ignore"):
        salted = keys ^ ((sources.astype(np.uint64) * np.uint64(4) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15))
        salted = (salted ^ (salted >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        return np.asarray(salted ^ (salted >> np.uint64(27)))


@dataclass
class Occurrences:
    """Who carries what: filled batch by batch, counted once. About 16 bytes a line and 20 a sentence."""

    _sources: list[Ints] = field(default_factory=list)
    _versions: list[Keys] = field(default_factory=list)
    _lines: list[tuple[Ints, Keys]] = field(default_factory=list)
    _labels: list[tuple[Ints, Keys, Keys]] = field(default_factory=list)
    _units: list[tuple[Ints, Keys, Ints]] = field(default_factory=list)
    _documents: int = 0

    def add(self, sources: Ints, segments: Segments) -> None:
        """Note the lines and sentences of some documents; `sources` numbers the source of each."""
        rows = np.repeat(np.arange(len(sources)), np.diff(segments.line_offsets))
        documents = rows + self._documents
        line_sources = sources[rows]
        keys = line_keys(segments, line_sources)
        for kind_keys in keys[:LABEL]:
            carried = np.flatnonzero(kind_keys)
            self._lines.append((documents[carried], kind_keys[carried]))
        labelled = np.flatnonzero(keys[LABEL])
        self._labels.append((documents[labelled], keys[LABEL][labelled], segments.line_rest[labelled]))
        masked = mix(segments.line_k1, line_sources, LABEL + 1)
        masked[segments.line_k1 == 0] = 0
        self._versions.append(np.add.reduceat(np.append(masked, np.uint64(0)), segments.line_offsets[:-1]))
        telling = np.flatnonzero(segments.segment_width >= UNIT_WIDTH)
        unit_rows = np.repeat(rows, np.diff(segments.segment_offsets))[telling]
        self._units.append(
            (
                unit_rows + self._documents,
                mix(segments.segment_k1[telling], sources[unit_rows], LABEL + 2),
                segments.segment_width[telling].astype(np.int64),
            )
        )
        self._sources.append(sources)
        self._documents += len(sources)

    def count(self, config: Config) -> Templates:
        """Count lines over groups of versions and return those that enough different articles carry."""
        if not self._documents:
            return Templates.none()
        sources = np.concatenate(self._sources)
        groups = self._group_versions(sources, np.concatenate(self._versions))
        articles = np.bincount(sources[np.unique(groups)], minlength=int(sources.max()) + 1)
        least, label_least = (
            np.maximum(config.template_documents, np.ceil(share * articles)).astype(np.int64)
            for share in (config.template_share, LABEL_SHARE)
        )
        found = []
        for kind in (EXACT, DATED, COUNTED):
            documents, keys = (np.concatenate(column) for column in zip(*self._lines[kind::LABEL], strict=True))
            found.append(_carried_often(documents, keys, groups, sources, least, kind))
        documents, keys, rests = (np.concatenate(column) for column in zip(*self._labels, strict=True))
        labels = _carried_often(documents, keys, groups, sources, label_least, LABEL)
        labelled, different_rests, _ = _count_distinct(keys, rests)
        various = np.isin(labels.keys, labelled[different_rests >= config.template_documents])
        found.append(Templates(*(column[various] for column in labels)))
        return Templates.join(found)

    def _group_versions(self, sources: Ints, versions: Keys) -> Ints:
        """Return for each document the number of the one that stands for all versions of the article."""
        from dedup.kernels import boilerplate as kernels

        _, first, canonical = np.unique(versions, return_index=True, return_inverse=True)
        representative = first[canonical]
        representative[versions == 0] = np.flatnonzero(versions == 0)
        documents, keys, widths = (np.concatenate(column) for column in zip(*self._units, strict=True))
        distinct = representative[documents] == documents
        documents, keys, widths = _distinct_pairs(documents[distinct], keys[distinct], widths[distinct])
        _, first_carrier, units, carriers = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        stands = representative == np.arange(len(sources))
        size = np.bincount(sources[stands], minlength=int(sources.max()) + 1)[sources[documents[first_carrier]]]
        common = (carriers >= np.maximum(COMMON_DOCUMENTS, 0.005 * size)) | ((carriers >= 5) & (carriers >= COMMON_SHARE * size))
        total = np.bincount(documents, widths, minlength=len(sources)).astype(np.int64)
        own = ~common[units]
        residual = np.bincount(documents[own], widths[own], minlength=len(sources)).astype(np.int64)
        shared = carriers[units] > 1
        offsets = np.zeros(len(sources) + 1, np.int64)
        np.cumsum(np.bincount(documents[shared], minlength=len(sources)), out=offsets[1:])
        leaders = np.empty(len(sources), np.int64)
        kernels.group_versions(
            np.lexsort((versions, -total)), offsets, units[shared], widths[first_carrier], common, residual, total,
            LEAST_RESIDUAL, LEAST_RESIDUAL_SHARE, VERSION_SHARE, VERSION_REACH, leaders,
        )  # fmt: skip
        return leaders[representative]


def line_keys(segments: Segments, sources: Ints) -> list[Keys]:
    """Return the keys of every line, one array a kind, 0 where a line has none of that kind."""
    exact = mix(segments.line_k0, sources, EXACT)
    exact[segments.line_k0 == 0] = 0
    masks = (segments.line_dates > 0) | (segments.line_numbers > 0)
    masks &= ~np.isin(segments.line_k1, _mask_alone())
    keys = [exact]
    for kind, chosen in ((DATED, masks & (segments.line_numbers == 0)), (COUNTED, masks & (segments.line_numbers > 0))):
        keys.append(np.where(chosen, mix(segments.line_k1, sources, kind), np.uint64(0)))
    labelled = (segments.line_label != 0) & (segments.line_flags & TERMINATED == 0)
    keys.append(np.where(labelled, mix(segments.line_label, sources, LABEL), np.uint64(0)))
    return keys


def _mask_alone() -> Keys:
    """Return the masked key of a line that is nothing but a number or a date: it says nothing about what it counts."""
    return segment(Column.of(["1"])).line_k1


def _distinct_pairs(documents: Ints, keys: Keys, values: Ints) -> tuple[Ints, Keys, Ints]:
    """Keep the first of each (document, key), ordered by document."""
    order = np.lexsort((keys, documents))
    documents, keys, values = documents[order], keys[order], values[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = (documents[1:] != documents[:-1]) | (keys[1:] != keys[:-1])
    return documents[new], keys[new], values[new]


def _count_distinct(keys: Keys, values: npt.NDArray[Any]) -> tuple[Keys, Ints, npt.NDArray[Any]]:
    """Return the keys, ascending, how many different values come with each, and the least of these values."""
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = (keys[1:] != keys[:-1]) | (values[1:] != values[:-1])
    found, first, counts = np.unique(keys[new], return_index=True, return_counts=True)
    return found, counts, values[new][first]


def _carried_often(documents: Ints, keys: Keys, groups: Ints, sources: Ints, least: Ints, kind: int) -> Templates:
    """Return the keys that several articles carry, and whether it is at least `least` (by source)."""
    found, carriers, first = _count_distinct(keys, documents)
    _, articles, _ = _count_distinct(keys, groups[documents])
    key_sources = sources[first]
    often = articles >= least[key_sources]
    several = articles >= np.minimum(SUSPICIOUS_ARTICLES, least[key_sources])
    every = Templates(found, np.full(len(found), kind, np.uint8), articles, carriers, key_sources, often)
    return Templates(*(column[several] for column in every))


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


def mark(templates: Templates, sources: Ints, segments: Segments) -> Marks:
    """Say which lines go.

    Sure is a line of some width that is the same in every article, or differs only in a date, or carries a label of the
    site. A short line ("Teilen") or one that differs in a number ("124 Kommentare") is only likely: it could be a
    heading or a table of results, and goes only in a run with a sure one. Quotations stay.
    """
    from dedup.kernels import boilerplate as kernels

    rows = np.repeat(np.arange(len(sources)), np.diff(segments.line_offsets))
    found = np.full(len(rows), -1, np.int64)
    often = np.zeros(len(rows), np.bool_)
    listed, listed_often = np.append(templates.keys, np.uint64(0)), np.append(templates.often, False)
    for keys in line_keys(segments, sources[rows]):
        at = np.searchsorted(templates.keys, keys)
        # The first kind that fits says what a line is, unless only a later one is carried often enough.
        hit = (keys != 0) & (listed[at] == keys) & ((found < 0) | (~often & listed_often[at]))
        found[hit], often[hit] = at[hit], listed_often[at[hit]]
    known = found >= 0
    kinds = np.full(len(rows), -1)
    kinds[known] = templates.kinds[found[known]]
    telling = (
        ((kinds == EXACT) & (segments.line_width >= SURE_WIDTH))
        | ((kinds == DATED) & (segments.line_width >= SURE_DATED_WIDTH))
        | (kinds == LABEL)
    )
    likely = often & (segments.line_flags & QUOTED == 0)
    sure = likely & telling
    marked, whole = np.zeros(len(rows), np.bool_), np.zeros(len(sources), np.bool_)
    kernels.settle(segments.line_offsets, segments.line_width == 0, sure, likely, marked, whole)
    return Marks(marked, telling & ~marked, found, whole)
