"""Floors: the figures that were reached once, pinned with the hash of the set, and not given up unnoticed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from figures.figure import DECIMALS
from figures.suites import Measured


class Pinned(NamedTuple):
    """The floors of one set.

    Attributes:
        corpus: The hash of the set they were measured on.
        floors: The least good value allowed, by figure.
    """

    corpus: str
    floors: dict[str, float]


Floors = dict[str, Pinned]


def read(path: Path) -> Floors:
    """Read the floors; none where there is no file."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {name: Pinned(pinned["corpus"], pinned["floors"]) for name, pinned in content.items()}


def write(path: Path, floors: Floors) -> None:
    """Write the floors."""
    content = {name: pinned._asdict() for name, pinned in sorted(floors.items())}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def misses(measured: Measured, floors: Floors) -> list[str]:
    """Say in which ways a set falls short of its floors."""
    if measured.name not in floors:
        return [f"{measured.name}: no floors are pinned"]
    corpus, pinned = floors[measured.name]
    if measured.digest != corpus:
        return [f"{measured.name}: its floors were measured on another set ({corpus}, not {measured.digest})"]
    figures = {figure.name: figure for figure in measured.figures}
    unmeasured = [f"{measured.name}: {name} is not measured any more" for name in pinned if name not in figures]
    unpinned = [f"{measured.name}: {name} has no floor" for name in figures if name not in pinned]
    return [*unmeasured, *unpinned, *_worse(measured, pinned)]


def raised(measured: Iterable[Measured], floors: Floors) -> tuple[Floors, list[str]]:
    """Return the floors with those of the measured sets replaced by what was reached, and which of them are lower."""
    new = dict(floors)
    lower = []
    for found in measured:
        old = floors[found.name].floors if found.name in floors else {}
        lower += _worse(found, old)
        lower += [f"{found.name}: {name} goes" for name in old if name not in {figure.name for figure in found.figures}]
        values = {figure.name: round(figure.value, DECIMALS) for figure in found.figures}
        new[found.name] = Pinned(found.digest, values)
    return new, lower


def _worse(measured: Measured, pinned: dict[str, float]) -> list[str]:
    """Name the figures below their floors."""
    return [
        f"{measured.name}: {figure.name} is {figure.shown(figure.value)}, its floor {figure.shown(floor)}"
        for figure in measured.figures
        if (floor := pinned.get(figure.name)) is not None and not figure.reaches(floor)
    ]
