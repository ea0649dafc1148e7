"""Articles judged one by one, as they come: against what an index holds and what was added a moment ago."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import xxhash

from dedup import audit, boilerplate, findings
from dedup.boilerplate import Templates
from dedup.cluster import COMPARED_FLOOR, Clusters
from dedup.columns import Column
from dedup.config import Config
from dedup.containment import Containment
from dedup.decisions import Decision
from dedup.edit import count_characters, remove_spans
from dedup.errors import InputError, UsageError
from dedup.formats.fields import Fields, id_text, reach, source_of
from dedup.index.adding import Sketcher, rows
from dedup.index.evidence import learn
from dedup.index.pending import Added, Pending
from dedup.index.snapshot import EVIDENCE, Snapshot
from dedup.index.store import Store
from dedup.memory import Lookup
from dedup.model import Batch, Wanted, take
from dedup.plan import Corpus, Documents, Known, Place, Plan
from dedup.shingle import shingle_sets
from dedup.spill import IN_MEMORY

Keys = npt.NDArray[np.uint64]

LEARN_SHARE = 0.05
"""A source's lines are counted anew once it has so many new documents, as a share of those that are counted. Counting
1,000 documents takes 30 ms or so, which is then next to nothing a document."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an article comes to.

    Attributes:
        kind: `new`, or a `duplicate` of a stored article.
        text: What is to be stored of it: without repeats and known boilerplate.
        keeper: Where the stored article is from that it is a duplicate of, or for a new one the most similar of those
            it was compared with; None where there is none.
        similarity: Exact Jaccard similarity to that one, 0 to 1; 0 where there is none.
        decisions: Every cut, the drop, and every flag, as in decisions.jsonl.
    """

    kind: Literal["new", "duplicate"]
    text: str
    keeper: Place | None
    similarity: float
    decisions: list[Decision]


class Match(NamedTuple):
    """A stored document that another one was compared with.

    Attributes:
        number: Its number.
        place: Where it is from.
        similarity: Exact Jaccard similarity.
        is_equal: Whether the texts are equal after normalisation.
        is_copy: Whether they are, or the text is equal to that of one of its near-duplicates.
    """

    number: int
    place: Place
    similarity: float
    is_equal: bool
    is_copy: bool


class _State(NamedTuple):
    """What one judgement looks at; replaced whole, so that threads need not wait for each other."""

    snapshot: Snapshot
    templates: Templates
    pending: Pending


class _Judged(NamedTuple):
    """An article with all that was found out about it."""

    batch: Batch
    found: findings.Findings
    stored: Column
    text_keys: Keys
    band_keys: Keys
    match: Match | None
    is_duplicate: bool


class Index:
    """An open index; made by `open_index`. Threads may share it.

    Attributes:
        config: What counts as a duplicate.
    """

    def __init__(self, store: Store, config: Config, name: str, is_writing: bool) -> None:
        self.config = config
        self._store, self._name, self._is_writing = store, name, is_writing
        self._fields = Fields.of(config)
        self._sketcher = Sketcher(config)
        self._listed = boilerplate.listed(config.known_boilerplate)
        self._changing = threading.RLock()
        self._exit = ExitStack()
        self._waiting: dict[str, int] = {}
        self._state = self._fresh_state()

    def __enter__(self) -> Self:
        if self._is_writing:
            from dedup.index.runs import is_written

            self._exit.enter_context(self._store.locked(is_written))
            self._state = self._fresh_state()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._exit:
            if self._is_writing:
                self.commit()

    def __len__(self) -> int:
        """Return the number of stored articles, those not committed yet included."""
        state = self._state
        return len(state.snapshot.standing()) + len(state.pending.stored_sources)

    def judge(self, record: Mapping[str, Any] | str) -> Verdict:
        """Say what an article comes to; nothing is stored.

        Args:
            record: The article's text, or a record with the fields that the index was made for.

        Raises:
            InputError: There is no text, or it holds a lone surrogate.
        """
        state = self._state
        batch = self._batch(record, state.pending.next_number)
        return self._verdict(state, self._judged(state, batch), [self._name])

    def judge_corpus(self, corpus: Corpus) -> Iterator[tuple[Batch, Verdict]]:
        """Judge the documents of a corpus, each on its own; yield each as a batch of its own with its verdict."""
        state = self._state
        for batch in corpus.batches():
            for row in range(len(batch)):
                one = take(batch, np.array([row]))
                yield one, self._verdict(state, self._judged(state, one), corpus.names)

    def add(self, record: Mapping[str, Any] | str) -> Verdict:
        """Judge an article and, if it is new, store it: in memory at first, for good with `commit`.

        Two threads that add the same article at the same time store it once.

        Raises:
            InputError: There is no text, or it holds a lone surrogate.
            UsageError: The index was opened for reading only.
        """
        self._refuse_reading()
        with self._changing:
            state = self._state
            judged = self._judged(state, self._batch(record, state.pending.next_number))
            if judged.match is None or not judged.match.is_copy:
                self._note(state.pending, judged)
            return self._verdict(state, judged, [self._name])

    def commit(self) -> None:
        """Bring to disk what was added; when it returns, nothing of that is lost, however the process ends.

        The lines of sources that have grown enough are counted anew, and what is boilerplate now is known from then on.
        """
        self._refuse_reading()
        with self._changing:
            pending = self._state.pending
            if not len(pending):
                return
            writer = self._store.new_segment()
            pending.write(writer)
            self._store.commit(self._store.changed(writer, next_number=pending.next_number))
            for source in pending.stored_sources:
                self._waiting[source] = self._waiting.get(source, 0) + 1
            self._learn()
            self._state = self._fresh_state()

    def _learn(self) -> None:
        """Count the lines of the sources that have grown by enough documents."""
        snapshot = self._store.snapshot
        grown = [
            source
            for source, more in self._waiting.items()
            if more >= min(len(snapshot.latest([source])), EVIDENCE) * LEARN_SHARE
        ]
        if grown and "boilerplate" in self.config.only:
            learn(self._store, grown, self.config, 1)
        for source in grown:
            del self._waiting[source]

    def _fresh_state(self) -> _State:
        snapshot = self._store.snapshot
        templates = Templates.join([self._listed, snapshot.knowledge.found])
        return _State(snapshot, templates, Pending(snapshot.catalog.next_number))

    def _refuse_reading(self) -> None:
        if not self._is_writing:
            raise UsageError("the index is open for reading only", hint="Open it without is_reading.")

    def _judged(self, state: _State, batch: Batch) -> _Judged:
        source_keys = np.array([xxhash.xxh3_64_intdigest(batch.sources.row(0))], np.uint64)
        found = findings.find(batch.texts, source_keys, state.templates, self.config)
        stored = batch.texts
        if len(found.cuts.documents):
            stored = remove_spans(batch.texts, found.cuts.documents, found.cuts.starts, found.cuts.ends)
        text_keys, band_keys = self._sketcher.keys(stored)
        match = None
        if "articles" in self.config.only:
            match = best_match([state.snapshot, state.pending], stored, text_keys, band_keys, self.config.threshold)
        is_duplicate = match is not None and (match.is_copy or match.similarity >= self.config.threshold)
        return _Judged(batch, found, stored, text_keys, band_keys, match, is_duplicate)

    def _batch(self, record: Mapping[str, Any] | str, number: int) -> Batch:
        fields, values = self._fields, {} if isinstance(record, str) else record
        text = record if isinstance(record, str) else reach(record, fields.text)
        if not isinstance(text, str):
            raise InputError(
                f"the record has no text in field {self.config.text_field!r} (it is {type(text).__name__})",
                hint="Name the field with text_field=.",
            )
        named = [reach(values, path) for path in fields.sources]
        source = source_of(named, reach(values, fields.url) if fields.url else None, "")
        try:
            texts = Column.of([text])
        except UnicodeEncodeError:
            raise InputError("the text holds a lone surrogate, which is no character", hint="Decode it anew.") from None
        return Batch(
            files=np.zeros(1, np.int32),
            records=np.array([number + 1]),
            texts=texts,
            ids=Column.of([id_text(reach(values, fields.id)) or f"{self._name}:{number + 1}"]),
            sources=Column.of([source]),
            digests=np.zeros(1, np.uint64),
        )

    def _note(self, pending: Pending, judged: _Judged) -> None:
        number = np.array([pending.next_number])
        match = judged.match if judged.is_duplicate else None
        keeper = number if match is None else np.array([match.number])
        similarity = np.array([1.0 if match is None else match.similarity])
        cuts = judged.found.cuts
        row = rows(
            judged.batch, [self._name], judged.batch.records, number, keeper, similarity,
            (cuts.documents, cuts.starts, cuts.ends), judged.text_keys,
        )  # fmt: skip
        pending.add(Added(row, judged.band_keys, judged.stored.row(0)))

    def _verdict(self, state: _State, judged: _Judged, names: list[str]) -> Verdict:
        match = judged.match
        return Verdict(
            kind="duplicate" if judged.is_duplicate else "new",
            text=judged.stored[0],
            keeper=None if match is None else match.place,
            similarity=0.0 if match is None else match.similarity,
            decisions=list(audit.decisions(self._plan(state, judged), _One(judged.batch, names))),
        )

    def _plan(self, state: _State, judged: _Judged) -> Plan:
        """Return what was found as the plan of a corpus of one document."""
        match, batch = judged.match, judged.batch
        named = np.array([-1 if match is None else 1])
        keeper = named if judged.is_duplicate else np.zeros(1, np.int64)
        similarity = np.array([0.0 if match is None else match.similarity])
        is_copy = np.array([match is not None and match.is_copy])
        known = Known.nobody()
        if match is not None:
            key = judged.text_keys if match.is_equal else np.zeros(1, np.uint64)
            known = Known(np.array([match.number]), [match.place], key)
        lengths = count_characters(batch.texts)
        return Plan(
            config=self.config,
            documents=Documents(
                files=batch.files, records=batch.records, ids=batch.ids, sources=np.zeros(1, np.int64),
                source_names=[batch.sources[0]], digests=batch.digests, ranks=None, characters=lengths, stored=lengths,
                whole=judged.found.whole, structured=judged.found.structured, keys=judged.text_keys,
                tokens=np.zeros(1, np.int64),
            ),
            templates=state.templates,
            cuts=judged.found.cuts,
            suspicions=judged.found.suspicions,
            protected=judged.found.protected,
            clusters=Clusters(keeper, similarity, named, is_copy, 0, 0),
            contained=Containment.none(1),
            bands=self._sketcher.shape,
            known=known,
        )  # fmt: skip


class _One:
    """A corpus of one document."""

    room, rejected = IN_MEMORY, ()

    def __init__(self, batch: Batch, names: list[str]) -> None:
        self._batch, self.names = batch, names

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Read it."""
        yield self._batch


