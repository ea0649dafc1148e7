"""What a store holds already: looking after the index that `clean --index` judges against."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dedup.cli.options import (
    FIELD_OPTIONS,
    Command,
    add_options,
    format_option,
    inputs_argument,
    max_expansion_option,
    on_error_option,
    workers_option,
)

READING_OPTIONS = (
    *FIELD_OPTIONS,
    format_option("--format"),
    on_error_option,
    max_expansion_option,
    workers_option,
)

json_option = click.option("--json", is_flag=True, help="Print JSON.")


def index_argument(command: Command) -> Command:
    """Add the folder of the index."""
    return click.argument("index", type=click.Path(file_okay=False, path_type=Path), metavar="INDEX")(command)


def reading_options(command: Command) -> Command:
    """Add the options that say how files are read."""
    return add_options(READING_OPTIONS, command)


def reading(options: dict[str, Any]) -> Any:
    """Return how files are read."""
    from dedup.index.upkeep import Reading

    names = ("text_field", "id_field", "source_field")
    return Reading({name: options.pop(name) for name in names}, **options)


def write_lines(rows: Any) -> None:
    """Print JSON Lines."""
    import msgspec

    for row in rows:
        sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")


@click.group()
def index() -> None:
    """Look after an index, the memory of what is stored."""


@index.command()
@index_argument
@json_option
def info(index: Path, json: bool) -> None:
    """Say what INDEX holds, how large it is and what it was made with."""
    from dedup.index import upkeep

    found = upkeep.info(index)
    if json:
        write_lines([found])
        return
    for name, value in (found | found.pop("settings")).items():
        shown = f"{value:,}" if isinstance(value, int) else value
        click.echo(f"{name.replace('_', ' '):20}{shown}")


@index.command()
@index_argument
@inputs_argument
@reading_options
def add(index: Path, inputs: tuple[str, ...], **options: Any) -> None:
    """Take all documents of INPUT as stored, without cleaning them.

    For what is stored already when the index is made. INDEX is made if there is none.
    """
    from dedup.index import upkeep

    done = upkeep.add(index, list(inputs), reading(options))
    click.echo(f"{done['added']:,} documents added, {done['documents']:,} in all", err=True)
    if done["late_boilerplate"]:
        lines = len(done["late_boilerplate"])
        click.echo(
            f"{lines:,} lines that they carry are boilerplate: 'dedup index export --templates {index}'", err=True
        )


@index.command()
@index_argument
@inputs_argument
@reading_options
def query(index: Path, inputs: tuple[str, ...], **options: Any) -> None:
    """Judge the documents of INPUT, each on its own; add nothing.

    Prints a line of JSON for each: whether it is new or a duplicate, of what, and how similar.
    """
    from dedup.index import upkeep

    write_lines(upkeep.query(index, list(inputs), reading(options)))


@index.command()
@index_argument
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def remove(index: Path, ids: tuple[str, ...]) -> None:
    """Forget stored documents: what is like them is new again.

    Their texts are erased by the next 'compact'.
    """
    from dedup.index import upkeep

    click.echo(f"{upkeep.remove(index, ids):,} documents removed", err=True)


@index.command()
@index_argument
def compact(index: Path) -> None:
    """Rewrite INDEX in one piece, and erase what was removed."""
    from dedup.index import upkeep

    size = upkeep.compact(index)
    click.echo(f"{size['before']:,} bytes before, {size['after']:,} after", err=True)


@index.command()
@index_argument
@click.argument("other", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="OTHER")
@workers_option
def merge(index: Path, other: Path, workers: int) -> None:
    """Add to INDEX what OTHER holds and INDEX does not.

    Of duplicates, what INDEX holds stays. OTHER is not changed.
    """
    from dedup.index import upkeep

    done = upkeep.merge(index, other, workers)
    click.echo(f"{done['added']:,} of {done['read']:,} documents added, {done['duplicates']:,} duplicates", err=True)


@index.command()
@index_argument
@click.pass_context
def verify(context: click.Context, index: Path) -> None:
    """Check every file, text and key of INDEX.

    Exits with 1 if something is wrong, and names it.
    """
    from dedup.index import upkeep

    faults = 0
    for fault in upkeep.verify(index):
        click.echo(fault, err=True)
        faults += 1
    if faults:
        context.exit(1)
    click.echo(f"{upkeep.info(index)['documents']:,} documents, nothing wrong", err=True)


@index.command()
@index_argument
@click.option("--templates", is_flag=True, help="Print the known boilerplate instead of the documents.")
def export(index: Path, templates: bool) -> None:
    """Print the stored documents with their texts as JSON Lines."""
    from dedup.index import upkeep

    write_lines(upkeep.templates(index) if templates else upkeep.documents(index))
