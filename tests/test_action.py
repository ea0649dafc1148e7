"""What other repositories use: the GitHub action, the pre-commit hook, and the recipes of the README."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dedup.console import COMPILING
from tests import schemas
from tests.gate_corpus import article, write_articles

ROOT = Path(__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
RECIPES = [
    yaml.safe_load(block)
    for block in re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
]
SHIM = f"#!/bin/sh\nexec '{sys.executable}' -c 'from dedup.cli import main; main()' \"$@\"\n"


def test_the_action_is_valid() -> None:
    schemas.validate(ACTION, schemas.ACTION)


def test_no_script_of_the_action_holds_an_expression() -> None:
    assert [step["run"] for step in ACTION["runs"]["steps"] if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: next(iter(recipe)))
def test_the_recipes_of_the_readme_are_valid(recipe: dict[str, Any]) -> None:
    # YAML 1.1 takes the key 'on' of a workflow for a truth value.
    recipe = {"on" if key is True else key: value for key, value in recipe.items()}
    kinds = {"repos": schemas.PRE_COMMIT, "on": schemas.WORKFLOW}
    schemas.validate(recipe, next((kinds[key] for key in recipe if key in kinds), schemas.GITLAB))


def test_the_readme_has_a_recipe_for_each() -> None:
    keys = [set(recipe) for recipe in RECIPES]
    assert any("repos" in found for found in keys)
    assert any(True in found for found in keys)
    assert any("dedup" in found for found in keys)


def check(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the last step of the action as GitHub does, with a `dedup` that is installed already."""
    temporary = folder / "runner"
    (temporary / "dedup" / "bin").mkdir(parents=True, exist_ok=True)
    program = temporary / "dedup" / "bin" / "dedup"
    program.write_text(SHIM, encoding="utf-8")
    program.chmod(0o755)
    (step,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == "check"]
    defaults = {name: said.get("default", "") for name, said in ACTION["inputs"].items()}
    environment = {
        name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: (defaults | inputs)[found[1]], value)
        for name, value in step["env"].items()
    }
    script = temporary / "step.sh"
    script.write_text(step["run"], encoding="utf-8")
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | environment | {
            "PYTHONPATH": str(ROOT),
            "RUNNER_TEMP": str(temporary),
            "GITHUB_OUTPUT": str(temporary / "output"),
            "GITHUB_STEP_SUMMARY": str(temporary / "summary.md"),
        },
    )  # fmt: skip


def test_the_action_annotates_and_summarises(tmp_path: Path) -> None:
    for name in ("a b", "c"):
        write_articles(tmp_path / name, 3)
    (tmp_path / "c" / "copy.md").write_text(article(1), encoding="utf-8")
    done = check(tmp_path, paths="a b\nc\n", arguments="--max-cluster=9\n\n--only=articles\n")
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=")
    assert (tmp_path / "runner" / "summary.md").read_text(encoding="utf-8").startswith("## dedup check failed")
    output = (tmp_path / "runner" / "output").read_text(encoding="utf-8")
    sarif = Path(output.strip().removeprefix("sarif="))
    assert len(json.loads(sarif.read_bytes())["runs"][0]["results"]) == 4


def test_the_action_passes(tmp_path: Path) -> None:
    write_articles(tmp_path / "content", 3)
    done = check(tmp_path, paths="content")
    assert (done.returncode, done.stderr.removeprefix(f"{COMPILING}\n")) == (0, "")


def test_an_input_of_the_action_is_never_run(tmp_path: Path) -> None:
    write_articles(tmp_path / "content", 3)
    done = check(tmp_path, paths="content", arguments='$(touch owned)\n"; touch owned; "\n')
    assert done.returncode != 0
    assert not (tmp_path / "owned").exists()
