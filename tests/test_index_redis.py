"""An index in Redis: the verdicts of one in a folder, for as many processes as like to, and nothing unpickled."""

from __future__ import annotations

import json
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from datasketch import MinHash, MinHashLSH

import dedup
from dedup.cli import main
from dedup.columns import Column
from dedup.config import Config
from dedup.errors import EngineError, StateError, UsageError
from dedup.index import catalog
from dedup.index.adding import Sketcher
from dedup.index.remote import RemoteStore
from dedup.index.sealed import Document, seal
from dedup.model import Batch
from dedup.readers import open_corpus
from dedup.work import work_folder
from tests.corpora import LISTED, article, edited, framed, site, unevenly_cut
from tests.corpora import Document as Record
from tests.redis_server import serving
from tests.test_index import crawl, crowd, shorten_reach

redis = pytest.importorskip("redis", reason="needs the extra 'redis'")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture
def client(server: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server) as connected:
        connected.flushall()
        yield connected


@pytest.fixture
def url(server: str, client: redis.Redis) -> str:
    """An address where there is no index yet."""
    return f"{server}#news"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder where there is no index yet; articles of both are said to be from `news`."""
    return tmp_path / "news"


def of_fixtures(_: Any) -> list[Record]:
    def records(batch: Batch) -> list[Record]:
        rows = zip(batch.ids, batch.sources, batch.texts, strict=True)
        return [{"id": name, "source": source, "text": text} for name, source, text in rows]

    with work_folder() as work:
        corpus = open_corpus([str(ROOT / "fixtures" / "crawl")], Config(), work=work)
        return [record for batch in corpus.batches() for record in records(batch)]


def of_versions(shared_records: Callable[[str], list[Record]]) -> list[Record]:
    return shared_records("terms_versions")[:300]


@pytest.mark.parametrize(
    ("documents", "every", "reason"),
    [
        (lambda _: crawl(2, articles=40), 10, "boilerplate"),
        (lambda _: crawl(3, articles=15), 1, "boilerplate"),
        (of_fixtures, 7, "boilerplate"),
        (of_versions, 50, "near-duplicate"),
        (lambda _: unevenly_cut(1), 5, "near-duplicate"),
        # The frame is known when the page comes of which another site has a copy.
        (lambda _: [*framed(1)[1:12], framed(1)[0], *framed(1)[12:]], 1, "near-duplicate"),
    ],
    ids=["crawl", "commit-each", "fixtures", "terms_versions", "unevenly-cut", "framed"],
)
def test_verdicts_are_those_of_a_folder(
    url: str, folder: Path, documents: Any, every: int, reason: str, request: pytest.FixtureRequest
) -> None:
    records = documents(request.getfixturevalue("shared_records"))
    listed, found = {"known_boilerplate": LISTED}, []
    with dedup.open_index(folder, **listed) as local, dedup.open_index(url, **listed) as shared:
        for number, record in enumerate(records):
            assert shared.judge(record) == local.judge(record)
            found.append(shared.add(record))
            assert found[-1] == local.add(record)
            if number % every == 0:
                local.commit()
                shared.commit()
        local.commit()
        shared.commit()
        verdicts = [shared.judge(record) for record in records]
        assert verdicts == [local.judge(record) for record in records]
        assert len(shared) == len(local) < len(records)
    assert any(decision.reason == reason for verdict in found for decision in verdict.decisions)


def test_as_many_are_compared_as_in_a_folder(
    url: str, client: redis.Redis, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_reach(monkeypatch)
    with dedup.open_index(folder, only=("articles",)) as local, dedup.open_index(url, only=("articles",)) as shared:
        for record in crowd(3):
            assert shared.judge(record) == local.judge(record)
            assert shared.add(record) == local.add(record)
    assert max(client.scard(key) for key in client.scan_iter() if client.type(key) == b"set") == 3


def test_it_is_there_for_the_next_one_who_opens_it(url: str) -> None:
    text = article(random.Random(1))
    with dedup.open_index(url, threshold=0.6, text_field="body") as index:
        index.add({"id": "a", "body": text})
        # Nothing waits: whoever is killed here loses nothing.
        with dedup.open_index(url, is_reading=True) as other:
            assert (other.config.threshold, other.config.text_field, len(other)) == (0.6, "body", 1)
            assert other.judge({"body": text}).keeper == ("a", "news", 1, "")
            with pytest.raises(UsageError, match="open for reading only"):
                other.add({"body": text})


def test_what_one_learns_the_others_know(url: str) -> None:
    rng = random.Random(4)
    first, (last,) = site(rng, "a.example", 8), site(rng, "a.example", 1, prefix="late/")
    with dedup.open_index(url) as index, dedup.open_index(url) as other:
        for document in first[:4]:
            index.add(document)
        for document in first[4:]:
            other.add(document)
        assert "Cookies" in index.judge(last).text
        other.commit()
        assert "Cookies" not in index.judge(last).text


def test_several_indexes_share_a_server(server: str, client: redis.Redis) -> None:
    text = article(random.Random(5))
    with dedup.open_index(f"{server}#one") as one, dedup.open_index(server) as other:
        assert one.add(text).kind == other.add(text).kind == "new"
        assert one.add(text).kind == "duplicate"
    assert {bytes(key).split(b":")[1] for key in client.keys("*")} == {b"one", b"dedup"}


FEEDER = """
import json, sys
import dedup

