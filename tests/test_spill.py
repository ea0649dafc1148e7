"""What does not fit into memory: tables give the same rows, and a run the same plan, however little memory there is."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from dedup import limit, pipeline
from dedup.audit import decisions
from dedup.cli import main
from dedup.config import Config
from dedup.errors import InputError, MemoryLimitError, OutputError, UsageError
from dedup.plan import Plan
from dedup.readers import Corpus, open_corpus
from dedup.shingle import ShingleSets, StoredSets
from dedup.spill import IN_MEMORY, PARTS, Room, Table
from tests.corpora import article, edited, site

Batches = list[list[tuple[int, int]]]

# Keys in few ranges, and some that share all their leading bits.
KEYS = st.one_of(st.integers(0, 5), st.integers(0, 3).map(lambda part: part << 56), st.just(2**64 - 1))
BATCHES = st.lists(st.lists(st.tuples(KEYS, st.integers(-5, 5)), max_size=6), max_size=8)


def filled(room: Room, batches: Batches, *, is_keyed: bool = False) -> Table:
    table = Table(room, (np.uint64, np.int32), is_keyed=is_keyed)
    for batch in batches:
        keys, values = zip(*batch, strict=True) if batch else ((), ())
        table.add(np.array(keys, np.uint64), np.array(values, np.int64))
    return table


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Room for four rows of a test's table."""
    return Room(tmp_path_factory.mktemp("work"), buffer_bytes=48)


@given(BATCHES)
def test_a_table_gives_the_rows_in_the_order_they_came(small: Room, batches: Batches) -> None:
    rows = [row for batch in batches for row in batch]
    for room in (IN_MEMORY, small):
        table = filled(room, batches)
        assert len(table) == len(rows)
        for _ in range(2):
            keys, values = table
            assert list(zip(keys.tolist(), values.tolist(), strict=True)) == rows
            assert (keys.dtype, values.dtype) == (np.uint64, np.int32)
        assert [column.tolist() for column in table.taken()] == [keys.tolist(), values.tolist()]


@given(BATCHES)
def test_all_rows_of_a_key_are_in_one_part_in_the_order_they_came(small: Room, batches: Batches) -> None:
    rows = [row for batch in batches for row in batch]
    parts = [
        list(zip(keys.tolist(), values.tolist(), strict=True))
        for keys, values in filled(small, batches, is_keyed=True).parts()
    ]
    homes = [{key for key, _ in part} for part in parts]
    assert sum(map(len, homes)) == len({key for key, _ in rows})
    # Ranges ascend, so that what is numbered by key gets the same numbers.
    assert all(max(before) < min(after) for before, after in itertools.pairwise(homes) if before and after)
    for key in {key for key, _ in rows}:
        (home,) = [part for part in parts if key in {other for other, _ in part}]
        assert [row for row in home if row[0] == key] == [row for row in rows if row[0] == key]


def test_parts_are_about_half_a_buffer_large(tmp_path: Path) -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, 100_000, np.uint64)
    table = Table(Room(tmp_path, buffer_bytes=80_000), (np.uint64,), is_keyed=True)
    for batch in np.split(keys, 100):
        table.add(batch)
    sizes = [len(part) for (part,) in table.parts()]
    assert sum(sizes) == len(keys)
    assert max(sizes) * 8 < 40_000 + 2 * len(keys) * 8 / PARTS


def test_what_is_written_has_no_name(tmp_path: Path) -> None:
    table = filled(Room(tmp_path, buffer_bytes=10), [[(1, 1)] * 20])
    assert not list(tmp_path.iterdir())
    assert len(table) == 20


def test_a_folder_that_is_full_is_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OutputError) as caught:
        filled(Room(tmp_path, buffer_bytes=10), [[(1, 1)] * 20])
    assert caught.value.message == "the work folder cannot hold what does not fit into memory: No space left on device"
    assert caught.value.hint == "Make room there, or name another folder with TMPDIR."


