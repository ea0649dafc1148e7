"""What is measured against the limits, and what comes of it."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.errors import LimitError
from dedup.gate.finding import Finding
from dedup.gate.limits import RATIOS, UNITS, Kind, Limit, of_source
from dedup.plan import Plan
from dedup.visible import one_line


class Size(NamedTuple):
    """How much was looked at."""

    documents: int
    characters: int


class Measure(NamedTuple):
    """One limit, and what was counted against it.

    Attributes:
        limit: The limit.
        source: The source that was measured; None for the whole input.
        counted: Documents, characters or flags of new findings; of the largest cluster, its documents.
        of: The documents or characters that were looked at; 0 where the limit is no share.
    """

    limit: Limit
    source: str | None
    counted: int
    of: int

    @property
    def value(self) -> float:
        """What is compared with the limit."""
        return self.counted / max(self.of, 1) if self.limit.kind in RATIOS else float(self.counted)

    @property
    def is_exceeded(self) -> bool:
        """Whether it is more than what is allowed."""
        return self.value > self.limit.most

    def has(self, finding: Finding) -> bool:
        """Tell whether a finding counts here."""
        if self.limit.kind == "cluster":
            return finding.kind == "duplicates" and (finding.cluster or 0) > self.limit.most
        return finding.kind == self.limit.kind and self.source in (None, finding.source)


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        measures: Every limit, with what was measured.
        findings: What is new and concerns a changed file, in input order; all findings where there is no baseline and
            nothing is said about changes.
        size: How much was looked at: of the changed files, if only those are judged.
        known: How many findings the baseline knows; None without one.
        gone: How many more it knows that are no more.
        changed: How many of the input files changed; None if that was not asked.
        rejected: Unreadable records that were set aside.
        unused: Limits for sources that are not there.
    """

    measures: tuple[Measure, ...]
    findings: tuple[Finding, ...]
    size: Size
    known: int | None = None
    gone: int = 0
    changed: int | None = None
    rejected: int = 0
    unused: tuple[Limit, ...] = ()

    @functools.cached_property
    def exceeded(self) -> list[Measure]:
        """The limits that are exceeded."""
        return [measure for measure in self.measures if measure.is_exceeded]

    def offenders(self, measure: Measure) -> list[Finding]:
        """Return the findings that count against a limit, in input order."""
        return list(filter(measure.has, self._by_source.get(measure.source, ())))

    def is_offender(self, finding: Finding) -> bool:
        """Tell whether a finding counts against a limit that is exceeded."""
        places = (None, finding.source)
        return any(measure.has(finding) for place in places for measure in self._exceeded_in.get(place, ()))

    @functools.cached_property
    def _exceeded_in(self) -> dict[str | None, list[Measure]]:
        """The limits that are exceeded, by source."""
        by_source: dict[str | None, list[Measure]] = {}
        for measure in self.exceeded:
            by_source.setdefault(measure.source, []).append(measure)
        return by_source

    @functools.cached_property
    def _by_source(self) -> dict[str | None, list[Finding]]:
        """The findings of every source, and under None all of them."""
        by_source: dict[str | None, list[Finding]] = {None: list(self.findings)}
        for finding in self.findings:
            by_source.setdefault(finding.source, []).append(finding)
        return by_source

    def enforce(self) -> None:
        """Raise LimitError if a limit is exceeded."""
        if not self.exceeded:
            return
        said = "; ".join(map(summary, self.exceeded[:SUMMARISED]))
        more = f"; and {len(self.exceeded) - SUMMARISED} more" if len(self.exceeded) > SUMMARISED else ""
        raise LimitError(
            f"{said}{more}",
            hint="Clean the input, allow more, or take what there is for known with --baseline and --update-baseline.",
        )


SUMMARISED = 3
"""Limits that the message names."""

SOURCE_CHARACTERS = 100


def summary(measure: Measure) -> str:
    """Say in one line what was measured.

    >>> summary(Measure(Limit("duplicates", 0.05), None, 4, 47))
    'duplicates: 4 of 47 documents (0.0851), limit 0.05'
    """
    limit = measure.limit
    where = "" if measure.source is None else f" in {one_line(measure.source, SOURCE_CHARACTERS) or '(no source)'}"
    if limit.kind in RATIOS:
        counted = f"{measure.counted:,} of {measure.of:,} {UNITS[limit.kind]} ({measure.value:.4f})"
    else:
        counted = f"{measure.counted:,}" + (" documents in the largest" if limit.kind == "cluster" else "")
    return f"{limit.kind}{where}: {counted}, limit {limit.most:g}"


def sizes(plan: Plan, changed: Iterable[int] | None) -> dict[str, Size]:
    """Return how much there is of every source, of the changed files if these are given."""
    documents = plan.documents
    chosen: npt.NDArray[np.bool_] = np.ones(len(documents), np.bool_)
    if changed is not None:
        chosen = np.isin(documents.files, np.fromiter(changed, np.int64))
    of, count = documents.sources[chosen], len(documents.source_names)
    numbers = np.bincount(of, minlength=count).tolist()
    characters = np.bincount(of, documents.characters[chosen], minlength=count).astype(np.int64).tolist()
    return {
        name: Size(*both) for name, *both in zip(documents.source_names, numbers, characters, strict=True) if both[0]
    }


def total(looked_at: dict[str, Size]) -> Size:
    """Return how much there is of all sources."""
    return Size(sum(size.documents for size in looked_at.values()), sum(size.characters for size in looked_at.values()))


def measure(findings: Sequence[Finding], looked_at: dict[str, Size], limits: Sequence[Limit]) -> Iterator[Measure]:
    """Measure findings against limits, the whole input first, then sources by name."""
    everything = total(looked_at)
    for kind in dict.fromkeys(limit.kind for limit in limits):
        of_kind = [limit for limit in limits if limit.kind == kind]
        if kind not in RATIOS:
            yield from (Measure(limit, None, _number(findings, limit), 0) for limit in of_kind)
            continue
        counted = _counted(findings, kind)
        whole = sum(counted.values())
        yield from (Measure(limit, None, whole, _part(everything, kind)) for limit in of_kind if limit.sources is None)
        for source, size in sorted(looked_at.items()):
            if limit := of_source(of_kind, source):
                yield Measure(limit, source, counted[source], _part(size, kind))


def unused(limits: Sequence[Limit], sources: Iterable[str]) -> tuple[Limit, ...]:
    """Return the limits for sources that fit none."""
    names = list(sources)
    return tuple(limit for limit in limits if limit.sources is not None and not any(map(limit.is_for, names)))


def _number(findings: Sequence[Finding], limit: Limit) -> int:
    if limit.kind == "cluster":
        return max((finding.cluster or 0 for finding in findings), default=0)
    return sum(finding.kind == "flags" for finding in findings)


def _counted(findings: Sequence[Finding], kind: Kind) -> defaultdict[str, int]:
    """Count documents or characters by source; a changed document that several old ones copy counts once."""
    counted: defaultdict[str, int] = defaultdict(int)
    seen: set[tuple[str, int]] = set()
    for finding in findings:
        if finding.kind != kind:
            continue
        document = finding.place.file, finding.place.record
        if kind != "duplicates":
            counted[finding.source] += finding.characters
        elif document not in seen:
            seen.add(document)
            counted[finding.source] += 1
    return counted


def _part(size: Size, kind: Kind) -> int:
    return size.documents if UNITS[kind] == "documents" else size.characters
