"""Files made to hurt: bombs, damage at any place, names that lead elsewhere, disks that are full."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from dedup import jobs, readers, undo
from dedup.config import Config
from dedup.errors import DedupError, InputError, OutputError, UsageError
from dedup.formats import archives, compression
from dedup.jobs import Run
from tests.corpora import Document, article, site

ZEROS = bytes(1 << 20)
EXTENSIONS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.compress}


def documents(count: int = 12) -> list[Document]:
    rng = random.Random(5)
    found = site(rng, "a.example", count)
    return [*found, {**found[0], "id": "again"}]


def lines(count: int = 12) -> bytes:
    return b"".join(json.dumps(document, ensure_ascii=False).encode() + b"\n" for document in documents(count))


def csv() -> bytes:
    rows = [f'{document["id"]},"{document["text"]}"\r\n' for document in documents()]
    return ("id,text\r\n" + "".join(rows)).encode()


def parquet(**options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(documents()), sink, row_group_size=5, **options)
    return sink.getvalue()


def cleaned(folder: Path, *inputs: Path, **options: Any) -> dict[str, Any]:
    run = Run(**({"force": True} | options))
    return jobs.clean([str(path) for path in inputs], str(folder / "out"), Config(max_loss=1), run)


@contextlib.contextmanager
def opened_files(most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Bombs


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_bomb_is_refused(tmp_path: Path, extension: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "ALWAYS_ALLOWED_BYTES", 1 << 20)
    path = tmp_path / f"a.jsonl.{extension}"
    path.write_bytes(EXTENSIONS[extension](ZEROS * 8))
    with pytest.raises(InputError) as error:
        cleaned(tmp_path, path)
    assert error.value.message.startswith("holds more than 200 times its size in plain bytes, ")
    assert error.value.hint == "If it is no decompression bomb, raise --max-expansion."
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_file_that_is_just_repetitive_is_read_when_asked_for(
    tmp_path: Path, extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "ALWAYS_ALLOWED_BYTES", 1 << 16)
    path = tmp_path / f"a.jsonl.{extension}"
    path.write_bytes(EXTENSIONS[extension](b'{"text": "' + b"a" * (1 << 20) + b'"}\n'))
    with pytest.raises(InputError, match="--max-expansion"):
        cleaned(tmp_path, path)
    assert cleaned(tmp_path, path, max_expansion=1e6)["documents"]["kept"] == 1
    undo.restore(str(tmp_path / "out"), str(tmp_path / "back"))


def test_what_is_small_is_read_however_well_it_is_packed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.compress(b'{"text": "' + b"a" * (1 << 20) + b'"}\n'))
    assert cleaned(tmp_path, path)["documents"]["kept"] == 1


def test_a_piece_of_zstandard_does_not_fill_the_memory() -> None:
    """Blocks of 4 bytes that stand for 128 KB each."""
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))
    assert len(bomb) < 1 << 16
    with io.FileIO(os.memfd_create("bomb"), "w+") as file:
        file.write(bomb)
        file.seek(0)
        sizes = [len(chunk) for chunk in compression.decompressed(file, "zstd", "bomb")]
    assert sum(sizes) == 1 << 28
    assert max(sizes) <= compression.ZSTD_CHUNK_BYTES << 15


def test_a_page_that_is_a_bomb_is_one_bad_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("warcio", reason="needs the extra 'warc'")
    pytest.importorskip("resiliparse", reason="needs the extra 'html'")
    monkeypatch.setattr(archives, "LONGEST_BODY_BYTES", 1 << 20)
    warc = b""
    for number, body in enumerate((b"<p>Gut.</p>", ZEROS * 8)):
        packed = gzip.compress(body)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
        warc += (
            b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/%d\r\n"
            b"Content-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n"
        ) % (number, len(head) + len(packed), head + packed)
    (tmp_path / "a.warc").write_bytes(warc)
    config = Config(extract="lines")
    (tmp_path / "work").mkdir()
    corpus = readers.open_corpus([str(tmp_path / "a.warc")], config, work=tmp_path / "work", on_error="skip")
    assert [text for batch in corpus.batches() for text in batch.texts] == ["Gut."]
    assert len(corpus.rejected) == 1


# Damage


def damaged(data: bytes, rng: random.Random, count: int) -> Iterator[bytes]:
    """Yield the data cut short, with one bit flipped, and with a stretch overwritten."""
    for number in range(count):
        at = rng.randrange(len(data))
        if number % 3 == 0:
            yield data[:at]
        elif number % 3 == 1:
            yield data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        else:
            yield data[:at] + rng.randbytes(min(16, len(data) - at)) + data[at + 16 :]


FORMATS = {
    "jsonl": lines,
    "csv": csv,
    "txt": lambda: documents()[0]["text"].encode(),
    "parquet": parquet,
    "jsonl.gz": lambda: gzip.compress(lines(), mtime=0),
    "jsonl.bz2": lambda: bz2.compress(lines()),
    "jsonl.xz": lambda: lzma.compress(lines()),
    "jsonl.zst": lambda: zstandard.ZstdCompressor(write_checksum=True).compress(lines()),
}


@pytest.mark.parametrize("extension", FORMATS)
def test_a_damaged_file_is_refused_or_cleaned_and_given_back(tmp_path: Path, extension: str) -> None:
    """Whatever is wrong with it: no other error than one of ours, and what is read can be undone to the byte."""
    data = FORMATS[extension]()
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / f"a.{extension}"
    refused = 0
    for bad in damaged(data, random.Random(8), 60):
        path.write_bytes(bad)
        try:
            report = cleaned(tmp_path, path)
        except DedupError:
            refused += 1
            continue
        counts = report["documents"]
        assert counts["read"] == counts["kept"] + counts["edited"] + counts["dropped"]
        undo.restore(str(tmp_path / "out"), str(tmp_path / "back"), force=True)
        if extension == "parquet":
            assert pq.read_table(tmp_path / "back").equals(pq.read_table(path))
        elif "." in extension:
            form = extension.split(".")[1]
            assert plain(tmp_path / "back", form) == plain(path, form)
        else:
            assert (tmp_path / "back").read_bytes() == bad
    # Of plain text, nearly anything can be read.
    assert refused >= (1 if extension == "txt" else 5 if extension == "csv" else 20)


def plain(path: Path, form: str) -> bytes:
    name = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}[form]
    with path.open("rb") as file:
        return b"".join(compression.decompressed(file, name, str(path)))


# Parquet


def varint(number: int) -> bytes:
    """A whole number as Thrift's compact protocol writes it: zigzag, seven bits a byte."""
    zigzag = (number << 1 ^ number >> 63) & 2**64 - 1
    found = b""
    while zigzag >= 0x80:
        found += bytes([zigzag & 0x7F | 0x80])
        zigzag >>= 7
    return found + bytes([zigzag])


