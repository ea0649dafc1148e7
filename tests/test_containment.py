"""Documents held by a longer one of their source: counted exactly, flagged, and dropped only when asked for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup import containment, jobs, undo
from dedup.cluster import Clusters
from dedup.config import Config
from dedup.errors import UsageError
from dedup.shingle import ShingleSets, StoredSets
from tests import reference
from tests.corpora import Document, article, corpora, edited, sentence, written

RUN = jobs.Run()
SITE = "a.example"
Sets = list[set[int]]


def document(name: str, text: str, source: str = SITE) -> Document:
    return {"id": name, "source": source, "text": text}


@pytest.fixture
def rng() -> random.Random:
    return random.Random(17)


def teaser_and_story(rng: random.Random, source: str = SITE) -> list[Document]:
    story = article(rng, lines=10)
    lines = story.splitlines(keepends=True)
    return [document("teaser", "".join(lines[:3]), source), document("story", story, source)]


def held(result: dedup.Result, action: str = "flag") -> dict[str, tuple[str, float]]:
    return {
        d.document: (str(d.keeper), d.containment)
        for d in result.decisions
        if d.action == action and d.containment is not None
    }


def names(documents: list[Document]) -> list[str]:
    return [str(d["id"]) for d in documents]


# Flagged


def test_a_teaser_is_flagged_and_stays(rng: random.Random) -> None:
    documents = teaser_and_story(rng)
    result = dedup.clean(documents)
    assert result.kept == documents
    (flag,) = result.decisions
    assert (flag.action, flag.reason, flag.similarity, flag.containment) == ("flag", "near-duplicate", None, 1.0)
    assert (flag.keeper, flag.keeper_record) == ("story", 2)
    assert flag.why == "a longer document of its source holds nearly all of it; it stays"
    assert result.report["flags"]["contained"] == 1


def test_a_document_below_the_share_is_not_flagged(rng: random.Random) -> None:
    teaser, story = teaser_and_story(rng)
    teaser["text"] += article(rng, lines=1)
    assert 0.6 < reference.containment(teaser["text"], story["text"]) < containment.CONTAINED
    assert dedup.clean([teaser, story]).decisions == []


def test_who_goes_for_similarity_is_not_compared(rng: random.Random) -> None:
    story = article(rng, lines=10)
    longer = story + sentence(rng) + "\n"
    result = dedup.clean([document("a", story), document("b", longer)], drop_contained=0.8)
    (drop,) = result.decisions
    assert (drop.document, drop.containment) == ("a", None)
    assert drop.similarity == pytest.approx(reference.jaccard(story, longer))


def test_texts_below_a_shingle_are_not_compared(rng: random.Random) -> None:
    line = "Der Hafen bleibt geschlossen\n"
    documents = [document("short", line), document("long", line + article(rng))]
    assert dedup.clean(documents, drop_contained=0.8).kept == documents


def test_documents_of_other_sources_are_not_compared(rng: random.Random) -> None:
    teaser, story = teaser_and_story(rng)
    story["source"] = "b.example"
    assert dedup.clean([teaser, story], drop_contained=0.8).decisions == []


def test_a_holder_of_another_source_does_not_count(rng: random.Random) -> None:
    """The story of the source went in favour of another site's longer copy."""
    teaser, story = teaser_and_story(rng)
    elsewhere = document("elsewhere", story["text"] + sentence(rng) + "\n", "b.example")
    result = dedup.clean([teaser, story, elsewhere], drop_contained=0.8)
    assert {d.document: d.keeper for d in result.decisions} == {"story": "elsewhere"}
    assert names(result.kept) == ["teaser", "elsewhere"]


def test_the_holder_is_the_longest_version_that_stays(rng: random.Random) -> None:
    """Under --keep shortest the longest version goes for similarity, and the next one holds the teaser."""
    teaser, story = teaser_and_story(rng)
    longest = document("longest", story["text"] + sentence(rng) + "\n")
    result = dedup.clean([teaser, longest, story], keep="shortest")
    assert names(result.kept) == ["teaser", "story"]
    assert held(result) == {"teaser": ("story", 1.0)}


def test_the_share_is_that_of_what_is_stored(rng: random.Random) -> None:
    """Boilerplate and repeats are cut before anything is compared."""
    teaser, story = teaser_and_story(rng)
    title = teaser["text"].splitlines()[0]
    teaser["text"] = f"{title}\nMelden Sie sich hier für unseren Newsletter an.\n{teaser['text']}"
    known = ("Melden Sie sich hier für unseren Newsletter an.",)
    assert held(dedup.clean([teaser, story], known_boilerplate=known)) == {"teaser": ("story", 1.0)}
    assert held(dedup.clean([teaser, story])).get("teaser") != ("story", 1.0)


