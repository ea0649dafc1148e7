"""One figure: what was measured, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

DECIMALS = 6
"""Figures are rounded to this before they are compared or stored, so that a sum taken in another order is the same."""


class Figure(NamedTuple):
    """A measured value with the target it is to reach.

    Attributes:
        name: What was measured, in snake case.
        value: A share (0-1), or a count where `is_count`.
        target: What the value is to reach, None where there is no target.
        more_is_better: False for losses and mistakes.
        is_count: The value is a number of things, not a share.
    """

    name: str
    value: float
    target: float | None = None
    more_is_better: bool = True
    is_count: bool = False

    def reaches(self, bound: float) -> bool:
        """Say whether the value is at least as good as a bound.

        >>> Figure("lost", 0.1, more_is_better=False).reaches(0.2)
        True
        """
        value, bound = round(self.value, DECIMALS), round(bound, DECIMALS)
        return value >= bound if self.more_is_better else value <= bound

    def shown(self, value: float | None) -> str:
        """Return a value of this figure as a person reads it.

        >>> Figure("lost", 0.1).shown(0.98554), Figure("drops", 3, is_count=True).shown(3), Figure("", 0).shown(None)
        ('98.554 %', '3', '')
        """
        if value is None:
            return ""
        return f"{value:,.0f}" if self.is_count else f"{value * 100:.3f} %"


def share(name: str, part: float, whole: float, target: float | None = None) -> Figure:
    """Return a share that is to be high; of nothing, all is reached."""
    return Figure(name, part / whole if whole else 1.0, target)


def loss(name: str, part: float, whole: float, target: float | None = None) -> Figure:
    """Return a share that is to be low."""
    return Figure(name, part / whole if whole else 0.0, target, more_is_better=False)


def mistakes(name: str, count: int, target: int | None = None) -> Figure:
    """Return a count that is to be low."""
    return Figure(name, count, target, more_is_better=False, is_count=True)


def markdown(header: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table that reads well on a terminal and in a README.

    >>> print(markdown(["set", "lost"], [["news", "1 %"]]))
    | set  | lost |
    |------|-----:|
    | news |  1 % |
    """
    body = [header, *rows]
    widths = [max(len(row[column]) for row in body) for column in range(len(header))]

    def line(row: list[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]
    return "\n".join([line(header), f"|{'|'.join(rule)}|", *(line(row) for row in body[1:])])
