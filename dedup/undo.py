"""Undo: the input again, from the output and what was kept of the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from dedup.assembly.local import as_local
from dedup.columns import Ints
from dedup.errors import DedupError, StateError
from dedup.formats.bytewise import put_back
from dedup.formats.compression import compressing, decompressed
from dedup.formats.digests import Meter, digest_of
from dedup.formats.names import form_of
from dedup.manifest import PARQUET, REMOVED, REMOVED_INDEX, FileEntry, Manifest, load
from dedup.staging import SIDECAR_SUFFIX, Staging, refuse_existing, refuse_overlap, refuse_parent, writing


def restore(output: str, target: str, *, sidecar: Path | None = None, force: bool = False) -> None:
    """Rebuild the input of a run.

    Text formats come back byte for byte after decompression, compressed ones in their compression; Parquet
    value for value, rows in their order. What a run on Spark left is put together first.

    Args:
        output: The output of the run.
        target: Where the input goes: a file if the input was one, else a folder.
        sidecar: The folder written beside the output; None for its usual place.
        force: Replace what is at `target`.

    Raises:
        StateError: The output or the sidecar is missing or was changed since.
        OutputError: `target` cannot be written.
    """
    source = Path(os.path.abspath(output))
    folder = sidecar or source.with_name(source.name + SIDECAR_SUFFIX)
    goal = Path(os.path.abspath(target))
    refuse_overlap(goal, [str(source), str(folder)])
    refuse_parent(goal)
    with as_local(source, folder) as (source, folder):
        manifest = load(folder)
        with writing(goal), Staging(goal) as staging:
            refuse_existing(goal, is_file=not manifest.is_folder, force=force)
            _restore_files(manifest, source, folder, staging)
            refuse_existing(goal, is_file=not manifest.is_folder, force=force)
            staging.commit()


def _restore_files(manifest: Manifest, source: Path, folder: Path, staging: Staging) -> None:
    table = np.load(folder / REMOVED_INDEX, allow_pickle=False)
    if manifest.is_folder:
        staging.path.mkdir()
    with (folder / REMOVED).open("rb") as removed:
        for entry in manifest.files:
            path = source / entry.name if manifest.is_folder else source
            out = staging.path / entry.name if manifest.is_folder else staging.path
            out.parent.mkdir(parents=True, exist_ok=True)
            if entry.output is not None and not path.is_file():
                raise _changed(path, "is missing")
            if entry.kind == "parquet":
                _restore_parquet(manifest, entry, path, folder / PARQUET, out)
                continue
            form = None if manifest.is_folder else form_of(staging.target.name)
            compression = form.compression if form is not None else entry.compression
            low, high = np.searchsorted(table[:, 0], (entry.index, entry.index + 1))
            _restore_bytes(entry, path, table[low:high], removed, out, compression)


def _restore_bytes(entry: FileEntry, path: Path, rows: Ints, removed: IO[bytes], out: Path, compression: str) -> None:
    """Rebuild a file of a byte format."""
    seen = Meter()
    with out.open("wb") as raw, compressing(raw, compression) as sink:
        rebuilt = Meter(sink)
        try:
            put_back(_metered(_plain(entry, path), seen), rows, removed, rebuilt)
        except EOFError:
            raise _changed(path, "was changed since it was written") from None
        except DedupError as error:
            raise _changed(path, f"was changed since it was written: {error.message}") from None
    if entry.output is not None and seen.digest != entry.output:
        raise _changed(path, "was changed since it was written")
    _check(rebuilt.digest == entry.input, path)


def _restore_parquet(manifest: Manifest, entry: FileEntry, path: Path, undo: Path, out: Path) -> None:
    import pyarrow as pa

    from dedup.formats import parquet_edits

    if digest_of(path) != entry.output:
        raise _changed(path, "was changed since it was written")
    try:
        texts = parquet_edits.rebuild(path, entry.index, tuple(manifest.text_field), entry.group_rows, undo, out)
    except (ValueError, StopIteration, pa.ArrowException):
        texts = ""
    _check(texts == entry.text_xxh3, path)


def _plain(entry: FileEntry, path: Path) -> Iterator[bytes]:
    """Yield the plain bytes of an output file; none for a text that was dropped."""
    if entry.output is None:
        return
    with path.open("rb") as file:
        yield from decompressed(file, entry.output_compression, str(path))


def _metered(chunks: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    for chunk in chunks:
        meter.write(chunk)
        yield chunk


def _check(is_whole: bool, path: Path) -> None:
    if not is_whole:
        raise _changed(path, "and the data kept for undo do not give the input again")


def _changed(path: Path, message: str) -> StateError:
    return StateError(
        message, file=str(path), hint="Bring back the output as it was written, from a backup for instance."
    )
