"""Boilerplate: what recurs beside the same neighbours goes, and what stands once stays."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup import furniture
from dedup.columns import Column
from dedup.decisions import Decision
from dedup.segment import segment
from tests.corpora import FEET, HEADS, Document, article, edited, sentence, site

MENU = ("Startseite", "Politik", "Kultur", "Sport", "Kleinanzeigen")
FOOT = ("Impressum", "Datenschutz", "Hafenpost Verlag, alle Rechte vorbehalten")
NOTICE = "Der Hafenpost Verlag haftet nicht für fremde Seiten"


def of_source(texts: Sequence[str], source: str = "a.example") -> list[Document]:
    return [{"id": f"{source}/{number}", "source": source, "text": text} for number, text in enumerate(texts)]


def lines_of(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def carrying(line: str, carriers: int, others: int = 0, source: str = "a.example") -> list[Document]:
    """Different articles of one source, of which some carry a line amid their text."""
    rng = random.Random(source)
    texts = [f"{article(rng)}{line}\n{article(rng)}" for _ in range(carriers)] + [article(rng) for _ in range(others)]
    return of_source(texts, source)


def framed(
    count: int,
    head: Sequence[str] = MENU,
    foot: Sequence[str] = FOOT,
    others: int = 0,
    amid: Callable[[int], Sequence[str]] = lambda number: (),
    source: str = "a.example",
) -> list[Document]:
    """Different articles of one source between its lines, with more lines in their midst; and some without."""
    rng = random.Random(source)
    texts = [
        lines_of(*head, sentence(rng, 5).rstrip(".")) + article(rng) + lines_of(*amid(number)) + article(rng)
        + lines_of(*foot)
        for number in range(count)
    ]  # fmt: skip
    return of_source(texts + [article(rng) for _ in range(others)], source)


def cuts(documents: list[Document], **options: Any) -> list[Decision]:
    return [d for d in dedup.clean(documents, **options).decisions if d.action == "cut" and d.reason == "boilerplate"]


def cut_lines(documents: list[Document], **options: Any) -> list[str]:
    return [(decision.text or "").strip() for decision in cuts(documents, **options)]


def flags(documents: list[Document], **options: Any) -> list[Decision]:
    return [d for d in dedup.clean(documents, **options).decisions if d.action == "flag" and d.reason == "boilerplate"]


# What recurs


def test_lines_that_recur_beside_the_same_lines_go_from_all_articles() -> None:
    assert cut_lines(framed(5)) == [*MENU, *FOOT] * 5


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_documents_of_a_source_lose_no_boilerplate(count: int) -> None:
    # Situation S11.
    assert cut_lines(framed(count)) == []


def test_a_line_that_recurs_among_different_lines_stays_and_is_flagged() -> None:
    documents = carrying(NOTICE, 8, 4)
    assert cut_lines(documents) == []
    assert [(d.text, d.articles, d.beside) for d in flags(documents)] == [(NOTICE, 8, 1)] * 8


def test_two_lines_amid_the_text_stay_though_they_recur_together() -> None:
    assert cut_lines(carrying(f"{NOTICE}\nZur Übersicht", 12)) == []


@pytest.mark.parametrize(("lines", "goes"), [(7, False), (8, True)])
def test_amid_the_text_a_run_goes_from_eight_lines_on(lines: int, goes: bool) -> None:
    box = [f"Rubrik {'abcdefgh'[number] * 3}" for number in range(lines)]
    assert cut_lines(carrying("\n".join(box), 6)) == box * 6 * goes


@pytest.mark.parametrize(("lines", "goes"), [(2, False), (3, True)])
def test_below_the_text_a_run_goes_from_three_lines_on(lines: int, goes: bool) -> None:
    foot = FOOT[:lines]
    # Below it stands more that every article has to itself, so that the end is far.
    documents = [
        {**d, "text": d["text"] + lines_of(*(sentence(random.Random(9 * n + m), 3) for m in range(4)))}
        for n, d in enumerate(framed(6, head=(), foot=foot))
    ]
    assert cut_lines(documents) == list(foot) * 6 * goes


def test_lines_are_counted_inside_their_source_only() -> None:
    assert cut_lines(framed(3) + framed(3, source="b.example")) == []


def test_the_share_of_a_large_source_decides_where_it_asks_for_more() -> None:
    assert cut_lines(framed(6, others=14), template_share=0.35) == []
    assert cut_lines(framed(7, others=13), template_share=0.35) == [*MENU, *FOOT] * 7


def test_a_decision_names_its_evidence() -> None:
    found = {d.text: d for d in cuts(framed(6, others=2))}
    evidence = {(d.documents, d.articles, d.beside, d.how) for d in found.values()}
    assert evidence == {(6, 6, 6, "run")}
    assert len({d.template for d in found.values()}) == len(MENU) + len(FOOT)


@pytest.mark.parametrize(("count", "goes"), [(9, False), (10, True)])
def test_a_line_beside_nothing_but_the_end_goes_from_ten_articles_on(count: int, goes: bool) -> None:
    assert cut_lines(framed(count, head=(), foot=[NOTICE])) == [NOTICE] * count * goes


def test_a_line_at_the_end_of_fewer_than_half_of_the_articles_stays() -> None:
    assert cut_lines(framed(10, head=(), foot=[NOTICE], others=11)) == []


def test_cuts_are_whole_lines() -> None:
    for document, clean in zip(framed(5), dedup.clean(framed(5)).kept, strict=True):
        lines = document["text"].splitlines(keepends=True)
        assert clean["text"] == "".join(lines[len(MENU) : -len(FOOT)])


def test_a_site_is_stripped_to_its_articles() -> None:
    documents = site(random.Random(12), "a.example", 10)
    kept = dedup.clean(documents).kept
    for document, clean in zip(documents, kept, strict=True):
        lines = document["text"].splitlines(keepends=True)
        assert clean["text"] == "".join([lines[0], *lines[1 + len(HEADS) : -len(FEET)]])


# What differs


VALUES = (
    "Ufergasse",
    "Mooskalten",
    "Wattholm",
    "Oberkaltach",
    "Hinterlausing",
    "Nordersiel",
    "Sankt Veitl",
    "Grauwald",
)


@pytest.mark.parametrize("label", ["Gehalt", "Regie", "Antwort", "Ort", "Diagnose", "导演", "### Response"])
def test_what_stands_behind_a_label_stays(label: str) -> None:
    documents = framed(8, amid=lambda number: [f"{label}: {VALUES[number]}"])
    assert not [line for line in cut_lines(documents) if line.startswith(label)]


def advertisement(number: int) -> list[str]:
    return [
        *("Arbeitsort:", VALUES[number], "Beginn", f"{number + 1}. März 2026", "Gehalt", f"{31 + number}.500 Euro"),
        *("Ihre Aufgaben", f"Sie leiten die Werft in {VALUES[number]}", "Ihr Profil", f"Sie kennen {VALUES[-number]}"),
    ]


def recipe(number: int) -> list[str]:
    return [
        *("Zutaten", f"für {number + 2} Portionen", f"{number + 100} g Mehl", f"{number} Eier", "Salz", "Zubereitung"),
        *(f"Den Teig {VALUES[number]} nennen und ruhen lassen", "Backen", "Guten Appetit"),
    ]


@pytest.mark.parametrize("shape", [advertisement, recipe])
def test_content_in_a_fixed_order_stays(shape: Callable[[int], list[str]]) -> None:
    documents = framed(8, amid=shape)
    assert set(cut_lines(documents)) == {*MENU, *FOOT}


def test_a_date_of_publication_goes_in_a_run() -> None:
    dated = [lines_of(*MENU[:3], f"Veröffentlicht am {day}.12.2025", *MENU[3:]) for day in range(1, 7)]
    documents = [{**d, "text": dated[n] + d["text"]} for n, d in enumerate(framed(6, head=()))]
    assert [line for line in cut_lines(documents) if line.startswith("Veröff")] == [
        f"Veröffentlicht am {day}.12.2025" for day in range(1, 7)
    ]


@pytest.mark.parametrize("said", ["Veröffentlicht am", "Geboren am", "Bewerbungen bis", "Zahltag"])
def test_a_date_stays_amid_the_text(said: str) -> None:
    documents = framed(8, amid=lambda number: [f"{said} {number + 1}.12.2025"])
    assert set(cut_lines(documents)) == {*MENU, *FOOT}


@pytest.mark.parametrize("line", ["Zimmer B{}", "Rufen Sie die {}er an", "오후 기온은 {}도였고"])
def test_a_number_in_a_word_is_one_too(line: str) -> None:
    documents = framed(12, head=(), foot=["{}"])
    for number, document in enumerate(documents):
        document["text"] = document["text"].format(line.format(100 + number))
    assert cut_lines(documents) == []


@pytest.mark.parametrize("said", ["Geboren am", "Bewerbungen bis", "Zahltag"])
def test_a_date_that_is_none_of_publication_stays_at_the_end_of_a_run(said: str) -> None:
    documents = framed(8)
    for number, document in enumerate(documents):
        document["text"] = document["text"].replace("Kleinanzeigen\n", f"Kleinanzeigen\n{said} {number + 1}.12.2025\n")
    assert set(cut_lines(documents)) == {*MENU, *FOOT}


@pytest.mark.parametrize(
    "line",
    ["Veröffentlicht am 3. Dezember 2025, 14:12 Uhr", "Stand: 3.12.2025", "Last updated on December 3, 2025 at 2:12 pm",
     "Publié le 3 décembre 2025 à 14h12", "Опубликовано 3 декабря 2025 г.", "最終更新 2025年12月3日",
     "© 2025 Hafenpost"],
)  # fmt: skip
def test_dates_of_publication_are_known(line: str) -> None:
    assert furniture.is_dateline(line)


@pytest.mark.parametrize(
    "line",
    ["Geboren am 3. Dezember 1951", "Veröffentlicht", "3. Dezember 2025", "Record April 15",
     "Bewerbungen bis 3.12.2025", "Veröffentlicht am 3.12.2025 in Lindenfurt", "Version 1.1 vom 22.2.2000"],
)  # fmt: skip
def test_other_dates_are_none_of_publication(line: str) -> None:
    assert not furniture.is_dateline(line)


def test_a_number_goes_with_the_lines_on_both_sides() -> None:
    documents = framed(6, foot=["Teilen", "18", *FOOT])
    assert cut_lines(documents).count("18") == 6


def test_a_number_that_stands_once_between_lines_that_go_stays() -> None:
    documents = [
        {**d, "text": d["text"].replace("Impressum\n", f"Merken\nTeilen\n{100 + 7 * n}\nImpressum\n")}
        for n, d in enumerate(framed(6, foot=["Drucken", *FOOT]))
    ]
    assert not [line for line in cut_lines(documents) if line.isdigit()]


# Links


def linking(label: str, count: int = 6) -> list[Document]:
    return framed(count, amid=lambda number: [f"{label}: {sentence(random.Random(number), 5).rstrip('.')}"])


@pytest.mark.parametrize("label", ["Lesen Sie auch", "Mehr zum Thema", "READ MORE", "Lire aussi", "Читайте также"])
def test_links_to_other_articles_go_by_their_label(label: str) -> None:
    found = [d for d in cuts(linking(label)) if d.how == "link"]
    assert len(found) == 6
    assert {(d.articles, d.beside) for d in found} == {(6, None)}


@pytest.mark.parametrize("label", ["Lesen Sie", "Titel", "Regie", "Siehe"])
def test_lines_behind_other_labels_stay(label: str) -> None:
    assert set(cut_lines(linking(label))) == {*MENU, *FOOT}


def test_links_of_few_articles_stay() -> None:
    assert cut_lines(linking("Lesen Sie auch", 3)) == []


def test_a_link_in_place_of_the_headline_stays() -> None:
    rng = random.Random(4)
    documents = of_source([f"Lesen Sie auch: {sentence(rng, 4).rstrip('.')}\n{article(rng)}" for _ in range(6)])
    assert cut_lines(documents) == []


def test_listed_lines_go_with_whatever_follows_them() -> None:
    documents = linking("Weiter im Heft")
    found = cuts(documents, known_boilerplate=("weiter im heft: *",))
    listed = [d for d in found if d.how == "listed"]
    assert len(listed) == 6
    assert {(d.documents, d.articles) for d in listed} == {(6, 6)}


def test_a_pattern_names_beginnings_of_lines_only() -> None:
    documents = carrying("Und weiter im Heft: der Steg", 1)
    assert cut_lines(documents, known_boilerplate=("Weiter im Heft: *",)) == []


# What stands once


def with_links_of_the_day(count: int = 6) -> list[Document]:
    """Sites with a box below each article, in which two lines are others each time."""
    rng = random.Random(3)
    of_the_day = [lines_of(*(sentence(rng, 4).rstrip(".") for _ in range(2))) for _ in range(count)]
    box = "Aus dem Archiv\nDie Fähre\nDer Steg\n"
    return [
        {**d, "text": d["text"].replace("Impressum\n", f"{box}{of_the_day[n]}Impressum\n")}
        for n, d in enumerate(framed(count))
    ]


def test_what_stands_once_between_lines_that_go_is_flagged() -> None:
    documents = with_links_of_the_day()
    assert {d.how for d in cuts(documents)} == {"run"}
    found = flags(documents)
    assert len(found) == 12
    assert {(d.why or "").split("; ")[0] for d in found} == {
        "what is around it is boilerplate, but no other article of its source has this line"
    }


def test_what_stands_once_between_lines_that_go_goes_if_asked_for() -> None:
    documents = with_links_of_the_day()
    found = [d for d in cuts(documents, boilerplate="full") if d.how == "gap"]
    assert len(found) == 12
    assert {(d.documents, d.articles, d.template) for d in found} == {(None, None, None)}
    assert flags(documents, boilerplate="full") == []


def test_what_stands_once_above_the_text_stays_though_asked_for() -> None:
    documents = framed(6, head=[*MENU, *FOOT[::-1]])
    for number, document in enumerate(documents):
        document["text"] = document["text"].replace("Kultur\n", f"Kultur\nWetter in {VALUES[number]}\n")
    assert not [line for line in cut_lines(documents, boilerplate="full") if line.startswith("Wetter")]


@st.composite
def made_up_sites(draw: st.DrawFn) -> list[Document]:
    """Two sources, whose documents are made of lines of a frame, of what they share, and of their own."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    documents = []
    for source in ("a.example", "b.example"):
        pool = [sentence(rng, draw(st.integers(1, 9))).rstrip(draw(st.sampled_from(["", "."]))) for _ in range(12)]
        head, foot = (pool[: draw(st.integers(0, 12))] for _ in range(2))
        makers: list[Callable[[], str]] = [
            lambda: sentence(rng, 12),
            lambda: sentence(rng, 3).rstrip("."),
            lambda pool=pool: rng.choice(pool),  # type: ignore[misc]
            lambda: f"Ort: {sentence(rng, 1)}",
            lambda: f"Lesen Sie auch: {sentence(rng, 3)}",
            lambda: f"Stand: {rng.randint(1, 28)}.12.2025",
            lambda: f"{rng.randint(1, 9)} Kommentare",
            lambda: str(rng.randint(1, 99)),
            lambda: "|",
            lambda: article(rng, 2).rstrip("\n"),
        ]
        for number in range(draw(st.integers(0, 9))):
            inner = [rng.choice(makers)() for _ in range(draw(st.integers(1, 12)))]
            documents.append(
                {"id": f"{source}/{number}", "source": source, "text": lines_of(*head, *inner, *foot[::-1])}
            )
    return documents or of_source(["Ein Steg.\n"])


