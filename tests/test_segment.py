import importlib.util
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup import lexicon
from dedup.columns import Column
from dedup.kernels import segment as kernels
from dedup.segment import (
    BULLET,
    QUOTED,
    SEGMENTER_VERSION,
    TERMINATED,
    same_words,
    segment,
    split_sentences,
)
from tests import reference_segment as reference

ROOT = Path(__file__).resolve().parents[1]
CASES = [json.loads(line) for line in (ROOT / "fixtures/cases/segmentation.jsonl").read_text("utf-8").splitlines()]

PIECES = [
    "Am 3. Dezember", "am 3.12.2025", "z. B.", "z.B.", "Dr. Müller", "Nr. 5", "2.5 Prozent",
    "„Komm!“ sagte er.", "usw.", "& Co. KG", "so OE24.", "Die", "die", "Das Ende.", "\u0308",
    "a\u0308\u0323", "ậ", "ﬁ", "½", "５kg", "٣", "5g", "-5", "−7", " - ", "…", "...", "?!", "。", "！", "」",
    "「", "你好", "か\u3099", "ไทย", "ภาษา", "ລາວ", "한국어", "Привет.", "यह है।", "\u00ad", "\u200b",
    "\u200d",
    "\u034f", "\x00", " ", "  ", "\t", "\n", "\r\n", "\r", "\x85", "\u2028", "\u2029", "\v", "\f",
    "Foto: dpa", "：", ":", ",", ".", ".", "(", ")", "“", "»", "'", "’s", "a)", "M. Blanc", "So", "Mai",
    "Mittwoch", "14:30", "1/2", "≠", "€", "50 %", "+", "ᾴ", "\u0345", "😀", "• ", "- ", "İ", "ß", "㈱",
    "℃", "é.", "T. S. Eliot", "in 92. Maria", "it.", "Lena's.", "5/30.", "1./2.", "577.", "1995.", "art.",
    "2025년", "12월", "3일",
    "\".", ").", " ... ", " ?", "(...)", "„…", "„...",
    "\u0301",
]  # fmt: skip
texts = st.one_of(
    st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from([" ", " ", "."])), max_size=25).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.text("aA1.!? \n\u0301\u0323\u0308。ก„“:-", max_size=40),
)


def lines_of(text):
    """The kernel's answer in the twin's shape."""
    column = Column.of(["x. ", text, " y"])
    found = segment(column, 1, 2)
    raw = column.data.tobytes()
    lines = []
    for at in range(len(found.line_start)):
        first, last = found.segment_offsets[at : at + 2]
        segments = [
            reference.Segment(
                raw[found.segment_start[s] : found.segment_end[s]].decode(),
                int(found.segment_k0[s]),
                int(found.segment_k1[s]),
                int(found.segment_width[s]),
                int(found.segment_flags[s]),
            )
            for s in range(first, last)
        ]
        lines.append(
            reference.Line(
                raw[found.line_start[at] : found.line_end[at]].decode(),
                int(found.line_k0[at]),
                int(found.line_k1[at]),
                int(found.line_width[at]),
                int(found.line_flags[at]),
                int(found.line_label[at]),
                int(found.line_rest[at]),
                segments,
            )
        )
    return lines


def keys(*strings):
    """The (K0, K1) of one-line texts."""
    found = segment(Column.of(strings))
    assert len(found.line_start) == len(strings)
    return list(zip(found.line_k0.tolist(), found.line_k1.tolist(), strict=True))


def trimmed(text):
    return [text[start:end].strip() for start, end in split_sentences(text)]


@settings(max_examples=1000)
@given(texts)
def test_kernel_equals_its_slow_twin(text):
    assert lines_of(text) == reference.segment(text)


@given(st.text("abyzAZ{`@[_0üßÉøﬀɏʯÿ\u0308 ,-'’(;:.", max_size=60))
def test_plain_words_of_any_length_are_those_of_the_twin(text):
    assert lines_of(text) == reference.segment(text)


