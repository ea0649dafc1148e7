"""Record batches as bytes, for which Spark needs no columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa


def packed(rows: pa.RecordBatch) -> bytes:
    """Return a record batch as Arrow writes it to a stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def unpacked(data: bytes) -> pa.RecordBatch:
    """Return what `packed` made.

    >>> unpacked(packed(pa.RecordBatch.from_pydict({"n": [1, 2]}))).to_pydict()
    {'n': [1, 2]}
    """
    with pa.ipc.open_stream(data) as stream:
        return stream.read_next_batch()


def unpack(handed: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches that a column `data` holds."""
    return (unpacked(data) for batch in handed for data in batch.column("data").to_pylist())
