"""Judging one article against what is stored, wherever that is: what goes from it, and whether there is one like it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dedup import audit, boilerplate, findings
from dedup.boilerplate import Templates
from dedup.cluster import COMPARED_FLOOR, REACH, Clusters, TextKeys
from dedup.columns import Column
from dedup.config import Config
from dedup.containment import Containment
from dedup.decisions import Decision
from dedup.edit import count_characters, remove_spans, take_rows
from dedup.errors import InputError, UsageError
from dedup.formats.fields import Fields, id_text, reach
from dedup.formats.sites import NOWHERE, source_of, ways_of
from dedup.index.adding import Sketcher, rows
from dedup.index.knowledge import Knowledge
from dedup.index.past import EVIDENCE
from dedup.index.segments import Rows
from dedup.memory import Lookup, known_copies, last_of_each
from dedup.model import Batch, Wanted
from dedup.plan import Documents, Known, Place, Plan
from dedup.shingle import TextSets, shingle_sets, stored_similarity
from dedup.signature import copy_keys
from dedup.sources import source_keys
from dedup.spill import IN_MEMORY

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

LEARN_SHARE = 0.05
"""A source's lines are counted anew once it has so many new documents, as a share of those that are counted. Counting
1,000 documents takes 30 ms or so, which is then next to nothing a document."""

Record = Mapping[str, Any] | str
"""An article: a record with the fields that an index was made for, or the text alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an article comes to.

    Attributes:
        kind: `new`, or a `duplicate` of a stored article.
        text: What is to be stored of it: without repeats and known boilerplate.
        keeper: Where the stored article is from that it is a duplicate of, or for a new one the most similar of those
            it was compared with; None where there is none.
        similarity: Exact Jaccard similarity to that one, 0 to 1; 0 where there is none.
        similarity_original: That of the two as they came, if `similarity` reaches the threshold; else 0.
        decisions: Every cut, the drop, and every flag, as in decisions.jsonl.
    """

    kind: Literal["new", "duplicate"]
    text: str
    keeper: Place | None
    similarity: float
    similarity_original: float
    decisions: list[Decision]


class Match(NamedTuple):
    """A stored document that another one was compared with.

    Attributes:
        number: Its number.
        place: Where it is from.
        similarity: Exact Jaccard similarity.
        original: That of the two as they came, if `similarity` reaches the threshold; else 0.
        is_equal: Whether the texts are equal after normalisation, as they came.
        is_copy: Whether they are, or the text is equal to that of one of its near-duplicates.
        is_like: Whether it is like enough for the other one to go.
    """

    number: int
    place: Place
    similarity: float
    original: float
    is_equal: bool
    is_copy: bool
    is_like: bool


class Judged(NamedTuple):
    """An article with all that was found out about it.

    Attributes:
        batch: It alone.
        templates: The boilerplate that was known.
        found: What goes from it.
        stored: What is to be stored of it.
        text_keys: Of that, and of the text as it came.
        band_keys: uint64[1, bands], of what is to be stored.
        match: What it was compared with, if it was.
        is_duplicate: Whether that is why it goes.
        is_crowded: Whether it stays, though it met more in a band than are compared.
    """

    batch: Batch
    templates: Templates
    found: findings.Findings
    stored: Column
    text_keys: TextKeys
    band_keys: Keys
    match: Match | None = None
    is_duplicate: bool = False
    is_crowded: bool = False

    @property
    def is_copy(self) -> bool:
        """Whether the text is known, so that nothing need be noted of it."""
        return self.match is not None and self.match.is_copy

    @property
    def keys(self) -> tuple[Keys, Keys]:
        """The keys that an article would have that this one is a copy of: uint64[1], stored, or nearly a duplicate."""
        return self.text_keys.originals, copy_keys(*self.text_keys)

    def rows(self, number: int, name: str) -> Rows:
        """Return what an index notes of the article as its document `number`."""
        match = self.match if self.is_duplicate else None
        numbers, cuts = np.array([number]), self.found.cuts
        return rows(
            self.batch,
            [name],
            self.batch.records,
            numbers,
            numbers if match is None else np.array([match.number]),
            (
                np.array([1.0 if match is None else match.similarity]),
                np.array([1.0 if match is None else match.original]),
            ),
            (cuts.documents, cuts.starts, cuts.ends),
            self.text_keys,
        )


class Judge:
    """Judges articles under one configuration; threads may share it.

    Attributes:
        config: What counts as a duplicate.
        name: The file that articles are said to be from.
    """

    def __init__(self, config: Config, name: str) -> None:
        self.config, self.name = config, name
        self._sketcher = Sketcher(config)
        self._fields = Fields.of(config)
        self._always = boilerplate.always(config)

    def templates(self, knowledge: Knowledge) -> Templates:
        """Return the boilerplate that goes: what is known and what the user lists."""
        return Templates.join([self._always, knowledge.found])

    def examined(self, batch: Batch, templates: Templates) -> Judged:
        """Find what goes from an article, and the keys of what is left."""
        found = findings.find(batch.texts, source_keys(batch.sources), templates, self.config)
        stored = batch.texts
        if len(found.cuts.documents):
            stored = remove_spans(batch.texts, found.cuts.documents, found.cuts.starts, found.cuts.ends)
        keys = self._sketcher.keys(stored, batch.texts, np.unique(found.cuts.documents), batch.sources)
        return Judged(batch, templates, found, stored, *keys)

    def matched(self, judged: Judged, lookups: Sequence[Lookup]) -> Judged:
        """Compare an article with what is stored, the oldest lookup first."""
        if "articles" not in self.config.only:
            return judged
        match, is_beyond = best_match(lookups, judged, self.config)
        is_duplicate = match is not None and match.is_like
        is_crowded = is_beyond and not is_duplicate
        return judged._replace(match=match, is_duplicate=is_duplicate, is_crowded=is_crowded)

    def batch(self, record: Record, number: int) -> Batch:
        """Return an article that may become document `number` as readers yield it.

        Raises:
            InputError: There is no text, or it holds a lone surrogate.
        """
        fields, values = self._fields, {} if isinstance(record, str) else record
        text = record if isinstance(record, str) else reach(record, fields.text)
        if not isinstance(text, str):
            raise InputError(
                f"the record has no text in field {self.config.text_field!r} (it is {type(text).__name__})",
                hint="Name the field with text_field=.",
            )
        named = [reach(values, path) for path in fields.sources]
        site = source_of(named, reach(values, fields.url) if fields.url else None, NOWHERE)
        try:
            texts = Column.of([text])
        except UnicodeEncodeError:
            raise InputError("the text holds a lone surrogate, which is no character", hint="Decode it anew.") from None
        return Batch(
            files=np.zeros(1, np.int32),
            records=np.array([number + 1]),
            texts=texts,
            ids=Column.of([id_text(reach(values, fields.id)) or f"{self.name}:{number + 1}"]),
            sources=Column.of([site.name]),
            digests=np.zeros(1, np.uint64),
            ways=ways_of(site, 1),
        )

    def verdict(self, judged: Judged, names: list[str] | None = None) -> Verdict:
        """Say what an article comes to; `names` are the files of the corpus that it is from."""
        match = judged.match
        return Verdict(
            kind="duplicate" if judged.is_duplicate else "new",
            text=judged.stored[0],
            keeper=None if match is None else match.place,
            similarity=0.0 if match is None else match.similarity,
            similarity_original=0.0 if match is None else match.original,
            decisions=list(audit.decisions(self._plan(judged), _One(judged.batch, names or [self.name]))),
        )

    def _plan(self, judged: Judged) -> Plan:
        """Return what was found as the plan of a corpus of one document."""
        match, batch = judged.match, judged.batch
        named = np.array([-1 if match is None else 1])
        keeper = named if judged.is_duplicate else np.zeros(1, np.int64)
        similarity = np.array([0.0 if match is None else match.similarity])
        original = np.array([0.0 if match is None else match.original])
        is_copy = np.array([match is not None and match.is_copy])
        known = Known.nobody()
        if match is not None:
            key = judged.text_keys.originals if match.is_equal else np.zeros(1, np.uint64)
            known = Known(np.array([match.number]), [match.place], key)
        lengths = count_characters(batch.texts)
        return Plan(
            config=self.config,
            documents=Documents(
                files=batch.files, records=batch.records, ids=batch.ids, sources=np.zeros(1, np.int64),
                source_names=[batch.sources[0]], digests=batch.digests, ways=batch.ways, ranks=None,
                characters=lengths, stored=lengths, whole=judged.found.whole, structured=judged.found.structured,
                original_keys=judged.text_keys.originals, keys=judged.text_keys.stored, tokens=np.zeros(1, np.int64),
            ),
            templates=judged.templates,
            cuts=judged.found.cuts,
            suspicions=judged.found.suspicions,
            protected=judged.found.protected,
            clusters=Clusters(keeper, similarity, original, named, is_copy, np.array([judged.is_crowded]), 0, 0),
            contained=Containment.none(1),
            bands=self._sketcher.shape,
            known=known,
        )  # fmt: skip


class Index(ABC):
    """An open index; made by `open_index`. Threads may share it.

    Use it as a context manager. What was added and not committed is committed at the end.

    Attributes:
        config: What counts as a duplicate.
    """

    def __init__(self, judge: Judge, is_writing: bool) -> None:
        self.config = judge.config
        self._judge, self._is_writing = judge, is_writing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_writing:
            self.commit()

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of stored articles, those not committed yet included."""

    @abstractmethod
    def judge(self, record: Record) -> Verdict:
        """Say what an article comes to; nothing is stored.

        Args:
            record: The article's text, or a record with the fields that the index was made for.

        Raises:
            InputError: There is no text, or it holds a lone surrogate.
        """

    @abstractmethod
    def add(self, record: Record) -> Verdict:
        """Judge an article and, if it is new, store it.

        That is one step: of those who add the same article at the same time, in other threads or wherever else the
        index is shared, one stores it.

        Raises:
            InputError: There is no text, or it holds a lone surrogate.
            UsageError: The index was opened for reading only.
        """

    @abstractmethod
    def commit(self) -> None:
        """Bring to disk what was added; when it returns, nothing of that is lost, however the process ends.

        The lines of sources that have grown enough are counted anew, and what is boilerplate now is known from then on.

        Raises:
            UsageError: The index was opened for reading only.
        """

    def _refuse_reading(self) -> None:
        if not self._is_writing:
            raise UsageError("the index is open for reading only", hint="Open it without is_reading.")


