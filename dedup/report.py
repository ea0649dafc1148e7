"""Counts and ratios of a plan: what report.json holds. Fractions, never percentages; characters are code points."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.audit import template_id
from dedup.boilerplate import Templates
from dedup.config import Config
from dedup.errors import LossError
from dedup.formats.sites import Way
from dedup.lsh import Bands
from dedup.outright import unlike
from dedup.plan import Plan

TOP = 20
"""Templates and clusters listed."""

BINS = np.linspace(0, 1, 21)
"""The edges of the bins of similarities."""

BREAKER_DOCUMENTS = 20
"""The breaker looks at inputs of this many documents or more."""

IN_EVERY_SOURCE = ""
"""In place of a source's name, for known boilerplate; EVERY_SOURCE as an index finds it at the end."""

MUCH = 0.5
"""A source that loses more than this share of its text is named."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True)
class _Tally:
    """Per-document numbers that every count below is a sum of."""

    read: npt.NDArray[np.int64]
    cut: npt.NDArray[np.int64]
    dropped: Bools
    edited: Bools
    equal: Bools

    @classmethod
    def of(cls, plan: Plan) -> _Tally:
        documents = len(plan.documents)
        dropped = plan.dropped
        cut = np.bincount(plan.cuts.documents, plan.cuts.characters, minlength=documents).astype(np.int64)
        cut[dropped] = 0
        edited = np.zeros(documents, np.bool_)
        edited[plan.cuts.documents] = True
        return cls(plan.documents.characters, cut, dropped, edited & ~dropped, plan.is_copy)


def build(
    plan: Plan, template_texts: dict[str, str], names: list[str], rejected: int, timing_s: dict[str, float]
) -> dict[str, Any]:
    """Return the report as plain data.

    Args:
        plan: What was decided.
        template_texts: The text of each template by its id, as far as it went anywhere.
        names: What the files are called.
        rejected: Records set aside as unreadable.
        timing_s: Seconds by stage.
    """
    return assembled(
        count(plan),
        plan.config,
        templates=templates_told(plan.templates, plan.documents.source_names, template_texts),
        clusters=_clusters(plan, names),
        lsh=lsh_told(plan.config, plan.bands, plan.clusters.candidates, plan.clusters.compared),
        rejected=rejected,
        timing_s=timing_s,
    )


class Counts(NamedTuple):
    """What is summed over documents, so that the counts of the parts of a corpus add up to its own.

    Attributes:
        total: `documents`, `characters` and `reasons`, as in report.json.
        sources: The same for each source.
        similarities: Documents by the similarity to their nearest keeper, equal texts left out: one number a bin.
        structured: Documents that stay though they are flagged as structured,
        contained: as held by a longer one,
        crowded: as having met more than are compared,
        unlike: as too unlike as they came,
        whole: or as nothing but boilerplate.
        once: Lines of documents that stay which stand once between lines that are boilerplate.
        ways: Documents by how their source was found: one number a `Way`.
    """

    total: dict[str, Any]
    sources: dict[str, dict[str, Any]]
    similarities: list[int]
    structured: int
    contained: int
    crowded: int
    unlike: int
    whole: int
    once: int
    ways: list[int]


def count(plan: Plan) -> Counts:
    """Count what happens to the documents of a plan."""
    from dedup.kernels import boilerplate as kernels

    tally, stays = _Tally.of(plan), ~plan.dropped
    source_names = plan.documents.source_names
    counted = _summaries(plan, tally, plan.documents.sources, len(source_names))
    met = (plan.clusters.nearest >= 0) & ~plan.clusters.exact
    return Counts(
        total=_total(plan, tally),
        sources=dict(zip(source_names, counted, strict=True)),
        similarities=np.histogram(plan.clusters.similarities[met], bins=BINS)[0].tolist(),
        structured=int((plan.documents.structured & stays).sum()),
        contained=int(((plan.contained.holders >= 0) & stays).sum()),
        crowded=int((plan.clusters.crowded & stays).sum()),
        unlike=int(unlike(plan).sum()),
        whole=int((plan.documents.whole & stays).sum()),
        once=int((stays[plan.suspicions.documents] & (plan.suspicions.reasons == kernels.ONCE)).sum()),
        ways=np.bincount(plan.documents.ways, minlength=len(Way)).tolist(),
    )


def assembled(
    counts: Counts,
    config: Config,
    *,
    templates: list[dict[str, Any]],
    clusters: list[dict[str, Any]],
    lsh: dict[str, Any],
    rejected: int,
    timing_s: dict[str, float],
) -> dict[str, Any]:
    """Put a report together from its parts."""
    from dedup import __version__

    return {
        "documents": counts.total["documents"] | {"rejected": rejected},
        "characters": counts.total["characters"],
        "reasons": counts.total["reasons"],
        "sources": dict(sorted(counts.sources.items())),
        "sources_from": ways_told(counts.ways),
        "templates": templates,
        "clusters": clusters,
        "similarity_histogram": [
            {"from": round(low, 2), "to": round(high, 2), "documents": documents}
            for (low, high), documents in zip(pairwise(BINS.tolist()), counts.similarities, strict=True)
        ],
        "flags": {
            "structured_pages": counts.structured,
            "contained": counts.contained,
            "crowded": counts.crowded,
            "unlike_as_they_came": counts.unlike,
            "all_boilerplate": counts.whole,
            "lines_once_in_boilerplate": counts.once,
            "sources_losing_much": _losing_much(counts.sources),
        },
        "lsh": lsh,
        "config": dataclasses.asdict(config),
        "version": __version__,
        "timing_s": timing_s,
    }


def ways_told(ways: list[int]) -> dict[str, int]:
    """Return how many documents' sources were found in which way, those that are none left out."""
    return {way.told: ways[way] for way in Way if ways[way]}


