"""The folder of an index: who may write to it, how a change becomes visible, and what a killed run left behind.

Readers take the catalog as it is and map the segments it names: they never wait, and what they have open stays whole
when a writer replaces it. A writer holds the lock file. It writes new segments and templates, brings them to disk, and
replaces the catalog. When eight segments of about one size have come together they are merged into one, so that both
the number of segments and the number of times a document is copied grow with the logarithm of what is stored.

A change that belongs to an output (`clean --index`) becomes visible together with it. First `pending.json` says what
the catalog will be and how to recognise the output; then the output is renamed to its final name, which decides; then
the catalog is replaced. The next writer that finds `pending.json` looks whether the output is there, whole, and
finishes or forgets the change.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from dedup.config import Config
from dedup.errors import StateError, UsageError
from dedup.formats.digests import Digest
from dedup.index import catalog as pages
from dedup.index.catalog import CATALOG, Catalog, RunEntry, SegmentEntry
from dedup.index.segments import Segment, SegmentWriter
from dedup.index.snapshot import Snapshot
from dedup.staging import remove, writing

ADDRESSES = ("redis:", "rediss:", "unix:")
"""What is left of the scheme of an address that was taken for a path."""

LOCK, PENDING = "lock", "pending.json"

FANOUT_BITS = 3
"""Binary logarithm of the number of segments of about one size that are merged. Measured with days of 5,000 documents:
merging by two took twice the time, and saved a tenth of a millisecond a look-up at a million documents."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that an output is there: where it and its sidecar are, and the digest of its decisions."""

    output: str
    is_folder: bool
    sidecar: str
    decisions: Digest


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A change that waits for an output: what the catalog will be, and what shows that the output is there."""

    catalog: Catalog
    proof: Proof


class Store:
    """An index on disk.

    Attributes:
        folder: Where it is.
        snapshot: What it holds, as of the last time somebody looked or changed it from here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._segments: dict[str, Segment] = {}
        self.snapshot = self._read()

    @classmethod
    def open_or_create(cls, folder: Path, config: Config) -> Store:
        """Open an index that is compatible with a configuration, or make an empty one.

        Raises:
            StateError: There is something else, or an index that was changed or made by another version.
            UsageError: It was made under settings that do not go together with these.
        """
        if folder.parts[:1] and folder.parts[0] in ADDRESSES:
            raise UsageError(
                "an index in Redis takes articles one by one, and this needs a folder",
                file=str(folder),
                hint="Use dedup.open_index or the Scrapy pipeline, or name a folder.",
            )
        if not (folder / CATALOG).exists() and (not folder.exists() or _is_unfinished(folder)):
            with writing(folder):
                folder.mkdir(exist_ok=True)
                pages.replace(folder / CATALOG, pages.encode(pages.empty(config)))
        store = cls(folder)
        store.catalog.check(config, folder)
        return store

    @property
    def catalog(self) -> Catalog:
        """What the index holds."""
        return self.snapshot.catalog

    @contextmanager
    def locked(self, is_done: Callable[[Proof], bool] = lambda proof: False) -> Iterator[None]:
        """Be the only writer, and first finish or forget what a killed one left.

        Args:
            is_done: Says by its proof whether the output that a pending change waits for is there, whole.

        Raises:
            StateError: Somebody else is writing.
        """
        with writing(self.folder):
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateError(
                    f"process {os.pread(descriptor, 20, 0).decode() or '?'} is writing to the index",
                    file=str(self.folder),
                    hint="Wait until it has finished; reading is possible all the time.",
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            self.snapshot = self._read()
            self._recover(is_done)
            yield
        finally:
            os.close(descriptor)

    def new_segment(self) -> SegmentWriter:
        """Begin a segment that counts for nothing until it is committed."""
        with writing(self.folder):
            return SegmentWriter(self.folder / self._new_name("segment"))

    def write_templates(self, data: bytes) -> tuple[str, Digest]:
        """Write a file of templates that counts for nothing until it is committed."""
        import xxhash

        name = f"{self._new_name('templates')}.arrow"
        with writing(self.folder):
            (self.folder / name).write_bytes(data)
            pages.sync(self.folder / name)
        return name, Digest(xxhash.xxh3_128_hexdigest(data), len(data))

    def changed(self, added: SegmentWriter | None = None, run: RunEntry | None = None, **fields: Any) -> Catalog:
        """Return the catalog with a new segment, a run or other fields changed; whatever it names is on disk."""
        catalog = msgspec.structs.replace(
            self.catalog,
            generation=self.catalog.generation + 1,
            runs=[*self.catalog.runs, *([run] if run else [])],
            **fields,
        )
        with writing(self.folder):
            segments = list(catalog.segments)
            if added is not None and added.documents:
                segments.append(self._entry(added))
            while (first := _first_to_merge(segments)) < len(segments):
                segments[first:] = [self._merged(segments[first:], catalog.removed)]
            return msgspec.structs.replace(catalog, segments=[entry for entry in segments if entry.documents])

    def compacted(self) -> Catalog:
        """Return the catalog with all segments merged into one, without what was removed."""
        catalog = self.catalog
        with writing(self.folder):
            segments = [self._merged(catalog.segments, catalog.removed)] if catalog.segments else []
        return msgspec.structs.replace(
            catalog,
            generation=catalog.generation + 1,
            segments=[entry for entry in segments if entry.documents],
            removed=[],
        )

    def commit(self, catalog: Catalog) -> None:
        """Make a change visible and durable; only for whom has the lock."""
        with writing(self.folder):
            pages.replace(self.folder / CATALOG, pages.encode(catalog))
            self.snapshot = self._read()
            (self.folder / PENDING).unlink(missing_ok=True)
            self._clear_leftovers()

    def prepare(self, catalog: Catalog, proof: Proof) -> None:
        """Note a change that is to be made when an output is there, so that it happens even if we are killed."""
        with writing(self.folder):
            pages.replace(self.folder / PENDING, pages.encode(Pending(catalog=catalog, proof=proof)))

    def refresh(self) -> None:
        """Look whether somebody else changed the index."""
        self.snapshot = self._read()

    def _recover(self, is_done: Callable[[Proof], bool]) -> None:
        path = self.folder / PENDING
        if path.exists():
            pending = pages.decode(path.read_bytes(), Pending, path)
            if pending.catalog.generation > self.catalog.generation and is_done(pending.proof):
                self.commit(pending.catalog)
        with writing(self.folder):
            path.unlink(missing_ok=True)
            self._clear_leftovers()

    def _read(self) -> Snapshot:
        """Open what the catalog names; again if a writer replaced it meanwhile."""
        while True:
            catalog = pages.load(self.folder)
            try:
                opened = {
                    entry.name: self._segments.get(entry.name) or Segment.open(self.folder / entry.name, entry.files)
                    for entry in catalog.segments
                }
                snapshot = Snapshot.of(catalog, list(opened.values()), self.folder)
            except (StateError, OSError):
                if pages.load(self.folder).generation == catalog.generation:
                    raise
                continue
            self._segments = opened
            return snapshot

    def _entry(self, writer: SegmentWriter) -> SegmentEntry:
        files = writer.finish()
        pages.sync(writer.folder)
        # As we have just written it ourselves, it need not be checked.
        self._segments[writer.folder.name] = Segment(writer.folder)
        return SegmentEntry(writer.folder.name, writer.documents, files)

    def _merged(self, entries: list[SegmentEntry], removed: list[int]) -> SegmentEntry:
        import numpy as np

        writer = self.new_segment()
        for entry in entries:
            segment = self._segments[entry.name]
            # Or else damage would be copied, and pass for what was written.
            segment.check_texts(entry.files)
            writer.add_segment(segment, np.array(removed, np.int64))
        return self._entry(writer)

    def _new_name(self, kind: str) -> str:
        return f"{kind}-{self.catalog.generation + 1:08d}-{secrets.token_hex(4)}"

    def _clear_leftovers(self) -> None:
        """Remove what counts for nothing: what was replaced, and what killed runs left."""
        known = self.catalog.files()
        for path in self.folder.iterdir():
            if path.name.startswith(("segment-", "templates-")) and path.name not in known:
                remove(path)


def _first_to_merge(segments: list[SegmentEntry]) -> int:
    """Return where those begin that are to be merged, at the end of the list; its length for none."""
    tiers = [entry.documents.bit_length() // FANOUT_BITS for entry in segments]
    first = len(tiers)
    while first and tiers[first - 1] <= tiers[-1]:
        first -= 1
    return first if len(tiers) - first >= 1 << FANOUT_BITS else len(tiers)


def _is_unfinished(folder: Path) -> bool:
    """Say whether a folder is empty, or holds only what is there just before an index is made."""
    if not folder.is_dir():
        raise UsageError("is no folder, and an index is one", file=str(folder), hint="Name another.")
    return all(path.name in (LOCK, f".{CATALOG}.new") for path in folder.iterdir())
