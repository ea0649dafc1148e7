"""Two documents side by side: what they share, and why they are duplicates or are not."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from dedup import lsh, signature
from dedup.cluster import REACH
from dedup.columns import Column
from dedup.config import Config
from dedup.decisions import Decision
from dedup.explain import Story
from dedup.shingle import SHINGLE_WORDS, TextSets, jaccard, shingle_sets, sizes_compared, stored_similarity
from dedup.unicode import fold

SINGLE = r"[[\p{Han}\p{Hiragana}\p{Katakana}\p{Line_Break=SA}]&&\w--\p{M}]"
"""A letter of a script without spaces, which is a word here."""

WORD = rf"{SINGLE}\p{{M}}*|[\w--{SINGLE}]+"

MOST_PASSAGES = 3
"""Passages shown that two documents share, the longest."""

Rule = Literal[
    "exact-duplicate",
    "near-duplicate",
    "contained",
    "same-keeper",
    "other-keeper",
    "below-threshold",
    "unlike-as-they-came",
    "too-short",
    "missed",
    "crowded",
    "not-compared",
    "unexplained",
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two documents side by side, both as they would be stored.

    Attributes:
        rule: What decided.
        why: The same in a sentence.
        similarity: Exact Jaccard similarity of their word 5-gram shingles, 0-1.
        similarity_original: The same of the two texts as they came.
        estimated: The same as their MinHash signatures estimate it.
        containment: The share of the shingles of each that the other has, 0-1.
        shingles: How many different shingles each has.
        compared: How many of them count: of texts of different sources, those that the other one did not lose.
        shared: How many of them both have.
        passages: The longest passages that both have, folded, some words each.
        bands: How many bands signatures are cut into.
        rows: Hashes in each band.
        met: The bands in which they agree, counted from 0; one is enough to be compared.
    """

    rule: Rule
    why: str
    similarity: float
    similarity_original: float
    estimated: float
    containment: tuple[float, float]
    shingles: tuple[int, int]
    compared: tuple[int, int]
    shared: int
    passages: list[str]
    bands: int
    rows: int
    met: list[int]


def compare(first: Story, second: Story, config: Config) -> Comparison:
    """Compare two documents as the scan compares them, and say which rule decided about them."""
    texts = Column.of([first.stored, second.stored])
    own, other = (TextSets(*(shingle_sets(Column.of([text])).hashes for text in (story.stored, story.subject.text)))
                  for story in (first, second))  # fmt: skip
    is_foreign = first.subject.source != second.subject.source
    shingles, shared = (own.stored.size, other.stored.size), len(np.intersect1d(own.stored, other.stored))
    sketches = signature.sketch(texts, signature.permutations(config.hashes, config.seed))
    bands = lsh.choose_bands(config.threshold, config.hashes, config.recall)
    keys = signature.band_keys(sketches.signatures, *bands)
    is_short = int(sketches.tokens.min()) < SHINGLE_WORDS
    met = [] if is_short else np.flatnonzero(keys[0] == keys[1]).tolist()
    similarity = stored_similarity(own, other, is_foreign=is_foreign)
    original = jaccard(first.subject.text, second.subject.text)
    rule, why = _Judge(first, second, config, similarity, original, bands, bool(met), is_short).rule()
    return Comparison(
        rule=rule,
        why=why,
        similarity=similarity,
        similarity_original=original,
        estimated=float((sketches.signatures[0] == sketches.signatures[1]).mean()) if all(shingles) else 0.0,
        containment=(shared / max(shingles[0], 1), shared / max(shingles[1], 1)),
        shingles=shingles,
        compared=sizes_compared(own, other, is_foreign=is_foreign),
        shared=shared,
        passages=passages(first.stored, second.stored),
        bands=bands.bands,
        rows=bands.rows,
        met=met,
    )


def words(text: str) -> list[str]:
    """Return the words that shingles are made of.

    >>> words("Straße 5, 市议会")
    ['strasse', '5', '市', '议', '会']
    """
    import regex

    found: list[str] = regex.findall(WORD, fold(text), regex.V1)
    return found


def passages(first: str, second: str) -> list[str]:
    """Return the longest runs of shingles that two texts share, as folded words of the first one.

    >>> passages("Der Rat tagt am Montag um zehn.", "Wie es heißt: Der Rat tagt am Montag um elf.")
    ['der rat tagt am montag um']
    """
    ours, theirs = words(first), words(second)
    known = set(_shingles(theirs))
    runs: list[tuple[int, int]] = []
    for at, shingle in enumerate(_shingles(ours)):
        if shingle in known:
            start = runs.pop()[0] if runs and runs[-1][1] == at + len(shingle) - 1 else at
            runs.append((start, at + len(shingle)))
    longest = sorted(runs, key=lambda run: run[0] - run[1])[:MOST_PASSAGES]
    return [unicodedata.normalize("NFC", " ".join(ours[start:end])) for start, end in longest]


