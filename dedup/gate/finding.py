"""A finding: what is said twice, where, and a fingerprint that survives moves and edits elsewhere."""

from __future__ import annotations

import hashlib
import sys

import msgspec

from dedup.decisions import Decision, Reason
from dedup.gate.limits import Kind
from dedup.gate.places import Place
from dedup.visible import one_line

EXCERPT_CHARACTERS = 80
"""How much of a text is quoted."""

PLACE_CHARACTERS = 200
"""How much of a path is shown in a message."""

KIND_OF: dict[Reason, Kind] = {
    "exact-duplicate": "duplicates",
    "near-duplicate": "duplicates",
    "repeat": "repeats",
    "boilerplate": "boilerplate",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that is said twice, or that was suspicious.

    Attributes:
        kind: Which limit it counts against.
        reason: The reason of its decision.
        source: The source of its document.
        document: The id of its document.
        place: Where it stands. Of a pair of duplicates, the one that would go; but if only the other one is in a
            changed file, that one.
        other: Where the other one of the two stands, or the first copy of a repeat.
        similarity: Of a pair, 0-1.
        similarity_original: Of a pair as the two came, 0-1.
        containment: Of a document that a longer one holds nearly all of, 0-1.
        articles: Of boilerplate, how many different articles carry it.
        cluster: Of duplicates, how many documents the cluster has.
        characters: What would go, in code points.
        text: The beginning of it, on one line.
        why: For a flag, what was suspicious.
        fingerprint: 16 hex digits that depend on the text alone, and in the case of boilerplate on the source.
        is_changed: Whether a changed file is concerned; True if all files count as changed.
        is_latent: Whether it would count only if something else changed: what would be cut from a document that goes,
            and the document of a cluster that stays. A baseline must know these, or mending one thing would make
            another one new.
        keeper: Of duplicates, the number of the document that stays.
    """

    kind: Kind
    reason: Reason
    source: str
    document: str
    place: Place
    other: Place | None = None
    similarity: float | None = None
    similarity_original: float | None = None
    containment: float | None = None
    articles: int | None = None
    cluster: int | None = None
    characters: int = 0
    text: str = ""
    why: str | None = None
    fingerprint: str = ""
    is_changed: bool = True
    is_latent: bool = False
    keeper: int | None = None

    @property
    def message(self) -> str:
        """What is wrong, on one line without hidden characters."""
        other = one_line(str(self.other), PLACE_CHARACTERS)
        if self.kind == "flags":
            return one_line(f"{self.why or ''}: “{self.text}”" if self.text else self.why or "", 2 * PLACE_CHARACTERS)
        if self.kind == "boilerplate":
            return f"is boilerplate of {self.articles} article{'' if self.articles == 1 else 's'}: “{self.text}”"
        if self.kind == "repeats":
            where = "an earlier line" if self.other is None or self.other.column is None else f"line {self.other.line}"
            return f"repeats {where}: “{self.text}”"
        if self.reason == "exact-duplicate":
            return f"has the text of {other}: “{self.text}”"
        if self.containment is not None:
            return f"overlaps with {other}, the longer holds {self.containment:.3f} of the shorter: “{self.text}”"
        return f"is {self.similarity:.3f} similar to {other}: “{self.text}”"


def kind_of(decision: Decision) -> Kind:
    """Return which limit a decision counts against."""
    return "flags" if decision.action == "flag" else KIND_OF[decision.reason]


def excerpt_of(text: str) -> str:
    """Return the beginning of a text, on one line without hidden characters."""
    # Of boilerplate there are very many findings with one text: it is held once.
    return sys.intern(one_line(text, EXCERPT_CHARACTERS))


def fingerprint(kind: Kind, reason: Reason, text: str) -> str:
    r"""Name a finding by its text, whatever its line ends and spaces.

    >>> fingerprint("repeats", "repeat", "Foto:  dpa\n") == fingerprint("repeats", "repeat", "Foto: dpa")
    True
    """
    words = " ".join(text.split())
    family = "duplicates" if kind == "duplicates" else f"{kind} {reason}"
    data = f"{family}\0{words}".encode()
    return sys.intern(hashlib.blake2b(data, digest_size=8).hexdigest())
