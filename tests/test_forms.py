"""Lines of JSON made of forms: what msgspec would make of the decisions one by one."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup import forms
from dedup.columns import Column
from dedup.decisions import Decision, KeptSpan
from dedup.kernels import forms as kernels
from tests import reference
from tests.corpora import hostile_texts

WHOLE = b'{"said":"of a whole document"}\n'

TEXTS = "document", "source", "file", "text"

places = st.one_of(st.sampled_from([0, 9, 10, 99, 100, 2**31 - 1]), st.integers(0, 2**31 - 1))
records = st.integers(-(2**63), 2**63 - 1)
texts = st.one_of(hostile_texts(), st.text(st.characters(exclude_categories=["Cs"]), max_size=200))


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """A decision on a span of one of three kinds."""
    start, end = draw(places), draw(places)
    keeper = KeptSpan(draw(places), draw(places))
    kind = draw(
        st.sampled_from(
            [
                {"action": "cut", "reason": "repeat", "similarity": 0.1 + 0.2, "keeper": keeper},
                {"action": "cut", "reason": "boilerplate", "documents": 7, "articles": 5, "template": "00ff"},
                {"action": "flag", "reason": "boilerplate", "why": 'a "why" with quotes'},
            ]
        )
    )  # fmt: skip
    document, source, file, text = (draw(texts) for _ in range(4))
    return Decision(
        document=document, source=source, file=file, record=draw(records), start=start, end=end, text=text, **kind
    )


def form_of(decision: Decision) -> forms.Form:
    """The form of a decision: itself, with holes."""
    fields = {name: forms.HOLES[name] for name in forms.SPAN_HOLES if hasattr(decision, name)}
    keeper = {} if decision.keeper is None else {"keeper": forms.KEPT}
    return forms.form_of(msgspec.structs.replace(decision, **fields, **keeper), forms.SPAN_HOLES)


def filled(found: list[Decision | None]) -> forms.Lines:
    """The lines of decisions; `WHOLE` for None. Every second one has its form from an earlier one, where it can."""
    spans = [decision for decision in found if decision is not None]
    rows = np.array([-1 if decision is None else spans.index(decision) for decision in found], np.int64)
    complete = forms.Lines(WHOLE, np.array([0, len(WHOLE)]))

    def given(found: list[int | None]) -> forms.Numbers:
        values = np.array([0 if number is None else number for number in found], np.int64)
        return forms.Numbers(values, np.array([number is not None for number in found], np.bool_))

    def numbers(name: str) -> forms.Numbers:
        return given([None if decision is None else getattr(decision, name) for decision in found])

    def keepers(name: str) -> forms.Numbers:
        kept = [None if decision is None else decision.keeper for decision in found]
        return given([getattr(keeper, name) if isinstance(keeper, KeptSpan) else None for keeper in kept])

    return forms.filled(
        forms.SPAN_HOLES,
        list(map(form_of, spans)),
        np.where(rows < 0, len(spans), rows),
        texts={name: forms.Texts(Column.of(getattr(one, name) for one in spans), rows) for name in TEXTS},
        numbers={
            "record": numbers("record"), "start": numbers("start"), "end": numbers("end"),
            "keeper_start": keepers("start"), "keeper_end": keepers("end"),
        },
        complete=complete,
    )  # fmt: skip


@given(st.lists(st.one_of(st.none(), decisions()), max_size=6))
def test_lines_are_what_msgspec_makes_of_the_decisions(found: list[Decision | None]) -> None:
    lines = filled(found)
    expected = [WHOLE if one is None else msgspec.json.encode(one) + b"\n" for one in found]
    assert lines.data == b"".join(expected)
    assert [lines.line(number) for number in range(len(found))] == expected


@pytest.mark.parametrize("before", [0, 1, 63, 64, 65])
def test_every_character_is_escaped_as_msgspec_does(before: int) -> None:
    for code in [*range(0x100), 0x2028, 0xE000, 0xFFFD, 0x1F600]:
        text = "a" * before + chr(code) + "b"
        decision = Decision(document=text, source="s", file="f", record=1, action="flag", reason="repeat", start=0, end=1, text="t")  # fmt: skip  # noqa: E501
        assert filled([decision]).data == msgspec.json.encode(decision) + b"\n"


def test_a_text_may_be_what_a_hole_is() -> None:
    values = {name: forms.HOLES[name] * 2 for name in TEXTS}
    decision = Decision(**values, record=10**18, start=10**18 + 3, end=10**18 + 4, action="flag", reason="repeat")
    assert filled([decision]).data == msgspec.json.encode(decision) + b"\n"


@given(st.lists(texts, max_size=5))
def test_rows_are_escaped_as_the_reference_does_inside_a_larger_buffer(rows: list[str]) -> None:
    whole = Column.of(['"', *rows, "\\"])
    inside = Column(whole.data, whole.offsets[1:-1])
    out = np.empty(6 * len(whole.data) + kernels.WIDTH, np.uint8)
    offsets = np.empty(len(inside) + 1, np.int64)
    kernels.escape(inside.data, inside.offsets, forms._marks(), out, offsets)
    assert Column(out, offsets).rows() == [reference.escaped(row.encode()) for row in rows]


@given(
    forms=st.lists(st.tuples(*[st.binary(max_size=70)] * 3), min_size=1, max_size=3),
    lines=st.lists(st.tuples(*[st.one_of(st.binary(max_size=70), records)] * 2), max_size=4),
)
def test_holes_are_filled_as_the_reference_does(
    forms: list[tuple[bytes, ...]], lines: list[tuple[bytes | int, ...]]
) -> None:
    literals = Column.join([literal for form in forms for literal in form])
    bounds = literals.offsets[np.arange(len(forms))[:, None] * 3 + np.arange(4)]
    texts = Column.join([value if isinstance(value, bytes) else b"" for values in lines for value in values])
    is_number = np.array([isinstance(value, int) for values in lines for value in values], np.bool_)
    numbers = np.array([value if isinstance(value, int) else 0 for values in lines for value in values], np.int64)
    starts = np.where(is_number, numbers, texts.offsets[:-1]).reshape(-1, 2)
    ends = np.where(is_number, kernels.NUMBER, texts.offsets[1:]).reshape(-1, 2)
    of_lines = np.arange(len(lines)) % len(forms)
    expected = [reference.filled(forms[form], values) for form, values in zip(of_lines.tolist(), lines, strict=True)]
    out = np.empty(sum(map(len, expected)) + 64, np.uint8)
    offsets = np.empty(len(lines) + 1, np.int64)
    padded = [np.frombuffer(column.data.tobytes() + bytes(64), np.uint8) for column in (literals, texts)]
    kernels.fill(padded[0], bounds, of_lines, padded[1], starts, ends, out, offsets)
    assert Column(out, offsets).rows() == expected
