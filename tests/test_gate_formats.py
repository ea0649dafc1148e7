"""Each format as its real consumer reads it, also when the corpus is hostile."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from junitparser import Failure, JUnitXml
from markdown_it import MarkdownIt

from dedup.errors import LimitError
from dedup.gate.check import Rules
from dedup.gate.formats import renderer
from dedup.gate.limits import Limit, limits_of
from dedup.gate.verdict import Verdict
from tests import schemas
from tests.gate_corpus import CAPTION, NOTICE, STRICT, article, judge, write_articles

CRAWL = Path(__file__).resolve().parents[1] / "fixtures" / "crawl"
ATTACKS = (
    "]]> <script>alert(1)</script> &amp; ]]>",
    "::error file=x::owned ##[error]owned ##vso[task.complete]",
    "``` `a` | b | c \\| d **bold** [x](javascript:1) @everyone http://evil.example www.evil.example",
    "%0A::set-output name=x::y %25 a:b,c",
    "rot \x1b[31m, links \u202e, nichts \x00\x07\x7f, kein Zeichen \ufffe\uffff",
)
NAMES = (
    "a|b`c<b>@all.md",
    "::error::x.md",
    "zeile\num\rbruch.md",
    "]]>&.md",
    "%0A,:.md",
    "##[error]x\x1b[31m.md",
    "größe mit leer.md",
)


@pytest.fixture(scope="module")
def crawl() -> Verdict:
    return judge(CRAWL, rules=Rules((*STRICT, Limit("cluster", 2), Limit("flags", 0))))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """A verdict on texts, file names, ids and sources that try to be markup."""
    folder = tmp_path_factory.mktemp("hostile")
    for number, name in enumerate(NAMES):
        attack = ATTACKS[number % len(ATTACKS)]
        # One of them makes its line a line of Markdown with a link, which stays.
        text = f"{attack} {CAPTION}\n{CAPTION}\n"
        source = folder / f"quelle |`<i>@{number}"
        source.mkdir()
        (source / name).write_text(f"{text}{article(number)}{text}", encoding="utf-8")
        (source / f"copy of {name}").write_text(article(number + 50) + attack, encoding="utf-8")
        (source / f"another {name}").write_text(article(number + 50) + attack, encoding="utf-8")
    records = [{"id": attack, "source": f"\x1b[31m{attack}", "text": article(90)} for attack in ATTACKS]
    (folder / "pages.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return judge(folder, rules=Rules((*STRICT, *limits_of("duplicates", ["*=0"]))))


def rendered(verdict: Verdict, name: str, *, verbose: bool = False) -> str:
    return renderer(name, verbose=verbose)(verdict)


def results(verdict: Verdict) -> list[dict[str, Any]]:
    (run,) = json.loads(rendered(verdict, "sarif"))["runs"]
    return list(run["results"])


# SARIF


@pytest.mark.parametrize("name", ["crawl", "hostile"])
def test_sarif_is_valid(name: str, request: pytest.FixtureRequest) -> None:
    schemas.validate(json.loads(rendered(request.getfixturevalue(name), "sarif")), schemas.SARIF)


def test_sarif_of_nothing_is_valid(tmp_path: Path) -> None:
    write_articles(tmp_path, 2)
    log = json.loads(rendered(judge(tmp_path), "sarif"))
    schemas.validate(log, schemas.SARIF)
    assert log["runs"][0]["results"] == []


@pytest.mark.parametrize("name", ["crawl", "hostile"])
def test_a_region_of_sarif_is_the_text_in_the_file(name: str, request: pytest.FixtureRequest) -> None:
    verdict: Verdict = request.getfixturevalue(name)
    shown = 0
    for result in results(verdict):
        location = result["locations"][0]["physicalLocation"]
        region = location.get("region", {})
        if "startColumn" not in region:
            continue
        path = Path.cwd() / unquote(location["artifactLocation"]["uri"].removeprefix("file://"))
        lines = path.read_bytes().decode().split("\n")[region["startLine"] - 1 : region["endLine"]]
        lines[-1] = lines[-1][: region["endColumn"] - 1]
        lines[0] = lines[0][region["startColumn"] - 1 :]
        quoted = re.search("“(.*)”", result["message"]["text"], re.DOTALL)
        assert quoted is not None
        visible = re.sub("[\x00-\x1f\x7f\u202e]", "", "\n".join(lines)).split()
        assert visible[0] in quoted[1]
        shown += 1
    assert shown >= len(NAMES)


def test_sarif_names_rule_level_keeper_and_fingerprint(crawl: Verdict) -> None:
    found = {result["ruleId"]: result for result in results(crawl)}
    assert found.keys() == {"exact-duplicate", "near-duplicate", "repeat", "boilerplate", "suspicion"}
    near = found["near-duplicate"]
    (related,) = near["relatedLocations"]
    assert related["physicalLocation"]["region"]["startLine"] == 1
    assert 0.8 <= near["properties"]["similarity"] < 1
    assert {result["level"] for result in results(crawl)} == {"error"}
    assert all(re.fullmatch("[0-9a-f]{16}", result["partialFingerprints"]["dedup/v1"]) for result in results(crawl))


def test_what_a_limit_allows_is_a_note(tmp_path: Path) -> None:
    write_articles(tmp_path, 9)
    (tmp_path / "copy.md").write_text(article(2), encoding="utf-8")
    (found,) = results(judge(tmp_path, rules=Rules((Limit("duplicates", 0.5),))))
    assert found["level"] == "note"


def test_of_very_many_findings_errors_come_first_and_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedup.gate.sarif.MOST_RESULTS", 2)
    (tmp_path / "a.md").write_text(f"{CAPTION}\n{article(1)}{CAPTION}\n", encoding="utf-8")
    for name in ("b.md", "c.md", "d.md"):
        (tmp_path / name).write_text(article(2), encoding="utf-8")
    rules = Rules((Limit("repeats", 1.0), Limit("duplicates", 0.0)))
    (run,) = json.loads(rendered(judge(tmp_path, rules=rules), "sarif"))["runs"]
    assert [result["level"] for result in run["results"]] == ["error", "error"]
    assert run["properties"]["leftOut"] == 1


def test_fingerprints_survive_moves(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"{CAPTION}\n{article(1)}{CAPTION}\n", encoding="utf-8")
    before = [result["partialFingerprints"] for result in results(judge(tmp_path))]
    (tmp_path / "a.md").write_text(f"Neu.\n\n{article(7)}{CAPTION}\n{article(1)}{CAPTION}\n", encoding="utf-8")
    after = results(judge(tmp_path))
    assert [result["partialFingerprints"] for result in after] == before
    assert after[0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 18


def test_baseline_state(tmp_path: Path) -> None:
    write_articles(tmp_path / "in", 3)
    judge(tmp_path / "in", rules=Rules(STRICT, tmp_path / "known.json", update_baseline=True))
    (tmp_path / "in" / "copy.md").write_text(article(2), encoding="utf-8")
    (found,) = results(judge(tmp_path / "in", rules=Rules(STRICT, tmp_path / "known.json")))
    assert found["baselineState"] == "new"


# Places in the formats of input


def test_records_of_csv_have_the_line_they_start_on(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([["1", "Zwei\nZeilen."], ["2", article(1)], ["3", "Kurz."], ["4", article(1)]])
    (finding,) = judge(tmp_path).findings
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert (finding.place.record, lines[finding.place.line - 1][:2]) == (4, "4,")  # type: ignore[operator]
    assert finding.other is not None
    assert lines[finding.other.line - 1][:2] == "2,"  # type: ignore[operator]


def test_parquet_has_records_and_no_lines(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [article(1), article(2), article(2)]}), tmp_path / "a.parquet")
    (found,) = results(judge(tmp_path))
    assert "region" not in found["locations"][0]["physicalLocation"]
    assert found["properties"]["record"] == 3
    assert "a.parquet (record 3): has the text of" in rendered(judge(tmp_path), "text")


def test_a_byte_order_mark_is_no_column(tmp_path: Path) -> None:
    text = f"\ufeff{NOTICE} {NOTICE}\n{article(1)}"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (finding,) = judge(tmp_path).findings
    assert (finding.place.line, finding.place.column) == (1, len(NOTICE) + 2)


# JUnit


@pytest.mark.parametrize("name", ["crawl", "hostile"])
def test_junit_is_read_by_a_parser(name: str, request: pytest.FixtureRequest) -> None:
    verdict: Verdict = request.getfixturevalue(name)
    (suite,) = JUnitXml.fromstring(rendered(verdict, "junit").encode())
    assert (suite.tests, suite.failures) == (len(verdict.measures), len(verdict.exceeded))
    failed = [case for case in suite if any(isinstance(result, Failure) for result in case.result)]
    assert len(failed) == len(verdict.exceeded)
    assert all(case.result[0].text.strip() for case in failed)


def test_junit_keeps_what_xml_can_say(hostile: Verdict) -> None:
    (suite,) = JUnitXml.fromstring(rendered(hostile, "junit").encode())
    text = "".join(result.text for case in suite for result in case.result)
    assert "]]> <script>alert(1)</script> &amp; ]]>" in text
    assert "␛[31m" in text
    assert "\ufffe" not in text


# Logs: text and GitHub


@pytest.mark.parametrize("name", ["text", "github"])
def test_no_line_of_a_log_is_a_command_of_the_corpus(hostile: Verdict, name: str) -> None:
    for line in rendered(hostile, name, verbose=True).splitlines():
        # The file must be named as it is, or GitHub does not find it.
        shown = parsed(line)[1] if name == "github" and line.startswith("::error file=") else line
        assert not re.search(r"[\x00-\x1f\x7f\u202e]", shown)
        if shown is line:
            assert not line.lstrip().startswith("::")
            assert not re.search(r"##\w*\[", line)


def test_the_message_of_a_failure_is_one_line_without_hidden_characters(hostile: Verdict) -> None:
    with pytest.raises(LimitError) as raised:
        hostile.enforce()
    assert not re.search(r"[\x00-\x1f\x7f\u202e]", str(raised.value))


def parsed(line: str) -> tuple[dict[str, str], str]:
    """Read a command as GitHub's runner does: up to the next ::, then unescape."""
    head, _, message = line.removeprefix("::error ").partition("::")
    properties = dict(part.split("=", 1) for part in head.split(","))

    def plain(text: str) -> str:
        for escape, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            text = text.replace(escape, character)
        return text

    return {name: plain(value) for name, value in properties.items()}, plain(message)