address, records = sys.argv[1:]
with dedup.open_index(address) as index:
    index.judge("Es geht los.")
    print("ready", flush=True)
    sys.stdin.readline()
    for line in open(records, encoding="utf-8"):
        record = json.loads(line)
        print(json.dumps([record["id"], index.add(record).kind]), flush=True)
        if record["id"].endswith("7"):
            index.commit()
"""


def feeding(url: str, folder: Path, parts: list[list[Record]]) -> list[subprocess.Popen[str]]:
    """Start a process for each part of some records; they all begin to add at the same moment."""
    feeders = []
    for number, part in enumerate(parts):
        records = folder / f"{number}.jsonl"
        records.write_text("".join(f"{json.dumps(record)}\n" for record in part), "utf-8")
        command = [sys.executable, "-W", "error", "-c", FEEDER, url, str(records)]
        feeders.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT))
    for feeder in feeders:
        assert feeder.stdout is not None
        assert feeder.stdin is not None
        assert feeder.stdout.readline() == "ready\n"
    for feeder in feeders:
        assert feeder.stdin is not None
        feeder.stdin.write("\n")
        feeder.stdin.flush()
    return feeders


def test_processes_that_feed_one_store_keep_each_article_once(url: str, tmp_path: Path) -> None:
    articles = [article(random.Random(seed)) for seed in range(40)]
    parts = [
        [{"id": f"{part}/{number}", "source": "a.example", "text": text} for number, text in enumerate(articles)]
        for part in range(4)
    ]
    feeders = feeding(url, tmp_path, parts)
    told = [json.loads(line) for feeder in feeders for line in feeder.communicate(timeout=600)[0].splitlines()]
    assert [feeder.returncode for feeder in feeders] == [0] * 4
    assert len(told) == 4 * len(articles)
    # None is kept twice, and none is lost since each thought that the other keeps it.
    assert sorted(int(name.split("/")[1]) for name, kind in told if kind == "new") == list(range(len(articles)))
    with dedup.open_index(url, is_reading=True) as index:
        assert len(index) == len(articles)
    assert_whole(url)


def test_a_killed_process_leaves_nothing_half_done(url: str, tmp_path: Path) -> None:
    rng = random.Random(6)
    for turn in range(6):
        part = [{"id": f"{turn}/{number}", "text": article(rng)} for number in range(200)]
        (feeder,) = feeding(url, tmp_path, [part])
        time.sleep(rng.uniform(0.05, 0.5))
        feeder.send_signal(signal.SIGKILL)
        lines = feeder.communicate()[0].splitlines()
        with dedup.open_index(url, is_reading=True) as index:
            told = [json.loads(line)[0] for line in lines if line.endswith("]")]
            stored = {record["id"]: record for record in part}
            assert all(index.judge(stored[name]).keeper.id == name for name in told)
        assert_whole(url)


def assert_whole(url: str) -> None:
    """Check that what is in the store belongs together."""
    store = RemoteStore(url)
    address = store.name.partition("#")[0]
    with redis.Redis.from_url(address) as client:
        keys = [bytes(key) for key in client.keys("*")]
        numbers = [int(key.rpartition(b":")[2]) for key in keys if key.startswith(store.key("document", ""))]
        stored = [document for document in store.documents(numbers) if document.is_stored]
        assert len(store) == len(stored)
        in_bands = {int(member) for key in keys if b"_bucket_" in key and client.type(key) == b"set"
                    for member in client.smembers(key)}  # fmt: skip
        assert in_bands == {document.number for document in stored}
        for document in stored:
            assert store.with_text_key(document.text_key) == document.number
    store.close()


def test_threads_that_add_the_same_article_store_it_once(url: str) -> None:
    documents = [document for document in crawl(5, articles=8) if len(document["text"]) > 100]
    with dedup.open_index(url) as index, ThreadPoolExecutor(8) as pool:
        kinds = [v.kind for v in pool.map(index.add, [document for document in documents for _ in range(4)])]
        assert kinds.count("new") == len(index)
        assert {verdict.kind for verdict in pool.map(index.judge, documents)} == {"duplicate"}
    assert_whole(url)


def test_what_is_added_between_judging_and_adding_is_judged_against(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    text = article(rng)
    near = edited(rng, text, 0.01)
    add = RemoteStore.add
    with dedup.open_index(url) as index, dedup.open_index(url) as other:

        def overtaken(self: RemoteStore, *arguments: Any) -> bool:
            monkeypatch.setattr(RemoteStore, "add", add)
            assert other.add({"id": "first", "text": near}).kind == "new"
            return add(self, *arguments)

        monkeypatch.setattr(RemoteStore, "add", overtaken)
        verdict = index.add({"id": "second", "text": text})
        assert (verdict.kind, verdict.keeper and verdict.keeper.id) == ("duplicate", "first")
        assert verdict.similarity == dedup.jaccard(text, near)
        assert len(index) == 1


def test_a_connection_lost_behind_the_transaction_makes_no_article_its_own_duplicate(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = RemoteStore._is_done
    monkeypatch.setattr(RemoteStore, "_is_done", lambda self, change: done(self, change) and False)
    with dedup.open_index(url) as index:
        assert index.add(article(random.Random(8))).kind == "new"
        assert len(index) == 1


def test_datasketch_finds_what_we_find(url: str) -> None:
    documents = [document for document in crawl(9, articles=10) if len(document["text"]) > 100]
    with dedup.open_index(url, only=("articles",)) as index:
        for document in documents:
            index.add(document)
    store, sketcher = RemoteStore(url), Sketcher(Config())
    bands = sketcher.shape.bands
    address = redis.Redis.from_url(store.name.partition("#")[0]).connection_pool.connection_kwargs
    storage = {
        "type": "redis", "basename": store.key("band"), "redis": {"host": address["host"], "port": address["port"]},
    }  # fmt: skip
    theirs = MinHashLSH(num_perm=2 * bands, params=(bands, 2), prepickle=False, storage_config=storage)
    texts = Column.of([document["text"] for document in documents])
    sources = Column.of([document["source"] for document in documents])
    _, keys = sketcher.keys(texts, texts, np.zeros(0, np.int64), sources)
    found = 0
    for row in keys:
        minhash = MinHash(num_perm=2 * bands, hashvalues=row.view(np.uint32), scheme="affine32")
        met = sorted(int(member) for member in theirs.query(minhash))
        assert met == sorted({number for numbers in store.meeting(row) for number in numbers})
        found += len(met)
    assert found > len(documents)


class Bomb:
    """Pickled, it makes whoever loads it write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


