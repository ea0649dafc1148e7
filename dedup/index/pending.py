"""Documents that were added to an index and not committed yet: in memory, looked up like stored ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column, concatenate
from dedup.index.segments import Rows, SegmentWriter
from dedup.plan import Place

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]


class Added(NamedTuple):
    """A document that waits.

    Attributes:
        rows: What a segment takes of it.
        band_keys: uint64[1, bands].
        stored: What is stored of its text.
        original: The text as it came.
    """

    rows: Rows
    band_keys: Keys
    stored: bytes
    original: bytes


class Pending:
    """Documents numbered from `first` on.

    Attributes:
        first: The number of the first.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._added: list[Added] = []
        self._texts: dict[int, int] = {}
        self._bands: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._added)

    @property
    def next_number(self) -> int:
        """The number of the next document."""
        return self.first + len(self._added)

    @property
    def stored_sources(self) -> list[str]:
        """The source of every document that is to be stored."""
        return [added.rows.sources[0] for added in self._added if added.rows.keepers[0] == added.rows.numbers[0]]

    def holds(self, number: int) -> bool:
        """Say whether a document is here."""
        return number >= self.first

    def add(self, added: Added) -> None:
        """Add a document that has the next number."""
        number, keeper = int(added.rows.numbers[0]), int(added.rows.keepers[0])
        self._added.append(added)
        key = int(added.rows.text_keys[0])
        if key:
            self._texts.setdefault(key, number)
        if keeper == number:
            for band_key in filter(None, added.band_keys[0].tolist()):
                self._bands.setdefault(band_key, []).append(number)

    def write(self, writer: SegmentWriter) -> None:
        """Write all documents into a segment."""
        parts = [added.rows for added in self._added]
        sizes = [len(rows.cut_starts) for rows in parts]
        writer.add(
            Rows(
                numbers=np.concatenate([rows.numbers for rows in parts]),
                keepers=np.concatenate([rows.keepers for rows in parts]),
                similarities=np.concatenate([rows.similarities for rows in parts]),
                originals=np.concatenate([rows.originals for rows in parts]),
                text_keys=np.concatenate([rows.text_keys for rows in parts]),
                ids=concatenate([rows.ids for rows in parts]),
                files=[rows.files[0] for rows in parts],
                records=np.concatenate([rows.records for rows in parts]),
                sources=concatenate([rows.sources for rows in parts]),
                cut_offsets=np.cumsum([0, *sizes]),
                cut_starts=np.concatenate([rows.cut_starts for rows in parts]),
                cut_ends=np.concatenate([rows.cut_ends for rows in parts]),
                frames=[rows.frames[0] for rows in parts],
            ),
            np.concatenate([added.band_keys for added in self._added]),
        )

    def equal(self, keys: Keys) -> Ints:
        """Return for each key the first document that has it, stored or nearly a duplicate; -1 for none."""
        return np.array([self._texts.get(key, -1) if key else -1 for key in keys.tolist()], np.int64)

    def meet(self, band_keys: Keys, most: int) -> tuple[Ints, Ints]:
        """Return who is stored with which of some different keys, of each key the `most` that came last.

        Pairs of a row of `band_keys`, uint64[keys], and a document, ascending by both; the key 0 is nobody's.
        """
        met = (self._bands.get(key, [])[-most:] for key in band_keys.tolist())
        pairs = [(row, number) for row, numbers in enumerate(met) for number in numbers]
        rows, numbers = np.array(pairs, np.int64).reshape(-1, 2).T
        return rows, numbers

    def keepers(self, numbers: Ints) -> tuple[Ints, Floats, Floats]:
        """Return the stored document in place of each, itself if it is stored, and both similarities to it."""
        rows = [self._added[number - self.first].rows for number in numbers.tolist()]
        keepers = np.array([int(row.keepers[0]) for row in rows], np.int64)
        similarities, originals = (
            np.array([float(column[0]) for column in columns], np.float64)
            for columns in ([row.similarities for row in rows], [row.originals for row in rows])
        )
        return keepers, similarities, originals

    def stored(self, numbers: Ints) -> Column:
        """Return the texts of some documents as they are stored."""
        return Column.join([self._added[number - self.first].stored for number in numbers.tolist()])

    def originals(self, numbers: Ints) -> Column:
        """Return the texts of some documents as they came."""
        return Column.join([self._added[number - self.first].original for number in numbers.tolist()])

    def places(self, numbers: Ints) -> list[Place]:
        """Return where some documents are from."""
        rows = [self._added[number - self.first].rows for number in numbers.tolist()]
        return [Place(row.ids[0], row.files[0], int(row.records[0]), row.sources[0]) for row in rows]
