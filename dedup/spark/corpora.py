"""The documents of one task, as the engine reads them: again and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup.columns import Column
from dedup.model import Batch, Wanted, take
from dedup.spark import columns
from dedup.spark.carriers import Carrier
from dedup.spark.rows import identity
from dedup.spill import IN_MEMORY, Room

Ints = npt.NDArray[np.int64]

BATCH_ROWS = 5_000


class Held:
    """The documents of one batch, as the engine reads them."""

    rejected: tuple[()] = ()
    room = IN_MEMORY

    def __init__(self, batch: Batch, carrier: Carrier) -> None:
        self._batch = batch
        self.names = carrier.names

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Yield them, or the wanted ones."""
        if wanted is None:
            yield self._batch
            return
        at = {
            place: row
            for row, place in enumerate(zip(self._batch.files.tolist(), self._batch.records.tolist(), strict=True))
        }
        rows = [at[place] for place in zip(wanted.files.tolist(), wanted.records.tolist(), strict=True)]
        yield take(self._batch, np.array(rows, np.int64))


class Spooled:
    """The documents of a task on disk, as the engine reads them: again and again, in the order in which they came."""

    rejected: tuple[()] = ()

    def __init__(self, handed: Iterator[pa.RecordBatch], folder: Path) -> None:
        self.names = [""]
        self.room = Room(folder)
        self._path = folder / "documents.arrow"
        self._places: list[tuple[npt.NDArray[np.int32], Ints]] = []
        with pa.OSFile(str(self._path), "wb") as file, pa.ipc.new_file(file, columns.EVIDENCE) as sink:
            for rows in handed:
                for start in range(0, rows.num_rows, BATCH_ROWS):
                    part = rows.slice(start, BATCH_ROWS)
                    self._places.append(identity(part))
                    sink.write_batch(pa.RecordBatch.from_arrays(part.columns, schema=columns.EVIDENCE))
        self.documents = sum(len(files) for files, _ in self._places)
        self.is_refused = any((files < 0).any() for files, _ in self._places)

    def places(self) -> tuple[npt.NDArray[np.int32], Ints]:
        """Return the files and records of all documents."""
        files, records = zip(*self._places, strict=True)
        return np.concatenate(files), np.concatenate(records)

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Yield them, or the wanted ones."""
        chosen = None if wanted is None else set(zip(wanted.files.tolist(), wanted.records.tolist(), strict=True))
        with pa.memory_map(str(self._path)) as file:
            reader = pa.ipc.open_file(file)
            for number, (files, records) in enumerate(self._places):
                if chosen is not None:
                    places = zip(files.tolist(), records.tolist(), strict=True)
                    rows = np.array([row for row, place in enumerate(places) if place in chosen], np.int64)
                    if len(rows):
                        yield take(_evidence(reader.get_batch(number)), rows)
                else:
                    yield _evidence(reader.get_batch(number))


def _evidence(rows: pa.RecordBatch) -> Batch:
    files, records = identity(rows)
    return Batch(
        files, records, columns.texts(rows, "text"), Column.join([b""] * len(files)), columns.texts(rows, "source"),
        columns.numbers(rows, "digest", np.uint64),
    )  # fmt: skip