@pytest.fixture
def filled(url: str, client: redis.Redis) -> list[Record]:
    """Some articles of one site that are stored, the last ones since its boilerplate is known."""
    documents = site(random.Random(10), "a.example", 10)
    with dedup.open_index(url) as index:
        for document in documents[:8]:
            index.add(document)
        index.commit()
        for document in documents[8:]:
            index.add(document)
    return documents[8:]


def poisoned(client: redis.Redis, key: bytes, value: bytes) -> None:
    """Put a value in place of another one, in the same kind of collection."""
    kind = client.type(key)
    if kind == b"string":
        client.set(key, value)
    elif kind == b"hash":
        client.hset(key, mapping=dict.fromkeys(client.hkeys(key), value))
    else:
        client.delete(key)
        (client.sadd if kind == b"set" else client.rpush)(key, value)


@pytest.mark.parametrize(
    "what",
    ["catalog", "next", "stored", "generation", "templates", "waiting", "latest:", "text:", "document:", "_bucket_"],
)
def test_a_poisoned_value_is_refused_and_never_unpickled(
    url: str, filled: list[Record], client: redis.Redis, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb, is_sealed = pickle.dumps(Bomb(tmp_path / "bang")), what in ("templates", "document:")
    pickle.loads(bomb)  # noqa: S301
    assert (tmp_path / "bang").exists(), "the bomb is none"
    (tmp_path / "bang").unlink()
    keys = [bytes(key) for key in client.keys("*") if what.encode() in key]
    keys = [key for key in keys if what != "_bucket_" or client.type(key) == b"set"]
    assert keys
    with monkeypatch.context() as patched:
        for name in ("load", "loads", "Unpickler"):
            patched.setattr(pickle, name, lambda *_, **__: pytest.fail("something is unpickled"))
        for seals in (False, True)[: 1 + is_sealed]:
            for key in keys:
                poisoned(client, key, seal(key, bomb) if seals else bomb)
            with pytest.raises(StateError) as refused:
                use(url, filled)
            assert url.partition("//")[2] in str(refused.value)
    assert not (tmp_path / "bang").exists()


def use(url: str, filled: list[Record]) -> None:
    """Do all that can be done with an index."""
    near = edited(random.Random(11), filled[0]["text"], 0.01)
    with dedup.open_index(url) as index:
        len(index)
        for text in (filled[0]["text"], near):
            index.judge({"source": "a.example", "text": text})
        index.add({"source": "a.example", "text": f"{near} Und noch ein Satz."})
        for document in site(random.Random(12), "a.example", 4, prefix="new/"):
            index.add(document)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "was changed since it was written"),
        (lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:], "was changed since it was written"),
        (lambda data: b"", "was changed since it was written"),
    ],
    ids=["cut off", "flipped bit", "empty"],
)
def test_a_damaged_document_is_refused(
    url: str, filled: list[Record], client: redis.Redis, change: Any, message: str
) -> None:
    key = b"dedup:news:document:8"
    client.set(key, change(client.get(key)))
    with dedup.open_index(url, is_reading=True) as index, pytest.raises(StateError, match=message):
        index.judge(filled[0])


