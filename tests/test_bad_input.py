"""Every input that cannot be read is refused with its file, its line, and what to do about it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from dedup.config import Config
from dedup.errors import DedupError, InputError, UsageError
from dedup.model import Wanted
from dedup.readers import Corpus, open_corpus

GOOD = b'{"text": "gut"}\n'


def read(folder: Path, *inputs: Path | str, **options: str) -> list[str]:
    corpus = opened(folder, *inputs, **options)
    return [text for batch in corpus.batches() for text in batch.texts]


def opened(folder: Path, *inputs: Path | str, text_field: str = "text", **options: str) -> Corpus:
    work = folder / ".work"
    work.mkdir(exist_ok=True)
    return open_corpus([str(path) for path in inputs], Config(text_field=text_field), work=work, **options)


def error_of(call: Callable[[], object]) -> DedupError:
    with pytest.raises(DedupError) as caught:
        call()
    assert caught.value.hint.endswith((".", "FILE"))
    return caught.value


BAD_LINES = [
    (b"{", "the JSON goes on over several lines"),
    (b"[", "the JSON goes on over several lines"),
    (b'{"text": "a"', "is broken JSON: Input data was truncated"),
    (b'{"text": "a"} {"text": "b"}', "is broken JSON: trailing characters (byte 15)"),
    (b"{'text': 1}", "is broken JSON: object keys must be strings (byte 1)"),
    (b'{"text": "a\x00"}', "is broken JSON: invalid character (byte 11)"),
    (b'{"text": "\\q"}', "is broken JSON: invalid escape character in string (byte 12)"),
    (b'{"text": "a", "n": NaN}', "is broken JSON: NaN and Infinity are no JSON numbers"),
    (b'{"text": "\\ud800"}', "has half of a surrogate pair, which stands for no character"),
    (b'{"text": "\\udc00a"}', "has half of a surrogate pair, which stands for no character"),
    (b'{"text": "\\ud800\\u0041"}', "has half of a surrogate pair, which stands for no character"),
    (b'{"text": "\xff"}', "is not UTF-8 (byte 11 of the line is 0xff)"),
    (b'{"text": "a", "n": "\xed\xa0\x80"}', "is not UTF-8 (byte 21 of the line is 0xed)"),
    (b'["text"]', "is not an object, but a list"),
    (b'"text"', "is not an object, but a string"),
    (b"17", "is not an object, but a number"),
    (b"null", "is not an object, but null"),
    (b"{}", "no field 'text' (it has: nothing)"),
    (b'{"id": 1, "body": "a"}', "no field 'text' (it has: id, body)"),
    (b'{"text": null}', "field 'text' is null, not a string"),
    (b'{"text": 1.5}', "field 'text' is a number, not a string"),
    (b'{"text": true}', "field 'text' is true or false, not a string"),
    (b'{"text": ["a"]}', "field 'text' is a list, not a string"),
    (b'{"text": {"a": 1}}', "field 'text' is an object, not a string"),
    (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "the JSON is nested too deeply"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"\n" + GOOD + line + b"\n" + GOOD)
    error = error_of(lambda: read(tmp_path, path))
    assert (error.message, error.file, error.line) == (message, str(path), 4)


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_a_bad_line_is_set_aside(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + line + b"\n" + GOOD)
    corpus = opened(tmp_path, path, on_error="skip")
    assert [int(record) for batch in corpus.batches() for record in batch.records] == [1, 3]
    (rejected,) = corpus.rejected
    assert (rejected.record, rejected.line, rejected.message) == (2, 2, message)
    assert path.read_bytes()[rejected.start : rejected.end] == line + b"\n"


def test_a_message_reads_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("news.jsonl").write_bytes(b'{"id": 1, "body": "a"}\n')
    assert str(error_of(lambda: read(tmp_path, "news.jsonl"))) == (
        "news.jsonl:1: no field 'text' (it has: id, body). Name the field with --text-field."
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"a": 1}', "no field 'body' (it has: a)"),
        (b'{"body": 1}', "field 'body' is a number, not an object"),
        (b'{"body": {"a": 1}}', "no field 'body.text' (it has: a)"),
        (b'{"body": {"text": []}}', "field 'body.text' is a list, not a string"),
    ],
)
def test_a_missing_nested_field_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(line)
    assert error_of(lambda: read(tmp_path, path, text_field="body.text")).message == message


BAD_CSV = [
    (b'text\n"a\nb\n', 2, "a quote is opened in this record and never closed"),
    (b'text,n\na,1\n"b"c,2\n', 3, "is broken CSV: ',' expected after '\"'"),
    (b"text,n\na,1\nb\rc,2\n", 3, "has a carriage return outside of quotes that ends no line"),
    (b"text,n\ra,1\r", 1, "has a carriage return outside of quotes that ends no line"),
    (b"text,n\na,1\nb\n", 3, "has 1 cells, but the header has 2"),
    (b'text,n\n"a\n",1\nb,2,3\n', 4, "has 3 cells, but the header has 2"),
    (b"text,n\na,1\n\xff,2\n", 3, "is not UTF-8 (byte 1 of line 3 is 0xff)"),
    (b"id,n\na,1\n", 1, "no column 'text' (it has: id, n)"),
    (b"text,text\na,1\n", 1, "2 columns are called 'text'"),
    (b"\n\n", 0, "has no header"),
    (b"text\n", 0, "holds no records"),
]


@pytest.mark.parametrize(("data", "line", "message"), BAD_CSV)
def test_bad_csv_is_named(tmp_path: Path, data: bytes, line: int, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    error = error_of(lambda: read(tmp_path, path))
    assert (error.message, error.line) == (message, line)


def test_bad_csv_records_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'text,n\na,1\nb\n"c"d,2\n\xff,3\ne,4\n"f\n')
    corpus = opened(tmp_path, path, on_error="skip")
    assert [text for batch in corpus.batches() for text in batch.texts] == ["a", "e"]
    assert [rejected.record for rejected in corpus.rejected] == [2, 3, 4, 6]
    assert [path.read_bytes()[rejected.start : rejected.end] for rejected in corpus.rejected] == [
        b"b\n",
        b'"c"d,2\n',
        b"\xff,3\n",
        b'"f\n',
    ]


def test_invalid_utf8_in_a_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("erste\nzweite ä".encode("latin-1"))
    error = error_of(lambda: read(tmp_path, path))
    assert (error.message, error.line) == ("is not UTF-8 (byte 14 of the file is 0xe4)", 2)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "a.jsonl.gz"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    error = error_of(lambda: read(tmp_path, tmp_path / name))
    assert (error.file, error.message) == (str(tmp_path / name), "is empty")


def test_an_empty_text_in_a_folder_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    assert read(tmp_path, tmp_path) == [""]


@pytest.mark.parametrize("data", [b"\n \r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_file_without_records_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(data)
    assert error_of(lambda: read(tmp_path, tmp_path / "a.jsonl")).message == "holds no records"


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_bytes(b"x")
    (tmp_path / ".a.txt").write_bytes(b"x")
    error = error_of(lambda: read(tmp_path, tmp_path))
    assert error.message == "holds no file of a known format"
    assert ".jsonl" in error.hint


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("frames", [1, 2])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, frames: int) -> None:
    frame = COMPRESS[suffix](bytes(range(256)) * 100)
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(frame * (frames - 1) + frame[:-9])
    error = error_of(lambda: read(tmp_path, path))
    assert re.match("the .* data end too early|is not valid", error.message)
    assert error.file == str(path)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("data", [GOOD, b"\x00" * 100], ids=["text", "zeros"])
def test_a_file_that_is_not_compressed_is_refused(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(data)
    assert re.search("is not valid|end too early", error_of(lambda: read(tmp_path, path)).message)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_corrupt_file_is_refused(tmp_path: Path, suffix: str) -> None:
    data = bytearray(COMPRESS[suffix](os.urandom(5000)))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(bytes(data))
    # Zstandard frames need no checksum; then the content is what is wrong.
    assert re.search("is not valid|end too early|is not UTF-8", error_of(lambda: read(tmp_path, path)).message)


@pytest.mark.parametrize("data", [b"PAR1", b"x" * 100, b"PAR1" + b"x" * 100 + b"PAR1"])
def test_broken_parquet_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(data)
    assert "cannot be read as Parquet" in error_of(lambda: read(tmp_path, tmp_path / "a.parquet")).message


def test_damaged_pages_of_parquet_are_refused(tmp_path: Path) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": [f"Satz {i}" for i in range(1000)]}), sink, compression="gzip")
    data = bytearray(sink.getvalue())
    data[100:200] = b"\xff" * 100
    (tmp_path / "a.parquet").write_bytes(data)
    assert "cannot be read as Parquet" in error_of(lambda: read(tmp_path, tmp_path / "a.parquet")).message


@pytest.mark.parametrize(
    ("values", "message", "line"),
    [
        (pa.array([1]), "column 'text' is of type int64, not string", 0),
        (pa.array(["a", None]), "column 'text' is null, not a string", 2),
        (pa.array([b"a"]), "column 'text' is of type binary, not string", 0),
    ],
)
def test_a_parquet_column_of_another_type_is_refused(tmp_path: Path, values: pa.Array, message: str, line: int) -> None:
    pq.write_table(pa.table({"text": values}), tmp_path / "a.parquet")
    error = error_of(lambda: read(tmp_path, tmp_path / "a.parquet"))
    assert (error.message, error.line) == (message, line)


def test_a_missing_parquet_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a"]}), tmp_path / "a.parquet")
    assert error_of(lambda: read(tmp_path, tmp_path / "a.parquet")).message == "no column 'text' (it has: body)"


def test_invalid_utf8_in_parquet_is_refused(tmp_path: Path) -> None:
    texts = pa.array([b"\xff"]).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    assert "cannot be read as Parquet" in error_of(lambda: read(tmp_path, tmp_path / "a.parquet")).message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for name in ("a.txt", "a.jsonl", "a.parquet", "a"):
        assert error_of(lambda name=name: opened(tmp_path, tmp_path / name)).message == "does not exist"


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_bytes(b"a")
    error = error_of(lambda: opened(tmp_path, tmp_path))
    assert (error.message, error.file) == ("has a name that is not UTF-8", "\\xff.txt")


def test_an_unknown_extension_is_refused(tmp_path: Path) -> None:
    for name in ("a.doc", "a", "a.gz", "a.parquet.gz"):
        (tmp_path / name).write_bytes(GOOD)
        error = error_of(lambda name=name: opened(tmp_path, tmp_path / name))
        assert error.message == "has no known format"
        assert "--format" in error.hint


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(GOOD)
    assert error_of(lambda: opened(tmp_path, tmp_path / "a", format="doc")).message == "format 'doc' is not known"


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    error = error_of(lambda: opened(tmp_path, tmp_path / "a.jsonl"))
    assert error.message == "is not a regular file, and it is read more than once"
    assert "'-'" in error.hint


def test_a_device_is_refused(tmp_path: Path) -> None:
    assert "is not a regular file" in error_of(lambda: opened(tmp_path, "/dev/null", format="jsonl")).message


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    corpus = opened(tmp_path, path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert error_of(lambda: next(corpus.batches())).message == "may not be read"


def test_an_input_named_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    (tmp_path / "link.jsonl").symlink_to(path)
    for inputs in ((path, path), (tmp_path, path), (path, tmp_path / "link.jsonl"), ("-", "-")):
        with pytest.raises(UsageError, match="is an input twice"):
            opened(tmp_path, *inputs)


@pytest.mark.parametrize("change", ["write", "remove", "touch"])
def test_a_change_between_passes_is_noticed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    corpus = opened(tmp_path, path)
    assert sum(map(len, corpus.batches())) == 1
    if change == "write":
        path.write_bytes(GOOD * 2)
    elif change == "remove":
        path.unlink()
    else:
        os.utime(path, ns=(1, 1))
    message = error_of(lambda: list(corpus.batches())).message
    assert message == ("vanished while it was being read" if change == "remove" else "changed while it was being read")


def test_a_change_during_a_pass_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes((b'{"text": "%s"}\n' % (b"x" * 1000)) * 20000)
    batches = opened(tmp_path, path).batches()
    next(batches)
    with path.open("ab") as file:
        file.write(GOOD)
    with pytest.raises(InputError, match="changed while it was being read"):
        list(batches)


def test_an_enormous_line_works(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(GOOD + b'{"text": "')
        for _ in range(200):
            file.write(b"a" * 1_000_000)
        file.write(b'"}\n' + GOOD)
    sizes = [int(size) for batch in opened(tmp_path, path).batches() for size in batch.texts.sizes]
    assert sizes == [3, 200_000_000, 3]


def test_nul_characters_are_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "a\\u0000b"}')
    (tmp_path / "b.csv").write_bytes(b"text\na\x00b\n")
    (tmp_path / "c.txt").write_bytes(b"a\x00b")
    assert read(tmp_path, tmp_path) == ["a\0b"] * 3


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    assert error_of(lambda: opened(tmp_path)).message == "no input is named"
    assert "must be fail or skip" in error_of(lambda: opened(tmp_path, "-", on_error="stop")).message


def test_names_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    for name in ("x/a/b", "y/a/b"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "c.jsonl").write_bytes(GOOD)
    corpus = opened(tmp_path, tmp_path / "x/a", tmp_path / "y")
    assert corpus.names == ["b/c.jsonl", "a/b/c.jsonl"]
    with pytest.raises(UsageError, match=re.escape("two inputs would both be called 'a/b/c.jsonl'")):
        opened(tmp_path, tmp_path / "x/a", tmp_path / "y/a")


def test_standard_input_that_is_empty_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    error = error_of(lambda: read(tmp_path, "-"))
    assert str(error).startswith("standard input: is empty")


def test_wanted_documents_of_a_changed_file_are_refused(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    corpus = opened(tmp_path, path)
    path.write_bytes(GOOD * 2)
    with pytest.raises(InputError, match="changed"):
        list(corpus.batches(Wanted(np.zeros(1, np.int32), np.ones(1, np.int64))))
