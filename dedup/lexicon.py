"""The word lists that segmentation and masking look at, as one hash table the kernels read.

`data/lexicon.toml` is written by hand. `data/dates.txt` holds month and weekday names of every CLDR locale;
run `python -m dedup.lexicon` (needs Babel) to write it anew.
"""

from __future__ import annotations

import functools
import hashlib
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup import unicode
from dedup.kernels import words as kernels
from dedup.kernels.keys import CHAIN

ROLES = {
    "abbreviation": kernels.ABBREVIATION,
    "ender": kernels.ENDER,
    "unit": kernels.UNIT,
    "numbered": kernels.NUMBERED,
    "starter": kernels.STARTER,
    "form": kernels.FORM,
    "counted": kernels.COUNTED,
}

SHORTEST_SURE_DATE = 4
"""Names of fewer letters ("so", "mai", "mar") are masked next to a number only. Chosen."""

ALSO_WORDS = """
abriu anna april august augusto augustus china dame dimas domingo here julia kudo lujo mach magha maja marca
march marco maris mars marta marti marts masa maya mayo merz moja phalguna prima quarta quinta ravi safar
second segunda sexta sine soma tammuz terça tevet vedel
"""
"""Names that are everyday words or people's names in another language: masked next to a number only. Most
were found by counting the names in news, contracts and treebanks of ten languages."""


ABBREVIATING = """
bg bs ca cs cy da de el en es et eu fi fr ga gl hr hu id is it lt lv mk ms mt nb nl nn pl pt ro ru sk sl sq sr sv tr uk
"""
"""Languages whose abbreviations and short names are masked next to a number. With those of all languages, "on 3" and
"das 3" would be dates."""

WEEKDAYS_DE = "mo di mi do fr sa so"
"""The only abbreviations of two letters: in other languages they are everyday words."""


class Lexicon(NamedTuple):
    """An open-addressing table, a power of two, at most a quarter full.

    Attributes:
        hashes: uint64[slots], the finished hash of a word, or of the chain of a dotted one; 0 where free.
        roles: uint16[slots], the bits ABBREVIATION ... COUNTED of `dedup.kernels.words`.
        signs: uint64[2048], 2**17 bits, of which those are set whose numbers some hash begins with: most words are not
            in the table, and of nearly all of those these 16 kB say so, which a processor has at hand.
        dates: uint64[2048], the same of DATE and NEAR_DATE words only: everyday words are in the table for other roles.
    """

    hashes: npt.NDArray[np.uint64]
    roles: npt.NDArray[np.uint16]
    signs: npt.NDArray[np.uint64]
    dates: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, hashes: npt.NDArray[np.uint64], roles: npt.NDArray[np.uint16]) -> Lexicon:
        """Return the table with its signs."""
        dates = hashes[roles & (kernels.DATE | kernels.NEAR_DATE) != 0]
        return cls(hashes, roles, _signs(hashes[hashes != 0]), _signs(dates))


