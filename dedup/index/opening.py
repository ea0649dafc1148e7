"""The way to an open index, wherever it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dedup.index.judging import Index

SCHEMES = ("redis://", "rediss://", "unix://")
"""What an address of an index in Redis begins with."""


def open_index(path: str | Path, *, is_reading: bool = False, **options: Any) -> Index:
    """Open an index to judge and add articles one by one; makes an empty one where there is none.

    Use it as a context manager. What was added and not committed is committed at the end.

    Args:
        path: Its folder; or for one in Redis, which any number of processes may write to, its address:
            `redis://HOST:PORT/DATABASE#NAME`, without a name `dedup` (extra `redis`).
        is_reading: Only judge: any number of processes may at the same time, and one more may write.
        **options: Fields of `Config`; those that are not given are what the index was made with.

    Raises:
        StateError: It is no index, was damaged, cannot be reached, or another process is writing to its folder.
        EngineError: The package for Redis is not installed.
        UsageError: An option is not known, or does not go together with the index.

    >>> import tempfile
    >>> report = "Der Gemeinderat hat am Montag nach langer Debatte den Bau der neuen Brücke beschlossen."
    >>> with tempfile.TemporaryDirectory() as folder, open_index(f"{folder}/news.index") as index:
    ...     print(index.add({"id": "a", "text": report}).kind)
    ...     verdict = index.judge({"id": "b", "text": report.upper()})
    ...     print(verdict.kind, verdict.keeper.id, verdict.similarity)
    new
    duplicate a 1.0
    """
    if isinstance(path, str) and path.startswith(SCHEMES):
        from dedup.index.shared import open_shared

        return open_shared(path, is_reading=is_reading, **options)
    from dedup.index.live import open_folder

    return open_folder(path, is_reading=is_reading, **options)
