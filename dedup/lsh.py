"""Locality-sensitive hashing: how many bands of how many rows, and who meets whom in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.errors import UsageError


class Bands(NamedTuple):
    """A signature is cut into `bands` bands of `rows` hashes; texts that agree in a whole band are candidates."""

    bands: int
    rows: int

    def recall(self, similarity: float) -> float:
        """Return the probability that a pair with this Jaccard similarity becomes a candidate: 1 - (1 - s**r)**b.

        The S-curve of Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4.

        >>> round(Bands(18, 7).recall(0.8), 3), round(Bands(18, 7).recall(0.4), 3)
        (0.986, 0.029)
        """
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def choose_bands(threshold: float, hashes: int, recall: float = 0.98) -> Bands:
    """Choose the bands so that a pair at `threshold` is a candidate with probability `recall` or more.

    Of the shapes that reach the recall, the one with the longest rows (fewest false candidates), and of those the most
    bands that `hashes` allow. The optimiser usual elsewhere weighs areas under the S-curve and finds 31-51 % of the
    pairs at the threshold. Raises UsageError where even one row a band does not reach the recall.

    >>> choose_bands(0.8, 128)
    Bands(bands=18, rows=7)
    >>> choose_bands(0.5, 128)
    Bands(bands=42, rows=3)
    """
    for rows in range(hashes, 0, -1):
        shape = Bands(hashes // rows, rows)
        if shape.recall(threshold) >= recall:
            return shape
    raise UsageError(
        f"{hashes} hashes cannot find a pair at threshold {threshold:g} with probability {recall:g}",
        hint="Raise --hashes or the threshold, or lower the recall.",
    )


def is_shared(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Say which keys of a band are not the only ones of their value.

    >>> is_shared(np.array([7, 8, 7], np.uint64)).tolist()
    [True, False, True]
    """
    numbers, _ = _number_shared(keys, 0)
    return numbers >= 0


def buckets(keys: Iterable[npt.NDArray[np.uint64]], documents: int) -> npt.NDArray[np.int32]:
    """Number the buckets that hold two documents or more: int32[documents, bands], -1 where a document is alone.

    `keys` yields one uint64[documents] array a band, so that a caller may keep them on disk. Bucket numbers are
    unique over all bands.
    """
    columns, used = [], 0
    for band in keys:
        column, used = _number_shared(band, used)
        columns.append(column)
    return np.stack(columns, axis=1) if columns else np.zeros((documents, 0), np.int32)


@np.errstate(over="ignore")  # matters only where the kernel runs as plain Python
def _number_shared(keys: npt.NDArray[np.uint64], used: int) -> tuple[npt.NDArray[np.int32], int]:
    """Number the keys that are there more than once, from `used` on, the others -1; also return what is free then."""
    from dedup.kernels import lsh as kernels
    from dedup.kernels.slots import SECRET, empty_table

    numbers = np.full(len(keys), -1, np.int32)
    used = int(kernels.number_shared(keys, SECRET, empty_table(len(keys)), used, numbers))
    return numbers, used
