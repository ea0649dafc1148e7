"""JSON Lines as pieces of the input.

Lines are counted first, piece by piece. Plain files that executors can open are read by them, again whenever their
documents are needed; all others Spark reads once, and keeps their pieces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import RDD, SparkContext
from pyspark.sql import functions as sql
from pyspark.sql.pandas.types import from_arrow_schema

from dedup.columns import Column
from dedup.config import Config
from dedup.errors import InputError
from dedup.formats.names import compression_of
from dedup.formats.slabs import BOM
from dedup.parts import Lines as FileLines
from dedup.spark.inputs import Input, Inputs, no_documents, session_for
from dedup.spark.numbering import Placed, first_lines, numbered
from dedup.spark.pieces import LinePiece, Lines, Piece
from dedup.spark.storage import LOCAL, Storage, Stored, literal, with_one_slash
from dedup.versions import differs

PIECE_BYTES = 8 << 20
"""Of a file of lines, what is read at once."""

MOST_PIECES = 1_000_000
"""About so many pieces the driver can name; of very large inputs they are larger."""

TRAILER_BYTES, WRAP = 4, 1 << 32
"""What gzip says at the end of a file: its bytes before, counted as far as four bytes do (RFC 1952, section 2.3.1)."""

DRIVER_BYTES = 1 << 30
"""In an input of so many bytes the driver counts lines, while the executors start."""


def read(context: SparkContext, found: Inputs, config: Config, slices: int, *, skips_bad: bool) -> Input:
    """Open files of lines, in about so many partitions."""
    is_plain = all(file.path.startswith(LOCAL) for file in found.files) and not _is_compressed(found)
    pieces = _local_lines(context, found, slices) if is_plain else _lines(found, slices)
    carrier = Lines(config, found.origins, skips_bad)
    return Input(pieces.pieces, len(pieces.places), carrier, pieces.files(Storage(context), found))


def _is_compressed(found: Inputs) -> bool:
    """Say whether any of the files is compressed."""
    return any(compression_of(file.path) for file in found.files)


class _LinePieces(NamedTuple):
    """Pieces of files of lines.

    Attributes:
        pieces: The pieces.
        places: Of each, in order, its place, which begins with the file; its lines, and how long they are, each with
            its newline.
    """

    pieces: RDD[Piece]
    places: list[tuple[tuple[Any, ...], int, int]]

    def files(self, storage: Storage, found: Inputs) -> list[FileLines]:
        """Say what was read of each file; raises InputError if that is not all of it."""
        lines: Counter[int] = Counter()
        sizes: Counter[int] = Counter()
        for (file, *_), count, size in self.places:
            lines[file] += count
            sizes[file] += size
        if not self.places:
            raise no_documents()
        trailers = storage.ends_of(found.files, TRAILER_BYTES) if _is_compressed(found) else [b""] * len(found.files)
        return [_read_whole(found, file, lines[file], sizes[file], end) for file, end in enumerate(trailers)]


def _local_lines(context: SparkContext, found: Inputs, slices: int) -> _LinePieces:
    total = sum(file.size for file in found.files)
    step = min(max(PIECE_BYTES, total // MOST_PIECES), max(-(-total // slices), 1))
    ranges = [
        (index, file.path.removeprefix(LOCAL), start, min(start + step, file.size))
        for index, file in enumerate(found.files)
        for start in range(0, file.size, step)
    ]
    try:
        if total <= DRIVER_BYTES:
            surveyed = list(_surveyed(ranges))
        else:
            surveyed = context.parallelize(ranges, slices).mapPartitions(_surveyed).collect()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", file=str(error.filename), hint="Check its permissions."
        ) from None
    firsts = first_lines((piece.file, count) for piece, count, _ in surveyed)
    pieces: list[Piece] = [
        piece._replace(number=number, first=first)
        for number, ((piece, *_), first) in enumerate(zip(surveyed, firsts, strict=True))
    ]
    places = [((piece.file, piece.start), count, size) for piece, count, size in surveyed]
    return _LinePieces(context.parallelize(pieces, slices), places)


def _surveyed(ranges: Iterable[tuple[int, str, int, int]]) -> Iterator[tuple[LinePiece, int, int]]:
    """Yield the lines that begin in each range of a file, as a piece, with how many they are, and their bytes.

    A byte order mark counts for nothing.
    """
    for index, path, low, high in ranges:
        with Path(path).open("rb") as file:
            start, end = _next_line(file, low), _next_line(file, high)
            if start == end:
                continue
            file.seek(start)
            data = file.read(end - start)
            more = not data.endswith(b"\n")
            size = len(data) - (len(BOM) if start == 0 and data.startswith(BOM) else 0)
            yield LinePiece(-1, index, 0, path, start, end), data.count(b"\n") + more, size + more


def _next_line(file: BinaryIO, at: int) -> int:
    """Return where the first line begins that does so at a place or behind it."""
    if at == 0:
        return 0
    file.seek(at - 1)
    file.readline()
    return file.tell()


def _lines(found: Inputs, slices: int) -> _LinePieces:
    whole = session_for(slices).read.option("lineSep", "\n").text([literal(file.path) for file in found.files])
    lines = whole.select(
        sql.col("_metadata.file_path").alias("uri"),
        sql.col("_metadata.file_block_start").alias("block"),
        sql.col("value").cast("binary").alias("line"),
    )
    files = {file.uri: index for index, file in enumerate(found.files)}
    pieces = lines.mapInArrow(lambda handed: _packed(handed, files), from_arrow_schema(PACKED)).rdd

    def placed(one: Any) -> Placed:
        piece = LinePiece(-1, one.file, 0, data=bytes(one.data))
        return Placed((one.file, one.block, one.part), one.lines, len(piece.data), piece)

    return _LinePieces(*numbered(pieces.map(placed), slices))


PACKED = pa.schema(
    [
        ("file", pa.int32()), ("block", pa.int64()), ("part", pa.int32()), ("lines", pa.int64()), ("data", pa.binary()),
    ]
)  # fmt: skip
"""Lines of one block of a file, which one task reads: where the block starts, and which part of its lines they are."""

NO_BYTES, NEWLINE = (pa.scalar(data, pa.large_binary()) for data in (b"", b"\n"))


def _packed(handed: Iterable[pa.RecordBatch], files: dict[str, int]) -> Iterator[pa.RecordBatch]:
    """Yield lines, which come block by block and in order, a batch's worth of those of a block in one row."""
    seen: Counter[tuple[int, int]] = Counter()
    for rows in handed:
        told = []
        for uri, block, lines in _by_block(rows):
            place = files[with_one_slash(uri)], block
            ended = Column.from_arrow(pc.binary_join_element_wise(lines.cast(pa.large_binary()), NO_BYTES, NEWLINE))
            data = ended.data[ended.offsets[0] : ended.offsets[-1]].tobytes()
            told.append([*place, seen[place], len(lines), data])
            seen[place] += 1
        yield pa.RecordBatch.from_pylist([dict(zip(PACKED.names, row, strict=True)) for row in told], schema=PACKED)


