"""Two texts side by side, sentence by sentence, with the words that differ; long stretches that do not are left out."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import escape

from dedup.segment import split_sentences
from dedup.visible import visible

WORD = re.compile(r"\w+|\s+|[^\w\s]")

MOST_COMPARED = 300
"""Differing sentences of two articles, or words of two sentences, that are aligned one by one: aligning takes the
square of them in time. More differ as a whole."""

CONTEXT = 1
"""Equal sentences shown on either side of a difference."""

EDGE = 90
"""Characters shown of each end of a longer stretch of words that are left out."""

SIDE_BYTES = 10_000
"""Room for one side of a comparison, so that the page stays small whatever the texts are."""

MARKUP_BYTES = 40
"""Room that one piece needs on the page besides its text."""


class Piece(NamedTuple):
    """A stretch of text.

    Attributes:
        mark: What it is: `same`; in a comparison `left` or `right` where only that text has it; in an article `first`
            for the copy of a repeat that stays, and `repeat` or `boilerplate` for what goes.
        text: As it stands there.
    """

    mark: str
    text: str

    @property
    def size_bytes(self) -> int:
        """The room it takes on the page."""
        return len(escape(visible(self.text)).encode(errors="replace")) + MARKUP_BYTES


class Row(NamedTuple):
    """What stands side by side; with `skipped`, this many sentences that are not shown instead."""

    left: list[Piece]
    right: list[Piece]
    skipped: int = 0


class Block(NamedTuple):
    """What stands beside each other: the same on both sides, or not."""

    is_equal: bool
    left: Sequence[str]
    right: Sequence[str]


def compare(left: str, right: str) -> list[Row]:
    """Return two texts side by side.

    >>> for row in compare("Es regnet. Der Rat tagt am Montag.", "Es regnet. Der Rat tagt am Freitag."):
    ...     print([piece.text for piece in row.left if piece.mark == "left"], row.skipped)
    [] 0
    ['Montag'] 0
    """
    blocks = _aligned(_sentences(left), _sentences(right))
    unseen = sum(max(len(ours), len(theirs)) for _, ours, theirs in blocks)
    room = SIDE_BYTES
    rows: list[Row] = []
    for row in _rows(blocks):
        room -= max(sum(piece.size_bytes for piece in side) for side in (row.left, row.right))
        if room < 0:
            return [*rows, Row([], [], unseen)]
        rows.append(row)
        unseen -= max(row.skipped, 1)
    return rows


def shortened(text: str) -> str:
    """Return a text without its middle if it is long."""
    if len(text) <= 3 * EDGE:
        return text
    return f"{beginning(text, EDGE)} … {ending(text, EDGE)}"


def beginning(text: str, characters: int) -> str:
    """Return the first words of a text, of so many characters at most; a piece of the first if that is longer.

    >>> beginning("Der Rat tagt", 9), beginning("Gemeinderat", 9)
    ('Der Rat', 'Gemeinder')
    """
    return text if len(text) <= characters else text[:characters].rpartition(" ")[0] or text[:characters]


def ending(text: str, characters: int) -> str:
    """Return the last words of a text, of so many characters at most; a piece of the last if that is longer.

    >>> ending("Der Rat tagt", 9), ending("Gemeinderat", 9)
    ('Rat tagt', 'meinderat')
    """
    return text if len(text) <= characters else text[-characters:].partition(" ")[2] or text[-characters:]


def _sentences(text: str) -> list[str]:
    return [sentence for start, end in split_sentences(text) if (sentence := text[start:end].strip())]


def _rows(blocks: Sequence[Block]) -> Iterator[Row]:
    for at, (is_equal, ours, theirs) in enumerate(blocks):
        if not is_equal:
            yield from itertools.starmap(_changed, itertools.zip_longest(ours, theirs))
            continue
        is_alone = len(blocks) == 1
        first = CONTEXT if at > 0 or is_alone else 0
        last = len(ours) - (CONTEXT if at + 1 < len(blocks) or is_alone else 0)
        if last - first <= 1:
            yield from map(_equal, ours)
            continue
        yield from map(_equal, ours[:first])
        yield Row([], [], last - first)
        yield from map(_equal, ours[last:])


def _equal(sentence: str) -> Row:
    same = [Piece("same", shortened(sentence))]
    return Row(same, same)


def _changed(left: str | None, right: str | None) -> Row:
    if right is None:
        return Row([Piece("left", shortened(left or ""))], [])
    if left is None:
        return Row([], [Piece("right", shortened(right))])
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for is_equal, ours, theirs in _aligned(WORD.findall(left), WORD.findall(right)):
        for side, mark, words in ((sides[0], "left", ours), (sides[1], "right", theirs)):
            if words:
                side.append(Piece("same" if is_equal else mark, shortened("".join(words))))
    return Row(*sides)


def _aligned(left: Sequence[str], right: Sequence[str]) -> list[Block]:
    """Return the blocks that are equal and those that are not, in order."""
    start, most = 0, min(len(left), len(right))
    while start < most and left[start] == right[start]:
        start += 1
    tail = 0
    while tail < most - start and left[-1 - tail] == right[-1 - tail]:
        tail += 1
    ours, theirs = left[start : len(left) - tail], right[start : len(right) - tail]
    blocks = [Block(True, left[:start], right[:start])]
    if max(len(ours), len(theirs)) <= MOST_COMPARED:
        codes = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
        blocks += [Block(code == "equal", ours[a:b], theirs[c:d]) for code, a, b, c, d in codes]
    else:
        blocks.append(Block(False, ours, theirs))
    blocks.append(Block(True, left[len(left) - tail :], right[len(right) - tail :]))
    return [block for block in blocks if block.left or block.right]
