"""The output beside the input: what the decisions name is gone, and all else is there, byte for byte."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from dedup.errors import InputError
from dedup.formats.compression import CHUNK_BYTES, decompressed
from dedup.formats.digests import Digest, Meter
from dedup.formats.fields import Path as FieldPath
from dedup.formats.names import stored_name
from dedup.formats.parquet import column_at
from dedup.formats.source import InputFile
from dedup.manifest import FileEntry, Manifest
from dedup.model import Span
from dedup.plan import Progress
from dedup.readers import Corpus
from dedup.verify.claims import Claims
from dedup.verify.pieces import Layout, Piece, layout_of
from dedup.verify.tables import differing_row
from dedup.verify.violations import Violations


class Expected(NamedTuple):
    """What should have happened to the records of one file.

    Attributes:
        gone: The records that should be gone.
        cuts: By record, the spans that should be gone from its text.
    """

    gone: set[int]
    cuts: dict[int, list[Span]]

    @classmethod
    def of_file(cls, file: int, claims: Claims, corpus: Corpus) -> Expected:
        """Return what the decisions say about one file."""
        expected = cls({record.record for record in corpus.rejected if record.file == file}, {})
        for document in claims.of_file(file):
            record = int(claims.records[document])
            if claims.dropped[document]:
                expected.gone.add(record)
            elif spans := claims.spans(document):
                expected.cuts[record] = spans
        return expected


def check_outputs(
    output: Path, manifest: Manifest, claims: Claims, corpus: Corpus, found: Violations, progress: Progress
) -> None:
    """Compare every file of the output with its input and the decisions."""
    expected_files = set()
    for entry in manifest.files:
        source = corpus.files[entry.index] if entry.index < len(corpus.files) else None
        if source is None or stored_name(source.name, source.form) != entry.name:
            found.add(entry.name, 0, "is in the manifest, but not in the input")
            continue
        path = output / entry.name if manifest.is_folder else output
        expected_files.add(path)
        with source.open() as handle:
            if entry.input is not None and digest_of_plain(handle) != entry.input:
                found.add(source.name, 0, "is not what it was when it was cleaned")
        expected = Expected.of_file(entry.index, claims, corpus)
        _check_file(source, path, entry, expected, corpus.fields.text, found)
        progress("comparing files", len(claims.of_file(entry.index)))
    if manifest.is_folder:
        for path in sorted(path for path in output.rglob("*") if path.is_file() and path not in expected_files):
            found.add(str(path), 0, "is in the output, but was not written by this run")
    seen = {entry.index for entry in manifest.files} | corpus.unreadable
    for file in corpus.files:
        if file.index not in seen:
            found.add(file.name, 0, "is in the input, but not in the manifest")


@contextlib.contextmanager
def plain_bytes(path: Path, compression: str) -> Iterator[IO[bytes]]:
    """Open the plain bytes of a file, decompressed into a temporary one if need be."""
    with path.open("rb") as raw:
        if not compression:
            yield raw
            return
        with tempfile.TemporaryFile() as plain:
            plain.writelines(decompressed(raw, compression, str(path)))
            plain.seek(0)
            yield plain


def digest_of_plain(file: IO[bytes]) -> Digest:
    """Return the digest of what is left to read of a file."""
    meter = Meter()
    while data := file.read(CHUNK_BYTES):
        meter.write(data)
    return meter.digest


def _check_file(
    source: InputFile, path: Path, entry: FileEntry, expected: Expected, text: FieldPath, found: Violations
) -> None:
    if entry.kind == "text" and 1 in expected.gone:
        if path.is_file():
            found.add(source.name, 1, "is dropped by its decision, but is in the output")
        return
    if not path.is_file():
        found.add(source.name, 0, "is missing from the output")
        return
    try:
        if entry.kind == "parquet":
            difference = compare_tables(source, path, text, expected)
            if difference is not None:
                found.add(source.name, *difference)
            return
        with source.open() as before, plain_bytes(path, entry.output_compression) as after:
            layout = layout_of(entry.kind, before, text)
            _compare_records(layout, layout.pieces(before), layout.pieces(after), source.name, expected, found)
    except (InputError, OSError, pa.ArrowException) as error:
        found.add(source.name, 0, f"cannot be read in the output: {error}")


def compare_tables(source: InputFile, path: Path, text: FieldPath, expected: Expected) -> tuple[int, str] | None:
    """Return the first row that is not what it should be in a Parquet file, and what is wrong with it."""
    with source.open() as handle, pq.ParquetFile(handle) as before, pq.ParquetFile(path) as after:
        return differing_row(before, after, column_at(before.schema_arrow, text) or text, expected.gone, expected.cuts)


def _compare_records(
    layout: Layout, before: Iterator[Piece], after: Iterator[Piece], name: str, expected: Expected, found: Violations
) -> None:
    """Compare the records of a file, in step; a dropped one that is still there is passed over."""
    gone: dict[int, int] = {}
    lead = b""
    for piece in before:
        lead += piece.lead
        if piece.number in expected.gone:
            gone[xxhash.xxh3_64_intdigest(piece.raw)] = piece.number
            continue
        now = next(after, Piece(0, b"", b""))
        while now.raw and now.raw != piece.raw and (still := gone.pop(xxhash.xxh3_64_intdigest(now.raw), 0)):
            found.add(name, still, "is dropped by its decision, but is in the output")
            now = next(after)
        if now.number == 0 and piece.number:
            found.add(name, piece.number, "is missing from the output")
            return
        if piece.number == 0 and now.number:
            found.add(name, 0, "has more records in the output than stay")
            return
        if not _is_right(layout, piece, now, lead, expected.cuts.get(piece.number)):
            message = "is not in the output what its decisions leave of it"
            found.add(name, piece.number, message)
        lead = b""
        gone.clear()


def _is_right(layout: Layout, before: Piece, after: Piece, lead: bytes, cuts: list[Span] | None) -> bool:
    if after.lead != lead:
        return False
    return after.raw == before.raw if cuts is None else layout.is_cut(before.raw, after.raw, cuts)
