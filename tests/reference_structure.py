"""The slow, obvious twins of `dedup.kernels.structure`: one line, one regular expression."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

FENCE = re.compile(r"(?P<mark>`|~)(?P=mark){2,}(?P<rest>[^`]*)")
ITEM = re.compile(r"(?:[0-9]{1,3}[.)]|[A-Za-z]\))[ \t]")
SEPARATOR = re.compile(r"[,;](?![ \t]|\Z)")
ADDRESS = re.compile(r"://[^ \t\"']*")
CODE_MARK = re.compile(r"[{}\\=<>]|(?<=[A-Za-z0-9_])\(|(?<=[\"']):|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])")


class Line(NamedTuple):
    """A line without the white space around it, and what segmentation says of it."""

    text: str
    key: int
    width: int
    is_bullet: bool
    is_terminated: bool
    is_gone: bool


class Shape(NamedTuple):
    """What a line is made of; `columns` is ("|", 2) for a line with two pipes."""

    fence: str = ""
    is_bare: bool = False
    is_rule: bool = False
    has_figures: bool = False
    is_code: bool = False
    is_item: bool = False
    asks: bool = False
    columns: tuple[str, int] | None = None


def shape_of(line: Line, longest: int) -> Shape:
    text = line.text
    is_prose = len(text.encode("utf-8")) > longest or line.is_terminated
    fence = FENCE.fullmatch(text)
    if fence and not is_prose:
        return Shape(fence=fence["mark"], is_bare=not fence["rest"])
    shape = Shape(is_item=line.is_bullet or bool(ITEM.match(text)), asks=text.endswith(("?", "？", "؟")))
    if not text or is_prose:
        return shape
    if re.fullmatch(r"[-=|+: \t]*", text) and re.search(r"[|+ \t]", text) and len(re.findall("[-=]", text)) >= 3:
        return shape._replace(is_rule=True)
    text = ADDRESS.sub("//", text)
    marks = len(CODE_MARK.findall(re.sub(r"\A[> \t]+", "", text)))
    counts = [("|", text.count("|"), 1), (" ", gaps(text), 1), (",", len(SEPARATOR.findall(text)), 2)]
    return shape._replace(
        has_figures=bool(re.search("[0-9]", text)),
        is_code=bool(re.search("[^\x00-\x7f]|[A-Za-z0-9]", text))
        and (marks > 1 or (marks == 1 and line.text[-1] in ";{}:,()]")),
        columns=next(((mark, min(count, 255)) for mark, count, least in counts if count >= least), None),
    )


def gaps(text: str) -> int:
    """Count what may be the space between two cells."""
    count = 0
    for match in re.finditer(r"[ \t]+", text):
        after_sentence = text[: match.start()].endswith((".", "!", "?", ":"))
        count += "\t" in match[0] or (len(match[0]) > 1 and not after_sentence)
    return count


def find_tables(lines: Sequence[Line], shapes: Sequence[Shape], least: int, firm: bool) -> set[int]:
    """Return the lines of tables; lines that are gone do not count, but are as much of a table as those around them."""
    found: set[int] = set()
    run: list[int] = []
    for number in [*(number for number, line in enumerate(lines) if not line.is_gone), None]:
        shape = Shape() if number is None else shapes[number]
        own = {shape.columns} if shape.columns else set()
        kinds = {shapes[other].columns for other in run if not shapes[other].is_rule} | own
        if number is not None and (shape.is_rule or own) and len(kinds) <= 1:
            run.append(number)
            continue
        columns = next((shapes[other].columns for other in run if shapes[other].columns), None)
        keys = [0, *(lines[other].key for other in run)]
        rows = [
            n for n, (above, key) in zip(run, pairwise(keys), strict=True) if shapes[n].is_rule or 0 != key != above
        ]
        if len(rows) >= least and columns:
            is_ruled = any(shapes[other].is_rule for other in rows)
            figures = sum(shapes[other].has_figures for other in rows)
            if not firm or is_ruled or (columns[1] > 1 and 2 * figures >= len(rows)):
                found |= set(range(run[0], run[-1] + 1))
        run = [number] if number is not None and (shape.is_rule or own) else []
    return found


def find_code(lines: Sequence[Line], shapes: Sequence[Shape], least: int, apart: int) -> set[int]:
    found: set[int] = set()
    opening = None
    for number, shape in enumerate(shapes):
        if not shape.fence:
            continue
        if opening is None:
            opening = number
        elif shape.is_bare and shape.fence == shapes[opening].fence:
            found |= set(range(opening, number + 1))
            opening = None
    groups: list[list[int]] = []
    for number in (number for number, shape in enumerate(shapes) if shape.is_code):
        if groups and sum(line.width > 0 for line in lines[groups[-1][-1] + 1 : number]) <= apart:
            groups[-1].append(number)
        else:
            groups.append([number])
    return found.union(*(range(group[0], group[-1] + 1) for group in groups if len(group) >= least))


def find_lists(lines: Sequence[Line], shapes: Sequence[Shape], least: int) -> set[int]:
    found: set[int] = set()
    said = [number for number, line in enumerate(lines) if line.width and not line.is_gone]
    for is_item, run in itertools.groupby(said, lambda number: shapes[number].is_item):
        items = list(run)
        if is_item and len(items) >= least:
            found |= set(range(items[0], items[-1] + 1))
    return found


class Poem(NamedTuple):
    """What makes a document a poem."""

    narrowest: int
    widest: int
    stanza: int
    least: int
    least_share: float


def find_verse(lines: Sequence[Line], poem: Poem) -> set[int]:
    there = [number for number, line in enumerate(lines) if not line.is_gone]
    found: set[int] = set()
    opens = 0
    for has_words, block in itertools.groupby(there, lambda number: lines[number].width > 0):
        verses = list(block)
        if not has_words or len(verses) < poem.stanza:
            continue
        if all(poem.narrowest <= lines[number].width <= poem.widest for number in verses):
            found |= set(verses)
            opens += sum(not lines[number].is_terminated for number in verses)
    texts = sum(lines[number].width > 0 for number in there)
    return found if opens >= max(poem.least, poem.least_share * texts) else set()
