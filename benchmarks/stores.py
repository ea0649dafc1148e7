"""Compare places to keep an index in: how fast it grows, how fast one article is looked up, how large it gets.

    python benchmarks/stores.py [--documents 1000000] [--day 5000] [--store NAME]...

Every store gets the same made-up documents: 18 random band keys and 1,200 random bytes each, the size of a compressed
article. They are added a day at a time, each day made durable, and then looked up one by one: the documents that share
a band key with the one at hand, and their bytes. Half of the look-ups find something. LMDB and DuckDB take part where
they are installed (`pip install lmdb duckdb`).
"""

from __future__ import annotations

import importlib.util
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np
import numpy.typing as npt

from dedup.cluster import REACH
from dedup.columns import Column
from dedup.config import Config
from dedup.index.segments import Rows
from dedup.index.store import Store

BANDS = 18
BLOB_BYTES = 1_200
LOOKUPS = 2_000

Keys = npt.NDArray[np.uint64]


class Contender(Protocol):
    """A place to keep band keys and bytes."""

    def add(self, first: int, keys: Keys, blobs: list[bytes]) -> None:
        """Store some documents, numbered from `first`, for good."""

    def find(self, keys: Keys) -> list[bytes]:
        """Return the bytes of the documents that have one of these band keys."""


class Sqlite:
    """A table of band keys clustered by key, a table of bytes, write-ahead log, synchronous commits."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "index.sqlite")
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-1000000; PRAGMA mmap_size=8000000000;"
            "CREATE TABLE bands(key INTEGER, document INTEGER, PRIMARY KEY(key, document)) WITHOUT ROWID;"
            "CREATE TABLE documents(number INTEGER PRIMARY KEY, text BLOB);"
        )

    def add(self, first: int, keys: Keys, blobs: list[bytes]) -> None:
        """Store some documents, keys in order."""
        documents = np.repeat(np.arange(first, first + len(keys)), BANDS)
        order = np.argsort(keys.ravel())
        rows = zip(keys.ravel().view(np.int64)[order].tolist(), documents[order].tolist(), strict=True)
        with self._db:
            self._db.executemany("INSERT INTO bands VALUES(?, ?)", rows)
            self._db.executemany("INSERT INTO documents VALUES(?, ?)", enumerate(blobs, first))

    def find(self, keys: Keys) -> list[bytes]:
        """Look up in one query."""
        marks = ", ".join("?" * len(keys))
        query = (
            "SELECT text FROM documents WHERE number IN "  # noqa: S608
            f"(SELECT document FROM bands WHERE key IN ({marks}))"
        )
        return [text for (text,) in self._db.execute(query, keys.view(np.int64).tolist())]


class Lmdb:
    """A database of band keys with duplicates, a database of bytes, synchronous commits."""

    def __init__(self, folder: Path) -> None:
        import lmdb

        self._env = lmdb.open(str(folder / "lmdb"), map_size=1 << 38, max_dbs=2)
        self._bands = self._env.open_db(b"bands", dupsort=True, dupfixed=True)
        self._documents = self._env.open_db(b"documents")

    def add(self, first: int, keys: Keys, blobs: list[bytes]) -> None:
        """Store some documents, keys in order."""
        documents = np.repeat(np.arange(first, first + len(keys), dtype=">u4"), BANDS)
        order = np.argsort(keys.ravel())
        raw, numbers = keys.ravel().astype(">u8")[order].tobytes(), documents[order].tobytes()
        pairs = [(raw[8 * i : 8 * i + 8], numbers[4 * i : 4 * i + 4]) for i in range(len(order))]
        names = np.arange(first, first + len(keys), dtype=">u4").tobytes()
        texts = [(names[4 * i : 4 * i + 4], blob) for i, blob in enumerate(blobs)]
        with self._env.begin(write=True) as transaction:
            transaction.cursor(self._bands).putmulti(pairs, dupdata=True)
            transaction.cursor(self._documents).putmulti(texts, append=True)

    def find(self, keys: Keys) -> list[bytes]:
        """Look up in one transaction."""
        raw = keys.astype(">u8").tobytes()
        with self._env.begin() as transaction:
            cursor = transaction.cursor(self._bands)
            wanted = [raw[at : at + 8] for at in range(0, len(raw), 8)]
            documents = {number for _, number in cursor.getmulti(wanted, dupdata=True)}
            return [bytes(transaction.get(number, db=self._documents)) for number in sorted(documents)]


class DuckDb:
    """Two tables, filled from Arrow; the table of band keys has an index only with `indexed`."""

    indexed = False

    def __init__(self, folder: Path) -> None:
        import duckdb

        self._db = duckdb.connect(str(folder / "index.duckdb"), config={"threads": 1})
        self._db.execute("CREATE TABLE bands(key UBIGINT, document UINTEGER)")
        self._db.execute("CREATE TABLE documents(number UINTEGER, text BLOB)")
        if self.indexed:
            self._db.execute("CREATE INDEX by_key ON bands(key)")
            self._db.execute("CREATE INDEX by_number ON documents(number)")

    def add(self, first: int, keys: Keys, blobs: list[bytes]) -> None:
        """Store some documents, from Arrow tables."""
        import pyarrow as pa

        numbers = np.arange(first, first + len(keys), dtype=np.uint32)
        self._db.register("new_bands", pa.table({"key": keys.ravel(), "document": np.repeat(numbers, BANDS)}))
        self._db.register("new_documents", pa.table({"number": numbers, "text": blobs}))
        self._db.execute("BEGIN; INSERT INTO bands FROM new_bands; INSERT INTO documents FROM new_documents; COMMIT")

    def find(self, keys: Keys) -> list[bytes]:
        """Look up in two queries."""
        numbers = self._db.execute(
            f"SELECT DISTINCT document FROM bands WHERE key IN ({', '.join(map(str, keys.tolist()))})"  # noqa: S608
        ).fetchall()
        if not numbers:
            return []
        marks = ", ".join(str(number) for (number,) in numbers)
        found = self._db.execute(f"SELECT text FROM documents WHERE number IN ({marks})").fetchall()  # noqa: S608
        return [text for (text,) in found]


class IndexedDuckDb(DuckDb):
    """The same with an index on the band keys."""

    indexed = True


class Segments:
    """What dedup uses: immutable sorted files, merged now and then, listed in a file that is replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._store = Store.open_or_create(folder / "news.index", Config())
        self._lock = self._store.locked()
        self._lock.__enter__()

    def add(self, first: int, keys: Keys, blobs: list[bytes]) -> None:
        """Store some documents as one segment."""
        numbers, nothing = np.arange(first, first + len(keys)), np.zeros(0, np.int64)
        nameless = Column.of([""] * len(keys))
        rows = Rows(
            numbers=numbers, keepers=numbers, similarities=np.ones(len(keys)), originals=np.ones(len(keys)),
            text_keys=np.zeros(len(keys), np.uint64), ids=nameless, files=[""] * len(keys), records=numbers,
            sources=nameless, cut_offsets=np.zeros(len(keys) + 1, np.int64), cut_starts=nothing, cut_ends=nothing,
            frames=blobs,
        )  # fmt: skip
        writer = self._store.new_segment()
        writer.add(rows, keys)
        self._store.commit(self._store.changed(writer, next_number=first + len(keys)))

    def find(self, keys: Keys) -> list[bytes]:
        """Look up in every segment."""
        snapshot = self._store.snapshot
        return snapshot.frames(np.unique(snapshot.meet(keys, REACH)[1]))