@pytest.mark.parametrize("behind", ["", " ", ", 5", " -5", "'s.", ".", "\u0308", "1", " so 3", " Mai 3"])
@pytest.mark.parametrize(
    "word", ["a", "abcdefg", "abcdefgh", "abcdefghi", "übergrößenträger", "ÀÉÎÕÜ", "\u024f\u0275", "ﬁ"]
)
def test_plain_words_end_as_those_of_the_twin_do(word, behind):
    for text in (f"Vor {word}{behind}", f"{word}-{word}, ({word}) {word}{behind} {word}", f"Am 5 so {word}{behind}"):
        assert lines_of(text) == reference.segment(text)


@given(texts)
def test_lines_tile_rows_and_segments_tile_lines(text):
    column = Column.of(["before", text, "after"])
    found = segment(column, 1, 2)
    low, high = column.offsets[1:3].tolist()
    assert [low, *found.line_end.tolist()] == [*found.line_start.tolist(), high]
    assert [low, *found.segment_end.tolist()] == [*found.segment_start.tolist(), high]
    assert set(found.line_start.tolist()) <= set(found.segment_start.tolist())


@given(st.one_of(texts, st.text(max_size=30)))
def test_sentences_tile_the_text_and_are_not_blank(text):
    spans = split_sentences(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert len(spans) <= 1 or all(text[start:end].strip() for start, end in spans)


@given(texts)
def test_decomposed_and_composed_text_have_the_same_keys(text):
    for line in text.splitlines():
        composed, decomposed = (unicodedata.normalize(form, line + "x") for form in ("NFC", "NFD"))
        assert keys(composed) == keys(decomposed)


@given(texts, texts, st.booleans())
def test_same_words_is_what_the_twin_says(a, b, masked):
    column = Column.of([a, b, a])
    starts, ends = column.offsets[:-1], column.offsets[1:]

    def words(text):
        found = reference.words_of(text)
        return reference.collapse(reference.mask([found])[0]) if masked else found

    others = np.array([1, 2])
    same = same_words(column.data, starts[[0, 0]], ends[[0, 0]], starts[others], ends[others], masked)
    assert same.tolist() == [words(a) == words(b), True]


@pytest.mark.parametrize("case", CASES, ids=[case["label"] for case in CASES])
def test_labelled_cases(case):
    assert trimmed(case["text"]) == case["sentences"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Straße ﬁel im Mai\u00adland", "STRASSE fiel, im  Mailand!"),
        ("ậ", "a\u0302\u0323"),
        ("Foto: dpa", "(Foto dpa)"),
        ("が", "か\u3099"),
        ("５ ｋｇ", "5 kg"),
        ("−5 Grad", "-5 Grad"),
        ("你 好", "你好。"),
        ("≠", "=\u0338"),
        ("a\u0302\u034f\u0323", "ậ"),
    ],
)
def test_equal_keys(a, b):
    assert keys(a) == keys(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1:0", "2:0"),
        ("5 Grad", "-5 Grad"),
        ("50 %", "50"),
        ("€ 5", "$ 5"),
        ("a b", "ab"),
        ("a b", "b a"),
        ("か", "が"),
        ("Он пришёл домой.", "Она ушла из дома."),
        ("그는 집에 갔다.", "그녀는 학교에 갔다."),
        ("ذهب إلى البيت", "ذهب إلى المدرسة"),
        ("เขาไปบ้าน", "เขาไปโรงเรียน"),
        ("他回家了。", "她上学了。"),
        ("彼は家に帰った。", "彼は学校に行った。"),
        ("वह घर गया", "वह स्कूल गया"),
    ],
)
def test_different_keys(a, b):
    assert keys(a)[0][0] != keys(b)[0][0]


