"""What a tool did to a set, told the same way whatever the tool: spans cut, documents dropped."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import dedup
from dedup import decisions, jobs
from dedup.config import KINDS, Config
from dedup.decisions import Decision
from figures.corpora import Record

Spans = list[tuple[int, int]]
Made = list[tuple[int, Decision]]

PIECE = re.compile(r"\S[^\n]*?(?:[.!?:;…][\"'“”’»«)\]]*(?=\s)|(?=\n)|\Z)")
"""What tools take away as one: a line, or a sentence of it, or less."""

EDITS = ("repeats", "boilerplate")
"""The kinds that cut texts and drop nothing."""

REASONS_TO_CUT = ("repeat", "boilerplate")
"""What decisions call them."""


class Outcome(NamedTuple):
    """What became of each document, by its position in the set.

    Attributes:
        cuts: What goes of each text, ascending and disjoint, code points; told of dropped documents too where the tool
            says so.
        dropped: Documents that went.
        keepers: The document named as the one that stays, for dropped documents of tools that name one.
        cuts_for: The same spans by reason, where the tool gives one.
        called_exact: Dropped documents that are said to be exact duplicates.
    """

    cuts: list[Spans]
    dropped: set[int]
    keepers: dict[int, int]
    cuts_for: Mapping[str, list[Spans]] = MappingProxyType({})
    called_exact: Collection[int] = ()

    def stands(self, document: int) -> bool:
        """Say whether a document was not dropped."""
        return document not in self.dropped


def without(text: str, cuts: Spans) -> str:
    """Return what is left of a text.

    >>> without("abcdef", [(0, 1), (3, 5)])
    'bcf'
    """
    edges = [0, *(edge for span in cuts for edge in span), len(text)]
    return "".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def stored(records: Sequence[Record], outcome: Outcome) -> list[str]:
    """Return every text as it would be stored, those of dropped documents included."""
    return [without(record["text"], cuts) for record, cuts in zip(records, outcome.cuts, strict=True)]


def clean(records: list[Record], threshold: float = 0.8) -> Outcome:
    """Run `dedup.clean` on a set."""
    edits = dedup.clean(records, only=EDITS)
    made = dedup.clean(records, threshold=threshold)
    return _outcome(
        len(records),
        [(decision.record - 1, decision) for decision in made.decisions],
        [(decision.record - 1, decision) for decision in edits.decisions],
        {d.record - 1: (d.keeper_record or 0) - 1 for d in made.decisions if d.action == "drop"},
    )


def clean_files(folder: Path, records: list[Record]) -> Outcome:
    """Run the job behind `dedup clean` on the files of a folder.

    Args:
        folder: The files.
        records: The documents in them, each with `file`, relative to the folder, and `record`, counted from 1.
    """
    numbers = {(record["file"], record["record"]): number for number, record in enumerate(records)}

    def decided(only: tuple[str, ...]) -> list[tuple[int, Decision]]:
        with tempfile.TemporaryDirectory() as work:
            output = Path(work) / "clean"
            jobs.clean([str(folder)], str(output), Config(only=only), jobs.Run())
            made = list(decisions.read(output.with_name("clean.dedup") / jobs.DECISIONS))
        return [(numbers[decision.file, decision.record], decision) for decision in made]

    made = decided(KINDS)
    drops = {n: numbers[d.keeper_file or "", d.keeper_record or 0] for n, d in made if d.action == "drop"}
    return _outcome(len(records), made, decided(EDITS), drops)


def of_left(texts: Sequence[str], left: Sequence[str | None]) -> Outcome:
    """Return what a tool did that tells only what it left of each text."""
    cuts = [[] if after is None else removed(before, after) for before, after in zip(texts, left, strict=True)]
    dropped = {number for number, after in enumerate(left) if after is None or not after.strip()}
    return Outcome(cuts, dropped, {})


def removed(before: str, after: str) -> Spans:
    r"""Return which lines and sentences of a text are missing from what is left of it.

    What is left is looked for in order, each piece at its first place, so of equal pieces the later ones are gone.
    White space does not count.

    Raises:
        ValueError: What is left is not made of pieces of the text.

    >>> removed("one two\none two\nsix. Ten.\n", "one two\nTen.")
    [(8, 15), (16, 20)]
    """
    left = after.split()
    gone: Spans = []
    at = 0
    for piece in PIECE.finditer(before):
        words = piece[0].split()
        if left[at : at + len(words)] == words:
            at += len(words)
        else:
            gone.append((piece.start(), piece.start() + len(piece[0].rstrip())))
    if at < len(left):
        raise ValueError(f"what is left does not come from the text: {' '.join(left[at : at + 9])!r}")
    return gone


def _outcome(documents: int, made: Made, edits: Made, drops: dict[int, int]) -> Outcome:
    """Put together what was decided.

    Args:
        documents: How many there are.
        made: The decisions, by document. Of a dropped document they say only that it went.
        edits: The decisions of a run that drops nothing, which tell what a dropped document would have lost had it
            stayed: its similarity is judged on that.
        drops: The keeper by dropped document.
    """
    cuts_for: dict[str, list[Spans]] = {kind: [[] for _ in range(documents)] for kind in REASONS_TO_CUT}
    for number, decision in [*((n, d) for n, d in made if n not in drops), *((n, d) for n, d in edits if n in drops)]:
        if decision.action == "cut":
            cuts_for[decision.reason][number].append((decision.start or 0, decision.end or 0))
    cuts = [sorted(itertools.chain(*of_document)) for of_document in zip(*cuts_for.values(), strict=True)]
    exact = {number for number, d in made if d.action == "drop" and d.reason == "exact-duplicate"}
    return Outcome(cuts, set(drops), drops, cuts_for, exact)