def test_github_annotations_name_the_files_they_are_about(hostile: Verdict) -> None:
    lines = rendered(hostile, "github").splitlines()
    annotations = [parsed(line) for line in lines if line.startswith("::error ")]
    assert len(annotations) == 10
    assert all(Path(properties["file"]).is_file() for properties, _ in annotations)
    assert lines[10].endswith("more findings have no annotation, for GitHub shows 10")
    assert lines[11].startswith("FAILED duplicates: ")


def test_the_worst_offenders_are_named_with_file_and_line(crawl: Verdict) -> None:
    lines = rendered(crawl, "text").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("FAILED boilerplate"))
    offenders = lines[start + 1 : start + 12]
    assert all(
        re.match(r"  .*\.(txt|jsonl):\d+(:\d+)?: is boilerplate of \d+ articles", line) for line in offenders[:10]
    )
    assert re.fullmatch(r"  \.\.\. and \d+ more", offenders[10])


def test_verbose_text_names_all(crawl: Verdict) -> None:
    printed = rendered(crawl, "text", verbose=True)
    groups = Counter(finding.fingerprint for finding in crawl.findings if finding.kind == "boilerplate")
    assert printed.count(": is boilerplate of ") == len(groups)
    assert "more\n" not in printed


# Markdown


def test_markdown_of_hostile_text_holds_nothing_but_text(hostile: Verdict) -> None:
    parser = MarkdownIt("commonmark", {"linkify": True, "html": True}).enable(["table", "linkify", "strikethrough"])
    tokens = parser.parse(rendered(hostile, "markdown"))
    inline = [child.type for token in tokens for child in token.children or ()]
    assert set(inline) <= {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
    assert {token.type for token in tokens} <= {
        f"{name}_{end}"
        for name in ("heading", "paragraph", "bullet_list", "list_item", "table", "thead", "tbody", "tr", "th", "td")
        for end in ("open", "close")
    } | {"inline"}
    rows = [token for token in tokens if token.type == "tr_open"]
    cells = [token for token in tokens if token.type in ("td_open", "th_open")]
    assert len(cells) == 5 * len(rows) == 5 * (1 + len(hostile.measures))


def test_markdown_stays_small_with_many_sources(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"s{number}").mkdir()
        for name in ("a.md", "b.md"):
            (tmp_path / f"s{number}" / name).write_text(article(number), encoding="utf-8")
    verdict = judge(tmp_path, rules=Rules(limits_of("duplicates", ["*=0"])))
    printed = rendered(verdict, "markdown")
    assert (printed.count("\n| duplicates"), printed.count("\n### ")) == (100, 20)
    assert "\nAnd 50 more limits.\n" in printed


# JSON


def test_json_has_all_figures_and_findings(crawl: Verdict) -> None:
    found = json.loads(rendered(crawl, "json"))
    assert found["passed"] is False
    assert [one["kind"] for one in found["limits"]] == ["duplicates", "repeats", "boilerplate", "cluster", "flags"]
    assert found["limits"][0]["value"] == found["limits"][0]["counted"] / found["documents"]
    assert len(found["findings"]) == len(crawl.findings)
    assert {"kind", "reason", "source", "document", "place", "fingerprint", "message", "exceeds"} <= found["findings"][
        0
    ].keys()
