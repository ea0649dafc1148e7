"""The same decisions on Spark: on a real master with executors in processes of their own."""

from __future__ import annotations

import datetime
import gzip
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import dedup
from dedup import jobs, undo
from dedup.cli import main
from dedup.config import KINDS, Config
from dedup.errors import EngineError, InputError, LossError, OutputError, StateError, UsageError
from dedup.verify.run import verify
from tests.corpora import (
    LISTED,
    Document,
    article,
    corpora,
    edited,
    framed,
    hostile_texts,
    sentence,
    site,
    unevenly_cut,
)
from tests.situations import LANGUAGES, situations

ROOT = Path(__file__).resolve().parents[1]
MISSING = [
    name
    for name, is_there in (
        ("pyspark", importlib.util.find_spec("pyspark") is not None),
        ("Java", shutil.which("java") is not None or "JAVA_HOME" in os.environ),
    )
    if not is_there
]
if MISSING and os.environ.get("CI") != "true":
    missing = f"there is no {' and no '.join(MISSING)} here (pip install '.[spark]', a JRE of 17)"
    pytest.skip(f"Spark is not tested: {missing}", allow_module_level=True)

Session = Any
Reader = Callable[[str], list[Document]]

SETTINGS = {
    # Everything stays on this machine, whatever its name resolves to.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # A task takes a tenth of a second, whatever there is to do.
    "spark.sql.shuffle.partitions": "3",
    # So that small files are split, too.
    "spark.sql.files.openCostInBytes": "1",
    "spark.sql.files.minPartitionNum": "5",
    # So that a task gets several batches.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "9",
    "spark.executorEnv.PYTHONPATH": str(ROOT),
    # As the command has it.
    "spark.python.daemon.module": "dedup.spark.daemon",
}


@pytest.fixture(scope="module")
def spark() -> Iterator[Session]:
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("tests")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def crawl(seed: int = 5) -> list[Document]:
    """Three sites with boilerplate, repeats, copies, near copies, chains, a growing ticker, short and odd texts."""
    rng = random.Random(seed)
    documents = [document for name in "abc" for document in site(rng, f"{name}.example", 12)]
    chain = article(rng)
    for _ in range(6):
        documents.append({"id": f"chain{len(documents)}", "source": "a.example", "text": chain})
        chain = edited(rng, chain, 0.02)
    ticker = [article(rng, 3) for _ in range(5)]
    documents += [{"id": f"t{n}", "source": "b.example", "text": "".join(ticker[-n:])} for n in range(1, 6)]
    caption = sentence(rng) + "\n"
    documents += [
        {"source": "c.example", "text": f"{caption}{article(rng)}{caption}"},
        {"source": 'q"\\\u2028\n{', "text": article(rng)},
        {"id": "", "source": "c.example", "text": ""},
        {"id": 7, "url": "https://d.example/a", "text": "Ja."},
        {"id": 7.5, "url": "https://www.d.example/b", "text": "Ja."},
        {"source": "https://www.d.example/c", "text": "Nein."},
        {"source": None, "domain": "www.c.example", "text": "Doch."},
        *({"id": f"x{n}", "source": "b.example", "text": documents[3]["text"]} for n in range(4)),
    ]
    for number, document in enumerate(documents):
        document["day"] = number * 7 % 31
    return documents


def as_lines(documents: list[Document]) -> bytes:
    return b"".join(json.dumps(document, ensure_ascii=number % 3 == 0).encode() + b"\n"
                    for number, document in enumerate(documents))  # fmt: skip


