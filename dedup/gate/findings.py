"""Every decision of a plan as a finding: with its place, its text, and the other one of the two."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from dedup import audit
from dedup.decisions import Decision, KeptSpan, Reason
from dedup.gate.finding import Finding, excerpt_of, fingerprint, kind_of
from dedup.gate.limits import Kind
from dedup.gate.places import Lines, Place, spot_of
from dedup.outright import borderline
from dedup.pipeline import numbered_batches, stored_texts
from dedup.plan import Plan
from dedup.readers import Corpus


class _Read(NamedTuple):
    """A document that was read again, by what decisions call it, and the beginning of it without its boilerplate."""

    file: str
    record: int
    text: str
    excerpt: str


def find(
    corpus: Corpus, plan: Plan, changed: Container[int] | None = None, *, flags: bool = False, latent: bool = False
) -> Iterator[Finding]:
    """Yield all findings of a plan, in input order.

    Args:
        corpus: The documents.
        plan: What was decided about them.
        changed: The positions of the changed files; None if all count as changed.
        flags: Whether what stays but was suspicious is a finding, too.
        latent: Whether to yield what is latent, too; the documents that stay come last.
    """
    finder = _Finder(corpus, plan, changed)
    texts = _texts(corpus, plan, flags=flags)
    upcoming = next(texts, None)
    by_document = itertools.groupby(audit.decisions(plan, corpus), lambda decision: (decision.file, decision.record))
    for (file, record), decisions in by_document:
        text = excerpt = ""
        if upcoming is not None and upcoming[:2] == (file, record):
            (_, _, text, excerpt), upcoming = upcoming, next(texts, None)
        document = _Document(finder, finder.files[file], record, text, excerpt)
        for decision in decisions:
            if flags or decision.action != "flag":
                yield document.finding(decision)
            if latent and decision.action == "drop":
                yield from document.latent(decision)
    if latent:
        yield from _keepers(finder, corpus)


def _texts(corpus: Corpus, plan: Plan, *, flags: bool) -> Iterator[_Read]:
    """Read the documents of which a finding says more than its decision: those that go, and files with lines."""
    documents = plan.documents
    is_text = np.array([file.form.kind == "text" for file in corpus.files])
    wanted = np.zeros(len(documents), np.bool_)
    for cuts in (plan.cuts, plan.suspicions, plan.protected) if flags else (plan.cuts,):
        wanted[cuts.documents] = True
    wanted &= is_text[documents.files]
    wanted |= plan.dropped
    if flags:
        wanted |= borderline(plan) | documents.whole | documents.structured | (plan.contained.holders >= 0)
    names = corpus.names
    for batch, rows in numbered_batches(corpus, documents, np.flatnonzero(wanted)):
        stored = stored_texts(batch.texts, rows, plan.cuts)
        for file, record, text, left in zip(
            batch.files.tolist(), batch.records.tolist(), batch.texts, stored, strict=True
        ):
            yield _Read(names[file], record, text, excerpt_of(left))


def _keepers(finder: _Finder, corpus: Corpus) -> Iterator[Finding]:
    """Yield the documents that stay for others, each with the first of those."""
    plan = finder.plan
    documents, clusters = plan.documents, plan.clusters
    gone = np.flatnonzero(plan.dropped)
    keepers, first = np.unique(clusters.keepers[gone], return_index=True)
    others = dict(zip(keepers.tolist(), gone[first].tolist(), strict=True))
    for batch, rows in numbered_batches(corpus, documents, keepers):
        stored = stored_texts(batch.texts, rows, plan.cuts)
        for row, text, left in zip(rows.tolist(), batch.texts, stored, strict=True):
            other = others[row]
            files = documents.files[[row, other]].tolist()
            yield Finding(
                kind="duplicates",
                reason="near-duplicate",
                source=documents.source_names[documents.sources[row]],
                document=documents.ids[row],
                place=finder.place(row),
                other=finder.place(other),
                similarity=float(clusters.similarities[other]),
                similarity_original=float(clusters.originals[other]),
                cluster=int(finder.sizes[row]),
                characters=int(documents.characters[row]),
                text=excerpt_of(left),
                fingerprint=fingerprint("duplicates", "near-duplicate", text),
                is_changed=any(map(finder.is_changed, files)),
                is_latent=True,
                keeper=row,
            )


class _Finder:
    """What all findings of a corpus are made with."""

    def __init__(self, corpus: Corpus, plan: Plan, changed: Container[int] | None) -> None:
        self.plan = plan
        self.spots = [spot_of(file) for file in corpus.files]
        self.files = {name: index for index, name in enumerate(corpus.names)}
        self.is_text = [file.form.kind == "text" for file in corpus.files]
        self.sizes = np.bincount(plan.clusters.keepers, minlength=len(plan.documents))
        self._changed = changed

    def is_changed(self, file: int) -> bool:
        """Tell whether a file counts as changed."""
        return self._changed is None or file in self._changed

    def place(self, row: int) -> Place:
        """Return where a document is."""
        documents = self.plan.documents
        return self.spots[int(documents.files[row])].record(int(documents.records[row]))

    def row(self, file: int, record: int) -> int:
        """Return the number of a document."""
        documents = self.plan.documents
        low, high = np.searchsorted(documents.files, (file, file + 1))
        return int(low + np.searchsorted(documents.records[low:high], record))


class _Document:
    """A document whose decisions become findings."""

    def __init__(self, finder: _Finder, file: int, record: int, text: str, excerpt: str) -> None:
        self._finder = finder
        self._file = file
        self._record = record
        self._text = text
        self._excerpt = excerpt
        self._lines = Lines(text) if finder.is_text[file] else None

    def finding(self, decision: Decision) -> Finding:
        """Return what a decision found."""
        kind = kind_of(decision)
        text, excerpt = (self._text, self._excerpt) if decision.text is None else (decision.text, decision.text)
        found = Finding(
            kind=kind,
            reason=decision.reason,
            source=decision.source,
            document=decision.document,
            place=self._place(decision),
            similarity=decision.similarity,
            similarity_original=decision.similarity_original,
            containment=decision.containment,
            articles=decision.articles,
            characters=(decision.end or 0) - (decision.start or 0),
            text=excerpt_of(excerpt),
            why=decision.why,
            fingerprint=fingerprint(kind, decision.reason, decision.template or text),
            is_changed=self._finder.is_changed(self._file),
        )
        if decision.keeper_file is not None and decision.keeper_record is not None:
            return self._paired(found, self._finder.files[decision.keeper_file], decision.keeper_record)
        if isinstance(decision.keeper, KeptSpan):
            return msgspec.structs.replace(found, other=self._span(decision.keeper.start, decision.keeper.end))
        return found

    def latent(self, decision: Decision) -> Iterator[Finding]:
        """Yield what would be cut from a document that goes, if it stayed."""
        plan = self._finder.plan
        cuts = plan.cuts.of(self._finder.row(self._file, self._record))
        data = self._text.encode()
        for start, end, template in zip(cuts.starts.tolist(), cuts.ends.tolist(), cuts.templates.tolist(), strict=True):
            kind: Kind = "repeats" if template < 0 else "boilerplate"
            reason: Reason = "repeat" if template < 0 else "boilerplate"
            text = data[start:end].decode()
            named = text if template < 0 else audit.template_id(plan.templates, template)
            yield Finding(
                kind=kind,
                reason=reason,
                source=decision.source,
                document=decision.document,
                place=self._finder.spots[self._file].record(self._record),
                text=excerpt_of(text),
                fingerprint=fingerprint(kind, reason, named),
                is_latent=True,
            )

    def _paired(self, found: Finding, file: int, record: int) -> Finding:
        """Add the other document, or make it the finding's own if it alone is in a changed file."""
        plan = self._finder.plan
        other = self._finder.spots[file].record(record)
        row = self._finder.row(file, record)
        if found.kind == "duplicates":
            own = self._finder.row(self._file, self._record)
            found = msgspec.structs.replace(
                found,
                cluster=int(self._finder.sizes[row]),
                characters=int(plan.documents.characters[own]),
                keeper=row,
            )
        if found.is_changed or not self._finder.is_changed(file):
            return msgspec.structs.replace(found, other=other)
        return msgspec.structs.replace(
            found,
            source=plan.documents.source_names[plan.documents.sources[row]],
            document=plan.documents.ids[row],
            place=other,
            other=found.place,
            is_changed=True,
        )

    def _place(self, decision: Decision) -> Place:
        if decision.start is None or decision.end is None or decision.text is None:
            return self._finder.spots[self._file].record(self._record)
        # What can be seen of it: line ends and blank lines go along, but nobody looks there.
        start = decision.start + len(decision.text) - len(decision.text.lstrip())
        return self._span(start, max(start, decision.start + len(decision.text.rstrip())))

    def _span(self, start: int, end: int) -> Place:
        spot = self._finder.spots[self._file]
        return spot.record(self._record) if self._lines is None else spot.span(self._record, self._lines, start, end)
