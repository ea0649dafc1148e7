"""The library's front door: clean what is already in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from dedup import audit, pipeline, report
from dedup.columns import Column
from dedup.config import Config
from dedup.decisions import Decision
from dedup.edit import remove_spans
from dedup.errors import InputError, UsageError
from dedup.formats.fields import Fields, id_text, path_of, rank_of, reach
from dedup.formats.sites import NOWHERE, Site, source_of
from dedup.model import Batch, Wanted, take
from dedup.spill import IN_MEMORY, Room

BATCH_ROWS = 5_000
NAME = "data"
"""What decisions call the one "file" there is."""


@dataclass(frozen=True, slots=True)
class Result:
    """What stays, what went, and why.

    Attributes:
        kept: The documents that stay, edited where something was cut, in order; of the type that was given: a list of
            str or dict, or a pyarrow Table of the columns and types that were given.
        dropped: The documents that went, unedited.
        decisions: Every removal and every flag.
        report: Counts, as in report.json.
    """

    kept: Any
    dropped: Any
    decisions: list[Decision]
    report: dict[str, Any]

    @property
    def text(self) -> str:
        """The text that is left of a single one; raises ValueError for a result of several documents."""
        (text,) = self.kept
        return str(text)


def clean_text(text: str, **options: Any) -> Result:
    r"""Strip the repeats of one article: later copies of a caption, a headline, a sentence.

    Args:
        text: The article.
        **options: As for `clean`.

    >>> line = "Ein Satz, der lang genug ist, um ein Zitat zu sein.\n"
    >>> clean_text(line * 2).text == line
    True
    """
    return clean([text], **{"only": ("repeats",)} | options)


def clean(data: Any, *, workers: int = 1, **options: Any) -> Result:
    r"""Strip repeats, boilerplate and duplicate articles from a collection; the collection itself is not changed.

    Args:
        data: A list of texts, a list of dicts, or anything that offers `__arrow_c_stream__` (pyarrow, pandas, polars,
            DuckDB, datasets) with a column of texts.
        workers: Threads.
        **options: Fields of `Config`, such as `threshold=0.7` or `text_field="body"`.

    Raises:
        UsageError: An option is not known or out of range.
        InputError: There are no documents, or one has no text.
        LossError: More would go than `max_loss` allows.

    >>> article = "Der Rat der Stadt hat am Montag nach langer Debatte den Bau der Brücke beschlossen."
    >>> result = clean([{"id": "a", "text": article}, {"id": "b", "text": article + "\n"}])
    >>> [document["id"] for document in result.kept], result.decisions[0].keeper
    (['b'], 'b')
    """
    config = _config(options)
    rows = _rows(data, config)
    corpus = _Memory(rows, config)
    plan = pipeline.scan(corpus, config, workers=workers)
    report.check_loss(plan)
    edited = remove_spans(rows.texts, plan.cuts.documents, plan.cuts.starts, plan.cuts.ends)
    changed = set(plan.cuts.documents.tolist())
    texts = audit.TemplateTexts()
    decisions = list(texts.noting(audit.decisions(plan, corpus)))
    summary = report.build(plan, texts.by_id, corpus.names, rejected=0, timing_s={})
    return Result(
        kept=rows.select(np.flatnonzero(~plan.dropped), edited, changed),
        dropped=rows.select(np.flatnonzero(plan.dropped), rows.texts, set()),
        decisions=decisions,
        report=summary,
    )


def batch_of(table: Any, config: Config) -> Batch:
    """Return the documents of an Arrow table; raises InputError where one has no text."""
    return _Memory(_Tabled(table, config), config).batch


def _config(options: dict[str, Any]) -> Config:
    known = Config.__dataclass_fields__
    for name in options:
        if name not in known:
            raise UsageError(f"option {name!r} is not known", hint=f"There are: workers, {', '.join(known)}.")
    if isinstance(options.get("only"), str):
        options = options | {"only": options["only"].split(",")}
    for name in ("only", "protect", "known_boilerplate"):
        if name in options:
            value = options[name]
            options = options | {name: (value,) if isinstance(value, str) else tuple(value)}
    return Config(**options)


class _Listed:
    """A list of texts or of records with a text each."""

    def __init__(self, items: Sequence[str | Mapping[str, Any]], config: Config) -> None:
        self._items = items
        self._path = path_of(config.text_field)
        self.records = [{} if isinstance(item, str) else item for item in items]
        texts = [item if isinstance(item, str) else reach(item, self._path) for item in items]
        for number, text in enumerate(texts, start=1):
            if not isinstance(text, str):
                raise _no_text(number, config.text_field, type(text).__name__)
        self.texts = _encode(texts)
        records = [repr(item).encode("utf-8", "surrogatepass") for item in items]
        self.digests = np.array([xxhash.xxh3_64_intdigest(record) for record in records], np.uint64)

    def select(self, rows: npt.NDArray[np.int64], texts: Column, changed: set[int]) -> list[Any]:
        """Return some items, with the given text where they changed."""
        return [self._with_text(row, texts[row]) if row in changed else self._items[row] for row in rows.tolist()]

    def _with_text(self, row: int, text: str) -> Any:
        item = self._items[row]
        return text if isinstance(item, str) else _replaced(item, self._path, text)


class _Tabled:
    """A table with a column of texts."""

    def __init__(self, data: Any, config: Config) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        self._table = pa.table(data)
        self._field = config.text_field
        if self._field not in self._table.column_names:
            has = ", ".join(self._table.column_names)
            raise InputError(f"there is no column {self._field!r} (there are: {has})", hint="Name it with text_field=.")
        column = self._table[self._field]
        if column.null_count:
            raise _no_text(pc.index(column.is_null(), True).as_py() + 1, self._field, "null")
        if not _is_text(column.type):
            raise InputError(
                f"column {self._field!r} does not hold texts ({column.type})", hint="Name another with text_field=."
            )
        self.texts = Column.from_arrow(column.cast(pa.large_string()).combine_chunks())
        self.digests = self.texts.digests()
        fields = Fields.of(config).optional()
        self.records = self._table.select(
            sorted({path[0] for path in fields} & set(self._table.column_names))
        ).to_pylist()
        if not self.records:
            self.records = [{} for _ in range(len(self.texts))]

    def select(self, rows: npt.NDArray[np.int64], texts: Column, changed: set[int]) -> Any:
        """Return some rows as a table; `texts` holds the text of every row."""
        import pyarrow as pa

        place = self._table.column_names.index(self._field)
        field = self._table.schema.field(place)
        column = texts.to_arrow().take(pa.array(rows)).cast(field.type)
        return _take_rows(self._table, rows).set_column(place, field, column)


class _Memory:
    """Documents in memory, as the engine reads them."""

    def __init__(self, rows: _Listed | _Tabled, config: Config) -> None:
        fields = Fields.of(config)
        records = rows.records
        sites = [_site(record, fields) for record in records]
        self.batch = Batch(
            files=np.zeros(len(records), np.int32),
            records=np.arange(1, len(records) + 1),
            texts=rows.texts,
            ids=_encode([id_text(reach(record, fields.id)) or f"{NAME}:{i}" for i, record in enumerate(records, 1)]),
            sources=_encode([site.name for site in sites]),
            digests=rows.digests,
            ways=np.array([site.way for site in sites], np.uint8),
            ranks=None if fields.rank is None else [rank_of(reach(record, fields.rank)) for record in records],
        )

    @property
    def room(self) -> Room:
        return IN_MEMORY

    @property
    def names(self) -> list[str]:
        return [NAME]

    @property
    def rejected(self) -> list[object]:
        return []

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        rows = np.arange(len(self.batch)) if wanted is None else wanted.records - 1
        for start in range(0, len(rows), BATCH_ROWS):
            yield take(self.batch, rows[start : start + BATCH_ROWS])


def _is_text(kind: Any) -> bool:
    """Say whether an Arrow type is one of texts."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _take_rows(table: Any, rows: npt.NDArray[np.int64]) -> Any:
    """Return some rows of a table; rows ascend."""
    import pyarrow as pa

    try:
        return table.take(pa.array(rows))
    except pa.ArrowNotImplementedError:
        # Arrow cannot take from string views, which is what polars gives; slices it can.
        runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []
        return pa.concat_tables([table.slice(0, 0), *(table.slice(run[0], len(run)) for run in runs)])


