"""Files that were changed behind the program's back: refused whole, wherever a bit was flipped."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup import jobs
from dedup.config import Config
from dedup.errors import StateError
from dedup.index import upkeep
from dedup.undo import restore
from tests.corpora import edited, site, written

CONFIG = Config(max_loss=1.0, keep="first")
FLIPS = 24
"""Places a file, one in each of as many parts of it."""


def flips(data: bytes, seed: int = 1) -> Iterator[bytes]:
    """Yield the bytes with one bit flipped: in each of 24 parts of them, the first byte and the last."""
    rng = random.Random(seed)
    edges = [len(data) * part // FLIPS for part in range(FLIPS + 1)]
    places = {0, len(data) - 1} | {rng.randrange(a, b) for a, b in itertools.pairwise(edges) if a < b}
    for place in sorted(places):
        yield data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def changes(data: bytes) -> Iterator[bytes]:
    """Yield what may have become of a file: flipped, cut short, longer, doubled."""
    yield from flips(data)
    yield data[: len(data) // 2]
    yield data[:-1]
    yield b""
    yield data + b"\0"
    yield data + data


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an input of two formats, its decisions, its output, and an index."""
    folder = tmp_path_factory.mktemp("tampering")
    rng = random.Random(6)
    rows = site(rng, "a.example", 12)
    rows += [{**row, "id": f"again {row['id']}", "text": edited(rng, row["text"], 0.01)} for row in rows[:3]]
    (folder / "in").mkdir()
    written(folder / "in", rows[:8])
    pq.write_table(pa.Table.from_pylist(rows[8:]), folder / "in" / "table.parquet")
    jobs.scan([str(folder / "in")], str(folder / "decisions.jsonl"), CONFIG, jobs.Run())
    jobs.clean([str(folder / "in")], str(folder / "out"), CONFIG, jobs.Run(index=folder / "news.index"))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def apply(folder: Path) -> None:
    inputs = [str(folder / "in")]
    jobs.apply(str(folder / "decisions.jsonl"), inputs, str(folder / "applied"), CONFIG, jobs.Run())


def undo(folder: Path) -> None:
    restore(str(folder / "out"), str(folder / "again"))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def check_refusals(folder: Path, path: Path, run: Callable[[Path], None]) -> None:
    """Change a file in many ways, and look that each time a run refuses it and leaves nothing."""
    data, before = path.read_bytes(), names(folder)
    for changed in changes(data):
        path.write_bytes(changed)
        with pytest.raises(StateError) as raised:
            run(folder)
        assert raised.value.hint
        assert names(folder) == before
    path.write_bytes(data)
    run(folder)


def files_of(made: str) -> list[str]:
    return {
        "undo": ["manifest.json", "removed.bin", "removed.npy", "decisions.jsonl", "report.json"],
        "output": ["news.jsonl", "table.parquet"],
    }[made]


def test_decisions_are_refused(folder: Path) -> None:
    check_refusals(folder, folder / "decisions.jsonl", apply)


@pytest.mark.parametrize("name", files_of("undo"))
def test_what_undo_needs_is_refused(folder: Path, name: str) -> None:
    check_refusals(folder, folder / "out.dedup" / name, undo)


def test_what_undo_needs_of_parquet_is_refused(folder: Path) -> None:
    found = [path for path in (folder / "out.dedup" / "parquet").rglob("*") if path.is_file()]
    assert found
    for path in found:
        check_refusals(folder, path, undo)
        shutil.rmtree(folder / "again")


@pytest.mark.parametrize("name", files_of("output"))
def test_an_output_is_refused(folder: Path, name: str) -> None:
    check_refusals(folder, folder / "out" / name, undo)


def test_an_index_is_refused(folder: Path) -> None:
    index = folder / "news.index"
    found = [path for path in index.rglob("*") if path.is_file() and path.name != "lock"]
    assert len(found) > 3
    for path in found:
        data = path.read_bytes()
        for changed in changes(data):
            path.write_bytes(changed)
            # Of the line ending of a page nothing depends.
            assert faults(index) or changed.strip() == data.strip()
        path.write_bytes(data)
    assert faults(index) == []


def faults(index: Path) -> list[str]:
    """Return what is wrong with an index."""
    try:
        return list(upkeep.verify(index))
    except StateError as error:
        return [str(error)]


def test_a_file_of_the_sidecar_that_is_missing_is_named(folder: Path) -> None:
    for name in files_of("undo"):
        moved = (folder / "out.dedup" / name).rename(folder / "moved")
        with pytest.raises(StateError, match=rf"out\.dedup/{name}: is missing"):
            undo(folder)
        moved.rename(folder / "out.dedup" / name)
    undo(folder)
