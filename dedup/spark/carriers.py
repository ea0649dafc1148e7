"""What Spark hands over, as the engine reads documents: rows of a table, or lines of JSON.

An input is a DataFrame of three columns: `file` and `record`, which identify a document and come from the data alone,
and `row`, what is read of it and given back, the same but for the cuts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dedup.api import NAME, batch_of
from dedup.columns import Column, decoded
from dedup.config import Config
from dedup.edit import remove_spans
from dedup.errors import InputError
from dedup.formats import jsonl, parquet, parquet_edits
from dedup.formats.fields import Fields
from dedup.formats.fields import Path as FieldPath
from dedup.formats.keys import finder_of
from dedup.formats.lines import Lines as JsonLines
from dedup.formats.names import Form
from dedup.formats.slabs import NOTHING, FileEdits, slab_of, view
from dedup.formats.source import InputFile, Reject, Rejected
from dedup.kernels import raw as kernels
from dedup.model import Batch, take
from dedup.parts import Taken
from dedup.policy import Cuts
from dedup.readers import joined
from dedup.versions import differs

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FAULTS = pa.schema([("file", pa.int32()), ("record", pa.int64()), ("message", pa.string()), ("hint", pa.string())])
"""Records that hold no document."""

NO_BYTES, NEWLINE = (pa.scalar(data, pa.large_binary()) for data in (b"", b"\n"))


class Carrier(Protocol):
    """Reads documents from what Spark hands over, and gives back what stays of them."""

    @property
    def names(self) -> list[str]:
        """What decisions call the files."""

    def batch(self, handed: pa.RecordBatch) -> tuple[Batch, Ints]:
        """Return the documents of some rows, and which row each is from; a blank line holds none."""

    def stored(self, handed: pa.RecordBatch, batch: Batch, rows: Ints, cuts: Cuts) -> tuple[pa.Array, list[Taken]]:
        """Return the `row` column without the cuts, and of lines what was taken out of them, in input order.

        Arguments as `batch` took and gave them.
        """


class Origin(NamedTuple):
    """What an input file is called, and the folder that stands for its source where nothing else does."""

    name: str
    folder: str

    def file(self, index: int, kind: str) -> InputFile:
        """Return the file as readers know it."""
        return InputFile(index, self.name, Path(self.name), self.folder, Form(kind), False, None, "article")


@dataclass(frozen=True)
class Records:
    """Rows of a table without files: structs of all its columns."""

    config: Config
    names: list[str]

    def batch(self, handed: pa.RecordBatch) -> tuple[Batch, Ints]:
        """Return a document for every row; one without an id is called by what identifies it."""
        files, records = (handed.column(name).to_numpy() for name in ("file", "record"))
        batch = batch_of(pa.Table.from_struct_array(handed.column("row")), self.config)
        ids = [
            f"{self.names[file]}:{record}" if name == f"{NAME}:{number}" else name
            for number, (name, file, record) in enumerate(
                zip(batch.ids, files.tolist(), records.tolist(), strict=True), 1
            )
        ]
        return dataclasses.replace(batch, files=files, records=records, ids=Column.of(ids)), np.arange(len(batch))

    def stored(self, handed: pa.RecordBatch, batch: Batch, rows: Ints, cuts: Cuts) -> tuple[pa.Array, list[Taken]]:
        """Return the structs with their new texts."""
        return _without_cuts(handed.column("row"), batch, cuts, (self.config.text_field,)), []


@dataclass(frozen=True)
class _OfFiles:
    """What carriers know of the files that they read."""

    config: Config
    origins: list[Origin]

    @property
    def names(self) -> list[str]:
        """What decisions call the files."""
        return [origin.name for origin in self.origins]


class Rows(_OfFiles):
    """Rows of Parquet files: structs of all their columns."""

    def batch(self, handed: pa.RecordBatch) -> tuple[Batch, Ints]:
        """Return a document for every row."""
        files, records = (handed.column(name).to_numpy() for name in ("file", "record"))
        structs, fields = handed.column("row"), Fields.of(self.config)
        parts, places = [Batch.none()], [NOTHING]
        for index in np.unique(files).tolist():
            rows = np.flatnonzero(files == index)
            part = pa.RecordBatch.from_struct_array(structs.take(pa.array(rows)))
            file = self.origins[index].file(index, "parquet")
            parts.append(parquet.documents_of(file, part, records[rows], fields, _refusing(file)))
            places.append(rows)
        return _in_order(parts, places)

    def stored(self, handed: pa.RecordBatch, batch: Batch, rows: Ints, cuts: Cuts) -> tuple[pa.Array, list[Taken]]:
        """Return the structs with their new texts."""
        return _without_cuts(handed.column("row"), batch, cuts, Fields.of(self.config).text), []


class Lines(_OfFiles):
    """Lines of JSON files: structs of one binary `line`, without its newline."""

    def batch(self, handed: pa.RecordBatch) -> tuple[Batch, Ints]:
        """Return a document for every line that is not blank."""
        fields = Fields.of(self.config)
        parts, places = [Batch.none()], [NOTHING]
        for file, rows, lines in self._files(handed):
            part = jsonl.documents_of(lines, file, fields, finder_of(fields), _refusing(file))
            parts.append(part)
            places.append(rows[np.searchsorted(lines.numbers, part.records)])
        return _in_order(parts, places)

    def stored(self, handed: pa.RecordBatch, batch: Batch, rows: Ints, cuts: Cuts) -> tuple[pa.Array, list[Taken]]:
        """Return the lines without the raw bytes of what is cut, and those bytes."""
        if not len(cuts.documents):
            return handed.column("row"), []
        fields = Fields.of(self.config)
        taken: list[Taken] = []
        edited, places = [], []
        for file, of_file, lines in self._files(handed):
            chosen = batch.files[cuts.documents] == file.index
            numbers = batch.records[cuts.documents[chosen]]
            edits = FileEdits(NOTHING, numbers, cuts.starts[chosen], cuts.ends[chosen])
            starts, ends = jsonl.locate(lines, file, fields, edits)
            edited.append(_without(lines, starts, ends))
            places.append(of_file)
            pieces = decoded(view(lines.data), starts, ends)
            own = (starts - lines.starts[np.searchsorted(lines.numbers, numbers)]).tolist()
            for number, low, high in zip(*_runs(numbers), strict=True):
                taken.append(Taken(file.index, number, own[low:high], pieces[low:high]))
        lines_out = _taken_from(pa.concat_arrays(edited), np.argsort(np.concatenate(places)))
        return pa.StructArray.from_arrays([lines_out], ["line"]), taken

    def faults(self, handed: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield lines that hold no document, as `FAULTS` says: of each file in a batch the first."""
        fields = Fields.of(self.config)
        for rows in handed:
            for file, _, lines in self._files(rows):
                found: list[Rejected] = []
                jsonl.documents_of(lines, file, fields, finder_of(fields), found.append)
                first = sorted(found, key=lambda rejected: rejected.record)[:1]
                told = [{name: getattr(fault, name) for name in FAULTS.names} for fault in first]
                yield pa.RecordBatch.from_pylist(told, schema=FAULTS)

    def _files(self, handed: pa.RecordBatch) -> Iterator[tuple[InputFile, Ints, JsonLines]]:
        """Yield the lines of each file, ascending, with the row that each is in."""
        files, records = handed.column("file").to_numpy(), handed.column("record").to_numpy()
        line = handed.column("row").field("line")
        for index in np.unique(files).tolist():
            rows = np.flatnonzero(files == index)
            rows = rows[np.argsort(records[rows], kind="stable")]
            lines = lines_of(_taken_from(line, rows), records[rows])
            yield self.origins[index].file(index, "jsonl"), rows, lines


