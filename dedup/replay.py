"""Decisions back to a plan: what `apply` carries out is what `scan` decided, checked against the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import decisions, edit, limit
from dedup.boilerplate import EVERY_SOURCE, LINE, Templates, always
from dedup.cluster import Clusters
from dedup.columns import concatenate
from dedup.config import Config
from dedup.containment import Containment
from dedup.decisions import Decision, KeptSpan
from dedup.errors import StateError
from dedup.model import Batch
from dedup.plan import Corpus, Documents, Plan, Progress, silent
from dedup.policy import Cuts
from dedup.sources import SourceNumbers

Ints = npt.NDArray[np.int64]
Place = tuple[int, int]


LINES_BETWEEN_CHECKS = 1000
"""Decisions read between two looks at the memory they take: they are held until all are carried out."""


class _Span(NamedTuple):
    """A cut as decisions give it, in code points."""

    start: int
    end: int
    keeper_start: int
    keeper_end: int
    template: int
    text: str
    line: int


NO_TEMPLATE = "0" * 16
"""In place of the id of a template, for what stands once."""


class _Template(NamedTuple):
    """A template as decisions give it."""

    number: int
    documents: int
    articles: int
    source: str


def read_plan(path: Path, config: Config, corpus: Corpus, *, progress: Progress = silent) -> Plan:
    """Read a decisions file and match it with the corpus it was made from.

    Raises:
        StateError: The file is damaged, was made under another configuration, or does not fit the corpus: a document is
            missing, or does not hold the text that a decision quotes.
    """
    head = decisions.read_header(path)
    if head.fingerprint != config.fingerprint():
        raise StateError(
            f"made under another configuration ({head.fingerprint}, this is {config.fingerprint()})",
            file=str(path),
            line=1,
            hint="Give the options that 'dedup scan' was given; its first line lists them.",
        )
    return _Replay(path, corpus).plan(config, progress)


class _Replay:
    """One reading of a decisions file against one corpus."""

    def __init__(self, path: Path, corpus: Corpus) -> None:
        self._path = path
        self._corpus = corpus
        self._files = {name: number for number, name in enumerate(corpus.names)}
        self._drops: dict[Place, tuple[Place, float, float, bool, int]] = {}
        self._unlike: dict[Place, tuple[Place, float, float]] = {}
        self._spans: dict[Place, list[_Span]] = {}
        self._templates: dict[str, _Template] = {}
        self._flags: set[tuple[Place, str]] = set()
        self._once: Counter[Place] = Counter()
        self._holders: dict[Place, tuple[Place, float]] = {}
        for line, decision in enumerate(decisions.read(path), start=2):
            self._note(decision, line)
            if line % LINES_BETWEEN_CHECKS == 0:
                limit.check(corpus.room)

    def plan(self, config: Config, progress: Progress) -> Plan:
        """Read the corpus and put everything in its place."""
        sources = SourceNumbers()
        batches: list[Batch] = []
        numbers: list[Ints] = []
        characters: list[Ints] = []
        cuts: list[Cuts] = []
        for batch in self._corpus.batches():
            cuts.append(Cuts.join([Cuts.none(), *self._cuts(batch, sum(map(len, batches)))]))
            batches.append(batch.without_texts())
            numbers.append(sources.of(batch))
            characters.append(edit.count_characters(batch.texts))
            progress("matching", len(batch))
        documents = self._documents(batches, np.concatenate(numbers), sources.names, np.concatenate(characters))
        if self._spans:
            raise self._misfit(min(spans[0].line for spans in self._spans.values()), "no such document in the input")
        rows = _rows(documents)
        return Plan(
            config,
            documents,
            self._template_table(sources.names, config),
            Cuts.join(cuts),
            self._stands_once(rows),
            Cuts.none(),
            self._clusters(rows, len(documents)),
            self._contained(rows, len(documents)),
            None,
        )

    def _note(self, decision: Decision, line: int) -> None:
        place = self._place(decision.file, decision.record, line)
        if decision.containment is not None:
            holder = self._place(decision.keeper_file or "", decision.keeper_record or 0, line)
            self._holders[place] = holder, decision.containment
        if decision.action == "drop":
            keeper = self._place(decision.keeper_file or "", decision.keeper_record or 0, line)
            equal = decision.reason == "exact-duplicate"
            figures = decision.similarity or 0.0, 1.0 if equal else decision.similarity_original or 0.0
            self._drops[place] = keeper, *figures, equal, line
        elif decision.action == "cut":
            if decision.start is None or decision.end is None or decision.text is None:
                raise self._misfit(line, "a cut without start, end or text")
            keeper_span = decision.keeper if isinstance(decision.keeper, KeptSpan) else KeptSpan(-1, -1)
            template = -1
            if decision.reason == "boilerplate":
                counts = decision.documents or 1, decision.articles or 1
                known = _Template(len(self._templates), *counts, decision.source)
                template = self._templates.setdefault(decision.template or NO_TEMPLATE, known).number
            span = _Span(decision.start, decision.end, *_pair(keeper_span), template, decision.text, line)
            self._spans.setdefault(place, []).append(span)
        elif decision.similarity_original is not None:
            keeper = self._place(decision.keeper_file or "", decision.keeper_record or 0, line)
            self._unlike[place] = keeper, decision.similarity or 0.0, decision.similarity_original
        elif decision.how is not None:
            self._once[place] += 1
        elif decision.start is None and decision.keeper_file is None:
            self._flags.add((place, decision.reason))

    def _place(self, file: str, record: int, line: int) -> Place:
        if file not in self._files:
            raise self._misfit(line, f"no file {file!r} in the input")
        return self._files[file], record

    def _cuts(self, batch: Batch, first: int) -> Iterator[Cuts]:
        """Yield the cuts of each document of a batch whose first document has number `first`."""
        for row, place in enumerate(zip(batch.files.tolist(), batch.records.tolist(), strict=True)):
            spans = self._spans.pop(place, None)
            if spans:
                yield self._in_bytes(batch.texts.row(row), spans, first + row)

    def _in_bytes(self, text: bytes, spans: list[_Span], document: int) -> Cuts:
        columns = np.array([span[:5] for span in spans], np.int64).T
        try:
            positions = np.where(columns[:4] >= 0, edit.to_bytes(text, np.maximum(columns[:4], 0)), -1)
        except IndexError:
            raise self._misfit(spans[0].line, "the text is shorter than the decision says") from None
        at = 0
        for span, start, end in zip(spans, positions[0].tolist(), positions[1].tolist(), strict=True):
            if start < at or text[start:end] != span.text.encode("utf-8", "surrogatepass"):
                raise self._misfit(span.line, "the document does not hold this text at this place")
            at = end
        lengths = columns[1] - columns[0]
        nothing = np.zeros(len(spans), np.int64)
        return Cuts._make([np.full(len(spans), document), *positions, columns[4], lengths, nothing, nothing])

    def _clusters(self, rows: dict[Place, int], documents: int) -> Clusters:
        clusters = Clusters.of_nobody(documents)
        for place, (keeper, similarity, original, equal, line) in self._drops.items():
            if place not in rows or keeper not in rows or keeper in self._drops:
                raise self._misfit(line, "the document or its keeper is not in the input, or the keeper goes itself")
            row = rows[place]
            clusters.keepers[row] = clusters.nearest[row] = rows[keeper]
            clusters.similarities[row], clusters.originals[row] = similarity, original
            clusters.exact[row] = equal
        for place, (keeper, similarity, original) in self._unlike.items():
            if place in rows and keeper in rows:
                row = rows[place]
                clusters.nearest[row] = rows[keeper]
                clusters.similarities[row], clusters.originals[row] = similarity, original
        for place, reason in self._flags:
            if reason == "near-duplicate" and place in rows:
                clusters.crowded[rows[place]] = True
        return clusters

    def _contained(self, rows: dict[Place, int], documents: int) -> Containment:
        contained = Containment.none(documents)
        for place, (holder, share) in self._holders.items():
            if place in rows and holder in rows:
                contained.holders[rows[place]] = rows[holder]
                contained.shares[rows[place]] = share
        return contained

    def _stands_once(self, rows: dict[Place, int]) -> Cuts:
        """Return the lines that stand once between boilerplate, as far as they are counted: without their places."""
        from dedup.kernels.boilerplate import ONCE as STANDS_ONCE

        documents = np.array(sorted(rows[place] for place in self._once.elements()), np.int64)
        nothing = np.zeros(len(documents), np.int64)
        return Cuts._make([documents, *[nothing] * 6, nothing + STANDS_ONCE, nothing])

    def _template_table(self, source_names: list[str], config: Config) -> Templates:
        numbers = {name: number for number, name in enumerate(source_names)}
        keys = np.array([int(name, 16) for name in self._templates], np.uint64)
        rows = [(known.articles, known.documents, numbers.get(known.source, 0)) for known in self._templates.values()]
        articles, documents, sources = np.array(rows, np.int64).reshape(-1, 3).T
        given = always(config)
        sources = np.where(np.isin(keys, given.keys), EVERY_SOURCE, sources)
        of_kind = Templates.of_kind(LINE, keys, articles, documents, documents, sources)
        return of_kind._replace(kinds=np.append(given.kinds, LINE)[given.find(keys)].astype(np.uint8))

    def _documents(self, batches: list[Batch], sources: Ints, source_names: list[str], characters: Ints) -> Documents:
        count = len(sources)
        files = np.concatenate([batch.files for batch in batches])
        records = np.concatenate([batch.records for batch in batches])
        places = list(zip(files.tolist(), records.tolist(), strict=True))
        return Documents(
            files=files,
            records=records,
            ids=concatenate([batch.ids for batch in batches]),
            sources=sources,
            source_names=source_names,
            digests=np.zeros(count, np.uint64),
            ways=np.concatenate([batch.ways for batch in batches]),
            ranks=None,
            characters=characters,
            stored=characters,
            whole=np.array([(place, "boilerplate") in self._flags for place in places], np.bool_),
            structured=np.array([(place, "repeat") in self._flags for place in places], np.bool_),
            original_keys=np.zeros(count, np.uint64),
            keys=np.zeros(count, np.uint64),
            tokens=np.zeros(count, np.int64),
        )

    def _misfit(self, line: int, what: str) -> StateError:
        return StateError(
            f"this decision does not fit the input: {what}",
            file=str(self._path),
            line=line,
            hint="Give the very input that 'dedup scan' was given, or scan it again.",
        )


def _rows(documents: Documents) -> dict[Place, int]:
    """Return the number of each document by its file and record."""
    places = zip(documents.files.tolist(), documents.records.tolist(), strict=True)
    return {place: row for row, place in enumerate(places)}


def _pair(span: KeptSpan) -> tuple[int, int]:
    return span.start, span.end