def _signs(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Set the bits whose numbers some hash begins with."""
    signs = np.zeros(1 << 11, np.uint64)
    begins = hashes >> np.uint64(47)
    np.bitwise_or.at(signs, begins >> np.uint64(6), np.uint64(1) << (begins & np.uint64(63)))
    return signs


def read_data(name: str) -> str:
    """Return the text of a data file of this package."""
    return resources.files("dedup").joinpath("data", name).read_text("utf-8")


def entries() -> Iterator[tuple[str, int]]:
    """Yield every word with one of its roles; a word may come more than once."""
    for role, lists in tomllib.loads(read_data("lexicon.toml")).items():
        for words in lists.values():
            for word in words.split():
                yield word, ROLES[role]
    for line in read_data("dates.txt").splitlines():
        word, _, near = line.partition(" ")
        yield word, kernels.NEAR_DATE if near else kernels.DATE


def token_hash(token: str) -> int:
    """Hash a word, or words joined by full stops, as the kernel hashes the token left of a full stop.

    >>> token_hash("Z.B") == token_hash("z.b") != token_hash("zb")
    True
    """
    mask = 0xFFFFFFFFFFFFFFFF
    chain = 0
    for _position, word in enumerate(unicode.fold(token).split(".")):
        h = int(kernels.SEED)
        for character in word:
            h = (h ^ ord(character)) * int(kernels.STEP) & mask
        h = _finish(h)
        chain = (chain * int(CHAIN) + h) & mask
    return _finish(chain) if "." in token else chain


def roles_of(token: str) -> int:
    """Return the bits of a word, or of words joined by full stops; 0 for one that is on no list.

    >>> roles_of("Dr") & kernels.ABBREVIATION, roles_of("Haus")
    (1, 0)
    """
    table, h = load(), token_hash(token)
    slot = h & (len(table.hashes) - 1)
    while table.hashes[slot] and table.hashes[slot] != h:
        slot = (slot + 1) & (len(table.hashes) - 1)
    return int(table.roles[slot])


def _finish(h: int) -> int:
    mask = 0xFFFFFFFFFFFFFFFF
    h = (h ^ (h >> 30)) * int(kernels.MIX_A) & mask
    h = (h ^ (h >> 27)) * int(kernels.MIX_B) & mask
    return h ^ (h >> 31)


@functools.cache
def load() -> Lexicon:
    """Read the shipped table (2 ms, then cached)."""
    with resources.files("dedup").joinpath("data/lexicon.npz").open("rb") as file, np.load(file) as data:
        return Lexicon.of(data["hashes"], data["roles"])


def build() -> Lexicon:
    """Build the table from the word lists (0.2 s; `load` is for everyday use); no two words may have one hash."""
    roles: dict[str, int] = {}
    for word, role in entries():
        folded = unicode.fold(word)
        roles[folded] = roles.get(folded, 0) | role
    by_hash = {token_hash(word): bits for word, bits in roles.items()}
    if len(by_hash) != len(roles) or 0 in by_hash:
        raise AssertionError("two words of the lexicon have one hash")
    slots = 1 << (4 * len(roles)).bit_length()
    hashes, found = np.zeros(slots, np.uint64), np.zeros(slots, np.uint16)
    for h, bits in by_hash.items():
        slot = h & (slots - 1)
        while hashes[slot]:
            slot = (slot + 1) & (slots - 1)
        hashes[slot] = h
        found[slot] = bits
    return Lexicon.of(hashes, found)


def fingerprint() -> str:
    """Return 8 hex digits that change with the word lists and the Unicode tables."""
    digest = hashlib.sha256(f"{unicode.TABLES_VERSION}".encode())
    for name in ("lexicon.toml", "dates.txt"):
        digest.update(read_data(name).encode())
    return digest.hexdigest()[:8]


def build_dates() -> list[str]:
    """Collect the month and weekday names of all CLDR locales that are one word of letters."""
    import regex
    from babel import Locale, localedata

    sure, near = set[str](), set(WEEKDAYS_DE.split())
    also_words = set(unicode.fold(ALSO_WORDS).split())
    for identifier in localedata.locale_identifiers():
        locale = Locale.parse(identifier)
        for names in (locale.months, locale.days):
            for context in ("format", "stand-alone"):
                for width in ("wide", "abbreviated"):
                    for name in names[context][width].values():
                        word = unicode.fold(name).strip().rstrip(".")
                        if not regex.fullmatch(r"[\p{L}\p{M}]{3,}", word) or regex.search(
                            r"[\p{Han}\p{Line_Break=SA}]", word
                        ):
                            continue
                        letters = len(regex.findall(r"\P{M}", word))
                        if width == "wide" and letters >= SHORTEST_SURE_DATE and word not in also_words:
                            sure.add(word)
                        elif locale.language in ABBREVIATING.split() or word in also_words:
                            near.add(word)
    return sorted([*sure, *(f"{word} ?" for word in near - sure)])


def main() -> None:
    """Write the list of dates that `entries` reads, and the table that `load` reads."""
    folder = Path(__file__).parent / "data"
    lines = build_dates()
    (folder / "dates.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    table = build()
    np.savez_compressed(folder / "lexicon.npz", hashes=table.hashes, roles=table.roles)
    print(f"{folder}: {len(lines)} names of dates, {np.count_nonzero(table.hashes)} words")


if __name__ == "__main__":
    main()
