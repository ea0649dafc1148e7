"""Where the values of wanted keys are in the raw bytes of JSON objects.

A kernel finds nearly all of them. What it leaves, `msgspec` decodes, which hands out the raw bytes of values in place.
So the position of a value is known exactly either way: of equal keys the last counts, keys may be escaped, objects
nested.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dedup.columns import Column, Ints
from dedup.formats.fields import Fields, Path
from dedup.formats.slabs import view
from dedup.kernels import json as kernels

MISSING = msgspec.Raw(b"")
OPENING = np.uint8(ord("{"))


class Places(NamedTuple):
    """Where values are in some bytes.

    Attributes:
        starts: int64[rows]; 0, as is the end, for what is not there.
        ends: int64[rows].
    """

    starts: Ints
    ends: Ints

    def cut(self, data: bytes) -> list[bytes]:
        """Return the raw value of each row; nothing where there is none."""
        return [data[start:end] for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]


class Keys:
    """Some keys, to be looked for in many objects."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = Column.of(names)
        struct = msgspec.defstruct(
            "Record",
            [(f"key_{position}", msgspec.Raw, MISSING) for position in range(len(names))],
            rename={f"key_{position}": name for position, name in enumerate(names)},
            gc=False,
        )
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(struct)

    def find(self, data: bytes, starts: Ints, ends: Ints) -> tuple[Ints, Ints, Ints]:
        """Find the values of all keys in objects.

        Args:
            data: The bytes.
            starts: int64[rows], where each object starts.
            ends: int64[rows], where it ends.

        Returns:
            Where the values start and where they end, int64[rows, keys] each, and the rows that hold no object.
        """
        value_starts, value_ends = (np.empty((len(starts), len(self._names)), np.int64) for _ in range(2))
        is_plain = np.empty(len(starts), np.uint8)
        kernels.find_values(
            view(data), starts, ends, self._names.data, self._names.offsets, value_starts, value_ends, is_plain
        )
        broken = []
        for row in np.flatnonzero(is_plain == 0).tolist():
            places = self._decoded(data, int(starts[row]), int(ends[row]))
            if places is None:
                broken.append(row)
            else:
                value_starts[row], value_ends[row] = places
        return value_starts, value_ends, np.array(broken, np.int64)

    def _decoded(self, data: bytes, start: int, end: int) -> Places | None:
        """Find the values in one object with a full parser; None if it is none."""
        line = memoryview(data)[start:end]
        try:
            str(line, "utf-8")
            record = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        # Raw values are views into the line, so that their addresses tell where they are.
        values = [np.frombuffer(raw, np.uint8) for raw in msgspec.structs.astuple(record)]
        base = view(data).ctypes.data
        starts = np.array([value.ctypes.data - base if value.size else 0 for value in values], np.int64)
        return Places(starts, starts + np.array([value.size for value in values], np.int64))


class Records(NamedTuple):
    """Some lines that hold an object each, and where its outermost wanted values are.

    Attributes:
        data: The bytes.
        lines: int64[records], which lines they are.
        starts: int64[records, keys].
        ends: int64[records, keys].
    """

    data: bytes
    lines: Ints
    starts: Ints
    ends: Ints

    def among(self, rows: Ints) -> Records:
        """Return some of them."""
        return Records(self.data, self.lines[rows], self.starts[rows], self.ends[rows])


class Finder:
    """Finds the wanted fields of records, nested ones too."""

    def __init__(self, fields: Fields) -> None:
        paths = (fields.text, *fields.optional())
        self._columns = {name: column for column, name in enumerate(dict.fromkeys(path[0] for path in paths))}
        self._outermost = Keys(list(self._columns))
        self._inner = {name: Keys([name]) for path in paths for name in path[1:]}

    def records(self, data: bytes, starts: Ints, ends: Ints) -> tuple[Records, Ints]:
        """Find the outermost values; also return the lines that hold no object."""
        value_starts, value_ends, broken = self._outermost.find(data, starts, ends)
        records = Records(data, np.arange(len(starts)), value_starts, value_ends)
        return (records.among(np.delete(records.lines, broken)) if len(broken) else records), broken

    def places(self, records: Records, path: Path) -> Places:
        """Return where a field of each record is."""
        column = self._columns[path[0]]
        places = Places(*(np.ascontiguousarray(edges[:, column]) for edges in (records.starts, records.ends)))
        for name in path[1:]:
            places = self._enter(records.data, places, self._inner[name])
        return places

    def _enter(self, data: bytes, places: Places, keys: Keys) -> Places:
        """Return where the value of a key is in values that are objects."""
        rows = np.flatnonzero((places.ends > 0) & (view(data)[places.starts] == OPENING))
        starts, ends = np.zeros_like(places.starts), np.zeros_like(places.ends)
        value_starts, value_ends, broken = keys.find(data, places.starts[rows], places.ends[rows])
        value_starts[broken] = value_ends[broken] = 0
        starts[rows], ends[rows] = value_starts[:, 0], value_ends[:, 0]
        return Places(starts, ends)


@functools.lru_cache(maxsize=8)
def finder_of(fields: Fields) -> Finder:
    """Return the finder of some fields: the same one for every piece of a file, since to make one takes a while."""
    return Finder(fields)
