"""Digests by which files are recognised: XXH3 with 128 bits. They reveal accidents, not forgeries."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import xxhash

from dedup.formats.compression import Sink

READ_BYTES = 8 << 20

UNSEALED = "0" * 32
"""What stands for the digest of a file inside that file while the digest is computed."""


class Digest(NamedTuple):
    """What identifies bytes.

    Attributes:
        xxh3: XXH3 of the bytes, 128 bits, hexadecimal.
        size: How many bytes there are.
    """

    xxh3: str
    size: int


class Meter:
    """Takes bytes on to a sink, if there is one, and computes their digest."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink
        self._hash = xxhash.xxh3_128()
        self._size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Take bytes."""
        self._hash.update(data)
        self._size += len(data)
        if self._sink is not None:
            self._sink.write(data)

    @property
    def digest(self) -> Digest:
        """The digest of what was taken so far."""
        return Digest(self._hash.hexdigest(), self._size)


def digest_of_bytes(data: bytes) -> Digest:
    """Return the digest of bytes that are at hand.

    >>> digest_of_bytes(b"abc")
    Digest(xxh3='06b05ab6733a618578af5f94892f3950', size=3)
    """
    return Digest(xxhash.xxh3_128_hexdigest(data), len(data))


def digest_of(path: Path) -> Digest:
    """Return the digest of a file's bytes.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "a")
    ...     _ = path.write_bytes(b"abc")
    ...     digest_of(path).size
    3
    """
    meter = Meter()
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            meter.write(data)
    return meter.digest
