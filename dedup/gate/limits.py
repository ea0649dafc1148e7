"""How much duplication is allowed: what is measured, in which unit, for which source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from dedup.errors import UsageError

Kind = Literal["duplicates", "repeats", "boilerplate", "cluster", "flags"]

RATIOS: tuple[Kind, ...] = ("duplicates", "repeats", "boilerplate")
"""Measured as shares, and 0 unless limits are given; clusters and flags are counted, and only if asked for."""

UNITS: dict[Kind, str] = {
    "duplicates": "documents",
    "repeats": "characters",
    "boilerplate": "characters",
    "cluster": "documents",
    "flags": "flags",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that is allowed of one kind.

    Attributes:
        kind: `duplicates`, the share of documents that would be dropped; `repeats` and `boilerplate`, the share of
            characters that would be cut; `cluster`, the documents of the largest cluster; `flags`, their number.
        most: 0 to 1 for shares, else a number.
        sources: A pattern of sources, as of file names in a shell, each of which is measured by itself; None for the
            whole input.
    """

    kind: Kind
    most: float
    sources: str | None = None

    def is_for(self, source: str) -> bool:
        """Tell whether the pattern fits a source.

        >>> Limit("repeats", 0.1, "*.example").is_for("blog.example")
        True
        """
        return self.sources is not None and fnmatchcase(source, self.sources)


def limits_of(kind: Kind, said: Sequence[object]) -> tuple[Limit, ...]:
    """Return the limits that a ratio option says, each as `RATIO` or `SOURCE=RATIO`; 0 for the whole input if none.

    Raises UsageError for what is no ratio.

    >>> limits_of("repeats", ["0.01", "*.example=0.05"])
    (Limit(kind='repeats', most=0.01, sources=None), Limit(kind='repeats', most=0.05, sources='*.example'))
    >>> limits_of("repeats", [])
    (Limit(kind='repeats', most=0.0, sources=None),)
    """
    return tuple(_limit(kind, str(one)) for one in said) or (Limit(kind, 0.0),)


def _limit(kind: Kind, said: str) -> Limit:
    sources, equals, ratio = said.rpartition("=")
    try:
        most = float(ratio)
    except ValueError:
        most = -1.0
    if not 0 <= most <= 1:
        raise UsageError(
            f"--max-{kind} {said!r} is no ratio between 0 and 1",
            hint="Give a fraction such as 0.05, or one for a source: blog.example=0.05.",
        )
    return Limit(kind, most, sources if equals else None)


def of_source(limits: Sequence[Limit], source: str) -> Limit | None:
    """Return which limit of a kind holds for a source by itself: of those that fit, the last one.

    >>> limits = limits_of("repeats", ["*=0.05", "blog.example=0.2"])
    >>> of_source(limits, "blog.example").most, of_source(limits, "news.example").most
    (0.2, 0.05)
    """
    return next((limit for limit in reversed(limits) if limit.is_for(source)), None)
