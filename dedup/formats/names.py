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
    ".html": "html",
    ".htm": "html",
    ".warc": "warc",
    ".wet": "warc",
}
"""The way documents are held, by extension."""

EXTRACTED = ("html", "warc")
"""What is turned into JSON Lines before anything else, and comes out as such."""

EXTRACTED_SUFFIX = ".jsonl"
"""What is added to the name of such a file."""

COMPRESSIONS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
"""The compression around a text format, by extension. Parquet compresses inside."""

KNOWN = f"{', '.join(KINDS)}; all but Parquet also with {', '.join(COMPRESSIONS)} behind"


class Form(NamedTuple):
    """How a file holds its documents.

    Attributes:
        kind: The format of its plain bytes.
        compression: What is around them.
        extracted: What they are extracted from, one of `EXTRACTED`; empty if the file holds them as they are.
    """

    kind: str
    compression: str = ""
    extracted: str = ""

    @classmethod
    def of(cls, kind: str, compression: str) -> Form:
        """Return the form of a file of some kind."""
        return cls("jsonl", compression, kind) if kind in EXTRACTED else cls(kind, compression)


def form_of(name: str) -> Form | None:
    """Tell format and compression from a file name; None if the name says neither.

    >>> form_of("news.jsonl.gz")
    Form(kind='jsonl', compression='gzip', extracted='')
    >>> form_of("crawl.warc.gz")
    Form(kind='jsonl', compression='gzip', extracted='warc')
    >>> form_of("news.doc"), form_of("news.parquet.gz")
    (None, None)
    """
    compression = compression_of(name)
    stem = name.lower()
    if compression:
        stem = stem[: stem.rindex(".")]
    kind = KINDS.get(_extension(stem), "")
    if not kind or (kind == "parquet" and compression):
        return None
    return Form.of(kind, compression)


def stored_name(name: str, form: Form) -> str:
    """Return the name under which a file's documents are written.

    >>> stored_name("a/crawl.warc.gz", Form("jsonl", "gzip", "warc")), stored_name("b.txt", Form("text"))
    ('a/crawl.warc.jsonl.gz', 'b.txt')
    """
    if not form.extracted:
        return name
    end = name.rindex(".") if form.compression and compression_of(name) else len(name)
    return f"{name[:end]}{EXTRACTED_SUFFIX}{name[end:]}"


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
