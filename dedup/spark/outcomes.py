"""What happens to documents that had to do with others: found where they meet, carried out where their pieces are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.plan import Place


class Cluster(NamedTuple):
    """Documents that went for one: where that is, as `Place` and by its file, and how similar they are, ascending."""

    keeper: Place
    file: int
    similarities: list[float]


OUTCOME = np.dtype(
    [
        ("piece", np.int64), ("row", np.int64), ("similarity", np.float64), ("original", np.float64),
        ("exact", np.bool_), ("crowded", np.bool_), ("is_copy", np.bool_), ("share", np.float64), ("keeper", np.int64),
        ("nearest", np.int64), ("holder", np.int64),
    ]
)  # fmt: skip
"""What happens to a document: as `Clusters` and `Containment` say it, but `keeper`, `nearest` and `holder` are rows of
`Outcomes.others`, -1 where a document stays itself or there is nobody; `is_copy` if it goes for one with an equal
text, as they came."""

NAMED = ("keeper", "nearest", "holder")


class Outcomes(NamedTuple):
    """What happens to documents that had to do with others.

    Attributes:
        rows: OUTCOME[documents], ascending by piece and row.
        others: Where those are from that they are tied to.
        candidates: How many met another one, in the tasks that this is from.
        compared: How many pairs were compared there.
        clusters: The largest clusters there.
    """

    rows: npt.NDArray[Any]
    others: list[Place]
    candidates: int = 0
    compared: int = 0
    clusters: tuple[Cluster, ...] = ()

    def among(self, start: int, end: int) -> Outcomes:
        """Return those of some documents; what is said of tasks goes with the first of all."""
        rows = self.rows[start:end].copy()
        named, at = np.unique(np.concatenate([[-1], *(rows[name] for name in NAMED)]), return_inverse=True)
        for name, moved in zip(NAMED, np.split(at[1:] - 1, len(NAMED)), strict=True):
            rows[name] = moved
        said = self[2:] if start == 0 < end else ()
        return Outcomes(rows, [self.others[number] for number in named[1:].tolist()], *said)

    def of(self, piece: int) -> Outcomes:
        """Return those of a piece."""
        start, end = np.searchsorted(self.rows["piece"], [piece, piece + 1]).tolist()
        return self.among(start, end)

    @classmethod
    def join(cls, parts: list[Outcomes]) -> Outcomes:
        """Put those of several tasks together."""
        pieces = [np.zeros(0, OUTCOME)]
        others: list[Place] = []
        for part in parts:
            rows = part.rows.copy()
            for name in NAMED:
                rows[name][rows[name] >= 0] += len(others)
            pieces.append(rows)
            others += part.others
        rows = np.concatenate(pieces)
        return cls(
            rows[np.lexsort((rows["row"], rows["piece"]))],
            others,
            sum(part.candidates for part in parts),
            sum(part.compared for part in parts),
            tuple(cluster for part in parts for cluster in part.clusters),
        )
