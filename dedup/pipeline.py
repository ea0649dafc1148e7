"""The local engine: read, segment, count, decide; then read again and carry it out.

Text is read once for the statistics of boilerplate, once for cuts and signatures, and once more, candidates only, for
exact verification. No text is held: what stays of a document between the passes is its row in `Documents`, its band
keys and its cuts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import boilerplate, containment, edit, findings, lsh, signature
from dedup.cluster import Clusters, cluster
from dedup.columns import Column, concatenate
from dedup.config import Config
from dedup.errors import InputError
from dedup.fragments import find_fragments
from dedup.keeping import keep_order
from dedup.model import Batch, Wanted
from dedup.parallel import in_order
from dedup.plan import VERIFYING, Corpus, Documents, Plan, Progress, silent
from dedup.policy import Cuts
from dedup.segment import Segments, segment
from dedup.shingle import ShingleSets, shingle_sets
from dedup.sources import SourceNumbers

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


class _Scanned(NamedTuple):
    """One batch after the second pass."""

    batch: Batch
    sources: Ints
    found: findings.Findings
    characters: Ints
    stored: Ints
    sketches: signature.Sketches
    band_keys: npt.NDArray[np.uint64]


def scan(corpus: Corpus, config: Config, *, workers: int = 1, progress: Progress = silent) -> Plan:
    """Find and decide; nothing is written and nothing changed.

    Raises InputError for an input without a single document.
    """
    sources = SourceNumbers()
    templates, versions = _count_lines(corpus, config, sources, workers, progress)
    bands = lsh.choose_bands(config.threshold, config.hashes, config.recall) if "articles" in config.only else None
    permutations = signature.permutations(config.hashes, config.seed)

    def examine(batch: Batch, numbers: Ints, keys: Keys) -> _Scanned:
        return _examine(batch, numbers, keys, templates, config, bands, permutations)

    parts = []
    for part in in_order(examine, sources.number(corpus.batches()), workers):
        parts.append(part)
        progress("comparing", len(part.batch))
    if not parts and not corpus.rejected:
        raise InputError("there is not a single document in the input", hint="Check the path.")
    parts = parts or [examine(Batch.none(), np.zeros(0, np.int64), np.zeros(0, np.uint64))]
    documents = _documents(parts, sources)
    cuts = _numbered([part.found.cuts for part in parts], parts)

    def fetch(rows: Ints) -> ShingleSets:
        return fetch_shingles(corpus, documents, cuts, rows, workers, progress)

    clusters, contained = _judge(documents, corpus.names, versions, parts, bands, config, fetch)
    return Plan(
        config=config,
        documents=documents,
        templates=boilerplate.count_listed(templates, cuts.documents, cuts.templates),
        cuts=cuts,
        suspicions=_numbered([part.found.suspicions for part in parts], parts),
        protected=_numbered([part.found.protected for part in parts], parts),
        clusters=clusters,
        contained=contained,
        bands=bands,
    )


def _count_lines(
    corpus: Corpus, config: Config, sources: SourceNumbers, workers: int, progress: Progress
) -> tuple[boilerplate.Templates, Ints]:
    """Return the boilerplate of every source, and for each document the one that stands for all versions of it."""
    is_counted = "boilerplate" in config.only
    if not is_counted and not (config.drop_contained and "articles" in config.only):
        return boilerplate.Templates.none(), np.zeros(0, np.int64)

    def split(batch: Batch, numbers: Ints, keys: Keys) -> tuple[Segments, npt.NDArray[np.bool_], Ints, Keys]:
        segments = segment(batch.texts)
        return segments, find_fragments(batch.texts, segments), numbers, keys

    occurrences = boilerplate.Occurrences()
    for noted in in_order(split, sources.number(corpus.batches()), workers):
        occurrences.add(*noted)
        progress("counting lines", len(noted[2]))
    if not is_counted:
        return boilerplate.Templates.none(), occurrences.versions()
    known = boilerplate.listed(config.known_boilerplate)
    return boilerplate.Templates.join([known, occurrences.count(config)]), occurrences.versions()


def _judge(
    documents: Documents,
    names: list[str],
    versions: Ints,
    parts: list[_Scanned],
    bands: lsh.Bands | None,
    config: Config,
    fetch: Callable[[Ints], ShingleSets],
) -> tuple[Clusters, containment.Containment]:
    """Say who stays and who goes; `versions` is empty where nobody asked for it."""
    contained = containment.Containment.none(len(documents))
    if bands is None:
        return Clusters.of_nobody(len(documents)), contained
    clusters = cluster(
        lambda rows: keep_order(documents, names, rows, config.keep),
        documents.keys,
        documents.tokens,
        np.concatenate([part.band_keys for part in parts]).T,
        fetch,
        config.threshold,
    )
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
        contained, clusters = containment.drop(contained, clusters, config.drop_contained, fetch)
    return clusters, contained


def _examine(
    batch: Batch,
    sources: Ints,
    source_keys: Keys,
    templates: boilerplate.Templates,
    config: Config,
    bands: lsh.Bands | None,
    permutations: signature.Permutations,
) -> _Scanned:
    """Cut one batch and sketch what is left of it."""
    rows = len(batch)
    found = findings.find(batch.texts, source_keys, templates, config)
    cuts, stored = found.cuts, batch.texts
    if len(cuts.documents):
        stored = edit.remove_spans(batch.texts, cuts.documents, cuts.starts, cuts.ends)
    characters = edit.count_characters(batch.texts)
    stored_characters = edit.count_characters(stored) if stored is not batch.texts else characters
    if bands is None:
        sketches = signature.Sketches(
            np.zeros((rows, 0), np.uint32), np.zeros(rows, np.int64), np.zeros(rows, np.uint64)
        )
        keys = np.zeros((rows, 0), np.uint64)
    else:
        sketches = signature.sketch(stored, permutations)
        keys = signature.band_keys(sketches.signatures, *bands)
    # The text and the signatures end here.
    sketches = sketches._replace(signatures=np.zeros((0, 0), np.uint32))
    return _Scanned(batch.without_texts(), sources, found, characters, stored_characters, sketches, keys)


def fetch_shingles(
    corpus: Corpus, documents: Documents, cuts: Cuts, rows: Ints, workers: int, progress: Progress = silent
) -> ShingleSets:
    """Read some documents again and return the shingle sets of what is stored of them.

    Args:
        corpus: The corpus.
        documents: Its documents.
        cuts: Their cuts.
        rows: Ascending document numbers.
        workers: Threads.
        progress: Told how far it is.
    """

    def sets_of(batch: Batch, numbers: Ints) -> ShingleSets:
        return shingle_sets(stored_texts(batch.texts, numbers, cuts))

    sizes: list[Ints] = []
    hashes: deque[Keys] = deque()
    for sets in in_order(sets_of, numbered_batches(corpus, documents, rows), workers):
        sizes.append(np.diff(sets.offsets))
        hashes.append(sets.hashes)
        progress(VERIFYING, len(sets.offsets) - 1)
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.concatenate(sizes), out=offsets[1:])
    joined = np.empty(offsets[-1], np.uint64)
    at = 0
    # These are the largest arrays there are: let go of each as soon as it is copied.
    while hashes:
        part = hashes.popleft()
        joined[at : at + len(part)] = part
        at += len(part)
    return ShingleSets(joined, offsets)


def numbered_batches(corpus: Corpus, documents: Documents, rows: Ints) -> Iterator[tuple[Batch, Ints]]:
    """Read some documents, given by ascending numbers, with their numbers."""
    done = 0
    for batch in corpus.batches(Wanted(documents.files[rows], documents.records[rows])):
        yield batch, rows[done : done + len(batch)]
        done += len(batch)


def stored_texts(texts: Column, numbers: Ints, cuts: Cuts) -> Column:
    """Return the texts of some documents after their cuts; `numbers` are their document numbers, ascending."""
    rows, spans = cuts.among(numbers)
    return edit.remove_spans(texts, rows, cuts.starts[spans], cuts.ends[spans])


def _documents(parts: list[_Scanned], sources: SourceNumbers) -> Documents:
    batches = [part.batch for part in parts]
    return Documents(
        files=np.concatenate([batch.files for batch in batches]),
        records=np.concatenate([batch.records for batch in batches]),
        ids=concatenate([batch.ids for batch in batches]),
        sources=np.concatenate([part.sources for part in parts]),
        source_names=sources.names,
        digests=np.concatenate([batch.digests for batch in batches]),
        ranks=None if batches[0].ranks is None else [rank for batch in batches for rank in batch.ranks or ()],
        characters=np.concatenate([part.characters for part in parts]),
        stored=np.concatenate([part.stored for part in parts]),
        whole=np.concatenate([part.found.whole for part in parts]),
        structured=np.concatenate([part.found.structured for part in parts]),
        keys=np.concatenate([part.sketches.keys for part in parts]),
        tokens=np.concatenate([part.sketches.tokens for part in parts]),
    )


def _numbered(cuts: list[Cuts], parts: list[_Scanned]) -> Cuts:
    """Join the cuts of batches, with documents numbered through."""
    before = np.cumsum([0] + [len(part.batch) for part in parts[:-1]])
    return Cuts.join([cut._replace(documents=cut.documents + first) for cut, first in zip(cuts, before, strict=True)])
