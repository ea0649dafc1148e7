"""The report: counts that add up, ratios that are fractions, and the breaker."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given

import dedup
from dedup.errors import LossError
from tests.corpora import Document, article, corpora, edited, sentence, site


def report_of(documents: list[Document], **options: Any) -> dict[str, Any]:
    return dedup.clean(documents, **options).report


@given(corpora())
def test_documents_and_characters_add_up(documents: list[Document]) -> None:
    report = report_of(documents, max_loss=1)
    for counts in (report, *report["sources"].values()):
        read, rest = counts["documents"]["read"], ("kept", "edited", "dropped")
        assert read == sum(counts["documents"][part] for part in rest)
        assert counts["characters"]["read"] == sum(counts["characters"][part] for part in ("kept", "cut", "dropped"))


@given(corpora())
def test_counts_are_those_of_the_documents_themselves(documents: list[Document]) -> None:
    result = dedup.clean(documents, max_loss=1)
    originals = {document["id"]: document["text"] for document in documents}
    edited_ones = [document for document in result.kept if document["text"] != originals[document["id"]]]
    assert result.report["documents"] == {
        "read": len(documents),
        "kept": len(result.kept) - len(edited_ones),
        "edited": len(edited_ones),
        "dropped": len(result.dropped),
        "rejected": 0,
    }
    assert result.report["characters"]["kept"] == sum(len(document["text"]) for document in result.kept)
    assert result.report["characters"]["dropped"] == sum(len(document["text"]) for document in result.dropped)


@given(corpora())
def test_reasons_are_those_of_the_decisions(documents: list[Document]) -> None:
    result = dedup.clean(documents, max_loss=1)
    for reason, counts in result.report["reasons"].items():
        went = [d for d in result.decisions if d.reason == reason and d.action != "flag"]
        cuts = [d for d in went if d.action == "cut"]
        assert counts["documents"] == len({d.document for d in went})
        assert counts["spans"] == len(cuts)
        if cuts:
            assert counts["characters"] == sum(len(d.text or "") for d in cuts)


@given(corpora())
def test_sources_add_up_to_the_whole(documents: list[Document]) -> None:
    report = report_of(documents, max_loss=1)
    for part in ("documents", "characters"):
        for name in report["sources"][documents[0]["source"]][part]:
            assert report[part][name] == sum(counts[part][name] for counts in report["sources"].values())
    assert set(report["sources"]) == {document["source"] for document in documents}


def test_the_most_frequent_templates_come_first_with_their_text() -> None:
    documents = site(random.Random(1), "a.example", 9) + site(random.Random(2), "b.example", 6)
    templates = report_of(documents)["templates"]
    assert [template["documents"] for template in templates] == [9] * 13 + [6] * 7
    notice = next(t for t in templates if t["text"].startswith("Wir verwenden") and t["source"] == "b.example")
    assert (notice["documents"], notice["articles"]) == (6, 6)


def test_the_largest_clusters_come_first_with_their_similarities() -> None:
    rng = random.Random(3)
    first, second = article(rng, lines=8), article(rng, lines=8)
    texts = [first, *(f"{first}\n{number}" for number in range(3)), second, second]
    documents = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    clusters = report_of(documents, only="articles")["clusters"]
    assert [cluster["size"] for cluster in clusters] == [4, 2]
    assert clusters[1]["similarities"] == [1.0]
    assert all(0.8 <= similarity < 1 for similarity in clusters[0]["similarities"])
    assert (clusters[0]["keeper"], clusters[0]["keeper_file"], clusters[0]["keeper_record"]) == (
        "1",
        "data",
        2,
    )


def test_the_histogram_counts_documents_that_met_a_keeper() -> None:
    rng = random.Random(4)
    text = article(rng, lines=10)
    documents = [
        {"id": "a", "text": text},
        {"id": "b", "text": edited(rng, text, 0.01)},
        {"id": "c", "text": article(rng)},
    ]
    histogram = report_of(documents, only="articles")["similarity_histogram"]
    assert [(part["from"], part["to"]) for part in histogram][:2] == [(0.0, 0.05), (0.05, 0.1)]
    assert sum(part["documents"] for part in histogram) == 1


def test_lsh_says_its_shape_and_its_recall() -> None:
    lsh = report_of([{"text": "Ja"}])["lsh"]
    assert (lsh["bands"], lsh["rows"], lsh["hashes"]) == (18, 7, 128)
    assert lsh["candidate_recall_at_threshold"] == pytest.approx(0.985, abs=0.001)
    assert (lsh["candidates"], lsh["verified"]) == (0, 0)


def test_a_source_that_loses_more_than_half_is_named() -> None:
    rng = random.Random(5)
    text = article(rng, lines=8)
    documents = [{"id": str(n), "source": "copies.example", "text": text} for n in range(4)]
    documents += [{"id": f"b{n}", "source": "fine.example", "text": article(rng)} for n in range(4)]
    assert report_of(documents)["flags"]["sources_losing_much"] == [{"source": "copies.example", "lost_ratio": 0.75}]


def family(rng: random.Random, size: int) -> list[Document]:
    """Documents that are near-duplicates of one of them, none equal to another."""
    text = article(rng, lines=12)
    return [{"id": str(n), "source": "a.example", "text": f"{text}Zusatz Nummer {n}\n"} for n in range(size)]


def test_the_breaker_stops_what_would_drop_nearly_all() -> None:
    with pytest.raises(LossError) as raised:
        dedup.clean(family(random.Random(6), 30))
    share = raised.value.message.partition(" of the characters")[0].rpartition(" ")[2]
    assert str(raised.value) == (
        f"96.7% of the documents and {share} of the characters would go, mostly as near-duplicate; "
        "--max-loss allows 90%, so nothing was written. "
        "Look at the decisions with 'dedup scan --max-loss 1'; if they are right, raise --max-loss."
    )


def test_the_breaker_lets_through_what_is_allowed() -> None:
    assert len(dedup.clean(family(random.Random(6), 30), max_loss=0.98).kept) == 1


def test_the_breaker_does_not_judge_fewer_than_20_documents() -> None:
    assert len(dedup.clean(family(random.Random(6), 19)).kept) == 1
    with pytest.raises(LossError):
        dedup.clean(family(random.Random(6), 20))


def test_the_breaker_does_not_count_exact_duplicates() -> None:
    text = article(random.Random(7))
    assert len(dedup.clean([{"id": str(n), "text": text} for n in range(100)]).kept) == 1


def test_the_breaker_looks_at_characters_too() -> None:
    rng = random.Random(8)
    frame = "".join(f"{sentence(rng, 12)}\n" for _ in range(6))
    documents = [{"id": str(n), "source": "a", "text": f"{sentence(rng, 18)}\n{frame}"} for n in range(40)]
    with pytest.raises(LossError, match=r"^0\.0% of the documents and 80\.\d% .* mostly as boilerplate"):
        dedup.clean(documents, max_loss=0.7)
