"""How others strip lines, each in a few lines, after its published code. Texts in, what is left of them out.

That code is CCNet's `dedup.py`, `c4_utils.py` of tensorflow-datasets, onion 1.4, and bff as DCLM runs it. White space
at the ends of a line and blank lines are left alone in all of them.
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


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _simplified(line: str) -> str:
    """Return a line as CCNet compares it: lower case, digits alike, no punctuation."""
    folded = re.sub(r"\d", "0", line.strip().lower())
    return "".join(c for c in folded if not unicodedata.category(c).startswith(("P", "C")))


def ccnet_drop_all(texts: Sequence[str]) -> list[str]:
    """Drop every line that occurs twice in the set, its first occurrence too."""
    times = Counter(_simplified(line) for text in texts for line in _lines(text))
    return ["".join(line for line in _lines(text) if times[key := _simplified(line)] == 1 or not key) for text in texts]


def ccnet_keep_first(texts: Sequence[str]) -> list[str]:
    """Drop every line that occurred before."""
    seen: set[str] = set()

    def is_new(line: str) -> bool:
        key = _simplified(line)
        new = not key or key not in seen
        seen.add(key)
        return new

    return ["".join(line for line in _lines(text) if is_new(line)) for text in texts]


def c4(texts: Sequence[str]) -> list[str]:
    """Keep a line in one document only, the one whose name has the greatest hash; there, its first copy."""
    ranks = [hashlib.md5(str(number).encode(), usedforsecurity=False).digest() for number in range(len(texts))]
    home: dict[str, int] = {}
    for number, text in enumerate(texts):
        for line in _lines(text):
            key = line.strip().lower()
            if key not in home or ranks[number] > ranks[home[key]]:
                home[key] = number
    left = []
    for number, text in enumerate(texts):
        kept, seen = [], set()
        for line in _lines(text):
            key = line.strip().lower()
            if not key or (home[key] == number and key not in seen):
                kept.append(line)
            seen.add(key)
        left.append("".join(kept))
    return left


def _by_grams(texts: Sequence[str], words: int, is_seen: Callable[[float], bool]) -> list[str]:
    """Drop lines too many of whose word n-grams were in lines that stayed; shorter lines stay."""
    seen: set[Gram] = set()

    def stays(line: str) -> bool:
        tokens = re.findall(r"\w+", line)
        grams = [tuple(tokens[i : i + words]) for i in range(len(tokens) - words + 1)]
        if grams and is_seen(_covered(grams, seen, words)):
            return False
        seen.update(grams)
        return True

    return ["".join(line for line in _lines(text) if stays(line)) for text in texts]


def _covered(grams: Iterable[Gram], seen: set[Gram], words: int) -> float:
    """Return the share of tokens that lie in an n-gram seen before."""
    found = [gram in seen for gram in grams]
    tokens = len(found) + words - 1
    return sum(any(found[max(0, token - words + 1) : token + 1]) for token in range(tokens)) / tokens


def onion(texts: Sequence[str]) -> list[str]:
    """Drop lines more than half of whose tokens lie in 5-grams seen before, without smoothing over neighbours."""
    return _by_grams(texts, ONION_WORDS, lambda covered: covered > ONION_SHARE)


def bff(texts: Sequence[str]) -> list[str]:
    """Drop lines most of whose 13-grams were seen before."""
    return _by_grams(texts, BFF_WORDS, lambda covered: covered > BFF_SHARE)


ALGORITHMS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "CCNet, drop all (algorithm)": ccnet_drop_all,
    "CCNet, keep first (algorithm)": ccnet_keep_first,
    "C4's code (algorithm)": c4,
    "onion 5-gram 0.5 (algorithm)": onion,
    "bff 13-gram 0.8 (algorithm)": bff,
}
