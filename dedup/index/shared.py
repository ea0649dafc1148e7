"""Articles judged one by one, from any number of processes that share an index in Redis."""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from dedup.boilerplate import Templates
from dedup.config import Config
from dedup.errors import StateError
from dedup.index.evidence import counted_anew
from dedup.index.judging import Index, Judge, Judged, Record, Verdict, has_grown
from dedup.index.knowledge import Knowledge
from dedup.index.remote import RemoteStore, View
from dedup.index.runs import refuse_settings
from dedup.index.sealed import Document


class _Learned(NamedTuple):
    """The boilerplate that is known, and how many times it had been replaced."""

    generation: int
    knowledge: Knowledge
    templates: Templates


class SharedIndex(Index):
    """An index in Redis. What is added is there at once, for all who share it."""

    def __init__(self, store: RemoteStore, config: Config, is_writing: bool) -> None:
        super().__init__(Judge(config, store.short_name), is_writing)
        self._store = store
        self._learned = self._read_knowledge()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._store.close()

    def __len__(self) -> int:
        return len(self._store)

    def judge(self, record: Record) -> Verdict:
        """Say what an article comes to; nothing is stored."""
        judged = self._examined(record)
        return self._judge.verdict(self._judge.matched(judged, [self._view()]))

    def add(self, record: Record) -> Verdict:
        """Judge an article and, if it is new, store it; what is added meanwhile elsewhere is judged against, too."""
        self._refuse_reading()
        judged, number = self._examined(record), None
        while True:
            with self._store.watching(np.concatenate(judged.keys), judged.band_keys) as change:
                judged = self._judge.matched(judged, [self._view()])
                if judged.is_copy:
                    return self._judge.verdict(judged)
                if number is None:
                    number = self._store.new_number()
                    judged = judged._replace(batch=self._judge.batch(record, number))
                document = Document.of(judged.rows(number, self._judge.name))
                if self._store.add(change, document, judged.band_keys):
                    return self._judge.verdict(judged)
            # The connection may have been lost just behind the transaction.
            if self._store.has(number):
                return self._judge.verdict(judged)

    def commit(self) -> None:
        """Learn from what was added. It was there before: how safely is a matter of how the server keeps its data."""
        self._refuse_reading()
        while not self._has_learned():
            pass

    def _has_learned(self) -> bool:
        """Count the lines of the sources that have grown enough; False if somebody else learned something meanwhile."""
        learned = self._learned = self._read_knowledge()
        view = self._view()
        waiting = self._store.waiting()
        sizes = view.sizes(list(waiting))
        grown = {source: more for source, more in waiting.items() if has_grown(sizes[source], more)}
        if grown and "boilerplate" in self.config.only:
            found = counted_anew(view, list(grown), self.config, 1)
            if found.is_news:
                known = found.knowledge(view, learned.generation + 1)
                is_done = self._store.replace_knowledge(known, learned.generation, grown)
                self._learned = self._read_knowledge()
                return is_done
        self._store.forget_waiting(grown)
        return True

    def _examined(self, record: Record) -> Judged:
        heads = self._store.heads()
        if heads.generation != self._learned.generation:
            self._learned = self._read_knowledge()
        return self._judge.examined(self._judge.batch(record, heads.next_number), self._learned.templates)

    def _view(self) -> View:
        return View(self._store, self._learned.knowledge)

    def _read_knowledge(self) -> _Learned:
        generation, knowledge = self._store.knowledge()
        return _Learned(generation, knowledge, self._judge.templates(knowledge))


def open_shared(url: str, *, is_reading: bool, **options: Any) -> SharedIndex:
    """Open an index in Redis; arguments as of `open_index`."""
    store = RemoteStore(url)
    if store.catalog is None and is_reading:
        raise StateError("is no index", file=store.name, hint="Open it for writing first, which makes one.")
    config = Config(**{"keep": "first"} | (store.catalog.settings if store.catalog else {}) | options)
    refuse_settings(config)
    catalog = store.catalog or store.create(config)
    catalog.check(config, store.name)
    return SharedIndex(store, config, not is_reading)
