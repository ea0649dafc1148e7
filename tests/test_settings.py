"""`dedup config`: which settings hold, and where each is from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from dedup.cli import main
from dedup.cli.settings import as_toml
from dedup.config import Config


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["config", *arguments], prog_name="dedup")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def settings(*arguments: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(run("--json", *arguments).stdout)
    return found


def origins(*arguments: str) -> dict[str, str]:
    return {name: setting["origin"] for name, setting in settings(*arguments).items() if setting["origin"] != "default"}


def test_without_a_file_and_a_flag_all_are_defaults() -> None:
    found = settings()
    assert {setting["origin"] for setting in found.values()} == {"default"}
    for name in ("threshold", "keep", "max_loss", "text_field", "drop_contained"):
        assert found[name.replace("_", "-")]["value"] == getattr(Config(), name)
    assert found["only"]["value"] == list(Config().only)


def test_every_shared_option_is_a_setting() -> None:
    options = {str(option.name).replace("_", "-") for option in main.commands["scan"].params}
    assert set(settings()) == options - {"inputs", "output", "config", "index", "work-dir"}


def test_a_flag_wins_over_a_file_and_a_file_over_the_default() -> None:
    Path("pyproject.toml").write_text('[tool.dedup]\nthreshold = 0.7\nkeep = "first"\n', encoding="utf-8")
    assert origins("--keep", "last") == {"threshold": "pyproject.toml", "keep": "command line"}
    assert settings("--keep", "last")["keep"]["value"] == "last"


def test_a_named_file_takes_the_place_of_pyproject() -> None:
    Path("pyproject.toml").write_text("[tool.dedup]\nthreshold = 0.7\n", encoding="utf-8")
    Path("own.toml").write_text('protect = "Vermutung"\n', encoding="utf-8")
    assert origins("--config", "own.toml") == {"protect": "own.toml"}
    assert settings("--config", "own.toml")["protect"]["value"] == ["Vermutung"]


def test_a_flag_that_says_the_default_is_from_the_command_line() -> None:
    assert origins("--threshold", "0.8") == {"threshold": "command line"}


def test_settings_of_other_commands_are_shown_as_the_file_has_them() -> None:
    Path("pyproject.toml").write_text('[tool.dedup]\nmax-repeats = ["0.1", "a=0.2"]\n', encoding="utf-8")
    assert settings()["max-repeats"] == {"value": ["0.1", "a=0.2"], "origin": "pyproject.toml"}


def test_the_output_repeats_the_settings() -> None:
    pattern = 'a"b\\d\x7fé'
    typed = [
        "--keep",
        "max:date",
        "--protect",
        pattern,
        "--only",
        "articles, repeats",
        "--workers",
        "3",
        "--memory-limit",
        "2G",
    ]
    first = run(*typed)
    Path("again.toml").write_text(first.stdout, encoding="utf-8")
    found, again = settings(*typed), settings("--config", "again.toml")
    assert {name: each["value"] for name, each in again.items()} == {
        name: each["value"] for name, each in found.items()
    }
    assert again["protect"] == {"value": [pattern], "origin": "again.toml"}
    assert tomllib.loads(first.stdout)["only"] == ["articles", "repeats"]
    assert "# template-list is not set" in first.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--threshold", "7"], "threshold is 7, but must be between"), (["--only", "x"], "kind 'x' is not known")],
)
def test_settings_that_no_command_would_take_are_refused(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@given(st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(0, 1), st.text(), st.lists(st.text())))
def test_any_value_is_toml(value: Any) -> None:
    assert tomllib.loads(as_toml("name", value)) == {"name": value}
