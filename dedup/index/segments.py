"""Immutable pieces of an index: documents in the order they were stored, and the keys by which they are met.

A segment is a folder of three files. `rows.arrow` has a row for each document; `keys.arrow` has each of its band keys
and its text key with the document's number, sorted by key, so that looking up is one binary search in a mapped file;
`texts.zst` holds the original texts, one Zstandard frame each. What else is needed of a document (what is stored of it,
its shingles, its signature) is computed from these: a compressed text takes half the room of its shingle hashes.

Keys of bands and of texts share one column: they are 64-bit hashes of different things, and what meets by accident is
told apart when it is verified.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import zstandard

from dedup.columns import Column
from dedup.errors import StateError
from dedup.formats.digests import Digest, digest_of
from dedup.plan import Place

ROWS, KEYS, TEXTS = "rows.arrow", "keys.arrow", "texts.zst"

COMPRESSION_LEVEL = 1
"""Measured on three sets: level 3 saves 1 to 5 % and takes half as long again, level 9 saves 2 to 12 % and takes five
times as long."""

COPY_BYTES = 8 << 20

_OWN = threading.local()

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


class Rows(NamedTuple):
    """Documents on their way into a segment.

    Attributes:
        numbers: int64[n], ascending.
        keepers: int64[n], the document itself if it is stored, or the one it was nearly a duplicate of: of those only
            the place and the text key are kept, so that the next copy finds the same keeper.
        similarities: float64[n], to the keeper.
        originals: float64[n], of the texts as they came.
        text_keys: uint64[n], of the text as it came; of one that is not stored, the key of its copies
            (`signature.copy_keys`).
        ids: Their ids.
        files: What each one's file is called.
        records: int64[n].
        sources: Their sources.
        cut_offsets: int64[n + 1], document i lost the spans `cut_offsets[i]:cut_offsets[i + 1]`.
        cut_starts: int64[spans], bytes of the original text.
        cut_ends: int64[spans].
        frames: The original texts, compressed; nothing for documents that are not stored.
    """

    numbers: Ints
    keepers: Ints
    similarities: npt.NDArray[np.float64]
    originals: npt.NDArray[np.float64]
    text_keys: Keys
    ids: Column
    files: list[str]
    records: Ints
    sources: Column
    cut_offsets: Ints
    cut_starts: Ints
    cut_ends: Ints
    frames: list[bytes]

    def table(self) -> Any:
        """Return everything but the texts as an Arrow table."""
        import pyarrow as pa

        def spans(values: Ints) -> Any:
            return pa.LargeListArray.from_arrays(self.cut_offsets, values.astype(np.int32))

        return pa.table(
            {
                "number": self.numbers.astype(np.uint32),
                "keeper": self.keepers.astype(np.uint32),
                "similarity": self.similarities,
                "similarity_original": self.originals,
                "text_key": self.text_keys,
                "id": _strings(self.ids),
                "file": pa.array(self.files, pa.large_string()).dictionary_encode(),
                "record": self.records,
                "source": _strings(self.sources).dictionary_encode(),
                "cut_starts": spans(self.cut_starts),
                "cut_ends": spans(self.cut_ends),
                "bytes": np.fromiter(map(len, self.frames), np.int32, len(self.frames)),
            }
        )


def _strings(column: Column) -> Any:
    import pyarrow as pa

    offsets = column.offsets - column.offsets[0]
    data = np.ascontiguousarray(column.data[column.offsets[0] : column.offsets[-1]])
    return pa.LargeStringArray.from_buffers(
        len(column), pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(data)
    )


def compress(texts: Sequence[bytes]) -> list[bytes]:
    """Return each text as a Zstandard frame with a checksum."""
    compressor = zstandard.ZstdCompressor(COMPRESSION_LEVEL, write_checksum=True)
    return [compressor.compress(text) for text in texts]


class SegmentWriter:
    """Writes documents, a batch at a time, into a new segment; nothing may be read before `finish`.

    Attributes:
        folder: Where it is written.
        documents: How many documents it has so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        # Opened again for every batch, so that nothing is open of a segment that never comes to its end.
        (folder / TEXTS).touch()
        self._tables: list[Any] = []
        self._keys: list[Keys] = []
        self._numbers: list[npt.NDArray[np.uint32]] = []
        self.documents = 0

    def add(self, rows: Rows, band_keys: Keys) -> None:
        """Add documents.

        Args:
            rows: The documents, numbered on from those before.
            band_keys: uint64[n, bands], 0 for none; looked at for stored documents only.
        """
        with (self.folder / TEXTS).open("ab") as texts:
            texts.writelines(rows.frames)
        numbers = rows.numbers.astype(np.uint32)
        stays = rows.keepers == rows.numbers
        keys = np.concatenate([band_keys[stays].ravel(), rows.text_keys])
        owners = np.concatenate([np.repeat(numbers[stays], band_keys.shape[1]), numbers])
        self._keys.append(keys[keys != 0])
        self._numbers.append(owners[keys != 0])
        self._tables.append(rows.table())
        self.documents += len(rows.numbers)

    def add_segment(self, segment: Segment, gone: Ints) -> None:
        """Add all documents of another segment, except some."""
        import pyarrow as pa

        stays = ~np.isin(segment.numbers, gone) & ~np.isin(segment.keepers, gone)
        self._tables.append(segment.table if stays.all() else segment.table.filter(pa.array(stays)))
        self.documents += int(stays.sum())
        chosen = slice(None) if stays.all() else stays[segment.rows_of(segment.key_numbers)]
        self._keys.append(segment.keys[chosen])
        self._numbers.append(segment.key_numbers[chosen])
        with (self.folder / TEXTS).open("ab") as texts:
            for start, end in _runs(segment.text_offsets, stays):
                for at in range(start, end, COPY_BYTES):
                    texts.write(segment.texts[at : min(end, at + COPY_BYTES)])

    def finish(self) -> dict[str, Digest]:
        """Write everything down; return the digests of the files."""
        import pyarrow as pa

        table = pa.concat_tables(self._tables).unify_dictionaries().combine_chunks()
        _write_table(self.folder / ROWS, table)
        keys = np.concatenate([np.zeros(0, np.uint64), *self._keys])
        numbers = np.concatenate([np.zeros(0, np.uint32), *self._numbers])
        # Stable, and so a merge where whole segments are put together.
        order = np.argsort(keys, kind="stable")
        _write_table(self.folder / KEYS, pa.table({"key": keys[order], "number": numbers[order]}))
        return {name: digest_of(self.folder / name) for name in (ROWS, KEYS, TEXTS)}


