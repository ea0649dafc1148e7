"""Wordings of one template: lines that nearly say the same, counted together.

A site changes its newsletter line now and then, or puts another name into "Zuletzt aktualisiert von ...". Each wording
may stand in too few articles to be boilerplate, and all of them together in enough. The texts are not at hand when
lines are counted, so a sample of every source is read once more; what is found there are wordings, by their keys. How
many articles carry them is then counted over all documents.

What is alike need not be boilerplate: reports on results, weather and prices are alike, too. Hence one wording must be
suspicious by itself before any goes; a wording that few articles carry goes only beside a surer line
(`boilerplate.mark`); lines with plain numbers are not compared; and lines of which one page has several are no wordings
of one template but rows of a list.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import lsh, signature
from dedup.boilerplate import DATED, EXACT, SUSPICIOUS_ARTICLES, Occurrences, Templates, line_keys
from dedup.columns import Column, concatenate
from dedup.config import Config
from dedup.edit import take_rows
from dedup.model import Batch, Wanted
from dedup.segment import Segments, frozen, tables
from dedup.versions import differs, mix

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

SAMPLE_DOCUMENTS = 100
"""Documents of a source that are read again. Chosen: a wording that 3 % of them carry is met with a probability of
0.95; 10,000 documents of seven sources take 4 % longer, and of a large corpus next to nothing is read twice."""

NARROWEST, WIDEST = 25, 300
"""Columns of a line that is compared. Below 25 no similarity tells "artikel teilen" from "artikel drucken" (measured on
2,500 sentences); what is longer is nearly always a paragraph of the article."""

SIMILARITY = 0.7
"""Least exact Jaccard similarity of a wording to the main one, of their sets of three characters in a row. Measured on
2,500 sentences against 22,600 others: at 0.7 both pairs found are right, at 0.6 the first wrong ones appear."""

HASHES, RECALL, SEED = 64, 0.98, 1
"""Of the MinHash signatures: a pair at the least similarity is compared with a probability of 0.98 or more."""

MAIN_ARTICLES = 2
"""Different articles that carry the main wording, word for word. From SUSPICIOUS_ARTICLES its wordings go, below that
they are flagged. Chosen."""

MOST_LISTED = 0.1
"""Share of the carrying documents that may have two of the wordings. Wordings exclude one another; rows of a list and
results of a day do not. Chosen."""

REACH = 16
"""Main wordings compared per bucket."""

WORDING_SALT = 10
"""Sets the band keys of each source and label apart."""


class Sample:
    """Some documents of each source: those whose texts have the smallest hashes, whatever the order of the input."""

    def __init__(self, size: int = SAMPLE_DOCUMENTS) -> None:
        self._size = size
        self._chosen = [np.zeros(0, np.uint64), *(np.zeros(0, np.int64) for _ in range(3))]
        self._pending: list[list[npt.NDArray[np.generic]]] = []
        self._waiting = 0

    def add(self, batch: Batch, sources: Ints, hashes: Keys) -> None:
        """Note the documents of a batch; `sources` numbers the source of each, `hashes` its text."""
        self._pending.append([hashes, sources, batch.files, batch.records])
        self._waiting += len(batch)
        if self._waiting > self._size + len(self._chosen[0]):
            self._choose()

    def wanted(self) -> Wanted:
        """Return where the chosen documents are."""
        self._choose()
        _, _, files, records = self._chosen
        order = np.lexsort((records, files))
        return Wanted(files[order].astype(np.int32), records[order].astype(np.int64))

    def _choose(self) -> None:
        columns = [np.concatenate(column) for column in zip(self._chosen, *self._pending, strict=True)]
        self._pending.clear()
        self._waiting = 0
        order = np.lexsort((columns[0], columns[1]))
        columns = [column[order] for column in columns]
        hashes, sources = columns[:2]
        new = differs(sources)
        # Of equal texts one says all; which of them is all the same.
        different = new | differs(hashes)
        ranks = np.cumsum(different) - 1
        firsts = ranks[new]
        places = ranks - np.repeat(firsts, np.diff(np.append(np.flatnonzero(new), len(ranks))))
        self._chosen = [column[different & (places < self._size)] for column in columns]


class Wordings(NamedTuple):
    """Different lines of some documents.

    Attributes:
        keys: uint64[wordings], as lines are counted by: dates masked, mixed with the source.
        kinds: uint8[wordings], EXACT or DATED.
        sources: int64[wordings].
        labels: uint64[wordings], the key of what stands before the first colon, 0 without a label.
        texts: One line for each key.
    """

    keys: Keys
    kinds: npt.NDArray[np.uint8]
    sources: Ints
    labels: Keys
    texts: Column

    @classmethod
    def join(cls, parts: list[Wordings]) -> Wordings:
        """Put wordings together, each key once, ordered by key."""
        nothing = np.zeros(0, np.int64)
        keys = nothing.astype(np.uint64)
        parts = [cls(keys, nothing.astype(np.uint8), nothing, keys, Column.of([])), *parts]
        keys, kinds, sources, labels = (np.concatenate([part[i] for part in parts]) for i in range(4))
        first = _first_of_each(keys, labels)
        texts = take_rows(concatenate([part.texts for part in parts]), first)
        return cls(keys[first], kinds[first], sources[first], labels[first], texts)


def wordings(texts: Column, segments: Segments, fragments: Bools, sources: Ints, source_keys: Keys) -> Wordings:
    """Return the lines of some documents that can be wordings of a template.

    Args:
        texts: The texts.
        segments: Their segments.
        fragments: bool[lines], the lines that are no units.
        sources: int64[texts], the number of each one's source.
        source_keys: uint64[texts], a hash of its name.
    """
    exact, dated, counted, _ = line_keys(segments, fragments, source_keys)
    keys = np.where(dated != 0, dated, exact)
    kinds = np.where(dated != 0, DATED, EXACT).astype(np.uint8)
    # The same words with other numbers are news: prices, results, degrees.
    is_plain = (keys != 0) & (counted == 0)
    lines = np.flatnonzero(is_plain & (segments.line_width >= NARROWEST) & (segments.line_width <= WIDEST))
    lines = lines[_first_of_each(keys[lines], segments.line_label[lines])]
    rows = np.searchsorted(segments.line_offsets, lines, side="right") - 1
    spans = zip(segments.line_start[lines].tolist(), segments.line_text_end[lines].tolist(), strict=True)
    data = texts.data.tobytes()
    lines_texts = Column.join([data[start:end] for start, end in spans])
    return Wordings(keys[lines], kinds[lines], sources[rows], segments.line_label[lines], lines_texts)


def count(occurrences: Occurrences, found: Wordings, config: Config) -> Templates:
    """Count lines, those that are wordings of one template together.

    Wordings that even together stand in too few articles are counted alone.
    """
    templates, (keys, documents) = occurrences.count(config, found.keys)
    at = np.searchsorted(found.keys, keys)
    articles = _distinct(at, occurrences.versions()[documents], len(found.keys))
    # The main wording of a group is the one that most articles carry.
    rank = np.lexsort((found.keys, -articles))
    mains, similarities = tie(found, rank, articles >= MAIN_ARTICLES)
    groups = mains[at]
    at, groups, documents = at[groups >= 0], groups[groups >= 0], documents[groups >= 0]
    pooled = _distinct(groups, occurrences.versions()[documents], len(found.keys))
    carriers = _distinct(groups, documents, len(found.keys))
    several = np.bincount(groups, minlength=len(found.keys)) - carriers
    sizes = np.bincount(mains[mains >= 0], minlength=len(found.keys))
    is_one = (
        (sizes > 1)
        & (pooled >= occurrences.least(config, config.template_share)[found.sources])
        & (several <= MOST_LISTED * carriers)
    )
    members = np.flatnonzero((mains >= 0) & is_one[mains])
    main = mains[members]
    added = Templates(
        keys=found.keys[members],
        kinds=found.kinds[members],
        articles=pooled[main],
        documents=carriers[main],
        sources=found.sources[members],
        often=articles[main] >= SUSPICIOUS_ARTICLES,
        rare=articles[members] < SUSPICIOUS_ARTICLES,
        mains=found.keys[main],
        similarities=similarities[members],
    )
    other = ~np.isin(templates.keys, added.keys)
    return Templates.join([Templates._make(column[other] for column in templates), added])


def tie(found: Wordings, rank: Ints, recurs: Bools) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Tie each wording to the main wording of its source that it is most like, if both have the same label, or none.

    "Lesen Sie auch: Der Hafen wird tiefer" is no wording of the title of that article.

    Args:
        found: The wordings.
        rank: int64[wordings], the wordings in the order in which they may become main ones.
        recurs: bool[wordings], may be a main wording.

    Returns:
        int64[wordings], the main wording, itself for a main one, -1 for none; float64[wordings], the exact similarity.
    """
    from dedup.kernels import variants as kernels

    count = len(found.keys)
    if not recurs.any():
        return np.full(count, -1), np.zeros(count)
    starts, ends = found.texts.offsets[:-1][rank], found.texts.offsets[1:][rank]
    offsets = np.zeros(count + 1, np.int64)
    shape = lsh.choose_bands(SIMILARITY, HASHES, RECALL)
    signatures = np.full((count, HASHES), 0xFFFFFFFF, np.uint32)
    ranked_mains, ranked_similarities = np.empty(count, np.int64), np.empty(count, np.float64)
    with np.errstate(over="ignore"):
        hashes = kernels.shingle_lines(found.texts.data, frozen(starts), frozen(ends), *tables(), offsets)
        kernels.sign_sets(hashes, offsets, *signature.permutations(HASHES, SEED), signatures)
        alike = mix(found.labels[rank], found.sources[rank].astype(np.uint64), WORDING_SALT)
        keys = (mix(band, alike, WORDING_SALT) for band in signature.band_keys(signatures, *shape).T)
        buckets = lsh.buckets(keys, count)
        kernels.tie(
            buckets, hashes, offsets, recurs[rank], SIMILARITY, REACH, ranked_mains, ranked_similarities
        )  # fmt: skip
    mains, similarities = np.empty(count, np.int64), np.empty(count, np.float64)
    mains[rank] = np.where(ranked_mains < 0, -1, rank[ranked_mains])
    similarities[rank] = ranked_similarities
    return mains, similarities


def _first_of_each(keys: Keys, labels: Keys) -> Ints:
    """Return where each key stands, once, by ascending key; where labels differ in a date, with the least of them."""
    order = np.lexsort((labels, keys))
    return order[differs(keys[order])]


def _distinct(groups: Ints, values: Ints, size: int) -> Ints:
    """Count the different values that come with each group: int64[size]."""
    order = np.lexsort((values, groups))
    new = differs(groups[order]) | differs(values[order])
    return np.bincount(groups[order][new], minlength=size)
