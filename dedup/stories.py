"""Explanations as people and programs read them: what goes marked in its place, two texts side by side, or JSON."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import rich.console
from rich.table import Table
from rich.text import Text

from dedup.decisions import Decision, KeptSpan
from dedup.explain import Story
from dedup.page.compare import Piece, compare
from dedup.pairs import Comparison
from dedup.visible import one_line

CONTEXT_LINES = 1
"""Lines shown on either side of one that lost something."""

LINE_CHARACTERS = 200
"""Of a line that lost something, or of a piece of one, how much is shown."""

CONTEXT_CHARACTERS = 76
"""Of another line."""

MOST_CUTS = 3
"""Of what was cut from a document, how many pieces are listed beside a comparison."""

STYLES = {
    "cut": "red strike",
    "drop": "red",
    "flag": "yellow",
    "left": "red",
    "right": "green",
    "gap": "dim",
    "same": "",
}


def as_json(told: list[Story], comparison: Comparison | None) -> bytes:
    """Return an explanation as indented JSON."""
    documents = [
        {
            "document": story.subject.document,
            "source": story.subject.source,
            "file": story.subject.file,
            "record": story.subject.record,
            "outcome": story.outcome,
            "characters": len(story.subject.text),
            "stored_characters": len(story.stored),
            "decisions": story.decisions,
        }
        for story in told
    ]
    compared = None if comparison is None else dataclasses.asdict(comparison)
    encoded = msgspec.json.encode({"documents": documents, "comparison": compared})
    return msgspec.json.format(encoded, indent=2) + b"\n"


def show(told: list[Story], comparison: Comparison | None) -> None:
    """Print an explanation to standard output: it is the data of the command."""
    console = rich.console.Console(highlight=False)
    for number, story in enumerate(told):
        if number:
            console.print()
        for part in _story(story, is_brief=comparison is not None):
            console.print(part, soft_wrap=isinstance(part, Text))
    if comparison is not None:
        for part in _comparison(told[0], told[1], comparison):
            console.print()
            console.print(part, soft_wrap=isinstance(part, Text))


def _story(story: Story, *, is_brief: bool) -> Iterator[Text | Table]:
    """Yield what is to be said about one document; briefly, without its text and what is cut from it."""
    subject = story.subject
    yield Text(_named(subject.document, subject.file, subject.record), style="bold")
    characters = f"{len(story.stored):,} of {len(subject.text):,} characters"
    what = "are compared" if story.outcome == "dropped" else "stay"
    yield Text(f"source {one_line(subject.source) or '(none)'}: {story.outcome}, {characters} {what}")
    marks = _marks(story)
    lines = [] if is_brief else list(story_lines(story))
    if is_brief:
        marks = [mark for mark in marks if not mark.end]
    if lines:
        yield Text()
        yield from lines
    if marks:
        yield Text()
        yield _evidence(marks)
    elif not story.decisions:
        yield Text("No decision is about it.")


def _named(document: str, file: str, record: int) -> str:
    """Name a document by its id and, unless that says it, its place."""
    place = f"{file}:{record}"
    return one_line(document if document in (file, place) else f"{document} ({place})")


class _Mark(NamedTuple):
    """A span that a decision is about; both ends 0 where it is about the whole document."""

    start: int
    end: int
    number: int
    decision: Decision


def _marks(story: Story) -> list[_Mark]:
    numbered = enumerate(story.decisions, 1)
    return [_Mark(decision.start or 0, decision.end or 0, number, decision) for number, decision in numbered]


def _spans(story: Story) -> list[_Mark]:
    """Return the spans that decisions are about; of a drop those that did not count in the comparison."""
    marks = [mark for mark in _marks(story) if mark.end]
    drops = (mark for mark in _marks(story) if mark.decision.action == "drop")
    return marks + [mark._replace(start=start, end=end) for mark in drops for start, end in mark.decision.cuts or []]


def story_lines(story: Story) -> Iterator[Text]:
    """Yield the lines of a document that decisions are about, with some around them; blank ones are passed over."""
    marks = _spans(story)
    starts, lines, at = [], [], 0
    for line in story.subject.text.split("\n"):
        if line.strip():
            starts.append(at)
            lines.append(line)
        at += len(line) + 1
    touched: dict[int, list[_Mark]] = {}
    for mark in marks:
        first = max(bisect.bisect_right(starts, mark.start) - 1, 0)
        for number in range(first, bisect.bisect_left(starts, mark.end)):
            if starts[number] + len(lines[number]) > mark.start:
                touched.setdefault(number, []).append(mark)
    shown = {near for number in touched for near in range(number - CONTEXT_LINES, number + CONTEXT_LINES + 1)}
    last = -1
    for number in sorted(shown & set(range(len(lines)))):
        if number > last + 1:
            yield _gap(number - last - 1)
        yield _marked_line(lines[number], starts[number], touched.get(number, []))
        last = number
    if touched and last + 1 < len(lines):
        yield _gap(len(lines) - last - 1)


def _gap(lines: int) -> Text:
    return Text(f"  … {lines:,} line{'s' if lines > 1 else ''}", style=STYLES["gap"])


def _marked_line(line: str, start: int, marks: list[_Mark]) -> Text:
    """Return a line with a sign in front: - for one that goes, ~ for a piece of it, ? for one that is flagged."""
    if not marks:
        return Text(f"  {one_line(line, CONTEXT_CHARACTERS)}")
    shown = Text()
    at = 0
    for mark in sorted(marks):
        low, high = max(mark.start - start, at), min(mark.end - start, len(line))
        is_flag = mark.decision.action == "flag"
        style = STYLES["flag" if is_flag else "cut"]
        is_whole = not line[:low].strip() and not line[high:].strip()
        if not shown:
            shown.append("? " if is_flag else "- " if is_whole else "~ ", style=style)
        shown.append(_inline(line[at:low]))
        shown.append(_short(line[low:high]) if is_whole or is_flag else f"[-{_inline(line[low:high])}-]", style=style)
        shown.append(f" ({mark.number})", style=STYLES["gap"])
        at = high
    return shown.append(_inline(line[at:]).rstrip())


def _evidence(marks: list[_Mark]) -> Table:
    """Return decisions with what they rest on, numbered as in the text."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", style=STYLES["gap"])
    table.add_column(no_wrap=True)
    table.add_column()
    for mark in marks:
        decision = mark.decision
        name = Text(
            f"{decision.action} {decision.reason}", style=STYLES["flag" if decision.action == "flag" else "drop"]
        )
        table.add_row(f"({mark.number})", name, Text(_reason(decision)))
    return table


