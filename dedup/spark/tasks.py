"""What runs on the executors: the engine's own functions, on the documents that one task sees.

A task gets whole sources to count lines in, pieces to examine, whole components to say who stays in, and pieces again
to carry decisions out. What it finds in them does not depend on what other tasks see, so that it is the same in any
number of partitions, and when a task is done twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import audit, pipeline, report, signature
from dedup.boilerplate import LISTED, ONCE, Templates
from dedup.cluster import Clusters
from dedup.columns import Column
from dedup.config import Config
from dedup.containment import Containment
from dedup.edit import take_rows
from dedup.formats.sites import NOWHERE, ways_of
from dedup.model import Batch, Wanted
from dedup.plan import Known, Plan, silent
from dedup.policy import Cuts
from dedup.quotes import KeptQuotes, quoted
from dedup.report import Counts
from dedup.sources import SourceNumbers
from dedup.spark.components import Nodes
from dedup.spark.meeting import VERSION, Keyed, Ties, keyed, parted, sent_to, ties
from dedup.spark.members import Members, Sent, among
from dedup.spark.outcomes import Outcomes
from dedup.spark.parting import Parting
from dedup.spark.pieces import Carrier, Chosen, Excerpt, Fault, FaultError, Opened, Piece, SomeLines
from dedup.spark.spool import Spool
from dedup.spark.telling import DECISIONS, DROPPED, KEPT, NOTED, TAKEN, UNREAD, Notes, Told, lines_of
from dedup.spill import IN_MEMORY, Room
from dedup.versions import mix
from dedup.work import work_folder

Ints = npt.NDArray[np.int64]


class Evidence(NamedTuple):
    """Documents of a piece, as lines are counted over them.

    Attributes:
        piece: The piece.
        rows: int64[documents].
        some: Where they are, or what they say.
    """

    piece: int
    rows: Ints
    some: SomeLines | Excerpt

    def among(self, rows: Ints) -> Evidence:
        """Return some of the documents."""
        return Evidence(self.piece, rows, self.some.among(np.searchsorted(self.rows, rows)))

    def batch(self, carrier: Carrier) -> Batch:
        """Return the documents, by piece and row instead of file and record."""
        count = len(self.rows)
        texts, sources = carrier.excerpt(self.some)
        nameless = Column(np.zeros(0, np.uint8), np.zeros(count + 1, np.int64))
        pieces, digests = np.full(count, self.piece, np.int32), np.zeros(count, np.uint64)
        return Batch(pieces, self.rows, texts, nameless, sources, digests, ways_of(NOWHERE, count))


class Counted(NamedTuple):
    """The boilerplate of some sources, and what these are called."""

    templates: Templates
    sources: list[str]


class Found(NamedTuple):
    """A piece, and what was found in its documents."""

    piece: Piece
    examined: pipeline.Examined


class _Sources:
    """The documents of whole sources on disk, as the engine reads them: again and again.

    Attributes:
        pieces: int64[documents], the piece of each.
        rows: int64[documents], its row there.
    """

    rejected: tuple[()] = ()
    names: list[str] = []  # noqa: RUF012  (never changed)

    def __init__(self, handed: Iterator[Evidence], carrier: Carrier, folder: Path) -> None:
        self.room, self._carrier = Room(folder), carrier
        self._spool = Spool[Evidence](folder)
        places: dict[int, Ints] = {}
        for some in handed:
            self._spool.add(some.piece, some)
            places[some.piece] = some.rows
        self.pieces = np.repeat(sorted(places), [len(places[piece]) for piece in sorted(places)]).astype(np.int64)
        self.rows = np.concatenate([np.zeros(0, np.int64), *(places[piece] for piece in sorted(places))])

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Yield them, or the wanted ones."""
        for some in self._spool:
            if wanted is not None:
                low, high = np.searchsorted(wanted.files, np.array([some.piece, some.piece + 1], np.int32)).tolist()
                some = some.among(wanted.records[low:high])
            if len(some.rows):
                yield some.batch(self._carrier)


