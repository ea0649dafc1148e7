"""What another threshold would do: how many documents would go at each, from one set of candidates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import cluster, lsh, signature
from dedup.errors import UsageError
from dedup.keeping import keep_order
from dedup.model import Batch
from dedup.parallel import in_order
from dedup.pipeline import fetch_shingles, numbered_batches, stored_texts
from dedup.plan import Corpus, Plan, Progress, silent
from dedup.spill import Table

THRESHOLDS = tuple(hundredths / 100 for hundredths in range(50, 101, 5))
"""Where the curve is drawn; bands are chosen for the lowest, below which unlike articles begin to go."""


class Swept(NamedTuple):
    """What would go at a threshold.

    Attributes:
        threshold: Least exact Jaccard similarity, 0-1.
        documents: Duplicate articles that would go, exact copies included.
        characters: Code points that they had when they were read.
    """

    threshold: float
    documents: int
    characters: int


def sweep(plan: Plan, corpus: Corpus, *, workers: int = 1, progress: Progress = silent) -> list[Swept]:
    """Return what would go at each of `THRESHOLDS`, all other settings being equal.

    The texts are read and sketched once more, in bands that reach a pair at the lowest threshold with
    `Config.recall`; the keepers are then chosen anew at every threshold, by the same step as in a run. So the numbers
    are those of runs with these thresholds, up to pairs that one of the two never proposed.

    Raises:
        UsageError: Articles were not compared, or not only by their similarity.
    """
    if plan.bands is None:
        raise UsageError("a threshold sweep needs the articles compared", hint="Name articles in --only.")
    if plan.config.drop_contained:
        raise UsageError(
            "a threshold sweep counts what goes for its similarity, and --drop-contained drops for something else",
            hint="Leave one of the two out.",
        )
    documents, config = plan.documents, plan.config
    bands = lsh.choose_bands(THRESHOLDS[0], config.hashes, config.recall)
    permutations = signature.permutations(config.hashes, config.seed)

    def sketch(batch: Batch, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        sketches = signature.sketch(stored_texts(batch.texts, numbers, plan.cuts), permutations)
        return signature.band_keys(sketches.signatures, *bands)

    everyone = numbered_batches(corpus, documents, np.arange(len(documents)))
    keys = Table(corpus.room, (np.uint64,) * bands.bands)
    for part in in_order(sketch, everyone, workers):
        keys.add(*part.T)
        progress("sweeping", len(part))
    met = cluster.meet(
        lambda rows: keep_order(documents, corpus.names, rows, config.keep),
        documents.text_keys,
        documents.tokens,
        keys,
        lambda rows, ranks: fetch_shingles(corpus, documents, plan.cuts, rows, workers, progress, ranks),
    )
    swept = []
    for threshold in THRESHOLDS:
        gone = cluster.assign(met, threshold, config.original_floor).keepers != np.arange(len(documents))
        swept.append(Swept(threshold, int(gone.sum()), int(documents.characters[gone].sum())))
    return swept
