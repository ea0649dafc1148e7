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
from typing import Any, TextIO

import click

from dedup.errors import DedupError, LimitError, LossError, OutputError, UsageError

EXIT_CODES = {LimitError: 1, LossError: 1, UsageError: 2}
EXIT_INPUT = 3
"""For every other DedupError."""

EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE
"""As a shell reports a command that a signal ended."""


GARBAGE_OBJECTS = 200_000
"""New objects after which Python looks for cycles among them; 700 unless told. Imports alone make 165,000 that stay."""


ENDINGS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""What signals that ask a command to end make of it."""


AGAIN_S = 0.02
"""After what time a command that should have ended, and did not, is told once more."""

LOCKS = {"__enter__", "__exit__", "acquire", "release"}
LOCKING = {
    "threading",
    "concurrent.futures.thread",
    "concurrent.futures._base",
    "importlib._bootstrap",
    "_frozen_importlib",
}
"""Functions and modules in Python that take locks: broken off in between, they would keep them, and threads that wait
for one would never end."""


CALLING_LOCK = "llvmlite.binding.ffi"
"""The module of a lock that calls others, numba's events for one, when it is already taken and not yet entered."""

LOADING = "numba.core.caching"
"""The module that loads compiled kernels, some milliseconds each. LLVM calls back from there for their code, and what
is raised then counts for no code at all: the process would crash."""


class _Ended(SystemExit):
    """Such a signal came. Like KeyboardInterrupt, nothing catches it but what clears away temporary files."""

    def __init__(self, number: int) -> None:
        self.number = signal.Signals(number)
        super().__init__(128 + number)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a command in an orderly way, unless the caller ignores them, as `nohup` does.

    What is raised in a destructor, or where compiled code calls back, has no effect, and an import may fail in a way of
    its own. So it is raised again until somebody sees it, and whatever else is raised behind it counts for nothing.
    Where a lock is being taken, or a kernel loaded, it is not raised until that is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (*ENDINGS, signal.SIGALRM)}
    heard = [number for number in ENDINGS if before[number] is not signal.SIG_IGN]
    tell = sys.unraisablehook

    def end(number: int, frame: FrameType | None) -> None:
        came.append(number)
        # A second Ctrl-C does not keep temporary files from being cleared away.
        if _is_ending():
            return
        signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S, AGAIN_S)
        if not (_takes_lock(frame) or _is_below(frame)):
            raise _Ended(came[0])

    for number in heard:
        signal.signal(number, end)
    sys.unraisablehook = lambda lost: None if came else tell(lost)
    try:
        yield
    except BaseException as error:
        is_done = isinstance(error, SystemExit) and not error.code
        if came and not is_done and not isinstance(error, _Ended):
            raise _Ended(came[0]) from None
        raise
    finally:
        if came:
            signal.setitimer(signal.ITIMER_REAL, 0)
            heard.append(signal.SIGALRM)
        else:
            sys.unraisablehook = tell
        for number in heard:
            signal.signal(number, before[number])


def _takes_lock(frame: FrameType | None) -> bool:
    """Say whether a lock may be half taken at this moment; not where the result of a thread is waited for."""
    if frame is None:
        return False
    is_waiting = frame.f_code.co_name == "wait" and frame.f_back and frame.f_back.f_code.co_name == "result"
    return not is_waiting and (frame.f_code.co_name in LOCKS or frame.f_globals.get("__name__") in LOCKING)


def _is_below(frame: FrameType | None) -> bool:
    """Say whether this was called, by whatever way, where nothing may be raised."""
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module == LOADING or (module == CALLING_LOCK and frame.f_code.co_name in LOCKS):
            return True
        frame = frame.f_back
    return False


def _is_ending() -> bool:
    """Say whether what is done at this moment is done because of a signal."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, _Ended):
        error = error.__context__
    return error is not None


class Group(click.Group):
    """Turns what can go wrong into one line on stderr and an exit code."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Read the command line and run a command."""
        try:
            with _ended_by_signals():
                return super().main(*arguments, **options)
        except _Ended as ended:
            _say(ENDINGS[ended.number])
            raise
        except OSError as error:
            # What goes wrong with a file has its name, or is an error of ours by now.
            if error.filename is not None:
                raise
            _leave_unwritten(sys.stdout)
            hint = "Check where it goes, and the room there."
            failure = OutputError(f"cannot be written: {error.strerror}", file="standard output", hint=hint)
            _say(str(failure))
            sys.exit(EXIT_INPUT)

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        settle_process()
        try:
            try:
                result = super().invoke(context)
            except DedupError:
                # What was printed stands before what is said of it.
                sys.stdout.flush()
                raise
            sys.stdout.flush()
            return result
        except DedupError as error:
            _say(str(error))
            context.exit(EXIT_CODES.get(type(error), EXIT_INPUT))
        except BrokenPipeError:
            _leave_unwritten(sys.stdout)
            context.exit(EXIT_BROKEN_PIPE)


def _say(message: str) -> None:
    """Print a line to stderr, as far as there is room for it."""
    try:
        click.echo(f"dedup: {message}", err=True)
    except OSError:
        _leave_unwritten(sys.stderr)


def _leave_unwritten(stream: TextIO) -> None:
    """See to it that what is still in the buffer of a stream is not tried again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def settle_process() -> None:
    """Set what only the owner of a process may set; both save a twentieth of a second at the start of every run."""
    # numpy starts the threads of its BLAS as it is imported, and nothing here multiplies matrices.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Nothing here makes cycles in bulk.
    gc.set_threshold(GARBAGE_OBJECTS, *gc.get_threshold()[1:])
