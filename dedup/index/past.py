"""Stored documents as a corpus that can be read again: what lines are counted over, wherever an index keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.edit import remove_spans
from dedup.formats.sites import NOWHERE, ways_of
from dedup.index.knowledge import Knowledge
from dedup.model import Batch
from dedup.plan import Place

Ints = npt.NDArray[np.int64]

EVIDENCE = 1_000
"""Documents of a source, the latest ones stored, that are counted with those at hand when boilerplate is looked for.
Chosen: at the usual share of 0.5 %, the first size at which more company would ask for more carriers."""

EVIDENCE_ROWS = 5_000
"""Rows of a batch of evidence."""


class Past(ABC):
    """Stored documents, called by number in the order in which they were stored.

    Attributes:
        knowledge: The boilerplate that is known.
    """

    knowledge: Knowledge

    @abstractmethod
    def originals(self, numbers: Ints) -> Column:
        """Return the texts of some documents as they were read."""

    @abstractmethod
    def cuts(self, numbers: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the spans that some documents lost: which of them, first byte of its original text, byte behind."""

    @abstractmethod
    def places(self, numbers: Ints) -> list[Place]:
        """Return where some documents are from."""

    @abstractmethod
    def latest(self, source_names: list[str]) -> Ints:
        """Return the numbers of the latest stored documents of some sources, of each as many as count; ascending."""

    @abstractmethod
    def sizes(self, source_names: list[str]) -> dict[str, int]:
        """Return how many documents of each of some sources are stored; from EVIDENCE on, any number from there."""

    def stored(self, numbers: Ints) -> Column:
        """Return the texts of some documents as they are stored: after their cuts."""
        return remove_spans(self.originals(numbers), *self.cuts(numbers))

    def evidence(self, source_names: list[str], file: np.int32) -> Iterator[Batch]:
        """Yield the latest documents of some sources, as they were read and as if of this file."""
        yield from self.reread(self.latest(source_names) + 1, file)

    def reread(self, records: Ints, file: np.int32) -> Iterator[Batch]:
        """Yield stored documents by their records in that file, which are one more than their numbers."""
        for start in range(0, len(records), EVIDENCE_ROWS):
            numbers = records[start : start + EVIDENCE_ROWS] - 1
            yield self.batch(numbers, self.originals(numbers), file)

    def batch(self, numbers: Ints, texts: Column, file: np.int32) -> Batch:
        """Return some documents with the given texts as readers yield them."""
        places = self.places(numbers)
        return Batch(
            files=np.full(len(numbers), file),
            records=numbers + 1,
            texts=texts,
            ids=Column.of([place.id for place in places]),
            sources=Column.of([place.source for place in places]),
            digests=np.zeros(len(numbers), np.uint64),
            ways=ways_of(NOWHERE, len(numbers)),
        )
