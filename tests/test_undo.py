"""Cleaning and restoring: what comes back is what went in."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dedup.config import Config
from dedup.errors import StateError, UsageError
from dedup.manifest import MANIFEST, REMOVED, REMOVED_INDEX, Manifest
from dedup.readers import Corpus, open_corpus
from dedup.undo import restore
from dedup.writers import Edits, Output

Decisions = dict[tuple[int, int], list[tuple[int, int]] | None]
"""What goes, by file and record: None for a dropped document, else the code points that are cut."""

CASES = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)
FEW_CASES = settings(CASES, max_examples=10)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def corpus_of(folder: Path, *inputs: Path, config: Config | None = None, on_error: str = "fail") -> Corpus:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return open_corpus([str(path) for path in inputs], config or Config(), work=work, on_error=on_error)


def texts_of(corpus: Corpus) -> dict[tuple[int, int], str]:
    return {
        (int(file), int(record)): text
        for batch in corpus.batches()
        for file, record, text in zip(batch.files, batch.records, batch.texts, strict=True)
    }


def edits_of(texts: dict[tuple[int, int], str], decisions: Decisions) -> Edits:
    drops = sorted(key for key, cuts in decisions.items() if cuts is None)
    cuts = sorted(
        (*key, len(texts[key][:start].encode()), len(texts[key][:end].encode()))
        for key, spans in decisions.items()
        for start, end in spans or ()
    )
    drop_columns = np.array(drops, np.int64).reshape(-1, 2).T
    cut_columns = np.array(cuts, np.int64).reshape(-1, 4).T
    return Edits(
        drop_columns[0].astype(np.int32),
        np.ascontiguousarray(drop_columns[1]),
        cut_columns[0].astype(np.int32),
        *(np.ascontiguousarray(column) for column in cut_columns[1:]),
    )


def clean(corpus: Corpus, output: Path, decisions: Decisions, **options: Any) -> None:
    texts = texts_of(corpus)
    with Output(corpus, str(output), options.get("sidecar"), options.get("force", False)) as out:
        out.write(edits_of(texts, decisions))
        out.commit("1")


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    gone = {position for start, end in spans for position in range(start, end)}
    return "".join(character for position, character in enumerate(text) if position not in gone)


def expected(texts: dict[tuple[int, int], str], decisions: Decisions) -> list[str]:
    """The texts that stay, in order."""
    kept = ((text, decisions.get(key, [])) for key, text in texts.items())
    return [without(text, spans) for text, spans in kept if spans is not None]


@st.composite
def decided(draw: st.DrawFn, texts: dict[tuple[int, int], str]) -> Decisions:
    decisions: Decisions = {}
    for key, text in texts.items():
        action = draw(st.sampled_from(["keep", "drop", "cut"]))
        if action == "drop":
            decisions[key] = None
        elif action == "cut" and text:
            edges = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=6)))
            decisions[key] = list(zip(edges[::2], edges[1::2], strict=False))
    return decisions


def check_round_trip(name: str, data: bytes, draw: Callable[[Any], Any], config: Config | None = None) -> None:
    """Clean with random decisions, compare the texts that stay, restore, compare the bytes."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / name).write_bytes(data)
        corpus = corpus_of(folder, folder / name, config=config)
        texts = texts_of(corpus)
        decisions = draw(decided(texts))
        output = folder / f"out-{name}"
        clean(corpus, output, decisions)
        stays = expected(texts, decisions)
        if stays:
            assert list(texts_of(corpus_of(folder, output, config=config)).values()) == stays
        restore(str(output), str(folder / f"again-{name}"))
        assert (folder / f"again-{name}").read_bytes() == data


TEXTS = st.text(
    st.one_of(
        st.sampled_from('\\"/bnrtu\n\r\t\0,;äöü€😀\x85\u2028 {}[]'),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)
SPACES = st.sampled_from(["", "", "", " ", "\t", "  "])


@st.composite
def json_strings(draw: st.DrawFn, text: str) -> str:
    """Any of the ways to write a string in JSON."""
    parts = []
    for character in text:
        ways = [json.dumps(character)[1:-1], "".join(f"\\u{unit:04X}" for unit in utf16(character))]
        if character not in '"\\' and ord(character) >= 0x20:
            ways += [character, character]
        if character == "/":
            ways.append("\\/")
        parts.append(draw(st.sampled_from(ways)))
    return f'"{"".join(parts)}"'


def utf16(character: str) -> list[int]:
    data = character.encode("utf-16-be")
    return [int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2)]


