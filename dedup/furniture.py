"""The words of a page's furniture: labels of links to other articles, and what stands beside a date of publication.

Recurrence tells furniture by its surroundings. Two kinds of lines it cannot tell: "Lesen Sie auch: ..." says something
else each time, and "Veröffentlicht am 3.12.2025" is like "Geboren am 3.12.2025". `data/furniture.toml` has short lists
for both, which are documented and versioned.
"""

from __future__ import annotations

import functools
import tomllib

import numpy as np
import numpy.typing as npt

from dedup import lexicon
from dedup.columns import Column
from dedup.segment import segment
from dedup.unicode import fold

RIGHTS = "©", "(c)", "copyright"
"""What a notice of rights begins with."""


@functools.cache
def _lists() -> dict[str, dict[str, str]]:
    lists: dict[str, dict[str, str]] = tomllib.loads(lexicon.read_data("furniture.toml"))
    return lists


@functools.cache
def label_keys() -> npt.NDArray[np.uint64]:
    """Return the keys (`Segments.line_label`) of the labels of links to other articles, ascending."""
    labels = (label.strip() for words in _lists()["labels"].values() for label in words.split("|"))
    keys = segment(Column.of([f"{label}: x" for label in labels if label])).line_label
    return np.unique(keys[keys != 0])


@functools.cache
def _words(*tables: str) -> frozenset[str]:
    said = (word for table in tables for words in _lists()[table].values() for word in words.split())
    return frozenset(map(fold, said))


@functools.cache
def _dates() -> frozenset[str]:
    return frozenset(line.partition(" ")[0] for line in lexicon.read_data("dates.txt").splitlines())


def is_dateline(text: str) -> bool:
    """Say whether a line says nothing but when something was published or changed, or whose it is since when.

    >>> is_dateline("Veröffentlicht am 3. Dezember 2025, 14:12 Uhr"), is_dateline("Geboren am 3. Dezember 1951")
    (True, False)
    >>> is_dateline("© 2025 Bergblick Verlag")
    True
    """
    import regex

    folded = fold(text)
    if folded.startswith(RIGHTS):
        return True
    words = set(regex.findall(r"\p{L}[\p{L}\p{M}]*", folded))
    left = words - _words("around") - _dates()
    return (
        bool(regex.search(r"\p{Nd}", folded)) and bool(words & _words("publication")) and left <= _words("publication")
    )
