"""Shell completion: what is offered, that bash takes it, and that it is quick."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numba", "numpy", "pyarrow", "datasketch", "scipy", "rich", "jinja2", "pygal")
PROGRAM = Path(sys.executable).with_name("dedup")


def complete(words: str, shell: str = "bash") -> list[str]:
    """Return what is offered for the last word, as `type,value` in bash."""
    words = f"dedup {words}"
    environment = os.environ | {
        "_DEDUP_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": words.split(" ")[-1] if shell == "fish" else str(len(words.split(" ")) - 1),
    }
    code = "from dedup.cli import main; main(prog_name='dedup')"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("res", ["plain,restore"]),
        ("clean --thr", ["plain,--threshold"]),
        ("clean news --on-error ", ["plain,fail", "plain,skip"]),
        ("clean --only ", ["plain,repeats", "plain,boilerplate", "plain,articles"]),
        ("clean --only art", ["plain,articles"]),
        ("clean --only repeats,", ["plain,repeats,boilerplate", "plain,repeats,articles"]),
        ("clean --only repeats,b", ["plain,repeats,boilerplate"]),
        ("clean --only repeats,x", []),
        ("clean --keep ma", ["plain,max:"]),
        ("clean --keep l", ["plain,longest", "plain,last"]),
        ("clean ne", ["file,ne"]),
        ("clean a.txt ne", ["file,ne"]),
        ("clean a.txt -o ou", ["file,ou"]),
        ("verify in ou", ["file,ou"]),
        ("explain --decisions cl", ["file,cl"]),
        ("config --config own", ["file,own"]),
    ],
)
def test_what_is_offered(words: str, offered: list[str]) -> None:
    assert complete(words) == offered


def test_a_broken_pyproject_breaks_no_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.dedup\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    assert complete("clean --keep sh") == ["plain,shortest"]


@pytest.mark.parametrize("words", ["cl", "clean --only r", "explain --i", "verify ", "config --k", "check --f"])
def test_completion_imports_nothing_heavy(words: str) -> None:
    code = (
        "import os, sys\n"
        f"os.environ.update(_DEDUP_COMPLETE='bash_complete', COMP_WORDS='dedup {words}', "
        f"COMP_CWORD='{len(words.split(' '))}')\n"
        "from dedup.cli import main\n"
        "try:\n    main(prog_name='dedup')\n"
        f"finally:\n    print(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


@pytest.mark.skipif(not PROGRAM.exists() or not shutil.which("bash"), reason="needs bash and the installed command")
@pytest.mark.parametrize(("words", "reply"), [("dedup ver", "verify"), ("dedup clean --only bo", "boilerplate")])
def test_bash_completes(words: str, reply: str, tmp_path: Path) -> None:
    script = (
        'eval "$(_DEDUP_COMPLETE=bash_source dedup)"\n'
        f"COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}\n"
        '_dedup_completion dedup; echo "${COMPREPLY[@]}"; complete -p dedup'
    )
    environment = os.environ | {"PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    completed, registered = done.stdout.splitlines()
    assert completed == reply
    assert registered == "complete -o nosort -F _dedup_completion dedup"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_and_answers(shell: str) -> None:
    environment = os.environ | {"_DEDUP_COMPLETE": f"{shell}_source"}
    code = "from dedup.cli import main; main(prog_name='dedup')"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert f"_DEDUP_COMPLETE={shell}_complete" in done.stdout
    assert any("verify" in line for line in complete("ver", shell))
