"""Why a document went, lost something or stayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from dedup.cli.options import console_run, inputs_argument, judging_options
from dedup.config import Config
from dedup.errors import UsageError


def check_names(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse more than two documents, or one twice."""
    if len(names) > 2 or len(set(names)) < len(names):
        raise click.BadParameter("name one document, or two different ones", context, parameter)
    return names


def refuse_settings(context: click.Context) -> None:
    """Refuse settings beside decisions, which were made under settings of their own."""
    settings = {*Config.__dataclass_fields__, "template_list"}
    for option in context.command.params:
        is_typed = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        if is_typed and option.name in settings:
            raise UsageError(
                f"{option.opts[0]} and --decisions do not go together",
                hint="The settings are those that the decisions were made under.",
            )


@click.command()
@inputs_argument
@click.option(
    "--id",
    "names",
    multiple=True,
    required=True,
    metavar="ID",
    callback=check_names,
    help="Document to explain: its id, or FILE:RECORD. A second one is compared with it.",
)
@click.option(
    "--decisions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Decisions of a finished run on INPUT, to be taken instead of scanning.",
)
@click.option("--json", is_flag=True, help="Print all of it as JSON.")
@judging_options
def explain(
    inputs: tuple[str, ...], names: tuple[str, ...], decisions: Path | None, json: bool, **options: Any
) -> None:
    """Say what happens to a document, and why; or compare two.

    Looks at all of INPUT, since what happens to one document depends on the others.
    """
    from dedup import jobs, stories

    if decisions is not None:
        refuse_settings(click.get_current_context())
    with console_run(options) as (config, run, _):
        told, comparison = jobs.explain(list(inputs), list(names), config, run, decisions)
    if json:
        click.echo(stories.as_json(told, comparison), nl=False)
    else:
        stories.show(told, comparison)
