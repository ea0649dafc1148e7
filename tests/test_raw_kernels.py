"""The kernels give what their slow twins give."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedup.columns import Bytes, Ints
from dedup.kernels import raw as kernels
from tests import reference_raw as reference

CASES = settings(max_examples=200, deadline=None, derandomize=True, database=None)

TEXTS = st.text(
    st.one_of(st.sampled_from('\\"/bfnrtu\n\0,;äö€😀"'), st.characters(exclude_categories=["Cs"])),
    max_size=30,
)


def ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


def view(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)


def laid_out(values: list[bytes]) -> tuple[bytes, Ints, Ints]:
    """Put values between other bytes; return where they are."""
    data, starts, ends = b"", [], []
    for value in values:
        data += b'x\\"'
        starts.append(len(data))
        data += value
        ends.append(len(data))
    return data + b"\\", ints(starts), ints(ends)


@st.composite
def json_strings(draw: st.DrawFn) -> bytes:
    text = draw(TEXTS)
    if draw(st.booleans()):
        return json.dumps(text).encode()
    return json.dumps(text, ensure_ascii=False).replace("/", "\\/").encode()


BAD = st.sampled_from(
    [
        b"",
        b'"',
        b"1",
        b"null",
        b"[]",
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\ud800\\ud800"',
        b'"\\ud800x"',
        b'"\\uD83D\\u0041"',
    ]
)


def long_strings() -> list[bytes]:
    """Escapes at every place of what is read at once."""
    return [
        b'"' + b"x" * size + escape + b"y" * 70 + b'"' for size in range(140) for escape in (b"\\n", b"\\ud800", b"")
    ]


@CASES
@given(st.lists(st.one_of(json_strings(), BAD), max_size=5))
@example(long_strings())
def test_unescape(values: list[bytes]) -> None:
    data, starts, ends = laid_out(values)
    offsets, is_bad = np.zeros(len(values) + 1, np.int64), np.zeros(len(values), np.uint8)
    # At the end of what is read and of what is written it goes byte by byte, before that 64 at once.
    for room in (0, 64):
        out = np.zeros(int((ends - starts).sum()) + room, np.uint8)
        bad = kernels.unescape(view(data + b"\\" * room), starts, ends, out, offsets, is_bad)
        found = [
            None if flag else out[start:end].tobytes().decode()
            for flag, start, end in zip(is_bad, offsets[:-1], offsets[1:], strict=True)
        ]
        assert found == [reference.unescape(value) for value in values]
        assert bad == found.count(None)


@st.composite
def spans_in(draw: st.DrawFn, units: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Disjoint ascending spans between characters."""
    edges = [0, *np.cumsum([text for _, text in units]).tolist()]
    chosen = sorted(draw(st.lists(st.integers(0, len(edges) - 1), max_size=6)))
    return [(edges[low], edges[high]) for low, high in zip(chosen[::2], chosen[1::2], strict=False)]


def locate_all(kernel: object, data: bytes, found: list[tuple[int, int, list[tuple[int, int]]]]) -> list[object]:
    pieces = [(start, end, *span) for start, end, spans in found for span in spans]
    columns = [np.ascontiguousarray(column) for column in np.array(pieces, np.int64).reshape(-1, 4).T]
    raw_starts, raw_ends = np.zeros(len(pieces), np.int64), np.zeros(len(pieces), np.int64)
    arguments = (view(data), columns[0], columns[1], columns[2], columns[3], raw_starts, raw_ends)
    failed = kernel(*arguments)  # type: ignore[operator]
    return [failed, *zip(raw_starts.tolist(), raw_ends.tolist(), strict=True)]


@CASES
@given(st.data(), st.lists(json_strings(), min_size=1, max_size=3))
def test_locate_in_json(draw: st.DataObject, values: list[bytes]) -> None:
    data, starts, ends = laid_out(values)
    units = [reference.json_units(value) for value in values]
    spans = [draw.draw(spans_in(each)) for each in units]
    found = locate_all(kernels.locate_in_json, data, list(zip(starts, ends, spans, strict=True)))
    assert found == [
        -1,
        *(reference.locate(units[i], int(starts[i]) + 1, span) for i in range(len(values)) for span in spans[i]),
    ]


@pytest.mark.parametrize("span", [(0, 4), (4, 5), (0, 1), (1, 2)])
def test_places_that_are_not_there_are_told(span: tuple[int, int]) -> None:
    data = '"ä\\u00e4"'.encode()  # Two characters of two bytes each.
    found = locate_all(kernels.locate_in_json, data, [(0, len(data), [span])])
    # A place inside a raw character is not noticed, one inside an escape or behind the end is.
    assert (found[0] == -1) == (span[1] < 3 or span == (0, 4))


@CASES
@given(st.data(), st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from(",;\t"))
def test_cells(draw: st.DataObject, texts: list[str], delimiter: str) -> None:
    raw = []
    for text in texts:
        must = any(c in text for c in f"{delimiter}\r\n") or text[:1] == '"'
        is_quoted = must or draw.draw(st.booleans())
        raw.append('"' + text.replace('"', '""') + '"' if is_quoted else text)
    record = (delimiter.join(raw) + draw.draw(st.sampled_from(["", "\n", "\r\n"]))).encode()
    data = b"a\n" + record
    if reference.cells(record, delimiter) != texts:
        return  # A record without a single byte is none.
    for column, text in enumerate(texts):
        start, end = np.zeros(1, np.int64), np.zeros(1, np.int64)
        place = (ints([2]), ints([len(data)]), column, ord(delimiter))
        assert kernels.find_cells(view(data), *place, start, end) == -1
        cell = data[start[0] : end[0]]
        assert cell == raw[column].encode()
        units = reference.csv_units(cell)
        assert sum(size for _, size in units) == len(text.encode())
        spans = draw.draw(spans_in(units))
        found = locate_all(kernels.locate_in_cells, data, [(int(start[0]), int(end[0]), spans)])
        first = int(start[0]) + (cell[:1] == b'"')
        assert found == [-1, *(reference.locate(units, first, span) for span in spans)]


def test_a_missing_cell_is_told() -> None:
    data = b"a,b\n"
    assert kernels.find_cells(view(data), ints([0]), ints([4]), 2, ord(","), ints([0]), ints([0])) == 0


@CASES
@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_take_out(data: bytes, edges: list[int]) -> None:
    edges = sorted(min(edge, len(data)) for edge in edges)
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    gone = sum(end - start for start, end in spans)
    kept, removed = np.zeros(len(data) - gone, np.uint8), np.zeros(gone, np.uint8)
    starts, ends = ints([start for start, _ in spans]), ints([end for _, end in spans])
    assert kernels.take_out(view(data), starts, ends, kept, removed) == len(kept)
    assert (kept.tobytes(), removed.tobytes()) == reference.take_out(data, spans)


def test_each_kernel_has_one_specialisation() -> None:
    names = ("unescape", "locate_in_json", "find_cells", "locate_in_cells", "take_out")
    signatures = [getattr(getattr(kernels, name), "signatures", [()]) for name in names]
    assert all(len(each) <= 1 for each in signatures)
