"""Real pages with a label a line: how much of their furniture goes, how surely, and from how many pages of a site."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import dedup
from dedup.config import KINDS, Config
from figures.corpora import Record
from figures.figure import Figure, loss, mistakes, share
from figures.line_algorithms import Algorithm
from figures.outcome import Spans

FURNITURE, CONTENT = 0, 1
"""The labels; a line with any other is not scored."""

KINDS_OF_PAGES = {"news": "big9-", "blogs": "dragnet-"}
"""News sites, and blogs and papers, by how the ids of their pages begin."""

SITE_SIZES = (3, 5, 10, 20, 40)

TARGETS = {
    ("news", "safe"): (0.995, 0.58),
    ("news", "full"): (0.993, 0.68),
    ("blogs", "safe"): (0.98, 0.50),
    ("blogs", "full"): (0.98, 0.54),
}
"""Precision and recall wanted."""

SHOWN_CHARS = 80


class Score(NamedTuple):
    """Characters of scored lines.

    Attributes:
        gone: Furniture that went.
        stayed: Furniture that did not.
        lost: Content that went.
        content: All content.
    """

    gone: int
    stayed: int
    lost: int
    content: int

    def figures(self, name: str, targets: tuple[float, float] | None = None) -> list[Figure]:
        """Return precision and recall."""
        precision, recall = targets or (None, None)
        return [
            share(f"{name} precision", self.gone, self.gone + self.lost, precision),
            share(f"{name} recall", self.gone, self.gone + self.stayed, recall),
        ]


def settings() -> dict[str, dict[str, str]]:
    """Return the options to measure by name: how much of boilerplate goes, where that can be chosen."""
    names = {field.name for field in dataclasses.fields(Config)}
    return {name: {"boilerplate": name} for name in ("safe", "full")} if "boilerplate" in names else {"safe": {}}


def of_kind(pages: Iterable[Record], kind: str) -> list[Record]:
    """Return the pages of a kind."""
    return [page for page in pages if page["id"].startswith(KINDS_OF_PAGES[kind])]


def by_site(pages: Iterable[Record]) -> dict[str, list[Record]]:
    """Return the pages of each site."""
    sites: dict[str, list[Record]] = defaultdict(list)
    for page in pages:
        sites[page["source"]].append(page)
    return sites


def drawn(pages: Iterable[Record], size: int) -> list[Record]:
    """Draw so many pages of every site that has them; the same ones always, and more of them where more are asked."""

    def rank(page: Record) -> bytes:
        return hashlib.sha256(page["id"].encode()).digest()

    sites = by_site(pages).values()
    return [page for site in sites if len(site) >= size for page in sorted(site, key=rank)[:size]]


def cut_of_lines(lines: Sequence[str], cuts: Spans) -> list[int]:
    """Return how many characters of each line are cut, for lines joined by line feeds.

    >>> cut_of_lines(["ab", "cdef", "g"], [(0, 3), (5, 8)])
    [2, 2, 0]
    """
    found, start = [], 0
    for line in lines:
        end = start + len(line)
        found.append(sum(max(0, min(end, to) - max(start, at)) for at, to in cuts))
        start = end + 1
    return found


def cleaned(pages: Sequence[Record], only: Sequence[str], **options: str) -> list[list[int] | None]:
    """Clean pages and return for each how many characters of each line went, or None where it was dropped."""
    records = [{"id": page["id"], "source": page["source"], "text": "\n".join(page["lines"])} for page in pages]
    cuts: list[Spans] = [[] for _ in pages]
    dropped = set()
    for made in dedup.clean(records, only=tuple(only), max_loss=1.0, **options).decisions:
        if made.action == "cut":
            cuts[made.record - 1].append((made.start or 0, made.end or 0))
        elif made.action == "drop":
            dropped.add(made.record - 1)
    return [
        None if number in dropped else cut_of_lines(page["lines"], cuts[number]) for number, page in enumerate(pages)
    ]


def stripped(pages: Sequence[Record], algorithm: Algorithm) -> list[list[int]]:
    """Strip the lines of pages, each site by itself, and return for each how many characters of each line went."""
    gone = {}
    for site in by_site(pages).values():
        for page, stays in zip(site, algorithm([page["lines"] for page in site]), strict=True):
            gone[page["id"]] = [0 if stay else len(line) for line, stay in zip(page["lines"], stays, strict=True)]
    return [gone[page["id"]] for page in pages]


def score(pages: Sequence[Record], gone: Sequence[list[int] | None]) -> Score:
    """Add up the characters of pages that were not dropped."""
    furniture = removed = content = lost = 0
    for page, cut in zip(pages, gone, strict=True):
        for line, label, chars in zip(page["lines"], page["gold"], cut or (), strict=bool(cut)):
            if label == FURNITURE:
                furniture, removed = furniture + len(line), removed + chars
            elif label == CONTENT:
                content, lost = content + len(line), lost + chars
    return Score(removed, furniture - removed, lost, content)


def headlines_cut(pages: Sequence[Record], gone: Sequence[list[int] | None]) -> list[str]:
    """Name the pages whose first line of content goes, or a part of it."""
    found = []
    for page, cut in zip(pages, gone, strict=True):
        if cut and CONTENT in page["gold"] and cut[first := page["gold"].index(CONTENT)]:
            found.append(f"{page['id']}: {page['lines'][first][:SHOWN_CHARS]}")
    return found


def content_cut(pages: Sequence[Record], gone: Sequence[list[int] | None]) -> list[str]:
    """Name the lines of content that go, a whole line or a part, those that go most often first."""
    lost = Counter(
        line
        for page, cut in zip(pages, gone, strict=True)
        for line, label, chars in zip(page["lines"], page["gold"], cut or (), strict=bool(cut))
        if label == CONTENT and chars
    )
    return [f"{times} times: {line[:SHOWN_CHARS]}" for line, times in lost.most_common()]


def figures(pages: Sequence[Record]) -> tuple[list[Figure], list[str]]:
    """Return the figures of both kinds of pages in every setting, and the headlines that go."""
    found, notes = [], []
    for setting, options in settings().items():
        for kind in KINDS_OF_PAGES:
            chosen = of_kind(pages, kind)
            gone = cleaned(chosen, ("boilerplate",), **options)
            headlines = headlines_cut(chosen, gone)
            total = score(chosen, gone)
            found += total.figures(f"{kind} {setting}", TARGETS[kind, setting])
            found.append(loss(f"{kind} {setting} content lost", total.lost, total.content))
            found.append(mistakes(f"{kind} {setting} headlines cut", len(headlines), 0))
            notes += [f"headline cut ({setting}): {line}" for line in headlines]
            found += _all_kinds(chosen, f"{kind} {setting} all kinds", options)
            for size in SITE_SIZES:
                if few := drawn(chosen, size):
                    made = score(few, cleaned(few, ("boilerplate",), **options))
                    found += made.figures(f"{kind} {setting} {size} pages a site")
    return found, notes


def _all_kinds(pages: Sequence[Record], name: str, options: dict[str, str]) -> list[Figure]:
    gone = cleaned(pages, KINDS, **options)
    return [*score(pages, gone).figures(name), mistakes(f"{name} pages dropped", sum(cut is None for cut in gone))]


def figures_of(pages: Sequence[Record], algorithm: Algorithm) -> list[Figure]:
    """Return precision and recall of an algorithm, by kind of pages."""
    found = []
    for kind in KINDS_OF_PAGES:
        chosen = of_kind(pages, kind)
        found += score(chosen, stripped(chosen, algorithm)).figures(kind)
    return found


def our_figures(pages: Sequence[Record], options: dict[str, str]) -> list[Figure]:
    """Return the same of `dedup` in one setting."""
    found = []
    for kind in KINDS_OF_PAGES:
        chosen = of_kind(pages, kind)
        found += score(chosen, cleaned(chosen, ("boilerplate",), **options)).figures(kind)
    return found
