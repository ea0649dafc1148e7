"""Measure how good the results are on labelled sets, and compare with the floors in benchmarks/quality.json.

    python benchmarks/quality.py DATA_DIR [--set NAME]... [--markdown DIR] [--notes] [--json FILE] [--peers CACHE_DIR]
        [--update-floors [--allow-lower]]

DATA_DIR holds the sets, `NAME.jsonl.zst`, or is the folder `fixtures`; sets that are not there are left out. A target
is what we want, a floor is what was reached: the exit code is 1 when a floor is missed. With --peers other tools are
installed, each into an environment of its own below CACHE_DIR, and measured on the same sets. With --notes what a
person should look at is listed: headlines that go, lines that stand once. --markdown names a folder of Markdown files,
such as those of a package of documentation, of which nothing may go; it has targets and no floors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from figures import floors, peers, untouched
from figures.figure import markdown
from figures.floors import Floors
from figures.suites import NAMES, Measured, measure

FLOORS = Path(__file__).with_suffix(".json")


def rows(measured: list[Measured], pinned: Floors) -> list[list[str]]:
    """Return a row for each figure: set, figure, value, target, floor."""
    table = []
    for found in measured:
        floor_of = pinned[found.name].floors if found.name in pinned else {}
        for figure in found.figures:
            missed = figure.target is not None and not figure.reaches(figure.target)
            values = [figure.shown(v) for v in (figure.value, figure.target, floor_of.get(figure.name))]
            table.append([f"{found.name}: {figure.name.replace('_', ' ')}", *values, "missed" if missed else ""])
    return table


def side_by_side(measured: list[Measured]) -> tuple[list[str], list[list[str]]]:
    """Return what is asked of all text of which nothing may go: header, and a row for each set."""
    header = ["", *(name.replace("_", " ") for name in untouched.COLUMNS)]
    return header, [[found.name, *(f.shown(f.value) for f in found.of_clean_text)] for found in measured]


def as_json(measured: list[Measured], others: list[peers.Table]) -> dict[str, Any]:
    """Return everything measured, shares as fractions."""
    return {
        "sets": {m.name: {"corpus": m.digest, "figures": {f.name: f.value for f in m.figures}} for m in measured},
        "peers": {table.name: table.values for table in others},
    }


def update(measured: list[Measured], pinned: Floors, allow_lower: bool) -> None:
    """Pin what was reached; refuse to give a floor up unless that is allowed."""
    new, lower = floors.raised(measured, pinned)
    if lower and not allow_lower:
        raise click.ClickException("floors would be lowered; if they must, say --allow-lower:\n" + "\n".join(lower))
    floors.write(FLOORS, new)


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--set", "chosen", type=click.Choice(NAMES), multiple=True, help="Measure this only; may be repeated.")
@click.option("--markdown", "docs", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Measure too.")
@click.option("--notes", is_flag=True, help="List what a person should look at.")
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
@click.option("--peers", "cache", type=click.Path(file_okay=False, path_type=Path), help="Install and measure others.")
@click.option("--update-floors", is_flag=True, help="Pin what was reached in benchmarks/quality.json.")
@click.option("--allow-lower", is_flag=True, help="Let --update-floors lower a floor.")
def main(
    data: Path,
    chosen: tuple[str, ...],
    docs: Path | None,
    notes: bool,
    target: Path | None,
    cache: Path | None,
    update_floors: bool,
    allow_lower: bool,
) -> None:
    """Print the figures of every set in DATA; exit with 1 when one is below its floor."""
    measured = list(measure(data, chosen or NAMES))
    if not measured and not docs:
        raise click.UsageError(f"{data} holds none of the labelled sets")
    pinned = floors.read(FLOORS)
    free = [Measured("markdown", *untouched.markdown(docs))] if docs else []
    click.echo(markdown(["figure", "value", "target", "floor", ""], rows([*measured, *free], pinned)))
    if clean := [found for found in [*measured, *free] if found.of_clean_text]:
        click.echo(f"\nnothing may go\n\n{markdown(*side_by_side(clean))}")
    if notes:
        click.echo("".join(f"\n{found.name}: {note}" for found in [*measured, *free] for note in found.notes))
    others = []
    for table in peers.measure(data, cache, chosen or NAMES):
        others.append(table)
        click.echo(f"\n{table.name}\n\n{markdown(*table.cells())}")
    if target:
        target.write_text(json.dumps(as_json([*measured, *free], others), indent=1) + "\n", encoding="utf-8")
    if update_floors:
        update(measured, pinned, allow_lower)
        return
    missed = [line for found in measured for line in floors.misses(found, pinned)]
    if missed:
        raise click.ClickException("floors are missed:\n" + "\n".join(missed))


if __name__ == "__main__":
    main()
