"""Cleaning day by day on top of an index, and looking after it."""

from __future__ import annotations

import gc
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import dedup
from dedup import cluster, jobs, memory
from dedup.cli import main
from dedup.config import Config
from dedup.errors import UsageError
from dedup.index import judging, remote, upkeep
from dedup.index.adding import Sketcher
from tests.corpora import Document, article, edited, sentence, site, written

CONFIG = Config(keep="first", max_loss=1.0)
INDEX = "news.index"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def crawl(seed: int, articles: int = 30) -> list[Document]:
    """Articles of two sites with copies of all kinds, copies of copies included, and odd texts."""
    rng = random.Random(seed)
    documents = site(rng, "a.example", articles) + site(rng, "b.example", articles)
    for number in range(2 * articles):
        original = rng.choice(documents)
        text = edited(rng, original["text"], rng.choice([0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06]))
        documents.append({"id": f"copy/{number}", "source": original["source"], "text": text})
    odd = ("", " ", "Ja.", "ja", "…", "Kurze Meldung ohne Text")
    documents += [{"id": f"odd/{number}", "source": "a.example", "text": text} for number, text in enumerate(odd * 2)]
    rng.shuffle(documents)
    return documents


def crowd(seed: int) -> list[Document]:
    """Articles alike enough to meet in many bands and mostly not enough to go."""
    rng = random.Random(seed)
    texts = [article(rng, 3) for _ in range(2)]
    return [{"id": str(n), "text": edited(rng, rng.choice(texts), rng.choice([0.01, 0.04, 0.06]))} for n in range(80)]