def has_grown(counted: int, more: int) -> bool:
    """Say whether a source's lines are to be counted anew: `more` documents came to those that `counted` counts."""
    return more >= min(counted, EVIDENCE) * LEARN_SHARE


class _One:
    """A corpus of one document."""

    room, rejected = IN_MEMORY, ()

    def __init__(self, batch: Batch, names: list[str]) -> None:
        self._batch, self.names = batch, names

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Read it."""
        yield self._batch


def best_match(lookups: Sequence[Lookup], judged: Judged, config: Config) -> tuple[Match | None, bool]:
    """Return the stored document in whose favour an article goes, or else the most similar of those it meets.

    The same step as `cluster.assign` takes for a document among its keepers; of equally similar ones, the first stored.

    Args:
        lookups: Where documents are stored, the oldest first.
        judged: The article, with its keys.
        config: How similar documents must be.

    Returns:
        The document, and whether there are more in a band than were looked at.
    """
    equal = known_copies(lookups, judged.text_keys)
    if equal[0] >= 0:
        (keeper,), (similarity,), (original,) = _home(lookups, int(equal[0])).keepers(equal)
        place = _home(lookups, int(keeper)).places(np.array([keeper]))[0]
        is_equal = bool(keeper == equal[0])
        figures = float(similarity), float(original)
        return Match(int(keeper), place, *figures, is_equal, is_copy=True, is_like=True), False
    pairs = [lookup.meet(judged.band_keys[0], REACH + 1) for lookup in lookups]
    rows, numbers = np.concatenate(pairs, axis=1)
    if not len(rows):
        return None, False
    met = last_of_each(rows, numbers, REACH)[1]
    is_beyond = len(met) < len(numbers)
    best, home = (False, 0.0, 0.0, -1), lookups[0]
    for lookup, (_, held) in zip(lookups, pairs, strict=True):
        own = np.intersect1d(held, met)
        found = _similarities(judged, lookup, own, min(COMPARED_FLOOR, config.threshold))
        originals = np.zeros(len(own))
        near = np.flatnonzero(found >= config.threshold)
        originals[near] = jaccards(judged.batch.texts, lookup.originals(own[near]), 0)
        likes = (found >= config.threshold) & (originals >= config.least_original)
        for told in zip(likes.tolist(), found.tolist(), originals.tolist(), own.tolist(), strict=True):
            if told[:2] > best[:2]:
                best, home = told, lookup
    is_like, similarity, original, number = best
    if number < 0:
        return None, is_beyond
    (place,) = home.places(np.array([number]))
    return Match(number, place, similarity, original, is_equal=False, is_copy=False, is_like=is_like), is_beyond


def _home(lookups: Sequence[Lookup], number: int) -> Lookup:
    """Return where a document is."""
    return next(lookup for lookup in lookups if lookup.holds(number))


def _similarities(judged: Judged, lookup: Lookup, numbers: Ints, floor: float) -> npt.NDArray[np.float64]:
    """Return how similar an article is to some stored documents, 0 where sizes alone keep it below the floor."""
    from dedup.kernels import cluster as kernels

    stored = lookup.stored(numbers)
    found = np.array(jaccards(judged.stored, stored, floor), np.float64)
    source = judged.batch.sources[0]
    foreign = np.flatnonzero([place.source != source for place in lookup.places(numbers)])
    if not len(foreign):
        return found
    originals = lookup.originals(numbers[foreign])
    has_lost = len(judged.found.cuts.documents) > 0
    lost = stored.sizes[foreign] != originals.sizes
    uneven = np.flatnonzero(lost | has_lost)
    own = _text_sets(judged.stored, judged.batch.texts)
    of_stored, of_originals = take_rows(stored, foreign[uneven]), take_rows(originals, uneven)
    for at, row in enumerate(foreign[uneven].tolist()):
        one = np.array([at])
        other = _text_sets(take_rows(of_stored, one), take_rows(of_originals, one))
        sizes = len(own.stored), len(other.stored)
        if kernels.may_reach(floor, *sizes, has_lost, bool(lost[uneven[at]])):
            found[row] = stored_similarity(own, other, is_foreign=True)
    return found


def _text_sets(stored: Column, original: Column) -> TextSets:
    return TextSets(shingle_sets(stored).hashes, shingle_sets(original).hashes)


def jaccards(text: Column, others: Column, floor: float) -> list[float]:
    """Return the exact Jaccard similarity of one text to each of some others, 0 where sizes alone keep it low."""
    from dedup.kernels import cluster as kernels
    from dedup.kernels.slots import SECRET

    if not len(others):
        return []
    own, sets = shingle_sets(text).hashes, shingle_sets(others)
    table = np.zeros(max(16, 1 << int(2 * len(own)).bit_length()), np.uint64)
    with np.errstate(over="ignore"):
        zero = kernels.fill(own, SECRET, table)
        found = []
        for start, end in zip(sets.offsets[:-1].tolist(), sets.offsets[1:].tolist(), strict=True):
            smaller, larger = sorted((len(own), end - start))
            shared = 0
            if smaller >= floor * larger:
                shared = int(kernels.count_shared(sets.hashes[start:end], SECRET, table, zero))
            found.append(shared / max(len(own) + end - start - shared, 1))
    return found
