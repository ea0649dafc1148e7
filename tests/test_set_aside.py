"""With on_error="skip", what cannot be read is set aside and counted, and the rest is cleaned all the same."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup import jobs, undo
from dedup.config import Config
from dedup.errors import InputError

SKIP = jobs.Run(on_error="skip")
ARTICLE = "Der Rat der Stadt hat am Montag nach langer Debatte den Bau der neuen Brücke beschlossen."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of every kind, and before each of them in the order of names one that is damaged."""
    path = tmp_path / "in"
    path.mkdir()
    (path / "1.jsonl.gz").write_bytes(gzip.compress(b'{"text": "lost"}\n')[:-9])
    (path / "2.jsonl").write_text(json.dumps({"text": ARTICLE}) + "\n{broken\n" + json.dumps({"text": ARTICLE}) + "\n")
    (path / "3.parquet").write_bytes(b"PAR1 is all there is")
    pq.write_table(pa.table({"text": [ARTICLE, "Ganz etwas anderes."]}), path / "4.parquet")
    (path / "5.txt").write_bytes(b"ab\xffcd")
    (path / "6.txt").write_text("Noch etwas anderes.\n")
    return path


def test_damaged_files_and_records_are_counted_and_left_out(folder: Path, tmp_path: Path) -> None:
    report = jobs.clean([str(folder)], str(tmp_path / "out"), Config(), SKIP)
    assert report["documents"] == {"read": 5, "kept": 3, "edited": 0, "dropped": 2, "rejected": 4}
    rejected = [json.loads(line) for line in (tmp_path / "out.dedup" / "rejected.jsonl").read_text().splitlines()]
    assert [(entry["file"], entry["record"]) for entry in rejected] == [
        ("1.jsonl.gz", 0),
        ("2.jsonl", 2),
        ("3.parquet", 0),
        ("5.txt", 1),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2.jsonl", "4.parquet", "6.txt"]


def test_restore_rebuilds_all_but_the_files_that_could_not_be_read(folder: Path, tmp_path: Path) -> None:
    jobs.clean([str(folder)], str(tmp_path / "out"), Config(), SKIP)
    undo.restore(str(tmp_path / "out"), str(tmp_path / "back"))
    for name in ("2.jsonl", "5.txt", "6.txt"):
        assert (tmp_path / "back" / name).read_bytes() == (folder / name).read_bytes()
    assert pq.read_table(tmp_path / "back" / "4.parquet") == pq.read_table(folder / "4.parquet")
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["2.jsonl", "4.parquet", "5.txt", "6.txt"]


def test_a_file_without_one_good_record_gives_an_empty_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"body": "no text"}\n')
    report = jobs.clean([str(bad)], str(tmp_path / "out.jsonl"), Config(), SKIP)
    assert (report["documents"]["read"], report["documents"]["rejected"]) == (0, 1)
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    undo.restore(str(tmp_path / "out.jsonl"), str(tmp_path / "back.jsonl"))
    assert (tmp_path / "back.jsonl").read_bytes() == bad.read_bytes()


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", b"ab\xffcd"), ("a.jsonl.gz", b"\x1f\x8b"), ("a.parquet", b"PAR1")]
)
def test_nothing_is_left_of_a_single_file_that_cannot_be_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError):
        jobs.clean([str(tmp_path / name)], str(tmp_path / f"out.{name}"), Config(), SKIP)
    assert [path.name for path in tmp_path.iterdir()] == [name]
