"""Documents judged against what was stored before them, by the same step as against each other.

Whoever is met in a band among what is stored takes part in the comparison as if it stood before the first document, and
stays whatever it is like. So a corpus judged day by day keeps what it keeps in one piece with `--keep first`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dedup import signature
from dedup.boilerplate import SOURCE, Templates
from dedup.cluster import REACH, Clusters, TextKeys, assign, meet
from dedup.columns import Column
from dedup.config import Config
from dedup.lsh import Bands
from dedup.model import Batch, Wanted
from dedup.plan import Corpus, Documents, Known, Place
from dedup.shingle import SHINGLE_WORDS, ShingleSets, StoredSets, sets_of_both
from dedup.signature import copy_keys
from dedup.sources import source_keys

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FETCHED = 5_000
"""Stored documents whose texts are held at once."""


class Lookup(Protocol):
    """Stored documents, called by number in the order in which they were stored, as they are looked up."""

    def holds(self, number: int) -> bool:
        """Say whether a document is here."""

    def equal(self, keys: Keys) -> Ints:
        """Return for each key the first document that has it; -1 for none.

        A stored document has the text key of what came; one that is nearly a duplicate, the key of its copies
        (`signature.copy_keys`).
        """

    def meet(self, band_keys: Keys, most: int) -> tuple[Ints, Ints]:
        """Return who is stored with which of some different keys, of each key the `most` that came last.

        Pairs of a row of `band_keys`, uint64[keys], and a document, ascending by both; the key 0 is nobody's.
        """

    def keepers(self, numbers: Ints) -> tuple[Ints, Floats, Floats]:
        """Return the stored document in place of each, itself if it is stored, and both similarities to it."""

    def stored(self, numbers: Ints) -> Column:
        """Return the texts of some stored documents."""

    def originals(self, numbers: Ints) -> Column:
        """Return the texts of some stored documents as they came."""

    def places(self, numbers: Ints) -> list[Place]:
        """Return where some documents are from."""


class Memory(Lookup, Protocol):
    """All that a run can know of what was stored before it."""

    def templates(self, source_names: list[str]) -> Templates:
        """Return the boilerplate known of some sources; source i is `source_names[i]`."""

    def evidence(self, source_names: list[str], file: np.int32) -> Iterator[Batch]:
        """Yield stored documents of some sources, as they were read and as if of this file, to count lines over."""

    def reread(self, records: Ints, file: np.int32) -> Iterator[Batch]:
        """Yield some of them again."""


class Preceded:
    """A corpus followed by what an index holds of its sources, to count lines over both.

    Attributes:
        room: As of the corpus.
        names: The names of its files; what the index holds is one file more.
        rejected: As of the corpus.
    """

    def __init__(self, corpus: Corpus, memory: Memory) -> None:
        self._corpus, self._memory = corpus, memory
        self._sources: dict[str, None] = {}
        self.room, self.names, self.rejected = corpus.room, [*corpus.names, ""], corpus.rejected

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Read all documents, those of the index last, or the wanted ones."""
        file = np.int32(len(self.names) - 1)
        if wanted is None:
            for batch in self._corpus.batches():
                self._sources.update(dict.fromkeys(batch.sources))
                yield batch
            yield from self._memory.evidence(list(self._sources), file)
            return
        own = wanted.files < file
        if own.any():
            yield from self._corpus.batches(Wanted(wanted.files[own], wanted.records[own]))
        yield from self._memory.reread(wanted.records[~own], file)


def with_known(counted: Templates, known: Templates) -> Templates:
    """Return of each row the one that more articles carry: what was boilerplate once stays it.

    Of sources that were counted, the number of articles is what was counted.
    """
    at = counted.find(known.keys)
    is_more = known.articles > np.append(counted.articles, 0)[at]
    chosen = is_more & ((at < 0) | (known.kinds != SOURCE))
    kept = np.ones(len(counted.keys), np.bool_)
    kept[at[chosen & (at >= 0)]] = False
    return Templates.join([counted.rows(kept), known.rows(chosen)])


def known_copies(lookups: Sequence[Lookup], keys: TextKeys) -> Ints:
    """Return for each text a document that makes it a copy, -1 for none: a stored one that is equal as it came.

    Or else one that is nearly a duplicate, if it is of the same source and equal as it came, and the same was left of
    it when it was compared. Of all lookups, the first one that has such a document says which.
    """
    found = np.full(len(keys.originals), -1)
    for sought in (keys.originals, copy_keys(*keys)):
        for lookup in lookups:
            found = np.where(found < 0, lookup.equal(sought), found)
    return found


class Before(NamedTuple):
    """Shingle sets as `StoredSets.add` takes them, and which rows have two."""

    sets: ShingleSets
    lost: Bools


