"""JSON Lines: one object a line, decoded only as far as the fields that matter.

`msgspec` checks each line and hands out the raw bytes of the wanted fields in place, so the position of the
text in the file is known exactly: of equal keys the last counts, keys may be escaped, objects nested.
Kernels turn raw strings into text, and places in the text back into places in the file.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from dedup.columns import Bytes, Column, Ints, digests_of
from dedup.formats.fields import Fields, Path, host_of, rank_of
from dedup.formats.json_faults import fault_of
from dedup.formats.lines import EDIT_CHUNK_BYTES, NEWLINE, Chunk, chunks_of
from dedup.formats.slabs import BOM, FileEdits, Slab, misplaced, slab_of, view
from dedup.formats.source import InputFile, Reject, Rejected
from dedup.kernels import raw as kernels
from dedup.model import Batch

Raws = list[msgspec.Raw]

MISSING = msgspec.Raw(b"")
BLANK = b" \t\r\n"
OPENING, CLOSING, RETURN, BACKSLASH = (np.uint8(character) for character in b"{}\r\\")


class _Lines(NamedTuple):
    """Some lines of a chunk: where they are in `data`, and their numbers in the file."""

    data: bytes
    starts: Ints
    ends: Ints
    numbers: Ints


def read(file: InputFile, fields: Fields, wanted: Ints | None, reject: Reject) -> Iterator[Batch]:
    """Yield the documents of a JSON Lines file.

    Args:
        file: The file.
        fields: What is read of each record.
        wanted: int64[], the only records to parse and yield, ascending; None for all.
        reject: Takes the lines that hold no document.
    """
    shape = _Shape(fields)
    ends = []
    with file.open() as handle:
        for chunk in chunks_of(handle, file.line_ends):
            if wanted is None:
                ends.append(chunk.ends + chunk.offset)
            batch = _batch(_select(chunk, wanted), chunk.offset, file, shape, reject)
            if len(batch):
                yield batch
    if ends:
        file.line_ends = np.concatenate(ends)


def slabs(file: InputFile, fields: Fields, edits: FileEdits) -> Iterator[Slab]:
    """Yield the file's bytes, with the lines of dropped records and the raw bytes of cuts marked."""
    shape = _Shape(fields)
    last = 0
    with file.open() as handle:
        for chunk in chunks_of(handle, file.line_ends, EDIT_CHUNK_BYTES):
            if chunk.first == 1 and chunk.offset:
                yield Slab(BOM)
            last = chunk.first + len(chunk.ends) - 1
            drops = _between(edits.drops, chunk.first, last)
            cuts = _between(edits.cuts, chunk.first, last)
            lines = edits.drops[drops] - chunk.first
            starts, ends = _locate(chunk, file, shape, FileEdits(lines, *(part[cuts] for part in edits[1:])))
            yield slab_of(
                chunk.data,
                np.concatenate((chunk.starts[lines], starts)),
                np.concatenate((chunk.ends[lines], ends)),
            )
    beyond = [int(records[-1]) for records in (edits.drops, edits.cuts) if len(records) and records[-1] > last]
    if beyond:
        raise misplaced(file, beyond[0])


