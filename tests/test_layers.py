"""Imports point down only, and never in circles."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "dedup"

LAYERS = (
    {"columns", "errors", "kernels", "limit", "parallel", "quick", "sizes", "spill", "unicode", "visible", "work"},
    {"config", "lexicon", "model", "protection"},
    {
        "assembly",
        "decisions",
        "edit",
        "formats",
        "forms",
        "manifest",
        "parts",
        "readers",
        "segment",
        "shingle",
        "sources",
        "stages",
        "staging",
        "undo",
        "writers",
    },
    {
        "accidents",
        "boilerplate",
        "captions",
        "cluster",
        "containment",
        "fragments",
        "furniture",
        "kept_segments",
        "lsh",
        "markdown",
        "repeats",
        "sentences",
        "signature",
        "structure",
        "versions",
    },
    {"policy", "findings", "quotes"},
    {
        "audit",
        "explain",
        "keeping",
        "memory",
        "outright",
        "page",
        "pairs",
        "pipeline",
        "plan",
        "replay",
        "report",
        "sweep",
    },
    {"index"},
    {"api", "jobs", "scrapy", "spark", "verify"},
    {"gate"},
    {"bars", "cli", "console", "stories", "tables"},
)
"""Every module, or folder of modules, on its layer."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def unit_of(path: Path) -> str:
    """The module, or the folder that holds it, as `LAYERS` names it."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The modules of the package that a module names, wherever in it: `a` of `dedup.a`, `dedup.a.b`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {".".join(name.split(".")[1:]) for name in names if name.startswith("dedup.")}
    return {name for name in found if is_module(name) or is_module(name.rpartition(".")[0])}


def is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return bool(name) and (path.with_suffix(".py").is_file() or path.is_dir())


def layer_of(unit: str) -> int:
    (layer,) = [number for number, units in enumerate(LAYERS) if unit in units]
    return layer


def test_every_module_has_a_layer() -> None:
    units = {unit_of(path) for path in MODULES} - {"__init__"}
    assert units == {unit for units in LAYERS for unit in units}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path) -> None:
    if unit_of(path) == "__init__":
        return
    own = layer_of(unit_of(path))
    upward = {name for name in imported(path) if layer_of(name.split(".")[0]) > own}
    assert upward == set()


def test_modules_of_one_layer_do_not_import_in_circles() -> None:
    graph = {unit: set[str]() for units in LAYERS for unit in units}
    for path in MODULES:
        if unit_of(path) != "__init__":
            graph[unit_of(path)] |= {name.split(".")[0] for name in imported(path)} - {unit_of(path)}
    TopologicalSorter(graph).prepare()


def test_the_kernels_know_nothing_but_kernels_arrays_and_tables() -> None:
    for path in (PACKAGE / "kernels").glob("*.py"):
        assert {name.split(".")[0] for name in imported(path)} <= {"columns", "kernels", "unicode"}
