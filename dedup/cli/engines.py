"""Where a corpus is cleaned: on this machine, or on a cluster that runs Spark."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from dedup.cli.options import Command, add_options
from dedup.errors import UsageError

ENGINES = ("local", "spark")

OF_THE_LOCAL_ENGINE = ("index", "report", "work_dir", "extract", "max_expansion", "workers", "memory_limit")
"""Options that Spark does not carry out, or has settings of its own for."""


def engine_options(command: Command) -> Command:
    """Add the options that say where a corpus is cleaned."""
    return add_options(
        (
            click.option(
                "--engine",
                type=click.Choice(ENGINES),
                default="local",
                show_default=True,
                help="Clean on this machine, or on Spark: JSON Lines or Parquet at any path that Spark reads.",
            ),
            click.option(
                "--master",
                metavar="URL",
                help="Where Spark runs, such as local[8] or spark://HOST:7077. [default: as its own settings say]",
            ),
        ),
        command,
    )


def clean_on_spark(inputs: tuple[str, ...], output: str, options: dict[str, Any]) -> None:
    """Clean a corpus on Spark, and report as for a local run."""
    from dedup import console
    from dedup.spark import session
    from dedup.staging import SIDECAR_SUFFIX

    _refuse_local_options()
    _refuse_streams(inputs, output)
    config = console.configured(options)
    beside = options["sidecar"] or f"{output.rstrip('/')}{SIDECAR_SUFFIX}"
    screen = console.Console(options["quiet"], options["verbose"], beside)
    with session.opened(options["master"]) as context:
        from dedup.spark import jobs

        report = jobs.clean(
            context,
            inputs,
            output,
            config,
            format_name=options["format"],
            sidecar=options["sidecar"],
            force=options["force"],
            skips_bad=options["on_error"] == "skip",
        )
    screen.finish(report)
    screen.say_where(output)


def _refuse_local_options() -> None:
    """Raise UsageError for what was asked for, on the command line or in a file of settings, and would not happen."""
    context = click.get_current_context()
    for name in OF_THE_LOCAL_ENGINE:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with --engine spark",
                hint="Leave it out; Spark has its own settings for its size and memory.",
            )


def _refuse_streams(inputs: tuple[str, ...], output: str) -> None:
    if "-" in (*inputs, output):
        raise UsageError("Spark reads and writes no standard streams", hint="Name files or folders.")
