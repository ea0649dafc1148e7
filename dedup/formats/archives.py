"""Web archives and single web pages as JSON Lines: one document a response, its id the URL, its source the host.

What comes out is what the rest of the program cleans, and what `restore` gives back; the archive itself is only read.
"""

from __future__ import annotations

import email.message
import io
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple, cast

import msgspec

from dedup.errors import EngineError, InputError
from dedup.formats.fields import WAY_FIELD
from dedup.formats.pages import addresses_of, decode, text_of
from dedup.formats.sites import Site, Way, host_of, page_host

TEXT_TYPES = ("text/plain",)
HTML_TYPES = ("text/html", "application/xhtml+xml")

PIECE_BYTES = 1 << 16
LONGEST_BODY_BYTES = 64 << 20
"""Of a response, decoded: a body of a few kilobytes may expand to gigabytes. Chosen: browsers choke on less."""

RECORD_ENDS = (b"\n\r\n", b"\n\n")
TAIL_BYTES = 4
"""A WARC record ends with two line ends; an archive that does not was cut off."""


class Source(NamedTuple):
    """What is turned into JSON Lines.

    Attributes:
        chunks: The plain bytes.
        name: How messages name the file.
        document: The id of a single page.
        site: Its source, if it does not say its address.
        extraction: What is taken out of pages, `article` or `lines`.
    """

    chunks: Iterator[bytes]
    name: str
    document: str
    site: Site
    extraction: str


def records(kind: str, source: Source) -> Iterator[bytes]:
    """Yield a file as lines of JSON.

    Args:
        kind: `html` for a page, `warc` for an archive.
        source: The file.

    Raises:
        InputError: The archive is damaged.
        EngineError: What reads it is not installed.
    """
    for record in READERS[kind](source):
        yield msgspec.json.encode(record) + b"\n"


def _page(source: Source) -> Iterator[dict[str, Any]]:
    markup = decode(b"".join(source.chunks))
    text, extraction = text_of(markup, source.extraction)
    yield {"id": source.document, **_named(_site_of(markup, source.site)), "extraction": extraction, "text": text}


def _responses(source: Source) -> Iterator[dict[str, Any]]:
    """Yield the responses of a WARC and the conversions of a WET file that are pages or plain text.

    Requests, metadata, images and the like hold no document. A response whose body cannot be decoded has no text, so
    that it is the one bad record that the reader finds.
    """
    try:
        from warcio.archiveiterator import ArchiveIterator
        from warcio.exceptions import ArchiveLoadFailed
    except ImportError:
        raise EngineError(
            "web archives are read with warcio, which is not installed", hint="pip install 'corpus-dedup[warc]'"
        ) from None
    stream = _Stream(source.chunks)
    number = 0
    try:
        for number, record in enumerate(ArchiveIterator(cast(IO[bytes], io.BufferedReader(stream))), start=1):
            if record.length is None:
                raise _damaged(source.name, number, "it does not say how long it is")
            found = _document(record, source.extraction)
            record.raw_stream.read()
            if record.raw_stream.limit:
                raise _damaged(source.name, number, "it is shorter than it says")
            if found is not None:
                yield found
    # It meets headers that are cut off with whatever error comes of them.
    except (ArchiveLoadFailed, AttributeError, ValueError) as error:
        raise _damaged(source.name, number + 1, str(error).strip()) from None
    if not number or not stream.tail.endswith(RECORD_ENDS):
        raise _damaged(source.name, number + 1, "the archive ends within it")


def _document(record: Any, extraction: str) -> dict[str, Any] | None:
    """Return the document that a record holds, if it does."""
    headers = record.http_headers if record.rec_type == "response" else record.rec_headers
    if record.rec_type not in ("response", "conversion") or headers is None:
        return None
    kind, charset = _content_type(headers.get_header("Content-Type"))
    if kind not in (*HTML_TYPES, *TEXT_TYPES):
        return None
    url = record.rec_headers.get_header("WARC-Target-URI") or ""
    found: dict[str, Any] = {
        "id": url,
        "url": url,
        **_named(Site(host_of(url), Way.URL)),
        "date": record.rec_headers.get_header("WARC-Date"),
    }
    if record.rec_type == "response":
        code = headers.get_statuscode()
        found["status"] = int(code) if code.isdecimal() else None
    try:
        body = _body(record.content_stream())
    except Exception as error:  # Decoders of many kinds read what some server sent.
        return found | {"error": f"{headers.get_header('Content-Encoding')}: {error}"}
    if kind in TEXT_TYPES:
        return found | {"text": decode(body, charset)}
    markup = decode(body, charset)
    text, extraction = text_of(markup, extraction, url=url)
    site = _site_of(markup, Site(found["source"], Way.URL))
    return found | _named(site) | {"extraction": extraction, "text": text}


def _site_of(markup: str, otherwise: Site) -> Site:
    """Return the source of a web page: the host of the address that it gives as its own, if it does."""
    for way, address in addresses_of(markup):
        if host := page_host(address):
            return Site(host, way)
    return otherwise


def _named(site: Site) -> dict[str, str]:
    """Return the fields that say where a document is from."""
    return {"source": site.name, WAY_FIELD[0]: site.way.told}


def _body(stream: IO[bytes]) -> bytes:
    """Read a body, decoded; raises ValueError for one that is longer than any page."""
    parts, size = [], 0
    while part := stream.read(PIECE_BYTES):
        parts.append(part)
        size += len(part)
        if size > LONGEST_BODY_BYTES:
            raise ValueError(f"more than {LONGEST_BODY_BYTES >> 20} MB, longer than any page")
    return b"".join(parts)


def _content_type(header: str | None) -> tuple[str, str | None]:
    """Split the value of a Content-Type header into the type and the encoding.

    >>> _content_type('Text/HTML; charset="ISO-8859-1"'), _content_type(None)
    (('text/html', 'ISO-8859-1'), ('', None))
    """
    message = email.message.Message()
    message["Content-Type"] = (header or "").replace("\n", " ").replace("\r", " ")
    charset = message.get_param("charset")
    return message.get_content_type() if header else "", charset if isinstance(charset, str) else None


def _damaged(name: str, record: int, what: str) -> InputError:
    return InputError(
        f"WARC record {record} is damaged: {what}", file=name, hint="Fetch the file again, or leave it out."
    )


class _Stream(io.RawIOBase):
    """Chunks of bytes as a file.

    Attributes:
        tail: The last bytes so far.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.tail = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
            self.tail = (self.tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


READERS: dict[str, Callable[[Source], Iterator[dict[str, Any]]]] = {"html": _page, "warc": _responses}