def shorten_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let documents look at two keepers of a bucket only."""
    for module in (cluster, memory, judging, remote):
        monkeypatch.setattr(module, "REACH", 2)


def day(name: str, documents: list[Document]) -> str:
    Path(name).mkdir()
    return written(Path(name), documents)


def clean(documents: list[Document], name: str, config: Config = CONFIG, **how: Any) -> dict[str, Any]:
    """Clean a day on top of the index."""
    path = day(name, documents) if not Path(name).exists() else f"{name}/news.jsonl"
    return jobs.clean([path], f"{name}.jsonl", config, jobs.Run(index=Path(INDEX), **how))


def decisions(name: str) -> list[dict[str, Any]]:
    lines = (Path(f"{name}.jsonl.dedup") / "decisions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines[1:]]


def kept(name: str) -> list[str]:
    return [json.loads(line)["id"] for line in Path(f"{name}.jsonl").read_text("utf-8").splitlines()]


def told(decision: dict[str, Any]) -> tuple[Any, ...]:
    """What a decision says, but for the names of files and the numbers of records."""
    names = ("document", "action", "reason", "similarity", "start", "end", "text", "why")
    keeper = decision.get("keeper")
    return (*(decision.get(name) for name in names), keeper if isinstance(keeper, str) else json.dumps(keeper))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [7, 40])
def test_day_by_day_is_the_same_as_all_at_once(seed: int, size: int) -> None:
    documents, config = crawl(seed), Config(keep="first", max_loss=1.0, only=("repeats", "articles"))
    days = [documents[start : start + size] for start in range(0, len(documents), size)]
    found, stayed = [], []
    for number, part in enumerate(days):
        clean(part, f"day{number}", config)
        found += decisions(f"day{number}")
        stayed += kept(f"day{number}")
    path = day("all", documents)
    jobs.clean([path], "all.jsonl", config, jobs.Run())
    assert stayed == kept("all")
    assert [told(decision) for decision in found] == [told(decision) for decision in decisions("all")]
    assert [row["id"] for row in upkeep.documents(Path(INDEX))] == stayed
    assert list(upkeep.verify(Path(INDEX))) == []


@pytest.mark.parametrize("size", [7, 40])
def test_day_by_day_as_many_are_compared_as_all_at_once(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    shorten_reach(monkeypatch)
    documents, config = crowd(1), Config(keep="first", max_loss=1.0, only=("articles",))
    found, crowded = [], 0
    for start in range(0, len(documents), size):
        crowded += clean(documents[start : start + size], f"day{start}", config)["flags"]["crowded"]
        found += decisions(f"day{start}")
    jobs.clean([day("all", documents)], "all.jsonl", config, jobs.Run())
    assert [told(decision) for decision in found] == [told(decision) for decision in decisions("all")]
    assert crowded > 10


def test_a_duplicate_names_the_day_and_the_record_of_its_keeper() -> None:
    text = article(random.Random(1))
    other = {"id": "z", "text": article(random.Random(2))}
    clean([other, {"id": "a", "text": text}], "monday")
    copies = [{"id": "b", "text": text.upper()}, {"id": "c", "text": f"{text}Und mehr."}]
    report = clean(copies, "tuesday")
    drops = decisions("tuesday")
    assert [drop["reason"] for drop in drops] == ["exact-duplicate", "near-duplicate"]
    assert {(drop["keeper"], drop["keeper_file"], drop["keeper_record"]) for drop in drops} == {("a", "news.jsonl", 2)}
    assert drops[1]["similarity"] == dedup.jaccard(text, copies[1]["text"])
    assert report["documents"]["dropped"] == 2
    assert report["index"] == {
        "path": INDEX, "before": 2, "added": 0, "is_repeated_run": False, "late_boilerplate": [],
    }  # fmt: skip
    assert report["clusters"][0] == {
        "keeper": "a", "keeper_file": "news.jsonl", "keeper_record": 2, "size": 3,
        "similarities": [drops[1]["similarity"], 1.0],
    }  # fmt: skip


def test_what_is_known_to_be_boilerplate_goes_from_a_single_article() -> None:
    rng = random.Random(3)
    clean(site(rng, "a.example", 8), "monday")
    (last,) = site(rng, "a.example", 1, prefix="late/")
    clean([last], "tuesday")
    text = json.loads(Path("tuesday.jsonl").read_text("utf-8"))["text"]
    assert "Wir verwenden Cookies" in last["text"]
    assert "Wir verwenden Cookies" not in text
    assert {decision["reason"] for decision in decisions("tuesday")} == {"boilerplate"}


def test_a_line_that_becomes_boilerplate_later_is_reported_with_who_carries_it() -> None:
    rng = random.Random(4)
    foot = ("Diese Seite wird von der Redaktion der Hafenpost betreut und geprüft.", "Impressum", "Nach oben")

    def pages(name: str, count: int) -> list[Document]:
        texts = [article(rng) + "".join(f"{line}\n" for line in foot) for _ in range(count)]
        return [{"id": f"{name}{n}", "source": "hafenpost.example", "text": text} for n, text in enumerate(texts)]

    assert clean(pages("mo", 3), "monday")["index"]["late_boilerplate"] == []
    late = clean(pages("di", 3), "tuesday")["index"]["late_boilerplate"]
    assert {(found["text"], found["source"]) for found in late} == {(line, "hafenpost.example") for line in foot}
    carriers = [{"document": f"mo{n}", "file": "news.jsonl", "record": n + 1} for n in range(3)]
    assert [found["documents"] for found in late] == [carriers] * 3
    cuts = [decision for decision in decisions("tuesday") if decision["action"] == "cut"]
    ids = {found["text"]: found["id"] for found in late}
    assert [(cut["document"], cut["articles"], cut["template"]) for cut in cuts] == [
        (f"di{n}", 6, ids[line]) for n in range(3) for line in foot
    ]
    assert clean(pages("mi", 1), "wednesday")["index"]["late_boilerplate"] == []
    assert {row["text"] for row in upkeep.templates(Path(INDEX))} == set(foot)


def test_the_console_says_that_there_is_boilerplate_in_what_is_stored() -> None:
    rng = random.Random(4)
    for name, count in (("monday", 4), ("tuesday", 1)):
        texts = [f"{article(rng)}Die Redaktion der Hafenpost\nImpressum\nNach oben\n" for _ in range(count)]
        path = day(name, [{"id": f"{n}", "source": "x", "text": text} for n, text in enumerate(texts)])
        done = run("clean", path, "-o", f"{name}.jsonl", "--index", INDEX)
    warning = "3 lines are boilerplate only now, and 4 stored documents carry them: late_boilerplate in report.json"
    assert warning in " ".join(done.stderr.split())


def test_an_article_that_grows_from_day_to_day_does_not_make_its_own_sentences_boilerplate() -> None:
    rng = random.Random(5)
    lines = [f"{sentence(rng, 14)}\n" for _ in range(40)]
    for number in range(1, 9):
        clean([{"id": f"v{number}", "source": "t.example", "text": "".join(lines[: 5 * number])}], f"day{number}")
        assert [d for d in decisions(f"day{number}") if d["reason"] == "boilerplate"] == []


def test_a_run_repeated_comes_to_the_same_and_adds_nothing() -> None:
    documents = crawl(6)
    for number in range(3):
        clean(documents[40 * number : 40 * (number + 1)], f"day{number}")
    before = list(upkeep.documents(Path(INDEX))), list(upkeep.templates(Path(INDEX)))
    for number in range(3):
        expected = Path(f"day{number}.jsonl").read_bytes(), decisions(f"day{number}")
        report = clean([], f"day{number}", force=True)
        assert (Path(f"day{number}.jsonl").read_bytes(), decisions(f"day{number}")) == expected
        assert (report["index"]["is_repeated_run"], report["index"]["added"]) == (True, 0)
    assert (list(upkeep.documents(Path(INDEX))), list(upkeep.templates(Path(INDEX)))) == before


def test_a_run_that_adds_nothing_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody stores copies, so the segment that was begun for them is never finished."""
    left: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: left.append(found.exc_value))
    first = site(random.Random(7), "a.example", 6)
    clean(first, "one")
    assert clean([{**row, "id": f"again/{row['id']}"} for row in first], "two")["index"]["added"] == 0
    gc.collect()
    assert left == []


