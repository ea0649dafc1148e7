"""The front door: what it takes, what it gives back, and what it says no to."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa
import pytest

import dedup
from dedup.errors import InputError, UsageError

LINE = "Die neue Brücke über den Fluss wurde am Samstag feierlich eröffnet."
ARTICLE = f"{LINE} Hunderte Menschen kamen trotz des Regens zur Feier an das Ufer."


def test_texts_come_back_as_texts() -> None:
    result = dedup.clean([ARTICLE, "Etwas anderes", ARTICLE, f"Titel\n{LINE}\n{LINE}\n"])
    assert result.kept == [ARTICLE, "Etwas anderes", f"Titel\n{LINE}\n"]
    assert result.dropped == [ARTICLE]


def test_records_come_back_as_records_with_their_other_fields() -> None:
    records = [{"id": 7, "n": [1], "text": f"Titel\n{LINE}\n{LINE}\n"}, {"id": 8, "text": "Ja"}]
    assert dedup.clean(records).kept == [
        {"id": 7, "n": [1], "text": f"Titel\n{LINE}\n"},
        {"id": 8, "text": "Ja"},
    ]


def test_what_was_given_is_not_changed() -> None:
    records = [{"id": 1, "body": {"text": f"Titel\n{LINE}\n{LINE}\n"}}, {"id": 2, "body": {"text": ARTICLE}}]
    before = copy.deepcopy(records)
    result = dedup.clean(records, text_field="body.text")
    assert records == before
    assert result.kept[0] == {"id": 1, "body": {"text": f"Titel\n{LINE}\n"}}
    assert result.kept[1] is records[1]


def table(**columns: Any) -> pa.Table:
    return pa.table({"id": ["a", "b", "c"], "text": [ARTICLE, f"{LINE}\n{LINE}\n", ARTICLE]} | columns)


def test_a_table_comes_back_as_a_table_of_the_same_schema() -> None:
    given = table(n=pa.array([1, 2, 3], pa.int8()))
    result = dedup.clean(given)
    assert result.kept.schema == given.schema
    assert result.kept.to_pydict() == {"id": ["a", "b"], "text": [ARTICLE, f"{LINE}\n"], "n": [1, 2]}
    assert result.dropped.to_pydict() == {"id": ["c"], "text": [ARTICLE], "n": [3]}


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_texts_of_every_arrow_type_are_read(kind: pa.DataType) -> None:
    given = table().set_column(1, "text", table()["text"].cast(pa.string()).cast(kind))
    assert dedup.clean(given).kept.schema == given.schema


def test_a_table_of_several_chunks_and_slices_is_read_in_order() -> None:
    chunks = pa.concat_tables([table().slice(1), table().slice(0, 1)])
    assert dedup.clean(chunks).kept["id"].to_pylist() == ["b", "a"]


def test_a_table_without_ids_is_numbered() -> None:
    decisions = dedup.clean(table().select(["text"])).decisions
    found = [(d.document, d.record) for d in decisions if d.action != "flag"]
    assert found == [("data:2", 2), ("data:3", 3)]


def test_arrow_and_records_are_decided_alike() -> None:
    given = table(source=["s", "s", "s"])
    assert dedup.clean(given).decisions == dedup.clean(given.to_pylist()).decisions


def test_the_source_is_the_field_then_the_domain_then_the_host() -> None:
    records: list[dict[str, str]] = [
        {"text": "a", "source": "s", "domain": "d", "url": "https://u.example/"},
        {"text": "b", "domain": "d", "url": "https://u.example/"},
        {"text": "c", "url": "https://u.example/"},
        {"text": "d"},
    ]
    assert set(dedup.clean(records).report["sources"]) == {"s", "d", "u.example", ""}


def test_a_single_text_has_its_repeats_cut() -> None:
    result = dedup.clean_text(f"Titel\n{LINE}\n{LINE}\n")
    assert result.text == f"Titel\n{LINE}\n"
    assert result.report["lsh"] == {}


def test_the_text_of_several_documents_is_an_error() -> None:
    with pytest.raises(ValueError, match="too many values"):
        _ = dedup.clean(["a", "b"]).text


def test_only_what_is_asked_for_is_looked_for() -> None:
    texts = [f"{ARTICLE}\n{ARTICLE}\n", f"{ARTICLE}\n{ARTICLE}\n"]
    assert len(dedup.clean(texts, only="repeats").kept) == 2
    assert dedup.clean(texts, only="articles").kept == texts[:1]
    assert dedup.clean(texts, only=("boilerplate",)).decisions == []


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("text", {}, "data is a single str. Give a list of texts, or use clean_text."),
        (b"text", {}, "data is a single bytes. Give a list of texts, or use clean_text."),
        ({"text": "a"}, {}, "data is a single dict. Give a list of texts, or use clean_text."),
        (
            ["a"],
            {"keep": "best"},
            "keep policy 'best' is not known. Use longest, shortest, first, last, max:FIELD or min:FIELD.",
        ),
        (
            ["a"],
            {"threshold": 80},
            "threshold is 80, but must be between 0.1 and 1. Give a fraction, such as 0.8.",
        ),
        (
            ["a"],
            {"only": "repeat"},
            ("kind 'repeat' is not known. Name one or more of repeats, boilerplate, articles, separated by commas."),
        ),
    ],
)
def test_calls_that_make_no_sense_are_refused(data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        dedup.clean(data, **options)
    assert str(raised.value) == message


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        dedup.clean(["a"], treshold=0.8)
    assert raised.value.message == "option 'treshold' is not known"
    assert raised.value.hint.startswith("There are: workers, text_field, ")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            ["a", None],
            "record 2 has no text in field 'text' (it is NoneType). Name the field with text_field=.",
        ),
        (
            [{"body": "a"}],
            "record 1 has no text in field 'text' (it is NoneType). Name the field with text_field=.",
        ),
        ([{"text": 5}], "record 1 has no text in field 'text' (it is int). Name the field with text_field=."),
        (["a", "\ud800"], "record 2 holds a lone surrogate, which is no character. Decode the text anew."),
        ([], "there is not a single document in the input. Check the path."),
        (pa.table({"body": ["a"]}), "there is no column 'text' (there are: body). Name it with text_field=."),
        (
            pa.table({"text": ["a", None]}),
            "record 2 has no text in field 'text' (it is null). Name the field with text_field=.",
        ),
    ],
)
def test_data_without_texts_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        dedup.clean(data)
    assert str(raised.value) == message


def test_a_column_of_numbers_is_refused() -> None:
    with pytest.raises(InputError) as raised:
        dedup.clean(pa.table({"text": [1, 2]}))
    assert str(raised.value) == "column 'text' does not hold texts (int64). Name another with text_field=."
