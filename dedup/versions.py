"""Which documents of a source are versions of one article, so that a crawl's repetitions do not count as boilerplate.

Grouping by what two documents share would take thirty short items that are mostly boilerplate for one article; not
grouping at all would take the sentences of an article crawled twelve times for boilerplate. So units (sentences, with
dates and numbers masked) that very many documents of the source carry are set aside, and the rest is compared by
containment, so that a version that grew or shrank is still a version. A document with next to no rest is compared by
all it has: thirty copies of one page are one page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup.segment import Segments

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

COMMON_DOCUMENTS = 20
"""Documents of a source that make a unit common, that is, little evidence that two of them are versions of one article.
Measured on the labelled sites: with 20 a re-crawl of 12 still groups, and 30 short items do not."""

COMMON_FEW = 0.005
"""The same as a share of the source's documents; the larger of the two holds."""

COMMON_LEAST, COMMON_SHARE = 5, 0.5
"""A unit is common in a small source too if this many documents, and this share of all, carry it."""

COUNTLESS_DOCUMENTS = 64
"""Documents that make a common unit no evidence at all."""

VERSION_COLUMNS, VERSION_COLUMNS_SHARE = 3000, 0.3
"""Two documents that share this many columns of units that are not countless, and this share of the shorter one, are
versions, common or not: ten versions of one page of terms share tens of thousands, a site's boilerplate hundreds."""

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

VERSION_SALT, UNIT_SALT = 8, 9
"""Set the keys made here apart from those of lines, which are salted with their kind."""


def mix(keys: Keys, source_keys: Keys, salt: int) -> Keys:
    """Return keys that are equal only for equal keys, sources and salts (splitmix64's multipliers and shifts)."""
    with np.errstate(over="ignore"):
        salted = keys ^ ((source_keys + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15))
        salted = (salted ^ (salted >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        return np.asarray(salted ^ (salted >> np.uint64(27)))


@dataclass
class Versions:
    """What tells versions of articles: filled batch by batch, grouped once. 16 bytes a sentence."""

    _sources: list[Ints] = field(default_factory=list)
    _keys: list[Keys] = field(default_factory=list)
    _exact_keys: list[Keys] = field(default_factory=list)
    _units: list[tuple[npt.NDArray[np.int32], Keys, npt.NDArray[np.int32]]] = field(default_factory=list)
    _documents: int = 0

    def add(self, segments: Segments, rows: Ints, sources: Ints, source_keys: Keys) -> None:
        """Note the sentences of some documents; `rows` is the document of each line."""
        salts = source_keys[rows]
        self._keys.append(_sum_lines(segments, segments.line_k1, salts))
        self._exact_keys.append(_sum_lines(segments, segments.line_k0, salts))
        telling = np.flatnonzero(segments.segment_width >= UNIT_WIDTH)
        unit_rows = np.repeat(rows, np.diff(segments.segment_offsets))[telling]
        units = mix(segments.segment_k1[telling], source_keys[unit_rows], UNIT_SALT)
        documents = (unit_rows + self._documents).astype(np.int32)
        self._units.append((documents, units, segments.segment_width[telling]))
        self._sources.append(sources)
        self._documents += len(sources)

    def group(self) -> Ints:
        """Return for each document the number of the one that stands for all versions of its article."""
        from dedup.kernels import versions as kernels

        sources, versions = np.concatenate(self._sources), np.concatenate(self._keys)
        count = len(sources)
        representative = _first_equals(versions, np.concatenate(self._exact_keys))
        documents, keys, widths = (np.concatenate(column) for column in zip(*self._units, strict=True))
        self._units.clear()
        total = np.bincount(documents, widths, minlength=count).astype(np.int64)
        # Most sentences stand in one document only, and say nothing but how much is its own.
        shared = np.flatnonzero(_stands_twice(keys) & (representative[documents] == documents))
        shared = shared[np.lexsort((documents[shared], keys[shared]))]
        documents, keys, widths = documents[shared], keys[shared], widths[shared]
        first = np.flatnonzero(differs(keys))
        distinct = differs(keys) | differs(documents)
        units = np.cumsum(differs(keys))[distinct] - 1
        size = self._sizes(sources, representative)[sources[documents[first]]]
        carriers = np.bincount(units, minlength=len(first))
        common = carriers >= np.maximum(COMMON_DOCUMENTS, COMMON_FEW * size)
        common |= (carriers >= COMMON_LEAST) & (carriers >= COMMON_SHARE * size)
        countless = carriers >= np.maximum(COUNTLESS_DOCUMENTS, COMMON_FEW * size)
        in_common = np.repeat(common, np.diff(np.append(first, len(keys))))
        residual = total - np.bincount(documents[in_common], widths[in_common], minlength=count).astype(np.int64)
        documents = documents[distinct]
        order = np.lexsort((keys[distinct], documents))
        offsets = np.zeros(count + 1, np.int64)
        np.cumsum(np.bincount(documents, minlength=count), out=offsets[1:])
        leaders = np.empty(count, np.int64)
        kernels.group_versions(
            np.lexsort((versions, -total)), offsets, units[order], widths[first].astype(np.int64), common, countless,
            residual, total,
            LEAST_RESIDUAL, LEAST_RESIDUAL_SHARE, VERSION_SHARE, VERSION_COLUMNS, VERSION_COLUMNS_SHARE,
            VERSION_REACH, leaders,
        )  # fmt: skip
        return leaders[representative]

    @staticmethod
    def _sizes(sources: Ints, representative: Ints) -> Ints:
        """Return how many different documents each source has."""
        stands = representative == np.arange(len(sources))
        return np.bincount(sources[stands], minlength=int(sources.max()) + 1)


def _sum_lines(segments: Segments, keys: Keys, salts: Keys) -> Keys:
    """Return one key a document, made of those of its lines; 0 for a document without words."""
    mixed = mix(keys, salts, VERSION_SALT)
    mixed[keys == 0] = 0
    sums = np.add.reduceat(np.append(mixed, np.uint64(0)), segments.line_offsets[:-1])
    # Where a document has no lines, reduceat gives the next document's first.
    sums[np.diff(segments.line_offsets) == 0] = 0
    return sums


def _first_equals(versions: Keys, exact: Keys) -> Ints:
    """Return one document for all that are equal but for figures, chosen by content; none is like one without words."""
    order = np.lexsort((exact, versions))
    _, first, groups = np.unique(versions[order], return_index=True, return_inverse=True)
    chosen = np.empty(len(versions), np.int64)
    chosen[order] = order[first[groups]]
    return np.where(versions == 0, np.arange(len(versions)), chosen)


def _stands_twice(keys: Keys) -> npt.NDArray[np.bool_]:
    """Say which keys are not the only ones of their value."""
    order = np.argsort(keys)
    new = differs(keys[order])
    twice = np.empty(len(keys), np.bool_)
    twice[order] = ~(new & np.append(new[1:], True))
    return twice


def differs(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Say which values differ from the one before; the first does."""
    new = np.ones(len(values), np.bool_)
    new[1:] = values[1:] != values[:-1]
    return new