CONTENDERS: dict[str, tuple[str, Callable[[Path], Contender]]] = {
    "segments": ("numpy", Segments),
    "sqlite": ("sqlite3", Sqlite),
    "lmdb": ("lmdb", Lmdb),
    "duckdb": ("duckdb", DuckDb),
    "duckdb, indexed": ("duckdb", IndexedDuckDb),
}


def days(documents: int, day: int) -> Iterator[tuple[int, Keys, list[bytes]]]:
    """Make up the documents, a day at a time."""
    for first in range(0, documents, day):
        rng = np.random.default_rng(first)
        count = min(day, documents - first)
        data = rng.bytes(count * BLOB_BYTES)
        blobs = [data[at : at + BLOB_BYTES] for at in range(0, len(data), BLOB_BYTES)]
        yield first, rng.integers(0, 1 << 64, (count, BANDS), np.uint64), blobs


def size_of(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def measure(make: Callable[[Path], Contender], documents: int, day: int) -> list[Any]:
    """Return documents added a second, the same on the last tenth, median and 99th percentile ms, bytes a document."""
    folder = Path(tempfile.mkdtemp(prefix="dedup-stores-"))
    try:
        store, spent, known = make(folder), [], []
        for first, keys, blobs in days(documents, day):
            start = time.perf_counter()
            store.add(first, keys, blobs)
            spent.append(time.perf_counter() - start)
            known.append(keys[: max(1, LOOKUPS * day // documents // 2)])
        rng = np.random.default_rng(1)
        wanted = [keys for part in known for keys in part][: LOOKUPS // 2]
        wanted += list(rng.integers(0, 1 << 64, (len(wanted), BANDS), np.uint64))
        times = []
        for at in rng.permutation(len(wanted)).tolist():
            start = time.perf_counter()
            store.find(wanted[at])
            times.append(1000 * (time.perf_counter() - start))
        tenth = max(1, len(spent) // 10)
        return [
            f"{documents / sum(spent):,.0f}", f"{tenth * day / sum(spent[-tenth:]):,.0f}",
            f"{statistics.median(times):.2f}", f"{np.percentile(times, 99):.2f}", f"{size_of(folder) / documents:,.0f}",
        ]  # fmt: skip
    finally:
        shutil.rmtree(folder)


@click.command()
@click.option("--documents", default=200_000, show_default=True)
@click.option("--day", default=5_000, show_default=True, help="Documents that are added at a time.")
@click.option("--store", "names", multiple=True, type=click.Choice(list(CONTENDERS)), help="Only this one.")
def main(documents: int, day: int, names: tuple[str, ...]) -> None:
    """Print a row for each store."""
    click.echo("| store | added/s | last tenth | look-up ms | 99 % | bytes |\n|---|---|---|---|---|---|")
    for name, (module, make) in CONTENDERS.items():
        if (not names or name in names) and importlib.util.find_spec(module):
            click.echo(f"| {name} | {' | '.join(measure(make, documents, day))} |")


if __name__ == "__main__":
    main()
