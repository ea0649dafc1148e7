"""An index in Redis: how it is laid out there, how it is read, and how a document is added in one transaction.

The keys by which documents are met are those of datasketch's `MinHashLSH` on its Redis storage, with `prepickle=False`;
their members are numbers of documents in plain digits, of the documents that share a band only those that came last, as
many as are looked at (`cluster.REACH`) and one more. Everything else is a key of its own, all behind one prefix:

| key | value |
|---|---|
| `catalog` | settings and versions, as `index.json` of a folder |
| `next`, `stored` | the number of the next document; how many are stored |
| `document:N` | document N, sealed (`sealed`) |
| `text:K` | the first document that has text key K (see `Document.text_key`) |
| `latest:S` | the latest documents of source S, as many as boilerplate is counted over |
| `waiting` | of each source, how many came since its lines were counted |
| `generation`, `templates` | the known boilerplate, sealed, and how many times it was replaced |
| `band...` | datasketch's |

A document is judged and added while its text key and its bands are watched: if anybody adds a document that it could be
a duplicate of before it is added itself, the transaction fails, and it is judged again. So writers need no lock that
could outlive them, and only disturb each other where the answer depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from dedup.cluster import REACH
from dedup.columns import Column
from dedup.config import Config
from dedup.errors import EngineError, StateError, UsageError
from dedup.index import catalog as pages
from dedup.index.catalog import Catalog
from dedup.index.knowledge import Knowledge
from dedup.index.past import EVIDENCE, Past
from dedup.index.sealed import Document, number_in, seal, unseal
from dedup.index.segments import damaged
from dedup.plan import Place

if TYPE_CHECKING:
    from datasketch import MinHashLSH
    from redis import Redis
    from redis.client import Pipeline

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

TIMEOUT_S = 30.0
"""After which a server that does not answer counts as lost; `?socket_timeout=` in the address says otherwise."""

ADDRESS_HINT = "An index in Redis is called redis://HOST:PORT/DATABASE#NAME."

WORDS_OF_A_KEY = 2
"""A band key is given to datasketch as a band of two rows of 32 bits."""


REMEMBERED = 100
"""Documents that are asked for at once and remembered for the rest of a judgement; more are read only to be counted."""


class Heads(NamedTuple):
    """Where an index stands: times that boilerplate was learned, and the number of the next document."""

    generation: int
    next_number: int


class RemoteStore:
    """An index in Redis; threads may share it.

    Attributes:
        name: What errors call it: its address, without a password.
        short_name: What articles are said to be from.
        catalog: Its settings and versions.
    """

    def __init__(self, url: str) -> None:
        self.name, self.short_name = _names(url)
        self._redis = _connected(url, self.name)
        self._prefix = f"dedup:{self.short_name}:".encode()
        found = self._call("get", self.key("catalog"))
        self.catalog = pages.decode_catalog(found, self.name) if found else None
        self._lsh: MinHashLSH | None = None

    def create(self, config: Config) -> Catalog:
        """Make an empty index, unless somebody else has just made one; return what it was made with."""
        self._call("set", self.key("catalog"), pages.encode(pages.empty(config)), nx=True)
        return pages.decode_catalog(self._call("get", self.key("catalog")), self.name)

    def close(self) -> None:
        """Close all connections."""
        self._redis.connection_pool.disconnect()

    def key(self, *parts: str) -> bytes:
        """Return the key that something is stored under."""
        return self._prefix + ":".join(parts).encode()

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Turn what goes wrong between here and the server into a StateError."""
        from redis import RedisError

        try:
            yield
        except RedisError as error:
            raise StateError(
                f"Redis does not answer as it should ({str(error) or type(error).__name__})",
                file=self.name,
                hint="Check the address, the server and what it says in its log.",
            ) from error

    def heads(self) -> Heads:
        """Return where the index stands."""
        return Heads(*self._counts(self.key("generation"), self.key("next")))

    def __len__(self) -> int:
        """Return the number of stored documents."""
        return self._counts(self.key("stored"))[0]

    def new_number(self) -> int:
        """Return a number that no other document has or gets."""
        return int(self._call("incr", self.key("next"))) - 1

    def has(self, number: int) -> bool:
        """Say whether a document is there."""
        return bool(self._call("exists", self.key("document", str(number))))

    def waiting(self) -> dict[str, int]:
        """Return of each source that has grown how many documents were stored since its lines were counted."""
        found = self._call("hgetall", self.key("waiting"))
        # Below 0 if two forget the same documents; then some more must come.
        counts = {source: number_in(count, self.name) for source, count in found.items() if count[:1] != b"-"}
        return {self._source(source): count for source, count in counts.items() if count}

    def knowledge(self) -> tuple[int, Knowledge]:
        """Return the known boilerplate and how many times it was replaced."""
        key = self.key("templates")
        generation, sealed = self._call("mget", [self.key("generation"), key])
        if sealed is None:
            return 0, Knowledge.nothing()
        data = unseal(key, sealed, self.name)
        return number_in(generation or b"", self.name), Knowledge.decode(data, self.name)

    def replace_knowledge(self, known: Knowledge, generation: int, counted: dict[str, int]) -> bool:
        """Replace the known boilerplate if nobody has done so since `generation`; say whether that was so.

        Args:
            known: What is known now.
            generation: What it was made from.
            counted: Of each source how many documents need not wait any longer.
        """
        with self._transaction([self.key("generation")]) as change:
            if self.heads().generation != generation:
                return False
            change.multi()
            self._forget_waiting(change, counted)
            change.set(self.key("templates"), seal(self.key("templates"), known.encode()))
            change.incr(self.key("generation"))
            return self._is_done(change)

    def forget_waiting(self, counted: dict[str, int]) -> None:
        """Note that documents need not wait for their lines to be counted any longer."""
        with self._transaction([]) as change:
            self._forget_waiting(change, counted)
            change.execute()

    @contextmanager
    def watching(self, text_keys: Keys, band_keys: Keys) -> Iterator[Pipeline]:
        """Begin a transaction that fails if a document with one of these keys is added before it ends."""
        texts = [self._text_key(key) for key in text_keys.tolist() if key]
        bands = [table.redis_key(band) for table, band in self._tables(band_keys[0])]
        with self._transaction(texts + bands) as change:
            yield change

    def add(self, change: Pipeline, document: Document, band_keys: Keys) -> bool:
        """End a transaction by adding a document; say whether it was added."""
        number, key = str(document.number), self.key("document", str(document.number))
        # Read while the bands are watched: if one changes before the end, nothing is added.
        held = self.meeting(band_keys[0]) if document.is_stored else []
        change.multi()
        change.set(key, seal(key, document.encode()))
        if document.text_key:
            change.set(self._text_key(document.text_key), number, nx=True)
        if document.is_stored:
            latest = self.key("latest", document.source)
            change.incr(self.key("stored"))
            change.rpush(latest, number)
            change.ltrim(latest, -EVIDENCE, -1)
            change.hincrby(self.key("waiting"), document.source, 1)
            tables = self._tables(band_keys[0])
            for (table, band), numbers in zip(tables, held, strict=True):
                table._insert(change, band, number.encode())
                for surplus in numbers[:-REACH]:
                    change.srem(table.redis_key(band), surplus)
            if tables:
                self._bands().keys._insert(change, number.encode(), *(band for _, band in tables))
        return self._is_done(change)

    def with_text_key(self, key: int) -> int | None:
        """Return the first document that has a text key."""
        found = self._call("get", self._text_key(key))
        return None if found is None else number_in(found, self.name)

    def meeting(self, band_keys: Keys) -> list[list[int]]:
        """Return for each of a document's uint64[bands] keys the last stored documents that have it, ascending."""
        with self.reaching(), self._redis.pipeline(transaction=False) as reading:
            for table, band in self._tables(band_keys):
                reading.smembers(table.redis_key(band))
            return [sorted(number_in(value, self.name) for value in values) for values in reading.execute()]

    def latest(self, source_name: str) -> list[int]:
        """Return the latest stored documents of a source, as many as boilerplate is counted over."""
        found = self._call("lrange", self.key("latest", source_name), 0, -1)
        return [number_in(value, self.name) for value in found]

    def sizes(self, source_names: list[str]) -> dict[str, int]:
        """Return how many documents `latest` would return of each source."""
        with self.reaching(), self._redis.pipeline(transaction=False) as reading:
            for name in source_names:
                reading.llen(self.key("latest", name))
            return dict(zip(source_names, reading.execute(), strict=True))

    def documents(self, numbers: Sequence[int]) -> list[Document]:
        """Return some documents; raises StateError if one is missing."""
        names = [self.key("document", str(number)) for number in numbers]
        found = self._call("mget", names) if names else []
        documents = []
        for number, name, value in zip(numbers, names, found, strict=True):
            if value is None:
                raise StateError(
                    f"document {number} is missing",
                    file=self.name,
                    hint="Has the server evicted it? Its maxmemory-policy must be noeviction.",
                )
            documents.append(Document.decode(unseal(name, value, self.name), number, self.name))
        return documents

    def _call(self, command: str, *arguments: Any, **options: Any) -> Any:
        with self.reaching():
            return getattr(self._redis, command)(*arguments, **options)

    def _counts(self, *names: bytes) -> list[int]:
        return [number_in(value or b"0", self.name) for value in self._call("mget", names)]

    @contextmanager
    def _transaction(self, watched: Sequence[bytes]) -> Iterator[Pipeline]:
        with self.reaching(), self._redis.pipeline() as change:
            if watched:
                change.watch(*watched)  # type: ignore[no-untyped-call]
            yield change

    def _is_done(self, change: Pipeline) -> bool:
        """Carry a transaction out; say whether what it watched was as it had been."""
        from redis import WatchError

        try:
            change.execute()
        except WatchError:
            return False
        return True

    def _forget_waiting(self, change: Pipeline, counted: dict[str, int]) -> None:
        for source, count in counted.items():
            change.hincrby(self.key("waiting"), source, -count)

    def _source(self, name: bytes) -> str:
        try:
            return name.decode()
        except UnicodeDecodeError:
            raise damaged(self.name, f"{name!r} stands where a source should be") from None

    def _text_key(self, key: int) -> bytes:
        return self.key("text", f"{key:016x}")

    def _tables(self, band_keys: Keys) -> list[tuple[Any, bytes]]:
        """Return datasketch's table of each band with what it calls the key there; none for a text without bands."""
        if not band_keys.any():
            return []
        words = np.ascontiguousarray(band_keys).view(np.uint32).reshape(-1, WORDS_OF_A_KEY)
        return list(zip(self._bands(len(words)).hashtables, map(bytes, words.byteswap()), strict=True))

    def _bands(self, count: int = 0) -> MinHashLSH:
        """Return datasketch's index of so many bands; made once, since that takes a millisecond."""
        if self._lsh is None:
            from datasketch import MinHashLSH

            self._lsh = MinHashLSH(
                num_perm=count * WORDS_OF_A_KEY,
                params=(count, WORDS_OF_A_KEY),
                # Pickled members would be unpickled by whoever queries with datasketch.
                prepickle=False,
                storage_config={
                    "type": "redis",
                    "basename": self.key("band"),
                    "redis": {"connection_pool": self._redis.connection_pool},
                },
            )
        return self._lsh


