"""Decisions as data: one JSON object a line, the audit log and what `apply` replays.

The header holds a digest of the whole file, so that one that was cut short or edited is refused, and not carried out in
part.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from dedup.config import Config
from dedup.errors import StateError, UsageError
from dedup.formats.digests import UNSEALED, Meter
from dedup.model import Span

FORMAT = 3
"""Version of the file format; a file of another version is refused."""

ENCODED = 1000
"""Decisions encoded at once."""

Action = Literal["drop", "cut", "flag"]
Reason = Literal["exact-duplicate", "near-duplicate", "repeat", "boilerplate"]
How = Literal["run", "link", "gap", "sign", "listed"]


class KeptSpan(msgspec.Struct, frozen=True, gc=False):
    """The first copy of a repeat: code points of the same document's original text, end exclusive."""

    start: int
    end: int


class Decision(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """What happens to a document or to a span of it, why, and on what evidence.

    Attributes:
        document: The document's id, which need not be unique; file and record are what identifies it.
        source: The site or collection it is from.
        file: Its file, relative to the input folder.
        record: 1-based record in the file (line of a JSON Lines file, row of a table, 1 for a text file).
        action: `drop` the document, `cut` the span, or `flag`: leave it and say why it was suspicious.
        reason: The kind of duplication.
        similarity: Exact Jaccard similarity, 0-1, to the keeper, as both are stored, of other sources without what the
            other one lost; 1 for an exact duplicate, which is equal to it as they came.
        similarity_original: For a near-duplicate that goes, and for one that stays since it is too low, the same of the
            two texts as they came, before anything was cut.
        containment: Exact share of the document's shingles that the keeper has, 0-1, where it holds nearly all of them.
        keeper: For a drop the id of the article that stays; for a repeat the span of the copy that stays.
        keeper_file: For a drop, the keeper's file.
        keeper_record: For a drop, the keeper's record.
        cuts: For a near-duplicate that goes, the spans of its text that do not count in `similarity`, since they would
            have gone in any case: what the keeper was compared with is the text without them.
        start: First code point of the span in the original text.
        end: One past its last.
        text: What goes.
        documents: For boilerplate, how many documents of the source carry the line, numbers and dates aside.
        articles: The same, with all versions of an article counted once.
        beside: For boilerplate, in how many of these articles it stands beside the same neighbour.
        how: For boilerplate, how it went, or would have gone: in a `run` of lines that recur; as a `link` to another
            article; between such lines, below the text (`gap`); as a number or `sign` between lines that go; as
            `listed` by the user.
        template: For boilerplate, the id of the template in the report; none for what stands once.
        why: For a flag, what was suspicious and why it stays.
    """

    document: str
    source: str
    file: str
    record: int
    action: Action
    reason: Reason
    similarity: float | None = None
    similarity_original: float | None = None
    containment: float | None = None
    keeper: str | KeptSpan | None = None
    keeper_file: str | None = None
    keeper_record: int | None = None
    cuts: list[Span] | None = None
    start: int | None = None
    end: int | None = None
    text: str | None = None
    documents: int | None = None
    articles: int | None = None
    beside: int | None = None
    how: How | None = None
    template: str | None = None
    why: str | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a decisions file: under what rules the decisions were made.

    Attributes:
        format: Version of the file format.
        dedup: Version of the program.
        fingerprint: Of the configuration.
        segmenter: Version of the rules by which texts are split.
        config: The configuration.
        inputs: What the input files were called.
        xxh3: Digest of the file, computed with `UNSEALED` in its own place.
    """

    format: int
    dedup: str
    fingerprint: str
    segmenter: str
    config: dict[str, object]
    inputs: list[str]
    xxh3: str = UNSEALED


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


def write(file: BinaryIO, head: Header, lines: Iterable[bytes]) -> None:
    """Write the header and the decisions, as lines in the order given, which is input order; and seal the file.

    `file` is empty, and can be sought.
    """
    encoder = msgspec.json.Encoder()
    sink = Meter(file)
    sink.write(encoder.encode(msgspec.structs.replace(head, xxh3=UNSEALED)) + b"\n")
    for some in lines:
        sink.write(some)
    file.seek(0)
    file.write(encoder.encode(msgspec.structs.replace(head, xxh3=sink.digest.xxh3)) + b"\n")
    file.seek(0, os.SEEK_END)


def encoded(decisions: Iterable[Decision]) -> Iterator[bytes]:
    """Yield decisions as lines of JSON, many at a time."""
    encoder = msgspec.json.Encoder()
    left = iter(decisions)
    while some := list(itertools.islice(left, ENCODED)):
        yield encoder.encode_lines(some)


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


def config_of(path: Path) -> Config:
    """Return the configuration that a file of decisions was made under.

    Raises StateError where `read_header` does, and if the header does not hold together.
    """
    head = read_header(path)
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in head.config.items()
    }
    try:
        config = Config(**settings)
    except (TypeError, UsageError) as error:
        raise _damaged_header(path, str(error)) from None
    if config.fingerprint() != head.fingerprint:
        raise _damaged_header(path, f"its fingerprint is {head.fingerprint}, that of its config {config.fingerprint()}")
    return config


def check_inputs(path: Path, names: list[str]) -> None:
    """Raise StateError if the decisions of a file are about other files than these."""
    made_for = read_header(path).inputs
    if made_for != names:
        raise StateError(
            f"these decisions are about other files: {', '.join(made_for[:3])}",
            file=str(path),
            line=1,
            hint="Give the inputs of that run, as they were given to it.",
        )


def _damaged_header(path: Path, what: str) -> StateError:
    return StateError(
        f"the configuration in this header is damaged ({what})", file=str(path), line=1, hint="Run 'dedup scan' again."
    )


def read(path: Path) -> Iterator[Decision]:
    """Read the decisions after the header.

    Raises:
        StateError: A decision is damaged, which has its line; or, behind the last, the file was changed.
    """
    decoder = msgspec.json.Decoder(Decision)
    seal, seen = read_header(path).xxh3, Meter()
    with path.open("rb") as file:
        seen.write(file.readline().replace(seal.encode(), UNSEALED.encode()))
        for number, line in enumerate(file, start=2):
            seen.write(line)
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise StateError(
                    f"this decision is damaged ({error})", file=str(path), line=number, hint="Run 'dedup scan' again."
                ) from error
    if seen.digest.xxh3 != seal:
        raise StateError(
            "these decisions were changed since they were made: lines edited, added, moved or missing",
            file=str(path),
            line=1,
            hint="Run 'dedup scan' again; --protect keeps what is not to go.",
        )
