"""Repeats: the kernels against their twins, and what does and does not count as said twice."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup.columns import Column
from dedup.decisions import KeptSpan
from dedup.kernels import repeats as kernels
from dedup.kernels.slots import SECRET
from dedup.segment import segment, tables
from tests import reference
from tests.corpora import CREDIT_WORDS, hostile_texts, repetitive_texts, sentence

CAPTION = "Die neue Brücke über den Fluss wurde am Samstag feierlich eröffnet."
OTHER = "Hunderte Menschen kamen trotz des Regens zur Feier an das Seeufer."

KEYS = st.integers(0, 6)
WIDTHS = st.sampled_from([0, 10, 15, 20, 25, 40])


MODES = st.sampled_from(["safe", "full"])


@st.composite
def lines(draw: st.DrawFn) -> reference.Line:
    sentences = draw(st.lists(st.tuples(KEYS, WIDTHS), min_size=1, max_size=3))
    key, width = sentences[0] if len(sentences) == 1 else (draw(KEYS) and draw(KEYS) + 10, draw(WIDTHS))
    return reference.Line(key, draw(KEYS), width, draw(st.integers(0, 5)) == 0, sentences)


LIMITS = st.builds(
    reference.Limits,
    least=st.just(25),
    least_adjacent=st.just(15),
    most_units=st.integers(2, 8),
    most_times=st.integers(3, 6),
    verse_units=st.integers(2, 4),
    verse_times=st.integers(2, 4),
)


@settings(max_examples=200)
@given(st.lists(st.lists(lines(), max_size=8), min_size=1, max_size=3), LIMITS)
def test_repeats_are_those_of_the_twin(rows: list[list[reference.Line]], limits: reference.Limits) -> None:
    flat = [line for row in rows for line in row]
    sentences = [sentence for line in flat for sentence in line.sentences]
    line_offsets = np.cumsum([0, *map(len, rows)])
    segment_offsets = np.cumsum([0, *(len(line.sentences) for line in flat)])
    line_keepers, segment_keepers = np.full(len(flat), -1), np.full(len(sentences), -1)
    structured = np.zeros(len(rows), np.bool_)
    with np.errstate(over="ignore"):
        kernels.find_repeats(
            line_offsets,
            np.array([line.key for line in flat], np.uint64),
            np.array([line.core for line in flat], np.uint64),
            np.array([line.width for line in flat], np.int32),
            np.array([line.is_marked for line in flat], np.bool_),
            segment_offsets,
            np.array([key for key, _ in sentences], np.uint64),
            np.array([width for _, width in sentences], np.int32),
            *limits,
            SECRET,
            line_keepers,
            segment_keepers,
            structured,
        )
    for row, row_lines in enumerate(rows):
        first = int(line_offsets[row])

        def number(unit: reference.Unit, first: int = first) -> int:
            kind, line, place = unit
            return len(sentences) + first + line if kind == "line" else int(segment_offsets[first + line]) + place

        goes, is_structured = reference.find_repeats(row_lines, limits)
        assert structured[row] == is_structured
        found = {
            ("line", line, 0): int(line_keepers[first + line])
            for line in range(len(row_lines))
            if line_keepers[first + line] >= 0
        } | {
            ("sentence", line, place): int(segment_keepers[segment_offsets[first + line] + place])
            for line in range(len(row_lines))
            for place in range(len(row_lines[line].sentences))
            if segment_keepers[segment_offsets[first + line] + place] >= 0
        }
        assert found == {unit: number(keeper) for unit, keeper in goes.items()}


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[list[str], list[list[list[bool]]]]:
    """Texts, and which sentences of which lines go."""
    pieces = st.sampled_from(
        ["Eins kam. ", "Zwei ging.  ", "Drei\tblieb. \t", "\n", "\r\n", "  \n", "vier", "日本。本日。"]
    )
    texts = ["".join(parts) for parts in draw(st.lists(st.lists(pieces, max_size=10), min_size=1, max_size=3))]
    found = segment(Column.of(texts))
    going = []
    for row in range(len(texts)):
        going.append(
            [
                [draw(st.booleans()) for _ in range(found.segment_offsets[line], found.segment_offsets[line + 1])]
                if found.line_width[line]
                else [False]
                for line in range(found.line_offsets[row], found.line_offsets[row + 1])
            ]
        )
    return texts, going


@settings(max_examples=200)
@given(marked_texts(), st.sampled_from(["marked", "line", "segments"]))
def test_spans_are_those_of_the_twin(case: tuple[list[str], list[list[list[bool]]]], way: str) -> None:
    texts, going = case
    column = Column.of(texts)
    found = segment(column)
    lines = [goes for row in going for goes in row]
    whole = np.array([all(goes) for goes in lines], np.bool_)
    flat = np.array([goes for line in lines for goes in line], np.bool_)
    marked = whole if way == "marked" else np.zeros(len(lines), np.bool_)
    line_keepers = np.where(whole & (way == "line"), 0, -1)
    segment_keepers = np.where(flat & ~(np.repeat(whole, np.diff(found.segment_offsets)) & (way != "segments")), 0, -1)
    rows, at_lines, units, starts, ends = (np.empty(len(flat) + len(lines), np.int64) for _ in range(5))
    count = kernels.cut_spans(
        column.data, column.offsets,
        found.line_offsets, found.line_start, found.line_end, found.line_text_end,
        found.line_width, marked, line_keepers, found.segment_offsets, found.segment_start, found.segment_end,
        segment_keepers, rows, at_lines, units, starts, ends,
    )  # fmt: skip
    for row, text in enumerate(texts):
        base, encoded = int(column.offsets[row]), text.encode()
        spans = [(int(starts[i]), int(ends[i])) for i in range(count) if rows[i] == row]
        assert all(0 <= start < end <= len(encoded) for start, end in spans)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))

        def character(position: int, base: int = base, encoded: bytes = encoded) -> int:
            return len(encoded[: position - base].decode())

        layout = [
            (
                [
                    (character(int(found.segment_start[s])), character(int(found.segment_end[s])))
                    for s in range(found.segment_offsets[line], found.segment_offsets[line + 1])
                ],
                character(int(found.line_text_end[line])),
            )
            for line in range(found.line_offsets[row], found.line_offsets[row + 1])
        ]
        left = reference.without(text, reference.cut_spans(text, layout, going[row]))
        in_characters = [(character(base + start), character(base + end)) for start, end in spans]
        assert reference.without(text, in_characters) == left


def cleaned(text: str, repeats: str) -> dedup.Result:
    return dedup.clean([text], only="repeats", repeats=repeats)


def cuts(text: str, repeats: str = "safe") -> list[str]:
    return [decision.text or "" for decision in cleaned(text, repeats).decisions if decision.action == "cut"]


def left(text: str, repeats: str = "safe") -> str:
    (kept,) = cleaned(text, repeats).kept
    return str(kept)


def test_a_tripled_caption_stays_once() -> None:
    # Faults 3 and 4: trafilatura keeps all three, datatrove does not see them.
    assert left(f"Titel\n{CAPTION}\n\n{CAPTION}\n{CAPTION}\n{OTHER}\n") == f"Titel\n{CAPTION}\n\n{OTHER}\n"


def test_the_same_text_gives_the_same_answer_the_second_time() -> None:
    # Faults 3: trafilatura's cache is global.
    text = f"{CAPTION}\n{OTHER}\n{CAPTION}\n"
    assert [left(text, "full") for _ in range(3)] == [f"{CAPTION}\n{OTHER}\n"] * 3


def test_a_sentence_said_again_inside_a_paragraph_goes() -> None:
    text = f"{CAPTION}\n{OTHER} {CAPTION} Danach war Ruhe.\n"
    assert left(text, "full") == f"{CAPTION}\n{OTHER} Danach war Ruhe.\n"
    assert left(text) == text


def test_a_sentence_at_the_end_of_a_paragraph_goes_with_the_space_before_it() -> None:
    assert left(f"{CAPTION}\n{OTHER} {CAPTION}\n", "full") == f"{CAPTION}\n{OTHER}\n"


def test_a_decision_quotes_what_goes_and_where_the_first_copy_is() -> None:
    text = f"Titel\n{CAPTION}\n{OTHER}\n{CAPTION}\n"
    (decision,) = cleaned(text, "full").decisions
    assert text[decision.start : decision.end] == decision.text == f"{CAPTION}\n"
    assert isinstance(decision.keeper, KeptSpan)
    assert text[decision.keeper.start : decision.keeper.end].strip() == CAPTION
    assert (decision.action, decision.reason, decision.similarity) == ("cut", "repeat", 1.0)


def test_case_and_punctuation_do_not_make_another_sentence() -> None:
    assert cuts(f"{CAPTION}\n{OTHER}\n{CAPTION.upper().replace('.', '!')}\n", "full") == [
        f"{CAPTION.upper().replace('.', '!')}\n"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Der Umsatz stieg um 2.5 Prozent im Quartal.", "Der Umsatz stieg um 2.6 Prozent im Quartal."),
        ("Das Spiel in der Halle endete gestern 1:0", "Das Spiel in der Halle endete gestern 2:0"),
        ("Он пришёл домой поздно вечером и молчал.", "Она ушла из дома рано утром и смеялась."),
        ("나는 어제 저녁에 친구를 만나러 시내에 갔다.", "그는 오늘 아침에 가족과 함께 산에 올랐다."),
        ("Das Fass kostet im Laden am Markt 5 €", "Das Fass kostet im Laden am Markt 5 $"),
        ("Am Morgen hatte es im Tal minus -5 Grad.", "Am Morgen hatte es im Tal minus 5 Grad."),
    ],
)
def test_sentences_that_say_different_things_stay(first: str, second: str) -> None:
    # Faults 2: data-juicer's key keeps only Latin letters, digits and CJK.
    assert cuts(f"{first}\n{OTHER}\n{second}\n") == []


def test_a_decimal_point_ends_no_sentence() -> None:
    # Faults 2: data-juicer leaves "Der Gewinn fiel um 1." of this.
    text = "Der Umsatz stieg um 2.5 Prozent. Der Gewinn fiel um 1.5 Prozent."
    assert left(text) == text


@pytest.mark.parametrize("line", ["Ja.", "Werbung", "Foto: dpa", "Mehr dazu morgen"])
def test_short_lines_may_be_said_again(line: str) -> None:
    text = f"Titel\n{line}\n{CAPTION}\n{line}\n{OTHER}\n{line}\n"
    assert left(text) == text


def test_a_shorter_line_goes_where_it_follows_its_copy() -> None:
    line = "Die Lage am Montag"
    assert left(f"Titel\n{line}\n{line}\n{OTHER}\n") == f"Titel\n{line}\n{OTHER}\n"
    apart = f"Titel\n{line}\n{CAPTION}\n{line}\n"
    assert left(apart) == apart


def test_a_shorter_line_goes_where_it_is_the_title() -> None:
    title = "Die Lage am Montag"
    assert left(f"{title}\n{CAPTION}\n{title}\n{OTHER}\n") == f"{title}\n{CAPTION}\n{OTHER}\n"


def test_a_blank_line_goes_where_two_would_be_left() -> None:
    assert left(f"A\n\n{CAPTION}\n\n{CAPTION}\n\nB\n") == f"A\n\n{CAPTION}\n\nB\n"


def test_line_endings_of_what_stays_are_left_alone() -> None:
    assert left(f"A\r\n{CAPTION}\r\n{CAPTION}\r\nB\r\n") == f"A\r\n{CAPTION}\r\nB\r\n"


def test_a_bracket_with_news_in_it_is_no_credit() -> None:
    text = f"{CAPTION[:-1]}\n{CAPTION[:-1]} (erst im zweiten Anlauf)\n{OTHER}\n"
    assert left(text) == text


CREDITS = (
    "(Foto: dpa)", "[Bild: apa].", "(Photo by Jane Doe)", "| Bild: Reuters", "© APA/Muster", "Foto: K. Müller/dpa",
    "– dpa/Max", "(c) Max Muster", "/ Getty Images", "© 2025 Reuters", "Fotos: dpa (2), AP", "Bild: www.pixabay.com",
    "Фото: ТАСС", "Crédit photo : AFP", "写真：共同通信", "사진=연합뉴스", "（图：新华社）", "- Foto: Jan",
)  # fmt: skip
NO_CREDITS = (
    "(erst im zweiten Anlauf)", "(62)", "um 14:30 Uhr", "| Politik", "– nach dem Regen", "Foto: dpa, Er kam um 3.",
    "Quelle: Die Polizei fand 3 Tote", "(Sommer/Winter)", "(https://a.example/photo)", "(open source)",
    "or (C) DEATH", "= 5",
)  # fmt: skip
"""Some have what credits have: a label, a slash, a name in brackets."""


@pytest.mark.parametrize("end", ["", "."])
@pytest.mark.parametrize("credit", CREDITS)
def test_a_caption_with_and_without_its_credit_stays_once(credit: str, end: str) -> None:
    caption = CAPTION[:-1] + end
    assert left(f"{caption}\n{OTHER}\n{caption} {credit}\n") == f"{caption}\n{OTHER}\n"
    assert left(f"{caption} {credit}\n{OTHER}\n{caption}\n") == f"{caption} {credit}\n{OTHER}\n"


@pytest.mark.parametrize("tail", NO_CREDITS)
def test_what_only_looks_like_a_credit_stays(tail: str) -> None:
    text = f"{CAPTION[:-1]}\n{OTHER}\n{CAPTION[:-1]} {tail}\n"
    assert left(text) == text


def test_of_captions_with_different_credits_the_first_stays() -> None:
    first, second = f"{CAPTION[:-1]} (Foto: dpa)", f"{CAPTION[:-1]} © APA"
    assert left(f"{first}\n{OTHER}\n{second}\n") == f"{first}\n{OTHER}\n"


@pytest.mark.parametrize("label", ["Im Bild:", "Foto:", "Caption:", "Фото:", "写真："])
def test_a_label_before_a_caption_makes_no_other_caption(label: str) -> None:
    assert left(f"{CAPTION}\n{OTHER}\n{label} {CAPTION} (Foto: dpa)\n") == f"{CAPTION}\n{OTHER}\n"


def test_a_speaker_before_a_sentence_is_no_label_of_pictures() -> None:
    text = f"{CAPTION}\n{OTHER}\nMüller: {CAPTION}\n"
    assert left(text) == text


PIECES = st.sampled_from(
    [
        "Der Hafen",
        " am Morgen",
        "Ärger",
        "é",
        "…",
        "„",
        "市议会",
        "】",
        "（Foto：dpa）",
        "](",
        " | ",
        "©",
        " – ",
        ":",
        "/",
        "\n",
    ]
)


@settings(max_examples=200)
@given(st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=3))
def test_signs_of_credits_are_those_of_the_twin(rows: list[str]) -> None:
    texts = Column.of(rows)
    found = segment(texts)
    spans = zip(found.line_start.tolist(), found.line_text_end.tolist(), found.line_width.tolist(), strict=True)
    signs = np.empty(len(found.line_start), np.bool_)
    kernels.find_signs(texts.data, found.line_start, found.line_text_end, found.line_width, 30, 20, signs)
    assert signs.tolist() == [
        width <= 30 and reference.has_sign(texts.data[start:end].tobytes(), 20) for start, end, width in spans
    ]


@settings(max_examples=200)
@given(st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=3))
def test_lines_that_begin_alike_are_those_of_the_twin(rows: list[str]) -> None:
    texts = Column.of(rows)
    found = segment(texts)
    signs = np.ones(len(found.line_start), np.bool_)
    with np.errstate(over="ignore"):
        kernels.spare_lone_beginnings(
            texts.data, found.line_offsets, found.line_start, found.line_text_end, found.line_k0, tables()[0], 6,
            SECRET, signs,
        )  # fmt: skip
    spans = zip(found.line_start.tolist(), found.line_text_end.tolist(), strict=True)
    beginnings = [reference.beginning(texts.data[start:end].tobytes().decode(), 6) for start, end in spans]
    places = np.repeat(np.arange(len(rows)), np.diff(found.line_offsets)).tolist()
    lines = list(zip(places, beginnings, found.line_k0.tolist(), strict=True))
    assert signs.tolist() == [
        bool(begins) and any((p, b) == (place, begins) and k != key for p, b, k in lines)
        for place, begins, key in lines
    ]


@pytest.mark.parametrize("rest", ["( )", "»", "***", "😀", "(Foto: dpa)", "[Bild: apa]"])
@pytest.mark.parametrize("end", [".", "!", ""])
def test_a_sentence_is_no_repeat_of_its_own_line(rest: str, end: str) -> None:
    text = f"{CAPTION[:-1]}{end} {rest}\n{OTHER}\n"
    assert left(text) == text


def test_a_refrain_stays_and_is_flagged() -> None:
    refrain = "So singen wir am Hafen bis die Sonne untergeht"
    text = "".join(f"{sentence(random.Random(n))}\n{refrain}\n" for n in range(5))
    result = dedup.clean_text(text)
    assert result.text == text
    assert [(d.action, d.why) for d in result.decisions] == [
        (
            "flag",
            "what stands more than once in it may be meant: a refrain, a list, another heading; it stays",
        )
    ]


@settings(max_examples=150)
@given(st.one_of(repetitive_texts(), hostile_texts().map(lambda text: f"{text}\n{CAPTION}\n" * 2)), MODES)
def test_cleaning_again_changes_nothing(text: str, repeats: str) -> None:
    once = left(text, repeats)
    assert left(once, repeats) == once


@settings(max_examples=150)
@given(st.one_of(repetitive_texts(), hostile_texts().map(lambda text: f"{text}\n{CAPTION}\n" * 2)), MODES)
def test_what_goes_is_what_the_decisions_say(text: str, repeats: str) -> None:
    result = cleaned(text, repeats)
    spans = [(d.start or 0, d.end or 0) for d in result.decisions if d.action == "cut"]
    assert result.kept[0] == reference.without(text, spans)
    assert [text[start:end] for start, end in spans] == [d.text for d in result.decisions if d.action == "cut"]


@settings(max_examples=150)
@given(repetitive_texts(), MODES)
def test_no_words_are_lost_but_those_said_again(text: str, repeats: str) -> None:
    assert set(reference.tokens(left(text, repeats))) >= set(reference.tokens(text)) - CREDIT_WORDS


@settings(max_examples=150)
@given(repetitive_texts(), MODES)
def test_what_is_cut_says_no_more_than_its_first_copy(text: str, repeats: str) -> None:
    result = cleaned(text, repeats)
    cuts = [decision for decision in result.decisions if decision.action == "cut"]
    for cut in cuts:
        assert isinstance(cut.keeper, KeptSpan)
        kept = text[cut.keeper.start : cut.keeper.end]
        assert set(reference.tokens(cut.text or "")) - CREDIT_WORDS <= set(reference.tokens(kept))
