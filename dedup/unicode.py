r"""What every code point is and what it folds to: one packed uint32 each, built with `regex` and shipped as data.

The kernels read text through `CodePoints.packed`. An entry holds, from the low end,

    bits 0-20   the folded code point, or with EXPANDS the row of `expansion_offsets` that lists several
    bits 21-24  the class that segmentation looks at (OTHER ... QUOTE below)
    bit  25     WORD: part of a word, as `\w` of `regex` means it
    bit  26     SINGLE: a token of its own, since its script writes no spaces between words
    bit  27     IGNORABLE: format characters, variation selectors; keys do not see them
    bit  28     EXPANDS: folds to several code points
    bit  29     WIDE: two columns wide (East Asian wide and full-width)
    bit  30     SYMBOL: not a word, yet it changes what a sentence says: + < = > % and currency
    bit  31     MARK: a combining mark, which never starts a word of its own

Folding is NFKD of the case fold, to a fixed point, code point by code point. Two texts have equal NFKD exactly when
they have equal NFKC (Unicode Standard Annex 15), so keys made of the decomposed form merge what NFKC and casefold
merge, with no composition step; only the order of several marks on one letter needs care, see `CodePoints.ordered`.

Run `python -m dedup.unicode` to write the data file anew after a change here or for a new Unicode version.
"""

from __future__ import annotations

import functools
import itertools
import sys
import unicodedata
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

TABLES_VERSION = 1
"""Raise it whenever the tables change: keys made with other tables are not comparable."""

FOLD_MASK = 0x1FFFFF
CLASS_SHIFT = 21
CLASS_MASK = 0xF
WORD = 1 << 25
SINGLE = 1 << 26
IGNORABLE = 1 << 27
EXPANDS = 1 << 28
WIDE = 1 << 29
SYMBOL = 1 << 30
MARK = 1 << 31

# The class that segmentation looks at. Order matters only in that everything below STOP is passed over quickly.
OTHER, SPACE, UPPER, LOWER, CASELESS, DIGIT, NEWLINE, STOP, HARD, WIDE_STOP, CLOSE, OPEN, DASH, COMMA, QUOTE = range(15)

NEWLINES = "\n\r\v\f\x85\u2028\u2029"
# Marks that end a sentence where a space follows, and those that need none (East Asian full stops).
WIDE_STOPS = "。！？｡．︒﹒﹖﹗"
COMMAS = ",;:،؛、，"
QUOTES = "\"'“”„‘’‚«»‹›"
# '|' and '~' are separators on web pages, not operators.
NOT_SYMBOLS = "|~"
MORE_SYMBOLS = "%‰"


class CodePoints(NamedTuple):
    """The tables, indexed by code point.

    Attributes:
        packed: uint32[0x110000], laid out as this module's docstring says.
        expansion_offsets: int32[rows + 1]; row i is `expansions[expansion_offsets[i]:expansion_offsets[i + 1]]`.
        expansions: uint32[], folded code points.
        ordered: uint8[0x110000], canonical combining class: marks of one letter must not decrease in it.
    """

    packed: npt.NDArray[np.uint32]
    expansion_offsets: npt.NDArray[np.int32]
    expansions: npt.NDArray[np.uint32]
    ordered: npt.NDArray[np.uint8]


def fold(text: str) -> str:
    r"""Return the form in which texts are compared: NFKD, case folded, without ignorable characters.

    >>> fold("Straße ﬁel im Mai\u00adland") == fold("STRASSE fiel im Mailand")
    True
    """
    import regex

    while True:
        # What `normalize` takes to put a run of marks in order grows with the square of its length, unless it is.
        ordered = regex.sub(r"\p{M}{32,}", lambda found: in_order(found[0]), text)
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", ordered).casefold())
        folded = str(regex.sub(r"[\p{Cf}\p{Default_Ignorable_Code_Point}]+", "", folded))
        if folded == text:
            return folded
        text = folded


def in_order(marks: str) -> str:
    """Decompose marks and put them in canonical order: by class, where none of class 0 is in between."""
    decomposed = "".join(unicodedata.normalize("NFKD", mark) for mark in marks)
    runs = itertools.groupby(decomposed, lambda mark: unicodedata.combining(mark) == 0)
    return "".join("".join(run if is_zero else sorted(run, key=unicodedata.combining)) for is_zero, run in runs)


