"""Text of which nothing may go: laws, speeches, manuals, news. Who is cut here eats text."""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import dedup
from figures import outcome
from figures.corpora import Record, digest_of
from figures.figure import Figure, loss, mistakes, share
from figures.outcome import Outcome, Spans

LEAST_SIMILARITY = 0.5
"""Documents less alike than this as they came are no duplicates, whatever is left of them after cuts."""

MARKDOWN = (".md", ".md.gz")

NOTES = re.compile(r"(?m)^(?:ÜBERSETZUNG|TRADUCTION|TRADUCCIÓN|TŁUMACZENIE|ПЕРЕВОД|翻訳|この文書について)$(?s:.*)\Z")
"""The note on its translation with which a manual page ends: the one piece of the sets that is furniture."""

SHOWN_CHARS = 120

COLUMNS = (
    "cut_as_repeats",
    "cut_as_boilerplate",
    "characters_cut",
    "lines_cut_that_stand_once",
    "exact_duplicates_that_differ_in_words",
    "drops_unlike_as_they_came",
)
"""What is asked of every such set."""


class Targets(NamedTuple):
    """Highest shares of the visible characters of a set that may be cut, where there is a target."""

    boilerplate: float | None = 0.0001
    all_cuts: float | None = None


def figures(records: Sequence[Record], made: Outcome, targets: Targets) -> tuple[list[Figure], list[str]]:
    """Return what was cut and dropped, and the lines that were cut although no other document has them."""
    once = list(standing_once(records, made.cuts_for["boilerplate"]))
    unlike = [pair for pair in made.keepers.items() if _jaccard(records, *pair) < LEAST_SIMILARITY]
    untrue = [pair for pair in made.keepers.items() if pair[0] in made.called_exact and _differ(records, *pair)]
    found = [
        cut_share(COLUMNS[0], records, made.cuts_for["repeat"]),
        cut_share(COLUMNS[1], records, made.cuts_for["boilerplate"], targets.boilerplate),
        cut_share(COLUMNS[2], records, made.cuts, targets.all_cuts),
        *(mistakes(name, len(those), 0) for name, those in zip(COLUMNS[3:], (once, untrue, unlike), strict=True)),
    ]
    names = [str(record.get("id", record.get("file"))) for record in records]
    notes = [f"stands once: {names[number]}: {line[:SHOWN_CHARS]}" for number, line in once]
    notes += [f"said to be exact: {names[a]} and {names[b]}" for a, b in untrue]
    notes += [f"unlike as they came: {names[a]} and {names[b]}" for a, b in unlike]
    return found, notes


def cut_share(name: str, records: Sequence[Record], cuts: Sequence[Spans], target: float | None = None) -> Figure:
    """Say which share of the visible characters is cut."""
    read = sum(_visible(record["text"]) for record in records)
    gone = sum(_visible(r["text"][start:end]) for r, spans in zip(records, cuts, strict=True) for start, end in spans)
    return loss(name, gone, read, target)


def standing_once(records: Sequence[Record], cuts: Sequence[Spans]) -> Iterator[tuple[int, str]]:
    """Yield the cut lines, and parts of lines, that no other document of their source has, with their documents."""
    carried: dict[str, Counter[str]] = defaultdict(Counter)
    texts: dict[str, list[str]] = defaultdict(list)
    for record in records:
        source = record.get("source") or ""
        carried[source].update({line.strip() for line in record["text"].splitlines()})
        texts[source].append(record["text"])
    for number, (record, spans) in enumerate(zip(records, cuts, strict=True)):
        source = record.get("source") or ""
        for line, part in cut_lines(record["text"], spans):
            whole = part == line
            if (carried[source][line] if whole else sum(part in text for text in texts[source])) == 1:
                yield number, part


def cut_lines(text: str, spans: Spans) -> Iterator[tuple[str, str]]:
    r"""Yield each line that is cut, and what of it is; white space at the ends is left out.

    >>> list(cut_lines("one\ntwo three\nfour\n", [(0, 4), (8, 19)]))
    [('one', 'one'), ('two three', 'three'), ('four', 'four')]
    """
    if not spans:
        return
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        for low, high in spans:
            if part := text[max(low, start) : min(high, end)].strip():
                yield line.strip(), part
        start = end


def translators_notes(records: Sequence[Record], made: Outcome) -> list[Figure]:
    """Say how much goes of the notes on translations, and how much is cut as boilerplate beside them."""
    notes = cut = beside = read = 0
    for record, spans in zip(records, made.cuts_for["boilerplate"], strict=True):
        text = record["text"]
        found = NOTES.search(text)
        begin = found.start() if found else len(text)
        read += _visible(text)
        notes += _visible(text[begin:])
        cut += sum(_visible(text[max(start, begin) : end]) for start, end in spans)
        beside += sum(_visible(text[start : min(end, begin)]) for start, end in spans)
    return [
        share("translators_notes_cut", cut, notes),
        loss("share_that_is_translators_notes", notes, read),
        loss("cut_as_boilerplate_beside_translators_notes", beside, read),
    ]


def markdown(folder: Path) -> tuple[str, list[Figure], list[str]]:
    """Clean a copy of the Markdown files below a folder as the command does; return their hash, figures and notes.

    Files of other kinds are left aside, so that the folder of an installed package of documentation will do.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith(MARKDOWN))
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / "docs"
        records: list[Record] = []
        for path in paths:
            name = path.relative_to(folder)
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy / name)
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            records.append({"file": name.as_posix(), "record": 1, "text": content.decode()})
        found = figures(records, outcome.clean_files(copy, records), Targets())
    return (digest_of(paths), *found)


def _visible(text: str) -> int:
    return len("".join(text.split()))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def _differ(records: Sequence[Record], document: int, keeper: int) -> bool:
    return _words(records[document]["text"]) != _words(records[keeper]["text"])


def _jaccard(records: Sequence[Record], document: int, keeper: int) -> float:
    return dedup.jaccard(records[document]["text"], records[keeper]["text"])
