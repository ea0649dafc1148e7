"""The nouns: what is read, what is found, what is decided."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column


class Span(NamedTuple):
    """A half-open range; in code points of the original text wherever a user sees it."""

    start: int
    end: int


class Wanted(NamedTuple):
    """Some documents of a corpus, ascending by file and record.

    Attributes:
        files: int32[documents], positions in the list of inputs.
        records: int64[documents], 1-based.
    """

    files: npt.NDArray[np.int32]
    records: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive documents, as readers yield them.

    Attributes:
        files: int32[rows], position of each document's file in the list of inputs.
        records: int64[rows], 1-based number of the record in its file, as people count: rejected ones are counted.
        texts: The text field.
        ids: The id field as text, or "FILE:RECORD" (just the file where a file is one document).
        sources: The source of each document.
        digests: uint64[rows], a hash of the record as it stands in its file, other fields included (of Parquet rows,
            the text alone), which breaks ties without regard to the order of records.
        ways: uint8[rows], how each document's source was found: a `formats.sites.Way`.
        ranks: The value of FIELD under `--keep max:FIELD`: numbers as float, strings as they are, None where it is
            neither; None without such a policy.
    """

    files: npt.NDArray[np.int32]
    records: npt.NDArray[np.int64]
    texts: Column
    ids: Column
    sources: Column
    digests: npt.NDArray[np.uint64]
    ways: npt.NDArray[np.uint8]
    ranks: list[float | str | None] | None = None

    @classmethod
    def none(cls) -> Batch:
        """Return a batch of no documents."""
        nothing = Column.of([])
        ints = np.zeros(0, np.int64)
        return cls(
            ints.astype(np.int32), ints, nothing, nothing, nothing, ints.astype(np.uint64), ints.astype(np.uint8)
        )

    def __len__(self) -> int:
        return len(self.records)

    def without_texts(self) -> Batch:
        """Return what can be kept of the batch when memory must not grow with the texts."""
        return dataclasses.replace(self, texts=Column.of([]))


def select(texts: Column, rows: npt.NDArray[np.int64]) -> Column:
    """Return some rows of a column, as a column of its own."""
    return Column.join([texts.row(row) for row in rows.tolist()])


def take(batch: Batch, rows: npt.NDArray[np.int64]) -> Batch:
    """Return some rows of a batch, as a batch of its own."""
    return Batch(
        files=batch.files[rows],
        records=batch.records[rows],
        texts=select(batch.texts, rows),
        ids=select(batch.ids, rows),
        sources=select(batch.sources, rows),
        ranks=None if batch.ranks is None else [batch.ranks[row] for row in rows.tolist()],
        digests=batch.digests[rows],
        ways=batch.ways[rows],
    )
