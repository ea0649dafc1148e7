"""What happened to one document, from the decisions on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dedup.decisions import Decision
from dedup.errors import StateError, UsageError
from dedup.model import Span
from dedup.plan import Corpus

MOST_NAMED = 10
"""Documents listed when an id is not enough to tell which is meant."""


class Subject(NamedTuple):
    """A document to explain.

    Attributes:
        document: Its id.
        source: Its source.
        file: Its file, as decisions name it.
        record: 1-based record in the file.
        text: Its text.
    """

    document: str
    source: str
    file: str
    record: int
    text: str

    @property
    def place(self) -> str:
        """FILE:RECORD, which names a document beyond doubt."""
        return f"{self.file}:{self.record}"


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to one document.

    Attributes:
        subject: The document.
        outcome: What became of it.
        decisions: The decisions on it, in order.
        cuts: The spans that go from it, or, if it is dropped, would have gone and did not count in the comparison.
    """

    subject: Subject
    outcome: Literal["kept", "edited", "dropped"]
    decisions: list[Decision]
    cuts: list[Span]

    @property
    def stored(self) -> str:
        """Its text after its cuts, which is what is compared."""
        parts, at = [], 0
        for start, end in self.cuts:
            parts.append(self.subject.text[at:start])
            at = end
        return "".join([*parts, self.subject.text[at:]])


def find(corpus: Corpus, names: list[str]) -> list[Subject]:
    """Find documents by their ids or their places, FILE:RECORD; reads the corpus once.

    Raises UsageError where a name fits no document, or an id fits several.
    """
    files = {name: number for number, name in enumerate(corpus.names)}
    places = {place: name for name in names if (place := _place(name, files)) is not None}
    wanted = {name.encode("utf-8", "surrogateescape"): name for name in names}
    by_id: dict[str, list[Subject]] = {name: [] for name in names}
    by_place: dict[str, Subject] = {}
    for batch in corpus.batches():
        hits = {row: wanted[name] for row, name in enumerate(batch.ids.rows()) if name in wanted}
        batch_places = zip(batch.files.tolist(), batch.records.tolist(), strict=True)
        for row, (file, record) in enumerate(batch_places):
            if row not in hits and (file, record) not in places:
                continue
            found = Subject(batch.ids[row], batch.sources[row], corpus.names[file], record, batch.texts[row])
            if row in hits and len(by_id[hits[row]]) <= MOST_NAMED:
                by_id[hits[row]].append(found)
            if (file, record) in places:
                by_place[places[file, record]] = found
    return [_only(name, by_id[name], by_place.get(name)) for name in names]


def _place(name: str, files: dict[str, int]) -> tuple[int, int] | None:
    file, _, record = name.rpartition(":")
    return (files[file], int(record)) if file in files and record.isdecimal() else None


def _only(name: str, by_id: list[Subject], by_place: Subject | None) -> Subject:
    """Return the one document that a name stands for."""
    if len(by_id) == 1:
        return by_id[0]
    if by_place is not None:
        return by_place
    if not by_id:
        raise UsageError(
            f"there is no document {name!r}",
            hint="Give an id, or FILE:RECORD with the file as decisions name it and the record counted from 1.",
        )
    listed = ", ".join(subject.place for subject in by_id[:MOST_NAMED])
    more = " and more" if len(by_id) > MOST_NAMED else ""
    raise UsageError(f"several documents have the id {name!r}", hint=f"Say which, by its place: {listed}{more}.")


def tell(subject: Subject, made: Iterable[Decision]) -> Story:
    """Tell what the decisions on a document come to; decisions on others are passed over.

    Raises StateError if a decision quotes what the text does not hold.
    """
    own = [decision for decision in made if (decision.file, decision.record) == subject[2:4]]
    cuts = []
    outcome: Literal["kept", "edited", "dropped"] = "kept"
    for decision in own:
        quoted = subject.text[decision.start or 0 : decision.end or 0]
        if decision.text is not None and decision.text != quoted:
            raise StateError(
                f"a decision on {subject.place} quotes what is not there",
                hint="Give the very input that the decisions were made from, or leave --decisions out.",
            )
        if decision.action == "cut":
            outcome = "edited"
            cuts.append(Span(decision.start or 0, decision.end or 0))
        elif decision.action == "drop":
            outcome = "dropped"
            cuts = decision.cuts or []
    return Story(subject, outcome, own, cuts)
