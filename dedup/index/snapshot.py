"""What an index held at one moment: who has these keys, what is stored of a document, where it is from."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup.boilerplate import Templates
from dedup.columns import Column
from dedup.index.catalog import Catalog, RunEntry
from dedup.index.knowledge import Knowledge
from dedup.index.past import EVIDENCE, Past
from dedup.index.segments import Segment
from dedup.memory import last_of_each
from dedup.plan import Place

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Snapshot(Past):
    """An index as it was when it was opened, or as it was before one of its runs.

    Attributes:
        catalog: What it holds.
        segments: Open for reading, oldest first; their documents are numbered through.
        knowledge: The boilerplate that is known.
        removed: uint32[], numbers that do not count any more.
        before: Only documents with lower numbers count.
    """

    catalog: Catalog
    segments: list[Segment]
    knowledge: Knowledge
    removed: npt.NDArray[np.uint32]
    before: int

    @classmethod
    def of(cls, catalog: Catalog, segments: list[Segment], folder: Path) -> Snapshot:
        """Put together what the catalog names."""
        knowledge = Knowledge.read(folder, catalog.templates)
        removed = np.array(sorted(catalog.removed), np.uint32)
        return cls(catalog, segments, knowledge, removed, catalog.next_number)

    def as_of(self, run: RunEntry) -> Snapshot:
        """Return the index as it was before a run."""
        return dataclasses.replace(self, before=run.first, knowledge=self.knowledge.before(run.generation))

    def holds(self, number: int) -> bool:
        """Say whether a document is here."""
        return number < self.catalog.next_number

    def equal(self, keys: Keys) -> Ints:
        """Return for each key the first document that has it: a stored one or nearly a duplicate; -1 for none."""
        distinct, rows = np.unique(keys, return_inverse=True)
        found = np.full(len(distinct), -1)
        for segment in reversed(self.segments):
            queries, numbers = self._hits(segment, distinct, 1)
            if not len(queries):
                continue
            own = segment.rows_of(numbers)
            same = (segment.text_keys[own] == distinct[queries]) & ~self._gone(segment.keepers[own])
            # From the last to the first, so that the first stays.
            found[queries[same][::-1]] = numbers[same][::-1]
        return found[rows]

    def meet(self, band_keys: Keys, most: int) -> tuple[Ints, Ints]:
        """Return who is stored with which of some different keys, of each key the `most` that came last.

        Pairs of a row of `band_keys`, uint64[keys], and a document, ascending by both; the key 0 is nobody's.
        """
        pairs = [np.zeros((2, 0), np.int64)]
        for segment in self.segments:
            queries, numbers = self._hits(segment, band_keys, most, are_last=True)
            if not len(queries):
                continue
            stored = segment.keepers[segment.rows_of(numbers)] == numbers
            pairs.append(np.stack([queries[stored], numbers[stored]]))
        rows, numbers = np.concatenate(pairs, axis=1)
        return last_of_each(rows, numbers, most) if len(rows) else (rows, numbers)

    def keepers(self, numbers: Ints) -> tuple[Ints, Floats, Floats]:
        """Return the keeper of each document, itself if it is stored, and both similarities to it."""
        found, similarities, originals = np.empty(len(numbers), np.int64), *np.empty((2, len(numbers)))
        for segment, chosen, rows in self._located(numbers):
            found[chosen] = segment.keepers[rows]
            similarities[chosen] = segment.similarities[rows]
            originals[chosen] = segment.originals[rows]
        return found, similarities, originals

    def frames(self, numbers: Ints) -> list[bytes]:
        """Return the compressed texts of some documents."""
        frames = [b""] * len(numbers)
        for segment, chosen, rows in self._located(numbers):
            for at, row in zip(chosen.tolist(), rows.tolist(), strict=True):
                frames[at] = segment.frame(row)
        return frames

    def originals(self, numbers: Ints) -> Column:
        """Return the texts of some documents as they were read."""
        texts = [b""] * len(numbers)
        for segment, chosen, rows in self._located(numbers):
            for at, row in zip(chosen.tolist(), rows.tolist(), strict=True):
                texts[at] = segment.text(row)
        return Column.join(texts)

    def cuts(self, numbers: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the spans that some documents lost: which of them, first byte of its original text, byte behind."""
        spans: list[tuple[int, int, int]] = []
        for segment, chosen, rows in self._located(numbers):
            for at, starts, ends in zip(chosen.tolist(), *segment.cuts(rows), strict=True):
                spans += [(at, start, end) for start, end in zip(starts, ends, strict=True)]
        columns = np.array(sorted(spans), np.int64).reshape(-1, 3).T.copy()
        return columns[0], columns[1], columns[2]

    def places(self, numbers: Ints) -> list[Place]:
        """Return where some documents are from."""
        found: list[Place | None] = [None] * len(numbers)
        for segment, chosen, rows in self._located(numbers):
            for at, place in zip(chosen.tolist(), segment.places(rows), strict=True):
                found[at] = place
        return [place for place in found if place is not None]

    def text_keys(self, numbers: Ints) -> Keys:
        """Return the text keys of some documents."""
        found = np.empty(len(numbers), np.uint64)
        for segment, chosen, rows in self._located(numbers):
            found[chosen] = segment.text_keys[rows]
        return found

    def named(self, name: str) -> Ints:
        """Return the numbers of the stored documents that have an id."""
        rows = ((segment, segment.has_id(name) & self._counts(segment)) for segment in self.segments)
        return np.concatenate([NOBODY, *(segment.numbers[chosen] for segment, chosen in rows)])

    def templates(self, source_names: list[str]) -> Templates:
        """Return the boilerplate known of some sources; source i is `source_names[i]`."""
        return self.knowledge.templates(source_names)

    def latest(self, source_names: list[str]) -> Ints:
        """Return the numbers of the latest stored documents of some sources, of each as many as count; ascending."""
        missing = dict.fromkeys(source_names, EVIDENCE)
        found = [NOBODY]
        for segment in reversed(self.segments):
            wanted = [name for name, most in missing.items() if most]
            for name, numbers in segment.by_source(self._counts(segment), wanted):
                found.append(numbers[-missing[name] :])
                missing[name] -= len(found[-1])
        return np.sort(np.concatenate(found))

    def sizes(self, source_names: list[str]) -> dict[str, int]:
        """Return how many documents of each of some sources are stored."""
        sizes = dict.fromkeys(source_names, 0)
        for segment in self.segments:
            for name, numbers in segment.by_source(self._counts(segment), source_names):
                sizes[name] += len(numbers)
        return sizes

    def standing(self) -> Ints:
        """Return the numbers of all stored documents, ascending."""
        return np.concatenate([NOBODY, *(segment.numbers[self._counts(segment)] for segment in self.segments)])

    def _counts(self, segment: Segment) -> npt.NDArray[np.bool_]:
        """Return which documents of a segment are stored and count."""
        stored: npt.NDArray[np.bool_] = segment.keepers == segment.numbers
        return stored & ~self._gone(segment.numbers)

    def _gone(self, numbers: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return which documents were removed, or stored too late to count."""
        gone = np.isin(numbers, self.removed) if len(self.removed) else np.zeros(len(numbers), np.bool_)
        return np.logical_or(gone, numbers >= self.before)

    @functools.cached_property
    def _passed_over(self) -> int:
        """How many documents were removed, or went in favour of one that was: a look-up passes over them."""
        if not len(self.removed):
            return 0
        return sum(int(np.isin(segment.keepers, self.removed).sum()) for segment in self.segments)

    def _hits(self, segment: Segment, keys: Keys, most: int, *, are_last: bool = False) -> tuple[Ints, Ints]:
        """Return who has some keys in a segment: pairs of a row of `keys` and a document, ascending by both.

        Of the documents of a key that count, at least the first or the last `most` are among them, and not all the
        others: there may be a million.
        """
        if not len(segment.keys):
            return NOBODY, NOBODY
        first = np.searchsorted(segment.keys, keys)
        known = np.flatnonzero((segment.keys[np.minimum(first, len(segment.keys) - 1)] == keys) & (keys != 0))
        if not len(known):
            # Nearly always, when an article is new: nothing more is worth its time.
            return NOBODY, NOBODY
        first = first[known]
        end = np.searchsorted(segment.keys, keys[known], side="right")
        if self.before <= segment.numbers[-1]:
            # The numbers of a key ascend, so that those that came too late are its last.
            early = np.concatenate([[0], np.cumsum(segment.key_numbers < self.before)])
            end = first + early[end] - early[first]
        counts = np.minimum(end - first, most + self._passed_over)
        first = end - counts if are_last else first
        rows = np.repeat(known, counts)
        entries = np.arange(len(rows)) + np.repeat(first - np.cumsum(counts) + counts, counts)
        numbers = segment.key_numbers[entries]
        counted = ~self._gone(numbers)
        return rows[counted], numbers[counted].astype(np.int64)

    def _located(self, numbers: Ints) -> Iterator[tuple[Segment, Ints, Ints]]:
        """Yield the segments that hold some documents, with which of them and their rows there."""
        if not len(numbers):
            return
        homes = np.searchsorted([segment.numbers[0] for segment in self.segments], numbers, side="right") - 1
        for home in np.unique(homes).tolist():
            chosen = np.flatnonzero(homes == home)
            segment = self.segments[home]
            yield segment, chosen, segment.rows_of(numbers[chosen])
