"""Every dropped document tied to one that stays: no chains, no guesses.

Documents are taken in keep order. One that is equal to a *keeper* as they came goes in that keeper's favour, and so
does one whose exact similarity to it is at or above the threshold as they are stored, and at or above a floor as they
came; any other becomes a keeper. So A~B and B~C never drops C for A's sake, unlike texts are not made one by what was
cut from them, and a bucket holds no more than the keepers in it. Of these only the `REACH` that came last are looked
at, so that the work grows with the number of documents and no faster, whatever somebody wrote to make them all meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.lsh import buckets, is_shared
from dedup.shingle import SHINGLE_WORDS, StoredSets
from dedup.signature import copy_keys

COMPARED_FLOOR = 0.5
"""Pairs whose sizes alone keep them below this Jaccard similarity are not compared: nobody asks about them."""

REACH = 1_000
"""Keepers looked at in a bucket, those that came last: with `keep` longest, those of about the same length.
Chosen: in the labelled sets no bucket holds more than 89 (licences, 2,500 texts of a few families), and of 8,400 pages
from one mould, 0.5 to 0.9 alike, all but one go as they do without a bound. A pair at the threshold meets in several
buckets, so that whoever fills one of them hides next to nobody."""

Ints = npt.NDArray[np.int64]


class Clusters(NamedTuple):
    """Who stays and who goes.

    Attributes:
        keepers: int64[documents], the document that stays in its place; its own number where it stays itself.
        similarities: float64[documents], exact Jaccard similarity to `nearest`; 1 for texts equal as they came, 0 where
            nothing was compared.
        originals: float64[documents], that of the texts as they came, where `similarities` reaches the threshold.
        nearest: int64[documents], the keeper, or for one that stays the most similar keeper it was compared with; -1
            where there is none.
        exact: bool[documents], equal after normalisation, as they came, to a document before it in keep order: to the
            one that it goes for, or to one that went and of which the same is stored.
        crowded: bool[documents], stays, though it met more keepers in a bucket than are looked at.
        candidates: Documents that met another one in a band.
        compared: Pairs that were verified.
    """

    keepers: Ints
    similarities: npt.NDArray[np.float64]
    originals: npt.NDArray[np.float64]
    nearest: Ints
    exact: npt.NDArray[np.bool_]
    crowded: npt.NDArray[np.bool_]
    candidates: int
    compared: int

    @classmethod
    def of_nobody(cls, documents: int) -> Clusters:
        """Return that every document stays, and none was compared."""
        equal, crowded = np.zeros((2, documents), np.bool_)
        similarities, originals = np.zeros((2, documents))
        return cls(np.arange(documents), similarities, originals, np.full(documents, -1), equal, crowded, 0, 0)


class TextKeys(NamedTuple):
    """What tells equal texts, and of equal ones those that are as similar to any other.

    Attributes:
        originals: uint64[documents], text keys (`signature.Sketches.keys`) of the texts as they came.
        stored: uint64[documents], those of what is stored of them.
        sources: uint64[documents], keys of their sources (`sources.source_keys`).
    """

    originals: npt.NDArray[np.uint64]
    stored: npt.NDArray[np.uint64]
    sources: npt.NDArray[np.uint64]


def cluster(
    keep_order: Callable[[Ints], Ints],
    keys: TextKeys,
    tokens: Ints,
    bands: Iterable[npt.NDArray[np.uint64]],
    fetch: Callable[[Ints, Ints], StoredSets],
    threshold: float,
    least: float,
) -> Clusters:
    """Tie every document to the one that stays.

    Args:
        keep_order: Sorts ascending document numbers, best to keep first.
        keys: Text keys.
        tokens: Token counts of what is stored.
        bands: Band keys, one uint64[documents] array a band; gone through some times.
        fetch: Gives the shingle sets of ascending document numbers, and is told at which rank in keep order each is;
            called once at most, for candidates only.
        threshold: Least Jaccard similarity of what is stored.
        least: Least Jaccard similarity of the texts as they came; not more is asked than of what is stored.
    """
    return assign(meet(keep_order, keys, tokens, bands, fetch), threshold, least)


class Meeting(NamedTuple):
    """Who met whom: all that the threshold has no part in.

    Attributes:
        first: int64[documents], the one to keep among those with a text equal as it came and as it is stored; where
            that one met others and texts lost something, among those of its source; itself where there is no other.
        candidates: int64[n], ascending numbers of the documents that met another one, in a band or by an equal text.
        order: int64[n], rows of `candidates` in keep order.
        buckets: int32[n, bands], as of `lsh.buckets`; none for texts below one shingle.
        groups: int32[n], a number for each text that several have as they came, -1 for others.
        sources: uint64[n], keys of their sources.
        sets: Shingle sets of the candidates.
        settled: The first so many in `order` stay, whatever they are like.
    """

    first: Ints
    candidates: Ints
    order: Ints
    buckets: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    sources: npt.NDArray[np.uint64]
    sets: StoredSets
    settled: int


def meet(
    keep_order: Callable[[Ints], Ints],
    keys: TextKeys,
    tokens: Ints,
    bands: Iterable[npt.NDArray[np.uint64]],
    fetch: Callable[[Ints, Ints], StoredSets],
    settled: int = 0,
) -> Meeting:
    """Find equal texts and candidates; arguments as of `cluster`.

    The first `settled` documents stay, whatever they are like; they must come first in keep order, without text keys.
    """
    everyone = np.arange(len(tokens))
    first = _equals(keep_order, copy_keys(keys.originals, keys.stored, np.zeros_like(keys.sources)), bands)
    # Such copies are settled. The rest meets in the bands, but for texts below one shingle, and by equal texts of which
    # different things are stored.
    open_ones = np.flatnonzero(first == everyone)
    met = _groups(keys.originals[open_ones]) >= 0
    is_long = tokens[open_ones] >= SHINGLE_WORDS
    for band in bands:
        met[is_long] |= is_shared(band[open_ones[is_long]])
    meets = np.zeros(len(tokens), np.bool_)
    meets[open_ones[met]] = True
    meets = meets[first]
    if settled or not np.array_equal(keys.originals, keys.stored):
        # Whom a copy that is of another source is like is not said by what its equal comes to.
        apart = np.where(meets, copy_keys(*keys), np.uint64(0))
        first = np.where(meets, _equals(keep_order, apart, bands), first)
    candidates = np.flatnonzero(meets & (first == everyone))
    numbers = buckets((band[candidates] for band in bands), len(candidates))
    numbers[tokens[candidates] < SHINGLE_WORDS] = -1
    order = np.searchsorted(candidates, keep_order(candidates))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return Meeting(
        first,
        candidates,
        order,
        numbers,
        _groups(keys.originals[candidates]),
        keys.sources[candidates],
        fetch(candidates, ranks),
        int(np.searchsorted(candidates, settled)),
    )


def _equals(
    keep_order: Callable[[Ints], Ints], keys: npt.NDArray[np.uint64], bands: Iterable[npt.NDArray[np.uint64]]
) -> Ints:
    """Return for each document the one to keep among those that have its key and are equal as they are stored."""
    first = first_equals(keep_order, keys)
    if (first == np.arange(len(first))).all():
        return first
    for band in bands:
        # Texts made to share a key, or that share one by accident, differ in their bands.
        first = np.where(band == band[first], first, np.arange(len(first)))
    return first


def _groups(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
    """Number the texts that several have, -1 for others and for texts with nothing to compare."""
    (numbers,) = buckets([keys], len(keys)).T
    return np.where(keys == 0, np.int32(-1), numbers)


def assign(meeting: Meeting, threshold: float, least: float) -> Clusters:
    """Tie every document to the one that stays; thresholds as of `cluster`, and the meeting is not changed."""
    first, candidates = meeting.first, meeting.candidates
    exact = first != np.arange(len(first))
    nobody = np.zeros(len(first), np.bool_)
    equal, nearest = np.where(exact, 1.0, 0.0), np.where(exact, first, -1)
    result = Clusters(first.copy(), equal, equal.copy(), nearest, exact, nobody, 0, 0)
    if not len(candidates):
        return result
    found, compared = _compare(meeting, threshold, min(least, threshold))
    # A copy of a document that went is as similar to its keeper as that one: the same came, and the same is stored.
    copies = np.flatnonzero(exact)
    result.keepers[candidates] = candidates[found.keepers]
    result.similarities[candidates] = found.similarities
    result.originals[candidates] = found.originals
    result.exact[candidates] = found.exact
    result.nearest[candidates] = np.where(found.nearest >= 0, candidates[found.nearest], -1)
    result.crowded[candidates] = found.crowded
    copies = copies[result.keepers[first[copies]] != first[copies]]
    for column in (result.keepers, result.similarities, result.originals, result.nearest):
        column[copies] = column[first[copies]]
    return result._replace(candidates=len(candidates), compared=compared)


class _Found(NamedTuple):
    """What comparing came to: columns as of `Clusters`, but rows of `Meeting.candidates` that name such rows."""

    keepers: Ints
    similarities: npt.NDArray[np.float64]
    originals: npt.NDArray[np.float64]
    nearest: Ints
    exact: npt.NDArray[np.bool_]
    crowded: npt.NDArray[np.bool_]


@np.errstate(over="ignore")  # matters only where the kernels run as plain Python
def _compare(meeting: Meeting, threshold: float, least: float) -> tuple[_Found, int]:
    """Compare the candidates; return what that came to, and how many pairs were compared.

    No more sets are loaded at a time than `StoredSets.at_once` says, or one document and the keepers it meets need.
    """
    from dedup.kernels import cluster as kernels
    from dedup.kernels.slots import SECRET

    order, groups, sources, sets = meeting.order, meeting.groups, meeting.sources, meeting.sets
    count = len(order)
    (keepers, nearest), (similarities, originals) = np.empty((2, count), np.int64), np.empty((2, count))
    found = _Found(keepers, similarities, originals, nearest, *np.zeros((2, count), np.bool_))
    heads, following = np.full(int(meeting.buckets.max()) + 1, -1, np.int32), np.full_like(meeting.buckets, -1)
    stayed = np.full(int(groups.max()) + 1, -1, np.int32)
    position, starts, needed = (np.empty(count, np.int64) for _ in range(3))
    seen, asked = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    floor = min(COMPARED_FLOOR, threshold)
    if meeting.settled:
        # They look at nobody; so whether they are crowded means nothing.
        kernels.assign_keepers(
            order, 0, meeting.settled, meeting.buckets, groups, sources, np.zeros(0, np.uint64), np.zeros_like(starts),
            sets.sizes, sets.came, threshold, floor, least, 0, SECRET, heads, following, stayed, position, seen, *found,
        )  # fmt: skip
    rank, compared = meeting.settled, 0
    while rank < count:
        stop, needs = kernels.foresee(
            order, rank, sets.at_once, meeting.buckets, groups, sources, sets.sizes, sets.came, floor, REACH, heads,
            following, stayed, asked, needed,
        )  # fmt: skip
        rows = sets.in_place(needed[:needs])
        loaded = sets.load(rows)
        starts[rows] = loaded.offsets[:-1]
        compared += kernels.assign_keepers(
            order, rank, stop, meeting.buckets, groups, sources, loaded.hashes, starts, sets.sizes, sets.came,
            threshold, floor, least, REACH, SECRET, heads, following, stayed, position, seen, *found,
        )  # fmt: skip
        rank = stop
    return found, compared


def first_equals(keep_order: Callable[[Ints], Ints], keys: npt.NDArray[np.uint64]) -> Ints:
    """Return for each document the one to keep among those with its text key; itself for the key 0."""
    first = np.arange(len(keys))
    equal = keep_order(np.flatnonzero(is_shared(keys) & (keys != 0)))
    _, leaders, groups = np.unique(keys[equal], return_index=True, return_inverse=True)
    first[equal] = equal[leaders[groups]]
    return first
