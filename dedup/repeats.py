"""What one document says twice: the first copy stays, later ones are tied to it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import accidents, sentences
from dedup.captions import Captions, caption_keys, find_captions
from dedup.columns import Column
from dedup.config import Config
from dedup.segment import TERMINATED, Segments, same_words
from dedup.structure import Shapes, repeating
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


SIGNS = re.compile(r"[{}\\^~@`$§%]|(?<!\S)-+(?=\w)")
"""Signs that change what a line says: of code and options. Typography does not."""

NEVER = 1 << 40
"""More than any document has."""


class Repeats(NamedTuple):
    """The later copies in a batch of documents.

    Attributes:
        line_keepers: int64[lines], the unit that stays instead of the line, -1 where it stays: segment s of the batch
            is unit s, line l as a whole is unit `segments + l`.
        segment_keepers: int64[segments], the same for sentences of lines that stay.
        structured: bool[documents], says something more than once that stays, since it may be meant.
    """

    line_keepers: Ints
    segment_keepers: Ints
    structured: Bools


def find_repeats(
    texts: Column,
    segments: Segments,
    marked: Bools,
    fragments: Bools,
    shapes: Shapes,
    forms: Bools,
    config: Config,
) -> Repeats:
    """Find later copies of lines and sentences, leaving out the lines in `marked`, which go already, and `fragments`.

    Units are equal when their folded words and symbols are, in order: punctuation, case and spacing do not matter,
    digits do. A line is also a repeat of one that differs from it only in the credit of a picture at the end or in a
    label of pictures at the beginning, "Im Bild: ...", of one of the two. Equal hashes are checked against the text.

    Not taken for units, and so never cut: pieces of hard-wrapped sentences, sentences whose ends are not sure, what
    leads in a list with a colon, and headings of a table of contents. What stands in `forms`, lines whose repetition
    is content, stays. So does, unless `config.repeats` asks for all, what is no accident of the page.
    """
    from dedup.kernels import repeats as kernels
    from dedup.kernels.slots import SECRET

    result = no_repeats(segments)
    captions = find_captions(texts, segments)
    is_full = config.repeats == "full"
    structured = (STRUCTURED_UNITS, STRUCTURED_TIMES, VERSE_UNITS, VERSE_TIMES) if is_full else (NEVER,) * 4
    with np.errstate(over="ignore"):
        kernels.find_repeats(
            segments.line_offsets, segments.line_k0, caption_keys(texts, segments, captions), segments.line_width,
            marked | fragments,
            segments.segment_offsets, segments.segment_k0, segments.segment_width,
            config.repeat_width, config.adjacent_repeat_width, *structured, SECRET, *result,
        )  # fmt: skip
    lines = np.flatnonzero(result.line_keepers >= 0)
    result.line_keepers[lines[~_are_same(texts, segments, captions, lines, result.line_keepers[lines])]] = -1
    if not is_full:
        _keep_other_signs(texts, segments, result.line_keepers)
    before = _count_copies(segments, result)
    spare(result, segments, forms)
    result.structured[repeating(segments, forms, config.repeat_width)] = True
    gone = marked | (result.line_keepers >= 0)
    stays = np.flatnonzero((segments.line_width > 0) & ~gone)
    lines = np.flatnonzero((result.line_keepers >= 0) & (segments.line_flags & TERMINATED == 0))
    if not is_full:
        lines = lines[accidents.is_rare(result.line_keepers, lines)]
    for line, keeper in zip(lines.tolist(), _lines_of(segments, result.line_keepers[lines]).tolist(), strict=True):
        if _is_structure(texts, segments, stays, line, keeper):
            result.line_keepers[line] = -1
    if not is_full:
        accidents.keep_meant(
            texts, segments, captions, shapes.shapes, marked, fragments,
            (config.repeat_width, config.adjacent_repeat_width), result.line_keepers, result.segment_keepers,
        )  # fmt: skip
        result.structured[before > _count_copies(segments, result)] = True
    copies = np.flatnonzero(result.segment_keepers >= 0)
    firsts, seconds = unit_spans(segments, result.segment_keepers[copies]), unit_spans(segments, copies)
    same = same_words(texts.data, *firsts, *seconds, masked=False)
    result.segment_keepers[copies[~_are_sentences(texts, segments, copies, same, result.segment_keepers)]] = -1
    return result


def _count_copies(segments: Segments, found: Repeats) -> Ints:
    """Return how many units of each document are to go: int64[documents]."""
    copies = np.flatnonzero(found.line_keepers >= 0)
    parts = np.flatnonzero(found.segment_keepers >= 0)
    lines = np.concatenate([copies, np.searchsorted(segments.segment_offsets, parts, side="right") - 1])
    rows = np.searchsorted(segments.line_offsets, lines, side="right") - 1
    return np.bincount(rows, minlength=len(segments.line_offsets) - 1)


def spare(found: Repeats, segments: Segments, spared: Bools) -> None:
    """Take back the repeats that are, or have their first copy, in the lines of `spared`."""
    inside = np.repeat(spared, np.diff(segments.segment_offsets))
    starts = np.concatenate([segments.segment_start, segments.line_start])
    for keepers, own in ((found.line_keepers, spared), (found.segment_keepers, inside)):
        units = np.flatnonzero(keepers >= 0)
        first = np.searchsorted(segments.line_start, starts[keepers[units]], side="right") - 1
        keepers[units[own[units] | spared[first]]] = -1


def _are_same(texts: Column, segments: Segments, captions: Captions, lines: Ints, units: Ints) -> Bools:
    """Compare each line with the unit that is to stay, with and without label and credit of either: bool[lines]."""
    whole, own = unit_spans(segments, units), _lines_of(segments, units)
    firsts = whole, (np.maximum(whole[0], captions.starts[own]), captions.ends[own])
    seconds = (
        (segments.line_start[lines], segments.line_text_end[lines]),
        (captions.starts[lines], captions.ends[lines]),
    )
    same = np.zeros(len(lines), np.bool_)
    for start_a, end_a in firsts:
        for start_b, end_b in seconds:
            left = np.flatnonzero(~same & (start_a < end_a) & (start_b < end_b))
            same[left] = same_words(texts.data, start_a[left], end_a[left], start_b[left], end_b[left], masked=False)
    return same


def _keep_other_signs(texts: Column, segments: Segments, line_keepers: Ints) -> None:
    """Take back copies of lines with other signs than the first copy: "Wie {, aber ..." and "Wie }, aber ..."."""
    lines = np.flatnonzero(line_keepers >= 0)
    starts, ends = unit_spans(segments, line_keepers[lines])
    for line, start, end in zip(lines.tolist(), starts.tolist(), ends.tolist(), strict=True):
        own = texts.data[segments.line_start[line] : segments.line_text_end[line]].tobytes()
        first = texts.data[start:end].tobytes()
        if own.strip() != first.strip() and SIGNS.findall(own.decode()) != SIGNS.findall(first.decode()):
            line_keepers[line] = -1


def _text(texts: Column, start: Any, end: Any) -> str:
    return texts.data[start:end].tobytes().decode()


def _are_sentences(texts: Column, segments: Segments, copies: Ints, same: Bools, keepers: Ints) -> Bools:
    """Say which copies are whole sentences for sure, as their first copies are: bool[copies].

    Of copies that follow one another as their first copies do, all go or none.
    """
    whole = same.copy()
    for at, copy in enumerate(copies.tolist()):
        whole[at] &= _is_sentence(texts, segments, copy) and _is_sentence(texts, segments, int(keepers[copy]))
    begins = np.flatnonzero((np.diff(copies, prepend=-2) != 1) | (np.diff(keepers[copies], prepend=-2) != 1))
    if len(begins):
        whole = np.repeat(np.logical_and.reduceat(whole, begins), np.diff(begins, append=len(copies)))
    return whole


def _is_sentence(texts: Column, segments: Segments, unit: int) -> bool:
    """Say whether a unit is surely a whole sentence, or a whole line."""
    if unit >= len(segments.segment_start):
        return True
    line = int(np.searchsorted(segments.segment_offsets, unit, side="right")) - 1
    row = int(np.searchsorted(segments.line_offsets, line, side="right")) - 1
    first, last = segments.segment_offsets[line : line + 2].tolist()
    if last - first == 1:
        return True
    before, text, after = (
        _text(texts, segments.segment_start[number], segments.segment_end[number]) if first <= number < last else ""
        for number in (unit - 1, unit, unit + 1)
    )
    start, end = texts.offsets[row : row + 2].tolist()
    document = texts.data[start : min(end, start + sentences.SEARCHED)].tobytes().decode(errors="ignore")
    return sentences.is_sentence(before, text, after, document)


def _is_structure(texts: Column, segments: Segments, stays: Ints, line: int, keeper: int) -> bool:
    """Say whether a line that ends openly leads in a list, or is a heading that a table of contents said first.

    The first copy of such a heading stands between lines that end openly, too. The line right below its copy, and the
    title said again, are repeats all the same. Only lines that stay count, so that the cleaned text is judged alike.
    """
    row = int(np.searchsorted(segments.line_offsets, line, side="right")) - 1
    first, last = np.searchsorted(stays, segments.line_offsets[row : row + 2]).tolist()
    at = int(np.searchsorted(stays, keeper))
    has_below = at + 1 < last
    if at == first or (has_below and line < stays[at + 1]):
        return False
    if sentences.leads_in(_text(texts, segments.line_start[line], segments.line_text_end[line])):
        return True
    return has_below and all(_ends_openly(texts, segments, int(stays[near])) for near in (at - 1, at + 1))


def _ends_openly(texts: Column, segments: Segments, line: int) -> bool:
    """Say whether a line ends like no sentence; Thai and the like have no full stop, and so never do."""
    if segments.line_flags[line] & TERMINATED:
        return False
    text = _text(texts, segments.line_start[line], segments.line_text_end[line])
    import regex

    return not regex.search(r"\p{Line_Break=SA}\Z", text)


def similarity(first: str, second: str) -> float:
    """Return the exact Jaccard similarity of two sentences: of their sets of three folded characters in a row.

    >>> similarity("Der Hafen am Morgen.", "DER HAFEN, am Morgen")
    1.0
    >>> round(similarity("Der Hafen am Morgen.", "Der Hafen am Morgen. (Foto: dpa)"), 2)
    0.68
    """
    # Nearly all are equal but for the line end, and so without a look at their words.
    if first.strip() == second.strip() or first.split() == second.split():
        return 1.0
    import regex

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


def _lines_of(segments: Segments, units: Ints) -> Ints:
    """Return the line that each unit is or is in."""
    return np.searchsorted(segments.line_start, unit_spans(segments, units)[0], side="right") - 1


def unit_spans(segments: Segments, units: Ints) -> tuple[Ints, Ints]:
    """Return the bytes of units: where segments, or whole lines without their line endings, start and end."""
    count = len(segments.segment_start)
    is_line = units >= count
    lines, parts = np.where(is_line, units - count, 0), np.where(is_line, 0, units)
    return (
        np.where(is_line, segments.line_start[lines], segments.segment_start[parts]),
        np.where(is_line, segments.line_text_end[lines], segments.segment_end[parts]),
    )