def parts(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("part-*")))


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def without_times(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_bytes())
    assert report.pop("timing_s").keys() == {"scan", "decide", "write"}
    return report


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three files, in folders of their own, with blank lines and Windows line ends."""
    folder = tmp_path_factory.mktemp("corpus")
    documents = crawl()
    for name, (start, end) in {"b.jsonl": (0, 25), "a/z 1%.jsonl": (25, 26), "a/y.ndjson": (26, None)}.items():
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_lines(documents[start:end]))
    with (folder / "in" / "b.jsonl").open("ab") as file:
        file.write(b'\n\n\n \r\n{"n": 1.50, "text": "Eine Zeile.\\r\\n", "odd": "\\u00fc"}\r\n')
    (folder / "in" / "notes.doc").write_text("not a document")
    return folder


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(keep="max:day", drop_contained=0.8, protect=("Teilen",), known_boilerplate=("Ja.", "Teilen")),
        Config(only=("articles",), keep="first", threshold=0.6),
        Config(only=("repeats", "boilerplate")),
    ],
    ids=["usual", "all options", "articles", "cuts"],
)
@pytest.mark.parametrize("is_local", [True, False], ids=["by tasks", "by Spark"])
def test_files_give_what_the_local_engine_gives(
    spark: Session, corpus: Path, tmp_path: Path, config: Config, is_local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dedup.spark import jobs as spark_jobs
    from dedup.spark import lines, outputs

    if not is_local:
        # As if no path were one that Python opens, too.
        for module in (lines, outputs):
            monkeypatch.setattr(module, "LOCAL", "nowhere:")
    jobs.clean([str(corpus / "in")], str(tmp_path / "local"), config, jobs.Run())
    spark_jobs.clean(spark.sparkContext, [str(corpus / "in")], str(tmp_path / "out"), config)
    names = ["a/y.ndjson", "a/z 1%.jsonl", "b.jsonl"]
    assert parts(tmp_path / "out") == b"".join((tmp_path / "local" / name).read_bytes() for name in names)
    header, local = (tmp_path / "local.dedup" / "decisions.jsonl").read_bytes().split(b"\n", 1)
    assert parts(tmp_path / "out.dedup" / "decisions") == local
    own = json.loads((tmp_path / "out.dedup" / "header.json").read_bytes())
    assert own | {"xxh3": ""} == json.loads(header) | {"xxh3": ""}
    reports = [without_times(tmp_path / name / "report.json") for name in ("out.dedup", "local.dedup")]
    assert reports[0] == reports[1]
    drops = [decision for decision in map(json.loads, local.splitlines()) if decision["action"] == "drop"]
    lines = {name: (corpus / "in" / name).read_bytes().split(b"\n") for name in names}
    dropped = [lines[decision["file"]][decision["record"] - 1] for decision in drops]
    assert parts(tmp_path / "out.dedup" / "dropped").split(b"\n")[:-1] == dropped
    undo.restore(str(tmp_path / "out"), str(tmp_path / "back"))
    assert files(tmp_path / "back") == {name: (corpus / "in" / name).read_bytes() for name in names}
    verdict = verify([str(corpus / "in")], str(tmp_path / "out"))
    assert (verdict.violations, verdict.dropped) == ([], len(drops))


@pytest.mark.parametrize("by_rounds", [False, True])
def test_texts_unlike_or_equal_as_they_came_go_as_with_the_local_engine(
    spark: Session, tmp_path: Path, by_rounds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dedup.spark import engine
    from dedup.spark import jobs as spark_jobs

    if by_rounds:
        monkeypatch.setattr(engine, "DRIVER_TIES", 0)
    (tmp_path / "in").mkdir()
    documents = [document for seed in range(3) for document in unevenly_cut(seed)] + framed(1)
    for number, document in enumerate(documents):
        document["id"] = f"{number * 7 % len(documents)}"
    for part in range(3):
        (tmp_path / "in" / f"{part}.jsonl").write_bytes(as_lines(documents[part::3]))
    config = Config(max_loss=1, known_boilerplate=LISTED, drop_contained=0.9)
    jobs.clean([str(tmp_path / "in")], str(tmp_path / "local"), config, jobs.Run())
    spark_jobs.clean(spark.sparkContext, [str(tmp_path / "in")], str(tmp_path / "out"), config)
    local = (tmp_path / "local.dedup" / "decisions.jsonl").read_bytes().split(b"\n", 1)[1]
    assert parts(tmp_path / "out.dedup" / "decisions") == local
    reports = [without_times(tmp_path / name / "report.json") for name in ("out.dedup", "local.dedup")]
    parts_of = ("documents", "characters", "reasons", "sources", "clusters", "similarity_histogram", "flags")
    assert [reports[0][name] for name in parts_of] == [reports[1][name] for name in parts_of]
    assert reports[0]["flags"]["unlike_as_they_came"] > 0
    places = [(d["source"], d.get("keeper")) for d in map(json.loads, local.splitlines()) if d["action"] == "drop"]
    assert len([keeper for source, keeper in places if source == "mooskalten.example"]) == 1
    assert verify([str(tmp_path / "in")], str(tmp_path / "out")).violations == []


def test_parquet_gives_what_the_local_engine_gives(
    spark: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dedup.spark import jobs as spark_jobs
    from dedup.spark import tables as spark_tables

    # So that a task writes several files.
    monkeypatch.setattr(spark_tables, "FILE_BYTES", 2_000)

    (tmp_path / "in").mkdir()
    day = datetime.datetime(2025, 12, 3, 4, 5, 6, 789, tzinfo=datetime.UTC)
    rows = [
        {"page": {"id": str(document.get("id")), "body": document["text"], "n": number}, "source": "a", "at": day,
         "list": [number, None], "half": number / 2}
        for number, document in enumerate(crawl())
    ]  # fmt: skip
    tables = [pa.Table.from_pylist(rows[:40]), pa.Table.from_pylist(rows[40:])]
    # The second file has columns that the first does not have, and of types that Spark has not.
    tables[1] = tables[1].append_column(
        "more", pa.array([b"\x00", None] * (len(rows) // 2 - 20) + [b""] * (len(rows) % 2))
    )
    tables[1] = tables[1].append_column("big", pa.array(range(2**64 - len(tables[1]), 2**64), pa.uint64()))
    tables[1] = tables[1].append_column("kind", pa.array(["a"] * len(tables[1])).dictionary_encode())
    pq.write_table(tables[0], tmp_path / "in" / "a.parquet", row_group_size=11)
    pq.write_table(tables[1], tmp_path / "in" / "b.parquet", use_deprecated_int96_timestamps=True)
    pq.write_table(tables[0].slice(0, 0), tmp_path / "in" / "empty.parquet")
    config = Config(text_field="page.body", id_field="page.id")
    jobs.clean([str(tmp_path / "in")], str(tmp_path / "local"), config, jobs.Run())
    spark_jobs.clean(spark.sparkContext, [str(tmp_path / "in")], str(tmp_path / "out"), config)
    found, wanted = (
        [row for path in sorted((tmp_path / name).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
        for name in ("out", "local")
    )
    columns = found[0].keys()
    # What 96 bits say is without a time zone, or of the one of Spark.
    assert [row | {"at": None} for row in found] == [dict.fromkeys(columns) | row | {"at": None} for row in wanted]
    local = (tmp_path / "local.dedup" / "decisions.jsonl").read_bytes().split(b"\n", 1)[1]
    assert parts(tmp_path / "out.dedup" / "decisions") == local
    assert len(list((tmp_path / "out").glob("part-*.parquet"))) > 6
    undo.restore(str(tmp_path / "out"), str(tmp_path / "back"))
    assert sorted(files(tmp_path / "back")) == sorted(files(tmp_path / "in"))
    for name in files(tmp_path / "in"):
        before, after = (pq.ParquetFile(tmp_path / folder / name) for folder in ("in", "back"))
        assert after.read().equals(before.read())
        assert after.schema_arrow.equals(before.schema_arrow)
        groups = [[f.metadata.row_group(n).num_rows for n in range(f.num_row_groups)] for f in (before, after)]
        assert groups[0] == groups[1]
    assert verify([str(tmp_path / "in")], str(tmp_path / "out")).violations == []


def test_what_was_changed_since_is_not_restored(spark: Session, tmp_path: Path) -> None:
    from dedup.spark import jobs as spark_jobs

    # The last line has no newline, and goes.
    lines = as_lines(crawl()).removesuffix(b"\n")
    (tmp_path / "in.jsonl").write_bytes(lines)
    # Nor has that of the other.
    more = as_lines(crawl(6)).removesuffix(b"\n")
    with gzip.open(tmp_path / "more.jsonl.gz", "wb") as file:
        file.write(more)
    inputs, output = [str(tmp_path / "in.jsonl"), str(tmp_path / "more.jsonl.gz")], str(tmp_path / "out")
    spark_jobs.clean(spark.sparkContext, inputs, output, Config())
    undo.restore(output, str(tmp_path / "back"))
    assert (tmp_path / "back" / "in.jsonl").read_bytes() == lines
    with gzip.open(tmp_path / "back" / "more.jsonl.gz") as back:
        assert back.read() == more
    assert verify(inputs, output).violations == []
    beside = tmp_path / "out.dedup"
    folders = [tmp_path / "out", *(beside / name for name in ("decisions", "dropped", "removed"))]
    changed = [path for folder in folders for path in sorted(folder.glob("part-*"))[:2] if path.stat().st_size]
    for path in (*changed, *(beside / name for name in ("parts.json", "header.json", "report.json"))):
        whole = path.read_bytes()
        for other in (whole.replace(b"a", b"b", 1), whole[: whole.rfind(b"\n", 0, -1) + 1], None):
            path.unlink() if other is None else path.write_bytes(other)
            with pytest.raises(StateError):
                undo.restore(output, str(tmp_path / "again"))
        path.write_bytes(whole)
    assert not (tmp_path / "again").exists()


def test_a_last_line_without_a_newline_is_a_document(spark: Session, tmp_path: Path) -> None:
    from dedup.spark import jobs as spark_jobs

    source, out, local = (tmp_path / name for name in ("in.jsonl", "out", "local.jsonl"))
    source.write_bytes(as_lines([*crawl(), {"id": "last", "source": "a.example", "text": "Ohne Zeilenende."}])[:-1])
    spark_jobs.clean(spark.sparkContext, [str(source)], str(out), Config())
    jobs.clean([str(source)], str(local), Config(), jobs.Run())
    assert parts(out) == local.read_bytes() + b"\n"
    assert (
        parts(tmp_path / "out.dedup" / "decisions")
        == (tmp_path / "local.jsonl.dedup" / "decisions.jsonl").read_bytes().split(b"\n", 1)[1]
    )
    undo.restore(str(out), str(tmp_path / "back"))
    assert (tmp_path / "back" / "in.jsonl").read_bytes() == source.read_bytes()


def test_lines_that_are_no_longer_there_are_an_error(tmp_path: Path) -> None:
    from dedup.spark.pieces import SomeLines

    path = tmp_path / "in.jsonl"
    path.write_bytes(b"{}\n{}\n{}")
    some = SomeLines(0, str(path), np.array([1, 3]), np.array([0, 6]), np.array([3, 9]))
    assert some.lines().data == b"{}\n{}\n"
    path.write_bytes(b"{}\n{}\n")
    with pytest.raises(InputError, match=r"in\.jsonl: changed while it was being read"):
        some.lines()


def test_output_that_executors_wrote_elsewhere_is_named(spark: Session, tmp_path: Path) -> None:
    from dedup.formats.digests import Digest
    from dedup.spark.outputs import Result
    from dedup.spark.storage import Storage
    from dedup.spark.telling import DECISIONS

    part, seals = tmp_path / "part", {DECISIONS: {0: Digest("", 1)}}
    result = Result({}, None, {(DECISIONS, 0): str(part)}, Storage(spark.sparkContext), None)  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="part: is not where the executors were to write it"):
        result.put(DECISIONS, str(tmp_path / "out"), seals)
    part.write_bytes(b"")
    with pytest.raises(OutputError, match="part: is not as long as it was to be"):
        result.put(DECISIONS, str(tmp_path / "out"), seals)


def test_what_is_renamed_may_move_to_another_file_system(spark: Session, tmp_path: Path) -> None:
    from dedup.spark.storage import Storage

    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "part").write_bytes(b"a")
    # A name for a folder of this one.
    spark.sparkContext._jsc.hadoopConfiguration().set("fs.viewfs.mounttable.there.link./old", f"file://{tmp_path}/old")
    storage = Storage(spark.sparkContext)
    storage.rename("viewfs://there/old/part", f"file://{tmp_path}/new")
    storage.rename(f"file://{tmp_path}/new", f"file://{tmp_path}/newer")
    assert (tmp_path / "newer").read_bytes() == b"a"
    assert sorted(path.name for path in tmp_path.rglob("*") if not path.name.startswith(".")) == ["newer", "old"]


def test_a_byte_order_mark_that_spark_takes_away_is_refused(spark: Session, tmp_path: Path) -> None:
    from dedup.spark import jobs as spark_jobs

    for name, opened in (("in.jsonl", open), ("in.jsonl.gz", gzip.open)):
        with opened(tmp_path / name, "wb") as file:
            file.write(b"\xef\xbb\xbf" + as_lines(crawl()))
        with pytest.raises(InputError, match="Remove the byte order mark"):
            spark_jobs.clean(spark.sparkContext, [str(tmp_path / name)], str(tmp_path / "out"), Config())


def test_pieces_of_files_are_whole_lines_end_to_end(
    spark: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dedup.spark import files as spark_files
    from dedup.spark import lines as spark_lines
    from dedup.spark.storage import Storage

    monkeypatch.setattr(spark_lines, "PIECE_BYTES", 7)
    contents = [b"", b"{}\n\n\n" + b'{"a": 12345678901234567890}\n' * 2 + b"{}", b"\n" * 20, b"{}\n" * 9, b"1234567\n8"]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.jsonl").write_bytes(content)
    found = spark_files.find(Storage(spark.sparkContext), [str(tmp_path)], None)
    corpus = spark_files.read(spark.sparkContext, found, Config(), 3)
    pieces = corpus.pieces.collect()
    assert [piece.number for piece in pieces] == list(range(corpus.total))
    for number, content in enumerate(contents):
        lines = [piece.lines() for piece in pieces if piece.file == number]
        records = [record for own in lines for record in own.numbers.tolist()]
        assert records == list(range(1, corpus.files[number].records + 1))
        data = b"".join(own.data for own in lines)
        assert data == content + (b"" if corpus.files[number].is_ended else b"\n")
        assert data.count(b"\n") == len(records)
    (tmp_path / "2.jsonl").unlink()
    with pytest.raises(InputError, match=r"2\.jsonl: cannot be read: No such file"):
        spark_files.read(spark.sparkContext, found, Config(), 3)


def test_pieces_of_tables_have_no_gaps(spark: Session) -> None:
    from dedup.spark.frames import table_pieces
    from dedup.spark.numbering import numbered
    from dedup.spark.packing import unpacked

    # As when one task reads three splits of two files.
    places = [(1, 7), (1, 8), (0, 3), (0, 4), (1, 1), (1, 2), (1, 5)]
    rows = [{"file": file, "record": record, "row": {"n": record}} for file, record in places]
    schema = pa.schema([("file", pa.int32()), ("record", pa.int64()), ("row", pa.struct([("n", pa.int64())]))])
    frame = spark.createDataFrame(pa.Table.from_pylist(rows, schema=schema)).coalesce(1)
    pieces, _ = numbered(table_pieces(frame, by_file=True), 2)
    found = [[(row["file"], row["record"]) for row in unpacked(piece.data).to_pylist()] for piece in pieces.collect()]
    assert found == [[(0, 3), (0, 4)], [(1, 1), (1, 2)], [(1, 5)], [(1, 7), (1, 8)]]


@pytest.mark.parametrize("kinds", [KINDS, ("articles",)], ids=["all kinds", "articles"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"body": "a"}', "no field 'text' (it has: body). Name the field with --text-field."),
        (b"{", "the JSON goes on over several lines. Write one object a line, for instance with: jq -c '.[]' FILE"),
        (b'{"text": "\xff"}', "is not UTF-8 (byte 11 of the line is 0xff). Convert the file to UTF-8."),
    ],
)
def test_the_first_bad_line_is_named(
    spark: Session, tmp_path: Path, line: bytes, message: str, kinds: tuple[str, ...]
) -> None:
    from dedup.spark import jobs as spark_jobs

    good = as_lines(crawl())
    lines = [*good.splitlines(keepends=True), line + b"\n", good, b"[]\n"]
    (tmp_path / "in.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(InputError) as caught:
        spark_jobs.clean(spark.sparkContext, [str(tmp_path / "in.jsonl")], str(tmp_path / "out"), Config(only=kinds))
    assert str(caught.value) == f"file:{tmp_path / 'in.jsonl'}:{len(lines) - 2}: {message}"
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("is_local", [True, False], ids=["by tasks", "by Spark"])
def test_bad_lines_can_be_set_aside(
    spark: Session, tmp_path: Path, is_local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dedup.spark import lines, outputs

    if is_local:
        # Some pieces then hold no document at all.
        monkeypatch.setattr(lines, "PIECE_BYTES", 500)
    else:
        for module in (lines, outputs):
            monkeypatch.setattr(module, "LOCAL", "nowhere:")
    bad = [b'{"body": "a"}\n', b"{\n", b'{"text": "\xff"}\n', b"[]\n", b'{"text": null}\n', b"\n"]
    good = as_lines(crawl()).splitlines(keepends=True)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(b"".join([*good[:20], *bad, *good[20:], *bad * 40]))
    (tmp_path / "in" / "b.jsonl").write_bytes(b"".join(bad[::-1]))
    assert_same_files(spark, tmp_path, Config())
    assert json.loads((tmp_path / "out.dedup" / "report.json").read_bytes())["documents"]["rejected"] == 5 * 42


@pytest.mark.parametrize("is_local", [True, False], ids=["by tasks", "by Spark"])
def test_rows_without_a_text_can_be_set_aside(
    spark: Session, tmp_path: Path, is_local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dedup.spark import outputs

    if not is_local:
        monkeypatch.setattr(outputs, "LOCAL", "nowhere:")
    texts: list[str | None] = [document["text"] for document in crawl()]
    texts[3:3] = [None, None]
    texts += [None] * 12
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"n": range(len(texts)), "text": texts}), tmp_path / "in" / "a.parquet", row_group_size=10)
    assert_same_files(spark, tmp_path, Config())


def assert_same_files(spark: Session, folder: Path, config: Config) -> None:
    """Bad records set aside, files give what the local engine gives, and come back."""
    from dedup.spark import jobs as spark_jobs

    source = folder / "in"
    jobs.clean([str(source)], str(folder / "local"), config, jobs.Run(on_error="skip"))
    spark_jobs.clean(spark.sparkContext, [str(source)], str(folder / "out"), config, skips_bad=True)
    beside, local = folder / "out.dedup", folder / "local.dedup"
    assert parts(beside / "decisions") == (local / "decisions.jsonl").read_bytes().split(b"\n", 1)[1]
    assert without_times(beside / "report.json") == without_times(local / "report.json")
    assert parts(beside / "rejected") == (local / "rejected.jsonl").read_bytes()
    names = sorted(files(source))
    if names[0].endswith(".jsonl"):
        assert parts(folder / "out") == b"".join((folder / "local" / name).read_bytes() for name in names)
    undo.restore(str(folder / "out"), str(folder / "back"))
    for name in names:
        before, after = (folder / place / name for place in ("in", "back"))
        if name.endswith(".jsonl"):
            assert after.read_bytes() == before.read_bytes()
        else:
            assert pq.read_table(after).equals(pq.read_table(before))
    assert verify([str(source)], str(folder / "out")).violations == []


def test_a_text_that_is_too_long_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from dedup import pipeline
    from dedup.formats.sites import NOWHERE
    from dedup.spark.parting import Parting
    from dedup.spark.pieces import Fault, LinePiece, Lines, Origin
    from dedup.spark.tasks import Tasks

    monkeypatch.setattr(pipeline, "LONGEST_TEXT_BYTES", 10)
    tasks = Tasks(Config(), Lines(Config(), [Origin("a.jsonl", NOWHERE)], skips_bad=False), Parting(1, 1))
    piece = LinePiece(0, 0, 1, data=as_lines([{"text": "zehn Bytes"}, {"text": "elf Zeichen"}]))
    fault = Fault(0, 2, "a text of 11 bytes is too long", "Split it: 10 bytes are the most.")
    assert list(tasks.evidence(iter([piece]), 1)) == [(0, fault)]


def test_a_parquet_row_without_a_text_is_named(spark: Session, tmp_path: Path) -> None:
    from dedup.spark import jobs as spark_jobs

    pq.write_table(pa.table({"text": ["a", "b", None]}), tmp_path / "in.parquet", row_group_size=1)
    with pytest.raises(InputError, match=r"in\.parquet:3: column 'text' is null, not a string"):
        spark_jobs.clean(spark.sparkContext, [str(tmp_path / "in.parquet")], str(tmp_path / "out"), Config())


def test_what_cannot_be_read_or_written_is_refused_before_any_work(spark: Session, tmp_path: Path) -> None:
    from dedup.spark import jobs as spark_jobs

    for name in ("in/a.jsonl", "_b.jsonl", "c.parquet", "d.txt", "e.jsonl", "mixed/a.jsonl", "mixed/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'{"text": "a"}\n')
    (tmp_path / "empty.jsonl").write_bytes(b"\n\n \n")
    (tmp_path / "there").mkdir()

    def refused(error: type[Exception], inputs: list[str], output: str = "out") -> str:
        paths = [str(tmp_path / name) for name in inputs]
        with pytest.raises(error) as caught:
            spark_jobs.clean(spark.sparkContext, paths, str(tmp_path / output), Config())
        return str(caught.value)

    assert "does not exist" in refused(InputError, ["nothing.jsonl"])
    assert "is an input twice" in refused(UsageError, ["e.jsonl", "e.jsonl"])
    assert "is not what --engine spark reads" in refused(UsageError, ["d.txt"])
    assert "is not what --engine spark reads" in refused(UsageError, ["mixed"])
    assert "is parquet, but" in refused(UsageError, ["e.jsonl", "c.parquet"])
    assert "is hidden" in refused(UsageError, ["_b.jsonl"])
    assert "exists already" in refused(UsageError, ["e.jsonl"], "there")
    assert "touches the input" in refused(UsageError, ["in"], "in/out")
    assert "touches the input" in refused(UsageError, ["in/a.jsonl"], "in")
    assert "not a single document" in refused(InputError, ["empty.jsonl"])


def test_the_breaker_writes_nothing_and_force_replaces(spark: Session, tmp_path: Path) -> None:
    from dedup.spark import jobs as spark_jobs

    rng = random.Random(1)
    text = article(rng, 12)
    copies = [{"id": str(n), "source": "a", "text": f"{text}{sentence(rng, 3)}\n"} for n in range(25)]
    (tmp_path / "in.jsonl").write_bytes(as_lines(copies))
    inputs, output = [str(tmp_path / "in.jsonl")], tmp_path / "out"
    output.mkdir()
    (output / "old").write_bytes(b"")
    with pytest.raises(LossError, match=r"96.0% of the documents"):
        spark_jobs.clean(spark.sparkContext, inputs, str(output), Config(), force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out"]
    assert [path.name for path in output.iterdir()] == ["old"]
    spark_jobs.clean(spark.sparkContext, inputs, str(output), Config(max_loss=1), force=True)
    assert len(parts(output).splitlines()) == 1
    assert not (output / "old").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out", "out.dedup"]


def test_rows_of_decisions_have_all_that_a_decision_says() -> None:
    from dedup.decisions import Decision
    from dedup.spark.frames import DECISION_ROWS

    assert {*Decision.__struct_fields__} - {"file", "record"} == {*DECISION_ROWS.names} - {"kept"}


def told(decision: Any) -> str:
    """What a decision says, but for files and records, which rows of a table do not have."""
    row = msgspec.to_builtins(decision) if isinstance(decision, msgspec.Struct) else dict(decision)
    if isinstance(row.get("keeper"), dict):
        row["kept"] = row.pop("keeper")
    if row.get("cuts"):
        row["cuts"] = [tuple(span.values()) if isinstance(span, dict) else tuple(span) for span in row["cuts"]]
    left_out = ("file", "record", "keeper_file", "keeper_record")
    return json.dumps({name: row[name] for name in sorted(row) if row[name] is not None and name not in left_out})


def assert_same_on_spark(spark: Session, documents: list[Document], partitions: int, config: Config) -> None:
    columns = sorted({name for document in documents for name in document})
    kinds = {name: {type(document.get(name)) for document in documents} - {type(None)} for name in columns}
    plain = [name for name in columns if len(kinds[name]) == 1 and kinds[name] <= {str, int, float}]
    shuffled = [{name: document.get(name) for name in plain} for document in documents]
    table = pa.Table.from_pylist(shuffled)
    local = dedup.clean(table, **{name: getattr(config, name) for name in Config.__dataclass_fields__})
    random.Random(partitions).shuffle(shuffled)
    from dedup.spark import clean

    frame = spark.createDataFrame(pa.Table.from_pylist(shuffled, schema=table.schema)).repartition(partitions)
    cleaned, decisions = clean(frame, config)
    assert sorted(map(str, cleaned.toArrow().to_pylist())) == sorted(map(str, local.kept.to_pylist()))
    assert sorted(map(told, decisions.toArrow().to_pylist())) == sorted(map(told, local.decisions))


@pytest.mark.parametrize("partitions", [2, 50])
def test_a_frame_gives_what_the_local_engine_gives(spark: Session, partitions: int) -> None:
    assert_same_on_spark(spark, [document | {"id": str(number)} for number, document in enumerate(crawl())],
                         partitions, Config(keep="min:day"))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "partitions"),
    [
        *((name, partitions) for name in ("sites_de", "licences", "terms_versions") for partitions in (2, 50)),
        *((name, 3) for name in ("wikinews_de", "legal_de", "tos_multi")),
    ],
)
def test_labelled_data_give_what_the_local_engine_gives(
    spark: Session, shared_records: Reader, name: str, partitions: int
) -> None:
    assert_same_on_spark(spark, shared_records(name), partitions, Config())


def apart(group: str, documents: list[Document]) -> list[Document]:
    """Documents with sources of their own, so that many groups of them fit into one corpus."""
    return [
        document | {"id": f"{group}/{document['id']}", "source": f"{group}/{document['source']}"}
        for document in documents
    ]


def test_labelled_cases_give_what_the_local_engine_gives(spark: Session) -> None:
    cases = [
        json.loads(line)
        for name in ("repeats", "boilerplate", "articles", "markdown", "judgement")
        for line in (ROOT / "fixtures" / "cases" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    documents = [document for number, case in enumerate(cases) for document in apart(str(number), case["documents"])]
    assert_same_on_spark(spark, documents, 3, Config())


@pytest.mark.parametrize("config", [Config(), Config(only=("repeats", "boilerplate"))], ids=["all kinds", "cuts"])
def test_the_situations_give_what_the_local_engine_gives(spark: Session, config: Config) -> None:
    documents = [one for name, language in LANGUAGES.items() for one in apart(name, situations(language))]
    assert_same_on_spark(spark, documents, 3, config)


@settings(max_examples=4)
@given(many=st.lists(corpora(), min_size=8, max_size=8), texts=st.lists(hostile_texts(), min_size=20, max_size=40))
def test_whatever_is_cleaned_gives_what_the_local_engine_gives(
    spark: Session, many: list[list[Document]], texts: list[str]
) -> None:
    documents = [document for number, some in enumerate(many) for document in apart(str(number), some)]
    documents += [{"id": f"hostile/{number}", "source": "hostile", "text": text} for number, text in enumerate(texts)]
    assert_same_on_spark(spark, documents, 3, Config(max_loss=1))


def test_many_copies_and_one_template_on_half_of_all_give_the_same(spark: Session) -> None:
    rng = random.Random(3)
    copy, foot = article(rng), "Redaktionell erstellt und geprüft.\n"
    documents = [{"id": f"c{n}", "source": f"{n % 7}.example", "text": copy} for n in range(1500)]
    documents += [{"id": f"o{n}", "source": "a.example", "text": article(rng) + foot * (n % 2)} for n in range(300)]
    assert_same_on_spark(spark, documents, 4, Config())


def test_a_frame_without_texts_is_refused(spark: Session) -> None:
    from dedup.spark import clean

    frame = spark.createDataFrame(pa.table({"body": ["a"], "n": [1], "text": pa.array([None], pa.string())}))
    for field, message in (("nothing", "no column 'nothing'"), ("n", "does not hold texts"), ("text", "has no text")):
        with pytest.raises(InputError, match=message):
            clean(frame, Config(text_field=field))


def test_a_frame_of_spark_connect_is_refused() -> None:
    from dedup.spark import clean

    with pytest.raises(EngineError, match="not a DataFrame of a Spark session in this process"):
        clean(object())  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", ["DRIVER_TIES", "DRIVER_MEMBERS"])
def test_what_is_too_large_for_the_driver_gives_the_same(
    spark: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    from dedup.spark import engine, lines
    from dedup.spark import jobs as spark_jobs

    monkeypatch.setattr(engine, limit, 0)
    monkeypatch.setattr(lines, "DRIVER_BYTES", 0)
    config = Config(drop_contained=0.8)
    assert_same_on_spark(spark, [document | {"id": str(number)} for number, document in enumerate(crawl())], 2, config)
    (tmp_path / "in.jsonl").write_bytes(as_lines(crawl()))
    spark_jobs.clean(spark.sparkContext, [str(tmp_path / "in.jsonl")], str(tmp_path / "out"), config)
    jobs.clean([str(tmp_path / "in.jsonl")], str(tmp_path / "local.jsonl"), config, jobs.Run())
    assert parts(tmp_path / "out") == (tmp_path / "local.jsonl").read_bytes()
    reports = [without_times(tmp_path / name / "report.json") for name in ("out.dedup", "local.jsonl.dedup")]
    assert reports[0] == reports[1]


@pytest.mark.parametrize("is_on_driver", [False, True])
def test_components_are_those_of_a_graph_library(spark: Session, is_on_driver: bool) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    from dedup.spark.components import Nodes, on_driver
    from dedup.spark.meeting import BANDED, COPY, VERSION, Ties
    from dedup.spark.parting import Parting
    from dedup.spark.rounds import by_spark

    rng = random.Random(2)
    path = [(n, n + 1) for n in range(400, 440)]
    star = [(n, 500) for n in range(501, 540)]
    ends = [*((rng.randrange(200), rng.randrange(200)) for _ in range(150)), *path, *star]
    edges = [(start, end, BANDED) for start, end in ends if start != end]
    copies, versions = {450: 440, 451: 440}, {460: 500, 461: 500, 450: 400}
    edges += [(start, end, COPY) for start, end in copies.items()]
    edges += [(start, end, VERSION) for start, end in versions.items()]
    starts, others, kinds = (np.array(column) for column in zip(*edges, strict=True))
    ties = [
        Ties(kind, *(column[kinds == kind] for column in (starts % 3, starts, others % 3, others)))
        for kind in (BANDED, COPY, VERSION)
    ]
    parting = Parting(2, 3)
    if is_on_driver:
        nodes = on_driver(ties)
    else:
        by_part = by_spark(spark.sparkContext.parallelize(ties, 2), parting).collect()
        assert all((parting.of(own.pieces) == part).all() for part, own in by_part)
        nodes = Nodes.join([own for _, own in by_part])
    graph = coo_array(([1] * len(edges), (starts, others)), shape=(600, 600))
    labels = connected_components(graph, directed=False)[1]
    assert sorted(nodes.rows.tolist()) == sorted({*starts.tolist(), *others.tolist()})
    assert list(zip(nodes.pieces, nodes.rows, strict=True)) == sorted(zip(nodes.pieces, nodes.rows, strict=True))
    for piece, node, component_piece, component, is_equal, version_piece, version in zip(*nodes, strict=True):
        least = min((other % 3, other) for other in nodes.rows if labels[other] == labels[node])
        assert (piece, (component_piece, component)) == (node % 3, least)
        assert is_equal == (node in copies)
        expected = versions.get(node, -1)
        assert (version_piece, version) == (-1 if expected < 0 else expected % 3, expected)


def test_no_ties_are_no_components() -> None:
    from dedup.spark.components import on_driver

    assert [len(column) for column in on_driver([])] == [0] * 7


def test_documents_that_share_a_key_meet_once_in_a_piece_and_once_over_all() -> None:
    from dedup.signature import Sketches
    from dedup.spark import meeting

    documents = [
        # Two that are equal, a third with their text key but other bands, one that shares a band, one without words.
        (70, 9, [1, 2]),
        (70, 9, [1, 2]),
        (70, 9, [5, 6]),
        (80, 9, [1, 9]),
        (0, 0, [0, 0]),
        # Too short for bands to mean anything.
        (90, 2, [1, 9]),
    ]
    found = {}
    for size in (1, len(documents)):
        met: list[Any] = []
        for start in range(0, len(documents), size):
            keys, tokens, bands = zip(*documents[start : start + size], strict=True)
            sketches = Sketches(np.zeros((0, 0), np.uint32), np.array(tokens), np.array(keys, np.uint64))
            met += meeting.keyed(start, sketches.keys, sketches, np.array(bands, np.uint64))
        sent: dict[int, list[Any]] = {0: [], 1: [], 2: []}
        for part, one in meeting.sent_to(3, met):
            sent[part].append(one)
        found[size] = {
            (piece + row, other_piece + other, one.kind)
            for handed in sent.values()
            for one in meeting.ties(handed)
            for piece, row, other_piece, other in zip(*one[1:], strict=True)
        }
    expected = {(1, 0, meeting.COPY), (2, 0, meeting.BANDED), (3, 0, meeting.BANDED)}
    # What met as equal in its piece sends no bands.
    assert found == {1: expected | {(1, 0, meeting.BANDED)}, len(documents): expected}


def executors(application: str) -> list[int]:
    """The processes of the executors of our own session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"org.apache.spark.executor.CoarseGrainedExecutorBackend" in arguments and application.encode() in arguments:
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").is_file(), reason="finds processes in /proc")
def test_workers_are_forked_from_a_process_with_the_kernels_in_it(spark: Session) -> None:
    def commands(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in rows:
            yield pa.RecordBatch.from_pylist([{"parent": Path(f"/proc/{os.getppid()}/cmdline").read_text()}])

    found = spark.range(1).mapInArrow(commands, "parent string").toArrow()["parent"].to_pylist()
    assert [command.split("\0")[2] for command in found] == ["dedup.spark.daemon"]


def test_the_command_has_its_settings_where_the_user_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from dedup.spark.session import SETTINGS, opened\n"
        "with opened('local[1]') as context:\n"
        "    print(*(context.getConf().get(name) for name in SETTINGS))\n"
    )
    said = "spark.sql.execution.arrow.maxRecordsPerBatch"
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"--conf spark.ui.enabled=false --conf {said}=77 pyspark-shell")
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    from dedup.spark.session import SETTINGS

    assert done.stdout.split() == [*(SETTINGS | {said: "77"}).values()]


