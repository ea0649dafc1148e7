"""Looking after an index: what is in it, adding and removing, merging, checking, and getting everything out again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import pipeline
from dedup.boilerplate import LABEL, LINE
from dedup.columns import Column
from dedup.config import Config
from dedup.errors import StateError, UsageError
from dedup.formats.compression import MAX_EXPANSION
from dedup.index import catalog as pages
from dedup.index.adding import Sketcher, add_plan, add_whole
from dedup.index.evidence import ONLY_FILE, learn, with_templates
from dedup.index.live import open_folder
from dedup.index.past import EVIDENCE_ROWS
from dedup.index.runs import is_written
from dedup.index.segments import Segment
from dedup.index.snapshot import Snapshot
from dedup.index.store import Store
from dedup.model import Batch, Wanted
from dedup.plan import Corpus
from dedup.readers import open_corpus
from dedup.spill import IN_MEMORY
from dedup.work import work_folder

Ints = npt.NDArray[np.int64]


class Reading(NamedTuple):
    """How to read files.

    Attributes:
        fields: `text_field`, `id_field` and `source_field`, as in `Config`.
        format: The format of files whose names do not tell; None to go by their names.
        on_error: `fail` or `skip`.
        workers: Threads.
        max_expansion: How many times its size may come out of a compressed file, from 1 GB on.
    """

    fields: dict[str, str]
    format: str | None = None
    on_error: str = "fail"
    workers: int = 1
    max_expansion: float = MAX_EXPANSION

    @contextmanager
    def corpus(self, inputs: list[str], config: Config) -> Iterator[Corpus]:
        """Open files and folders."""
        with work_folder() as work:
            yield open_corpus(
                inputs,
                config,
                work=work,
                format=self.format,
                on_error=self.on_error,
                workers=self.workers,
                max_expansion=self.max_expansion,
            )


def info(path: Path) -> dict[str, Any]:
    """Return what an index holds, as plain data; sizes in bytes."""
    store = Store(path)
    catalog, snapshot = store.catalog, store.snapshot
    stored = len(snapshot.standing())
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    sources = {
        name for segment in snapshot.segments for name in segment.table["source"].chunk(0).dictionary.to_pylist()
    }
    return {
        "documents": stored,
        "near_duplicates": sum(int((segment.keepers != segment.numbers).sum()) for segment in snapshot.segments),
        "removed": len(catalog.removed),
        "sources": len(sources),
        "templates": len(snapshot.knowledge.told()),
        "runs": len(catalog.runs),
        "segments": len(catalog.segments),
        "bytes": size,
        "bytes_per_document": round(size / max(stored, 1)),
        "generation": catalog.generation,
        "dedup": catalog.dedup,
        "segmenter": catalog.segmenter,
        "settings": {name: catalog.config[name] for name in pages.COMPARABLE},
    }


def add(path: Path, inputs: list[str], reading: Reading) -> dict[str, Any]:
    """Take all documents of a corpus as stored, as they are; makes an index where there is none."""
    known = pages.load(path).settings if (path / pages.CATALOG).exists() else {"keep": "first"}
    config = Config(**known | reading.fields)
    store = Store.open_or_create(path, config)
    with store.locked(is_written), reading.corpus(inputs, config) as corpus:
        writer, sources = add_whole(store, corpus, config, reading.workers)
        store.commit(store.changed(writer, next_number=store.catalog.next_number + writer.documents))
        late = learn(store, sorted(sources), config, reading.workers)
        return {"added": writer.documents, "documents": len(store.snapshot.standing()), "late_boilerplate": late}


def query(path: Path, inputs: list[str], reading: Reading) -> Iterator[dict[str, Any]]:
    """Judge the documents of a corpus, each on its own; yield one verdict a document, as plain data."""
    with open_folder(path, is_reading=True, **reading.fields) as index, reading.corpus(inputs, index.config) as corpus:
        for batch, verdict in index.judge_corpus(corpus):
            keeper = verdict.keeper
            yield {
                "document": batch.ids[0],
                "source": batch.sources[0],
                "file": corpus.names[batch.files[0]],
                "record": int(batch.records[0]),
                "kind": verdict.kind,
                "similarity": verdict.similarity,
                "similarity_original": verdict.similarity_original,
                "keeper": keeper and keeper.id,
                "keeper_file": keeper and keeper.file,
                "keeper_record": keeper and keeper.record,
            }


def remove(path: Path, ids: Sequence[str]) -> int:
    """Forget the documents with these ids; return how many. What is like them is new again.

    Their texts are on disk until `compact`. Raises UsageError for an id that nothing stored has.
    """
    store = Store(path)
    with store.locked(is_written):
        snapshot, found = store.snapshot, set[int]()
        for name in ids:
            numbers = snapshot.named(name)
            if not len(numbers):
                raise UsageError(
                    f"no stored document has the id {name!r}",
                    file=str(path),
                    hint="'dedup index export' lists all of them.",
                )
            found.update(numbers.tolist())
        store.commit(store.changed(removed=sorted({*store.catalog.removed, *found})))
        return len(found)


def compact(path: Path) -> dict[str, int]:
    """Merge all segments into one, without what was removed; return the bytes before and after."""
    store = Store(path)
    with store.locked(is_written):
        before = info(path)["bytes"]
        store.commit(store.compacted())
        return {"before": before, "after": info(path)["bytes"]}


def merge(path: Path, other: Path, workers: int) -> dict[str, int]:
    """Add to an index what another one holds; of duplicates, what the first one holds stays.

    What went before in favour of a document of the other one cannot come back if that one goes now: it is not stored.
    The runs of the other one are not taken over, since no state of the merged index is the one before them.
    """
    store, theirs = Store(path), Store(other).snapshot
    if path.resolve() == other.resolve():
        raise UsageError("cannot be merged with itself", file=str(path), hint="Name two indexes.")
    config = Config(**theirs.catalog.settings | {"only": ("articles",), "keep": "first"})
    store.catalog.check(config, path)
    corpus = _Stored(theirs)
    with store.locked(is_written):
        added = 0
        catalog = store.changed()
        if len(corpus.numbers):
            plan = pipeline.scan(corpus, config, workers=workers, memory=store.snapshot)
            writer, end = add_plan(store, plan, corpus, workers, corpus.origins)
            catalog, added = store.changed(writer, next_number=end), int((~plan.dropped).sum())
        more = theirs.knowledge
        store.commit(with_templates(store, catalog, more.found, more.sources, more.said(), config.template_documents))
    return {"read": len(corpus.numbers), "added": added, "duplicates": len(corpus.numbers) - added}


class _Stored:
    """What an index holds, as a corpus of one file whose records are the numbers of its documents, plus one."""

    room, names, rejected = IN_MEMORY, [""], ()

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot, self.numbers = snapshot, snapshot.standing()

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Read all documents as they are stored, or the wanted ones."""
        numbers = self.numbers if wanted is None else wanted.records - 1
        for start in range(0, len(numbers), EVIDENCE_ROWS):
            some = numbers[start : start + EVIDENCE_ROWS]
            yield self._snapshot.batch(some, self._snapshot.stored(some), ONLY_FILE)

    def origins(self, batch: Batch) -> tuple[list[str], Ints]:
        """Say which files and records the documents were from when they were stored."""
        places = self._snapshot.places(batch.records - 1)
        return [place.file for place in places], np.array([place.record for place in places], np.int64)


