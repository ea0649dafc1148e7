"""What SECURITY.md says of the package and of what it is built on."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "dedup").rglob("*.py"))

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "socket"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "extractall"}
MAY_COMPILE = {"regex", "re"}


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """Yield what is called: the name before the dot, the name, and the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield "", node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                home = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
                yield home, node.func.attr, node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_runs_what_it_reads(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not set(imports(tree)) & FORBIDDEN_MODULES
    for home, name, call in calls(tree):
        assert name not in FORBIDDEN_CALLS or (name == "compile" and home in MAY_COMPILE), f"line {call.lineno}"
        options = {keyword.arg: keyword.value for keyword in call.keywords}
        shell = options.get("shell")
        assert not isinstance(shell, ast.Constant) or not shell.value, f"line {call.lineno}"
        if home in ("np", "numpy") and name == "load":
            allowed = options.get("allow_pickle")
            assert allowed is None or (isinstance(allowed, ast.Constant) and not allowed.value), f"line {call.lineno}"


def test_the_oldest_versions_tested_are_the_oldest_allowed() -> None:
    specification = importlib.util.spec_from_file_location("oldest", ROOT / ".ci" / "oldest.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8") == module.oldest(), "run python .ci/oldest.py"
