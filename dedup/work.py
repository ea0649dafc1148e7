"""Folders that one run works in: gone when the run is, whatever ended it.

The process that works in such a folder holds a lock on it. The lock ends with the process, so that the next run sees
which folders nobody needs any more. Process ids would not do: the system gives them to others.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dedup.errors import OutputError

PREFIX = ".dedup-work-"
"""What the names of folders begin with that hold what does not fit into memory."""

WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""How file systems say that they have no locks. There, what killed runs left is nobody's to clear away."""


@contextlib.contextmanager
def work_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder for what does not fit into memory, and clear away those of runs that were killed.

    Args:
        parent: Where to make it; None for the system's folder for temporary files (`TMPDIR`).

    Raises:
        OutputError: There is no place for it.
    """
    with contextlib.ExitStack() as stack:
        try:
            parent = parent or Path(tempfile.gettempdir())
            clear_leftovers(parent)
            folder = stack.enter_context(locked_folder(parent, PREFIX))
        except OSError as error:
            raise OutputError(
                f"the work folder cannot be made: {error.strerror or error}",
                hint="Name a folder for it with TMPDIR or --work-dir.",
            ) from None
        yield folder


@contextlib.contextmanager
def held(what: str, path: Path | None) -> Iterator[None]:
    """Turn what the system says about writing something to a file or folder of a run into an OutputError."""
    try:
        yield
    except OSError as error:
        # Arrow words it in its own way.
        raise OutputError(
            f"the work folder cannot hold {what}: {os.strerror(error.errno or 0)}",
            file=str(path),
            hint="Make room there, or name another folder with TMPDIR.",
        ) from None


@contextlib.contextmanager
def locked_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder whose name begins with `prefix`, and remove it with all that is in it at the end."""
    folder, lock = _make(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def leftovers(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield the folders that killed runs left behind, and remove each when the caller has seen it.

    They are ours, their names are those that `locked_folder` gives, and no process works in them.
    """
    name = re.compile(re.escape(prefix) + "[a-z0-9_]{8}")
    with os.scandir(parent) as entries:
        found = [entry.path for entry in entries if name.fullmatch(entry.name) and _is_ours(entry)]
    for path in found:
        with contextlib.suppress(OSError):
            lock = try_lock(path)
            if lock >= 0:
                yield Path(path)
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def clear_leftovers(parent: Path) -> None:
    """Remove the work folders that killed runs left in a folder."""
    for _ in leftovers(parent, PREFIX):
        pass


def try_lock(path: str) -> int:
    """Lock a folder and return the descriptor that holds the lock; -1 if another process has it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return -1
        raise
    return descriptor


def _make(parent: Path, prefix: str) -> tuple[Path, int]:
    """Return a new folder and the lock on it."""
    while True:
        path = tempfile.mkdtemp(prefix=prefix, dir=parent)
        # Between these two lines another run may take it for a leftover.
        with contextlib.suppress(FileNotFoundError):
            try:
                lock = try_lock(path)
            except OSError as error:
                if error.errno not in WITHOUT_LOCKS:
                    raise
                lock = os.open(path, os.O_RDONLY)
            if lock >= 0:
                if os.path.exists(path):
                    return Path(path), lock
                os.close(lock)


def _is_ours(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
    except FileNotFoundError:
        return False
