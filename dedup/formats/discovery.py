"""Which files the inputs are: folders walked, names made unique, nothing named twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dedup.errors import InputError, UsageError
from dedup.formats.compression import MAX_EXPANSION
from dedup.formats.names import KNOWN, Form, compression_of, form_of, kind_named, stored_name
from dedup.formats.sites import Site, site_of_file
from dedup.formats.source import STANDARD_INPUT, InputFile
from dedup.staging import SIDECAR_SUFFIX


class _Found(NamedTuple):
    """A file before it has its unique name: `name` is relative to the named folder, called `root`."""

    path: Path
    name: str
    root: str
    form: Form
    is_named: bool


def find(
    inputs: Sequence[str],
    work: Path,
    format_name: str | None,
    extraction: str,
    max_expansion: float = MAX_EXPANSION,
) -> list[InputFile]:
    """Return the input files in order: as named, and inside a folder by the bytes of their relative names.

    Args:
        inputs: Files, folders, and `-`.
        work: Where the plain bytes of compressed files and of standard input go, and decoded columns of Parquet files.
        format_name: The format of the inputs named directly; None to go by their names.
        extraction: What is taken out of web pages.
        max_expansion: How many times its size may come out of a compressed file.
    """
    kind = None if format_name is None else kind_named(format_name)
    found = [file for name in inputs for file in _expand(name, kind)]
    _refuse_twice(found)
    are_many = len({file.root for file in found}) > 1
    files = []
    for index, (file, name) in enumerate(zip(found, _unique_names(found), strict=True)):
        _refuse_undecodable(name)
        is_spooled = bool(file.form.compression or file.form.extracted) or str(file.path) == STANDARD_INPUT
        spool = work / f"{index:08d}.spool" if is_spooled else None
        decoded = work / f"{index:08d}.arrow" if file.form.kind == "parquet" else None
        site = _site(file, name, is_told_apart=are_many)
        files.append(
            InputFile(index, name, file.path, site, file.form, file.is_named, spool, extraction, max_expansion, decoded)
        )
        if not files[-1].is_standard_input:
            files[-1].stamp()
    return files


def _site(file: _Found, name: str, *, is_told_apart: bool) -> Site:
    """Return the source of a file; the folder that was named has none, unless it is to be told apart from others."""
    is_document = file.form.kind == "text" or file.form.extracted == "html"
    site = site_of_file(name, os.path.dirname(file.name), file.root, is_document=is_document)
    return site._replace(name=file.root) if is_document and is_told_apart and not site.name else site


def _expand(name: str, kind: str | None) -> Iterator[_Found]:
    """Yield the files that one input stands for."""
    if name == STANDARD_INPUT:
        yield _Found(Path(name), name, "", Form.of(kind or "jsonl", ""), True)
        return
    path = Path(name)
    if path.is_dir():
        files = sorted(_walk(path, ""), key=lambda file: os.fsencode(file.name))
        if not files:
            raise InputError("holds no file of a known format", file=name, hint=f"Known are {KNOWN}.")
        yield from files
        return
    form = Form.of(kind, compression_of(name)) if kind else form_of(name)
    if form is None and os.path.lexists(path):
        raise InputError(
            "has no known format",
            file=name,
            hint=f"Say which with --format, or rename it: known are {KNOWN}.",
        )
    parent = os.path.basename(os.path.dirname(os.path.abspath(name)))
    yield _Found(path, path.name, parent, form or Form("text"), True)


def _walk(folder: Path, prefix: str, root: str = "") -> Iterator[_Found]:
    """Yield the files of known formats in a folder and below; not hidden ones, sidecars, linked folders."""
    root = root or os.path.basename(os.path.abspath(folder))
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", file=str(folder), hint="Change its permissions."
        ) from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name.endswith(SIDECAR_SUFFIX):
            continue
        name = prefix + entry.name
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _walk(folder / entry.name, f"{name}/", root)
        elif form := form_of(entry.name):
            yield _Found(folder / entry.name, name, root, form, False)


def _refuse_twice(files: Sequence[_Found]) -> None:
    seen: dict[str, Path] = {}
    for file in files:
        real = STANDARD_INPUT if str(file.path) == STANDARD_INPUT else os.path.realpath(file.path)
        if real in seen:
            raise UsageError(
                "is an input twice" if seen[real] == file.path else f"is an input twice, also as {seen[real]}",
                file=str(file.path),
                hint="Name it once.",
            )
        seen[real] = file.path


def _refuse_undecodable(name: str) -> None:
    """Raise for a file name that is not UTF-8: decisions, which are, could not say it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        raise InputError("has a name that is not UTF-8", file=shown, hint="Rename the file.") from None


def _unique_names(files: Sequence[_Found]) -> list[str]:
    """Return the relative names, with the names of the folders in front if two are equal otherwise."""
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        names = [f"{file.root}/{file.name}" if file.root else file.name for file in files]
    stored = (stored_name(name, file.form) for name, file in zip(names, files, strict=True))
    twice = [name for name, count in Counter(stored).items() if count > 1]
    if twice:
        raise UsageError(
            f"two inputs would both be called {twice[0]!r}",
            hint="Name a folder above both of them, or rename one.",
        )
    return names
