"""Documents come out of files with text, id, source and rank, in every format and as often as needed."""

from __future__ import annotations

import errno
import gzip
import json
import os
import sys
from datetime import date, datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup import readers
from dedup.config import Config
from dedup.errors import InputError
from dedup.formats import lines
from dedup.model import Batch, Wanted
from dedup.readers import Corpus, open_corpus


class Row(NamedTuple):
    file: int
    record: int
    text: str
    id: str
    source: str
    rank: object = None


def opened(folder: Path, *inputs: Path | str, config: Config | None = None, **options: str) -> Corpus:
    work = folder / ".work"
    work.mkdir(exist_ok=True)
    return open_corpus([str(path) for path in inputs], config or Config(), work=work, **options)


def rows_of(batch: Batch) -> list[Row]:
    ranks = batch.ranks or [None] * len(batch)
    columns = (batch.files.tolist(), batch.records.tolist(), batch.texts, batch.ids, batch.sources, ranks)
    return [Row(*values) for values in zip(*columns, strict=True)]


def rows(corpus: Corpus, wanted: Wanted | None = None) -> list[Row]:
    return [row for batch in corpus.batches(wanted) for row in rows_of(batch)]


def write_jsonl(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "eins \\u00e4", "id": "x\\n"}\r\n\r\n'
        b' {"id": 17, "text": "zwei", "text": "drei"} \n'
        b'{"te\\u0078t": "vier", "id": 1.50}\n{"text": "", "id": null}\n{"text": "\\ud83d\\ude00", "id": [1]}'
    )
    assert rows(opened(tmp_path, path)) == [
        Row(0, 1, "eins ä", "x\n", "a.jsonl"),
        Row(0, 3, "drei", "17", "a.jsonl"),
        Row(0, 4, "vier", "1.50", "a.jsonl"),
        Row(0, 5, "", "a.jsonl:5", "a.jsonl"),
        Row(0, 6, "😀", "a.jsonl:6", "a.jsonl"),
    ]


@pytest.mark.parametrize(
    ("record", "source"),
    [
        ({"source": "a", "domain": "b", "url": "http://c/"}, "a"),
        ({"source": None, "domain": "b", "url": "http://c/"}, "b"),
        ({"source": "", "domain": "b"}, "b"),
        ({"url": "https://www.Beispiel.de:443/x?y"}, "beispiel.de"),
        ({"url": "https://me@[::1]:80/"}, "[::1]"),
        ({"url": "kein/host"}, "deep"),
        ({"url": 5}, "deep"),
        ({"source": {"name": "a"}}, '{"name": "a"}'),
        ({"source": 5}, "5"),
        ({}, "deep"),
    ],
)
def test_sources(tmp_path: Path, record: dict[str, object], source: str) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    path = write_jsonl(tmp_path / "in" / "deep" / "a.jsonl", {"text": "a", **record})
    assert rows(opened(tmp_path, tmp_path / "in"))[0].source == source
    assert rows(opened(tmp_path, path))[0].source == ("a.jsonl" if source == "deep" else source)


