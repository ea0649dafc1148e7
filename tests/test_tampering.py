"""Files that were changed behind the program's back: refused whole, wherever a bit was flipped."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dedup
from dedup import jobs
from dedup.config import Config
from dedup.errors import StateError
from dedup.formats.digests import Digest
from dedup.index import upkeep
from dedup.index.store import Proof, Store
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


def clean_a_day(folder: Path) -> Any:
    report = jobs.clean([str(folder / "new")], str(folder / "day"), CONFIG, jobs.Run(index=folder / "news.index"))
    return report["documents"], (folder / "day.dedup" / "decisions.jsonl").read_bytes(), stored(folder)


def judge(folder: Path) -> Any:
    with dedup.open_index(folder / "news.index", is_reading=True) as index:
        return [index.judge(record) for record in json_lines(folder / "new" / "news.jsonl")]


def add_one_by_one(folder: Path) -> Any:
    with dedup.open_index(folder / "news.index") as index:
        verdicts = [index.add(record) for record in json_lines(folder / "new" / "news.jsonl")]
    return verdicts, stored(folder)


def add_all(folder: Path) -> Any:
    return upkeep.add(folder / "news.index", [str(folder / "new")], upkeep.Reading({})), stored(folder)


def compact(folder: Path) -> Any:
    upkeep.compact(folder / "news.index")
    return stored(folder)


def merge(folder: Path) -> Any:
    jobs.clean([str(folder / "new")], str(folder / "day"), CONFIG, jobs.Run(index=folder / "other.index"))
    counts = upkeep.merge(folder / "other.index", folder / "news.index", 1)
    return counts, list(upkeep.documents(folder / "other.index"))


def forget(folder: Path) -> Any:
    upkeep.remove(folder / "news.index", ["a.example/4"])
    return stored(folder)


def stored(folder: Path) -> Any:
    return list(upkeep.documents(folder / "news.index")), list(upkeep.templates(folder / "news.index"))


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


USES = (clean_a_day, judge, add_one_by_one, add_all, compact, merge, forget, stored)


@pytest.fixture(scope="module")
def indexed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of three segments, and what may come on the next day."""
    folder, rng = tmp_path_factory.mktemp("indexed"), random.Random(7)
    shutil.copytree(made / "news.index", folder / "news.index")
    for day in range(2):
        (folder / f"in{day}").mkdir()
        written(folder / f"in{day}", site(rng, "b.example", 6, prefix=f"{day}/"))
        jobs.clean([str(folder / f"in{day}")], str(folder / f"out{day}"), CONFIG, jobs.Run(index=folder / "news.index"))
    (folder / "new").mkdir()
    rows = [*json_lines(made / "in" / "news.jsonl"), *json_lines(folder / "in0" / "news.jsonl")]
    rows = [{**row, "id": f"new/{row['id']}", "text": edited(rng, row["text"], 0.01)} for row in rows]
    written(folder / "new", rows + site(rng, "a.example", 2, prefix="new/"))
    return folder


def test_who_uses_an_index_refuses_it_or_never_sees_what_was_changed(indexed: Path, tmp_path: Path) -> None:
    """Each change meets one use, in turn; a text that nobody reads, and the line ending of a page, may be changed."""

    def outcome(use: Callable[[Path], Any], name: str = "", data: bytes = b"") -> tuple[Any, StateError | None]:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(indexed, tmp_path / "copy")
        if name:
            (tmp_path / "copy" / name).write_bytes(data)
        try:
            return use(tmp_path / "copy"), None
        except StateError as error:
            return None, error

    whole = {use: outcome(use) for use in USES}
    index = indexed / "news.index"
    found = [path for path in index.rglob("*") if path.is_file() and path.name != "lock"]
    assert len(found) > 7
    uses, refused, total = itertools.cycle(USES), 0, 0
    for path in found:
        others = [other.read_bytes() for other in found if other.name == path.name and other != path]
        for data in (*changes(path.read_bytes()), *others):
            use, total, name = next(uses), total + 1, path.relative_to(indexed).as_posix()
            found_out, error = outcome(use, name, data)
            if error is None:
                assert (found_out, error) == whole[use]
            else:
                refused += 1
                assert error.hint
                assert name in str(error)
    assert refused > 0.8 * total


def test_damage_is_not_copied_into_a_merged_index(indexed: Path, tmp_path: Path) -> None:
    shutil.copytree(indexed, tmp_path / "copy")
    (texts, *_) = (tmp_path / "copy").rglob("texts.zst")
    data = texts.read_bytes()
    texts.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    catalog = (tmp_path / "copy" / "news.index" / "index.json").read_bytes()
    with pytest.raises(StateError, match=r"texts\.zst: was changed since it was written"):
        compact(tmp_path / "copy")
    assert (tmp_path / "copy" / "news.index" / "index.json").read_bytes() == catalog


def test_a_change_that_waits_is_refused_if_it_was_changed_itself(indexed: Path, tmp_path: Path) -> None:
    shutil.copytree(indexed, tmp_path / "copy")
    store = Store(tmp_path / "copy" / "news.index")
    later = msgspec.structs.replace(store.catalog, generation=9, segments=[])
    proof = Proof(output="out", is_folder=False, sidecar="out.dedup", decisions=Digest("0", 0))
    store.prepare(later, proof)
    pending = store.folder / "pending.json"
    data = pending.read_bytes()
    for changed in changes(data):
        pending.write_bytes(changed)
        if changed.strip() != data.strip():
            with pytest.raises(StateError, match=r"pending\.json"), store.locked(lambda proof: True):
                pass
    pending.write_bytes(data)
    with store.locked(lambda proof: False):
        assert len(store.catalog.segments) == 3


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
