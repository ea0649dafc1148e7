"""Whole components of documents that may have to do with one another, and what they are compared by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup import pipeline
from dedup.cluster import Clusters
from dedup.config import Config
from dedup.containment import Containment
from dedup.report import TOP
from dedup.shingle import ShingleSets, StoredSets, shingle_sets
from dedup.spark import columns
from dedup.spark.carriers import Carrier
from dedup.spark.corpora import BATCH_ROWS
from dedup.spark.meeting import exact_keys
from dedup.spark.rows import documents_of, identity
from dedup.spill import Room

Ints = npt.NDArray[np.int64]

JUDGED = pa.schema(
    [
        *columns.IDENTITY,
        *(
            columns.EXAMINED.field(name)
            for name in columns.EXAMINED.names
            if name not in ("suspicions", "protected", "cuts")
        ),
        ("version_file", pa.int32()),
        ("version_record", pa.int64()),
    ]
)
_NOBODY = pa.RecordBatch.from_pylist([], schema=JUDGED)


class Members:
    """The documents of some components, with what they are compared by.

    Attributes:
        documents: The documents.
        bands: Their band keys, one array a band.
        versions: For each, the one that stands for all versions of its article.
    """

    def __init__(self, handed: Iterator[pa.RecordBatch], config: Config, carrier: Carrier, room: Room) -> None:
        self._room = room
        self._sets = StoredSets(room)
        parts = []
        for rows in handed:
            self._sets.add(_shingles(rows, carrier))
            parts.append(rows.drop_columns(["row", "cuts"]))
        self._sets.close()
        table = pa.Table.from_batches(parts).combine_chunks() if parts else None
        (whole,) = table.to_batches() if table is not None and len(table) else (_NOBODY,)
        files, records = identity(whole)
        self.documents = documents_of(whole, config, files, records)
        self.bands = [np.ascontiguousarray(band).view(np.uint64) for band in columns.table_of(whole, "bands").T]
        self.versions = _versions(whole, files, records)
        exact = exact_keys(self.documents.keys, columns.table_of(whole, "bands").view(np.uint64))
        self._texts = _with_equal_text(exact, self._sets.sizes)

    def fetch(self, rows: Ints, ranks: Ints | None = None) -> StoredSets:
        """Return the shingle sets of ascending document numbers; of equal texts, only one was sent.

        `ranks` says in which order they will be asked for, if that is known.
        """
        fetched = StoredSets(self._room)
        at = self._texts[rows]
        ranks = np.arange(len(at)) if ranks is None else ranks
        for start in range(0, len(at), BATCH_ROWS):
            wanted, places = np.unique(at[start : start + BATCH_ROWS], return_inverse=True)
            loaded = self._sets.load(wanted)
            sets = np.split(loaded.hashes, loaded.offsets[1:-1])
            order = np.argsort(ranks[start : start + BATCH_ROWS])
            chosen = [sets[place] for place in places[order].tolist()]
            offsets = np.concatenate([[0], np.cumsum([len(one) for one in chosen])])
            fetched.add(ShingleSets(np.concatenate(chosen), offsets), order)
        fetched.close()
        return fetched

    def outcomes(self, clusters: Clusters, contained: Containment) -> pa.RecordBatch:
        """Return what was decided on each."""
        documents = self.documents
        everybody = np.arange(len(documents))
        dropped = clusters.keepers != everybody
        counts = np.zeros((2, len(documents)), np.int64)
        counts[:, 0] = clusters.candidates, clusters.compared
        similarities: list[list[float] | None] = [None] * len(documents)
        for keeper in _largest(clusters.keepers[dropped]):
            gone = dropped & (clusters.keepers == keeper)
            similarities[keeper] = np.sort(clusters.similarities[gone]).tolist()
        return columns.batch(
            columns.OUTCOMES, file=documents.files, record=documents.records, similarity=clusters.similarities,
            exact=clusters.exact, crowded=clusters.crowded, share=contained.shares,
            is_copy=dropped & clusters.exact & (documents.keys == documents.keys[clusters.keepers]),
            keeper=self._named(np.where(dropped, clusters.keepers, -1)), nearest=self._named(clusters.nearest),
            holder=self._named(contained.holders), candidates=counts[0], compared=counts[1], similarities=similarities,
        )  # fmt: skip

    def _named(self, numbers: Ints) -> list[dict[str, Any] | None]:
        documents = self.documents
        return [
            None
            if number < 0
            else {
                "file": int(documents.files[number]),
                "record": int(documents.records[number]),
                "id": documents.ids[number],
                "source": documents.source_names[documents.sources[number]],
            }
            for number in numbers.tolist()
        ]


def _largest(keepers: Ints) -> list[int]:
    """Return those for which most others went, as many as a report lists: of all tasks' the largest are among them."""
    numbers, sizes = np.unique(keepers, return_counts=True)
    largest: list[int] = numbers[np.lexsort((numbers, -sizes))[:TOP]].tolist()
    return largest


def _shingles(rows: pa.RecordBatch, carrier: Carrier) -> ShingleSets:
    """Return the shingle sets of what is stored of some rows; of one without a text, none."""
    offsets = np.zeros(rows.num_rows + 1, np.int64)
    sent = np.flatnonzero(rows.column("row").is_valid().to_numpy(zero_copy_only=False))
    if not len(sent):
        return ShingleSets(np.zeros(0, np.uint64), offsets)
    own = rows.take(pa.array(sent))
    batch, _ = carrier.batch(own)
    sets = shingle_sets(pipeline.stored_texts(batch.texts, np.arange(len(batch)), columns.spans(own, "cuts")))
    offsets[sent + 1] = np.diff(sets.offsets)
    return ShingleSets(sets.hashes, np.cumsum(offsets))


def _versions(rows: pa.RecordBatch, files: npt.NDArray[np.int32], records: Ints) -> Ints:
    """Return for each row the one that stands for its article; none at all where nobody asked for it."""
    places = zip(rows.column("version_file").to_pylist(), rows.column("version_record").to_pylist(), strict=True)
    at = {place: row for row, place in enumerate(zip(files.tolist(), records.tolist(), strict=True))}
    return np.array([at.get(place, row) for row, place in enumerate(places)], np.int64)


def _with_equal_text(keys: npt.NDArray[np.uint64], sizes: Ints) -> Ints:
    """Return for each row one with the same key whose shingles are there: itself, if they are."""
    found = np.arange(len(keys))
    has = {int(keys[row]): row for row in np.flatnonzero(sizes > 0).tolist()}
    for row in np.flatnonzero(sizes == 0).tolist():
        found[row] = has.get(int(keys[row]), row)
    return found
