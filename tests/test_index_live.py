"""Articles judged one by one."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import dedup
from dedup.errors import InputError, StateError, UsageError
from dedup.index import upkeep
from dedup.index.segments import Segment
from tests.corpora import article, edited, site
from tests.test_index import crawl, crowd, shorten_reach


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "news.index"


def test_a_verdict_says_what_an_article_comes_to(path: Path) -> None:
    rng = random.Random(1)
    text = article(rng)
    line = text.splitlines(keepends=True)[0]
    near = edited(rng, text, 0.01)
    with dedup.open_index(path) as index:
        assert index.add({"id": "a", "url": "https://a.example/1", "text": text}).kind == "new"
        twice = index.judge({"id": "b", "text": line + article(rng) + line})
        copy = index.judge(text.upper())
        likeness = index.judge(near)
    assert (twice.kind, twice.text.count(line), twice.keeper, twice.similarity) == ("new", 1, None, 0.0)
    assert [(d.action, d.reason) for d in twice.decisions] == [("cut", "repeat")]
    assert copy.keeper == ("a", "news.index", 1, "a.example")
    assert (copy.kind, copy.similarity, [d.reason for d in copy.decisions]) == ("duplicate", 1.0, ["exact-duplicate"])
    assert (likeness.kind, likeness.similarity) == ("duplicate", dedup.jaccard(text, near))
    assert likeness.decisions[0].keeper == "a"
    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.kind = "new"  # type: ignore[misc]


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_articles_one_by_one_meet_as_many_as_in_one_batch(
    path: Path, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_reach(monkeypatch)
    documents, found = crowd(2), []
    with dedup.open_index(path, only=("articles",)) as index:
        for number, document in enumerate(documents):
            found += index.add(document).decisions
            if number % every == 0:
                index.commit()
    batch = dedup.clean(documents, keep="first", max_loss=1, only=("articles",))
    assert [(d.document, d.reason, d.keeper, d.similarity, d.why) for d in found] == [
        (d.document, d.reason, d.keeper, d.similarity, d.why) for d in batch.decisions
    ]
    assert batch.report["flags"]["crowded"] > 10


def test_a_commit_asks_no_more_often_for_more_sources(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host name may be a source of its own, and whoever has a domain has as many as they like."""
    asked, by_source, rng = Counter[int](), Segment.by_source, random.Random(4)

    def counted(segment: Segment, *how: Any) -> Any:
        asked[sources] += 1
        return by_source(segment, *how)

    monkeypatch.setattr(Segment, "by_source", counted)
    with dedup.open_index(path) as index:
        for sources in (3, 30):
            for number in range(sources):
                index.add({"source": f"{sources}-{number}.example", "text": article(rng)})
            index.commit()
    # Of one segment, then of two.
    assert asked[30] == 2 * asked[3] > 0


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_articles_one_by_one_are_judged_as_in_one_batch(path: Path, every: int) -> None:
    documents = crawl(2, articles=15)
    only = ("repeats", "articles")
    with dedup.open_index(path, only=only) as index:
        verdicts = []
        for number, document in enumerate(documents):
            verdicts.append(index.add(document))
            if number % every == 0:
                index.commit()
    batch = dedup.clean(documents, keep="first", max_loss=1, only=only)
    stayed = [document["id"] for document, verdict in zip(documents, verdicts, strict=True) if verdict.kind == "new"]
    assert stayed == [document["id"] for document in batch.kept]
    assert [verdict.text for verdict in verdicts if verdict.kind == "new"] == [d["text"] for d in batch.kept]
    found = [decision for verdict in verdicts for decision in verdict.decisions]
    assert len(found) == len(batch.decisions)
    for mine, theirs in zip(found, batch.decisions, strict=True):
        names = ("document", "action", "reason", "similarity", "keeper", "start", "end", "text", "why")
        assert [getattr(mine, name) for name in names] == [getattr(theirs, name) for name in names]
    assert [row["id"] for row in upkeep.documents(path)] == stayed
    assert list(upkeep.verify(path)) == []


def test_what_commit_returned_for_is_there_and_what_was_not_committed_is_not(path: Path) -> None:
    rng = random.Random(3)
    with dedup.open_index(path) as index:
        index.add({"id": "a", "text": article(rng)})
        index.commit()
        index.add({"id": "b", "text": article(rng)})
        assert len(index) == 2
        with dedup.open_index(path, is_reading=True) as other:
            assert len(other) == 1
    with dedup.open_index(path, is_reading=True) as index:
        assert len(index) == 2


