"""Which repeats are accidents: the kernels against their twins, what is a whole sentence, and what stays in a flag."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup import unicode
from dedup.columns import Column
from dedup.kernels import accidents as kernels
from dedup.segment import segment
from dedup.sentences import is_sentence
from dedup.structure import find_shapes
from tests import reference_accidents as reference

LIMITS = kernels.Limits(
    least=25, least_adjacent=15, paragraph=80, wide=120, heading=60, caption=40, share=50, times=4, opens=4,
    statements=5, turns=2, head=3, rounds=100,
)  # fmt: skip

LINES = st.builds(
    reference.Line,
    key=st.integers(0, 6),
    width=st.sampled_from([10, 20, 30, 50, 90, 130]),
    sentences=st.sampled_from([1, 1, 2]),
    is_open=st.booleans(),
    label=st.integers(0, 2),
    kind=st.sampled_from([kernels.PLAIN] * 6 + [kernels.NUMBERED, kernels.QUOTING, kernels.LABELLED]),
    credited=st.sampled_from([0] * 6 + [1, 2, 3]),
    is_marked=st.sampled_from([False] * 8 + [True]),
    is_fragment=st.sampled_from([False] * 12 + [True]),
    leads_in=st.sampled_from([False] * 8 + [True]),
    is_blank=st.booleans(),
)


def with_keepers(lines: list[reference.Line]) -> list[reference.Line]:
    """Tie lines with the key of an earlier one to it, or to a sentence in it."""
    first: dict[int, reference.Unit] = {}
    for number, line in enumerate(lines):
        if not line.key or line.is_marked or line.is_fragment:
            continue
        if line.key in first:
            line.keeper = first[line.key]
        elif line.sentences == 2:
            first[line.key] = (number, -1) if line.label else (number, 1)
        else:
            first[line.key] = (number, 0)
    return lines


@settings(max_examples=400)
@given(st.lists(st.lists(LINES, max_size=9).map(with_keepers), min_size=1, max_size=3))
def test_accidents_are_those_of_the_twin(rows: list[list[reference.Line]]) -> None:
    flat = [line for row in rows for line in row]
    texts = Column.of(["".join(("" if not n.key and n.is_blank else "x:" if n.leads_in else "xx") for n in flat)])
    sizes = [0 if not line.key and line.is_blank else 2 for line in flat]
    ends = np.cumsum([0, *sizes])
    line_offsets = np.cumsum([0, *map(len, rows)])
    segment_offsets = np.cumsum([0, *(line.sentences for line in flat)])
    segments = int(segment_offsets[-1])
    keepers = np.full(len(flat), -1)
    for row, first in zip(rows, line_offsets[:-1].tolist(), strict=True):
        for number, line in enumerate(row):
            if line.keeper:
                kept, place = line.keeper
                keepers[first + number] = (
                    segments + first + kept if place < 0 else segment_offsets[first + kept] + place
                )
    lines = kernels.Lines(
        starts=ends[:-1],
        text_ends=ends[1:],
        keys=np.array([line.key for line in flat], np.uint64),
        widths=np.array([line.width for line in flat], np.int32),
        flags=np.array([0 if line.is_open else 1 for line in flat], np.uint8),
        labels=np.array([line.label for line in flat], np.uint64),
        kinds=np.array([line.kind for line in flat], np.uint8),
        credited=np.array([line.credited for line in flat], np.uint8),
        marked=np.array([line.is_marked for line in flat], np.bool_),
        fragments=np.array([line.is_fragment for line in flat], np.bool_),
        segment_offsets=segment_offsets,
    )
    before = keepers.copy()
    kernels.judge_lines(texts.data, line_offsets, lines, segments, LIMITS, keepers)
    goes = [
        first + number
        for row, first in zip(rows, line_offsets[:-1].tolist(), strict=True)
        for number in reference.accidents(row, LIMITS)
    ]
    assert np.flatnonzero(keepers >= 0).tolist() == goes
    assert (keepers[goes] == before[goes]).all()


@settings(max_examples=400)
@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=12), min_size=1, max_size=2), st.booleans())
def test_accidental_sentences_are_those_of_the_twin(lines: list[list[int]], is_marked: bool) -> None:
    segment_offsets = np.cumsum([0, *map(len, lines)])
    keys = [key for line in lines for key in line]
    first: dict[int, int] = {}
    keepers = np.array([first.setdefault(key, at) if key > 1 else at for at, key in enumerate(keys)])
    keepers[keepers == np.arange(len(keys))] = -1
    found = keepers.copy()
    count = len(lines)
    marked = np.zeros(count, np.bool_)
    marked[1:] = is_marked
    kernels.judge_sentences(
        np.array([0, count]), np.ones(count, np.uint64), marked, np.zeros(count, np.bool_), np.full(count, -1),
        segment_offsets, np.array(keys, np.uint64), 3, 2, 5, 3, found,
    )  # fmt: skip
    for number, line in enumerate(lines):
        start, end = segment_offsets[number : number + 2].tolist()
        own = [keeper - start if keeper >= 0 else None for keeper in keepers[start:end].tolist()]
        is_flat = count == 1 or is_marked
        if is_flat and number:
            continue  # what is marked has no sentences to look at, and other lines' sentences are not flat
        expected = reference.accidental_sentences(line, own, is_flat, 3, 2, 5, 3)
        assert {at: keeper - start for at, keeper in enumerate(found[start:end].tolist()) if keeper >= 0} == expected


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Der Hafen am Morgen", kernels.PLAIN),
        ("港の朝の様子です", kernels.PLAIN),
        ("12 Menschen kamen", kernels.NUMBERED),
        ("٣ زوارق في الميناء", kernels.NUMBERED),
        ("IV. Der Vorstand tagt", kernels.NUMBERED),
        ("a) Hunde sind an der Leine zu führen", kernels.NUMBERED),
        ("(Beifall)", kernels.BRACKETED),
        ("（掌声）", kernels.BRACKETED),
        ("– Nein, noch nicht", kernels.DASHED),
        ("  -V zeigt die Version", kernels.DASHED),
        ("„Wer da?“", kernels.QUOTING),
        ("und dann ging er heim.", kernels.SMALL),
        ("Wer war das?", kernels.ASKING),
        ("Anna: Ich war es.", kernels.LABELLED),
    ],
)
def test_what_a_line_is_besides_a_statement(line: str, kind: int) -> None:
    texts = Column.of([f"{line}\n{line}\n"])
    found = segment(texts)
    kinds = np.zeros(2, np.uint8)
    kernels.find_kinds(
        texts.data, found.line_offsets, found.line_start, found.line_text_end, found.line_k0, found.line_label,
        find_shapes(texts, found).shapes, np.array([-1, 0]), unicode.load().packed, kinds,
    )  # fmt: skip
    assert kinds.tolist() == [kind, kind]


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("Er kam gestern.", "Die Sonne schien.", "Alle lachten."),
        ("", "Die Sonne schien.", ""),
        ("Wer war das denn?", "Die Sonne schien.", ""),
        ("Er sagte: „Komm morgen!“", "Die Sonne schien.", ""),
        ("天気がいい。", "彼は港に行った。", "雨が降った。"),
        ("वह बाज़ार गया।", "सूरज चमक रहा था।", "सब हँसे।"),
    ],
)
def test_whole_sentences(before: str, text: str, after: str) -> None:
    assert is_sentence(before, text, after, "")


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("Sie wohnt in der Hauptstr.", "Neun Stufen führen hinauf.", ""),
        ("Das Schloss ließ Leopold VII.", "In den Jahren danach brannte es.", ""),
        ("Den Preis bekam K.", "Schneider für ein Buch.", ""),
        ("Habló con el Excmo.", "García sobre el puente.", ""),
        ("Die Firma heißt Yippee!", "Holdings und handelt mit Holz.", ""),
        ("Er ging ...", "Die Sonne schien.", ""),
        ("Er kam gestern.", "die Sonne schien.", ""),
        ("Er kam gestern.", "12 Leute lachten.", ""),
        ("Er kam gestern.", "Die Sonne schien.", "und alle lachten."),
        ("Er kam gestern.", "Sie wohnt in der Hauptstr.", "Neun Stufen führen hinauf."),
        ("Er kam gestern.", "Sie wohnt im ersten Stock", ""),
        ("ภาษาไทย ", "Die Sonne schien.", ""),
    ],
)
def test_what_may_be_half_a_sentence(before: str, text: str, after: str) -> None:
    assert not is_sentence(before, text, after, "")


def test_a_word_that_is_written_on_elsewhere_may_be_an_abbreviation() -> None:
    document = "Die Firma Mooskalten Masch., Werk drei, baut Pumpen."
    assert is_sentence("Er leitet die Masch.", "Die Pumpen sind gut.", "", document) is False
    assert is_sentence("Er leitet die Fabrik.", "Die Pumpen sind gut.", "", document)


def test_what_may_be_meant_stays_and_is_flagged() -> None:
    text = "Das Wetter\nMontag\nSonnig bei leichtem Wind aus Westen.\nDienstag\nSonnig bei leichtem Wind aus Westen.\n"
    result = dedup.clean_text(text)
    assert result.text == text
    assert [(d.action, d.reason) for d in result.decisions] == [("flag", "repeat")]
    assert dedup.clean([text], repeats="full").kept == [text.removesuffix("Sonnig bei leichtem Wind aus Westen.\n")]


def test_of_sentences_in_a_row_all_go_or_none() -> None:
    text = "Die Brücke ist fertig gebaut worden. Sie steht in der Hauptstr. " * 2 + "Neun Stufen führen hinauf.\n"
    assert dedup.clean_text(text).text == text
