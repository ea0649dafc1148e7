"""Decisions on whole documents, told column by column: what one would say of each document by itself."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dedup import forms, outright
from dedup.boilerplate import Templates
from dedup.cluster import REACH, Clusters
from dedup.columns import Column
from dedup.config import Config
from dedup.containment import Containment
from dedup.decisions import Decision
from dedup.model import Span
from dedup.plan import Documents, Known, Place, Plan
from dedup.policy import Cuts

FILES = ["a.jsonl", "mehr/ä.jsonl"]
SOURCES = ["a.example", 'b "quoted"']
KNOWN = [Place("alt\n", "x.jsonl", 8, "a.example"), Place("älter", "y.jsonl", 9, "c.example")]
CONFIG = Config(threshold=0.8)

shares = st.sampled_from([0.0, 0.5, 0.7, 0.75, 0.8, 1 / 3, 2 / 3, 1.0, 1e-17, 123456 / 123457])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans that need not make sense: whoever goes, goes for anybody's sake."""
    count = draw(st.integers(1, 6))

    def column(values: st.SearchStrategy[object], kind: type) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=count, max_size=count)), kind)

    own = np.arange(count)
    numbers = st.integers(0, count + len(KNOWN) - 1)
    keepers = np.where(column(st.booleans(), np.bool_), own, column(numbers, np.int64))
    flags = [column(st.booleans(), np.bool_) for _ in range(4)]
    documents = Documents(
        files=column(st.integers(0, 1), np.int32),
        records=column(st.integers(1, 2**40), np.int64),
        ids=Column.of(draw(st.lists(st.text(max_size=5), min_size=count, max_size=count))),
        sources=column(st.integers(0, 1), np.int64),
        source_names=SOURCES,
        digests=np.zeros(count, np.uint64),
        ways=np.zeros(count, np.uint8),
        ranks=None,
        characters=np.zeros(count, np.int64),
        stored=np.zeros(count, np.int64),
        whole=flags[0],
        structured=flags[1],
        original_keys=column(st.integers(0, 2), np.uint64),
        keys=np.zeros(count, np.uint64),
        tokens=np.zeros(count, np.int64),
    )
    clusters = Clusters(
        keepers, column(shares, np.float64), column(shares, np.float64),
        column(st.integers(-1, count + len(KNOWN) - 1), np.int64), flags[2], flags[3], 0, 0,
    )  # fmt: skip
    contained = Containment(column(st.integers(-1, count - 1), np.int64), column(shares, np.float64))
    known = Known(np.arange(len(KNOWN)), KNOWN, np.array([1, 0], np.uint64))
    cuts = Cuts._make(np.zeros((len(Cuts._fields), 0), np.int32))
    return Plan(CONFIG, documents, Templates.none(), cuts, cuts, cuts, clusters, contained, None, known)


def told(plan: Plan, number: int, cuts: list[Span]) -> list[Decision]:
    """What is said of one document."""
    documents, clusters = plan.documents, plan.clusters
    place = plan.place(number, FILES)
    own = {"document": place.id, "source": place.source, "file": place.file, "record": place.record}

    def beside(other: int) -> dict[str, object]:
        keeper = plan.place(int(other), FILES)
        return {"keeper": keeper.id, "keeper_file": keeper.file, "keeper_record": keeper.record}

    similarity, original = float(clusters.similarities[number]), float(clusters.originals[number])
    holder = plan.contained.holders[number]
    containment = None if holder < 0 else float(plan.contained.shares[number])
    keeper = clusters.keepers[number]
    if keeper != number:
        keys = [*documents.original_keys, *plan.known.keys]
        is_equal = clusters.exact[number] and keys[number] == keys[keeper]
        reason = "exact-duplicate" if is_equal else "near-duplicate"
        given = own | beside(keeper) | {"similarity": similarity, "containment": containment}
        if not is_equal:
            given |= {"similarity_original": original, "cuts": cuts or None}
        return [Decision(action="drop", reason=reason, **given)]
    found = []
    if documents.whole[number]:
        why = "every line of it is boilerplate of its source; it stays whole rather than empty"
        found.append(own | {"reason": "boilerplate", "why": why})
    if documents.structured[number]:
        why = "what stands more than once in it may be meant: a refrain, a list, another heading; it stays"
        found.append(own | {"reason": "repeat", "why": why})
    if holder >= 0:
        why = "a longer document of its source holds nearly all of it; it stays"
        found.append(own | beside(holder) | {"reason": "near-duplicate", "containment": containment, "why": why})
    if clusters.crowded[number]:
        why = f"meets more than {REACH:,} articles in a band, and only the last of them were compared; it stays"
        found.append(own | {"reason": "near-duplicate", "why": why})
    nearest = {} if clusters.nearest[number] < 0 else beside(clusters.nearest[number]) | {"similarity": similarity}
    if nearest and similarity >= CONFIG.threshold:
        why = "similar without what was cut, but below the floor of 0.5 as they came; it stays"
        found.append(own | nearest | {"reason": "near-duplicate", "similarity_original": original, "why": why})
    elif nearest and similarity >= CONFIG.threshold - outright.BORDERLINE:
        why = "nearly as similar as the threshold of 0.8 asks; it stays"
        found.append(own | nearest | {"reason": "near-duplicate", "why": why})
    return [Decision(action="flag", **given) for given in found]


@given(plan=plans(), data=st.data())
def test_lines_are_those_of_one_document_after_the_other(plan: Plan, data: st.DataObject) -> None:
    some = data.draw(st.lists(st.integers(0, len(plan.documents) - 1), unique=True).map(sorted))
    spans = [data.draw(st.lists(st.builds(Span, st.integers(0, 9), st.integers(0, 10**9)), max_size=3)) for _ in some]
    rows = np.repeat(np.arange(len(some)), [len(own) for own in spans])
    cuts = np.array([span for own in spans for span in own], np.int64).reshape(-1, 2)
    numbers = np.array(some, np.int64)
    found = outright.Teller(plan, FILES).tell(numbers, plan.places(numbers, FILES), rows, cuts)
    expected = [told(plan, number, own) for number, own in zip(some, spans, strict=True)]
    assert found.rows.tolist() == [row for row, own in enumerate(expected) for _ in own]
    lines = [msgspec.json.encode(decision) + b"\n" for own in expected for decision in own]
    assert [found.lines.line(number) for number in range(len(found.rows))] == lines
    assert found.lines.data == b"".join(lines)


def test_holes_are_fields_in_their_order() -> None:
    names = [field.name for field in msgspec.structs.fields(Decision)]
    keepers = {"keeper_start": "keeper", "keeper_end": "keeper"}
    for holes in (forms.SPAN_HOLES, forms.DOCUMENT_HOLES):
        places = [names.index(keepers.get(name, name)) for name in holes]
        assert places == sorted(places)
