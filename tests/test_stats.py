"""`dedup stats`: what it prints and writes, and what other thresholds would do."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dedup import jobs, tables
from dedup.cli import main
from dedup.config import Config
from dedup.sweep import THRESHOLDS
from dedup.visible import one_line, visible
from tests import reference

CRAWL = Path(__file__).resolve().parents[1] / "fixtures" / "crawl"
WORDS = ("Rat", "Brücke", "Hafen", "Fähre", "Wahl", "Markt", "Regen", "Straße", "Schule", "Turm", "Fest", "Bahn")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(main, arguments, prog_name="dedup")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def write(name: str, records: list[dict[str, Any]]) -> str:
    Path(name).write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return name


def statistics(path: str, config: Config | None = None, **options: Any) -> dict[str, Any]:
    return jobs.statistics([path], config or Config(), jobs.Run(), **options)


def article(seed: int) -> str:
    """An article like no other."""
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) + str(draw.randrange(50)) for _ in range(120))


def test_of_many_sources_that_lose_much_ten_are_named() -> None:
    report = statistics(write("equal.jsonl", [{"source": f"s{number:02}", "text": article(0)} for number in range(15)]))
    lines = list(tables.warnings(report))
    assert (len(lines), lines[-1]) == (11, "4 more sources lose more than half of their text")


# The command


def test_it_prints_every_part_to_standard_output_and_writes_nothing(folder: Path) -> None:
    result = run("stats", str(CRAWL), "--threshold-sweep")
    assert result.exit_code == 0, result.stderr
    for part in ("boilerplate", "hafenpost.example", "cluster of", "similarity", "would go", "Diese Seite speichert"):
        assert part in result.stdout
    assert result.stderr == ""
    assert list(folder.iterdir()) == []


def test_json_is_the_report_of_clean() -> None:
    assert run("clean", str(CRAWL), "-o", "cleaned", "-q").exit_code == 0
    made = json.loads(Path("cleaned.dedup/report.json").read_text(encoding="utf-8"))
    shown = json.loads(run("stats", str(CRAWL), "--json").stdout)
    assert made.pop("timing_s").keys() == {"scan", "decide", "write"}
    assert shown.pop("timing_s").keys() == {"scan", "decide"}
    assert shown == made


def test_quiet_prints_nothing_and_verbose_every_source_and_stage() -> None:
    path = write("sources.jsonl", [{"source": f"s{number:02}", "text": f"Satz {number}."} for number in range(30)])
    assert run("stats", path, "-q").stdout == ""
    few, all_ = run("stats", path).stdout, run("stats", path, "-v").stdout
    assert "and 10 more" in few
    assert "s29" not in few
    assert "s29" in all_
    assert "seconds: scan " in all_


def test_a_corpus_of_copies_does_not_stop_it() -> None:
    words = random.Random(7).choices(WORDS, k=200)
    texts = [" ".join([*words[:number], "neu", *words[number:]]) for number in range(30)]
    path = write("copies.jsonl", [{"text": text} for text in texts])
    assert run("clean", path, "-o", "out.jsonl").exit_code == 1
    result = run("stats", path)
    assert result.exit_code == 0
    assert "loses 97% of its text" in result.stdout


def test_what_a_text_hides_cannot_act_on_the_terminal() -> None:
    line = "\x1b[2JDiese Zeile steht\u202e in jedem Artikel der Seite.\x07"
    records = [
        {
            "id": f"\x1b]0;{number}\x07",
            "source": "a\x1b[31m.example",
            "text": f"{line}\nÜber die Seite\n{article(number)}",
        }
        for number in range(9)
    ]
    shown = run("stats", write("hostile.jsonl", [*records, records[0]])).stdout
    assert "␛[2JDiese Zeile steht⟦U+202E⟧" in shown
    assert "a␛[31m.example" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_one_document_and_nothing_to_tell() -> None:
    report = statistics(write("one.jsonl", [{"source": "a", "text": ""}]), is_swept=True)
    names = [type(part).__name__ for part in tables.statistics(report, is_verbose=False)]
    assert names == ["Table", "Table", "Table"]
    assert [step["documents"] for step in report["threshold_sweep"]] == [0] * len(THRESHOLDS)


@pytest.mark.parametrize("text", ["Käse", "نمی\u200cخواهم", "👩\u200d👧", "Zei\u00adle", "a\tb\r\nc"])
def test_what_words_are_written_with_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(("text", "shown"), [("\ud800", "⟦U+D800⟧"), ("\x7f", "⟦U+007F⟧"), ("\ufffe", "⟦U+FFFE⟧")])
def test_what_cannot_be_seen_is_shown_as_its_number(text: str, shown: str) -> None:
    assert visible(text) == one_line(text) == shown


# Other thresholds


def edited_copies(seed: int) -> list[dict[str, Any]]:
    """Articles with copies in which one word, up to a fifth of them, is another: at all similarities."""
    draw = random.Random(seed)
    records = []
    for number in range(12):
        words = article(seed + number).split()
        for copy in range(8):
            changed = words.copy()
            for place in draw.sample(range(len(words)), copy * 3):
                changed[place] = f"neu{draw.randrange(1000)}"
            records.append({"id": f"{number}/{copy}", "text": " ".join(changed[: len(words) - copy])})
    draw.shuffle(records)
    return records


def test_the_sweep_counts_what_the_greedy_twin_drops() -> None:
    records = edited_copies(seed=3)
    report = statistics(write("copies.jsonl", records), Config(hashes=1024, recall=0.9999), is_swept=True)
    ordered = sorted(records, key=lambda record: (-len(record["text"]), record["id"]))
    sets = [reference.shingles(record["text"]) for record in ordered]
    for step in report["threshold_sweep"]:
        keepers: list[set[Any]] = []
        gone = 0
        for record, own in zip(ordered, sets, strict=True):
            if any(len(own & kept) / len(own | kept) >= step["threshold"] for kept in keepers):
                gone += len(record["text"])
            else:
                keepers.append(own)
        assert (step["documents"], step["characters"]) == (len(records) - len(keepers), gone)


@pytest.mark.parametrize(("name", "keep"), [("sites_de", "longest"), ("licences", "first")])
def test_the_sweep_counts_what_runs_drop(name: str, keep: str, shared_path: Callable[[str], Path]) -> None:
    """With so many hashes that no pair is missed on either side."""
    path = str(shared_path(f"{name}.jsonl.zst"))
    config = Config(hashes=512, recall=0.9999, keep=keep)
    swept = statistics(path, config, is_swept=True)["threshold_sweep"]
    assert [step["threshold"] for step in swept] == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0]
    for step in swept[::2]:
        report = statistics(path, dataclasses.replace(config, threshold=step["threshold"]))
        assert step["documents"] == report["documents"]["dropped"]
        assert step["characters"] == report["characters"]["dropped"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "repeats"], "dedup: a threshold sweep needs the articles compared. Name articles in --only.\n"),
        (
            ["--drop-contained", "0.9"],
            (
                "dedup: a threshold sweep counts what goes for its similarity, and --drop-contained drops for "
                "something else. Leave one of the two out.\n"
            ),
        ),
    ],
)
def test_a_sweep_of_something_else_is_refused(options: list[str], message: str) -> None:
    result = run("stats", str(CRAWL), "--threshold-sweep", *options)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)
