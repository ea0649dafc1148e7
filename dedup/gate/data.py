"""A verdict as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from dedup.gate.finding import Finding
from dedup.gate.verdict import Measure, Verdict


def render(verdict: Verdict) -> str:
    """Return all figures and all findings; ratios are fractions, positions 1-based."""
    found = {
        "passed": not verdict.exceeded,
        "documents": verdict.size.documents,
        "characters": verdict.size.characters,
        "limits": [_measure(measure) for measure in verdict.measures],
        "findings": [_finding(finding) | {"exceeds": verdict.is_offender(finding)} for finding in verdict.findings],
        "baseline": None if verdict.known is None else {"known": verdict.known, "gone": verdict.gone},
        "changed_files": verdict.changed,
        "rejected": verdict.rejected,
        "unused_limits": [f"{limit.kind}: {limit.sources}" for limit in verdict.unused],
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "kind": measure.limit.kind,
        "source": measure.source,
        "most": measure.limit.most,
        "value": measure.value,
        "counted": measure.counted,
        "of": measure.of or None,
        "exceeded": measure.is_exceeded,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(finding)
    del found["is_changed"]
    return {name: value for name, value in found.items() if value is not None} | {"message": finding.message}
