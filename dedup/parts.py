"""What a cluster wrote, as a local run would have left it, so that it can be undone and verified like one.

On a cluster, OUTPUT and what stands beside it are parts that follow one another in the order of the input: lines that
stay, lines that went, decisions, and what was taken out of the lines that stay. A digest of each part is kept. Put
together again they are divided by input file, and all that a local run leaves follows from them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np
import xxhash

from dedup import decisions
from dedup.decisions import Decision, Header
from dedup.errors import StateError
from dedup.formats.digests import UNSEALED, Digest, Meter, digest_of
from dedup.manifest import REMOVED, REMOVED_INDEX, FileEntry, Manifest, seal
from dedup.work import work_folder

PARTS, HEADER, REPORT = "parts.json", "header.json", "report.json"
DECISIONS, DROPPED, TAKEN = "decisions", "dropped", "removed"
"""Folders of the sidecar: decisions; lines that went, one for each decision that drops; `Taken`."""

FORMAT_VERSION = 1


class Taken(msgspec.Struct, frozen=True):
    """What was taken out of a line that stays.

    Attributes:
        file: Position of the file in the list of inputs.
        record: The line, 1-based.
        starts: Where each piece began, in bytes of the line as it was.
        pieces: The pieces.
    """

    file: int
    record: int
    starts: list[int]
    pieces: list[str]


class Lines(msgspec.Struct, frozen=True):
    """An input file.

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


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `parts.json`.

    Attributes:
        version: The version of dedup that wrote it.
        kind: The format of the input; only JSON Lines are put together again.
        text_field: The path of the field that was edited.
        files: The input files in order.
        output: The digests of the parts of OUTPUT, in order, by name.
        sidecar: The same of the folders beside it, and of the single files there, as if in a folder without a name.
        format_version: The version of this layout.
        xxh3: Digest of the file, computed with `UNSEALED` in its own place.
    """

    version: str
    kind: str
    text_field: list[str]
    files: list[Lines]
    output: dict[str, Digest]
    sidecar: dict[str, dict[str, Digest]]
    format_version: int = FORMAT_VERSION
    xxh3: str = UNSEALED

    def encoded(self) -> bytes:
        """Return the file, sealed."""
        unsealed = _json(msgspec.structs.replace(self, xxh3=UNSEALED))
        return _json(msgspec.structs.replace(self, xxh3=xxhash.xxh3_128_hexdigest(unsealed)))


@contextmanager
def as_local(output: Path, sidecar: Path) -> Iterator[tuple[Path, Path]]:
    """Give the output and the sidecar of a run as a local run would have left them: its own, if it was one.

    Raises:
        StateError: A part is missing or was changed, or the run was not of JSON Lines.
    """
    if not (sidecar / PARTS).is_file():
        yield output, sidecar
        return
    parts = _read(sidecar / PARTS)
    with work_folder() as work:
        local = work / "output", work / "sidecar"
        for folder in local:
            folder.mkdir()
        _assemble(parts, output, sidecar, *local)
        yield local


def _read(path: Path) -> Parts:
    data = path.read_bytes()
    try:
        parts = msgspec.json.decode(data, type=Parts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _changed(path, f"is damaged: {error}") from None
    if parts.format_version != FORMAT_VERSION:
        raise StateError(
            f"has the format {parts.format_version}, but this version of dedup reads {FORMAT_VERSION}",
            file=str(path),
            hint=f"Use dedup {parts.version}.",
        )
    if parts.encoded() != data:
        raise _changed(path, "was changed since it was written")
    for name in (file.name for file in parts.files):
        # A forged name must not lead out of the folder that is written.
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise _changed(path, f"names a file outside its folder: {name}")
    if parts.kind != "jsonl":
        raise StateError(
            f"is of a run on Spark over {parts.kind}, which dedup does not put together again",
            file=str(path),
            hint="The rows that went are in 'dropped', the texts that were cut in 'decisions', with where they stood.",
        )
    return parts


def _assemble(parts: Parts, output: Path, sidecar: Path, target: Path, beside: Path) -> None:
    """Write the files of a local run."""
    for folder, listed in ((output, parts.output), *((sidecar / name, own) for name, own in parts.sidecar.items())):
        for name, digest in listed.items():
            if not (folder / name).is_file() or digest_of(folder / name) != digest:
                raise _changed(folder / name, "is missing or was changed since it was written")
    numbers = {file.name: number for number, file in enumerate(parts.files)}
    dropped = array("q")
    with (beside / "decisions.jsonl").open("w+b") as file:
        head = msgspec.json.decode((sidecar / HEADER).read_bytes(), type=Header)
        decisions.write(file, head, decisions.encoded(_decided(parts, sidecar, numbers, dropped)))
    (beside / REPORT).write_bytes((sidecar / REPORT).read_bytes())
    places = np.frombuffer(dropped, np.int64).reshape(-1, 2)
    source = _Source(parts, output, sidecar)
    rows = array("q")
    entries = []
    with (beside / REMOVED).open("wb") as removed:
        for number, lines in enumerate(parts.files):
            low, high = np.searchsorted(places[:, 0], (number, number + 1))
            path = target / lines.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                sinks = _Sinks(Meter(), Meter(out), removed, rows)
                _divide(number, lines, set(places[low:high, 1].tolist()), source, sinks)
            if not lines.compression and sinks.before.digest.size != lines.size:
                raise _changed(output, f"has not all of {lines.name}")
            digests = sinks.before.digest, sinks.after.digest
            entries.append(FileEntry(number, lines.name, "jsonl", lines.compression, "", *digests))
    source.end()
    np.save(beside / REMOVED_INDEX, np.frombuffer(rows, np.int64).reshape(-1, 4))
    Manifest(parts.version, True, parts.text_field, entries, seal(beside)).save(beside)


def _decided(parts: Parts, sidecar: Path, numbers: dict[str, int], dropped: array[int]) -> Iterator[Decision]:
    """Yield the decisions, and note the file and the record of every document that goes."""
    decoder = msgspec.json.Decoder(Decision)
    for line in _lines(sidecar / DECISIONS, parts.sidecar[DECISIONS]):
        decision = decoder.decode(line)
        if decision.action == "drop":
            dropped.extend((numbers[decision.file], decision.record))
        yield decision


class _Source:
    """The lines that stay and those that went, each in input order, and what was taken out of those that stay."""

    def __init__(self, parts: Parts, output: Path, sidecar: Path) -> None:
        self._output, self._dropped = output, sidecar / DROPPED
        self._kept = _lines(output, parts.output)
        self._gone = _lines(sidecar / DROPPED, parts.sidecar[DROPPED])
        self._taken = (msgspec.json.decode(line, type=Taken) for line in _lines(sidecar / TAKEN, parts.sidecar[TAKEN]))
        self._next = next(self._taken, None)

    def kept(self) -> bytes:
        """Return the next line that stays."""
        return self._of(self._kept, self._output)

    def gone(self) -> bytes:
        """Return the next line that went."""
        return self._of(self._gone, self._dropped)

    def taken(self, file: int, record: int) -> Taken | None:
        """Return what was taken out of a line; lines are asked for in order."""
        found = self._next
        if found is None or (found.file, found.record) != (file, record):
            return None
        self._next = next(self._taken, None)
        return found

    def end(self) -> None:
        """Raise StateError if there is more than was asked for."""
        for lines, folder in ((self._kept, self._output), (self._gone, self._dropped)):
            if next(lines, None) is not None:
                raise _changed(folder, "has more lines than the input had")
        if self._next is not None:
            raise _changed(self._dropped.with_name(TAKEN), "is about other lines than those that stay")

    def _of(self, lines: Iterator[bytes], folder: Path) -> bytes:
        line = next(lines, None)
        if line is None:
            raise _changed(folder, "has fewer lines than the input had")
        return line


class _Sinks(NamedTuple):
    """Where a file goes: its own bytes, those of its output, what is between them, and where that was."""

    before: Meter
    after: Meter
    removed: BinaryIO
    rows: array[int]

    def remove(self, file: int, offset: int, data: bytes) -> None:
        """Note what went at an offset of the file."""
        self.rows.extend((file, offset, len(data), 0))
        self.removed.write(data)


def _divide(number: int, lines: Lines, dropped: set[int], source: _Source, sinks: _Sinks) -> None:
    """Take the lines of one file."""
    offset = 0
    for record in range(1, lines.records + 1):
        end = None if record < lines.records or lines.is_ended else -1
        if record in dropped:
            line = source.gone()[:end]
            sinks.remove(number, offset, line)
        else:
            line = source.kept()[:end]
            sinks.after.write(line)
            taken = source.taken(number, record)
            if taken is not None:
                line = _filled(line, taken, number, offset, sinks)
        sinks.before.write(line)
        offset += len(line)


def _filled(line: bytes, taken: Taken, number: int, offset: int, sinks: _Sinks) -> bytes:
    """Return a line with what was taken out of it in its places."""
    whole, at = bytearray(), 0
    for start, piece in zip(taken.starts, (piece.encode() for piece in taken.pieces), strict=True):
        upto = at + start - len(whole)
        whole += line[at:upto]
        at = upto
        sinks.remove(number, offset + start, piece)
        whole += piece
    return bytes(whole + line[at:])


def _lines(folder: Path, parts: dict[str, Digest]) -> Iterator[bytes]:
    """Yield the lines of parts, each with its newline."""
    for name in parts:
        with (folder / name).open("rb") as file:
            yield from file


def _json(parts: Parts) -> bytes:
    return msgspec.json.format(msgspec.json.encode(parts), indent=1) + b"\n"


def _changed(path: Path, message: str) -> StateError:
    return StateError(
        message, file=str(path), hint="Bring back the folder as it was written, from a backup for instance."
    )
