"""The audit of a finished run: sound runs pass, in every format, and each thing tampered with is found."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given

from dedup import jobs, manifest
from dedup.cli import main
from dedup.config import Config
from dedup.errors import InputError, StateError
from dedup.model import Span
from dedup.verify import similar, violations
from dedup.verify.pieces import Lines, Rows, Whole
from dedup.verify.run import verify
from dedup.verify.tables import _difference
from tests.corpora import HEADS, LISTED, Document, corpora, edited, site, unevenly_cut, written
from tests.sealing import sealed

CRAWL = Path(__file__).resolve().parents[1] / "fixtures" / "crawl"
Line = dict[str, Any]


def documents() -> list[Document]:
    """Articles of two sites with boilerplate, repeats, an exact and a near duplicate, and a teaser."""
    rng = random.Random(5)
    found = site(rng, "a.example", 7) + site(rng, "b.example", 6)
    for document in found[::3]:
        lines = document["text"].splitlines(keepends=True)
        body = 1 + len(HEADS)
        document["text"] = "".join([*lines[: body + 1], *lines[body:]])
    first, second = found[1], found[9]
    found.insert(4, {"id": "copy", "source": "a.example", "text": first["text"].upper()})
    found.append({"id": "near", "source": "b.example", "text": edited(rng, second["text"], 0.01)})
    teaser = "".join(found[2]["text"].splitlines(keepends=True)[1 + len(HEADS) :][:2])
    found.append({"id": "teaser", "source": "a.example", "text": teaser})
    return [document | {"size": number + 0.5} for number, document in enumerate(found)]


def as_jsonl(path: Path) -> Path:
    lines = [json.dumps(document, ensure_ascii=number % 2 == 0) for number, document in enumerate(documents())]
    path.write_text("\ufeff" + "\n".join(lines[:3]) + "\n\n" + "\n".join(lines[3:]), encoding="utf-8", newline="")
    return path


def as_nested(path: Path) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for document in documents():
            text = document.pop("text")
            file.write(json.dumps({"title": text, "article": {"text": text, "n": [1, {}]}} | document) + "\r\n")
    return path


def as_csv(path: Path) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, ["id", "size", "text", "source"], delimiter=";")
        writer.writeheader()
        file.write("\r\n")
        writer.writerows(documents())
        file.write("\r\n")
    return path


def as_tsv(path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "id", "source", "size"], delimiter="\t", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(documents())
    return path


def as_parquet(path: Path) -> Path:
    rows = documents()
    columns = {
        "text": [row["text"] for row in rows],
        "id": [row["id"] for row in rows],
        "source": pa.array([row["source"] for row in rows]).dictionary_encode(),
        "score": [float("nan") if number % 4 else 1.0 for number in range(len(rows))],
        "vectors": [[float("nan"), 1.0]] * len(rows),
        "seen": pa.array(range(1, len(rows) + 1), pa.timestamp("ns")),
    }
    pq.write_table(pa.table(columns), path, row_group_size=5)
    return path


def as_nested_parquet(path: Path) -> Path:
    rows = [{"article": {"text": row["text"], "n": number}, "id": row["id"]} for number, row in enumerate(documents())]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=4)
    return path


def as_folder(path: Path) -> Path:
    shutil.copytree(CRAWL, path)
    return path


NESTED = Config(text_field="article.text")
INPUTS: dict[str, tuple[Callable[[Path], Path], str, Config]] = {
    "json lines": (as_jsonl, "news.jsonl", Config()),
    "contained": (as_jsonl, "news.jsonl", Config(drop_contained=0.8)),
    "known lines": (as_jsonl, "news.jsonl", Config(known_boilerplate=("Teilen",))),
    "articles only": (as_jsonl, "news.jsonl", Config(only=("articles",))),
    "compressed, nested": (as_nested, "news.jsonl.gz", NESTED),
    "csv": (as_csv, "news.csv", Config()),
    "tsv": (as_tsv, "news.tsv", Config()),
    "parquet": (as_parquet, "news.parquet", Config()),
    "nested parquet": (as_nested_parquet, "news.parquet", NESTED),
    "folder": (as_folder, "crawl", Config()),
}


def cleaned(folder: Path, kind: str = "json lines") -> tuple[str, str]:
    """Clean a corpus; return where it is and where the output is."""
    make, name, config = INPUTS[kind]
    source, output = make(folder / name), folder / f"clean-{name}"
    jobs.clean([str(source)], str(output), config, jobs.Run(force=True))
    return str(source), str(output)


def sidecar(output: str) -> Path:
    return Path(f"{output}.dedup")


def wrong(source: str, output: str) -> list[str]:
    return [str(violation) for violation in verify([source], output).violations]


# Sound runs


@pytest.mark.parametrize("kind", INPUTS)
def test_a_sound_run_holds(kind: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, kind)
    verdict = verify([source], output)
    assert verdict.violations == []
    assert verdict.dropped >= 2
    assert verdict.cuts > 10 or kind in ("articles only", "nested parquet")


def test_a_sound_run_holds_when_little_is_held_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "CHUNK_CHARACTERS", 1)
    assert wrong(*cleaned(tmp_path, "contained")) == []


def test_records_set_aside_are_accounted_for(tmp_path: Path) -> None:
    source = as_jsonl(tmp_path / "news.jsonl")
    source.write_bytes(source.read_bytes() + b'\n{"id": "no text"}\nno json\n')
    output = str(tmp_path / "out.jsonl")
    jobs.clean([str(source)], output, Config(), jobs.Run(on_error="skip"))
    assert wrong(str(source), output) == []


def test_a_run_on_top_of_an_index_holds(tmp_path: Path) -> None:
    config, index = Config(keep="first"), tmp_path / "index"
    for day, rows in enumerate((documents()[:9], documents()), 1):
        (tmp_path / f"{day}").mkdir()
        source, output = written(tmp_path / f"{day}", rows), str(tmp_path / f"clean-{day}.jsonl")
        jobs.clean([source], output, config, jobs.Run(index=index))
        verdict = verify([source], output)
        assert verdict.violations == []
    assert verdict.outside > 5
    assert f"({verdict.outside} documents went for others in an index" in verdict.summary


def test_extracted_pages_hold(tmp_path: Path) -> None:
    pytest.importorskip("trafilatura")
    (tmp_path / "pages").mkdir()
    for number, document in enumerate(documents()):
        body = "".join(f"<p>{line}</p>" for line in document["text"].splitlines())
        page = f"<html><body><article>{body}</article></body></html>"
        (tmp_path / "pages" / f"{number}.html").write_text(page, encoding="utf-8")
    output = str(tmp_path / "out")
    jobs.clean([str(tmp_path / "pages")], output, Config(extract="lines"), jobs.Run())
    assert wrong(str(tmp_path / "pages"), output) == []


@given(rows=corpora())
def test_any_run_holds(rows: list[Document], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    source, output = written(folder, rows), str(folder / "out.jsonl")
    jobs.clean([source], output, Config(max_loss=1, drop_contained=0.9), jobs.Run())
    assert wrong(source, output) == []


# Tampering


def rewrite(output: str, change: Callable[[list[Line]], object]) -> None:
    """Change the decisions and seal them again, as one who covers up would."""
    path = sidecar(output) / "decisions.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    change(lines)
    path.write_bytes(sealed(lines))
    reseal(output)


def reseal(output: str) -> None:
    folder = sidecar(output)
    made = manifest.read(folder)
    (folder / manifest.MANIFEST).unlink()
    dataclasses.replace(made, sidecar=manifest.seal(folder)).save(folder)


def first(lines: list[Line], action: str, reason: str) -> Line:
    return next(line for line in lines[1:] if (line["action"], line["reason"]) == (action, reason))


def without_first(action: str, reason: str) -> Callable[[list[Line]], object]:
    return lambda lines: lines.remove(first(lines, action, reason))


def with_first(action: str, reason: str, **changes: Any) -> Callable[[list[Line]], object]:
    return lambda lines: first(lines, action, reason).update(changes)


def shift(lines: list[Line]) -> None:
    cut = first(lines, "cut", "repeat")
    cut["start"] += 1


def miscount(lines: list[Line], by: int, **changes: int) -> None:
    name = first(lines, "cut", "boilerplate")["template"]
    for line in lines[1:]:
        if line.get("template") == name:
            line["documents"] += by
            line.update(changes)


def swap(lines: list[Line]) -> None:
    lines[1], lines[-1] = lines[-1], lines[1]


def drop_the_keeper(lines: list[Line]) -> None:
    other = first(lines, "drop", "exact-duplicate")
    first(lines, "drop", "near-duplicate").update(keeper=other["document"], keeper_record=other["record"])


def flag(lines: list[Line]) -> None:
    lines.insert(1, lines[1] | {"action": "flag", "start": 0, "end": 3, "text": "no?"})


def drop_beside_cuts(lines: list[Line]) -> None:
    drop = first(lines, "drop", "near-duplicate")
    lines.insert(1, drop | {"record": 1, "document": "a.example/0", "source": "a.example"})


def called_exact(lines: list[Line]) -> None:
    first(lines, "drop", "near-duplicate").update(reason="exact-duplicate", similarity=1.0)


TAMPERED = {
    "a cut without its decision": (
        without_first("cut", "boilerplate"),
        r"news.jsonl:1: is not in the output what its decisions leave of it",
    ),
    "a drop without its decision": (
        without_first("drop", "near-duplicate"),
        r"news.jsonl:12: is not in the output what its decisions leave of it",
    ),
    "another similarity": (
        with_first("drop", "near-duplicate", similarity=0.99),
        r"news.jsonl:12: has a similarity of 0.\d{4} to news.jsonl:\d+, not of 0.9900",
    ),
    "a similarity below the threshold": (
        with_first("drop", "near-duplicate", keeper="a.example/0", keeper_record=1),
        r"news.jsonl:12: is dropped as near-duplicate with a similarity of 0.0\d{3} to news.jsonl:1",
    ),
    "another similarity as they came": (
        with_first("drop", "near-duplicate", similarity_original=0.99),
        r"news.jsonl:12: has a similarity_original of 0.\d{4} to news.jsonl:\d+, not of 0.9900",
    ),
    "no similarity as they came": (
        with_first("drop", "near-duplicate", similarity_original=None),
        r"news.jsonl:12: is dropped without a similarity of the texts as they came",
    ),
    "a near-duplicate called exact": (
        called_exact,
        r"news.jsonl:12: is dropped as exact-duplicate, but came with another text than news.jsonl:\d+",
    ),
    "no similarity": (with_first("drop", "near-duplicate", similarity=None), r":12: is dropped without a similarity"),
    "a keeper that goes": (drop_the_keeper, r"news.jsonl:12: is dropped for news.jsonl:\d+, which is dropped itself"),
    "a keeper that never was": (
        with_first("drop", "near-duplicate", keeper_record=99),
        r"news.jsonl:12: what it is said to be like is not in the input",
    ),
    "a cut elsewhere": (shift, r"news.jsonl:1: does not hold the text of the cut \d+-\d+ there"),
    "a cut beyond the text": (with_first("cut", "repeat", end=10**6), r"news.jsonl:1: the cut .* leaves the text"),
    "another kept copy": (
        with_first("cut", "repeat", keeper={"start": 0, "end": 9}),
        r"news.jsonl:1: the copy at 0-9 has a similarity of 0.\d+ to the cut, not of 1.0",
    ),
    "no kept copy": (with_first("cut", "repeat", keeper=None), r"news.jsonl:1: a repeat is cut without a copy that"),
    "a count too low": (lambda lines: miscount(lines, -1), r"documents carry the template [0-9a-f]{16} and 9 could"),
    "a count too high": (lambda lines: miscount(lines, 9), r"documents carry the template [0-9a-f]{16} and 9 could"),
    "a count of articles": (
        lambda lines: miscount(lines, 0, articles=1),
        r"the template [0-9a-f]{16} cannot be in 1 different articles",
    ),
    "two counts of a template": (
        with_first("cut", "boilerplate", articles=6),
        r"news.jsonl:2: counts the template [0-9a-f]+ otherwise than news.jsonl:1 does",
    ),
    "another id": (with_first("cut", "repeat", document="x"), r"news.jsonl:1: its decision gives it another id"),
    "another order": (swap, r"but is not in the input, or the decision is out of order"),
    "a flag on other text": (flag, r"news.jsonl:1: does not hold the flagged text at 0-3"),
    "a drop beside a cut": (drop_beside_cuts, r"news.jsonl:1: is dropped, but has \d+ decisions"),
    "spans left out that are none": (
        with_first("drop", "near-duplicate", cuts=[[5, 3]]),
        r"news.jsonl:12: the span 5-3 left out of the comparison is not in the text",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_decisions_that_were_tampered_with_are_found(what: str, tmp_path: Path) -> None:
    change, message = TAMPERED[what]
    source, output = cleaned(tmp_path)
    rewrite(output, change)
    found = wrong(source, output)
    assert [line for line in found if re.search(message, line)], found


def uneven(folder: Path, floor: float) -> tuple[str, str]:
    """Clean documents from which not the same was cut, at a floor."""
    source, output = written(folder, unevenly_cut(1)), str(folder / "out.jsonl")
    config = Config(max_loss=1, known_boilerplate=LISTED, original_floor=floor)
    jobs.clean([source], output, config, jobs.Run())
    assert wrong(source, output) == []
    return source, output


def test_a_document_that_goes_below_the_floor_is_found(tmp_path: Path) -> None:
    source, output = uneven(tmp_path, 0)
    config = dataclasses.asdict(Config(max_loss=1, known_boilerplate=LISTED))

    def raise_floor(lines: list[Line]) -> None:
        lines[0]["config"] = config
        lines[0]["fingerprint"] = Config(max_loss=1, known_boilerplate=LISTED).fingerprint()

    rewrite(output, raise_floor)
    (below,) = [line for line in wrong(source, output) if "as it came" in line]
    assert re.search(r"news.jsonl:16: is dropped, but as it came only 0.[34]\d\d\d like news.jsonl:15", below)


def test_a_short_text_that_is_said_to_be_near_is_found(tmp_path: Path) -> None:
    source, output = uneven(tmp_path, 0.5)

    def change(lines: list[Line]) -> None:
        (short,) = [line for line in lines[1:] if line["document"] == "20" and line["action"] == "drop"]
        text = unevenly_cut(1)[20]["text"]
        cuts = [[len("Ja, gerne."), len(text)]]
        short |= {"reason": "near-duplicate", "similarity_original": 1.0, "cuts": cuts}

    rewrite(output, change)
    assert [line for line in wrong(source, output) if "news.jsonl:21: is shorter than one shingle" in line]


def lines_of(output: str) -> list[bytes]:
    return Path(output).read_bytes().splitlines(keepends=True)


def test_a_record_that_should_be_gone_is_named(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    lines, dropped = lines_of(output), lines_of(source)[5]
    Path(output).write_bytes(b"".join([*lines[:5], dropped, *lines[5:]]))
    assert "news.jsonl:6: is dropped by its decision, but is in the output" in wrong(source, output)


@pytest.mark.parametrize(
    ("old", "new"), [(b'"size": 0.5', b'"size": 0.50'), (b"\\u00f6", "ö".encode()), (b"}", b" }"), (b"Uhr", b"uhr")]
)
def test_a_byte_that_no_decision_names_is_found(old: bytes, new: bytes, tmp_path: Path) -> None:
    text = "".join(f"Um {hour} Uhr öffnet die Fähre nach Wattholm wieder für alle.\n" for hour in (7, 8, 9, 9))
    source = tmp_path / "news.jsonl"
    source.write_text(json.dumps({"size": 0.5, "text": text}), encoding="utf-8")
    output = tmp_path / "out.jsonl"
    jobs.clean([str(source)], str(output), Config(repeats="full"), jobs.Run())
    assert old in output.read_bytes() != source.read_bytes()
    output.write_bytes(output.read_bytes().replace(old, new, 1))
    assert "news.jsonl:1: is not in the output what its decisions leave of it" in wrong(str(source), str(output))


def test_a_record_too_many_and_one_too_few_are_found(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    data = Path(output).read_bytes()
    Path(output).write_bytes(data + b'\n{"id": "extra"}\n')
    assert "news.jsonl: has more records in the output than stay" in wrong(source, output)
    Path(output).write_bytes(b"".join(lines_of(output)[:-4]))
    assert any("is missing from the output" in line for line in wrong(source, output))


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_a_cell_that_changed_is_found(kind: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, kind)
    data = Path(output).read_bytes()
    assert b"0.5" in data
    Path(output).write_bytes(data.replace(b"0.5", b"0.6", 1))
    assert f"news.{kind}:1: is not in the output what its decisions leave of it" in wrong(source, output)


@pytest.mark.parametrize("column", ["text", "id", "score", "vectors", "seen"])
def test_a_value_that_changed_is_found(column: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, "parquet")
    table = pq.read_table(output)
    values = table.column(column).combine_chunks()
    other = pa.array([[2.0]], values.type) if column == "vectors" else values[4:5]
    values = pa.concat_arrays([other, values[1:]])
    pq.write_table(table.set_column(table.column_names.index(column), table.schema.field(column), values), output)
    expected = "news.parquet:1: is not in the output what its decisions leave of it"
    assert (expected in wrong(source, output)) is not values[0].equals(table.column(column)[0])


NAN = float("nan")


@pytest.mark.parametrize(
    ("kind", "one", "other", "is_same"),
    [
        (pa.float64(), NAN, NAN, True),
        (pa.float64(), NAN, None, False),
        (pa.list_(pa.float64()), [NAN, 1.0], [NAN, 1.0], True),
        (pa.list_(pa.float64()), [NAN, 1.0], [NAN, 2.0], False),
        (pa.list_(pa.float64()), [NAN], [NAN, NAN], False),
        (pa.struct({"a": pa.float32(), "b": pa.string()}), {"a": NAN, "b": "x"}, {"a": NAN, "b": "x"}, True),
        (pa.struct({"a": pa.float32(), "b": pa.string()}), {"a": NAN, "b": "x"}, {"a": NAN, "b": "y"}, False),
        (pa.map_(pa.string(), pa.float64()), {"a": NAN}.items(), {"a": NAN}.items(), True),
        (pa.map_(pa.string(), pa.float64()), {"a": NAN}.items(), {"b": NAN}.items(), False),
        (pa.list_(pa.timestamp("ns")), [1], [2], False),
    ],
)
def test_values_are_compared_with_nan_equal_to_itself(kind: pa.DataType, one: Any, other: Any, is_same: bool) -> None:
    columns = (
        pa.chunked_array([pa.array([list(v) if isinstance(kind, pa.MapType) else v], kind)]) for v in (one, other)
    )
    assert (_difference(*columns) is None) is is_same


def test_a_row_too_few_one_too_many_and_another_schema_are_found(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, "parquet")
    table = pq.read_table(output)
    pq.write_table(table.slice(0, len(table) - 1), output)
    assert any("is missing from the output" in line for line in wrong(source, output))
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), output)
    assert "news.parquet: has more rows in the output than stay" in wrong(source, output)
    pq.write_table(table.drop_columns("score"), output)
    assert "news.parquet: has other columns in the output" in wrong(source, output)


def test_files_of_a_folder_that_changed_are_found(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, "folder")
    dropped = "bergblick.example/dorfladen-hinterlausing-2.txt"
    shutil.copy(Path(source, dropped), Path(output, dropped))
    gone, changed, *_ = (
        path for path in sorted(Path(output, "bergblick.example").iterdir()) if path.name not in dropped
    )
    gone.unlink()
    changed.write_bytes(changed.read_bytes() + b"\n")
    Path(output, "more.txt").write_bytes(b"")
    found = wrong(source, output)
    assert f"{dropped}:1: is dropped by its decision, but is in the output" in found
    assert f"bergblick.example/{gone.name}: is missing from the output" in found
    assert f"bergblick.example/{changed.name}:1: is not in the output what its decisions leave of it" in found
    assert f"{output}/more.txt: is in the output, but was not written by this run" in found


@pytest.mark.parametrize("kind", ["compressed, nested", "parquet"])
def test_a_damaged_output_is_found(kind: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, kind)
    Path(output).write_bytes(Path(output).read_bytes()[:40])
    assert any("cannot be read in the output" in line for line in wrong(source, output))


@pytest.mark.parametrize("kind", ["json lines", "compressed, nested", "csv", "tsv", "parquet", "nested parquet"])
def test_any_flipped_bit_of_the_output_is_found(kind: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, kind)
    data = Path(output).read_bytes()
    rng = random.Random(7)
    for place in rng.sample(range(len(data)), 8):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.randrange(8)
        Path(output).write_bytes(flipped)
        assert wrong(source, output) != [], place


def test_an_input_that_changed_is_found(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    Path(source).write_bytes(Path(source).read_bytes().replace(b'"size": 1.5', b'"size": 1.6'))
    assert "news.jsonl: is not what it was when it was cleaned" in wrong(source, output)


def test_counts_of_the_report_are_summed_up_anew(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    path = sidecar(output) / "report.json"
    report = json.loads(path.read_bytes())
    report["documents"]["kept"] += 1
    report["reasons"]["repeat"]["characters"] -= 1
    report["sources"]["a.example"]["documents"]["edited"] += 1
    report["sources"]["z.example"] = {}
    report["flags"]["contained"] += 2
    report["clusters"][0]["size"] += 1
    path.write_text(json.dumps(report), encoding="utf-8")
    found = "\n".join(wrong(source, output))
    for name in ("documents.kept", "reasons.repeat.characters", "a.example.documents.edited", "z.example", "contained"):
        assert f"{name} is " in found
    assert "has 2 documents, not 3" in found
    assert f"{path}: was changed since it was written" in found
    path.write_text(json.dumps(report | {"clusters": [{}]}), encoding="utf-8")
    assert any("clusters cannot be read" in line for line in wrong(source, output))


def test_undo_data_that_do_not_fit_are_found(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    path = sidecar(output) / manifest.REMOVED
    path.write_bytes(path.read_bytes()[:-5] + b"wrong")
    assert f"{path}: was changed since it was written" in wrong(source, output)
    reseal(output)
    assert any(": cannot be restored: " in line for line in wrong(source, output))
    (sidecar(output) / manifest.REMOVED_INDEX).write_bytes(b"no table")
    reseal(output)
    assert any(": cannot be restored: " in line for line in wrong(source, output))


def test_a_flood_of_violations_is_counted_but_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(violations, "KEPT", 3)
    source, output = cleaned(tmp_path)
    rewrite(output, lambda lines: lines.__delitem__(slice(1, None)))
    verdict = verify([source], output)
    assert len(verdict.violations) == 3 < verdict.count
    assert verdict.summary.endswith(f"{verdict.count} violations, {verdict.count - 3} of them not listed")


# What cannot be checked at all


def test_without_its_sidecar_an_output_cannot_be_checked(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    with pytest.raises(StateError, match="without it nothing can be restored"):
        verify([source], output, sidecar=tmp_path)
    for name in ("decisions.jsonl", "report.json"):
        (sidecar(output) / name).rename(tmp_path / name)
        with pytest.raises(StateError, match=f"{name}: is missing"):
            verify([source], output)
        (tmp_path / name).rename(sidecar(output) / name)
    (sidecar(output) / "report.json").write_bytes(b"[]")
    with pytest.raises(StateError, match="is no report"):
        verify([source], output)


def test_other_inputs_are_refused(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    other = shutil.copy(source, tmp_path / "other.jsonl")
    with pytest.raises(StateError, match=r"these decisions are about other files: news\.jsonl"):
        verify([str(other)], output)


def test_an_input_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    Path(source).write_bytes(b"{")
    with pytest.raises(InputError):
        verify([source], output)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 0.7}, "its fingerprint is"),
        ({"treshold": 0.8}, "unexpected keyword argument"),
        ({"threshold": 7}, "must be between"),
    ],
)
def test_a_header_that_does_not_hold_together_is_refused(change: Line, message: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    rewrite(output, lambda lines: lines[0]["config"].update(change))
    with pytest.raises(StateError, match=f"the configuration in this header is damaged .*{message}"):
        verify([source], output)


# The command


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path)
    sound = CliRunner().invoke(main, ["verify", source, output])
    assert (sound.exit_code, sound.stdout) == (0, "")
    assert " ".join(sound.stderr.split()).endswith("every promise holds")
    rewrite(output, without_first("cut", "boilerplate"))
    broken = CliRunner().invoke(main, ["verify", "-q", source, output])
    assert (broken.exit_code, broken.stderr) == (1, "")
    assert "news.jsonl:1: is not in the output what its decisions leave of it\n" in broken.stdout
    missing = CliRunner().invoke(main, ["verify", source, source])
    assert missing.exit_code == 3
    assert "Say with --sidecar where" in missing.stderr


def test_what_standard_output_took_can_be_checked(tmp_path: Path) -> None:
    data = as_jsonl(tmp_path / "news.jsonl").read_bytes()
    folder, output = str(tmp_path / "why"), tmp_path / "out.jsonl"
    output.write_bytes(
        CliRunner().invoke(main, ["clean", "-", "-o", "-", "--sidecar", folder], input=data).stdout_bytes
    )
    done = CliRunner().invoke(main, ["verify", "-", str(output), "--sidecar", folder], input=data)
    assert (done.exit_code, done.stdout) == (0, "")


# Records and their cuts


@pytest.mark.parametrize(
    ("before", "after", "spans", "is_cut"),
    [
        (r'{"text": "ab\"c"}', r'{"text": "ac"}', [Span(1, 3)], True),
        (r'{"text": "a\u00e4\ud83d\ude00b"}', r'{"text": "a\u00e4b"}', [Span(2, 3)], True),
        (r'{"text": "aäbb"}', r'{"text": "a\u00e4b"}', [Span(2, 3)], False),
        ('{"a": "xyx", "text": "xyx"}', '{"a": "xyx", "text": "xx"}', [Span(1, 2)], True),
        ('{"a": "xyx", "text": "xyx"}', '{"a": "xx", "text": "xyx"}', [Span(1, 2)], False),
        ('{"text": "old", "text": "abc"}', '{"text": "old", "text": "c"}', [Span(0, 2)], True),
        ('{"text": "abc", "n": 1.0}', '{"text": "c", "n": 1}', [Span(0, 2)], False),
        ('{"text": "abc"}', '{"text": "c"', [Span(0, 2)], False),
        ('{"text": "abc"}', '{"text": "abc"}', [Span(0, 2)], False),
    ],
)
def test_a_line_lost_its_cuts_and_no_other_character(before: str, after: str, spans: list[Span], is_cut: bool) -> None:
    assert Lines(("text",)).is_cut(before.encode(), after.encode(), spans) is is_cut


@pytest.mark.parametrize(
    ("after", "is_cut"),
    [
        ('"a";bd;"e"\n', True),
        ('a;bd;"e"\n', True),
        ('"a";bcd;"e"\n', False),
        ('"a";bd;f\n', False),
        ("ä;bd;e\n", False),
        ('"a;bd;e\n', False),
    ],
)
def test_a_row_lost_its_cuts_and_no_other_value(after: str, is_cut: bool) -> None:
    rows = Rows("text", ";")
    piece, end = rows.pieces(io.BytesIO(b'x;text;y\n"a";bcd;"e"\n'))
    assert (piece.number, piece.lead, end.raw) == (1, b"x;text;y\n", b"")
    assert rows.is_cut(piece.raw, after.encode("latin-1"), [Span(1, 2)]) is is_cut


def test_a_text_lost_its_cuts_and_nothing_else() -> None:
    assert Whole().is_cut("aäb".encode(), b"ab", [Span(1, 2)])
    assert not Whole().is_cut("aäb".encode(), b"ab\n", [Span(1, 2)])