def test_when_too_much_would_go_nothing_is_added() -> None:
    documents = crawl(7)[:40]
    clean(documents, "monday")
    again = [{**document, "text": f"{document['text']} Ja."} for document in documents]
    with pytest.raises(dedup.DedupError, match="so nothing was written"):
        clean(again, "tuesday", Config(keep="first", max_loss=0.1))
    assert upkeep.info(Path(INDEX))["runs"] == 1


def test_the_output_can_be_restored() -> None:
    documents = crawl(8)[:60]
    clean(documents[:30], "monday")
    clean(documents[30:], "tuesday")
    from dedup import undo

    undo.restore("tuesday.jsonl", "back.jsonl")
    assert Path("back.jsonl").read_bytes() == Path("tuesday/news.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep": "longest"}, "with an index the first article stays, not --keep longest. Use --keep first."),
        ({"drop_contained": 0.9}, "--drop-contained looks for longer versions"),
    ],
)
def test_what_an_index_cannot_honour_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        clean(crawl(9)[:5], "monday", Config(**{"keep": "first"} | settings))
    assert not Path(INDEX).exists()


@pytest.mark.parametrize("place", ["clean", "clean/news.index", "clean.dedup", "monday"])
def test_an_index_where_the_input_or_the_output_is_is_refused(place: str) -> None:
    path = day("monday", crawl(9)[:5])
    done = run("clean", str(Path(path).parent), "-o", "clean", "--index", place)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"dedup: {place}: is ")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def stored() -> list[Document]:
    """An index of ten articles, made by the command."""
    documents = crawl(10, articles=5)
    path = day("monday", documents)
    done = run("clean", "-q", path, "-o", "monday.jsonl", "--index", INDEX)
    assert (done.exit_code, done.stderr) == (0, "")
    return documents


def test_with_an_index_the_first_stays_without_being_asked_for(stored: list[Document]) -> None:
    path = day("tuesday", stored[:3])
    done = run("clean", "-q", path, "-o", "tuesday.jsonl", "--index", INDEX, "--keep", "longest")
    assert done.exit_code == 2
    assert "not --keep longest" in done.stderr