def lines_of(rows: pa.Array, numbers: Ints) -> JsonLines:
    """Return lines as a file holds them, each with its newline."""
    ended = Column.from_arrow(pc.binary_join_element_wise(rows.cast(pa.large_binary()), NO_BYTES, NEWLINE))
    offsets = ended.offsets - ended.offsets[0]
    data = ended.data[ended.offsets[0] : ended.offsets[-1]].tobytes()
    return JsonLines(data, offsets[:-1], offsets[1:], numbers, offsets[:-1])


def _taken_from(values: pa.Array, rows: Ints) -> pa.Array:
    """Return some rows, without a copy where they are all of them in their order."""
    is_whole = len(rows) == len(values) and bool((np.diff(rows) > 0).all())
    return values if is_whole else values.take(pa.array(rows))


def _runs(values: Ints) -> tuple[list[int], list[int], list[int]]:
    """Return the values of ascending ones, and where each begins and ends."""
    starts = np.flatnonzero(differs(values))
    return values[starts].tolist(), starts.tolist(), [*starts[1:].tolist(), len(values)][: len(starts)]


def _without(lines: JsonLines, starts: Ints, ends: Ints) -> pa.Array:
    """Return lines without some ranges, and without their newlines."""
    newlines = lines.ends - 1
    slab = slab_of(lines.data, np.concatenate([starts, newlines]), np.concatenate([ends, lines.ends]))
    gone = np.cumsum(slab.ends - slab.starts)
    kept, removed = np.empty(len(lines.data) - gone[-1], np.uint8), np.empty(gone[-1], np.uint8)
    kernels.take_out(view(lines.data), slab.starts, slab.ends, kept, removed)
    offsets = np.concatenate([[0], lines.ends - gone[np.searchsorted(slab.starts, newlines)]])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(kept)]
    return pa.Array.from_buffers(pa.large_binary(), len(newlines), buffers).cast(pa.binary())


def _without_cuts(structs: pa.StructArray, batch: Batch, cuts: Cuts, path: FieldPath) -> pa.Array:
    """Return structs, each of which is a document, with new texts."""
    if not len(cuts.documents):
        return structs
    texts = remove_spans(batch.texts, cuts.documents, cuts.starts, cuts.ends).to_arrow()
    table = pa.RecordBatch.from_struct_array(structs)
    return parquet_edits.replaced(table, parquet.column_at(table, path) or path, texts).to_struct_array()


def _in_order(parts: list[Batch], places: list[Ints]) -> tuple[Batch, Ints]:
    """Join documents of several files, in the order of the rows that they are from."""
    batch, found = joined(parts[1:] or parts), np.concatenate(places)
    if (np.diff(found) > 0).all():
        return batch, found
    order = np.argsort(found)
    return take(batch, order), found[order]


def _refusing(file: InputFile) -> Reject:
    """Return what raises InputError for a bad record: none is left when documents are read for good."""

    def refuse(rejected: Rejected) -> NoReturn:
        raise InputError(rejected.message, file=file.name, line=rejected.line, hint=rejected.hint)

    return refuse