def test_what_a_task_raised_is_the_reason(spark: Session) -> None:
    from dedup.spark.session import reason_of

    def fail(number: int) -> int:
        raise OSError(number, "No space left on device")

    with pytest.raises(Exception, match="Traceback") as caught:
        spark.sparkContext.parallelize([28], 1).map(fail).collect()
    assert reason_of(caught.value) == "OSError: [Errno 28] No space left on device"
    assert reason_of(ValueError("no master.\nmore")) == "no master"


@pytest.mark.skipif(not Path("/proc/self/cmdline").is_file(), reason="finds processes in /proc")
def test_a_killed_executor_changes_nothing(spark: Session, tmp_path: Path) -> None:
    from dedup.spark import jobs as spark_jobs

    documents = [document for seed in range(3) for document in crawl(seed)]
    (tmp_path / "in.jsonl").write_bytes(as_lines(documents))
    killed = []

    def kill() -> None:
        tracker, seen = spark.sparkContext.statusTracker(), set[int]()
        # Something that later stages need is done by then.
        while len(seen) < 4:
            seen.update(tracker.getActiveStageIds())
            time.sleep(0.01)
        killed.extend(executors(spark.sparkContext.applicationId)[:1])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    spark_jobs.clean(spark.sparkContext, [str(tmp_path / "in.jsonl")], str(tmp_path / "out"), Config())
    killer.join(timeout=5)
    assert len(killed) == 1
    jobs.clean([str(tmp_path / "in.jsonl")], str(tmp_path / "local.jsonl"), Config(), jobs.Run())
    assert parts(tmp_path / "out") == (tmp_path / "local.jsonl").read_bytes()
    local = (tmp_path / "local.jsonl.dedup" / "decisions.jsonl").read_bytes().split(b"\n", 1)[1]
    assert parts(tmp_path / "out.dedup" / "decisions") == local


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--index", "i"], "--index does not go with --engine spark"),
        (["--workers", "2"], "--workers does not go with --engine spark"),
        (["--max-expansion", "9"], "--max-expansion does not go with --engine spark"),
    ],
)
def test_what_spark_does_not_do_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "a"}\n')
    command = ["clean", "--engine", "spark", *arguments, str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, message in done.stderr) == (2, True)


def test_without_pyspark_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "a"}\n')
    for name in [name for name in sys.modules if name.startswith("dedup.spark")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    command = ["clean", "--engine", "spark", str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 3
    assert done.stderr == "dedup: Spark needs pyspark. Run: pip install 'corpus-dedup[spark]'\n"
