"""Lines that are no units: pieces of sentences that somebody wrapped at a fixed width."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import unicode
from dedup.columns import Column
from dedup.segment import Segments

NARROWEST, WIDEST = 30, 120
"""Columns of a line that can be a wrapped one. Chosen: mails wrap at 72, licences at 80, courts at 60 to 110."""

LOWER_SHARE = 0.25
"""Share of a document's lines that go on in lower case from which all its lines are fragments. German writes nouns in
capitals: about half of the breaks show, hence a quarter."""

OPEN_SHARE, LEAST_OPEN = 0.5, 5
"""Share and number of lines that end openly, next line right below, from which all lines are fragments, whatever the
case. Lists of headings without full stops count as such, too; nothing is cut from them."""


class Wrapping(NamedTuple):
    """How documents are wrapped.

    Attributes:
        fragments: bool[lines], pieces of hard-wrapped sentences.
        going_on: int64[documents], lines that go on in lower case on the next one.
        lines: int64[documents], lines with text.
    """

    fragments: npt.NDArray[np.bool_]
    going_on: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]


def find_fragments(texts: Column, segments: Segments) -> Wrapping:
    r"""Say which lines are fragments, and how many lines of each document are wrapped.

    >>> from dedup.segment import segment
    >>> letter = Column.of(["Der Rat hat gestern beschlossen, die alte\nbrücke abzureißen. Sie stand seit 1902.\n"])
    >>> find_fragments(letter, segment(letter)).fragments.tolist()
    [True, True]
    """
    from dedup.kernels import fragments as kernels

    found = np.zeros(len(segments.line_start), np.bool_)
    going_on, lines = np.zeros((2, len(segments.line_offsets) - 1), np.int64)
    kernels.find_fragments(
        texts.data, segments.line_offsets, segments.line_start, segments.line_text_end, segments.line_width,
        segments.line_flags, unicode.load().packed, NARROWEST, WIDEST, LOWER_SHARE, OPEN_SHARE, LEAST_OPEN, found,
        going_on, lines,
    )  # fmt: skip
    return Wrapping(found, going_on, lines)
