"""A change is judged by what it adds, against all that is there: with the real Git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dedup.errors import EngineError, InputError, UsageError
from dedup.gate import changes
from dedup.gate.check import Rules
from tests.gate_corpus import CAPTION, FOOTER, STRICT, article, counted, judge, write_articles

SINCE = Rules(STRICT, changed_since="main")
ODD_NAMES = ("mit Leerzeichen.md", "zeile\numbruch.md", 'anführung".md', "-v.md", "größe.md", "::error::.md")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a branch on which nothing has happened yet."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    folder = tmp_path / "repository"
    write_articles(folder / "content", 10)
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    git(folder, "checkout", "-q", "-b", "work")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "change")


def add(folder: Path, name: str, text: str) -> Path:
    path = folder / "content" / name
    path.write_text(text, encoding="utf-8")
    return path


def test_no_change_passes_whatever_there_was_before(repository: Path) -> None:
    git(repository, "checkout", "-q", "main")
    add(repository, "old-copy.md", article(1))
    commit(repository)
    git(repository, "checkout", "-q", "-B", "work")
    assert judge(repository / "content").exceeded
    verdict = judge(repository / "content", rules=SINCE)
    assert (verdict.findings, verdict.changed, verdict.size) == ((), 0, (0, 0))


@pytest.mark.parametrize("state", ["committed", "staged", "untracked"])
def test_a_new_copy_is_found_whatever_git_knows_of_it(repository: Path, state: str) -> None:
    add(repository, "copy.md", article(1))
    if state == "committed":
        commit(repository)
    if state == "staged":
        git(repository, "add", "-A")
    verdict = judge(repository / "content", rules=SINCE)
    assert [finding.document for finding in verdict.findings] == ["copy.md"]
    assert counted(verdict)["duplicates", None] == (1, 1)


def test_the_change_is_to_blame_even_if_the_old_one_would_go(repository: Path) -> None:
    longer = add(repository, "longer.md", f"{article(1)}Das ist neu, und sonst nichts.\n")
    (finding,) = judge(repository / "content", rules=SINCE).findings
    assert finding.document == "longer.md"
    assert finding.place.file == str(longer)
    assert finding.other is not None
    assert finding.other.file == str(repository / "content" / "1.md")
    (whole,) = judge(repository / "content").findings
    assert whole.document == "1.md"


def test_a_change_that_copies_two_old_ones_counts_once(repository: Path) -> None:
    old = f"{article(1)}Alt und doppelt.\n"
    git(repository, "checkout", "-q", "main")
    add(repository, "twin.md", old)
    commit(repository)
    git(repository, "checkout", "-q", "-B", "work")
    add(repository, "longer.md", f"{old}Neu und noch länger, aber sonst gleich.\n")
    verdict = judge(repository / "content", rules=SINCE)
    assert len(verdict.findings) == 2
    assert counted(verdict)["duplicates", None] == (1, 1)


def test_the_fifth_article_with_a_line_makes_it_boilerplate_there_only(repository: Path) -> None:
    git(repository, "checkout", "-q", "main")
    for number in range(4):
        add(repository, f"{number}.md", f"{article(number)}{FOOTER}\n")
    commit(repository)
    git(repository, "checkout", "-q", "-B", "work")
    add(repository, "4.md", f"{article(4)}{FOOTER}\n")
    assert [finding.document for finding in judge(repository / "content", rules=SINCE).findings] == ["4.md"] * 2


def test_what_main_changed_meanwhile_does_not_count(repository: Path) -> None:
    git(repository, "checkout", "-q", "main")
    add(repository, "copy.md", article(1))
    commit(repository)
    git(repository, "checkout", "-q", "work")
    add(repository, "new.md", article(20))
    verdict = judge(repository / "content", rules=SINCE)
    assert (verdict.findings, verdict.changed) == ((), 1)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_file_names(repository: Path, name: str) -> None:
    add(repository, name, f"{CAPTION}\nMitte.\n{CAPTION}\n")
    commit(repository)
    (finding,) = judge(repository / "content", rules=SINCE).findings
    assert finding.document == name


def test_paths_are_those_of_the_files_from_wherever_the_check_runs(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(repository, "copy.md", article(1))
    (repository / "elsewhere").mkdir()
    monkeypatch.chdir(repository / "elsewhere")
    Path("new.md").write_text("Hier steht nichts, was es anderswo gibt.\n", encoding="utf-8")
    assert judge(".", rules=SINCE).changed == 1
    monkeypatch.chdir(repository / "content")
    assert [finding.place.file for finding in judge(".", rules=SINCE).findings] == ["copy.md"]
    monkeypatch.chdir(repository)
    (finding,) = judge("content", rules=SINCE).findings
    assert finding.place.file == os.path.join("content", "copy.md")


def test_a_revision_that_is_not_there(repository: Path) -> None:
    with pytest.raises(InputError, match=r"has no revision 'v9'\. Check the name\. Fetch more of the history"):
        judge(repository / "content", rules=Rules(STRICT, changed_since="v9"))


@pytest.mark.parametrize("revision", ["--output=x", "-h", "", "main..work", "--all"])
def test_a_revision_is_no_option(repository: Path, revision: str) -> None:
    with pytest.raises(InputError, match="has no revision"):
        judge(repository / "content", rules=Rules(STRICT, changed_since=revision))
    assert not (repository / "x").exists()


def test_unrelated_histories(repository: Path) -> None:
    git(repository, "checkout", "-q", "--orphan", "other")
    add(repository, "new.md", article(20))
    commit(repository)
    with pytest.raises(InputError, match=r"does not know where it forked off 'main'\. Fetch more of the history"):
        judge(repository / "content", rules=SINCE)


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    write_articles(tmp_path / "content", 1)
    with pytest.raises(InputError, match="is in no Git repository"):
        judge(tmp_path / "content", rules=SINCE)


def test_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="Git is not installed"):
        judge(repository / "content", rules=SINCE)


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\0"])
def test_a_list_of_files(repository: Path, tmp_path: Path, separator: str) -> None:
    paths = [add(repository, "copy.md", article(1)), repository / "content" / "2.md", tmp_path / "elsewhere.md"]
    listing = tmp_path / "list"
    listing.write_text(separator.join(map(str, paths)), encoding="utf-8")
    verdict = judge(repository / "content", rules=Rules(STRICT, changed_files=str(listing)))
    assert verdict.changed == 2
    assert [finding.document for finding in verdict.findings] == ["copy.md"]


def test_a_linked_folder_is_the_folder(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repository / "content")
    copy = add(repository, "copy.md", article(1))
    listing = tmp_path / "list"
    listing.write_text(str(copy), encoding="utf-8")
    assert judge(tmp_path / "link", rules=Rules(STRICT, changed_files=str(listing))).changed == 1


def test_options_that_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--changed-since and --changed-files say the same"):
        Rules(STRICT, changed_since="main", changed_files="list")
    with pytest.raises(UsageError, match="a baseline knows the whole input"):
        Rules(STRICT, tmp_path / "b.json", update_baseline=True, changed_since="main")
    with pytest.raises(UsageError, match="--update-baseline needs a file"):
        Rules(STRICT, update_baseline=True)
    with pytest.raises(UsageError, match="standard input is an input and the list"):
        judge("-", rules=Rules(STRICT, changed_files="-"))
    with pytest.raises(UsageError, match="does not know standard input"):
        changes.since("main", ["-"])


def test_baseline_and_change_together(repository: Path, tmp_path: Path) -> None:
    add(repository, "copy.md", article(1))
    known = tmp_path / "known.json"
    judge(repository / "content", rules=Rules(STRICT, known, update_baseline=True))
    add(repository, "copy2.md", article(2))
    both = Rules(STRICT, known, changed_since="main")
    assert [finding.document for finding in judge(repository / "content", rules=both).findings] == ["copy2.md"]
