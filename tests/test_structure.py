"""Tables, code, lists, verse, questions and speech: the kernels against their twins, and what they keep."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup import structure
from dedup.columns import Column
from dedup.kernels import structure as kernels
from dedup.segment import BULLET, TERMINATED, Segments, segment
from tests import reference_structure as reference
from tests.corpora import article, hostile_texts

PIECES = (
    *(
        "a",
        "Ort",
        "Grad 12",
        "9",
        "|",
        "||",
        "\t",
        "  ",
        " ",
        ",",
        ";",
        ", ",
        ": ",
        ":",
        ".",
        "! ",
        "? ",
        "?",
        "؟",
        "？",
    ),
    *("---", "===", "-", "+", "```", "~~~", "`", "{", "}", "(", ")", "foo(", "a_b", "_", '"', "'", "\\", "=", "<", ">"),
    *("> ", "://", "https://x.de/a_b?c=d", "1. ", "12) ", "a) ", "- ", "• ", "é", "日本", "\x00", "word " * 20),
    *("\n", "\n", "\n", "\n\n", "\r\n", "Die Lage.\n", "The tide is in and out,\n"),
)
ROWS = (
    ("| a | 1 |", "| b | 2 |", "| c |", "|---|---|", "| | |", "Prose.", ""),
    ("a;b;1", "a;b;2", "c;d;e"),
    ("x\ty\tz", "x\ty\t3", "Ort  Grad", "---  ---", "Prose"),
    ("k = f(1);", "f(x):", "}", "Prose", ""),
    ("```", "```python", "~~~", "Prose", "k = f(1);"),
    ("- item", "2. item", "b) item", "Prose", ""),
    ("Oh the tide, the tide", "and the barge", "and the barge.", "o", "Prose, and so much more of it " * 3, ""),
)
"""Lines of tables, of code, of lists, of poems, each among others."""

texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.sampled_from(ROWS).flatmap(lambda rows: st.lists(st.sampled_from(rows), max_size=16)).map("\n".join),
    hostile_texts(),
)


def read(text: str) -> tuple[Segments, structure.Shapes, list[str]]:
    """Return the lines of a text, among those of others, and their visible text."""
    column = Column.of(["| x | 1 |", text, "| x | 1 |"])
    segments = segment(column, 1, 2)
    spans = zip(segments.line_start.tolist(), segments.line_text_end.tolist(), strict=True)
    visible = [column.data[start:end].tobytes().decode().lstrip(" \t") for start, end in spans]
    return segments, structure.find_shapes(column, segments), visible


def twin_lines(segments: Segments, visible: list[str], gone: list[bool]) -> list[reference.Line]:
    flags = segments.line_flags.tolist()
    return [
        reference.Line(text, key, width, bool(flag & BULLET), bool(flag & TERMINATED), is_gone)
        for text, key, width, flag, is_gone in zip(
            visible, segments.line_k0.tolist(), segments.line_width.tolist(), flags, gone, strict=True
        )
    ]


def twin_shapes(lines: list[reference.Line]) -> list[reference.Shape]:
    return [reference.shape_of(line, structure.LONGEST_BYTES) for line in lines]


def as_shape(bits: int, columns: int) -> reference.Shape:
    if bits & kernels.FENCE:
        return reference.Shape(fence=chr(columns), is_bare=bool(bits & kernels.BARE))
    marks = {0: "", kernels.PIPES: "|", kernels.GAPS: " ", kernels.SEPARATORS: ","}
    kind, count = columns & ~kernels.MOST_COLUMNS, columns & kernels.MOST_COLUMNS
    flags = (bool(bits & bit) for bit in (kernels.ROW_RULE, kernels.FIGURES, kernels.CODE, kernels.ITEM))
    return reference.Shape("", False, *flags, bool(bits & kernels.QUESTION), (marks[kind], count) if kind else None)


@settings(max_examples=400)
@given(texts)
def test_shapes_are_those_of_the_twin(text: str) -> None:
    segments, shapes, visible = read(text)
    found = [as_shape(int(bits), int(columns)) for bits, columns in zip(*shapes, strict=True)]
    assert found == twin_shapes(twin_lines(segments, visible, [False] * len(visible)))


@settings(max_examples=400)
@given(texts, st.integers(0, 2**32), st.booleans())
def test_runs_are_those_of_the_twin(text: str, seed: int, firm: bool) -> None:
    segments, shapes, visible = read(text)
    gone = np.random.default_rng(seed).random(len(visible)) < 0.2
    lines = twin_lines(segments, visible, gone.tolist())
    twins = twin_shapes(lines)
    offsets, widths = segments.line_offsets, segments.line_width
    poem = reference.Poem(narrowest=8, widest=60, stanza=2, least=3, least_share=0.4)
    tables, code, lists, verse = (np.zeros(len(visible), np.bool_) for _ in range(4))
    kernels.find_tables(
        offsets, segments.line_start, segments.line_text_end, segments.line_k0, gone, *shapes, 3, firm, tables
    )
    kernels.find_code(offsets, widths, *shapes, 3, 1, code)
    kernels.find_lists(offsets, widths, gone, shapes.shapes, 3, lists)
    kernels.find_verse(offsets, widths, segments.line_flags, gone, *poem, verse)
    for found, expected in (
        (tables, reference.find_tables(lines, twins, 3, firm)),
        (code, reference.find_code(lines, twins, 3, 1)),
        (lists, reference.find_lists(lines, twins, 3)),
        (verse, reference.find_verse(lines, poem)),
    ):
        there = set(range(len(lines))) if found is code else set(np.flatnonzero(~gone).tolist())
        assert set(np.flatnonzero(found).tolist()) & there == expected & there


ROW = "| Linz | 9 Grad und leichter Regen |"
TABLE = f"| Ort | Wetter am Nachmittag |\n|---|---|\n{ROW}\n| Graz | 12 Grad und viel Sonne |\n"
CODE = "def mean_of(values):\n    total = sum(values)\n    return total / len(values)\n"
STATEMENT = "    total = sum(values) + offset_of(values)\n"
ITEM = "- zwei Esslöffel Olivenöl zum Braten\n"
LIST = f"{ITEM}- drei Zwiebeln, in feine Ringe geschnitten\n- ein halbes Bund glatte Petersilie\n"
PROSE = "Der Gemeinderat tagte am Dienstag bis spät in die Nacht hinein."


def cleaned(text: str, repeats: str = "safe") -> tuple[str, list[str]]:
    """Return a text after cleaning, and what it is flagged for."""
    result = dedup.clean([text], only="repeats", repeats=repeats)
    return result.kept[0], [d.reason for d in result.decisions if d.action == "flag"]


@pytest.mark.parametrize(
    "structure_of",
    [
        pytest.param(f"{TABLE}{ROW}\n", id="rows of a Markdown table"),
        pytest.param(f"{TABLE}\nUnd im Süden:\n\n{TABLE}", id="a table twice"),
        pytest.param("Linz\t9 Grad und leichter Regen\nGraz\t12 Grad\nLinz\t9 Grad und leichter Regen\n", id="tabs"),
        pytest.param("Linz   9 Grad, Regen   Wind aus West\nGraz   12 Grad   Süd\n" * 2,
                     id="aligned columns"),
        pytest.param("Linz;9;leichter Regen am Abend\nGraz;12;Sonne\n" * 2, id="CSV"),
        pytest.param(f"{CODE}{STATEMENT}{STATEMENT}", id="code"),
        pytest.param("```\nrun the same line of text\nrun the same line of text\n```\n", id="fenced code"),
        pytest.param(f"{LIST}\nFür die Soße:\n\n{LIST}", id="items of two lists"),
    ],
)  # fmt: skip
def test_structure_repeats_and_is_flagged(structure_of: str) -> None:
    text = f"Titel der Seite\n\n{PROSE}\n\n{structure_of}"
    assert cleaned(text) == (text, ["repeat"])


@pytest.mark.parametrize(
    "no_structure",
    [
        pytest.param("| Linz meldet 9 Grad und Regen |\n| Graz hat 12 Grad |\n", id="two rows"),
        pytest.param(f"{ITEM}- drei Zwiebeln, in feine Ringe geschnitten\n", id="two items"),
        pytest.param("Liebe Kolleg(inn)en, liebe Freund(inn)en,\n", id="a bracket inside a word"),
        pytest.param("> > Am Montag schrieb uns Frau Maier\n", id="a quoted mail"),
        pytest.param("Drei  Worte und ein weiter Abstand\n" * 2, id="one line, set wide, again and again"),
    ],
)
def test_what_only_looks_like_structure_goes(no_structure: str) -> None:
    first = no_structure.splitlines(keepends=True)[-1]
    text = f"Titel der Seite\n\n{PROSE}\n\n{no_structure}\n{PROSE} Und dann.\n\n{first}"
    result = dedup.clean([text], only="repeats", repeats="full")
    assert any(d.action == "cut" for d in result.decisions)


def test_a_line_outside_is_no_repeat_of_one_inside_a_fence() -> None:
    text = f"Titel\n\n```\n{PROSE}\n```\n\n{PROSE}\n"
    assert cleaned(text)[0] == text


def test_prose_around_a_table_repeats_as_ever() -> None:
    text = f"Titel der Seite\n\n{PROSE}\n\n{TABLE}{ROW}\n\n{PROSE}\n"
    assert cleaned(text, "full") == (f"Titel der Seite\n\n{PROSE}\n\n{TABLE}{ROW}\n\n", ["repeat"])


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("| Platz | Verein | Punkte nach 12 Runden |\n|---|---|---|\n", id="head of a table"),
        pytest.param("Rang;Verein;Spiele und Punkte\n1;SK Kaltach 1912;Herbstmeister\n2;FC Lindenfurt 04;Zweiter\n",
                     id="CSV"),
        pytest.param("```\ncurl the page and keep the result\n```\n", id="fenced code"),
        pytest.param("Layer.open({ name: page_name });\nLayer.push({ event: page_event });\nLayer.send(page_queue);\n",
                     id="code"),
    ],
)  # fmt: skip
def test_tables_and_code_are_no_boilerplate(block: str) -> None:
    rng = random.Random(1)
    texts = [f"{article(rng)}\n{block}| {n} | SK Kaltach | {30 + n} |\n" for n in range(6)]
    result = dedup.clean([{"id": str(n), "source": "a", "text": text} for n, text in enumerate(texts)])
    assert [document["text"] for document in result.kept] == texts


def test_a_footer_set_with_pipes_is_boilerplate() -> None:
    rng = random.Random(1)
    foot = "Impressum | Datenschutz | Kontakt\nPolitik | Kultur | Wirtschaft\nWetter | Verkehr | Veranstaltungen\n"
    texts = [article(rng) for _ in range(6)]
    result = dedup.clean([{"id": str(n), "source": "a", "text": text + foot} for n, text in enumerate(texts)])
    assert [document["text"] for document in result.kept] == texts


def test_known_boilerplate_goes_even_if_it_looks_like_code() -> None:
    snippet = "dataLayer = getLayer({});\nsend(dataLayer, 1);\ntrack(dataLayer, 2);\n"
    known = tuple(snippet.splitlines())
    result = dedup.clean([f"{PROSE}\n{snippet}"], known_boilerplate=known)
    assert result.kept == [f"{PROSE}\n"]