# Dropped


def test_a_teaser_goes_when_asked_for(rng: random.Random) -> None:
    teaser, story = teaser_and_story(rng)
    result = dedup.clean([teaser, story], drop_contained=0.8)
    assert (result.kept, result.dropped) == ([story], [teaser])
    (drop,) = result.decisions
    assert (drop.action, drop.reason, drop.containment, drop.keeper) == ("drop", "near-duplicate", 1.0, "story")
    assert drop.similarity == reference.jaccard(teaser["text"], story["text"])
    assert result.report["flags"]["contained"] == 0
    assert result.report["reasons"]["near-duplicate"]["documents"] == 1


def test_repeats_and_boilerplate_need_not_be_looked_for(rng: random.Random) -> None:
    for only in ("articles", "repeats,articles", "boilerplate,articles"):
        result = dedup.clean(teaser_and_story(rng), drop_contained=0.8, only=only)
        assert names(result.kept) == ["story"], only


def test_the_share_asked_for_is_the_least_that_goes(rng: random.Random) -> None:
    teaser, story = teaser_and_story(rng)
    teaser["text"] = edited(rng, teaser["text"], 0.02)
    share = reference.containment(teaser["text"], story["text"])
    assert containment.CONTAINED < share < 1
    at, above = (dedup.clean([teaser, story], drop_contained=least) for least in (share, np.nextafter(share, 1)))
    assert held(at, "drop") == held(above, "flag") == {"teaser": ("story", share)}
    assert (names(at.kept), names(above.kept)) == (["story"], ["teaser", "story"])


def test_less_may_be_asked_for_than_is_flagged(rng: random.Random) -> None:
    teaser, story = teaser_and_story(rng)
    teaser["text"] += article(rng, lines=1)
    assert names(dedup.clean([teaser, story], drop_contained=0.6).kept) == ["story"]
    assert names(dedup.clean([teaser, story], drop_contained=0.8).kept) == ["teaser", "story"]


def test_equal_copies_go_with_the_one_that_stays_for_them(rng: random.Random) -> None:
    teaser, story = teaser_and_story(rng)
    copies = [document(f"copy{n}", teaser["text"].upper()) for n in range(3)]
    result = dedup.clean([*copies, teaser, story], drop_contained=0.8)
    assert names(result.kept) == ["story"]
    drops = [d for d in result.decisions if d.action == "drop"]
    assert {(d.reason, d.keeper, d.containment) for d in drops} == {("near-duplicate", "story", 1.0)}
    assert result.report["reasons"]["exact-duplicate"]["documents"] == 0


def near_copy(rng: random.Random, text: str, share: float) -> str:
    """Return a shorter text of the wanted similarity whose own words the longer one has not."""
    lines = text.splitlines()
    lines[-1] = " ".join(lines[-1].split()[: -int(share * len(text.split()))])
    return "".join(f"{line}\n" for line in lines)


def test_who_went_in_favour_of_one_that_goes_is_tied_to_its_holder(rng: random.Random) -> None:
    teaser, story = teaser_and_story(rng)
    near = document("near", near_copy(rng, teaser["text"], 0.1))
    assert reference.jaccard(near["text"], teaser["text"]) >= 0.8
    plain = dedup.clean([near, teaser, story])
    assert {d.document: d.keeper for d in plain.decisions if d.action == "drop"} == {"near": "teaser"}
    result = dedup.clean([near, teaser, story], drop_contained=0.9)
    assert held(result, "drop") == {"near": ("story", 1.0), "teaser": ("story", 1.0)}
    drop = next(d for d in result.decisions if d.document == "near")
    assert drop.similarity == reference.jaccard(near["text"], story["text"])


def test_nothing_happens_where_one_that_went_is_not_held(rng: random.Random) -> None:
    """The copy has a sentence that the story has not: nobody may drop it in the story's favour."""
    teaser, story = teaser_and_story(rng)
    lines = teaser["text"].splitlines()
    own = " ".join([*" ".join(lines).split()[:-12], *sentence(rng, 4).split()])
    near = document("near", f"{own}\n", "c.example")
    assert reference.jaccard(near["text"], teaser["text"]) >= 0.8
    assert reference.containment(near["text"], story["text"]) < 0.95
    result = dedup.clean([near, teaser, story], drop_contained=0.95)
    assert {d.document: d.keeper for d in result.decisions if d.action == "drop"} == {"near": "teaser"}
    assert held(result) == {"teaser": ("story", 1.0)}


