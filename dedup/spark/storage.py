"""Files at any path that Spark reads, through Hadoop's file systems: listed, renamed, removed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext

from dedup.errors import InputError, OutputError

GLOB_CHARACTERS = "\\{}[]*?"

FILES_AT_ONCE = 16
"""So many files the driver looks into side by side: over a network it mostly waits."""

LOCAL = "file:"
"""How paths begin that Python opens, too."""

SLASHES = "^([a-z0-9+.-]+):/+"
"""How a URI begins: Spark writes file:/ in one place and file:/// in another."""


def with_one_slash(uri: str) -> str:
    """Return a URI as `Stored` has it.

    >>> with_one_slash("file:///data/a.jsonl")
    'file:/data/a.jsonl'
    """
    return re.sub(SLASHES, r"\1:/", uri)


class Stored(NamedTuple):
    """A file.

    Attributes:
        path: Its path, with the scheme.
        uri: The same as Spark's `_metadata.file_path` says it, but for slashes (`SLASHES`).
        root: The path that it was found by: its own, or that of a folder above it.
        size: Its bytes.
        modified_ms: When it was changed.
    """

    path: str
    uri: str
    root: str
    size: int
    modified_ms: int


class Storage:
    """The file systems that Spark knows."""

    def __init__(self, context: SparkContext) -> None:
        self._jvm: Any = context._jvm
        self._settings: Any = context._jsc.hadoopConfiguration()

    def qualified(self, name: str) -> str:
        """Return the absolute path, with its scheme."""
        return str(self._open(name)[1].toString())

    def exists(self, name: str) -> bool:
        """Say whether there is a file or a folder."""
        system, path = self._open(name)
        return bool(system.exists(path))

    def size(self, name: str) -> int:
        """Return how many bytes a file has."""
        system, path = self._open(name)
        return int(system.getFileStatus(path).getLen())

    def end_of(self, file: Stored, count: int) -> bytes:
        """Return the last bytes of a file, all of them if it has fewer."""
        system, path = self._open(file.path)
        stream = system.open(path)
        try:
            stream.seek(max(file.size - count, 0))
            return bytes(stream.readNBytes(count))
        finally:
            stream.close()

    def ends_of(self, files: Iterable[Stored], count: int) -> list[bytes]:
        """Return the last bytes of several files."""
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            return list(pool.map(lambda file: self.end_of(file, count), files))

    def files(self, name: str) -> Iterator[Stored]:
        """Yield a file, or all files in a folder and below, or in all that a pattern fits; hidden ones are left out.

        Raises InputError if there is nothing.
        """
        try:
            system, path = self._open(name)
            # A name may look like a pattern.
            roots = [system.getFileStatus(path)] if system.exists(path) else list(system.globStatus(path) or ())
            if not roots:
                raise InputError("does not exist", file=name, hint="Check the path.")
            for root in roots:
                found = system.listFiles(root.getPath(), True)
                while found.hasNext():
                    yield from self._visible(found.next(), root)
        except Py4JJavaError as error:
            raise InputError(f"cannot be read: {reason(error)}", file=name, hint="Check the path.") from None

    def _visible(self, status: Any, root: Any) -> Iterator[Stored]:
        path, base = str(status.getPath().toString()), str(root.getPath().toString())
        inner = path.removeprefix(base).split("/")
        if not any(part.startswith((".", "_")) for part in inner):
            uri = str(status.getPath().toUri().toString())
            yield Stored(path, with_one_slash(uri), base, int(status.getLen()), int(status.getModificationTime()))

    def rename(self, old: str, new: str) -> None:
        """Give a file or a folder another name, which nothing has; raises OutputError where that fails."""
        (system, path), (target_system, target) = self._open(old), self._open(new)
        if system.getUri().equals(target_system.getUri()):
            is_moved = system.rename(path, target)
        else:
            copy = self._jvm.org.apache.hadoop.fs.FileUtil.copy
            is_moved = copy(system, path, target_system, target, True, self._settings)
        if not is_moved:
            raise OutputError("cannot be renamed", file=old, hint=f"Check {new}.")

    def remove(self, name: str) -> None:
        """Remove a file or a folder with all that is in it, if it exists."""
        system, path = self._open(name)
        system.delete(path, True)

    def make_folder(self, name: str) -> None:
        """Make a folder and those above it."""
        system, path = self._open(name)
        system.mkdirs(path)

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        system, path = self._open(name)
        stream = system.create(path, True)
        try:
            stream.write(data)
        finally:
            stream.close()

    def _open(self, name: str) -> tuple[Any, Any]:
        path = self._path(name)
        system = path.getFileSystem(self._settings)
        return system, system.makeQualified(path)

    def _path(self, name: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(name)


def literal(path: str) -> str:
    """Return a path as Spark reads it, which takes some characters for patterns."""
    return "".join(f"\\{character}" if character in GLOB_CHARACTERS else character for character in path)


def reason(error: Py4JJavaError) -> str:
    """Return what Java says about an error, in one line."""
    return str(error.java_exception.getMessage() or error.java_exception.toString()).splitlines()[0].rstrip(".")
