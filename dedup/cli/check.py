"""The gate for CI: limits, a baseline, and reports that CI systems read."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import click

from dedup.cli.options import console_run, inputs_argument, judging_options
from dedup.errors import UsageError

FORMATS = ("text", "json", "markdown", "github", "junit", "sarif")

RATIO_OPTIONS = tuple(
    click.option(
        f"--max-{kind}",
        multiple=True,
        metavar="[SOURCE=]RATIO",
        help=f"Most {what} (0-1), of all or of each source that fits a pattern; may be repeated. [default: 0]",
    )
    for kind, what in (
        ("duplicates", "documents that may be duplicates, as a share of all documents"),
        ("repeats", "text that may be repeats, as a share of all characters"),
        ("boilerplate", "text that may be boilerplate, as a share of all characters"),
    )
)


def limit_options(command: Any) -> Any:
    """Add the options that say what is allowed."""
    for option in reversed(RATIO_OPTIONS):
        command = option(command)
    return command


@click.command()
@inputs_argument
@limit_options
@click.option("--max-cluster", type=click.IntRange(1), metavar="N", help="Most documents of one article.")
@click.option("--max-flags", type=click.IntRange(0), metavar="N", help="Most texts that are suspicious but may stay.")
@click.option("--baseline", type=click.Path(dir_okay=False), help="File of findings that are known and do not count.")
@click.option("--update-baseline", is_flag=True, help="Write what is found to the baseline.")
@click.option("--changed-since", metavar="REV", help="Count only what concerns files changed since a Git revision.")
@click.option("--changed-files", metavar="LIST", help="Count only what concerns the files in a list; - for stdin.")
@click.option(
    "--format",
    "reports",
    multiple=True,
    default=["text"],
    show_default=True,
    metavar="FORMAT[=FILE]",
    help=f"What to print, or write to a file: {', '.join(FORMATS)}; may be repeated.",
)
@functools.partial(judging_options, format_name="--input-format")
def check(inputs: tuple[str, ...], reports: tuple[str, ...], **options: Any) -> None:
    """Fail if INPUT has more duplication than allowed: a gate for CI.

    Exit code 1 says that a limit is exceeded. By default nothing that 'clean' would remove is allowed. A plain
    RATIO is for all sources together, and one with a SOURCE, which may have the wildcards * and ?, for each
    source by itself; of several that fit, the last holds. INPUT is not changed.
    """
    from dedup.gate.check import check as judge

    wanted = [_report(said) for said in reports]
    rules = _rules(options)
    with console_run(options) as (config, run, _):
        verdict = judge(list(inputs), config, run, rules)
    _write(verdict, wanted, options)
    verdict.enforce()


def _report(said: str) -> tuple[str, str]:
    """Return the format and the file, `-` for standard output, of a report."""
    name, _, file = said.partition("=")
    if name not in FORMATS:
        raise UsageError(f"report format {name!r} is not known", hint=f"Use one of {', '.join(FORMATS)}.")
    return name, file or "-"


def _rules(options: dict[str, Any]) -> Any:
    """Turn options into what the check goes by."""
    from dedup.gate.check import Rules
    from dedup.gate.limits import RATIOS, Limit, limits_of

    limits = [limit for kind in RATIOS for limit in limits_of(kind, options[f"max_{kind}"])]
    limits += [Limit("cluster", options["max_cluster"])] if options["max_cluster"] is not None else []
    limits += [Limit("flags", options["max_flags"])] if options["max_flags"] is not None else []
    return Rules(
        limits=tuple(limits),
        baseline=None if options["baseline"] is None else Path(options["baseline"]),
        update_baseline=options["update_baseline"],
        changed_since=options["changed_since"],
        changed_files=options["changed_files"],
    )


def _write(verdict: Any, reports: list[tuple[str, str]], options: dict[str, Any]) -> None:
    """Write every report; quietly, standard output stays empty when all is well."""
    from dedup.gate.formats import renderer
    from dedup.gate.output import write_whole

    for name, file in reports:
        text = renderer(name, verbose=options["verbose"])(verdict)
        if file != "-":
            write_whole(Path(file), text.encode("utf-8", "replace"))
        elif not (options["quiet"] and name == "text" and not verdict.exceeded):
            sys.stdout.buffer.write(text.encode("utf-8", "replace"))
