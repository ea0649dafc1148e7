"""A verdict for people, on a terminal or in the log of a CI system."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dedup.gate.finding import Finding
from dedup.gate.verdict import Measure, Verdict, summary
from dedup.visible import one_line

WORST = 10
"""Offenders that are named for each limit."""

LINE_CHARACTERS = 600

COMMAND = re.compile(r"^::|##(?=\w*\[)")
"""What CI systems take for a command in a log: `::error::` at the start of a line, `##[error]`, `##vso[...]`."""


def render(verdict: Verdict, *, verbose: bool = False) -> str:
    """Return what was measured, with the worst offenders under each limit that is exceeded; all of them if verbose."""
    lines = []
    for measure in verdict.measures:
        lines.append(_measured(measure))
        if measure.is_exceeded:
            offenders = alike(verdict.offenders(measure))
            shown = offenders if verbose else offenders[:WORST]
            lines += [f"  {offence(some)}" for some in shown]
            if len(offenders) > len(shown):
                lines.append(f"  ... and {len(offenders) - len(shown):,} more")
    return "".join(f"{safe(line)}\n" for line in (*lines, *notes(verdict)))


def summarised(verdict: Verdict) -> list[str]:
    """Return a line for each limit, and what else there is to say."""
    return [safe(line) for line in (*map(_measured, verdict.measures), *notes(verdict))]


def _measured(measure: Measure) -> str:
    return f"{'FAILED' if measure.is_exceeded else 'ok'} {summary(measure)}"


def notes(verdict: Verdict) -> Iterator[str]:
    """Yield what a reader must know to take the figures right."""
    if verdict.changed is not None:
        yield f"judged: {verdict.size.documents:,} documents in {verdict.changed:,} changed files, against all"
    if verdict.known is not None:
        yield f"baseline: {verdict.known:,} known, {verdict.gone:,} no longer found"
    if verdict.rejected:
        yield f"{verdict.rejected:,} unreadable records were set aside and not judged"
    for limit in verdict.unused:
        yield f"no source is called {limit.sources!r}, so its limit for {limit.kind} says nothing"


def alike(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Put findings of the same text together, those with the most characters in all first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.fingerprint, []).append(finding)
    return sorted(groups.values(), key=lambda some: -sum(finding.characters for finding in some))


def offence(some: Sequence[Finding]) -> str:
    """Say where findings of the same text are, and what is wrong."""
    more = f" (and {len(some) - 1:,} more like it)" if len(some) > 1 else ""
    return f"{some[0].place}: {some[0].message}{more}"


def safe(line: str) -> str:
    r"""Return a line that is one line, and no command to a CI system.

    >>> safe("  ::error::##[group]\x1b[31m\n")
    '  : :error::# #[group]␛[31m'
    """
    indent = line[: len(line) - len(line.lstrip(" "))]
    shown = one_line(line, LINE_CHARACTERS)
    return indent + COMMAND.sub(lambda found: " ".join(found[0]), shown)
