"""Every dropped document tied to one that stays: no chains, no guesses.

Documents are taken in keep order. One that is equal to an earlier one, or whose exact similarity to a *keeper* is at or
above the threshold, goes in that keeper's favour; any other becomes a keeper. So A~B and B~C never drops C for A's
sake, and a bucket holds no more than the keepers in it. Of these only the `REACH` that came last are looked at, so that
the work grows with the number of documents and no faster, whatever somebody wrote to make them all meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.lsh import buckets, is_shared
from dedup.shingle import SHINGLE_WORDS, StoredSets

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
        similarities: float64[documents], exact Jaccard similarity to `nearest`; 1 for equal texts, 0 where nothing
            was compared.
        nearest: int64[documents], the keeper, or for one that stays the most similar keeper it was compared with; -1
            where there is none.
        exact: bool[documents], equal after normalisation to a document before it in keep order.
        crowded: bool[documents], stays, though it met more keepers in a bucket than are looked at.
        candidates: Documents that met another one in a band.
        compared: Pairs that were verified.
    """

    keepers: Ints
    similarities: npt.NDArray[np.float64]
    nearest: Ints
    exact: npt.NDArray[np.bool_]
    crowded: npt.NDArray[np.bool_]
    candidates: int
    compared: int

    @classmethod
    def of_nobody(cls, documents: int) -> Clusters:
        """Return that every document stays, and none was compared."""
        equal, crowded = np.zeros((2, documents), np.bool_)
        return cls(np.arange(documents), np.zeros(documents), np.full(documents, -1), equal, crowded, 0, 0)


def cluster(
    keep_order: Callable[[Ints], Ints],
    keys: npt.NDArray[np.uint64],
    tokens: Ints,
    bands: Iterable[npt.NDArray[np.uint64]],
    fetch: Callable[[Ints, Ints], StoredSets],
    threshold: float,
) -> Clusters:
    """Tie every document to the one that stays.

    Args:
        keep_order: Sorts ascending document numbers, best to keep first.
        keys: Text keys (`signature.Sketches.keys`).
        tokens: Token counts.
        bands: Band keys, one uint64[documents] array a band; gone through three times.
        fetch: Gives the shingle sets of ascending document numbers, and is told at which rank in keep order each is;
            called once at most, for candidates only.
        threshold: Least Jaccard similarity.
    """
    return assign(meet(keep_order, keys, tokens, bands, fetch), threshold)


class Meeting(NamedTuple):
    """Who met whom: all that the threshold has no part in.

    Attributes:
        first: int64[documents], the one to keep among those with an equal text; itself where there is no other.
        candidates: int64[n], ascending numbers of the documents that met another one in a band.
        order: int64[n], rows of `candidates` in keep order.
        buckets: int32[n, bands], as of `lsh.buckets`.
        sets: Shingle sets of the candidates.
        settled: The first so many in `order` stay, whatever they are like.
    """

    first: Ints
    candidates: Ints
    order: Ints
    buckets: npt.NDArray[np.int32]
    sets: StoredSets
    settled: int


def meet(
    keep_order: Callable[[Ints], Ints],
    keys: npt.NDArray[np.uint64],
    tokens: Ints,
    bands: Iterable[npt.NDArray[np.uint64]],
    fetch: Callable[[Ints, Ints], StoredSets],
    settled: int = 0,
) -> Meeting:
    """Find equal texts and candidates; arguments as of `cluster`.

    The first `settled` documents stay, whatever they are like; they must come first in keep order, without text keys.
    """
    first = first_equals(keep_order, keys)
    for band in bands:
        # Texts made to share a key, or that share one by accident, differ in their bands.
        first = np.where(band == band[first], first, np.arange(len(keys)))
    # Equal copies and texts below one shingle are settled; the rest meets in the bands.
    open_ones = np.flatnonzero((first == np.arange(len(keys))) & (tokens >= SHINGLE_WORDS))
    met = np.zeros(len(open_ones), np.bool_)
    for band in bands:
        met |= is_shared(band[open_ones])
    candidates = open_ones[met]
    order = np.searchsorted(candidates, keep_order(candidates))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return Meeting(
        first,
        candidates,
        order,
        buckets((band[candidates] for band in bands), len(candidates)),
        fetch(candidates, ranks),
        int(np.searchsorted(candidates, settled)),
    )


def assign(meeting: Meeting, threshold: float) -> Clusters:
    """Tie every document to the one that stays at a threshold; the meeting is not changed."""
    first, candidates = meeting.first, meeting.candidates
    exact = first != np.arange(len(first))
    nobody = np.zeros(len(first), np.bool_)
    result = Clusters(first.copy(), np.where(exact, 1.0, 0.0), np.where(exact, first, -1), exact, nobody, 0, 0)
    if not len(candidates):
        return result
    found, compared = _compare(meeting, threshold)
    result.keepers[candidates] = candidates[found.keepers]
    result.similarities[candidates] = found.similarities
    result.nearest[candidates] = np.where(found.nearest >= 0, candidates[found.nearest], -1)
    result.crowded[candidates] = found.crowded
    # A copy equal to a document that went has the very same shingles, so what holds for that one holds for the copy.
    copies = np.flatnonzero(exact & (result.keepers[first] != first))
    for column in (result.keepers, result.similarities, result.nearest):
        column[copies] = column[first[copies]]
    return result._replace(candidates=len(candidates), compared=compared)


class _Found(NamedTuple):
    """What comparing came to: columns as of `Clusters`, but rows of `Meeting.candidates` that name such rows."""

    keepers: Ints
    similarities: npt.NDArray[np.float64]
    nearest: Ints
    crowded: npt.NDArray[np.bool_]


@np.errstate(over="ignore")  # matters only where the kernels run as plain Python
def _compare(meeting: Meeting, threshold: float) -> tuple[_Found, int]:
    """Compare the candidates; return what that came to, and how many pairs were compared.

    No more sets are loaded at a time than `StoredSets.at_once` says, or one document and the keepers it meets need.
    """
    from dedup.kernels import cluster as kernels
    from dedup.kernels.slots import SECRET

    order, sets = meeting.order, meeting.sets
    count = len(order)
    found = _Found(np.empty(count, np.int64), np.empty(count), np.empty(count, np.int64), np.empty(count, np.bool_))
    heads, following = np.full(int(meeting.buckets.max()) + 1, -1, np.int32), np.full_like(meeting.buckets, -1)
    position, starts, needed = (np.empty(count, np.int64) for _ in range(3))
    seen, asked = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    floor = min(COMPARED_FLOOR, threshold)
    if meeting.settled:
        # They look at nobody; so whether they are crowded means nothing.
        kernels.assign_keepers(
            meeting.order, 0, meeting.settled, meeting.buckets, np.zeros(0, np.uint64), np.zeros_like(starts),
            sets.sizes, threshold, floor, 0, SECRET, heads, following, position, seen, *found,
        )  # fmt: skip
    rank, compared = meeting.settled, 0
    while rank < count:
        stop, needs = kernels.foresee(
            order, rank, sets.at_once, meeting.buckets, sets.sizes, floor, REACH, heads, following, asked, needed
        )
        rows = sets.in_place(needed[:needs])
        loaded = sets.load(rows)
        starts[rows] = loaded.offsets[:-1]
        compared += kernels.assign_keepers(
            order, rank, stop, meeting.buckets, loaded.hashes, starts, sets.sizes, threshold, floor, REACH, SECRET,
            heads, following, position, seen, *found,
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
