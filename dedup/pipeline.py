"""The local engine: read, segment, count, decide; then read again and carry it out.

Text is read once for the statistics of boilerplate, once for cuts and signatures, and once more, candidates only, for
exact verification. No text is held: what stays of a document between the passes is its row in `Documents` and its cuts.
Lines, sentences, band keys and shingles go through tables (`dedup.spill`), which hold no more than a buffer of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import boilerplate, containment, edit, findings, limit, lsh, signature
from dedup.cluster import Clusters, cluster
from dedup.columns import Column
from dedup.config import Config
from dedup.errors import InputError
from dedup.fragments import Wrapping, find_fragments
from dedup.keeping import keep_order
from dedup.kept_segments import KeptSegments, pack
from dedup.markdown import find_markup
from dedup.memory import Before, Memory, Preceded, cluster_after, with_known
from dedup.model import Batch, Wanted
from dedup.parallel import in_order
from dedup.plan import VERIFYING, Corpus, Documents, Known, Plan, Progress, silent
from dedup.policy import Cuts
from dedup.quotes import KeptQuotes, Quotes, quoted
from dedup.segment import Segments, segment
from dedup.shingle import ShingleSets, StoredSets, sets_of_both
from dedup.sources import SourceNumbers
from dedup.spill import IN_MEMORY, Room, Table
from dedup.stages import Stages, kept

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

LONGEST_TEXT_BYTES = 2**31 - 1
"""Places in texts are kept in 32 bits."""

ROW = {
    "files": np.int32, "records": np.int64, "sources": np.int64, "digests": np.uint64, "ways": np.uint8,
    "characters": np.int64, "stored": np.int64, "whole": np.bool_, "structured": np.bool_, "original_keys": np.uint64,
    "keys": np.uint64, "tokens": np.int64,
}  # fmt: skip
"""The columns of `Documents` that are one number a document."""


class _Counted(NamedTuple):
    """One batch in the first pass."""

    batch: Batch
    segments: Segments
    packed: npt.NDArray[np.uint8] | None
    wrapping: Wrapping
    markup: npt.NDArray[np.bool_]
    sources: Ints
    source_keys: Keys


class Examined(NamedTuple):
    """One batch after the second pass."""

    batch: Batch
    sources: Ints
    found: findings.Findings
    characters: Ints
    stored: Ints
    original_keys: Keys
    sketches: signature.Sketches
    band_keys: npt.NDArray[np.uint64]


class Noted:
    """What is kept of every batch of the second pass, column by column.

    Attributes:
        band_keys: One column a band; None where articles are not compared.
        spans: The cuts, suspicions and protected spans, with documents numbered through.
    """

    def __init__(self, bands: lsh.Bands | None, room: Room) -> None:
        self.band_keys = None if bands is None else Table(room, (np.uint64,) * bands.bands)
        self.spans = [Table(IN_MEMORY, (np.int32,) * len(Cuts._fields)) for _ in range(3)]
        self._rows = Table(IN_MEMORY, tuple(ROW.values()))
        self._id_bytes, self._id_sizes = Table(IN_MEMORY, (np.uint8,)), Table(IN_MEMORY, (np.int64,))
        self._ranks: list[float | str | None] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, part: Examined) -> None:
        """Note a batch."""
        batch, found, before = part.batch, part.found, len(self)
        for table, cuts in zip(self.spans, found.spans, strict=True):
            table.add(*cuts._replace(documents=cuts.documents + before))
        if self.band_keys is not None:
            self.band_keys.add(*part.band_keys.T)
        if batch.ranks is not None:
            self._ranks = self._ranks or []
            self._ranks += batch.ranks
        self._id_bytes.add(batch.ids.data[batch.ids.offsets[0] : batch.ids.offsets[-1]])
        self._id_sizes.add(batch.ids.sizes)
        self._rows.add(
            batch.files, batch.records, part.sources, batch.digests, batch.ways, part.characters, part.stored,
            found.whole, found.structured, part.original_keys, part.sketches.keys, part.sketches.tokens,
        )  # fmt: skip

    def documents(self, source_names: list[str]) -> Documents:
        """Return the documents; to be called once."""
        offsets = np.zeros(len(self) + 1, np.int64)
        np.cumsum(*self._id_sizes.taken(), out=offsets[1:])
        columns = dict(zip(ROW, self._rows.taken(), strict=True))
        (id_bytes,) = self._id_bytes.taken()
        ids = Column(id_bytes, offsets)
        return Documents(ids=ids, source_names=source_names, ranks=self._ranks, **columns)


class Lines(NamedTuple):
    """What counting lines comes to.

    Attributes:
        templates: The boilerplate of every source.
        versions: int64[documents], the one that stands for all versions of a document; empty where nobody asked.
        sources: The sources, as `templates` numbers them.
    """

    templates: boilerplate.Templates
    versions: Ints
    sources: list[str]


def scan(
    corpus: Corpus,
    config: Config,
    *,
    workers: int = 1,
    progress: Progress = silent,
    memory: Memory | None = None,
    stages: Stages | None = None,
    quotes: KeptQuotes | None = None,
) -> Plan:
    """Find and decide; nothing is written and nothing changed.

    Args:
        corpus: The documents.
        config: What counts as a duplicate.
        workers: Threads.
        progress: Told how far it is.
        memory: What was stored before, and stays.
        stages: Where the boilerplate is kept for another run; None for nowhere.
        quotes: Takes what decisions quote, so that the documents need not be read again for that; None for nobody.

    Raises:
        InputError: There is not a single document, or a text is too long.
        OutputError: The work folder cannot hold what does not fit into memory.
    """
    counted = corpus if memory is None else Preceded(corpus, memory)
    split = KeptSegments(corpus.room)

    def count() -> Lines:
        sources = SourceNumbers()
        return Lines(*count_lines(counted, config, sources, workers, progress, split), sources.names)

    templates, versions, source_names = kept(stages, "lines", Lines, count)
    split.close()
    sources = SourceNumbers(source_names)
    if memory is not None and "boilerplate" in config.only:
        templates = with_known(templates, memory.templates(sources.names))
    limit.give_back()
    bands = bands_of(config)
    permutations = signature.permutations(config.hashes, config.seed)

    def look(batch: Batch, numbers: Ints, keys: Keys) -> tuple[Examined, Quotes | None]:
        _refuse_longer(batch, corpus.names)
        part = examine(batch, numbers, keys, templates, config, bands, permutations, split.of(batch))
        return part, None if quotes is None else quoted(batch.texts, *part.found.spans)

    noted = Noted(bands, corpus.room)
    for part, of_part in in_order(look, sources.number(corpus.batches()), workers):
        if quotes is not None and of_part is not None:
            quotes.add(of_part, len(noted))
        noted.add(part)
        limit.check(corpus.room, len(noted))
        progress("comparing", len(part.batch))
    if not len(noted) and not corpus.rejected:
        raise InputError("there is not a single document in the input", hint="Check the path.")
    if quotes is not None:
        quotes.complete()
    documents = noted.documents(sources.names)
    cuts, suspicions, protected = (Cuts._make(spans.taken()) for spans in noted.spans)
    limit.give_back()

    def fetch(rows: Ints, ranks: Ints | None = None, before: Before | None = None) -> StoredSets:
        return fetch_shingles(corpus, documents, cuts, rows, workers, progress, ranks, before)

    known = Known.nobody()
    if memory is None or bands is None:
        clusters = cluster_documents(documents, corpus.names, noted.band_keys, config, fetch)
    else:
        clusters, known = cluster_after(
            memory,
            documents,
            noted.band_keys or (),
            fetch,
            config,
            bands,
            permutations,
        )
    limit.give_back()
    clusters, contained = find_contained(documents, corpus.names, versions[: len(documents)], clusters, config, fetch)
    limit.give_back()
    return Plan(
        config=config,
        documents=documents,
        templates=boilerplate.count_listed(templates, cuts.documents, cuts.templates),
        cuts=cuts,
        suspicions=suspicions,
        protected=protected,
        clusters=clusters,
        contained=contained,
        bands=bands,
        known=known,
    )


def bands_of(config: Config) -> lsh.Bands | None:
    """Return the shape of the bands; None where articles are not compared."""
    return lsh.choose_bands(config.threshold, config.hashes, config.recall) if "articles" in config.only else None


def count_lines(
    corpus: Corpus,
    config: Config,
    sources: SourceNumbers,
    workers: int,
    progress: Progress,
    split: KeptSegments | None = None,
) -> tuple[boilerplate.Templates, Ints]:
    """Return the boilerplate of every source, and for each document the one that stands for all versions of it.

    Segments are kept in `split`, where boilerplate is looked for: then repeats and boilerplate are found with them.
    """
    is_counted = "boilerplate" in config.only
    if not is_counted and not (config.drop_contained and "articles" in config.only):
        return boilerplate.Templates.none(), np.zeros(0, np.int64)

    kept_in = split if is_counted else None

    def look(batch: Batch, numbers: Ints, keys: Keys) -> _Counted:
        segments = segment(batch.texts)
        wrapping = find_fragments(batch.texts, segments)
        packed = None if kept_in is None else pack(batch.texts, segments)
        return _Counted(
            batch.without_texts(), segments, packed, wrapping, find_markup(batch.texts, segments), numbers, keys
        )

    occurrences = boilerplate.Occurrences(corpus.room, workers)
    for part in in_order(look, sources.number(corpus.batches()), workers):
        occurrences.add(part.segments, part.wrapping, part.markup, part.sources, part.source_keys)
        if kept_in is not None and part.packed is not None:
            kept_in.add(part.batch, part.packed, part.segments)
        limit.check(corpus.room, len(occurrences))
        progress("counting lines", len(part.batch))
    if not is_counted or not len(occurrences):
        return boilerplate.Templates.none(), occurrences.versions()
    counted = occurrences.count(config)
    return boilerplate.Templates.join([boilerplate.always(config), counted]), occurrences.versions()


def cluster_documents(
    documents: Documents,
    names: list[str],
    band_keys: Iterable[Keys] | None,
    config: Config,
    fetch: Callable[[Ints, Ints], StoredSets],
) -> Clusters:
    """Say who stays and who goes; everybody stays where articles are not compared."""
    if band_keys is None:
        return Clusters.of_nobody(len(documents))
    return cluster(
        lambda rows: keep_order(documents, names, rows, config.keep),
        documents.text_keys,
        documents.tokens,
        band_keys,
        fetch,
        config.threshold,
        config.original_floor,
    )


def find_contained(
    documents: Documents,
    names: list[str],
    versions: Ints,
    clusters: Clusters,
    config: Config,
    fetch: Callable[[Ints], StoredSets],
) -> tuple[Clusters, containment.Containment]:
    """Say who is held by a longer document, and goes if that is asked for.

    `versions` is empty where nobody asked for it.
    """
    contained = containment.Containment.none(len(documents))
    if "articles" not in config.only:
        return clusters, contained
    if len(versions):
        contained = containment.find(
            versions,
            clusters,
            lambda rows: keep_order(documents, names, rows, "longest"),
            documents.stored,
            documents.tokens,
            min(containment.CONTAINED, config.drop_contained or containment.CONTAINED),
            fetch,
        )
    if config.drop_contained:
        contained, clusters = containment.drop(
            contained, clusters, documents.sources, config.drop_contained, config.original_floor, fetch
        )
    return clusters, contained


def _refuse_longer(batch: Batch, names: list[str]) -> None:
    """Raise InputError for a text whose places do not fit into what is kept of them."""
    for row, message, hint in too_long(batch):
        raise InputError(message, file=names[batch.files[row]], line=int(batch.records[row]), hint=hint)


def too_long(batch: Batch) -> Iterator[tuple[int, str, str]]:
    """Yield the texts whose places do not fit into what is kept of them: the row, what is wrong, and what to do."""
    for row in np.flatnonzero(batch.texts.sizes > LONGEST_TEXT_BYTES).tolist():
        message = f"a text of {batch.texts.sizes[row]:,} bytes is too long"
        yield row, message, f"Split it: {LONGEST_TEXT_BYTES:,} bytes are the most."


def examine(
    batch: Batch,
    sources: Ints,
    source_keys: Keys,
    templates: boilerplate.Templates,
    config: Config,
    bands: lsh.Bands | None,
    permutations: signature.Permutations,
    segments: Segments | None = None,
) -> Examined:
    """Cut one batch, whose segments may be at hand, and sketch what is left of it."""
    rows = len(batch)
    found = findings.find(batch.texts, source_keys, templates, config, segments)
    cuts, stored = found.cuts, batch.texts
    if len(cuts.documents):
        stored = edit.remove_spans(batch.texts, cuts.documents, cuts.starts, cuts.ends)
    characters = edit.count_characters(batch.texts)
    stored_characters = characters - np.bincount(cuts.documents, cuts.characters, minlength=rows).astype(np.int64)
    if bands is None:
        sketches = signature.Sketches(
            np.zeros((rows, 0), np.uint32), np.zeros(rows, np.int64), np.zeros(rows, np.uint64)
        )
        keys, original_keys = np.zeros((rows, 0), np.uint64), sketches.keys
    else:
        sketches = signature.sketch(stored, permutations)
        keys = signature.band_keys(sketches.signatures, *bands)
        original_keys = signature.original_keys(batch.texts, sketches.keys, np.unique(cuts.documents))
    # The text and the signatures end here.
    sketches = sketches._replace(signatures=np.zeros((0, 0), np.uint32))
    lengths = characters, stored_characters
    return Examined(batch.without_texts(), sources, found, *lengths, original_keys, sketches, keys)


def fetch_shingles(
    corpus: Corpus,
    documents: Documents,
    cuts: Cuts,
    rows: Ints,
    workers: int,
    progress: Progress = silent,
    ranks: Ints | None = None,
    before: Before | None = None,
) -> StoredSets:
    """Read some documents again and return the shingle sets of what is stored of them, and of what came.

    Args:
        corpus: The corpus.
        documents: Its documents.
        cuts: Their cuts.
        rows: Ascending document numbers.
        workers: Threads.
        progress: Told how far it is.
        ranks: In which order the sets will be asked for, those of `before` too, which come first; those of one batch
            are laid down in this order. None where nobody knows.
        before: Sets to put before those of the documents.
    """
    own = rows if ranks is None else ranks[len(ranks) - len(rows) :]

    def sets_of(batch: Batch, numbers: Ints) -> tuple[ShingleSets, Ints, npt.NDArray[np.bool_]]:
        order = np.argsort(own[np.searchsorted(rows, numbers)])
        lost = np.bincount(cuts.among(numbers)[0], minlength=len(numbers)) > 0
        return sets_of_both(stored_texts(batch.texts, numbers, cuts), batch.texts, lost, order), order, lost[order]

    stored = StoredSets(corpus.room)
    if before is not None:
        stored.add(before.sets, lost=before.lost)
    for sets, order, lost in in_order(sets_of, numbered_batches(corpus, documents, rows), workers):
        stored.add(sets, order, lost)
        progress(VERIFYING, len(order))
    stored.close()
    limit.give_back()
    return stored


def numbered_batches(corpus: Corpus, documents: Documents, rows: Ints) -> Iterator[tuple[Batch, Ints]]:
    """Read some documents, given by ascending numbers, with their numbers."""
    done = 0
    for batch in corpus.batches(Wanted(documents.files[rows], documents.records[rows])):
        yield batch, rows[done : done + len(batch)]
        done += len(batch)
        limit.check(corpus.room)


def stored_texts(texts: Column, numbers: Ints, cuts: Cuts) -> Column:
    """Return the texts of some documents after their cuts; `numbers` are their document numbers, ascending."""
    rows, spans = cuts.among(numbers)
    return edit.remove_spans(texts, rows, cuts.starts[spans], cuts.ends[spans]) if len(rows) else texts