def test_info_says_what_is_there(stored: list[Document]) -> None:
    (found,) = lines(run("index", "info", INDEX, "--json").stdout)
    assert found["documents"] == len(kept("monday"))
    assert found["documents"] + found["near_duplicates"] <= len(stored)
    assert found["bytes"] == sum(path.stat().st_size for path in Path(INDEX).rglob("*") if path.is_file())
    assert found["settings"] == {"threshold": 0.8, "hashes": 128, "recall": 0.98, "seed": 1}
    assert f"documents           {found['documents']}\n" in run("index", "info", INDEX).stdout


def test_query_judges_and_adds_nothing(stored: list[Document]) -> None:
    new = {"id": "new", "source": "a.example", "text": article(random.Random(99))}
    before = upkeep.info(Path(INDEX))
    found = lines(run("index", "query", INDEX, day("tuesday", [*stored, new])).stdout)
    assert [row["document"] for row in found] == [document["id"] for document in [*stored, new]]
    assert {row["kind"] for row in found[:-1] if len(stored[row["record"] - 1]["text"]) > 9} == {"duplicate"}
    assert {row["keeper"] for row in found} <= {*kept("monday"), None}
    assert (found[-1]["kind"], found[-1]["keeper"]) == ("new", None)
    assert upkeep.info(Path(INDEX)) == before


def test_add_takes_everything_as_stored(stored: list[Document]) -> None:
    Path("tuesday").mkdir()
    texts = [{"id": f"{n}", "body": document["text"]} for n, document in enumerate(stored)]
    Path("tuesday/more.jsonl").write_text("".join(f"{json.dumps(text)}\n" for text in texts), "utf-8")
    before = upkeep.info(Path(INDEX))["documents"]
    done = run("index", "add", INDEX, "tuesday/more.jsonl", "--text-field", "body")
    assert done.stderr.splitlines()[0] == f"{len(texts)} documents added, {before + len(texts)} in all"
    exported = list(upkeep.documents(Path(INDEX)))
    assert [row["text"] for row in exported[before:]] == [text["body"] for text in texts]
    assert list(upkeep.verify(Path(INDEX))) == []


def test_similar_documents_that_were_added_whole_all_stay_keepers() -> None:
    rng = random.Random(11)
    first = article(rng, lines=10)
    second = edited(rng, first, 0.02)
    third = edited(rng, second, 0.02)
    assert dedup.jaccard(first, second) > 0.8 > dedup.jaccard(first, third)
    run("index", "add", INDEX, day("monday", [{"id": "1", "text": first}, {"id": "2", "text": second}]))
    clean([{"id": "3", "text": third}], "tuesday")
    (drop,) = decisions("tuesday")
    assert (drop["keeper"], drop["similarity"]) == ("2", dedup.jaccard(second, third))


def test_what_was_removed_is_new_again_and_gone_after_compact(stored: list[Document]) -> None:
    name = next(name for name in kept("monday") if name.startswith("b.example"))
    (document,) = (document for document in stored if document["id"] == name)
    assert run("index", "remove", INDEX, name).stderr == "1 documents removed\n"
    (found,) = lines(run("index", "query", INDEX, day("tuesday", [document])).stdout)
    assert found["keeper"] != name
    assert name not in {row["id"] for row in upkeep.documents(Path(INDEX))}
    size = upkeep.info(Path(INDEX))["bytes"]
    assert run("index", "compact", INDEX).exit_code == 0
    found = upkeep.info(Path(INDEX))
    assert (found["removed"], found["segments"], found["bytes"] < size) == (0, 1, True)
    assert list(upkeep.verify(Path(INDEX))) == []
    done = run("index", "remove", INDEX, name)
    assert done.exit_code == 2
    assert done.stderr == (
        f"dedup: {INDEX}: no stored document has the id '{name}'. 'dedup index export' lists all of them.\n"
    )