def forged(**fields: Any) -> Any:
    """Change fields of a document, as somebody can who knows how it is sealed."""

    def change(document: Document) -> Document:
        return msgspec.structs.replace(document, **fields)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (forged(number=5), "document 8 says that it is document 5"),
        (forged(keeper=-1), "document 8 is none"),
        (forged(keeper=2**63), "document 8 is none"),
        (forged(similarity=1.5), "document 8 is none"),
        (forged(text_key=1), "document 8 has not the text key"),
        (forged(cut_starts=[5], cut_ends=[3]), "its cuts are out of order"),
        (forged(cut_starts=[0], cut_ends=[10**9]), "its cuts are out of order"),
        (forged(cut_starts=[0], cut_ends=[]), "the text of document 8 was changed"),
        (forged(frame=b"no frame"), "the text of document 8 was changed"),
        (forged(keeper=10**6), "document 1000000 is missing"),
    ],
)
def test_a_forged_document_is_refused(
    url: str, filled: list[Record], client: redis.Redis, change: Any, message: str
) -> None:
    key, store = b"dedup:news:document:8", RemoteStore(url)
    (document,) = store.documents([8])
    store.close()
    client.set(key, seal(key, change(document).encode()))
    with pytest.raises(StateError, match=message):
        use(url, filled)