@st.composite
def json_lines(draw: st.DrawFn, is_nested: bool) -> bytes:
    lines = []
    for _ in range(draw(st.integers(1, 8))):
        if draw(st.integers(0, 5)) == 0:
            lines.append(draw(st.sampled_from(["", " ", "\t \r"])))
            continue
        space = draw(SPACES)
        pairs = []
        keys = draw(st.permutations(["id", "n", "text", *draw(st.sampled_from([[], ["text"], ["other"]]))]))
        for key in keys:
            value = {
                "id": draw(st.sampled_from(['"a\\u00e4"', "1.50", "null", "[1, 2]"])),
                "n": draw(st.sampled_from(["1e5", "true", '{"text": "\\ud83d\\ude00"}', '["}", "{"]', '"\\\\"'])),
            }.get(key) or draw(json_strings(draw(TEXTS)))
            name = draw(st.sampled_from([json.dumps(key), '"' + "".join(f"\\u{ord(c):04x}" for c in key) + '"']))
            if key == "text" and is_nested:
                value = f'{space}{{"a":{space}1, {name}{space}:{value}{space}}}'
                name = '"body"'
            pairs.append(f"{name}{space}:{space}{value}{space}")
        lines.append(f"{space}{{{space}{','.join(pairs)}}}{space}")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    last = draw(st.sampled_from(["", end]))
    bom = draw(st.sampled_from(["", "", "\ufeff"]))
    data = (bom + end.join(lines) + last).encode()
    last_record = b'\n{"body": {"text": ""}}' if is_nested else b'\n{"text": ""}'
    return data if any("{" in line for line in lines) else data.rstrip() + last_record


@CASES
@given(st.data())
@pytest.mark.parametrize("is_nested", [False, True])
def test_json_lines_come_back(is_nested: bool, data: st.DataObject) -> None:
    config = Config(text_field="body.text" if is_nested else "text")
    check_round_trip("a.jsonl", data.draw(json_lines(is_nested)), data.draw, config)


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    delimiter = draw(st.sampled_from(",;\t"))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    names = draw(st.sampled_from([["text"], ["id", "text"], ["text", "n"], ["a", "text", "b"]]))
    rows = [names, *([draw(TEXTS) for _ in names] for _ in range(draw(st.integers(1, 8))))]
    lines = []
    for row in rows:
        cells = []
        for cell in row:
            must = any(c in cell for c in delimiter + "\r\n") or cell[:1] == '"' or (not cell and len(row) == 1)
            quoted = must or draw(st.booleans())
            cells.append('"' + cell.replace('"', '""') + '"' if quoted else cell)
        lines.append(delimiter.join(cells))
        if draw(st.integers(0, 6)) == 0:
            lines.append("")
    bom = draw(st.sampled_from(["", "\ufeff"]))
    return (bom + end.join(lines) + draw(st.sampled_from(["", end]))).encode()


@CASES
@given(st.data())
def test_csv_comes_back(data: st.DataObject) -> None:
    check_round_trip("a.csv", data.draw(csv_files()), data.draw)


@CASES
@given(st.data(), TEXTS)
def test_text_comes_back(data: st.DataObject, text: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "in").mkdir()
        (folder / "in" / "a.txt").write_bytes(text.encode())
        (folder / "in" / "b.md").write_bytes(b"stays")
        corpus = corpus_of(folder, folder / "in")
        texts = texts_of(corpus)
        decisions = data.draw(decided(texts))
        clean(corpus, folder / "out", decisions)
        kept = {key for key in texts if decisions.get(key, []) is not None}
        assert {file.name for file in (folder / "out").iterdir()} == {corpus.names[file] for file, _ in kept}
        restore(str(folder / "out"), str(folder / "again"))
        assert (folder / "again" / "a.txt").read_bytes() == text.encode()
        assert (folder / "again" / "b.md").read_bytes() == b"stays"


KINDS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "small dictionary": pa.dictionary(pa.int8(), pa.large_string()),
}


