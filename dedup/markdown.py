"""Lines of Markdown that are no units: all but whole paragraphs.

Markdown is told by its signs in the text, never by the name of a file, so that a page is read alike from a folder, from
a column and in the index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.segment import TERMINATED, Segments

Bools = npt.NDArray[np.bool_]

BOM = b"\xef\xbb\xbf"

NO_PROSE = re.compile(r"https?://\S+|\{\{[^{}]*\}\}|\{%[^{}]*%\}")
"""What says nothing even where words stand in it: a bare address, a tag of a site generator."""

WORD = re.compile(r"\w")

SUBTLE_SIGN = re.compile(rb"\]\(|\]:|<!--")
"""Signs of Markdown that may be part of a paragraph."""

LEADS_IN = (":", "：")
"""How a paragraph ends that is nothing without what follows."""

LED_IN = {"BlockQuote", "CodeBlock", "List", "Table"}
"""What a paragraph that does not end like a sentence goes on in."""


class _Paragraphs(NamedTuple):
    """The paragraphs of a text that stand in no list, quotation, table or footnote.

    Attributes:
        ranges: Where they start and end, in bytes.
        leading: Which of them stand right above what is `LED_IN`.
        links: The same of what is a link, an image or HTML inside of them.
    """

    ranges: list[tuple[int, int]]
    leading: list[int]
    links: list[tuple[int, int]]


def find_markup(texts: Column, segments: Segments) -> Bools:
    r"""Say which lines of Markdown are no units: bool[lines], all False where a text shows no sign of Markdown.

    Units are paragraphs of one line, and the lines of a paragraph each line of which ends like a sentence; but not
    those that are nothing but links, images, addresses or tags, or that lead in what follows. Front matter, headings
    and their underlines, lists, code, tables, comments, quotations, footnotes, definitions of links and hard-wrapped
    paragraphs are none, nor is anything of a text that cannot be parsed.

    >>> from dedup.segment import segment
    >>> page = Column.of(["## The bridge\n\nIt opens in May.\n\n- Monday\n- Friday\n"])
    >>> find_markup(page, segment(page)).tolist()
    [True, True, False, True, True, True]
    """
    from dedup.kernels import markdown as kernels

    signs = np.zeros(len(segments.line_offsets) - 1, np.uint8)
    kernels.find_markdown(
        texts.data, segments.line_offsets, segments.line_start, segments.line_text_end, segments.line_width,
        segments.line_flags, signs,
    )  # fmt: skip
    found = np.zeros(len(segments.line_start), np.bool_)
    for row in np.flatnonzero(signs != kernels.PLAIN).tolist():
        first, last = segments.line_offsets[row : row + 2].tolist()
        found[first:last] = True
        found[_units(texts, segments, first, last, bool(signs[row] == kernels.SUBTLE))] = False
    return found


def _units(texts: Column, segments: Segments, first: int, last: int, is_subtle: bool) -> list[int]:
    """Return which of the lines of one text are units.

    Where all signs of Markdown are subtle, lines that have one stay: the text is to be Markdown the next time as well.
    """
    base = int(segments.line_start[first])
    markdown = texts.data[base : segments.line_end[last - 1]].tobytes()
    found = _parse(markdown)
    lines = np.flatnonzero(_whole_lines(segments, first, last, found, base))
    prose = bytearray(markdown)
    for start, end in found.links:
        prose[start:end] = b" " * (end - start)
    units = []
    for line in lines.tolist():
        start, end = segments.line_start[first + line] - base, segments.line_text_end[first + line] - base
        said = NO_PROSE.sub("", prose[start:end].decode()).rstrip()
        is_sign = is_subtle and SUBTLE_SIGN.search(markdown, start, end)
        if WORD.search(said) and not said.endswith(LEADS_IN) and not is_sign:
            units.append(first + line)
    return units


def _whole_lines(segments: Segments, first: int, last: int, found: _Paragraphs, base: int) -> Bools:
    """Say which of the lines of one text are a paragraph, or stand in one each line of which is whole.

    A paragraph above a list that does not end like a sentence goes on there.
    """
    bounds = np.array(found.ranges, np.int64).reshape(-1, 2) + base
    starts = segments.line_start[first:last]
    begins = np.searchsorted(starts, bounds[:, 0], side="right") - 1
    ends = np.searchsorted(starts, bounds[:, 1], side="left")
    open_before = np.append(0, np.cumsum(segments.line_flags[first:last] & TERMINATED == 0))
    taken = (ends - begins == 1) | (open_before[ends] == open_before[begins])
    leading = np.array(found.leading, np.int64)
    taken[leading] &= open_before[ends[leading]] == open_before[ends[leading] - 1]
    steps = np.zeros(last - first + 1, np.int64)
    np.add.at(steps, begins[taken], 1)
    np.add.at(steps, ends[taken], -1)
    return np.cumsum(steps[:-1]) > 0


def _parse(markdown: bytes) -> _Paragraphs:
    """Find the paragraphs of a text; none if the parser fails, so that nothing goes."""
    shift = len(BOM) if markdown.startswith(BOM) else 0
    found = _Paragraphs([], [], [])
    try:
        _read_events(markdown[shift:].decode(), shift, found)
    except BaseException as error:
        # A panic of the parser, which is Rust, is no `Exception`; what else is none is not the parser's.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        return _Paragraphs([], [], [])
    return found


def _read_events(markdown: str, shift: int, found: _Paragraphs) -> None:
    """Note the paragraphs of a text, and what is no prose in them."""
    import pyromark

    options = (
        pyromark.Options.ENABLE_TABLES
        | pyromark.Options.ENABLE_FOOTNOTES
        | pyromark.Options.ENABLE_YAML_STYLE_METADATA_BLOCKS
        | pyromark.Options.ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
    )
    depth = 0
    in_paragraph = False
    events: Iterable[tuple[Any, Any]] = pyromark.events_with_range(markdown, options=options)
    for event, place in events:
        # Most events are one of these two.
        if "Text" in event or event == "SoftBreak":
            continue
        if "Start" in event:
            what = event["Start"]
            if depth == 0:
                if in_paragraph and isinstance(what, dict) and what.keys() & LED_IN:
                    found.leading.append(len(found.ranges) - 1)
                in_paragraph = what == "Paragraph"
                if in_paragraph:
                    found.ranges.append((place["start"] + shift, place["end"] + shift))
            elif in_paragraph and ("Link" in what or "Image" in what):
                found.links.append((place["start"] + shift, place["end"] + shift))
            depth += 1
        elif "End" in event:
            depth -= 1
        elif in_paragraph and "InlineHtml" in event:
            found.links.append((place["start"] + shift, place["end"] + shift))
