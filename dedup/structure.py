"""Lines whose repetition is content: rows of a table, code, items of a list, verse, questions, labelled speech.

Two strengths. Tables with figures and code are content however many articles carry them. The other forms also make up
menus and footers: there a line may repeat inside its document, but it is boilerplate as any other line is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.segment import TERMINATED, Segments
from dedup.versions import differs

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

LONGEST_BYTES = 400
"""Longest line that can be a row of a table or code. Chosen; lines of prose are longer, and need not be read again."""

ROWS, CODE_LINES, ITEMS = 3, 3, 3
"""Rows that make a table, lines that make code without a fence, items that make a list. Chosen: two are coincidence."""

CODE_APART = 1
"""Other lines with words that may stand between two lines of code: an `else`, a comment."""

VERSE_NARROWEST, VERSE_WIDEST, STANZA = 8, 60, 2
"""Columns of a verse, and least verses of a stanza, which has blank lines around it. Chosen."""

VERSES, VERSE_SHARE = 6, 0.4
"""Verses of a document, and their share of its lines, that do not end like sentences, from which it is a poem. Chosen:
about half of the verses of a song end in a comma or in nothing."""

TURNS = 3
"""Different sentences behind one label ("STANDARD: ...?") that make an interview."""

QUESTIONS = 3
"""Different questions that a document asks twice from which they are a list, answered again or indexed. Chosen: a
headline that asks is one."""


class Shapes(NamedTuple):
    """What the lines of a batch are made of.

    Attributes:
        shapes: uint8[lines], the bits FENCE ... QUESTION of `dedup.kernels.structure`.
        columns: int16[lines], what sets the cells apart and how often.
    """

    shapes: npt.NDArray[np.uint8]
    columns: npt.NDArray[np.int16]


def find_shapes(texts: Column, segments: Segments) -> Shapes:
    """Read every line that is no long prose, and say what it is made of."""
    from dedup.kernels import structure as kernels

    lines = len(segments.line_start)
    found = Shapes(np.empty(lines, np.uint8), np.empty(lines, np.int16))
    kernels.shape_lines(
        texts.data, segments.line_start, segments.line_text_end, segments.line_flags, LONGEST_BYTES, *found
    )
    return found


def find_fixed(segments: Segments, shapes: Shapes) -> Bools:
    r"""Say which lines are content wherever they stand, rows of tables with figures and code: bool[lines].

    >>> from dedup.segment import segment
    >>> page = Column.of(["Die Tabelle:\n\n| Ort | Grad |\n|---|---|\n| Graz | 12 |\n| Linz | 9 |\n"])
    >>> lines = segment(page)
    >>> find_fixed(lines, find_shapes(page, lines)).tolist()
    [False, False, True, True, True, True]
    """
    from dedup.kernels import structure as kernels

    found = np.zeros(len(segments.line_start), np.bool_)
    offsets, starts, text_ends = segments.line_offsets, segments.line_start, segments.line_text_end
    nowhere = np.zeros_like(found)
    kernels.find_tables(offsets, starts, text_ends, segments.line_k0, nowhere, *shapes, ROWS, True, found)
    kernels.find_code(offsets, segments.line_width, *shapes, CODE_LINES, CODE_APART, found)
    return found


def find_forms(segments: Segments, shapes: Shapes, fixed: Bools, gone: Bools) -> Bools:
    """Say which lines may repeat inside their document, those that are `fixed` among them: bool[lines].

    Lines in `gone` are as if they were not there, so that the cleaned text is judged alike. Every form is such that
    taking other lines away makes no line less of it, for the same reason.
    """
    from dedup.kernels import structure as kernels

    offsets, starts, text_ends = segments.line_offsets, segments.line_start, segments.line_text_end
    found = fixed.copy()
    kernels.find_tables(offsets, starts, text_ends, segments.line_k0, gone, *shapes, ROWS, False, found)
    kernels.find_lists(offsets, segments.line_width, gone, shapes.shapes, ITEMS, found)
    verse = np.zeros_like(found)
    kernels.find_verse(
        offsets, segments.line_width, segments.line_flags, gone, VERSE_NARROWEST, VERSE_WIDEST, STANZA, VERSES,
        VERSE_SHARE, verse,
    )  # fmt: skip
    found |= verse
    said = (segments.line_label != 0) & (segments.line_flags & TERMINATED != 0) & ~gone
    found[_said_differently(segments, np.flatnonzero(said))] = True
    asked = (shapes.shapes & kernels.QUESTION != 0) & (segments.line_k0 != 0) & ~gone
    found[_asked_again(segments, np.flatnonzero(asked))] = True
    return found & ~gone


def repeating(segments: Segments, forms: Bools, least: int) -> Bools:
    """Say in which documents a line of `forms` of at least `least` columns stands twice: bool[documents]."""
    lines = np.flatnonzero(forms & (segments.line_width >= least))
    rows, keys, _ = _sorted(segments, lines, segments.line_k0)
    found = np.zeros(len(segments.line_offsets) - 1, np.bool_)
    found[rows[~(differs(rows) | differs(keys))]] = True
    return found


def _said_differently(segments: Segments, lines: Ints) -> Ints:
    """Return the lines behind whose label their document says `TURNS` different things or more."""
    rows, labels, order = _sorted(segments, lines, segments.line_label, segments.line_rest)
    rests = segments.line_rest[lines[order]]
    new = differs(rows) | differs(labels)
    turns = np.cumsum(new) - 1
    different = np.bincount(turns[new | differs(rests)], minlength=1)
    return np.asarray(lines[order][different[turns] >= TURNS])


def _asked_again(segments: Segments, lines: Ints) -> Ints:
    """Return the questions that a document asks twice, where there are `QUESTIONS` different ones of them."""
    rows, keys, order = _sorted(segments, lines, segments.line_k0)
    new = differs(rows) | differs(keys)
    questions = np.cumsum(new) - 1
    again = np.bincount(questions, minlength=1)[questions] > 1
    different = np.bincount(rows[new & again], minlength=len(segments.line_offsets))
    return np.asarray(lines[order][again & (different[rows] >= QUESTIONS)])


def _sorted(segments: Segments, lines: Ints, *keys: Keys) -> tuple[Ints, Keys, Ints]:
    """Sort some lines by document and keys; return their documents, their first keys, and their order."""
    rows = np.searchsorted(segments.line_offsets, lines, side="right") - 1
    order = np.lexsort((*(column[lines] for column in reversed(keys)), rows))
    return rows[order], keys[0][lines][order], order
