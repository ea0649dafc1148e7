"""What tasks tell: what stays and what goes, decisions, and notes for the report, which are summed over tasks."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dedup.audit import TemplateTexts
from dedup.formats.digests import Meter
from dedup.report import Counts
from dedup.spark.counts import marks_of, numbers_of
from dedup.spark.outcomes import Outcomes
from dedup.spark.pieces import Parted

KEPT, DROPPED, DECISIONS, TAKEN, UNREAD, NOTED = range(6)
"""What is told: documents that stay, and those that go, as `Parted` has them; lines of decisions.jsonl; lines of
`Taken` and of `Unread`; and, once a task, notes."""

Told = tuple[int, Any]
"""What it is; and bytes, or of notes a dict."""

MARKS, SOURCE, SEARCHED, TEXT, CLUSTER, SEAL, CHECKSUM, REJECTED = range(8)
"""What a note is about, the first part of its key: counts of all documents; those of the source that is the second
part; candidates and comparisons; the text of the template that is the second part; a cluster, by the file and the
record of its keeper; the lines of one kind that a partition told; the `checksum` of a file; how many records hold no
document."""

Key = tuple[Any, ...]


class Notes:
    """The notes of a task.

    Attributes:
        entries: Lists of numbers, which add up, and tuples, of which the least is to be kept.
    """

    def __init__(self) -> None:
        self.entries: dict[Key, Any] = {}

    def judged(self, outcomes: Outcomes) -> None:
        """Note what outcomes say of the tasks that they are from."""
        self._add((SEARCHED,), [outcomes.candidates, outcomes.compared])
        for cluster in outcomes.clusters:
            self._add((CLUSTER, cluster.file, cluster.keeper.record), tuple(cluster))

    def count(self, counts: Counts) -> None:
        """Note what happens to the documents of a piece."""
        self._add((MARKS,), marks_of(counts))
        for name, own in counts.sources.items():
            self._add((SOURCE, name), numbers_of(own))

    def quote(self, piece: int, texts: TemplateTexts) -> None:
        """Note what the templates say that went from a piece; the first piece counts."""
        for name, text in texts.by_id.items():
            self._add((TEXT, name), (piece, text))

    def parted(self, parted: Parted) -> None:
        """Note what is to be known of a piece besides its documents."""
        self._add((REJECTED,), [len(parted.unread)])
        for file, texts in parted.checksums.items():
            self._add((CHECKSUM, file), [texts])

    def _add(self, key: Key, value: Any) -> None:
        added(self.entries, {key: value})


def added(notes: dict[Key, Any], more: dict[Key, Any]) -> dict[Key, Any]:
    """Add notes to others, and return these."""
    for key, value in more.items():
        if key not in notes:
            notes[key] = value
        elif isinstance(value, list):
            notes[key] = [sum(pair) for pair in zip(notes[key], value, strict=True)]
        else:
            notes[key] = min(notes[key], value)
    return notes


def lines_of(rows: Sequence[msgspec.Struct]) -> bytes:
    """Return rows as lines of JSON."""
    return msgspec.json.Encoder().encode_lines(rows)


def sealed(partition: int, told: Iterator[Told], kinds: Sequence[int], folder: str) -> Iterator[Told]:
    """Note the digests of the lines of some kinds that a task tells, and write them to files.

    What an attempt at a task wrote is known by its notes: what another attempt left behind, nobody asks for.

    Args:
        partition: Which one the task works on.
        told: What it tells.
        kinds: Those that are lines.
        folder: Where files go; empty to pass lines on instead.
    """
    notes: dict[Key, Any] = {}
    with contextlib.ExitStack() as stack:
        files: dict[int, tuple[str, Meter]] = {}
        for what, data in told:
            if what == NOTED:
                notes |= data
            elif what in kinds:
                if not data:
                    continue
                if what not in files:
                    files[what] = _opened(stack, folder, f"{partition:05d}-{uuid.uuid4().hex}")
                files[what][1].write(data)
                if not folder:
                    yield what, data
            else:
                yield what, data
    for what, (name, meter) in files.items():
        notes[SEAL, what, partition] = (name, *meter.digest)
    yield NOTED, notes


def _opened(stack: contextlib.ExitStack, folder: str, name: str) -> tuple[str, Meter]:
    return name, Meter(stack.enter_context(Path(folder, name).open("wb")) if folder else None)
