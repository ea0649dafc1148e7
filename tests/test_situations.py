"""The situations S1 to S12 of the design in nine languages, each on both sides of its border.

`fixtures/cases` holds the small ones as text; here are those that take many documents, or a number that moves.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

import dedup
from tests.situations import LANGUAGES, Document, Language, articles, documents, on_sites, site, versions

EACH = pytest.mark.parametrize("language", [pytest.param(language, id=name) for name, language in LANGUAGES.items()])


def reasons(result: dedup.Result, action: str) -> Counter[str]:
    return Counter(decision.reason for decision in result.decisions if decision.action == action)


def flagged(result: dedup.Result, reason: str) -> set[str]:
    return {d.document for d in result.decisions if d.action == "flag" and d.reason == reason}


def stripped(language: Language, found: list[Document]) -> list[Document]:
    """Return documents without the lines of boilerplate."""

    def own(text: str) -> str:
        dated = (language.dated.format(day=day) for day in range(1, 32))
        frame = {language.cookie, *dated, *language.menu, *language.service, language.foot}
        return "".join(line for line in text.splitlines(keepends=True) if line.rstrip("\n") not in frame)

    return [{**document, "text": own(document["text"])} for document in found]


# S1


@EACH
@pytest.mark.parametrize("times", [2, 4, 5, 12])
def test_s1_of_an_article_crawled_again_one_copy_stays_and_nothing_is_boilerplate(
    language: Language, times: int
) -> None:
    rng = random.Random(1)
    others = articles(language, rng, 200 if times == 12 else 20)
    again = documents(versions(language, rng, times), prefix="again/")
    result = dedup.clean(others + again)
    assert result.kept == [*others, again[0]]
    assert not reasons(result, "cut")


@EACH
@pytest.mark.parametrize("carriers", [3, 4, 9])
def test_s1_a_paragraph_of_background_in_different_articles_stays(language: Language, carriers: int) -> None:
    rng = random.Random(2)
    background = language.paragraph(rng, 2)
    found = articles(language, rng, 12)
    carrying = [{**d, "text": d["text"] + background} if n < carriers else d for n, d in enumerate(found)]
    result = dedup.clean(carrying)
    assert result.kept == carrying
    assert len(flagged(result, "boilerplate")) == (carriers if carriers > 3 else 0)


# S2


@EACH
@pytest.mark.parametrize("own_sentences", [1, 4, 5])
def test_s2_short_items_in_much_boilerplate_all_stay(language: Language, own_sentences: int) -> None:
    rng = random.Random(3)
    foot = "".join(language.paragraphs(rng, 4, 1))
    items = language.paragraphs(rng, 30, own_sentences)
    result = dedup.clean(documents([item + foot for item in items]))
    assert [document["text"] for document in result.kept] == items


@EACH
@pytest.mark.parametrize(("count", "goes"), [(3, False), (5, True)])
def test_s2_boilerplate_goes_from_five_items_on(language: Language, count: int, goes: bool) -> None:
    rng = random.Random(4)
    items = site(language, rng, count)
    result = dedup.clean(items)
    assert result.kept == (stripped(language, items) if goes else items)


# S3


@EACH
@pytest.mark.parametrize("drop_contained", [0.0, 0.8])
def test_s3_of_a_growing_ticker_the_longest_stays_whole(language: Language, drop_contained: float) -> None:
    rng = random.Random(5)
    entries = language.paragraphs(rng, 30, 3)
    grown = documents(["".join(entries[:count]) for count in (2, 4, 7, 12, 20, 24)], prefix="ticker/")
    others = articles(language, rng, 10)
    result = dedup.clean(others + grown, drop_contained=drop_contained)
    assert result.kept[-1] == grown[-1]
    assert not reasons(result, "cut")
    left = [document for document in result.kept if document in grown]
    # Only the last version but one has more than four fifths of the longest.
    assert left == ([grown[-1]] if drop_contained else [*grown[:4], grown[-1]])
    assert flagged(result, "near-duplicate") == {document["id"] for document in left[:-1]}


@EACH
@pytest.mark.parametrize(("added", "goes"), [(2, True), (20, False)])
def test_s3_an_early_version_goes_only_if_it_is_similar_enough(language: Language, added: int, goes: bool) -> None:
    rng = random.Random(6)
    entries = language.paragraphs(rng, 20 + added, 2)
    early, late = documents(["".join(entries[:20]), "".join(entries)])
    result = dedup.clean([early, late])
    assert result.kept == ([late] if goes else [early, late])


# S4


@EACH
@pytest.mark.parametrize("foot_sentences", [5, 10, 12], ids=["30 % boilerplate", "45 %", "55 %"])
def test_s4_of_a_wire_story_on_six_sites_one_stays(language: Language, foot_sentences: int) -> None:
    wire = language.article(random.Random(7))
    result = dedup.clean(on_sites(language, wire, 6, foot_sentences), original_floor=0)
    assert Counter(document["text"] == wire for document in result.kept) == {True: 1, False: 36}


def test_s4_on_sites_that_say_more_than_the_story_it_stays_and_is_flagged() -> None:
    """As they came, less than half is the same: --original-floor 0 says that this does not matter."""
    language = LANGUAGES["de"]
    result = dedup.clean(on_sites(language, language.article(random.Random(7)), 6, 12))
    assert len(result.kept) == 42
    flags = [decision for decision in result.decisions if decision.similarity_original is not None]
    assert [(flag.action, flag.similarity) for flag in flags] == [("flag", 1.0)] * 5
    assert all((flag.similarity_original or 0) < 0.5 for flag in flags)


@EACH
def test_s4_where_a_site_is_too_small_to_tell_its_boilerplate_the_story_stays_everywhere(language: Language) -> None:
    found = on_sites(language, language.article(random.Random(7)), 2, 12)
    result = dedup.clean(found)
    assert [document["id"] for document in result.kept] == [document["id"] for document in found]
    assert "boilerplate" not in reasons(result, "cut")


# S5


@EACH
@pytest.mark.parametrize("sources", [1, 40], ids=["one source", "many sources"])
@pytest.mark.parametrize("count", [2, 4, 5, 40])
def test_s5_of_equal_pages_one_stays(language: Language, count: int, sources: int) -> None:
    rng = random.Random(8)
    page = "".join(language.paragraphs(rng, 3, 1))
    others = articles(language, rng, 5)
    pages = [
        {"id": f"error/{number}", "source": f"site{number % sources}.example", "text": page} for number in range(count)
    ]
    result = dedup.clean(others + pages)
    assert [document for document in result.kept if document["text"] != page] == others
    assert [document["text"] for document in result.kept].count(page) == 1
    assert reasons(result, "drop") == {"exact-duplicate": count - 1}


# S6


@EACH
@pytest.mark.parametrize("sources", [1, 30], ids=["one source", "many sources"])
@pytest.mark.parametrize("count", [4, 5, 30])
def test_s6_the_same_words_with_other_numbers_stay(language: Language, count: int, sources: int) -> None:
    rng = random.Random(9)
    reports = [
        {
            "id": str(number),
            "source": f"site{number % sources}.example",
            "text": "\n".join(language.number.format(rng.randint(100, 999), rng.randint(100, 999)) for _ in range(6)),
        }
        for number in range(count)
    ]
    assert dedup.clean(reports).kept == reports


@EACH
@pytest.mark.parametrize("count", [4, 5, 12])
def test_s6_the_figures_below_different_articles_stay(language: Language, count: int) -> None:
    rng = random.Random(10)
    figures = (language.number.format(rng.randint(100, 999), rng.randint(100, 999)) for _ in range(count))
    found = documents([f"{language.article(rng)}{line}\n" for line in figures])
    assert dedup.clean(found).kept == found


# S7


@EACH
@pytest.mark.parametrize("refrains", [1, 2, 3])
def test_s7_a_refrain_stays_and_is_flagged_if_it_comes_again(language: Language, refrains: int) -> None:
    song = documents([language.song(refrains)])
    result = dedup.clean(song)
    assert result.kept == song
    assert bool(flagged(result, "repeat")) == (refrains > 1)


@EACH
@pytest.mark.parametrize(("asked", "stay"), [(2, False), (3, True)])
def test_s7_questions_that_several_answer_stay_from_three_on(language: Language, asked: int, stay: bool) -> None:
    rng = random.Random(26)
    questions = [question.partition(": ")[2] for question in language.questions[:asked]]
    answers = ["".join(f"{question}\n{language.paragraph(rng, 3)}" for question in questions) for _ in range(2)]
    text = language.article(rng) + "".join(answers)
    result = dedup.clean(documents([text]), repeats="full")
    assert (result.kept[0]["text"] == text) == stay
    assert reasons(result, "cut") == ({} if stay else {"repeat": asked})
    assert bool(flagged(result, "repeat")) == stay


@EACH
@pytest.mark.parametrize(("asked", "stays"), [(2, False), (3, True)])
def test_s7_a_question_asked_again_stays_in_an_interview(language: Language, asked: int, stays: bool) -> None:
    rng = random.Random(12)
    questions = [*language.questions[:asked], language.questions[0]]
    text = language.article(rng) + "".join(f"{question}\n{language.paragraph(rng, 3)}" for question in questions)
    result = dedup.clean(documents([text]), repeats="full")
    assert (result.kept[0]["text"] == text) == stays
    assert bool(flagged(result, "repeat")) == stays


@EACH
@pytest.mark.parametrize(("rulings", "stays"), [(1, True), (2, False), (4, False), (5, True)])
def test_s7_a_formula_is_structure_from_five_times_on(language: Language, rulings: int, stays: bool) -> None:
    rng = random.Random(13)
    text = language.article(rng) + "".join(f"{language.paragraph(rng, 3)}{language.formula}\n" for _ in range(rulings))
    result = dedup.clean(documents([text]), repeats="full")
    assert result.kept[0]["text"].count(language.formula) == (rulings if stays else 1)
    assert bool(flagged(result, "repeat")) == (rulings >= 5)


@EACH
def test_s7_questions_and_formulas_stay_whoever_says_them_how_often(language: Language) -> None:
    rng = random.Random(13)
    question = language.questions[0].partition(": ")[2]
    said = "".join(f"{question}\n{language.paragraph(rng, 3)}{language.formula}\n" for _ in range(2))
    text = language.article(rng) + said
    result = dedup.clean(documents([text]))
    assert result.kept[0]["text"] == text
    assert flagged(result, "repeat")


# S8


@EACH
@pytest.mark.parametrize("sources", [1, 6], ids=["one source", "many sources"])
def test_s8_a_quotation_stays_everywhere(language: Language, sources: int) -> None:
    rng = random.Random(14)
    texts = [f"{language.article(rng)}{language.quote}\n{language.paragraph(rng, 3)}" for _ in range(6)]
    found = [
        {"id": str(number), "source": f"site{number % sources}.example", "text": text}
        for number, text in enumerate(texts)
    ]
    result = dedup.clean(found)
    assert result.kept == found
    assert len(flagged(result, "boilerplate")) == (6 if sources == 1 else 0)


@EACH
@pytest.mark.parametrize(("count", "goes"), [(9, False), (10, True)])
def test_s8_the_same_words_without_quotation_marks_go_from_the_end_of_ten(
    language: Language, count: int, goes: bool
) -> None:
    rng = random.Random(14)
    line = language.quote[1:-1].strip()
    texts = [language.article(rng) for _ in range(count)]
    found = documents([f"{text}{line}\n" for text in texts])
    assert [document["text"] for document in dedup.clean(found).kept] == (
        texts if goes else [document["text"] for document in found]
    )


# S9


@EACH
@pytest.mark.parametrize("credit_first", [True, False])
def test_s9_of_a_caption_with_and_without_credit_one_stays(language: Language, credit_first: bool) -> None:
    rng = random.Random(15)
    first, second = (language.credit, language.caption)[:: 1 if credit_first else -1]
    body = f"{language.paragraph(rng, 3)}"
    text = f"{language.sentence(rng)}\n{first}\n{body}{second}\n{language.paragraph(rng, 3)}"
    result = dedup.clean(documents([text]))
    kept = [line for line in result.kept[0]["text"].splitlines() if line in (language.caption, language.credit)]
    assert len(kept) == 1
    assert reasons(result, "cut") == {"repeat": 1}


@EACH
def test_s9_a_caption_with_another_word_stays(language: Language) -> None:
    rng = random.Random(15)
    body = f"{language.paragraph(rng, 3)}"
    found = documents([f"{language.sentence(rng)}\n{language.caption}\n{body}{language.other_caption}\n{body[::-1]}"])
    assert dedup.clean(found).kept == found


# S10


@EACH
@pytest.mark.parametrize("count", [5, 6, 12])
def test_s10_a_line_with_another_date_goes_with_the_lines_beside_it(language: Language, count: int) -> None:
    found = site(language, random.Random(16), count)
    cut = {decision.text for decision in dedup.clean(found).decisions if decision.action == "cut"}
    assert {f"{language.dated.format(day=day)}\n" for day in range(1, count + 1)} <= cut


@EACH
@pytest.mark.parametrize("count", [4, 5, 12])
def test_s10_a_line_with_another_date_stays_by_itself(language: Language, count: int) -> None:
    rng = random.Random(16)
    texts = [language.article(rng) for _ in range(count)]
    found = documents([f"{text}{language.dated.format(day=2 * day + 2)}\n" for day, text in enumerate(texts)])
    assert dedup.clean(found).kept == found


@EACH
def test_s10_a_dated_line_of_many_sources_stays(language: Language) -> None:
    rng = random.Random(16)
    found = [
        {"id": str(day), "source": f"site{day}.example", "text": language.dressed(language.article(rng), day)}
        for day in range(1, 9)
    ]
    assert dedup.clean(found).kept == found


# S11


@EACH
@pytest.mark.parametrize("count", [2, 3])
def test_s11_of_a_small_source_repeats_and_copies_go_and_boilerplate_is_at_most_flagged(
    language: Language, count: int
) -> None:
    rng = random.Random(17)
    found = site(language, rng, count)
    captioned = {**found[0], "text": f"{found[0]['text']}{language.caption}\n{language.caption}\n"}
    copy = {**found[-1], "id": "z"}
    result = dedup.clean([captioned, *found[1:], copy])
    assert result.kept == [{**captioned, "text": f"{found[0]['text']}{language.caption}\n"}, *found[1:]]
    assert reasons(result, "cut") == {"repeat": 1}
    assert reasons(result, "drop") == {"exact-duplicate": 1}
    assert not flagged(result, "boilerplate")


# S12


@EACH
def test_s12_other_letters_around_the_same_digits_are_another_text(language: Language) -> None:
    rng = random.Random(18)
    found = documents([f"{language.sentence(rng)} 12 2025\n" for _ in range(8)])
    assert dedup.clean(found).kept == found


@EACH
def test_s12_the_same_letters_are_the_same_text(language: Language) -> None:
    text = language.article(random.Random(18))
    found = documents([text, text.replace("\n", "\r\n"), text.replace("\n", "\n\n")])
    assert len(dedup.clean(found).kept) == 1
