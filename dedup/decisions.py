"""Decisions as data: one JSON object a line, the audit log and what `apply` replays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from dedup.config import Config
from dedup.errors import StateError

FORMAT = 1
"""Version of the file format; a file of another version is refused."""

Action = Literal["drop", "cut", "flag"]
Reason = Literal["exact-duplicate", "near-duplicate", "repeat", "boilerplate"]


class KeptSpan(msgspec.Struct, frozen=True):
    """The first copy of a repeat: code points of the same document's original text, end exclusive."""

    start: int
    end: int


class Decision(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What happens to a document or to a span of it, why, and on what evidence.

    Attributes:
        document: The document's id, which need not be unique; file and record are what identifies it.
        source: The site or collection it is from.
        file: Its file, relative to the input folder.
        record: 1-based record in the file (line of a JSON Lines file, row of a table, 1 for a text file).
        action: `drop` the document, `cut` the span, or `flag`: leave it and say why it was suspicious.
        reason: The kind of duplication.
        similarity: Exact Jaccard similarity to the keeper, 0-1.
        containment: Exact share of the document's shingles that the keeper has, 0-1, where it holds nearly all of them.
        keeper: For a drop the id of the article that stays; for a repeat the span of the copy that stays.
        keeper_file: For a drop, the keeper's file.
        keeper_record: For a drop, the keeper's record.
        start: First code point of the span in the original text.
        end: One past its last.
        text: What goes.
        documents: For boilerplate, how many documents of the source carry it.
        articles: The same, with all versions of an article counted once; this is what was compared with the threshold.
        template: For boilerplate, the id of the template in the report.
        why: For a flag, what was suspicious and why it stays.
    """

    document: str
    source: str
    file: str
    record: int
    action: Action
    reason: Reason
    similarity: float | None = None
    containment: float | None = None
    keeper: str | KeptSpan | None = None
    keeper_file: str | None = None
    keeper_record: int | None = None
    start: int | None = None
    end: int | None = None
    text: str | None = None
    documents: int | None = None
    articles: int | None = None
    template: str | None = None
    why: str | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a decisions file: under what rules the decisions were made."""

    format: int
    dedup: str
    fingerprint: str
    segmenter: str
    config: dict[str, object]
    inputs: list[str]


def header(config: Config, inputs: list[str]) -> Header:
    """Describe this program and this configuration."""
    from dedup import __version__
    from dedup.segment import SEGMENTER_VERSION

    return Header(
        format=FORMAT,
        dedup=__version__,
        fingerprint=config.fingerprint(),
        segmenter=SEGMENTER_VERSION,
        config=dataclasses.asdict(config),
        inputs=inputs,
    )


def write(file: BinaryIO, head: Header, decisions: Iterable[Decision]) -> None:
    """Write the header and the decisions, in the order given, which is input order."""
    encoder = msgspec.json.Encoder()
    file.write(encoder.encode(head) + b"\n")
    file.writelines(encoder.encode(decision) + b"\n" for decision in decisions)


def read_header(path: Path) -> Header:
    """Read the first line; raises StateError if this is no decisions file, or one of another format or segmenter."""
    from dedup.segment import SEGMENTER_VERSION

    with path.open("rb") as file:
        line = file.readline()
    try:
        head = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(
            f"this is no decisions file ({error})", file=str(path), line=1, hint="Make one with 'dedup scan'."
        ) from error
    if head.format != FORMAT or head.segmenter != SEGMENTER_VERSION:
        raise StateError(
            f"made by dedup {head.dedup} (format {head.format}, segmenter {head.segmenter}), not by this version",
            file=str(path),
            line=1,
            hint="Run 'dedup scan' again.",
        )
    return head


def read(path: Path) -> Iterator[Decision]:
    """Read the decisions after the header; raises StateError with the line of the first that is damaged."""
    decoder = msgspec.json.Decoder(Decision)
    with path.open("rb") as file:
        file.readline()
        for number, line in enumerate(file, start=2):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise StateError(
                    f"this decision is damaged ({error})", file=str(path), line=number, hint="Run 'dedup scan' again."
                ) from error
