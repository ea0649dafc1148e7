"""What one document says twice: the first copy stays, later ones are tied to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column
from dedup.config import Config
from dedup.segment import Segments, same_words

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

STRUCTURED_UNITS = 8
"""Different repeated units that make a page structured (meal plan, question list, table): its repeats are content.
Measured on 62 news and 313 form pages: 246 of 313 repeats on the latter were content, 3 of 62 on the former."""

STRUCTURED_TIMES = 5
"""Times that one unit stands in a structured page (a refrain, a label)."""


class Repeats(NamedTuple):
    """The later copies in a batch of documents.

    Attributes:
        line_keepers: int64[lines], the unit that stays instead of the line, -1 where it stays: segment s of the batch
            is unit s, line l as a whole is unit `segments + l`.
        segment_keepers: int64[segments], the same for sentences of lines that stay.
        structured: bool[documents], has repeats, but so many that they are its structure; nothing of it goes.
    """

    line_keepers: Ints
    segment_keepers: Ints
    structured: Bools


def find_repeats(texts: Column, segments: Segments, marked: Bools, config: Config) -> Repeats:
    """Find later copies of lines and sentences, leaving out the lines in `marked`, which go already.

    Units are equal when their folded words and symbols are, in order: punctuation, case and spacing do not matter,
    digits do. Equal hashes are checked against the text.
    """
    from dedup.kernels import repeats as kernels

    result = no_repeats(segments)
    kernels.find_repeats(
        segments.line_offsets, segments.line_k0, segments.line_width, marked,
        segments.segment_offsets, segments.segment_k0, segments.segment_width,
        config.repeat_width, config.adjacent_repeat_width, STRUCTURED_UNITS, STRUCTURED_TIMES, *result,
    )  # fmt: skip
    for keepers, starts, ends in (
        (result.line_keepers, segments.line_start, segments.line_end),
        (result.segment_keepers, segments.segment_start, segments.segment_end),
    ):
        for copy in np.flatnonzero(keepers >= 0):
            start, end = unit_span(segments, int(keepers[copy]))
            if not same_words(texts.data, start, end, int(starts[copy]), int(ends[copy]), masked=False):
                keepers[copy] = -1
    return result


def no_repeats(segments: Segments) -> Repeats:
    """Return the result for documents in which nothing is looked for."""
    return Repeats(
        np.full(len(segments.line_start), -1, np.int64),
        np.full(len(segments.segment_start), -1, np.int64),
        np.zeros(len(segments.line_offsets) - 1, np.bool_),
    )


def unit_span(segments: Segments, unit: int) -> tuple[int, int]:
    """Return the bytes of a unit: a segment, or a whole line without its line ending."""
    count = len(segments.segment_start)
    if unit < count:
        return int(segments.segment_start[unit]), int(segments.segment_end[unit])
    return int(segments.line_start[unit - count]), int(segments.line_text_end[unit - count])
