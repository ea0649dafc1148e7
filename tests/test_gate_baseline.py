"""The ratchet: what is known does not count, however it moves; what is new does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dedup.errors import InputError, StateError
from dedup.gate.check import Rules
from dedup.gate.verdict import Verdict
from tests.gate_corpus import CAPTION, FOOTER, STRICT, article, judge


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with a duplicate, a repeat and boilerplate, in text and in JSON Lines."""
    folder = tmp_path / "corpus"
    for number in range(6):
        (folder / "site").mkdir(parents=True, exist_ok=True)
        text = f"{article(number)}{FOOTER}\n"
        (folder / "site" / f"{number}.md").write_text(text, encoding="utf-8")
    (folder / "copy.md").write_text(article(2), encoding="utf-8")
    texts = [f"{CAPTION}\n{article(30)}{CAPTION}\n", article(31), article(32), article(32)]
    records = "".join(f"{json.dumps({'text': text})}\n" for text in texts)
    (folder / "pages.jsonl").write_text(records, encoding="utf-8")
    return folder


@pytest.fixture
def rules(corpus: Path, tmp_path: Path) -> Rules:
    """The rules of a check that knows what is in the corpus."""
    known = Rules(STRICT, tmp_path / "baseline.json", update_baseline=True)
    assert not judge(corpus, rules=known).exceeded
    return Rules(STRICT, tmp_path / "baseline.json")


def found(verdict: Verdict) -> list[tuple[str, str]]:
    return [(finding.reason, finding.document) for finding in verdict.findings]


def test_what_is_known_does_not_count(corpus: Path, rules: Rules) -> None:
    assert len(judge(corpus).exceeded) == 3
    verdict = judge(corpus, rules=rules)
    assert (found(verdict), verdict.exceeded, verdict.known, verdict.gone) == ([], [], 13, 0)


def test_one_more_copy_of_a_known_duplicate_is_new(corpus: Path, rules: Rules) -> None:
    (corpus / "copy2.md").write_text(article(2), encoding="utf-8")
    verdict = judge(corpus, rules=rules)
    assert found(verdict) == [("exact-duplicate", "copy2.md")]
    assert [one.limit.kind for one in verdict.exceeded] == ["duplicates"]


def test_one_more_article_with_known_boilerplate_is_new(corpus: Path, rules: Rules) -> None:
    (corpus / "site" / "20.md").write_text(f"{article(20)}{FOOTER}\n", encoding="utf-8")
    assert found(judge(corpus, rules=rules)) == [("boilerplate", "site/20.md")] * 2


def test_lines_that_move_and_edits_elsewhere_are_not_new(corpus: Path, rules: Rules) -> None:
    pages = corpus / "pages.jsonl"
    lines = pages.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[0] = lines[0].replace("niemand", "keiner")
    pages.write_text("".join([json.dumps({"text": article(40)}) + "\n", *reversed(lines)]), encoding="utf-8")
    first = corpus / "site" / "0.md"
    first.write_text(f"Eine neue erste Zeile.\n\n{first.read_text(encoding='utf-8')}", encoding="utf-8")
    verdict = judge(corpus, rules=rules)
    assert (found(verdict), verdict.gone) == ([], 0)


def test_what_shows_only_when_a_copy_is_removed_is_not_new(corpus: Path, rules: Rules) -> None:
    assert ("near-duplicate", "site/2.md") in found(judge(corpus))
    (corpus / "copy.md").unlink()
    assert ("boilerplate", "site/2.md") in found(judge(corpus))
    assert found(judge(corpus, rules=rules)) == []


def test_line_ends_and_renamed_files_are_not_new(corpus: Path, rules: Rules) -> None:
    for path in list(corpus.rglob("*.md")):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        path.rename(path.with_stem(f"renamed-{path.stem}"))
    verdict = judge(corpus, rules=rules)
    assert (found(verdict), verdict.gone) == ([], 0)


def test_what_was_cleaned_is_counted_as_gone_and_may_not_come_back_elsewhere(corpus: Path, rules: Rules) -> None:
    (corpus / "copy.md").unlink()
    verdict = judge(corpus, rules=rules)
    assert (found(verdict), verdict.known, verdict.gone) == ([], 14, 2)
    update = Rules(STRICT, rules.baseline, update_baseline=True)
    judge(corpus, rules=update)
    (corpus / "copy.md").write_text(article(2), encoding="utf-8")
    assert found(judge(corpus, rules=rules)) == [("near-duplicate", "site/2.md")]


def test_which_of_two_goes_does_not_matter(corpus: Path, rules: Rules) -> None:
    (corpus / "site" / "2.md").write_text(f"\n{article(2)}{FOOTER}\nUnd noch ein Satz.\n", encoding="utf-8")
    assert ("near-duplicate", "copy.md") in found(judge(corpus))
    assert found(judge(corpus, rules=rules)) == []


def test_a_longer_copy_of_a_known_pair_is_new_though_it_would_stay(corpus: Path, rules: Rules) -> None:
    (corpus / "longer.md").write_text(f"{article(2)}Und noch ein Satz.\n", encoding="utf-8")
    assert not any(document == "longer.md" for _, document in found(judge(corpus)))
    assert found(judge(corpus, rules=rules)) == [("near-duplicate", "longer.md")]


def test_a_new_pair_is_one_finding(corpus: Path, rules: Rules) -> None:
    for name in ("new.md", "new2.md"):
        (corpus / name).write_text(article(50), encoding="utf-8")
    assert len(found(judge(corpus, rules=rules))) == 1


def test_the_file_depends_on_the_findings_only_and_has_one_value_a_line(corpus: Path, rules: Rules) -> None:
    assert rules.baseline is not None
    before = rules.baseline.read_text(encoding="utf-8")
    for path in list(corpus.rglob("site/*.md")):
        path.write_text(f"\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    judge(corpus, rules=Rules(STRICT, rules.baseline, update_baseline=True))
    assert rules.baseline.read_text(encoding="utf-8") == before
    assert [line for line in before.splitlines() if line.count('": "') > 1] == []


def test_a_baseline_of_other_settings_is_refused_by_name(corpus: Path, rules: Rules) -> None:
    with pytest.raises(StateError, match=r"was made with the default of threshold, and this run has threshold 0\.7"):
        judge(corpus, rules=rules, threshold=0.7)


def test_the_breaker_is_no_such_setting(corpus: Path, rules: Rules) -> None:
    assert not judge(corpus, rules=rules, max_loss=0.5).exceeded


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b'{"format": 1}', b'{"format":1,"settings":{},"findings":[{}]}']
)
def test_a_damaged_baseline_is_refused(corpus: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    with pytest.raises(StateError, match="this is no baseline") as refused:
        judge(corpus, rules=Rules(STRICT, path))
    assert refused.value.file == str(path)
    assert "--update-baseline" in refused.value.hint


def test_a_baseline_of_another_format_is_refused(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    path.write_text('{"format": 2, "settings": {}, "findings": []}', encoding="utf-8")
    with pytest.raises(StateError, match="has the format 2, and this version reads 1"):
        judge(corpus, rules=Rules(STRICT, path))


def test_a_baseline_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist\. Make it with --update-baseline"):
        judge(tmp_path / "nothing", rules=Rules(STRICT, tmp_path / "none.json"))