def _rows(data: Any, config: Config) -> _Listed | _Tabled:
    if hasattr(data, "with_format") and hasattr(data, "__getitem__"):
        # A dataset of Hugging Face is a table, but hands it out in its own way only.
        data = data.with_format("arrow")[:]
    if hasattr(data, "__arrow_c_stream__"):
        return _Tabled(data, config)
    if isinstance(data, str | bytes | Mapping):
        raise UsageError(f"data is a single {type(data).__name__}", hint="Give a list of texts, or use clean_text.")
    if not isinstance(data, Iterable):
        raise UsageError(
            f"data is a {type(data).__name__}, which is neither a list nor an Arrow table",
            hint="Give a list of texts or records, or something with __arrow_c_stream__; collect a lazy frame first.",
        )
    return _Listed(list(data), config)


def _no_text(number: int, field: str, found: str) -> InputError:
    return InputError(
        f"record {number} has no text in field {field!r} (it is {found})", hint="Name the field with text_field=."
    )


def _encode(texts: list[str]) -> Column:
    try:
        return Column.of(texts)
    except UnicodeEncodeError:
        number = next(
            i for i, text in enumerate(texts, 1) if not text.isascii() and any("\ud800" <= c < "\ue000" for c in text)
        )
        raise InputError(
            f"record {number} holds a lone surrogate, which is no character", hint="Decode the text anew."
        ) from None


def _site(record: Mapping[str, Any], fields: Fields) -> Site:
    values = [reach(record, path) for path in fields.sources]
    return source_of(values, reach(record, fields.url) if fields.url else None, NOWHERE)


def _replaced(record: Mapping[str, Any], path: tuple[str, ...], text: str) -> dict[str, Any]:
    """Return a copy of a record with another text."""
    inner = text if len(path) == 1 else _replaced(record[path[0]], path[1:], text)
    return dict(record) | {path[0]: inner}