def _shingles(found: list[str]) -> list[tuple[str, ...]]:
    """Return the shingles in order; one, all of it, of a text of fewer words."""
    if len(found) <= SHINGLE_WORDS:
        return [tuple(found)] if found else []
    return [tuple(found[at : at + SHINGLE_WORDS]) for at in range(len(found) - SHINGLE_WORDS + 1)]


class _Judge(NamedTuple):
    """Says which rule decided about a pair."""

    first: Story
    second: Story
    config: Config
    similarity: float
    original: float
    bands: lsh.Bands
    has_met: bool
    is_short: bool

    def rule(self) -> tuple[Rule, str]:
        """Return the rule and a sentence that says it."""
        drops = [_drop_of(story) for story in (self.first, self.second)]
        for drop, other in zip(drops, (self.second, self.first), strict=True):
            if drop is not None and (drop.keeper_file, drop.keeper_record) == other.subject[2:4]:
                return self._dropped_for_the_other(drop, other)
        gone = [drop for drop in drops if drop is not None]
        if len(gone) == 2:
            places = [f"{drop.keeper_file}:{drop.keeper_record}" for drop in gone]
            if places[0] == places[1]:
                return "same-keeper", f"Both go in favour of {places[0]}."
            return "other-keeper", f"They go in favour of different documents, {places[0]} and {places[1]}."
        if gone:
            return self._dropped_for_a_third(gone[0], self.second if drops[0] is not None else self.first)
        return self._both_stay()

    def _dropped_for_the_other(self, drop: Decision, keeper: Story) -> tuple[Rule, str]:
        named = f"{drop.file}:{drop.record} goes in favour of {keeper.subject.place}"
        if drop.reason == "exact-duplicate":
            return "exact-duplicate", (
                f"{named}: their texts are equal as they came, case, spacing and punctuation aside."
            )
        if self.similarity < self.config.threshold:
            return "contained", (
                f"{named}, which holds {drop.containment or 0:.4f} of it; {self.config.drop_contained:g} is enough."
            )
        return "near-duplicate", (
            f"{named}: {self.similarity:.4f} is at least the threshold, {self.config.threshold:g}, "
            f"and {self.original:.4f}, as they came, at least the floor, {self.config.least_original:g}."
        )

    def _dropped_for_a_third(self, drop: Decision, stays: Story) -> tuple[Rule, str]:
        named = f"{drop.file}:{drop.record} goes in favour of {drop.keeper_file}:{drop.keeper_record}"
        if self.similarity < self.config.threshold:
            return "other-keeper", f"{named}, not of {stays.subject.place}, which it is not like."
        return "other-keeper", (
            f"{named}. {stays.subject.place} is like it, but is compared only with documents that stay, and stays."
        )

    def _both_stay(self) -> tuple[Rule, str]:
        threshold = self.config.threshold
        if "articles" not in self.config.only:
            return "not-compared", "Both stay: this run does not look for duplicate articles."
        if self.is_short:
            return "too-short", (
                "Both stay: a text of fewer than five words goes only if it is equal to another as it came."
            )
        if self.similarity < threshold:
            return "below-threshold", f"Both stay: {self.similarity:.4f} is below the threshold, {threshold:g}."
        if not self.has_met:
            missed = 1 - self.bands.recall(self.similarity)
            return "missed", (
                f"Both stay though they are like enough: they agree in no band, so they were never compared. "
                f"That happens to {missed:.2%} of the pairs with this similarity."
            )
        if self.original < self.config.least_original:
            return "unlike-as-they-came", (
                f"Both stay: without what was cut they are {self.similarity:.4f} alike, but as they came only "
                f"{self.original:.4f}; the floor is {self.config.least_original:g}."
            )
        flagged = next((story for story in (self.first, self.second) if _is_crowded(story)), None)
        if flagged is not None:
            return "crowded", (
                f"Both stay though they are like enough: {flagged.subject.place} meets more than {REACH:,} documents "
                "in a band, and was compared with the last of them only."
            )
        return "unexplained", "Both stay though they are like enough and met: these decisions were not made by a scan."


def _is_crowded(story: Story) -> bool:
    """Say whether a document is flagged since it met more others than it was compared with."""
    flags = (decision for decision in story.decisions if decision.action == "flag")
    return any(flag.reason == "near-duplicate" and flag.keeper_file is None for flag in flags)


def _drop_of(story: Story) -> Decision | None:
    return next((decision for decision in story.decisions if decision.action == "drop"), None)
