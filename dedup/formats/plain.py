"""Plain text: a file is one document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dedup.columns import Column, Ints
from dedup.formats.fields import Fields
from dedup.formats.json_faults import CONVERT
from dedup.formats.slabs import FileEdits, Slab, misplaced
from dedup.formats.source import InputFile, Reject, Rejected
from dedup.model import Batch

RECORD = 1


class Document(NamedTuple):
    """A file that is one document; there may be very many, so that a batch is made of several at once."""

    file: InputFile
    text: bytes


def read(file: InputFile, fields: Fields, wanted: Ints | None, reject: Reject) -> Iterator[Document]:
    """Yield the file as one document; see `jsonl.read` for the arguments."""
    with file.open() as handle:
        data = handle.read()
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 (byte {error.start + 1} of the file is {data[error.start]:#04x})"
        reject(Rejected(file.index, RECORD, line, message, CONVERT, 0, len(data)))
        return
    yield Document(file, data)


def batch_of(documents: Sequence[Document], fields: Fields) -> Batch:
    """Return documents as one batch."""
    texts = Column.join([document.text for document in documents])
    return Batch(
        files=np.array([document.file.index for document in documents], np.int32),
        records=np.full(len(documents), RECORD, np.int64),
        texts=texts,
        ids=Column.of([document.file.name for document in documents]),
        sources=Column.of([document.file.site.name for document in documents]),
        digests=texts.digests(),
        ways=np.array([document.file.site.way for document in documents], np.uint8),
        ranks=None if fields.rank is None else [None] * len(documents),
    )


def slabs(file: InputFile, fields: Fields, edits: FileEdits) -> Iterator[Slab]:
    """Yield the file's bytes with its cuts marked, all of them if it is dropped."""
    with file.open() as handle:
        data = handle.read()
    for records in (edits.drops, edits.cuts):
        if len(records) and records[-1] != RECORD:
            raise misplaced(file, int(records[-1]))
    if len(edits.drops):
        yield Slab(data, np.zeros(1, np.int64), np.array([len(data)], np.int64))
        return
    if len(edits.ends) and edits.ends[-1] > len(data):
        raise misplaced(file, RECORD)
    yield Slab(data, edits.starts.astype(np.int64), edits.ends.astype(np.int64))