SETS = st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=5), min_size=1, max_size=9)


@given(SETS, st.data())
def test_stored_sets_are_loaded_as_they_were(small: Room, sets: list[list[int]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(sets) - 1), unique=True))
    some = data.draw(st.integers(1, len(sets)))
    for room, is_shuffled in itertools.product((IN_MEMORY, small), (False, True)):
        stored = StoredSets(room)
        for start in range(0, len(sets), some):
            part = sets[start : start + some]
            order = data.draw(st.permutations(range(len(part)))) if is_shuffled else list(range(len(part)))
            hashes = np.array([value for row in order for value in part[row]], np.uint64)
            offsets = np.cumsum([0, *(len(part[row]) for row in order)])
            stored.add(ShingleSets(hashes, offsets), np.array(order) if is_shuffled else None)
        stored.close()
        assert stored.sizes.tolist() == [len(one) for one in sets]
        for rows in (np.array(chosen, np.int64), stored.in_place(np.array(chosen, np.int64))):
            loaded = stored.load(rows)
            assert [own.tolist() for own in np.split(loaded.hashes, loaded.offsets[1:])[: len(rows)]] == [
                sets[row] for row in rows.tolist()
            ]


def test_sets_that_are_asked_for_together_are_read_at_once(small: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, order = StoredSets(small), np.array([3, 0, 2, 1])
    stored.add(ShingleSets(np.arange(20, dtype=np.uint64), np.array([0, 5, 10, 15, 20])), order)
    stored.close()
    rows = stored.in_place(np.array([0, 2, 3]))
    assert rows.tolist() == [3, 0, 2]
    places, read = [], os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, left, at: places.append(at) or read(file, left, at))
    assert stored.load(rows).hashes.tolist() == list(range(15))
    assert len(places) == 1


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sites with boilerplate, copies, edited copies and longer versions: 140 documents."""
    rng = random.Random(5)
    documents = [*site(rng, "a.example", 40), *site(rng, "b.example", 40)]
    documents += [document | {"id": f"{document['id']}/copy"} for document in documents[::8]]
    documents += [
        document | {"id": f"{document['id']}/edited", "text": edited(rng, document["text"], 0.02)}
        for document in documents[:60:2]
    ]
    documents += [
        document | {"id": f"{document['id']}/longer", "text": document["text"] + article(rng, lines=6)}
        for document in documents[:40:2]
    ]
    path = tmp_path_factory.mktemp("crawl") / "crawl.jsonl"
    path.write_text("".join(f"{json.dumps(document)}\n" for document in documents), encoding="utf-8")
    return path


def plan_of(path: Path, room: Room, workers: int, config: Config) -> tuple[Plan, Corpus]:
    assert room.folder is not None
    corpus = open_corpus([str(path)], config, work=room.folder, room=room)
    return pipeline.scan(corpus, config, workers=workers), corpus


def columns_of(value: Any) -> Any:
    """Return a plan as nested lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if dataclasses.is_dataclass(value):
        return [columns_of(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return [columns_of(part) for part in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("config", [Config(), Config(only=("articles",), threshold=0.6), Config(drop_contained=0.8)])
def test_a_run_decides_the_same_with_little_memory(crawl: Path, tmp_path: Path, workers: int, config: Config) -> None:
    ample, corpus = plan_of(crawl, Room(tmp_path), 1, config)
    assert ample.clusters.compared > 20
    tight, again = plan_of(crawl, Room(tmp_path, buffer_bytes=500), workers, config)
    assert columns_of(tight) == columns_of(ample)
    assert list(decisions(tight, again)) == list(decisions(ample, corpus))


def test_tables_were_really_written_out(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = Table._write
    monkeypatch.setattr(Table, "_write", lambda table, column: (written.append(len(column)), write(table, column))[1])
    plan_of(crawl, Room(tmp_path, buffer_bytes=500), 1, Config())
    assert len(written) > 20
    written.clear()
    plan_of(crawl, Room(tmp_path), 1, Config())
    assert not written


# The limit


def test_half_of_what_a_limit_leaves_goes_to_the_buffers(tmp_path: Path) -> None:
    spare = 64 << 20
    assert limit.room_within(tmp_path, limit.FIXED_BYTES + spare, 1).buffer_bytes == spare // (2 * limit.BUFFERS)
    assert limit.room_within(tmp_path, 1 << 40, 1).buffer_bytes == limit.BUFFER_BYTES
    assert limit.room_within(tmp_path, None, 1) == Room(tmp_path)


def test_a_limit_that_no_run_can_keep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        limit.room_within(tmp_path, 100 << 20, 4)
    least = (limit.FIXED_BYTES + 3 * limit.WORKER_BYTES + 2 * limit.BUFFERS * limit.LEAST_BUFFER_BYTES) >> 20
    assert caught.value.message == (
        f"a memory limit of 100M cannot be kept: with 4 threads, even a small input takes {least}M"
    )
    assert caught.value.hint == "Raise --memory-limit, or use fewer --workers."


def test_a_run_that_outgrows_its_limit_ends(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "resident_bytes", lambda: (1 << 30) - 10_000)
    with pytest.raises(MemoryLimitError) as caught:
        plan_of(crawl, Room(tmp_path, limit_bytes=1 << 30), 1, Config())
    assert caught.value.message == "this input needs 1025M of memory or more, and the limit is 1024M"
    assert caught.value.hint == "Raise --memory-limit, or split the input."


def test_freed_memory_is_given_back_before_the_limit_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, given = [950], []
    monkeypatch.setattr(limit, "resident_bytes", lambda: taken[-1])
    monkeypatch.setattr(limit, "give_back", lambda: given.append(taken.append(taken[-1] - 400)))
    limit.check(Room(tmp_path, limit_bytes=1000))
    limit.check(Room(tmp_path, limit_bytes=1000))
    assert (taken, len(given)) == ([950, 550], 1)


def test_without_the_systems_word_no_limit_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "STATM", tmp_path / "nothing")
    limit.check(Room(tmp_path, limit_bytes=1))


def test_what_the_process_takes_is_what_the_system_says() -> None:
    before = limit.resident_bytes()
    ballast = np.ones(64 << 17)
    assert before > 10 << 20
    assert limit.resident_bytes() - before > ballast.nbytes * 0.9


def test_the_command_line_takes_a_limit(crawl: Path, tmp_path: Path) -> None:
    def clean(*options: str) -> Result:
        return CliRunner().invoke(main, ["clean", "-q", str(crawl), "-o", str(tmp_path / "out.jsonl"), *options])

    done = clean("--memory-limit", "100M", "--workers", "1")
    assert done.exit_code == 2
    assert done.stderr.startswith("dedup: a memory limit of 100M cannot be kept: with one thread, even a small input")
    done = clean("--memory-limit", "plenty")
    assert done.stderr == "dedup: 'plenty' is no size. Give a number with K, M, G or T, such as 2G.\n"
    (tmp_path / "settings.toml").write_text('memory-limit = "64G"\n')
    assert clean("--config", str(tmp_path / "settings.toml")).exit_code == 0
    (tmp_path / "settings.toml").write_text("memory-limit = 1000\n")
    assert "a memory limit of 1M cannot be kept" in clean("--config", str(tmp_path / "settings.toml"), "--force").stderr


def test_a_text_whose_places_do_not_fit_is_refused(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "LONGEST_TEXT_BYTES", 100)
    with pytest.raises(InputError) as caught:
        plan_of(crawl, Room(tmp_path), 1, Config())
    assert str(caught.value).startswith("crawl.jsonl:1: a text of ")
    assert caught.value.hint == "Split it: 100 bytes are the most."
