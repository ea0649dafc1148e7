"""Columns of Parquet are decoded once, later passes and the writer take them from the work folder; nothing shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup.config import Config
from dedup.errors import OutputError
from dedup.formats import parquet, parquet_edits
from dedup.formats.parquet_columns import can_be_kept
from dedup.formats.source import InputFile
from dedup.model import Wanted
from dedup.readers import Corpus, open_corpus
from dedup.undo import restore
from dedup.writers import Edits, Output
from tests.corpora import rows

TEXTS = [f"Satz {number} steht hier, {'und mehr ' * (number % 7)}Ü" for number in range(300)]
GONE = np.array([1, 2, 69, 70, 71, 140, 211, 212, 299])
"""Records on both sides of the bounds of row groups."""
EDITS = Edits(
    np.zeros(len(GONE), np.int32),
    GONE,
    np.zeros(3, np.int32),
    np.array([3, 72, 300]),
    np.array([0, 1, 5]),
    np.array([5, 4, 8]),
)


def table() -> pa.Table:
    """The text is neither the first nor the last column; one column is a view; one that is not read is a dictionary."""
    numbers = range(len(TEXTS))
    return pa.table(
        {
            "before": pa.array([None if number % 5 else number for number in numbers]),
            "id": pa.array([f"d{number}" for number in numbers]),
            "text": pa.array(TEXTS),
            "source": pa.array([f"{number % 3}.example" for number in numbers]).cast(pa.string_view()),
            "kind": pa.array([f"k{number % 4}" for number in numbers]).dictionary_encode(),
            "after": pa.array([{"x": [number], "y": str(number)} for number in numbers]),
        }
    )


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of several row groups, each of which is read in several batches."""
    monkeypatch.setattr(parquet, "BATCH_BYTES", 1024)
    path = tmp_path / "a.parquet"
    pq.write_table(table(), path, row_group_size=70)
    return path


def opened(path: Path) -> Corpus:
    work = path.parent / "work"
    work.mkdir(exist_ok=True)
    return open_corpus([str(path)], Config(), work=work)


def written(corpus: Corpus, name: str) -> dict[str, bytes]:
    """Write what `EDITS` leave; return the output and all that is beside it."""
    target = corpus.files[0].path.with_name(name)
    with Output(corpus, str(target), None, False) as out:
        out.write(EDITS)
        out.commit()
    sidecar = target.with_name(f"{name}.dedup")
    found = {file.name: file.read_bytes() for file in sidecar.rglob("*") if file.is_file()}
    return found | {"output": target.read_bytes()}


def is_kept(corpus: Corpus) -> bool:
    columns = corpus.files[0].columns
    return columns is not None and columns.is_complete


