"""The engine: keep policies, order, threads, and the recall that is really reached."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dedup
from dedup.lsh import choose_bands
from dedup.parallel import in_order
from tests.corpora import article, sentence, word


def variants() -> list[dict[str, Any]]:
    """Four near-duplicates of different lengths, dates and scores."""
    text = article(random.Random(1), lines=12)
    added = ("", "Eins.\n", "Eins zwei drei.\n", "Eins zwei.\n")
    dates = ("2025-03-01", "2025-01-01", "2025-02-01", None)
    scores = (5, 30, None, 4)
    return [
        {"id": name, "text": text + tail, "date": date, "score": score}
        for name, tail, date, score in zip("abcd", added, dates, scores, strict=True)
    ]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("longest", "c"),
        ("shortest", "a"),
        ("first", "a"),
        ("last", "d"),
        ("max:date", "a"),
        ("min:date", "b"),
        ("max:score", "b"),
        ("min:score", "d"),
        ("max:nothing", "a"),
    ],
)
def test_the_policy_says_which_stays(keep: str, kept: str) -> None:
    result = dedup.clean(variants(), keep=keep, only="articles")
    assert [document["id"] for document in result.kept] == [kept]
    assert {decision.keeper for decision in result.decisions} == {kept}


@pytest.mark.parametrize("keep", ["longest", "shortest", "max:date", "min:score"])
def test_the_order_of_documents_decides_nothing(keep: str) -> None:
    documents = variants()
    expected = dedup.clean(documents, keep=keep, only="articles").kept
    for seed in range(5):
        random.Random(seed).shuffle(documents)
        assert dedup.clean(documents, keep=keep, only="articles").kept == expected


def test_ties_go_by_id() -> None:
    text = article(random.Random(2))
    kept = dedup.clean([{"id": name, "text": text} for name in "bca"]).kept
    assert [document["id"] for document in kept] == ["a"]


def test_length_is_what_is_stored() -> None:
    text = article(random.Random(3), lines=12)
    doubled = text + "".join(text.splitlines(keepends=True)[:3])
    documents = [{"id": "doubled", "text": doubled}, {"id": "longer", "text": f"{text}Mehr dazu.\n"}]
    assert [document["id"] for document in dedup.clean(documents).kept] == ["longer"]


def test_an_article_on_two_sites_is_compared_without_their_boilerplate() -> None:
    # Situation S4: as crawled, the two are far below the threshold.
    documents, wire = [], article(random.Random(4), lines=4)
    for source in ("a.example", "b.example"):
        rng = random.Random(source)
        frame = "".join(f"{sentence(rng, 15)}\n" for _ in range(2))
        texts = [wire, *(article(rng) for _ in range(7))]
        documents += [{"id": f"{source}/{n}", "source": source, "text": text + frame} for n, text in enumerate(texts)]
    assert dedup.jaccard(documents[0]["text"], documents[8]["text"]) < 0.7
    drops = [d for d in dedup.clean(documents).decisions if d.action == "drop"]
    assert [(d.document, d.keeper, d.similarity) for d in drops] == [("b.example/0", "a.example/0", 1.0)]


def pair_at(rng: random.Random, similarity: float) -> tuple[str, str, float]:
    """Make two texts that are as similar as this, or a very little more."""
    words = [word(rng) for _ in range(400)]
    other = list(words)
    for place in rng.sample(range(0, 400, 5), 80):
        changed = [*other[:place], "anders" + word(rng), *other[place + 1 :]]
        if dedup.jaccard(" ".join(words), " ".join(changed)) < similarity:
            break
        other = changed
    first, second = " ".join(words), " ".join(other)
    return first, second, dedup.jaccard(first, second)


def test_pairs_at_the_threshold_are_found_as_often_as_promised() -> None:
    rng = random.Random(11)
    pairs = [pair_at(rng, 0.8) for _ in range(150)]
    assert all(0.8 <= similarity < 0.82 for *_, similarity in pairs)
    texts = [text for first, second, _ in pairs for text in (first, second)]
    found = len(dedup.clean(texts, only="articles").dropped)
    shape = choose_bands(0.8, 128)
    expected = float(np.mean([shape.recall(similarity) for *_, similarity in pairs]))
    assert expected >= 0.98
    assert found / len(pairs) >= expected - 3 * np.sqrt(expected * (1 - expected) / len(pairs))


def test_pairs_below_the_threshold_are_never_dropped() -> None:
    rng = random.Random(12)
    texts = [text for _ in range(40) for text in pair_at(rng, 0.75)[:2]]
    below = dedup.clean(texts, only="articles", threshold=0.8)
    assert all((decision.similarity or 0) >= 0.8 for decision in below.decisions if decision.action == "drop")


def test_a_document_that_nearly_went_is_flagged() -> None:
    first, second, similarity = pair_at(random.Random(13), 0.76)
    result = dedup.clean([{"id": "a", "text": first}, {"id": "b", "text": second}], only="articles")
    (flag,) = result.decisions
    assert (flag.action, flag.reason, flag.similarity) == ("flag", "near-duplicate", similarity)
    assert flag.why == "nearly as similar as the threshold of 0.8 asks; it stays"
    assert len(result.kept) == 2


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    gate = threading.Event()

    def slow_first(item: int) -> int:
        if item == 0 and workers > 1:
            gate.wait(5)
        gate.set()
        return -item

    assert list(in_order(slow_first, zip(range(20), strict=True), workers)) == [-item for item in range(20)]


def test_few_items_are_under_way_at_once() -> None:
    taken = 0

    def items() -> Iterator[tuple[int]]:
        nonlocal taken
        for item in range(100):
            taken += 1
            yield (item,)

    workers = 2
    results = in_order(lambda item: item, items(), workers)
    next(results)
    assert taken <= 2 * workers + 1
    results.close()  # type: ignore[attr-defined]


def test_an_error_in_a_thread_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda item: 1 // item, zip(range(5), strict=True), 2))


def test_progress_hears_of_every_document() -> None:
    from dedup.api import _Memory, _rows
    from dedup.config import Config
    from dedup.pipeline import scan

    heard: dict[str, int] = {}

    def listen(stage: str, documents: int) -> None:
        heard[stage] = heard.get(stage, 0) + documents

    scan(_Memory(_rows(variants(), Config()), Config()), Config(), progress=listen)
    assert heard == {"counting lines": 4, "comparing": 4, "verifying": 4}


PROGRAM = """
import importlib, pkgutil, random, sys, tempfile
from pathlib import Path
import pyarrow as pa
import dedup.kernels
from dedup import jobs
from dedup.config import Config
from tests.corpora import site

