"""Make a news-like corpus of any size, with near-duplicates of known similarity, boilerplate and repeated captions.

    python benchmarks/corpus.py 100000 corpus.jsonl [--seed 7] [--labels labels.jsonl]

The name decides the format: .jsonl, .jsonl.gz, .jsonl.zst or .parquet. Nothing is downloaded and no word list is
needed: the vocabularies, one like English and one like German, are built from syllables.

Articles have a lognormal length (median 330 words) and words after a Zipf-Mandelbrot law, 15 % of them German. A
fifth of the documents are copies of others: clusters of 2 to 20, edited to a similarity of 0.5 to 0.98. Seventy
percent carry one to four of 400 sentences that all share, each a paragraph of its own, and a quarter say a caption
two or three times.

Every document is a function of the seed and of its number, so the corpus is written in one stream, in an order that
scatters the copies, and any two machines with the same generators of numpy write the same one.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click
import numpy as np
import numpy.typing as npt
import zstandard

Generator = np.random.Generator
Sentence = list[str]

SHINGLE_WORDS = 5
COPIES = 0.2
GERMAN_ARTICLES = 0.15
CAPTIONED = 0.25
SIMILARITIES = (0.98, 0.95, 0.92, 0.9, 0.87, 0.84, 0.82, 0.8, 0.78, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)
"""What copies are edited to, in turn: Jaccard similarity of the word 5-grams to the article they are copies of."""
EDITS = ("words", "passage", "words", "cut", "mixed")
SOURCES = tuple(
    f"{name}.example" for name in ("abendpost", "courier", "daily", "herald", "kreisblatt", "wire", "wochenbote")
)
BOILERPLATE = 400
BOILERPLATE_PER_DOCUMENT = (0.3, 0.25, 0.2, 0.15, 0.1)
"""Shares of documents with 0, 1, 2, 3 and 4 such sentences."""
VOCABULARY = 60_000
QUANTILES = 1 << 20
"""Steps of the Zipf law's table; at 60,000 words the rarest is one of them."""
BATCH = 5_000

ENGLISH = (
    "b br c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sh sl st t th tr v w",
    "a e i o u ai ea ee ou oo",
    "b ck d f l ll m n nd ng nt p r rd s ss st t th x",
    "the of and to in a is that for it was on with as at by from be has he have are this not said but they his",
)
GERMAN = (
    "b bl br d dr f fl g gr h k kl l m n p pf r s sch schl spr st t tr w z zw",
    "a e i o u ä ö ü au ei eu ie",
    "b ch cht ck f g l ll m n nd ng nn r rt s ß st t tz",
    "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an er hat",
)
"""Onsets, vowels, codas (none is one, too) and the most frequent words."""


class Label(NamedTuple):
    """What is known of a document.

    Attributes:
        id: Its id.
        cluster: Number of the article it is, or is a copy of.
        copy: 0 for the article itself, else the number of the copy.
        similarity: What the body was edited to; 1 for the article itself.
        edit: How, one of EDITS; empty for the article itself.
        same_frame: Whether boilerplate and captions are the article's own.
    """

    id: str
    cluster: int
    copy: int
    similarity: float
    edit: str
    same_frame: bool


class Language:
    """A vocabulary and how often each word of it is used."""

    def __init__(self, seed: int, *parts: str) -> None:
        rng = np.random.default_rng(seed)
        onsets, vowels, codas, frequent = (part.split() for part in parts)
        codas.append("")
        found: dict[str, None] = {}
        while len(found) < VOCABULARY:
            drawn = np.stack([rng.integers(0, len(part), (10_000, 4)) for part in (onsets, vowels, codas)], axis=2)
            counts = rng.choice(4, 10_000, p=[0.05, 0.35, 0.4, 0.2]) + 1
            for syllables, count in zip(drawn.tolist(), counts.tolist(), strict=True):
                found["".join(onsets[o] + vowels[v] + codas[c] for o, v, c in syllables[:count])] = None
        words = np.array(list(found)[:VOCABULARY], object)
        # Frequent words are short, but not strictly so.
        rank = np.array([len(word) for word in words]) + rng.normal(0, 3, len(words))
        ordered = frequent + [word for word in words[np.argsort(rank, kind="stable")] if word not in set(frequent)]
        shares = np.cumsum(1 / (np.arange(len(ordered)) + 3.7) ** 1.05)
        at = np.searchsorted(shares / shares[-1], (np.arange(QUANTILES) + 0.5) / QUANTILES)
        self._quantiles = np.array(ordered, object)[at]

    def words(self, rng: Generator, count: int) -> Sentence:
        """Draw words."""
        drawn: Sentence = self._quantiles[rng.integers(0, QUANTILES, count)].tolist()
        return drawn


@cache
def languages() -> tuple[Language, Language]:
    """Return the one like English and the one like German."""
    return Language(1, *ENGLISH), Language(2, *GERMAN)