def test_boilerplate_is_learned_from_what_is_committed(path: Path) -> None:
    rng = random.Random(4)
    first, (last,) = site(rng, "a.example", 8), site(rng, "a.example", 1, prefix="late/")
    with dedup.open_index(path) as index:
        assert all("Cookies" in index.add(document).text for document in first)
        assert "Cookies" in index.judge(last).text
        index.commit()
        verdict = index.judge(last)
    assert "Cookies" not in verdict.text
    assert {decision.reason for decision in verdict.decisions} == {"boilerplate"}


def test_threads_that_add_the_same_article_store_it_once(path: Path) -> None:
    documents = [document for document in crawl(5, articles=10) if len(document["text"]) > 100]
    with dedup.open_index(path) as index, ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(index.add, [document for document in documents for _ in range(4)]))
        kinds = Counter(verdict.kind for verdict in verdicts)
        assert kinds["new"] == len(index)
        judged = list(pool.map(index.judge, documents))
        pool.submit(index.commit).result()
    assert {verdict.kind for verdict in judged} == {"duplicate"}
    assert len(list(upkeep.documents(path))) == kinds["new"]
    assert list(upkeep.verify(path)) == []


def test_judging_goes_on_while_another_thread_commits(path: Path) -> None:
    documents = [document for document in crawl(6, articles=10) if len(document["text"]) > 100]
    with dedup.open_index(path) as index, ThreadPoolExecutor(4) as pool:
        for document in documents:
            index.add(document)
            waiting = [pool.submit(index.judge, document) for _ in range(3)]
            index.commit()
            assert {each.result().kind for each in waiting} == {"duplicate"}


def test_it_is_of_use_under_asyncio(path: Path) -> None:
    async def judge_all(index: dedup.Index, documents: list[dict[str, Any]]) -> list[dedup.Verdict]:
        return await asyncio.gather(*(asyncio.to_thread(index.judge, document) for document in documents))

    documents = site(random.Random(7), "a.example", 6)
    with dedup.open_index(path) as index:
        for document in documents[:3]:
            index.add(document)
        kinds = [verdict.kind for verdict in asyncio.run(judge_all(index, documents))]
    assert kinds == ["duplicate"] * 3 + ["new"] * 3


def test_an_index_keeps_the_settings_it_was_made_with(path: Path) -> None:
    with dedup.open_index(path, text_field="body.text", threshold=0.6) as index:
        index.add({"body": {"text": article(random.Random(8))}})
    with dedup.open_index(path) as index:
        assert (index.config.text_field, index.config.threshold) == ("body.text", 0.6)
    with pytest.raises(UsageError, match=r"made with threshold 0\.6, this run has 0\.8"):
        dedup.open_index(path, threshold=0.8)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": 1}, r"the record has no text in field 'text' \(it is NoneType\)"),
        ({"text": 7}, r"the record has no text in field 'text' \(it is int\)"),
        ("\ud800", "the text holds a lone surrogate"),
    ],
)
def test_a_record_without_a_text_is_refused(path: Path, record: Any, message: str) -> None:
    with dedup.open_index(path) as index:
        for ask in (index.judge, index.add):
            with pytest.raises(InputError, match=message):
                ask(record)


@pytest.mark.parametrize("text", ["", " ", "…", "Ja.", "\x00", "x" * 100_000, "a b c d e"])
def test_odd_texts_are_judged(path: Path, text: str) -> None:
    with dedup.open_index(path) as index:
        first, second = index.add(text), index.add(text)
        index.commit()
        third = index.judge(text)
    has_words = any(letter.isalnum() for letter in text)
    assert (first.kind, first.text) == ("new", text)
    assert second.kind == third.kind == ("duplicate" if has_words else "new")


def test_reading_only_refuses_to_write(path: Path) -> None:
    with pytest.raises(StateError, match="is no index"):
        dedup.open_index(path, is_reading=True)
    with dedup.open_index(path):
        pass
    with dedup.open_index(path, is_reading=True) as index:
        with pytest.raises(UsageError, match="the index is open for reading only"):
            index.add("Text")
        with pytest.raises(UsageError, match="the index is open for reading only"):
            index.commit()


def test_a_writer_locks_out_another_one(path: Path) -> None:
    with (
        dedup.open_index(path),
        pytest.raises(StateError, match="is writing to the index"),
        dedup.open_index(path),
    ):
        pass


def test_after_an_error_what_was_added_is_kept(path: Path) -> None:
    def crawl_that_fails() -> None:
        with dedup.open_index(path) as index:
            index.add("Der Rat der Stadt hat am Montag den Bau der Brücke beschlossen.")
            raise RuntimeError("the crawl ends")

    with pytest.raises(RuntimeError):
        crawl_that_fails()
    with dedup.open_index(path, is_reading=True) as index:
        assert len(index) == 1
