"""Texts as Arrow lays them out: one UTF-8 buffer and the offsets of the rows in it, read in place by the kernels."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Whole = npt.NDArray[np.signedinteger[Any]]
"""Of any width; the kernels are compiled for 64 bits only."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of UTF-8 strings.

    Attributes:
        data: uint8[n], the strings end to end (may hold more before the first and after the last row).
        offsets: int64[rows + 1], row i is `data[offsets[i]:offsets[i + 1]]`.

    >>> column = Column.of(["Übung", "", "macht"])
    >>> len(column), column[0], column.row(2)
    (3, 'Übung', b'macht')
    """

    data: Bytes
    offsets: Ints

    def __post_init__(self) -> None:
        # Read-only throughout: numba takes writable and read-only arrays for two types and would compile twice.
        for name in ("data", "offsets"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __reduce__(self) -> tuple[type[Column], tuple[Bytes, Ints]]:
        """Be read-only again where it is unpickled."""
        return Column, (self.data, self.offsets)

    @classmethod
    def of(cls, strings: Iterable[str]) -> Column:
        """Encode strings; raises UnicodeEncodeError for a lone surrogate, which has no UTF-8."""
        return cls.join([string.encode() for string in strings])

    @classmethod
    def join(cls, rows: Sequence[bytes]) -> Column:
        """Lay rows that are valid UTF-8 already end to end."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=offsets[1:])
        return cls(np.frombuffer(b"".join(rows), np.uint8), offsets)

    @classmethod
    def from_arrow(cls, array: Any) -> Column:
        """View a pyarrow `large_string` array (no copy); a null is an empty string here, so check for nulls before."""
        _, offsets, data = array.buffers()
        rows = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        return cls(np.frombuffer(data if data is not None else b"", np.uint8), rows)

    def to_arrow(self) -> Any:
        """View the rows as a pyarrow `large_string` array (no copy)."""
        import pyarrow as pa

        return pa.LargeStringArray.from_buffers(len(self), pa.py_buffer(self.offsets), pa.py_buffer(self.data))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> str:
        return self.row(row).decode()

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))

    def row(self, row: int) -> bytes:
        """Return the UTF-8 bytes of one row."""
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def rows(self) -> list[bytes]:
        """Return the UTF-8 bytes of every row: quicker than one `row` after the other where rows are short."""
        base = int(self.offsets[0])
        data = self.data[base : self.offsets[-1]].tobytes()
        bounds = (self.offsets - base).tolist()
        return [data[start:end] for start, end in itertools.pairwise(bounds)]

    def digests(self) -> npt.NDArray[np.uint64]:
        """Return a hash of each row's bytes: uint64[rows]."""
        return digests_of(self.data, self.offsets[:-1], self.offsets[1:])

    @property
    def sizes(self) -> Ints:
        """The bytes of each row."""
        return np.diff(self.offsets)


def concatenate(columns: Sequence[Column]) -> Column:
    """Join columns end to end into one that owns its buffer."""
    parts = [column.data[column.offsets[0] : column.offsets[-1]] for column in columns]
    offsets = np.zeros(sum(map(len, columns)) + 1, np.int64)
    if columns:
        np.cumsum(np.concatenate([column.sizes for column in columns]), out=offsets[1:])
    return Column(np.concatenate(parts) if parts else np.zeros(0, np.uint8), offsets)


def joined_ranges(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Return the starts and ends of ranges, of which those that follow one another without a gap are one.

    >>> starts, ends = joined_ranges(np.array([0, 3, 7]), np.array([3, 5, 9]))
    >>> starts.tolist(), ends.tolist()
    ([0, 7], [5, 9])
    """
    is_first = np.ones(len(starts), np.bool_)
    is_first[1:] = starts[1:] != ends[:-1]
    return starts[is_first], ends[np.roll(is_first, -1)]


def digests_of(data: bytes | Bytes, starts: Ints, ends: Ints) -> npt.NDArray[np.uint64]:
    """Return a hash of each byte range: uint64[ranges]."""
    whole = memoryview(data if isinstance(data, bytes) else data.data)
    # Called once a document and pass, so nothing of the loop is Python.
    rows = map(whole.__getitem__, map(slice, starts.tolist(), ends.tolist()))
    return np.fromiter(map(xxhash.xxh3_64_intdigest, rows), np.uint64, len(starts))


def decoded(data: Bytes, starts: Ints, ends: Ints) -> list[str]:
    """Return what each byte range says; the ranges are valid UTF-8."""
    whole = data.data
    return [str(whole[start:end], "utf-8") for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
