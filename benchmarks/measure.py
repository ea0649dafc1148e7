"""Run a command pinned to some cores, on one thread each, and weigh it: processor time, wall time, peak memory.

Nothing heavy may be imported by the program that measures: Linux carries the peak memory of a process over to what it
starts, so a parent of 200 MB would hide every child that needs less.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ONE_THREAD = {
    **{f"{name}_NUM_THREADS": "1" for name in ("MKL", "NUMBA", "NUMEXPR", "OMP", "OPENBLAS", "RAYON")},
    "POLARS_MAX_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
ALIKE = {
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}
"""What else could make two runs differ: the locale that decides what `wc` counts, hash seeds, calls home. And compiled
Python is kept, which an installed package comes with, so that none is compiled anew in every run."""


READ_BYTES = 8 << 20


class Usage(NamedTuple):
    """What one run took.

    Attributes:
        cpu_s: User and system time of the process and of the children it waited for.
        wall_s: From start to end, start-up included.
        peak_mb: Largest resident set, 10**6 bytes; of the largest process where there are several.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float


class FailedError(RuntimeError):
    """The command ended with an error, or not in time."""


def cores(count: int) -> set[int]:
    """Choose cores this process may run on, the last ones, which tend to serve fewer interrupts."""
    if not hasattr(os, "sched_getaffinity"):
        return set()
    return set(sorted(os.sched_getaffinity(0))[-count:])


def read(path: Path) -> None:
    """Read a file, so that whoever reads it next need not wait for the disk."""
    with path.open("rb") as file:
        while file.read(READ_BYTES):
            pass


def run(command: Sequence[str], on: set[int], log: Path, *, timeout_s: float, environment: dict[str, str]) -> Usage:
    """Run a command to its end on these cores; its output goes to the log.

    Raises:
        FailedError: It ended with an error or not in time.
    """
    if on:
        # Started by taskset rather than pinned from here, so that every thread of it is born pinned.
        command = ["taskset", "--cpu-list", ",".join(map(str, sorted(on))), *command]
    # So that nobody waits for what the run before left to the disk.
    os.sync()
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | ONE_THREAD | ALIKE | environment,
            start_new_session=True,
        )
        alarm = threading.Timer(timeout_s, os.killpg, (process.pid, signal.SIGKILL))
        alarm.start()
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise FailedError(f"exit code {process.returncode}: {''.join(last)[:200]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss * unit / 1e6)


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