@FEW_CASES
@given(st.data())
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_nested", [False, True])
def test_parquet_comes_back_value_for_value(kind: str, is_nested: bool, data: st.DataObject) -> None:
    if is_nested and kind == "string_view":
        pytest.skip("Arrow does not write this itself")
    rows = data.draw(st.lists(TEXTS, min_size=1, max_size=20))
    texts = pa.array(rows).cast(KINDS[kind])
    field = pa.field("text", KINDS[kind], metadata={"k": "v"})
    if is_nested:
        texts = pa.StructArray.from_arrays(
            [texts, pa.array(range(len(rows)))], fields=[field, pa.field("n", pa.int64())]
        )
        field = pa.field("body", texts.type)
    maybe = [None if i % 3 == 0 else {"x": [i, None], "y": str(i)} for i in range(len(rows))]
    table = pa.table(
        [pa.array([str(i) if i % 2 else None for i in range(len(rows))]), texts, pa.array(maybe)],
        schema=pa.schema(
            [
                ("id", pa.string()),
                field,
                ("nested", pa.struct([("x", pa.list_(pa.int64())), ("y", pa.string())])),
            ],
            metadata={"made by": "a test"},
        ),
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pq.write_table(table, folder / "a.parquet", row_group_size=data.draw(st.integers(1, 20)), compression="zstd")
        table = pq.read_table(folder / "a.parquet")
        config = Config(text_field="body.text" if is_nested else "text")
        corpus = corpus_of(folder, folder / "a.parquet", config=config)
        read = texts_of(corpus)
        assert list(read.values()) == rows
        decisions = data.draw(decided(read))
        clean(corpus, folder / "out.parquet", decisions)
        kept = [row for row in range(len(rows)) if decisions.get((0, row + 1), []) is not None]
        out = pq.read_table(folder / "out.parquet")
        assert out.schema.equals(table.schema, check_metadata=True)
        rest = table.drop_columns([field.name])
        assert out.drop_columns([field.name]).to_pylist() == [rest.to_pylist()[row] for row in kept]
        if kept:
            assert list(texts_of(corpus_of(folder, folder / "out.parquet", config=config)).values()) == expected(
                read, decisions
            )
        restore(str(folder / "out.parquet"), str(folder / "again.parquet"))
        again = pq.read_table(folder / "again.parquet")
        assert again.schema.equals(table.schema, check_metadata=True)
        assert again.to_pylist() == table.to_pylist()
        before, after = (pq.ParquetFile(folder / name).metadata for name in ("a.parquet", "again.parquet"))
        assert [before.row_group(i).num_rows for i in range(before.num_row_groups)] == [
            after.row_group(i).num_rows for i in range(after.num_row_groups)
        ]
        assert after.row_group(0).column(0).compression == "ZSTD"


LINES = b"".join(b'{"id": %d, "text": "eins %d\\nzwei"}\n' % (number, number) for number in range(100))
SOME: Decisions = {(0, 1): None, (0, 3): [(0, 4)], (0, 50): [(0, 1), (3, 5)], (0, 100): None}

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": lambda data: zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read(),
}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_inputs_come_back_compressed(folder: Path, suffix: str) -> None:
    name = f"a.jsonl{suffix}"
    # Two members or frames behind each other are one stream.
    (folder / name).write_bytes(COMPRESS[suffix](LINES[:1000]) + COMPRESS[suffix](LINES[1000:]))
    clean(corpus_of(folder, folder / name), folder / f"out{name}", SOME)
    clean(corpus_of(folder, folder / name), folder / "plain.jsonl", SOME)
    plain = (folder / "plain.jsonl").read_bytes()
    assert plain.count(b"\n") == 98
    assert DECOMPRESS[suffix]((folder / f"out{name}").read_bytes()) == plain
    restore(str(folder / f"out{name}"), str(folder / f"again{name}"))
    restore(str(folder / "plain.jsonl"), str(folder / "again"))
    restore(str(folder / "plain.jsonl"), str(folder / "again.jsonl"))
    assert DECOMPRESS[suffix]((folder / f"again{name}").read_bytes()) == LINES
    assert DECOMPRESS[suffix]((folder / "again").read_bytes()) == LINES
    assert (folder / "again.jsonl").read_bytes() == LINES


def test_folders_come_back_with_all_their_files(folder: Path) -> None:
    source = folder / "in"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "a.jsonl").write_bytes(LINES)
    (source / "deep" / "b.csv").write_bytes(b'id,text\n1,"a ""b"" c"\n2,d\n')
    (source / "deep" / "er" / "c.txt").write_bytes(b"gone")
    (source / "d.jsonl.gz").write_bytes(gzip.compress(LINES))
    pq.write_table(pa.table({"text": ["a", "b", "c"]}), source / "e.parquet")
    corpus = corpus_of(folder, source)
    assert corpus.names == ["a.jsonl", "d.jsonl.gz", "deep/b.csv", "deep/er/c.txt", "e.parquet"]
    clean(corpus, folder / "out", {(0, 1): None, (2, 1): [(2, 4)], (3, 1): None, (4, 2): None, (4, 3): [(0, 1)]})
    assert (folder / "out" / "deep" / "b.csv").read_bytes() == b'id,text\n1,"a "" c"\n2,d\n'
    assert not (folder / "out" / "deep" / "er" / "c.txt").exists()
    restore(str(folder / "out"), str(folder / "again"))
    for name in ("a.jsonl", "deep/b.csv", "deep/er/c.txt"):
        assert (folder / "again" / name).read_bytes() == (source / name).read_bytes()
    assert pq.read_table(folder / "again" / "e.parquet").column("text").to_pylist() == ["a", "b", "c"]