def best_match(
    lookups: Sequence[Lookup], stored: Column, text_keys: Keys, band_keys: Keys, threshold: float
) -> Match | None:
    """Return the stored document in whose favour a text goes, or else the most similar of those it meets.

    The same step as `cluster.assign` takes for a document among its keepers; of equally similar ones, the first stored.

    Args:
        lookups: Where documents are stored, the oldest first.
        stored: The one text, as it would be stored.
        text_keys: Its text key.
        band_keys: Its band keys.
        threshold: Least Jaccard similarity.
    """
    for lookup in lookups:
        equal = lookup.equal(text_keys)
        if equal[0] >= 0:
            keeper, similarity = lookup.keepers(equal)
            home = next(each for each in lookups if each.holds(int(keeper[0])))
            is_equal = bool(keeper[0] == equal[0])
            return Match(int(keeper[0]), home.places(keeper)[0], float(similarity[0]), is_equal, True)
    best, where, highest = -1, lookups[0], 0.0
    for lookup in lookups:
        met = lookup.meet(band_keys)[1]
        for number, found in zip(met.tolist(), similarities(stored, lookup.stored(met), threshold), strict=True):
            if found > highest:
                best, where, highest = number, lookup, found
    return None if best < 0 else Match(best, where.places(np.array([best]))[0], highest, False, False)


