"""What a run on a cluster leaves: parts that follow one another in the order of the input, and a digest of each.

OUTPUT and what stands beside it are folders of parts: what stays, what went, decisions, and what was taken out of what
stays. `parts.json` lists them, and says what is to be known of the input files. `assembly` puts them together again.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from dedup.columns import Ints
from dedup.errors import StateError
from dedup.formats.digests import UNSEALED, Digest

PARTS, HEADER, REPORT = "parts.json", "header.json", "report.json"
DECISIONS, DROPPED, TAKEN, UNREAD = "decisions", "dropped", "removed", "rejected"
"""Folders of the sidecar: decisions; what went, one for each decision that drops and for each `Unread`, in their order;
`Taken`; `Unread`, where there are any."""

FORMAT_VERSION = 2

CHECKSUMS = 1 << 64
"""What `checksum` counts up to, before it begins again."""


class Taken(msgspec.Struct, frozen=True):
    """What was taken out of a record that stays.

    Attributes:
        file: Position of the file in the list of inputs.
        record: The line or row, 1-based.
        starts: Where each piece began, in bytes of the line as it was, or in a table of the text as it was.
        pieces: The pieces.
    """

    file: int
    record: int
    starts: list[int]
    pieces: list[str]


class Unread(msgspec.Struct, frozen=True):
    """A record that holds no document and was set aside, as a local run tells of it.

    Attributes:
        file: What decisions call its file.
        record: The line or row, 1-based.
        line: The same.
        error: What is wrong with it.
        raw: Its bytes, escaped where they are not UTF-8; nothing of a row.
    """

    file: str
    record: int
    line: int
    error: str
    raw: str


class Lines(msgspec.Struct, frozen=True, tag="lines"):
    """An input file of lines.

    Attributes:
        name: What decisions call it.
        records: Its lines.
        compression: Its compression.
        is_ended: Whether its last line ends with a newline.
        size: Its bytes, where it is not compressed.
    """

    name: str
    records: int
    compression: str
    is_ended: bool
    size: int


class Table(msgspec.Struct, frozen=True, tag="table"):
    """An input file of rows.

    Attributes:
        name: What decisions call it.
        groups: How many rows each row group has.
        schema: Its columns, by number among `Parts.schemas`.
        texts: `checksum` of its texts.
    """

    name: str
    groups: list[int]
    schema: int
    texts: int = 0


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `parts.json`.

    Attributes:
        version: The version of dedup that wrote it.
        text_field: The path of the field that was edited.
        files: The input files in order, all of one kind.
        schemas: The columns of tables, as Arrow serialises schemas.
        output: The digests of the parts of OUTPUT, in order, by name.
        sidecar: The same of the folders beside it, and of the single files there, as if in a folder without a name.
        format_version: The version of this layout.
        xxh3: Digest of the file, computed with `UNSEALED` in its own place.
    """

    version: str
    text_field: list[str]
    files: list[Lines | Table]
    schemas: list[bytes]
    output: dict[str, Digest]
    sidecar: dict[str, dict[str, Digest]]
    format_version: int = FORMAT_VERSION
    xxh3: str = UNSEALED

    def encoded(self) -> bytes:
        """Return the file, sealed."""
        unsealed = _json(msgspec.structs.replace(self, xxh3=UNSEALED))
        return _json(msgspec.structs.replace(self, xxh3=xxhash.xxh3_128_hexdigest(unsealed)))


def checksum(texts: npt.NDArray[np.uint64], records: Ints) -> int:
    """Return a sum over the texts of a table that tells which text is in which row.

    The sums of some of its rows and of the others add up to that of all, modulo `CHECKSUMS`.

    >>> one, other = (checksum(np.array([7], np.uint64), np.array([record])) for record in (1, 2))
    >>> (one, other, checksum(np.array([7, 7], np.uint64), np.array([1, 2])))
    (21, 35, 56)

    Args:
        texts: uint64[rows], a hash of each text.
        records: int64[rows], the numbers of the rows.
    """
    return int((texts * (2 * records.astype(np.uint64) + np.uint64(1))).sum(dtype=np.uint64))


def read(path: Path) -> Parts:
    """Read `parts.json`; raises StateError if it is damaged, of another version, or was changed."""
    data = path.read_bytes()
    try:
        version = msgspec.json.decode(data, type=_Version).format_version
        if version != FORMAT_VERSION:
            raise StateError(
                f"has the format {version}, but this version of dedup reads {FORMAT_VERSION}",
                file=str(path),
                hint="Use the version of dedup that wrote it.",
            )
        parts = msgspec.json.decode(data, type=Parts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise changed(path, f"is damaged: {error}") from None
    if parts.encoded() != data:
        raise changed(path, "was changed since it was written")
    for name in (file.name for file in parts.files):
        # A forged name must not lead out of the folder that is written.
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise changed(path, f"names a file outside its folder: {name}")
    return parts


class _Version(msgspec.Struct):
    format_version: int = 0


def changed(path: Path, message: str) -> StateError:
    """Return what is raised for a part that is not as it was written."""
    return StateError(
        message, file=str(path), hint="Bring back the folder as it was written, from a backup for instance."
    )


def _json(parts: Parts) -> bytes:
    return msgspec.json.format(msgspec.json.encode(parts), indent=1) + b"\n"
