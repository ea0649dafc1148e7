"""Which repeats are accidents of a page: the headline, a caption, a teaser said again, what stands next to its copy.

The rest may be meant: the same answer under two questions, Tuesday's forecast, a clause, a refrain, a line of dialogue.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedup import unicode
from dedup.captions import Captions, with_credit
from dedup.columns import Column
from dedup.segment import Segments
from dedup.structure import TURNS

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

MOST_TIMES = 5
"""Times that a line which its page is built of is said: an advertisement, a running head, a refrain. Chosen."""

PARAGRAPH_WIDTH, WIDE = 80, 120
"""Columns from which a line of several sentences is a paragraph, and from which one of a single sentence is. Chosen:
steps and answers are shorter."""

ARTICLE_PERCENT = 50
"""Percent of a document's columns in paragraphs from which it is an article, and a sentence alone may be a caption."""

HEADING_WIDTH, OPEN_WIDTH = 60, 40
"""Columns up to which a line without a full stop is a heading of what is below it, and from which it may be a caption
or headline that says a thing. Chosen."""

LIST_LINES = 4
"""Lines without a full stop from which, being half of all, a document without paragraphs is a list, or a song."""

STATEMENTS = 12
"""Narrow lines of one sentence each from which, being half of a document that is no article, it is a list as well: of
options, steps, lines of dialogue. Chosen; measured on manual pages, where what a line was about is often lost."""

HEAD = 6
"""Lines below the title among which it may be said again. Chosen: title, date, author, caption, lead."""

MOST_ROUNDS = 100
"""What goes makes others neighbours; only texts made to that end need more than three rounds."""

LONGEST_TANDEM = 32
"""Sentences that, standing twice in a row, are found to do so."""

OPENING, REACH, RUN = 3, 8, 3
"""In a text of one line: sentences that begin it, among how many of the first the headline may be said again, and how
many sentences in a row are no coincidence. Chosen."""


def keep_meant(
    texts: Column, segments: Segments, captions: Captions, shapes: Bytes, marked: Bools, fragments: Bools,
    least: tuple[int, int], line_keepers: Ints, segment_keepers: Ints,
) -> None:  # fmt: skip
    """Take back the repeats that may be meant: their keepers become -1.

    Args:
        texts: The texts.
        segments: Their lines and sentences.
        captions: What of the lines is captions.
        shapes: uint8[lines], what they are made of.
        marked: bool[lines], lines that go already.
        fragments: bool[lines], lines that are no units.
        least: Columns of a copy, and of one next to its copy or of the title.
        line_keepers: int64[lines], the unit that stays instead; -1 for lines that are no copies.
        segment_keepers: int64[segments], the same for sentences.
    """
    from dedup.kernels import accidents as kernels

    copies = np.flatnonzero(line_keepers >= 0)
    if len(copies):
        kinds = np.zeros(len(line_keepers), np.uint8)
        kernels.find_kinds(
            texts.data, segments.line_offsets, segments.line_start, segments.line_text_end, segments.line_k0,
            segments.line_label, shapes, line_keepers, unicode.load().packed, kinds,
        )  # fmt: skip
        lines = kernels.Lines(
            segments.line_start, segments.line_text_end, segments.line_k0, segments.line_width, segments.line_flags,
            segments.line_label, kinds, _credits(texts, segments, captions, copies, line_keepers), marked, fragments,
            segments.segment_offsets,
        )  # fmt: skip
        limits = kernels.Limits(
            *least, PARAGRAPH_WIDTH, WIDE, HEADING_WIDTH, OPEN_WIDTH, ARTICLE_PERCENT, MOST_TIMES, LIST_LINES,
            STATEMENTS, TURNS, HEAD, MOST_ROUNDS,
        )  # fmt: skip
        kernels.judge_lines(texts.data, segments.line_offsets, lines, len(segments.segment_start), limits, line_keepers)
    parts = np.flatnonzero(segment_keepers >= 0)
    segment_keepers[parts[~is_rare(segment_keepers, parts)]] = -1
    if (segment_keepers >= 0).any():
        kernels.judge_sentences(
            segments.line_offsets, segments.line_k0, marked, fragments, line_keepers, segments.segment_offsets,
            segments.segment_k0, LONGEST_TANDEM, OPENING, REACH, RUN, segment_keepers,
        )  # fmt: skip


def is_rare(keepers: Ints, copies: Ints) -> Bools:
    """Say which copies are of units that are said fewer than `MOST_TIMES` times: bool[copies]."""
    _, which, counts = np.unique(keepers[copies], return_inverse=True, return_counts=True)
    return np.asarray(counts[which] + 1 < MOST_TIMES)


def _credits(texts: Column, segments: Segments, captions: Captions, copies: Ints, line_keepers: Ints) -> Bytes:
    """Say which lines have a label of pictures, and which of the copies and their first copies a credit."""
    from dedup.kernels.accidents import CREDITED, IS_CREDIT

    found = np.where(captions.starts > segments.line_start, IS_CREDIT, 0).astype(np.uint8)
    units = line_keepers[copies]
    count = len(segments.segment_start)
    of_segments = np.searchsorted(segments.segment_offsets, np.where(units < count, units, 0), side="right") - 1
    lines = np.unique(np.concatenate([copies, np.where(units < count, of_segments, units - count)]))
    found[lines[with_credit(texts, segments, captions, lines)]] |= CREDITED
    return found
