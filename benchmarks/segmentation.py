"""Measure the segmenter against the libraries that are installed: accuracy, consistency, speed.

    python benchmarks/segmentation.py DATA_DIR [--json] [--megabytes 50]

DATA_DIR holds sentences_ud_*.jsonl.zst (text and gold spans), sentences_legal_de.jsonl.zst and
wikinews_de.jsonl.zst.
Peers are used where they can be imported: sentencex, PyICU (pyicu-wheels), nupunkt, pysbd.

F1 is over the boundaries between the sentences of one text; trailing white space does not count, nor does the
end of the text, which nobody can miss. Where a set has one sentence a text, twelve are joined. Consistency is
the share of gold sentences ending in a terminator that come out as exactly one segment both times when
planted between two different pairs of neighbours.
"""

from __future__ import annotations

import importlib
import io
import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import zstandard

Spans = list[tuple[int, int]]
Splitter = Callable[[str, str], Spans]
"""Takes a text and its language, returns code-point spans in order; gaps count as white space."""

UNSPACED = ("zh", "ja")
JOINED = 12
TERMINATORS = tuple(".!?。！？؟۔।…")
CLOSERS = "\"'”’»«“)]」』"


def read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        for line in io.TextIOWrapper(stream, "utf-8", newline="\n"):
            yield json.loads(line)


def ours() -> Splitter:
    from dedup.segment import split_sentences

    return lambda text, language: split_sentences(text)


def sentencex() -> Splitter:
    module = importlib.import_module("sentencex")

    def split(text: str, language: str) -> Spans:
        return [(b["start_index"], b["end_index"]) for b in module.get_sentence_boundaries(language, text)]

    return split


def pyicu() -> Splitter:
    icu = importlib.import_module("icu")

    def split(text: str, language: str) -> Spans:
        breaker = icu.BreakIterator.createSentenceInstance(icu.Locale(language))
        breaker.setText(text)
        ends = list(breaker)
        if any(ord(c) > 0xFFFF for c in text):
            code_points = [0]
            for index, character in enumerate(text):
                code_points += [index + 1] * (2 if ord(character) > 0xFFFF else 1)
            ends = [code_points[end] for end in ends]
        return list(zip([0, *ends], ends, strict=False))

    return split


def nupunkt() -> Splitter:
    module = importlib.import_module("nupunkt")
    return lambda text, language: module.sent_spans(text)


def pysbd() -> Splitter:
    module = importlib.import_module("pysbd")
    codes = importlib.import_module("pysbd.languages").LANGUAGE_CODES
    segmenters = {}

    def split(text: str, language: str) -> Spans:
        known = language if language in codes else "en"
        if known not in segmenters:
            segmenters[known] = module.Segmenter(language=known, clean=False, char_span=True)
        return [(span.start, span.end) for span in segmenters[known].segment(text)]

    return split


SPLITTERS = {"dedup": ours, "sentencex": sentencex, "PyICU": pyicu, "nupunkt": nupunkt, "pysbd": pysbd}


def installed() -> dict[str, Splitter]:
    found = {}
    for name, make in SPLITTERS.items():
        try:
            found[name] = make()
        except ImportError:
            click.echo(f"{name} is not installed", err=True)
    return found


def visible(text: str, spans: Spans) -> Spans:
    """Trim white space off spans and leave out blank ones."""
    trimmed = []
    for start, end in spans:
        piece = text[start:end]
        if piece.strip():
            trimmed.append((start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())))
    return trimmed


def gold_texts(path: Path) -> tuple[str, list[tuple[str, Spans]]]:
    """Return the language of a set and its texts with their gold spans."""
    records = list(read(path))
    language = records[0]["lang"]
    texts = [(r["text"], [(start, end) for start, end in r["spans"]]) for r in records]
    if all(len(spans) == 1 for _, spans in texts):
        gap = "" if language in UNSPACED else " "
        texts = [join([t for t, _ in texts[i : i + JOINED]], gap) for i in range(0, len(texts), JOINED)]
    return language, texts


def gold_sentences(record: dict[str, Any]) -> list[str]:
    return [record["text"][start:end] for start, end in visible(record["text"], record["spans"])]


