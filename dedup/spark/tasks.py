"""What runs on the executors: the engine's own functions, on the documents that one task sees.

A task gets whole sources to count lines in, any documents to examine, whole components to say who stays in, and any
documents again to carry decisions out. What it finds in them does not depend on what other tasks see, so that it is the
same in any number of partitions, and when a task is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import TaskContext

from dedup import audit, pipeline, report, signature
from dedup.boilerplate import LISTED, Templates
from dedup.cluster import Clusters
from dedup.config import Config
from dedup.containment import Containment
from dedup.errors import InputError
from dedup.model import Batch
from dedup.parts import Taken
from dedup.plan import Known, Place, Plan, silent
from dedup.policy import Cuts
from dedup.report import Counts
from dedup.sources import SourceNumbers
from dedup.spark import columns, meeting
from dedup.spark.carriers import Carrier
from dedup.spark.corpora import Held, Spooled
from dedup.spark.members import Members
from dedup.spark.rows import documents_of, filled, with_outcomes
from dedup.spark.telling import Telling, rows_of
from dedup.spill import Room
from dedup.work import work_folder

Ints = npt.NDArray[np.int64]
Batches = Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class Tasks:
    """The work on partitions, each a function from Arrow batches to Arrow batches.

    Attributes:
        config: The configuration.
        carrier: Reads what Spark hands over.
        identified: Makes `file`, `record` and `row` of the rows of the input, where they are not those already.
    """

    config: Config
    carrier: Carrier
    identified: Callable[[Batches], Batches] = iter

    def evidence(self, handed: Batches) -> Batches:
        """Yield what lines are counted over."""
        for rows in self.identified(handed):
            try:
                batch, _ = self.carrier.batch(rows)
            except InputError:
                # A task that fails is tried again, and Spark tells of it at length: the driver is to say it once.
                yield pa.RecordBatch.from_pylist([columns.REFUSED], schema=columns.EVIDENCE)
                continue
            yield columns.batch(
                columns.EVIDENCE, file=batch.files, record=batch.records, source=batch.sources, text=batch.texts,
                digest=batch.digests,
            )  # fmt: skip

    def count(self, handed: Batches) -> Batches:
        """Count the lines of whole sources, in input order: yield their templates, and who is a version of whom."""
        with work_folder() as folder:
            corpus = Spooled(handed, folder)
            if corpus.is_refused:
                yield pa.RecordBatch.from_pylist([columns.REFUSED], schema=columns.COUNTED)
                return
            if not corpus.documents:
                return
            sources = SourceNumbers()
            templates, versions = pipeline.count_lines(corpus, self.config, sources, 1, silent)
            own = np.flatnonzero(templates.kinds != LISTED)
            yield columns.of_templates(Templates._make(column[own] for column in templates), sources.names)
            files, records = corpus.places()
            same = np.flatnonzero(versions != np.arange(len(versions)))
            yield columns.batch(
                columns.COUNTED, file=files[same], record=records[same], version_file=files[versions[same]],
                version_record=records[versions[same]],
            )  # fmt: skip

    def examine(self, handed: Batches, templates: Templates) -> Batches:
        """Yield all rows with what is found in their documents; a row without a document has nothing found."""
        bands = pipeline.bands_of(self.config)
        permutations = signature.permutations(self.config.hashes, self.config.seed)
        for rows in self.identified(handed):
            batch, which = self.carrier.batch(rows)
            ((_, numbers, keys),) = SourceNumbers().number([batch])
            found = pipeline.examine(batch, numbers, keys, templates, self.config, bands, permutations)
            ranks = batch.ranks or []
            examined = columns.batch(
                columns.EXAMINED, id=batch.ids, source=batch.sources, digest=batch.digests,
                rank_number=[rank if isinstance(rank, float) else None for rank in ranks] or None,
                rank_text=[rank if isinstance(rank, str) else None for rank in ranks] or None,
                characters=found.characters, stored=found.stored, whole=found.found.whole,
                structured=found.found.structured, key=found.sketches.keys, tokens=found.sketches.tokens,
                bands=columns.lists(found.band_keys),
                **{name: columns.span_lists(getattr(found.found, name), len(batch))
                   for name in ("cuts", "suspicions", "protected")},
            )  # fmt: skip
            if len(batch) < rows.num_rows:
                at = np.full(rows.num_rows, -1)
                at[which] = np.arange(len(batch))
                examined = examined.take(pa.array(at, mask=at < 0))
            yield pa.RecordBatch.from_arrays(
                [*rows.columns, *examined.columns], names=[*rows.schema.names, *examined.schema.names]
            )

    def keyed(self, handed: Batches, partitions: int) -> Batches:
        """Yield by what documents meet others."""
        for rows in handed:
            yield meeting.keyed(rows, partitions)

    def meet(self, handed: Batches) -> Batches:
        """Yield who is tied to whom; all rows of a partition of keys are there."""
        return meeting.edges(handed)

    def judge(self, handed: Batches) -> Batches:
        """Say of whole components who stays; rows come in input order, and without a text for one equal to another."""
        with work_folder() as folder:
            members = Members(handed, self.config, self.carrier, Room(folder))
            if not len(members.documents):
                return
            clusters = pipeline.cluster_documents(
                members.documents, self.carrier.names, members.bands, self.config, members.fetch
            )
            clusters, contained = pipeline.find_contained(
                members.documents, self.carrier.names, members.versions, clusters, self.config, members.fetch
            )
            yield members.outcomes(clusters, contained)

    def stored(self, handed: Batches) -> Batches:
        """Yield the rows that stay, without what is cut from them."""
        for rows in with_outcomes(handed):
            kept, _ = self._kept(rows, *self.carrier.batch(rows))
            yield kept

    def decide(self, handed: Batches, templates: Templates, source_names: list[str]) -> Batches:
        """Yield the decisions on some documents."""
        for rows in with_outcomes(handed):
            batch, which = self.carrier.batch(rows)
            plan = self._plan(rows.take(pa.array(which)), batch, templates, source_names)
            yield rows_of(audit.decisions(plan, Held(batch, self.carrier)), batch, self.carrier)

    def finish(self, handed: Batches, templates: Templates, source_names: list[str]) -> Batches:
        """Yield what stays and what goes of documents in input order, and what is told of them."""
        told = None
        for rows in with_outcomes(handed):
            batch, which = self.carrier.batch(rows)
            found = rows.take(pa.array(which))
            plan = self._plan(found, batch, templates, source_names)
            told = told or Telling(pa.schema([*columns.TOLD, rows.schema.field("row")]), self.carrier)
            kept, taken = self._kept(rows, batch, which)
            yield told.documents(columns.KEPT, kept)
            yield told.documents(columns.DROPPED, rows.filter(rows.column("keeper").is_valid()))
            made = list(audit.decisions(plan, Held(batch, self.carrier)))
            yield told.about(made, taken, report.count(plan), found)
        if told is not None:
            yield told.seals(TaskContext.get().partitionId())

    def nothing(self) -> Counts:
        """Return what is counted of no documents."""
        rows = pa.RecordBatch.from_pylist([], schema=pa.schema([*columns.EXAMINED, *columns.OUTCOMES]))
        return report.count(self._plan(rows, Batch.none(), Templates.none(), []))

    def _kept(self, rows: pa.RecordBatch, batch: Batch, which: Ints) -> tuple[pa.RecordBatch, list[Taken]]:
        """Return those of some rows that stay, without what is cut from them, and what that is, where it is known."""
        stays = rows.column("keeper").is_null()
        cuts = columns.spans(rows.take(pa.array(which)), "cuts")
        stay = stays.to_numpy(zero_copy_only=False)[which][cuts.documents]
        row, taken = self.carrier.stored(rows, batch, which, Cuts._make(column[stay] for column in cuts))
        names = ["file", "record", "row"]
        whole = pa.RecordBatch.from_arrays([rows.column("file"), rows.column("record"), row], names=names)
        return whole.filter(stays), taken

    def _plan(self, rows: pa.RecordBatch, batch: Batch, templates: Templates, source_names: list[str]) -> Plan:
        """Return the plan for the documents of a batch; those that it ties them to count as known from elsewhere."""
        count = len(batch)
        named: list[Place] = []
        numbers = {}
        for name in ("keeper", "nearest", "holder"):
            column = np.full(count, -1, np.int64)
            for row, place in enumerate(rows.column(name).to_pylist()):
                if place is not None:
                    column[row] = count + len(named)
                    named.append(
                        Place(place["id"], self.carrier.names[place["file"]], place["record"], place["source"])
                    )
            numbers[name] = column
        keys = columns.numbers(rows, "key", np.uint64)
        keepers = np.where(numbers["keeper"] < 0, np.arange(count), numbers["keeper"])
        copies = np.flatnonzero(filled(rows, "is_copy", False))
        known_keys = np.zeros(len(named), np.uint64)
        known_keys[keepers[copies] - count] = keys[copies]
        cuts, suspicions, protected = (columns.spans(rows, name) for name in ("cuts", "suspicions", "protected"))
        clusters = Clusters(
            keepers, filled(rows, "similarity", 0.0), numbers["nearest"], filled(rows, "exact", False),
            filled(rows, "crowded", False), 0, 0,
        )  # fmt: skip
        return Plan(
            config=self.config,
            documents=documents_of(rows, self.config, batch.files, batch.records),
            templates=templates,
            cuts=cuts,
            suspicions=suspicions,
            protected=protected,
            clusters=clusters,
            contained=Containment(numbers["holder"], filled(rows, "share", 0.0)),
            bands=pipeline.bands_of(self.config),
            known=Known(np.arange(len(named)), named, known_keys),
        )
