"""Slow, obvious twins of the kernels in `dedup.kernels.raw`."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

Span = tuple[int, int]


def unescape(value: bytes) -> str | None:
    """Decode one raw JSON string; None if it is no string or has half of a surrogate pair."""
    try:
        text = json.loads(value, strict=False)
        text.encode()
    except (ValueError, AttributeError):
        return None
    return str(text)


def record(line: bytes) -> dict[str, Any] | None:
    """Parse one JSON object, strictly; None if the line is none."""
    try:
        value = json.loads(line.decode(), parse_constant=refuse)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def refuse(word: str) -> None:
    """Raise: NaN and Infinity are no JSON, though Python reads them."""
    raise ValueError(word)


def raw_keys(line: bytes) -> list[bytes]:
    """List the outermost keys of a JSON object as they are written."""
    keys, depth = [], 0
    for match in re.finditer(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]', line, re.DOTALL):
        token = match[0]
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
        elif token[:1] == b'"' and depth == 1 and line[match.end() :].lstrip(b" \t\r\n")[:1] == b":":
            keys.append(token)
    return keys


def json_units(raw: bytes) -> list[tuple[int, int]]:
    """List (raw bytes, bytes of text) of each character inside a JSON string, quotes left out."""
    units = []
    position = 1
    while position < len(raw) - 1:
        # The shortest stretch that decodes to one character is that character.
        for size in (1, 2, 3, 4, 6, 12):
            text = unescape(b'"' + raw[position : position + size] + b'"')
            if text is not None and len(text) == 1:
                units.append((size, len(text.encode())))
                position += size
                break
        else:
            raise ValueError(raw)
    return units


def csv_units(raw: bytes) -> list[tuple[int, int]]:
    """List (raw bytes, bytes of text) of each character inside a CSV cell, the quotes around it left out."""
    if raw[:1] != b'"':
        return [(1, 1)] * len(raw)
    inner = raw[1:-1].replace(b'""', b'"')
    return [(2 if byte == ord('"') else 1, 1) for byte in inner]


def locate(units: list[tuple[int, int]], first: int, span: Span) -> Span:
    """Find the raw bytes of a span of text, where the first character starts at `first`."""
    edges = []
    for target in span:
        raw, text = first, 0
        for raw_size, text_size in units:
            if text == target:
                break
            raw += raw_size
            text += text_size
        if text != target:
            raise ValueError(span)
        edges.append(raw)
    return edges[0], edges[1]


def cells(record: bytes, delimiter: str) -> list[str]:
    """Parse one CSV record."""
    return next(csv.reader([record.decode()], delimiter=delimiter, strict=True))


def take_out(data: bytes, spans: list[Span]) -> tuple[bytes, bytes]:
    """Split data in what stays and what the spans cover."""
    gone = {position for start, end in spans for position in range(start, end)}
    return (
        bytes(byte for position, byte in enumerate(data) if position not in gone),
        bytes(byte for position, byte in enumerate(data) if position in gone),
    )
