"""How others strip lines, each in a few lines, after its published code. Lines of documents in, which of them stay out.

That code is CCNet's `dedup.py`, `c4_utils.py` of tensorflow-datasets, onion 1.4, and bff as DCLM runs it; counting is
what anybody would try first. White space at the ends of a line and blank lines are left alone in all of them.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

ONION_WORDS, ONION_SHARE = 5, 0.5
BFF_WORDS, BFF_SHARE = 13, 0.8

Gram = tuple[str, ...]

Documents = Sequence[Sequence[str]]
"""Documents as their lines, with or without line endings."""

Stays = list[list[bool]]
"""For each line of each document, whether it stays."""

Algorithm = Callable[[Documents], Stays]


def left(texts: Sequence[str], algorithm: Algorithm) -> list[str]:
    """Return what an algorithm leaves of some texts."""
    documents = [text.splitlines(keepends=True) for text in texts]
    stays = algorithm(documents)
    return ["".join(line for line, s in zip(*pair, strict=True) if s) for pair in zip(documents, stays, strict=True)]


def _simplified(line: str) -> str:
    """Return a line as CCNet compares it: lower case, digits alike, no punctuation."""
    folded = re.sub(r"\d", "0", line.strip().lower())
    return "".join(c for c in folded if not unicodedata.category(c).startswith(("P", "C")))


def counting(least: int) -> Algorithm:
    """Return an algorithm that drops every line that so many documents carry, numbers aside."""

    def masked(line: str) -> str:
        return re.sub(r"\d+", "0", " ".join(line.lower().split()))

    def stays(documents: Documents) -> Stays:
        carried = Counter(key for lines in documents for key in {masked(line) for line in lines})
        return [[not (key := masked(line)) or carried[key] < least for line in lines] for lines in documents]

    return stays


def ccnet_drop_all(documents: Documents) -> Stays:
    """Drop every line that occurs twice in the set, its first occurrence too."""
    times = Counter(_simplified(line) for lines in documents for line in lines)
    return [[times[key := _simplified(line)] == 1 or not key for line in lines] for lines in documents]


def ccnet_keep_first(documents: Documents) -> Stays:
    """Drop every line that occurred before."""
    seen: set[str] = set()

    def is_new(line: str) -> bool:
        key = _simplified(line)
        new = not key or key not in seen
        seen.add(key)
        return new

    return [[is_new(line) for line in lines] for lines in documents]


def c4(documents: Documents) -> Stays:
    """Keep a line in one document only, the one whose name has the greatest hash; there, its first copy."""
    ranks = [hashlib.md5(str(number).encode(), usedforsecurity=False).digest() for number in range(len(documents))]
    home: dict[str, int] = {}
    for number, lines in enumerate(documents):
        for line in lines:
            key = line.strip().lower()
            if key not in home or ranks[number] > ranks[home[key]]:
                home[key] = number
    stays = []
    for number, lines in enumerate(documents):
        kept, seen = [], set()
        for line in lines:
            key = line.strip().lower()
            kept.append(not key or (home[key] == number and key not in seen))
            seen.add(key)
        stays.append(kept)
    return stays


def _by_grams(documents: Documents, words: int, is_seen: Callable[[float], bool]) -> Stays:
    """Drop lines too many of whose word n-grams were in lines that stayed; shorter lines stay."""
    seen: set[Gram] = set()

    def stays(line: str) -> bool:
        tokens = re.findall(r"\w+", line)
        grams = [tuple(tokens[i : i + words]) for i in range(len(tokens) - words + 1)]
        if grams and is_seen(_covered(grams, seen, words)):
            return False
        seen.update(grams)
        return True

    return [[stays(line) for line in lines] for lines in documents]


def _covered(grams: Iterable[Gram], seen: set[Gram], words: int) -> float:
    """Return the share of tokens that lie in an n-gram seen before."""
    found = [gram in seen for gram in grams]
    tokens = len(found) + words - 1
    return sum(any(found[max(0, token - words + 1) : token + 1]) for token in range(tokens)) / tokens


def onion(documents: Documents) -> Stays:
    """Drop lines more than half of whose tokens lie in 5-grams seen before, without smoothing over neighbours."""
    return _by_grams(documents, ONION_WORDS, lambda covered: covered > ONION_SHARE)


def bff(documents: Documents) -> Stays:
    """Drop lines most of whose 13-grams were seen before."""
    return _by_grams(documents, BFF_WORDS, lambda covered: covered > BFF_SHARE)


ALGORITHMS: dict[str, Algorithm] = {
    "CCNet, drop all (algorithm)": ccnet_drop_all,
    "CCNet, keep first (algorithm)": ccnet_keep_first,
    "C4's code (algorithm)": c4,
    "onion 5-gram 0.5 (algorithm)": onion,
    "bff 13-gram 0.8 (algorithm)": bff,
}

COUNTING: dict[str, Algorithm] = {
    f"a line in {least} pages and more, numbers aside": counting(least) for least in (2, 5)
}
"""Only of use inside one site."""
