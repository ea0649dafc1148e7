"""JSON Lines: one object a line, read only as far as the fields that matter.

Kernels turn raw strings into text, and places in the text back into places in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import msgspec
import numpy as np

from dedup.columns import Bytes, Column, Ints, digests_of
from dedup.formats.fields import Fields, rank_of
from dedup.formats.json_faults import fault_of
from dedup.formats.keys import Finder, Places, Records, finder_of
from dedup.formats.lines import Lines, between, chunks_of, wanted_lines
from dedup.formats.sites import Site, Way, host_of, named, named_all
from dedup.formats.slabs import BOM, NOTHING, FileEdits, Slab, misplaced, slab_of, view
from dedup.formats.source import InputFile, Reject, Rejected
from dedup.kernels import raw as kernels
from dedup.model import Batch
from dedup.parallel import in_order

BLANK = b" \t\r\n"
NEWLINE = np.uint8(10)
WAYS = {f'"{way.told}"'.encode(): way for way in Way}
"""Ways as JSON says them."""


def read(file: InputFile, fields: Fields, wanted: Ints | None, reject: Reject, *, workers: int = 1) -> Iterator[Batch]:
    """Yield the documents of a JSON Lines file.

    Args:
        file: The file.
        fields: What is read of each record.
        wanted: int64[], the only records to parse and yield, ascending; None for all.
        reject: Takes the lines that hold no document.
        workers: Threads.
    """
    fields = fields.extracted() if file.form.extracted else fields
    finder = finder_of(fields)
    ends = []

    def lines(handle: IO[bytes]) -> Iterator[Lines]:
        if wanted is not None and file.line_ends is not None:
            yield from wanted_lines(handle, file.line_ends, wanted)
            return
        for chunk in chunks_of(handle, file.line_ends):
            if wanted is None:
                ends.append(chunk.ends + chunk.offset)
                yield chunk.lines()
            else:
                yield chunk.lines().among(wanted)

    def parse(lines: Lines) -> Batch:
        return documents_of(lines, file, fields, finder, reject)

    with file.open() as handle:
        yield from filter(len, in_order(parse, zip(lines(handle)), workers))
    if ends:
        file.line_ends = np.concatenate(ends)


def slabs(file: InputFile, fields: Fields, edits: FileEdits) -> Iterator[Slab]:
    """Yield the file's bytes, with the lines of dropped records and the raw bytes of cuts marked."""
    last = 0
    with file.open() as handle:
        for chunk in chunks_of(handle, file.line_ends):
            if chunk.first == 1 and chunk.offset:
                yield Slab(BOM)
            last = chunk.first + len(chunk.ends) - 1
            lines = edits.drops[between(edits.drops, chunk.first, last)] - chunk.first
            line_starts, line_ends = chunk.starts[lines], chunk.ends[lines]
            cuts = between(edits.cuts, chunk.first, last)
            if cuts.start == cuts.stop:
                yield Slab(chunk.data, line_starts, line_ends)
                continue
            own = FileEdits(lines, edits.cuts[cuts], edits.starts[cuts], edits.ends[cuts])
            starts, ends = locate(chunk.lines(), file, fields, own)
            yield slab_of(chunk.data, np.concatenate((line_starts, starts)), np.concatenate((line_ends, ends)))
    beyond = [int(records[-1]) for records in (edits.drops, edits.cuts) if len(records) and records[-1] > last]
    if beyond:
        raise misplaced(file, beyond[0])


def documents_of(lines: Lines, file: InputFile, fields: Fields, finder: Finder, reject: Reject) -> Batch:
    """Turn lines into documents.

    Args:
        lines: The lines.
        file: The file they are from.
        fields: What is read of each record.
        finder: Finds these fields.
        reject: Takes the lines that hold no document.
    """

    def refuse(line: int) -> None:
        number, place = int(lines.numbers[line]), int(lines.places[line])
        raw = lines.data[lines.starts[line] : lines.ends[line]]
        message, hint = fault_of(raw, fields.text)
        reject(Rejected(file.index, number, number, message, hint, place, place + len(raw)))

    records, broken = finder.records(lines.data, lines.starts, lines.ends)
    for line in broken.tolist():
        if lines.data[lines.starts[line] : lines.ends[line]].strip(BLANK):
            refuse(line)
    texts, is_bad = _strings(lines.data, finder.places(records, fields.text))
    if is_bad.any():
        for line in records.lines[is_bad != 0].tolist():
            refuse(line)
        good = np.flatnonzero(is_bad == 0)
        records = records.among(good)
        # A bad row has no bytes, so its end may simply be left out.
        texts = Column(texts.data, np.concatenate((texts.offsets[:1], texts.offsets[1:][good])))
    which = records.lines
    numbers = lines.numbers[which]
    rank = fields.rank
    sources, ways = _sources(records, fields, finder, file.site)
    ranks = None if rank is None else [rank_of(_value(raw)) for raw in finder.places(records, rank).cut(lines.data)]
    return Batch(
        files=np.full(len(numbers), file.index, np.int32),
        records=numbers,
        texts=texts,
        ids=_ids(lines.data, finder.places(records, fields.id), file.name, numbers),
        sources=sources,
        digests=digests_of(lines.data, lines.starts[which], _without_newlines(lines)[which]),
        ways=ways,
        ranks=ranks,
    )


