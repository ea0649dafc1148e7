"""Small corpora for the gate: articles without duplication, and the ways to add some."""

from __future__ import annotations

import itertools
from pathlib import Path

from dedup.config import Config
from dedup.gate.check import Rules, check
from dedup.gate.limits import RATIOS, Limit
from dedup.gate.verdict import Verdict
from dedup.jobs import Run

PLACES = ("Lindenfurt", "Mooskalten", "Nordersiel", "Oberkaltach", "Hinterlausing", "Wattholm", "Veitl", "Grauwald")
STRICT = tuple(Limit(kind, 0.0) for kind in RATIOS)
CAPTION = "Die Fähre liegt mit Motorschaden im Hafen von Nordersand."
NOTICE = "Alle Rechte vorbehalten, Nachdruck nur mit Genehmigung."
FOOTER = f"{NOTICE}\nZuschriften nimmt die Redaktion gern entgegen."


def article(number: int) -> str:
    """Return an article that shares no line and no five words in a row with another."""
    place = PLACES[number % len(PLACES)]
    words = [f"{word}{number}" for word in ("brücke", "bach", "schule", "markt", "wald", "turm", "steg", "ried")]
    return "".join(
        f"In {place} steht seit Tag {number} neben {first} auch {second}, und niemand weiß warum {first} so heißt.\n"
        for first, second in itertools.pairwise(words)
    )


def write_articles(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number}.md").write_text(article(number), encoding="utf-8")


def judge(*inputs: object, rules: Rules | None = None, **options: object) -> Verdict:
    """Check inputs; whatever is found exceeds a limit, unless rules say otherwise."""
    config = Config(**{"repeats": "full"} | options)  # type: ignore[arg-type]
    return check([str(name) for name in inputs], config, Run(), rules or Rules(STRICT))


def counted(verdict: Verdict) -> dict[tuple[str, str | None], tuple[int, int]]:
    """Return what was counted, and of how much, by kind and source."""
    return {(one.limit.kind, one.source): (one.counted, one.of) for one in verdict.measures}