def test_merging_adds_what_cleaning_the_other_on_top_would_add() -> None:
    documents = [{**document, "id": f"{n}"} for n, document in enumerate(crawl(12))]
    config = Config(keep="first", max_loss=1.0, only=("articles",))
    for number, name in enumerate(("monday", "tuesday")):
        path = day(name, documents[number::2])
        jobs.clean([path], f"{name}.jsonl", config, jobs.Run(index=Path(f"{name}.index")))
    read = list(upkeep.documents(Path("tuesday.index")))
    done = run("index", "merge", "monday.index", "tuesday.index")
    clean(documents[0::2], "one", config)
    clean([{"id": row["id"], "text": row["text"]} for row in read], "two", config)
    merged = list(upkeep.documents(Path("monday.index")))
    assert [row["id"] for row in merged] == kept("one") + kept("two")
    assert merged[len(kept("one")) :] == [row for row in read if row["id"] in kept("two")]
    added = len(kept("two"))
    assert done.stderr == f"{added} of {len(read)} documents added, {len(read) - added} duplicates\n"
    assert list(upkeep.verify(Path("monday.index"))) == []


def test_merging_brings_the_known_boilerplate_along() -> None:
    for name, source in (("monday", "a.example"), ("tuesday", "b.example")):
        path = day(name, site(random.Random(name), source, 8))
        jobs.clean([path], f"{name}.jsonl", CONFIG, jobs.Run(index=Path(f"{name}.index")))
    both = [row for name in ("monday", "tuesday") for row in upkeep.templates(Path(f"{name}.index"))]
    run("index", "merge", "monday.index", "tuesday.index")
    assert list(upkeep.templates(Path("monday.index"))) == both


def test_export_prints_what_can_be_added_again(stored: list[Document]) -> None:
    done = run("index", "export", INDEX)
    Path("out.jsonl").write_text(done.stdout, "utf-8")
    run("index", "add", "again.index", "out.jsonl")
    again = [row | {"file": "", "record": 0} for row in upkeep.documents(Path("again.index"))]
    assert again == [row | {"file": "", "record": 0} for row in lines(done.stdout)]
    assert lines(run("index", "export", INDEX, "--templates").stdout) == list(upkeep.templates(Path(INDEX)))


def test_verify_exits_with_1_where_something_is_wrong(stored: list[Document]) -> None:
    assert run("index", "verify", INDEX).exit_code == 0
    texts = next(Path(INDEX).rglob("texts.zst"))
    data = bytearray(texts.read_bytes())
    data[len(data) // 2] ^= 1
    texts.write_bytes(data)
    done = run("index", "verify", INDEX)
    assert done.exit_code == 1
    assert f"{texts}: was changed since it was written. " in done.stderr


def test_verify_finds_a_key_that_is_not_of_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Sketcher.keys

    def wrong(sketcher: Sketcher, *texts: Any) -> Any:
        text_keys, band_keys = right(sketcher, *texts)
        band_keys[1, 3] ^= np.uint64(1)
        return text_keys, band_keys

    path = day("monday", [{"id": name, "text": article(random.Random(name))} for name in "abc"])
    with monkeypatch.context() as patched:
        patched.setattr(Sketcher, "keys", wrong)
        upkeep.add(Path(INDEX), [path], upkeep.Reading({}))
    assert list(upkeep.verify(Path(INDEX))) == ["the keys of b (news.jsonl:2) are not those of its text"]


def test_thirty_days_of_real_articles_keep_what_one_batch_keeps(
    shared_records: Callable[[str], list[dict[str, Any]]],
) -> None:
    documents = [
        {"id": f"{name}/{record['id']}", "source": name, "text": record["text"][:20_000]}
        for name in ("wikinews_de", "terms_versions")
        for record in shared_records(name)
    ]
    random.Random(1).shuffle(documents)
    config, size = Config(keep="first", max_loss=1.0, only=("repeats", "articles")), len(documents) // 30 + 1
    for number in range(30):
        clean(documents[number * size : (number + 1) * size], f"day{number}", config)
    jobs.clean([day("all", documents)], "all.jsonl", config, jobs.Run())
    assert [name for number in range(30) for name in kept(f"day{number}")] == kept("all")
