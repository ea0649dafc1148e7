"""Explanations: which document is meant, what happened to it, and why two are duplicates or are not."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from dedup import explain, jobs, pairs, stories
from dedup.cli import main
from dedup.columns import Column
from dedup.config import Config
from dedup.decisions import Decision
from dedup.errors import StateError, UsageError
from dedup.explain import Story, Subject
from dedup.shingle import jaccard, shingle_sets
from tests.corpora import LISTED, Document, article, edited, hostile_texts, sentence, site, unevenly_cut, written

CAPTION = "Die Fähre liegt mit Motorschaden im Hafen von Nordersand."
RUN = jobs.Run()


def documents() -> list[Document]:
    rng = random.Random(13)
    found = site(rng, "a.example", 7)
    found[0]["text"] = f"Wer auf die Insel muss, rudert. {CAPTION} {CAPTION}\n" + found[0]["text"]
    found.append({"id": "near", "source": "a.example", "text": edited(rng, found[1]["text"], 0.01)})
    found.append({"id": "copy", "source": "a.example", "text": found[2]["text"].upper()})
    found.append({"id": "twice", "source": "b.example", "text": article(rng)})
    found.append({"id": "twice", "source": "b.example", "text": article(rng)})
    found.append({"id": "short", "source": "b.example", "text": "Ja, nein."})
    return found


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("explain"), documents())


@pytest.fixture(scope="module")
def made(corpus: str) -> Path:
    """The decisions of a finished run."""
    path = Path(corpus).with_name("decisions.jsonl")
    jobs.scan([corpus], str(path), Config(), RUN)
    return path


def told(corpus: str, *names: str, config: Config | None = None) -> tuple[list[Story], pairs.Comparison | None]:
    return jobs.explain([corpus], list(names), config or Config(), RUN)


def compared(corpus: str, first: str, second: str, **settings: Any) -> pairs.Comparison:
    comparison = told(corpus, first, second, config=Config(**settings))[1]
    assert comparison is not None
    return comparison


# Which document


@pytest.mark.parametrize(("name", "record"), [("near", 8), ("news.jsonl:8", 8), ("news.jsonl:11", 11)])
def test_a_document_is_named_by_its_id_or_its_place(corpus: str, name: str, record: int) -> None:
    assert told(corpus, name)[0][0].subject.record == record


def test_an_id_that_looks_like_another_place_is_an_id(tmp_path: Path) -> None:
    rows = [{"id": name, "text": f"Der {name} Satz."} for name in ("news.jsonl:2", "b")]
    (story,) = told(written(tmp_path, rows), "news.jsonl:2")[0]
    assert story.subject.record == 1


def test_a_name_that_fits_nothing_is_refused(corpus: str) -> None:
    for name in ("nobody", "news.jsonl:99", "other.jsonl:1", "news.jsonl:"):
        with pytest.raises(UsageError, match=f"there is no document '{name}'.*FILE:RECORD"):
            told(corpus, name)


def test_an_id_of_several_documents_lists_them(corpus: str) -> None:
    with pytest.raises(UsageError, match=r"several documents .* 'twice'. .*: news\.jsonl:10, news\.jsonl:11\."):
        told(corpus, "twice")


def test_of_many_documents_with_one_id_some_are_listed(tmp_path: Path) -> None:
    rows = [{"id": "x", "text": f"Satz {number}."} for number in range(30)]
    with pytest.raises(UsageError, match=r"news\.jsonl:10 and more\.") as error:
        told(written(tmp_path, rows), "x")
    assert "news.jsonl:11" not in str(error.value)


# One document


def test_what_is_cut_is_told_with_the_text_that_is_left(corpus: str) -> None:
    (story,), comparison = told(corpus, "a.example/0")
    assert story.outcome == "edited"
    assert {decision.action for decision in story.decisions} == {"cut"}
    assert {decision.document for decision in story.decisions} == {"a.example/0"}
    assert story.stored.count(CAPTION) == 1
    assert len(story.stored) == len(story.subject.text) - sum(end - start for start, end in story.cuts)
    assert comparison is None


def test_a_dropped_document_is_told_as_it_was_compared(corpus: str) -> None:
    (near, keeper), comparison = told(corpus, "near", "a.example/1")
    assert (near.outcome, keeper.outcome) == ("dropped", "edited")
    assert comparison is not None
    assert comparison.similarity == jaccard(near.stored, keeper.stored) == near.decisions[0].similarity
    assert near.cuts != []


def test_a_document_without_decisions_is_kept(corpus: str) -> None:
    (story,), _ = told(corpus, "short")
    assert (story.outcome, story.decisions, story.stored) == ("kept", [], "Ja, nein.")


@pytest.mark.parametrize("names", [["a.example/0"], ["near", "a.example/1"], ["copy", "twice"], ["short"]])
def test_decisions_of_a_finished_run_tell_the_same(corpus: str, made: Path, names: list[str]) -> None:
    names = ["news.jsonl:10" if name == "twice" else name for name in names]
    assert jobs.explain([corpus], names, Config(threshold=0.3), RUN, made) == told(corpus, *names)


def test_decisions_on_other_files_or_texts_are_refused(corpus: str, made: Path, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="are about other files"):
        jobs.explain([str(Path(__file__).parents[1] / "fixtures" / "crawl")], ["a.example/0"], Config(), RUN, made)
    rows = [document | {"text": document["text"][1:]} for document in documents()]
    with pytest.raises(StateError, match=r"a decision on news\.jsonl:1 quotes what is not there"):
        jobs.explain([written(tmp_path, rows)], ["a.example/0"], Config(), RUN, made)


# Two documents


def test_a_pair_shares_what_the_reference_says(corpus: str) -> None:
    found = compared(corpus, "near", "a.example/1")
    (near, keeper), _ = told(corpus, "near", "a.example/1")
    sets = [set(shingle_sets(Column.of([story.stored])).hashes.tolist()) for story in (near, keeper)]
    assert found.shingles == (len(sets[0]), len(sets[1]))
    assert found.shared == len(sets[0] & sets[1])
    assert found.containment == (found.shared / len(sets[0]), found.shared / len(sets[1]))
    assert abs(found.estimated - found.similarity) < 0.15
    assert (found.bands, found.rows) == (18, 7)
    assert 0 < len(found.met) <= 18


@pytest.mark.parametrize(
    ("first", "second", "settings", "rule"),
    [
        ("copy", "a.example/2", {}, "exact-duplicate"),
        ("a.example/2", "copy", {}, "exact-duplicate"),
        ("near", "a.example/1", {}, "near-duplicate"),
        ("near", "copy", {}, "other-keeper"),
        ("near", "a.example/3", {}, "other-keeper"),
        ("a.example/3", "a.example/4", {}, "below-threshold"),
        ("short", "a.example/4", {}, "too-short"),
        ("a.example/3", "near", {"only": ("repeats",)}, "not-compared"),
    ],
)
def test_the_rule_that_decided_is_named(
    corpus: str, first: str, second: str, settings: dict[str, Any], rule: str
) -> None:
    assert compared(corpus, first, second, **settings).rule == rule


def test_two_that_go_for_a_third_have_the_same_keeper(tmp_path: Path) -> None:
    text = article(random.Random(1))
    rows = [{"id": name, "text": text + end} for name, end in (("a", ""), ("b", "\n"), ("c", " \n"))]
    found = compared(written(tmp_path, rows), "a", "b")
    assert (found.rule, found.why) == ("same-keeper", "Both go in favour of news.jsonl:3.")


def test_what_is_held_by_a_longer_one_is_contained(tmp_path: Path) -> None:
    rng = random.Random(2)
    text = article(rng, lines=8)
    teaser = "".join(text.splitlines(keepends=True)[:3])
    source = written(tmp_path, [{"id": "long", "text": text}, {"id": "teaser", "text": teaser}])
    found = compared(source, "teaser", "long", drop_contained=0.9)
    assert found.rule == "contained"
    assert found.why.endswith("news.jsonl:1, which holds 1.0000 of it; 0.9 is enough.")
    assert compared(source, "teaser", "long").rule == "below-threshold"


def story(text: str, record: int, *made: Decision) -> Story:
    return explain.tell(Subject(str(record), "", "news.jsonl", record, text), made)


def test_a_chain_is_not_followed() -> None:
    text = article(random.Random(3))
    drop = Decision(
        document="1", source="", file="news.jsonl", record=1, action="drop", reason="near-duplicate",
        similarity=0.9, keeper="9", keeper_file="news.jsonl", keeper_record=9,
    )  # fmt: skip
    found = pairs.compare(story(text, 1, drop), story(text, 2), Config())
    assert found.rule == "other-keeper"
    assert found.why.endswith("news.jsonl:2 is like it, but is compared only with documents that stay, and stays.")
    other = dataclasses.replace(story(text, 2), decisions=[])
    assert pairs.compare(story(text, 1), other, Config()).rule == "unexplained"


def test_a_pair_that_was_not_compared_for_the_crowd_is_told() -> None:
    text = article(random.Random(3))
    flag = Decision(
        document="2", source="", file="news.jsonl", record=2, action="flag", reason="near-duplicate", why="many"
    )
    found = pairs.compare(story(text, 1), story(text, 2, flag), Config())
    assert (found.rule, found.why.split(" documents")[0]) == (
        "crowded",
        "Both stay though they are like enough: news.jsonl:2 meets more than 1,000",
    )


def test_a_pair_that_no_band_brought_together_was_missed() -> None:
    # One hash a document is one band, and it rarely agrees below equality.
    rng = random.Random(4)
    text = article(rng)
    both = ((text, edited(rng, text, 0.08)) for _ in range(60))
    config = Config(threshold=0.5, hashes=16, recall=0.5)
    rules = {pairs.compare(story(a, 1), story(b, 2), config).rule for a, b in both if jaccard(a, b) >= 0.5}
    assert "missed" in rules


@given(first=hostile_texts(), second=hostile_texts())
def test_words_make_the_shingles_that_the_kernels_make(first: str, second: str) -> None:
    sets = shingle_sets(Column.of([first, second]))
    for row, text in enumerate((first, second)):
        found = pairs.words(text)
        grams = {tuple(found[at : at + 5]) for at in range(max(len(found) - 4, 1))} if found else set()
        assert len(grams) == sets.offsets[row + 1] - sets.offsets[row]
    shared = np.intersect1d(*np.split(sets.hashes, [sets.offsets[1]])).size
    assert bool(pairs.passages(first, second)) == bool(shared)


def test_the_longest_passages_come_first() -> None:
    rng = random.Random(5)
    long, short = sentence(rng, 12), sentence(rng, 6)
    found = pairs.passages(f"{short} x {long}", f"{long} y {short}")
    assert [len(passage.split()) for passage in found] == [12, 6]


# The command


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["explain", *arguments], prog_name="dedup")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def test_what_goes_is_marked_in_its_place(corpus: str) -> None:
    shown = run(corpus, "--id", "a.example/0").stdout
    assert shown.startswith("a.example/0 (news.jsonl:1)\nsource a.example: edited, ")
    assert f"~ Wer auf die Insel muss, rudert. {CAPTION}[- {CAPTION}-] (1)\n" in shown
    assert "- Wir verwenden Cookies, um Inhalte und Anzeigen zu verbessern. (2)\n" in shown
    assert re.search(r"  … \d lines\n  .*\n- Teilen \(\d+\)\n", shown)
    assert re.search(r"\n *\(1\) +cut repeat +the copy at 32-90 stays; similarity 1.0000 *\n", shown)
    assert re.search(r"\n *\(2\) +cut boilerplate  9 documents, 7 articles; template [0-9a-f]{16}", shown)


def test_two_documents_stand_side_by_side(corpus: str, made: Path) -> None:
    shown = run(corpus, "--id", "near", "--id", "a.example/1", "--decisions", str(made)).stdout
    assert "near-duplicate: news.jsonl:8 goes in favour of news.jsonl:2: 0." in shown
    assert re.search(r"bands that met +\d+ of 18, of 7 hashes each", shown)
    assert re.search(r"│ .*\[\w+\].* │ .*\[\w+\].* │", shown)


def test_json_has_it_all(corpus: str) -> None:
    shown = json.loads(run(corpus, "--json", "--id", "near", "--id", "a.example/1").stdout)
    assert [story["outcome"] for story in shown["documents"]] == ["dropped", "edited"]
    assert shown["documents"][0]["decisions"][0]["keeper"] == "a.example/1"
    assert set(shown["comparison"]) == {field.name for field in dataclasses.fields(pairs.Comparison)}
    alone = json.loads(run(corpus, "--json", "--id", "short").stdout)
    assert alone["comparison"] is None
    assert set(alone["documents"][0]) == {
        "document", "source", "file", "record", "outcome", "characters", "stored_characters", "decisions",
    }  # fmt: skip


def test_nothing_in_a_corpus_acts_on_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[31m\u202egepj\r\x85\u2066"
    line = f"{evil} Die Fähre liegt mit Motorschaden im Hafen von Nordersand, sagt die Reederei."
    rows = [{"id": f"{evil}{n}", "source": evil, "text": f"{line}\nEs bleibt {n}.\n{line} {evil}\n"} for n in (1, 2)]
    source = written(tmp_path, rows)
    shown = run(source, "--id", "news.jsonl:1", "--id", "news.jsonl:2").stdout
    shown += run(source, "--id", "news.jsonl:1").stdout
    assert not set("\x1b\x07\r\x85\u202e\u2066") & set(shown)
    assert "␛]0;owned␇" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing option '--id'"),
        (["--id", "a", "--id", "b", "--id", "c"], "name one document, or two different ones"),
        (["--id", "a", "--id", "a"], "name one document, or two different ones"),
        (["--id", "near", "--threshold", "0.7", "--decisions", "{made}"], "--threshold and --decisions do not go"),
        (["--id", "near", "--template-list", "{made}", "--decisions", "{made}"], "--template-list and --decisions"),
        (["--id", "nobody"], "there is no document 'nobody'"),
    ],
)
def test_wrong_calls_are_usage_errors(corpus: str, made: Path, arguments: list[str], message: str) -> None:
    result = run(corpus, *(argument.format(made=made) for argument in arguments))
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_line_that_loses_two_pieces_shows_both() -> None:
    text = "eins zwei drei vier\nfünf\n\nsechs"
    marks = [
        Decision(
            document="1", source="", file="news.jsonl", record=1, action="cut", reason="repeat",
            start=start, end=end, text=text[start:end],
        )
        for start, end in ((0, 4), (10, 14), (20, 25))
    ]  # fmt: skip
    lines = [part.plain for part in stories.story_lines(story(text, 1, *marks))]
    assert lines == ["~ [-eins-] (1) zwei [-drei-] (2) vier", "- fünf (3)", "  sechs"]


@given(text=st.text("ab \n", max_size=30), bounds=st.lists(st.integers(0, 30), max_size=8, unique=True))
def test_any_cuts_can_be_shown(text: str, bounds: list[int]) -> None:
    edges = [bound for bound in sorted(bounds) if bound <= len(text)]
    made = [
        Decision(
            document="1", source="", file="news.jsonl", record=1, action="cut", reason="repeat",
            start=start, end=end, text=text[start:end],
        )
        for start, end in zip(edges[::2], edges[1::2], strict=False)
    ]  # fmt: skip
    shown = "".join(part.plain for part in stories.story_lines(story(text, 1, *made)))
    for number, decision in enumerate(made, 1):
        # A blank piece of a line with words is shown, a blank line is not.
        assert f"({number})" in shown or not (decision.text or "").strip()


# As they came


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("uneven"), unevenly_cut(1))


@pytest.mark.parametrize(
    ("names", "rule", "why"),
    [
        (
            ("0", "8"),
            "exact-duplicate",
            "news.jsonl:9 goes in favour of news.jsonl:1: their texts are equal as they came",
        ),
        (("14", "16"), "near-duplicate", r"1.0000 is at least the threshold, 0.8, and 0.\d{4}, as they came, at least"),
        (
            ("14", "15"),
            "unlike-as-they-came",
            r"without what was cut they are 1.0000 alike, but as they came only 0.\d{4}",
        ),
        (("18", "19"), "too-short", "goes only if it is equal to another as it came"),
    ],
)
def test_why_says_how_alike_two_came(uneven: str, names: tuple[str, str], rule: str, why: str) -> None:
    stories, found = told(uneven, *names, config=Config(known_boilerplate=LISTED))
    assert found is not None
    assert found.rule == rule
    assert re.search(why, found.why)
    assert found.similarity_original == jaccard(*(story.subject.text for story in stories))


def styles_of(text: Text, part: str) -> set[str]:
    at = text.plain.index(part)
    return {str(span.style) for span in text.spans if span.start <= at < span.end}


def test_what_was_cut_is_struck_through(uneven: str) -> None:
    both, comparison = told(uneven, "14", "16", config=Config(known_boilerplate=LISTED))
    lines = {line.plain: line for line in stories.story_lines(both[1])}
    (cut,) = [line for line in lines.values() if "Hinweis 6" in line.plain]
    assert "red strike" in styles_of(cut, "Hinweis 6")
    console = Console(file=io.StringIO(), record=True, width=200, highlight=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rich.console.Console", lambda **_: console)
        stories.show(both, comparison)
    shown = console.export_text(styles=True)
    assert "Cut from 16 before they were compared:" in shown
    # Nine is struck through, 31 red.
    assert "\x1b[9;31m" in shown
    assert f"as they came         {comparison.similarity_original:.4f}" in re.sub(r"\x1b\[[\d;]*m", "", shown)
