"""What does not hold, and where."""

from __future__ import annotations

from typing import NamedTuple

KEPT = 100
"""How many violations are kept; beyond them they are only counted, since one mistake may show in every record."""


class Violation(NamedTuple):
    """One thing that does not hold.

    Attributes:
        file: The file it shows in: of the corpus by its name there, else a path.
        record: 1-based record; 0 where it is about the whole file.
        message: What does not hold.

    >>> print(Violation("news.jsonl", 17, "is missing from the output"))
    news.jsonl:17: is missing from the output
    """

    file: str
    record: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.record}" if self.record else self.file
        return f"{where}: {self.message}"


class Violations:
    """Collects violations, the first `KEPT` of them.

    Attributes:
        kept: The first ones, in the order in which they were found.
        count: How many there are.
    """

    def __init__(self) -> None:
        self.kept: list[Violation] = []
        self.count = 0

    def add(self, file: str, record: int, message: str) -> None:
        """Note that something does not hold."""
        self.count += 1
        if self.count <= KEPT:
            self.kept.append(Violation(file, record, message))
