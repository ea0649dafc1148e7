"""Which fields of a record matter, and what their values say: id, source and rank of a document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from dedup.config import KEEP_FIELDS, Config
from dedup.errors import UsageError

Path = tuple[str, ...]
"""The names from the record down to a field."""

SOURCE_FIELDS: tuple[Path, ...] = (("source",), ("domain",))
URL_FIELD: Path = ("url",)
WAY_FIELD: Path = ("source_from",)
"""In what is extracted from web pages: how their source was found."""


class Fields(NamedTuple):
    """The paths of the fields that are read.

    Attributes:
        text: The text; the only field that is ever changed.
        id: The document's name.
        sources: Where its source may stand, the first that has a value counting.
        url: The address whose host is the source otherwise; None where one field is prescribed.
        rank: The field of a keep policy; None where the policy needs none.
        way: Where it says how the source was found; None but for what was extracted.
    """

    text: Path
    id: Path
    sources: tuple[Path, ...]
    url: Path | None
    rank: Path | None
    way: Path | None = None

    @classmethod
    def of(cls, config: Config) -> Fields:
        """Take the fields from a configuration.

        >>> Fields.of(Config(text_field="body.text", keep="max:date")).rank
        ('date',)
        """
        rank = path_of(config.keep[4:]) if config.keep[:4] in KEEP_FIELDS else None
        if config.source_field:
            return cls(
                path_of(config.text_field),
                path_of(config.id_field),
                (path_of(config.source_field),),
                None,
                rank,
            )
        return cls(path_of(config.text_field), path_of(config.id_field), SOURCE_FIELDS, URL_FIELD, rank)

    def extracted(self) -> Fields:
        """Return the fields that are read of what was extracted from web pages."""
        return self._replace(way=None if self.url is None else WAY_FIELD)

    def optional(self) -> list[Path]:
        """Return every path but that of the text."""
        return [path for path in (self.id, *self.sources, self.url, self.rank, self.way) if path is not None]


def path_of(field: str) -> Path:
    """Split a dotted field name; raises UsageError if it is no UTF-8, as no field of a file can be called that."""
    try:
        field.encode()
    except UnicodeEncodeError:
        raise UsageError(f"field {field!r} is not UTF-8", hint="Check the encoding of the terminal.") from None
    return tuple(field.split("."))


def as_text(value: Any) -> str:
    """Return a string as it is and any other value as its JSON text; nothing for None.

    >>> as_text("a"), as_text(1.0), as_text([True]), as_text(None)
    ('a', '1.0', '[true]', '')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError):
        return str(value)


def id_text(value: Any) -> str | None:
    """Return what a value says as an id: strings and numbers do, everything else is None."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return as_text(value)
    return None


def rank_of(value: Any) -> float | str | None:
    """Return a number as float, a string or a date as text, None for all else and for what is not finite.

    >>> rank_of(3), rank_of("2025-01-02"), rank_of(True), rank_of(float("nan"))
    (3.0, '2025-01-02', None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return value
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def rank_of_cell(cell: str) -> float | str | None:
    """Return what a cell of a CSV file says as a rank: a number if it looks like one, None if it is empty.

    >>> rank_of_cell("10"), rank_of_cell("2025-01-02"), rank_of_cell("")
    (10.0, '2025-01-02', None)
    """
    try:
        number = float(cell)
    except ValueError:
        return cell or None
    return number if math.isfinite(number) else cell


def reach(record: Mapping[str, Any], path: Path) -> Any:
    """Follow a path into nested objects; None if it leads nowhere."""
    value: Any = record
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