documents = site(random.Random(1), "a.example", 8)
documents += [document | {"id": document["id"] + "/again"} for document in documents[:2]]
documents[3]["text"] += documents[3]["text"] + "e\u0301\u0323"
table = pa.Table.from_pylist(documents)
dedup.clean(documents, workers=2)
dedup.clean(table.slice(2))
dedup.clean(pa.concat_tables([table, table]), only="articles")
dedup.clean_text(documents[3]["text"])
dedup.split_sentences("Ja. Nein.")
dedup.jaccard("a", "b")
with tempfile.TemporaryDirectory() as name:
    for document in documents:
        path = Path(name) / (document["id"].replace("/", "-") + ".txt")
        path.write_text(document["text"], encoding="utf-8")
    jobs.clean([name], name + ".out", Config(), jobs.Run())
    jobs.scan([name], name + ".jsonl", Config(), jobs.Run())
    jobs.apply(name + ".jsonl", [name], name + ".again", Config(), jobs.Run())
for module in pkgutil.iter_modules(dedup.kernels.__path__):
    for kernel, value in vars(importlib.import_module(f"dedup.kernels.{module.name}")).items():
        for signature in getattr(value, "signatures", ())[1:]:
            print(module.name, kernel, signature)
"""


def test_every_kernel_is_compiled_for_one_kind_of_arguments(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == ""
