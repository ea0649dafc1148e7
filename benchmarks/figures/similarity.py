r"""Who is similar to whom, by brute force: an inverted index of word 5-grams, without hashing and without dedup.

Not the product's definition of a word: that one folds letters and knows scripts without spaces. This one is the
textbook's, `re.findall(r"\w+", text.lower())`, so that a mistake there cannot hide itself here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from figures.figure import Figure, mistakes, share
from figures.outcome import Outcome

Ints = npt.NDArray[np.int64]
Pairs = dict[tuple[int, int], float]

SHINGLE_WORDS = 5


class InvertedIndex:
    """The distinct shingles of every text, and the texts of every shingle."""

    def __init__(self, texts: Sequence[str]) -> None:
        documents, shingles = _shingles(texts)
        self.sizes = np.bincount(documents, minlength=len(texts))
        self._of_document = np.split(shingles, np.cumsum(self.sizes)[:-1])
        order = np.argsort(shingles, kind="stable")
        self._documents = documents[order]
        self._starts = np.searchsorted(shingles[order], np.arange(shingles.max(initial=-1) + 2))

    def shared(self, document: int) -> Ints:
        """Return how many shingles every text shares with this one."""
        shingles = self._of_document[document]
        starts, ends = self._starts[shingles], self._starts[shingles + 1]
        lengths = ends - starts
        places = np.arange(lengths.sum()) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
        return np.bincount(self._documents[places], minlength=len(self.sizes))


def similar_pairs(texts: Sequence[str], threshold: float) -> Pairs:
    """Return the pairs (i, j), i < j, whose exact Jaccard similarity is at or above a threshold.

    >>> similar_pairs(["a b c d e", "A b, c d e.", "a b c d e f", "a"], 0.5)
    {(0, 1): 1.0, (0, 2): 0.5, (1, 2): 0.5}
    """
    index = InvertedIndex(texts)
    pairs: Pairs = {}
    for document in range(len(texts)):
        shared = index.shared(document)
        similarities = shared / (index.sizes[document] + index.sizes - shared)
        alike = np.flatnonzero(similarities >= threshold)
        pairs |= {(document, int(other)): float(similarities[other]) for other in alike if other > document}
    return pairs


def _shingles(texts: Sequence[str]) -> tuple[Ints, Ints]:
    """Return (document, shingle number) of the distinct shingles of each text, ascending.

    A text of fewer words than a shingle has has one, all of it.
    """
    vocabulary: dict[str, int] = {}
    short: dict[tuple[str, ...], int] = {}
    words, lengths, whole = [], [], []
    for document, text in enumerate(texts):
        found = re.findall(r"\w+", text.lower())
        if len(found) < SHINGLE_WORDS:
            whole.append((document, short.setdefault(tuple(found), len(short))))
            found = []
        words.append(np.array([vocabulary.setdefault(word, len(vocabulary)) for word in found], np.int64))
        lengths.append(max(0, len(found) - SHINGLE_WORDS + 1))
    documents = np.repeat(np.arange(len(texts)), lengths)
    grams = np.concatenate([found[: max(0, len(found) - SHINGLE_WORDS + 1)] for found in words])
    for place in range(1, SHINGLE_WORDS):
        following = np.concatenate([found[place : max(0, len(found) - SHINGLE_WORDS + 1) + place] for found in words])
        # Numbered anew after each word, so that numbers stay small: no hash, and so no collision.
        grams = np.unique(grams * len(vocabulary) + following, return_inverse=True)[1]
    base = int(grams.max(initial=-1)) + 1
    if whole:
        ends, numbers = np.array(whole, np.int64).T
        documents, grams = np.concatenate([documents, ends]), np.concatenate([grams, numbers + base])
    total = base + len(short) + 1
    distinct = np.unique(documents * total + grams)
    return distinct // total, distinct % total


def article_figures(pairs: Pairs, outcome: Outcome, name: str) -> list[Figure]:
    """Say whether all drops were right and whether all pairs were resolved.

    Args:
        pairs: The similar pairs, of the texts as `name` says.
        outcome: Who was dropped.
        name: `raw` or `stored`.
    """
    justified = {i for pair in pairs for i, j in (pair, pair[::-1]) if outcome.stands(j)}
    resolved = sum(not (outcome.stands(i) and outcome.stands(j)) for i, j in pairs)
    figures = [
        share(f"drops_with_a_keeper_{name}", len(outcome.dropped & justified), len(outcome.dropped), 1.0),
        share(f"pairs_resolved_{name}", resolved, len(pairs), 0.98),
    ]
    if outcome.keepers:
        named = sum((min(drop), max(drop)) in pairs for drop in outcome.keepers.items())
        figures.insert(1, share(f"drops_like_their_keeper_{name}", named, len(outcome.keepers)))
    return figures


def unlike_drops(pairs: Pairs, outcome: Outcome) -> Figure:
    """Say how many documents were dropped for one that is not similar enough."""
    wrong = sum((min(drop), max(drop)) not in pairs for drop in outcome.keepers.items())
    return mistakes("documents_dropped_below_the_threshold", wrong, 0)
