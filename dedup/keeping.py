"""Which of several documents is the best to keep."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from dedup.plan import Documents
from dedup.versions import differs

Ints = npt.NDArray[np.int64]


def keep_order(documents: Documents, names: list[str], rows: Ints, keep: str) -> Ints:
    """Return some documents in the order in which they are to be kept, best first.

    Ties go by id, then by the digest of the record, so that only `first` and `last` depend on the order of the input;
    two records that are equal to the byte are told apart by position, which shows nowhere.
    """
    if keep in ("longest", "shortest"):
        wanted = documents.stored[rows] * (-1 if keep == "longest" else 1)
    elif keep in ("first", "last"):
        wanted = rows * (1 if keep == "first" else -1)
    else:
        wanted = _field_places(documents, rows, descending=keep.startswith("max:"))
    order = np.argsort(wanted, kind="stable")
    ordered = rows[order]
    # Only ties look at ids, so that no more than one tie is in Python's hands at a time.
    edges = np.append(np.flatnonzero(differs(wanted[order])), len(rows)).tolist()
    for start, end in itertools.pairwise(edges):
        if end - start > 1:
            tied = ordered[start:end].tolist()
            ordered[start:end] = sorted(
                tied, key=lambda row: (_own_id(documents, names, row), int(documents.digests[row]), row)
            )
    return ordered


def _own_id(documents: Documents, names: list[str], row: int) -> bytes:
    """Return a document's id, nothing if it was made of file and record for want of one: that is a matter of order."""
    name = documents.ids.row(row)
    return b"" if name == f"{names[documents.files[row]]}:{documents.records[row]}".encode() else name


def _field_places(documents: Documents, rows: Ints, *, descending: bool) -> Ints:
    """Rank the values of a field: numbers among themselves, then strings, and last the documents without a value."""
    ranks = documents.ranks or []
    values = [ranks[row] for row in rows.tolist()]
    numbers = sorted({value for value in values if isinstance(value, float)}, reverse=descending)
    texts = sorted({value for value in values if isinstance(value, str)}, reverse=descending)
    places: dict[float | str | None, int] = {value: place for place, value in enumerate([*numbers, *texts, None])}
    return np.array([places[value] for value in values], np.int64)
