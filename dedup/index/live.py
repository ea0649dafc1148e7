"""Articles judged one by one, as they come: against what an index holds and what was added a moment ago."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from dedup.boilerplate import Templates
from dedup.config import Config
from dedup.index.catalog import CATALOG, load
from dedup.index.evidence import learn
from dedup.index.judging import Index, Judge, Judged, Record, Verdict, has_grown
from dedup.index.pending import Added, Pending
from dedup.index.runs import is_written, refuse_settings
from dedup.index.snapshot import Snapshot
from dedup.index.store import Store
from dedup.model import Batch, take
from dedup.plan import Corpus


class _State(NamedTuple):
    """What one judgement looks at; replaced whole, so that threads need not wait for each other."""

    snapshot: Snapshot
    templates: Templates
    pending: Pending


class FolderIndex(Index):
    """An index in a folder. What is added waits in memory until it is committed."""

    def __init__(self, store: Store, config: Config, name: str, is_writing: bool) -> None:
        super().__init__(Judge(config, name), is_writing)
        self._store = store
        self._changing = threading.RLock()
        self._exit = ExitStack()
        self._waiting: dict[str, int] = {}
        self._state = self._fresh_state()

    def __enter__(self) -> Self:
        if self._is_writing:
            self._exit.enter_context(self._store.locked(is_written))
            self._state = self._fresh_state()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._exit:
            super().__exit__(kind, error, trace)

    def __len__(self) -> int:
        state = self._state
        return len(state.snapshot.standing()) + len(state.pending.stored_sources)

    def judge(self, record: Record) -> Verdict:
        """Say what an article comes to; nothing is stored."""
        state = self._state
        return self._judge.verdict(self._judged(state, self._judge.batch(record, state.pending.next_number)))

    def judge_corpus(self, corpus: Corpus) -> Iterator[tuple[Batch, Verdict]]:
        """Judge the documents of a corpus, each on its own; yield each as a batch of its own with its verdict."""
        state = self._state
        for batch in corpus.batches():
            for row in range(len(batch)):
                one = take(batch, np.array([row]))
                yield one, self._judge.verdict(self._judged(state, one), corpus.names)

    def add(self, record: Record) -> Verdict:
        """Judge an article and, if it is new, store it: in memory at first, for good with `commit`."""
        self._refuse_reading()
        with self._changing:
            state = self._state
            number = state.pending.next_number
            judged = self._judged(state, self._judge.batch(record, number))
            if not judged.is_copy:
                texts = judged.stored.row(0), judged.batch.texts.row(0)
                added = Added(judged.rows(number, self._judge.name), judged.band_keys, *texts)
                state.pending.add(added)
            return self._judge.verdict(judged)

    def commit(self) -> None:
        """Bring to disk what was added, and learn from it."""
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
        sizes = self._store.snapshot.sizes(list(self._waiting))
        grown = [source for source, more in self._waiting.items() if has_grown(sizes[source], more)]
        if grown and "boilerplate" in self.config.only:
            learn(self._store, grown, self.config, 1)
        for source in grown:
            del self._waiting[source]

    def _judged(self, state: _State, batch: Batch) -> Judged:
        return self._judge.matched(self._judge.examined(batch, state.templates), [state.snapshot, state.pending])

    def _fresh_state(self) -> _State:
        snapshot = self._store.snapshot
        templates = self._judge.templates(snapshot.knowledge)
        return _State(snapshot, templates, Pending(snapshot.catalog.next_number))


def open_folder(path: str | Path, *, is_reading: bool = False, **options: Any) -> FolderIndex:
    """Open an index in a folder; arguments as of `open_index`."""
    folder = Path(path)
    if (folder / CATALOG).exists() or is_reading:
        options = load(folder).settings | options
    config = Config(**{"keep": "first"} | options)
    refuse_settings(config)
    store = Store(folder) if is_reading else Store.open_or_create(folder, config)
    store.catalog.check(config, folder)
    return FolderIndex(store, config, folder.name, not is_reading)
