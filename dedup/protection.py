"""Text that the user says must stay, whatever it repeats."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.errors import UsageError

if TYPE_CHECKING:
    import regex

Ints = npt.NDArray[np.int64]

SECONDS = 1.0
"""Longest time for one pattern on one line: a pattern that backtracks without end must not hang a run."""


@functools.cache
def compiled(patterns: tuple[str, ...]) -> tuple[regex.Pattern[str], ...]:
    """Compile patterns in the syntax of the `regex` package; raises UsageError with the first that is wrong."""
    # Not before somebody has one: it takes as long to import as all that this package has of its own.
    import regex

    found = []
    for pattern in patterns:
        try:
            found.append(regex.compile(pattern))
        except regex.error as error:
            raise UsageError(
                f"protected pattern {pattern!r} is no regular expression ({error})",
                hint="See the regex package's syntax.",
            ) from None
    return tuple(found)


def is_protected(text: str, patterns: tuple[str, ...]) -> bool:
    """Say whether one of the patterns is found in a line or sentence.

    >>> is_protected("Es gilt die Unschuldsvermutung.", (r"(?i)unschuldsvermutung",))
    True
    """
    for pattern in compiled(patterns):
        try:
            if pattern.search(text, timeout=SECONDS):
                return True
        except TimeoutError:
            raise UsageError(
                f"protected pattern {pattern.pattern!r} takes more than {SECONDS:g} s on {text[:60]!r}",
                hint="Make it simpler: avoid a repetition inside a repetition.",
            ) from None
    return False


def protected(texts: Column, starts: Ints, ends: Ints, patterns: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Return which byte ranges of the column's data hold protected text, white space around it aside: bool[ranges]."""
    ranges = zip(starts.tolist(), ends.tolist(), strict=True)
    found = (is_protected(texts.data[start:end].tobytes().decode().strip(), patterns) for start, end in ranges)
    return np.fromiter(found, np.bool_, len(starts))
