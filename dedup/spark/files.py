"""JSON Lines and Parquet, at any path that Spark reads.

What identifies a document is where it is, which every attempt at a task sees alike: the position of its file in the
list of inputs, and the number of its line or row there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pyspark import SparkContext

from dedup.config import Config
from dedup.errors import InputError, UsageError
from dedup.formats.names import Form, compression_of, form_of, kind_named
from dedup.formats.sites import site_of_file
from dedup.spark import lines, tables
from dedup.spark.inputs import Input, Inputs
from dedup.spark.pieces import Origin
from dedup.spark.storage import Storage, Stored
from dedup.staging import SIDECAR_SUFFIX

KINDS = ("jsonl", "parquet")
COMPRESSIONS = ("", "gzip", "bzip2")
"""What Hadoop reads without further libraries."""


def find(storage: Storage, inputs: Sequence[str], format_name: str | None) -> Inputs:
    """Return the files that inputs stand for: as named, and inside a folder by the bytes of their relative names."""
    kind = None if format_name is None else kind_named(format_name)
    files, names, forms = [], [], []
    for name in inputs:
        for file in sorted(storage.files(name), key=lambda file: file.path.encode()):
            inner = file.path.removeprefix(file.root).removeprefix("/")
            if SIDECAR_SUFFIX in {part[part.rfind(".") :] for part in inner.split("/") if "." in part}:
                continue
            form = _form(file, kind)
            if form is None and inner:
                continue
            files.append(file)
            names.append((inner, file))
            forms.append(form)
    _refuse(inputs, files, forms)
    return Inputs(forms[0].kind if forms[0] else "", files, _origins(names))


def _form(file: Stored, kind: str | None) -> Form | None:
    return Form.of(kind, compression_of(file.path)) if kind else form_of(file.path.rpartition("/")[2])


def _refuse(inputs: Sequence[str], files: list[Stored], forms: Sequence[Form | None]) -> None:
    if not files:
        raise InputError("holds no file of a known format", file=inputs[0], hint="Spark reads .jsonl and .parquet.")
    for file, form in zip(files, forms, strict=True):
        if form is None or form.kind not in KINDS or form.extracted or form.compression not in COMPRESSIONS:
            raise UsageError(
                "is not what --engine spark reads",
                file=file.path,
                hint="It reads JSON Lines, also as .gz and .bz2, and Parquet; name others to the local engine.",
            )
        if forms[0] is None or form.kind != forms[0].kind:
            raise UsageError(
                f"is {form.kind}, but {files[0].path} is not", file=file.path, hint="Clean them one after the other."
            )
        if file.path == file.root and file.path.rpartition("/")[2].startswith((".", "_")):
            raise UsageError("is hidden, so Spark passes over it", file=file.path, hint="Rename it.")
    for path, count in Counter(file.path for file in files).items():
        if count > 1:
            raise UsageError("is an input twice", file=path, hint="Name it once.")


def _origins(names: list[tuple[str, Stored]]) -> list[Origin]:
    """Return what decisions call the files, as the local engine does: relative to the folder that was named."""
    short = [inner or file.path.rpartition("/")[2] for inner, file in names]
    folders = [inner.rpartition("/")[0] for inner, _ in names]
    if len(set(short)) < len(short):
        roots = [(file.root if inner else file.root.rpartition("/")[0]).rpartition("/")[2] for inner, file in names]
        short = [f"{root}/{name}" for root, name in zip(roots, short, strict=True)]
    twice = [name for name, count in Counter(short).items() if count > 1]
    if twice:
        raise UsageError(f"two inputs would both be called {twice[0]!r}", hint="Name a folder above both of them.")
    return [
        Origin(name, site_of_file(name, folder, "", is_document=False))
        for name, folder in zip(short, folders, strict=True)
    ]


def read(context: SparkContext, found: Inputs, config: Config, slices: int, *, skips_bad: bool = False) -> Input:
    """Open the input, in about so many partitions.

    Raises:
        InputError: There is no record, or in Parquet one without a text, the first of which is named unless such
            records are set aside.
    """
    read_kind = tables.read if found.kind == "parquet" else lines.read
    return read_kind(context, found, config, slices, skips_bad=skips_bad)
