"""Text to lines and sentences with their keys: what a repeat, or a template, is a repeat of.

K0 is equal for texts whose words are equal after folding, whatever stands between the words: case, spacing,
punctuation and invisible characters do not count; digits, symbols and the minus of a number do. K1 is K0 with
every number, date, month and weekday masked. Both are 64-bit hashes, 0 for text without words; `same_words`
verifies that two ranges with equal keys do have equal words.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import lexicon, unicode
from dedup.columns import Bytes, Column
from dedup.kernels import compare, plain
from dedup.kernels import segment as kernels
from dedup.kernels.segment import BULLET, QUOTED, TERMINATED

__all__ = [
    "BULLET",
    "QUOTED",
    "SEGMENTER_VERSION",
    "TERMINATED",
    "Segments",
    "same_words",
    "segment",
    "split_sentences",
]

RULES_VERSION = 3
"""Raise it whenever the kernels' rules or hashes change: keys made with others are not comparable."""

SEGMENTER_VERSION = f"{RULES_VERSION}-{lexicon.fingerprint()}"

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


class Segments(NamedTuple):
    """The lines and segments of some rows of a column; all offsets are bytes into the column's data.

    Attributes:
        line_offsets: int64[rows + 1], row d has the lines `line_offsets[d]:line_offsets[d + 1]`.
        line_start: Lines tile their row; blank ones are lines too.
        line_end: Behind the line terminator.
        line_text_end: Behind the last visible character.
        line_k0: Key of the words.
        line_k1: Key of the words with numbers and dates masked.
        line_width: int32, columns of the folded words, single spaces between them; wide count 2, marks 0.
        line_flags: uint8, TERMINATED (ends like a sentence), QUOTED (begins with a quotation mark), BULLET.
        line_numbers: uint8, masked groups in K1 that are plain numbers, 255 for more.
        line_dates: uint8, masked groups that are dates or times, 255 for more.
        line_label: K0 of a label before the first colon ("Foto: ..."), 0 without one.
        line_rest: K0 of what follows the label, 0 without one.
        segment_offsets: int64[lines + 1], line l has segments `segment_offsets[l]:segment_offsets[l + 1]`.
        segment_start: Segments tile their line; a blank line is one segment.
        segment_end: Behind the spaces after the segment.
        segment_k0: As for lines.
        segment_k1: As for lines.
        segment_width: As for lines.
        segment_flags: As for lines.
    """

    line_offsets: Ints
    line_start: Ints
    line_end: Ints
    line_text_end: Ints
    line_k0: Keys
    line_k1: Keys
    line_width: npt.NDArray[np.int32]
    line_flags: npt.NDArray[np.uint8]
    line_numbers: npt.NDArray[np.uint8]
    line_dates: npt.NDArray[np.uint8]
    line_label: Keys
    line_rest: Keys
    segment_offsets: Ints
    segment_start: Ints
    segment_end: Ints
    segment_k0: Keys
    segment_k1: Keys
    segment_width: npt.NDArray[np.int32]
    segment_flags: npt.NDArray[np.uint8]


