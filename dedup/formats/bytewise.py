"""Editing the byte formats: copy a file without some of its bytes, and put them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from dedup.columns import Ints
from dedup.formats import delimited, jsonl, lines, plain
from dedup.formats.compression import Sink
from dedup.formats.digests import Digest, Meter
from dedup.formats.fields import Fields
from dedup.formats.slabs import FileEdits, Slab
from dedup.formats.source import InputFile
from dedup.parallel import ahead
from dedup.spill import IN_MEMORY, Room, Table

SLABS: dict[str, Callable[[InputFile, Fields, FileEdits], Iterator[Slab]]] = {
    "text": plain.slabs,
    "jsonl": jsonl.slabs,
    "csv": delimited.slabs,
    "tsv": delimited.slabs,
}

COPY_BYTES = 8 << 20


class Removals:
    """The bytes that went from the files, and where they were: what undo needs."""

    def __init__(self, sink: Sink | None, room: Room = IN_MEMORY) -> None:
        """Begin with none.

        Args:
            sink: Takes the bytes; None for nobody.
            room: Where the places are held until they are saved.
        """
        self._sink = sink
        self._places = Table(room, (np.int64,))

    def add(self, file: int, offset: int, slab: Slab, removed: memoryview) -> None:
        """Note what went from a slab that starts at `offset` of a file."""
        if self._sink is None:
            return
        rows = np.zeros((len(slab.starts), 4), np.int64)
        rows[:, 0] = file
        rows[:, 1] = slab.starts + offset
        rows[:, 2] = slab.ends - slab.starts
        for index, data in slab.inserted.items():
            rows[index, 3] = len(data)
        self._places.add(rows.ravel())
        self._sink.write(removed)

    def save(self, path: Path) -> None:
        """Write an int64[n, 4] in numpy's format: file, offset in its plain bytes, bytes removed, bytes put there."""
        shape = len(self._places) // 4, 4
        with path.open("wb") as file:
            head = npy.header_data_from_array_1_0(np.zeros((0, 4), np.int64)) | {"shape": shape}
            npy.write_array_header_1_0(file, head)
            for piece in self._places.pieces():
                file.write(piece.data)


def strip(
    file: InputFile, fields: Fields, edits: FileEdits, out: Meter, removals: Removals, workers: int = 1
) -> Digest:
    """Write a file's plain bytes without what `edits` names; return the digest of the whole.

    With more than one worker, what is written next is made meanwhile, if there is more than one piece: to start a
    thread for every small file takes three times as long as all else.
    """
    before = Meter()
    offset = 0
    threads = workers if workers > 1 and file.size() > lines.CHUNK_BYTES else 1
    for slab, kept, removed in ahead(_parted(SLABS[file.form.kind](file, fields, edits), before), threads):
        if len(slab.starts):
            removals.add(file.index, offset, slab, removed)
        _write_kept(slab, kept, out)
        offset += len(slab.data)
    return before.digest


def _parted(slabs: Iterator[Slab], before: Meter) -> Iterator[tuple[Slab, memoryview, memoryview]]:
    """Yield slabs with the bytes that stay and the bytes that go."""
    for slab in slabs:
        before.write(slab.data)
        yield slab, *slab.parted()


def _write_kept(slab: Slab, kept: memoryview, out: Meter) -> None:
    """Write the bytes of a slab that stay, and among them what stands in the place of ranges that go."""
    places = slab.starts - np.cumsum(slab.ends - slab.starts) + (slab.ends - slab.starts)
    at = 0
    for index in sorted(slab.inserted):
        out.write(kept[at : int(places[index])])
        out.write(slab.inserted[index])
        at = int(places[index])
    out.write(kept[at:])


def put_back(stripped: Iterator[bytes], rows: Ints, removed: IO[bytes], out: Meter) -> None:
    """Rebuild the plain bytes of a file.

    Args:
        stripped: Its bytes as they were written.
        rows: int64[n, 4], the rows of `Removals` for this file.
        removed: The removed bytes, positioned at the first of this file.
        out: Takes the plain bytes.

    Raises:
        EOFError: There are fewer bytes than the rows say.
    """
    source = _Pull(stripped)
    position = 0
    for _, offset, size, inserted in rows.tolist():
        source.move(offset - position, out)
        source.move(inserted, None)
        for left in range(size, 0, -COPY_BYTES):
            data = removed.read(min(left, COPY_BYTES))
            if not data:
                raise EOFError
            out.write(data)
        position = offset + size
    source.move_rest(out)


class _Pull:
    """Takes exact amounts from an iterator of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._current = memoryview(b"")

    def move(self, size: int, out: Meter | None) -> None:
        """Write the next `size` bytes to `out`, or pass over them."""
        while size:
            if not self._current:
                self._current = memoryview(next(self._chunks, b""))
                if not self._current:
                    raise EOFError
            piece = self._current[:size]
            self._current = self._current[len(piece) :]
            size -= len(piece)
            if out is not None:
                out.write(piece)

    def move_rest(self, out: Meter) -> None:
        """Write all that is left."""
        out.write(self._current)
        for chunk in self._chunks:
            out.write(chunk)
