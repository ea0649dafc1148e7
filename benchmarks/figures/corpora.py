"""The labelled sets: where they are, what they hold, and a hash that says which version of them was measured."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

Record = dict[str, Any]

CRAWL, CRAWL_GOLD = "crawl", "crawl.expected.json"


class Corpus(NamedTuple):
    """A labelled set.

    Attributes:
        digest: 16 hex digits of the SHA-256 of its files.
        records: One a document, with `text` at least. Gold stands in `boilerplate` and `repeats` (lists of
            [start, end, ...], code points), `cluster` and `situation`, where the set has it.
    """

    digest: str
    records: list[Record]


def read_set(path: Path) -> Corpus:
    """Read a set from compressed JSON Lines."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        records = [json.loads(line) for line in io.TextIOWrapper(stream, "utf-8", newline="\n")]
    return Corpus(digest_of([path]), records)


def read_crawl(folder: Path) -> Corpus:
    """Read the made-up crawl of `fixtures`, each document with the gold that lies beside it."""
    crawl, gold = folder / CRAWL, folder / CRAWL_GOLD
    expected = json.loads(gold.read_text(encoding="utf-8"))["documents"]
    texts = {name: _texts(crawl / name) for name in {document["file"] for document in expected}}
    records = [
        {
            "file": document["file"],
            "record": document["record"],
            "text": texts[document["file"]][document["record"] - 1],
            "stays": document["stays"],
            "situation": document["situation"],
            "boilerplate": [_span(cut) for cut in document["cuts"] if cut["kind"] == "boilerplate"],
            "repeats": [_span(cut) for cut in document["cuts"] if cut["kind"] == "repeat"],
        }
        for document in expected
    ]
    return Corpus(digest_of([gold, *sorted(path for path in crawl.rglob("*") if path.is_file())]), records)


def digest_of(paths: list[Path]) -> str:
    """Return 16 hex digits that change when a file does."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _texts(path: Path) -> list[str]:
    """Return the texts of a file, line endings as they are."""
    content = path.read_bytes().decode()
    return [json.loads(line)["text"] for line in content.splitlines()] if path.suffix == ".jsonl" else [content]


def _span(cut: Record) -> list[int]:
    return [cut["start"], cut["end"]]
