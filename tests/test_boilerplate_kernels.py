"""The kernels that boilerplate is found with, against their slow twins."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedup import fragments
from dedup.boilerplate import Rule
from dedup.columns import Column
from dedup.config import Config
from dedup.kernels import boilerplate as kernels
from dedup.kernels import versions as version_kernels
from dedup.segment import TERMINATED, segment
from dedup.versions import mix
from tests import reference
from tests import reference_boilerplate as twin
from tests.corpora import PHRASES, hostile_texts

KINDS = ("exact", "dated", "counted", "bare", "blank", "barred")
REASONS = ("stays", "listed", "run", "link", "gap", "sign", "few", "once")
TRAITS = {
    "varies": kernels.VARIES, "crowded": kernels.CROWDED, "dateline": kernels.DATELINE, "labelled": kernels.LABELLED,
    "linking": kernels.LINKING, "listed": kernels.LISTED,
}  # fmt: skip


def column(values: list[int], dtype: npt.DTypeLike = np.uint64) -> npt.NDArray[np.generic]:
    return np.array(values, dtype)


# Keys


COUNTED = st.lists(
    st.builds(
        twin.CountedLine,
        k0=st.sampled_from([0, 1, 5, 2**64 - 1]),
        k1=st.sampled_from([5, 7, 2**64 - 1]),
        numbers=st.sampled_from([0, 0, 3, 255]),
        dates=st.sampled_from([0, 0, 1]),
        label=st.sampled_from([0, 9]),
        is_blank=st.sampled_from([False, False, True]),
        is_barred=st.sampled_from([False, False, False, True]),
    ),
    max_size=8,
)


@given(st.lists(COUNTED, min_size=1, max_size=4), st.integers(0, 2**64 - 1))
def test_keys_of_lines_are_those_of_the_twin(rows: list[list[twin.CountedLine]], source: int) -> None:
    lines = [line for row in rows for line in row]
    sources = [(source + number) % 2**64 for number in range(len(rows))]
    kinds, keys, ends = np.zeros(len(lines), np.uint8), np.zeros((4, len(lines)), np.uint64), column([9] * len(rows))
    with np.errstate(over="ignore"):
        kernels.key_lines(
            np.cumsum([0, *map(len, rows)]), np.zeros(len(lines), np.int64),
            column([not line.is_blank for line in lines], np.int64),
            column([line.is_barred for line in lines], np.bool_),
            column([line.k0 for line in lines]), column([line.k1 for line in lines]),
            column([line.numbers for line in lines], np.uint8), column([line.dates for line in lines], np.uint8),
            column([line.label for line in lines]), column(sources), np.uint64(7), kinds, keys, ends,
        )  # fmt: skip
    expected = [twin.key_lines(row, own, 7) for row, own in zip(rows, sources, strict=True)]
    found = [twin.Keys(KINDS[kind], *of_line) for kind, of_line in zip(kinds.tolist(), keys.T.tolist(), strict=True)]
    assert found == [of_line for of_row, _ in expected for of_line in of_row]
    assert ends.tolist() == [end for _, end in expected]


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**63), st.integers(0, 9))
def test_keys_are_mixed_as_integers_would_be(key: int, source_key: int, salt: int) -> None:
    found = mix(np.array([key], np.uint64), np.array([source_key], np.uint64), salt)
    assert int(found[0]) == reference.mixed(key, source_key, salt)


@given(st.lists(st.text("§(<|>) a\xa0", max_size=5).filter(lambda text: text == text.rstrip(" ")), max_size=8))
@example(["§ 1", "  (a)", "(", "()", "<|a", "a|>", "|>", "§", "a (b)", "Â§"])
def test_lines_are_barred_as_the_twin_bars_them(lines: list[str]) -> None:
    texts = Column.of(lines)
    barred = np.zeros(len(lines), np.bool_)
    kernels.bar_markup(texts.data, texts.offsets[:-1], texts.offsets[1:], barred)
    assert barred.tolist() == [twin.is_barred(line.encode()) for line in lines]


# The decision


def lines_like(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[twin.Line]]:
    """Several lines of one sort, side by side."""
    counts = {"carried": st.sampled_from([1, 2, 4, 6, 12, 40]), "pair": st.sampled_from([1, 1, 2, 3, 4, 5, 6, 10, 12])}
    return st.lists(a_line(**counts | fields), min_size=1, max_size=6)


def a_line(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[twin.Line]:
    return st.fixed_dictionaries(fields).map(lambda values: twin.Line(**values))


def traits(*names: str) -> st.SearchStrategy[frozenset[str]]:
    return st.sampled_from(
        [frozenset[str](), frozenset[str](), frozenset(names), *(frozenset([name]) for name in names)]
    )


FRAME = st.builds(
    lambda carried, lines: [line._replace(carried=carried, pair=carried) for line in lines],
    st.sampled_from([4, 6, 12, 40]),
    st.lists(a_line(width=st.sampled_from([8, 30]), traits=traits("varies", "dateline")), max_size=12),
)
LINES = st.one_of(
    FRAME,
    FRAME,
    lines_like(width=st.sampled_from([8, 20, 30]), traits=traits("varies", "crowded", "labelled", "listed")),
    lines_like(width=st.sampled_from([8, 20]), traits=st.just(frozenset(["varies", "dateline"]))),
    lines_like(traits=st.just(frozenset(["linking"])), carried=st.just(1), pair=st.just(1)),
    lines_like(width=st.sampled_from([59, 60, 200]), ends_sentence=st.just(True)),
    lines_like(width=st.sampled_from([70, 250]), ends_sentence=st.just(True), carried=st.just(1), pair=st.just(1)),
    lines_like(width=st.sampled_from([10, 16]), carried=st.just(1), pair=st.just(1)),
    lines_like(kind=st.just("bare"), width=st.sampled_from([0, 3]), carried=st.just(1), pair=st.just(1)),
    lines_like(kind=st.just("blank"), width=st.just(0), carried=st.just(1), pair=st.just(1)),
    lines_like(kind=st.just("barred"), carried=st.sampled_from([1, 6]), pair=st.just(1), traits=traits("listed")),
)
DOCUMENTS = st.builds(
    twin.Document,
    st.lists(LINES, max_size=8).map(lambda parts: [line for part in parts for line in part]),
    end_pair=st.sampled_from([1, 5, 12]),
    articles=st.sampled_from([1, 5, 12, 40]),
    is_skipped=st.sampled_from([False] * 5 + [True]),
)
RULES = {
    "safe": Rule.of(Config()),
    "full": Rule.of(Config(boilerplate="full")),
    "eager": Rule(
        articles=2, share=0.3, frame=3, ahead=1, between=2, below=1, edge=1, gap_after=1, above=1, table_run=4
    ),
}


def decided(documents: list[twin.Document], rule: Rule, full: bool) -> list[twin.Decided]:
    lines = [line for document in documents for line in document.lines]
    offsets = np.cumsum([0, *(len(document.lines) for document in documents)])
    reasons, contexts = np.full(len(lines), 9, np.uint8), np.full(len(lines), 99)
    whole = np.ones(len(documents), np.bool_)
    kernels.mark(
        offsets, column([KINDS.index(line.kind) for line in lines], np.uint8),
        column([line.width for line in lines], np.int32), column([line.ends_sentence for line in lines], np.bool_),
        column([sum(TRAITS[name] for name in line.traits) for line in lines], np.uint8),
        column([line.carried for line in lines], np.int64), column([line.pair for line in lines], np.int64),
        column([document.end_pair for document in documents], np.int64),
        column([document.articles for document in documents], np.int64),
        column([document.is_skipped for document in documents], np.bool_), rule, full, reasons, contexts, whole,
    )  # fmt: skip
    return [
        twin.Decided(
            [REASONS[reason] for reason in reasons[start:end].tolist()], contexts[start:end].tolist(), is_whole
        )
        for start, end, is_whole in zip(offsets[:-1], offsets[1:], whole.tolist(), strict=True)
    ]


@settings(max_examples=600)
@given(st.lists(DOCUMENTS, min_size=1, max_size=3), st.sampled_from(sorted(RULES)))
def test_lines_go_as_those_of_the_twin_do(documents: list[twin.Document], name: str) -> None:
    rule, full = RULES[name], name == "full"
    assert decided(documents, rule, full) == [twin.mark(document, rule, full) for document in documents]


@pytest.mark.parametrize("reason", REASONS)
def test_the_twins_meet_every_reason(reason: str) -> None:
    """What is compared above is worth something only if every end is reached."""
    frame = [twin.Line(carried=12), *(twin.Line(carried=12, pair=12) for _ in range(12))]
    text = [twin.Line(width=250, ends_sentence=True)] * 2
    every = [
        *frame, *text, twin.Line(width=30, carried=6), *text, *frame, twin.Line(kind="bare", width=3), *frame[1:],
        twin.Line(), *frame, twin.Line(traits=frozenset(["linking"]), width=8), *frame, *frame,
        twin.Line(traits=frozenset(["listed"])), *([twin.Line(carried=4)] * 2), *frame,
    ]  # fmt: skip
    found = decided([twin.Document(every, 12, 12)], RULES["safe"], False)
    assert reason in found[0].reasons
    assert found == [twin.mark(twin.Document(every, 12, 12), RULES["safe"], False)]


# Versions of one article


class Corpus(NamedTuple):
    """Documents, their order, the width of each unit; the common units, the countless among them, and owned ones."""

    documents: list[reference.Version]
    order: list[int]
    widths: list[int]
    common: set[int]
    countless: set[int]
    owned: set[int]


@st.composite
def versions(draw: st.DrawFn) -> Corpus:
    widths = draw(st.lists(st.integers(25, 90), min_size=1, max_size=8))
    every = set(range(len(widths)))
    common = draw(st.sets(st.sampled_from(sorted(every))))
    countless = {unit for unit in common if draw(st.booleans())}
    owned = {unit for unit in every - common if draw(st.booleans())}
    documents = []
    for _ in range(draw(st.integers(1, 10))):
        units = draw(st.frozensets(st.sampled_from(sorted(every))))
        alone = draw(st.sampled_from([0, 30, 200]))
        own, residual, total = (
            alone + sum(widths[unit] for unit in units & of) for of in (owned, every - common, every)
        )
        documents.append(reference.Version(units, own, residual, total))
    order = sorted(range(len(documents)), key=lambda number: (-documents[number].total, number))
    return Corpus(documents, order, widths, common, countless, owned)


@settings(max_examples=300)
@given(versions(), st.sampled_from([100, 10_000]))
def test_versions_are_grouped_as_the_twin_groups_them(case: Corpus, mass: int) -> None:
    rules = reference.Grouping(60, 0.1, 0.3, 0.5, mass, 0.3)
    units = range(len(case.widths))
    leaders = np.empty(len(case.documents), np.int64)
    version_kernels.group_versions(
        np.array(case.order), np.cumsum([0, *(len(document.units) for document in case.documents)]),
        np.array([unit for document in case.documents for unit in sorted(document.units)], np.int32),
        np.array(case.widths, np.int32),
        *(np.array([unit in of for unit in units]) for of in (case.common, case.countless, case.owned)),
        *(np.array([document[at] for document in case.documents]) for at in (1, 2, 3)),
        *rules, 64, 64, leaders,
    )  # fmt: skip
    allowed = reference.group_versions(*case, rules)
    assert all(leader in choice for leader, choice in zip(leaders.tolist(), allowed, strict=True))


# Hard-wrapped text


WRAPPED = st.one_of(
    hostile_texts(),
    st.lists(
        st.sampled_from(["der Rat hat gestern lange beraten", "Der Rat hat gestern lange beraten", "der Rat.", "", "7",
                         "»nein« sagte er und ging danach fort", "สภาเมืองอนุมัติการก่อสร้างสะพานใหม่", *PHRASES]),
        max_size=14,
    ).map("\n".join),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(WRAPPED, min_size=1, max_size=3))
def test_fragments_are_those_of_the_twin(texts: list[str]) -> None:
    read = Column.of(texts)
    segments = segment(read)
    lines = [
        reference.WrappedLine(read.data[start:end].tobytes().decode(), width, bool(flags & TERMINATED))
        for start, end, width, flags in zip(
            segments.line_start.tolist(), segments.line_text_end.tolist(), segments.line_width.tolist(),
            segments.line_flags.tolist(), strict=True,
        )
    ]  # fmt: skip
    rules = reference.Wrapping(
        fragments.NARROWEST, fragments.WIDEST, fragments.LOWER_SHARE, fragments.OPEN_SHARE, fragments.LEAST_OPEN
    )
    rows = list(zip(segments.line_offsets[:-1].tolist(), segments.line_offsets[1:].tolist(), strict=True))
    expected = [reference.find_fragments(lines[first:last], rules) for first, last in rows]
    found = fragments.find_fragments(read, segments)
    assert [found.fragments[first:last].tolist() for first, last in rows] == [each for each, _, _ in expected]
    assert found.going_on.tolist() == [lowers for _, lowers, _ in expected]
    assert found.lines.tolist() == [count for _, _, count in expected]
