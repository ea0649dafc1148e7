"""Decisions read beside the documents they are about: what they quote is there, and what they claim is noted."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import decisions
from dedup.columns import Column, Ints, concatenate
from dedup.decisions import Decision, KeptSpan
from dedup.edit import count_characters
from dedup.model import Batch, Span
from dedup.plan import Progress
from dedup.readers import Corpus
from dedup.repeats import similarity
from dedup.sources import SourceNumbers
from dedup.verify.templates import TemplateClaims
from dedup.verify.violations import Violations

TOLERANCE = 1e-9
"""Of ratios that are computed twice; sets of a million shingles differ by 1e-6 at least."""

Place = tuple[int, int]
"""File number and record."""


class Tie(NamedTuple):
    """A claim about a document and another one that it is like.

    Attributes:
        document: Its number.
        keeper: The file and the record of the other.
        keeper_id: What the other is called.
        reason: `exact-duplicate` or `near-duplicate`.
        similarity: As claimed; None where nothing is.
        similarity_original: As claimed; None where nothing is.
        containment: As claimed; None where nothing is.
        drops: Whether the document goes for it.
    """

    document: int
    keeper: Place
    keeper_id: object
    reason: str
    similarity: float | None
    similarity_original: float | None
    containment: float | None
    drops: bool


@dataclass(frozen=True, slots=True)
class Claims:
    """What the decisions say happened to the documents; documents are numbered in input order.

    Attributes:
        files: int64[documents].
        records: int64[documents].
        ids: The ids.
        sources: int64[documents], rows of `source_names`.
        source_names: Every source once.
        ways: uint8[documents], how each source was found: a `formats.sites.Way`.
        characters: int64[documents], code points.
        dropped: bool[documents].
        cuts: int64[cuts, 4]: document, start, end in code points, and 1 for boilerplate, 0 for a repeat. Those of
            dropped documents, which count in similarities only, are among them.
        ties: Drops, and flags that name another document.
        flags: How many documents are flagged as a whole, by reason, and lines between boilerplate under `once`; those
            with a containment under `contained`, those that met too many others under `crowded`, those too unlike
            another one as they came under `unlike`.
    """

    files: Ints
    records: Ints
    ids: Column
    sources: Ints
    source_names: list[str]
    ways: npt.NDArray[np.uint8]
    characters: Ints
    dropped: npt.NDArray[np.bool_]
    cuts: Ints
    ties: list[Tie]
    flags: dict[str, int]

    def number_of(self, place: Place) -> int | None:
        """Return the number of the document at a place, None if there is none."""
        low, high = np.searchsorted(self.files, (place[0], place[0] + 1))
        at = int(low + np.searchsorted(self.records[low:high], place[1]))
        return at if at < high and self.records[at] == place[1] else None

    def spans(self, document: int) -> list[Span]:
        """Return the cuts of a document."""
        low, high = np.searchsorted(self.cuts[:, 0], (document, document + 1))
        return [Span(start, end) for start, end in self.cuts[low:high, 1:3].tolist()]

    def of_file(self, file: int) -> range:
        """Return the numbers of the documents of a file."""
        return range(*np.searchsorted(self.files, (file, file + 1)).tolist())


def without(text: str, spans: Iterable[Span]) -> str:
    """Return a text without some spans, which are disjoint and ascending.

    >>> without("eins zwei drei", [Span(0, 5), Span(9, 14)])
    'zwei'
    """
    parts, at = [], 0
    for start, end in spans:
        parts.append(text[at:start])
        at = end
    return "".join([*parts, text[at:]])


def read_claims(path: Path, corpus: Corpus, templates: TemplateClaims, found: Violations, progress: Progress) -> Claims:
    """Read all decisions and all documents, once, side by side."""
    reading = _Reading(path, corpus, found)
    sources = SourceNumbers()
    batches: list[Batch] = []
    numbers: list[Ints] = []
    characters: list[Ints] = []
    first = 0
    for batch, batch_sources, source_keys in sources.number(corpus.batches()):
        reading.compare(batch, first)
        templates.count(batch, source_keys)
        first += len(batch)
        batches.append(batch.without_texts())
        numbers.append(batch_sources)
        characters.append(count_characters(batch.texts))
        progress("checking decisions", len(batch))
    reading.finish()
    batches = batches or [Batch.none()]
    dropped = np.zeros(first, np.bool_)
    dropped[[tie.document for tie in reading.ties if tie.drops]] = True
    return Claims(
        files=np.concatenate([batch.files for batch in batches]).astype(np.int64),
        records=np.concatenate([batch.records for batch in batches]),
        ids=concatenate([batch.ids for batch in batches]),
        sources=np.concatenate([np.zeros(0, np.int64), *numbers]),
        source_names=sources.names,
        ways=np.concatenate([batch.ways for batch in batches]),
        characters=np.concatenate([np.zeros(0, np.int64), *characters]),
        dropped=dropped,
        cuts=np.array(reading.cuts, np.int64).reshape(-1, 4),
        ties=reading.ties,
        flags=reading.flags,
    )


class _Reading:
    """One pass over the decisions beside the documents."""

    def __init__(self, path: Path, corpus: Corpus, found: Violations) -> None:
        self._names = corpus.names
        self._files = {name: number for number, name in enumerate(self._names)}
        self._found = found
        by_place = itertools.groupby(decisions.read(path), self._place)
        self._pending: Iterator[tuple[Place, list[Decision]]] = ((place, list(made)) for place, made in by_place)
        self._next = next(self._pending, None)
        self.cuts = array("q")
        self.ties: list[Tie] = []
        self.flags = {"contained": 0, "crowded": 0, "unlike": 0, "repeat": 0, "boilerplate": 0, "once": 0}

    def compare(self, batch: Batch, first: int) -> None:
        """Compare a batch, whose first document has number `first`, with the decisions on it."""
        places = zip(batch.files.tolist(), batch.records.tolist(), strict=True)
        for row, place in enumerate(places):
            while self._next is not None and self._next[0] < place:
                self._stray(self._next[1])
            if self._next is not None and self._next[0] == place:
                self._check(self._next[1], batch, row, first + row)
                self._next = next(self._pending, None)

    def finish(self) -> None:
        """Say which decisions found no document."""
        while self._next is not None:
            self._stray(self._next[1])

    def _place(self, decision: Decision) -> Place:
        return self._files.get(decision.file, -1), decision.record

    def _stray(self, made: list[Decision]) -> None:
        for decision in made:
            message = f"has a decision ({decision.action}), but is not in the input, or the decision is out of order"
            self._found.add(decision.file, decision.record, message)
        self._next = next(self._pending, None)

    def _check(self, made: list[Decision], batch: Batch, row: int, document: int) -> None:
        text = batch.texts[row]
        named = {(decision.document, decision.source) for decision in made}
        if named != {(batch.ids[row], batch.sources[row])}:
            self._wrong(made[0], "its decision gives it another id or another source")
        actions = [decision.action for decision in made]
        if "drop" in actions and len(made) > 1:
            self._wrong(made[0], f"is dropped, but has {len(made)} decisions")
        at = 0
        spans = [Span(d.start or 0, d.end or 0) for d in made if d.action == "cut"]
        for decision in made:
            if decision.action == "cut":
                at = self._check_cut(decision, text, at, spans, document)
            elif decision.action == "drop":
                self._check_drop(decision, text, document)
            elif decision.start is None:
                self._note_flag(decision, document)
            elif text[decision.start : decision.end] != decision.text:
                self._wrong(decision, f"does not hold the flagged text at {decision.start}-{decision.end}")
            else:
                self.flags["once"] += decision.how is not None

    def _check_cut(self, decision: Decision, text: str, at: int, spans: list[Span], document: int) -> int:
        """Check one cut, which must begin at or after `at`; return where it ends."""
        start, end = decision.start or 0, decision.end or 0
        if not at <= start < end <= len(text):
            self._wrong(decision, f"the cut {start}-{end} overlaps another one or leaves the text")
            return at
        if text[start:end] != decision.text:
            self._wrong(decision, f"does not hold the text of the cut {start}-{end} there")
        if decision.reason == "repeat":
            self._check_repeat(decision, text, spans)
        self.cuts.extend((document, start, end, decision.reason == "boilerplate"))
        return end

    def _check_repeat(self, decision: Decision, text: str, spans: list[Span]) -> None:
        kept = decision.keeper
        if not isinstance(kept, KeptSpan) or not 0 <= kept.start < kept.end <= len(text):
            self._wrong(decision, "a repeat is cut without a copy that stays")
            return
        inside = [Span(max(start, kept.start), min(end, kept.end)) for start, end in spans]
        inside = [Span(start - kept.start, end - kept.start) for start, end in inside if start < end]
        copy = text[kept.start : kept.end]
        if not without(copy, inside).strip():
            self._wrong(decision, f"the copy at {kept.start}-{kept.end}, which should stay, is cut, too")
        real = similarity(copy, decision.text or "")
        if decision.similarity is None or abs(real - decision.similarity) > TOLERANCE:
            message = f"the copy at {kept.start}-{kept.end} has a similarity of {real:.4f} to the cut"
            self._wrong(decision, f"{message}, not of {decision.similarity}")

    def _check_drop(self, decision: Decision, text: str, document: int) -> None:
        at = 0
        for start, end in decision.cuts or []:
            if not at <= start < end <= len(text):
                self._wrong(decision, f"the span {start}-{end} left out of the comparison is not in the text")
                break
            self.cuts.extend((document, start, end, 0))
            at = end
        self._note_tie(decision, document)

    def _note_flag(self, decision: Decision, document: int) -> None:
        if decision.containment is not None:
            self.flags["contained"] += 1
        elif decision.reason in self.flags:
            self.flags[decision.reason] += 1
        elif decision.similarity_original is not None:
            self.flags["unlike"] += 1
        elif decision.keeper_file is None:
            self.flags["crowded"] += 1
        if decision.keeper_file is not None:
            self._note_tie(decision, document)

    def _note_tie(self, decision: Decision, document: int) -> None:
        keeper = self._files.get(decision.keeper_file or "", -1), decision.keeper_record or 0
        self.ties.append(
            Tie(
                document,
                keeper,
                decision.keeper,
                decision.reason,
                decision.similarity,
                decision.similarity_original,
                decision.containment,
                decision.action == "drop",
            )
        )

    def _wrong(self, decision: Decision, message: str) -> None:
        self._found.add(decision.file, decision.record, message)