@functools.cache
def load() -> CodePoints:
    """Read the shipped tables (about 10 ms, then cached).

    >>> entry = int(load().packed[ord("Ä")])
    >>> bool(entry & WORD), bool(entry & EXPANDS), (entry >> CLASS_SHIFT) & CLASS_MASK == UPPER
    (True, True, True)
    """
    with resources.files("dedup").joinpath("data/unicode.npz").open("rb") as file, np.load(file) as data:
        packed, ordered = (np.repeat(data[name], data[f"{name}_times"]) for name in ("packed", "ordered"))
        return CodePoints(_with_identity(packed), data["expansion_offsets"], data["expansions"], ordered)


def _with_identity(packed: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Turn the folded code point into its difference from the code point, or back: long runs of one number."""
    return packed ^ np.arange(packed.size, dtype=np.uint32)


def _runs(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
    """Return the values that follow one another, and how many times each stands there."""
    starts = np.append(0, np.flatnonzero(values[1:] != values[:-1]) + 1)
    return values[starts], np.diff(starts, append=len(values)).astype(np.int32)


def build() -> CodePoints:
    """Compute the tables from `regex` and `unicodedata` (some seconds); `load` is for everyday use."""
    import regex

    every = "".join(map(chr, range(sys.maxunicode + 1)))
    packed = np.zeros(len(every), np.uint32)

    def positions(pattern: str) -> npt.NDArray[np.int64]:
        return np.array([m.start() for m in regex.finditer(pattern, every, regex.V1)], np.int64)

    def set_class(where: npt.NDArray[np.int64], value: int) -> None:
        packed[where] = (packed[where] & ~np.uint32(CLASS_MASK << CLASS_SHIFT)) | np.uint32(value << CLASS_SHIFT)

    for pattern, value in (
        (r"[\p{Lo}\p{Lm}\p{M}]", CASELESS),
        (r"[\p{Lu}\p{Lt}]", UPPER),
        (r"\p{Ll}", LOWER),
        (r"\p{Nd}", DIGIT),
        (r"[\p{Zs}\p{Cc}\u200b\u200e\u200f\u202a-\u202c\ufeff]", SPACE),
        (r"[\p{Ps}\p{Pi}¿¡]", OPEN),
        (r"[\p{Pe}\p{Pf}]", CLOSE),
        (r"\p{Pd}", DASH),
        (r"[\p{Sentence_Terminal}…‥--.]", HARD),
        (f"[{regex.escape(WIDE_STOPS)}]", WIDE_STOP),
        (r"\.", STOP),
        (f"[{regex.escape(COMMAS)}]", COMMA),
        (f"[{regex.escape(QUOTES)}]", QUOTE),
        (f"[{regex.escape(NEWLINES)}]", NEWLINE),
    ):
        set_class(positions(pattern), value)
    for pattern, flag in (
        (r"\w", WORD),
        (r"[[\p{Han}\p{Hiragana}\p{Katakana}\p{Line_Break=SA}]&&\w--\p{M}]", SINGLE),
        (r"[\p{Cf}\p{Default_Ignorable_Code_Point}]", IGNORABLE),
        (r"[\p{East_Asian_Width=W}\p{East_Asian_Width=F}]", WIDE),
        (f"[[\\p{{Sm}}\\p{{Sc}}{MORE_SYMBOLS}]--[{NOT_SYMBOLS}]]", SYMBOL),
        (r"\p{M}", MARK),
    ):
        packed[positions(pattern)] |= np.uint32(flag)

    ordered = np.zeros(len(every), np.uint8)
    offsets, expansions = [0], []
    for code_point, character in enumerate(every):
        ordered[code_point] = unicodedata.combining(character)
        folded = [ord(c) for c in fold(character)] if not 0xD800 <= code_point < 0xE000 else [code_point]
        if len(folded) == 1:
            # What a code point is to a key is what it folds to; what it is to segmentation stays its own.
            flags = packed[folded[0]] & np.uint32(WORD | SINGLE | WIDE | SYMBOL | MARK)
            packed[code_point] = (packed[code_point] & np.uint32(CLASS_MASK << CLASS_SHIFT)) | flags
            if unicodedata.category(chr(folded[0])) == "Nd":
                set_class(np.array([code_point]), DIGIT)
            packed[code_point] |= np.uint32(folded[0])
        else:
            packed[code_point] |= np.uint32(EXPANDS | (len(offsets) - 1))
            expansions += folded
            offsets.append(len(expansions))
    return CodePoints(packed, np.array(offsets, np.int32), np.array(expansions, np.uint32), ordered)


def main() -> None:
    """Write the data file that `load` reads."""
    path = Path(__file__).parent / "data" / "unicode.npz"
    tables = build()._asdict()
    tables["packed"] = _with_identity(tables["packed"])
    for name in ("packed", "ordered"):
        tables[name], tables[f"{name}_times"] = _runs(tables[name])
    np.savez_compressed(path, **tables)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
