"""Which documents of a source are versions of one article, so that a crawl's repetitions do not count as boilerplate.

Grouping by what two documents share would take thirty short items that are mostly boilerplate for one article; not
grouping at all would take the sentences of an article crawled twelve times for boilerplate. So units (sentences, with
dates and numbers masked) that very many documents of the source carry are set aside, and the rest is compared by
containment, so that a version that grew or shrank is still a version. Where enough of the rest is carried by two
documents at most, that alone is compared: what a page shares with many others is its site's, and no sign that they are
one article. A document with next to no rest is compared by all it has: thirty copies of one page are one page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.parallel import in_order
from dedup.segment import Segments
from dedup.spill import IN_MEMORY, Room, Table

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

COMMON_DOCUMENTS = 20
"""Documents of a source that make a unit common, that is, little evidence that two of them are versions of one article.
Measured on the labelled sites: with 20 a re-crawl of 12 still groups, and 30 short items do not."""

COMMON_FEW = 0.005
"""The same as a share of the source's documents; the larger of the two holds."""

COMMON_LEAST, COMMON_SHARE = 5, 0.5
"""A unit is common in a small source too if this many documents, and this share of all, carry it."""

COUNTLESS_DOCUMENTS, MASS_WIDTH = 64, 60
"""Documents that make a common unit no evidence at all, and columns below which it is none, either: what the pages of a
site share are menus and links, and not long sentences."""

VERSION_COLUMNS, VERSION_COLUMNS_SHARE = 6000, 0.3
"""Two documents that share this many columns of units that are not countless, and this share of the shorter one, are
versions, common or not: ten versions of one page of terms share tens of thousands, a site's boilerplate hundreds."""

LEAST_RESIDUAL = 40
"""Columns of own text below which a document is judged by all its text. Chosen: a short sentence, twenty ideographs;
from 30 to 60 the figures of the labelled sets are the same."""

LEAST_RESIDUAL_SHARE = 0.1
"""The same as a share of the document."""

OWN_DOCUMENTS, OWN_SHARE = 2, 0.3
"""Documents that carry a unit which is an article's own, and share of what is not common that such units must make up
to be compared alone. Measured on pages of 92 sites: of 179 pairs of different articles that were taken for versions 31
are left."""

VERSION_SHARE = 0.5
"""Share of a document's own text that a longer one must hold for it to be counted as a version of it."""

VERSION_REACH = 64
"""Leaders looked at per common unit when short pages are compared by all their text."""

VERSION_MOST = 1_000
"""Leaders looked at per unit that is not common. So many carry one in sources of 200,000 documents and more only
(`COMMON_FEW`): it bounds the work on texts written to share what is not common."""

UNIT_WIDTH = 25
"""Columns from which a sentence says something about which article it is from."""

VERSION_SALT, UNIT_SALT, SOURCE_SALT, WIDTH_SALT = 8, 9, 11, 12
"""Set the keys made here apart from those of lines, which are salted with their kind."""