def test_nobody_is_nearly_a_duplicate_of_one_that_went(rng: random.Random) -> None:
    teaser, story = teaser_and_story(rng)
    words = teaser["text"].split()
    own = " ".join([*words[:-10], *sentence(rng, 10).split()])
    near = document("near", own, "c.example")
    assert 0.75 <= reference.jaccard(near["text"], teaser["text"]) < 0.8

    def nearly(**options: Any) -> list[str]:
        found = dedup.clean([near, teaser, story], **options).decisions
        return [str(d.keeper) for d in found if d.action == "flag" and d.document == "near"]

    assert nearly() == ["teaser"]
    assert nearly(drop_contained=0.8) == []


# The twin


@st.composite
def families(draw: st.DrawFn) -> tuple[Sets, list[int], list[int]]:
    """Sets of shingles, the version group of each, and keepers as clustering leaves them: one step, no chains."""
    sets = draw(st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=7))
    count = len(sets)
    groups = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    versions = [groups.index(group) for group in groups]
    keepers = list(range(count))
    for place in range(1, count):
        other = draw(st.integers(0, place))
        if keepers[other] == other and keepers.count(place) == 1:
            keepers[place] = other
    return sets, versions, keepers


def clusters_of(keepers: list[int]) -> Clusters:
    numbers = np.arange(len(keepers))
    ties = np.array(keepers)
    goes = ties != numbers
    nobody = np.zeros(len(keepers), np.bool_)
    return Clusters(ties.copy(), goes * 0.9, goes * 0.9, np.where(goes, ties, -1), nobody, nobody, 0, 0)


def fetching(sets: Sets) -> Any:
    def fetch(rows: np.ndarray) -> StoredSets:
        assert (np.diff(rows) > 0).all()
        hashes = [np.array(sorted(sets[row]), np.uint64) for row in rows]
        return StoredSets.of(ShingleSets(np.concatenate(hashes), np.cumsum([0, *map(len, hashes)])))

    return fetch


@settings(max_examples=300)
@given(families(), st.sampled_from([0.5, 0.8, 1.0]))
def test_documents_are_held_and_dropped_as_the_twin_does_it(
    family: tuple[Sets, list[int], list[int]], least: float
) -> None:
    sets, versions, keepers = family
    clusters, fetch, stored = clusters_of(keepers), fetching(sets), np.array([len(one) for one in sets])

    def longest_first(rows: np.ndarray) -> np.ndarray:
        return np.array(sorted(rows.tolist(), key=lambda row: (-stored[row], row)), np.int64)

    tokens = np.full(len(sets), 5)
    found = containment.find(np.array(versions), clusters, longest_first, stored, tokens, least, fetch)
    holders = reference.find_holders(sets, versions, keepers, least)
    assert dict(enumerate(found.holders.tolist())) == {n: holders.get(n, -1) for n in range(len(sets))}
    for number, holder in holders.items():
        assert found.shares[number] == len(sets[number] & sets[holder]) / len(sets[number])
    contained, dropped = containment.drop(found, clusters, np.zeros(len(sets), np.int64), least, 0.5, fetch)
    expected = reference.drop_contained(sets, holders, keepers, least)
    assert dropped.keepers.tolist() == expected
    for number, keeper in enumerate(expected):
        assert expected[keeper] == keeper
        if keeper != keepers[number]:
            assert contained.holders[number] == keeper
            assert contained.shares[number] == len(sets[number] & sets[keeper]) / len(sets[number])
            similarity = reference.set_jaccard(sets[number], sets[keeper])
            assert dropped.similarities[number] == dropped.originals[number] == similarity


# Invariants


@given(corpora())
def test_no_option_is_no_change(documents: list[Document]) -> None:
    plain, zero = (dedup.clean(documents, max_loss=1.0, **options) for options in ({}, {"drop_contained": 0}))
    assert (plain.kept, plain.decisions) == (zero.kept, zero.decisions)
    assert all(d.containment is None for d in plain.decisions if d.action == "drop")


