"""The `dedup` command: options in, one job called, a summary and an exit code out."""

from __future__ import annotations

import click

from dedup import __version__
from dedup.cli.check import check
from dedup.cli.clean import apply, clean, restore, scan
from dedup.cli.explain import explain
from dedup.cli.group import Group
from dedup.cli.index import index
from dedup.cli.settings import config
from dedup.cli.stats import stats
from dedup.cli.verify import verify


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dedup")
def main() -> None:
    """Find what a scraped corpus says twice, and strip it.

    Three kinds of duplication go: sentences repeated inside an article, boilerplate that a site puts into all
    of its articles, and near-duplicate articles. Every removal is verified, explained in
    OUTPUT.dedup/decisions.jsonl, and can be undone with 'dedup restore'.
    """


for command in (apply, check, clean, config, explain, index, restore, scan, stats, verify):
    main.add_command(command)
