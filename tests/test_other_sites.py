"""A copy on a site too small to have boilerplate goes, and one that shares no more than a frame stays."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dedup
from dedup import jobs, manifest
from dedup.config import Config
from dedup.decisions import Decision, read
from dedup.shingle import TextSets, stored_similarity
from dedup.verify.run import verify
from tests import reference
from tests.corpora import Document, edited, framed, written
from tests.sealing import sealed

SEEDS = (0, 1, 2, 3)


def dropped(decisions: list[Decision]) -> list[tuple[str, str, object]]:
    return [(d.document, d.reason, d.keeper) for d in decisions if d.action == "drop"]


def text(document: Document, spans: list[tuple[int, int]]) -> reference.Text:
    came = document["text"]
    left = reference.without(came, spans)
    return reference.Text(0, reference.shingles(came), reference.shingles(left), document["source"])


@pytest.mark.parametrize(("keep", "goes"), [("longest", "m0"), ("shortest", "l0"), ("first", "l0"), ("last", "m0")])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_copy_with_the_frame_of_another_site_goes(keep: str, goes: str, seed: int) -> None:
    documents = {document["id"]: document for document in framed(seed)}
    result = dedup.clean(list(documents.values()), keep=keep)
    (near,) = [decision for decision in result.decisions if decision.action == "drop"]
    assert (near.document, near.reason, near.keeper) == (goes, "near-duplicate", "l0" if goes == "m0" else "m0")
    of_m0 = [(d.start or 0, d.end or 0) for d in result.decisions if d.document == "m0" and d.action == "cut"]
    of_m0 = [tuple(span) for span in near.cuts or []] if goes == "m0" else of_m0
    assert len(of_m0) == 8
    m0, l0 = text(documents["m0"], of_m0), text(documents["l0"], [])
    assert reference.set_jaccard(m0.stored, l0.stored) < 0.8
    assert near.similarity == reference.stored_similarity(m0, l0) >= 0.8
    assert near.similarity_original == dedup.jaccard(documents["m0"]["text"], documents["l0"]["text"])


def test_what_neither_or_both_have_lost_changes_nothing() -> None:
    first, second = np.arange(10, dtype=np.uint64), np.arange(4, 20, dtype=np.uint64)
    own, other = TextSets(first, first), TextSets(second, second)
    assert stored_similarity(own, other, is_foreign=True) == stored_similarity(own, other, is_foreign=False) == 6 / 20


def test_a_page_is_not_compared_by_a_remnant() -> None:
    stored, frame = np.arange(10, dtype=np.uint64), np.arange(20, 40, dtype=np.uint64)
    own = TextSets(stored, np.concatenate([stored, frame]))
    for size, similarity in ((10, 1.0), (11, 10 / 21)):
        other = TextSets(np.concatenate([stored, frame[:size]]), np.concatenate([stored, frame[:size]]))
        for pair in ((own, other), (other, own)):
            assert stored_similarity(*pair, is_foreign=True) == similarity
            assert stored_similarity(*pair, is_foreign=False) == 10 / (10 + size)


def batch(folder: Path, documents: list[Document], config: Config) -> list[Decision]:
    jobs.clean([written(folder, documents)], str(folder / "out.jsonl"), config, jobs.Run())
    return list(read(folder / "out.jsonl.dedup" / "decisions.jsonl"))


def in_two_days(folder: Path, documents: list[Document], config: Config) -> list[Decision]:
    found = []
    for day, some in (("monday", documents[:12]), ("tuesday", documents[12:])):
        if not some:
            continue
        (folder / day).mkdir()
        source, output = written(folder / day, some), folder / f"{day}.jsonl"
        jobs.clean([source], str(output), config, jobs.Run(index=folder / "index"))
        assert verify([source], str(output)).violations == []
        found += read(Path(f"{output}.dedup", "decisions.jsonl"))
    return found


def one_by_one(folder: Path, documents: list[Document], config: Config) -> list[Decision]:
    found = in_two_days(folder, documents[:12], config)
    with dedup.open_index(folder / "index") as index:
        for document in documents[12:]:
            judged = index.judge(document)
            assert index.add(document).similarity == judged.similarity
            found += judged.decisions
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("judged", [batch, in_two_days, one_by_one])
def test_wherever_it_is_judged_the_figures_are_the_same(
    judged: Callable[[Path, list[Document], Config], list[Decision]], seed: int, tmp_path: Path
) -> None:
    documents = framed(seed)
    wanted = [d for d in dedup.clean(documents, keep="first").decisions if d.action == "drop"]
    found = [d for d in judged(tmp_path, documents, Config(keep="first")) if d.action == "drop"]
    names = ("document", "reason", "keeper", "similarity", "similarity_original", "cuts")
    assert [[getattr(d, name) for name in names] for d in found] == [[getattr(d, n) for n in names] for d in wanted]
    assert dropped(found) == [("l0", "near-duplicate", "m0")]


@pytest.mark.parametrize("keep", ["longest", "first"])
def test_verify_computes_the_figure_again(keep: str, tmp_path: Path) -> None:
    batch(tmp_path, framed(1), Config(keep=keep))
    source, output = str(tmp_path / "news.jsonl"), str(tmp_path / "out.jsonl")
    assert verify([source], output).violations == []
    path = Path(f"{output}.dedup", "decisions.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (drop_line,) = [line for line in lines if line.get("action") == "drop"]
    drop_line["similarity"] -= 0.01
    path.write_bytes(sealed(lines))
    folder = path.parent
    made = manifest.read(folder)
    (folder / manifest.MANIFEST).unlink()
    dataclasses.replace(made, sidecar=manifest.seal(folder)).save(folder)
    (found,) = [str(one) for one in verify([source], output).violations if "has a similarity of" in str(one)]
    assert f"not of {drop_line['similarity']:.4f}" in found


def test_explain_shows_how_many_shingles_are_compared(tmp_path: Path) -> None:
    source = written(tmp_path, framed(1))
    (stays, _), found = jobs.explain([source], ["l0", "m0"], Config(), jobs.Run())
    assert found is not None
    assert (found.rule, stays.outcome) == ("near-duplicate", "kept")
    assert found.compared[0] < found.shingles[0]
    assert found.compared[1] == found.shingles[1]
    assert found.similarity == found.shared / (sum(found.compared) - found.shared)
    (drop,) = [d for d in dedup.clean(framed(1)).decisions if d.action == "drop"]
    assert found.similarity == drop.similarity


def test_a_sweep_counts_it_where_a_run_drops_it(tmp_path: Path) -> None:
    source = written(tmp_path, framed(1))
    report = jobs.statistics([source], Config(), jobs.Run(), is_swept=True)
    gone = {row["threshold"]: row["documents"] for row in report["threshold_sweep"]}
    assert (gone[0.9], gone[0.95]) == (1, 0)


def test_a_copy_of_a_near_duplicate_is_judged_by_its_own_source(tmp_path: Path) -> None:
    """Two equal texts, one of the source that knows the frame: what is said of each is true of each."""
    documents = framed(2)
    copies = [documents[12] | {"id": f"c{n}", "source": source} for n, source in
              enumerate(["mooskalten.example", "archiv.example", "lindenfurt.example"])]  # fmt: skip
    for order in (documents + copies, copies + documents, documents[::-1] + copies):
        for keep in ("first", "longest", "last", "shortest"):
            folder = tmp_path / f"{order[0]['id']}-{keep}"
            folder.mkdir()
            batch(folder, order, Config(keep=keep))
            assert verify([str(folder / "news.jsonl")], str(folder / "out.jsonl")).violations == []


@pytest.mark.parametrize("seed", SEEDS)
def test_near_copies_on_several_sites_hold(seed: int, tmp_path: Path) -> None:
    rng, documents = random.Random(seed), framed(seed)
    for number in range(20):
        page = rng.choice(documents[:12])
        other = edited(rng, page["text"], rng.choice([0, 0.01, 0.02]))
        documents.append({"id": f"x{number}", "source": rng.choice(["a.example", "b.example"]), "text": other})
    for keep in ("first", "longest", "shortest"):
        folder = tmp_path / keep
        folder.mkdir()
        assert batch(folder, documents, Config(keep=keep, drop_contained=0.8, max_loss=1))
        assert verify([str(folder / "news.jsonl")], str(folder / "out.jsonl")).violations == []
