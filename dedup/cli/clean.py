"""The main job, whole or in its two halves, and its undoing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dedup.cli.engines import clean_on_spark, engine_options
from dedup.cli.options import (
    console_run,
    first_with_index,
    inputs_argument,
    judging_options,
    output_option,
    sidecar_option,
    work_dir_option,
    writing_options,
)


@click.command()
@inputs_argument
@output_option("OUTPUT", "Cleaned corpus: a file for one input file, else a folder; - for standard output.")
@sidecar_option
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write the page of 'dedup stats --html' too.",
)
@click.option(
    "--index",
    metavar="INDEX",
    type=click.Path(file_okay=False),
    help="Folder of what is stored: judge against it, and add what stays. Implies --keep first.",
)
@work_dir_option
@engine_options
@judging_options
@writing_options
def clean(inputs: tuple[str, ...], output: str, report: str | None, index: str | None, **options: Any) -> None:
    """Strip repeats, boilerplate and duplicate articles from INPUT.

    \b
    repeats      what one article says again by accident: its caption, headline
    boilerplate  a site's lines, beside the same lines in article after article
    articles     copies of an article that stays, equal as they came or nearly

    What differs from article to article is content and stays; so does, flagged, what may be content: values behind
    labels, dates, facts and formulas, headings and lists of Markdown.

    What is left goes to OUTPUT, in the same format. INPUT is files, folders, or - for JSON Lines on standard
    input. Decisions, report and undo data go to OUTPUT.dedup/.
    """  # noqa: D301  (click asks for the character)
    if options.pop("engine") == "spark":
        clean_on_spark(inputs, output, options)
        return
    from dedup import jobs

    options |= {"page": report, "index": index} | first_with_index(index)
    with console_run(options) as (config, run, console):
        summary = jobs.clean(list(inputs), output, config, run)
    console.finish(summary)
    console.say_where(output)


@click.command()
@inputs_argument
@output_option("DECISIONS", "File for the decisions; - for standard output.")
@work_dir_option
@judging_options
@writing_options
def scan(inputs: tuple[str, ...], output: str, **options: Any) -> None:
    """Find and decide only: write what 'clean' would do, and why.

    'dedup apply' carries it out, now or later.
    """
    from dedup import jobs

    with console_run(options) as (config, run, console):
        report = jobs.scan(list(inputs), output, config, run)
    console.finish(report)


@click.command()
@click.argument("decisions", type=click.Path(exists=True, dir_okay=False))
@inputs_argument
@output_option("OUTPUT", "Cleaned corpus, as for 'clean'.")
@sidecar_option
@judging_options
@writing_options
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


@click.command()
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
