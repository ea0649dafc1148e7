"""What goes from the texts of one batch: boilerplate first, then repeats in what is left."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import boilerplate, protection, repeats, structure
from dedup.columns import Column
from dedup.config import Config
from dedup.edit import remove_spans, take_rows
from dedup.fragments import Wrapping, find_fragments
from dedup.markdown import find_markup
from dedup.policy import Cuts, cut, in_original, ordered, spans_of, suspect
from dedup.segment import Segments, segment

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MOST_ROUNDS = 10
"""A sentence that goes can make its line equal to another one, whose going ... Each round needs one to have gone."""


class Findings(NamedTuple):
    """What was found in a batch.

    Attributes:
        cuts: The spans that go.
        suspicions: The lines that nearly went as boilerplate.
        protected: What would have gone, but is protected by the user.
        whole: bool[documents], every line is boilerplate, so all of them stay.
        structured: bool[documents], has repeats that stay, since they may be meant.
    """

    cuts: Cuts
    suspicions: Cuts
    protected: Cuts
    whole: Bools
    structured: Bools

    @property
    def spans(self) -> tuple[Cuts, Cuts, Cuts]:
        """All that decisions quote: cuts, suspicions, and what is protected."""
        return self.cuts, self.suspicions, self.protected


def find(
    texts: Column,
    source_keys: npt.NDArray[np.uint64],
    templates: boilerplate.Templates,
    config: Config,
    segments: Segments | None = None,
) -> Findings:
    """Find what goes from some texts.

    Args:
        texts: The texts.
        source_keys: uint64[texts], a hash of the name of each one's source.
        templates: The boilerplate of all sources.
        config: Says which kinds of duplication are looked for.
        segments: The segments of the texts, where they are at hand.
    """
    if config.only == ("articles",):
        nothing = np.zeros(len(texts), np.bool_)
        return Findings(Cuts.none(), Cuts.none(), Cuts.none(), nothing, nothing)
    segments = segment(texts) if segments is None else segments
    lines = _Lines.of(texts, segments)
    marks = (
        boilerplate.mark(templates, texts, segments, lines.wrapping, lines.markup, lines.fixed, source_keys, config)
        if len(templates.keys)
        else boilerplate.no_marks(segments)
    )
    found = repeats.no_repeats(segments)
    if "repeats" in config.only:
        found = _find_repeats(texts, lines, marks.marked, config)
    protected = _protect(texts, segments, marks, found, config)
    cuts = cut(texts, segments, marks, found)
    if (found.segment_keepers >= 0).any():
        rows = _rows_with_sentences(segments, found)
        cuts, protected = _until_nothing_repeats(texts, cuts, protected, rows, config)
    return Findings(cuts, suspect(texts, segments, marks), protected, marks.whole, found.structured)


class _Lines(NamedTuple):
    """Some texts, and what their lines are.

    Attributes:
        segments: Lines and sentences.
        wrapping: How the texts are wrapped.
        markup: bool[lines], no paragraphs of Markdown.
        shapes: What the lines are made of.
        fixed: bool[lines], rows of tables with figures, and code.
    """

    segments: Segments
    wrapping: Wrapping
    markup: Bools
    shapes: structure.Shapes
    fixed: Bools

    @classmethod
    def of(cls, texts: Column, segments: Segments) -> _Lines:
        """Look at the lines of texts."""
        shapes = structure.find_shapes(texts, segments)
        fragments, markup = find_fragments(texts, segments), find_markup(texts, segments)
        return cls(segments, fragments, markup, shapes, structure.find_fixed(segments, shapes))


def _find_repeats(texts: Column, lines: _Lines, marked: Bools, config: Config) -> repeats.Repeats:
    """Find repeats in lines whose repetition is no content.

    What recurs in lines of Markdown that are no units stays, too, but says that a page is built of repetition.
    """
    forms = structure.find_forms(lines.segments, lines.shapes, lines.fixed, marked)
    fragments = lines.wrapping.fragments
    found = repeats.find_repeats(texts, lines.segments, marked, fragments, lines.shapes, forms, config)
    repeats.spare(found, lines.segments, lines.markup)
    return found


def _protect(
    texts: Column, segments: Segments, marks: boilerplate.Marks, found: repeats.Repeats, config: Config
) -> Cuts:
    """Take back what is protected by the user, and return it as if it were cut."""
    if not config.protect:
        return Cuts.none()
    lines, sentences = (segments.line_start, segments.line_text_end), (segments.segment_start, segments.segment_end)
    spans = []
    for target, stays, (starts, ends), is_line in (
        (marks.marked, False, lines, True),
        (found.line_keepers, -1, lines, False),
        (found.segment_keepers, -1, sentences, False),
    ):
        units = np.flatnonzero(target != stays)
        units = units[protection.protected(texts, starts[units], ends[units], config.protect)]
        target[units] = stays
        spans.append(np.stack([starts[units], ends[units], units if is_line else np.full(len(units), -1)]))
    starts, ends, of_lines = np.array(sorted(np.concatenate(spans, axis=1).T.tolist()), np.int64).reshape(-1, 3).T
    return spans_of(texts, starts, ends, marks, of_lines)


def _rows_with_sentences(segments: Segments, found: repeats.Repeats) -> Ints:
    """Return the documents that lose a sentence from inside a line."""
    lines = np.searchsorted(segments.segment_offsets, np.flatnonzero(found.segment_keepers >= 0), side="right") - 1
    return np.unique(np.searchsorted(segments.line_offsets, lines, side="right") - 1)


def _until_nothing_repeats(texts: Column, cuts: Cuts, protected: Cuts, rows: Ints, config: Config) -> tuple[Cuts, Cuts]:
    """Look again at texts whose lines changed, so that cleaning the result once more would change nothing.

    Returns the cuts and what is protected, with what was found on the way.
    """
    for _ in range(MOST_ROUNDS):
        changed = take_rows(texts, rows)
        of_rows = [cuts.of(int(row)) for row in rows]
        before = Cuts.join([part._replace(documents=np.full(len(part.starts), i)) for i, part in enumerate(of_rows)])
        stored = remove_spans(changed, before.documents, before.starts, before.ends)
        lines = _Lines.of(stored, segment(stored))
        marks = boilerplate.no_marks(lines.segments)
        found = _find_repeats(stored, lines, marks.marked, config)
        spared = _protect(stored, lines.segments, marks, found, config)
        protected = ordered([protected, in_original(texts, cuts, spared, rows)])
        more = cut(stored, lines.segments, marks, found)
        if not len(more.documents):
            break
        cuts = ordered([cuts, in_original(texts, cuts, more, rows)])
        rows = rows[np.unique(more.documents)]
    return cuts, protected
