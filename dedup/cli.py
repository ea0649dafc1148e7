"""The `dedup` command: options in, one job called, a summary and an exit code out."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dedup import __version__
from dedup.config import KINDS, Config
from dedup.errors import DedupError, LossError, UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_CODES = {LossError: 1, UsageError: 2}
EXIT_INPUT = 3
"""For every other DedupError."""

EXIT_INTERRUPT, EXIT_BROKEN_PIPE = 130, 141
"""As a shell reports a command that SIGINT or SIGPIPE ended: 128 and the number of the signal."""

DEFAULTS = Config()


class Group(click.Group):
    """Turns what can go wrong into one line on stderr and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        try:
            result = super().invoke(context)
            sys.stdout.flush()
            return result
        except DedupError as error:
            click.echo(f"dedup: {error}", err=True)
            context.exit(EXIT_CODES.get(type(error), EXIT_INPUT))
        except KeyboardInterrupt:
            click.echo("dedup: interrupted", err=True)
            context.exit(EXIT_INTERRUPT)
        except BrokenPipeError:
            # What is still in the buffer must not be tried again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            context.exit(EXIT_BROKEN_PIPE)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dedup")
def main() -> None:
    """Find what a scraped corpus says twice, and strip it.

    Three kinds of duplication go: sentences repeated inside an article, boilerplate that a site puts into all
    of its articles, and near-duplicate articles. Every removal is verified, explained in
    OUTPUT.dedup/decisions.jsonl, and can be undone with 'dedup restore'.
    """


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
    known = {option.name for option in context.command.params}
    settings = {name.replace("-", "_"): value for name, value in table.items()}
    for name in settings.keys() - known:
        raise UsageError(
            f"setting {name!r} is not known",
            file=path or "pyproject.toml",
            hint="'dedup clean --help' lists them.",
        )
    repeated = {option.name for option in context.command.params if getattr(option, "multiple", False)}
    context.default_map = {name: _as_option(value, name in repeated) for name, value in settings.items()}
    return path


def _as_option(value: Any, is_repeated: bool) -> Any:
    """Return a setting as click takes it: a list for an option that may be repeated, else a text with commas."""
    if is_repeated:
        return [value] if isinstance(value, str) else value
    return ",".join(value) if isinstance(value, list) else value


def _load_toml(path: str) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"is not valid TOML ({error})", file=path, hint="Mend it, or leave --config out.") from None


READING_OPTIONS = (
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
    click.option(
        "--format",
        type=click.Choice(["text", "jsonl", "csv", "tsv", "parquet"]),
        help="Format of inputs whose names do not tell.",
    ),
    click.option("--only", default=",".join(KINDS), show_default=True, help="Kinds of duplication to look for."),
    click.option(
        "--threshold",
        type=float,
        default=DEFAULTS.threshold,
        show_default=True,
        help="Least exact Jaccard similarity (0-1) of duplicate articles.",
    ),
    click.option(
        "--keep",
        default=DEFAULTS.keep,
        show_default=True,
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
        help="File of lines known to be boilerplate, wherever they stand.",
    ),
    click.option(
        "--max-loss",
        type=float,
        default=DEFAULTS.max_loss,
        show_default=True,
        help="Write nothing if more than this share (0-1) would go.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["fail", "skip"]),
        default="fail",
        show_default=True,
        help="Stop at an unreadable record, or set it aside.",
    ),
    click.option("--workers", type=click.IntRange(1), default=processors, show_default="processors", help="Threads."),
    click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False),
        callback=read_settings,
        is_eager=True,
        expose_value=False,
        help="TOML file with these options. [default: tool.dedup in pyproject.toml]",
    ),
    click.option("--force", is_flag=True, help="Replace an existing output."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Print every source and stage."),
)


def reading_options(command: Command) -> Command:
    """Add the options that say how input is read and what counts as a duplicate."""
    for option in reversed(READING_OPTIONS):
        command = option(command)
    return command


inputs_argument = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")


def output_option(metavar: str, text: str) -> Callable[[Command], Command]:
    """Add -o with its own name and help."""
    return click.option("-o", "--output", required=True, metavar=metavar, help=text)


sidecar_option = click.option(
    "--sidecar",
    type=click.Path(file_okay=False),
    help="Folder for decisions and undo data. [default: OUTPUT.dedup]",
)


@main.command()
@inputs_argument
@output_option("OUTPUT", "Cleaned corpus: a file for one input file, else a folder; - for standard output.")
@sidecar_option
@reading_options
def clean(inputs: tuple[str, ...], output: str, **options: Any) -> None:
    """Strip repeats, boilerplate and duplicate articles from INPUT.

    What is left goes to OUTPUT, in the same format. INPUT is files, folders, or - for JSON Lines on standard
    input. Decisions, report and undo data go to OUTPUT.dedup/.
    """
    from dedup import jobs

    with console_run(options) as (config, run, console):
        report = jobs.clean(list(inputs), output, config, run)
    console.finish(report)
    console.say_where(output)


@main.command()
@inputs_argument
@output_option("DECISIONS", "File for the decisions; - for standard output.")
@reading_options
def scan(inputs: tuple[str, ...], output: str, **options: Any) -> None:
    """Find and decide only: write what 'clean' would do, and why.

    'dedup apply' carries it out, now or later.
    """
    from dedup import jobs

    with console_run(options) as (config, run, console):
        report = jobs.scan(list(inputs), output, config, run)
    console.finish(report)


@main.command()
@click.argument("decisions", type=click.Path(exists=True, dir_okay=False))
@inputs_argument
@output_option("OUTPUT", "Cleaned corpus, as for 'clean'.")
@sidecar_option
@reading_options
def apply(decisions: str, inputs: tuple[str, ...], output: str, **options: Any) -> None:
    """Carry out what 'scan' decided.

    DECISIONS is the file that 'scan' made, with the same options, from the same INPUT. OUTPUT is what 'clean'
    would have written.
    """
    from dedup import jobs

    with console_run(options) as (config, run, console):
        report = jobs.apply(decisions, list(inputs), output, config, run)
    console.finish(report)
    console.say_where(output)


@main.command()
@click.argument("output", metavar="OUTPUT", type=click.Path(exists=True))
@click.option("-o", "--output", "original", required=True, metavar="ORIGINAL", help="Where to put the input again.")
@click.option(
    "--sidecar",
    type=click.Path(file_okay=False, exists=True),
    help="Folder with the undo data. [default: OUTPUT.dedup]",
)
@click.option("--force", is_flag=True, help="Replace an existing ORIGINAL.")
def restore(output: str, original: str, sidecar: str | None, force: bool) -> None:
    """Undo 'clean': rebuild from OUTPUT and OUTPUT.dedup/ what went in."""
    from dedup import undo

    undo.restore(output, original, sidecar=None if sidecar is None else Path(sidecar), force=force)


def console_run(options: dict[str, Any]) -> Any:
    """Turn the options of a command into a configuration, a run and a console to report to."""
    from dedup import console

    return console.opened(options)
