"""Wordings of one template: pooled where that is safe, and only there."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup.columns import Column
from dedup.kernels import variants as kernels
from dedup.model import Batch
from dedup.segment import frozen, tables
from dedup.variants import Sample
from tests import reference_variants as reference
from tests.corpora import SENTENCES, Document, article, hostile_texts, sentence

NEWSLETTER = (
    "Abonnieren Sie unseren Newsletter und bleiben Sie jeden Morgen informiert!",
    "Abonnieren Sie jetzt unseren Newsletter und bleiben Sie jeden Morgen informiert.",
    "Abonnieren Sie unseren neuen Newsletter und bleiben Sie jeden Morgen informiert!",
)
WORDED = "this line in one wording or another"
FOOTER = "© 2025 Hafenpost Verlag. Alle Rechte vorbehalten."

WORDINGS = st.one_of(
    st.sampled_from([*SENTENCES, *NEWSLETTER, "", "a", "Mai 3", "am 3. Mai 2025", "Stand: 3.12.2025, 8:30 Uhr"]),
    hostile_texts().map(lambda text: "".join(text.splitlines())),
)


def shingled(lines: list[str]) -> tuple[np.ndarray, np.ndarray]:
    texts = Column.of(lines)
    offsets = np.zeros(len(lines) + 1, np.int64)
    starts, ends = (frozen(bounds.copy()) for bounds in (texts.offsets[:-1], texts.offsets[1:]))
    with np.errstate(over="ignore"):
        return kernels.shingle_lines(texts.data, starts, ends, *tables(), offsets), offsets


@settings(max_examples=200)
@given(st.lists(WORDINGS, min_size=2, max_size=4))
def test_similarity_is_that_of_the_twin(lines: list[str]) -> None:
    hashes, offsets = shingled(lines)
    sets = [reference.shingles(line) for line in lines]
    assert np.diff(offsets).tolist() == [len(shingles) for shingles in sets]
    for a in range(len(lines)):
        for b in range(len(lines)):
            found = kernels.similarity(hashes, offsets[a], offsets[a + 1], offsets[b], offsets[b + 1])
            assert found == reference.similarity(sets[a], sets[b])


@settings(max_examples=100)
@given(st.lists(st.tuples(WORDINGS, st.booleans()), max_size=8))
def test_wordings_are_tied_as_the_twin_ties_them(case: list[tuple[str, bool]]) -> None:
    lines, recurs = [line for line, _ in case], [often for _, often in case]
    hashes, offsets = shingled(lines)
    mains, similarities = np.empty(len(lines), np.int64), np.empty(len(lines), np.float64)
    buckets = np.zeros((len(lines), 2), np.int32)
    kernels.tie(buckets, hashes, offsets, np.array(recurs, np.bool_), 0.7, 16, mains, similarities)
    expected = reference.tie([reference.shingles(line) for line in lines], recurs, 0.7)
    assert list(zip(mains.tolist(), similarities.tolist(), strict=True)) == expected


@given(st.lists(st.integers(0, 2**64 - 1)), st.lists(st.integers(0, 3)), st.integers(0, 3))
def test_hashes_are_sorted_in_place(many: list[int], alike: list[int], start: int) -> None:
    before = [2**64 - 1, 5, 0][:start]
    for found in (many, alike):
        hashes = np.array([*before, *found, 7], np.uint64)
        kernels.sort(hashes, len(before), len(found))
        assert hashes.tolist() == [*before, *sorted(found), 7]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=40), st.integers(1, 4), st.integers(1, 9))
def test_the_sample_is_the_smallest_hashes_of_each_source(
    documents: list[tuple[int, int]], size: int, batch_rows: int
) -> None:
    sample = Sample(size)
    for first in range(0, len(documents), batch_rows):
        part = np.array(documents[first : first + batch_rows])
        nothing = Column.of([""] * len(part))
        places = np.arange(first, first + len(part))
        files, ways = np.zeros(len(part), np.int32), np.zeros(len(part), np.uint8)
        batch = Batch(files, places, nothing, nothing, nothing, places.astype(np.uint64), ways)
        sample.add(batch, part[:, 0], part[:, 1].astype(np.uint64))
    wanted = sample.wanted()
    assert wanted.records.tolist() == sorted(wanted.records.tolist())
    chosen = sorted(documents[record] for record in wanted.records.tolist())
    assert chosen == sorted(
        (source, value)
        for source in {source for source, _ in documents}
        for value in sorted({value for s, value in documents if s == source})[:size]
    )


def pages(lines: list[str], footer: str = "", source: str = "a.example") -> list[Document]:
    """Different articles of one source, each with one of the lines at its end."""
    rng = random.Random(source)
    return [
        {"id": f"{source}/{number}", "source": source, "text": f"{article(rng)}{line}\n{footer}"}
        for number, line in enumerate(lines)
    ]


def cut_lines(documents: list[Document], **options: Any) -> list[str]:
    decisions = dedup.clean(documents, **options).decisions
    return [(decision.text or "").strip() for decision in decisions if decision.action == "cut"]


def flagged(documents: list[Document]) -> list[tuple[str | None, str | None]]:
    return [(d.text, d.why) for d in dedup.clean(documents).decisions if d.action == "flag"]


def test_wordings_go_where_together_they_are_carried_often() -> None:
    lines = [NEWSLETTER[0]] * 3 + [NEWSLETTER[1]] * 3
    assert cut_lines(pages(lines)) == lines


def test_wordings_stay_where_even_together_they_are_carried_too_seldom() -> None:
    lines = [NEWSLETTER[0]] * 3 + [NEWSLETTER[1]]
    assert cut_lines(pages(lines)) == []


def test_a_wording_that_few_articles_carry_goes_only_beside_a_surer_line() -> None:
    lines = [NEWSLETTER[0]] * 4 + [NEWSLETTER[1]]
    assert cut_lines(pages(lines)) == lines[:4]
    footed = pages(lines, footer=f"{FOOTER}\n")
    assert cut_lines(footed) == [line for wording in lines for line in (wording, FOOTER)]


def test_a_wording_that_stays_is_flagged() -> None:
    assert flagged(pages([NEWSLETTER[0]] * 4 + [NEWSLETTER[1]])) == [
        (
            NEWSLETTER[1],
            f"5 different articles of its source carry {WORDED}; it stays, since few have this very wording",
        )
    ]


def test_wordings_of_which_none_is_suspicious_by_itself_stay_and_are_flagged() -> None:
    lines = [wording for wording in NEWSLETTER for _ in range(2)]
    documents = pages(lines, footer=f"{FOOTER}\n")
    assert cut_lines(documents) == [FOOTER] * 6
    assert [text for text, _ in flagged(documents)] == lines


def test_a_decision_on_a_wording_names_the_template_and_how_like_it_is() -> None:
    lines = [NEWSLETTER[0]] * 4 + [NEWSLETTER[1]] * 3
    decisions = dedup.clean(pages(lines)).decisions
    assert {(d.documents, d.articles) for d in decisions} == {(7, 7)}
    assert len({d.template for d in decisions}) == 1
    like = reference.similarity(reference.shingles(NEWSLETTER[0]), reference.shingles(NEWSLETTER[1]))
    assert [d.similarity for d in decisions] == [None] * 4 + [like] * 3


def test_the_report_tells_of_a_template_once_in_its_main_wording() -> None:
    lines = [NEWSLETTER[1]] * 3 + [NEWSLETTER[0]] * 4
    (template,) = dedup.clean(pages(lines)).report["templates"]
    assert (template["text"], template["articles"]) == (NEWSLETTER[0], 7)


def test_versions_of_one_article_count_once() -> None:
    lines = [NEWSLETTER[0]] * 3
    documents = pages(lines)
    text = article(random.Random(1))
    again = [{"id": f"again/{n}", "source": "a.example", "text": f"{text}{NEWSLETTER[1 + n % 2]}\n"} for n in range(4)]
    assert cut_lines(documents + again) == []


def test_wordings_of_two_sources_are_not_pooled() -> None:
    documents = pages([NEWSLETTER[0]] * 3) + pages([NEWSLETTER[1]] * 3, source="b.example")
    assert cut_lines(documents) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Der Wetterdienst erwartet für Mooskalten am Abend 20 Grad und Sonne.",) * 2,
        ("„Wir bleiben im Hafen, bis der Sturm vorbei ist“", "„Wir bleiben im Hafen, bis der Sturm ganz vorbei ist“"),
        ("Artikel jetzt teilen", "Artikel jetzt mailen"),
        ("Das Museum am Hafen ist am Montag geschlossen.", "Die Bücherei am Markt hat am Montag offen."),
    ],
)
def test_lines_that_are_no_wordings_of_one_template_stay(first: str, second: str) -> None:
    lines = [first.replace("20", str(20 + n)) for n in range(3)] + [second.replace("20", str(30 + n)) for n in range(3)]
    assert cut_lines(pages(lines)) == []


def test_a_title_is_no_wording_of_the_links_to_it() -> None:
    title = "Der Gemeinderat von Mooskalten kauft das alte Sägewerk am Fluss"
    lines = [title, *[f"Auch da: {title}"] * 4]
    assert cut_lines(pages(lines, footer=f"{FOOTER}\n")) == [FOOTER] * 5
    unlabelled = [line.replace("Auch da:", "Auch da") for line in lines]
    assert len(cut_lines(pages(unlabelled, footer=f"{FOOTER}\n"))) == 10


def test_rows_of_a_list_are_no_wordings() -> None:
    # A page has several of them; of wordings it has one.
    a, b, c, d = (
        f"Tor für Eintracht Lindenfurt durch die Kapitänin {player}"
        for player in ("Anna Graf", "Anna Gral", "Ina Graf", "Ina Gral")
    )
    scored = [f"{first}\n{second}" for first, second in ((a, b), (a, c), (a, d), (b, c), (c, d))]
    assert cut_lines(pages(scored, footer=f"{FOOTER}\n")) == [FOOTER] * 5
    single = [a, a, a, b, c]
    assert cut_lines(pages(single, footer=f"{FOOTER}\n")) == [line for row in single for line in (row, FOOTER)]


def test_a_title_like_others_stays_between_boilerplate() -> None:
    titles = [f"Neues aus dem Gemeinderat von Mooskalten und {place}" for place in ("Lausing", "Lausling", "Lausingen")]
    rng = random.Random(3)
    chosen = [titles[0]] * 3 + titles[1:]
    documents = [
        {
            "id": str(n),
            "source": "a.example",
            "text": f"{FOOTER}\n{title}\nStand: {n + 1}.12.2025, 8:30\n{article(rng)}",
        }
        for n, title in enumerate(chosen)
    ]
    left = [document["text"].splitlines()[0] for document in dedup.clean(documents).kept]
    assert left[3:] == titles[1:]


def test_a_sentence_behind_a_label_of_the_site_goes_only_beside_a_surer_line() -> None:
    rng = random.Random(8)
    links = [f"Lesen Sie auch: {sentence(rng, 5).rstrip('.')}" for _ in range(8)]
    inside = f"Lesen Sie auch: {sentence(rng, 5)}"
    texts = [f"{article(rng)}{link}\n{FOOTER}\n" for link in [*links, inside]]
    documents = [{"id": str(n), "source": "a.example", "text": text} for n, text in enumerate(texts)]
    alone = {"id": "alone", "source": "a.example", "text": f"{article(rng)}{inside}\n{article(rng)}"}
    assert cut_lines([*documents, alone]) == [line for link in [*links, inside] for line in (link, FOOTER)]


@settings(max_examples=20, deadline=None)
@given(st.permutations([NEWSLETTER[0]] * 4 + [NEWSLETTER[1]] * 2 + [NEWSLETTER[2]] * 2 + ["Ein ganz anderer Schluss."]))
def test_the_order_of_documents_changes_nothing(lines: list[str]) -> None:
    assert sorted(cut_lines(pages(lines))) == sorted([NEWSLETTER[0]] * 4)


def test_cleaning_again_finds_no_more_wordings() -> None:
    lines = [NEWSLETTER[0]] * 4 + [NEWSLETTER[1]] * 3
    once = dedup.clean(pages(lines, footer=f"{FOOTER}\n")).kept
    assert dedup.clean(once).kept == once