def cluster_after(
    memory: Lookup,
    documents: Documents,
    bands: Iterable[Keys],
    fetch: Callable[[Ints, Ints, Before], StoredSets],
    config: Config,
    shape: Bands,
    permutations: signature.Permutations,
) -> tuple[Clusters, Known]:
    """Tie every document to a stored one, or to one before it, that stays.

    Args:
        memory: What was stored before.
        documents: The documents.
        bands: Band keys, one uint64[documents] array a band.
        fetch: Gives the shingle sets of ascending document numbers, behind those it is given, and is told at which rank
            in keep order all of them are.
        config: How similar documents must be.
        shape: The shape of the bands.
        permutations: What the signatures were made with.

    Returns:
        Who stays and who goes, and the stored documents that are named there: n + i is the i-th of them, n being the
        number of documents.
    """
    keys, tokens, count = documents.text_keys, documents.tokens, len(documents)
    equal = known_copies([memory], keys)
    copies = np.flatnonzero(equal >= 0)
    columns = list(bands)
    open_ones = (equal < 0) & (tokens >= SHINGLE_WORDS)
    band_keys = np.unique(np.concatenate([column[open_ones] for column in columns]))
    # One more than is looked at, so that it shows that there are more.
    met = np.unique(memory.meet(band_keys, REACH + 1)[1])
    before = _Stored.of(memory, met, shape, permutations)

    def fetch_both(rows: Ints, ranks: Ints) -> StoredSets:
        split = int(np.searchsorted(rows, len(met)))
        return fetch(rows[split:] - len(met), ranks, before.sets(rows[:split]))

    # A copy of a stored text is settled, and has no part in the rest: its key and its size say so.
    nameless = np.zeros(len(met), np.uint64)
    originals, stored = (np.concatenate([nameless, np.where(equal < 0, column, np.uint64(0))]) for column in keys[:2])
    sources = np.concatenate([source_keys(place.source for place in memory.places(met)), keys.sources])
    open_tokens = np.where(equal < 0, tokens, 0)
    clusters = assign(
        meet(
            np.sort,
            TextKeys(originals, stored, sources),
            np.concatenate([before.tokens, open_tokens]),
            [np.concatenate(both) for both in zip(before.bands.T, columns, strict=True)],
            fetch_both,
            settled=len(met),
        ),
        config.threshold,
        config.original_floor,
    )
    keepers, *similarities = memory.keepers(equal[copies])
    columns_of = []
    for column, of_copies in ((clusters.keepers, keepers), (clusters.nearest, keepers)):
        own = _renumbered(column[len(met) :], met, count)
        own[copies] = count + of_copies
        columns_of.append(own)
    named = np.unique(np.concatenate(columns_of))
    named = named[named >= count]
    for own in columns_of:
        stored = own >= count
        own[stored] = count + np.searchsorted(named, own[stored])
    own_similarities, own_originals = (
        column[len(met) :].copy() for column in (clusters.similarities, clusters.originals)
    )
    exact = clusters.exact[len(met) :].copy()
    own_similarities[copies], own_originals[copies] = similarities
    exact[copies] = True
    crowded = clusters.crowded[len(met) :]
    text_keys = np.zeros(len(named), np.uint64)
    same = keepers == equal[copies]
    text_keys[np.searchsorted(named, count + keepers[same])] = keys.originals[copies[same]]
    others = Known(named - count, memory.places(named - count), text_keys)
    counts = clusters.candidates, clusters.compared
    own_figures = own_similarities, own_originals
    return Clusters(columns_of[0], *own_figures, columns_of[1], exact, crowded, *counts), others


def last_of_each(rows: Ints, numbers: Ints, most: int) -> tuple[Ints, Ints]:
    """Return of pairs, row by row, the `most` with the highest numbers, ascending by both.

    >>> last_of_each(np.array([1, 0, 1, 1]), np.array([4, 9, 7, 5]), 2)
    (array([0, 1, 1]), array([9, 5, 7]))
    """
    order = np.lexsort((numbers, rows))
    rows, numbers = rows[order], numbers[order]
    chosen = np.searchsorted(rows, rows, side="right") - np.arange(len(rows)) <= most
    return rows[chosen], numbers[chosen]


def _renumbered(column: Ints, met: Ints, count: int) -> Ints:
    """Return numbers in which `met` stood before the documents as numbers in which all that is stored stands behind."""
    own = np.where(column >= len(met), column - len(met), column)
    stored = (column >= 0) & (column < len(met))
    own[stored] = count + met[column[stored]]
    return own


class _Stored(NamedTuple):
    """Stored documents, with what they are compared by: of each one or two sets of shingles, one after the other."""

    hashes: list[list[Keys]]
    tokens: Ints
    bands: Keys

    @classmethod
    def of(cls, memory: Lookup, numbers: Ints, shape: Bands, permutations: signature.Permutations) -> _Stored:
        """Compute from the stored texts what is not stored."""
        hashes: list[list[Keys]] = []
        tokens, bands = [np.zeros(0, np.int64)], [np.zeros((0, shape.bands), np.uint64)]
        for start in range(0, len(numbers), FETCHED):
            some = numbers[start : start + FETCHED]
            texts, originals = memory.stored(some), memory.originals(some)
            sketches = signature.sketch(texts, permutations)
            tokens.append(sketches.tokens)
            bands.append(signature.band_keys(sketches.signatures, *shape))
            lost = texts.sizes != originals.sizes
            sets = sets_of_both(texts, originals, lost, np.arange(len(texts)))
            split = iter(np.split(sets.hashes, sets.offsets[1:-1]))
            hashes += [[next(split) for _ in range(1 + has_two)] for has_two in lost.tolist()]
        return cls(hashes, np.concatenate(tokens), np.concatenate(bands))

    def sets(self, rows: Ints) -> Before:
        """Return the shingle sets of some of them."""
        chosen = [one for row in rows.tolist() for one in self.hashes[row]]
        offsets = np.zeros(len(chosen) + 1, np.int64)
        np.cumsum([len(one) for one in chosen], out=offsets[1:])
        lost = np.array([len(self.hashes[row]) > 1 for row in rows.tolist()], np.bool_)
        return Before(ShingleSets(np.concatenate([np.zeros(0, np.uint64), *chosen]), offsets), lost)
