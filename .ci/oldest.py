"""Write .ci/oldest.txt: every version that pyproject.toml still allows, as constraints for pip."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("test",)
"""The extras that the tests with the oldest versions need."""


def constraints(requirements: Iterable[str]) -> str:
    """Return each requirement with its lower bound as its version."""
    found = []
    for requirement in map(Requirement, requirements):
        (lowest,) = [bound.version for bound in requirement.specifier if bound.operator == ">="]
        found.append(f"{requirement.name}=={lowest}\n")
    return "".join(sorted(found))


def oldest() -> str:
    """Return the constraints that pyproject.toml comes to."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [name for extra in EXTRAS for name in project["optional-dependencies"][extra]]
    return constraints([*project["dependencies"], *extras])


if __name__ == "__main__":
    (ROOT / ".ci" / "oldest.txt").write_text(oldest(), encoding="utf-8")
