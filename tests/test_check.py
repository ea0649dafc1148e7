"""The command: its options, its exit codes, what goes to which stream, and the baseline of the fixtures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dedup.cli import main
from tests.gate_corpus import CAPTION, NOTICE, article, write_articles

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
BASELINE = FIXTURES / "crawl.baseline.json"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(main, ["check", *arguments], input=stdin, prog_name="dedup")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def duplicated() -> None:
    write_articles(Path("in"), 19)
    Path("in", "copy.md").write_text(article(3), encoding="utf-8")


# The fixtures


def test_the_fixtures_pass_with_their_baseline() -> None:
    result = run(str(FIXTURES / "crawl"), "--baseline", str(BASELINE))
    assert (result.exit_code, result.stderr) == (0, "")


def test_one_more_copy_of_an_article_fails() -> None:
    shutil.copytree(FIXTURES / "crawl", "crawl")
    crane = Path("crawl/hafenpost.example/hafenkran-umzug.txt")
    shutil.copy(crane, crane.with_stem("zweitveröffentlichung"))
    result = run("crawl", "--baseline", str(BASELINE))
    assert result.exit_code == 1
    limit, offender, *_ = result.stdout.splitlines()
    assert limit == "FAILED duplicates: 1 of 48 documents (0.0208), limit 0"
    assert offender.startswith(
        "  crawl/hafenpost.example/zweitveröffentlichung.txt:1: "
        "has the text of crawl/hafenpost.example/hafenkran-umzug.txt:1: “Der alte Hafenkran zieht auf drei Last"
    )


# Exit codes and streams


def test_code_0_and_what_was_measured() -> None:
    write_articles(Path("in"), 20)
    result = run("in")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == "ok duplicates: 0 of 20 documents (0.0000), limit 0"


def test_code_1_without_any_limit_given() -> None:
    duplicated()
    result = run("in")
    assert result.exit_code == 1
    assert "  in/copy.md:1: has the text of in/3.md:1: “In" in result.stdout
    assert result.stderr.startswith("dedup: duplicates: 1 of 20 documents (0.0500), limit 0. Clean the input, allow")


def test_a_limit_allows_as_much_as_it_says() -> None:
    duplicated()
    assert run("in", "--max-duplicates", "0.05").exit_code == 0
    assert run("in", "--max-duplicates", "0.04").exit_code == 1
    assert run("in", "--max-duplicates", "in=1").exit_code == 0


def test_limits_of_clusters_and_flags() -> None:
    duplicated()
    allowed = "in", "--max-duplicates", "1"
    assert run(*allowed, "--max-cluster", "2").exit_code == 0
    assert run(*allowed, "--max-cluster", "1").exit_code == 1
    for number in range(4):
        Path("in", f"{number}.md").write_text(f"{article(number)}{NOTICE}\n", encoding="utf-8")
    assert run(*allowed, "--max-flags", "4").exit_code == 0
    assert "FAILED flags: 4, limit 3" in run(*allowed, "--max-flags", "3").stdout


def test_quiet_prints_nothing_when_all_is_well() -> None:
    write_articles(Path("in"), 3)
    assert run("in", "-q").output == ""
    Path("in", "copy.md").write_text(article(1), encoding="utf-8")
    assert "FAILED duplicates" in run("in", "-q").stdout


def test_a_pattern_that_fits_no_source_is_said() -> None:
    write_articles(Path("in"), 3)
    result = run("in", "--max-repeats", "blgo.example=0")
    assert "no source is called 'blgo.example', so its limit for repeats says nothing" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-repeats", "20"], "dedup: --max-repeats '20' is no ratio between 0 and 1. Give a fraction such as"),
        (["--format", "xml"], "dedup: report format 'xml' is not known. Use one of text, json, markdown, github"),
        (["--update-baseline"], "dedup: --update-baseline needs a file. Name it with --baseline."),
        (["--max-cluster", "0"], "Error: Invalid value for '--max-cluster': 0 is not in the range x>=1."),
    ],
)
def test_code_2_when_an_option_is_wrong(arguments: list[str], message: str) -> None:
    write_articles(Path("in"), 1)
    result = run("in", *arguments)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(message)
    assert [path.name for path in Path().iterdir()] == ["in"]


def test_code_3_when_something_cannot_be_read_or_written() -> None:
    write_articles(Path("in"), 1)
    assert run("nothing").exit_code == 3
    assert run("in", "--baseline", "none.json").exit_code == 3
    assert run("in", "--changed-files", "none").exit_code == 3
    assert run("in", "--format", "json=no/folder.json").exit_code == 3


# Reports


def test_several_reports_of_one_run() -> None:
    duplicated()
    result = run("in", "--format", "github", "--format", "sarif=a.sarif", "--format", "junit=b.xml")
    assert result.exit_code == 1
    assert result.stdout.startswith("::error file=in/copy.md,")
    assert json.loads(Path("a.sarif").read_bytes())["version"] == "2.1.0"
    assert b"<testsuites" in Path("b.xml").read_bytes()
    assert sorted(path.name for path in Path().iterdir()) == ["a.sarif", "b.xml", "in"]


def test_a_report_replaces_the_last_one() -> None:
    duplicated()
    Path("report.md").write_text("x" * 100_000, encoding="utf-8")
    run("in", "--format", "markdown=report.md")
    assert Path("report.md").read_text(encoding="utf-8").startswith("## dedup check failed\n")


@pytest.mark.parametrize("name", ["json", "sarif", "junit", "markdown", "github", "text"])
def test_the_same_input_gives_the_same_report(name: str) -> None:
    duplicated()
    first = run("in", "--format", name, "--workers", "1").stdout
    assert run("in", "--format", name, "--workers", "3").stdout == first


# Baseline, input, settings


def test_the_baseline_is_a_ratchet() -> None:
    duplicated()
    assert run("in", "--baseline", "known.json", "--update-baseline").exit_code == 0
    assert run("in", "--baseline", "known.json").exit_code == 0
    Path("in", "copy2.md").write_text(article(4), encoding="utf-8")
    assert run("in", "--baseline", "known.json").exit_code == 1
    Path("in", "copy2.md").unlink()
    Path("in", "copy.md").unlink()
    result = run("in", "--baseline", "known.json")
    assert result.exit_code == 0
    assert "baseline: 0 known, 2 no longer found" in result.stdout


def test_a_change_is_listed_on_standard_input() -> None:
    duplicated()
    arguments = "in", "--changed-files", "-"
    assert run(*arguments, stdin=b"in/1.md\nREADME\n").exit_code == 0
    result = run(*arguments, stdin=b"in/1.md\0in/copy.md\0")
    assert result.exit_code == 1
    assert "judged: 2 documents in 2 changed files, against all" in result.stdout


def test_the_format_of_inputs_has_a_name_of_its_own() -> None:
    record = json.dumps({"text": f"{CAPTION}\n{CAPTION}\nMitte des Textes.\n"})
    result = run("-", "--input-format", "jsonl", stdin=f"{record}\n".encode())
    assert result.exit_code == 1
    assert f"  -:1: repeats an earlier line: “{CAPTION}”" in result.stdout


def test_records_that_were_set_aside_are_said() -> None:
    Path("in.jsonl").write_text('{"text": "Ein Satz."}\n{broken\n', encoding="utf-8")
    assert run("in.jsonl").exit_code == 3
    result = run("in.jsonl", "--on-error", "skip")
    assert (result.exit_code, "1 unreadable records were set aside and not judged" in result.stdout) == (0, True)


def test_limits_can_stand_in_the_settings() -> None:
    duplicated()
    Path("pyproject.toml").write_text("[tool.dedup]\nmax-duplicates = 0.05\n", encoding="utf-8")
    assert run("in").exit_code == 0
    Path("pyproject.toml").write_text('[tool.dedup]\nmax-duplicates = ["0", "in=1"]\n', encoding="utf-8")
    assert run("in").exit_code == 1


def test_other_commands_take_the_same_settings() -> None:
    duplicated()
    Path("pyproject.toml").write_text('[tool.dedup]\nmax-duplicates = 0.05\nkeep = "first"\n', encoding="utf-8")
    result = CliRunner().invoke(main, ["scan", "in", "-o", "decisions.jsonl"])
    assert result.exit_code == 0


def test_nothing_of_the_input_is_changed_and_nothing_is_left_behind(folder: Path) -> None:
    duplicated()
    before = {path: path.read_bytes() for path in Path("in").iterdir()}
    run("in")
    assert {path: path.read_bytes() for path in Path("in").iterdir()} == before
    assert [path.name for path in folder.iterdir()] == ["in"]


def test_many_files_need_few_file_descriptors() -> None:
    write_articles(Path("in"), 600)
    Path("in", "copy.md").write_text(article(3), encoding="utf-8")
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)); from dedup.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "in", "-q"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.count("in/copy.md:1: has the text of")) == (1, 1)
