r"""Text to the set of its shingles: what similarity means here, exactly.

A *token* is a word of the folded text (`dedup.unicode.fold`), as `\w+` of the `regex` package finds words; in scripts
that write no spaces between words (Han, kana, Thai, Lao, Khmer, Burmese) every letter with its marks is a token. A
*shingle* is five tokens in a row; a text of fewer tokens has one shingle, all of it, so that it is similar only to
its equal. Shingles are 64-bit hashes: two of a corpus of 10^9 shingles collide with probability 0.03, and one collision
moves a similarity by less than 1 / shingles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import unicode
from dedup.columns import Column, concatenate
from dedup.edit import take_rows
from dedup.spill import IN_MEMORY, Room, Table

SHINGLE_WORDS = 5
"""Tokens per shingle. The usual 5 for articles: PEERS' tools use 5 to 13, longer ones see fewer edited copies."""


class ShingleSets(NamedTuple):
    """The distinct shingle hashes of each row: `hashes[offsets[row]:offsets[row + 1]]`, in order of first sight."""

    hashes: npt.NDArray[np.uint64]
    offsets: npt.NDArray[np.int64]


class StoredSets:
    """The shingle sets of many rows, filled in order and then loaded a few at a time where they do not fit into memory.

    A row whose text lost something has two: behind that of what is stored of it comes that of the text as it came.

    Attributes:
        sizes: int64[rows], the shingles of what is stored.
        came: int64[rows], those of the text as it came, where that is another set; else 0.

    >>> stored = StoredSets.of(shingle_sets(Column.of(["a b c d e f", "", "a b c d e"])))
    >>> stored.sizes.tolist(), len(stored.load(np.array([0, 2])).hashes)
    ([2, 0, 1], 3)
    """

    def __init__(self, room: Room = IN_MEMORY) -> None:
        self._hashes, self._count = Table(room, (np.uint64,)), 0
        self._places = Table(IN_MEMORY, (np.int64, np.int64, np.int64))

    @classmethod
    def of(cls, sets: ShingleSets) -> StoredSets:
        """Hold some sets in memory."""
        stored = cls()
        stored.add(sets)
        stored.close()
        return stored

    def add(
        self,
        sets: ShingleSets,
        rows: npt.NDArray[np.int64] | None = None,
        lost: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Append rows; raises OutputError as `Table.add` does.

        Args:
            sets: Their sets, in the order in which they will be asked for, as far as that is known.
            rows: int64[], which of these rows, numbered from 0, they are of; None if they are in order.
            lost: bool[], in the order of the sets, which rows have two sets; None for none.
        """
        if lost is None:
            lost = np.zeros(len(sets.offsets) - 1, np.bool_)
        sizes, firsts = np.diff(sets.offsets), np.arange(len(lost)) + np.cumsum(lost) - lost
        came = np.zeros(len(lost), np.int64)
        came[lost] = sizes[firsts[lost] + 1]
        places = np.empty((3, len(lost)), np.int64)
        places[:, slice(None) if rows is None else rows] = sets.offsets[firsts] + self._count, sizes[firsts], came
        self._hashes.add(sets.hashes)
        self._places.add(*places)
        self._count += len(sets.hashes)

    def close(self) -> None:
        """End the filling; raises OutputError as `Table.add` does."""
        self._starts, self.sizes, self.came = self._places.taken()
        self._hashes.close()

    @property
    def at_once(self) -> int:
        """How many hashes may be loaded at once: all where they are in memory anyway."""
        return len(self._hashes) if self._hashes.is_in_memory else self._hashes.buffer_rows

    def in_place(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return some rows in the order in which their sets lie, so that to load them costs least."""
        return rows[np.argsort(self._starts[rows])]

    def load(self, rows: npt.NDArray[np.int64]) -> ShingleSets:
        """Return the sets of some rows: of each as one, if it has two."""
        starts, sizes = self._starts[rows], self.sizes[rows] + self.came[rows]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        if self._hashes.is_in_memory and np.array_equal(starts, offsets[:-1]):
            return ShingleSets(self._hashes.whole[: offsets[-1]], offsets)
        return ShingleSets(self._hashes.ranges(starts, starts + sizes), offsets)


def tables() -> tuple[npt.NDArray[Any], ...]:
    """Return the Unicode tables in the order the kernels take them."""
    return tuple(unicode.load())


def refold(texts: Column, rows: npt.NDArray[np.int64]) -> Column:
    """Fold these rows in Python: the kernels see code points one by one and cannot reorder marks on one letter."""
    return Column.of([unicode.fold(texts[int(row)]) for row in rows])


def shingle_sets(texts: Column, rows: npt.NDArray[np.int64] | None = None) -> ShingleSets:
    """Return the set of shingles of every row, or of some rows in any order."""
    from dedup.kernels import shingle as kernels
    from dedup.kernels.slots import SECRET

    if rows is None:
        rows = np.arange(len(texts))
    offsets = np.zeros(len(rows) + 1, np.int64)
    disordered = np.zeros(len(rows), np.bool_)
    with np.errstate(over="ignore"):  # matters only where the kernels run as plain Python
        hashes = kernels.shingle_rows(
            texts.data, texts.offsets, rows, *tables(), SHINGLE_WORDS, SECRET, offsets, disordered
        )
    if not disordered.any():
        return ShingleSets(hashes, offsets)
    places = np.flatnonzero(disordered)
    sets = np.split(hashes, offsets[1:-1])
    again = shingle_sets(refold(texts, rows[places]))
    for place, refolded in zip(places, np.split(again.hashes, again.offsets[1:-1]), strict=True):
        sets[place] = refolded
    offsets[1:] = np.cumsum([len(shingles) for shingles in sets])
    return ShingleSets(np.concatenate(sets), offsets)


def sets_of_both(
    stored: Column, originals: Column, lost: npt.NDArray[np.bool_], order: npt.NDArray[np.int64]
) -> ShingleSets:
    """Return the sets of rows as `StoredSets.add` takes them.

    Args:
        stored: What is stored of the texts.
        originals: The texts as they came.
        lost: bool[rows], which of them lost something: only of these, two sets are needed.
        order: In which order the rows are wanted.
    """
    if not lost.any():
        return shingle_sets(stored, order)
    pairs = np.full((len(lost), 2), -1)
    pairs[:, 0] = np.arange(len(lost))
    pairs[lost, 1] = len(lost) + np.arange(int(lost.sum()))
    rows = pairs[order].ravel()
    return shingle_sets(concatenate([stored, take_rows(originals, np.flatnonzero(lost))]), rows[rows >= 0])


class TextSets(NamedTuple):
    """The shingles of a text: of what is stored of it, and as it came."""

    stored: npt.NDArray[np.uint64]
    came: npt.NDArray[np.uint64]


def stored_similarity(own: TextSets, others: TextSets, *, is_foreign: bool) -> float:
    """Return the Jaccard similarity of what is stored of two texts: what a decision calls `similarity`.

    Of texts of different sources, neither is compared by what the other one lost: boilerplate shows in a source that
    has many pages, and stays in a copy on a site that has few. If that leaves less than half of a text, it is compared
    by all that is stored, for a page is more than a remnant of it.

    Args:
        own: One text; no shingle twice in either set.
        others: The other one.
        is_foreign: Whether the two are of different sources.
    """
    # What both have stored neither has lost, so that they share as much as before.
    shared = np.intersect1d(own.stored, others.stored, assume_unique=True).size
    return shared / max(sum(sizes_compared(own, others, is_foreign=is_foreign)) - shared, 1)


def sizes_compared(own: TextSets, others: TextSets, *, is_foreign: bool) -> tuple[int, int]:
    """Return how many shingles of each of two texts are compared; arguments as of `stored_similarity`."""
    first, second = own.stored.size, others.stored.size
    if is_foreign:
        left, others_left = first - _lost_among(own.stored, others), second - _lost_among(others.stored, own)
        if 2 * left >= first and 2 * others_left >= second:
            return left, others_left
    return first, second


def _lost_among(hashes: npt.NDArray[np.uint64], loser: TextSets) -> int:
    """Return how many of some shingles a text lost."""
    lost = np.setdiff1d(loser.came, loser.stored, assume_unique=True)
    return np.intersect1d(hashes, lost, assume_unique=True).size


def jaccard(a: str, b: str) -> float:
    """Return the exact Jaccard similarity of two texts, as `--threshold` means it.

    The size of the intersection of their shingle sets over the size of the union (Leskovec, Rajaraman, Ullman, Mining
    of Massive Datasets, section 3.1): 0.0 to 1.0. Two texts without a single word have similarity 0.0.

    >>> jaccard("Der Rat tagt am Montag um zehn.", "der rat tagt am Montag, um zehn")
    1.0
    >>> jaccard("Der Rat tagt am Montag um zehn.", "Der Rat tagt am Montag um elf.")
    0.5
    """
    sets = shingle_sets(Column.of([a, b]))
    first, second = np.split(sets.hashes, [sets.offsets[1]])
    shared = np.intersect1d(first, second, assume_unique=True).size
    union = first.size + second.size - shared
    return shared / union if union else 0.0
