"""Count the labelled cases of fixtures/cases that come out right, by situation.

    python benchmarks/cases.py [--failures]

With --failures those that do not are named.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

import dedup

CASES = Path(__file__).resolve().parents[1] / "fixtures" / "cases"
JUDGEMENT = "judgement"
FILES = ("repeats", "boilerplate", "articles", JUDGEMENT)
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
    JUDGEMENT: "facts that look like furniture, and furniture",
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


@click.command()
@click.option("--failures", is_flag=True, help="Name the cases that come out wrong.")
def main(failures: bool) -> None:
    """Print the table."""
    cases, right, wrong = Counter[str | None](), Counter[str | None](), []
    for name in FILES:
        for line in (CASES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            situation = case["situation"] or (JUDGEMENT if name == JUDGEMENT else None)
            cases[situation] += 1
            if is_right(case):
                right[situation] += 1
            else:
                wrong.append(f"{name}: {case['label']}")
    for situation, text in SITUATIONS.items():
        code = situation if situation and situation != JUDGEMENT else ""
        click.echo(f"{right[situation]:3} of {cases[situation]:3}  {code:4} {text}")
    click.echo(f"{right.total():3} of {cases.total():3}")
    if failures and wrong:
        click.echo("\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