@given(corpora())
def test_what_is_claimed_is_true(documents: list[Document]) -> None:
    plain = dedup.clean(documents, max_loss=1.0)
    result = dedup.clean(documents, max_loss=1.0, drop_contained=0.8)
    stored = {d["id"]: d["text"] for d in dedup.clean(documents, max_loss=1.0, only="repeats,boilerplate").kept}
    sources = {d["id"]: d["source"] for d in documents}
    stays = {d["id"] for d in result.kept}
    assert stays <= {d["id"] for d in plain.kept}
    for decision in result.decisions:
        if decision.action != "cut" and isinstance(decision.keeper, str):
            assert decision.keeper in stays
            if decision.containment is None:
                continue
            text, keeper = stored[decision.document], stored[decision.keeper]
            assert decision.containment >= 0.8
            assert decision.containment == pytest.approx(reference.containment(text, keeper))
            if decision.action == "drop":
                assert decision.similarity == pytest.approx(reference.jaccard(text, keeper))
            else:
                assert sources[decision.document] == sources[decision.keeper]


def decided(result: dedup.Result) -> set[tuple[Any, ...]]:
    return {
        (d.document, d.action, d.reason, d.start, d.keeper if isinstance(d.keeper, str) else None, d.containment)
        for d in result.decisions
    }


@given(corpora(), st.randoms(use_true_random=False))
def test_order_and_workers_do_not_matter(documents: list[Document], rng: random.Random) -> None:
    shuffled = documents.copy()
    rng.shuffle(shuffled)
    one = dedup.clean(documents, max_loss=1.0, drop_contained=0.8)
    other = dedup.clean(shuffled, max_loss=1.0, drop_contained=0.8, workers=3)
    assert decided(one) == decided(other)


def test_versions_that_differ_in_figures_are_told_apart_in_any_order(rng: random.Random) -> None:
    """Two stories are one to the counting of boilerplate; the teaser is held by the longer one, wherever it stands."""
    parts = [f"{sentence(rng, 3)[:-1]} {{0}} {sentence(rng, 3)[:-1]} {{0}} {sentence(rng, 2)}" for _ in range(10)]
    one, other = ("".join(f"{part.format(n)}\n" for part in parts) for n in (7, 1234))
    teaser = "".join(f"{part.format(1234)}\n" for part in parts[:4])
    documents = [document("one", one), document("other", other), document("teaser", teaser)]
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0], [2, 0, 1]):
        result = dedup.clean([documents[place] for place in order], drop_contained=0.8)
        assert held(result, "drop") == {"teaser": ("other", 1.0)}


def test_cleaning_twice_changes_nothing_the_second_time(rng: random.Random) -> None:
    documents = [*teaser_and_story(rng), *teaser_and_story(rng, "b.example")]
    once = dedup.clean(documents, drop_contained=0.8)
    assert len(once.dropped) == 2
    again = dedup.clean(once.kept, drop_contained=0.8)
    assert (again.kept, again.decisions) == (once.kept, [])


@settings(max_examples=80)
@given(corpora())
def test_a_second_cleaning_drops_at_most_what_is_held(documents: list[Document]) -> None:
    """Versions are grouped around documents that went the first time; without them others may meet."""
    options: dict[str, Any] = {"max_loss": 1.0, "only": "repeats,articles", "drop_contained": 0.8}
    once = dedup.clean(documents, **options)
    again = dedup.clean(once.kept, **options)
    assert {d["id"] for d in again.dropped} == set(held(again, "drop"))
    assert again.kept == [d for d in once.kept if d["id"] not in held(again, "drop")]


# Files


@settings(max_examples=12)
@given(documents=corpora())
def test_scan_and_apply_are_clean_and_restore_undoes_it(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document]
) -> None:
    folder = tmp_path_factory.mktemp("held")
    config = Config(drop_contained=0.8, max_loss=1)
    news, decisions = written(folder, documents), str(folder / "decisions.jsonl")
    cleaned = jobs.clean([news], str(folder / "clean.jsonl"), config, RUN)
    jobs.scan([news], decisions, config, RUN)
    applied = jobs.apply(decisions, [news], str(folder / "applied.jsonl"), config, RUN)
    assert (folder / "applied.jsonl").read_bytes() == (folder / "clean.jsonl").read_bytes()
    for part in ("documents", "characters", "reasons", "sources", "clusters", "flags"):
        assert applied[part] == cleaned[part]
    undo.restore(str(folder / "clean.jsonl"), str(folder / "back.jsonl"))
    assert (folder / "back.jsonl").read_bytes() == Path(news).read_bytes()


@pytest.mark.parametrize("share", [-0.1, 1.01, float("nan")])
def test_the_share_is_a_fraction(share: float) -> None:
    with pytest.raises(UsageError, match=r"drop_contained is .*, but must be between 0 and 1"):
        Config(drop_contained=share)


def test_the_share_is_part_of_the_fingerprint() -> None:
    assert len({Config(drop_contained=share).fingerprint() for share in (0.0, 0.8, 0.9)}) == 3
