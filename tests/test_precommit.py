"""The hook in the real pre-commit: installed from a repository of this project, run in a repository of texts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gate_corpus import article, write_articles

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (".pre-commit-hooks.yaml", "LICENSE", "README.md", "dedup", "pyproject.toml")
CONFIG = """\
repos:
  - repo: {repository}
    rev: {revision}
    hooks:
      - id: dedup-check
        args: [content, --max-repeats=0.01]
"""
OFFLINE = ("Connection", "No matching distribution", "resolution", "Network is unreachable")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "PRE_COMMIT_HOME": str(folder.parent / "pre-commit"),
        "PRE_COMMIT_COLOR": "never",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def commit(folder: Path) -> str:
    """Commit all that is in a folder and return the revision."""
    for arguments in (["init", "-q"], ["add", "-A"]):
        run(folder, "git", *arguments).check_returncode()
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "change").check_returncode()
    return run(folder, "git", "rev-parse", "HEAD").stdout.strip()


def pre_commit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-m", "pre_commit", *arguments)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of texts with the hook installed."""
    folder = tmp_path_factory.mktemp("hook")
    project = folder / "dedup"
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            project.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    revision = commit(project)
    repository = folder / "texts"
    write_articles(repository / "content", 5)
    config = CONFIG.format(repository=project, revision=revision)
    (repository / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    commit(repository)
    done = pre_commit(repository, "install-hooks")
    if done.returncode and any(word in done.stdout for word in OFFLINE) and not os.environ.get("CI"):
        pytest.skip("pre-commit cannot install what the hook needs without a network")
    assert done.returncode == 0, done.stdout + done.stderr
    return repository


def test_the_manifest_is_valid() -> None:
    assert pre_commit(ROOT, "validate-manifest", ".pre-commit-hooks.yaml").returncode == 0


def test_the_hook_passes_then_fails_with_file_and_line(texts: Path) -> None:
    passed = pre_commit(texts, "run", "--all-files")
    assert (passed.returncode, "dedup check" in passed.stdout, "Passed" in passed.stdout) == (0, True, True)
    (texts / "content" / "copy.md").write_text(article(2), encoding="utf-8")
    run(texts, "git", "add", "-A").check_returncode()
    failed = pre_commit(texts, "run")
    assert failed.returncode == 1
    assert "content/copy.md:1: has the text of content/2.md:1" in failed.stdout
    run(texts, "git", "rm", "-qf", "content/copy.md").check_returncode()


def test_the_hook_is_skipped_when_no_text_changed(texts: Path) -> None:
    (texts / "program.py").write_text("pass\n", encoding="utf-8")
    run(texts, "git", "add", "-A").check_returncode()
    skipped = pre_commit(texts, "run")
    assert (skipped.returncode, "Skipped" in skipped.stdout) == (0, True)