def segment(texts: Column, start: int = 0, stop: int | None = None) -> Segments:
    r"""Split the rows `start` to `stop` of a column into lines and segments.

    >>> found = segment(Column.of(["Am 3. Dezember. Ende.\n", ""]))
    >>> found.line_offsets.tolist(), found.segment_start.tolist(), found.segment_end.tolist()
    ([0, 1, 1], [0, 16], [16, 22])
    """
    stop = len(texts) if stop is None else stop
    line_offsets = np.zeros(stop - start + 1, np.int64)
    room = int(texts.offsets[stop] - texts.offsets[start]) // 128 + 16
    line, seg = (np.empty((columns, room), np.uint64) for columns in (kernels.LINE_COLUMNS, kernels.SEGMENT_COLUMNS))
    at = np.array([start, texts.offsets[start], 0, 0])
    with np.errstate(over="ignore"):
        while full := kernels.scan(
            texts.data, texts.offsets, start, stop, *tables(), alphabet(), line_offsets, line, seg, at
        ):
            if full == kernels.LINES_FULL:
                line = np.concatenate([line, np.empty_like(line)], axis=1)
            else:
                seg = np.concatenate([seg, np.empty_like(seg)], axis=1)
    line, seg = line[:, : at[2]], seg[:, : at[3]]
    return Segments(
        line_offsets=line_offsets,
        line_start=line[kernels.LINE_START].view(np.int64),
        line_end=line[kernels.LINE_END].view(np.int64),
        line_text_end=line[kernels.LINE_TEXT_END].view(np.int64),
        line_k0=line[kernels.LINE_K0],
        line_k1=line[kernels.LINE_K1],
        line_width=line[kernels.LINE_WIDTH].astype(np.int32),
        line_flags=line[kernels.LINE_FLAGS].astype(np.uint8),
        line_numbers=line[kernels.LINE_NUMBERS].astype(np.uint8),
        line_dates=line[kernels.LINE_DATES].astype(np.uint8),
        line_label=line[kernels.LINE_LABEL],
        line_rest=line[kernels.LINE_REST],
        segment_offsets=np.append(line[kernels.LINE_SEGMENTS].view(np.int64), at[3]),
        segment_start=seg[kernels.SEGMENT_START].view(np.int64),
        segment_end=seg[kernels.SEGMENT_END].view(np.int64),
        segment_k0=seg[kernels.SEGMENT_K0],
        segment_k1=seg[kernels.SEGMENT_K1],
        segment_width=seg[kernels.SEGMENT_WIDTH].astype(np.int32),
        segment_flags=seg[kernels.SEGMENT_FLAGS].astype(np.uint8),
    )


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the code-point spans of the sentences; they tile the text, and none is blank unless all is.

    A line break ends a sentence, whatever stands before it. White space belongs to the sentence before it, at
    the very beginning to the first one.

    >>> text = "Am 3. Dezember kam Dr. Müller. Er blieb."
    >>> [text[start:end] for start, end in split_sentences(text)]
    ['Am 3. Dezember kam Dr. Müller. ', 'Er blieb.']
    """
    column = Column.join([text.encode("utf-8", "surrogatepass")])
    found = segment(column)
    is_blank = np.repeat(found.line_text_end == found.line_start, np.diff(found.segment_offsets))
    starts = found.segment_start[~is_blank]
    if len(starts) == 0:
        return [(0, len(text))] if text else []
    code_points_before = np.cumsum((column.data & 0xC0) != 0x80) - 1
    bounds = [0, *code_points_before[starts[1:]].tolist(), len(text)]
    return list(itertools.pairwise(bounds))


def same_words(data: Bytes, starts_a: Ints, ends_a: Ints, starts_b: Ints, ends_b: Ints, masked: bool) -> Bools:
    """Say of pairs of byte ranges whether both have the words that equal K0 (or, `masked`, K1) claims they have.

    >>> column = Column.of(["Am 3. Dezember!", "am 3 dezember", "am 5.12.2025"])
    >>> starts, ends = column.offsets[:-1], column.offsets[1:]
    >>> same_words(column.data, starts[:-1], ends[:-1], starts[1:], ends[1:], False).tolist()
    [True, False]
    >>> same_words(column.data, starts[:-1], ends[:-1], starts[1:], ends[1:], True).tolist()
    [True, True]
    """
    same = np.empty(len(starts_a), np.bool_)
    ranges = map(frozen, map(np.ascontiguousarray, (starts_a, ends_a, starts_b, ends_b)))
    with np.errstate(over="ignore"):
        compare.compare_ranges(frozen(data), *ranges, *tables(), masked, same)
    return same


@functools.cache
def tables() -> tuple[unicode.CodePoints, lexicon.Lexicon]:
    """Return the tables in the order the kernels take them."""
    return unicode.CodePoints(*map(frozen, unicode.load())), lexicon.Lexicon(*map(frozen, lexicon.load()))


@functools.cache
def alphabet() -> plain.Alphabet:
    """Return what follows from the Unicode tables for plain words."""
    return plain.Alphabet(*map(frozen, plain.build_alphabet(tables()[0])))


def frozen(array: Any) -> Any:
    """View an array as read-only: numba would compile again for a writable one."""
    view = array.view()
    view.flags.writeable = False
    return view
