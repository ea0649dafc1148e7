"""The slow, obvious twin of `dedup.kernels.segment`: Python strings, `regex`, one step after the other."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import regex

from dedup import lexicon, unicode
from dedup.kernels import segment as scan
from dedup.kernels import words as kernels

MASK = 0xFFFFFFFFFFFFFFFF
CLASSES = [
    "OTHER",
    "SPACE",
    "UPPER",
    "LOWER",
    "CASELESS",
    "DIGIT",
    "NEWLINE",
    "STOP",
    "HARD",
    "WIDE_STOP",
    "CLOSE",
    "OPEN",
    "DASH",
    "COMMA",
    "QUOTE",
]
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


def mark_signs(text: str) -> str:
    """Replace the minus of a number by a private-use character that nothing folds to."""
    marked = list(text)
    for i, character in enumerate(text):
        if fold(character) in tuple(MINUS) and class_of(text[i + 1 : i + 2]) == "DIGIT":
            before = fold(regex.sub(r"[\p{Cf}\p{Default_Ignorable_Code_Point}]+\Z", "", text[:i])[-1:])
            if not before or not flags_of(before[-1]) & (unicode.WORD | unicode.SYMBOL):
                marked[i] = "\udfff"
    return "".join(marked)


def words_of(text: str) -> list[str]:
    found: list[str] = []
    is_open = alone = False
    for character in fold(mark_signs(text)):
        flags = flags_of(character)
        if character == "\udfff":
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


def without_digits(word: str) -> str:
    """Return a word as masking leaves it by itself: 0 for a number, and for a year, month or day in Korean."""
    digits = regex.sub(r"\p{Nd}+", "0", word)
    return "0" if digits in (fold("0년"), fold("0월"), fold("0일")) else digits


def mask(segments: list[list[str]]) -> list[list[str]]:
    """Mask the numbers and dates in the words of some segments of a line."""
    result = []
    for words in segments:
        masked: list[str] = []
        for i, word in enumerate(words):
            role = roles().get(word, 0)
            is_beside_number = (masked and masked[-1] == "0") or "0" in map(without_digits, words[i + 1 : i + 2])
            is_date = role & kernels.DATE or (role & kernels.NEAR_DATE and is_beside_number)
            masked.append("0" if is_date else without_digits(word))
        result.append(masked)
    return result


def collapse(words: list[str]) -> list[str]:
    return [word for i, word in enumerate(words) if word != "0" or i == 0 or words[i - 1] != "0"]


class Word(NamedTuple):
    text: str
    start: int
    end: int  # where its last letter, and any ignorable after it, ends; inside an expansion: where that begins
    alone: bool


def positioned_words(text: str) -> list[Word]:
    """Return the words with their places, marks in the order they stand in."""
    found: list[Word] = []
    is_open = False
    for i, character in enumerate(text):
        pieces = fold(character)
        if is_open and not pieces:
            found[-1] = found[-1]._replace(end=i + 1)
        for k, piece in enumerate(pieces):
            flags = flags_of(piece)
            end = i + 1 if k + 1 == len(pieces) else i
            stands_alone = bool(flags & (unicode.SINGLE | unicode.SYMBOL))
            if piece in MINUS or not flags & (unicode.WORD | unicode.SYMBOL):
                is_open = False
            elif is_open and (flags & unicode.MARK or not (found[-1].alone or stands_alone)):
                found[-1] = found[-1]._replace(text=found[-1].text + piece, end=end)
            else:
                found.append(Word(piece, i, end, stands_alone and not flags & unicode.MARK))
                is_open = True
    return found


class Token(NamedTuple):
    end: int
    roles: int
    before: int
    is_number: bool
    is_ordinal: bool
    initial: int
    letters: int
    digits: int


NO_TOKEN = Token(-1, 0, 0, False, False, 0, 0, 0)


def tokens(text: str, start: int) -> list[Token]:
    """Return what may stand left of a full stop in `text[start:]`: one token per word."""
    found = [NO_TOKEN]
    chain: list[str] = []
    chain_start = 0
    for word in positioned_words(text):
        last = found[-1]
        letters = len(regex.findall(r"\P{M}", word.text))
        digits = len(regex.findall(r"\p{Nd}", word.text))
        after_stop = last.end >= 0 and text[last.end : last.end + 1] == "."
        if after_stop and word.start == last.end + 1:
            chain.append(word.text)
            role = roles().get(word.text, 0) | roles().get(".".join(chain), 0)
            before, is_number = last.before, last.is_number
        else:
            chain, chain_start = [word.text], word.start
            role, before, is_number = roles().get(word.text, 0), last.roles, True
        initial = int(letters == 1 and not digits and not word.alone and class_of(text[word.start]) != "CASELESS")
        after_quote = last.end == word.start - 1 and last.end >= 0 and class_of(text[last.end]) == "QUOTE"
        if after_quote:
            initial = 0
        if initial and after_stop and word.start == last.end + 2 and text[last.end + 1].isascii() and last.initial:
            initial = 2
        is_ordinal = last.is_ordinal
        if digits:
            size = len(text[chain_start : word.end].encode("utf-8", "surrogatepass"))
            is_ordinal = size <= 2 and not regex.search(r"([,:]|(?<!\.)/)\Z", text[start:chain_start])
        is_number = is_number and 0 < digits == letters
        if after_quote or class_of(text[word.start]) == "CASELESS":
            letters = max(letters, 3)
        found.append(Token(word.end, role, before, is_number, is_ordinal, initial, letters, digits))
    return found


def skip(text: str, i: int, *classes: str) -> int:
    while i < len(text) and class_of(text[i]) in classes:
        i += 1
    return i


def skip_closers(text: str, i: int, wide: bool) -> int:
    while i < len(text):
        kind = class_of(text[i])
        after = class_of(text[i + 1 : i + 2])
        opens = after in ("UPPER", "LOWER", "CASELESS", "DIGIT", "OPEN", "OTHER")
        if not (kind == "CLOSE" or (kind == "QUOTE" and (wide or not opens))):
            break
        i += 1
    return i


def is_ellipsis_at(text: str, i: int) -> bool:
    return text[i : i + 1] == "…" or [class_of(mark) for mark in text[i : i + 2]] == ["STOP", "STOP"]


def boundary(text: str, i: int, token: Token) -> tuple[int, int]:
    """Return (end of the terminators and closers at i, start of the next sentence or -1)."""
    marks = text[i : skip(text, i, *TERMINATORS)]
    kinds = [class_of(mark) for mark in marks]
    wide, hard, stops = "WIDE_STOP" in kinds, "HARD" in kinds, kinds.count("STOP")
    end = skip_closers(text, i + len(marks), wide)
    closed = end > i + len(marks)
    following = class_of(text[end : end + 1])
    start = skip(text, end, "SPACE")
    if class_of(text[start : start + 1]) == "NEWLINE":
        return end, -1
    if wide:
        anew = text[end - 1] == "”" and 0x3400 <= ord(text[end]) <= 0x9FFF
        return end, -1 if following == "COMMA" or (closed and following == "CASELESS" and not anew) else start
    if following != "SPACE":
        foreign = ord(marks[0]) >= 0x500 or ord(text[end]) >= 0x2E80
        return end, end if hard and following == "CASELESS" and foreign else -1
    ellipsis = stops > 1 or marks[0] == "…"
    next_class = class_of(text[start : start + 1])
    if next_class in ("STOP", "HARD"):
        goes_on = hard == (next_class == "HARD") and not is_ellipsis_at(text, start)
        return end, -1 if ellipsis or goes_on else start
    at = skip(text, start, "OPEN", "QUOTE", "DASH", "SPACE")
    next_class = class_of(text[at : at + 1])
    is_opened = any(class_of(mark) in ("OPEN", "QUOTE") for mark in text[start:at])
    if is_opened and is_ellipsis_at(text, at):
        next_class = "OTHER"
    if next_class in ("COMMA", "STOP", "HARD"):
        return end, -1
    role = letters = 0
    if next_class in ("UPPER", "LOWER", "CASELESS"):
        words = positioned_words(text[at:])
        if words and fold(text[at : at + 1] or "x"):
            role = roles().get(words[0].text, 0)
            letters = len(regex.findall(r"\P{M}", words[0].text))
            if letters == 1 and text[at + words[0].end : at + words[0].end + 1] == ")":
                next_class, role = "UPPER", kernels.STARTER
    if stops != 1 or hard:
        return end, -1 if next_class == "LOWER" and (closed or ellipsis) else start
    if token.end != i:
        return end, start
    return end, start if full_stop_ends(token, closed, next_class, role, letters) else -1


def full_stop_ends(token: Token, closed: bool, next_class: str, role: int, letters: int) -> bool:
    starts = next_class == "UPPER" and bool(role & kernels.STARTER)
    if token.is_number:
        if next_class == "LOWER":
            return not token.is_ordinal and token.digits != 4
        if next_class == "CASELESS" or closed or starts or not token.is_ordinal:
            return True
        is_date = role & (kernels.DATE | kernels.NEAR_DATE)
        return bool(token.before & kernels.COUNTED) and next_class == "UPPER" and not is_date
    if token.roles & kernels.ENDER:
        return next_class == "UPPER" and not role & kernels.FORM
    if token.roles & kernels.UNIT:
        return starts and not (token.roles & kernels.NUMBERED and letters == 1)
    if token.roles & kernels.ABBREVIATION:
        return False
    if token.initial:
        return starts and letters > 1 and token.initial == 1
    if token.roles & kernels.NUMBERED:
        return next_class != "DIGIT"
    return next_class != "LOWER" or token.letters >= 3 or bool(token.roles & kernels.STARTER)


def is_spaceless(character: str) -> bool:
    return bool(regex.match(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]", character))


def first_end(line: str) -> tuple[int, bool]:
    """Return where the first segment of a line ends, and whether it is closed by a terminator."""
    found = tokens(line, 0)
    words = positioned_words(line)
    i, visible, terminated = 0, -1, -2
    while i < len(line):
        kind = class_of(line[i])
        if kind == "NEWLINE":
            return len(line), visible == terminated
        if kind == "SPACE":
            last = next((w for w in reversed(words) if w.end <= i), None)
            if last and last.alone and last.end == visible and is_spaceless(line[last.start]):
                after = skip(line, i, "SPACE")
                if is_spaceless(line[after : after + 1]):
                    return after, visible == terminated
            i += 1
        elif kind in TERMINATORS:
            token = next(t for t in reversed(found) if t.end <= i)
            i, following = boundary(line, i, token)
            visible = terminated = i
            if following >= 0:
                return following, True
        else:
            i += 1
            visible = i
    return len(line), visible == terminated


class Segment(NamedTuple):
    text: str
    k0: int
    k1: int
    width: int
    flags: int


class Line(NamedTuple):
    text: str
    k0: int
    k1: int
    width: int
    flags: int
    label: int
    rest: int
    segments: list[Segment]


def first_flags(text: str) -> int:
    i = skip(text, 0, "SPACE")
    kind = class_of(text[i : i + 1])
    if kind == "QUOTE" or text[i : i + 1] in tuple("「『"):
        return scan.QUOTED
    bullet = kind == "DASH" or text[i : i + 1] in tuple("*·•‣■▪▶►○●")
    return scan.BULLET if bullet and class_of(text[i + 1 : i + 2]) == "SPACE" else 0


def label(line: str) -> tuple[int, int]:
    """Return the keys of label and rest, or zeros."""
    visible = line[skip(line, 0, "SPACE") :]
    match = regex.match(r"([^:\uff1a\ufe13\ufe55]*)([:\uff1a\ufe13\ufe55])", visible)
    if not match or len(match[1]) > 30 or not words_of(match[1]):
        return 0, 0
    if match[2] != "\uff1a" and class_of(visible[match.end() : match.end() + 1]) != "SPACE":
        return 0, 0
    end = max((i + 1 for i, c in enumerate(visible) if class_of(c) not in ("SPACE", "NEWLINE")), default=0)
    rest = words_of(visible[match.end() :])
    return (key(words_of(match[1])), key(rest)) if rest and end < 160 else (0, 0)


def segment_line(line: str) -> Line:
    parts, flags = [], []
    start = 0
    while start < len(line):
        end, terminated = first_end(line[start:])
        parts.append(line[start : start + end])
        flags.append(first_flags(parts[-1]) | (scan.TERMINATED if terminated else 0))
        start += end
    words = [words_of(part) for part in parts]
    masked = mask(words)
    segments = [
        Segment(part, key(w), key(collapse(m)), width(w), f)
        for part, w, m, f in zip(parts, words, masked, flags, strict=True)
    ]
    every = [word for w in words for word in w]
    every_masked = collapse([word for m in masked for word in m])
    line_flags = flags[0] & ~scan.TERMINATED | flags[-1] & scan.TERMINATED
    return Line(line, key(every), key(every_masked), width(every), line_flags, *label(line), segments)


def segment(text: str) -> list[Line]:
    return [segment_line(match[0]) for match in LINE.finditer(text) if match[0]]
