"""What a run found, into a segment: what stays with its texts and keys, near-duplicates with their keepers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import lsh, signature
from dedup.cluster import TextKeys
from dedup.columns import Column
from dedup.config import Config
from dedup.edit import remove_spans
from dedup.index.segments import Rows, SegmentWriter, compress
from dedup.index.store import Store
from dedup.model import Batch
from dedup.parallel import in_order
from dedup.pipeline import numbered_batches
from dedup.plan import Corpus, Plan
from dedup.shingle import SHINGLE_WORDS
from dedup.sources import source_keys

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]


class Sketcher:
    """Makes the keys by which documents of an index are met."""

    def __init__(self, config: Config) -> None:
        self.shape = lsh.choose_bands(config.threshold, config.hashes, config.recall)
        self.permutations = signature.permutations(config.hashes, config.seed)

    def keys(self, stored: Column, originals: Column, lost: Ints, sources: Column) -> tuple[TextKeys, Keys]:
        """Return the text keys and the band keys of texts.

        What is shorter than a shingle is similar to its equals only: its band keys are 0, which meets nobody.

        Args:
            stored: What is stored of them.
            originals: The texts as they came.
            lost: Rows that lost something.
            sources: Their sources.
        """
        sketches = signature.sketch(stored, self.permutations)
        band_keys = signature.band_keys(sketches.signatures, *self.shape)
        band_keys = np.where((sketches.tokens < SHINGLE_WORDS)[:, None], np.uint64(0), band_keys)
        original_keys = signature.original_keys(originals, sketches.keys, lost)
        return TextKeys(original_keys, sketches.keys, source_keys(sources)), band_keys


class _Noted(NamedTuple):
    """Numbers of the documents of a plan.

    Attributes:
        documents: int64[n], ascending rows of those that get a number: all but copies of equal texts.
        numbers: int64[n], their numbers.
        keepers: int64[n], those of their keepers.
    """

    documents: Ints
    numbers: Ints
    keepers: Ints

    @classmethod
    def of(cls, plan: Plan, first: int) -> _Noted:
        """Number the documents of a plan in input order."""
        documents = np.flatnonzero(~(plan.dropped & plan.clusters.exact))
        numbers = first + np.arange(len(documents))
        of_all = np.full(len(plan.documents), -1)
        of_all[documents] = numbers
        keepers = np.concatenate([of_all, plan.known.numbers])[plan.clusters.keepers[documents]]
        return cls(documents, numbers, keepers)


Origins = Callable[[Batch], tuple[list[str], Ints]]
"""Says what the files of documents are called and which records of them they are."""


def add_plan(
    store: Store, plan: Plan, corpus: Corpus, workers: int, origins: Origins | None = None
) -> tuple[SegmentWriter, int]:
    """Write a segment of what a run adds; return it with the number after its last document.

    Where documents are from is what the corpus says, unless `origins` says otherwise.
    """
    first = store.catalog.next_number
    noted = _Noted.of(plan, first)
    sketcher = Sketcher(plan.config)

    origins = origins or origins_in(corpus)

    def rows_of(batch: Batch, documents: Ints) -> tuple[Rows, Keys]:
        at = np.searchsorted(noted.documents, documents)
        where, spans = plan.cuts.among(documents)
        spans_of_batch = where, plan.cuts.starts[spans], plan.cuts.ends[spans]
        stored, lost = remove_spans(batch.texts, *spans_of_batch), np.unique(where)
        text_keys, band_keys = sketcher.keys(stored, batch.texts, lost, batch.sources)
        similarities = plan.clusters.similarities[documents], plan.clusters.originals[documents]
        numbers, keepers = noted.numbers[at], noted.keepers[at]
        return rows(batch, *origins(batch), numbers, keepers, similarities, spans_of_batch, text_keys), band_keys

    writer = store.new_segment()
    for found in in_order(rows_of, numbered_batches(corpus, plan.documents, noted.documents), workers):
        writer.add(*found)
    return writer, first + len(noted.documents)


def origins_in(corpus: Corpus) -> Origins:
    """Return what says of documents of a corpus where they are from."""
    return lambda batch: ([corpus.names[file] for file in batch.files.tolist()], batch.records)


def add_whole(store: Store, corpus: Corpus, config: Config, workers: int) -> tuple[SegmentWriter, set[str]]:
    """Write a segment of all documents of a corpus as they are; return it with their sources."""
    sketcher, origins, sources = Sketcher(config), origins_in(corpus), set[str]()
    no_spans = (np.zeros(0, np.int64),) * 3

    def numbered() -> Iterator[tuple[Batch, Ints]]:
        number = store.catalog.next_number
        for batch in corpus.batches():
            yield batch, number + np.arange(len(batch))
            number += len(batch)
            sources.update(batch.sources)

    def rows_of(batch: Batch, numbers: Ints) -> tuple[Rows, Keys]:
        text_keys, band_keys = sketcher.keys(batch.texts, batch.texts, no_spans[0], batch.sources)
        ones = np.ones(len(batch))
        return rows(batch, *origins(batch), numbers, numbers, (ones, ones), no_spans, text_keys), band_keys

    writer = store.new_segment()
    for found in in_order(rows_of, numbered(), workers):
        writer.add(*found)
    return writer, sources


def rows(
    batch: Batch,
    files: list[str],
    records: Ints,
    numbers: Ints,
    keepers: Ints,
    similarities: tuple[Floats, Floats],
    spans: tuple[Ints, Ints, Ints],
    text_keys: TextKeys,
) -> Rows:
    """Return the rows of a segment for a batch of documents.

    Args:
        batch: The documents.
        files: What the file of each is called.
        records: int64[n], which record of it each is.
        numbers: int64[n].
        keepers: int64[n], numbers of their keepers, their own where they are stored.
        similarities: float64[n], to the keepers, as they are stored and as they came; of documents that are stored,
            anything.
        spans: What they lose: int64[m] the row of each span, ascending; its first byte; the byte behind.
        text_keys: Their text keys.
    """
    stays = numbers == keepers
    where, starts, ends = (column[stays[spans[0]]] for column in spans)
    cut_offsets = np.zeros(len(batch) + 1, np.int64)
    np.cumsum(np.bincount(where, minlength=len(batch)), out=cut_offsets[1:])
    frames = iter(compress([text for text, stay in zip(batch.texts.rows(), stays.tolist(), strict=True) if stay]))
    return Rows(
        numbers=numbers,
        keepers=keepers,
        similarities=np.where(stays, 1.0, similarities[0]),
        originals=np.where(stays, 1.0, similarities[1]),
        text_keys=np.where(stays, text_keys.originals, signature.copy_keys(*text_keys)),
        ids=batch.ids,
        files=files,
        records=records,
        sources=batch.sources,
        cut_offsets=cut_offsets,
        cut_starts=starts,
        cut_ends=ends,
        frames=[next(frames) if stay else b"" for stay in stays.tolist()],
    )
