"""What the engine reads and what it comes to: a corpus, its documents, and the plan of all that happens to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dedup import boilerplate, containment, lsh
from dedup.cluster import Clusters
from dedup.columns import Column
from dedup.config import Config
from dedup.model import Batch, Wanted
from dedup.policy import Cuts

Ints = npt.NDArray[np.int64]

VERIFYING = "verifying"
"""The stage that not all documents go through."""


class Corpus(Protocol):
    """Documents that can be read again and again, always in the same order."""

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
    """What is kept of every document between the passes: about 60 bytes, its id and its band keys.

    Attributes:
        files: int32[n].
        records: int64[n].
        ids: The ids.
        sources: int64[n], rows of `source_names`.
        source_names: Every source once.
        digests: uint64[n], of the whole record; the last resort in breaking ties without regard to the order of files.
        ranks: The values of FIELD under `--keep max:FIELD`, else None.
        characters: int64[n], code points of the text.
        stored: int64[n], code points after the cuts.
        whole: bool[n], every line is boilerplate, so all of them stay.
        structured: bool[n], has so many repeats that they are its structure.
        keys: uint64[n], text keys of what is stored.
        tokens: int64[n], tokens of what is stored.
    """

    files: npt.NDArray[np.int32]
    records: Ints
    ids: Column
    sources: Ints
    source_names: list[str]
    digests: npt.NDArray[np.uint64]
    ranks: list[float | str | None] | None
    characters: Ints
    stored: Ints
    whole: npt.NDArray[np.bool_]
    structured: npt.NDArray[np.bool_]
    keys: npt.NDArray[np.uint64]
    tokens: Ints

    def __len__(self) -> int:
        return len(self.files)


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

    @property
    def dropped(self) -> npt.NDArray[np.bool_]:
        """bool[documents]."""
        return np.not_equal(self.clusters.keepers, np.arange(len(self.documents)))
