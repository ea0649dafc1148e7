"""What goes from texts and what nearly went, quoted: noted while the texts are at hand, told when all is decided.

Quotes that are kept take 40 bytes and their text each; beyond a small buffer they are in the work folder
(`dedup.spill`). To note and to read them takes a fifth of the time of reading their documents once more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.columns import Column, decoded
from dedup.edit import take_spans, to_characters
from dedup.policy import Cuts
from dedup.repeats import similarity
from dedup.spill import Room, Table

CUT, SUSPICION, PROTECTED = range(3)
"""What a span is: it goes; it nearly went as boilerplate; it would have gone, but is protected by the user."""

SPAN = np.dtype(
    [
        ("document", np.int32), ("what", np.int32), ("template", np.int32), ("start", np.int32), ("end", np.int32),
        ("keeper_start", np.int32), ("keeper_end", np.int32), ("bytes", np.int32), ("reason", np.int32),
        ("context", np.int32), ("similarity", np.float64),
    ]
)  # fmt: skip
"""A span: its place in code points, that of the first copy of a repeat that goes (else -1) and the similarity to it
(else 0), the row of boilerplate in `Templates` (else -1), how long it is, and the reason and the context of boilerplate
(`Cuts`)."""

BUFFER_SHARE = 8
"""Quotes are written and read once, in order, so that a small part of the usual buffer is enough."""

PORTION_SPANS, PORTION_BYTES = 8000, 1 << 20
"""Batches are read together until they have so many spans or so much text."""


class Quotes(NamedTuple):
    """The spans of some documents, ascending by document, then by what they are, then by place.

    Attributes:
        spans: SPAN[spans].
        texts: What each says.
    """

    spans: npt.NDArray[Any]
    texts: Column

    @classmethod
    def none(cls) -> Quotes:
        """Return no quotes."""
        return cls(np.zeros(0, SPAN), Column.of([]))

    def among(self, first: int, last: int) -> Quotes:
        """Return the quotes of the documents from `first` to `last`, inclusive."""
        low, high = np.searchsorted(self.spans["document"], np.array([first, last + 1], np.int32)).tolist()
        return Quotes(self.spans[low:high], Column(self.texts.data, self.texts.offsets[low : high + 1]))


def quoted(texts: Column, cuts: Cuts, suspicions: Cuts, protected: Cuts) -> Quotes:
    """Quote spans of texts; document i is row i of `texts`."""
    kinds = cuts, suspicions, protected
    if not any(len(kind.documents) for kind in kinds):
        return Quotes.none()
    what = np.repeat(np.arange(len(kinds)), [len(kind.documents) for kind in kinds])
    found = Cuts.join(list(kinds))
    order = np.lexsort((what, found.documents))
    what, found = what[order], Cuts._make(column[order] for column in found)
    bases = texts.offsets[found.documents]
    says = take_spans(texts, found.documents, found.starts, found.ends)
    spans = np.zeros(len(order), SPAN)
    spans["document"], spans["what"], spans["template"] = found.documents, what, found.templates
    spans["reason"], spans["context"] = found.reasons, found.contexts
    spans["start"] = to_characters(texts, found.documents, found.starts)
    spans["end"] = spans["start"] + found.characters
    spans["bytes"] = says.sizes
    spans["keeper_start"] = spans["keeper_end"] = -1
    repeats = np.flatnonzero((what == CUT) & (found.templates < 0))
    rows, starts, ends = (column[repeats] for column in (found.documents, found.keeper_starts, found.keeper_ends))
    spans["keeper_start"][repeats] = to_characters(texts, rows, starts)
    spans["keeper_end"][repeats] = to_characters(texts, rows, ends)
    keepers = decoded(texts.data, bases[repeats] + starts, bases[repeats] + ends)
    copies = decoded(says.data, says.offsets[repeats], says.offsets[repeats + 1])
    spans["similarity"][repeats] = list(map(similarity, keepers, copies))
    return Quotes(spans, says)


class KeptQuotes:
    """The quotes of a whole corpus, batch by batch."""

    def __init__(self, room: Room) -> None:
        """Keep nothing yet."""
        small = dataclasses.replace(room, buffer_bytes=room.buffer_bytes // BUFFER_SHARE)
        self._spans, self._texts = Table(small, (SPAN,)), Table(small, (np.uint8,))
        self._sizes: list[tuple[int, int]] = []
        self.is_complete = False

    def add(self, quotes: Quotes, before: int) -> None:
        """Keep the quotes of a batch, `before` documents of the corpus being before it."""
        if len(quotes.spans):
            spans = quotes.spans.copy()
            spans["document"] += before
            self._spans.add(spans)
            self._texts.add(quotes.texts.data)
            self._sizes.append((len(spans), len(quotes.texts.data)))

    def complete(self) -> None:
        """Say that all batches were added."""
        self._spans.close()
        self._texts.close()
        self.is_complete = True

    def portions(self) -> Iterator[Quotes]:
        """Yield the quotes of some batches at a time."""
        start, end = np.zeros(2, np.int64), np.zeros(2, np.int64)
        for number, size in enumerate(self._sizes, start=1):
            end += size
            if number == len(self._sizes) or (end - start >= (PORTION_SPANS, PORTION_BYTES)).any():
                spans = self._spans.ranges(start[:1], end[:1])
                offsets = np.concatenate([[0], np.cumsum(spans["bytes"], dtype=np.int64)])
                yield Quotes(spans, Column(self._texts.ranges(start[1:], end[1:]), offsets))
                start[:] = end
