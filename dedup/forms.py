"""Many decisions as lines of JSON at once: what they have in common is encoded once, the rest filled in by a kernel.

A form is what msgspec makes of a decision with holes in it, so that nothing but `Decision` says what a line looks like.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dedup.columns import Column, Ints, concatenate
from dedup.decisions import Decision, KeptSpan

TEXT_HOLES = {name: chr(0xE000 + number) for number, name in enumerate(("document", "source", "file", "text"))}
NUMBER_HOLES = {
    name: 10**18 + number for number, name in enumerate(("record", "keeper_start", "keeper_end", "start", "end"))
}
"""What no form says: private characters, and numbers that are no places in a text."""

KEPT_HOLES = KeptSpan(NUMBER_HOLES["keeper_start"], NUMBER_HOLES["keeper_end"])

HOLES = ("document", "source", "file", "record", "keeper_start", "keeper_end", "start", "end", "text")
"""The holes of a form, in the order of the fields of `Decision`."""

_ENCODED_HOLES = [str(value).encode() for value in map((TEXT_HOLES | NUMBER_HOLES).__getitem__, HOLES)]

SPAN_HOLES: dict[str, Any] = TEXT_HOLES | {name: NUMBER_HOLES[name] for name in ("record", "start", "end")}
"""The fields of a decision on a span that are holes in its form."""

LONGEST_NUMBER = 20
"""Digits of a 64-bit number, or more."""

ESCAPED = 6
"""Bytes at most that a byte inside a string takes in JSON."""


class Form(NamedTuple):
    """What decisions have in common.

    Attributes:
        text: What stands between the holes, end to end.
        sizes: int64[holes + 1], the bytes of it before each hole and behind the last.
    """

    text: bytes
    sizes: Ints


class Texts(NamedTuple):
    """The texts that go into one hole.

    Attributes:
        column: Texts.
        rows: int64[lines], which of them each line has; -1 for none.
    """

    column: Column
    rows: Ints


class Numbers(NamedTuple):
    """The numbers that go into one hole.

    Attributes:
        values: int64[lines].
        are_given: bool[lines], false for the lines into which nothing goes.
    """

    values: Ints
    are_given: npt.NDArray[np.bool_]


class Lines(NamedTuple):
    """Lines of JSON.

    Attributes:
        data: The lines end to end, each with its line feed.
        offsets: int64[lines + 1], where each begins.
    """

    data: bytes
    offsets: Ints

    def line(self, number: int) -> bytes:
        """Return one of the lines."""
        return self.data[self.offsets[number] : self.offsets[number + 1]]


def form_of(decision: Decision) -> Form:
    r"""Return the form of all decisions that differ from this one in nothing but its holes.

    >>> form = form_of(Decision(**SPAN_HOLES, action="flag", reason="repeat"))
    >>> form.text[: form.sizes[0]], form.text[-form.sizes[-1] :]
    (b'{"document":"', b'"}\n')
    """
    left = msgspec.json.encode(decision) + b"\n"
    literals = []
    for sought in _ENCODED_HOLES:
        before, hole, after = left.partition(sought)
        literals.append(before if hole else b"")
        left = after if hole else left
    literals.append(left)
    return Form(b"".join(literals), np.fromiter(map(len, literals), np.int64))


def form_of_line(line: bytes) -> Form:
    """Return the form of a line that is complete: all its holes are to be left empty."""
    sizes = np.zeros(len(HOLES) + 1, np.int64)
    sizes[0] = len(line)
    return Form(line, sizes)


def filled(forms: Sequence[Form], of_lines: Ints, texts: dict[str, Texts], numbers: dict[str, Numbers]) -> Lines:
    """Fill forms in.

    Args:
        forms: The forms.
        of_lines: int64[lines], the form of each line.
        texts: What goes into each of `TEXT_HOLES`.
        numbers: What goes into each of `NUMBER_HOLES`.
    """
    from dedup.kernels import forms as kernels

    literals = np.frombuffer(b"".join(form.text for form in forms), np.uint8)
    edges = np.concatenate([[0], *(form.sizes for form in forms)]).cumsum()
    bounds = edges[np.arange(len(forms))[:, None] * (len(HOLES) + 1) + np.arange(len(HOLES) + 2)]
    starts = np.empty((len(of_lines), len(HOLES)), np.int64)
    ends = np.empty_like(starts)
    for name, (values, are_given) in numbers.items():
        starts[:, HOLES.index(name)] = np.where(are_given, values, 0)
        ends[:, HOLES.index(name)] = np.where(are_given, kernels.NUMBER, 0)
    written = _escaped(concatenate([column for column, _ in texts.values()]))
    before = 0
    for name, (column, rows) in texts.items():
        for edge, value in ((starts, written.offsets[before + rows]), (ends, written.offsets[before + rows + 1])):
            edge[:, HOLES.index(name)] = np.where(rows < 0, 0, value)
        before += len(column)
    most = int(np.where(ends == kernels.NUMBER, LONGEST_NUMBER, ends - starts).sum())
    most += int((bounds[:, -1] - bounds[:, 0])[of_lines].sum())
    out = np.empty(most, np.uint8)
    offsets = np.empty(len(of_lines) + 1, np.int64)
    kernels.fill(literals, bounds, of_lines, written.data, starts, ends, out, offsets)
    return Lines(out[: offsets[-1]].tobytes(), offsets)


@functools.cache
def _marks() -> npt.NDArray[np.uint8]:
    """Return what msgspec writes behind the backslash for each byte; 0 for one that stays: uint8[256]."""
    marks = np.zeros(256, np.uint8)
    for byte in range(128):
        encoded = msgspec.json.encode(chr(byte))[1:-1]
        marks[byte] = encoded[1] if len(encoded) > 1 else 0
    return marks


def _escaped(column: Column) -> Column:
    """Return texts as they stand between the quotes of JSON, with rubbish behind them."""
    from dedup.kernels import forms as kernels
    from dedup.kernels.vector import WIDTH

    special = sum(map(np.count_nonzero, (column.data < ord(" "), column.data == ord('"'), column.data == ord("\\"))))
    out = np.empty(len(column.data) + (ESCAPED - 1) * special + WIDTH, np.uint8)
    offsets = np.empty(len(column) + 1, np.int64)
    kernels.escape(column.data, column.offsets, _marks(), out, offsets)
    return Column(out, offsets)
