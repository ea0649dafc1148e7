"""Decisions as rows, and what they quote of templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa

from dedup.decisions import Decision, KeptSpan
from dedup.model import Batch
from dedup.spark.carriers import Carrier

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


def quoted_templates(decisions: list[Decision], batch: Batch, carrier: Carrier) -> list[dict[str, Any]]:
    """Return what each template that went says: where its main wording is seen first, else where any is."""
    numbers = _file_numbers(batch, carrier)
    found: dict[str, dict[str, Any]] = {}
    for decision in decisions:
        if decision.action == "cut" and decision.template is not None and decision.text is not None:
            is_other = decision.similarity is not None
            before = found.get(decision.template)
            if before is None or is_other < before["is_other"]:
                found[decision.template] = {
                    "template": decision.template,
                    "is_other": is_other,
                    "file": numbers[decision.file, decision.record],
                    "record": decision.record,
                    "text": decision.text.strip(),
                }
    return list(found.values())


def _file_numbers(batch: Batch, carrier: Carrier) -> dict[tuple[str, int], int]:
    """Return the numbers of the files that documents are from, by what decisions say of them."""
    places = zip(batch.files.tolist(), batch.records.tolist(), strict=True)
    names = carrier.names
    return {(names[file], record): file for file, record in places}
