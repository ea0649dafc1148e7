"""What the user protects stays, is flagged, and nothing else is spared."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dedup
from dedup.config import Config
from dedup.decisions import Decision
from dedup.errors import UsageError
from dedup.protection import is_protected
from tests.corpora import Document, article, corpora, repetitive_texts, site

LAW = "Es gilt die Unschuldsvermutung für alle Beteiligten."
CAPTION = "Die Fähre liegt mit Motorschaden im Hafen von Nordersand."
NOTICE = "Wir verwenden Cookies, um Inhalte und Anzeigen zu personalisieren."
WHY = "would have gone, but a protected pattern is found in it; it stays"


def flags(result: dedup.Result) -> list[Decision]:
    return [d for d in result.decisions if d.action == "flag" and d.why == WHY]


def carrying(*lines: str, documents: int = 5) -> list[Document]:
    rng = random.Random(3)
    below = "".join(f"{line}\n" for line in lines)
    return [{"id": str(number), "source": "a.example", "text": article(rng) + below} for number in range(documents)]


# Repeats


def cleaned(text: str, **options: Any) -> dedup.Result:
    """Strip all repeats, so that there is much to protect."""
    return dedup.clean_text(text, repeats="full", **options)


def test_a_protected_line_stays_and_the_others_go() -> None:
    text = f"{LAW}\n{CAPTION}\nDazwischen.\n{LAW}\n{CAPTION}\n"
    result = cleaned(text, protect=("Unschuldsvermutung",))
    assert result.text == f"{LAW}\n{CAPTION}\nDazwischen.\n{LAW}\n"
    (flag,) = flags(result)
    assert (flag.reason, flag.text, text[flag.start : flag.end]) == ("repeat", LAW, LAW)
    assert text.rindex(LAW) == flag.start


def test_a_protected_sentence_stays_and_the_others_go() -> None:
    text = f"{LAW} {CAPTION} Er blieb.\n\nDanach. {LAW} {CAPTION} Sie ging.\n"
    result = cleaned(text, protect=("Unschuldsvermutung",))
    assert result.text == f"{LAW} {CAPTION} Er blieb.\n\nDanach. {LAW} Sie ging.\n"
    (flag,) = flags(result)
    assert (flag.reason, (flag.text or "").strip()) == ("repeat", LAW)
    assert text[flag.start : flag.end] == flag.text


def test_what_repeats_only_after_a_cut_is_flagged_too() -> None:
    rule = "Ja, das stimmt. Es gilt die Regel."
    text = f"{rule}\n\n{CAPTION}\n\n{CAPTION} {rule}\n"
    assert cleaned(text).text == f"{rule}\n\n{CAPTION}\n\n"
    result = cleaned(text, protect=("die Regel",))
    assert result.text == f"{rule}\n\n{CAPTION}\n\n{rule}\n"
    (flag,) = flags(result)
    assert (flag.start, flag.text) == (text.rindex(rule), rule)


@pytest.mark.parametrize("pattern", [r"^Es gilt", r"Beteiligten\.$", r"(?i)UNSCHULD", r"\p{Lu}nschuld", "Motor|gilt"])
def test_patterns_are_those_of_regex_and_see_one_line_or_sentence(pattern: str) -> None:
    for text in (f"{LAW}\r\nDazwischen.\r\n  {LAW}  \r\n", f"Gestern. {LAW} Heute.\nEin Anfang. {LAW} Noch eines.\n"):
        assert cleaned(text).text != text
        assert cleaned(text, protect=(pattern,)).text == text


def test_one_of_several_patterns_is_enough() -> None:
    text = f"{LAW}\n{CAPTION}\nDazwischen.\n{LAW}\n{CAPTION}\n"
    assert cleaned(text, protect=("Fähre", "Unschuld")).text == text
    assert cleaned(text, protect=("Bahn", "Straße")).text == cleaned(text).text


def test_what_would_have_stayed_anyway_is_not_flagged() -> None:
    result = cleaned(f"{LAW}\n{CAPTION}\n", protect=("Unschuldsvermutung",))
    assert result.decisions == []


def test_protection_holds_in_lines_that_are_equal_only_once_others_are_cut() -> None:
    """The second round: the last line says what the second says as soon as its first sentence is gone."""
    extra = "Der Kapitän blieb die ganze Nacht im Hafen."
    pair = f"{LAW} {CAPTION}"
    text = f"{extra} Sie ging.\n{pair}\nDazwischen steht etwas.\n{extra} {pair}\n"
    assert CAPTION not in cleaned(text).text.split("Dazwischen")[1]
    kept = cleaned(text, protect=("Unschuldsvermutung",)).text
    assert kept.count(LAW) == 2
    assert kept.count(extra) == 1


@given(repetitive_texts())
def test_no_protected_unit_goes(text: str) -> None:
    protect = ("(?i)brücke", "Ufer!")
    for decision in cleaned(text, protect=protect).decisions:
        if decision.action == "cut":
            assert not is_protected((decision.text or "").strip(), protect)


@given(repetitive_texts())
def test_all_protected_is_nothing_done(text: str) -> None:
    assert cleaned(text, protect=("",)).text == text


@given(repetitive_texts())
def test_a_pattern_that_is_nowhere_found_changes_nothing(text: str) -> None:
    assert cleaned(text, protect=("Zzyzx",)).decisions == cleaned(text).decisions


@given(repetitive_texts())
def test_cleaning_twice_changes_nothing_the_second_time(text: str) -> None:
    once = dedup.clean_text(text, protect=("(?i)brücke",)).text
    assert dedup.clean_text(once, protect=("(?i)brücke",)).text == once


# Boilerplate


def test_protected_boilerplate_stays_and_the_rest_of_it_goes() -> None:
    documents = carrying(NOTICE, LAW)
    result = dedup.clean(documents, protect=("Unschuldsvermutung",))
    assert [d["text"] for d in result.kept] == [d["text"].replace(f"{NOTICE}\n", "") for d in documents]
    assert [(flag.reason, flag.text) for flag in flags(result)] == [("boilerplate", LAW)] * 5
    assert {d.text for d in result.decisions if d.action == "cut"} == {f"{NOTICE}\n"}


def test_protected_lines_win_over_known_boilerplate() -> None:
    documents = carrying(NOTICE, documents=1)
    options: dict[str, Any] = {"known_boilerplate": (NOTICE,)}
    assert dedup.clean(documents, **options).kept != documents
    result = dedup.clean(documents, protect=("Cookies",), **options)
    assert result.kept == documents
    assert [flag.reason for flag in flags(result)] == ["boilerplate"]


def test_an_equal_article_goes_though_its_lines_are_protected() -> None:
    documents = [{"id": name, "text": f"{LAW} {CAPTION}"} for name in "ab"]
    assert [d["id"] for d in dedup.clean(documents, protect=("Unschuldsvermutung",)).kept] == ["a"]


@given(corpora())
def test_everything_protected_leaves_only_articles_to_go(documents: list[Document]) -> None:
    result = dedup.clean(documents, protect=("",), max_loss=1.0)
    texts = {d["id"]: d["text"] for d in documents}
    assert all(d["text"] == texts[d["id"]] for d in result.kept)
    assert {d.action for d in result.decisions} <= {"drop", "flag"}


@given(corpora())
def test_flags_quote_what_stands_there(documents: list[Document]) -> None:
    texts = {d["id"]: d["text"] for d in documents}
    for flag in flags(dedup.clean(documents, protect=("(?i)brücke", "Cookies"), max_loss=1.0)):
        assert texts[flag.document][flag.start : flag.end] == flag.text
        assert is_protected((flag.text or "").strip(), ("(?i)brücke", "Cookies"))


def test_workers_protect_alike() -> None:
    documents = site(random.Random(1), "a.example", 30)
    one, four = (dedup.clean(documents, protect=("Cookies",), workers=workers) for workers in (1, 4))
    assert one.decisions == four.decisions
    assert len(flags(one)) == 30


# Wrong patterns


def test_a_wrong_pattern_is_named() -> None:
    with pytest.raises(UsageError) as error:
        Config(protect=("gut", "(schlecht"))
    assert str(error.value) == (
        "protected pattern '(schlecht' is no regular expression (missing ) at position 9). "
        "See the regex package's syntax."
    )


def test_a_pattern_without_end_is_named_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dedup.protection.SECONDS", 0.05)
    line = "a" * 5000 + "!"
    with pytest.raises(UsageError) as error:
        cleaned(f"{line}\nDazwischen.\n{line}\n", protect=("(a+)+$",))
    assert str(error.value) == (
        f"protected pattern '(a+)+$' takes more than 0.05 s on {'a' * 60!r}. "
        "Make it simpler: avoid a repetition inside a repetition."
    )


def test_patterns_may_come_as_a_list_or_alone() -> None:
    text = f"{LAW}\nDazwischen.\n{LAW}\n"
    for protect in (["Unschuld"], ("Unschuld",), "Unschuld"):
        assert cleaned(text, protect=protect).text == text
    assert cleaned(text, protect="Zzyzx Unschuld").text != text


@given(st.lists(st.sampled_from(["a", "b"]), max_size=3).map(tuple))
def test_patterns_are_part_of_the_fingerprint(protect: tuple[str, ...]) -> None:
    assert (Config(protect=protect).fingerprint() == Config().fingerprint()) == (protect == ())
