"""The decisions file: what is written is what is read, and what cannot be read says why."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup import decisions
from dedup.config import Config
from dedup.decisions import Decision, KeptSpan
from dedup.errors import StateError
from tests.corpora import hostile_texts

DROP = Decision(
    document="a", source="s", file="news.jsonl", record=2, action="drop", reason="near-duplicate",
    similarity=0.9, keeper="b", keeper_file="news.jsonl", keeper_record=1,
)  # fmt: skip
CUT = Decision(
    document="b", source="s", file="news.jsonl", record=1, action="cut", reason="repeat",
    similarity=1.0, keeper=KeptSpan(0, 4), start=5, end=9, text="Käse",
)  # fmt: skip


def written(*found: Decision, config: Config | None = None) -> bytes:
    file = io.BytesIO()
    decisions.write(file, decisions.header(config or Config(), ["news.jsonl"]), decisions.encoded(found))
    return file.getvalue()


def saved(folder: Path, data: bytes) -> Path:
    path = folder / "decisions.jsonl"
    path.write_bytes(data)
    return path


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    assert list(decisions.read(saved(tmp_path, written(DROP, CUT)))) == [DROP, CUT]


@given(text=hostile_texts(), similarity=st.floats(0, 1), spans=st.tuples(st.integers(0), st.integers(0)))
def test_any_text_and_number_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, similarity: float, spans: tuple[int, int]
) -> None:
    decision = Decision(
        document=text, source=text, file=text, record=1, action="cut", reason="boilerplate",
        similarity=similarity, keeper=KeptSpan(*spans), text=text,
    )  # fmt: skip
    path = saved(tmp_path_factory.mktemp("decisions"), written(decision))
    assert list(decisions.read(path)) == [decision]


def test_fields_that_do_not_apply_are_left_out() -> None:
    assert json.loads(written(CUT).splitlines()[1]) == {
        "document": "b", "source": "s", "file": "news.jsonl", "record": 1,
        "action": "cut", "reason": "repeat", "similarity": 1.0,
        "keeper": {"start": 0, "end": 4}, "start": 5, "end": 9, "text": "Käse",
    }  # fmt: skip


def test_the_header_says_under_what_rules(tmp_path: Path) -> None:
    config = Config(threshold=0.7)
    head = decisions.read_header(saved(tmp_path, written(config=config)))
    assert head.fingerprint == config.fingerprint()
    assert head.config["threshold"] == 0.7
    assert head.config.keys() == dataclasses.asdict(config).keys()
    assert head.inputs == ["news.jsonl"]


def test_every_setting_that_matters_changes_the_fingerprint() -> None:
    changes: list[dict[str, Any]] = [
        {"text_field": "body"}, {"id_field": "key"}, {"source_field": "site"}, {"only": ("repeats",)},
        {"threshold": 0.7}, {"keep": "first"}, {"hashes": 64}, {"recall": 0.9}, {"seed": 2},
        {"repeat_width": 30}, {"adjacent_repeat_width": 20},
        {"boilerplate": "full"}, {"template_documents": 6}, {"template_share": 0.2},
    ]  # fmt: skip
    assert len({Config(**change).fingerprint() for change in [{}, *changes]}) == len(changes) + 1


@pytest.mark.parametrize("first", [b"", b"\n", b'{"id": 1}\n', b"\xff\n", b"[]\n"])
def test_another_file_is_no_decisions_file(tmp_path: Path, first: bytes) -> None:
    path = saved(tmp_path, first)
    with pytest.raises(StateError) as raised:
        decisions.read_header(path)
    assert raised.value.message.startswith("this is no decisions file (")
    assert (raised.value.file, raised.value.line, raised.value.hint) == (
        str(path),
        1,
        "Make one with 'dedup scan'.",
    )


def test_decisions_of_another_segmenter_are_refused(tmp_path: Path) -> None:
    head = decisions.header(Config(), [])
    foreign = json.loads(written().splitlines()[0]) | {"segmenter": "0-old", "dedup": "0.0.1"}
    path = saved(tmp_path, json.dumps(foreign).encode() + b"\n")
    assert head.segmenter != "0-old"
    with pytest.raises(StateError) as raised:
        decisions.read_header(path)
    assert str(raised.value) == (
        f"{path}:1: made by dedup 0.0.1 (format 3, segmenter 0-old), not by this version. Run 'dedup scan' again."
    )


def test_decisions_of_another_format_are_refused(tmp_path: Path) -> None:
    foreign = json.loads(written().splitlines()[0]) | {"format": 99}
    with pytest.raises(StateError, match="format 99"):
        decisions.read_header(saved(tmp_path, json.dumps(foreign).encode() + b"\n"))


@pytest.mark.parametrize("line", [b"{", b"\xff", b'{"document": "a"}', b'{"action": "explode"}'])
def test_a_damaged_decision_is_named_by_its_line(tmp_path: Path, line: bytes) -> None:
    path = saved(tmp_path, written(DROP) + line + b"\n")
    found = decisions.read(path)
    assert next(found) == DROP
    with pytest.raises(StateError) as raised:
        next(found)
    assert raised.value.message.startswith("this decision is damaged (")
    assert (raised.value.line, raised.value.hint) == (3, "Run 'dedup scan' again.")


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: lines[:1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0], *lines[:0:-1]],
        lambda lines: [lines[0], lines[1].replace(b'"similarity":0.9', b'"similarity":0.8'), *lines[2:]],
        lambda lines: [lines[0].replace(b"news.jsonl", b"olds.jsonl"), *lines[1:]],
        lambda lines: [*lines[:-1], lines[-1].rstrip()],
    ],
    ids=["the last is missing", "all are missing", "doubled", "moved", "edited", "header edited", "no line ending"],
)
def test_a_changed_file_is_refused_behind_its_last_line(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    path = saved(tmp_path, b"".join(change(written(DROP, CUT).splitlines(keepends=True))))
    with pytest.raises(StateError) as raised:
        list(decisions.read(path))
    assert str(raised.value) == (
        f"{path}:1: these decisions were changed since they were made: lines edited, added, moved or missing. "
        "Run 'dedup scan' again; --protect keeps what is not to go."
    )


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_no_bit_can_be_flipped_unseen(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    data = bytearray(written(DROP, CUT))
    data[place % len(data)] ^= 1 << bit
    path = saved(tmp_path_factory.mktemp("decisions"), bytes(data))
    with pytest.raises(StateError):
        list(decisions.read(path))
