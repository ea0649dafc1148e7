"""Which files changed: what Git says since a revision, or a list."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from dedup.errors import EngineError, InputError, UsageError
from dedup.formats.source import STANDARD_INPUT, InputFile

Paths = frozenset[str]
"""Real paths of files."""

FETCH = "Fetch more of the history first: git fetch --unshallow, or fetch-depth: 0 in actions/checkout."


def since(revision: str, inputs: Sequence[str]) -> Paths:
    """Return the files that differ from where the work forked off a revision, new and uncommitted ones included.

    Args:
        revision: A commit, branch or tag of the repositories that the inputs are in.
        inputs: Files and folders.

    Raises:
        InputError: An input is in no Git repository, or its repository has no such revision.
        UsageError: An input is standard input.
        EngineError: Git is not installed.
    """
    if STANDARD_INPUT in inputs:
        raise UsageError("--changed-since asks Git, which does not know standard input", hint="Name files or folders.")
    found: set[str] = set()
    for top in {_top(name) for name in inputs}:
        commit = _git(
            top,
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}",
            failing=f"has no revision {revision!r}",
            hint=f"Check the name. {FETCH}",
        )  # fmt: skip
        fork = _git(
            top, "merge-base", commit, "HEAD", failing=f"does not know where it forked off {revision!r}", hint=FETCH
        )
        changed = _git(top, "diff", "--name-only", "--no-renames", "--diff-filter=d", "-z", fork, "--")
        added = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
        found.update(os.path.join(top, name) for name in f"{changed}{added}".split("\0") if name)
    return frozenset(_real(found))


def listed(source: str) -> Paths:
    """Read a list of files, one a line, or with NUL characters between them; `-` is standard input.

    Raises InputError if it cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if source == STANDARD_INPUT else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=source, hint="Check the path.") from None
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return frozenset(_real(os.fsdecode(name) for name in names if name))


def among(files: Sequence[InputFile], changed: Paths) -> frozenset[int]:
    """Return the positions of the input files that changed."""
    named = [file for file in files if not file.is_standard_input]
    paths = _real(str(file.path) for file in named)
    return frozenset(file.index for file, path in zip(named, paths, strict=True) if path in changed)


def _real(names: Iterable[str]) -> list[str]:
    """Resolve folders only: a link in one is a file of its own, as Git sees it."""
    real_folder = functools.cache(os.path.realpath)  # of this call only: the working folder may be another in the next
    return [os.path.join(real_folder(folder or os.curdir), base) for folder, base in map(os.path.split, names)]


def _top(name: str) -> str:
    folder = name if os.path.isdir(name) else os.path.dirname(name) or os.curdir
    return _git(
        folder,
        "rev-parse",
        "--show-toplevel",
        failing="is in no Git repository",
        hint="List the files with --changed-files instead.",
    )


def _git(folder: str, *arguments: str, failing: str = "", hint: str = "") -> str:
    """Run Git in a folder and return what it prints, without the last line end."""
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise EngineError("Git is not installed", hint="Install it, or list the files with --changed-files.") from None
    if done.returncode:
        said = os.fsdecode(done.stderr).strip().partition("\n")[0]
        message = failing or f"Git failed: {said}"
        raise InputError(f"{message} ({said})" if failing and said else message, file=folder, hint=hint)
    return os.fsdecode(done.stdout).removesuffix("\n")
