"""Which figures are measured on which set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import segmentation

from figures import gold, outcome, pages, sentences, similarity, stress, untouched
from figures.corpora import CRAWL, CRAWL_GOLD, Corpus, Record, digest_of, read_crawl, read_set
from figures.figure import Figure, mistakes
from figures.outcome import Outcome
from figures.untouched import Targets

THRESHOLD = 0.8


class Measured(NamedTuple):
    """The figures of one set, the hash of what they were measured on, and what a person may want to look at."""

    name: str
    digest: str
    figures: list[Figure]
    notes: Sequence[str] = ()

    @property
    def of_clean_text(self) -> list[Figure]:
        """What is asked of every set of which nothing may go; empty for others."""
        return [figure for figure in self.figures if figure.name in untouched.COLUMNS]


Found = tuple[list[Figure], list[str]]
"""Figures, and notes for a person."""


def sites(corpus: Corpus, made: Outcome) -> Found:
    """Measure the made-up sites: all there is, with gold for everything."""
    records = corpus.records
    figures = [
        *gold.cut_figures(records, made),
        *gold.kinds_cut(records, made),
        gold.lost_for_good(records, made),
        *(gold.clusters_with_one_left(records, made, situation) for situation in ("S1", "S4", "S5")),
        *(gold.documents_lost(records, made, situation) for situation in ("S2", "S6", "S8", None)),
        *gold.ticker_figures(records, made),
    ]
    return figures, []


def crawl(corpus: Corpus, made: Outcome) -> list[Figure]:
    """Measure the crawl of the fixtures."""
    return [
        *gold.cut_figures(corpus.records, made),
        gold.expected_documents(corpus.records, made),
        *stored_articles(corpus, made),
    ]


def clean_text(corpus: Corpus, made: Outcome, targets: Targets, *others: Figure) -> Found:
    """Measure text of which nothing may go, and what else can be asked of it."""
    figures, notes = untouched.figures(corpus.records, made, targets)
    return [*others, *figures], notes


def news(corpus: Corpus, made: Outcome) -> Found:
    """Measure articles that hold no duplicates and no boilerplate."""
    return clean_text(corpus, made, Targets(0.0001, 0.0001), mistakes("documents_dropped", len(made.dropped), 0))


def translations(corpus: Corpus, made: Outcome) -> Found:
    """Measure one text in several languages."""
    return clean_text(corpus, made, Targets(None), mistakes("documents_dropped", len(made.dropped), 0))


def laws(corpus: Corpus, made: Outcome) -> Found:
    """Measure texts full of formulas and pieces of hard-wrapped sentences that recur and say something."""
    return clean_text(corpus, made, Targets(0.0001, 0.0005))


def speeches(corpus: Corpus, made: Outcome) -> Found:
    """Measure protocols, in which applause and forms of address recur."""
    return clean_text(corpus, made, Targets(0.0005))


def manuals(corpus: Corpus, made: Outcome) -> Found:
    """Measure manual pages: the notes on their translations may go."""
    return clean_text(corpus, made, Targets(None), *untouched.translators_notes(corpus.records, made))


def shops(corpus: Corpus, made: Outcome) -> Found:
    """Measure documents of different sources that share sentences."""
    pairs = similarity.similar_pairs(outcome.stored(corpus.records, made), THRESHOLD)
    spans = sum(map(len, made.cuts_for["boilerplate"]))
    others = [mistakes("spans_cut_as_boilerplate", spans, 0), similarity.unlike_drops(pairs, made)]
    return clean_text(corpus, made, Targets(), *others)


def articles(corpus: Corpus, made: Outcome) -> list[Figure]:
    """Measure near-duplicates against brute force, on the texts as read and as stored."""
    raw = similarity.similar_pairs([record["text"] for record in corpus.records], THRESHOLD)
    return [*similarity.article_figures(raw, made, "raw"), *stored_articles(corpus, made)]


def stored_articles(corpus: Corpus, made: Outcome) -> list[Figure]:
    """Measure near-duplicates against brute force on the texts as stored, where boilerplate does not hide them."""
    stored = similarity.similar_pairs(outcome.stored(corpus.records, made), THRESHOLD)
    return similarity.article_figures(stored, made, "stored")


def versions(corpus: Corpus, made: Outcome) -> Found:
    """Measure versions of pages, which have their near-duplicates and no furniture."""
    return clean_text(corpus, made, Targets(), *articles(corpus, made))


def licences(corpus: Corpus, made: Outcome) -> Found:
    """Measure families of near-duplicates."""
    return articles(corpus, made), []


SETS: dict[str, Callable[[Corpus, Outcome], Found]] = {
    "sites_de": sites,
    "wikinews_de": news,
    "laws_de": laws,
    "speeches_de": speeches,
    "manpages": manuals,
    "tos_multi": translations,
    "legal_de": shops,
    "terms_versions": versions,
    "licences": licences,
}


OF_PAGES: dict[str, Callable[[list[Record]], Found]] = {
    "pages_dev": pages.figures,
    "stress": stress.figures,
}
"""What is measured on pages that have their labels a line, by the name of the table; all on the set PAGES."""

PAGES = "pages_dev"

CRAWL_SET, SPLITTING = "crawl", "split_sentences"

NAMES = (CRAWL_SET, *SETS, *OF_PAGES, SPLITTING)
"""All that has floors."""


def measure(folder: Path, chosen: Collection[str] = NAMES) -> Iterator[Measured]:
    """Measure every chosen set that a folder holds."""
    if CRAWL_SET in chosen and (folder / CRAWL_GOLD).is_file():
        corpus = read_crawl(folder)
        yield Measured(CRAWL_SET, corpus.digest, crawl(corpus, outcome.clean_files(folder / CRAWL, corpus.records)))
    for name, figures_of in SETS.items():
        if name in chosen and path_of(folder, name).is_file():
            corpus = read_set(path_of(folder, name))
            yield Measured(name, corpus.digest, *figures_of(corpus, outcome.clean(corpus.records)))
    if path_of(folder, PAGES).is_file():
        for name, measured in OF_PAGES.items():
            if name in chosen:
                corpus = read_set(path_of(folder, PAGES))
                yield Measured(name, corpus.digest, *measured(corpus.records))
    treebanks, legal = sentences.treebanks(folder), folder / sentences.LEGAL
    if SPLITTING in chosen and treebanks and legal.is_file():
        split = segmentation.ours()
        scores, consistencies = sentences.treebank_scores(treebanks, split)
        consistencies["legal_de"] = sentences.legal_consistency(legal, split)
        digest = digest_of([*treebanks, legal])
        yield Measured(SPLITTING, digest, sentences.figures_of(scores, consistencies))


def path_of(folder: Path, name: str) -> Path:
    """Return where a set lies."""
    return folder / f"{name}.jsonl.zst"
