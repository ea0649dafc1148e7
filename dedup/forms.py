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
from dedup.model import Span

HOLES: dict[str, Any] = {
    "document": "\ue000",
    "source": "\ue001",
    "file": "\ue002",
    "record": 10**18,
    "similarity": 1e-300,
    "similarity_original": 1e-301,
    "containment": 1e-302,
    "keeper": "\ue003",
    "keeper_start": 10**18 + 1,
    "keeper_end": 10**18 + 2,
    "keeper_file": "\ue004",
    "keeper_record": 10**18 + 3,
    "cuts": [Span(10**18 + 4, 10**18 + 5)],
    "start": 10**18 + 6,
    "end": 10**18 + 7,
    "text": "\ue005",
}
"""What is put into a decision to leave a hole there, in the order of its fields: what no form says."""

SPAN_HOLES = "document", "source", "file", "record", "keeper_start", "keeper_end", "start", "end", "text"
"""The holes of decisions on spans, in the order of the fields of `Decision`."""

DOCUMENT_HOLES = (
    "document", "source", "file", "record", "similarity", "similarity_original", "containment",
    "keeper", "keeper_file", "keeper_record", "cuts",
)  # fmt: skip
"""Those of decisions on documents as a whole."""

PLACE = {name: HOLES[name] for name in ("document", "source", "file", "record")}
"""The fields of every decision that are holes."""

KEPT = KeptSpan(HOLES["keeper_start"], HOLES["keeper_end"])
"""The keeper of a decision on a repeat."""

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


NO_LINES = Lines(b"", np.zeros(1, np.int64))


def form_of(decision: Decision, holes: Sequence[str]) -> Form:
    r"""Return the form of all decisions that differ from this one in nothing but its holes.

    Args:
        decision: The decision; `HOLES` has what is in the fields that are holes.
        holes: The holes that there may be, in the order of the fields.

    >>> form = form_of(Decision(**PLACE, action="flag", reason="repeat"), SPAN_HOLES)
    >>> form.text[: form.sizes[0]], form.text[-form.sizes[-1] :]
    (b'{"document":"', b',"action":"flag","reason":"repeat"}\n')
    """
    left = msgspec.json.encode(decision) + b"\n"
    literals = []
    for name in holes:
        before, hole, after = left.partition(msgspec.json.encode(HOLES[name]).strip(b'"'))
        literals.append(before if hole else b"")
        left = after if hole else left
    literals.append(left)
    return Form(b"".join(literals), np.fromiter(map(len, literals), np.int64))


def filled(
    holes: Sequence[str],
    forms: Sequence[Form],
    of_lines: Ints,
    texts: dict[str, Texts],
    numbers: dict[str, Numbers],
    *,
    encoded: dict[str, Texts] | None = None,
    complete: Lines = NO_LINES,
) -> Lines:
    """Fill forms in.

    Args:
        holes: The holes that they have, in the order of the fields.
        forms: The forms.
        of_lines: int64[lines], the form of each line; behind the forms the rows of `complete`.
        texts: What goes into holes as a string.
        numbers: What goes into holes as an integer.
        encoded: What goes into holes as it is: JSON already.
        complete: Lines to which nothing is to be added.
    """
    from dedup.kernels import forms as kernels

    literals = np.frombuffer(b"".join([*(form.text for form in forms), complete.data]), np.uint8)
    bounds = _bounds(len(holes), forms, complete)
    starts = np.zeros((len(of_lines), len(holes)), np.int64)
    ends = np.zeros_like(starts)
    for name, (values, are_given) in numbers.items():
        starts[:, holes.index(name)] = np.where(are_given, values, 0)
        ends[:, holes.index(name)] = np.where(are_given, kernels.NUMBER, 0)
    written = _escaped(concatenate([column for column, _ in texts.values()]))
    if encoded:
        written = concatenate([written, *(column for column, _ in encoded.values())])
    before = 0
    for name, (column, rows) in (texts | (encoded or {})).items():
        for edge, value in ((starts, written.offsets[before + rows]), (ends, written.offsets[before + rows + 1])):
            edge[:, holes.index(name)] = np.where(rows < 0, 0, value)
        before += len(column)
    most = int(np.where(ends == kernels.NUMBER, LONGEST_NUMBER, ends - starts).sum())
    most += int((bounds[:, -1] - bounds[:, 0])[of_lines].sum())
    out = np.empty(most, np.uint8)
    offsets = np.empty(len(of_lines) + 1, np.int64)
    kernels.fill(literals, bounds, of_lines, written.data, starts, ends, out, offsets)
    return Lines(out[: offsets[-1]].tobytes(), offsets)


def _bounds(holes: int, forms: Sequence[Form], complete: Lines) -> Ints:
    """Return where the literals of forms begin, and where the last ends: int64[forms + lines, holes + 2]."""
    sizes = np.zeros((len(forms) + len(complete.offsets) - 1, holes + 1), np.int64)
    if forms:
        sizes[: len(forms)] = np.stack([form.sizes for form in forms])
    sizes[len(forms) :, 0] = np.diff(complete.offsets)
    ends = np.cumsum(sizes).reshape(sizes.shape)
    return np.concatenate([ends[:, :1] - sizes[:, :1], ends], axis=1)


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
