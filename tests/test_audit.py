"""Decisions told: kept quotes or the texts read again, in portions of any size, it is the same."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup import audit, decisions, pipeline, quotes, readers
from dedup.columns import Column
from dedup.config import Config
from dedup.decisions import Decision
from dedup.plan import Plan
from dedup.policy import Cuts
from dedup.quotes import CUT, PROTECTED, SUSPICION, KeptQuotes, Quotes, quoted
from dedup.repeats import similarity
from dedup.spill import Room
from tests.corpora import Document, article, corpora, hostile_texts, sentence, site, written

ASIDE = Config(protect=("Teilen",), max_loss=1.0)


def documents() -> list[Document]:
    """Articles with boilerplate, repeats, lines that nearly go, protected ones, copies and near-copies."""
    rng = Random(5)
    found = site(rng, "a.example", 12) + site(rng, "b.example", 4)
    for number, document in enumerate(found):
        document["text"] += f"{sentence(rng)}\n" * 2 + "Mehr dazu hören Sie im Radio.\n" * (number < 4)
    copies = found[3] | {"id": "again"}, found[5] | {"id": "edited", "text": found[5]["text"] + "Neu.\n"}
    grown = found[7] | {"id": "grown", "text": found[7]["text"] + article(rng)}
    return [*found, *copies, grown]


def scanned(folder: Path, found: list[Document], kept: KeptQuotes) -> tuple[readers.Corpus, Plan]:
    corpus = readers.open_corpus([written(folder, found)], ASIDE, work=folder)
    return corpus, pipeline.scan(corpus, ASIDE, quotes=kept)


def told(corpus: readers.Corpus, plan: Plan, kept: KeptQuotes | None = None) -> tuple[bytes, dict[str, str]]:
    texts = audit.TemplateTexts()
    return b"".join(audit.lines(plan, corpus, texts, kept)), texts.by_id


def check_told(folder: Path, found: list[Document], room: Room) -> list[Decision]:
    """Check that all ways of telling decisions come to the same, and return them."""
    kept = KeptQuotes(room)
    corpus, plan = scanned(folder, found, kept)
    made = list(audit.decisions(plan, corpus))
    texts = audit.TemplateTexts()
    assert list(texts.noting(made)) == made
    expected = b"".join(decisions.encoded(made)), texts.by_id
    assert told(corpus, plan) == told(corpus, plan, kept) == expected
    return made


def test_every_kind_of_decision_is_told_alike(tmp_path: Path) -> None:
    made = check_told(tmp_path, documents(), Room(tmp_path))
    assert {(decision.action, decision.reason) for decision in made} == {
        ("cut", "boilerplate"), ("cut", "repeat"), ("drop", "exact-duplicate"), ("drop", "near-duplicate"),
        ("flag", "boilerplate"), ("flag", "near-duplicate"),
    }  # fmt: skip
    assert any("protected" in (decision.why or "") for decision in made)
    assert any("for it to be the site's" in (decision.why or "") for decision in made)


@given(found=corpora())
def test_any_corpus_is_told_alike(tmp_path_factory: pytest.TempPathFactory, found: list[Document]) -> None:
    folder = tmp_path_factory.mktemp("told")
    check_told(folder, found, Room(folder, buffer_bytes=100))


@pytest.mark.parametrize("portion", [1, 3])
def test_the_size_of_a_portion_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portion: int) -> None:
    kept = KeptQuotes(Room(tmp_path))
    corpus, plan = scanned(tmp_path, documents(), kept)
    expected = told(corpus, plan, kept)
    monkeypatch.setattr(audit, "PORTION", portion)
    monkeypatch.setattr(quotes, "PORTION_SPANS", portion)
    assert told(corpus, plan) == told(corpus, plan, kept) == expected


def test_few_documents_are_told_as_among_all(tmp_path: Path) -> None:
    corpus, plan = scanned(tmp_path, documents(), KeptQuotes(Room(tmp_path)))
    every = list(audit.decisions(plan, corpus))
    for only in ([0], [2, 16], [17], [3, 4, 5, 7, 16, 17]):
        records = {row + 1 for row in only}
        of_them = [decision for decision in every if decision.record in records]
        assert list(audit.decisions(plan, corpus, only=np.array(only))) == of_them


def test_what_was_not_kept_to_the_end_is_read_again(tmp_path: Path) -> None:
    corpus, plan = scanned(tmp_path, documents(), KeptQuotes(Room(tmp_path)))
    assert told(corpus, plan, KeptQuotes(Room(tmp_path))) == told(corpus, plan)


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[list[str], list[Cuts]]:
    """Texts with spans of each kind."""
    texts = draw(st.lists(hostile_texts(), min_size=1, max_size=4))
    kinds = []
    for _ in range(3):
        rows = []
        for document, text in enumerate(texts):
            edges = sorted(set(draw(st.lists(st.integers(0, len(text)), max_size=6))))
            for start, end in itertools.pairwise(edges):
                keeper = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
                template = draw(st.sampled_from([-1, 7]))
                why = (0, 0) if template < 0 else draw(st.sampled_from([(2, 5), (7, 1)]))
                bytes_at = [len(text[:edge].encode()) for edge in (start, end, *keeper)]
                rows.append(
                    (
                        document,
                        *bytes_at[:2],
                        *(bytes_at[2:] if template < 0 else (-1, -1)),
                        template,
                        end - start,
                        *why,
                    )
                )
        kinds.append(Cuts(*np.array(rows, np.int32).reshape(-1, len(Cuts._fields)).T))
    return texts, kinds


@given(cut_texts())
def test_quotes_say_what_stands_in_the_texts(drawn: tuple[list[str], list[Cuts]]) -> None:
    texts, kinds = drawn
    found = quoted(Column.of(["davor", *texts]), *(cuts._replace(documents=cuts.documents + 1) for cuts in kinds))
    expected = []
    for document, text in enumerate(texts, start=1):
        for what, cuts in zip((CUT, SUSPICION, PROTECTED), kinds, strict=True):
            for of, start, end, keeper_start, keeper_end, template, _, *why in zip(
                *(column.tolist() for column in cuts), strict=True
            ):
                if of == document - 1:
                    at, until = (len(text.encode()[:edge].decode()) for edge in (start, end))
                    kept = -1, -1, 0.0
                    if what == CUT and template < 0:
                        place = tuple(len(text.encode()[:edge].decode()) for edge in (keeper_start, keeper_end))
                        kept = *place, similarity(text[slice(*place)], text[at:until])
                    says = text[at:until]
                    expected.append(
                        ((document, what, template, at, until, *kept[:2], len(says.encode()), *why, kept[2]), says)
                    )
    assert list(zip(found.spans.tolist(), found.texts, strict=True)) == expected


@given(st.lists(cut_texts(), max_size=4), st.sampled_from([8, 1000, 1 << 20]))
def test_quotes_are_kept_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[list[str], list[Cuts]]], buffer_bytes: int
) -> None:
    kept = KeptQuotes(Room(tmp_path_factory.mktemp("kept"), buffer_bytes))
    expected: list[tuple[object, str]] = []
    before = 0
    for texts, kinds in batches:
        found = quoted(Column.of(texts), *kinds)
        kept.add(found, before)
        numbered = ((document + before, *rest) for document, *rest in found.spans.tolist())
        expected += zip(numbered, found.texts, strict=True)
        before += len(texts)
    kept.complete()
    given_back: list[tuple[object, str]] = []
    for portion in kept.portions():
        given_back += zip(portion.spans.tolist(), portion.texts, strict=True)
    assert given_back == expected


def test_quotes_of_some_documents_are_a_range() -> None:
    cuts = Cuts(*np.array([(row, at, at + 1, -1, -1, 3, 1, 2, 5) for row, at in ((0, 0), (2, 1), (2, 2))]).T)
    found = quoted(Column.of(["abc", "", "äbc"]), cuts._replace(ends=np.array([1, 3, 4]), starts=np.array([0, 2, 3])), Cuts.none(), Cuts.none())  # fmt: skip  # noqa: E501
    assert [list(found.among(*span).texts) for span in ((0, 0), (1, 1), (1, 2), (0, 9))] == [
        ["a"], [], ["b", "c"], ["a", "b", "c"],
    ]  # fmt: skip
    assert list(Quotes.none().among(0, 5).texts) == []
