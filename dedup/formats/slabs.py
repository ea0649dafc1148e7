"""A file's plain bytes in large pieces, each with the ranges that go: how every byte format is edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dedup.columns import Bytes, Ints, Whole
from dedup.errors import StateError
from dedup.formats.source import InputFile

BOM = b"\xef\xbb\xbf"

NOTHING: Ints = np.zeros(0, np.int64)


class FileEdits(NamedTuple):
    """What goes from one file.

    Attributes:
        drops: int64[], records that go entirely, ascending.
        cuts: int64[], the record of each cut, ascending.
        starts: int32[] or int64[], byte offsets in the UTF-8 of the record's text, ascending and disjoint in a record.
        ends: The same.
    """

    drops: Ints
    cuts: Ints
    starts: Whole
    ends: Whole


class Slab(NamedTuple):
    """Consecutive bytes of a file and what goes from them.

    Attributes:
        data: The bytes.
        starts: int64[], where the ranges that go start in `data`; ascending and disjoint.
        ends: int64[].
        inserted: What stands in the output in place of a range, by its index; nearly always empty.
    """

    data: bytes
    starts: Ints = NOTHING
    ends: Ints = NOTHING
    inserted: Mapping[int, bytes] = {}

    def parted(self) -> tuple[memoryview, memoryview]:
        """Return the bytes that stay and the bytes that go.

        >>> [bytes(part) for part in Slab(b"abcd", np.array([1]), np.array([3])).parted()]
        [b'ad', b'bc']
        """
        if not len(self.starts):
            return memoryview(self.data), memoryview(b"")
        from dedup.kernels import raw as kernels

        gone = int((self.ends - self.starts).sum())
        kept = np.empty(len(self.data) - gone, np.uint8)
        removed = np.empty(gone, np.uint8)
        kernels.take_out(view(self.data), self.starts, self.ends, kept, removed)
        return kept.data, removed.data


def slab_of(data: bytes, starts: Ints, ends: Ints, inserted: Mapping[int, bytes] | None = None) -> Slab:
    """Make a slab of ranges in any order; `inserted` goes by the index in that order."""
    order = np.argsort(starts, kind="stable")
    moved = {int(np.flatnonzero(order == index)[0]): value for index, value in (inserted or {}).items()}
    return Slab(data, np.ascontiguousarray(starts[order]), np.ascontiguousarray(ends[order]), moved)


def view(data: bytes) -> Bytes:
    """See bytes as the read-only array that the kernels take."""
    return np.frombuffer(data, np.uint8)


def misplaced(file: InputFile, record: int) -> StateError:
    """Say that a decision names what the file does not hold."""
    return StateError(
        "a decision names a record, or a place in its text, that is not there",
        file=file.shown,
        line=record,
        hint="The decisions belong to other files, or to an older state of this one: make them anew.",
    )
