"""Which of several documents is the best to keep."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from dedup.edit import take_rows
from dedup.plan import Documents
from dedup.versions import differs

Ints = npt.NDArray[np.int64]

PORTION = 4096
"""Documents that are in Python's hands at a time, as far as they do not all tie: only those that tie are looked at."""


def keep_order(documents: Documents, names: list[str], rows: Ints, keep: str) -> Ints:
    """Return some documents in the order in which they are to be kept, best first.

    Ties go by id, then by the digest of the record, so that only `first` and `last` depend on the order of the input;
    two records that are equal to the byte are told apart by position, which shows nowhere.

    Of documents that are equal as they came, `longest` takes the one that lost most, and not one that boilerplate is
    left in since its source has too few documents to tell.
    """
    behind = np.zeros_like(rows)
    if keep == "longest":
        lengths, behind = _longest(documents, rows)
        wanted = -lengths
    elif keep == "shortest":
        wanted = documents.stored[rows]
    elif keep in ("first", "last"):
        wanted = rows * (1 if keep == "first" else -1)
    else:
        wanted = _field_places(documents, rows, descending=keep.startswith("max:"))
    order = np.lexsort((behind, wanted))
    ordered, behind = rows[order], behind[order]
    edges = np.append(np.flatnonzero(differs(wanted[order]) | differs(behind)), len(rows))
    ties = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    tied = np.flatnonzero(np.repeat(np.diff(edges) > 1, np.diff(edges)))
    begins = np.flatnonzero(differs(ties[tied]))
    for first, last in itertools.pairwise([*begins[differs(begins // PORTION)].tolist(), len(tied)]):
        places = tied[first:last]
        ordered[places] = _in_order(documents, names, ordered[places], ties[places])
    return ordered


def _longest(documents: Documents, rows: Ints) -> tuple[Ints, Ints]:
    """Return by how many characters each document counts, and how many of its equals are to be preferred to it.

    Documents that are equal as they came all count by what is stored of the best of them.
    """
    lengths = documents.stored[rows]
    lost = documents.characters[rows] - lengths
    behind = np.zeros_like(rows)
    if not lost.any():
        return lengths, behind
    keys = documents.original_keys[rows]
    order = np.lexsort((-lengths, -lost, keys))
    is_first = differs(keys[order])
    steps = np.cumsum(is_first | differs(lost[order]) | differs(lengths[order]))
    groups = np.cumsum(is_first) - 1
    behind[order] = steps - steps[is_first][groups]
    counted = lengths.copy()
    counted[order] = lengths[order][is_first][groups]
    return counted, behind


def _in_order(documents: Documents, names: list[str], rows: Ints, ties: Ints) -> list[int]:
    """Sort some documents by the ties they are in, and in these by id, digest and position."""
    ids = take_rows(documents.ids, rows).rows()
    files, records = (column[rows].tolist() for column in (documents.files, documents.records))
    # An id that was made of file and record, for want of one, is a matter of order.
    own = [
        b"" if name == f"{names[file]}:{record}".encode() else name
        for name, file, record in zip(ids, files, records, strict=True)
    ]
    told = zip(ties.tolist(), own, documents.digests[rows].tolist(), rows.tolist(), strict=True)
    return [row for _, _, _, row in sorted(told)]


def _field_places(documents: Documents, rows: Ints, *, descending: bool) -> Ints:
    """Rank the values of a field: numbers among themselves, then strings, and last the documents without a value."""
    ranks = documents.ranks or []
    values = [ranks[row] for row in rows.tolist()]
    numbers = sorted({value for value in values if isinstance(value, float)}, reverse=descending)
    texts = sorted({value for value in values if isinstance(value, str)}, reverse=descending)
    places: dict[float | str | None, int] = {value: place for place, value in enumerate([*numbers, *texts, None])}
    return np.array([places[value] for value in values], np.int64)
