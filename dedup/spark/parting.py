"""Which partition a piece belongs to, and how things get there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
from pyspark import RDD

Ints = npt.NDArray[np.int64]


class Parting(NamedTuple):
    """Consecutive pieces in each partition, about equally many.

    >>> Parting(2, 5).of(np.arange(5)).tolist()
    [0, 0, 0, 1, 1]

    Attributes:
        parts: How many partitions there are.
        pieces: How many pieces there are.
    """

    parts: int
    pieces: int

    @overload
    def of(self, pieces: int) -> int: ...

    @overload
    def of(self, pieces: Ints) -> Ints: ...

    def of(self, pieces: int | Ints) -> int | Ints:
        """Return the partition of a piece, or of each of several."""
        return pieces * self.parts // self.pieces

    def runs(self, pieces: Ints) -> Iterator[tuple[int, int, int]]:
        """Yield the partitions of ascending pieces, and where those of each start and end among them."""
        parts = self.of(pieces)
        edges = np.searchsorted(parts, np.arange(self.parts + 1)).tolist()
        for part, (start, end) in enumerate(pairwise(edges)):
            if start < end:
                yield part, start, end


def moved(things: RDD[Any], parts: int) -> RDD[Any]:
    """Move things, each of which comes with the number of its partition, to these partitions."""
    return things.partitionBy(parts, int).values()
