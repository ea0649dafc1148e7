"""Replaying: what `apply` writes is what `clean` writes, and decisions that do not fit are refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from dedup import jobs
from dedup.config import Config
from dedup.errors import StateError, UsageError
from tests.corpora import FEET, HEADS, Document, article, corpora, edited, sentence, site
from tests.sealing import sealed

RUN = jobs.Run()
CONFIG = Config()


def write(path: Path, documents: list[Document]) -> Path:
    path.write_text(
        "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents), encoding="utf-8"
    )
    return path


@pytest.fixture
def news(tmp_path: Path) -> Path:
    rng = random.Random(21)
    documents = site(rng, "a.example", 8)
    documents.append({"id": "copy", "source": "a.example", "text": edited(rng, documents[3]["text"], 0.01)})
    documents[5]["text"] += "".join(documents[5]["text"].splitlines(keepends=True)[3:5])
    return write(tmp_path / "news.jsonl", documents)


@pytest.fixture
def flagged(tmp_path: Path) -> Path:
    """A file with what is only flagged: all boilerplate, a refrain, a pair that nearly went."""
    rng = random.Random(22)
    documents = site(rng, "a.example", 8) + site(rng, "b.example", 6)
    documents.append({"id": "bare", "source": "b.example", "text": f"{HEADS[0]}\n{FEET[2]}\n"})
    refrain = "So singen wir am Hafen bis die Sonne untergeht"
    documents.append(
        {
            "id": "song",
            "source": "b.example",
            "text": "".join(f"{sentence(rng)}\n{refrain}\n" for _ in range(5)),
        }
    )
    text = article(rng, lines=12)
    documents += [{"id": name, "source": "c.example", "text": edited(rng, text, 0.012)} for name in ("near", "nearly")]
    return write(tmp_path / "flagged.jsonl", documents)


def scanned(news: Path) -> tuple[Path, list[dict[str, Any]]]:
    path = news.with_name("decisions.jsonl")
    jobs.scan([str(news)], str(path), CONFIG, RUN)
    return path, [json.loads(line) for line in path.read_bytes().splitlines()]


@settings(max_examples=12)
@given(documents=corpora())
def test_scan_and_apply_write_what_clean_writes(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document]
) -> None:
    folder = tmp_path_factory.mktemp("replay")
    news = write(folder / "news.jsonl", documents)
    jobs.clean([str(news)], str(folder / "clean.jsonl"), CONFIG, RUN)
    jobs.scan([str(news)], str(folder / "decisions.jsonl"), CONFIG, RUN)
    jobs.apply(str(folder / "decisions.jsonl"), [str(news)], str(folder / "applied.jsonl"), CONFIG, RUN)
    assert (folder / "applied.jsonl").read_bytes() == (folder / "clean.jsonl").read_bytes()


def test_scan_decides_what_clean_decides(news: Path) -> None:
    path, _ = scanned(news)
    jobs.clean([str(news)], str(news.with_name("out.jsonl")), CONFIG, RUN)
    assert path.read_bytes() == (news.with_name("out.jsonl.dedup") / "decisions.jsonl").read_bytes()


@pytest.mark.parametrize("name", ["news", "flagged"])
def test_what_apply_notes_down_is_what_it_was_given(request: pytest.FixtureRequest, name: str) -> None:
    given_file = request.getfixturevalue(name)
    path, _ = scanned(given_file)
    jobs.apply(str(path), [str(given_file)], str(given_file.with_name("out.jsonl")), CONFIG, RUN)
    assert (given_file.with_name("out.jsonl.dedup") / "decisions.jsonl").read_bytes() == path.read_bytes()


def test_the_flagged_file_has_every_kind_of_flag(flagged: Path) -> None:
    _, lines = scanned(flagged)
    found = {(line["document"], line["reason"]) for line in lines if line.get("action") == "flag"}
    assert found >= {("bare", "boilerplate"), ("song", "repeat"), ("nearly", "near-duplicate")}


@pytest.mark.parametrize("part", ["documents", "characters", "reasons", "sources", "clusters", "templates", "flags"])
@pytest.mark.parametrize("name", ["news", "flagged"])
def test_apply_counts_what_clean_counts(request: pytest.FixtureRequest, name: str, part: str) -> None:
    given_file = request.getfixturevalue(name)
    path, _ = scanned(given_file)
    cleaned = jobs.clean([str(given_file)], str(given_file.with_name("clean.jsonl")), CONFIG, RUN)
    applied = jobs.apply(str(path), [str(given_file)], str(given_file.with_name("applied.jsonl")), CONFIG, RUN)
    assert applied[part] == cleaned[part]


def test_scan_leaves_the_input_alone_and_writes_nothing_else(news: Path) -> None:
    before = news.read_bytes()
    scanned(news)
    assert news.read_bytes() == before
    assert sorted(path.name for path in news.parent.iterdir()) == ["decisions.jsonl", "news.jsonl"]


def test_another_configuration_is_refused(news: Path) -> None:
    path, _ = scanned(news)
    other = Config(threshold=0.7)
    with pytest.raises(StateError) as raised:
        jobs.apply(str(path), [str(news)], str(news.with_name("out.jsonl")), other, RUN)
    assert str(raised.value) == (
        f"{path}:1: made under another configuration "
        f"({CONFIG.fingerprint()}, this is {other.fingerprint()}). "
        "Give the options that 'dedup scan' was given; its first line lists them."
    )


def refusal(news: Path, lines: list[dict[str, Any]]) -> StateError:
    path = news.with_name("changed.jsonl")
    path.write_bytes(sealed(lines))
    out = news.with_name("out.jsonl")
    with pytest.raises(StateError) as raised:
        jobs.apply(str(path), [str(news)], str(out), CONFIG, RUN)
    assert not out.exists()
    return raised.value


def line_of(lines: list[dict[str, Any]], action: str) -> int:
    return next(number for number, line in enumerate(lines) if line.get("action") == action)


def test_a_text_that_is_not_there_is_refused(news: Path) -> None:
    _, lines = scanned(news)
    number = line_of(lines, "cut")
    lines[number]["text"] = "x" + lines[number]["text"][1:]
    error = refusal(news, lines)
    assert error.message == "this decision does not fit the input: the document does not hold this text at this place"
    assert error.line == number + 1
    assert error.hint == "Give the very input that 'dedup scan' was given, or scan it again."


@pytest.mark.parametrize(
    ("action", "change", "message"),
    [
        ("cut", {"start": 10**6, "end": 10**6 + 1}, "the text is shorter than the decision says"),
        ("cut", {"text": None}, "a cut without start, end or text"),
        ("cut", {"record": 999}, "no such document in the input"),
        ("cut", {"file": "other.jsonl"}, "no file 'other.jsonl' in the input"),
        ("drop", {"keeper_file": "other.jsonl"}, "no file 'other.jsonl' in the input"),
        (
            "drop",
            {"record": 999},
            "the document or its keeper is not in the input, or the keeper goes itself",
        ),
        (
            "drop",
            {"keeper_record": 999},
            "the document or its keeper is not in the input, or the keeper goes itself",
        ),
        (
            "drop",
            {"keeper_record": 0},
            "the document or its keeper is not in the input, or the keeper goes itself",
        ),
    ],
)
def test_decisions_that_do_not_fit_are_refused(news: Path, action: str, change: dict[str, Any], message: str) -> None:
    _, lines = scanned(news)
    number = line_of(lines, action)
    lines[number] |= change
    error = refusal(news, lines)
    assert error.message == f"this decision does not fit the input: {message}"
    assert error.line == number + 1


def test_a_keeper_that_goes_itself_is_refused(news: Path) -> None:
    _, lines = scanned(news)
    number = line_of(lines, "drop")
    drop = lines[number]
    lines[number] |= {"keeper_record": drop["record"], "keeper_file": drop["file"]}
    assert refusal(news, lines).line == number + 1


def test_cuts_that_overlap_are_refused(news: Path) -> None:
    _, lines = scanned(news)
    number = line_of(lines, "cut")
    lines.insert(number, lines[number])
    assert refusal(news, lines).line == number + 2


def test_a_changed_input_is_refused(news: Path) -> None:
    path, _ = scanned(news)
    news.write_bytes(news.read_bytes().replace(b"Cookies", b"Kekse"))
    with pytest.raises(StateError, match="does not fit the input"):
        jobs.apply(str(path), [str(news)], str(news.with_name("out.jsonl")), CONFIG, RUN)


def test_an_existing_decisions_file_is_replaced_only_by_force(news: Path) -> None:
    path, _ = scanned(news)
    with pytest.raises(UsageError) as raised:
        jobs.scan([str(news)], str(path), CONFIG, RUN)
    assert str(raised.value) == f"{path}: exists already. Use --force to replace it."
    jobs.scan([str(news)], str(path), CONFIG, jobs.Run(force=True))
