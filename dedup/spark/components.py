"""Connected components of documents that belong together.

Where all ties fit on the driver, it finds them alone, which is faster; of more, `rounds` does on the executors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.spark.meeting import BANDED, COPY, VERSION, Ties
from dedup.spark.parting import Parting

Ints = npt.NDArray[np.int64]


class Nodes(NamedTuple):
    """Documents that belong to others, ascending by piece and row.

    Attributes:
        pieces: int64[documents].
        rows: int64[documents].
        component_pieces: int64[documents], of the least of its component.
        component_rows: int64[documents].
        is_equal: bool[documents], its text is equal to that of another one, which is judged with it.
        version_pieces: int64[documents], of the one that stands for its article; -1 where none does.
        version_rows: int64[documents].
    """

    pieces: Ints
    rows: Ints
    component_pieces: Ints
    component_rows: Ints
    is_equal: npt.NDArray[np.bool_]
    version_pieces: Ints
    version_rows: Ints

    @classmethod
    def join(cls, parts: list[Nodes]) -> Nodes:
        """Put documents together, none of them twice."""
        none = np.zeros(0, np.int64)
        nobody = cls(none, none, none, none, none.astype(np.bool_), none, none)
        columns = [np.concatenate(column) for column in zip(nobody, *parts, strict=True)]
        order = np.lexsort((columns[1], columns[0]))
        return cls(*(column[order] for column in columns))

    def of(self, piece: int) -> Nodes:
        """Return those of a piece."""
        start, end = np.searchsorted(self.pieces, [piece, piece + 1]).tolist()
        return Nodes._make(column[start:end] for column in self)

    def parted(self, parting: Parting) -> Iterator[tuple[int, Nodes]]:
        """Yield the documents of each partition of pieces."""
        for part, start, end in parting.runs(self.pieces):
            yield part, Nodes._make(column[start:end] for column in self)


def on_driver(ties: list[Ties]) -> Nodes:
    """Find the components of few ties."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    none = np.zeros(0, np.int64)
    ties = [Ties(BANDED, none, none, none, none), *ties]
    kinds = np.concatenate([np.full(len(some.rows), some.kind) for some in ties])
    ends = [np.concatenate(column) for column in zip(*(some[1:] for some in ties), strict=True)]
    if not len(kinds):
        return Nodes.join([])
    # A number for each place, in its order: rows of a piece are far fewer than 2**32.
    places = np.concatenate(ends[::2]) << 32 | np.concatenate(ends[1::2])
    found, at = np.unique(places, return_inverse=True)
    start, end = np.split(at, 2)
    graph = coo_array((np.ones(len(start), np.int8), (start, end)), shape=(len(found), len(found)))
    labels = connected_components(graph, directed=False)[1]
    # Nodes ascend, so the first of a label is its least.
    roots = found[np.unique(labels, return_index=True)[1][labels]]
    is_equal = np.zeros(len(found), np.bool_)
    is_equal[start[kinds == COPY]] = True
    versions = np.full(len(found), -1)
    versions[start[kinds == VERSION]] = found[end[kinds == VERSION]]
    # Of -1, both are -1.
    return Nodes(
        *_place(found), *_place(roots), is_equal, versions >> 32, np.where(versions < 0, -1, _place(versions)[1])
    )


def _place(numbers: Ints) -> tuple[Ints, Ints]:
    return numbers >> 32, numbers & 0xFFFFFFFF
