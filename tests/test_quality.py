"""The quality harness: every measure on a case one can do in the head; the fixtures against their floors."""

from __future__ import annotations

import dataclasses
import doctest
import gzip
import importlib
import itertools
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import quality
import zstandard
from click.testing import CliRunner, Result
from figures import (
    floors,
    gold,
    line_algorithms,
    outcome,
    pages,
    peers,
    sentences,
    similarity,
    stress,
    suites,
    untouched,
)
from figures.corpora import Corpus, Record, read_crawl
from figures.figure import Figure, loss, mistakes, share
from figures.floors import Pinned
from figures.outcome import Outcome
from figures.suites import Measured

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"
MODULES = sorted(path.stem for path in (ROOT / "benchmarks" / "figures").glob("*.py") if path.stem != "__init__")

TEXT = "Cookies!\nDie Brücke\nDie Brücke\nSie ist neu.\n"
"""Boilerplate 0-8, content 9-19, a repeat 20-30, content 31-43."""


def record(cluster: str | None = None, situation: str | None = None, text: str = TEXT) -> Record:
    return {
        "text": text,
        "boilerplate": [[0, 8, "cookie"]],
        "repeats": [[20, 30, "headline"]],
        "cluster": cluster,
        "situation": situation,
    }


def did(*cuts: outcome.Spans, dropped: tuple[int, ...] = (), keepers: dict[int, int] | None = None) -> Outcome:
    return Outcome(list(cuts), set(dropped), keepers or {})


def values(figures: list[Figure]) -> dict[str, float]:
    return {figure.name: figure.value for figure in figures}


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module: str) -> None:
    if module == "peer_sentences":
        pytest.skip("it is a script")
    assert doctest.testmod(importlib.import_module(f"figures.{module}")).failed == 0


def test_labelled_spans_that_go_are_counted_without_white_space() -> None:
    figures = values(gold.cut_figures([record()], did([(0, 9), (20, 26)])))
    assert figures == {"boilerplate_cut": 1.0, "repeats_cut": 5 / 9, "content_lost": 0.0}


def test_content_that_goes_is_lost() -> None:
    figures = values(gold.cut_figures([record()], did([(31, 34)])))
    assert figures == {"boilerplate_cut": 0.0, "repeats_cut": 0.0, "content_lost": 3 / 19}


def test_dropped_documents_have_no_spans_to_lose() -> None:
    assert values(gold.cut_figures([record(), record()], did([], [(0, 8)], dropped=(0,))))["boilerplate_cut"] == 1.0


@pytest.mark.parametrize(
    ("made", "lost"),
    [(did([], []), 0), (did([(31, 34)], []), 3), (did([(0, 8)], [], dropped=(0,)), 19), (did([], [], dropped=(1,)), 0)],
    ids=["nothing", "cut", "dropped", "dropped duplicate"],
)
def test_content_lost_for_good(made: Outcome, lost: int) -> None:
    assert gold.lost_for_good([record(), record(cluster="a")], made).value == lost / 19


@pytest.mark.parametrize(("dropped", "value"), [((), 0.0), ((1,), 0.5), ((1, 3), 1.0), ((0, 1), 0.0)])
def test_clusters_with_one_left(dropped: tuple[int, ...], value: float) -> None:
    records = [record(cluster=cluster, situation="S1") for cluster in "aabb"]
    assert gold.clusters_with_one_left(records, did(dropped=dropped), "S1").value == value


def test_documents_lost_of_a_situation() -> None:
    records = [record(situation="S2"), record(situation="S2"), record()]
    made = did(dropped=(1, 2))
    assert [gold.documents_lost(records, made, situation).value for situation in ("S2", "S6", None)] == [1, 0, 1]


@pytest.mark.parametrize(
    ("made", "kept", "lost"),
    [
        (did([], [(0, 30)], dropped=(0,)), 1.0, 9),
        (did([], [], dropped=(1,)), 0.0, 0),
        (did([(31, 34)], [(0, 8)]), 1.0, 0),
    ],
    ids=["longest stays, its headline does not", "longest goes", "both stay, the shorter is cut"],
)
def test_of_a_ticker_the_longest_is_looked_at(made: Outcome, kept: float, lost: int) -> None:
    records = [record("a", "S3"), record("a", "S3", TEXT + "Und schön.\n")]
    assert [figure.value for figure in gold.ticker_figures(records, made)] == [kept, lost]