def mix(keys: Keys, source_keys: Keys, salt: int) -> Keys:
    """Return keys that are equal only for equal keys, sources and salts (splitmix64's multipliers and shifts)."""
    with np.errstate(over="ignore"):
        salted = keys ^ ((source_keys + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15))
        salted = (salted ^ (salted >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        return np.asarray(salted ^ (salted >> np.uint64(27)))


PORTION_BITS = 4
"""Bits of a source's hash that say which sources are grouped at once. Chosen: 16 portions for threads."""

COMMON, COUNTLESS, FIRST, OWN = 1, 2, 4, 8
"""What is noted of a posting: whether its unit is common, and countless; whether it is the first of its unit; whether
two documents carry it at most."""


class Versions:
    """What tells versions of articles: filled batch by batch, grouped once. 16 bytes a sentence, 32 a document."""

    def __init__(self, room: Room = IN_MEMORY, workers: int = 1) -> None:
        self._room = room
        self._workers = workers
        self._units = Table(room, (np.uint64, np.int32, np.int32), is_keyed=True)
        # Source, key, key of the units and their columns, columns of all units.
        self._rows = Table(IN_MEMORY, (np.int64, np.uint64, np.uint64, np.int64))

    def add(self, segments: Segments, rows: Ints, sources: Ints, source_keys: Keys) -> None:
        """Note the sentences of some documents; `rows` is the document of each line."""
        telling = np.flatnonzero(segments.segment_width >= UNIT_WIDTH)
        widths = segments.segment_width[telling]
        unit_rows = np.repeat(rows, np.diff(segments.segment_offsets))[telling]
        units = mix(segments.segment_k1[telling], source_keys[unit_rows], UNIT_SALT)
        self._units.add(units, unit_rows + len(self._rows), widths)
        lines = mix(segments.line_k1, source_keys[rows], VERSION_SALT)
        lines[segments.line_k1 == 0] = 0
        self._rows.add(
            sources,
            _sums(lines, rows, len(sources)),
            _sums(mix(units, widths.astype(np.uint64), WIDTH_SALT), unit_rows, len(sources)),
            np.bincount(unit_rows, widths, minlength=len(sources)),
        )

    def group(self) -> Ints:
        """Return for each document the number of the one that stands for all versions of its article."""
        from dedup.kernels import versions as kernels

        sources, versions, said, total = self._rows.taken()
        representative = _first_equals(versions, said)
        del said
        residual, own = total.copy(), total.copy()
        leaders = np.arange(len(sources))
        postings = self._postings(sources, representative, total, residual, own)

        def lead(documents: Rows, widths: Rows, flags: npt.NDArray[np.uint8]) -> tuple[Ints, Ints]:
            order = np.argsort(documents, kind="stable")
            units = (np.cumsum(flags & FIRST != 0, dtype=np.int32) - 1)[order]
            documents = documents[order]
            new = differs(documents)
            members = documents[new].astype(np.int64)
            first = flags & FIRST != 0
            found = np.empty(len(members), np.int64)
            kernels.group_versions(
                np.lexsort((versions[members], -total[members])), np.append(np.flatnonzero(new), len(documents)),
                units, widths[first], flags[first] & COMMON != 0, flags[first] & COUNTLESS != 0,
                flags[first] & OWN != 0, own[members], residual[members], total[members],
                LEAST_RESIDUAL, LEAST_RESIDUAL_SHARE, OWN_SHARE, VERSION_SHARE, VERSION_COLUMNS, VERSION_COLUMNS_SHARE,
                VERSION_REACH, VERSION_MOST, found,
            )  # fmt: skip
            return members, members[found]

        for members, found in in_order(lead, _by_source(postings), self._workers):
            leaders[members] = found
        return leaders[representative]

    def _postings(self, sources: Ints, representative: Ints, *columns: Ints) -> Table:
        """Return who carries the units of several documents.

        `columns` are the totals, the residuals and what is a document's own, in columns. Of a unit that a document has
        several times, one counts: the widths of the others are taken off all three, those of common ones off the
        residuals, and those of more than two documents off what is its own.
        Of documents that are equal only the representative is looked at. Most sentences stand in one document only, and
        say nothing but how much is its own. Columns are a hash of the source, the document, the unit's least width, and
        the flags; the postings of a unit follow one another, with ascending documents.
        """
        sizes = np.bincount(sources[representative == np.arange(len(sources))], minlength=int(sources.max()) + 1)

        def post(keys: Keys, documents: Rows, widths: Rows) -> _Posted:
            chosen = np.flatnonzero(stands_twice(keys) & (representative[documents] == documents))
            chosen = chosen[np.lexsort((documents[chosen], keys[chosen]))]
            keys, documents, widths = keys[chosen], documents[chosen], widths[chosen]
            new = differs(keys)
            units = np.cumsum(new) - 1
            # Figures may be longer in one document than in another.
            narrowest = np.minimum.reduceat(widths, np.flatnonzero(new)) if len(new) else widths
            distinct = new | differs(documents)
            size = sizes[sources[documents[new]]]
            carriers = np.bincount(units[distinct], minlength=len(size))
            common = carriers >= np.maximum(COMMON_DOCUMENTS, COMMON_FEW * size)
            common |= (carriers >= COMMON_LEAST) & (carriers >= COMMON_SHARE * size)
            countless = carriers >= np.maximum(COUNTLESS_DOCUMENTS, COMMON_FEW * size)
            countless |= narrowest < MASS_WIDTH
            in_common, in_shared = distinct & common[units], distinct & (carriers > OWN_DOCUMENTS)[units]
            several = np.flatnonzero(distinct & (carriers > 1)[units])
            of_units = (COMMON * common + COUNTLESS * countless + OWN * (carriers <= OWN_DOCUMENTS))[units]
            salts = np.zeros(len(several), np.uint64)
            rows = (
                mix(sources[documents[several]].astype(np.uint64), salts, SOURCE_SALT),
                documents[several],
                narrowest[units[several]],
                (of_units + FIRST * new)[several],
            )
            again = ~distinct
            return _Posted(
                rows, documents[in_common], widths[in_common], documents[again], widths[again],
                documents[in_shared], widths[in_shared],
            )  # fmt: skip

        postings = Table(self._room, (np.uint64, np.int32, np.int32, np.uint8), is_keyed=True)
        for posted in in_order(post, map(tuple, self._units.parts()), self._workers):
            _, residual, own = columns
            for column in columns:
                np.subtract.at(column, posted.repeaters, posted.repeated_widths)
            np.subtract.at(residual, posted.commoners, posted.common_widths)
            np.subtract.at(own, posted.sharers, posted.shared_widths)
            postings.add(*posted.rows)
        return postings


class _Posted(NamedTuple):
    """The postings of some units.

    Attributes:
        rows: The columns of `Versions._postings`.
        commoners: int32[n], the documents that carry common units, one entry a unit.
        common_widths: int32[n], the columns of these units.
        repeaters: int32[n], the documents that have units again.
        repeated_widths: int32[n], the columns of these units.
        sharers: int32[n], the documents that carry units which are not their own.
        shared_widths: int32[n], the columns of these units.
    """

    rows: tuple[npt.NDArray[Any], ...]
    commoners: Rows
    common_widths: Rows
    repeaters: Rows
    repeated_widths: Rows
    sharers: Rows
    shared_widths: Rows


def _by_source(postings: Table) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """Yield documents, widths and flags in portions of whole sources, small enough for threads to share them."""
    for keys, *columns in postings.parts():
        portion = keys >> np.uint64(64 - PORTION_BITS)
        for number in np.unique(portion):
            chosen = np.flatnonzero(portion == number)
            yield tuple(column[chosen] for column in columns)


def _sums(keys: Keys, rows: Ints, count: int) -> Keys:
    """Return one key a document, the sum of its own, which come document by document; 0 for one that has none."""
    starts = np.searchsorted(rows, np.arange(count))
    sums = np.add.reduceat(np.append(keys, np.uint64(0)), starts)
    # Where a document has none, reduceat gives the next document's first.
    sums[np.append(starts[1:], len(rows)) == starts] = 0
    return sums


def _first_equals(versions: Keys, said: Keys) -> Ints:
    """Return one document for all that are equal but for figures; none is like one without words.

    It is chosen by what is looked at of it, so that any of those that tie will do.
    """
    order = np.lexsort((said, versions))
    _, first, groups = np.unique(versions[order], return_index=True, return_inverse=True)
    chosen = np.empty(len(versions), np.int64)
    chosen[order] = order[first[groups]]
    return np.where(versions == 0, np.arange(len(versions)), chosen)


def stands_twice(keys: Keys) -> Bools:
    """Say which keys are not the only ones of their value."""
    order = np.argsort(keys)
    new = differs(keys[order])
    twice = np.empty(len(keys), np.bool_)
    twice[order] = ~(new & np.append(new[1:], True))
    return twice


def differs(values: npt.NDArray[Any]) -> Bools:
    """Say which values differ from the one before; the first does."""
    new = np.ones(len(values), np.bool_)
    new[1:] = values[1:] != values[:-1]
    return new