class _Shape:
    """How to get at the fields: a decoder that keeps the outermost of each path, and the way on."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        names = dict.fromkeys(path[0] for path in (fields.text, *fields.optional()))
        attributes = {name: f"field_{position}" for position, name in enumerate(names)}
        self.decoder = _raw_decoder(list(attributes.items()))
        self._getters = {name: operator.attrgetter(attribute) for name, attribute in attributes.items()}
        self._inner = {
            name: _raw_decoder([(name, "value")]) for path in (fields.text, *fields.optional()) for name in path[1:]
        }

    def raws(self, records: Sequence[msgspec.Struct], path: Path) -> Raws:
        """Return the raw value of a field in each record, `MISSING` where it has none."""
        found: Raws = list(map(self._getters[path[0]], records))
        for name in path[1:]:
            decode = self._inner[name].decode
            found = [_descend(raw, decode) for raw in found]
        return found


def _raw_decoder(names: Sequence[tuple[str, str]]) -> msgspec.json.Decoder[Any]:
    """Make a decoder to structs with the raw values of the named keys, each in its attribute."""
    struct = msgspec.defstruct(
        "Record",
        [(attribute, msgspec.Raw, MISSING) for _, attribute in names],
        rename={attribute: name for name, attribute in names},
        gc=False,
    )
    return msgspec.json.Decoder(struct)


def _descend(raw: msgspec.Raw, decode: Callable[[msgspec.Raw], Any]) -> msgspec.Raw:
    try:
        value: msgspec.Raw = decode(raw).value
    except msgspec.DecodeError:
        return MISSING
    return value


def _between(numbers: Ints, first: int, last: int) -> slice:
    return slice(int(np.searchsorted(numbers, first)), int(np.searchsorted(numbers, last, side="right")))


def _select(chunk: Chunk, wanted: Ints | None) -> _Lines:
    """Return the wanted lines of a chunk, end to end."""
    if wanted is None:
        return _Lines(chunk.data, chunk.starts, chunk.ends, np.arange(len(chunk.ends)) + chunk.first)
    numbers = wanted[_between(wanted, chunk.first, chunk.first + len(chunk.ends) - 1)]
    which = numbers - chunk.first
    pieces = [chunk.data[start:end] for start, end in zip(chunk.starts[which], chunk.ends[which], strict=True)]
    offsets = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum(chunk.ends[which] - chunk.starts[which], out=offsets[1:])
    return _Lines(b"".join(pieces), offsets[:-1], offsets[1:], numbers)


def _batch(lines: _Lines, offset: int, file: InputFile, shape: _Shape, reject: Reject) -> Batch:
    """Decode lines into documents."""

    def refuse(line: int, message: str, hint: str) -> None:
        number, start, end = int(lines.numbers[line]), int(lines.starts[line]), int(lines.ends[line])
        reject(Rejected(file.index, number, number, message, hint, offset + start, offset + end))

    records, which = _decode(lines, shape, refuse)
    escapes = _backslashes(lines.data)
    texts, is_bad = _strings(lines.data, escapes, shape.raws(records, shape.fields.text))
    if is_bad.any():
        for row in np.flatnonzero(is_bad):
            line = int(which[row])
            refuse(line, *fault_of(lines.data[lines.starts[line] : lines.ends[line]], shape.fields.text))
        good = np.flatnonzero(is_bad == 0)
        records = [records[row] for row in good]
        # A bad row has no bytes, so its end may simply be left out.
        texts = Column(texts.data, np.concatenate((texts.offsets[:1], texts.offsets[1:][good])))
        which = which[good]
    numbers = lines.numbers[which]
    rank = shape.fields.rank
    return Batch(
        files=np.full(len(records), file.index, np.int32),
        records=numbers,
        texts=texts,
        ids=_ids(lines.data, escapes, shape.raws(records, shape.fields.id), file.name, numbers),
        sources=_sources(lines.data, escapes, records, shape, file.folder),
        digests=digests_of(lines.data, lines.starts[which], _without_newlines(lines)[which]),
        ranks=None if rank is None else [rank_of(_value(raw)) for raw in shape.raws(records, rank)],
    )


def _without_newlines(lines: _Lines) -> Ints:
    """Return the ends of the lines before their newlines, since the last line of a file may have none."""
    return np.asarray(lines.ends - (view(lines.data)[lines.ends - 1] == NEWLINE))


def _decode(lines: _Lines, shape: _Shape, refuse: Callable[[int, str, str], None]) -> tuple[list[msgspec.Struct], Ints]:
    """Decode all lines that hold a record; return the records and which lines they are."""
    if _is_an_object_each(lines) and _is_utf8(lines.data):
        # If one fails, they are decoded line by line, to find which.
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            together = shape.decoder.decode_lines(lines.data)
            # No line is without a record, so as many records as lines means one in each.
            if len(together) == len(lines.ends):
                return together, np.arange(len(together))
    records: list[msgspec.Struct] = []
    which: list[int] = []
    whole = memoryview(lines.data)
    for line, (start, end) in enumerate(zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)):
        if not lines.data[start:end].strip(BLANK):
            continue
        try:
            str(whole[start:end], "utf-8")
            records.append(shape.decoder.decode(whole[start:end]))
            which.append(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            refuse(line, *fault_of(lines.data[start:end], shape.fields.text))
    return records, np.array(which, np.int64)


def _is_an_object_each(lines: _Lines) -> bool:
    """Tell whether each line starts with '{' and ends with '}': no object goes on in the next, then."""
    data = view(lines.data)
    if not len(lines.ends) or (data[lines.starts] != OPENING).any():
        return False
    inner = lines.ends[:-1] - 2
    last = data[inner]
    is_return = last == RETURN
    if is_return.any():
        last = np.where(is_return, data[inner - 1], last)
    return bool((last == CLOSING).all())


def _is_utf8(data: bytes) -> bool:
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _positions(data: bytes, raws: Raws) -> tuple[Ints, Ints]:
    """Return where raw values, which are views into `data`, start and end in it; 0 and 0 for missing ones."""
    buffers = [pa.py_buffer(raw) for raw in raws]
    sizes = np.array([buffer.size for buffer in buffers], np.int64)
    starts = np.array([buffer.address for buffer in buffers], np.int64) - pa.py_buffer(data).address
    starts[sizes == 0] = 0
    return starts, starts + sizes


def _strings(data: bytes, escapes: Ints, raws: Raws) -> tuple[Column, Bytes]:
    """Decode JSON strings in `data`; also return uint8[rows], 1 for what is none.

    Args:
        data: The bytes that the raw values are views into.
        escapes: The positions of all backslashes in them.
        raws: The raw values.
    """
    starts, ends = _positions(data, raws)
    out = np.empty(int((ends - starts).sum()), np.uint8)
    offsets = np.empty(len(raws) + 1, np.int64)
    is_bad = np.empty(len(raws), np.uint8)
    kernels.unescape(view(data), starts, ends, escapes, out, offsets, is_bad)
    return Column(out, offsets), is_bad


def _backslashes(data: bytes) -> Ints:
    return np.flatnonzero(view(data) == BACKSLASH)


def _value(raw: msgspec.Raw) -> Any:
    """Decode a raw value; None if it is missing or cannot be decoded."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None