class _Named:
    """A corpus of which all that is quoted was kept, so that its documents are not read again."""

    room, rejected = IN_MEMORY, ()

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Read none of them."""
        yield from ()


@dataclass(frozen=True)
class Tasks:
    """The work on partitions.

    Attributes:
        config: The configuration.
        carrier: Reads pieces.
        parting: Which pieces are in which partition.
    """

    config: Config
    carrier: Carrier
    parting: Parting

    def evidence(self, handed: Iterator[Piece], parts: int) -> Iterator[tuple[int, Evidence | Fault]]:
        """Yield what lines are counted over, by so many partitions of sources."""
        for piece in handed:
            opened = self._opened(piece)
            if isinstance(opened, Fault):
                yield 0, opened
                continue
            ((_, _, keys),) = SourceNumbers().number([opened.batch])
            for part, rows in parted(keys, parts):
                yield part, Evidence(piece.number, rows, opened.some(rows))

    def count(self, handed: Iterator[Evidence | Fault]) -> Iterator[Counted | Ties | Fault]:
        """Count the lines of whole sources: yield their templates, and who is a version of whom."""
        faults: list[Fault] = []

        def documents() -> Iterator[Evidence]:
            for one in handed:
                if isinstance(one, Fault):
                    faults.append(one)
                else:
                    yield one

        with work_folder() as folder:
            corpus, sources = _Sources(documents(), self.carrier, folder), SourceNumbers()
            if faults:
                yield min(faults)
                return
            templates, versions = pipeline.count_lines(corpus, self.config, sources, 1, silent)
            own = ~np.isin(templates.kinds, (LISTED, ONCE))
            yield Counted(templates.rows(own), sources.names)
            same = np.flatnonzero(versions != np.arange(len(versions)))
            ends = (column[which] for which in (same, versions[same]) for column in (corpus.pieces, corpus.rows))
            yield Ties(VERSION, *ends)

    def examine(self, handed: Iterator[Piece], templates: Templates) -> Iterator[Found | Fault]:
        """Yield pieces with what is found in their documents."""
        bands = pipeline.bands_of(self.config)
        permutations = signature.permutations(self.config.hashes, self.config.seed)
        for piece in handed:
            opened = self._opened(piece)
            if isinstance(opened, Fault):
                yield opened
                continue
            batch = opened.batch
            ((_, numbers, keys),) = SourceNumbers().number([batch])
            yield Found(piece, pipeline.examine(batch, numbers, keys, templates, self.config, bands, permutations))

    def _opened(self, piece: Piece) -> Opened | Fault:
        """Read a piece, or say what is wrong with it.

        A task that fails is tried again, and Spark tells of it at length: the driver is to say it once.
        """
        try:
            opened = self.carrier.open(piece)
        except FaultError as error:
            return error.fault
        batch = opened.batch
        for row, message, hint in pipeline.too_long(batch):
            return Fault(int(batch.files[row]), int(batch.records[row]), message, hint)
        return opened

    def keyed(self, handed: Iterator[Found | Fault]) -> Iterator[tuple[int, Keyed | Ties | Fault]]:
        """Yield by what documents meet others, and faults, each with its partition."""
        met: list[Keyed | Ties] = []
        for one in handed:
            if isinstance(one, Fault):
                yield 0, one
            else:
                examined = one.examined
                met += keyed(one.piece.number, examined.original_keys, examined.sketches, examined.band_keys)
        yield from sent_to(self.parting.parts, met)

    def meet(self, handed: Iterator[Keyed | Ties | Fault]) -> Iterator[Ties | Fault]:
        """Yield who is tied to whom, and faults; all keys of a partition are there."""
        met: list[Keyed | Ties] = []
        for one in handed:
            if isinstance(one, Fault):
                yield one
            else:
                met.append(one)
        yield from ties(met)

    def sent(self, handed: Iterator[tuple[Found, Nodes]]) -> Iterator[tuple[int, Sent]]:
        """Yield members of components, given pieces and all members in them, by partitions of components."""
        for (piece, examined), nodes in handed:
            if not len(nodes.rows):
                continue
            unequal = nodes.rows[~nodes.is_equal]
            stored = originals = Column.of([])
            lost = ~nodes.is_equal & np.isin(nodes.rows, examined.found.cuts.documents)
            if len(unequal):
                chosen = Chosen(unequal, examined.batch.records[unequal])
                originals = self.carrier.open(piece, chosen).batch.texts
                stored = pipeline.stored_texts(originals, unequal, examined.found.cuts)
            # Behind them an empty text, for those that are equal to others.
            stored, originals = (
                Column(texts.data, np.append(texts.offsets, texts.offsets[-1])) for texts in (stored, originals)
            )
            at = np.where(nodes.is_equal, len(unequal), np.cumsum(~nodes.is_equal) - 1)
            came_at = np.where(lost, at, len(unequal))
            keys = mix(nodes.component_rows.view(np.uint64), nodes.component_pieces.view(np.uint64), 0)
            for part, which in parted(keys, self.parting.parts):
                own = Nodes._make(column[which] for column in nodes)
                texts = take_rows(stored, at[which]), take_rows(originals, came_at[which])
                yield part, Sent(piece.number, own, among(examined, own.rows), *texts, lost[which])

    def judge(self, handed: Iterator[Sent]) -> Iterator[tuple[int, Outcomes]]:
        """Say of whole components who stays, by partitions of pieces."""
        names = self.carrier.names
        with work_folder() as folder:
            members = Members(handed, self.config, folder)
            if not len(members.documents):
                return
            clusters = pipeline.cluster_documents(members.documents, names, members.bands, self.config, members.fetch)
            clusters, contained = pipeline.find_contained(
                members.documents, names, members.versions, clusters, self.config, members.fetch
            )
            yield from members.outcomes(clusters, contained, names, self.parting)

    def tell(self, handed: Iterator[tuple[Found, Outcomes]], templates: Templates) -> Iterator[Told]:
        """Yield what stays and what goes of pieces, given in order with all outcomes, and what is told of them."""
        notes, made, corpus = Notes(), audit.Forms(templates), _Named(self.carrier.names)
        for (piece, examined), outcomes in handed:
            opened, spans = self.carrier.open(piece), examined.found.spans
            plan = self._plan(examined, outcomes, templates)
            stays = ~plan.dropped[plan.cuts.documents]
            result = opened.parted(plan.dropped, Cuts._make(column[stays] for column in plan.cuts))
            yield KEPT, result.kept
            yield DROPPED, result.dropped
            yield TAKEN, lines_of(result.taken)
            yield UNREAD, lines_of(result.unread)
            texts, quotes = audit.TemplateTexts(), KeptQuotes(IN_MEMORY)
            quotes.add(quoted(opened.batch.texts, *spans), 0)
            quotes.complete()
            for lines in audit.lines(plan, corpus, texts, quotes, made):
                yield DECISIONS, lines
            notes.judged(outcomes)
            notes.count(report.count(plan))
            notes.quote(piece.number, texts)
            notes.parted(result)
        yield NOTED, notes.entries

    def nothing(self) -> Counts:
        """Return what is counted of no documents."""
        none = Cuts.none()
        documents = pipeline.Noted(None, IN_MEMORY).documents([])
        clusters, contained = Clusters.of_nobody(0), Containment.none(0)
        return report.count(Plan(self.config, documents, Templates.none(), none, none, none, clusters, contained, None))

    def _plan(self, examined: pipeline.Examined, outcomes: Outcomes, templates: Templates) -> Plan:
        """Return the plan for the documents of a piece; those that it ties them to count as known from elsewhere."""
        noted, sources = pipeline.Noted(None, IN_MEMORY), SourceNumbers()
        noted.add(examined._replace(sources=sources.of(examined.batch)))
        documents, count, others = noted.documents(sources.names), len(examined.batch), outcomes.others
        known = Known(np.arange(len(others)), others, np.zeros(len(others), np.uint64))
        clusters, contained = Clusters.of_nobody(count), Containment.none(count)
        told, at = outcomes.rows, outcomes.rows["row"]
        clusters.similarities[at], contained.shares[at] = told["similarity"], told["share"]
        clusters.originals[at] = told["original"]
        clusters.exact[at], clusters.crowded[at] = told["exact"], told["crowded"]
        columns = (("keeper", clusters.keepers), ("nearest", clusters.nearest), ("holder", contained.holders))
        for name, column in columns:
            is_named = told[name] >= 0
            column[at[is_named]] = count + told[name][is_named]
        copies = told[told["is_copy"]]
        known.keys[copies["keeper"]] = documents.original_keys[copies["row"]]
        return Plan(
            config=self.config,
            documents=documents,
            templates=templates,
            cuts=examined.found.cuts,
            suspicions=examined.found.suspicions,
            protected=examined.found.protected,
            clusters=clusters,
            contained=contained,
            bands=pipeline.bands_of(self.config),
            known=known,
        )


def together(handed: Iterator[Any], kind: type[Nodes | Outcomes]) -> Iterator[tuple[Found, Any]]:
    """Yield pieces in order, each with what else was handed over about it, all of one kind."""
    with work_folder() as folder:
        spool, others = Spool[Found](folder), []
        for one in handed:
            if isinstance(one, Found):
                spool.add(one.piece.number, one)
            else:
                others.append(one)
        every = kind.join(others)
        for found in spool:
            yield found, every.of(found.piece.number)
