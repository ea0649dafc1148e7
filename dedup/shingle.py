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

SHINGLE_WORDS = 5
"""Tokens per shingle. The usual 5 for articles: PEERS' tools use 5 to 13, longer ones see fewer edited copies."""


class ShingleSets(NamedTuple):
    """The distinct shingle hashes of each row: `hashes[offsets[row]:offsets[row + 1]]`, in order of first sight."""

    hashes: npt.NDArray[np.uint64]
    offsets: npt.NDArray[np.int64]


def tables() -> tuple[npt.NDArray[Any], ...]:
    """Return the Unicode tables in the order the kernels take them."""
    return tuple(unicode.load())


def refold(texts: Column, rows: npt.NDArray[np.int64]) -> Column:
    """Fold these rows in Python: the kernels see code points one by one and cannot reorder marks on one letter."""
    return Column.of([unicode.fold(texts[int(row)]) for row in rows])


def shingle_sets(texts: Column) -> ShingleSets:
    """Return the set of shingles of every row."""
    from dedup.kernels import shingle as kernels

    offsets = np.zeros(len(texts) + 1, np.int64)
    disordered = np.zeros(len(texts), np.bool_)
    with np.errstate(over="ignore"):  # matters only where the kernels run as plain Python
        hashes = kernels.shingle_rows(texts.data, texts.offsets, *tables(), SHINGLE_WORDS, offsets, disordered)
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