@settings(max_examples=80)
@given(made_up_sites())
def test_no_line_that_stands_in_one_document_only_goes(documents: list[Document]) -> None:
    def masked(text: str) -> int:
        return int(segment(Column.of([text])).line_k1[0])

    carriers = Counter(
        (document["source"], key)
        for document in documents
        for key in {masked(line) for line in document["text"].splitlines()}
    )
    for decision in cuts(documents, max_loss=1):
        text = decision.text or ""
        if decision.how == "link":
            assert text.startswith("Lesen Sie auch: ")
        elif decision.how == "sign":
            assert text.strip().isdigit() or text.strip() == "|"
        else:
            assert carriers[decision.source, masked(text)] > 1


@settings(max_examples=40)
@given(made_up_sites(), st.sampled_from(["safe", "full"]), st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(documents: list[Document], amount: str, rng: random.Random) -> None:
    def said(of: list[Document]) -> set[tuple[object, ...]]:
        decisions = dedup.clean(of, boilerplate=amount, only="boilerplate", max_loss=1).decisions
        return {(d.document, d.action, d.start, d.end, d.beside, d.articles, d.how, d.template) for d in decisions}

    shuffled = rng.sample(documents, len(documents))
    assert said(shuffled) == said(documents)


# What looks like boilerplate


def test_the_head_of_a_table_stays_above_its_figures() -> None:
    head = ["Rang", "Verein", "Spiele", "Siege", "Niederlagen", "Tore", "Punkte", "Form", "Trend"]
    documents = framed(6, amid=lambda number: [*head, *(str(100 * number + row) for row in range(12))])
    assert set(cut_lines(documents)) == {*MENU, *FOOT}
    documents = framed(6, amid=lambda number: head)
    assert set(cut_lines(documents)) == {*MENU, *FOOT, *head}


def wrapped(rng: random.Random) -> str:
    """Return sentences that somebody wrapped, so that most lines go on in lower case."""
    return "".join(f"{sentence(rng, 6).rstrip('.')}\n{sentence(rng, 6).lower()}\n" for _ in range(8))


def test_hard_wrapped_documents_lose_nothing_and_count_for_nothing() -> None:
    rng = random.Random(2)
    mails = of_source([lines_of(*MENU) + wrapped(rng) + lines_of(*FOOT) for _ in range(8)])
    assert cut_lines(mails) == []
    assert cut_lines([*framed(3), *({**mail, "id": f"mail{n}"} for n, mail in enumerate(mails))]) == []


def test_a_source_of_hard_wrapped_documents_loses_nothing() -> None:
    rng = random.Random(2)
    mails = [{"id": f"mail{n}", "source": "a.example", "text": wrapped(rng)} for n in range(20)]
    assert cut_lines([*framed(6), *mails]) == []
    assert cut_lines([*framed(6), *({**mail, "source": "b.example"} for mail in mails)]) == [*MENU, *FOOT] * 6


def test_a_listed_line_goes_from_hard_wrapped_documents_too() -> None:
    rng = random.Random(2)
    mails = of_source([wrapped(rng) + lines_of(FOOT[2]) for _ in range(2)])
    assert cut_lines(mails, known_boilerplate=(FOOT[2],)) == [FOOT[2]] * 2


@pytest.mark.parametrize("line", ["§ 1 Staatliche Anerkennung", "<|user|>", "(Beifall)", "(Heiterkeit bei der Werft)"])
def test_sections_turns_and_lines_in_brackets_stay(line: str) -> None:
    assert line not in cut_lines(framed(6, head=[*MENU, line, *MENU[::-1]]))


def test_a_quotation_stays() -> None:
    assert cut_lines(carrying("„Wir werden nicht aufgeben und weiter bauen“", 8, 4)) == []


def test_a_labelled_question_of_an_interview_stays() -> None:
    # Situation S7.
    rng = random.Random(9)
    asked = [f"STANDARD: {sentence(rng, 6).rstrip('.')}?" for _ in range(12)]
    assert cut_lines(of_source([f"{article(rng)}{question}\n{article(rng)}" for question in asked])) == []


def test_the_headline_stays_below_a_menu() -> None:
    headline = "Die Brücke wird noch in diesem Jahr eröffnet"
    documents = framed(8)
    for document in documents[:3]:
        # Others link to it, each at another place of the menu.
        document["text"] = document["text"].replace("Impressum\n", f"{headline}\nImpressum\n")
    documents[4]["text"] = documents[4]["text"].replace("Kleinanzeigen\n", f"Kleinanzeigen\n{headline}\n")
    kept = {document["id"]: document["text"] for document in dedup.clean(documents).kept}
    assert kept[documents[4]["id"]].startswith(headline)


# What counts as one


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


def test_versions_of_one_article_count_once() -> None:
    documents = framed(3)
    again = [{**documents[0], "id": f"again/{n}", "text": documents[0]["text"] + f"Nachtrag {n}\n"} for n in range(5)]
    assert cut_lines([*documents, *again], only="boilerplate") == []


def test_short_articles_that_are_mostly_boilerplate_all_stay() -> None:
    # Situation S2.
    rng = random.Random(6)
    frame = "".join(f"{sentence(rng, 12)}\n" for _ in range(6))
    documents = of_source([f"{sentence(rng, 12)}\n{frame}" for _ in range(30)])
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


# What would be left empty


def test_a_document_that_is_all_boilerplate_stays_whole_and_is_flagged() -> None:
    bare = {"id": "bare", "source": "a.example", "text": lines_of(*MENU)}
    result = dedup.clean([*framed(8), bare])
    assert result.kept[-1] == bare
    assert [(d.action, d.reason, d.why) for d in result.decisions if d.document == "bare"] == [
        (
            "flag",
            "boilerplate",
            "every line of it is boilerplate of its source; it stays whole rather than empty",
        )
    ]
