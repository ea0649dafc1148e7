"""Decisions as rows, and what they quote of templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from dedup.decisions import Decision, KeptSpan
from dedup.formats.digests import Meter
from dedup.model import Batch
from dedup.parts import Taken
from dedup.report import Counts
from dedup.spark import columns
from dedup.spark.carriers import Carrier, Lines, lines_of
from dedup.spark.counts import marks_of, numbers_of
from dedup.spark.rows import filled

DECISIONS = pa.schema(
    [
        ("number", pa.int32()), ("place", pa.int32()), ("document", pa.string()), ("source", pa.string()),
        ("file", pa.string()), ("record", pa.int64()), ("action", pa.string()), ("reason", pa.string()),
        ("similarity", pa.float64()), ("containment", pa.float64()),
        ("keeper", pa.string()), ("keeper_file", pa.string()), ("keeper_record", pa.int64()),
        ("kept", pa.struct([("start", pa.int64()), ("end", pa.int64())])),
        ("cuts", pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64())]))),
        ("start", pa.int64()), ("end", pa.int64()), ("text", pa.string()),
        ("documents", pa.int64()), ("articles", pa.int64()), ("template", pa.string()), ("why", pa.string()),
    ]
)  # fmt: skip
"""`Decision`, with `kept` for the span that a repeat repeats; `number` is that of the file, `place` that of the
decision among those of its document, so that they can be put in input order."""


def rows_of(decisions: Iterator[Decision], batch: Batch, carrier: Carrier) -> pa.RecordBatch:
    """Return decisions as rows."""
    numbers = _file_numbers(batch, carrier)
    places: Counter[tuple[int, int]] = Counter()
    rows: list[dict[str, Any]] = []
    for decision in decisions:
        row = {name: getattr(decision, name) for name in Decision.__struct_fields__}
        if isinstance(decision.keeper, KeptSpan):
            row["keeper"], row["kept"] = None, msgspec.to_builtins(decision.keeper)
        if decision.cuts is not None:
            row["cuts"] = [span._asdict() for span in decision.cuts]
        row["number"] = numbers[decision.file, decision.record]
        row["place"] = places[row["number"], decision.record]
        places[row["number"], decision.record] += 1
        rows.append(row)
    return pa.RecordBatch.from_pylist(rows, schema=DECISIONS)


class Telling:
    """Tells what happens to the documents of a task, as `columns.TOLD` says, and seals the lines that come of it."""

    def __init__(self, schema: pa.Schema, carrier: Carrier) -> None:
        self._schema = schema
        self._carrier = carrier
        self._encoder = msgspec.json.Encoder()
        self._seen = {what: Meter() for what in columns.SEALED}

    def documents(self, what: int, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return documents that stay, or that go: lines as one row, where they are lines."""
        if isinstance(self._carrier, Lines):
            data = lines_of(rows.column("row").field("line"), rows.column("record").to_numpy()).data
            return pa.RecordBatch.from_pylist([self._sealed(what, data)] if data else [], schema=self._schema)
        places = {name: rows.column(name) for name in ("file", "record", "row")}
        return columns.batch(self._schema, what=np.full(rows.num_rows, what, np.int32), **places)

    def about(
        self, decisions: list[Decision], taken: list[Taken], counts: Counts, found: pa.RecordBatch
    ) -> pa.RecordBatch:
        """Return the decisions on a batch and what was taken out as lines, and what the report counts."""
        told = [self._lines(what, rows) for what, rows in ((columns.LINES, decisions), (columns.TAKEN, taken)) if rows]
        searched = [int(np.sum(filled(found, name, 0))) for name in ("candidates", "compared")]
        notes: list[dict[str, Any]] = [{"what": columns.COUNTED_UP, "counts": [*searched, *marks_of(counts)]}]
        notes += (
            {"what": columns.COUNTED_UP, "source": name, "counts": numbers_of(own)}
            for name, own in counts.sources.items()
        )
        notes += _quoted_templates(decisions, self._carrier)
        keepers = found.filter(found.column("similarities").is_valid())
        for row in keepers.select(["file", "record", "id", "source", "similarities"]).to_pylist():
            place = {name: row[name] for name in ("file", "record")}
            similarities = row.pop("similarities")
            notes.append({"what": columns.CLUSTER, **place, "keeper": row, "similarities": similarities})
        return pa.RecordBatch.from_pylist([*told, self._noted(notes)], schema=self._schema)

    def seals(self, partition: int) -> pa.RecordBatch:
        """Return the digests of all lines of the task, by which their parts are recognised."""
        digests = ((what, seen.digest) for what, seen in self._seen.items())
        notes = [
            {"what": columns.SEAL, "file": partition, "record": what, "text": digest.xxh3, "counts": [digest.size]}
            for what, digest in digests
        ]
        return pa.RecordBatch.from_pylist([self._noted(notes)], schema=self._schema)

    def _lines(self, what: int, rows: Sequence[msgspec.Struct]) -> dict[str, Any]:
        return self._sealed(what, self._encoder.encode_lines(rows))

    def _sealed(self, what: int, lines: bytes) -> dict[str, Any]:
        """Return lines as a row, to which Spark adds the last newline."""
        self._seen[what].write(lines)
        return {"what": what, "lines": lines[:-1]}

    def _noted(self, notes: list[dict[str, Any]]) -> dict[str, Any]:
        return {"what": columns.NOTED, "lines": self._encoder.encode_lines(notes)[:-1]}


def _quoted_templates(decisions: list[Decision], carrier: Carrier) -> list[dict[str, Any]]:
    """Return what each template that went says: where its main wording is seen first, else where any is."""
    numbers = {name: number for number, name in enumerate(carrier.names)}
    found: dict[str, dict[str, Any]] = {}
    for decision in decisions:
        if decision.action == "cut" and decision.template is not None and decision.text is not None:
            is_other = decision.similarity is not None
            before = found.get(decision.template)
            if before is None or is_other < before["at"]["is_other"]:
                place = {"file": numbers[decision.file], "record": decision.record}
                found[decision.template] = {
                    "what": columns.COUNTED_UP,
                    "template": decision.template,
                    "at": {"is_other": is_other, **place},
                    "text": decision.text.strip(),
                }
    return list(found.values())


def _file_numbers(batch: Batch, carrier: Carrier) -> dict[tuple[str, int], int]:
    """Return the numbers of the files that documents are from, by what decisions say of them."""
    places = zip(batch.files.tolist(), batch.records.tolist(), strict=True)
    names = carrier.names
    return {(names[file], record): file for file, record in places}