class View(Past):
    """What one judgement, or one count of lines, sees of an index in Redis."""

    def __init__(self, store: RemoteStore, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self._store = store
        self._documents: dict[int, Document] = {}

    def holds(self, number: int) -> bool:
        """Say whether a document is here: all are."""
        return True

    def equal(self, keys: Keys) -> Ints:
        """Return for each key the first document that has it, stored or nearly a duplicate; -1 for none."""
        numbers = [self._store.with_text_key(key) if key else None for key in keys.tolist()]
        for number, key in zip(numbers, keys.tolist(), strict=True):
            if number is not None and self._fetched([number])[0].text_key != key:
                raise damaged(self._store.name, f"document {number} has not the text key {key:016x}")
        return np.array([-1 if number is None else number for number in numbers], np.int64)

    def meet(self, band_keys: Keys, most: int) -> tuple[Ints, Ints]:
        """Return who is stored with which of one document's band keys, of each key the `most` that came last.

        Pairs of a row of `band_keys`, uint64[bands], and a document, ascending by both.
        """
        held = self._store.meeting(band_keys)
        pairs = [(row, number) for row, numbers in enumerate(held) for number in numbers[-most:]]
        rows, numbers = np.array(pairs, np.int64).reshape(-1, 2).T
        return rows, numbers

    def keepers(self, numbers: Ints) -> tuple[Ints, Floats, Floats]:
        """Return the stored document in place of each, itself if it is stored, and both similarities to it."""
        found = self._fetched(numbers.tolist())
        keepers = np.array([document.keeper for document in found], np.int64)
        similarities = np.array([document.similarity for document in found], np.float64)
        return keepers, similarities, np.array([document.similarity_original for document in found], np.float64)

    def originals(self, numbers: Ints) -> Column:
        """Return the texts of some documents as they were read."""
        return Column.join([document.original(self._store.name) for document in self._fetched(numbers.tolist())])

    def cuts(self, numbers: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the spans that some documents lost: which of them, first byte of its original text, byte behind."""
        found = self._fetched(numbers.tolist())
        counts = [len(document.cut_starts) for document in found]
        starts = [start for document in found for start in document.cut_starts]
        ends = [end for document in found for end in document.cut_ends]
        return np.repeat(np.arange(len(found)), counts), np.array(starts, np.int64), np.array(ends, np.int64)

    def places(self, numbers: Ints) -> list[Place]:
        """Return where some documents are from."""
        return [document.place for document in self._fetched(numbers.tolist())]

    def latest(self, source_names: list[str]) -> Ints:
        """Return the numbers of the latest stored documents of some sources, of each as many as count; ascending."""
        return np.array(sorted(number for source in source_names for number in self._store.latest(source)), np.int64)

    def sizes(self, source_names: list[str]) -> dict[str, int]:
        """Return how many documents of each of some sources are stored, or as many as boilerplate is counted over."""
        return self._store.sizes(source_names)

    def _fetched(self, numbers: list[int]) -> list[Document]:
        if len(numbers) > REMEMBERED:
            return self._store.documents(numbers)
        missing = [number for number in dict.fromkeys(numbers) if number not in self._documents]
        self._documents.update(zip(missing, self._store.documents(missing), strict=True))
        return [self._documents[number] for number in numbers]


def _names(url: str) -> tuple[str, str]:
    """Return what errors call an index, and what it is called in the server: what stands behind `#`, or `dedup`."""
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError as error:
        raise UsageError(f"is no address ({error})", file=url, hint=ADDRESS_HINT) from None
    short_name = parts.fragment or "dedup"
    if not re.fullmatch(r"[\w.-]+", short_name, re.ASCII):
        raise UsageError(
            f"{short_name!r} cannot name an index in Redis", hint="Use letters, digits, dots, hyphens and underscores."
        )
    where = parts.path if parts.scheme == "unix" else f"{host}{parts.path}"
    return f"{parts.scheme}://{where}#{short_name}", short_name


def _connected(url: str, name: str) -> Redis:
    try:
        from redis import Redis
    except ImportError:
        raise EngineError(
            "an index in Redis needs the package redis, which is not installed",
            hint="pip install 'corpus-dedup[redis]'",
        ) from None
    try:
        connected = Redis.from_url(url, socket_timeout=TIMEOUT_S)
        # Whatever the address says: what is stored are bytes.
        connected.connection_pool.connection_kwargs["decode_responses"] = False
        connected.connection_pool.make_connection()
    except (ValueError, TypeError) as error:
        raise UsageError(f"is no address ({error})", file=name, hint=ADDRESS_HINT) from None
    return connected
