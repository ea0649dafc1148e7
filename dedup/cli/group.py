"""What all commands share when something goes wrong: one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from dedup.errors import DedupError, LossError, UsageError

EXIT_CODES = {LossError: 1, UsageError: 2}
EXIT_INPUT = 3
"""For every other DedupError."""

EXIT_INTERRUPT, EXIT_BROKEN_PIPE = 130, 141
"""As a shell reports a command that SIGINT or SIGPIPE ended: 128 and the number of the signal."""


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