def test_kinds_of_boilerplate_are_counted_by_themselves() -> None:
    document = record(text="Cookies!\nDie Brücke\nVon Ida\n") | {"boilerplate": [[0, 8, "cookie"], [20, 27, "byline"]]}
    figures = gold.kinds_cut([document, document], did([(0, 8)], [(0, 30)], dropped=(1,)))
    assert values(figures) == {"boilerplate_cut byline": 0.0, "boilerplate_cut cookie": 1.0}
    assert [figure.target for figure in figures] == [None, 0.97]


def test_characters_cut_without_white_space() -> None:
    assert untouched.cut_share("cut", [{"text": "ab cd\n"}], [[(0, 3)]]).value == 0.5


SHARED = "Wir danken.\nAm Montag.\nEins. Zwei.\n"
"""Lines at 0-11, 12-22 and 23-34; the last has the sentences 23-28 and 29-34."""


@pytest.mark.parametrize(
    ("other", "source", "cuts", "once"),
    [
        ("Wir danken.\n", "s", [(0, 12)], []),
        ("Wir danken.\n", "t", [(0, 12)], ["Wir danken."]),
        ("Wir danken. Sehr.\n", "s", [(0, 12)], ["Wir danken."]),
        ("Wir danken.\n", "s", [(0, 23)], ["Am Montag."]),
        ("Und zwei: Zwei.\n", "s", [(23, 28)], ["Eins."]),
        ("Und zwei: Zwei.\n", "s", [(29, 34)], []),
    ],
    ids=["in both", "in both, of two sources", "a piece of a line", "one of two lines", "part, once", "part, in both"],
)
def test_lines_that_stand_once(other: str, source: str, cuts: outcome.Spans, once: list[str]) -> None:
    records = [{"text": SHARED, "source": "s"}, {"text": other, "source": source}]
    assert list(untouched.standing_once(records, [cuts, []])) == [(0, line) for line in once]


def test_drops_are_judged_by_the_texts_as_they_came() -> None:
    texts = ["a b c d e f g", "a B c d e f, g", "a b c d e x g", "q r s t u v w"]
    records = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    made = Outcome([[]] * 4, {1, 2, 3}, {1: 0, 2: 0, 3: 0}, {"repeat": [[]] * 4, "boilerplate": [[]] * 4}, {1, 2})
    figures, notes = untouched.figures(records, made, untouched.Targets())
    assert [values(figures)[name] for name in untouched.COLUMNS] == [0, 0, 0, 0, 1, 2]
    assert notes == ["said to be exact: 2 and 0", "unlike as they came: 2 and 0", "unlike as they came: 3 and 0"]


def test_notes_on_translations_are_told_from_the_rest() -> None:
    records = [{"text": "NOM\nab\nTRADUCTION\ncd\n"}, {"text": "NOM\nef\n"}]
    cuts = [[(0, 3), (7, 17)], [(0, 3)]]
    figures = values(untouched.translators_notes(records, Outcome(cuts, set(), {}, {"boilerplate": cuts})))
    assert figures == {
        "translators_notes_cut": 10 / 12,
        "share_that_is_translators_notes": 12 / 22,
        "cut_as_boilerplate_beside_translators_notes": 6 / 22,
    }


