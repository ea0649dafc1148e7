"""What the report counts, as lists of numbers that Spark can sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dedup.report import Counts


def numbers_of(counts: dict[str, Any]) -> list[int]:
    """Return the numbers in nested counts, in their order.

    >>> numbers_of({"documents": {"read": 3, "kept": 2}, "spans": 1})
    [3, 2, 1]
    """
    parts = (numbers_of(value) if isinstance(value, dict) else [value] for value in counts.values())
    return [number for part in parts for number in part]


def marks_of(counts: Counts) -> list[int]:
    """Return the numbers that are not counted by source."""
    few = counts.structured, counts.contained, counts.crowded, counts.unlike, counts.whole, counts.once
    return [*counts.similarities, *few, *counts.ways]


def counts_of(shape: Counts, sources: dict[str, list[int]], marks: list[int]) -> Counts:
    """Put counts together again from summed numbers.

    Args:
        shape: Counts of no documents.
        sources: The numbers of each source.
        marks: Those of all documents.
    """
    total = [sum(column) for column in zip(numbers_of(shape.total), *sources.values(), strict=True)]
    bins, rest = len(shape.similarities), marks[len(shape.similarities) :]
    structured, contained, crowded, unlike, whole, once, *ways = rest
    return Counts(
        total=_nested(shape.total, iter(total)),
        sources={name: _nested(shape.total, iter(numbers)) for name, numbers in sources.items()},
        similarities=marks[:bins],
        structured=structured,
        contained=contained,
        crowded=crowded,
        unlike=unlike,
        whole=whole,
        once=once,
        ways=ways,
    )


def _nested(shape: dict[str, Any], numbers: Iterator[int]) -> dict[str, Any]:
    return {
        name: _nested(value, numbers) if isinstance(value, dict) else next(numbers) for name, value in shape.items()
    }
