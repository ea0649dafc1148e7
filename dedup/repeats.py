"""What one document says twice: the first copy stays, later ones are tied to it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from dedup.columns import Column
from dedup.config import Config
from dedup.segment import TERMINATED, Segments, same_words, segment
from dedup.unicode import fold

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

STRUCTURED_UNITS = 8
"""Different repeated units that make a page structured (meal plan, question list, table): its repeats are content.
Measured on 62 news and 313 form pages: 246 of 313 repeats on the latter were content, 3 of 62 on the former."""

STRUCTURED_TIMES = 5
"""Times that one unit stands in a structured page (a refrain, a label)."""


VERSE_UNITS, VERSE_TIMES = 4, 3
"""Four units said twice or more, one of them three times: a song with its refrain."""

CREDIT_BYTES = 80
"""Longest credit looked for at the end of a line."""

CREDITS = (
    r"\b(?:fotos?|photos?|bild(?:er)?|image|picture|pic|credits?|cr[eé]dito?s?|quelle|source|fuente|archivo?|archive"
    r"|symbolbild|symbolfoto|grafik|graphic|illustration|video|copyright|courtesy|sujet|zvg|фото|изображение"
    r"|apa|dpa|afp|ap|epa|reuters|imago|getty|keystone|shutterstock|picture alliance|alamy|efe|ansa|tass|xinhua)\b"
    r"|[©/]|图|圖|摄|攝|写真|사진|صور"
)
"""What makes a bracket at the end of a caption a credit. A bracket with anything else in it is content."""


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


def find_repeats(texts: Column, segments: Segments, marked: Bools, fragments: Bools, config: Config) -> Repeats:
    """Find later copies of lines and sentences, leaving out the lines in `marked`, which go already, and `fragments`.

    Units are equal when their folded words and symbols are, in order: punctuation, case and spacing do not matter,
    digits do. A line is also a repeat of one that differs from it only in a credit in brackets at the end of one of the
    two. Equal hashes are checked against the text.

    Not taken for units, and so never cut: pieces of hard-wrapped sentences, pieces of a bracket or of an abbreviation
    that segmentation split, what leads in a list with a colon, and headings of a table of contents.
    """
    from dedup.kernels import repeats as kernels

    result = no_repeats(segments)
    brackets = find_credits(texts, segments)
    kernels.find_repeats(
        segments.line_offsets, segments.line_k0, core_keys(texts, segments, brackets), segments.line_width,
        marked | fragments,
        segments.segment_offsets, segments.segment_k0, segments.segment_width,
        config.repeat_width, config.adjacent_repeat_width, STRUCTURED_UNITS, STRUCTURED_TIMES, VERSE_UNITS, VERSE_TIMES,
        *result,
    )  # fmt: skip
    for line in np.flatnonzero(result.line_keepers >= 0).tolist():
        if not _is_same_line(texts, segments, brackets, line, int(result.line_keepers[line])):
            result.line_keepers[line] = -1
    gone = marked | (result.line_keepers >= 0)
    for line in np.flatnonzero((result.line_keepers >= 0) & (segments.line_flags & TERMINATED == 0)).tolist():
        if _is_structure(texts, segments, gone, line, int(result.line_keepers[line])):
            result.line_keepers[line] = -1
    for copy in np.flatnonzero(result.segment_keepers >= 0).tolist():
        first, second = unit_span(segments, int(result.segment_keepers[copy])), unit_span(segments, copy)
        if not same_words(texts.data, *first, *second, masked=False) or not _is_sentence(texts, segments, copy):
            result.segment_keepers[copy] = -1
    return result


def find_credits(texts: Column, segments: Segments) -> Ints:
    """Return where the credit that closes each line begins, -1 for lines without one."""
    from dedup.kernels import repeats as kernels

    brackets = np.empty(len(segments.line_start), np.int64)
    kernels.find_brackets(texts.data, segments.line_start, segments.line_text_end, CREDIT_BYTES, brackets)
    pattern = regex.compile(CREDITS, regex.IGNORECASE)
    for line in np.flatnonzero(brackets >= 0):
        inside = texts.data[brackets[line] : segments.line_text_end[line]].tobytes().decode(errors="replace")
        if not pattern.search(inside):
            brackets[line] = -1
    return brackets


def core_keys(texts: Column, segments: Segments, brackets: Ints) -> npt.NDArray[np.uint64]:
    """Return the keys of lines without their credit, 0 for lines without one."""
    keys = np.zeros(len(brackets), np.uint64)
    lines = np.flatnonzero(brackets >= 0)
    if len(lines):
        starts = segments.line_start[lines].tolist()
        cores = [texts.data[start:end].tobytes() for start, end in zip(starts, brackets[lines].tolist(), strict=True)]
        # A line is one line still, and a core without words has the key 0.
        keys[lines] = segment(Column.join([core or b" " for core in cores])).line_k0
    return keys


def _is_same_line(texts: Column, segments: Segments, brackets: Ints, line: int, unit: int) -> bool:
    """Compare a line with the unit that is to stay, with and without the credits of either."""
    first = unit_span(segments, unit)
    start, end = int(segments.line_start[line]), int(segments.line_text_end[line])
    own = _line_of(segments, unit)
    firsts = [first] if brackets[own] < 0 else [first, (first[0], int(brackets[own]))]
    seconds = [(start, end)] if brackets[line] < 0 else [(start, end), (start, int(brackets[line]))]
    return any(same_words(texts.data, *a, *b, masked=False) for a in firsts for b in seconds)


def is_whole(text: str) -> bool:
    """Say whether a sentence stands for itself: its brackets close, and no list hangs on it.

    >>> is_whole("Der Rat tagt (am Montag)."), is_whole("Der Rat (vgl. Bl."), is_whole("Sie dürfen nicht:")
    (True, False, False)
    """
    return not leads_in(text) and all(text.count(left) == text.count(right) for left, right in ("()", "[]"))


def leads_in(text: str) -> bool:
    """Say whether a list or a quotation follows."""
    return text.rstrip().endswith((":", "："))


def _text(texts: Column, start: Any, end: Any) -> str:
    return texts.data[start:end].tobytes().decode()


def _is_sentence(texts: Column, segments: Segments, number: int) -> bool:
    """Say whether a segment is a whole sentence: its line must not go on in lower case or with a number."""
    line_end = np.searchsorted(segments.segment_offsets, number, side="right")
    after = ""
    if number + 1 < segments.segment_offsets[line_end]:
        after = _text(texts, segments.segment_start[number + 1], segments.segment_end[number + 1])
    return is_whole(_text(texts, *unit_span(segments, number))) and not regex.match(r"\W*[\p{Ll}\p{Nd}]", after)


def _is_structure(texts: Column, segments: Segments, gone: Bools, line: int, keeper: int) -> bool:
    """Say whether a line that ends openly leads in a list, or is a heading that a table of contents said first.

    The first copy of such a heading stands between lines that end openly, too. The line right below its copy, and the
    title said again, are repeats all the same. Lines that go do not count, so that the cleaned text is judged alike.
    """
    row = int(np.searchsorted(segments.line_offsets, line, side="right")) - 1
    lines = np.arange(segments.line_offsets[row], segments.line_offsets[row + 1])
    stays = lines[(segments.line_width[lines] > 0) & ~gone[lines]]
    at = int(np.searchsorted(stays, _line_of(segments, keeper)))
    above, below = stays[:at], stays[at + 1 :]
    if not len(above) or (len(below) and line < below[0]):
        return False
    if leads_in(_text(texts, segments.line_start[line], segments.line_text_end[line])):
        return True
    return bool(len(below) and not (segments.line_flags[above[-1]] | segments.line_flags[below[0]]) & TERMINATED)


def similarity(first: str, second: str) -> float:
    """Return the exact Jaccard similarity of two sentences: of their sets of three folded characters in a row.

    >>> similarity("Der Hafen am Morgen.", "DER HAFEN, am Morgen")
    1.0
    >>> round(similarity("Der Hafen am Morgen.", "Der Hafen am Morgen. (Foto: dpa)"), 2)
    0.68
    """
    if first.split() == second.split():
        return 1.0
    a, b = (" ".join(regex.findall(r"\w+", fold(text))) for text in (first, second))
    shingles_a, shingles_b = ({text[i : i + 3] for i in range(max(len(text) - 2, 1))} for text in (a, b))
    return len(shingles_a & shingles_b) / len(shingles_a | shingles_b)


def no_repeats(segments: Segments) -> Repeats:
    """Return the result for documents in which nothing is looked for."""
    return Repeats(
        np.full(len(segments.line_start), -1, np.int64),
        np.full(len(segments.segment_start), -1, np.int64),
        np.zeros(len(segments.line_offsets) - 1, np.bool_),
    )


def _line_of(segments: Segments, unit: int) -> int:
    """Return the line that a unit is or is in."""
    return int(np.searchsorted(segments.line_start, unit_span(segments, unit)[0], side="right")) - 1


def unit_span(segments: Segments, unit: int) -> tuple[int, int]:
    """Return the bytes of a unit: a segment, or a whole line without its line ending."""
    count = len(segments.segment_start)
    if unit < count:
        return int(segments.segment_start[unit]), int(segments.segment_end[unit])
    return int(segments.line_start[unit - count]), int(segments.line_text_end[unit - count])
