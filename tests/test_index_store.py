"""The index on disk: looking up, changing, recovering, and what is refused."""

from __future__ import annotations

import multiprocessing
import random
import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dedup.columns import Column
from dedup.config import Config
from dedup.errors import StateError, UsageError
from dedup.formats.digests import Digest
from dedup.index import catalog, store, upkeep
from dedup.index.catalog import RunEntry
from dedup.index.past import EVIDENCE
from dedup.index.segments import Rows, compress
from dedup.index.store import Proof, Store

BANDS = 3


class Twin:
    """What an index should answer, the slow way."""

    def __init__(self) -> None:
        self.documents: list[tuple[int, int, list[int]]] = []
        self.removed: set[int] = set()

    def equal(self, key: int, before: int) -> int:
        fits = (
            number
            for number, (keeper, text_key, _) in enumerate(self.documents[:before])
            if key and text_key == key and not {number, keeper} & self.removed
        )
        return next(fits, -1)

    def meet(self, band_key: int, most: int, before: int) -> list[int]:
        met = [
            number
            for number, (keeper, _, theirs) in enumerate(self.documents[:before])
            if keeper == number and number not in self.removed and band_key and band_key in theirs
        ]
        return met[-most:]


def text_of(number: int) -> str:
    return f"Größe {number} " * 5


def added(index: Store, twin: Twin, rng: random.Random, count: int, run: RunEntry | None = None) -> None:
    """Add documents with few different keys, some of them near-duplicates, to both."""
    first = index.catalog.next_number
    numbers = np.arange(first, first + count)
    stored = [number for number, (keeper, *_) in enumerate(twin.documents) if number == keeper] or [first]
    keepers = [number if rng.random() < 0.8 else min(rng.choice(stored), number) for number in numbers.tolist()]
    text_keys = [rng.randrange(12) for _ in numbers]
    band_keys = [[(100 * band + rng.randrange(40)) * rng.randrange(2) for band in range(1, 1 + BANDS)] for _ in numbers]
    cuts = [rng.random() < 0.5 for _ in numbers]
    rows = Rows(
        numbers=numbers,
        keepers=np.array(keepers),
        similarities=np.array([0.9 if k != n else 1.0 for k, n in zip(keepers, numbers, strict=True)]),
        originals=np.array([0.7 if k != n else 1.0 for k, n in zip(keepers, numbers, strict=True)]),
        text_keys=np.array(text_keys, np.uint64),
        ids=Column.of([f"id{number}" for number in numbers]),
        files=[f"{first}.jsonl"] * count,
        records=numbers - first + 1,
        sources=Column.of([f"source{number % 3}" for number in numbers]),
        cut_offsets=np.cumsum([0, *cuts]),
        cut_starts=np.zeros(sum(cuts), np.int64),
        cut_ends=np.full(sum(cuts), len("Größe ".encode())),
        frames=[compress([text_of(n).encode()])[0] if n == k else b"" for n, k in zip(numbers, keepers, strict=True)],
    )
    writer = index.new_segment()
    writer.add(rows, np.array(band_keys, np.uint64))
    index.commit(index.changed(writer, run, next_number=first + count))
    twin.documents += zip(keepers, text_keys, band_keys, strict=True)


def same_answers(index: Store, twin: Twin, before: int | None = None) -> None:
    snapshot = index.snapshot
    limit = len(twin.documents) if before is None else before
    keys = np.arange(13, dtype=np.uint64)
    assert snapshot.equal(keys).tolist() == [twin.equal(key, limit) for key in keys.tolist()]
    band_keys = np.array([0, 100, 101, 110, 200, 211, 320, 131, 901], np.uint64)
    for most in (1, 2, 1000):
        rows, numbers = snapshot.meet(band_keys, most)
        found = [numbers[rows == row].tolist() for row in range(len(band_keys))]
        assert found == [twin.meet(key, most, limit) for key in band_keys.tolist()]
    stored = [n for n, (keeper, *_) in enumerate(twin.documents[:limit]) if n == keeper and n not in twin.removed]
    assert snapshot.standing().tolist() == stored


