"""The slow, obvious twin of `dedup.kernels.markdown`: one sign, one regular expression."""

from __future__ import annotations

import re
from typing import NamedTuple

HEADING = re.compile(r" {0,3}#{1,6}[ \t]")
FENCE = re.compile(r" {0,3}(`{3,}+|~{3,}+)[^`]*")
DELIMITERS = re.compile(r" {0,3}[|:-][|:\- \t]*")
UNDERLINE = re.compile(r" {0,3}(={3,}|-{3,})")
DEFINITION = re.compile(r" {0,3}\[[^\]]*\]:[ \t]*[^ \t]++[ \t]*(\Z|[\"'(])")
INLINE = re.compile(r"\]\(|<!--")


class Line(NamedTuple):
    """A line up to its last visible character, and what segmentation says of it."""

    text: str
    width: int
    is_terminated: bool


def sign(lines: list[Line]) -> int:
    """Return 2 for a text with a firm sign of Markdown, 1 for one with a subtle sign, else 0."""
    texts = [line.text for line in lines]
    if has_front_matter(texts) or any(is_firm(lines, at) for at in range(len(lines))):
        return 2
    return int(any(DEFINITION.match(text) or INLINE.search(text) for text in texts))


def has_front_matter(texts: list[str]) -> bool:
    if len(texts) < 3:
        return False
    key_sign, closing = {"---": (":", ("---", "...")), "+++": ("=", ("+++",))}.get(
        texts[0].removeprefix("\ufeff"), ("", ())
    )
    return bool(closing) and (texts[1][:1] == "#" or key_sign in texts[1]) and any(one in closing for one in texts[2:])


def is_firm(lines: list[Line], at: int) -> bool:
    text = lines[at].text
    if HEADING.match(text) or FENCE.fullmatch(text):
        return True
    if DELIMITERS.fullmatch(text) and "|" in text and text.count("-") >= 2:
        return True
    above = lines[at - 1] if at else None
    is_alone = at == 1 or (at > 1 and lines[at - 2].text == "")
    return bool(UNDERLINE.fullmatch(text) and above and above.width and not above.is_terminated and is_alone)
