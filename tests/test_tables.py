"""Tables of every library that speaks Arrow: in, decided like the same records in a list, and back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

import dedup
from dedup.errors import InputError, UsageError

LINE = "Die neue Brücke über den Fluss wurde am Samstag feierlich eröffnet."
ARTICLE = f"{LINE} Hunderte Menschen kamen trotz des Regens zur Feier an das Ufer."
RECORDS = [
    {"id": "a", "n": 1, "url": "https://a.example/1", "text": ARTICLE},
    {"id": "b", "n": 2, "url": "https://a.example/2", "text": f"Titel\n{LINE}\n{LINE}\nDanach.\n"},
    {"id": "c", "n": 3, "url": "https://b.example/3", "text": ARTICLE},
    {"id": "d", "n": 4, "url": "https://b.example/4", "text": "天気は晴れ。\U0001f600"},
]
KEPT = [RECORDS[0], RECORDS[1] | {"text": f"Titel\n{LINE}\nDanach.\n"}, RECORDS[3]]


def of_pandas(records: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(records)


def of_polars(records: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("polars").DataFrame(records)


def of_duckdb(records: list[dict[str, Any]]) -> Any:
    duckdb = pytest.importorskip("duckdb")
    table = pa.Table.from_pylist(records)
    return duckdb.from_arrow(table)


def of_datasets(records: list[dict[str, Any]]) -> Any:
    with warnings.catch_warnings():
        # What it imports warns of its own future.
        warnings.simplefilter("ignore")
        return pytest.importorskip("datasets").Dataset.from_list(records)


LIBRARIES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "pyarrow table": pa.Table.from_pylist,
    "pyarrow batch": pa.RecordBatch.from_pylist,
    "pyarrow reader": lambda records: pa.Table.from_pylist(records).to_reader(),
    "pandas": of_pandas,
    "polars": of_polars,
    "duckdb": of_duckdb,
    "datasets": of_datasets,
}


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_a_table_is_decided_like_a_list_and_comes_back_in_arrow(make: Callable[[Any], Any]) -> None:
    result = dedup.clean(make(RECORDS))
    assert isinstance(result.kept, pa.Table)
    assert result.kept.to_pylist() == KEPT
    assert result.dropped.to_pylist() == [RECORDS[2]]
    assert result.decisions == dedup.clean(RECORDS).decisions
    assert result.kept.column_names == list(RECORDS[0])


def test_an_empty_table_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(InputError, match="not a single document"):
        dedup.clean(pa.Table.from_pylist(RECORDS).slice(0, 0))


def test_what_came_from_a_library_goes_back_to_it() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pandas.DataFrame(RECORDS, index=[10, 20, 30, 40])
    assert dedup.clean(frame).kept.to_pandas().index.tolist() == [10, 20, 40]
    assert polars.from_arrow(dedup.clean(polars.DataFrame(RECORDS)).kept).to_dicts() == KEPT
    duckdb = pytest.importorskip("duckdb")
    kept = dedup.clean(of_duckdb(RECORDS)).kept
    assert duckdb.from_arrow(kept).aggregate("sum(n)").fetchall() == [(7,)]
    dataset = of_datasets(RECORDS).select([3, 2, 0])
    again = type(dataset)(dedup.clean(dataset).kept)
    assert again["id"][:] == ["d", "a"]


def test_the_row_without_a_text_is_named() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": ["a", "b"], "text": ["x", None]})
    with pytest.raises(InputError, match="record 2 has no text in field 'text'"):
        dedup.clean(frame)
    with pytest.raises(InputError, match=r"no column 'body' \(there are: id, text\)"):
        dedup.clean(frame, text_field="body")


def test_a_lazy_frame_is_refused_with_the_remedy() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(UsageError, match="collect"):
        dedup.clean(polars.DataFrame(RECORDS).lazy())
    with pytest.raises(UsageError, match="neither a list nor an Arrow table"):
        dedup.clean(7)