def losing_most(sources: dict[str, Any]) -> list[str]:
    """Return the names of a report's sources, those that lose most characters first, ties by name."""
    lost = {name: counts["characters"]["read"] - counts["characters"]["kept"] for name, counts in sources.items()}
    return sorted(lost, key=lambda name: (-lost[name], name))


def check_loss(plan: Plan) -> None:
    """Raise LossError if more goes than `Config.max_loss` allows, exact duplicates not counted."""
    refuse_loss(_total(plan, _Tally.of(plan)), plan.config.max_loss)


def refuse_loss(total: dict[str, Any], max_loss: float) -> None:
    """Raise LossError if what was counted says that more goes than `max_loss` allows."""
    read, characters_read = total["documents"]["read"], total["characters"]["read"]
    if read < BREAKER_DOCUMENTS:
        return
    gone = total["reasons"]["near-duplicate"]
    documents = gone["documents"] / read
    characters = (gone["characters"] + total["characters"]["cut"]) / max(characters_read, 1)
    if max(documents, characters) <= max_loss:
        return
    causes = {reason: counts["characters"] for reason, counts in total["reasons"].items()}
    causes.pop("exact-duplicate")
    cause = max(causes, key=lambda reason: causes[reason])
    raise LossError(
        f"{documents:.1%} of the documents and {characters:.1%} of the characters would go, mostly as {cause}; "
        f"--max-loss allows {max_loss:.0%}, so nothing was written",
        hint="Look at the decisions with 'dedup scan --max-loss 1'; if they are right, raise --max-loss.",
    )


def _total(plan: Plan, tally: _Tally) -> dict[str, Any]:
    return _summaries(plan, tally, np.zeros(len(tally.read), np.int64), 1)[0]


