"""Similarities of dropped and flagged documents, computed again from the texts as they came and as they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import signature
from dedup.columns import Column
from dedup.config import Config
from dedup.model import Wanted
from dedup.plan import Progress
from dedup.readers import Corpus
from dedup.shingle import SHINGLE_WORDS, TextSets, shingle_sets, stored_similarity
from dedup.verify.claims import TOLERANCE, Claims, Tie, without
from dedup.verify.violations import Violations

CHUNK_CHARACTERS = 50_000_000
"""Of how many characters the shingles are held at a time: 8 bytes a word, so 80 MB in most languages."""

Keys = npt.NDArray[np.uint64]


class _Text(NamedTuple):
    """What a document is compared by.

    Attributes:
        sets: Its shingles.
        key: The text key of that.
        tokens: The words of what is stored.
    """

    sets: TextSets
    key: int
    tokens: int


Texts = dict[int, _Text]


class _Pair(NamedTuple):
    """A claim with the number of the other document."""

    tie: Tie
    keeper: int


def check_ties(
    claims: Claims, corpus: Corpus, config: Config, found: Violations, progress: Progress, *, has_index: bool
) -> int:
    """Compute every claimed similarity and containment again, and check that what others went for stays.

    Returns how many documents went for one that is not in the corpus, which is right only if there `has_index`.
    """
    checker = _Checker(claims, corpus, config, found)
    inside = [tie for tie in claims.ties if not has_index or checker.is_inside(tie)]
    pairs = [pair for tie in inside if (pair := checker.pair(tie)) is not None]
    for chunk in _chunks(sorted(pairs, key=lambda pair: (pair.keeper, pair.tie.document)), claims):
        texts = _texts(chunk, claims, corpus)
        for pair in chunk:
            checker.check(pair, texts[pair.tie.document], texts[pair.keeper])
        progress("checking similarities", len(chunk))
    return sum(tie.drops for tie in claims.ties) - sum(tie.drops for tie in inside)


def _chunks(pairs: list[_Pair], claims: Claims) -> Iterator[list[_Pair]]:
    """Split pairs, sorted by keeper, so that what they compare stays within `CHUNK_CHARACTERS`."""
    chunk: list[_Pair] = []
    size, last = 0, -1
    for pair in pairs:
        own = int(claims.characters[pair.tie.document])
        keeper = 0 if pair.keeper == last else int(claims.characters[pair.keeper])
        if chunk and size + own + keeper > CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
        chunk.append(pair)
        size, last = size + own + keeper, pair.keeper
    if chunk:
        yield chunk


def _texts(pairs: list[_Pair], claims: Claims, corpus: Corpus) -> Texts:
    """Return what the documents of some pairs are compared by."""
    wanted = np.unique([number for pair in pairs for number in (pair.tie.document, pair.keeper)])
    found: Texts = {}
    at = 0
    for batch in corpus.batches(Wanted(claims.files[wanted].astype(np.int32), claims.records[wanted])):
        numbers = wanted[at : at + len(batch)].tolist()
        stored = Column.of(without(batch.texts[row], claims.spans(number)) for row, number in enumerate(numbers))
        sets = (np.split(both.hashes, both.offsets[1:-1]) for both in map(shingle_sets, (stored, batch.texts)))
        keys = signature.text_keys(batch.texts, np.arange(len(batch))).tolist()
        tokens = signature.sketch(stored, signature.permutations(1, 1)).tokens.tolist()
        found |= zip(numbers, map(_Text, map(TextSets, *sets), keys, tokens), strict=True)
        at += len(batch)
    return found


class _Checker:
    """Checks pairs, one at a time."""

    def __init__(self, claims: Claims, corpus: Corpus, config: Config, found: Violations) -> None:
        self._claims = claims
        self._names = corpus.names
        self._config = config
        self._found = found

    def is_inside(self, tie: Tie) -> bool:
        """Say whether the other document is in the corpus, and stays."""
        keeper = self._claims.number_of(tie.keeper)
        if keeper is None or keeper == tie.document or self._claims.dropped[keeper]:
            return False
        return self._claims.ids[keeper] == tie.keeper_id

    def pair(self, tie: Tie) -> _Pair | None:
        """Find the other document of a claim; None, and a violation, if there is none."""
        keeper = self._claims.number_of(tie.keeper)
        if keeper is None or keeper == tie.document or self._claims.ids[keeper] != tie.keeper_id:
            self._wrong(tie, "what it is said to be like is not in the input")
            return None
        if tie.drops and self._claims.dropped[keeper]:
            self._wrong(tie, f"is dropped for {self._shown(tie)}, which is dropped itself")
        return _Pair(tie, keeper)

    def check(self, pair: _Pair, own: _Text, other: _Text) -> None:
        """Compare what is claimed with what is."""
        tie = pair.tie
        sources = self._claims.sources
        is_foreign = bool(sources[tie.document] != sources[pair.keeper])
        similarity = stored_similarity(own.sets, other.sets, is_foreign=is_foreign)
        _, containment = _shares(own.sets.stored, other.sets.stored)
        original, original_containment = _shares(own.sets.came, other.sets.came)
        is_equal = own.key == other.key and original == 1
        if tie.reason == "exact-duplicate":
            # What is stored of two equal texts may differ: from one of them boilerplate went.
            similarity = 1.0 if is_equal else original
        claims = (
            ("similarity", tie.similarity, similarity),
            ("similarity_original", tie.similarity_original, original),
            ("containment", tie.containment, containment),
        )
        for name, claim, real in claims:
            if claim is not None and abs(claim - real) > TOLERANCE:
                self._wrong(tie, f"has a {name} of {real:.4f} to {self._shown(tie)}, not of {claim:.4f}")
        if not tie.drops:
            return
        if tie.similarity is None:
            self._wrong(tie, "is dropped without a similarity")
        if tie.reason == "exact-duplicate":
            if not is_equal:
                self._wrong(tie, f"is dropped as exact-duplicate, but came with another text than {self._shown(tie)}")
            return
        if tie.similarity_original is None:
            self._wrong(tie, "is dropped without a similarity of the texts as they came")
        asked = self._config.drop_contained
        is_held = asked > 0 and tie.containment is not None and containment >= asked
        if similarity < self._config.threshold and not is_held:
            self._wrong(tie, f"is dropped as {tie.reason} with a similarity of {similarity:.4f} to {self._shown(tie)}")
        likeness, least = original, self._config.least_original
        if is_held:
            likeness, least = original_containment, min(self._config.original_floor, asked)
        if likeness < least:
            self._wrong(tie, f"is dropped, but as it came only {likeness:.4f} like {self._shown(tie)}")
        if own.tokens < SHINGLE_WORDS:
            self._wrong(tie, f"is shorter than one shingle, and came with another text than {self._shown(tie)}")

    def _shown(self, tie: Tie) -> str:
        return f"{self._names[tie.keeper[0]]}:{tie.keeper[1]}"

    def _wrong(self, tie: Tie, message: str) -> None:
        file, record = self._claims.files[tie.document], self._claims.records[tie.document]
        self._found.add(self._names[file], int(record), message)


def _shares(own: Keys, others: Keys) -> tuple[float, float]:
    """Return the Jaccard similarity of two sets, and how much of the first is in the second."""
    shared = np.intersect1d(own, others, assume_unique=True).size
    return shared / max(len(own) + len(others) - shared, 1), shared / max(len(own), 1)