def test_dotted_paths_reach_nested_fields(tmp_path: Path) -> None:
    body = {"text": "a", "meta": {"key": 5, "site": "s"}}
    config = Config(text_field="body.text", id_field="body.meta.key", source_field="body.meta.site")
    write_jsonl(tmp_path / "a.jsonl", {"body": body}, {"body": {"text": "b", "meta": 3}})
    pq.write_table(pa.Table.from_pylist([{"body": body}]), tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text("body.text,body.meta.key,body.meta.site\na,5,s\n")
    assert [row[2:5] for row in rows(opened(tmp_path, tmp_path, config=config))] == [
        ("a", "5", "s"),
        ("b", "a.jsonl:2", "a.jsonl"),
        ("a", "5", "s"),
        ("a", "5", "s"),
    ]


def test_ranks(tmp_path: Path) -> None:
    values: list[object] = [3, 2.5, "2025-01-02", None, True, [1], {"a": 1}]
    write_jsonl(tmp_path / "a.jsonl", *({"text": "a", "when": value} for value in values), {"text": "a"})
    (tmp_path / "b.csv").write_text("text,when\na,10\na,2025-01-02\na,\na,nan\n")
    times = pa.array([datetime(2025, 1, 2, 3), None])
    pq.write_table(pa.table({"text": ["a", "b"], "when": times}), tmp_path / "c.parquet")
    pq.write_table(pa.table({"text": ["a"], "when": pa.array([date(2025, 1, 2)])}), tmp_path / "d.parquet")
    (tmp_path / "e.txt").write_text("a")
    config = Config(keep="max:when")
    by_file: list[list[object]] = [[] for _ in range(5)]
    for row in rows(opened(tmp_path, tmp_path, config=config)):
        by_file[row.file].append(row.rank)
    assert by_file == [
        [3.0, 2.5, "2025-01-02", None, None, None, None, None],
        [10.0, "2025-01-02", None, "nan"],
        ["2025-01-02T03:00:00", None],
        ["2025-01-02"],
        [None],
    ]
    assert all(batch.ranks is None for batch in opened(tmp_path, tmp_path).batches())


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv(tmp_path: Path, delimiter: str) -> None:
    cells = [["id", "text", "url"], ["1", '"a\r\n""b"""', "http://h/"], ["", "ä", ""]]
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeff".encode() + "\r\n".join(delimiter.join(row) for row in cells).encode() + b"\r\n\r\n")
    assert rows(opened(tmp_path, path)) == [Row(0, 1, 'a\r\n"b"', "1", "h"), Row(0, 2, "ä", "a.csv:2", "a.csv")]


def test_tsv_takes_no_other_delimiter(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("text\tn\na,b;c\t1\n")
    assert [row.text for row in rows(opened(tmp_path, tmp_path / "a.tsv"))] == ["a,b;c"]


def test_a_header_of_several_lines_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"a\nb",text\n1,"x\ny"\n2,z\n3\n')
    corpus = opened(tmp_path, tmp_path / "a.csv", on_error="skip")
    assert [row.text for row in rows(corpus)] == ["x\ny", "z"]
    assert [(rejected.record, rejected.line) for rejected in corpus.rejected] == [(3, 6)]


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"id": pa.array([1.5, None, 3.0]), "text": ["a", "", "ä"], "domain": ["x", None, "y"]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert rows(opened(tmp_path, tmp_path / "a.parquet")) == [
        Row(0, 1, "a", "1.5", "x"),
        Row(0, 2, "", "a.parquet:2", "a.parquet"),
        Row(0, 3, "ä", "3.0", "y"),
    ]


def test_text_files(tmp_path: Path) -> None:
    (tmp_path / "in" / "b").mkdir(parents=True)
    (tmp_path / "in" / "b" / "x.txt").write_bytes("\ufeffä\r\n".encode())
    (tmp_path / "in" / "a.md").write_text("# A")
    (tmp_path / "in" / "c.TXT.gz").write_bytes(gzip.compress(b"c"))
    assert rows(opened(tmp_path, tmp_path / "in")) == [
        Row(0, 1, "# A", "a.md", ""),
        Row(1, 1, "\ufeffä\r\n", "b/x.txt", "b"),
        Row(2, 1, "c", "c.TXT.gz", ""),
    ]


def test_folders_are_walked_in_the_order_of_bytes(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for name in (
        "b/a.txt",
        "B.txt",
        "b.txt",
        "a/z.txt",
        "a-b.txt",
        "ä.txt",
        ".h/a.txt",
        ".h.txt",
        "o.dedup/a.txt",
        "x.doc",
    ):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "linked").symlink_to(source / "a", target_is_directory=True)
    expected = ["B.txt", "a-b.txt", "a/z.txt", "b.txt", "b/a.txt", "ä.txt"]
    assert opened(tmp_path, source).names == expected
    assert opened(tmp_path, str(source) + os.sep).names == expected


def test_several_inputs_keep_their_order(tmp_path: Path) -> None:
    for name in ("x/a.txt", "y/a.txt", "b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert opened(tmp_path, tmp_path / "b.txt", tmp_path / "x").names == ["b.txt", "a.txt"]
    corpus = opened(tmp_path, tmp_path / "y", tmp_path / "x")
    assert corpus.names == ["y/a.txt", "x/a.txt"]
    assert [row[2:] for row in rows(corpus)] == [
        ("y/a.txt", "y/a.txt", "y", None),
        ("x/a.txt", "x/a.txt", "x", None),
    ]


def test_standard_input_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b'{"text": "a"}\n')))
    corpus = opened(tmp_path, "-")
    assert rows(corpus) == rows(corpus) == [Row(0, 1, "a", "-:1", "-")]


@pytest.mark.parametrize(("name", "data"), [("csv", b"text\na\n"), ("txt", b"a"), ("ndjson", b'{"text": "a"}')])
def test_the_format_can_be_named(tmp_path: Path, name: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(data)))
    (tmp_path / "a.dat").write_bytes(data)
    (tmp_path / "b.dat.gz").write_bytes(gzip.compress(data))
    corpus = opened(tmp_path, "-", tmp_path / "a.dat", tmp_path / "b.dat.gz", format=name)
    assert [row.text for row in rows(corpus)] == ["a", "a", "a"]