def _by_block(rows: pa.RecordBatch) -> Iterator[tuple[str, int, pa.Array]]:
    """Yield runs of lines of one block."""
    uris, starts = rows.column("uri"), rows.column("block").to_numpy()
    is_new = differs(uris.dictionary_encode().indices.to_numpy()) | differs(starts)
    for start, end in pairwise([*np.flatnonzero(is_new).tolist(), rows.num_rows]):
        yield uris[start].as_py(), int(starts[start]), rows.column("line").slice(start, end - start)


def _read_whole(found: Inputs, index: int, lines: int, size: int, trailer: bytes) -> FileLines:
    """Say what was read of a file, each line with a newline; raises InputError if that is not all of it."""
    file, compression = found.files[index], compression_of(found.files[index].path)
    more = size - file.size
    if compression:
        # How long it was before, modulo 2**32, where it is gzip in one piece; nobody knows it of other files, in which
        # a newline at the end is taken for granted.
        plain = int.from_bytes(trailer, "little")
        more = (size - plain + WRAP // 2) % WRAP - WRAP // 2
        if compression != "gzip" or more not in (0, 1, -len(BOM), 1 - len(BOM)):
            more = 0
    if more not in (0, 1):
        raise _unlike(file, size)
    return FileLines(found.origins[index].name, lines, compression, more == 0, 0 if compression else file.size)


def _unlike(file: Stored, size: int) -> InputError:
    return InputError(
        f"{size:,} bytes of {file.size:,} are lines",
        file=file.path,
        hint="Remove the byte order mark at its start, if it has one, or run again when nothing writes to it.",
    )
