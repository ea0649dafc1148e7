"""Where documents are from, by number."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import xxhash

from dedup.model import Batch

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


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
        names = batch.sources.rows()
        for name in dict.fromkeys(names):
            if name not in self._numbers:
                self._add(name)
        return np.fromiter(map(self._numbers.__getitem__, names), np.int64, len(names))

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