def _summaries(plan: Plan, tally: _Tally, groups: Ints, size: int) -> list[dict[str, Any]]:
    """Count documents, characters and reasons of every group; `groups` numbers the group of each document."""

    def count(chosen: Bools, weights: Ints | None = None) -> list[int]:
        values = None if weights is None else weights[chosen]
        counts: list[int] = np.bincount(groups[chosen], values, minlength=size).astype(np.int64).tolist()
        return counts

    every = np.ones(len(groups), np.bool_)
    read, edited, dropped = count(every), count(tally.edited), count(tally.dropped)
    characters, cut, gone = count(every, tally.read), count(every, tally.cut), count(tally.dropped, tally.read)
    reasons: dict[str, tuple[list[int], list[int], list[int]]] = {}
    for reason, chosen in (("exact-duplicate", tally.equal), ("near-duplicate", tally.dropped & ~tally.equal)):
        reasons[reason] = count(chosen), [0] * size, count(chosen, tally.read)
    cuts = plan.cuts
    stays = ~tally.dropped[cuts.documents]
    for reason, kind in (("repeat", cuts.templates < 0), ("boilerplate", cuts.templates >= 0)):
        spans = kind & stays
        carries = np.zeros(len(groups), np.bool_)
        carries[cuts.documents[spans]] = True
        of_spans = groups[cuts.documents[spans]]
        lengths = np.bincount(of_spans, cuts.characters[spans], minlength=size).astype(np.int64)
        reasons[reason] = count(carries), np.bincount(of_spans, minlength=size).tolist(), lengths.tolist()
    return [
        {
            "documents": {
                "read": read[i], "kept": read[i] - edited[i] - dropped[i], "edited": edited[i], "dropped": dropped[i],
            },
            "characters": {
                "read": characters[i], "kept": characters[i] - cut[i] - gone[i], "cut": cut[i], "dropped": gone[i],
            },
            "reasons": {
                reason: {"documents": documents[i], "spans": spans[i], "characters": lengths[i]}
                for reason, (documents, spans, lengths) in reasons.items()
            },
        }
        for i in range(size)
    ]  # fmt: skip


def templates_told(templates: Templates, source_names: list[str], texts: dict[str, str]) -> list[dict[str, Any]]:
    """Return the most frequent templates, of those that went anywhere; arguments as for `build`."""
    names_of = [*source_names, IN_EVERY_SOURCE]
    order = np.lexsort((templates.keys, -templates.documents))
    names = ((template_id(templates, row), row) for row in order.tolist())
    return [
        {
            "id": name,
            "text": texts[name],
            "source": names_of[templates.sources[row]],
            "documents": int(templates.documents[row]),
            "articles": int(templates.articles[row]),
        }
        for name, row in names
        if name in texts
    ][:TOP]


def _clusters(plan: Plan, names: list[str]) -> list[dict[str, Any]]:
    gone = np.flatnonzero(plan.dropped)
    keepers, sizes = largest_clusters(plan)
    places = (plan.place(keeper, names) for keeper in keepers.tolist())
    return [
        {
            "keeper": place.id,
            "keeper_file": place.file,
            "keeper_record": place.record,
            "size": size,
            "similarities": sorted(plan.clusters.similarities[gone[plan.clusters.keepers[gone] == keeper]].tolist()),
        }
        for place, keeper, size in zip(places, keepers.tolist(), sizes.tolist(), strict=True)
    ]


def largest_clusters(plan: Plan) -> tuple[Ints, Ints]:
    """Return the keepers of the `TOP` largest clusters, largest first, and the documents in each, keeper included."""
    keepers, sizes = np.unique(plan.clusters.keepers[plan.dropped], return_counts=True)
    largest = np.lexsort((keepers, -sizes))[:TOP]
    return keepers[largest], sizes[largest] + 1


def _losing_much(sources: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    heavy = []
    for name, counts in sources.items():
        characters = counts["characters"]
        lost = (characters["cut"] + characters["dropped"]) / max(characters["read"], 1)
        if lost > MUCH:
            heavy.append({"source": name, "lost_ratio": round(lost, 4)})
    return sorted(heavy, key=lambda flag: (-flag["lost_ratio"], flag["source"]))


def lsh_told(config: Config, bands: Bands | None, candidates: int, verified: int) -> dict[str, Any]:
    """Return the figures of the search; none where articles were not compared."""
    if bands is None:
        return {}
    return {
        "bands": bands.bands,
        "rows": bands.rows,
        "hashes": config.hashes,
        "candidate_recall_at_threshold": bands.recall(config.threshold),
        "candidates": candidates,
        "verified": verified,
    }
