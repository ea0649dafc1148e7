"""The `dedup` command as a process of its own."""

from __future__ import annotations

import atexit
import os
import sys

from dedup.cli import main


def run() -> None:
    """Run the command; where all went well, end at once.

    Python would first take all modules down one by one, and LLVM its compiled kernels: an eighth of a second, a quarter
    of what one article takes. What asked to be called at the end is called, and what was printed is written.
    """
    try:
        main()
    except SystemExit as end:
        if end.code not in (0, None):
            raise
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        # Python says what is wrong, and does so as it ends.
        return
    os._exit(0)