def join(sentences: list[str], gap: str) -> tuple[str, Spans]:
    spans: Spans = []
    at = 0
    for sentence in sentences:
        spans.append((at, at + len(sentence)))
        at += len(sentence) + len(gap)
    return gap.join(sentences), spans


def f1(split: Splitter, language: str, texts: list[tuple[str, Spans]]) -> float:
    hits = predicted = expected = 0
    for text, gold in texts:
        want = {end for _, end in visible(text, gold)[:-1]}
        got = {end for _, end in visible(text, split(text, language))[:-1]}
        hits += len(want & got)
        predicted += len(got)
        expected += len(want)
    return 2 * hits / (predicted + expected)


def consistency(split: Splitter, language: str, sentences: list[str], sample: int = 1000) -> float:
    gap = "" if language in UNSPACED else " "
    usable = [s for s in dict.fromkeys(sentences) if s.rstrip(CLOSERS).endswith(TERMINATORS) and "\n" not in s]
    chosen = random.Random(1)  # noqa: S311 - reproducible, not secret
    planted = usable if len(usable) <= sample else chosen.sample(usable, sample)
    same = 0
    for sentence in planted:
        found = 0
        for _ in range(2):
            before, after = chosen.choice(usable), chosen.choice(usable)
            text, spans = join([before, sentence, after], gap)
            found += spans[1] in visible(text, split(text, language))
        same += found == 2
    return same / len(planted)


def megabytes_a_second(split: Splitter, texts: list[str], limit_s: float = 5) -> float:
    split(texts[0], "de")
    size = 0
    start = time.perf_counter()
    for text in texts:
        split(text, "de")
        size += len(text.encode())
        if time.perf_counter() - start > limit_s:
            break
    return size / (time.perf_counter() - start) / 1e6


def kernel_speed(texts: list[str], megabytes: float) -> float:
    """Return MB/s of segmentation with both keys over one column, the best of three runs."""
    from dedup.columns import Column
    from dedup.segment import segment

    copies = max(1, round(megabytes * 1e6 / sum(len(text.encode()) for text in texts)))
    column = Column.of(texts * copies)
    segment(Column.of(texts[:1]))
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        segment(column)
        best = max(best, column.data.size / (time.perf_counter() - start) / 1e6)
    return best


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--megabytes", default=50.0, show_default=True, help="Size of the text the speed is measured on.")
def main(data: Path, as_json: bool, megabytes: float) -> None:
    """Print F1, consistency and speed of every splitter that is installed."""
    splitters = installed()
    rows: dict[str, dict[str, float]] = {}
    for path in sorted(data.glob("sentences_ud_*.jsonl.zst")):
        name = path.name.removeprefix("sentences_ud_").removesuffix(".jsonl.zst")
        language, texts = gold_texts(path)
        sentences = [text[start:end] for text, spans in texts for start, end in visible(text, spans)]
        rows[f"F1 {name}"] = {s: f1(split, language, texts) for s, split in splitters.items()}
        rows[f"consistency {name}"] = {s: consistency(split, language, sentences) for s, split in splitters.items()}
    legal = [s for r in itertools.islice(read(data / "sentences_legal_de.jsonl.zst"), 30) for s in gold_sentences(r)]
    rows["consistency legal_de"] = {s: consistency(split, "de", legal) for s, split in splitters.items()}
    scores = [values for label, values in rows.items() if label.startswith("F1")]
    rows["F1 mean"] = {s: sum(values[s] for values in scores) / len(scores) for s in splitters}
    news = [record["text"] for record in read(data / "wikinews_de.jsonl.zst")]
    rows["MB/s, one article a call"] = {s: megabytes_a_second(split, news) for s, split in splitters.items()}
    rows["MB/s, a column, both keys"] = {"dedup": kernel_speed(news, megabytes)}
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    click.echo(f"{'':32}" + "".join(f"{s:>11}" for s in splitters))
    for label in sorted(rows):
        scale = 1 if label.startswith("MB/s") else 100
        values = (f"{rows[label][s] * scale:11.1f}" if s in rows[label] else f"{'':>11}" for s in splitters)
        click.echo(f"{label:32}" + "".join(values))


if __name__ == "__main__":
    main()
