"""Where documents are from, by number."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import xxhash

from dedup.columns import Column
from dedup.model import Batch

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


def source_keys(names: Iterable[str]) -> Keys:
    """Return the hash of each of some sources."""
    return np.array([xxhash.xxh3_64_intdigest(name.encode()) for name in names], np.uint64)


class SourceNumbers:
    """Numbers sources as they come, and hashes their names, since numbers depend on the order of the input."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Begin with the sources of these names, numbered from 0 on."""
        self._numbers: dict[bytes, int] = {}
        self._keys = array("Q")
        for name in names:
            self._add(name.encode())

    def of(self, batch: Batch) -> Ints:
        """Return the number of each document's source."""
        firsts, rows = np.unique(_first_equal(batch.sources), return_inverse=True)
        names = [batch.sources.row(first) for first in firsts.tolist()]
        for name in names:
            if name not in self._numbers:
                self._add(name)
        numbers: Ints = np.array([self._numbers[name] for name in names], np.int64)[rows]
        return numbers

    def number(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Ints, Keys]]:
        """Pass batches on with the number and the hash of each document's source."""
        for batch in batches:
            numbers = self.of(batch)
            yield batch, numbers, np.frombuffer(self._keys, np.uint64)[numbers]

    def _add(self, name: bytes) -> None:
        self._numbers[name] = len(self._numbers)
        self._keys.append(xxhash.xxh3_64_intdigest(name))

    @property
    def names(self) -> list[str]:
        """The sources by number."""
        return [name.decode() for name in self._numbers]


@np.errstate(over="ignore")  # matters only where the kernel runs as plain Python
def _first_equal(column: Column) -> Ints:
    """Return for each row the first one that says the same: int64[rows]."""
    from dedup.kernels import rows as kernels
    from dedup.kernels.slots import SECRET, empty_table

    firsts = np.empty(len(column), np.int64)
    kernels.find_firsts(column.data, column.offsets, SECRET, empty_table(len(column)), firsts)
    return firsts
