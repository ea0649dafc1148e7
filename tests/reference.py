"""The slow, obvious twins of the kernels: no hashing tricks, no bytes, nothing to get wrong."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import regex

from dedup.unicode import fold

__all__ = ["fold"]

SINGLE = r"[[\p{Han}\p{Hiragana}\p{Katakana}\p{Line_Break=SA}]&&\w--\p{M}]"
TOKEN = rf"{SINGLE}\p{{M}}*|[\w--{SINGLE}]+"
SYMBOL = r"[[\p{Sm}\p{Sc}%‰]--[|~]]"

Spans = list[tuple[int, int]]


def tokens(text: str) -> list[str]:
    return regex.findall(TOKEN, fold(text), regex.V1)


def words_and_symbols(text: str) -> list[str]:
    """What the text key is a key of."""
    return regex.findall(f"{TOKEN}|{SYMBOL}", fold(text), regex.V1)


def shingles(text: str, words: int = 5) -> set[tuple[str, ...]]:
    found = tokens(text)
    size = min(words, len(found))
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)} if found else set()


def jaccard(a: str, b: str) -> float:
    first, second = shingles(a), shingles(b)
    union = first | second
    return len(first & second) / len(union) if union else 0.0


def containment(text: str, holder: str) -> float:
    """How much of a text's shingles another one has."""
    own = shingles(text)
    return len(own & shingles(holder)) / len(own) if own else 0.0


def find_holders(
    sets: Sequence[set[int]], versions: Sequence[int], keepers: Sequence[int], least: float
) -> dict[int, int]:
    """For each document that stays and is held, the longest of its versions that stays; the size is the length."""
    staying = [number for number, keeper in enumerate(keepers) if number == keeper]
    holders = {}
    for number in staying:
        group = [other for other in staying if versions[other] == versions[number]]
        longest = min(group, key=lambda other: (-len(sets[other]), other))
        own = sets[number]
        if len(own) < len(sets[longest]) and len(own & sets[longest]) / len(own) >= least:
            holders[number] = longest
    return holders


def drop_contained(
    sets: Sequence[set[int]], holders: Mapping[int, int], keepers: Sequence[int], least: float
) -> list[int]:
    """Who stays for whom when a document goes with all that went for it, or not at all."""
    result = list(keepers)
    for number, holder in holders.items():
        tied = [other for other, keeper in enumerate(keepers) if keeper == number]
        if all(len(sets[other] & sets[holder]) / len(sets[other]) >= least for other in tied):
            for other in tied:
                result[other] = holder
    return result


