"""What exactly is wrong with a line of JSON Lines: worked out only once reading it has failed."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from dedup.formats.fields import Path

SHOWN_NAMES = 8
NAME_THE_FIELD = "Name the field with --text-field."
CONVERT = "Convert the file to UTF-8."
ONE_A_LINE = "Write one object a line, for instance with: jq -c '.[]' FILE"

_NAMES = (
    (bool, "true or false"),
    (str, "a string"),
    (int, "a number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "an object"),
)


def fault_of(line: bytes, path: Path) -> tuple[str, str]:
    """Say what keeps a line from being a document whose text is at `path`, and what to do about it.

    >>> fault_of(b'{"id": 1, "body": "a"}', ("text",))
    ("no field 'text' (it has: id, body)", 'Name the field with --text-field.')
    """
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte {error.start + 1} of the line is {line[error.start]:#04x})", CONVERT
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return _syntax_fault(line, error)
    if not isinstance(record, dict):
        return f"is not an object, but {name_of(record)}", ONE_A_LINE
    return value_fault(record, path) or ("the text has an escape that stands for no character", CONVERT)


def value_fault(record: dict[str, Any], path: Path) -> tuple[str, str] | None:
    """Say why there is no string at `path` of a record; None if there is one."""
    value: Any = record
    for depth, name in enumerate(path):
        field = ".".join(path[: depth + 1])
        if not isinstance(value, dict):
            return f"field {'.'.join(path[:depth])!r} is {name_of(value)}, not an object", NAME_THE_FIELD
        if name not in value:
            return f"no field {field!r} (it has: {listed(value)})", NAME_THE_FIELD
        value = value[name]
    if isinstance(value, str):
        return None
    return f"field {'.'.join(path)!r} is {name_of(value)}, not a string", NAME_THE_FIELD


def listed(names: Any) -> str:
    """List names for a message, not too many of them."""
    shown = list(names)
    return ", ".join(shown[:SHOWN_NAMES]) + (", ..." if len(shown) > SHOWN_NAMES else "") if shown else "nothing"


def name_of(value: object) -> str:
    """Name the kind of a JSON value."""
    return "null" if value is None else next(name for kind, name in _NAMES if isinstance(value, kind))


def _syntax_fault(line: bytes, error: Exception) -> tuple[str, str]:
    """Say why a line is not JSON."""
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply", "Flatten the record."
    if line.strip() in (b"[", b"{"):
        return "the JSON goes on over several lines", ONE_A_LINE
    try:
        # Python's parser accepts two things that are no JSON; if it is content, it was one of them.
        lenient = json.loads(line)
        json.dumps(lenient, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return (
            "has half of a surrogate pair, which stands for no character",
            "Repair the program that wrote it.",
        )
    except (ValueError, RecursionError):
        reason = str(error).removeprefix("JSON is malformed: ")
        return f"is broken JSON: {reason}", "Repair the line, or pass over such records with --on-error skip."
    return "is broken JSON: NaN and Infinity are no JSON numbers", "Write null instead."
