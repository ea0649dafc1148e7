"""A verdict in Markdown, for the summary of a job or a comment.

Whatever comes from the corpus stands in code spans, where nothing is markup, a link or a mention; the two characters
that could end such a span or a table's cell are written as escapes.
"""

from __future__ import annotations

from dedup.gate.limits import RATIOS
from dedup.gate.text import WORST, alike, notes, offence
from dedup.gate.verdict import Measure, Verdict
from dedup.visible import one_line

CODE_CHARACTERS = 400

ROWS = 100
SECTIONS = 20
"""A summary of GitHub's may have 1 MiB; with many sources, what is exceeded comes first."""

ESCAPES = {"`": "\\x60", "|": "\\x7c"}


def render(verdict: Verdict) -> str:
    """Return a table of the limits, and under it the worst offenders."""
    outcome = "failed" if verdict.exceeded else "passed"
    measures = sorted(verdict.measures, key=lambda measure: not measure.is_exceeded)
    lines = [f"## dedup check {outcome}", ""]
    lines += ["| | in | measured | limit | |", "|---|---|--:|--:|---|", *map(_row, measures[:ROWS]), ""]
    lines += [f"And {len(measures) - ROWS:,} more limits.", ""] if len(measures) > ROWS else []
    for measure in verdict.exceeded[:SECTIONS]:
        offenders = alike(verdict.offenders(measure))
        lines += [f"### {measure.limit.kind} in {_where(measure)}", ""]
        lines += [f"- {code(offence(some))}" for some in offenders[:WORST]]
        lines += [f"- and {len(offenders) - WORST:,} more"] if len(offenders) > WORST else []
        lines.append("")
    lines += [f"{code(note)}\n" for note in notes(verdict)]
    return "".join(f"{line}\n" for line in lines)


def _row(measure: Measure) -> str:
    limit = measure.limit
    measured = f"{measure.counted:,} of {measure.of:,}" if limit.kind in RATIOS else f"{measure.counted:,}"
    share = f" ({measure.value:.4f})" if limit.kind in RATIOS else ""
    outcome = "**exceeded**" if measure.is_exceeded else "ok"
    return f"| {limit.kind} | {_where(measure)} | {measured}{share} | {limit.most:g} | {outcome} |"


def _where(measure: Measure) -> str:
    return "all" if measure.source is None else code(measure.source or "(no source)")


def code(text: str) -> str:
    r"""Return a text as a code span that nothing in it can end.

    >>> code("a|b ``` <b>@all</b>")
    '`a\\x7cb \\x60\\x60\\x60 <b>@all</b>`'
    """
    shown = one_line(text, CODE_CHARACTERS)
    return f"`{''.join(ESCAPES.get(character, character) for character in shown) or ' '}`"
