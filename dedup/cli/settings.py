"""The settings that hold, and where each is from."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from dedup.cli.options import SETTINGS, judging_options, writing_options


class Setting(NamedTuple):
    """The value of an option, None where it has none, and where it is from."""

    value: Any
    origin: str


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="Print values and origins as JSON.")
@judging_options
@writing_options
@click.pass_context
def config(context: click.Context, /, as_json: bool, **options: Any) -> None:
    """Print the settings that hold here, and where each is from.

    As TOML, such as --config takes: what the command line says, else the file given with --config, else
    [tool.dedup] in pyproject.toml, else the default. The output is a file that repeats these settings anywhere.
    """
    from dedup.console import configured

    configured(options)
    found = effective(context)
    if as_json:
        click.echo(json.dumps({name: setting._asdict() for name, setting in found.items()}, indent=2))
        return
    lines = {name: as_toml(name, setting.value) for name, setting in found.items()}
    width = max(map(len, lines.values()))
    for name, line in lines.items():
        click.echo(f"{line:{min(width, WIDEST)}}  # {found[name].origin}")


WIDEST = 60
"""Columns up to which origins stand below each other."""


def effective(context: click.Context) -> dict[str, Setting]:
    """Return every setting by its name, those of other commands, if a file has them, at the end."""
    file, settings = context.meta.get(SETTINGS, ("", {}))
    origins = {ParameterSource.COMMANDLINE: "command line", ParameterSource.DEFAULT_MAP: file}
    found = {}
    for option in context.command.params:
        name = str(option.name)
        if name in context.params and name != "as_json":
            origin = origins.get(context.get_parameter_source(name) or ParameterSource.DEFAULT, "default")
            found[_dashed(name)] = Setting(_plain(name, context.params[name]), origin)
    others = {name: value for name, value in settings.items() if name not in context.params}
    return found | {_dashed(name): Setting(value, file) for name, value in others.items()}


def as_toml(name: str, value: Any) -> str:
    """Return a line of TOML; a comment for what is not set, since TOML has no word for that.

    >>> as_toml("only", ["repeats"]), as_toml("format", None)
    ('only = ["repeats"]', '# format is not set')
    """
    if value is None:
        return f"# {name} is not set"
    # Strings, numbers, booleans and lists of JSON are TOML, but for one character.
    return f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")


def _plain(name: str, value: Any) -> Any:
    """Return a value as a file would say it."""
    if name == "only":
        return [kind.strip() for kind in value.split(",") if kind.strip()]
    return list(value) if isinstance(value, tuple) else value


def _dashed(name: str) -> str:
    return name.replace("_", "-")