def siphash(blocks: Sequence[int]) -> int:
    """SipHash-2-4 with the key 0 of blocks of 64 bits, without the length that it ends byte strings with."""
    mask = 2**64 - 1
    state = [int.from_bytes(b"somepseudorandomlygeneratedbytes"[at : at + 8]) for at in (0, 8, 16, 24)]

    def rotated(value: int, bits: int) -> int:
        return (value << bits | value >> (64 - bits)) & mask

    def add(one: int, other: int, bits: int, turn: int) -> None:
        state[one] = (state[one] + state[other]) & mask
        state[other] = rotated(state[other], bits) ^ state[one]
        state[one] = rotated(state[one], turn)

    def mix(rounds: int) -> None:
        for _ in range(rounds):
            add(0, 1, 13, 32)
            add(2, 3, 16, 0)
            add(0, 3, 21, 0)
            add(2, 1, 17, 32)

    for block in blocks:
        state[3] ^= block
        mix(2)
        state[0] ^= block
    state[2] ^= 0xFF
    mix(4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def token_bytes(token: str) -> bytes:
    """UTF-8, but letters from U+00C0 to U+00FF with their first mark, and with another first byte."""
    composed = regex.sub(r"([a-z])([\u0300-\u036f])", lambda pair: _composed(pair[0]), token)
    return b"".join(
        letter.encode().replace(b"\xc3", b"\xe3", 1) if "\xc0" <= letter <= "\xff" else letter.encode()
        for letter in composed
    )


def _composed(pair: str) -> str:
    both = unicodedata.normalize("NFC", pair)
    return both if both <= "\xff" else pair


def token_hash(token: str) -> int:
    """The hash of a folded token: of its bytes in two blocks of eight, the first ones hashed into one if more."""
    data = token_bytes(token)
    blocks = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
    while len(blocks) > 2:
        blocks[:2] = [siphash(blocks[:2])]
    return siphash([*blocks, 0][:2])


def text_key(text: str) -> int:
    """The key of a text: over the hashes of its tokens, and its symbols as they are, every eighth in a lane."""
    pieces = words_and_symbols(text)
    blocks = [ord(piece) if regex.fullmatch(SYMBOL, piece, regex.V1) else token_hash(piece) for piece in pieces]
    padded = blocks + [0] * (-len(blocks) % 8)
    return siphash([len(blocks), *(siphash(padded[lane::8]) for lane in range(8))]) if blocks else 0


def premixed(base: int) -> int:
    """MurmurHash3's 32-bit finalizer."""
    for shift, multiplier in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        base = (base ^ base >> shift) * multiplier % 2**32
    return base ^ base >> 16


def minhash(bases: Sequence[int], multipliers: Sequence[int], increments: Sequence[int]) -> list[int]:
    return [
        min(((a * premixed(base) + b) % 2**32 for base in bases), default=2**32 - 1)
        for a, b in zip(multipliers, increments, strict=True)
    ]


def buckets(keys: Sequence[Sequence[int]]) -> list[set[tuple[int, ...]]]:
    """For each band the groups of two documents or more that agree in it."""
    bands = []
    for band in keys:
        groups = defaultdict(list)
        for document, key in enumerate(band):
            groups[key].append(document)
        bands.append({tuple(group) for group in groups.values() if len(group) > 1})
    return bands


def set_jaccard(a: set[Any], b: set[Any]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


class Kept(NamedTuple):
    """What becomes of a document: its keeper, and the most similar keeper it was compared with.

    `similarity` is to that one, and `original` the same of what came, where `similarity` reaches the threshold.
    `is_crowded`: it stays, though there were more keepers in a band than it looked at.
    """

    keeper: int
    nearest: int
    similarity: float
    original: float
    is_exact: bool
    is_crowded: bool


class Text(NamedTuple):
    """A document: its text key as it came, the shingles of what came and what is stored; its source."""

    key: int
    came: set[Any]
    stored: set[Any]
    source: int | str = 0


def left_of(own: Text, other: Text) -> set[Any]:
    """What is compared of a text: of what is stored, all that the other one, of another source, did not lose."""
    return own.stored - (other.came - other.stored) if own.source != other.source else own.stored


def stored_similarity(own: Text, other: Text) -> float:
    """How similar what is stored of two texts is; by all of it, if less than half of either were compared."""
    ours, theirs = left_of(own, other), left_of(other, own)
    if 2 * len(ours) < len(own.stored) or 2 * len(theirs) < len(other.stored):
        ours, theirs = own.stored, other.stored
    return set_jaccard(ours, theirs)


def may_reach(floor: float, own: Text, other: Text) -> bool:
    """Whether sizes let the two reach a floor: of the larger one, as much as half may be left out."""
    smaller, larger = sorted((own, other), key=lambda text: len(text.stored))
    half = own.source != other.source and smaller.came != smaller.stored
    return (2 if half else 1) * len(smaller.stored) >= floor * len(larger.stored)


def keep_greedily(
    order: Sequence[int],
    bands: Sequence[Sequence[int | None]],
    texts: Sequence[Text],
    threshold: float,
    least: float,
    floor: float,
    reach: int,
) -> tuple[dict[int, Kept], int]:
    """Take documents in keep order; return what becomes of each, and how many pairs were compared.

    One that came equal to a keeper goes for it: to the first that stays of its key. In each band a document meets the
    keepers that have its key there, and looks at the last `reach` of them; None in a band meets nobody.
    """
    kept: list[int] = []
    result, compared = {}, 0
    for document in order:
        own = texts[document]
        equal = [other for other in kept if own.key and texts[other].key == own.key][:1]
        if equal and texts[equal[0]].came == own.came:
            result[document] = Kept(equal[0], equal[0], 1.0, 1.0, True, False)
            continue
        met = [[other for other in kept if band[other] == band[document] is not None] for band in bands]
        looked_at = {other for others in met for other in others[-reach:]}
        near, fits = [], []
        for other in filter(looked_at.__contains__, kept):
            theirs = texts[other]
            if may_reach(floor, own, theirs):
                compared += 1
                similarity = stored_similarity(own, theirs)
                original = set_jaccard(own.came, theirs.came) if similarity >= threshold else 0.0
                found = Kept(document, other, similarity, original, False, False)
                if similarity > 0:
                    near.append(found)
                if similarity >= threshold and original >= least:
                    fits.append(found._replace(keeper=other))
        # Of equally similar ones, max takes the first.
        if fits:
            result[document] = max(fits, key=lambda found: found.similarity)
            continue
        nothing = Kept(document, -1, 0.0, 0.0, False, False)
        best = max(near, key=lambda found: found.similarity, default=nothing)
        result[document] = best._replace(is_crowded=any(len(others) > reach for others in met))
        kept.append(document)
    return result, compared


class Line(NamedTuple):
    """A line as the kernel for repeats sees it: keys of it, of it without its credit, of its sentences."""

    key: int
    core: int
    width: int
    is_marked: bool
    sentences: list[tuple[int, int]]


class Limits(NamedTuple):
    """From where on something is a repeat, and from where on repeats are structure."""

    least: int
    least_adjacent: int
    most_units: int
    most_times: int
    verse_units: int
    verse_times: int


Unit = tuple[str, int, int]
"""A line or a sentence of a document: ("line", line, 0) or ("sentence", line, place)."""


SIGN = re.compile(
    rb"\||(?<!\])[(\[]|:(?!/)|(?<![/:])/(?!/)|(?<=[\x80-\xff])=|(?<= )-(?= )|(?<=\xc2)\xa9|(?<=\x80)[\x93\x94]"
    rb"|(?<=\xef)\xbc(?=[\x88\x9a])|(?<=\xe3)\x80(?=\x90)"
)
"""What sets off a credit, in UTF-8; of characters of several bytes the last one, or the middle one."""


def has_sign(line: bytes, reach: int) -> bool:
    """Say whether a sign is among the last bytes of a line, but neither one of the first two nor the last of all."""
    return any(max(2, len(line) - reach) <= sign.start() < len(line) - 1 for sign in SIGN.finditer(line))


def beginning(line: str, letters: int) -> str:
    """Return the first letters and digits of a line, folded, without marks."""
    firsts = [fold(character)[:1] for character in line]
    return "".join(first for first in firsts if regex.fullmatch(r"[\w--\p{M}]", first, regex.V1))[:letters]


def find_repeats(lines: Sequence[Line], limits: Limits) -> tuple[dict[Unit, Unit], bool]:
    """Return the unit that stays for each that goes, and whether the document is structured: nothing goes."""
    first: dict[int, Unit] = {}
    times: Counter[int] = Counter()
    goes: dict[Unit, Unit] = {}
    title = above = None
    for number, line in enumerate(lines):
        if not line.key or line.is_marked:
            continue
        own: Unit = ("sentence", number, 0) if len(line.sentences) == 1 else ("line", number, 0)
        title = title or own
        known = next((key for key in (line.key, line.core) if key and key in first), 0)
        if known:
            adjacent = line.width >= limits.least_adjacent and first[known] in (above, title)
            if line.width >= limits.least or adjacent:
                goes["line", number, 0] = first[known]
                times[known] += 1
                continue
        for key in (line.key, line.core):
            if not known and key and key not in first:
                first[key] = own
        above = own
        if len(line.sentences) == 1:
            continue
        for place, (key, width) in enumerate(line.sentences):
            if key and key not in first:
                first[key] = ("sentence", number, place)
            elif key and width >= limits.least and first[key] != own:
                goes["sentence", number, place] = first[key]
                times[key] += 1
    said = [count + 1 for count in times.values()]
    most = max(said, default=0)
    is_verse = len(said) >= limits.verse_units and most >= limits.verse_times
    is_structured = len(said) >= limits.most_units or most >= limits.most_times or is_verse
    return ({}, True) if is_structured else (goes, False)


def cut_spans(text: str, lines: Sequence[tuple[Spans, int]], going: Sequence[Sequence[bool]]) -> Spans:
    """Return what goes from a text, as ranges of it.

    `lines` holds for each line its sentences, which tile it, and where its visible text ends; `going` says
    for each sentence whether it goes.
    """
    spans: Spans = []
    last_kept_is_blank = False
    swallowed = -1
    for number, ((sentences, text_end), goes) in enumerate(zip(lines, going, strict=True)):
        start, end = sentences[0][0], sentences[-1][1]
        if number == swallowed:
            continue
        if all(goes):
            following = lines[number + 1] if number + 1 < len(lines) else None
            if last_kept_is_blank and following and following[1] == following[0][0][0]:
                end = following[0][-1][1]
                swallowed = number + 1
            spans.append((start, end))
            continue
        last_kept_is_blank = text_end == start
        trailing = len(goes)
        while trailing and goes[trailing - 1]:
            trailing -= 1
        spans += [span for span, is_going in zip(sentences[:trailing], goes, strict=False) if is_going]
        if trailing < len(goes):
            visible = len(text[: sentences[trailing][0]].rstrip(" \t"))
            spans.append((max(visible, start), text_end))
    return spans


def without(text: str, spans: Spans) -> str:
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    return "".join(text[start:end] for start, end in list(pairwise(edges))[::2])


def mixed(key: int, source: int, salt: int) -> int:
    """Return a key that differs by source and salt: two rounds of splitmix64's mixing, modulo 2**64."""
    value = key ^ (source + salt) * 0x9E3779B97F4A7C15 % 2**64
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    return value ^ value >> 27


class WrappedLine(NamedTuple):
    """A line of which to say whether it is a piece of a sentence."""

    text: str
    width: int
    ends_sentence: bool


class Wrapping(NamedTuple):
    """From where on lines are wrapped ones."""

    narrowest: int
    widest: int
    lower_share: float
    open_share: float
    least_open: int


SPACELESS = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"


def find_fragments(lines: Sequence[WrappedLine], rules: Wrapping) -> tuple[list[bool], int, int]:
    """Return which lines of a document are fragments, how many go on in lower case, and how many have text."""
    found = [False] * len(lines)
    is_open = [
        rules.narrowest <= line.width <= rules.widest
        and not line.ends_sentence
        and bool(below.width)
        and not regex.search(rf"{SPACELESS}\Z", line.text)
        for line, below in pairwise(lines)
    ]
    goes_on = [
        opens and bool(regex.match(r"[^\p{Lu}\p{Lt}\p{Lo}\p{Lm}\p{M}\p{Nd}\p{Ll}]*\p{Ll}", below.text))
        for opens, below in zip(is_open, lines[1:], strict=False)
    ]
    for number, goes in enumerate(goes_on):
        if goes:
            found[number] = found[number + 1] = True
    texts, opens, lowers = sum(line.width > 0 for line in lines), sum(is_open), sum(goes_on)
    if lowers > rules.lower_share * texts or (opens >= rules.least_open and opens > rules.open_share * texts):
        found = [True] * len(lines)
    return found, lowers, texts


class Version(NamedTuple):
    """A document as grouping sees it: units that another one has too, columns of its own units, of all that are not
    common, and of all.
    """

    units: frozenset[int]
    own: int
    residual: int
    total: int


class Grouping(NamedTuple):
    """When a document is a version of another."""

    least_residual: int
    least_residual_share: float
    own_share: float
    share: float
    mass: int
    mass_share: float


def group_versions(
    documents: Sequence[Version],
    order: Sequence[int],
    widths: Sequence[int],
    common: set[int],
    countless: set[int],
    owned: set[int],
    rules: Grouping,
) -> list[set[int]]:
    """Return for each document the leaders that it may be given: several where they hold equally much of it.

    Without a bound on how many leaders of a common unit are looked at.
    """
    result: dict[int, set[int]] = {}
    for number in order:
        document = documents[number]
        versions: dict[int, tuple[int, int]] = {}
        for head in (head for head, leaders in result.items() if leaders == {head}):
            shared = document.units & documents[head].units
            own, rest, telling, everything = (
                sum(widths[unit] for unit in units)
                for units in (shared & owned, shared - common, shared - countless, shared)
            )
            if document.own >= max(rules.least_residual, rules.own_share * document.residual):
                is_version = own >= rules.share * document.own
            elif document.residual < max(rules.least_residual, rules.least_residual_share * document.total):
                is_version = everything >= rules.share * document.total
            else:
                is_version = rest > 0 and rest >= rules.share * min(document.residual, documents[head].residual)
            is_version |= telling >= max(rules.mass, rules.mass_share * document.total)
            if shared and is_version:
                versions[head] = everything, documents[head].total
        best = max(versions.values(), default=None)
        result[number] = {head for head, held in versions.items() if held == best} or {number}
    return [result[number] for number in range(len(documents))]


def foresee(
    order: Sequence[int],
    start: int,
    most: int,
    buckets: Sequence[Sequence[int]],
    groups: Sequence[int],
    sources: Sequence[int],
    sizes: Sequence[int],
    came: Sequence[int],
    floor: float,
    reach: int,
    keepers: Sequence[int],
) -> tuple[int, set[int]]:
    """Return where documents have to stop that may look at so many shingles, and whose shingles they need till then.

    A document needs its own, those of the first keeper of its group, and those of the last `reach` keepers in each of
    its buckets whose sizes alone do not keep them below the floor (as `may_reach` says); of each, what is stored and
    what came.
    """

    def reaches(own: int, other: int) -> bool:
        smaller, larger = sorted((own, other), key=lambda number: sizes[number])
        half = sources[own] != sources[other] and came[smaller] > 0
        return (2 if half else 1) * sizes[smaller] >= floor * sizes[larger]

    needed: set[int] = set()
    for rank in range(start, len(order)):
        own = order[rank]
        met = (
            [keeper for keeper in keepers if buckets[keeper][band] == mine >= 0][-reach:]
            for band, mine in enumerate(buckets[own])
        )
        more = {own} | {keeper for keeper in itertools.chain(*met) if reaches(own, keeper)}
        more |= set([keeper for keeper in keepers if groups[keeper] == groups[own] >= 0][:1])
        if rank > start and sum(sizes[number] + came[number] for number in needed | more) > most:
            return rank, needed
        needed |= more
    return len(order), needed


def escaped(text: bytes) -> bytes:
    """What stands between the quotes of JSON: RFC 8259 section 7, with the short escapes and lower-case digits."""
    short = {8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}
    return b"".join(short.get(byte, b"\\u%04x" % byte if byte < 32 else bytes([byte])) for byte in text)


def filled(form: Sequence[bytes], values: Sequence[bytes | int]) -> bytes:
    """A form with its holes filled."""
    written = [value if isinstance(value, bytes) else b"%d" % value for value in values]
    return b"".join(literal + value for literal, value in zip(form, [*written, b""], strict=True))
