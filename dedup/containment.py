"""Documents of which a longer one of their source holds nearly all: teasers, early versions of a ticker.

Their Jaccard similarity may be low, since the longer one has so much more. Candidates come from the grouping of
versions (`dedup.versions`); the share is then counted exactly: of the document's shingles, those that the longer one
has too (Broder, On the resemblance and containment of documents, 1997). By default that is only reported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.cluster import Clusters
from dedup.shingle import SHINGLE_WORDS, StoredSets, TextSets, stored_similarity

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

CONTAINED = 0.8
"""Share from which a document is flagged as contained, if `Config.drop_contained` does not ask for less. Chosen: below
it, articles that quote another begin to show."""


class Containment(NamedTuple):
    """Who holds whom.

    Attributes:
        holders: int64[documents], the longer document that holds the document; -1 where none does.
        shares: float64[documents], how much of the document's shingles it holds, exactly; 0 where none was compared.
    """

    holders: Ints
    shares: Floats

    @classmethod
    def none(cls, documents: int) -> Containment:
        """Return that nobody holds anybody."""
        return cls(np.full(documents, -1), np.zeros(documents))


def find(
    versions: Ints,
    clusters: Clusters,
    longest_first: Callable[[Ints], Ints],
    stored: Ints,
    tokens: Ints,
    least: float,
    fetch: Callable[[Ints], StoredSets],
) -> Containment:
    """Compare every document that stays with the longest version of its article that stays.

    Args:
        versions: For each document, the one that stands for all versions of its article.
        clusters: Who stays and who goes for similarity.
        longest_first: Sorts document numbers, those with the most characters stored first.
        stored: Characters of each document after its cuts.
        tokens: Its tokens.
        least: Share from which a document counts as held.
        fetch: Gives the shingle sets of ascending document numbers.
    """
    result = Containment.none(len(versions))
    staying = np.flatnonzero((clusters.keepers == np.arange(len(versions))) & (tokens >= SHINGLE_WORDS))
    _, groups, sizes = np.unique(versions[staying], return_inverse=True, return_counts=True)
    staying = longest_first(staying[sizes[groups] > 1])
    _, first, groups = np.unique(versions[staying], return_index=True, return_inverse=True)
    holders = np.full(len(versions), -1)
    holders[staying] = staying[first[groups]]
    documents = np.sort(staying[stored[staying] < stored[holders[staying]]])
    if len(documents):
        sets = _Sets(np.union1d(documents, holders[documents]), fetch)
        for document in documents[np.argsort(holders[documents], kind="stable")].tolist():
            result.shares[document] = sets.share(document, int(holders[document]))
        held = documents[result.shares[documents] >= least]
        result.holders[held] = holders[held]
    return result


def drop(
    containment: Containment,
    clusters: Clusters,
    sources: Ints,
    least: float,
    floor: float,
    fetch: Callable[[Ints], StoredSets],
) -> tuple[Containment, Clusters]:
    """Drop the documents that are held to `least` or more, and to `floor` or more as they came, for their holders.

    A document that others went in favour of goes only if its holder holds them to the same share, for they are then
    tied to the holder. A holder is the longest of its group, so it never goes itself.
    """
    candidates = np.flatnonzero((containment.holders >= 0) & (containment.shares >= least))
    if not len(candidates):
        return containment, clusters
    family = np.flatnonzero(np.isin(clusters.keepers, candidates))
    sets = _Sets(np.union1d(family, containment.holders[candidates]), fetch)
    # Sorted once: a holder is no candidate, so what is tied to one candidate is never tied to another later.
    family = family[np.argsort(clusters.keepers[family], kind="stable")]
    families = np.split(family, np.searchsorted(clusters.keepers[family], candidates[1:]))
    for at in np.argsort(containment.holders[candidates], kind="stable").tolist():
        holder = int(containment.holders[candidates[at]])
        tied = families[at].tolist()
        shares = [sets.share(member, holder) for member in tied]
        as_they_came = [sets.share(member, holder, as_came=True) for member in tied]
        if min(shares) < least or min(as_they_came) < min(floor, least):
            continue
        for member, share in zip(tied, shares, strict=True):
            clusters.keepers[member] = clusters.nearest[member] = containment.holders[member] = holder
            is_foreign = bool(sources[member] != sources[holder])
            clusters.similarities[member] = (sets.similarity if is_foreign else sets.jaccard)(member, holder)
            clusters.originals[member] = sets.jaccard(member, holder, as_came=True)
            containment.shares[member] = share
    # Who stays is no longer nearly a duplicate of one that went.
    lonely = (clusters.keepers == np.arange(len(clusters.keepers))) & (clusters.nearest >= 0)
    lonely &= clusters.keepers[clusters.nearest] != clusters.nearest
    clusters.nearest[lonely], clusters.similarities[lonely], clusters.originals[lonely] = -1, 0, 0
    return containment, clusters


class _Sets:
    """The shingle sets of some documents.

    The set of the last holder asked for is kept, ordered, so that comparing it with all that it holds, one after the
    other, costs what they hold, and not each time what it holds itself.
    """

    def __init__(self, documents: Ints, fetch: Callable[[Ints], StoredSets]) -> None:
        self._documents = documents
        self._sets = fetch(documents)
        self._last, self._ordered = (-1, False), np.zeros(0, np.uint64)

    def share(self, document: int, holder: int, *, as_came: bool = False) -> float:
        """Return how much of a document's shingles another one has: of what is stored of both, or of what came."""
        return self._shared(document, holder, as_came) / max(len(self._of(document, as_came)), 1)

    def jaccard(self, document: int, holder: int, *, as_came: bool = False) -> float:
        """Return the Jaccard similarity of the two."""
        shared = self._shared(document, holder, as_came)
        return shared / max(len(self._of(document, as_came)) + len(self._ordered) - shared, 1)

    def similarity(self, document: int, holder: int) -> float:
        """Return how similar two are that are of different sources."""
        own, other = (TextSets(*(self._of(number, came) for came in (False, True))) for number in (document, holder))
        return stored_similarity(own, other, is_foreign=True)

    def _shared(self, document: int, holder: int, as_came: bool) -> int:
        if (holder, as_came) != self._last:
            self._last, self._ordered = (holder, as_came), np.sort(self._of(holder, as_came))
        own = self._of(document, as_came)
        at = np.searchsorted(self._ordered, own)
        found = at < len(self._ordered)
        return int((self._ordered[at[found]] == own[found]).sum())

    def _of(self, document: int, as_came: bool) -> npt.NDArray[np.uint64]:
        at = int(np.searchsorted(self._documents, document))
        hashes, size = self._sets.load(np.array([at])).hashes, int(self._sets.sizes[at])
        return hashes[size:] if as_came and self._sets.came[at] else hashes[:size]
