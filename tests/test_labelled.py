"""The figures on real and labelled data; skipped where the data is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import dedup
from dedup import jobs, undo
from dedup.config import Config
from dedup.verify.run import verify

Records = list[dict[str, Any]]
Reader = Callable[[str], Records]
Finder = Callable[[str], Path]


@pytest.fixture(scope="module")
def sites(shared_records: Reader) -> Records:
    return shared_records("sites_de")


@pytest.fixture(scope="module")
def cleaned(sites: Records) -> dedup.Result:
    return dedup.clean(sites, workers=2)


def test_the_seed_article_loses_two_captions_and_a_headline(shared_path: Finder) -> None:
    text = shared_path("seed_article.txt").read_bytes().decode()
    decisions = dedup.clean_text(text).decisions
    assert [(d.action, d.reason) for d in decisions] == [("cut", "repeat")] * 3
    assert [(d.start, d.end) for d in decisions] == [(270, 395), (395, 521), (521, 598)]


def test_the_seed_article_comes_back(shared_path: Finder, tmp_path: Path) -> None:
    article = tmp_path / "seed.txt"
    article.write_bytes(shared_path("seed_article.txt").read_bytes())
    report = jobs.clean([str(article)], str(tmp_path / "out.txt"), Config(), jobs.Run())
    assert report["documents"]["edited"] == 1
    undo.restore(str(tmp_path / "out.txt"), str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_bytes() == article.read_bytes()


@pytest.mark.parametrize("name", ["sites_de", "licences", "terms_versions"])
def test_every_promise_holds(name: str, shared_path: Finder, tmp_path: Path) -> None:
    source, output = str(shared_path(f"{name}.jsonl.zst")), str(tmp_path / "out.jsonl")
    jobs.clean([source], output, Config(max_loss=1.0, repeats="full"), jobs.Run())
    verdict = verify([source], output)
    assert verdict.violations == []
    assert verdict.cuts > 10


def left_by_cluster(sites: Records, cleaned: dedup.Result, situation: str) -> tuple[Counter[str], Counter[str]]:
    read = Counter(record["cluster"] for record in sites if record["situation"] == situation)
    return read, Counter(record["cluster"] for record in cleaned.kept if record["situation"] == situation)


@pytest.mark.parametrize(("situation", "copies"), [("S1", 12), ("S4", 6), ("S5", 40)])
def test_of_copies_one_stays(sites: Records, cleaned: dedup.Result, situation: str, copies: int) -> None:
    read, left = left_by_cluster(sites, cleaned, situation)
    assert set(read.values()) == {copies}
    assert left == dict.fromkeys(read, 1)


@pytest.mark.parametrize("situation", ["S2", "S6", "S8", None])
def test_what_only_looks_alike_stays(sites: Records, cleaned: dedup.Result, situation: str | None) -> None:
    read = [record["id"] for record in sites if record["situation"] == situation]
    assert [record["id"] for record in cleaned.kept if record["situation"] == situation] == read


def test_of_a_growing_ticker_the_longest_stays(sites: Records, cleaned: dedup.Result) -> None:
    def own_characters(record: dict[str, Any]) -> int:
        return len(record["text"]) - sum(end - start for start, end, *_ in record["boilerplate"] + record["repeats"])

    longest: dict[str, dict[str, Any]] = {}
    for record in sites:
        if record["situation"] == "S3":
            longest[record["cluster"]] = max(longest.get(record["cluster"], record), record, key=own_characters)
    kept = {record["id"] for record in cleaned.kept}
    assert {record["id"] for record in longest.values()} <= kept


def covered(spans: list[list[Any]], start: int, end: int) -> int:
    return sum(max(0, min(end, high) - max(start, low)) for low, high, *_ in spans)


@pytest.fixture(scope="module")
def cut_characters(sites: Records, cleaned: dedup.Result) -> Counter[str]:
    """Visible characters by what gold says of them and whether they go, over the documents that stay."""
    cuts: dict[str, list[list[Any]]] = {}
    for decision in cleaned.decisions:
        if decision.action == "cut":
            cuts.setdefault(decision.document, []).append([decision.start, decision.end])
    kept = {record["id"] for record in cleaned.kept}
    counts: Counter[str] = Counter()
    for record in sites:
        if record["id"] not in kept:
            continue
        spans, gone = sorted([*record["boilerplate"], *record["repeats"]]), cuts.get(record["id"], [])
        for low, high, *_ in spans:
            counts["labelled"] += high - low
            counts["labelled, cut"] += covered(gone, low, high)
        edges = [0, *(edge for low, high, *_ in spans for edge in (low, high)), len(record["text"])]
        for low, high in list(pairwise(edges))[::2]:
            visible = [at for at in range(low, high) if not record["text"][at].isspace()]
            counts["content"] += len(visible)
            counts["content, cut"] += sum(any(start <= at < end for start, end in gone) for at in visible)
    return counts


def test_nearly_all_labelled_boilerplate_and_repeats_go(cut_characters: Counter[str]) -> None:
    assert cut_characters["labelled, cut"] >= 0.96 * cut_characters["labelled"]


def test_next_to_no_content_goes(cut_characters: Counter[str]) -> None:
    assert cut_characters["content, cut"] <= 0.0005 * cut_characters["content"]


def test_cleaning_sites_again_finds_no_repeat_and_no_duplicate(cleaned: dedup.Result) -> None:
    again = dedup.clean(cleaned.kept, only="repeats,articles", workers=2)
    assert again.kept == cleaned.kept


def test_clean_news_comes_out_whole(shared_records: Reader) -> None:
    news = shared_records("wikinews_de")
    result = dedup.clean(news, workers=2)
    repeating = {d.document for d in result.decisions if d.reason == "repeat" and d.action == "cut"}
    assert result.dropped == []
    assert [d for d in result.decisions if d.action == "cut" and d.reason == "boilerplate"] == []
    assert [r for r in result.kept if r["id"] not in repeating] == [r for r in news if r["id"] not in repeating]
    assert len(repeating) <= 5


def test_translations_are_no_duplicates(shared_records: Reader) -> None:
    assert dedup.clean(shared_records("tos_multi"), workers=2).dropped == []


def test_terms_that_share_sentences_lose_no_boilerplate(shared_records: Reader) -> None:
    decisions = dedup.clean(shared_records("legal_de"), workers=2).decisions
    assert [d for d in decisions if d.action == "cut" and d.reason == "boilerplate"] == []
