"""Files of lines, put together again: bytes as they were, and where in them what went was."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from dedup.assembly.folders import Folders, lines_of
from dedup.assembly.taken import TakenOut
from dedup.columns import Ints
from dedup.formats.digests import Meter
from dedup.manifest import REMOVED, REMOVED_INDEX, FileEntry
from dedup.parts import DROPPED, TAKEN, Lines, Parts, Taken, changed


class LineFiles:
    """All files of a run over lines: those that stay and those that went, each in input order.

    Args:
        parts: What the run left.
        folders: Where that is, and where all goes.
    """

    def __init__(self, parts: Parts, folders: Folders) -> None:
        self._parts, self._folders = parts, folders
        self._dropped = folders.sidecar / DROPPED
        self._kept = lines_of(folders.output, parts.output)
        self._gone = lines_of(self._dropped, parts.sidecar[DROPPED])
        self._taken = TakenOut(folders.sidecar, parts.sidecar[TAKEN])
        self._places = array("q")

    def __enter__(self) -> None:
        self._removed = (self._folders.beside / REMOVED).open("wb")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._removed.close()
        if kind is not None:
            return
        for lines, folder in ((self._kept, self._folders.output), (self._gone, self._dropped)):
            if next(lines, None) is not None:
                raise changed(folder, "has more lines than the input had")
        self._taken.end()
        np.save(self._folders.beside / REMOVED_INDEX, np.frombuffer(self._places, np.int64).reshape(-1, 4))

    def divide(self, number: int, dropped: Ints) -> FileEntry:
        """Write the output of one file, and note what went from it; `dropped` are the lines that did as a whole."""
        lines = self._parts.files[number]
        if not isinstance(lines, Lines):
            raise self._folders.mixed()
        with (self._folders.target / lines.name).open("wb") as out:
            sinks = _Sinks(Meter(), Meter(out), self._removed, self._places)
            self._take(number, lines, set(dropped.tolist()), sinks)
        before, after = sinks.before.digest, sinks.after.digest
        if not lines.compression and before.size != lines.size:
            raise changed(self._folders.output, f"has not all of {lines.name}")
        return FileEntry(number, lines.name, "jsonl", lines.compression, "", before, after)

    def _take(self, number: int, lines: Lines, dropped: set[int], sinks: _Sinks) -> None:
        offset = 0
        for record in range(1, lines.records + 1):
            end = None if record < lines.records or lines.is_ended else -1
            if record in dropped:
                line = self._next(self._gone, self._dropped)[:end]
                sinks.remove(number, offset, line)
            else:
                line = self._next(self._kept, self._folders.output)[:end]
                sinks.after.write(line)
                for taken in self._taken.before(number, record + 1):
                    if (taken.file, taken.record) != (number, record):
                        raise self._taken.misplaced()
                    line = _filled(line, taken, number, offset, sinks)
            sinks.before.write(line)
            offset += len(line)

    @staticmethod
    def _next(lines: Iterator[bytes], folder: Path) -> bytes:
        line = next(lines, None)
        if line is None:
            raise changed(folder, "has fewer lines than the input had")
        return line


class _Sinks(NamedTuple):
    """Where a file goes: its own bytes, those of its output, what is between them, and where that was."""

    before: Meter
    after: Meter
    removed: BinaryIO
    places: array[int]

    def remove(self, file: int, offset: int, data: bytes) -> None:
        """Note what went at an offset of the file."""
        self.places.extend((file, offset, len(data), 0))
        self.removed.write(data)


def _filled(line: bytes, taken: Taken, number: int, offset: int, sinks: _Sinks) -> bytes:
    """Return a line with what was taken out of it in its places."""
    whole, at = bytearray(), 0
    for start, piece in zip(taken.starts, (piece.encode() for piece in taken.pieces), strict=True):
        upto = at + start - len(whole)
        whole += line[at:upto]
        at = upto
        sinks.remove(number, offset + start, piece)
        whole += piece
    return bytes(whole + line[at:])
