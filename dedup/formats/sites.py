"""Which site a document is from, and how that was found out: its source."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from dedup.columns import Bytes, Column
from dedup.formats.fields import as_text

WWW = "www."

_HOST = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]/]*\]|[^/?#:]+)", re.IGNORECASE)

_NAME = re.compile(r"((?:[^\W_](?:[\w-]*[^\W_])?\.)+(?:[^\W\d_]{2,}|xn--[a-z0-9-]+))(?:[:+]\d+)?", re.IGNORECASE)
"""A host that stands alone, with the port as wget writes it. The last label is of letters: `v1.2` is none."""


class Way(IntEnum):
    """How a source was found, surest first; where several ways lead to one, the first counts."""

    FIELD = 0
    """A field names it: `source`, `domain`, or that of `--source-field`."""
    URL = 1
    """It is the host of the field `url`, or of the address in a web archive."""
    CANONICAL = 2
    """A web page gives its address as `<link rel=canonical>`,"""
    OG_URL = 3
    """or as `og:url`,"""
    BASE = 4
    """or as `<base href>`."""
    HOST = 5
    """The file is below a folder that is called like a host, as mirrors are made."""
    FOLDER = 6
    """The document is a file, and this its folder."""
    FILE = 7
    """Nothing says it, and the document is in a file with others: it is the folder of that file, or the file."""
    NONE = 8
    """Nothing says it."""

    @property
    def told(self) -> str:
        """How a report calls it."""
        return self.name.lower()


class Site(NamedTuple):
    """A source, and how it was found."""

    name: str
    way: Way


NOWHERE = Site("", Way.NONE)


def host_of(url: str) -> str:
    """Return the host of an address in lower case, without `www.`; empty if it is none.

    >>> host_of("https://user@News.Example.org:8080/a?b"), host_of("http://www.example.org"), host_of("a/b")
    ('news.example.org', 'example.org', '')
    """
    match = _HOST.match(url)
    return match[1].lower().removeprefix(WWW) if match else ""


def page_host(address: str) -> str:
    """Return the host of an absolute address of the web; empty for any other.

    >>> page_host("https://www.example.org/a"), page_host("//example.org/a"), page_host("ftp://example.org/a")
    ('example.org', '', '')
    """
    return host_of(address) if address[:8].lower().startswith(("http://", "https://")) else ""


def folder_host(folder: str) -> str:
    """Return the host that a folder is called like, as by `host_of`; empty if it is called otherwise.

    >>> [folder_host(name) for name in ("www.example.org", "example.org:8080", "v1.2", "docs", "..")]
    ['example.org', 'example.org', '', '', '']
    """
    match = _NAME.fullmatch(folder)
    return match[1].lower().removeprefix(WWW) if match else ""


@functools.lru_cache(maxsize=4096)
def named(value: str) -> str:
    """Return the source that a field names: the host if it holds an address or a host with `www.`, else what it says.

    >>> named("https://www.example.org/a"), named("WWW.Example.org"), named("Die Stadtbote")
    ('example.org', 'example.org', 'Die Stadtbote')
    """
    if value[:4].lower() == WWW:
        return folder_host(value) or value
    return page_host(value) or value


def named_all(values: Column) -> Column:
    """Return what `named` does for every row; quickly where it changes none."""
    starts = values.offsets[:-1][values.sizes >= len(WWW)]
    begin = values.data[starts[:, np.newaxis] + np.arange(len(WWW))] | 0x20
    if any((begin == np.frombuffer(word, np.uint8)).all(axis=1).any() for word in (b"http", WWW.encode())):
        return Column.of(map(named, values))
    return values


def source_of(values: Sequence[Any], url: Any, otherwise: Site) -> Site:
    """Choose the source of a document: what the first value there is names, else the host of `url`, else another."""
    for value in values:
        text = as_text(value)
        if text:
            return Site(named(text), Way.FIELD)
    host = host_of(url) if isinstance(url, str) else ""
    return Site(host, Way.URL) if host else otherwise


def site_of_file(name: str, folder: str, root: str, *, is_document: bool) -> Site:
    """Return the source of what is in a file, where nothing in it says another.

    Args:
        name: What decisions call the file.
        folder: The folder it is in, relative to the one that was named; empty for that one itself.
        root: What the named folder is called, or that of a file that was named.
        is_document: Whether the file is a single document; else documents of many sites may be in it.
    """
    for part in [*folder.split("/"), root] if is_document else folder.split("/"):
        if host := folder_host(part):
            return Site(host, Way.HOST)
    return Site(folder, Way.FOLDER) if is_document else Site(folder or name, Way.FILE)


def ways_of(site: Site, rows: int) -> Bytes:
    """Return the way of one site for many rows: uint8[rows]."""
    return np.full(rows, site.way, np.uint8)
