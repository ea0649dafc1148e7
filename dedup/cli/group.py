"""What all commands share when something goes wrong: one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

import click

from dedup.errors import DedupError, LimitError, LossError, UsageError

EXIT_CODES = {LimitError: 1, LossError: 1, UsageError: 2}
EXIT_INPUT = 3
"""For every other DedupError."""

EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE
"""As a shell reports a command that a signal ended."""


GARBAGE_OBJECTS = 200_000
"""New objects after which Python looks for cycles among them; 700 unless told. Imports alone make 165,000 that stay."""


ENDINGS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""What signals that ask a command to end make of it."""


class _Ended(SystemExit):
    """Such a signal came. Like KeyboardInterrupt, nothing catches it but what clears away temporary files."""

    def __init__(self, number: int) -> None:
        self.number = signal.Signals(number)
        super().__init__(128 + number)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a command in an orderly way, unless the caller ignores them, as `nohup` does."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise _Ended(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDINGS}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


class Group(click.Group):
    """Turns what can go wrong into one line on stderr and an exit code."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Read the command line and run a command."""
        try:
            with _ended_by_signals():
                return super().main(*arguments, **options)
        except _Ended as ended:
            click.echo(f"dedup: {ENDINGS[ended.number]}", err=True)
            raise

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        settle_process()
        try:
            result = super().invoke(context)
            sys.stdout.flush()
            return result
        except DedupError as error:
            click.echo(f"dedup: {error}", err=True)
            context.exit(EXIT_CODES.get(type(error), EXIT_INPUT))
        except BrokenPipeError:
            # What is still in the buffer must not be tried again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            context.exit(EXIT_BROKEN_PIPE)


def settle_process() -> None:
    """Set what only the owner of a process may set; both save a twentieth of a second at the start of every run."""
    # numpy starts the threads of its BLAS as it is imported, and nothing here multiplies matrices.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Nothing here makes cycles in bulk.
    gc.set_threshold(GARBAGE_OBJECTS, *gc.get_threshold()[1:])
