"""The options that commands share, and where their defaults come from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from dedup.cli.completion import complete_keep, complete_kinds, complete_path
from dedup.config import AMOUNTS, EXTRACTIONS, KINDS, Config
from dedup.errors import UsageError
from dedup.formats.compression import MAX_EXPANSION
from dedup.sizes import size_of

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULTS = Config()

SETTINGS = "dedup.settings"
"""In `click.Context.meta`: the name of the file that settings were read from, and the settings, if there was one."""


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_settings(context: click.Context, parameter: click.Parameter, path: str | None) -> str | None:
    """Make the settings of a TOML file the defaults of the command; flags win."""
    table: Any
    if path is None:
        if not Path("pyproject.toml").is_file():
            return None
        table = _load_toml("pyproject.toml").get("tool", {}).get("dedup", {})
    else:
        table = _load_toml(path)
        table = table.get("tool", {}).get("dedup", {}) if Path(path).name == "pyproject.toml" else table
    settings = {name.replace("-", "_"): value for name, value in table.items()}
    for name in settings.keys() - _settings_of_all_commands(context):
        raise UsageError(
            f"setting {name!r} is not known",
            file=path or "pyproject.toml",
            hint="'dedup clean --help' lists them.",
        )
    repeated = {option.name for option in context.command.params if getattr(option, "multiple", False)}
    context.meta[SETTINGS] = path or "pyproject.toml", settings
    context.default_map = {name: _as_option(value, name in repeated) for name, value in settings.items()}
    return path


def _settings_of_all_commands(context: click.Context) -> set[str | None]:
    """Return the names that may stand in a file: one file serves all commands, and each takes what it knows."""
    group = context.find_root().command
    commands = group.commands.values() if isinstance(group, click.Group) else [context.command]
    return {option.name for command in commands for option in command.params if isinstance(option, click.Option)}


def _as_option(value: Any, is_repeated: bool) -> Any:
    """Return a setting as click takes it: a list for an option that may be repeated, else a text with commas."""
    if is_repeated:
        return value if isinstance(value, list) else [value]
    return ",".join(value) if isinstance(value, list) else value


def _load_toml(path: str) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"is not valid TOML ({error})", file=path, hint="Mend it, or leave --config out.") from None


FIELD_OPTIONS = (
    click.option(
        "--text-field",
        default=DEFAULTS.text_field,
        show_default=True,
        help="Field with the text; a.b reaches nested fields.",
    ),
    click.option(
        "--id-field",
        default=DEFAULTS.id_field,
        show_default=True,
        help="Field that names a document in decisions.",
    ),
    click.option(
        "--source-field",
        default=DEFAULTS.source_field,
        help="Field with the site. [default: source, else domain, else the host of url, else the folder]",
    ),
)

on_error_option = click.option(
    "--on-error",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="Stop at an unreadable record, or set it aside.",
)

max_expansion_option = click.option(
    "--max-expansion",
    type=click.FloatRange(1),
    default=MAX_EXPANSION,
    show_default=True,
    metavar="TIMES",
    help="Refuse a compressed or Parquet file that holds over 1 GB and this many times its bytes: a bomb.",
)

workers_option = click.option(
    "--workers", type=click.IntRange(1), default=processors, show_default="processors", help="Threads."
)


JUDGING_OPTIONS = (
    click.option(
        "--extract",
        type=click.Choice(EXTRACTIONS),
        default=DEFAULTS.extract,
        show_default=True,
        help="Of web pages, take the article, or all visible lines.",
    ),
    click.option(
        "--only",
        default=",".join(KINDS),
        show_default=True,
        shell_complete=complete_kinds,
        help="Kinds of duplication to look for.",
    ),
    click.option(
        "--repeats",
        type=click.Choice(AMOUNTS),
        default=DEFAULTS.repeats,
        show_default=True,
        help="Of repeats inside a document, cut those that are accidents of the page, or all.",
    ),
    click.option(
        "--boilerplate",
        type=click.Choice(AMOUNTS),
        default=DEFAULTS.boilerplate,
        show_default=True,
        help="Cut lines that recur beside the same ones, or also what stands once between such lines.",
    ),
    click.option(
        "--threshold",
        type=float,
        default=DEFAULTS.threshold,
        show_default=True,
        help="Least exact Jaccard similarity (0-1) of duplicate articles.",
    ),
    click.option(
        "--original-floor",
        type=float,
        default=DEFAULTS.original_floor,
        show_default=True,
        metavar="RATIO",
        help="Least similarity (0-1) that they must have as they came, before anything was cut.",
    ),
    click.option(
        "--keep",
        default=DEFAULTS.keep,
        show_default=True,
        shell_complete=complete_keep,
        help="Which article stays: longest, shortest, first, last, max:FIELD, min:FIELD.",
    ),
    click.option(
        "--drop-contained",
        type=float,
        default=DEFAULTS.drop_contained,
        metavar="RATIO",
        help="Drop a document of which a longer one of its source holds this share (0-1). [default: only flag it]",
    ),
    click.option(
        "--protect",
        multiple=True,
        metavar="REGEX",
        help="Never cut a line or sentence in which this is found; may be repeated.",
    ),
    click.option(
        "--template-list",
        type=click.Path(exists=True, dir_okay=False),
        help="File of lines known to be boilerplate, wherever they stand; with * at the end, all that begin so.",
    ),
    on_error_option,
    max_expansion_option,
    workers_option,
    click.option(
        "--memory-limit",
        type=size_of,
        metavar="SIZE",
        help="Most memory to take, such as 2G: what does not fit goes to temporary files.",
    ),
    click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False),
        callback=read_settings,
        is_eager=True,
        expose_value=False,
        help="TOML file with these options. [default: tool.dedup in pyproject.toml]",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Print every source and stage."),
)


force_option = click.option("--force", is_flag=True, help="Replace an existing output.")


WRITING_OPTIONS = (
    click.option(
        "--max-loss",
        type=float,
        default=DEFAULTS.max_loss,
        show_default=True,
        help="Write nothing if more than this share (0-1) would go.",
    ),
    force_option,
)


def format_option(name: str) -> Callable[[Command], Command]:
    """Add the option that says what inputs are whose names do not tell."""
    return click.option(
        name,
        "format",
        type=click.Choice(["text", "jsonl", "csv", "tsv", "parquet", "html", "warc"]),
        help="Format of inputs whose names do not tell.",
    )


def judging_options(command: Command, format_name: str = "--format") -> Command:
    """Add the options that say how input is read and what counts as a duplicate.

    The format of inputs has another name where `--format` is that of the output.
    """
    return add_options((*FIELD_OPTIONS, format_option(format_name), *JUDGING_OPTIONS), command)


def writing_options(command: Command) -> Command:
    """Add the options of a command that writes what it decided."""
    return add_options(WRITING_OPTIONS, command)


def add_options(options: tuple[Callable[[Command], Command], ...], command: Command) -> Command:
    """Add options in the order in which help is to show them."""
    for option in reversed(options):
        command = option(command)
    return command


inputs_argument = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", shell_complete=complete_path)


def output_option(metavar: str, text: str) -> Callable[[Command], Command]:
    """Add -o with its own name and help."""
    return click.option("-o", "--output", required=True, metavar=metavar, shell_complete=complete_path, help=text)


sidecar_option = click.option(
    "--sidecar",
    type=click.Path(file_okay=False),
    help="Folder for decisions and undo data. [default: OUTPUT.dedup]",
)


work_dir_option = click.option(
    "--work-dir",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Keep finished stages here: the same command, given again after it was killed, goes on from there.",
)


def console_run(options: dict[str, Any]) -> Any:
    """Turn the options of a command into a configuration, a run and a console to report to."""
    from dedup import console

    return console.opened(options)


def first_with_index(index: str | None) -> dict[str, str]:
    """Return the keep policy that goes with an index, if there is one and nobody asked for another."""
    asked = click.get_current_context().get_parameter_source("keep")
    return {"keep": "first"} if index is not None and asked is ParameterSource.DEFAULT else {}