def test_markdown_is_cleaned_as_files_and_other_files_are_left_aside(tmp_path: Path) -> None:
    line = "Eine Zeile, die lang genug ist, um ein Zitat zu sein.\n\n"
    (tmp_path / "a.md").write_text(line * 2 + "Mehr nicht.\n", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md.gz").write_bytes(gzip.compress(b"Nothing twice.\n"))
    (tmp_path / "c.txt").write_text("kein Markdown", encoding="utf-8")
    digest, figures, _ = untouched.markdown(tmp_path)
    (tmp_path / "c.txt").write_text("immer noch nicht", encoding="utf-8")
    assert untouched.markdown(tmp_path)[0] == digest
    assert 0 < values(figures)["cut_as_repeats"] < 0.5
    assert values(figures)["cut_as_boilerplate"] == 0


def page(name: str, source: str, *lines: tuple[str, int]) -> Record:
    return {"id": name, "source": source, "lines": [line for line, _ in lines], "gold": [label for _, label in lines]}


PAGE = page("big9-1", "s", ("Menü", 0), ("?", -1), ("Die Brücke", 1), ("Werbung", 0), ("Neu.", 1))


def test_pages_are_scored_by_characters_of_labelled_lines() -> None:
    score = pages.score([PAGE, PAGE], [[4, 1, 0, 7, 2], None])
    assert score == pages.Score(gone=11, stayed=0, lost=2, content=14)
    assert values(score.figures("x")) == {"x precision": 11 / 13, "x recall": 1.0}
    assert pages.content_cut([PAGE], [[4, 1, 0, 7, 2]]) == ["1 times: Neu."]


@pytest.mark.parametrize(("gone", "named"), [([0, 0, 1, 0, 0], ["big9-1: Die Brücke"]), ([4, 1, 0, 7, 4], [])])
def test_headlines_that_go_are_named(gone: list[int], named: list[str]) -> None:
    assert pages.headlines_cut([PAGE, PAGE], [gone, None]) == named


def test_smaller_sites_are_drawn_out_of_larger_ones() -> None:
    all_pages = [
        page(f"{site}{number}", site, ("a", 1)) for site, size in (("s", 9), ("t", 4)) for number in range(size)
    ]
    three, five = pages.drawn(all_pages, 3), pages.drawn(all_pages, 5)
    assert [found["source"] for found in three] == ["s"] * 3 + ["t"] * 3
    assert [found["source"] for found in five] == ["s"] * 5
    assert three[:3] == five[:3]
    assert pages.drawn(all_pages[::-1], 5) == five


def test_sites_are_stripped_each_by_itself() -> None:
    two = [page(f"big9-{name}", name, ("Menü 1", 0), ("Menü 2", 0)) for name in "st"]
    assert pages.stripped(two, line_algorithms.counting(2)) == [[0, 0], [0, 0]]
    again = [*two, page("big9-u", "s", ("menü  7", 0))]
    assert pages.stripped(again, line_algorithms.counting(2)) == [[6, 6], [0, 0], [7]]


def test_both_settings_are_measured_where_there_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclasses.dataclass
    class Before:
        threshold: float = 0.8

    @dataclasses.dataclass
    class After(Before):
        boilerplate: str = "safe"

    found = []
    for config in (Before, After):
        monkeypatch.setattr(pages, "Config", config)
        found.append(pages.settings())
    assert found == [{"safe": {}}, {"safe": {"boilerplate": "safe"}, "full": {"boilerplate": "full"}}]


def made_up_pages() -> list[Record]:
    """Return twelve pages of a news site and of a blog, each between a menu and a foot."""
    menu = [(line, 0) for line in ("Startseite", "Stadt und Land", "Kultur und Sport", "Anmelden", "Suche")]
    foot = [(line, 0) for line in ("Impressum der Zeitung", "Hinweise zum Datenschutz", "Alle Rechte vorbehalten 2025")]
    made = []
    for kind, number in itertools.product(("big9", "dragnet"), range(12)):
        rng = stress.seeded(f"{kind} {number}")
        content = [(f"Es geht um {' und '.join(rng.sample(stress.WHAT, 4))}.", 1) for _ in range(4)]
        made.append(page(f"{kind}-{number}", f"{kind}.example", *menu, *content, *foot))
    return made


@pytest.mark.parametrize("genre", stress.GENRES)
def test_texts_of_a_genre_depend_on_their_name_only_and_all_differ(genre: str) -> None:
    made = [stress.GENRES[genre](stress.seeded(str(number)), "s") for number in range(20)]
    assert made == [stress.GENRES[genre](stress.seeded(str(number)), "s") for number in range(20)]
    assert len({"\n".join(lines) for lines in made}) == 20
    assert all(line and "\n" not in line for lines in made for line in lines)


def test_content_is_put_between_the_frames_of_larger_sites() -> None:
    small = [PAGE] * (stress.LEAST_PAGES - 1)
    assert stress.documents(small, "recipes") == []
    framed = stress.documents(made_up_pages(), "recipes")
    assert len(framed) == 24
    assert all((one["lines"][4], one["lines"][-3]) == ("Suche", "Impressum der Zeitung") for one in framed)
    assert {label for one in framed for label in one["gold"][5:-3]} == {pages.CONTENT}


@pytest.fixture
def of_pages(tmp_path: Path) -> Path:
    """Return a folder that holds a set of pages."""
    lines = "".join(json.dumps(one) + "\n" for one in made_up_pages())
    (tmp_path / "pages_dev.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    return tmp_path


def test_pages_are_measured_beside_others(of_pages: Path) -> None:
    result = run(of_pages, "--set", "pages_dev", "--notes")
    rows = {cells[1].strip(): cells[2].strip() for line in result.output.splitlines() if (cells := line.split("|"))[2:]}
    assert (
        rows["pages_dev: news safe precision"] == rows["pages_dev: blogs safe 10 pages a site precision"] == "100.000 %"
    )
    assert float(rows["pages_dev: news safe recall"].split()[0]) > 50
    assert rows["a line in 5 pages and more, numbers aside"] == "100.000 %"
    assert "pages_dev: news safe 20 pages a site recall" not in rows


def test_a_chosen_set_is_measured_alone(of_pages: Path) -> None:
    result = run(of_pages, "--set", "stress", "--json", of_pages / "figures.json")
    found = json.loads((of_pages / "figures.json").read_text(encoding="utf-8"))["sets"]
    assert list(found) == ["stress"]
    assert {f"{genre} safe content lost" for genre in stress.GENRES} <= set(found["stress"]["figures"])
    assert "stress: its floors were measured on another set" in result.stderr


def test_sets_of_which_nothing_may_go_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "laws_de.jsonl.zst").write_bytes(
        zstandard.compress(b'{"id": "a", "source": "s", "text": "Eins.\\n"}\n')
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Eins\n", encoding="utf-8")
    result = run(tmp_path, "--markdown", tmp_path / "docs")
    table = result.output.partition("nothing may go\n\n")[2].splitlines()
    assert [line.split("|")[1].strip() for line in table[2:4]] == ["laws_de", "markdown"]
    assert "markdown" not in result.stderr


def test_similar_pairs_are_what_comparing_all_sets_finds() -> None:
    rng = random.Random(3)
    texts = [" ".join(rng.choice("abc") for _ in range(rng.randint(0, 24))) for _ in range(60)]

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))}

    sets = [shingles(text) for text in texts]
    expected = {
        (i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in itertools.combinations(range(60), 2)
    }
    assert similarity.similar_pairs(texts, 0.2) == {pair: s for pair, s in expected.items() if s >= 0.2}


def test_drops_need_someone_like_them_that_stays() -> None:
    pairs = {(0, 1): 0.9, (1, 2): 0.8, (3, 4): 0.8}
    made = did(dropped=(1, 2), keepers={1: 0, 2: 3})
    assert values(similarity.article_figures(pairs, made, "raw")) == {
        "drops_with_a_keeper_raw": 0.5,
        "drops_like_their_keeper_raw": 0.5,
        "pairs_resolved_raw": 2 / 3,
    }
    assert similarity.unlike_drops(pairs, made).value == 1


def test_dropped_documents_are_told_with_what_they_would_have_lost() -> None:
    line = "Eine Zeile, die lang genug ist, um ein Zitat zu sein.\n"
    text = line * 2 + "Der Rat der Stadt hat am Montag nach langer Debatte den Bau der Brücke beschlossen.\n"
    made = outcome.clean([{"id": "a", "text": text}, {"id": "b", "text": text}])
    assert len(made.dropped) == 1
    assert made.cuts == [[(54, 108)]] * 2
    assert outcome.stored([{"text": text}] * 2, made) == [text[54:]] * 2


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ("a b\nc\n", "a b\nc\n", []),
        ("a b\na b\nc\n", "a b\nc\n", [(4, 7)]),
        ("a b\na b\na b\nc\n", "a b\nc\n", [(4, 7), (8, 11)]),
        ("Eins. Zwei. Drei.", "Eins. Drei.", [(6, 11)]),
        ("a\nb\n", "", [(0, 1), (2, 3)]),
    ],
)
def test_what_is_missing_from_what_is_left(before: str, after: str, gone: outcome.Spans) -> None:
    assert outcome.removed(before, after) == gone


