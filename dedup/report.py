"""Counts and ratios of a plan: what report.json holds. Fractions, never percentages; characters are code points."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup.audit import template_id
from dedup.errors import LossError
from dedup.plan import Plan

TOP = 20
"""Templates and clusters listed."""

HISTOGRAM_BINS = 20
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
    from dedup import __version__

    tally = _Tally.of(plan)
    summary = _total(plan, tally)
    source_names = plan.documents.source_names
    counted = _summaries(plan, tally, plan.documents.sources, len(source_names))
    sources = dict(zip(source_names, counted, strict=True))
    return {
        "documents": summary["documents"] | {"rejected": rejected},
        "characters": summary["characters"],
        "reasons": summary["reasons"],
        "sources": dict(sorted(sources.items())),
        "templates": _templates(plan, template_texts),
        "clusters": _clusters(plan, names),
        "similarity_histogram": _histogram(plan),
        "flags": _flags(plan, sources),
        "lsh": _lsh(plan),
        "config": dataclasses.asdict(plan.config),
        "version": __version__,
        "timing_s": timing_s,
    }


def losing_most(sources: dict[str, Any]) -> list[str]:
    """Return the names of a report's sources, those that lose most characters first, ties by name."""
    lost = {name: counts["characters"]["read"] - counts["characters"]["kept"] for name, counts in sources.items()}
    return sorted(lost, key=lambda name: (-lost[name], name))


def check_loss(plan: Plan) -> None:
    """Raise LossError if more goes than `Config.max_loss` allows, exact duplicates not counted."""
    tally = _Tally.of(plan)
    if len(tally.read) < BREAKER_DOCUMENTS:
        return
    gone = tally.dropped & ~tally.equal
    documents = gone.sum() / len(tally.read)
    characters = (tally.read[gone].sum() + tally.cut.sum()) / max(tally.read.sum(), 1)
    if max(documents, characters) <= plan.config.max_loss:
        return
    causes = {reason: counts["characters"] for reason, counts in _total(plan, tally)["reasons"].items()}
    causes.pop("exact-duplicate")
    cause = max(causes, key=lambda reason: causes[reason])
    raise LossError(
        f"{documents:.1%} of the documents and {characters:.1%} of the characters would go, mostly as {cause}; "
        f"--max-loss allows {plan.config.max_loss:.0%}, so nothing was written",
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


def _templates(plan: Plan, texts: dict[str, str]) -> list[dict[str, Any]]:
    templates = plan.templates
    names_of = [*plan.documents.source_names, IN_EVERY_SOURCE]
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
        if name in texts and templates.mains[row] == templates.keys[row]
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


def _histogram(plan: Plan) -> list[dict[str, float | int]]:
    """Count the documents by the similarity to their nearest keeper, equal texts left out."""
    met = (plan.clusters.nearest >= 0) & ~plan.clusters.exact
    counts, edges = np.histogram(plan.clusters.similarities[met], bins=HISTOGRAM_BINS, range=(0, 1))
    return [
        {"from": round(float(low), 2), "to": round(float(high), 2), "documents": int(count)}
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _flags(plan: Plan, sources: dict[str, Any]) -> dict[str, Any]:
    heavy = []
    for name, counts in sources.items():
        characters = counts["characters"]
        lost = (characters["cut"] + characters["dropped"]) / max(characters["read"], 1)
        if lost > MUCH:
            heavy.append({"source": name, "lost_ratio": round(lost, 4)})
    return {
        "structured_pages": int((plan.documents.structured & ~plan.dropped).sum()),
        "contained": int(((plan.contained.holders >= 0) & ~plan.dropped).sum()),
        "all_boilerplate": int((plan.documents.whole & ~plan.dropped).sum()),
        "sources_losing_much": sorted(heavy, key=lambda flag: (-flag["lost_ratio"], flag["source"])),
    }


def _lsh(plan: Plan) -> dict[str, Any]:
    if plan.bands is None:
        return {}
    return {
        "bands": plan.bands.bands,
        "rows": plan.bands.rows,
        "hashes": plan.config.hashes,
        "candidate_recall_at_threshold": plan.bands.recall(plan.config.threshold),
        "candidates": plan.clusters.candidates,
        "verified": plan.clusters.compared,
    }
