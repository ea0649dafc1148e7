"""Who may have to do with whom: documents that share a key are tied to the first of them.

That is done twice: in every batch first, so that of a text or a band that very many have, only one document of a batch
is sent on; then for all. Keys travel as long lists, a few rows a batch, since a row costs as much as many numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup.shingle import SHINGLE_WORDS
from dedup.spark import columns
from dedup.spark.columns import BANDED, COPY
from dedup.spark.rows import identity
from dedup.versions import differs, mix

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Files = npt.NDArray[np.integer[Any]]

COPY_SALT, TEXT_SALT, BAND_SALT = 20, 21, 22
"""Set apart the keys by which documents meet: bands have this one and those that follow."""


def exact_keys(keys: Keys, bands: npt.NDArray[np.uint64]) -> Keys:
    """Return keys that only equal texts share: text keys alone can be made to collide.

    Args:
        keys: uint64[rows], text keys.
        bands: uint64[rows, bands], band keys.
    """
    exact = mix(keys, keys, COPY_SALT)
    for number, band in enumerate(bands.T):
        exact = mix(exact, band, BAND_SALT + number)
    return exact


def keyed(rows: pa.RecordBatch, partitions: int) -> pa.RecordBatch:
    """Return the keys by which the documents of a batch meet others, by partition, and those that met in the batch."""
    files, records = identity(rows)
    keys, tokens = columns.numbers(rows, "key", np.uint64), columns.numbers(rows, "tokens")
    bands = columns.table_of(rows, "bands").view(np.uint64)
    exact = exact_keys(keys, bands)
    worded = np.flatnonzero(keys)
    hubs, spokes, tied = _tied(exact[worded], files[worded], records[worded])
    originals, copies = worded[hubs], np.stack([worded[spokes], worded[tied]])
    # Equal texts have equal bands, too, so that those of one will do.
    members, met = _shared(keys, tokens, bands, originals)
    hubs, spokes, tied = _tied(met, files[members], records[members])
    banded = np.unique(np.stack([members[spokes], members[tied]]), axis=1)
    found: list[dict[str, object]] = []
    for kind, sent, by, (at, others) in ((COPY, originals, exact[originals], copies),
                                         (BANDED, members[hubs], met[hubs], banded)):  # fmt: skip
        for part, chosen in _parts(by, partitions):
            of_part = {"key": by[chosen].view(np.int64), "file": files[sent[chosen]], "record": records[sent[chosen]]}
            found.append({"part": part, "kind": kind, **of_part})
        if len(at):
            of_batch = {"file": files[at], "record": records[at], "other_file": files[others],
                        "other_record": records[others]}  # fmt: skip
            found.append({"part": int(exact[at[0]] % np.uint64(partitions)), "kind": kind, **of_batch})
    return pa.RecordBatch.from_pylist(found, schema=columns.KEYED)


def _shared(keys: Keys, tokens: Ints, bands: npt.NDArray[np.uint64], rows: Ints) -> tuple[Ints, Keys]:
    """Return the text keys and the band keys of some rows, as (rows, keys): a row as often as it has any."""
    long = rows[tokens[rows] >= SHINGLE_WORDS]
    shared = [mix(keys[rows], np.zeros(len(rows), np.uint64), TEXT_SALT)]
    nothing = np.zeros(len(long), np.uint64)
    shared += [mix(band[long], nothing, BAND_SALT + number) for number, band in enumerate(bands.T)]
    return np.concatenate([rows, np.tile(long, bands.shape[1])]), np.concatenate(shared)


def _parts(keys: Keys, partitions: int) -> Iterator[tuple[int, Ints]]:
    """Yield the partitions in which keys meet, and which of them do so there."""
    parts = (keys % np.uint64(partitions)).astype(np.int64)
    order = np.argsort(parts, kind="stable")
    edges = np.append(np.flatnonzero(differs(parts[order])), len(order)).tolist()
    for start, end in pairwise(edges):
        yield int(parts[order[start]]), order[start:end]


def edges(handed: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield who is tied to whom, given all that was sent to a partition."""
    sent: dict[int, list[list[Ints]]] = {COPY: [], BANDED: []}
    for batch in handed:
        for row, kind in enumerate(batch.column("kind").to_pylist()):
            if batch.column("key")[row].is_valid:
                sent[kind].append([_list(batch, name, row) for name in ("key", "file", "record")])
            else:
                yield _edges(kind, *(_list(batch, name, row) for name in columns.EDGES.names[:-1]))
    for kind, found in sent.items():
        if found:
            keys, files, records = (np.concatenate(column) for column in zip(*found, strict=True))
            _, spokes, tied = _tied(keys.view(np.uint64), files, records)
            yield _edges(kind, files[spokes], records[spokes], files[tied], records[tied])


def _list(batch: pa.RecordBatch, name: str, row: int) -> Ints:
    return np.asarray(batch.column(name)[row].values.to_numpy())


def _edges(kind: int, files: Ints, records: Ints, other_files: Ints, other_records: Ints) -> pa.RecordBatch:
    return columns.batch(
        columns.EDGES, file=files.astype(np.int32), record=records, other_file=other_files.astype(np.int32),
        other_record=other_records, kind=np.full(len(files), kind, np.int32),
    )  # fmt: skip


def _tied(keys: Keys, files: Files, records: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the first of every key by file and record; and all others, with the first that each is tied to."""
    order = np.lexsort((records, files, keys))
    new = differs(keys[order])
    hubs = order[new]
    return hubs, order[~new], hubs[np.cumsum(new) - 1][~new]