def test_what_is_left_must_come_from_the_text() -> None:
    with pytest.raises(ValueError, match=re.escape("what is left does not come from the text: 'b'")):
        outcome.removed("a", "b")


def test_texts_of_which_nothing_is_left_count_as_dropped() -> None:
    assert outcome.of_left(["a", "b", "c"], ["a", None, "\n"]).dropped == {1, 2}


@pytest.mark.parametrize(
    ("algorithm", "left"),
    [
        ("CCNet, drop all (algorithm)", ["Neu ist eins.\n", "Neu ist zwei!\n"]),
        ("CCNet, keep first (algorithm)", ["Am 1.2. kam es so wie immer\nNeu ist eins.\n", "Neu ist zwei!\n"]),
        ("onion 5-gram 0.5 (algorithm)", ["Am 1.2. kam es so wie immer\nNeu ist eins.\n", "Neu ist zwei!\n"]),
    ],
)
def test_algorithms_of_others(algorithm: str, left: list[str]) -> None:
    texts = ["Am 1.2. kam es so wie immer\nNeu ist eins.\n", "Am 3.4. kam es so wie immer\nNeu ist zwei!\n"]
    assert line_algorithms.left(texts, line_algorithms.ALGORITHMS[algorithm]) == left


def test_c4_keeps_a_line_in_one_document() -> None:
    left = line_algorithms.left(["Werbung\na\n", "werbung \nb\nb\n"], line_algorithms.c4)
    assert sorted(left) in (["Werbung\na\n", "b\n"], ["a\n", "werbung \nb\n"])


