"""What a cluster wrote, as a local run would have left it, so that it can be undone and verified like one.

Put together again, parts are divided by input file, and all that a local run leaves follows from them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from dedup import decisions
from dedup.assembly.folders import Folders, lines_of
from dedup.assembly.lines import LineFiles
from dedup.assembly.tables import TableFiles
from dedup.columns import Ints
from dedup.decisions import Decision, Header
from dedup.formats.digests import digest_of
from dedup.manifest import REJECTED, Manifest, seal
from dedup.parts import DECISIONS, HEADER, PARTS, REPORT, UNREAD, Parts, Table, Unread, changed, read
from dedup.work import work_folder


@contextmanager
def as_local(output: Path, sidecar: Path) -> Iterator[tuple[Path, Path]]:
    """Give the output and the sidecar of a run as a local run would have left them: its own, if it was one.

    Raises:
        StateError: A part is missing or was changed.
    """
    if not (sidecar / PARTS).is_file():
        yield output, sidecar
        return
    parts = read(sidecar / PARTS)
    with work_folder() as work:
        folders = Folders(output, sidecar, work / "output", work / "sidecar")
        folders.target.mkdir()
        folders.beside.mkdir()
        _assemble(parts, folders)
        yield folders.target, folders.beside


def _assemble(parts: Parts, folders: Folders) -> None:
    """Write the files of a local run."""
    output, sidecar, target, beside = folders
    for folder, listed in ((output, parts.output), *((sidecar / name, own) for name, own in parts.sidecar.items())):
        for name, digest in listed.items():
            if not (folder / name).is_file() or digest_of(folder / name) != digest:
                raise changed(folder / name, "is missing or was changed since it was written")
    numbers, gone = {file.name: number for number, file in enumerate(parts.files)}, array("q")
    with (beside / "decisions.jsonl").open("w+b") as file:
        head = msgspec.json.decode((sidecar / HEADER).read_bytes(), type=Header)
        decisions.write(file, head, decisions.encoded(_decided(parts, sidecar, numbers, gone)))
    if UNREAD in parts.sidecar:
        with (beside / REJECTED).open("wb") as rejected:
            rejected.writelines(_unread(parts, sidecar, numbers, gone))
    (beside / REPORT).write_bytes((sidecar / REPORT).read_bytes())
    kind = TableFiles if isinstance(parts.files[0], Table) else LineFiles
    files: LineFiles | TableFiles = kind(parts, folders)
    entries = []
    with files:
        for number, records in enumerate(_by_file(gone, len(parts.files))):
            (target / parts.files[number].name).parent.mkdir(parents=True, exist_ok=True)
            entries.append(files.divide(number, records))
    Manifest(parts.version, True, parts.text_field, entries, seal(beside)).save(beside)


def _decided(parts: Parts, sidecar: Path, numbers: dict[str, int], gone: array[int]) -> Iterator[Decision]:
    """Yield the decisions, and note the file and the record of every document that goes."""
    decoder = msgspec.json.Decoder(Decision)
    for line in lines_of(sidecar / DECISIONS, parts.sidecar[DECISIONS]):
        decision = decoder.decode(line)
        if decision.action == "drop":
            gone.extend((numbers[decision.file], decision.record))
        yield decision


def _unread(parts: Parts, sidecar: Path, numbers: dict[str, int], gone: array[int]) -> Iterator[bytes]:
    """Yield the lines about records that hold no document, and note where these are."""
    decoder = msgspec.json.Decoder(Unread)
    for line in lines_of(sidecar / UNREAD, parts.sidecar[UNREAD]):
        unread = decoder.decode(line)
        gone.extend((numbers[unread.file], unread.record))
        yield line


def _by_file(gone: array[int], files: int) -> Iterator[Ints]:
    """Yield the records of each file that go: int64[], ascending."""
    places = np.array(gone, np.int64).reshape(-1, 2)
    places = places[np.lexsort((places[:, 1], places[:, 0]))]
    edges = np.searchsorted(places[:, 0], np.arange(files + 1))
    return (places[low:high, 1] for low, high in pairwise(edges))
