"""Clusters: every member tied to a keeper that stays, as the greedy twin does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup import cluster as clustering
from dedup.cluster import COMPARED_FLOOR, REACH, Clusters, TextKeys, cluster, first_equals
from dedup.kernels import cluster as kernels
from dedup.shingle import ShingleSets, StoredSets
from dedup.spill import IN_MEMORY, Room
from tests import reference

Sets = list[set[int]]


class Corpus(NamedTuple):
    """Documents as clustering sees them: shingles, text keys, band keys, and the keep order.

    `came` and `originals`: the shingles and the text keys of the texts as they came; None where nothing was cut.
    `sources`: their sources; None for one source of all.
    """

    sets: Sets
    keys: list[int]
    bands: list[list[int]]
    order: list[int]
    threshold: float
    reach: int = REACH
    came: Sets | None = None
    originals: list[int] | None = None
    least: float = 0.0
    sources: list[int] | None = None

    def text(self, document: int) -> reference.Text:
        """Return a document as the twin takes it."""
        keys, came, sources = self.originals or self.keys, self.came or self.sets, self.sources or [0] * len(self.sets)
        return reference.Text(keys[document], came[document], self.sets[document], sources[document])


def run(corpus: Corpus, tokens: Sequence[int] | None = None, room: Room = IN_MEMORY) -> Clusters:
    place = {document: rank for rank, document in enumerate(corpus.order)}
    came = corpus.came or corpus.sets

    def fetch(rows: Any, ranks: Any) -> StoredSets:
        assert rows[np.argsort(ranks)].tolist() == sorted(rows.tolist(), key=place.__getitem__)
        stored = StoredSets(room)
        for start in range(0, len(rows), 3):
            some, order = rows[start : start + 3], np.argsort(ranks[start : start + 3])
            pairs = [(corpus.sets[row], came[row]) for row in some[order].tolist()]
            lost = np.array([own != original for own, original in pairs])
            sets = [sorted(one) for pair in pairs for one in (pair if pair[0] != pair[1] else pair[:1])]
            hashes = [np.array(one, np.uint64) for one in sets]
            stored.add(ShingleSets(np.concatenate(hashes), np.cumsum([0, *map(len, hashes)])), order, lost)
        stored.close()
        return stored

    sources = corpus.sources or [0] * len(corpus.sets)
    keys = [np.array(column, np.uint64) for column in (corpus.originals or corpus.keys, corpus.keys, sources)]
    with patch.object(clustering, "REACH", corpus.reach):
        return cluster(
            lambda rows: np.array(sorted(rows.tolist(), key=place.__getitem__), np.int64),
            TextKeys(*keys),
            np.array(tokens or [9] * len(corpus.sets)),
            [np.array(band, np.uint64) for band in corpus.bands],
            fetch,
            corpus.threshold,
            corpus.least,
        )


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    # The hash 0 is special to the tables, and 16 and 32 fall into its slot.
    hashes = st.sampled_from([0, 1, 2, 3, 4, 5, 16, 32, 2**64 - 1])
    came = draw(st.lists(st.sets(hashes, min_size=1, max_size=8), min_size=1, max_size=12))
    # Some documents are copies of others as they came, and not the same is stored of all of them.
    originals = [draw(st.integers(0, number)) if draw(st.booleans()) else number for number in range(len(came))]
    for number, original in enumerate(originals):
        originals[number] = originals[original]
        came[number] = came[originals[number]]
    sets = [draw(st.sets(st.sampled_from(sorted(one)))) if draw(st.booleans()) else one for one in came]
    # What is stored says which key and which bands it has.
    distinct = sorted({tuple(sorted(one)) for one in sets})
    of = [distinct.index(tuple(sorted(one))) for one in sets]
    bands = [[draw(st.integers(0, 2)) for _ in distinct] for _ in range(draw(st.integers(1, 3)))]
    return Corpus(
        sets,
        [1 + number for number in of],
        [[band[number] for number in of] for band in bands],
        draw(st.permutations(range(len(sets)))),
        draw(st.sampled_from([0.3, 0.5, 0.8, 1.0])),
        draw(st.sampled_from([1, 2, REACH])),
        came,
        [20 + original for original in originals],
        draw(st.sampled_from([0.0, 0.5, 0.8])),
        [draw(st.integers(1, 2)) for _ in sets],
    )


@settings(max_examples=300)
@given(corpora(), st.data())
def test_documents_go_as_the_greedy_twin_says(corpus: Corpus, data: st.DataObject) -> None:
    assert corpus.originals is not None
    assert corpus.came is not None
    short = {key for key in sorted(set(corpus.keys)) if data.draw(st.integers(0, 4)) == 0}
    found = run(corpus, tokens=[4 if key in short else 9 for key in corpus.keys])
    assert corpus.sources is not None
    has_lost = corpus.originals != corpus.keys
    sources = corpus.sources if has_lost else [0] * len(corpus.sets)
    both = list(zip(corpus.originals, corpus.keys, sources, strict=True))
    first: dict[tuple[int, int, int], int] = {}
    for document in corpus.order:
        first.setdefault(both[document], document)
    leaders = [document for document in corpus.order if first[both[document]] == document]
    bands = [[None if key in short else of for of, key in zip(band, corpus.keys, strict=True)] for band in corpus.bands]
    expected, compared = reference.keep_greedily(
        leaders,
        bands,
        list(map(corpus.text, range(len(corpus.sets)))),
        corpus.threshold,
        min(corpus.least, corpus.threshold),
        min(COMPARED_FLOOR, corpus.threshold),
        corpus.reach,
    )
    assert found.compared == compared
    assert np.flatnonzero(found.crowded).tolist() == sorted(n for n, kept in expected.items() if kept.is_crowded)
    for document, pair in enumerate(both):
        leader = expected[first[pair]]
        assert found.exact[document] == (first[pair] != document or leader.is_exact)
        got = (
            found.keepers[document], found.nearest[document], found.similarities[document], found.originals[document],
        )  # fmt: skip
        if first[pair] != document and leader.keeper == first[pair]:
            assert got == (first[pair], first[pair], 1, 1)
        else:
            assert got == leader[:4]


@given(corpora())
def test_of_texts_that_came_equal_one_stays_at_most(corpus: Corpus) -> None:
    assert corpus.originals is not None
    keepers = run(corpus).keepers.tolist()
    staying = [corpus.originals[document] for document, keeper in enumerate(keepers) if keeper == document]
    assert len(staying) == len(set(staying))


def test_texts_that_only_share_a_key_are_not_equal() -> None:
    """As a page would be that is written to have the key of another, were that possible; short ones, too."""
    sets = [{1, 2, 3}, {4, 5, 6}, {1, 2, 3}, {7}, {8}]
    bands = [[1, 2, 1, 3, 4], [5, 6, 5, 7, 8]]
    found = run(Corpus(sets, [1, 1, 1, 2, 2], bands, [0, 1, 2, 3, 4], 0.8), tokens=[9, 9, 9, 1, 1])
    assert found.keepers.tolist() == [0, 1, 0, 3, 4]
    assert found.exact.tolist() == [False, False, True, False, False]


@given(corpora())
def test_with_little_memory_the_same_documents_go(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> None:
    tight = Room(tmp_path_factory.getbasetemp(), buffer_bytes=24)
    for ours, same in zip(run(corpus, room=tight), run(corpus), strict=True):
        assert np.array_equal(ours, same)


@given(st.data())
def test_what_is_needed_is_foreseen_as_the_twin_does_it(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    row = st.lists(st.integers(-1, 2), min_size=2, max_size=2)
    buckets = [
        [mine if mine < 0 else 3 * band + mine for band, mine in enumerate(data.draw(row))] for _ in range(count)
    ]
    sizes = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    came = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    groups = data.draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count))
    sources = data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    order = data.draw(st.permutations(range(count)))
    start = data.draw(st.integers(0, count - 1))
    keepers = [document for document in order[:start] if data.draw(st.booleans())]
    heads, following = np.full(6, -1, np.int32), np.full((count, 2), -1, np.int32)
    stayed = np.full(3, -1, np.int32)
    for keeper in keepers:
        if groups[keeper] >= 0 and stayed[groups[keeper]] < 0:
            stayed[groups[keeper]] = keeper
        for band, bucket in enumerate(buckets[keeper]):
            if bucket >= 0:
                following[keeper, band], heads[bucket] = heads[bucket], keeper
    needed = np.empty(count, np.int64)
    most, reach = data.draw(st.integers(0, 30)), data.draw(st.integers(1, 4))
    stop, found = kernels.foresee(
        np.array(order), start, most, np.array(buckets, np.int32), np.array(groups, np.int32),
        np.array(sources, np.uint64), np.array(sizes), np.array(came), 0.5, reach, heads, following, stayed,
        np.full(count, -1, np.int64), needed,
    )  # fmt: skip
    expected = reference.foresee(order, start, most, buckets, groups, sources, sizes, came, 0.5, reach, keepers)
    assert (stop, set(needed[:found].tolist())) == expected
    assert len(set(needed[:found].tolist())) == found


@given(corpora())
def test_every_keeper_stays(corpus: Corpus) -> None:
    keepers = run(corpus).keepers
    assert (keepers[keepers] == keepers).all()


@given(corpora())
def test_what_goes_is_as_similar_to_its_keeper_as_claimed(corpus: Corpus) -> None:
    found = run(corpus)
    for document, keeper in enumerate(found.keepers.tolist()):
        if keeper != document and not found.exact[document]:
            assert found.similarities[document] == reference.stored_similarity(
                corpus.text(document), corpus.text(keeper)
            )
            assert found.similarities[document] >= corpus.threshold
            assert corpus.came is not None
            assert found.originals[document] == reference.set_jaccard(corpus.came[document], corpus.came[keeper])
            assert found.originals[document] >= min(corpus.least, corpus.threshold)


def chain(order: list[int]) -> Corpus:
    """A~B and B~C, but not A~C."""
    sets = [set(range(10)), set(range(2, 12)), set(range(4, 14))]
    return Corpus(sets, [1, 2, 3], [[0, 0, 0]], order, 0.6)


def test_a_document_looks_at_the_last_keepers_of_a_bucket_only() -> None:
    sets = [{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {1, 2, 3, 10}, {7, 8, 9, 10}]
    crowded = Corpus(sets, [1, 2, 3, 4, 5], [[0] * 5], [0, 1, 2, 3, 4], 0.7, reach=2)
    assert run(crowded).keepers.tolist() == [0, 1, 2, 3, 2]
    assert run(crowded).crowded.tolist() == [False, False, False, True, False]
    assert run(crowded._replace(bands=[[0] * 5, [0, 1, 2, 0, 2]])).keepers.tolist() == [0, 1, 2, 0, 2]


def flooded(documents: int) -> int:
    """Compare documents of which each meets all others, and none is like another."""
    sets = [{3 * number, 3 * number + 1, 3 * number + 2} for number in range(documents)]
    found = run(Corpus(sets, [*range(1, documents + 1)], [[7] * documents], [*range(documents)], 0.8))
    assert found.crowded.sum() == max(0, documents - REACH - 1)
    return found.compared


def test_work_is_linear_however_many_meet_in_a_bucket() -> None:
    least, most = flooded(2 * REACH), flooded(8 * REACH)
    # What comes after the first REACH costs REACH each.
    assert most - least == 6 * REACH * REACH


def test_a_chain_is_not_a_cluster() -> None:
    # Faults 6: transitive closure drops C for A's sake.
    assert run(chain([0, 1, 2])).keepers.tolist() == [0, 0, 2]


def test_the_middle_of_a_chain_may_keep_both_ends_away() -> None:
    assert run(chain([1, 0, 2])).keepers.tolist() == [1, 1, 1]


def test_of_every_group_of_copies_one_stays() -> None:
    # Faults 1: text-dedup deletes every copy.
    corpus = Corpus([{1, 2, 3}] * 5, [7] * 5, [[0] * 5], [3, 1, 4, 0, 2], 0.8)
    assert run(corpus).keepers.tolist() == [3] * 5


def test_documents_that_do_not_meet_in_a_band_are_not_compared() -> None:
    corpus = Corpus([{1, 2, 3}, {1, 2, 3}], [1, 2], [[0, 1]], [0, 1], 0.8)
    assert run(corpus).keepers.tolist() == [0, 1]
    assert run(corpus).compared == 0


def test_texts_below_one_shingle_are_never_compared() -> None:
    corpus = Corpus([{1}, {1}], [1, 2], [[0, 0]], [0, 1], 0.8)
    assert run(corpus, tokens=[4, 4]).keepers.tolist() == [0, 1]


def test_texts_with_nothing_to_compare_stay() -> None:
    corpus = Corpus([set(), set()], [0, 0], [[0, 0]], [0, 1], 0.8)
    assert run(corpus, tokens=[0, 0]).keepers.tolist() == [0, 1]


def test_of_two_keepers_as_similar_the_better_one_is_named() -> None:
    corpus = Corpus([{1, 2, 3, 4}, {1, 2, 5, 6}, {1, 2, 7, 8}], [1, 2, 3], [[0, 0, 0]], [1, 0, 2], 0.3)
    assert run(corpus).keepers.tolist() == [1, 1, 1]


def test_copies_of_a_document_that_goes_go_to_its_keeper() -> None:
    corpus = Corpus([set(range(10)), set(range(9)), set(range(9))], [1, 2, 2], [[0, 0, 0]], [0, 1, 2], 0.8)
    found = run(corpus)
    assert found.keepers.tolist() == [0, 0, 0]
    assert found.similarities.tolist() == [0.9 if document else 0.0 for document in range(3)]


def test_a_copy_of_a_document_that_went_stays_if_it_is_unlike_its_keeper() -> None:
    """The two came equal, but from the second less was cut, and that is not what the keeper says."""
    sets = [set(range(10)), set(range(9)), set(range(20))]
    came = [set(range(10)), set(range(20)), set(range(20))]
    corpus = Corpus(sets, [1, 2, 3], [[0, 0, 0]], [0, 1, 2], 0.8, REACH, came, [4, 5, 5], 0.5)
    found = run(corpus)
    assert found.keepers.tolist() == [0, 0, 2]
    assert found.originals.tolist() == [0, 0.5, 0]


def test_a_document_goes_for_another_keeper_if_it_is_unlike_the_nearest_as_they_came() -> None:
    sets = [set(range(10)), set(range(2, 11)), set(range(10))]
    came = [set(range(10)) | set(range(50, 90)), set(range(2, 11)), set(range(10))]
    corpus = Corpus(sets, [1, 2, 3], [[0, 0, 0]], [0, 1, 2], 0.7, REACH, came, [4, 5, 6], 0.5)
    found = run(corpus)
    assert found.keepers.tolist() == [0, 1, 1]
    assert found.nearest.tolist() == [-1, 0, 1]
    assert found.originals[2] == found.similarities[2] == reference.set_jaccard(sets[1], sets[2])


def test_equal_as_stored_and_unlike_as_they_came_stays() -> None:
    came = [set(range(10)), set(range(40))]
    corpus = Corpus([set(range(10))] * 2, [1, 1], [[0, 0]], [0, 1], 0.8, REACH, came, [2, 3], 0.5)
    found = run(corpus)
    assert found.keepers.tolist() == [0, 1]
    assert (found.nearest[1], found.similarities[1], found.originals[1]) == (0, 1, 0.25)


@given(
    st.lists(st.integers(0, 3), max_size=10).flatmap(
        lambda keys: st.tuples(st.just(keys), st.permutations(range(len(keys))))
    )
)
def test_the_first_equal_in_keep_order_stands_for_all(case: tuple[list[int], list[int]]) -> None:
    keys, order = case
    place = {document: rank for rank, document in enumerate(order)}
    found = first_equals(
        lambda rows: np.array(sorted(rows.tolist(), key=place.__getitem__), np.int64),
        np.array(keys, np.uint64),
    )
    for document, key in enumerate(keys):
        equal = [other for other in order if keys[other] == key]
        assert found[document] == (equal[0] if key else document)
