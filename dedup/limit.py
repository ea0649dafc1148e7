"""How much memory a run may take: what it needs anyway, what its buffers get, and whether the documents still fit."""

from __future__ import annotations

import ctypes
from pathlib import Path

from dedup.errors import MemoryLimitError, UsageError
from dedup.sizes import shown
from dedup.spill import BUFFER_BYTES, Room

FIXED_BYTES = 250 << 20
"""What a run takes whatever its size: Python, compiled kernels, Arrow, and what passes through one thread. Measured on
10,000 documents of 3 kB, JSON Lines, all kinds: 248 MB when this was chosen, 188 MB now (benchmarks/README.md)."""

WORKER_BYTES = 32 << 20
"""What each further thread takes, measured in the same way."""

BUFFERS = 16
"""Buffers' worth of memory that is in use at the same time at most: those of the tables that are filled together, and
what sorting a part takes."""

LEAST_BUFFER_BYTES = 1 << 20
"""Smaller buffers would be written and read in pieces too small for a disk."""

DOCUMENT_BYTES = 100
"""What the rest of a run needs for a document that has been compared, beside what is held of it then."""

CLOSE = 0.9
"""Share of the limit beyond which freed memory is given back after every batch, and not only between stages."""

STATM = Path("/proc/self/statm")
PAGE_BYTES = 4096


def room_within(folder: Path, limit_bytes: int | None, workers: int) -> Room:
    """Share a limit out: half of what is not taken anyway goes to the buffers, the rest is left for the documents.

    Args:
        folder: An existing folder for what does not fit.
        limit_bytes: The most memory the process may take; None for as much as it likes.
        workers: Threads.

    Raises:
        UsageError: The limit is below what any run takes.
    """
    if limit_bytes is None:
        return Room(folder)
    taken = FIXED_BYTES + (workers - 1) * WORKER_BYTES
    least = taken + 2 * BUFFERS * LEAST_BUFFER_BYTES
    if limit_bytes < least:
        threads = "one thread" if workers == 1 else f"{workers} threads"
        raise UsageError(
            f"a memory limit of {shown(limit_bytes)} cannot be kept: with {threads}, even a small input takes "
            f"{shown(least)}",
            hint="Raise --memory-limit, or use fewer --workers." if workers > 1 else "Raise --memory-limit.",
        )
    return Room(folder, min(BUFFER_BYTES, (limit_bytes - taken) // (2 * BUFFERS)), limit_bytes)


def check(room: Room, documents: int = 0) -> None:
    """Raise MemoryLimitError if the process has more memory than it may, or will, for so many documents read."""
    if room.limit_bytes is None:
        return
    coming = documents * DOCUMENT_BYTES
    if resident_bytes() + coming > CLOSE * room.limit_bytes:
        give_back()
    needed = resident_bytes() + coming
    if needed > room.limit_bytes:
        raise MemoryLimitError(
            f"this input needs {shown(needed)} of memory or more, and the limit is {shown(room.limit_bytes)}",
            hint="Raise --memory-limit, or split the input.",
        )


def give_back() -> None:
    """Give freed memory back to the system, between stages: the C library would keep it for the next one.

    Measured with 1,000,000 documents: 160 MB less after the lines were counted.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc; others give back by themselves, or not at all
    if trim is not None:
        trim(0)


def resident_bytes() -> int:
    """Return the memory that the process takes now, shared libraries included; 0 where the system does not say."""
    try:
        return int(STATM.read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0
