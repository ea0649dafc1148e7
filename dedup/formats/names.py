"""What a file's name says about its format and compression."""

from __future__ import annotations

from typing import NamedTuple

from dedup.errors import UsageError

KINDS = {
    ".txt": "text",
    ".md": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
"""The way documents are held, by extension."""

COMPRESSIONS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
"""The compression around a text format, by extension. Parquet compresses inside."""

KNOWN = f"{', '.join(KINDS)}; the text formats also with {', '.join(COMPRESSIONS)} behind"


class Form(NamedTuple):
    """How a file holds its documents."""

    kind: str
    compression: str = ""


def form_of(name: str) -> Form | None:
    """Tell format and compression from a file name; None if the name says neither.

    >>> form_of("news.jsonl.gz"), form_of("NEWS.TXT"), form_of("news.doc"), form_of("news.parquet.gz")
    (Form(kind='jsonl', compression='gzip'), Form(kind='text', compression=''), None, None)
    """
    compression = compression_of(name)
    stem = name.lower()
    if compression:
        stem = stem[: stem.rindex(".")]
    kind = KINDS.get(_extension(stem), "")
    if not kind or (kind == "parquet" and compression):
        return None
    return Form(kind, compression)


def compression_of(name: str) -> str:
    """Tell the compression from the last extension of a file name; empty if there is none."""
    return COMPRESSIONS.get(_extension(name.lower()), "")


def kind_named(name: str) -> str:
    """Return the format that `--format` names, with or without a leading dot.

    >>> kind_named("ndjson")
    'jsonl'
    """
    kind = KINDS.get(f".{name.lower().removeprefix('.')}", "")
    if not kind:
        raise UsageError(f"format {name!r} is not known", hint=f"Use one of {', '.join(key[1:] for key in KINDS)}.")
    return kind


def _extension(name: str) -> str:
    """Return what follows the last dot, with the dot; a name whose only dot is its first has no extension."""
    stem, dot, extension = name.rpartition(".")
    return dot + extension if stem else ""