@pytest.fixture
def index(tmp_path: Path) -> Store:
    return Store.open_or_create(tmp_path / "news.index", Config())


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_the_slow_twin_however_segments_are_merged(index: Store, seed: int) -> None:
    rng, twin = random.Random(seed), Twin()
    with index.locked():
        for _ in range(20):
            added(index, twin, rng, rng.choice([1, 2, 9]))
            same_answers(index, twin)
        twin.removed = {3, 7, 20}
        index.commit(index.changed(removed=[3, 7, 20]))
        same_answers(index, twin)
        for _ in range(20):
            added(index, twin, rng, 3)
        same_answers(index, twin)
        index.commit(index.compacted())
    same_answers(index, twin)
    assert len(index.catalog.segments) == 1
    assert index.catalog.removed == []
    same_answers(Store(index.folder), twin)


def test_what_is_stored_comes_back(index: Store) -> None:
    twin = Twin()
    with index.locked():
        for _ in range(3):
            added(index, twin, random.Random(5), 6)
    numbers = index.snapshot.standing()[::-1].copy()
    for at, (original, place) in enumerate(
        zip(index.snapshot.originals(numbers), index.snapshot.places(numbers), strict=True)
    ):
        number = int(numbers[at])
        assert original == text_of(number)
        assert place == (f"id{number}", f"{number // 6 * 6}.jsonl", number % 6 + 1, f"source{number % 3}")
    stored = set(index.snapshot.stored(numbers))
    assert {text[:6] for text in stored} == {"Größe ", *(f"{number} Größe "[:6] for number in numbers)} & {
        text[:6] for text in stored
    }
    assert any(not text.startswith("Größe") for text in stored)


def test_few_segments_hold_many_small_additions(index: Store) -> None:
    twin = Twin()
    with index.locked():
        for _ in range(100):
            added(index, twin, random.Random(1), 1)
    assert len(index.catalog.segments) <= 2 * (1 << store.FANOUT_BITS)


def test_an_earlier_state_is_what_it_was(index: Store) -> None:
    twin, rng = Twin(), random.Random(2)
    with index.locked():
        added(index, twin, rng, 9)
        run = RunEntry("key", ["a"], 9, index.catalog.generation + 1, 5)
        added(index, twin, rng, 9, run)
        added(index, twin, rng, 9)
        snapshot = index.snapshot
        index.snapshot = snapshot.as_of(run)
        same_answers(index, twin, before=9)


