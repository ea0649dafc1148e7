"""Where a run on a cluster left its parts, and where a local run would have left its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dedup.errors import StateError
from dedup.formats.digests import Digest
from dedup.parts import changed


class Folders(NamedTuple):
    """The folders that parts come from, and those that files go to.

    Attributes:
        output: The parts that stay.
        sidecar: All other parts.
        target: Where the output of a local run goes.
        beside: Where its sidecar goes.
    """

    output: Path
    sidecar: Path
    target: Path
    beside: Path

    def mixed(self) -> StateError:
        """Return what is raised where files of lines and tables are said to be of one run."""
        return changed(self.output, "is said to hold lines and tables at once")


def lines_of(folder: Path, parts: dict[str, Digest]) -> Iterator[bytes]:
    """Yield the lines of parts, each with its newline."""
    for name in parts:
        with (folder / name).open("rb") as file:
            yield from file