def test_swapped_documents_are_noticed(url: str, filled: list[Record], client: redis.Redis) -> None:
    first, second = b"dedup:news:document:8", b"dedup:news:document:9"
    client.mset({first: client.get(second), second: client.get(first)})
    with (
        dedup.open_index(url) as index,
        pytest.raises(StateError, match="document:8' was changed"),
    ):
        index.judge(filled[0])


def test_an_evicted_document_is_missed(url: str, filled: list[Record], client: redis.Redis) -> None:
    client.delete("dedup:news:document:8")
    with dedup.open_index(url) as index:
        with pytest.raises(StateError, match=r"document 8 is missing.*maxmemory-policy must be noeviction"):
            index.add(filled[0])
        assert index.judge(filled[1]).kind == "duplicate"


def test_settings_that_do_not_go_together_are_refused(url: str) -> None:
    with dedup.open_index(url):
        pass
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:\d+/0#news: the index was made with threshold 0\.8"):
        dedup.open_index(url, threshold=0.7)
    with pytest.raises(UsageError, match="with an index the first article stays"):
        dedup.open_index(url, keep="longest")


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"segmenter": "0"}, "not by this version"), ({"format": 99}, "is an index of format 99")],
)
def test_an_index_of_another_version_is_refused(
    url: str, client: redis.Redis, fields: dict[str, Any], message: str
) -> None:
    page = msgspec.structs.replace(catalog.empty(Config(keep="first")), **fields)
    client.set("dedup:news:catalog", catalog.encode(page))
    with pytest.raises(StateError, match=message):
        dedup.open_index(url)


def test_reading_needs_an_index(url: str) -> None:
    with pytest.raises(StateError, match=r"#news: is no index\. Open it for writing first"):
        dedup.open_index(url, is_reading=True)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("redis://127.0.0.1:port/0", "is no address"),
        ("redis://127.0.0.1:99999/0", "is no address"),
        ("redis://127.0.0.1:6379/0?colour=red", "is no address"),
        ("redis://127.0.0.1:6379/0?socket_timeout=soon", "is no address"),
        ("redis://127.0.0.1:6379/0#a:b", "'a:b' cannot name an index in Redis"),
    ],
)
def test_a_bad_address_is_refused(address: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dedup.open_index(address)


def test_errors_do_not_tell_the_password(tmp_path: Path) -> None:
    with serving(tmp_path, "--requirepass", "secret") as address:
        host = address.removeprefix("redis://")
        with dedup.open_index(f"redis://:secret@{host}") as index:
            assert index.add("Ein Satz, der gespeichert wird.").kind == "new"
        for password in (":wrongsecret@", ""):
            with pytest.raises(StateError, match="Redis does not answer as it should") as refused:
                dedup.open_index(f"redis://{password}{host}")
            assert "secret" not in str(refused.value)


def test_a_server_that_stops_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        index = dedup.open_index(address)
        index.add("Ein Satz, der gespeichert wird.")
    for ask in (index.judge, index.add):
        with pytest.raises(StateError, match=r"Redis does not answer as it should .*Check the address"):
            ask("Noch ein Satz.")


def test_a_server_without_memory_stores_nothing_by_halves(tmp_path: Path) -> None:
    rng = random.Random(14)
    with serving(tmp_path) as address, redis.Redis.from_url(address) as client:
        with dedup.open_index(address) as index:
            index.add(article(rng))
        client.config_set("maxmemory", "1")
        index = dedup.open_index(address)
        with pytest.raises(StateError, match="Redis does not answer as it should"):
            index.add(article(rng))
        client.config_set("maxmemory", "0")
        index.__exit__(None, None, None)
        assert_whole(f"{address}#dedup")


def test_without_the_package_an_error_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(EngineError, match=r"needs the package redis.*pip install 'corpus-dedup\[redis\]'"):
        dedup.open_index("redis://127.0.0.1")


def test_cleaning_files_needs_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    news = tmp_path / "news.jsonl"
    news.write_text('{"text": "Ja."}\n')
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["clean", "news.jsonl", "-o", "out.jsonl", "--index", "redis://127.0.0.1/0"])
    assert done.exit_code == 2
    assert "an index in Redis takes articles one by one" in done.output
    assert list(tmp_path.iterdir()) == [news]
