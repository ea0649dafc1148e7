"""Whole components of documents that may have to do with one another, and what they are compared by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import pipeline
from dedup.cluster import Clusters
from dedup.columns import Column
from dedup.config import Config
from dedup.containment import Containment
from dedup.edit import take_rows
from dedup.model import Batch
from dedup.plan import Place
from dedup.policy import Cuts
from dedup.report import TOP
from dedup.shingle import ShingleSets, StoredSets, sets_of_both
from dedup.signature import Sketches
from dedup.sources import SourceNumbers
from dedup.spark.components import Nodes
from dedup.spark.meeting import exact_keys
from dedup.spark.outcomes import NAMED, OUTCOME, Cluster, Outcomes
from dedup.spark.parting import Parting
from dedup.spark.spool import Spool
from dedup.spill import IN_MEMORY, Room

Ints = npt.NDArray[np.int64]

SETS_AT_ONCE = 5_000
"""Shingle sets that are fetched together."""


class Sent(NamedTuple):
    """Members of components, all of one piece, as they are sent to be judged.

    Attributes:
        piece: The piece.
        nodes: The members.
        examined: What was found in them, without spans.
        texts: What is stored of each, but nothing of one that is equal to another.
        originals: The text of each as it came, but nothing of one that lost nothing, or is equal to another.
        lost: bool[members], those whose texts are there as they came.
    """

    piece: int
    nodes: Nodes
    examined: pipeline.Examined
    texts: Column
    originals: Column
    lost: npt.NDArray[np.bool_]


def among(examined: pipeline.Examined, rows: Ints) -> pipeline.Examined:
    """Return what was found in some documents of a piece, without spans."""
    batch, sketches = examined.batch, examined.sketches
    ranks = None if batch.ranks is None else [batch.ranks[row] for row in rows.tolist()]
    chosen = Batch(
        batch.files[rows], batch.records[rows], batch.texts, take_rows(batch.ids, rows), take_rows(batch.sources, rows),
        batch.digests[rows], batch.ways[rows], ranks,
    )  # fmt: skip
    nothing = Cuts.none()
    return pipeline.Examined(
        chosen, examined.sources[rows],
        examined.found._replace(cuts=nothing, suspicions=nothing, protected=nothing, whole=examined.found.whole[rows],
                             structured=examined.found.structured[rows]),
        examined.characters[rows], examined.stored[rows], examined.original_keys[rows],
        Sketches(sketches.signatures, sketches.tokens[rows], sketches.keys[rows]), examined.band_keys[rows],
    )  # fmt: skip


class Members:
    """The documents of some components, with what they are compared by.

    Attributes:
        documents: The documents.
        bands: Their band keys, one array a band.
        versions: For each, the one that stands for all versions of its article.
    """

    def __init__(self, handed: Iterator[Sent], config: Config, folder: Path) -> None:
        self._room = Room(folder)
        self._sets = StoredSets(self._room)
        spool = Spool[Sent](folder)
        for sent in handed:
            spool.add(sent.piece, sent)
        noted, sources = pipeline.Noted(pipeline.bands_of(config), IN_MEMORY), SourceNumbers()
        nodes = []
        for sent in spool:
            everyone = np.arange(len(sent.texts))
            self._sets.add(sets_of_both(sent.texts, sent.originals, sent.lost, everyone), lost=sent.lost)
            noted.add(sent.examined._replace(sources=sources.of(sent.examined.batch)))
            nodes.append(sent.nodes)
        self._sets.close()
        self._nodes = Nodes.join(nodes)
        self.documents = noted.documents(sources.names)
        self.bands = list(noted.band_keys or ())
        self.versions = self._versions()
        exact = exact_keys(self.documents.original_keys, self.documents.keys, self.bands)
        self._texts = _with_equal_text(exact, self._sets.sizes + self._sets.came)

    def fetch(self, rows: Ints, ranks: Ints | None = None) -> StoredSets:
        """Return the shingle sets of ascending document numbers; of equal texts, only one was sent.

        `ranks` says in which order they will be asked for, if that is known.
        """
        fetched = StoredSets(self._room)
        at = self._texts[rows]
        ranks = np.arange(len(at)) if ranks is None else ranks
        for start in range(0, len(at), SETS_AT_ONCE):
            wanted, places = np.unique(at[start : start + SETS_AT_ONCE], return_inverse=True)
            loaded, sizes, lost = self._sets.load(wanted), self._sets.sizes[wanted], self._sets.came[wanted] > 0
            sets = np.split(loaded.hashes, loaded.offsets[1:-1])
            order = np.argsort(ranks[start : start + SETS_AT_ONCE])
            chosen: list[npt.NDArray[np.uint64]] = []
            for place in places[order].tolist():
                chosen += np.split(sets[place], sizes[place : place + 1]) if lost[place] else [sets[place]]
            offsets = np.concatenate([[0], np.cumsum([len(one) for one in chosen])])
            fetched.add(ShingleSets(np.concatenate(chosen), offsets), order, lost[places[order]])
        fetched.close()
        return fetched

    def outcomes(
        self, clusters: Clusters, contained: Containment, names: list[str], parting: Parting
    ) -> Iterator[tuple[int, Outcomes]]:
        """Yield what was decided, with the partition of the pieces that it is about."""
        documents = self.documents
        dropped = clusters.keepers != np.arange(len(documents))
        others, named = np.unique(
            np.concatenate([[-1], np.where(dropped, clusters.keepers, -1), clusters.nearest, contained.holders]),
            return_inverse=True,
        )
        rows = np.zeros(len(documents), OUTCOME)
        rows["piece"], rows["row"] = self._nodes.pieces, self._nodes.rows
        rows["similarity"], rows["original"] = clusters.similarities, clusters.originals
        rows["exact"], rows["crowded"] = clusters.exact, clusters.crowded
        equal = documents.original_keys == documents.original_keys[clusters.keepers]
        rows["is_copy"] = dropped & clusters.exact & equal
        rows["share"] = contained.shares
        for name, moved in zip(NAMED, np.split(named[1:] - 1, len(NAMED)), strict=True):
            rows[name] = moved
        places = [self._place(number, names) for number in others[1:].tolist()]
        largest = tuple(self._largest(clusters, dropped, names))
        every = Outcomes(rows, places, clusters.candidates, clusters.compared, largest)
        for part, start, end in parting.runs(self._nodes.pieces):
            yield part, every.among(start, end)

    def _largest(self, clusters: Clusters, dropped: npt.NDArray[np.bool_], names: list[str]) -> Iterator[Cluster]:
        """Yield the largest clusters, as many as a report lists: of all tasks' the largest are among them."""
        numbers, sizes = np.unique(clusters.keepers[dropped], return_counts=True)
        for keeper in numbers[np.lexsort((numbers, -sizes))[:TOP]].tolist():
            gone = dropped & (clusters.keepers == keeper)
            place, file = self._place(keeper, names), int(self.documents.files[keeper])
            yield Cluster(place, file, np.sort(clusters.similarities[gone]).tolist())

    def _place(self, number: int, names: list[str]) -> Place:
        own = self.documents
        return Place(
            own.ids[number], names[own.files[number]], int(own.records[number]), own.source_names[own.sources[number]]
        )

    def _versions(self) -> Ints:
        """Return the document that stands for the article of each; its own number where none does that is here."""
        nodes = self._nodes
        own, named = (
            zip(pieces.tolist(), rows.tolist(), strict=True)
            for pieces, rows in ((nodes.pieces, nodes.rows), (nodes.version_pieces, nodes.version_rows))
        )
        at = {place: number for number, place in enumerate(own)}
        return np.array([at.get(place, number) for number, place in enumerate(named)], np.int64)


def _with_equal_text(keys: npt.NDArray[np.uint64], sizes: Ints) -> Ints:
    """Return for each row one with the same key whose shingles are there: itself, if they are."""
    found = np.arange(len(keys))
    has = {int(keys[row]): row for row in np.flatnonzero(sizes > 0).tolist()}
    for row in np.flatnonzero(sizes == 0).tolist():
        found[row] = has.get(int(keys[row]), row)
    return found