def test_only_wanted_documents_are_read(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", *({"text": f"j{i}"} for i in range(1, 100)))
    (tmp_path / "b.csv").write_text("text\n" + "".join(f"c{i}\n" for i in range(1, 100)))
    table = pa.table({"text": [f"p{i}" for i in range(1, 100)]})
    pq.write_table(table, tmp_path / "c.parquet", row_group_size=10)
    (tmp_path / "d.txt").write_text("t1")
    (tmp_path / "e.jsonl").write_text("broken")
    corpus = opened(tmp_path, tmp_path)
    keys = [(file, record) for file in (0, 1, 2) for record in (1, 2, 11, 50, 99)] + [(3, 1)]
    wanted = Wanted(np.array([file for file, _ in keys], np.int32), np.array([record for _, record in keys], np.int64))
    assert [row[:3] for row in rows(corpus, wanted)] == [
        (file, record, f"{'jcpt'[file]}{record}") for file, record in keys
    ]
    none = Wanted(np.zeros(0, np.int32), np.zeros(0, np.int64))
    assert rows(corpus, none) == []


KINDS = pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_only_wanted_rows_are_read_of_any_kind_of_strings(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"text": pa.array([f"p{i}" for i in range(1, 100)]).cast(kind)})
    pq.write_table(table, tmp_path / "a.parquet")
    wanted = Wanted(np.zeros(2, np.int32), np.array([3, 98]))
    assert [row.text for row in rows(opened(tmp_path, tmp_path / "a.parquet"), wanted)] == ["p3", "p98"]


def test_chunks_and_batches_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[dict[str, object]] = [{"text": "ä" * (i % 50), "id": i, "source": str(i % 3)} for i in range(500)]
    write_jsonl(tmp_path / "a.jsonl", *records)
    for i in range(20):
        (tmp_path / f"b{i}.txt").write_text(str(i))
    whole = list(opened(tmp_path, tmp_path).batches())
    assert len(whole) == 1
    for chunk_bytes in (1, 7, 100, 1000):
        monkeypatch.setattr(lines, "CHUNK_BYTES", chunk_bytes)
        monkeypatch.setattr(readers, "BATCH_BYTES", chunk_bytes)
        monkeypatch.setattr(readers, "BATCH_ROWS", chunk_bytes)
        assert rows(opened(tmp_path, tmp_path)) == rows_of(whole[0])


def test_batches_have_a_bounded_number_of_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": ""}\n' * 120_000)
    sizes = [len(batch) for batch in opened(tmp_path, tmp_path / "a.jsonl").batches()]
    assert sum(sizes) == 120_000
    assert max(sizes) == readers.BATCH_ROWS


def test_compressed_files_are_decompressed_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n'))
    corpus = opened(tmp_path, path)
    first = rows(corpus)
    path.unlink()
    assert rows(corpus) == first


def test_a_disk_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "eins"}\n')
    (file,) = opened(tmp_path, tmp_path / "a.jsonl").files
    with pytest.raises(InputError, match=r"a\.jsonl: cannot be read: Input/output error"), file.open():
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("wanted", [[1], [2], [1, 2], [1, 4, 5, 6], [3, 6], list(range(1, 7))])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("chunk_bytes", [1, 30, 1 << 20])
def test_wanted_lines_are_the_same_wherever_they_are(
    wanted: list[int], begin: bytes, chunk_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(lines, "MOST_LINES", 3)
    written = [b"a\n", b"\n", b"lang" * 9 + b"\n", b"b\n", b"\xc3\xa4\n", b"ende"]
    path = tmp_path / "a.jsonl"
    path.write_bytes(begin + b"".join(written))
    ends = np.cumsum([len(line) for line in written]) + len(begin)
    with path.open("rb") as file:
        found = list(lines.wanted_lines(file, ends, np.array(wanted)))
    assert [number for part in found for number in part.numbers.tolist()] == wanted
    cut = [part.data[start:end] for part in found for start, end in zip(part.starts, part.ends, strict=True)]
    assert cut == [written[number - 1] for number in wanted]
    places = [place for part in found for place in part.places.tolist()]
    assert places == [int(ends[number - 1]) - len(written[number - 1]) for number in wanted]


def test_wanted_lines_of_a_file_that_became_shorter_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"eins\nzwei\n")
    with path.open("rb") as file:
        assert not list(lines.wanted_lines(file, np.array([5, 10, 15]), np.array([1, 3])))
        file.seek(0)
        assert not list(lines.chunks_of(file, np.array([5, 10, 15])))


def test_the_measuring_data_can_be_read(tmp_path: Path) -> None:
    data = Path(__file__).resolve().parents[2] / "shared" / "data" / "wikinews_de.jsonl.zst"
    if not data.exists():
        pytest.skip("the measuring data are not here")
    found = rows(opened(tmp_path, data))
    assert len(found) == 998
    assert len({row.id for row in found}) == 998
