"""A verdict in SARIF 2.1.0, the format that code scanning services read (OASIS standard, March 2020)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from dedup import __version__
from dedup.gate.finding import Finding
from dedup.gate.places import Place
from dedup.gate.verdict import Verdict, summary

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

FINGERPRINT = "dedup/v1"
"""Of what kind our fingerprints are; another kind would get another number."""

MOST_RESULTS = 25_000
"""GitHub refuses a run with more (documentation of SARIF support for code scanning)."""

RULES = {
    "exact-duplicate": (
        "ExactDuplicate",
        "The same text is there twice.",
        "Two documents are equal as they came, case, punctuation and spaces aside. Keep one of them.",
    ),
    "near-duplicate": (
        "NearDuplicate",
        "Nearly the same text is there twice.",
        "Two documents share most of their word 5-grams. Keep one, or raise --threshold if both are wanted.",
    ),
    "repeat": (
        "Repeat",
        "A line or sentence stands in one document more than once.",
        "Remove the later copies. If they are meant to be there, keep them with --protect.",
    ),
    "boilerplate": (
        "Boilerplate",
        "A line recurs in many articles of one source.",
        "Remove the line from the articles. If it is meant to be there, keep it with --protect.",
    ),
    "suspicion": (
        "Suspicion",
        "A text nearly counts as duplication.",
        "Look at it: dedup would let it stay.",
    ),
}
"""Of each rule its name, what it says, and what to do."""


def render(verdict: Verdict) -> str:
    """Return the log: one result for each finding, an error if it counts against a limit that is exceeded.

    Of very many findings the errors come first and the rest is left out, with its number in the properties of the run.
    """
    names = list(RULES)
    findings = verdict.findings
    if len(findings) > MOST_RESULTS:
        findings = tuple(sorted(findings, key=lambda finding: not verdict.is_offender(finding))[:MOST_RESULTS])
    run = {
        "tool": {"driver": {"name": "dedup", "semanticVersion": __version__, "rules": [_rule(name) for name in names]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(verdict, finding, names) for finding in findings],
        "properties": {
            "limits": [summary(measure) for measure in verdict.measures],
            "leftOut": len(verdict.findings) - len(findings),
        },
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=1).decode() + "\n"


def _rule(rule: str) -> dict[str, Any]:
    name, what, remedy = RULES[rule]
    return {
        "id": rule,
        "name": name,
        "shortDescription": {"text": what},
        "fullDescription": {"text": f"{what} {remedy}"},
        "help": {"text": remedy},
        "defaultConfiguration": {"level": "error"},
    }


def _result(verdict: Verdict, finding: Finding, rules: list[str]) -> dict[str, Any]:
    rule = "suspicion" if finding.kind == "flags" else finding.reason
    result = {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": "error" if verdict.is_offender(finding) else "note",
        "message": {"text": finding.message},
        "locations": [_location(finding.place) | {"logicalLocations": [{"fullyQualifiedName": finding.document}]}],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "properties": {"kind": finding.kind, "source": finding.source, "record": finding.place.record}
        | {
            name: getattr(finding, name)
            for name in ("similarity", "similarity_original", "containment", "articles", "cluster")
            if getattr(finding, name) is not None
        },
    }
    if verdict.known is not None:
        result["baselineState"] = "new"
    if finding.other is not None:
        text = "the first copy" if finding.kind == "repeats" else "the other document"
        result["relatedLocations"] = [_location(finding.other) | {"id": 1, "message": {"text": text}}]
    return result


def _location(place: Place) -> dict[str, Any]:
    region = {
        name: value
        for name, value in (
            ("startLine", place.line),
            ("startColumn", place.column),
            ("endLine", place.end_line),
            ("endColumn", place.end_column),
        )
        if value is not None
    }
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri(place.file)}}
    return {"physicalLocation": physical | ({"region": region} if region else {})}


def uri(path: str) -> str:
    """Return a path as SARIF writes it: a reference, or the URI of a file that is elsewhere.

    >>> uri("a b/c:d%.txt")
    'a%20b/c%3Ad%25.txt'
    """
    return Path(path).as_uri() if os.path.isabs(path) else quote(path)
