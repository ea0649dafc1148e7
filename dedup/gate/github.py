"""A verdict as GitHub annotations: commands in the log that mark lines of the files."""

from __future__ import annotations

from collections.abc import Iterator

from dedup.gate.finding import Finding
from dedup.gate.text import alike, summarised
from dedup.gate.verdict import Verdict

ANNOTATIONS = 10
"""GitHub shows no more errors of one step."""


def render(verdict: Verdict) -> str:
    """Return an annotation for each of the worst offenders, then a line for each limit."""
    worst = alike([finding for finding in verdict.findings if verdict.is_offender(finding)])
    lines = [_annotation(some[0], len(some)) for some in worst[:ANNOTATIONS]]
    if len(worst) > ANNOTATIONS:
        lines.append(f"{len(worst) - ANNOTATIONS:,} more findings have no annotation, for GitHub shows {ANNOTATIONS}")
    return "".join(f"{line}\n" for line in (*lines, *summarised(verdict)))


def _annotation(finding: Finding, count: int) -> str:
    more = f" (and {count - 1:,} more like it)" if count > 1 else ""
    properties = ",".join(f"{name}={_property(value)}" for name, value in _properties(finding))
    return f"::error {properties}::{_data(finding.message + more)}"


def _properties(finding: Finding) -> Iterator[tuple[str, object]]:
    place = finding.place
    yield "file", place.file
    yield "title", f"dedup: {finding.reason}"
    if place.line is not None:
        yield "line", place.line
    if place.end_line is not None:
        yield "endLine", place.end_line
    # Columns of a range over several lines would be those of its first line.
    if place.column is not None and place.end_line == place.line:
        yield "col", place.column
        yield "endColumn", place.end_column


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: object) -> str:
    return _data(str(value)).replace(":", "%3A").replace(",", "%2C")
