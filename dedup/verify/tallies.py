"""The report against the decisions: every count summed up anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dedup.columns import Ints
from dedup.decisions import Header
from dedup.errors import StateError
from dedup.formats.sites import Way
from dedup.readers import Corpus
from dedup.verify.claims import Claims
from dedup.verify.violations import Violations

BOILERPLATE = 1
"""In the last column of `Claims.cuts`."""


def read_report(path: Path) -> dict[str, Any]:
    """Read a report; raises StateError if it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateError(f"is no report ({error})", file=str(path), hint="Run 'dedup clean' again.") from None


def check_report(
    path: Path, report: dict[str, Any], head: Header, claims: Claims, corpus: Corpus, found: Violations
) -> None:
    """Compare the counts of a report with those of the decisions."""
    (total,) = _summaries(claims, np.zeros(len(claims.records), np.int64), 1)
    total["documents"]["rejected"] = len(corpus.rejected)
    by_source = _summaries(claims, claims.sources, len(claims.source_names))
    sources = dict(zip(claims.source_names, by_source, strict=True))
    flags = {
        "contained": claims.flags["contained"],
        "crowded": claims.flags["crowded"],
        "unlike_as_they_came": claims.flags["unlike"],
        "structured_pages": claims.flags["repeat"],
        "all_boilerplate": claims.flags["boilerplate"],
        "lines_once_in_boilerplate": claims.flags["once"],
    }
    ways = {way.told: int((claims.ways == way).sum()) for way in Way}
    found_from = {name: count for name, count in ways.items() if count}
    expected = total | {"sources": sources, "sources_from": found_from, "flags": flags, "config": head.config}
    for name, value, real in _differences(report, expected, ""):
        found.add(str(path), 0, f"{name} is {value!r}, but the decisions make it {real!r}")
    _check_clusters(path, report, claims, corpus, found)


def _summaries(claims: Claims, groups: Ints, size: int) -> list[dict[str, Any]]:
    """Count the documents of every group as the report counts them; `groups` numbers the group of each document."""

    def total(documents: Ints, values: Ints | None = None) -> list[int]:
        sums: list[int] = np.bincount(groups[documents], values, size).astype(np.int64).tolist()
        return sums

    cuts = claims.cuts[~claims.dropped[claims.cuts[:, 0]]]
    every, gone, edited = np.arange(len(groups)), np.flatnonzero(claims.dropped), np.unique(cuts[:, 0])
    read, drops, edits = total(every), total(gone), total(edited)
    characters, dropped = total(every, claims.characters), total(gone, claims.characters[gone])
    cut = total(cuts[:, 0], cuts[:, 2] - cuts[:, 1])
    reasons: dict[str, tuple[list[int], list[int], list[int]]] = {}
    for reason in ("exact-duplicate", "near-duplicate"):
        own = np.array([tie.document for tie in claims.ties if tie.drops and tie.reason == reason], np.int64)
        reasons[reason] = total(own), [0] * size, total(own, claims.characters[own])
    for reason, kind in (("repeat", 0), ("boilerplate", BOILERPLATE)):
        spans = cuts[cuts[:, 3] == kind]
        lengths = total(spans[:, 0], spans[:, 2] - spans[:, 1])
        reasons[reason] = total(np.unique(spans[:, 0])), total(spans[:, 0]), lengths
    return [
        {
            "documents": {
                "read": read[group],
                "kept": read[group] - edits[group] - drops[group],
                "edited": edits[group],
                "dropped": drops[group],
            },
            "characters": {
                "read": characters[group],
                "kept": characters[group] - cut[group] - dropped[group],
                "cut": cut[group],
                "dropped": dropped[group],
            },
            "reasons": {
                reason: {"documents": documents[group], "spans": spans[group], "characters": lengths[group]}
                for reason, (documents, spans, lengths) in reasons.items()
            },
        }
        for group in range(size)
    ]


def _differences(report: Any, expected: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs, by its dotted name; what a report has besides is not looked at."""
    if not isinstance(expected, dict) or not isinstance(report, dict):
        if report != expected:
            yield name, report, expected
        return
    for key, real in expected.items():
        yield from _differences(report.get(key), real, f"{name}.{key}" if name else key)
    if name in ("sources", "sources_from"):
        for key in report.keys() - expected.keys():
            yield f"{name}.{key}", report[key], None


class _Cluster(msgspec.Struct):
    """What is looked at of a cluster in a report."""

    keeper_file: str
    keeper_record: int
    size: int


def _check_clusters(path: Path, report: dict[str, Any], claims: Claims, corpus: Corpus, found: Violations) -> None:
    try:
        listed = msgspec.convert(report.get("clusters"), list[_Cluster])
    except msgspec.ValidationError as error:
        found.add(str(path), 0, f"clusters cannot be read: {error}")
        return
    names = dict(enumerate(corpus.names))
    sizes = Counter((names.get(tie.keeper[0], ""), tie.keeper[1]) for tie in claims.ties if tie.drops)
    for cluster in listed:
        place = cluster.keeper_file, cluster.keeper_record
        # What the cluster of a document in an index comes to, only the index knows.
        if sizes[place] + 1 != cluster.size and (place in sizes or "index" not in report):
            message = f"the cluster of {place[0]}:{place[1]} has {sizes[place] + 1} documents, not {cluster.size}"
            found.add(str(path), 0, message)
