"""Pasted, every example of the README prints what the README shows.

After a change that alters the output on purpose, `python tests/test_readme.py` writes it into the README.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from dedup import jobs
from dedup.cli import main
from dedup.config import Config
from dedup.console import COMPILING
from dedup.decisions import Decision

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```\n+^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETUP = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """What is typed, what the README says it prints, and where that stands in the README."""

    command: list[str]
    title: str
    output: str
    start: int
    end: int


def examples(readme: str) -> list[Example]:
    """Return the examples in the order they stand in, which is the order they build upon each other."""
    found = []
    for block in CONSOLE.finditer(readme):
        for prompt in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block[1], re.MULTILINE):
            start, end = (block.start(1) + position for position in prompt.span(2))
            found.append(Example(["bash", "-c", prompt[1]], prompt[1], prompt[2], start, end))
    for block in PYTHON.finditer(readme):
        title = f"python, line {readme.count(chr(10), 0, block.start()) + 1}"
        found.append(Example([sys.executable, "-c", block[1]], title, block[2], *block.span(2)))
    return sorted(found, key=lambda example: example.start)


def run(example: Example, folder: Path) -> str:
    """Run an example in a folder and return what it prints, on stdout and stderr, as a README can show it."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "COLUMNS": "80",
        "TERM": "dumb",
    }
    for colours in ("FORCE_COLOR", "CLICOLOR_FORCE", "NUMBA_DISABLE_JIT"):
        environment.pop(colours, None)
    done = subprocess.run(
        example.command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    lines = done.stdout.replace(f"{COMPILING}\n", "").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def outputs(readme: str) -> Iterator[tuple[Example, str]]:
    """Run all examples in one copy of what a checkout holds for them."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("fixtures", "benchmarks"):
            shutil.copytree(ROOT / name, Path(folder) / name)
        for example in examples(readme):
            yield example, run(example, Path(folder))


TEXT = README.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def printed() -> dict[int, str]:
    return {example.start: output for example, output in outputs(TEXT)}


@pytest.mark.parametrize("example", examples(TEXT), ids=lambda example: example.title)
def test_an_example_prints_what_the_readme_shows(example: Example, printed: dict[int, str]) -> None:
    for library in re.findall(r"^import (\w+)$", example.command[-1], re.MULTILINE):
        pytest.importorskip(library, reason=f"the example needs {library}, which is not installed")
    assert printed[example.start] == example.output


def test_the_two_commands_that_do_the_set_up_are_where_continuous_integration_looks() -> None:
    try_it, test_it = SETUP.findall(TEXT)
    assert re.fullmatch(r"python3 -m venv .venv && .*dedup clean fixtures/crawl -o cleaned\n", try_it)
    assert re.fullmatch(r".* && .venv/bin/pytest\n", test_it)


def options_of(command: str) -> set[str]:
    found = main.commands[command]
    every = [found, *(found.commands.values() if isinstance(found, click.Group) else ())]
    return {name for each in every for option in each.params for name in option.opts if name.startswith("-")}


def test_every_command_is_shown_with_its_help_and_its_options() -> None:
    assert set(re.findall(r"\n\$ dedup (\w+) --help\n", TEXT)) == {"clean", "restore"}
    assert set(re.findall(r"\n\$ dedup (\w+) --help \| sed", TEXT)) == set(main.commands) - {
        "clean",
        "restore",
    }
    assert options_of("apply") == options_of("clean") - {"--engine", "--index", "--master", "--report", "--work-dir"}
    assert options_of("scan") == options_of("clean") - {"--engine", "--index", "--master", "--report", "--sidecar"}


def test_every_option_the_readme_names_exists() -> None:
    known = set().union(*map(options_of, main.commands))
    of_other_programs = {"--help", "--version", "--no-ensure-ascii", "--peers", "--setup"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", re.sub(SETUP, "", TEXT))) <= known | of_other_programs


def test_every_setting_the_readme_names_exists() -> None:
    (settings,) = (tomllib.loads(block) for block in SETTINGS.findall(TEXT))
    known = {option.name for option in main.commands["clean"].params if isinstance(option, click.Option)}
    assert settings["tool"]["dedup"].keys() <= {name.replace("_", "-") for name in known if name}


def test_every_key_of_the_report_is_explained(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Ein Satz."}\n', encoding="utf-8")
    report = jobs.clean([str(tmp_path / "in.jsonl")], str(tmp_path / "out.jsonl"), Config(), jobs.Run())
    assert [key for key in report if f"`{key}`" not in TEXT] == []


def test_every_field_of_a_decision_is_explained() -> None:
    assert [field for field in Decision.__struct_fields__ if f"`{field}`" not in TEXT] == []


def update() -> None:
    """Write what the examples print now into the README."""
    text = TEXT
    for example, output in reversed(list(outputs(TEXT))):
        text = text[: example.start] + output + text[example.end :]
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    update()
