"""Lines that the user lists go wherever they stand; with the evidence that they were listed for."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import dedup
from dedup import jobs, undo
from dedup.config import Config
from dedup.decisions import Decision
from dedup.errors import UsageError
from tests.corpora import FEET, HEADS, Document, article, corpora, site

NOTICE = "Wir verwenden Cookies, um Inhalte und Anzeigen zu personalisieren."
KNOWN = (HEADS[0], HEADS[1].format(day=1), FEET[0], FEET[2])
RUN = jobs.Run()


def page(name: str, *lines: str, source: str = "a.example") -> Document:
    text = "".join(f"{line}\n" for line in lines) + article(random.Random(name))
    return {"id": name, "source": source, "text": text}


def cuts(result: dedup.Result) -> list[Decision]:
    return [d for d in result.decisions if d.action == "cut"]


def test_a_listed_line_goes_from_a_single_document() -> None:
    document = page("a", NOTICE)
    result = dedup.clean([document], known_boilerplate=(NOTICE,))
    assert result.text_of_first if False else result.kept[0]["text"] == document["text"].removeprefix(f"{NOTICE}\n")
    (decision,) = cuts(result)
    assert (decision.reason, decision.text, decision.documents, decision.articles) == ("boilerplate", f"{NOTICE}\n", 1, 1)
    assert decision.template
