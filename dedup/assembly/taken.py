"""What was taken out of records that stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from dedup.assembly.folders import lines_of
from dedup.errors import StateError
from dedup.formats.digests import Digest
from dedup.parts import TAKEN, Taken, changed


class TakenOut:
    """What was taken out of records that stay, asked for in their order."""

    def __init__(self, sidecar: Path, parts: dict[str, Digest]) -> None:
        self._folder, decoder = sidecar / TAKEN, msgspec.json.Decoder(Taken)
        self._found = map(decoder.decode, lines_of(self._folder, parts))
        self._next = next(self._found, None)

    def before(self, file: int, record: int) -> Iterator[Taken]:
        """Yield what was not asked for yet and is of records before this one."""
        while self._next is not None and (self._next.file, self._next.record) < (file, record):
            yield self._next
            self._next = next(self._found, None)

    def end(self) -> None:
        """Raise StateError if there is more than was asked for."""
        if self._next is not None:
            raise self.misplaced()

    def misplaced(self) -> StateError:
        """Return what is raised where something was taken out of a record that does not stay."""
        return changed(self._folder, "is about other records than those that stay")
