"""Whether a segment inside a line is surely one whole sentence, so that cutting it tears nothing.

Segmentation must come out the same wherever a sentence stands, and so it sometimes ends one behind an abbreviation that
no list knows. Where text is to be cut that is not good enough: here both ends must be sure.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dedup import lexicon
from dedup.kernels.words import ABBREVIATION, ENDER, NUMBERED, STARTER, UNIT
from dedup.unicode import fold

if TYPE_CHECKING:
    import regex

SHORTEST_WORD = 5
"""Letters from which the word before a full stop is no abbreviation, unless something else says so. Chosen: of the
abbreviations of the lexicon, seven of eight have four letters or fewer. Everyday words of the lexicon may be
shorter."""

LONGEST_NAME = 8
"""Letters up to which a capitalised word before a mark may be a name with that mark: "Yahoo! Deutschland"."""

SEARCHED = 20_000
"""Characters of a document in which is looked for the same word with a full stop that ends no sentence."""

BEGINNING = r"\W*[\p{Lu}\p{Lt}\p{Lo}]"
ENDING = r"(?P<token>[^\s\"'“”„‘’‚«»‹›(\[（「]*?)(?P<marks>[.!?…؟۔।॥。！？｡．]+)[\"'“”„‘’‚«»‹›)\]）」』】]*\s*\Z"
SURE_MARKS = "。！？｡．؟۔।॥"
ROMAN = r"[IVXLCDM]+"
CUT_SHORT = r"[bcdfgkpstvwxzß][lrnm]"
"""How words end that were cut short, and few others: Hauptstr., bezgl., Abschn."""


@functools.cache
def _pattern(text: str) -> regex.Pattern[str]:
    import regex

    return regex.compile(text)


def is_whole(text: str) -> bool:
    """Say whether a sentence stands for itself: its brackets close, and no list hangs on it.

    >>> is_whole("Der Rat tagt (am Montag)."), is_whole("Der Rat (vgl. Bl."), is_whole("Sie dürfen nicht:")
    (True, False, False)
    """
    return not leads_in(text) and all(text.count(left) == text.count(right) for left, right in ("()", "[]"))


def leads_in(text: str) -> bool:
    """Say whether a list or a quotation follows."""
    return text.rstrip().endswith((":", "："))


def is_sentence(before: str, text: str, after: str, document: str) -> bool:
    """Say whether a segment is surely one whole sentence.

    Args:
        before: The segment before it in its line; empty for the first one.
        text: The segment.
        after: The segment behind it in its line; empty for the last one.
        document: Where else its words may be seen; only the beginning is looked at.

    >>> is_sentence("Er kam heute.", "Die Sonne schien.", "Alle lachten.", "")
    True
    >>> is_sentence("Sie wohnt in der Hauptstr.", "Neun im Hof.", "", "")
    False
    """
    begins = bool(_pattern(BEGINNING).match(text)) and (not before or ends_surely(before, text, document))
    ends = ends_surely(text, after, document) if after else bool(_pattern(ENDING).search(text))
    return begins and ends and is_whole(text)


def ends_surely(text: str, after: str, document: str) -> bool:
    """Say whether a sentence surely ends between two segments.

    >>> ends_surely("Es fehlte der Sr.", "García sprach.", ""), ends_surely("Es war spät.", "alle gingen.", "")
    (False, False)
    """
    found = _pattern(ENDING).search(text)
    if not found or not _pattern(BEGINNING).match(after):
        return False
    token, marks = found["token"], found["marks"]
    if marks[-1] in SURE_MARKS and token:
        return True
    if marks == ".":
        if may_be_abbreviation(token):
            return is_short(token) and _is_written(r"(?![\w.])", token, document)
        return not _is_written(r"\.(?=[,;:]|\s+[\p{Ll}\p{Nd}])", token, document)
    is_first = not text[: found.start("token")].strip()
    may_be_name = token[:1].isupper() and len(token) <= LONGEST_NAME and not is_first
    return bool(token) and "." not in marks and "…" not in marks and not may_be_name


@functools.lru_cache(4096)
def may_be_abbreviation(token: str) -> bool:
    """Say whether a word before a full stop may be an abbreviation, an initial or a number.

    >>> list(filter(may_be_abbreviation, ("Ufer", "dott", "Bahnhofstr", "XIV", "T", "2025", "morgen", "it")))
    ['Ufer', 'dott', 'Bahnhofstr', 'XIV', 'T', '2025']
    """
    if not _pattern(r"[\p{L}\p{M}'’-]+").fullmatch(token) or _pattern(ROMAN).fullmatch(token):
        return True
    roles = lexicon.roles_of(token)
    return (
        bool(roles & (ABBREVIATION | ENDER | UNIT | NUMBERED))
        or (is_short(token) and not roles & STARTER)
        or _letters(token) == 1
        or bool(_pattern(rf".*{CUT_SHORT}").fullmatch(fold(token)))
    )


def is_short(token: str) -> bool:
    """Say whether a word that is on no list of abbreviations may be one for its length; single letters are initials."""
    roles = lexicon.roles_of(token)
    is_known = roles & (ABBREVIATION | ENDER | UNIT | NUMBERED) or _pattern(ROMAN).fullmatch(token)
    return not is_known and 1 < _letters(token) < SHORTEST_WORD and token.isalpha()


def _letters(token: str) -> int:
    return len(_pattern(r"\p{L}").findall(token))


def _is_written(so: str, token: str, document: str) -> bool:
    """Say whether a document writes a word so elsewhere: without a full stop, or with one that ends no sentence."""
    import regex

    return bool(regex.search(rf"(?<!\w){regex.escape(token)}{so}", document[:SEARCHED]))
