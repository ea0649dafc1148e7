"""What a corpus says twice, as numbers and as a page."""

from __future__ import annotations

from typing import Any

import click

from dedup.cli.options import console_run, force_option, inputs_argument, judging_options


@click.command()
@inputs_argument
@click.option("--json", is_flag=True, help="Print report.json, as 'clean' writes it, and no tables.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write a page with charts and examples: one file that needs nothing else.",
)
@click.option("--threshold-sweep", is_flag=True, help="Add what would go at thresholds from 0.5 to 1.")
@judging_options
@force_option
def stats(inputs: tuple[str, ...], json: bool, html: str | None, threshold_sweep: bool, **options: Any) -> None:
    """Show what INPUT says twice: how much, where and what.

    Finds and decides as 'clean' does, with the same options, and changes nothing.
    """
    from dedup import jobs, tables

    with console_run(options | {"page": html}) as (config, run, _):
        report = jobs.statistics(list(inputs), config, run, is_swept=threshold_sweep)
    if json:
        click.echo(jobs.as_json(report), nl=False)
    elif not options["quiet"]:
        tables.print_statistics(report, is_verbose=options["verbose"])