def test_of_a_source_the_latest_documents_are_the_evidence(index: Store) -> None:
    with index.locked():
        for _ in range(2):
            first = index.catalog.next_number
            numbers, nothing = np.arange(first, first + EVIDENCE), np.zeros(0, np.int64)
            writer = index.new_segment()
            writer.add(
                Rows(
                    numbers, numbers, *np.ones((2, EVIDENCE)), numbers.astype(np.uint64), Column.of([""] * EVIDENCE),
                    ["f"] * EVIDENCE, numbers, Column.of(["a", "b"] * (EVIDENCE // 2)),
                    np.zeros(EVIDENCE + 1, np.int64), nothing, nothing, [b""] * EVIDENCE,
                ),
                np.zeros((EVIDENCE, BANDS), np.uint64),
            )  # fmt: skip
            index.commit(index.changed(writer, next_number=first + EVIDENCE))
        added(index, Twin(), random.Random(3), 5)
    assert index.snapshot.latest(["b"]).tolist() == list(range(1, 2 * EVIDENCE, 2))
    assert len(index.snapshot.latest(["a", "b", "nowhere"])) == 2 * EVIDENCE
    assert index.snapshot.latest(["nowhere"]).tolist() == []


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def read_all(folder: Path) -> None:
    opened = Store(folder).snapshot
    opened.originals(opened.standing())


def test_a_flipped_bit_is_refused_wherever_it_is(index: Store, tmp_path: Path) -> None:
    with index.locked():
        added(index, Twin(), random.Random(4), 12)
    for number, path in enumerate(files_of(index.folder)):
        for place in (0, 0.3, 0.5, 0.9, 0.999):
            copy = tmp_path / f"copy-{number}-{place}"
            shutil.copytree(index.folder, copy)
            target = copy / path.relative_to(index.folder)
            data = bytearray(target.read_bytes())
            data[int(place * len(data))] ^= 0x10
            target.write_bytes(data)
            assert list(upkeep.verify(copy)) != [], f"{path.name} at {place}"
            with pytest.raises(StateError):
                read_all(copy)


def test_a_missing_file_is_named(index: Store) -> None:
    with index.locked():
        added(index, Twin(), random.Random(4), 12)
    keys = next(path for path in files_of(index.folder) if path.name == "keys.arrow")
    keys.unlink()
    with pytest.raises(StateError, match=re.escape(f"{keys}: is missing")):
        Store(index.folder)
    assert [fault for fault in upkeep.verify(index.folder) if "keys.arrow" in fault] != []


def replaced(index: Store, **fields: object) -> None:
    page = msgspec.structs.replace(index.catalog, **fields)
    catalog.replace(index.folder / catalog.CATALOG, catalog.encode(page))


def test_an_index_of_another_format_or_segmenter_is_refused(index: Store) -> None:
    replaced(index, format=99)
    with pytest.raises(StateError, match=f"is an index of format 99, .* reads format {catalog.FORMAT}"):
        Store(index.folder)
    replaced(index, format=catalog.FORMAT, segmenter="0-old")
    with pytest.raises(StateError, match="segmenter 0-old"):
        Store(index.folder)


def test_settings_that_change_what_is_comparable_are_refused(index: Store) -> None:
    with pytest.raises(UsageError, match=r"made with threshold 0\.8, this run has 0\.7\. Use the same setting"):
        Store.open_or_create(index.folder, Config(threshold=0.7))
    Store.open_or_create(index.folder, Config(repeat_width=30))


def test_what_is_no_index_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Text")
    with pytest.raises(UsageError, match="is no folder, and an index is one"):
        Store.open_or_create(tmp_path / "a.txt", Config())
    with pytest.raises(StateError, match="is no index"):
        Store.open_or_create(tmp_path, Config())
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def hold(folder: Path, held: object, done: object) -> None:
    with Store(folder).locked():
        held.set()  # type: ignore[attr-defined]
        done.wait(60)  # type: ignore[attr-defined]


def test_a_second_writer_is_told_and_readers_do_not_wait(index: Store) -> None:
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(index.folder, held, done))
    other.start()
    try:
        assert held.wait(60)
        assert Store(index.folder).snapshot.standing().tolist() == []
        with (
            pytest.raises(StateError, match=f"process {other.pid} is writing to the index"),
            index.locked(),
        ):
            pass
    finally:
        done.set()
        other.join()
    with index.locked():
        pass


def test_a_reader_keeps_what_it_opened(index: Store) -> None:
    twin, rng = Twin(), random.Random(6)
    with index.locked():
        added(index, twin, rng, 5)
        reader = Store(index.folder)
        texts = list(reader.snapshot.originals(reader.snapshot.standing()))
        for _ in range(9):
            added(index, twin, rng, 5)
        index.commit(index.compacted())
        assert list(reader.snapshot.originals(reader.snapshot.standing())) == texts


def pending(index: Store) -> Proof:
    """Leave a prepared change behind, as a killed run does."""
    twin = Twin()
    proof = Proof(output="out", is_folder=False, sidecar="out.dedup", decisions=Digest("", 0))
    with index.locked():
        added(index, twin, random.Random(7), 5)
        change = index.changed(removed=[0])
        index.prepare(change, proof)
        (index.folder / "segment-99999999-dead").mkdir()
    return proof


@pytest.mark.parametrize("is_done", [True, False])
def test_a_change_that_waits_for_an_output_is_finished_or_forgotten(index: Store, is_done: bool) -> None:
    proof = pending(index)
    assert index.catalog.removed == []
    asked = []

    def look(about: Proof) -> bool:
        asked.append(about)
        return is_done

    with index.locked(look):
        assert index.catalog.removed == ([0] if is_done else [])
    assert asked == [proof]
    assert {path.name for path in index.folder.iterdir()} == {"index.json", "lock", *index.catalog.files()}
    with index.locked(look):
        pass
    assert asked == [proof]
