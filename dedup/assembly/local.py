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
from dedup.manifest import Manifest, seal
from dedup.parts import DECISIONS, HEADER, PARTS, REPORT, Parts, Table, changed, read
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
    numbers, dropped = {file.name: number for number, file in enumerate(parts.files)}, array("q")
    with (beside / "decisions.jsonl").open("w+b") as file:
        head = msgspec.json.decode((sidecar / HEADER).read_bytes(), type=Header)
        decisions.write(file, head, decisions.encoded(_decided(parts, sidecar, numbers, dropped)))
    (beside / REPORT).write_bytes((sidecar / REPORT).read_bytes())
    kind = TableFiles if isinstance(parts.files[0], Table) else LineFiles
    files: LineFiles | TableFiles = kind(parts, folders)
    entries = []
    with files:
        for number, gone in enumerate(_by_file(np.frombuffer(dropped, np.int64).reshape(-1, 2), len(parts.files))):
            (target / parts.files[number].name).parent.mkdir(parents=True, exist_ok=True)
            entries.append(files.divide(number, gone))
    Manifest(parts.version, True, parts.text_field, entries, seal(beside)).save(beside)


def _decided(parts: Parts, sidecar: Path, numbers: dict[str, int], dropped: array[int]) -> Iterator[Decision]:
    """Yield the decisions, and note the file and the record of every document that goes."""
    decoder = msgspec.json.Decoder(Decision)
    for line in lines_of(sidecar / DECISIONS, parts.sidecar[DECISIONS]):
        decision = decoder.decode(line)
        if decision.action == "drop":
            dropped.extend((numbers[decision.file], decision.record))
        yield decision


def _by_file(places: Ints, files: int) -> Iterator[Ints]:
    """Yield the records of each file that go: int64[], ascending."""
    edges = np.searchsorted(places[:, 0], np.arange(files + 1))
    return (places[low:high, 1] for low, high in pairwise(edges))