@pytest.mark.parametrize(
    "group",
    [
        [
            "Am 3.12.2025",
            "am 3. Dezember 2025",
            "Am Mittwoch, 3. Dezember",
            "am Mi, 3. Dez. 2025",
            "Am 31.1.",
        ],
        ["Updated May 3, 2025", "Updated Monday, March 31 2024"],
        ["124 Kommentare", "7 Kommentare", "٣ Kommentare"],
        ["5g", "12g"],
        ["le 3 décembre 2025", "le 14 juillet"],
        ["3 декабря 2025 г", "14 марта 2024 г"],
        ["2025년 12월 3일", "2024년 3월 14일", "12월 3일"],
    ],
)
def test_masked_keys_are_equal(group):
    assert len({k1 for _, k1 in keys(*group)}) == 1
    assert len({k0 for k0, _ in keys(*group)}) == len(group)


def test_short_names_are_masked_next_to_a_number_only():
    assert keys("So kam es.")[0][1] != keys("Mi kam es.")[0][1]
    assert keys("So 3 kam es.")[0][1] == keys("Mi 4 kam es.")[0][1]


def test_text_without_words_has_key_zero():
    assert keys(" *** … – 😀") == [(0, 0)]


@pytest.mark.parametrize(
    ("line", "numbers", "dates"),
    [
        ("124 Kommentare", 1, 0),
        ("Am 3. Dezember 2025 kamen 20", 0 + 1, 1),
        ("um 14:30", 0, 1),
        ("2025년 12월 3일 5", 0, 1),
        ("3 2025년", 0, 1),
        ("3배 5", 1, 0),
        ("3 von 5", 2, 0),
        ("keine", 0, 0),
        ("1 a " * 300, 255, 0),
    ],
)
def test_masked_groups_are_counted(line, numbers, dates):
    found = segment(Column.of([line]))
    assert (found.line_numbers.tolist(), found.line_dates.tolist()) == ([numbers], [dates])


@pytest.mark.parametrize(
    ("line", "label", "rest"),
    [
        ("Foto: Anna Berg / dpa", "Foto", "Anna Berg dpa"),
        ("Lesen Sie auch: Das Ende", "lesen sie auch", "das Ende"),
        ("来源：新华社", "来源", "新华社"),
    ],
)
def test_labels(line, label, rest):
    found = segment(Column.of([line]))
    assert (found.line_label[0], found.line_rest[0]) == (keys(label)[0][0], keys(rest)[0][0])


@pytest.mark.parametrize(
    "line",
    ["https://example.com", "um 14:30 Uhr", "Foto:", ": a", "x" * 31 + ": a", "a: " + "b " * 80, "keiner"],
)
def test_lines_without_label(line):
    assert segment(Column.of([line])).line_label.tolist() == [0]


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("Das war es.“ ", TERMINATED),
        ("„Ja“", QUOTED),
        ("「はい。」", QUOTED | TERMINATED),
        ("- Brot", BULLET),
        ("• Wer?", BULLET | TERMINATED),
        ("Titel", 0),
        ("", None),
        (" ", 0),
    ],
)
def test_flags(line, flags):
    assert segment(Column.of([line])).line_flags.tolist() == ([] if flags is None else [flags])


def test_width_counts_columns_of_the_folded_words():
    widths = segment(Column.of(["Ein  Wort!", "你好", "Ä", "가", "\u1100\u1161", "50 %"])).line_width
    assert widths.tolist() == [8, 4, 1, 2, 2, 3]


def test_every_line_terminator_ends_a_line():
    column = Column.of(["a\nb\r\nc\rd\ve\ff\x85g\u2028h\u2029i\n\r"])
    lines = segment(column)
    text = column.row(0)
    found = [text[a:b].decode() for a, b in zip(lines.line_start, lines.line_end, strict=True)]
    assert found == ["a\n", "b\r\n", "c\r", "d\v", "e\f", "f\x85", "g\u2028", "h\u2029", "i\n", "\r"]


def test_blank_lines_belong_to_the_sentence_before():
    assert split_sentences("\n\nEins.\n\nZwei") == [(0, 9), (9, 13)]
    assert split_sentences("") == []
    assert split_sentences(" \n ") == [(0, 3)]
    assert split_sentences("a\ud800. B.") == [(0, 4), (4, 6)]


