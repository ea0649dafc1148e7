"""How much of what the gold says must go went, and how much of what it says must stay did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from figures.corpora import Record
from figures.figure import Figure, loss, mistakes, share
from figures.outcome import Outcome, Spans

BOILERPLATE, REPEATS, CONTENT = "boilerplate", "repeats", "content"

MAX_CONTENT_LOST = 0.0002

UNVARIED = ("cookie", "copyright", "newsletter", "share", "transparency")
"""Kinds of boilerplate of the made-up sites with few wordings a site; the others name a date, a person, a title."""


class Characters(NamedTuple):
    """Visible characters by what the gold calls them: all of them, and those that were cut."""

    read: Counter[str]
    cut: Counter[str]


def characters_of(record: Record, cuts: Spans) -> Characters:
    """Count the characters of one document, white space not counted."""
    read, cut = Counter[str](), Counter[str]()
    gone = _positions(cuts)
    labelled = {kind: _positions(record[kind]) for kind in (BOILERPLATE, REPEATS)}
    for position, character in enumerate(record["text"]):
        if character.isspace():
            continue
        kind = next((kind for kind, positions in labelled.items() if position in positions), CONTENT)
        read[kind] += 1
        cut[kind] += position in gone
    return Characters(read, cut)


def _positions(spans: Iterable[Sequence[int]]) -> set[int]:
    return {position for start, end, *_ in spans for position in range(start, end)}


def characters(records: Sequence[Record], outcome: Outcome, chosen: Iterable[int]) -> Characters:
    """Count the characters of some documents."""
    total = Characters(Counter(), Counter())
    for number in chosen:
        found = characters_of(records[number], outcome.cuts[number])
        total.read.update(found.read)
        total.cut.update(found.cut)
    return total


def cut_figures(records: Sequence[Record], outcome: Outcome) -> list[Figure]:
    """Say how much went of the labelled spans and of the content of documents that stay."""
    read, cut = characters(records, outcome, [n for n in range(len(records)) if outcome.stands(n)])
    return [
        share("boilerplate_cut", cut[BOILERPLATE], read[BOILERPLATE], 0.97),
        share("repeats_cut", cut[REPEATS], read[REPEATS], 0.98),
        loss("content_lost", cut[CONTENT], read[CONTENT], MAX_CONTENT_LOST),
    ]


def kinds_cut(records: Sequence[Record], outcome: Outcome) -> list[Figure]:
    """Say how much went of each kind of labelled boilerplate in documents that stay.

    There is a target for the kinds whose lines recur unvaried; what varies goes only where its surroundings say so.
    """
    read, cut = Counter[str](), Counter[str]()
    for number, record in enumerate(records):
        if outcome.stands(number):
            gone = _positions(outcome.cuts[number])
            for start, end, kind in record[BOILERPLATE]:
                visible = {p for p in range(start, end) if not record["text"][p].isspace()}
                read[kind] += len(visible)
                cut[kind] += len(visible & gone)
    return [
        share(f"boilerplate_cut {kind}", cut[kind], read[kind], 0.97 if kind in UNVARIED else None)
        for kind in sorted(read)
    ]


def lost_for_good(records: Sequence[Record], outcome: Outcome) -> Figure:
    """Say how much content is lost of documents that have no duplicate, whether they were cut or dropped.

    Unlike `content_lost` this can be asked of tools that drop lines, not documents: the lines of a duplicate, which
    such a tool means to take, do not count.
    """
    single = [number for number, record in enumerate(records) if record.get("cluster") is None]
    read, cut = characters(records, outcome, single)
    dropped = characters(records, outcome, [number for number in single if not outcome.stands(number)])
    lost = cut[CONTENT] + dropped.read[CONTENT] - dropped.cut[CONTENT]
    return loss("content_lost_of_single_documents", lost, read[CONTENT], MAX_CONTENT_LOST)


def clusters_with_one_left(records: Sequence[Record], outcome: Outcome, situation: str) -> Figure:
    """Say how many of the clusters of a situation end with exactly one document."""
    left: dict[str, int] = {}
    for number, record in enumerate(records):
        if record["situation"] == situation:
            left[record["cluster"]] = left.get(record["cluster"], 0) + outcome.stands(number)
    return share(f"{situation}_clusters_with_one_left", list(left.values()).count(1), len(left), 1.0)


def documents_lost(records: Sequence[Record], outcome: Outcome, situation: str | None) -> Figure:
    """Say how many documents of a situation were dropped where none may be."""
    lost = sum(records[number]["situation"] == situation for number in outcome.dropped)
    return mistakes(f"{situation or 'other'}_documents_lost", lost, 0)


def ticker_figures(records: Sequence[Record], outcome: Outcome, situation: str = "S3") -> list[Figure]:
    """Say whether the longest version of each growing article stays, and how much of its content is cut."""
    versions: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        if record["situation"] == situation:
            versions.setdefault(record["cluster"], []).append(number)
    kept, cut = 0, 0
    for members in versions.values():
        sizes = {number: characters_of(records[number], []).read[CONTENT] for number in members}
        standing = [n for n in members if sizes[n] == max(sizes.values()) and outcome.stands(n)]
        kept += bool(standing)
        cut += sum(characters_of(records[number], outcome.cuts[number]).cut[CONTENT] for number in standing)
    return [
        share(f"{situation}_longest_kept", kept, len(versions), 1.0),
        mistakes(f"{situation}_characters_of_longest_lost", cut, 0),
    ]


def expected_documents(records: Sequence[Record], outcome: Outcome) -> Figure:
    """Say how many documents stay or go as the gold of the crawl says."""
    wrong = sum(record["stays"] != outcome.stands(number) for number, record in enumerate(records))
    return mistakes("documents_decided_wrongly", wrong, 0)
