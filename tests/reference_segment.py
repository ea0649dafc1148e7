"""The slow, obvious twin of `dedup.kernels.segment`: Python strings, `regex`, one step after the other."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import NamedTuple

import regex

from dedup import lexicon, unicode
from dedup.kernels import segment as kernels

MASK = 0xFFFFFFFFFFFFFFFF
CLASSES = (
    "OTHER SPACE UPPER LOWER CASELESS DIGIT NEWLINE STOP HARD WIDE_STOP CLOSE OPEN DASH COMMA QUOTE"
).split()
LINE = regex.compile(r"[^\n\r\v\f\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x85\u2028\u2029]|\Z)")
TERMINATORS = {"STOP", "HARD", "WIDE_STOP"}
MINUS = "-\u2212"


def class_of(character: str) -> str:
    if not character:
        return "NEWLINE"
    return CLASSES[int(unicode.load().packed[ord(character)]) >> unicode.CLASS_SHIFT & unicode.CLASS_MASK]


@functools.cache
def flags_of(folded: str) -> int:
    return int(unicode.load().packed[ord(folded)])


def is_ignorable(character: str) -> bool:
    return not fold(character)


def fold(text: str) -> str:
    """Fold as `unicode.fold` does, leaving lone surrogates alone."""
    return "".join(p if regex.fullmatch(r"\p{Cs}", p) else unicode.fold(p) for p in regex.split(r"(\p{Cs})", text) if p)


@functools.cache
def roles() -> dict[str, int]:
    found: dict[str, int] = {}
    for word, role in lexicon.entries():
        found[fold(word)] = found.get(fold(word), 0) | role
    return found


def mix(h: int) -> int:
    h = (h ^ (h >> 30)) * int(kernels.MIX_A) & MASK
    h = (h ^ (h >> 27)) * int(kernels.MIX_B) & MASK
    return h ^ (h >> 31)


def word_hash(word: str) -> int:
    h = int(kernels.SEED)
    for character in word:
        h = (h ^ ord(character)) * int(kernels.STEP) & MASK
    return mix(h)


def key(words: list[str]) -> int:
    h = 0
    for word in words:
        h = (h ^ word_hash(word)) * int(kernels.STEP) & MASK
    return max(mix(h), 1) if words else 0


class Word(NamedTuple):
    text: str
    start: int  # where it begins in the text, in code points; -1 for the sign of a number
    end: int


def mark_signs(text: str) -> str:
    """Replace the minus of a number by a private-use character that nothing folds to."""
    marked = list(text)
    for i, character in enumerate(text):
        if fold(character) in tuple(MINUS) and class_of(text[i + 1 : i + 2]) == "DIGIT":
            before = fold(regex.sub(r"[\p{Cf}\p{Default_Ignorable_Code_Point}]+\Z", "", text[:i])[-1:])
            if not before or not flags_of(before[-1]) & (unicode.WORD | unicode.SYMBOL):
                marked[i] = "\ue000"
    return "".join(marked)


def words_of(text: str) -> list[str]:
    found: list[str] = []
    is_open = alone = False
    for character in fold(mark_signs(text)):
        flags = flags_of(character)
        if character == "\ue000":
            found.append("-")
            is_open = False
        elif flags & unicode.MARK:
            if is_open:
                found[-1] += character
            else:
                found.append(character)
                is_open, alone = True, False
        elif character in MINUS or not flags & (unicode.WORD | unicode.SYMBOL):
            is_open = False
        elif is_open and not alone and not flags & (unicode.SINGLE | unicode.SYMBOL):
            found[-1] += character
        else:
            found.append(character)
            is_open, alone = True, bool(flags & (unicode.SINGLE | unicode.SYMBOL))
    return found


def is_alone(word: str) -> bool:
    return bool(flags_of(word[0]) & (unicode.SINGLE | unicode.SYMBOL)) and not regex.match(r"\p{M}", word)


def width(words: list[str]) -> int:
    total = 0
    for before, word in itertools.pairwise(["", *words]):
        if before and not is_alone(before) and not is_alone(word):
            total += 1
        for c in word:
            if not regex.match(r"\p{M}|[\u1160-\u11ff]", c):
                total += 2 if flags_of(c) & unicode.WIDE else 1
    return total


def mask(segments: list[list[str]]) -> list[list[str]]:
    """Mask the numbers and dates in the words of some segments of a line."""
    result = []
    for words in segments:
        masked: list[str] = []
        for i, word in enumerate(words):
            digits = regex.sub(r"\p{Nd}+", "0", word)
            role = roles().get(word, 0)
            near = role & kernels.NEAR_DATE and (
                (masked and masked[-1] == "0") or (i + 1 < len(words) and regex.fullmatch(r"\p{Nd}+", words[i + 1]))
            )
            masked.append("0" if role & kernels.DATE or near else digits)
        result.append(masked)
    return result


def collapse(words: list[str]) -> list[str]:
    return [word for i, word in enumerate(words) if word != "0" or i == 0 or words[i - 1] != "0"]


@dataclass
class Token:
    """The word or dotted chain that ends right before a full stop."""

    text: str
    words: list[str]
    before: str
    char_before: str
    is_pair: bool
    after_apostrophe: bool
    last_class: str


WORD = r"[\w--\p{Pc}]"


def left_words(text: str, end: int) -> list[tuple[int, int, str]]:
    """Return (start, end, folded word) of the words of `text[:end]`, found code point by code point."""
    found: list[tuple[int, int, str]] = []
    for i in range(end):
        pieces = fold(text[i])
        for piece in pieces:
            flags = flags_of(piece)
            if flags & unicode.MARK or flags & unicode.WORD and not flags & unicode.SINGLE:
                touching = found and found[-1][1] == i and found[-1][3 - 1] != "" and not (
                    is_alone(found[-1][2]) and not flags & unicode.MARK
                )
                if touching:
                    found[-1] = (found[-1][0], i, found[-1][2] + piece)
                else:
                    found.append((i, i, piece))
            elif flags & (unicode.WORD | unicode.SYMBOL) and piece not in MINUS:
                found.append((i, i, piece))
    return found
