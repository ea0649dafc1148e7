"""What is measured, in which unit, for which source, and when a limit is exceeded."""

from __future__ import annotations

from pathlib import Path

import pytest

from dedup import jobs
from dedup.config import Config
from dedup.errors import LimitError, UsageError
from dedup.gate.check import Rules
from dedup.gate.limits import Limit, limits_of
from tests.gate_corpus import CAPTION, NOTICE, STRICT, article, counted, judge, write_articles

CRAWL = Path(__file__).resolve().parents[1] / "fixtures" / "crawl"


def test_articles_of_their_own_pass(tmp_path: Path) -> None:
    write_articles(tmp_path, 30)
    verdict = judge(tmp_path)
    assert verdict.findings == ()
    assert verdict.exceeded == []


def test_the_figures_are_those_of_the_report(tmp_path: Path) -> None:
    report = jobs.clean([str(CRAWL)], str(tmp_path / "out"), Config(), jobs.Run())
    reasons, documents, characters = report["reasons"], report["documents"]["read"], report["characters"]["read"]
    dropped = report["documents"]["dropped"]
    assert counted(judge(CRAWL)) == {
        ("duplicates", None): (dropped, documents),
        ("repeats", None): (reasons["repeat"]["characters"], characters),
        ("boilerplate", None): (reasons["boilerplate"]["characters"], characters),
    }


def test_the_figures_of_sources_are_those_of_the_report(tmp_path: Path) -> None:
    report = jobs.clean([str(CRAWL)], str(tmp_path / "out"), Config(), jobs.Run())
    limits = limits_of("boilerplate", ["*=1"])
    assert counted(judge(CRAWL, rules=Rules(limits))) == {
        ("boilerplate", name): (found["reasons"]["boilerplate"]["characters"], found["characters"]["read"])
        for name, found in report["sources"].items()
    }


@pytest.mark.parametrize(("most", "is_exceeded"), [(0.05, False), (0.0499, True), (0.0, True), (1.0, False)])
def test_a_limit_is_the_most_that_is_allowed(tmp_path: Path, most: float, is_exceeded: bool) -> None:
    write_articles(tmp_path, 19)
    (tmp_path / "copy.md").write_text(article(3), encoding="utf-8")
    verdict = judge(tmp_path, rules=Rules((Limit("duplicates", most),)))
    assert counted(verdict) == {("duplicates", None): (1, 20)}
    assert bool(verdict.exceeded) == is_exceeded


def test_repeats_are_a_share_of_characters(tmp_path: Path) -> None:
    text = f"{CAPTION}\nWer auf die Insel muss, rudert.\n{CAPTION}\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert counted(judge(tmp_path))["repeats", None] == (len(CAPTION) + 1, len(text))


def test_of_limits_for_a_source_the_last_that_fits_holds(tmp_path: Path) -> None:
    write_articles(tmp_path / "blog", 8)
    write_articles(tmp_path / "news", 3)
    (tmp_path / "news" / "b.md").write_text(article(20) + article(21), encoding="utf-8")
    rules = Rules(limits_of("duplicates", ["*=0", "blog=0.5", "wiki=0"]))
    verdict = judge(tmp_path, rules=rules)
    assert [(one.source, one.limit.most) for one in verdict.measures] == [("blog", 0.5), ("news", 0.0)]
    assert verdict.unused == (Limit("duplicates", 0.0, "wiki"),)


def test_clusters_and_flags_are_counted_only_if_limited(tmp_path: Path) -> None:
    write_articles(tmp_path, 5)
    for number in range(3):
        (tmp_path / f"copy{number}.md").write_text(article(1), encoding="utf-8")
    assert "cluster" not in {kind for kind, _ in counted(judge(tmp_path))}
    verdict = judge(tmp_path, rules=Rules((Limit("cluster", 3),)))
    assert counted(verdict) == {("cluster", None): (4, 0)}
    assert [finding.cluster for finding in verdict.offenders(verdict.exceeded[0])] == [4, 4, 4]


def test_flags_are_findings_of_their_own_kind(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.md").write_text(f"{article(number)}{NOTICE}\n", encoding="utf-8")
    assert judge(tmp_path).findings == ()
    verdict = judge(tmp_path, rules=Rules((*STRICT, Limit("flags", 2))))
    assert counted(verdict)["flags", None] == (5, 0)
    assert {(finding.kind, finding.reason, finding.place.line) for finding in verdict.findings} == {
        ("flags", "boilerplate", 8)
    }


def test_the_message_names_what_is_exceeded(tmp_path: Path) -> None:
    write_articles(tmp_path, 19)
    (tmp_path / "copy.md").write_text(article(3), encoding="utf-8")
    with pytest.raises(LimitError, match=r"^duplicates: 1 of 20 documents \(0\.0500\), limit 0\. Clean the input"):
        judge(tmp_path).enforce()


@pytest.mark.parametrize("said", ["", "5%", "1.1", "-0.1", "nan", "inf", "blog=", "blog=x", "=", "0,5"])
def test_what_is_no_ratio_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="is no ratio between 0 and 1"):
        limits_of("repeats", [said])


def test_an_equals_sign_in_the_name_of_a_source_is_part_of_it() -> None:
    assert limits_of("repeats", ["a=b=0.5"]) == (Limit("repeats", 0.5, "a=b"),)
