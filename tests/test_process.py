"""The command as a process of its own: it ends at once, and nothing is lost by that."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def ended(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command behind some code that prepares for it."""
    code = f"import atexit, sys\nfrom dedup.cli.process import run\n{code}\nrun()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_it_is_what_the_package_installs() -> None:
    assert tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["scripts"] == {"dedup": "dedup.cli.process:run"}


def test_what_is_printed_is_written_and_what_asked_to_be_called_is_called() -> None:
    done = ended("atexit.register(lambda: print('called'))", "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("Usage: ")
    assert done.stdout.endswith("\ncalled\n")


def test_nothing_is_taken_down() -> None:
    # An object that lives as long as its module is only let go of where Python takes modules down.
    code = "class Last:\n    def __del__(self): print('taken down')\nlast = Last()"
    assert "taken down" not in ended(code, "--version").stdout
    assert ended(code, "--no-such-option").stdout == "taken down\n"


@pytest.mark.parametrize(("arguments", "code"), [(("--no-such-option",), 2), (("stats", "no-such-file"), 3)])
def test_what_goes_wrong_shows_in_the_exit_code(arguments: tuple[str, ...], code: int) -> None:
    done = ended("", *arguments)
    assert done.returncode == code
    assert "no-such" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["clean", "--help"], ["stats"]])
def test_standard_output_that_is_full_is_named(arguments: list[str], unbuffered: str, tmp_path: Path) -> None:
    if arguments == ["stats"]:
        arguments = ["stats", str(tmp_path / "article.txt")]
        (tmp_path / "article.txt").write_text("Der Rat tagt am Montag um zehn.\n", "utf-8")
    command = [sys.executable, "-c", "from dedup.cli.process import run\nrun()", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("dedup: standard output: cannot be written: No space left on device")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_cannot_be_written_in_the_end_is_no_success(tmp_path: Path) -> None:
    text = tmp_path / "article.txt"
    text.write_text("Der Rat tagt am Montag um zehn.\n", "utf-8")
    code = "import atexit, sys\nfrom dedup.cli.process import run\natexit.register(sys.stdout.write, 'unseen')\nrun()"
    command = [sys.executable, "-c", code, "clean", str(text), "-o", str(tmp_path / "out.txt"), "-q"]
    with Path("/dev/full").open("w") as full:
        buffered = os.environ | {"PYTHONUNBUFFERED": ""}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=buffered)
    assert done.returncode != 0
    assert "No space left" in done.stderr


BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""The environment of a user: what is printed to a pipe or a file is not written at once."""


def test_what_is_printed_stands_before_the_error(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("Die Fähre liegt mit Motorschaden im Hafen von Nordersand.", encoding="utf-8")
    command = [sys.executable, "-c", "from dedup.cli import main; main()", "check", str(tmp_path)]
    done = subprocess.run(
        command, env=BUFFERED, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "dedup:"))]
    assert (done.returncode, [line.split()[0] for line in said]) == (1, ["FAILED", "dedup:"])


def test_an_error_that_there_is_no_room_to_tell_has_its_code(tmp_path: Path) -> None:
    code = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))\nfrom dedup.cli import main\nmain()"
    with (tmp_path / "said").open("wb") as said:
        done = subprocess.run(
            [sys.executable, "-c", code, "clean", "nowhere", "-o", str(tmp_path / "out")],
            env=BUFFERED, stderr=said, check=False,
        )  # fmt: skip
    assert (done.returncode, (tmp_path / "said").read_bytes()) == (3, b"dedu")