def test_bff_does_not_see_short_lines() -> None:
    long = " ".join(map(str, range(20))) + "\n"
    left = line_algorithms.left(["kurz\n" + long, "kurz\n" + long], line_algorithms.bff)
    assert left == ["kurz\n" + long, "kurz\n"]


def test_a_set_may_be_a_little_behind_the_best_library() -> None:
    figures = {figure.name: figure for figure in sentences.figures_of({"English-EWT": 0.9}, {"English-EWT": 0.9})}
    assert figures["f1 English-EWT"].target == round(sentences.BEST_LIBRARY_F1["English-EWT"] - 0.04, 6)
    assert figures["f1_mean"].value == 0.9


def test_the_crawl_is_read_with_its_gold() -> None:
    corpus = read_crawl(FIXTURES)
    texts = [(r["text"], start, end) for r in corpus.records for start, end in r["boilerplate"] + r["repeats"]]
    assert len(corpus.records) == 47
    assert all(text[start:end].strip() == text[start:end] for text, start, end in texts)


FIGURES = [share("found", 9, 10), loss("lost", 1, 10), mistakes("wrong", 2)]
MEASURED = Measured("set", "0f", FIGURES)


@pytest.mark.parametrize(
    ("pinned", "missed"),
    [
        ({}, ["set: no floors are pinned"]),
        ({"set": Pinned("0f", {"found": 0.9, "lost": 0.1, "wrong": 2})}, []),
        ({"set": Pinned("0f", {"found": 0.8, "lost": 0.2, "wrong": 3})}, []),
        (
            {"set": Pinned("0f", {"found": 0.95, "lost": 0.05, "wrong": 1})},
            [
                "set: found is 90.000 %, its floor 95.000 %",
                "set: lost is 10.000 %, its floor 5.000 %",
                "set: wrong is 2, its floor 1",
            ],
        ),
        (
            {"set": Pinned("0f", {"found": 0.9, "lost": 0.1, "other": 1})},
            ["set: other is not measured any more", "set: wrong has no floor"],
        ),
        (
            {"set": Pinned("1f", {"found": 0.9, "lost": 0.1, "wrong": 2})},
            ["set: its floors were measured on another set (1f, not 0f)"],
        ),
    ],
)
def test_floors(pinned: floors.Floors, missed: list[str]) -> None:
    assert floors.misses(MEASURED, pinned) == missed