def test_a_second_pass_decodes_nothing_and_reads_the_same(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = opened(source)
    wanted = Wanted(np.zeros(4, np.int32), np.array([1, 70, 71, 300]))
    decoded = rows(opened(source), wanted)
    first = rows(corpus)
    assert [row[:4] for row in first[:2]] == [(1, TEXTS[0], "d0", "0.example"), (2, TEXTS[1], "d1", "1.example")]
    monkeypatch.delattr(pq.ParquetFile, "iter_batches")
    assert rows(corpus) == first
    assert rows(corpus, wanted) == decoded == [first[record - 1] for record in wanted.records.tolist()]


def test_the_output_is_the_same_whether_columns_were_kept_or_not(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, read = opened(source), opened(source)
    rows(read)
    expected = written(fresh, "b.parquet")
    read_row_group = pq.ParquetFile.read_row_group
    asked = []

    def noting(self: pq.ParquetFile, group: int, columns: list[str] | None = None, **options: Any) -> pa.Table:
        asked.append(columns)
        return read_row_group(self, group, columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noting)
    assert written(read, "c.parquet") == expected
    assert asked == [["before", "kind", "after"]] * 5
    restore(str(source.with_name("c.parquet")), str(source.with_name("d.parquet")))
    assert pq.read_table(source.with_name("d.parquet")).equals(table())


def test_pages_of_the_output_do_not_depend_on_batches(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BATCH_BYTES", 100_000)
    many = pa.concat_tables([table()] * 10)
    texts = [f"{number}, {text * 50}" for number, text in enumerate(many.column("text").to_pylist())]
    pq.write_table(many.set_column(2, "text", pa.array(texts)), source)
    fresh, read = opened(source), opened(source)
    rows(read)
    assert is_kept(read)
    assert written(read, "b.parquet") == written(fresh, "c.parquet")


def test_a_row_group_comes_back_whose_texts_are_too_long_for_one_array(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow gives more than 2 GB of strings as several arrays."""
    whole = parquet_edits._row_groups

    def in_pieces(file: InputFile, opened: pq.ParquetFile) -> Iterator[pa.Table]:
        for group in whole(file, opened):
            yield pa.concat_tables([group.slice(at, 7) for at in range(0, len(group), 7)])

    monkeypatch.setattr(parquet_edits, "_row_groups", in_pieces)
    monkeypatch.setattr(parquet_edits, "WOVEN_BYTES", 100)
    written(opened(source), "b.parquet")
    restore(str(source.with_name("b.parquet")), str(source.with_name("c.parquet")))
    restored = pq.ParquetFile(source.with_name("c.parquet"))
    assert restored.read().equals(table())
    assert [restored.metadata.row_group(group).num_rows for group in range(5)] == [70, 70, 70, 70, 20]


@pytest.mark.parametrize(
    "columns",
    [
        {"text": pa.array(TEXTS).dictionary_encode()},
        {"text": pa.array(TEXTS), "id": pa.array(TEXTS).dictionary_encode()},
        {"text": pa.array(TEXTS), "text.length": pa.array([len(text) for text in TEXTS])},
    ],
    ids=["texts in a dictionary", "ids in a dictionary", "a name with a dot"],
)
def test_what_cannot_be_kept_is_decoded_each_time(source: Path, columns: dict[str, pa.Array]) -> None:
    pq.write_table(pa.table(columns), source, row_group_size=70)
    corpus = opened(source)
    assert rows(corpus) == rows(corpus)
    assert not is_kept(corpus)
    written(corpus, "b.parquet")
    restore(str(source.with_name("b.parquet")), str(source.with_name("c.parquet")))
    assert pq.read_table(source.with_name("c.parquet")).to_pydict() == pa.table(columns).to_pydict()


def test_names_and_types_decide_what_can_be_kept() -> None:
    kinds = pa.dictionary(pa.int8(), pa.string())
    of = pa.struct([("x", pa.list_(kinds))])
    assert can_be_kept(pa.schema([("text", pa.string()), ("kind", kinds), ("a.b", pa.string())]), ["text"])
    assert not can_be_kept(pa.schema([("text", pa.struct([("x", of)]))]), ["text"])
    assert not can_be_kept(pa.schema([("a.b.c", pa.string()), ("a.b", pa.string())]), ["a.b.c"])
    assert not can_be_kept(pa.schema([("text", pa.string()), ("x", pa.string()), ("x", pa.string())]), ["text"])


def test_a_pass_that_was_given_up_leaves_nothing_to_rely_on(source: Path) -> None:
    corpus = opened(source)
    expected = rows(opened(source))
    parts = parquet.read(corpus.files[0], corpus.fields, None, lambda rejected: None)
    next(parts)
    parts.close()
    assert not is_kept(corpus)
    assert rows(corpus) == rows(corpus) == expected
    assert is_kept(corpus)


def test_a_file_without_rows_has_nothing_to_keep(source: Path) -> None:
    pq.write_table(table().slice(0, 0), source)
    corpus = open_corpus([str(source)], Config(), work=source.parent, on_error="skip")
    assert rows(corpus) == rows(corpus) == []
    with Output(corpus, str(source.with_name("b.parquet")), None, False) as out:
        out.write(Edits(*(column[:0] for column in EDITS)))
        out.commit()
    assert pq.read_table(source.with_name("b.parquet")).equals(table().slice(0, 0))


def test_a_work_folder_without_room_is_named(source: Path) -> None:
    corpus = opened(source)
    corpus.files[0].decoded = Path("/dev/full")
    with pytest.raises(OutputError) as caught:
        rows(corpus)
    expected = f"the work folder cannot hold the columns of {source}: No space left on device"
    assert (caught.value.message, caught.value.file, caught.value.hint) == (
        expected,
        "/dev/full",
        "Make room there, or name another folder with TMPDIR.",
    )
