"""What is called exact is exact, and what goes for being alike was alike as it came."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import dedup
from dedup import jobs
from dedup.config import Config
from dedup.decisions import Decision, read
from dedup.formats.sites import NOWHERE, source_of
from dedup.index import upkeep
from dedup.verify.run import verify
from tests import reference
from tests.corpora import LISTED, Document, article, edited, sentence, unevenly_cut, written

SEEDS = range(6)
DATA = ("sites_de", "licences", "terms_versions", "tos_multi", "wikinews_de")


def clean(documents: list[Document], **options: object) -> dedup.Result:
    return dedup.clean(documents, **{"max_loss": 1.0, "known_boilerplate": LISTED} | options)


def drops(result: dedup.Result) -> list[Decision]:
    return [decision for decision in result.decisions if decision.action == "drop"]


def check(documents: list[Document], decisions: list[Decision], config: Config) -> None:
    """Look at what decisions say with nothing but the texts at hand."""
    texts = [document["text"] for document in documents]
    sources = [
        source_of([document.get(name) for name in ("source", "domain")], document.get("url"), NOWHERE).name
        for document in documents
    ]
    cuts: dict[int, list[tuple[int, int]]] = {}
    for decision in decisions:
        if decision.action == "cut":
            cuts.setdefault(decision.record, []).append((decision.start or 0, decision.end or 0))
        elif decision.cuts:
            cuts[decision.record] = [tuple(span) for span in decision.cuts]
    stays = set(range(len(texts)))
    for decision in decisions:
        if decision.action == "cut" or decision.keeper_record is None or decision.containment is not None:
            continue
        own, other = decision.record, decision.keeper_record
        came, theirs = texts[own - 1], texts[other - 1]
        if decision.reason == "exact-duplicate":
            assert reference.words_and_symbols(came) == reference.words_and_symbols(theirs)
            assert (decision.similarity, decision.similarity_original) == (1, None)
        else:
            stored = [reference.without(texts[record - 1], cuts.get(record, [])) for record in (own, other)]
            pair = (
                reference.Text(0, reference.shingles(texts[record - 1]), reference.shingles(left), sources[record - 1])
                for record, left in zip((own, other), stored, strict=True)
            )
            assert decision.similarity == reference.stored_similarity(*pair)
            if decision.action == "drop":
                assert decision.similarity >= config.threshold
                assert len(reference.tokens(stored[0])) >= 5
            if decision.similarity >= config.threshold:
                assert decision.similarity_original == dedup.jaccard(came, theirs)
                assert (decision.similarity_original >= config.original_floor) == (decision.action == "drop")
        if decision.action == "drop":
            stays.discard(own - 1)
    words = [tuple(reference.words_and_symbols(texts[row])) for row in sorted(stays)]
    assert len([one for one in words if one]) == len({one for one in words if one})


@pytest.mark.parametrize("keep", ["longest", "shortest", "first", "last"])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_decided_is_true_of_the_texts(seed: int, keep: str) -> None:
    documents = unevenly_cut(seed)
    result = clean(documents, keep=keep)
    check(documents, result.decisions, Config(keep=keep))
    assert {decision.reason for decision in drops(result)} == {"exact-duplicate", "near-duplicate"}
    # Of the three of which the same is stored, the last one is like both others.
    assert result.report["flags"]["unlike_as_they_came"] == (keep != "last")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_documents_changes_nothing(seed: int) -> None:
    documents = unevenly_cut(seed)
    shuffled = random.Random(seed).sample(documents, len(documents))
    one, other = clean(documents), clean(shuffled, workers=3)
    assert sorted(d["id"] for d in one.kept) == sorted(d["id"] for d in other.kept)
    facts = ("document", "reason", "keeper", "similarity", "similarity_original")
    told = [sorted(str([getattr(d, name) for name in facts]) for d in drops(found)) for found in (one, other)]
    assert told[0] == told[1]


def test_notices_of_different_companies_and_days_all_stay() -> None:
    """What differs is a date or a figure in each; nothing else may make two of them equal."""
    names = (
        "Lindenfurt Kabel",
        "Mooskalten Holz",
        "Brunnau Glas",
        "Erlensee Papier",
        "Hagenbach Stahl",
        "Tannried Garn",
    )
    notices = [
        f"{name} AG beschließt Dividende\nQuartal {10 + number} Cent zuvor {10 + number} Cent\n"
        f"Zahltag {number + 3}. April\nStichtag {number + 1}. April\n"
        for number, name in enumerate(names)
    ]
    documents = [{"id": str(n), "source": "ticker.example", "text": text} for n, text in enumerate(notices)]
    assert clean(documents).dropped == []


def test_short_texts_go_only_if_they_came_equal() -> None:
    lines = [(), LISTED[:1], LISTED[1:2], LISTED[:1]]
    documents = [{"id": str(n), "text": "\n".join(["Ja, gerne.", *some])} for n, some in enumerate(lines)]
    result = clean(documents)
    assert [(d.document, d.reason, d.keeper) for d in drops(result)] == [("3", "exact-duplicate", "1")]


@pytest.mark.parametrize("keep", ["longest", "shortest", "first", "last"])
@pytest.mark.parametrize("lines", [2, 40])
def test_a_copy_from_elsewhere_goes_though_less_was_cut_from_it(keep: str, lines: int) -> None:
    """As the same page with and without `www.`: however long it is, the one that lost its boilerplate stays."""
    rng = random.Random(lines)
    foot = "".join(f"{sentence(rng, 12)}\n" for _ in range(4))
    documents = [{"id": f"a{n}", "source": "stadtbote.example", "text": article(rng, lines) + foot} for n in range(8)]
    copies = [d | {"id": f"0{d['id']}", "source": "mooskalten.example"} for d in documents[:2]]
    result = clean([*documents, *copies], keep=keep)
    goes = {"last": ["a0", "a1"]}.get(keep, ["0a0", "0a1"])
    assert [(d.document, d.reason, d.cuts) for d in drops(result)] == [(n, "exact-duplicate", None) for n in goes]
    assert sum(foot.splitlines()[0] in d["text"] for d in result.kept) == (2 if keep == "last" else 0)


def test_equal_as_stored_is_near_and_goes_only_above_the_floor() -> None:
    core = article(random.Random(3))
    alike = [{"id": str(n), "text": f"{core}{LISTED[n]}"} for n in range(2)]
    unlike = [{"id": str(n), "text": core + "\n".join(LISTED[6 * n : 6 * n + 6])} for n in range(2)]
    (near,) = drops(clean(alike))
    original = dedup.jaccard(alike[0]["text"], alike[1]["text"])
    assert (near.reason, near.similarity, near.similarity_original) == ("near-duplicate", 1.0, original)
    assert near.cuts
    kept = clean(unlike)
    original = dedup.jaccard(unlike[0]["text"], unlike[1]["text"])
    assert original < 0.5
    (flag,) = [decision for decision in kept.decisions if decision.action == "flag"]
    assert (flag.reason, flag.similarity, flag.similarity_original) == ("near-duplicate", 1.0, original)
    assert flag.why == "similar without what was cut, but below the floor of 0.5 as they came; it stays"
    assert len(drops(clean(unlike, original_floor=original))) == 1
    assert drops(clean(alike, threshold=1, original_floor=1)) == []


def test_of_texts_from_which_nothing_was_cut_the_threshold_alone_decides() -> None:
    text = article(random.Random(5))
    other = edited(random.Random(6), text, 0.15)
    similarity = dedup.jaccard(text, other)
    assert similarity < 0.5
    documents = [{"id": "a", "text": text}, {"id": "b", "text": other}]
    (near,) = drops(clean(documents, threshold=0.2))
    assert near.similarity == near.similarity_original == similarity


def test_a_sweep_asks_for_the_floor_too(tmp_path: Path) -> None:
    source = written(tmp_path, unevenly_cut(1))
    found = {}
    for floor in (0.0, 0.5):
        config = Config(known_boilerplate=LISTED, max_loss=1, original_floor=floor)
        report = jobs.statistics([source], config, jobs.Run(), is_swept=True)
        found[floor] = {row["threshold"]: row["documents"] for row in report["threshold_sweep"]}
        scanned = dedup.clean(unevenly_cut(1), max_loss=1.0, known_boilerplate=LISTED, original_floor=floor)
        assert found[floor][0.8] == len(scanned.dropped)
    assert all(found[0.0][threshold] == found[0.5][threshold] + 1 for threshold in (0.8, 1.0))


# Wherever it is decided


Told = tuple[object, ...]


def told(decision: Decision) -> Told:
    """What a decision says, but for the names of files and the numbers of records."""
    names = "document", "action", "reason", "similarity", "similarity_original", "keeper", "why", "cuts"
    return tuple(getattr(decision, name) for name in names)


def day_by_day(folder: Path, documents: list[Document], config: Config) -> list[Decision]:
    found = []
    for start in range(0, len(documents), 5):
        (folder / f"{start}").mkdir()
        source, output = written(folder / f"{start}", documents[start : start + 5]), f"{folder}/{start}.jsonl"
        jobs.clean([source], output, config, jobs.Run(index=folder / "index"))
        assert verify([source], output).violations == []
        found += read(Path(f"{output}.dedup", "decisions.jsonl"))
    return found


def one_by_one(folder: Path, documents: list[Document], config: Config) -> list[Decision]:
    found = []
    options = {"known_boilerplate": LISTED, "template_documents": config.template_documents}
    with dedup.open_index(folder / "index", **options) as index:
        for number, document in enumerate(documents):
            verdict = index.judge(document)
            assert index.add(document).similarity_original == verdict.similarity_original
            assert (verdict.kind == "duplicate") == any(decision.action == "drop" for decision in verdict.decisions)
            found += verdict.decisions
            if number % 4 == 0:
                index.commit()
    return found


@pytest.mark.parametrize("judged", [day_by_day, one_by_one])
@pytest.mark.parametrize("seed", SEEDS)
def test_an_index_decides_as_one_batch(
    judged: Callable[[Path, list[Document], Config], list[Decision]], seed: int, tmp_path: Path
) -> None:
    """With listed lines only: what else is boilerplate shows in the course of days."""
    documents = unevenly_cut(seed)
    config = Config(keep="first", max_loss=1, known_boilerplate=LISTED, template_documents=1000)
    batch = clean(documents, keep="first", template_documents=1000)
    found = judged(tmp_path, documents, config)
    pairs, wanted = ([told(d) for d in some if d.keeper is not None] for some in (found, batch.decisions))
    assert pairs == wanted
    assert batch.report["flags"]["unlike_as_they_came"] == 1
    assert list(upkeep.verify(tmp_path / "index")) == []


def test_a_run_holds_and_is_carried_out_again(tmp_path: Path) -> None:
    source, config = written(tmp_path, unevenly_cut(2)), Config(max_loss=1, known_boilerplate=LISTED)
    jobs.clean([source], str(tmp_path / "out.jsonl"), config, jobs.Run())
    assert verify([source], str(tmp_path / "out.jsonl")).violations == []
    jobs.scan([source], str(tmp_path / "decisions.jsonl"), config, jobs.Run())
    jobs.apply(str(tmp_path / "decisions.jsonl"), [source], str(tmp_path / "again.jsonl"), config, jobs.Run())
    assert verify([source], str(tmp_path / "again.jsonl")).violations == []
    reports = [
        json.loads((tmp_path / f"{name}.dedup" / "report.json").read_bytes()) for name in ("out.jsonl", "again.jsonl")
    ]
    assert reports[0]["flags"] == reports[1]["flags"]
    assert reports[0]["flags"]["unlike_as_they_came"] == 1


@pytest.mark.parametrize("name", DATA)
def test_on_real_texts_nothing_is_called_what_it_is_not(
    name: str, shared_records: Callable[[str], list[Document]]
) -> None:
    documents = shared_records(name)
    check(documents, dedup.clean(documents, max_loss=1).decisions, Config())