def test_floors_are_raised_and_others_left_alone(tmp_path: Path) -> None:
    other = Pinned("aa", {"found": 1.0})
    new, lower = floors.raised([MEASURED], {"other": other, "set": Pinned("00", {"found": 0.5})})
    floors.write(tmp_path / "floors.json", new)
    assert (floors.read(tmp_path / "floors.json"), lower) == (new, [])
    assert new == {"other": other, "set": Pinned("0f", {"found": 0.9, "lost": 0.1, "wrong": 2})}


def test_lowered_floors_are_named() -> None:
    _, lower = floors.raised([MEASURED], {"set": Pinned("0f", {"found": 0.95, "old": 1})})
    assert lower == ["set: found is 90.000 %, its floor 95.000 %", "set: old goes"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(quality.main, [str(argument) for argument in arguments])


def test_the_fixtures_reach_their_floors(tmp_path: Path) -> None:
    result = run(FIXTURES, "--json", tmp_path / "figures.json")
    assert result.exit_code == 0, result.output
    assert "missed" not in result.output
    crawl = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["sets"]["crawl"]
    assert crawl["figures"]["content_lost"] == 0.0


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the harness find one set, and its floors in a file that is returned."""
    monkeypatch.setattr(quality, "measure", lambda folder, chosen: iter([MEASURED]))
    monkeypatch.setattr(quality, "FLOORS", tmp_path / "floors.json")
    floors.write(tmp_path / "floors.json", {"set": Pinned("0f", {"found": 0.95, "lost": 0.1, "wrong": 2})})
    return tmp_path / "floors.json"


def test_a_missed_floor_fails(measured: Path) -> None:
    result = run(FIXTURES)
    assert result.exit_code == 1
    assert result.stderr == "Error: floors are missed:\nset: found is 90.000 %, its floor 95.000 %\n"


def test_a_floor_is_not_lowered_unasked(measured: Path) -> None:
    before = measured.read_bytes()
    assert run(FIXTURES, "--update-floors").exit_code == 1
    assert measured.read_bytes() == before


def test_a_floor_is_lowered_when_asked(measured: Path) -> None:
    assert run(FIXTURES, "--update-floors", "--allow-lower").exit_code == 0
    assert floors.read(measured)["set"].floors["found"] == 0.9
    assert run(FIXTURES).exit_code == 0


def test_a_folder_without_sets_is_a_mistake_of_usage(tmp_path: Path) -> None:
    assert run(tmp_path).exit_code == 2


def test_what_fails_or_takes_too_long_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert not peers.run("the tool", [sys.executable, "-c", "raise SystemExit('no such model')"])
    assert not peers.run("the tool", [sys.executable, "-c", "import time; time.sleep(9)"], timeout_s=1)
    assert capsys.readouterr().err == "the tool failed:\nno such model\n\nthe tool: given up after 1 s\n"


def test_tools_that_strip_lines_are_asked_what_they_can_do() -> None:
    figures = peers.stripping_figures(Corpus("", [record()]), outcome.of_left([TEXT], ["Die Brücke\nSie ist neu.\n"]))
    assert values(figures) == {"boilerplate_cut": 1.0, "repeats_cut": 1.0, "content_lost_of_single_documents": 0.0}


def test_a_table_of_tools_has_a_row_each() -> None:
    table = peers.Table("near-duplicates", {"dedup": [share("pairs_resolved", 1, 1)]})
    assert table.cells() == (["", "pairs resolved"], [["dedup", "100.000 %"]])
    assert table.values == {"dedup": {"pairs_resolved": 1.0}}


def test_every_set_has_its_target() -> None:
    pinned: dict[str, Any] = json.loads((ROOT / "benchmarks" / "quality.json").read_text(encoding="utf-8"))
    assert set(pinned) == set(suites.NAMES)