def similarities(text: Column, others: Column, threshold: float) -> list[float]:
    """Return the exact Jaccard similarity of one text to each of some others, 0 where sizes alone keep it low."""
    from dedup.kernels import cluster as kernels

    if not len(others):
        return []
    own, sets = shingle_sets(text).hashes, shingle_sets(others)
    table = np.zeros(max(16, 1 << int(2 * len(own)).bit_length()), np.uint64)
    with np.errstate(over="ignore"):
        zero = kernels.fill(own, table)
        found = []
        for start, end in zip(sets.offsets[:-1].tolist(), sets.offsets[1:].tolist(), strict=True):
            smaller, larger = sorted((len(own), end - start))
            shared = 0
            if smaller >= min(COMPARED_FLOOR, threshold) * larger:
                shared = int(kernels.count_shared(sets.hashes[start:end], table, zero))
            found.append(shared / max(len(own) + end - start - shared, 1))
    return found


def open_index(path: str | Path, *, is_reading: bool = False, **options: Any) -> Index:
    """Open an index to judge and add articles one by one; makes an empty one where there is none.

    Use it as a context manager. What was added and not committed is committed at the end.

    Args:
        path: Its folder.
        is_reading: Only judge: any number of processes may at the same time, and one more may write.
        **options: Fields of `Config`; those that are not given are what the index was made with.

    Raises:
        StateError: It is no index, was damaged, or another process is writing to it.
        UsageError: An option is not known, or does not go together with the index.

    >>> import tempfile
    >>> report = "Der Gemeinderat hat am Montag nach langer Debatte den Bau der neuen Brücke beschlossen."
    >>> with tempfile.TemporaryDirectory() as folder, open_index(f"{folder}/news.index") as index:
    ...     print(index.add({"id": "a", "text": report}).kind)
    ...     verdict = index.judge({"id": "b", "text": report.upper()})
    ...     print(verdict.kind, verdict.keeper.id, verdict.similarity)
    new
    duplicate a 1.0
    """
    from dedup.index.catalog import CATALOG, load

    folder = Path(path)
    if (folder / CATALOG).exists() or is_reading:
        options = settings_of(load(folder).config) | options
    config = Config(**{"keep": "first"} | options)
    from dedup.index.runs import refuse_settings

    refuse_settings(config)
    store = Store(folder) if is_reading else Store.open_or_create(folder, config)
    store.catalog.check(config, folder)
    return Index(store, config, folder.name, not is_reading)


def settings_of(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that an index was made with as `Config` takes them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
