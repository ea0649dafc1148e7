"""The audit of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dedup.cli.options import format_option, inputs_argument


@click.command()
@inputs_argument
@click.argument("output", metavar="OUTPUT", type=click.Path(exists=True))
@click.option(
    "--sidecar",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder with decisions and undo data. [default: OUTPUT.dedup]",
)
@format_option("--format")
@click.option("-q", "--quiet", is_flag=True, help="Print violations only.")
@click.pass_context
def verify(context: click.Context, /, inputs: tuple[str, ...], output: str, quiet: bool, **options: Any) -> None:
    """Check that OUTPUT is what its decisions leave of INPUT.

    Everything is derived anew from the files: counts, similarities, quotations, the bytes that no decision
    names, and that INPUT can be restored. Violations go to standard output, the exit code is then 1.
    """
    from dedup.console import Console
    from dedup.quick import quick_loading
    from dedup.verify.run import verify
    from dedup.visible import one_line

    console = Console(quiet, verbose=False, sidecar=None)
    with quick_loading(), console.progress() as progress:
        verdict = verify(list(inputs), output, progress=progress, **options)
    for violation in verdict.violations:
        click.echo(one_line(str(violation)))
    console.note(verdict.summary)
    context.exit(1 if verdict.count else 0)
