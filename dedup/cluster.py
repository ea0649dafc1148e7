"""Every dropped document tied to one that stays: no chains, no guesses.

Documents are taken in keep order. One that is equal to an earlier one, or whose exact similarity to a *keeper* is at or
above the threshold, goes in that keeper's favour; any other becomes a keeper. So A~B and B~C never drops C for A's
sake, and a bucket holds no more than the keepers in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.lsh import buckets
from dedup.shingle import SHINGLE_WORDS, ShingleSets

COMPARED_FLOOR = 0.5
"""Pairs whose sizes alone keep them below this Jaccard similarity are not compared: nobody asks about them."""

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
        candidates: Documents that met another one in a band.
        compared: Pairs that were verified.
    """

    keepers: Ints
    similarities: npt.NDArray[np.float64]
    nearest: Ints
    exact: npt.NDArray[np.bool_]
    candidates: int
    compared: int

    @classmethod
    def of_nobody(cls, documents: int) -> Clusters:
        """Return that every document stays, and none was compared."""
        nobody = np.zeros(documents, np.bool_)
        return cls(np.arange(documents), np.zeros(documents), np.full(documents, -1), nobody, 0, 0)


def cluster(
    keep_order: Callable[[Ints], Ints],
    keys: npt.NDArray[np.uint64],
    tokens: Ints,
    bands: Iterable[npt.NDArray[np.uint64]],
    fetch: Callable[[Ints], ShingleSets],
    threshold: float,
) -> Clusters:
    """Tie every document to the one that stays.

    Args:
        keep_order: Sorts ascending document numbers, best to keep first.
        keys: Text keys (`signature.Sketches.keys`).
        tokens: Token counts.
        bands: Band keys, one uint64[documents] array a band.
        fetch: Gives the shingle sets of ascending document numbers; called once at most, for candidates only.
        threshold: Least Jaccard similarity.
    """
    from dedup.kernels import cluster as kernels

    first = first_equals(keep_order, keys)
    numbers = np.arange(len(keys))
    exact = first != numbers
    result = Clusters(first.copy(), np.where(exact, 1.0, 0.0), np.where(exact, first, -1), exact, 0, 0)
    # Equal copies and texts below one shingle are settled; the rest meets in the bands.
    open_ones = np.flatnonzero(~exact & (tokens >= SHINGLE_WORDS))
    shared = buckets((band[open_ones] for band in bands), len(open_ones))
    met = (shared >= 0).any(axis=1)
    candidates, shared = open_ones[met], np.ascontiguousarray(shared[met])
    if not len(candidates):
        return result
    sets = fetch(candidates)
    order = np.searchsorted(candidates, keep_order(candidates))
    keepers, nearest = np.empty(len(candidates), np.int64), np.empty(len(candidates), np.int64)
    similarities = np.empty(len(candidates), np.float64)
    compared = kernels.assign_keepers(
        order, shared, int(shared.max()) + 1, sets.hashes, sets.offsets, threshold, min(COMPARED_FLOOR, threshold),
        keepers, similarities, nearest,
    )  # fmt: skip
    result.keepers[candidates] = candidates[keepers]
    result.similarities[candidates] = similarities
    result.nearest[candidates] = np.where(nearest >= 0, candidates[nearest], -1)
    # A copy equal to a document that went has the very same shingles, so what holds for that one holds for the copy.
    copies = np.flatnonzero(exact & (result.keepers[first] != first))
    for column in (result.keepers, result.similarities, result.nearest):
        column[copies] = column[first[copies]]
    return result._replace(candidates=len(candidates), compared=int(compared))


def first_equals(keep_order: Callable[[Ints], Ints], keys: npt.NDArray[np.uint64]) -> Ints:
    """Return for each document the one to keep among those with its text key; itself for the key 0."""
    first = np.arange(len(keys))
    _, groups, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    equal = keep_order(np.flatnonzero((sizes[groups] > 1) & (keys != 0)))
    _, leaders, groups = np.unique(keys[equal], return_index=True, return_inverse=True)
    first[equal] = equal[leaders[groups]]
    return first
