"""Boilerplate: counted over different articles of one source, and cut only where it is sure."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup.kernels import boilerplate as kernels
from dedup.kernels import versions as version_kernels
from dedup.versions import mix
from tests import reference
from tests.corpora import Document, article, edited, sentence, site

NOTICE = "Wir verwenden Cookies, um Inhalte und Anzeigen zu personalisieren."
FOOTER = "© 2025 Hafenpost Verlag. Alle Rechte vorbehalten."


LINES = st.lists(
    st.builds(
        reference.CountedLine,
        k0=st.sampled_from([0, 1, 2**64 - 1]),
        k1=st.sampled_from([0, 5, 7]),
        numbers=st.integers(0, 255),
        dates=st.sampled_from([0, 1]),
        label=st.sampled_from([0, 9]),
        is_fragment=st.booleans(),
    ),
    max_size=6,
)


@given(st.lists(LINES, min_size=1, max_size=4), st.integers(0, 2**64 - 1))
def test_keys_of_lines_are_those_of_the_twin(rows: list[list[reference.CountedLine]], source: int) -> None:
    lines = [line for row in rows for line in row]
    sources = [(source + number) % 2**64 for number in range(len(rows))]

    def column(values: list[int], dtype: npt.DTypeLike = np.uint64) -> np.ndarray:
        return np.array(values, dtype)

    keys = np.zeros((4, len(lines)), np.uint64)
    with np.errstate(over="ignore"):
        kernels.line_keys(
            np.cumsum([0, *map(len, rows)]), column([line.is_fragment for line in lines], np.bool_),
            column([line.k0 for line in lines]), column([line.k1 for line in lines]),
            column([line.numbers for line in lines], np.uint8), column([line.dates for line in lines], np.uint8),
            column([line.label for line in lines]), column(sources), np.uint64(7), keys,
        )  # fmt: skip
    expected = [reference.line_keys(line, own, 7) for row, own in zip(rows, sources, strict=True) for line in row]
    assert keys.T.tolist() == expected
    of_numpy = mix(column([line.k1 for line in lines]), np.repeat(column(sources), list(map(len, rows))), 2)
    assert of_numpy.tolist() == [
        reference.mixed(line.k1, own, 2) for row, own in zip(rows, sources, strict=True) for line in row
    ]


@given(st.lists(st.lists(st.sampled_from(["own", "blank", "sure", "likely"]), max_size=8), min_size=1, max_size=4))
def test_lines_are_settled_as_the_twin_settles_them(rows: list[list[str]]) -> None:
    kinds = [kind for row in rows for kind in row]

    def which(*wanted: str) -> np.ndarray:
        return np.array([kind in wanted for kind in kinds], np.bool_)

    marked, whole = np.zeros(len(kinds), np.bool_), np.zeros(len(rows), np.bool_)
    kernels.settle(
        np.cumsum([0, *map(len, rows)]), which("blank"), which("sure"), which("sure", "likely"), marked, whole
    )
    assert marked.tolist() == [goes for row in rows for goes in reference.settle(row)]
    for row, is_whole in zip(rows, whole.tolist(), strict=True):
        has_sure = "sure" in row and "own" not in row
        assert is_whole == has_sure


Corpus = tuple[list[reference.Version], list[int], list[int], set[int], set[int]]
"""Documents, their order, the width of each unit, the common units, and the countless ones among them."""


@st.composite
def versions(draw: st.DrawFn) -> Corpus:
    widths = draw(st.lists(st.integers(25, 90), min_size=1, max_size=8))
    common = draw(st.sets(st.integers(0, len(widths) - 1)))
    countless = {unit for unit in common if draw(st.booleans())}
    documents = []
    for _ in range(draw(st.integers(1, 10))):
        units = draw(st.frozensets(st.integers(0, len(widths) - 1)))
        alone = draw(st.sampled_from([0, 30, 200]))
        own = sum(widths[unit] for unit in units - common) + alone
        documents.append(reference.Version(units, own, own + sum(widths[unit] for unit in units & common)))
    order = sorted(range(len(documents)), key=lambda number: (-documents[number].total, number))
    return documents, order, widths, common, countless


@settings(max_examples=200)
@given(versions(), st.sampled_from([100, 10_000]))
def test_versions_are_grouped_as_the_twin_groups_them(case: Corpus, mass: int) -> None:
    documents, order, widths, common, countless = case
    rules = reference.Grouping(60, 0.1, 0.5, mass, 0.3)
    leaders = np.empty(len(documents), np.int64)
    version_kernels.group_versions(
        np.array(order),
        np.cumsum([0, *(len(document.units) for document in documents)]),
        np.array([unit for document in documents for unit in sorted(document.units)], np.int32),
        np.array(widths, np.int32),
        np.array([unit in common for unit in range(len(widths))]),
        np.array([unit in countless for unit in range(len(widths))]),
        np.array([document.residual for document in documents]),
        np.array([document.total for document in documents]),
        *rules,
        64,
        64,
        leaders,
    )
    allowed = reference.group_versions(documents, order, widths, common, countless, rules)
    assert all(leader in choice for leader, choice in zip(leaders.tolist(), allowed, strict=True))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**63), st.integers(0, 9))
def test_keys_are_mixed_as_integers_would_be(key: int, source_key: int, salt: int) -> None:
    salted = key ^ (source_key + salt) * 0x9E3779B97F4A7C15 % 2**64
    salted = (salted ^ salted >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = mix(np.array([key], np.uint64), np.array([source_key], np.uint64), salt)
    assert int(mixed[0]) == salted ^ salted >> 27


def carrying(line: str, carriers: int, others: int = 0, source: str = "a.example") -> list[Document]:
    """Different articles of one source, of which some carry a line."""
    rng = random.Random(source)
    texts = [f"{article(rng)}{line}\n" for _ in range(carriers)] + [article(rng) for _ in range(others)]
    return [{"id": f"{source}/{number}", "source": source, "text": text} for number, text in enumerate(texts)]


def cut_lines(documents: list[Document], **options: Any) -> list[str]:
    decisions = dedup.clean(documents, **options).decisions
    return [(decision.text or "").strip() for decision in decisions if decision.action == "cut"]


def test_a_line_of_five_articles_goes_from_all_of_them() -> None:
    # Faults 8: keep-first leaves the cookie notice in one random document.
    assert cut_lines(carrying(NOTICE, 5, 5)) == [NOTICE] * 5


def test_a_line_of_four_articles_stays() -> None:
    assert cut_lines(carrying(NOTICE, 4, 6)) == []


def test_a_line_is_counted_inside_its_source_only() -> None:
    assert cut_lines(carrying(NOTICE, 4) + carrying(NOTICE, 4, source="b.example")) == []


def test_the_share_of_a_large_source_decides_where_it_asks_for_more() -> None:
    assert cut_lines(carrying(NOTICE, 6, 14), template_share=0.35) == []
    assert cut_lines(carrying(NOTICE, 7, 13), template_share=0.35) == [NOTICE] * 7


def test_a_decision_names_how_many_documents_carry_the_line() -> None:
    decisions = dedup.clean(carrying(NOTICE, 6, 2)).decisions
    assert {(d.action, d.reason, d.documents) for d in decisions} == {("cut", "boilerplate", 6)}
    assert len({d.template for d in decisions}) == 1


def test_the_sentences_of_an_article_crawled_again_are_no_boilerplate() -> None:
    # Faults 8, situation S1: twelve crawls with small edits among other articles.
    rng = random.Random(5)
    original = article(rng, lines=8)
    crawls = [edited(rng, original, 0.005) for _ in range(12)]
    documents = carrying("", 0, 30) + [
        {"id": f"crawl/{number}", "source": "a.example", "text": text} for number, text in enumerate(crawls)
    ]
    result = dedup.clean(documents)
    assert [d for d in result.decisions if d.action == "cut"] == []
    kept = [document["text"] for document in result.kept if document["id"].startswith("crawl/")]
    assert len(kept) == 1
    assert kept[0] in crawls


def test_short_articles_that_are_mostly_boilerplate_all_stay() -> None:
    # Situation S2.
    rng = random.Random(6)
    frame = "".join(f"{sentence(rng, 12)}\n" for _ in range(6))
    documents = [{"id": str(n), "source": "a.example", "text": f"{sentence(rng, 12)}\n{frame}"} for n in range(30)]
    result = dedup.clean(documents)
    assert [document["id"] for document in result.kept] == [document["id"] for document in documents]
    lines = [document["text"].partition("\n")[0] for document in documents]
    assert [document["text"] for document in result.kept] == [f"{line}\n" for line in lines]


def test_many_copies_of_one_page_are_one_article() -> None:
    # Situation S5.
    page = "Diese Seite benötigt JavaScript, bitte schalten Sie es ein.\nLaden Sie die Seite danach neu.\n"
    documents = [{"id": str(n), "source": "a.example", "text": page} for n in range(40)]
    result = dedup.clean([*documents, *carrying("", 0, 30)])
    kept = [document for document in result.kept if document["text"] == page]
    assert (len(kept), len(result.dropped)) == (1, 39)


def test_a_dated_line_goes_whatever_its_date() -> None:
    # Situation S10.
    documents = [
        {
            "id": str(n),
            "source": "a.example",
            "text": f"{article(random.Random(n))}Veröffentlicht am {n + 1}.12.2025\n",
        }
        for n in range(5)
    ]
    assert cut_lines(documents) == [f"Veröffentlicht am {n + 1}.12.2025" for n in range(5)]


def test_a_labelled_line_goes_whatever_follows_its_label() -> None:
    rng = random.Random(8)
    links = [f"Lesen Sie auch: {sentence(rng, 5).rstrip('.')}" for _ in range(8)]
    documents = [
        {"id": str(n), "source": "a.example", "text": f"{article(rng)}{link}\n"} for n, link in enumerate(links)
    ]
    assert cut_lines(documents) == links


def test_a_sentence_behind_a_label_counts_for_nothing_but_how_many_carry_it() -> None:
    rng = random.Random(8)
    links = [f"Lesen Sie auch: {sentence(rng, 5).rstrip('.')}" for _ in range(8)]
    said = [f"Lesen Sie auch: {sentence(rng, 5)}" for _ in range(3)]
    texts = [f"{article(rng)}{link}\n{FOOTER}\n" for link in links + said]
    result = dedup.clean([{"id": str(n), "source": "a.example", "text": text} for n, text in enumerate(texts)])
    told = [decision for decision in result.decisions if (decision.text or "").startswith("Lesen")]
    assert len(told) == 11
    assert {(decision.articles, decision.documents) for decision in told} == {(8, 11)}


def test_a_labelled_question_of_an_interview_stays() -> None:
    # Situation S7: "Label: rest" without a look at the end of the sentence deletes interviews.
    rng = random.Random(9)
    asked = [f"STANDARD: {sentence(rng, 6).rstrip('.')}?" for _ in range(12)]
    documents = [
        {"id": str(n), "source": "a.example", "text": f"{article(rng)}{question}\n{article(rng)}"}
        for n, question in enumerate(asked)
    ]
    assert cut_lines(documents) == []


def test_a_short_line_goes_only_beside_a_sure_one() -> None:
    rng = random.Random(10)
    bar = [f"{article(rng)}Teilen\n{FOOTER}\n" for _ in range(6)]
    heading = [f"{article(rng)}Teilen\n{article(rng)}" for _ in range(6)]
    documents = [{"id": str(n), "source": "a.example", "text": text} for n, text in enumerate(bar + heading)]
    assert cut_lines(documents) == ["Teilen", FOOTER] * 6


def test_a_quotation_stays() -> None:
    assert cut_lines(carrying("„Wir werden nicht aufgeben und weiter bauen“", 8, 4)) == []


def test_a_document_that_is_all_boilerplate_stays_whole_and_is_flagged() -> None:
    documents = [
        *carrying(f"{NOTICE}\n{FOOTER}", 8),
        {"id": "bare", "source": "a.example", "text": f"{NOTICE}\n{FOOTER}\n"},
    ]
    result = dedup.clean(documents)
    assert result.kept[-1] == documents[-1]
    assert [(d.action, d.reason, d.why) for d in result.decisions if d.document == "bare"] == [
        (
            "flag",
            "boilerplate",
            "every line of it is boilerplate of its source; it stays whole rather than empty",
        )
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_documents_of_a_source_lose_no_boilerplate(count: int) -> None:
    # Situation S11.
    assert cut_lines(site(random.Random(11), "a.example", count)) == []


def test_a_site_is_stripped_to_its_articles() -> None:
    documents = site(random.Random(12), "a.example", 10)
    kept = dedup.clean(documents).kept
    for document, clean in zip(documents, kept, strict=True):
        lines = document["text"].splitlines(keepends=True)
        assert clean["text"] == "".join([lines[0], *lines[3:-3]])
