"""Count the labelled cases of fixtures/cases that come out right, by situation."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import dedup

CASES = Path(__file__).resolve().parents[1] / "fixtures" / "cases"
FILES = ("repeats", "boilerplate", "articles")
SITUATIONS = {
    "S1": "one article crawled 12 times among many others",
    "S2": "short articles, mostly the boilerplate of their site",
    "S3": "a live ticker in growing versions",
    "S4": "one wire story on six sites, each with its boilerplate",
    "S5": "identical error pages",
    "S6": "weather, match results, tables: same words, other numbers",
    "S7": "refrains, interview labels, question lists, legal formulas",
    "S8": "the same quotation in several articles",
    "S9": "a caption with and without its credit",
    "S10": "a line with another date in every article",
    "S11": "only two or three documents of a source",
    "S12": "Cyrillic, Hangul, Arabic, Thai, Chinese, Japanese",
    None: "others",
}


def is_right(case: dict[str, Any]) -> bool:
    """Clean the documents of a case and compare with what is expected."""
    expected = case["expect"]
    result = dedup.clean(case["documents"], **case["options"])
    before = {document["id"]: document["text"] for document in case["documents"]}
    found = {
        "kept": [document["id"] for document in result.kept],
        "texts": {d["id"]: d["text"] for d in result.kept if d["text"] != before[d["id"]]},
        "dropped": {d.document: d.keeper for d in result.decisions if d.action == "drop"},
    }
    flagged = {decision.document for decision in result.decisions if decision.action == "flag"}
    told = all(found[name] == expected[name] for name in found if name in expected)
    return told and flagged >= set(expected.get("flags", ()))


def main() -> None:
    """Print the table."""
    cases, right = Counter[str | None](), Counter[str | None]()
    for name in FILES:
        for line in (CASES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            cases[case["situation"]] += 1
            right[case["situation"]] += is_right(case)
    for situation, text in SITUATIONS.items():
        print(f"{right[situation]:3} of {cases[situation]:3}  {situation or '':4} {text}")
    print(f"{right.total():3} of {cases.total():3}")


if __name__ == "__main__":
    main()
