"""Threads change how long a run takes, and nothing that is read or written."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup.config import Config
from dedup.errors import InputError
from dedup.formats import bytewise, lines, parquet
from dedup.model import Wanted
from dedup.parallel import AHEAD, ahead, alongside, in_order
from dedup.readers import Corpus, open_corpus
from dedup.writers import Edits, Output
from tests.corpora import rows

TEXTS = [f'Satz {number} steht hier, und {"mehr " * (number % 7)}folgt.\nÄ\t"{number}"' for number in range(300)]


def write_jsonl(path: Path) -> Path:
    """Records in all the ways that are read differently: plain, spaced out, with an escape in a key, deeply nested."""
    rest = [{}, {"te\\u0078t": 1}, {"deep": json.loads("[" * 70 + "]" * 70)}]
    found = [json.dumps({"text": text, "id": number, **rest[number % 3]}) for number, text in enumerate(TEXTS)]
    path.write_text("".join(f" {line}\r\n" if number % 5 else f"{line}\n\n" for number, line in enumerate(found)))
    return path


def write_parquet(path: Path) -> Path:
    ids = [f"d{number}" if number % 4 else None for number in range(len(TEXTS))]
    table = pa.table({"text": TEXTS, "id": ids, "domain": pa.array(["a.example"] * len(TEXTS)).dictionary_encode()})
    pq.write_table(table, path, row_group_size=70)
    return path


def opened(path: Path, workers: int, on_error: str = "fail") -> Corpus:
    work = path.parent / f"work-{workers}"
    work.mkdir(exist_ok=True)
    return open_corpus([str(path)], Config(), work=work, workers=workers, on_error=on_error)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", 512)
    monkeypatch.setattr(parquet, "BATCH_BYTES", 512)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("make", [write_jsonl, write_parquet])
def test_any_number_of_threads_reads_the_same(tmp_path: Path, make: object) -> None:
    path = make(tmp_path / f"a.{'parquet' if make is write_parquet else 'jsonl'}")  # type: ignore[operator]
    one, three = opened(path, 1), opened(path, 3)
    expected = rows(one)
    assert [row[1] for row in expected] == TEXTS
    assert rows(three) == expected
    some = [row for row in expected if int(row[1].split()[1]) % 3 == 0]  # type: ignore[attr-defined]
    wanted = Wanted(np.zeros(len(some), np.int32), np.array([row[0] for row in some], np.int64))
    assert rows(one, wanted) == rows(three, wanted) == some


@pytest.mark.usefixtures("small_chunks")
def test_the_first_bad_line_is_named_whichever_thread_finds_one(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl")
    data = path.read_text().splitlines(keepends=True)
    data[100] = data[101] = data[200] = "{]\n"
    path.write_text("".join(data))
    with pytest.raises(InputError) as caught:
        rows(opened(path, 3))
    assert caught.value.line == 101
    corpora = [opened(path, workers, "skip") for workers in (1, 3)]
    assert rows(corpora[0]) == rows(corpora[1])
    assert corpora[0].rejected == corpora[1].rejected
    assert [record.line for record in corpora[1].rejected] == [101, 102, 201]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.zst"])
def test_any_number_of_threads_writes_the_same(tmp_path: Path, suffix: str) -> None:
    source = write_jsonl(tmp_path / "a.jsonl")
    none = np.zeros(0, np.int64)
    edits = Edits(np.zeros(2, np.int32), np.array([3, 9]), none.astype(np.int32), none, none, none)
    for workers in (1, 4):
        with Output(opened(source, workers), str(tmp_path / f"{workers}{suffix}"), None, False) as out:
            out.write(edits)
            out.commit()
    assert (tmp_path / f"1{suffix}").read_bytes() == (tmp_path / f"4{suffix}").read_bytes() != b""


@pytest.mark.parametrize(("chunk_bytes", "threads"), [(512, 2), (1 << 20, 1)])
def test_no_thread_is_started_for_a_file_of_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, threads: int
) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", chunk_bytes)
    asked = []

    def noting(items: Iterator[object], workers: int) -> Iterator[object]:
        asked.append(workers)
        return items

    monkeypatch.setattr(bytewise, "ahead", noting)
    none = np.zeros(0, np.int64)
    nothing = Edits(none.astype(np.int32), none, none.astype(np.int32), none, none, none)
    with Output(opened(write_jsonl(tmp_path / "a.jsonl"), 2), str(tmp_path / "b.jsonl"), None, False) as out:
        out.write(nothing)
    assert asked == [threads]


@pytest.mark.parametrize("workers", [2, 3])
def test_the_calling_thread_is_one_of_the_workers(workers: int) -> None:
    """The first calls wait for one another, as many as there are workers: so all of them are at work at once."""
    together = threading.Barrier(workers, timeout=60)

    def meet(number: int) -> int:
        if number < workers:
            together.wait()
        return threading.get_ident()

    found = list(in_order(meet, zip(range(20), strict=True), workers))
    assert threading.get_ident() in found[:workers]
    assert len(set(found)) == workers


def test_an_error_comes_when_its_turn_does() -> None:
    """Whoever meets it: here all but the first call fail at once, and the first waits until one has."""
    failed = threading.Event()

    def fail(number: int) -> int:
        if number:
            failed.set()
            raise InputError(f"number {number}")
        assert failed.wait(60)
        return number

    found = in_order(fail, zip(range(9), strict=True), 2)
    assert next(found) == 0
    with pytest.raises(InputError, match="number 1"):
        next(found)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_in_a_call_is_heard_at_once(workers: int) -> None:
    """Nothing more is begun than what had been handed out, though a call in another thread is not done."""
    caller = threading.get_ident()
    interrupted, begun = threading.Event(), []

    def call(number: int) -> None:
        begun.append(number)
        if threading.get_ident() == caller:
            interrupted.set()
            raise KeyboardInterrupt
        assert interrupted.wait(60)

    with pytest.raises(KeyboardInterrupt):
        list(in_order(call, zip(range(9), strict=True), workers))
    assert len(begun) <= workers + 1


def test_no_thread_and_no_call_is_left_behind() -> None:
    before = threading.active_count()
    began: list[int] = []
    found = in_order(began.append, zip(range(99), strict=True), 3)
    next(found)
    found.close()
    assert threading.active_count() == before
    assert len(began) < 9


def unwanted() -> None:
    pytest.fail("nothing went wrong, but the task was stopped")


def test_items_are_made_ahead_in_another_thread() -> None:
    """The second item is there before the first is done with, and an error comes when its turn does."""
    second = threading.Event()
    caller = threading.get_ident()

    def items() -> Iterator[int]:
        assert threading.get_ident() != caller
        yield 1
        second.set()
        yield 2
        raise InputError("the third")

    found = ahead(items(), 2)
    assert next(found) == 1
    assert second.wait(60)
    assert next(found) == 2
    with pytest.raises(InputError, match="the third"):
        next(found)


def test_one_worker_makes_no_item_ahead() -> None:
    made: list[int] = []
    found = ahead((made.append(number) or number for number in range(9)), 1)
    assert next(found) == 0
    assert made == [0]


def test_no_more_items_are_made_than_wanted() -> None:
    made: list[int] = []
    found = ahead((made.append(number) or number for number in range(99)), 2)
    assert next(found) == 0
    found.close()
    assert len(made) <= 1 + AHEAD


def test_a_task_is_done_alongside() -> None:
    meet = threading.Barrier(2, timeout=60)
    assert alongside(lambda: [meet.wait()].clear(), lambda: meet.wait() >= 0, 2, unwanted)


def test_one_worker_does_a_task_afterwards() -> None:
    done: list[str] = []
    alongside(lambda: done.append("task"), lambda: done.append("other"), 1, unwanted)
    assert done == ["other", "task"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_is_raised(workers: int) -> None:
    def fail() -> None:
        raise InputError("is broken")

    with pytest.raises(InputError, match="is broken"):
        alongside(fail, int, workers, lambda: None)


def test_a_task_is_stopped_when_something_goes_wrong() -> None:
    """Else it would wait forever."""
    stopped = threading.Event()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alongside(lambda: [stopped.wait()].clear(), interrupt, 2, stopped.set)
