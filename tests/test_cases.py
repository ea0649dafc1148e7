"""The labelled cases of fixtures/cases: what goes, what stays, and what is known to fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dedup

CASES = Path(__file__).resolve().parents[1] / "fixtures" / "cases"


def cases() -> list[Any]:
    marked = []
    for name in ("repeats", "boilerplate", "articles", "markdown", "judgement"):
        for line in (CASES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            marks = pytest.mark.xfail(strict=True, reason=case["comment"]) if case["kind"] == "known-failure" else ()
            marked.append(pytest.param(case, id=f"{name}: {case['label']}", marks=marks))
    return marked


@pytest.mark.parametrize("case", cases())
def test_case(case: dict[str, Any]) -> None:
    expected = case["expect"]
    result = dedup.clean(case["documents"], **case["options"])
    originals = {document["id"]: document["text"] for document in case["documents"]}
    if "kept" in expected:
        assert [document["id"] for document in result.kept] == expected["kept"]
    if "dropped" in expected:
        assert {d.document: d.keeper for d in result.decisions if d.action == "drop"} == expected["dropped"]
    if "texts" in expected:
        texts = {document["id"]: document["text"] for document in result.kept}
        assert {name: text for name, text in texts.items() if text != originals[name]} == expected["texts"]
    if "flags" in expected:
        assert set(expected["flags"]) <= {d.document for d in result.decisions if d.action == "flag"}
