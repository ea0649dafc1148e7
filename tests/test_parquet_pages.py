"""What comes out of a Parquet file is told before it is decoded: never too little, and exactly where it matters."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup import jobs, undo
from dedup.config import Config
from dedup.errors import InputError
from dedup.formats import compression, parquet_pages
from dedup.formats.parquet_pages import STRING_BYTES, Weights, weigh
from dedup.jobs import Run

LONG = "Ein Satz, der sehr oft dasteht. " * (1 << 12)
"""128 KB."""

ROWS = 2000


def named_often() -> pa.Array:
    """One long string, named by every row."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array([LONG]))


def plain() -> list[str]:
    return [f"Satz Nummer {row} steht hier." for row in range(ROWS)]


def tables() -> dict[str, tuple[pa.Table, dict[str, Any]]]:
    """Tables whose files are small and of which a quarter of a gigabyte comes out, and how they are written."""
    by_name = {"compression": "zstd", "dictionary_pagesize_limit": 1 << 30, "store_schema": False}
    in_lists = pa.ListArray.from_arrays(pa.array([0, *range(1, ROWS), ROWS]), named_often())
    return {
        "text": (pa.table({"text": named_often()}), by_name),
        "text, a dictionary in Arrow": (pa.table({"text": named_often()}), by_name | {"store_schema": True}),
        "id": (pa.table({"text": plain(), "id": named_often()}), by_name),
        "another column": (pa.table({"text": plain(), "html": named_often()}), by_name),
        "lists": (pa.table({"text": plain(), "tags": in_lists}), by_name),
        "structures": (
            pa.table({"text": plain(), "meta": pa.StructArray.from_arrays([named_often()], ["x"])}),
            by_name,
        ),
        "beginnings": (
            pa.table({"text": [LONG] * ROWS}),
            {"compression": "zstd", "use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
        ),
        "zeros": (
            pa.table({"text": plain(), "html": [LONG] * ROWS}),
            {"compression": "zstd", "use_dictionary": False},
        ),
        "a dictionary, then zeros": (
            pa.table({"text": plain(), "html": [f"{row} {LONG}" for row in range(ROWS)]}),
            {"compression": "zstd"},
        ),
        "numbers": (pa.table({"text": ["a"] * (1 << 22), "n": pa.array([0] * (1 << 22))}), {"compression": "zstd"}),
    }


@pytest.fixture(scope="module", params=tables())
def bomb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table, options = tables()[request.param]
    path = tmp_path_factory.mktemp("bomb") / "a.parquet"
    pq.write_table(table, path, **options)
    assert path.stat().st_size < 1 << 18
    return path


def test_a_bomb_is_refused_before_it_is_decoded(bomb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "ALWAYS_ALLOWED_BYTES", 48 << 20)
    monkeypatch.setattr(parquet_pages, "AT_ONCE_BYTES", 16 << 20)
    whole = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(whole)
    pa.set_memory_pool(pool)
    try:
        with pytest.raises(InputError) as error:
            jobs.clean([str(bomb)], str(tmp_path / "out.parquet"), Config(max_loss=1), Run())
    finally:
        pa.set_memory_pool(whole)
    assert (error.value.file, error.value.hint) == (str(bomb), "If it is no decompression bomb, raise --max-expansion.")
    assert error.value.message == "holds more than 200 times its size in plain bytes, and more than 48M"
    assert pool.max_memory() < 64 << 20
    assert list(tmp_path.iterdir()) == []


def test_what_repeats_is_read_if_it_is_small_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty rows of which nearly all have the same long text."""
    monkeypatch.setattr(compression, "ALWAYS_ALLOWED_BYTES", 1 << 20)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [LONG, *plain()[:9]] + [LONG] * 40}), path, compression="zstd")
    with pytest.raises(InputError, match="--max-expansion"):
        jobs.clean([str(path)], str(tmp_path / "out.parquet"), Config(), Run())
    report = jobs.clean([str(path)], str(tmp_path / "out.parquet"), Config(), Run(max_expansion=1e6))
    assert report["reasons"]["exact-duplicate"]["documents"] == 40
    undo.restore(str(tmp_path / "out.parquet"), str(tmp_path / "back.parquet"))
    assert pq.read_table(tmp_path / "back.parquet").equals(pq.read_table(path))


def test_a_long_entry_that_one_row_names_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "ALWAYS_ALLOWED_BYTES", 2 * len(LONG))
    path = tmp_path / "a.parquet"
    options = {"compression": "zstd", "dictionary_pagesize_limit": 1 << 30}
    pq.write_table(pa.table({"text": [LONG, *plain()[:9] * 100]}), path, **options)
    assert jobs.clean([str(path)], str(tmp_path / "out.parquet"), Config(max_loss=1), Run())["documents"]["read"] == 901


def mixed() -> pa.Table:
    """Columns of many types."""
    strings = pa.array([None if row % 7 == 0 else "x" * (row % 50) for row in range(ROWS)])
    return pa.table(
        {
            "text": strings,
            "large": strings.cast(pa.large_string()),
            "bytes": strings.cast(pa.binary()),
            "coded": strings.dictionary_encode(),
            "number": pa.array(range(ROWS)),
            "truth": pa.array([row % 3 == 0 for row in range(ROWS)]),
            "money": pa.array(range(ROWS)).cast(pa.decimal128(20)),
            "fixed": pa.array([b"abcd"] * ROWS, pa.binary(4)),
            "nothing": pa.nulls(ROWS, pa.string()),
            "list": pa.array([["a" * (row % 9)] * (row % 4) for row in range(ROWS)]),
            "map": pa.array([[("k", str(row))] for row in range(ROWS)], pa.map_(pa.string(), pa.string())),
            "struct": pa.StructArray.from_arrays([strings, pa.array(range(ROWS))], ["a", "b"]),
        }
    )


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "zstd"])
@pytest.mark.parametrize(
    "encoding",
    [
        {"use_dictionary": True},
        {"use_dictionary": True, "dictionary_pagesize_limit": 200},
        {"use_dictionary": False},
        {
            "use_dictionary": ["coded"],
            "column_encoding": {"text": "DELTA_BYTE_ARRAY"},
        },
    ],
    ids=["dictionary", "both", "plain", "delta"],
)
def test_no_column_is_larger_than_its_pages_tell(version: str, codec: str, encoding: dict[str, Any]) -> None:
    """And counting, which spells nothing out, comes to what there is."""
    with io.BytesIO() as file:
        pq.write_table(
            mixed(), file, row_group_size=700, data_page_size=500, data_page_version=version, compression=codec,
            write_page_checksum=True, store_schema=False, **encoding,
        )  # fmt: skip
        source = pq.ParquetFile(file)
        weights = weigh(file, source.metadata)
        for place, path in enumerate(weights.paths):
            column = [group[place] for group in weights.groups]
            array = source.read(columns=[path]).column(0)
            assert sum(weight.most for weight in column) >= array.nbytes - sum(map(padding, array.chunks))
            assert sum(weight.least for weight in column) <= array.nbytes + 8 * ROWS + 2000 * len(column)
            if any(weight.most > weight.least for weight in column):
                counted = parquet_pages._counted(file, path, column, 1 << 40)
                assert bytes_of(array.to_pylist()) <= counted <= array.nbytes + STRING_BYTES * 4 * ROWS


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_only_rows_that_name_entries_of_a_dictionary_have_to_be_counted(version: str) -> None:
    table = pa.table({"text": plain(), "list": [[text] for text in plain()]})
    with io.BytesIO() as file:
        options = {"data_page_version": version, "dictionary_pagesize_limit": 2000, "write_batch_size": 10}
        pq.write_table(table, file, data_page_size=500, **options)
        (in_column, in_lists) = weigh(file, pq.read_metadata(file)).groups[0]
    assert 0 < in_column.unclear < ROWS // 2
    behind = sum(map(len, plain()[in_column.unclear :]))
    assert behind <= in_column.clear <= behind + ROWS * (STRING_BYTES + 4)
    assert (in_lists.unclear, in_lists.clear) == (ROWS, 0)


def padding(chunk: pa.Array) -> int:
    """Bytes of an array that are no values: which rows are null, and where lists and structures begin."""
    return sum(buffer.size for buffer in chunk.buffers()[:1] if buffer) + 4 * (len(chunk) + 1)


def bytes_of(value: Any) -> int:
    """The slow twin of counting: the bytes of all strings, wherever they are."""
    if isinstance(value, dict | list | tuple):
        return sum(map(bytes_of, value.values() if isinstance(value, dict) else value))
    return len(value) if isinstance(value, str | bytes) else 0


def test_so_few_rows_are_decoded_at_once_that_they_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"id": plain(), "text": [f"{row} {LONG[: 1 << 12]}" for row in range(ROWS)]})
    pq.write_table(table, path, use_dictionary=False, data_page_size=1 << 16, write_batch_size=1)
    monkeypatch.setattr(parquet_pages, "AT_ONCE_BYTES", 1 << 20)
    with path.open("rb") as file:
        source = pq.ParquetFile(file)
        weights = weigh(file, source.metadata)
        rows = weights.rows_at_once(0, ["text"])
        assert 2 <= rows <= 16
        assert weights.rows_at_once(0, ["id"]) == parquet_pages.ROWS_AT_ONCE
        assert all(part.nbytes <= 2 << 20 for part in source.iter_batches(rows, columns=["text"]))


def header(*fields: tuple[int, int, bytes]) -> bytes:
    """A structure in Thrift's compact protocol: the step to each field, its type and its value."""
    return b"".join(bytes([step << 4 | kind]) + value for step, kind, value in fields) + b"\0"


NUMBER, LONG_NUMBER, STRUCTURE = 5, 6, 12
TWO_ROWS = header((1, NUMBER, b"\4"), (1, NUMBER, b"\0"), (1, NUMBER, b"\6"), (1, NUMBER, b"\6"))
SIZES = (1, NUMBER, b"\x14"), (1, NUMBER, b"\x14")


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x15",
        b"\x15\0\x15" + b"\xff" * 12,
        header((1, NUMBER, b"\0"), *SIZES),
        header((1, NUMBER, b"\0"), (1, NUMBER, b"\1"), (1, NUMBER, b"\x14"), (2, STRUCTURE, TWO_ROWS)),
        header((1, NUMBER, b"\0"), *SIZES, (2, STRUCTURE, TWO_ROWS), (11, 9, b"")),
        header((1, NUMBER, b"\0"), (1, LONG_NUMBER, b"\x14"), (1, NUMBER, b"\x14"), (2, STRUCTURE, TWO_ROWS)),
        header((1, STRUCTURE, b"\0"), *SIZES, (2, STRUCTURE, TWO_ROWS)),
        b"\x1c" * 5000,
    ],
    ids=[
        "nothing",
        "cut",
        "endless number",
        "no rows",
        "less than nothing",
        "a list",
        "another size",
        "no kind",
        "nested",
    ],
)
def test_what_is_no_header_of_a_page_is_refused(damaged: bytes) -> None:
    with pytest.raises(pa.ArrowInvalid, match=r"the header of a page is (damaged|cut short)"):
        weighed(damaged)


def test_a_header_counts_by_the_kind_of_page_that_it_names() -> None:
    """As Arrow reads it: what is there for another kind of page counts for nothing."""
    few, many = header((1, NUMBER, b"\2"), (1, NUMBER, b"\0")), header((1, NUMBER, b"\x04"), (3, NUMBER, b"\0"))
    pages = header((1, NUMBER, b"\6"), *SIZES, (2, STRUCTURE, few), (3, STRUCTURE, many))
    ((weight,),) = weighed(pages).groups
    assert weight == (10, 10 + 2 * STRING_BYTES, 10, 0, False, 0, 10 + 2 * STRING_BYTES)


def weighed(pages: bytes) -> Weights:
    """Weigh a file of one column of two strings whose pages are replaced; the footer stays."""
    with io.BytesIO() as file:
        pq.write_table(pa.table({"text": ["a", "b"]}), file, use_dictionary=False, compression="none")
        metadata = pq.ParquetFile(file).metadata
        with io.BytesIO(b"PAR1" + pages) as replaced:
            return weigh(replaced, metadata)
