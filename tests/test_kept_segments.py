"""Segments kept between two passes: what is kept is what splitting the texts again would give."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup import findings, kept_segments, pipeline, readers
from dedup.columns import Column
from dedup.config import Config
from dedup.formats import lines
from dedup.kept_segments import KeptSegments, pack, unpack
from dedup.model import Batch
from dedup.segment import Segments, segment
from dedup.spill import IN_MEMORY, Room
from tests.corpora import article, hostile_texts

TEXT = "Der Hafen am Morgen.\n\nFoto: dpa\nDer Hafen am Morgen. Am 3.12.2025 regnet es."


def batch_of(texts: list[str]) -> Batch:
    column = Column.of(texts)
    return Batch(
        np.zeros(len(texts), np.int32), np.arange(len(texts)) + 1, column, column, column, column.digests(),
        np.zeros(len(texts), np.uint8),
    )  # fmt: skip


def are_equal(first: Segments | None, second: Segments) -> bool:
    return first is not None and all(
        a.dtype == b.dtype and a.tolist() == b.tolist() for a, b in zip(first, second, strict=True)
    )


def keep(kept: KeptSegments, batch: Batch) -> None:
    found = segment(batch.texts)
    kept.add(batch, pack(batch.texts, found), found)


@given(st.lists(hostile_texts(), max_size=4), st.booleans())
def test_what_is_unpacked_is_what_was_packed(texts: list[str], is_inside: bool) -> None:
    column = Column.of([TEXT, *texts])
    if is_inside:
        column = Column(column.data, column.offsets[1:])
    found = segment(column)
    packed = pack(column, found)
    assert are_equal(unpack(column, packed, len(found.line_start), len(found.segment_start)), found)


@pytest.mark.parametrize("buffer_bytes", [1, 1 << 20])
def test_batches_are_known_again_in_any_order(tmp_path: Path, buffer_bytes: int) -> None:
    batches = [batch_of([TEXT * number, "", f"{number}."]) for number in range(1, 4)]
    kept = KeptSegments(Room(tmp_path, buffer_bytes))
    for batch in batches:
        keep(kept, batch)
    kept.close()
    for batch in reversed(batches):
        assert are_equal(kept.of(batch), segment(batch.texts))


def test_a_batch_of_other_records_or_another_text_is_not_known() -> None:
    batch = batch_of([TEXT])
    kept = KeptSegments(IN_MEMORY)
    keep(kept, batch)
    kept.close()
    assert kept.of(dataclasses.replace(batch, records=batch.records + 1)) is None
    assert kept.of(dataclasses.replace(batch, files=batch.files + np.int32(1))) is None
    assert kept.of(batch_of([TEXT + "!"])) is None
    assert kept.of(Batch.none()) is None


def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path) -> None:
    first, second = batch_of([TEXT]), batch_of([TEXT * 2])
    size = len(pack(first.texts, segment(first.texts)))
    for kept in (KeptSegments(Room(tmp_path), most_bytes=size), KeptSegments(Room(None, size))):
        keep(kept, first)
        keep(kept, second)
        kept.close()
        assert are_equal(kept.of(first), segment(first.texts))
        assert kept.of(second) is None


def test_a_batch_whose_sizes_do_not_fit_is_split_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_segments, "LARGEST_BYTES", 10)
    batch, kept = batch_of([TEXT]), KeptSegments(IN_MEMORY)
    keep(kept, batch)
    kept.close()
    assert kept.of(batch) is None


@pytest.mark.parametrize(("name", "batches"), [("news.jsonl", 10), ("news.csv", 1)])
def test_a_scan_splits_each_text_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, batches: int) -> None:
    path, work = tmp_path / name, tmp_path / "work"
    work.mkdir()
    texts = [article(Random(number)) for number in range(300)]
    if name.endswith("csv"):
        path.write_text("text\n" + "".join(f'"{text}"\n' for text in texts), "utf-8")
    else:
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    monkeypatch.setattr(readers, "BATCH_BYTES", 20_000)
    monkeypatch.setattr(lines, "CHUNK_BYTES", 7_000)
    at_hand = []
    find = findings.find

    def noting(*arguments: object) -> findings.Findings:
        at_hand.append(arguments[-1] is not None)
        return find(*arguments)

    monkeypatch.setattr(findings, "find", noting)
    pipeline.scan(readers.open_corpus([str(path)], Config(), work=work), Config())
    assert len(at_hand) >= batches
    assert all(at_hand)
