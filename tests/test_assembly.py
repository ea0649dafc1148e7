"""What a cluster leaves of tables, made by hand, put together again; and what is said where it does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup import __version__, decisions, undo
from dedup.columns import Column
from dedup.config import Config
from dedup.decisions import Decision
from dedup.errors import StateError
from dedup.formats.digests import digest_of
from dedup.parts import Lines, Parts, Table, Taken, checksum

SCHEMA = pa.schema([("n", pa.int32()), ("text", pa.dictionary(pa.int32(), pa.string()))])
TEXTS = ["Eins.\nGrüße.\nEins.\n", "Zwei.\n", "Zwei.\n", "Drei.\n", ""]
GROUPS = [2, 3]
Change = Callable[[dict[str, Any]], None]


def rows(numbers: list[int], texts: list[str]) -> pa.Table:
    """As Spark writes them: columns of its own types, and one more of another file."""
    return pa.table({"more": pa.nulls(len(numbers), pa.string()), "n": pa.array(numbers, pa.int64()), "text": texts})


def leave(folder: Path, change: Change = lambda run: None) -> str:
    """Write what a run leaves of TEXTS: the third goes for the second, and from the first its last line."""
    decided = [
        Decision(document="0", source="", file="a.parquet", record=1, action="cut", reason="repeat", start=13, end=19,
                 text="Eins.\n", similarity=1.0),
        Decision(document="2", source="", file="a.parquet", record=3, action="drop", reason="exact-duplicate",
                 similarity=1.0, keeper="1", keeper_file="a.parquet", keeper_record=2),
    ]  # fmt: skip
    sums = checksum(Column.of(TEXTS).digests(), np.arange(1, 1 + len(TEXTS)))
    run: dict[str, Any] = {
        "kept": rows([0, 1, 3, 4], ["Eins.\nGrüße.\n", TEXTS[1], TEXTS[3], TEXTS[4]]),
        "dropped": rows([2], [TEXTS[2]]),
        "decisions": decided,
        "taken": [Taken(0, 1, [15], ["Eins.\n"])],
        "files": [Table("a.parquet", GROUPS, 0, sums)],
        "schemas": [SCHEMA.serialize().to_pybytes()],
    }
    change(run)
    output, beside = folder / "out", folder / "out.dedup"
    for path in (output, *(beside / name for name in ("dropped", "decisions", "removed"))):
        path.mkdir(parents=True)
    pq.write_table(run["kept"].slice(0, 3), output / "part-00000.parquet", row_group_size=2)
    pq.write_table(run["kept"].slice(3), output / "part-00001.parquet")
    pq.write_table(run["dropped"], beside / "dropped" / "part-00000.parquet")
    encoder = msgspec.json.Encoder()
    for name, lines in (("decisions", run["decisions"]), ("removed", run["taken"])):
        (beside / name / "part-00000.jsonl").write_bytes(encoder.encode_lines(lines))
    (beside / "header.json").write_bytes(encoder.encode(decisions.header(Config(), ["a.parquet"])))
    (beside / "report.json").write_bytes(b"{}")
    listed = {
        name: {path.name: digest_of(path) for path in sorted((beside / name).iterdir())}
        for name in ("dropped", "decisions", "removed")
    }
    listed[""] = {name: digest_of(beside / name) for name in ("header.json", "report.json")}
    parts = Parts(
        version=__version__, text_field=["text"], files=run["files"], schemas=run["schemas"], sidecar=listed,
        output={path.name: digest_of(path) for path in sorted(output.iterdir())},
    )  # fmt: skip
    (beside / "parts.json").write_bytes(parts.encoded())
    return str(output)


def test_a_table_comes_back_with_its_columns_types_and_row_groups(tmp_path: Path) -> None:
    undo.restore(leave(tmp_path), str(tmp_path / "back"))
    with pq.ParquetFile(tmp_path / "back" / "a.parquet") as back:
        assert back.schema_arrow.equals(SCHEMA)
        assert [back.metadata.row_group(group).num_rows for group in range(back.num_row_groups)] == GROUPS
        assert back.read().to_pylist() == [{"n": number, "text": text} for number, text in enumerate(TEXTS)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.update(kept=run["kept"].slice(0, 3)), "has fewer rows than the input had"),
        (lambda run: run.update(kept=pa.concat_tables([run["kept"]] * 2)), "has more rows than the input had"),
        (lambda run: run.update(dropped=run["dropped"].slice(0, 0)), "has fewer rows than the input had"),
        (lambda run: run.update(taken=[Taken(0, 3, [0], ["Eins.\n"])]), "is about other records than those that stay"),
        (lambda run: run.update(taken=[*run["taken"], Taken(1, 1, [0], [""])]), "is about other records than those"),
        (lambda run: run.update(taken=[]), "has not the texts of a.parquet"),
        (lambda run: run.update(kept=run["kept"].drop(["n"])), "a.parquet cannot be put together again"),
        (lambda run: run.update(schemas=[]), "a.parquet cannot be put together again"),
        (lambda run: run.update(schemas=[b"?"]), "a.parquet cannot be put together again"),
        (lambda run: run["files"].append(Lines("b.jsonl", 1, "", True, 1)), "is said to hold lines and tables at once"),
        (lambda run: run.update(files=[Table("../a.parquet", GROUPS, 0)]), "names a file outside its folder"),
    ],
)
def test_what_does_not_fit_is_not_restored(tmp_path: Path, change: Change, message: str) -> None:
    output = leave(tmp_path, change)
    with pytest.raises(StateError, match=message):
        undo.restore(output, str(tmp_path / "back"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.dedup"]


@pytest.mark.parametrize("name", ["out/part-00001.parquet", "out.dedup/dropped/part-00000.parquet"])
def test_a_part_that_was_changed_is_named(tmp_path: Path, name: str) -> None:
    output = leave(tmp_path)
    pq.write_table(rows([9], ["Neun."]), tmp_path / name)
    with pytest.raises(StateError, match=rf"{name}: is missing or was changed"):
        undo.restore(output, str(tmp_path / "back"))


def test_another_version_of_the_layout_is_refused(tmp_path: Path) -> None:
    output = leave(tmp_path)
    path = tmp_path / "out.dedup" / "parts.json"
    path.write_bytes(path.read_bytes().replace(b'"format_version": 2', b'"format_version": 1'))
    with pytest.raises(StateError, match="has the format 1, but this version of dedup reads 2"):
        undo.restore(output, str(tmp_path / "back"))
