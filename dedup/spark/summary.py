"""report.json of a run on a cluster: the local report's keys and numbers, from the notes of all tasks."""

from __future__ import annotations

from typing import Any, NamedTuple

from dedup import pipeline, report
from dedup.boilerplate import Templates
from dedup.config import Config
from dedup.formats.digests import Digest
from dedup.parts import CHECKSUMS
from dedup.report import TOP, Counts
from dedup.spark import telling
from dedup.spark.counts import counts_of, marks_of
from dedup.spark.outcomes import Cluster
from dedup.spark.telling import Key


class Summed(NamedTuple):
    """What tasks noted, all together.

    Attributes:
        counts: What happens to documents.
        searched: How many candidates there were, and how many comparisons.
        texts: The text of each template by its id, as far as it went anywhere.
        clusters: The largest clusters of every task.
        seals: The digests of the lines that tasks told, by what they are and by partition.
        checksums: Of tables, the `checksum` of each file.
        rejected: Records that hold no document.
    """

    counts: Counts
    searched: list[int]
    texts: dict[str, str]
    clusters: list[Cluster]
    seals: dict[int, dict[int, Digest]]
    checksums: dict[int, int]
    rejected: int


def summed(notes: dict[Key, Any], shape: Counts) -> Summed:
    """Sort notes by what they are about; `shape` are counts of no documents."""
    of: dict[int, dict[Any, Any]] = {}
    for (about, *rest), value in notes.items():
        of.setdefault(about, {})[tuple(rest)] = value
    (marks,) = of.get(telling.MARKS, {(): marks_of(shape)}).values()
    ((rejected,),) = of.get(telling.REJECTED, {(): [0]}).values()
    (searched,) = of.get(telling.SEARCHED, {(): [0, 0]}).values()
    seals: dict[int, dict[int, Digest]] = {}
    for (what, partition), (_, *digest) in of.get(telling.SEAL, {}).items():
        seals.setdefault(what, {})[partition] = Digest(*digest)
    return Summed(
        counts=counts_of(shape, {name: numbers for (name,), numbers in of.get(telling.SOURCE, {}).items()}, marks),
        searched=searched,
        texts={name: text for (name,), (_, text) in of.get(telling.TEXT, {}).items()},
        clusters=[Cluster(*cluster) for cluster in of.get(telling.CLUSTER, {}).values()],
        seals=seals,
        checksums={file: total % CHECKSUMS for (file,), (total,) in of.get(telling.CHECKSUM, {}).items()},
        rejected=rejected,
    )


def build(
    templates: Templates, sources: list[str], counted: Summed, config: Config, names: list[str],
    timing_s: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Return the report; arguments as for `report.build`."""
    return report.assembled(
        counted.counts,
        config,
        templates=report.templates_told(templates, sources, counted.texts),
        clusters=_clusters(counted.clusters, names),
        lsh=report.lsh_told(config, pipeline.bands_of(config), *counted.searched),
        rejected=counted.rejected,
        timing_s=timing_s,
    )


def _clusters(clusters: list[Cluster], names: list[str]) -> list[dict[str, Any]]:
    """Return the largest clusters; of those of one size, those whose keepers come first."""
    clusters.sort(key=lambda cluster: (-len(cluster.similarities), cluster.file, cluster.keeper.record))
    return [
        {
            "keeper": keeper.id,
            "keeper_file": names[file],
            "keeper_record": keeper.record,
            "size": len(similarities) + 1,
            "similarities": similarities,
        }
        for keeper, file, similarities in clusters[:TOP]
    ]