def test_tables_grow_where_there_are_many_short_lines_and_sentences():
    """The kernel is called again where it was, in the middle of a row: between two lines, and within one."""
    rows = ["", "a\n" * 500, "", "Der Rat tagt. " * 500 + "\n", "b"]
    found = segment(Column.of(rows))
    assert found.line_offsets.tolist() == [0, 0, 500, 500, 501, 502]
    assert found.line_start.tolist() == [*range(0, 1000, 2), 1000, 8001]
    assert found.line_end.tolist() == [*range(2, 1001, 2), 8001, 8002]
    sentences = slice(*found.segment_offsets[500:502])
    assert sentences.stop - sentences.start == 500
    assert found.segment_start[sentences].tolist() == [*range(1000, 8000, 14)]
    assert found.segment_end[sentences].tolist() == [*range(1014, 8000, 14), 8001]


def test_only_part_of_a_column_is_read():
    texts = ["Eins. Zwei.", "", "Drei.\nVier.", "Fünf."]
    whole, part = segment(Column.of(texts)), segment(Column.of(texts), 2, 4)
    assert part.line_k0.tolist() == whole.line_k0[1:].tolist()
    assert (whole.line_offsets.tolist(), part.line_offsets.tolist()) == ([0, 1, 1, 3, 4], [0, 2, 3])
    assert np.diff(whole.segment_offsets).tolist() == [2, 1, 1, 1]


@pytest.mark.parametrize(
    "text", ["a" * 3_000_000, "a\n" * 300_000, "a\u0301\u0323" * 100_000, "a" + "\u0301\u0323" * 100_000]
)
def test_hostile_sizes_take_linear_time(text):
    found = segment(Column.of([text]))
    assert found.line_end[-1] == len(text.encode())


def test_one_specialisation_per_kernel():
    writable = np.frombuffer(b"Eins. Zwei.", np.uint8).copy()
    segment(Column(writable, np.array([0, 11])))
    segment(Column.of(["Eins. Zwei."]))
    if hasattr(kernels.scan, "signatures"):
        assert len(kernels.scan.signatures) == 1


def test_the_version_names_rules_and_tables():
    assert SEGMENTER_VERSION.count("-") == 1


F1_FLOORS = {
    "Arabic-PUD": 0.99,
    "Chinese-GSDSimp": 0.99,
    "English-EWT": 0.90,
    "French-GSD": 0.965,
    "Hindi-PUD": 0.99,
    "Japanese-GSD": 0.97,
    "Portuguese-Bosque": 0.905,
    "Spanish-GSD": 0.955,
}


@pytest.mark.parametrize("name", F1_FLOORS)
def test_boundary_f1_on_treebanks(name, shared_path):
    path = shared_path(f"sentences_ud_{name}.jsonl.zst")
    benchmark = load_benchmark()
    language, gold = benchmark.gold_texts(path)
    assert benchmark.f1(benchmark.ours(), language, gold) >= F1_FLOORS[name]


def test_carelessly_written_sentences_are_the_same_among_any_neighbours(shared_path):
    benchmark = load_benchmark()
    language, gold = benchmark.gold_texts(shared_path("sentences_ud_English-EWT.jsonl.zst"))
    sentences = [text[start:end] for text, spans in gold for start, end in benchmark.visible(text, spans)]
    assert benchmark.consistency(benchmark.ours(), language, sentences) >= 0.95


def test_german_sentences_are_the_same_among_any_neighbours(shared_records):
    benchmark = load_benchmark()
    sentences = [s for record in shared_records("sentences_legal_de")[:30] for s in benchmark.gold_sentences(record)]
    assert benchmark.consistency(benchmark.ours(), "de", sentences) >= 0.97


def load_benchmark():
    spec = importlib.util.spec_from_file_location("segmentation", ROOT / "benchmarks" / "segmentation.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_lexicon_is_that_of_the_word_lists() -> None:
    for shipped, built in zip(lexicon.load(), lexicon.build(), strict=True):
        np.testing.assert_array_equal(shipped, built)


def test_a_private_character_is_no_word() -> None:
    assert lines_of("\ue000") == reference.segment("\ue000")
    assert keys("\ue000") == [(0, 0)]
