"""Lines that the user lists go wherever they stand, and decisions say how many documents carry them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings

import dedup
from dedup import jobs, undo
from dedup.config import Config
from dedup.decisions import Decision
from dedup.errors import InputError, UsageError
from tests.corpora import FEET, HEADS, Document, article, corpora, site, written

NOTICE = "Wir verwenden Cookies, um Inhalte und Anzeigen zu personalisieren."
KNOWN = (HEADS[0], HEADS[1].format(day=1), FEET[0], FEET[2])
RUN = jobs.Run()


def page(name: str, *lines: str, source: str = "a.example") -> Document:
    text = "".join(f"{line}\n" for line in lines) + article(random.Random(name))
    return {"id": name, "source": source, "text": text}


def cuts(result: dedup.Result) -> list[Decision]:
    return [d for d in result.decisions if d.action == "cut"]


def cut_lines(documents: list[Document], *known: str) -> list[str]:
    return [(d.text or "").strip() for d in cuts(dedup.clean(documents, known_boilerplate=known))]


# What goes


def test_a_listed_line_goes_from_a_single_document() -> None:
    document = page("a", NOTICE)
    result = dedup.clean([document], known_boilerplate=(NOTICE,))
    assert [d["text"] for d in result.kept] == [document["text"].removeprefix(f"{NOTICE}\n")]
    (found,) = cuts(result)
    assert (found.reason, found.text, found.documents, found.articles) == ("boilerplate", f"{NOTICE}\n", 1, 1)


def test_a_listed_line_goes_from_every_source() -> None:
    documents = [page(name, NOTICE, source=f"{name}.example") for name in "abc"]
    result = dedup.clean([*documents, page("d", source="d.example")], known_boilerplate=(NOTICE,))
    assert [(d.document, d.documents, d.articles) for d in cuts(result)] == [(name, 3, 3) for name in "abc"]
    assert len({d.template for d in cuts(result)}) == 1


@pytest.mark.parametrize(
    "line",
    [
        "veröffentlicht: 24.12.2025 um 18.05 Uhr",
        "Veröffentlicht 1. Jänner 2026 um 7.30 Uhr!",
        "  VERÖFFENTLICHT 3. März 2024 um 12.00 Uhr  ",
    ],
)
def test_dates_case_and_punctuation_aside(line: str) -> None:
    assert cut_lines([page("a", line)], "Veröffentlicht 3.12.2025 um 9.15 Uhr") == [line.strip()]


@pytest.mark.parametrize("line", ["Teilen", "18 Kommentare", "„Alles sagen wir weiter“", "mehr", "Foto: Lena Ott"])
def test_lines_go_though_they_are_short_or_quotations_or_labels(line: str) -> None:
    document = page("a")
    head, _, tail = document["text"].partition("\n")
    document["text"] = f"{head}\n{line}\n{tail}"
    assert cut_lines([document], line.replace("18", "2")) == [line]


def test_a_line_between_pieces_of_wrapped_sentences_goes() -> None:
    wrapped = "Der Gemeinderat hat am Montag nach langer\nDebatte den Bau der neuen Brücke mit sieben zu\n" * 3
    assert cut_lines([{"id": "a", "text": f"{wrapped}{NOTICE}\nund vier Stimmen beschlossen\n"}], NOTICE) == [NOTICE]


@pytest.mark.parametrize("line", [f"{NOTICE} Mehr dazu", f"Hinweis: {NOTICE}", NOTICE[:-20], NOTICE.replace("u", "v")])
def test_other_lines_stay(line: str) -> None:
    assert cut_lines([page("a", line)], NOTICE) == []


def test_a_listed_line_stays_inside_a_paragraph() -> None:
    assert cut_lines([page("a", f"Auf der Seite steht: {NOTICE} Niemand liest es.")], NOTICE) == []


def test_a_document_of_nothing_else_stays_whole_and_is_flagged() -> None:
    documents = [{"id": "a", "text": f"{NOTICE}\nTeilen\n"}]
    result = dedup.clean(documents, known_boilerplate=(NOTICE, "Teilen"))
    assert result.kept == documents
    assert [(d.action, d.reason) for d in result.decisions] == [("flag", "boilerplate")]


def test_a_line_of_figures_cannot_be_listed() -> None:
    with pytest.raises(UsageError) as error:
        dedup.clean([page("a")], known_boilerplate=(NOTICE, " 3.12.2025 "))
    assert str(error.value) == (
        "known boilerplate ' 3.12.2025' is nothing but a number or a date, and so is every line of figures. "
        "Take it off the list."
    )


@pytest.mark.parametrize("known", [(), ("",), ("  ", "\n", "…", "—")])
def test_a_list_without_words_does_nothing(known: tuple[str, ...]) -> None:
    documents = site(random.Random(2), "a.example", 6)
    assert dedup.clean(documents, known_boilerplate=known).decisions == dedup.clean(documents).decisions


def test_a_list_does_not_stand_in_for_documents() -> None:
    with pytest.raises(InputError, match="there is not a single document"):
        dedup.clean([], known_boilerplate=(NOTICE,))


def test_lines_may_come_as_a_list_or_alone() -> None:
    for known in ([NOTICE], (NOTICE,), NOTICE):
        assert len(cuts(dedup.clean([page("a", NOTICE)], known_boilerplate=known))) == 1


def test_without_boilerplate_wanted_nothing_is_looked_for() -> None:
    assert dedup.clean([page("a", NOTICE)], known_boilerplate=(NOTICE,), only="repeats,articles").decisions == []


# The evidence


def test_the_evidence_counts_each_document_once() -> None:
    documents = [page("a", NOTICE, "Ein Absatz dazwischen.", NOTICE), page("b", NOTICE), page("c")]
    found = cuts(dedup.clean(documents, known_boilerplate=(NOTICE,)))
    assert [(d.document, d.documents, d.articles) for d in found] == [("a", 2, 2), ("a", 2, 2), ("b", 2, 2)]


def test_other_templates_keep_their_own_counts() -> None:
    documents = site(random.Random(4), "a.example", 6) + site(random.Random(5), "b.example", 7)
    counted = {(d.document, d.text): (d.documents, d.articles) for d in cuts(dedup.clean(documents))}
    listed = {d.text: d for d in cuts(dedup.clean(documents, known_boilerplate=(HEADS[0],)))}
    assert {counted["a.example/0", f"{HEADS[0]}\n"], counted["b.example/0", f"{HEADS[0]}\n"]} == {(6, 6), (7, 7)}
    assert (listed[f"{HEADS[0]}\n"].documents, listed[f"{HEADS[0]}\n"].articles) == (13, 13)
    both = cuts(dedup.clean(documents, known_boilerplate=(HEADS[0],)))
    assert all(counted[d.document, d.text] == (d.documents, d.articles) for d in both if d.text != f"{HEADS[0]}\n")


def test_the_report_names_no_source_for_a_line_of_all() -> None:
    documents = [page(name, NOTICE, source=f"{name}.example") for name in "ab"]
    (template,) = dedup.clean(documents, known_boilerplate=(NOTICE,)).report["templates"]
    assert (template["text"], template["source"], template["documents"]) == (NOTICE, "", 2)


@given(corpora())
def test_every_listed_line_goes_or_its_document_is_flagged(documents: list[Document]) -> None:
    result = dedup.clean(documents, known_boilerplate=KNOWN, max_loss=1.0)
    whole = {d.document for d in result.decisions if d.action == "flag" and d.reason == "boilerplate"}
    for document in result.kept:
        lines = {line.strip() for line in document["text"].splitlines()}
        assert not lines & {*KNOWN, *map(str.upper, KNOWN)} or document["id"] in whole


@given(corpora())
def test_cleaning_twice_finds_no_listed_line_the_second_time(documents: list[Document]) -> None:
    once = dedup.clean(documents, known_boilerplate=KNOWN, max_loss=1.0)
    again = dedup.clean(once.kept, known_boilerplate=KNOWN, max_loss=1.0, template_documents=10**6)
    assert [d for d in cuts(again) if d.reason == "boilerplate"] == []


# Files


@settings(max_examples=12)
@given(documents=corpora())
def test_restore_and_apply_replay_listed_lines(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document]
) -> None:
    folder = tmp_path_factory.mktemp("known")
    config = Config(known_boilerplate=KNOWN, max_loss=1)
    news, decisions = written(folder, documents), str(folder / "decisions.jsonl")
    cleaned = jobs.clean([news], str(folder / "clean.jsonl"), config, RUN)
    jobs.scan([news], decisions, config, RUN)
    applied = jobs.apply(decisions, [news], str(folder / "applied.jsonl"), config, RUN)
    assert (folder / "applied.jsonl").read_bytes() == (folder / "clean.jsonl").read_bytes()
    for part in ("documents", "characters", "reasons", "sources", "templates", "flags"):
        assert applied[part] == cleaned[part]
    undo.restore(str(folder / "clean.jsonl"), str(folder / "back.jsonl"))
    assert (folder / "back.jsonl").read_bytes() == Path(news).read_bytes()