def plain_sentence(language: Language, rng: Generator, count: int) -> str:
    """Write a sentence of so many words without punctuation inside."""
    return " ".join(language.words(rng, count)).capitalize() + "."


@cache
def boilerplate() -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return the shared sentences and the cumulative shares with which they are used."""
    rng = np.random.default_rng(3)
    sentences = [
        plain_sentence(languages()[number % 5 == 4], rng, int(rng.integers(8, 28))) for number in range(BOILERPLATE)
    ]
    shares = np.cumsum(1 / np.arange(1, BOILERPLATE + 1) ** 0.9)
    return sentences, shares / shares[-1]


def article(seed: int, number: int) -> tuple[list[Sentence], Language, Generator]:
    """Write the body of an article, as sentences of words with their punctuation; return the generator behind it."""
    rng = np.random.default_rng((seed, number))
    language = languages()[rng.random() < GERMAN_ARTICLES]
    count = int(np.clip(rng.lognormal(np.log(330), 0.55), 40, 4000))
    words = language.words(rng, count)
    lengths = rng.integers(7, 31, count // 7 + 1)
    chances = rng.random((len(lengths), 4)).tolist()
    sentences, start = [], 0
    for length, (comma, number_at, value, mark) in zip(lengths.tolist(), chances, strict=True):
        sentence = words[start : start + length]
        if not sentence:
            break
        start += length
        sentence[0] = sentence[0].capitalize()
        if number_at < 0.12:
            sentence[int(number_at / 0.12 * len(sentence))] = str(int(value * 2030))
        if len(sentence) > 9 and comma < 0.6:
            sentence[3 + int(comma * 10)] += ","
        sentence[-1] += "." if mark < 0.92 else "?" if mark < 0.96 else "!"
        sentences.append(sentence)
    return sentences, language, rng


def edited(body: list[Sentence], how: str, similarity: float, language: Language, rng: Generator) -> list[Sentence]:
    """Return a copy of a body whose shingles have about this Jaccard similarity to those of the original."""
    if how == "mixed":
        half = edited(body, "passage", similarity**0.5, language, rng)
        return edited(half, "words", similarity**0.5, language, rng)
    if how == "words":
        return _with_words_changed(body, similarity, language, rng)
    return _without_passage(body, similarity, language if how == "passage" else None, rng)


def _with_words_changed(body: list[Sentence], similarity: float, language: Language, rng: Generator) -> list[Sentence]:
    """Substitute, delete and insert single words, scattered at random.

    A shingle survives when none of its words is touched. Of n shingles in both texts n (1 - p) are shared and
    n (1 + p) in the union, so p = (1 - s) / (1 + s), and a word is touched with probability 1 - (1 - p)^(1/5).
    """
    touched = 1 - (1 - (1 - similarity) / (1 + similarity)) ** (1 / SHINGLE_WORDS)
    places = [(i, j) for i, sentence in enumerate(body) for j in range(len(sentence))]
    count = round(touched * len(places))
    chosen = rng.choice(len(places), count, replace=False)
    copy = [list(sentence) for sentence in body]
    # From behind, so that the places before stay what they are.
    places = [places[place] for place in sorted(chosen.tolist(), reverse=True)]
    for (i, j), chance, word in zip(places, rng.random(count).tolist(), language.words(rng, count), strict=True):
        if chance < 0.6:
            copy[i][j] = _dressed_as(word, copy[i][j])
        elif chance < 0.8:
            del copy[i][j]
        else:
            copy[i].insert(j, word)
    return [sentence for sentence in copy if sentence]


def _without_passage(
    body: list[Sentence], similarity: float, language: Language | None, rng: Generator
) -> list[Sentence]:
    """Rewrite one passage of consecutive words, or cut it where there is no language to rewrite it in.

    Rewriting r words spoils r + 4 of the n shingles on either side: s = (n - r - 4) / (n + r + 4). Cutting the end
    off leaves s = (n - r) / n.
    """
    places = [(i, j) for i, sentence in enumerate(body) for j in range(len(sentence))]
    shingles = len(places) - SHINGLE_WORDS + 1
    if language is None:
        i, j = places[-max(1, round((1 - similarity) * shingles))]
        return [*body[:i], *([body[i][:j]] if j else [])]
    length = max(1, round((1 - similarity) / (1 + similarity) * shingles) - SHINGLE_WORDS + 1)
    start = int(rng.integers(0, max(1, len(places) - length)))
    copy = [list(sentence) for sentence in body]
    for (i, j), word in zip(places[start : start + length], language.words(rng, length), strict=True):
        copy[i][j] = _dressed_as(word, copy[i][j])
    return copy


def _dressed_as(word: str, old: str) -> str:
    """Give a word the capital and the punctuation of the one it replaces."""
    mark = old[-1] if old[-1] in ".,?!" else ""
    return (word.capitalize() if old[0].isupper() else word) + mark


def frame(language: Language, rng: Generator) -> tuple[list[str], list[str], list[tuple[int, str]]]:
    """Draw boilerplate above and below, and captions with the paragraph each goes before."""
    sentences, shares = boilerplate()
    count = int(rng.choice(len(BOILERPLATE_PER_DOCUMENT), p=BOILERPLATE_PER_DOCUMENT))
    lines = [sentences[i] for i in np.searchsorted(shares, rng.random(count))]
    above = int(rng.integers(0, count + 1))
    captions: list[tuple[int, str]] = []
    if rng.random() < CAPTIONED:
        caption = plain_sentence(language, rng, int(rng.integers(5, 15)))
        captions = [(int(place), caption) for place in rng.integers(0, 8, int(rng.integers(2, 4)))]
    return lines[:above], lines[above:], captions


def body_and_text(seed: int, number: int, label: Label) -> tuple[str, str]:
    """Write one document: its body alone, and its whole text."""
    body, language, rng = article(seed, number)
    above, below, captions = frame(language, rng)
    layout = rng.integers(3, 7, len(body) + 8)
    if label.copy:
        rng = np.random.default_rng((seed, number, label.copy))
        body = edited(body, label.edit, label.similarity, language, rng)
        if not label.same_frame:
            above, below, captions = frame(language, rng)
    paragraphs, start = [], 0
    for length in layout.tolist():
        paragraphs.append(" ".join(itertools.chain.from_iterable(body[start : start + length])))
        start += length
        if start >= len(body):
            break
    plain = "\n\n".join(paragraphs)
    for place, caption in captions:
        paragraphs.insert(min(place, len(paragraphs)), caption)
    return plain, "\n\n".join([*above, *paragraphs, *below])


def labels(documents: int, seed: int) -> Iterator[Label]:
    """Draw up the corpus: what each document is, in the order in which they are written."""
    rng = np.random.default_rng((seed, 0, 0))
    copies = int(documents * COPIES)
    articles = documents - copies
    sizes = np.minimum(rng.geometric(0.35, copies), 19)
    large = rng.random(copies) < 0.03
    sizes[large] = rng.integers(7, 20, int(large.sum()))
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), copies)) + 1]
    sizes[-1:] -= sizes.sum() - copies
    clusters = np.concatenate([np.arange(articles), np.repeat(rng.permutation(articles)[: len(sizes)], sizes)])
    copy_numbers = np.concatenate([np.zeros(articles, np.int64), *(np.arange(1, size + 1) for size in sizes)])
    same_frames = rng.random(documents) < 0.5
    for place, row in enumerate(rng.permutation(documents).tolist()):
        turn, copy = row - articles, int(copy_numbers[row])
        similarity, edit = SIMILARITIES[turn % len(SIMILARITIES)], EDITS[turn // len(SIMILARITIES) % len(EDITS)]
        known = (similarity, edit, bool(same_frames[row])) if copy else (1.0, "", True)
        yield Label(f"d{place:08d}", int(clusters[row]), copy, *known)


def documents(count: int, seed: int) -> Iterator[tuple[Label, dict[str, str]]]:
    """Write the documents one after the other, each with its label."""
    sources = np.random.default_rng((seed, 0, 1)).integers(0, len(SOURCES), count)
    for label, source in zip(labels(count, seed), sources, strict=True):
        _, text = body_and_text(seed, label.cluster, label)
        yield label, {"id": label.id, "text": text, "source": SOURCES[source]}


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | Any]:
    if path.suffix == ".zst":
        with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as stream:
            yield stream
    elif path.suffix == ".gz":
        with gzip.open(path, "wb", compresslevel=6) as stream:
            yield stream
    else:
        with path.open("wb") as stream:
            yield stream


def encode(record: dict[str, Any]) -> bytes:
    """Write one line of JSON Lines."""
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def write(records: Iterable[dict[str, Any]], path: Path) -> None:
    """Write records in the format that the name asks for."""
    stream = iter(records)
    batches = iter(lambda: list(itertools.islice(stream, BATCH)), [])
    if path.suffix != ".parquet":
        with _opened(path) as file:
            for batch in batches:
                file.write(b"".join(map(encode, batch)))
        return
    import pyarrow as pa
    from pyarrow import parquet

    first = pa.Table.from_pylist(next(batches))
    with parquet.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for batch in batches:
            writer.write_table(pa.Table.from_pylist(batch, first.schema))


@click.command(help="Write a corpus of COUNT documents to PATH (.jsonl, .jsonl.gz, .jsonl.zst or .parquet).")
@click.argument("count", type=click.IntRange(10))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--seed", default=7, show_default=True, help="Another seed makes another corpus.")
@click.option("--labels", "labels_path", type=click.Path(path_type=Path), help="Write what is known of each here.")
def main(count: int, path: Path, seed: int, labels_path: Path | None) -> None:
    write((record for _, record in documents(count, seed)), path)
    if labels_path is not None:
        write((label._asdict() for label in labels(count, seed)), labels_path)


if __name__ == "__main__":
    main()