@pytest.mark.parametrize("count", [-1, 0, 1, 1 << 31, 1 << 40, 2**63 - 1])
def test_parquet_that_lies_about_its_numbers_is_refused_or_read_whole(tmp_path: Path, count: int) -> None:
    """Every 64-bit number of the footer in turn: rows, values, sizes, places."""
    data = parquet()
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8]
    path = tmp_path / "a.parquet"
    refused = 0
    places = [at + 1 for at in range(length - 1) if footer[at] & 0x0F == 6 and footer[at] >> 4]
    for at in random.Random(3).sample(places, 60):
        end = at
        while footer[end] & 0x80:
            end += 1
        lying = footer[:at] + varint(count) + footer[end + 1 :]
        path.write_bytes(data[: -8 - length] + lying + len(lying).to_bytes(4, "little") + b"PAR1")
        try:
            report = cleaned(tmp_path, path)
        except DedupError:
            refused += 1
            continue
        assert report["documents"]["read"] == pq.ParquetFile(path).read().num_rows
        undo.restore(str(tmp_path / "out"), str(tmp_path / "back"), force=True)
        assert pq.read_table(tmp_path / "back").equals(pq.read_table(path))
    assert refused


def test_parquet_nested_without_end_is_read_or_refused(tmp_path: Path) -> None:
    value: Any = pa.array(["a"])
    for _ in range(90):
        value = pa.StructArray.from_arrays([value], ["x"])
    pq.write_table(pa.table({"text": ["Guten Tag."], "deep": value}), tmp_path / "a.parquet")
    assert cleaned(tmp_path, tmp_path / "a.parquet")["documents"]["kept"] == 1