def _text(raw: msgspec.Raw) -> bytes:
    """Return a string as it is and anything else as its JSON text; nothing for null."""
    data = bytes(raw)
    if data[:1] != b'"':
        return b"" if data == b"null" else data
    if b"\\" not in data:
        return data[1:-1]
    value = _value(raw)
    return value.encode() if isinstance(value, str) else data


def _ids(data: bytes, escapes: Ints, raws: Raws, name: str, numbers: Ints) -> Column:
    ids, is_bad = _strings(data, escapes, raws)
    if not is_bad.any():
        return ids
    return Column.join(
        [
            _text(raw) if bytes(raw)[:1] in b'"-0123456789' and bytes(raw) else f"{name}:{number}".encode()
            for raw, number in zip(raws, numbers.tolist(), strict=True)
        ]
    )


def _sources(data: bytes, escapes: Ints, records: Sequence[msgspec.Struct], shape: _Shape, folder: str) -> Column:
    columns = [shape.raws(records, path) for path in shape.fields.sources]
    sources, is_bad = _strings(data, escapes, columns[0])
    if not is_bad.any() and (sources.sizes > 0).all():
        return sources
    found = [next(filter(None, map(_text, values)), b"") for values in zip(*columns, strict=True)]
    if shape.fields.url is not None and not all(found):
        urls = shape.raws(records, shape.fields.url)
        found = [source or _host(url) for source, url in zip(found, urls, strict=True)]
    return Column.join([source or folder.encode() for source in found])


def _host(raw: msgspec.Raw) -> bytes:
    return host_of(_text(raw).decode()).encode() if bytes(raw)[:1] == b'"' else b""


def _locate(chunk: Chunk, file: InputFile, shape: _Shape, edits: FileEdits) -> tuple[Ints, Ints]:
    """Return the raw bytes of the cuts in a chunk."""
    if not len(edits.cuts):
        return edits.starts, edits.ends
    numbers, row = np.unique(edits.cuts, return_inverse=True)
    lines = numbers - chunk.first
    whole = memoryview(chunk.data)
    try:
        records = [
            shape.decoder.decode(whole[start:end])
            for start, end in zip(chunk.starts[lines].tolist(), chunk.ends[lines].tolist(), strict=True)
        ]
    except msgspec.DecodeError:
        raise misplaced(file, int(numbers[0])) from None
    values, value_ends = _positions(chunk.data, shape.raws(records, shape.fields.text))
    starts, ends = np.empty(len(row), np.int64), np.empty(len(row), np.int64)
    failed = kernels.locate_in_json(
        view(chunk.data),
        values[row],
        value_ends[row],
        _backslashes(chunk.data),
        np.ascontiguousarray(edits.starts),
        np.ascontiguousarray(edits.ends),
        starts,
        ends,
    )
    if failed >= 0:
        raise misplaced(file, int(edits.cuts[failed]))
    return starts, ends
