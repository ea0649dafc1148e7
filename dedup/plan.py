"""What the engine reads and what it comes to: a corpus, its documents, and the plan of all that happens to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dedup import boilerplate, containment, lsh
from dedup.cluster import Clusters, TextKeys
from dedup.columns import Column, concatenate
from dedup.config import Config
from dedup.edit import take_rows
from dedup.model import Batch, Wanted
from dedup.policy import Cuts
from dedup.sources import source_keys
from dedup.spill import Room

Ints = npt.NDArray[np.int64]

VERIFYING = "verifying"
"""The stage that not all documents go through."""


class Corpus(Protocol):
    """Documents that can be read again and again, always in the same order."""

    @property
    def room(self) -> Room:
        """Where what is found in them is held while it grows; results do not depend on it."""

    @property
    def names(self) -> list[str]:
        """What decisions call each file."""

    @property
    def rejected(self) -> Sequence[object]:
        """What could not be read and was set aside, complete after one full pass."""

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Read all documents, or the wanted ones."""


class Progress(Protocol):
    """Is told what the engine is at."""

    def __call__(self, stage: str, documents: int) -> None:
        """Hear that so many more documents are through a stage."""


def silent(stage: str, documents: int) -> None:
    """Take progress and say nothing."""


@dataclass(frozen=True, slots=True)
class Documents:
    """What is kept of every document between the passes: 71 bytes and its id.

    Attributes:
        files: int32[n].
        records: int64[n].
        ids: The ids.
        sources: int64[n], rows of `source_names`.
        source_names: Every source once.
        digests: uint64[n], of the whole record; the last resort in breaking ties without regard to the order of files.
        ways: uint8[n], how the source was found: a `formats.sites.Way`.
        ranks: The values of FIELD under `--keep max:FIELD`, else None.
        characters: int64[n], code points of the text.
        stored: int64[n], code points after the cuts.
        whole: bool[n], every line is boilerplate, so all of them stay.
        structured: bool[n], has so many repeats that they are its structure.
        original_keys: uint64[n], text keys of the texts as they came.
        keys: uint64[n], text keys of what is stored.
        tokens: int64[n], tokens of what is stored.
    """

    files: npt.NDArray[np.int32]
    records: Ints
    ids: Column
    sources: Ints
    source_names: list[str]
    digests: npt.NDArray[np.uint64]
    ways: npt.NDArray[np.uint8]
    ranks: list[float | str | None] | None
    characters: Ints
    stored: Ints
    whole: npt.NDArray[np.bool_]
    structured: npt.NDArray[np.bool_]
    original_keys: npt.NDArray[np.uint64]
    keys: npt.NDArray[np.uint64]
    tokens: Ints

    def __len__(self) -> int:
        return len(self.files)

    @property
    def text_keys(self) -> TextKeys:
        """What tells equal texts."""
        return TextKeys(self.original_keys, self.keys, source_keys(self.source_names)[self.sources])


class Place(NamedTuple):
    """Where a document is from: its id, its file, its record (1-based), its source."""

    id: str
    file: str
    record: int
    source: str


class Places(NamedTuple):
    """Where some documents are from, column by column.

    Attributes:
        ids: Their ids.
        files: The names of files.
        of_files: int64[documents], the row in `files` of each document.
        records: int64[documents].
        sources: Sources.
        of_sources: int64[documents], the row in `sources` of each document.
    """

    ids: Column
    files: Column
    of_files: Ints
    records: Ints
    sources: Column
    of_sources: Ints


class Known(NamedTuple):
    """Documents that an index holds and that documents of the run were compared with, numbered on from those.

    Attributes:
        numbers: int64[n], ascending, what the index calls them.
        places: Where each is from.
        keys: uint64[n], text keys of what came, as far as a document of the run is equal to it; else 0.
    """

    numbers: Ints
    places: list[Place]
    keys: npt.NDArray[np.uint64]

    @classmethod
    def nobody(cls) -> Known:
        """Return no documents."""
        return cls(np.zeros(0, np.int64), [], np.zeros(0, np.uint64))


@dataclass(frozen=True, slots=True)
class Plan:
    """All that was found and decided, before any of it is written down or carried out.

    Attributes:
        config: The configuration it was decided under.
        documents: The documents, in input order.
        templates: The boilerplate of every source.
        cuts: The spans that go, from documents that stay and from those that go.
        suspicions: Lines that stay though they nearly went as boilerplate.
        protected: Lines and sentences that stay because the user says so.
        clusters: Who stays and who goes.
        contained: Who is held by a longer document of its source.
        bands: The shape of the LSH; None where articles were not compared.
        known: The documents of an index that clusters name: document `len(documents) + i` is the i-th of them.
    """

    config: Config
    documents: Documents
    templates: boilerplate.Templates
    cuts: Cuts
    suspicions: Cuts
    protected: Cuts
    clusters: Clusters
    contained: containment.Containment
    bands: lsh.Bands | None
    known: Known = field(default_factory=Known.nobody)

    @property
    def dropped(self) -> npt.NDArray[np.bool_]:
        """bool[documents]."""
        return np.not_equal(self.clusters.keepers, np.arange(len(self.documents)))

    def place(self, number: int, names: list[str]) -> Place:
        """Return where a document of the run, or one that the index holds, is from; `names` are the run's files."""
        documents = self.documents
        if number >= len(documents):
            return self.known.places[number - len(documents)]
        return Place(
            documents.ids[number],
            names[documents.files[number]],
            int(documents.records[number]),
            documents.source_names[documents.sources[number]],
        )

    def places(self, numbers: Ints, names: list[str]) -> Places:
        """Return where some documents, given by ascending numbers, are from: for many, quicker than `place`."""
        own = self.documents
        count = int(np.searchsorted(numbers, len(own)))
        rows = numbers[:count]
        others = [self.known.places[number - len(own)] for number in numbers[count:].tolist()]
        files, of_files = np.unique(own.files[rows], return_inverse=True)
        sources, of_sources = np.unique(own.sources[rows], return_inverse=True)
        apart = np.arange(len(others))
        return Places(
            concatenate([take_rows(own.ids, rows), Column.of(place.id for place in others)]),
            Column.of([*(names[file] for file in files.tolist()), *(place.file for place in others)]),
            np.concatenate([of_files, len(files) + apart]),
            np.concatenate([own.records[rows], np.array([place.record for place in others], np.int64)]),
            Column.of(
                [*(own.source_names[source] for source in sources.tolist()), *(place.source for place in others)]
            ),
            np.concatenate([of_sources, len(sources) + apart]),
        )

    @property
    def is_copy(self) -> npt.NDArray[np.bool_]:
        """bool[documents], goes in favour of one with an equal text, as they came."""
        keys = np.concatenate([self.documents.original_keys, self.known.keys])
        copies: npt.NDArray[np.bool_] = self.documents.original_keys == keys[self.clusters.keepers]
        return self.dropped & self.clusters.exact & copies
