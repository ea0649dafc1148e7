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
from dedup.columns import Column
from dedup.spill import IN_MEMORY, Room, Table

SHINGLE_WORDS = 5
"""Tokens per shingle. The usual 5 for articles: PEERS' tools use 5 to 13, longer ones see fewer edited copies."""


class ShingleSets(NamedTuple):
    """The distinct shingle hashes of each row: `hashes[offsets[row]:offsets[row + 1]]`, in order of first sight."""

    hashes: npt.NDArray[np.uint64]
    offsets: npt.NDArray[np.int64]


class StoredSets:
    """The shingle sets of many rows, filled in order and then loaded a few at a time where they do not fit into memory.

    >>> stored = StoredSets.of(shingle_sets(Column.of(["a b c d e f", "", "a b c d e"])))
    >>> stored.sizes.tolist(), len(stored.load(np.array([0, 2])).hashes)
    ([2, 0, 1], 3)
    """

    def __init__(self, room: Room = IN_MEMORY) -> None:
        self._hashes, self._sizes = Table(room, (np.uint64,)), Table(IN_MEMORY, (np.int64,))

    @classmethod
    def of(cls, sets: ShingleSets) -> StoredSets:
        """Hold some sets in memory."""
        stored = cls()
        stored.add(sets)
        stored.close()
        return stored

    def add(self, sets: ShingleSets) -> None:
        """Append rows."""
        self._hashes.add(sets.hashes)
        self._sizes.add(np.diff(sets.offsets))

    def close(self) -> None:
        """End the filling; raises OutputError as `Table.add` does."""
        (self.sizes,) = self._sizes
        self._offsets = np.zeros(len(self.sizes) + 1, np.int64)
        np.cumsum(self.sizes, out=self._offsets[1:])
        self._hashes.close()

    @property
    def at_once(self) -> int:
        """How many hashes may be loaded at once: all where they are in memory anyway."""
        return len(self._hashes) if self._hashes.is_in_memory else self._hashes.buffer_rows

    def load(self, rows: npt.NDArray[np.int64]) -> ShingleSets:
        """Return the sets of some ascending rows."""
        if len(rows) == len(self.sizes) and self._hashes.is_in_memory:
            return ShingleSets(self._hashes.whole, self._offsets)
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(self.sizes[rows], out=offsets[1:])
        return ShingleSets(self._hashes.ranges(self._offsets[rows], self._offsets[rows + 1]), offsets)


def tables() -> tuple[npt.NDArray[Any], ...]:
    """Return the Unicode tables in the order the kernels take them."""
    return tuple(unicode.load())


def refold(texts: Column, rows: npt.NDArray[np.int64]) -> Column:
    """Fold these rows in Python: the kernels see code points one by one and cannot reorder marks on one letter."""
    return Column.of([unicode.fold(texts[int(row)]) for row in rows])


def shingle_sets(texts: Column) -> ShingleSets:
    """Return the set of shingles of every row."""
    from dedup.kernels import shingle as kernels
    from dedup.kernels.slots import SECRET

    offsets = np.zeros(len(texts) + 1, np.int64)
    disordered = np.zeros(len(texts), np.bool_)
    with np.errstate(over="ignore"):  # matters only where the kernels run as plain Python
        hashes = kernels.shingle_rows(texts.data, texts.offsets, *tables(), SHINGLE_WORDS, SECRET, offsets, disordered)
    if not disordered.any():
        return ShingleSets(hashes, offsets)
    rows = np.flatnonzero(disordered)
    sets = np.split(hashes, offsets[1:-1])
    again = shingle_sets(refold(texts, rows))
    for row, refolded in zip(rows, np.split(again.hashes, again.offsets[1:-1]), strict=True):
        sets[row] = refolded
    offsets[1:] = np.cumsum([len(shingles) for shingles in sets])
    return ShingleSets(np.concatenate(sets), offsets)


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
