"""Web pages as text: HTML decoded as a browser would, and its article, or all that is visible, taken out."""

from __future__ import annotations

import codecs
import functools
import importlib
import logging
import re
from collections.abc import Iterator
from typing import Any

from dedup.errors import EngineError
from dedup.formats.sites import Way

HEAD_BYTES = 1024
"""How far from its start the HTML standard lets a page name its encoding."""

INVISIBLE = ["[hidden]", "[aria-hidden=true]", "[style*='display:none']", "[style*='display: none']", "template"]

MARKS = (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")


ADDRESSES = (
    (Way.CANONICAL, "link[rel~=canonical i]", "href"),
    (Way.OG_URL, "meta[property='og:url' i]", "content"),
    (Way.BASE, "base[href]", "href"),
)
"""Where a page says its own address, the first that does counting."""


def text_of(markup: str, extraction: str, *, url: str | None = None) -> tuple[str, str]:
    """Return the text of an HTML page, and what it is: one of `config.EXTRACTIONS`.

    A page in which no article is found gives its lines, so that it does not come out empty.

    Args:
        markup: The page.
        extraction: What is asked for, `article` or `lines`.
        url: Where the page is from.

    Raises:
        EngineError: What reads HTML is not installed.
    """
    if extraction == "article":
        article = _trafilatura().extract(markup, url=url, include_comments=False)
        if article:
            return article, "article"
    return lines_of(markup), "lines"


def lines_of(markup: str) -> str:
    """Return the visible text of a page, one block a line."""
    text = _resiliparse("resiliparse.extract.html2text").extract_plain_text(
        markup, preserve_formatting=True, list_bullets=False, alt_texts=False, skip_elements=INVISIBLE
    )
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line)


def addresses_of(markup: str) -> Iterator[tuple[Way, str]]:
    """Yield the addresses that the head of a page gives as its own, surest first."""
    body = re.search(r"<body\b", markup, re.IGNORECASE)
    tree = _resiliparse("resiliparse.parse.html").HTMLTree.parse(markup[: body.start()] if body else markup)
    for way, selector, attribute in ADDRESSES:
        for node in tree.head.query_selector_all(selector) if tree.head else ():
            yield way, (node.getattr(attribute) or "").strip()


def decode(page: bytes, charset: str | None = None) -> str:
    """Decode a page by its byte order mark, the server's word, its own, as UTF-8, or by a guess, whichever is first."""
    for mark, encoding in MARKS:
        if page.startswith(mark):
            return page.decode(encoding, "replace")
    for label in (charset, _declared(page)):
        # Servers and pages say latin-1 and mean windows-1252; the HTML standard reads it so.
        named: str | None = (
            _resiliparse("resiliparse.parse.encoding").map_encoding_to_html5(label, False) if label else None
        )
        if named:
            return page.decode(named, "replace")
    try:
        return page.decode()
    except UnicodeDecodeError:
        return page.decode(_resiliparse("resiliparse.parse.encoding").detect_encoding(page), "replace")


def _declared(page: bytes) -> str | None:
    """Return the encoding that a page names in its head."""
    found = re.search(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", page[:HEAD_BYTES], re.I)
    return found[1].decode("ascii", "replace") if found else None


@functools.cache
def _trafilatura() -> Any:
    try:
        import trafilatura
    except ImportError:
        raise _missing("trafilatura") from None
    # It logs what it discards; without a handler of any kind that would go to stderr.
    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    return trafilatura


@functools.cache
def _resiliparse(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise _missing("resiliparse") from None


def _missing(name: str) -> EngineError:
    return EngineError(f"HTML is read with {name}, which is not installed", hint="pip install 'corpus-dedup[html]'")
