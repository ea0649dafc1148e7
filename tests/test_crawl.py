"""The made-up crawl of fixtures/crawl, against the true answer beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dedup import decisions, jobs, undo
from dedup.config import Config

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
CRAWL = FIXTURES / "crawl"
EXPECTED = json.loads((FIXTURES / "crawl.expected.json").read_text(encoding="utf-8"))["documents"]

Place = tuple[str, int]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("crawl") / "clean"
    jobs.clean([str(CRAWL)], str(target), Config(), jobs.Run())
    return target


@pytest.fixture(scope="module")
def made(output: Path) -> dict[Place, list[decisions.Decision]]:
    by_place: dict[Place, list[decisions.Decision]] = {}
    for decision in decisions.read(output.with_name("clean.dedup") / "decisions.jsonl"):
        by_place.setdefault((decision.file, decision.record), []).append(decision)
    return by_place


def place(document: dict[str, Any]) -> Place:
    return document["file"], document["record"]


def named(document: dict[str, Any]) -> str:
    return f"{document['file']}:{document['record']} {document['situation']}"


@pytest.mark.parametrize("document", EXPECTED, ids=named)
def test_what_is_cut(document: dict[str, Any], made: dict[Place, list[decisions.Decision]]) -> None:
    cuts = [d for d in made.get(place(document), []) if d.action == "cut"]
    found = [(d.reason, (d.text or "").strip()) for d in cuts]
    assert found == [(cut["kind"], cut["text"]) for cut in document["cuts"]]
    for decision, cut in zip(cuts, document["cuts"], strict=True):
        assert (decision.start or 0) <= cut["start"] < cut["end"] <= (decision.end or 0)


@pytest.mark.parametrize("document", EXPECTED, ids=named)
def test_what_is_dropped(document: dict[str, Any], made: dict[Place, list[decisions.Decision]]) -> None:
    drops = [d for d in made.get(place(document), []) if d.action == "drop"]
    keepers = [] if document["stays"] else [(document["keeper_file"], document["keeper_record"])]
    assert [(d.keeper_file, d.keeper_record) for d in drops] == keepers


def test_every_document_is_expected(made: dict[Place, list[decisions.Decision]]) -> None:
    assert set(made) <= {place(document) for document in EXPECTED}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_the_crawl_comes_back(output: Path, tmp_path: Path) -> None:
    undo.restore(str(output), str(tmp_path / "back"))
    assert files_of(tmp_path / "back") == files_of(CRAWL)


def test_dropped_files_are_not_in_the_output(output: Path) -> None:
    stays = {document["file"] for document in EXPECTED if document["stays"]}
    assert set(files_of(output)) == stays