def verify(path: Path) -> Iterator[str]:
    """Yield what is wrong with an index, one line each; nothing where all is well.

    Every file is compared with its digest, every text is read, and every key is computed anew from the texts.
    """
    try:
        catalog = pages.load(path)
    except StateError as error:
        yield str(error)
        return
    sketcher = Sketcher(Config(**catalog.settings))
    for entry in catalog.segments:
        try:
            segment = Segment.open(path / entry.name, entry.files)
        except StateError as error:
            yield str(error)
            continue
        faults = list(segment.verify(entry.files))
        yield from faults
        if not faults:
            yield from _wrong_keys(path, catalog, segment, sketcher)
    try:
        Snapshot.of(catalog, [], path)
    except StateError as error:
        yield str(error)


def _wrong_keys(path: Path, catalog: pages.Catalog, segment: Segment, sketcher: Sketcher) -> Iterator[str]:
    """Yield the documents of a segment whose keys are not those of their texts."""
    from dedup.index.knowledge import Knowledge

    alone = Snapshot(catalog, [segment], Knowledge.nothing(), np.zeros(0, np.uint32), catalog.next_number)
    noted = np.zeros(len(segment.numbers), np.uint64)
    np.add.at(noted, segment.rows_of(segment.key_numbers), segment.keys)
    numbers = segment.numbers[segment.keepers == segment.numbers].astype(np.int64)
    for start in range(0, len(numbers), EVIDENCE_ROWS):
        some = numbers[start : start + EVIDENCE_ROWS]
        stored, originals = alone.stored(some), alone.originals(some)
        sources = Column.of([place.source for place in alone.places(some)])
        lost = np.flatnonzero(stored.sizes != originals.sizes)
        (text_keys, *_), band_keys = sketcher.keys(stored, originals, lost, sources)
        sums = text_keys + band_keys.sum(axis=1, dtype=np.uint64)
        right = (alone.text_keys(some) == text_keys) & (noted[segment.rows_of(some)] == sums)
        for place in alone.places(some[~right]):
            yield f"the keys of {place.id} ({place.file}:{place.record}) are not those of its text"


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yield every stored document as plain data, in the order in which they were stored."""
    snapshot = Store(path).snapshot
    for batch in _Stored(snapshot).batches():
        places = snapshot.places(batch.records - 1)
        for place, text in zip(places, batch.texts, strict=True):
            yield {"id": place.id, "source": place.source, "file": place.file, "record": place.record, "text": text}


KINDS = {LINE: "line", LABEL: "label"}
"""What templates are called: a line, numbers and dates aside, or what links to other articles begin with."""


def templates(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the known boilerplate, as far as it was cut or is carried by stored documents, as plain data, by source."""
    knowledge = Store(path).snapshot.knowledge
    found = knowledge.found
    for row in knowledge.told():
        yield {
            "id": f"{int(found.keys[row]):016x}",
            "source": knowledge.sources[found.sources[row]],
            "kind": KINDS[int(found.kinds[row])],
            "documents": int(found.documents[row]),
            "articles": int(found.articles[row]),
            "text": knowledge.texts[row],
        }
