"""One input file: where it is, what it is called, and its plain bytes, the same in every pass."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from dedup.columns import Ints
from dedup.errors import InputError
from dedup.formats import archives
from dedup.formats.compression import MAX_EXPANSION, decompressed
from dedup.formats.names import Form
from dedup.formats.sites import Site
from dedup.work import held

if TYPE_CHECKING:
    from dedup.formats.parquet_columns import KeptColumns
    from dedup.formats.parquet_pages import Weights

STANDARD_INPUT = "-"
COPY_BYTES = 1 << 20


class Rejected(NamedTuple):
    """A record that cannot be read.

    Attributes:
        file: Position of the file in the corpus.
        record: 1-based number of the record.
        line: 1-based line where it starts; in Parquet, its row.
        message: What is wrong with it.
        hint: What to do about it; may be empty.
        start: Where it starts in the plain bytes of the file; 0 in Parquet.
        end: Behind its line terminator; 0 in Parquet.
    """

    file: int
    record: int
    line: int
    message: str
    hint: str
    start: int
    end: int


Reject = Callable[[Rejected], None]
"""Takes a bad record: raises an InputError, or notes it so that reading goes on."""


class _Stamp(NamedTuple):
    size: int
    modified_ns: int


@dataclass(eq=False)
class InputFile:
    """A file of the corpus.

    Attributes:
        index: Its position in the corpus.
        name: How decisions name it; unique in the corpus.
        path: Where it is, as the user named it; `-` for standard input.
        site: The source of its documents, where they do not say another.
        form: Its format and compression.
        is_named: Whether the user named it, rather than a directory it is in.
        spool: Where its plain bytes go, if they cannot be read in place as often as needed.
        extraction: What is taken out of it, if it holds web pages: `article` or `lines`.
        max_expansion: How many times its compressed size its plain bytes may be.
        decoded: Where decoded columns of a Parquet file may be kept; None for nowhere.
        bounds: int64[records, 2], where records start and end in the plain bytes, once a CSV file was read.
        line_ends: int64[lines], where lines end in the plain bytes, once a JSON Lines file was read.
        weights: What comes out of its pages, once a Parquet file was opened.
        columns: The columns that are read of it, where they are kept.
    """

    index: int
    name: str
    path: Path
    site: Site
    form: Form
    is_named: bool
    spool: Path | None
    extraction: str
    max_expansion: float = MAX_EXPANSION
    decoded: Path | None = None
    bounds: Ints | None = None
    line_ends: Ints | None = None
    weights: Weights | None = None
    columns: KeptColumns | None = None
    _stamp: _Stamp | None = None
    _is_spooled: bool = False

    @property
    def shown(self) -> str:
        """How messages name it."""
        return "standard input" if self.is_standard_input else str(self.path)

    @property
    def is_standard_input(self) -> bool:
        """Whether it is read from standard input."""
        return str(self.path) == STANDARD_INPUT

    def stamp(self) -> None:
        """Note size and time, so that a change during the run is noticed; refuse what is no readable file."""
        with self._readable():
            status = self.path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(
                "is a directory, not a file", file=self.shown, hint="Name the files in it, or their folder."
            )
        if not stat.S_ISREG(status.st_mode):
            raise InputError(
                "is not a regular file, and it is read more than once",
                file=self.shown,
                hint="Send it to standard input and name it '-'.",
            )
        self._stamp = _Stamp(status.st_size, status.st_mtime_ns)

    @contextlib.contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the plain bytes, decompressed if need be.

        Raises:
            InputError: The file cannot be read, is damaged, or is not what it was in an earlier pass.
        """
        with self._readable(), self.plain().open("rb") as file:
            self._check(file)
            yield file
            self._check(file)

    def size(self) -> int:
        """Count the plain bytes."""
        with self._readable():
            return self.plain().stat().st_size

    def is_empty(self) -> bool:
        """Tell whether there are no plain bytes."""
        return self.size() == 0

    def plain(self) -> Path:
        """Return the path of the plain bytes; the first call fills the spool."""
        if self.spool is None:
            return self.path
        if not self._is_spooled:
            with held(f"the plain bytes of {self.shown}", self.spool), self.spool.open("wb") as out:
                out.writelines(self._incoming())
            self._is_spooled = True
        return self.spool

    def _incoming(self) -> Iterator[bytes]:
        """Yield the plain bytes of what can be read only once, or only with effort."""
        if not self.form.extracted:
            return self._decompressed()
        page = archives.Source(self._decompressed(), self.shown, self.name, self.site, self.extraction)
        return archives.records(self.form.extracted, page)

    def _decompressed(self) -> Iterator[bytes]:
        with self._readable():
            if self.is_standard_input:
                while chunk := sys.stdin.buffer.read(COPY_BYTES):
                    yield chunk
                return
            with self.path.open("rb") as file:
                self._check(file)
                yield from decompressed(file, self.form.compression, self.shown, self.max_expansion)

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn what the system says about this file into an InputError."""
        try:
            yield
        except FileNotFoundError:
            message = "does not exist" if self._stamp is None else "vanished while it was being read"
            raise InputError(
                message, file=self.shown, hint="Check the path." if self._stamp is None else "Run again."
            ) from None
        except PermissionError:
            raise InputError("may not be read", file=self.shown, hint="Change its permissions.") from None
        except OSError as error:
            raise InputError(
                f"cannot be read: {error.strerror}", file=self.shown, hint="Check the path and the disk."
            ) from None

    def _check(self, file: IO[bytes]) -> None:
        """Raise if the open file is not the one that was stamped; a spool is ours alone and cannot change."""
        if self._stamp is None or self._is_spooled:
            return
        status = os.fstat(file.fileno())
        if _Stamp(status.st_size, status.st_mtime_ns) != self._stamp:
            raise InputError(
                "changed while it was being read",
                file=self.shown,
                hint="Run again when nothing writes to it.",
            )