# Names


def test_output_stays_in_output_whatever_inputs_are_called(tmp_path: Path) -> None:
    """Links are followed to be read, and never to be written through."""
    outside, folder = tmp_path / "outside", tmp_path / "in"
    outside.mkdir()
    (folder / "sub").mkdir(parents=True)
    (outside / "b.jsonl").write_bytes(lines(3))
    (folder / "link.jsonl").symlink_to(outside / "b.jsonl")
    (folder / "sub" / "..a\n'\".jsonl").write_bytes(lines(2))
    (folder / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    before = (outside / "b.jsonl").read_bytes()
    with pytest.raises(InputError, match="does not exist"):
        cleaned(tmp_path, folder)
    (folder / "dangling.jsonl").unlink()
    cleaned(tmp_path, folder / "sub" / "..")
    assert (outside / "b.jsonl").read_bytes() == before
    assert not (tmp_path / "out" / "link.jsonl").is_symlink()
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"outside", "in", "out", "out.dedup"}
    assert [path.name for path in outside.iterdir()] == ["b.jsonl"]


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(lines(3))
    (folder / "loop").symlink_to(folder)
    assert cleaned(tmp_path, folder)["documents"]["read"] == 4


@pytest.mark.parametrize("name", ["../evil.jsonl", "/evil.jsonl", "a/../../evil.jsonl"])
def test_restore_does_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    """The manifest is a file like any other, and may come from somebody else."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(lines(3))
    (folder / "b.jsonl").write_bytes(lines(4))
    cleaned(tmp_path, folder)
    manifest = tmp_path / "out.dedup" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"a.jsonl"', json.dumps(name).encode()))
    with pytest.raises(DedupError):
        undo.restore(str(tmp_path / "out"), str(tmp_path / "deep" / "back"))
    assert not list(tmp_path.rglob("evil.jsonl"))
    assert not Path("/evil.jsonl").exists()


# Disks


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines())
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(
            [Path(sys.executable).with_name("dedup"), "clean", str(path), "-o", "-", "-q"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert found.returncode == 3
    assert "Traceback" not in found.stderr
    assert "No space left on device" in found.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines())
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(OutputError):
        cleaned(tmp_path / "locked", path)


def test_a_folder_that_vanished_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines())
    with pytest.raises((OutputError, UsageError)) as error:
        cleaned(tmp_path / "gone", path)
    assert str(tmp_path / "gone") in str(error.value)


# Many


def test_more_files_than_may_be_open(tmp_path: Path) -> None:
    folder, rng = tmp_path / "in", random.Random(2)
    for number in range(600):
        path = folder / f"{number % 7}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(article(rng, lines=2), encoding="utf-8")
    with opened_files(64):
        report = cleaned(tmp_path, folder, workers=2)
    assert report["documents"]["kept"] == 600
    undo.restore(str(tmp_path / "out"), str(tmp_path / "back"))
    for path in folder.rglob("*.txt"):
        assert (tmp_path / "back" / path.relative_to(folder)).read_bytes() == path.read_bytes()


# Cells


def test_a_cell_that_is_a_formula_stays_one(tmp_path: Path) -> None:
    """What a spreadsheet makes of it is not for us to say: other bytes would be other data."""
    path = tmp_path / "a.csv"
    data = 'id,text\n1,"=HYPERLINK(""http://a.example"",""Bitte klicken"")"\n2,@SUM(1+1)\n3,-1+2|cmd\n'
    path.write_text(data, encoding="utf-8")
    cleaned(tmp_path, path)
    assert (tmp_path / "out").read_text(encoding="utf-8") == data