def _runs(offsets: Ints, chosen: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the byte ranges of chosen rows, neighbours joined."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        yield int(offsets[first]), int(offsets[last])


def _write_table(path: Path, table: Any) -> None:
    """Write a table as one batch, so that it is mapped as one array a column."""
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)


class Segment:
    """A segment open for reading: mapped, not loaded.

    Attributes:
        table: `rows.arrow`.
        numbers: uint32[n], ascending.
        keepers: uint32[n].
        similarities: float64[n].
        originals: float64[n].
        text_keys: uint64[n].
        keys: uint64[], ascending.
        key_numbers: uint32[], the document of each key.
        text_offsets: int64[n + 1], where the text of each document is in `texts`.
        texts: `texts.zst`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.table = _mapped(folder / ROWS)
        keys = _mapped(folder / KEYS)
        self.numbers, self.keepers, self.text_keys = map(self._column, ("number", "keeper", "text_key"))
        self.similarities, self.originals = map(self._column, ("similarity", "similarity_original"))
        self.keys, self.key_numbers = _flat(keys["key"], np.uint64), _flat(keys["number"], np.uint32)
        self.text_offsets = np.zeros(len(self.numbers) + 1, np.int64)
        np.cumsum(self._column("bytes"), out=self.text_offsets[1:])
        with (folder / TEXTS).open("rb") as file:
            # Nothing cannot be mapped.
            is_empty = not file.seek(0, os.SEEK_END)
            self.texts = memoryview(b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    @classmethod
    def open(cls, folder: Path, files: dict[str, Digest]) -> Self:
        """Open a segment whose files must be as they were written; texts are checked when they are read.

        Raises:
            StateError: A file is missing or was changed.
        """
        for name, digest in files.items():
            path = folder / name
            if not path.is_file():
                raise damaged(path, "is missing")
            if path.stat().st_size != digest.size or (name != TEXTS and digest_of(path) != digest):
                raise damaged(path, "was changed since it was written")
        return cls(folder)

    def rows_of(self, numbers: npt.NDArray[Any]) -> Ints:
        """Return the rows of some documents of this segment."""
        # Of the type of the column, or else numpy would convert all of the column first.
        return np.searchsorted(self.numbers, numbers.astype(np.uint32))

    def check_texts(self, files: dict[str, Digest]) -> None:
        """Raise StateError if the texts were changed since they were written; so far only those read were looked at."""
        if digest_of(self._folder / TEXTS) != files[TEXTS]:
            raise damaged(self._folder / TEXTS, "was changed since it was written")

    def verify(self, files: dict[str, Digest]) -> Iterator[str]:
        """Yield what is wrong with the texts, one line each."""
        try:
            self.check_texts(files)
        except StateError as error:
            yield str(error)
        for row in range(len(self.numbers)):
            try:
                self.text(row)
            except StateError:
                (place,) = self.places(np.array([row]))
                yield f"the text of {place.id} ({place.file}:{place.record}) cannot be read"

    def frame(self, row: int) -> bytes:
        """Return the compressed text of a document; nothing for one that is not stored."""
        return self.texts[self.text_offsets[row] : self.text_offsets[row + 1]].tobytes()

    def text(self, row: int) -> bytes:
        """Return the original text of a document; raises StateError where it was changed."""
        frame = self.frame(row)
        if not frame:
            return b""
        try:
            return _decompressor().decompress(frame)
        except zstandard.ZstdError as error:
            raise damaged(self._folder / TEXTS, f"was changed since it was written ({error})") from None

    def cuts(self, rows: Ints) -> tuple[list[list[int]], list[list[int]]]:
        """Return the spans that the stored texts of some documents lost: their first bytes, and those behind them."""
        return self._some("cut_starts", rows), self._some("cut_ends", rows)

    def places(self, rows: Ints) -> list[Place]:
        """Return where some documents are from."""
        return [Place(*values) for values in zip(*(self._some(name, rows) for name in Place._fields), strict=True)]

    def has_id(self, name: str) -> npt.NDArray[np.bool_]:
        """Return which documents have an id."""
        import pyarrow.compute as pc

        return np.asarray(pc.equal(self.table["id"], name).to_numpy())

    def by_source(self, chosen: npt.NDArray[np.bool_], names: Sequence[str]) -> Iterator[tuple[str, Ints]]:
        """Yield the numbers of the chosen documents of each of some sources that has any, ascending."""
        column = self.table["source"].chunk(0)
        codes = {name: code for code, name in enumerate(column.dictionary.to_pylist())}
        indices = column.indices.to_numpy()
        rows = np.flatnonzero(chosen & np.isin(indices, [codes[name] for name in names if name in codes]))
        rows = rows[np.argsort(indices[rows], kind="stable")]
        for part in np.split(rows, np.flatnonzero(np.diff(indices[rows])) + 1) if len(rows) else ():
            yield column.dictionary[int(indices[part[0]])].as_py(), self.numbers[part].astype(np.int64)

    def _some(self, name: str, rows: Ints) -> list[Any]:
        """Return the values of a column in some rows."""
        values = self.table[name].chunk(0)
        return [values[row].as_py() for row in rows.tolist()]

    def _column(self, name: str) -> Any:
        import pyarrow as pa

        column = self.table[name]
        # What Arrow itself says of a type's dtype, older versions say only beside pandas.
        return _flat(column, pa.array([], column.type).to_numpy(zero_copy_only=False).dtype)


def _decompressor() -> zstandard.ZstdDecompressor:
    """Return the decompressor of this thread: making one takes longer than an article, and threads cannot share it."""
    if not hasattr(_OWN, "decompressor"):
        _OWN.decompressor = zstandard.ZstdDecompressor()
    found: zstandard.ZstdDecompressor = _OWN.decompressor
    return found


def _mapped(path: Path) -> Any:
    import pyarrow as pa

    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except pa.ArrowInvalid as error:
        raise damaged(path, f"cannot be read ({error})") from None


def _flat(column: Any, kind: Any) -> Any:
    return column.chunk(0).to_numpy() if column.num_chunks else np.zeros(0, kind)


def damaged(path: Path | str, message: str) -> StateError:
    """Return the error for a file that is not as it was written."""
    return StateError(message, file=str(path), hint="Bring the index back from a backup, or build it anew.")