def test_rejected_records_come_back(folder: Path) -> None:
    data = b'{"text": "a"}\nbroken\n{"text": "b"}\n{"text": 1}\n\xff\n'
    (folder / "a.jsonl").write_bytes(data)
    clean(corpus_of(folder, folder / "a.jsonl", on_error="skip"), folder / "out.jsonl", {(0, 1): None})
    assert (folder / "out.jsonl").read_bytes() == b'{"text": "b"}\n'
    rejected = [json.loads(line) for line in (folder / "out.jsonl.dedup" / "rejected.jsonl").read_text().splitlines()]
    assert [(line["record"], line["raw"]) for line in rejected] == [
        (2, "broken\n"),
        (4, '{"text": 1}\n'),
        (5, "\\xff\n"),
    ]
    restore(str(folder / "out.jsonl"), str(folder / "again.jsonl"))
    assert (folder / "again.jsonl").read_bytes() == data


def test_rejected_parquet_rows_come_back(folder: Path) -> None:
    table = pa.table({"text": ["a", None, "b"], "n": [1, 2, 3]})
    pq.write_table(table, folder / "a.parquet")
    clean(corpus_of(folder, folder / "a.parquet", on_error="skip"), folder / "out.parquet", {(0, 3): [(0, 1)]})
    assert pq.read_table(folder / "out.parquet").to_pydict() == {"text": ["a", ""], "n": [1, 3]}
    restore(str(folder / "out.parquet"), str(folder / "again.parquet"))
    assert pq.read_table(folder / "again.parquet").equals(table)


def test_a_bare_cell_that_would_read_as_another_value_is_quoted(folder: Path) -> None:
    data = b'text\nab"c"\nx\n'
    (folder / "a.csv").write_bytes(data)
    clean(corpus_of(folder, folder / "a.csv"), folder / "out.csv", {(0, 1): [(0, 2)], (0, 2): [(0, 1)]})
    rows = list(csv.reader(io.StringIO((folder / "out.csv").read_text()), strict=True))
    assert rows == [["text"], ['"c"'], [""]]
    restore(str(folder / "out.csv"), str(folder / "again.csv"))
    assert (folder / "again.csv").read_bytes() == data


@pytest.fixture
def cleaned(folder: Path) -> Path:
    (folder / "a.jsonl").write_bytes(LINES)
    clean(corpus_of(folder, folder / "a.jsonl"), folder / "out.jsonl", SOME)
    return folder / "out.jsonl"


@pytest.mark.parametrize("change", [b"", b"{}\n", LINES, None])
def test_a_changed_output_is_refused(folder: Path, cleaned: Path, change: bytes | None) -> None:
    cleaned.write_bytes(cleaned.read_bytes().replace(b"eins", b"EINS") if change is None else change)
    with pytest.raises(StateError, match=r"out\.jsonl: was changed since it was written"):
        restore(str(cleaned), str(folder / "again.jsonl"))
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.jsonl",
        "out.jsonl",
        "out.jsonl.dedup",
        "work",
    ]


@pytest.mark.parametrize("name", [REMOVED, REMOVED_INDEX])
def test_a_changed_sidecar_is_refused(folder: Path, cleaned: Path, name: str) -> None:
    path = folder / "out.jsonl.dedup" / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StateError, match=f"{name}: was changed since it was written"):
        restore(str(cleaned), str(folder / "again.jsonl"))


def test_a_missing_sidecar_is_named(folder: Path, cleaned: Path) -> None:
    shutil.rmtree(folder / "out.jsonl.dedup")
    with pytest.raises(StateError, match=r"manifest\.json: is missing.*--sidecar"):
        restore(str(cleaned), str(folder / "again.jsonl"))


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]"])
def test_a_damaged_manifest_is_named(folder: Path, cleaned: Path, content: bytes) -> None:
    (folder / "out.jsonl.dedup" / MANIFEST).write_bytes(content)
    with pytest.raises(StateError, match=r"manifest\.json: is damaged"):
        restore(str(cleaned), str(folder / "again.jsonl"))


def test_a_manifest_cannot_lead_out_of_the_target(folder: Path, cleaned: Path) -> None:
    path = folder / "out.jsonl.dedup" / MANIFEST
    forged = msgspec.json.decode(path.read_bytes().replace(b'"a.jsonl"', b'"../../a.jsonl"'), type=Manifest)
    forged.save(path.parent)
    with pytest.raises(StateError, match="names a file outside its folder"):
        restore(str(cleaned), str(folder / "again.jsonl"))


def test_an_existing_target_is_replaced_only_by_force(folder: Path, cleaned: Path) -> None:
    (folder / "again.jsonl").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        restore(str(cleaned), str(folder / "again.jsonl"))
    assert (folder / "again.jsonl").read_bytes() == b"mine"
    restore(str(cleaned), str(folder / "again.jsonl"), force=True)
    assert (folder / "again.jsonl").read_bytes() == LINES


def test_the_output_is_not_restored_onto_itself(folder: Path, cleaned: Path) -> None:
    with pytest.raises(UsageError, match="is the input"):
        restore(str(cleaned), str(cleaned), force=True)