def _without_newlines(lines: Lines) -> Ints:
    """Return the ends of the lines before their newlines, since the last line of a file may have none."""
    return np.asarray(lines.ends - (view(lines.data)[lines.ends - 1] == NEWLINE))


def _strings(data: bytes, places: Places) -> tuple[Column, Bytes]:
    """Decode JSON strings in `data`; also return uint8[rows], 1 for what is none."""
    rows = len(places.starts)
    out = np.empty(int((places.ends - places.starts).sum()), np.uint8)
    offsets = np.empty(rows + 1, np.int64)
    is_bad = np.empty(rows, np.uint8)
    kernels.unescape(view(data), *places, out, offsets, is_bad)
    return Column(out, offsets), is_bad


def _value(raw: bytes) -> Any:
    """Decode a raw value; None if it is missing or cannot be decoded."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None


def _text(raw: bytes) -> bytes:
    """Return a string as it is and anything else as its JSON text; nothing for null."""
    if raw[:1] != b'"':
        return b"" if raw == b"null" else raw
    if b"\\" not in raw:
        return raw[1:-1]
    value = _value(raw)
    return value.encode() if isinstance(value, str) else raw


def _ids(data: bytes, places: Places, name: str, numbers: Ints) -> Column:
    ids, is_bad = _strings(data, places)
    if not is_bad.any():
        return ids
    return Column.join(
        [
            _text(raw) if raw and raw[:1] in b'"-0123456789' else f"{name}:{number}".encode()
            for raw, number in zip(places.cut(data), numbers.tolist(), strict=True)
        ]
    )


def _sources(records: Records, fields: Fields, finder: Finder, otherwise: Site) -> tuple[Column, Bytes]:
    """Return the source of each record, and how it was found; as `sites.source_of`."""
    data = records.data
    columns = [finder.places(records, path) for path in fields.sources]
    sources, is_bad = _strings(data, columns[0])
    rows = len(sources)
    if not is_bad.any() and (sources.sizes > 0).all():
        sources, ways = named_all(sources), np.full(rows, Way.FIELD, np.uint8)
    else:
        raws = zip(*(places.cut(data) for places in columns), strict=True)
        values = [next(filter(None, map(_text, raw)), b"") for raw in raws]
        urls = [b""] * rows
        if fields.url is not None and not all(values):
            urls = finder.places(records, fields.url).cut(data)
        found = [_site(value, url, otherwise) for value, url in zip(values, urls, strict=True)]
        sources = Column.of(site.name for site in found)
        ways = np.array([site.way for site in found], np.uint8)
    if fields.way is not None:
        for row, raw in enumerate(finder.places(records, fields.way).cut(data)):
            if ways[row] == Way.FIELD:
                ways[row] = WAYS[raw]
    return sources, ways


def _site(value: bytes, url: bytes, otherwise: Site) -> Site:
    if value:
        return Site(named(value.decode()), Way.FIELD)
    host = host_of(_text(url).decode()) if url[:1] == b'"' else ""
    return Site(host, Way.URL) if host else otherwise


def locate(lines: Lines, file: InputFile, fields: Fields, edits: FileEdits) -> tuple[Ints, Ints]:
    """Return where the cuts of `edits` are in the bytes of some lines, that is, in their raw strings.

    Raises StateError for a cut where there is no record, or no such place in its text.
    """
    if not len(edits.cuts):
        return NOTHING, NOTHING
    finder = finder_of(fields)
    numbers, row = np.unique(edits.cuts, return_inverse=True)
    at = np.searchsorted(lines.numbers, numbers)
    records, broken = finder.records(lines.data, lines.starts[at], lines.ends[at])
    if len(broken):
        raise misplaced(file, int(numbers[broken[0]]))
    places = finder.places(records, fields.text)
    starts, ends = np.empty(len(row), np.int64), np.empty(len(row), np.int64)
    failed = kernels.locate_in_json(
        view(lines.data),
        places.starts[row],
        places.ends[row],
        edits.starts.astype(np.int64),
        edits.ends.astype(np.int64),
        starts,
        ends,
    )
    if failed >= 0:
        raise misplaced(file, int(edits.cuts[failed]))
    return starts, ends