def _reason(decision: Decision) -> str:
    """Say in words what a decision rests on."""
    parts = []
    if decision.template is not None:
        parts.append(f"{decision.documents:,} documents, {decision.articles:,} articles")
        parts.append(f"template {decision.template}")
    if isinstance(decision.keeper, KeptSpan):
        parts.append(f"the copy at {decision.keeper.start}-{decision.keeper.end} stays")
    if decision.keeper_file is not None:
        what = "in favour of" if decision.action == "drop" else "like"
        parts.append(f"{what} {_named(str(decision.keeper), decision.keeper_file, decision.keeper_record or 0)}")
    if decision.similarity is not None:
        parts.append(f"similarity {decision.similarity:.4f}")
    if decision.similarity_original is not None:
        parts.append(f"{decision.similarity_original:.4f} as they came")
    if decision.containment is not None:
        parts.append(f"{decision.containment:.4f} of it is there")
    if decision.cuts:
        parts.append(f"compared without {len(decision.cuts):,} spans that would have been cut")
    if decision.why is not None:
        parts.append(one_line(decision.why))
    return "; ".join(parts)


def _comparison(first: Story, second: Story, found: Comparison) -> Iterator[Text | Table]:
    """Yield what two documents have in common, what decided, and both texts side by side."""
    yield Text(f"{found.rule}: {one_line(found.why)}", style="bold")
    yield _figures(first, second, found)
    if found.passages:
        yield Text(
            "\n".join(["The longest passages that both have:", *(f"  {_short(text)}" for text in found.passages)])
        )
    yield _side_by_side(first, second)
    for story in (first, second):
        if story.cuts:
            yield _cut(story)


def _cut(story: Story) -> Text:
    """Return what does not count in a comparison, struck through."""
    shown = Text(f"Cut from {one_line(story.subject.document)} before they were compared:")
    for start, end in story.cuts[:MOST_CUTS]:
        shown.append("\n  ").append(_short(story.subject.text[start:end]), style=STYLES["cut"])
    if len(story.cuts) > MOST_CUTS:
        shown.append(f"\n  … {len(story.cuts) - MOST_CUTS:,} more", style=STYLES["gap"])
    return shown


def _figures(first: Story, second: Story, found: Comparison) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    ours, theirs = found.shingles
    # Said only where it explains the similarity, which the line above alone does not.
    left = [("of them compared", "{:,} and {:,}, without what the other one lost".format(*found.compared))]
    left = left if found.compared != found.shingles else []
    figures = [
        ("characters compared", f"{len(first.stored):,} and {len(second.stored):,}"),
        ("shingles", f"{ours:,} and {theirs:,}, {found.shared:,} of them shared"),
        *left,
        ("similarity", f"{found.similarity:.4f}, estimated by MinHash as {found.estimated:.4f}"),
        ("as they came", f"{found.similarity_original:.4f}"),
        ("containment", "{:.4f} of the first is in the second, {:.4f} the other way".format(*found.containment)),
        ("bands that met", f"{len(found.met)} of {found.bands}, of {found.rows} hashes each"),
    ]
    for name, figure in figures:
        table.add_row(name, figure)
    return table


def _side_by_side(first: Story, second: Story) -> Table:
    table = Table(header_style="bold", expand=True)
    for story in (first, second):
        table.add_column(Text(one_line(story.subject.document)), ratio=1)
    for row in compare(first.stored, second.stored):
        if row.skipped:
            gap = Text(f"… {row.skipped:,} sentence{'s' if row.skipped > 1 else ''}", style=STYLES["gap"])
            table.add_row(gap, gap)
        else:
            table.add_row(_side(row.left), _side(row.right))
    return table


def _side(pieces: list[Piece]) -> Text:
    """Return one side of a row, what only it has in brackets."""
    shown = Text()
    for piece in pieces:
        text = _inline(piece.text)
        shown.append(text if piece.mark == "same" else f"[{text}]", style=STYLES[piece.mark])
    return shown


def _inline(text: str) -> str:
    """Return a piece of a line, a space on either end where it has one."""
    core = _short(text)
    lead, tail = (" " if edge.isspace() else "" for edge in (text[:1], text[-1:]))
    return f"{lead}{core}{tail}" if core else lead


def _short(text: str) -> str:
    return one_line(text, LINE_CHARACTERS)
