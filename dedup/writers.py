"""The cleaned corpus on disk: staged beside its final name, with what undo needs, then moved there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from dedup.columns import Ints, Whole
from dedup.errors import UsageError
from dedup.formats.bytewise import Removals, strip
from dedup.formats.compression import Sink, compressing
from dedup.formats.digests import Digest, Meter, digest_of
from dedup.formats.names import compression_of, form_of, stored_name
from dedup.formats.slabs import FileEdits
from dedup.formats.source import InputFile
from dedup.manifest import MANIFEST, PARQUET, REJECTED, REMOVED, REMOVED_INDEX, FileEntry, Manifest, seal
from dedup.readers import Corpus
from dedup.staging import (
    SIDECAR_SUFFIX,
    STANDARD_OUTPUT,
    Staging,
    begin_sync,
    refuse_existing,
    refuse_overlap,
    refuse_parent,
    writing,
)

SYNCED_BYTES = 2 << 20
"""What is written before the system is asked to begin bringing it to disk. Measured with 290 MB: with 16 MB at a time
the run waits 0.04 s longer, since so much does not fit into the queue of a disk."""

PIECE_BYTES = 512 << 10
"""What is written at a time. Measured with 3 GB on a virtual machine: 1 MB and more at a time take up to three times as
long, since so large pages of its cache are memory that the host has to find first; smaller ones cost calls."""


class Edits(NamedTuple):
    """What goes, in input order: by file, record and start.

    Attributes:
        drop_files: int32[], the file of each dropped document.
        drop_records: int64[], its record.
        cut_files: int32[], the file of each cut.
        cut_records: int64[], its record.
        cut_starts: int32[] or int64[], byte offsets in the UTF-8 of the document's text; disjoint, ascending in it.
        cut_ends: The same.
    """

    drop_files: npt.NDArray[np.int32]
    drop_records: Ints
    cut_files: npt.NDArray[np.int32]
    cut_records: Ints
    cut_starts: Whole
    cut_ends: Whole

    def of_file(self, file: int, rejected: Ints) -> FileEdits:
        """Return what goes from one file, records that could not be read included."""
        drops = slice(*np.searchsorted(self.drop_files, (file, file + 1)))
        cuts = slice(*np.searchsorted(self.cut_files, (file, file + 1)))
        records = np.union1d(self.drop_records[drops], rejected)
        return FileEdits(records, self.cut_records[cuts], self.cut_starts[cuts], self.cut_ends[cuts])


class _StoppedError(Exception):
    """The run ends before its output is written."""


class _Paced:
    """A sink that passes bytes on piece by piece as long as the run goes on, and has them brought to disk meanwhile."""

    def __init__(self, sink: Sink, proceed: Callable[[], None], descriptor: int | None = None) -> None:
        self._sink = sink
        self._proceed = proceed
        self._descriptor = descriptor
        self._unsynced = 0

    def write(self, data: bytes | memoryview) -> None:
        self._proceed()
        whole = memoryview(data)
        for start in range(0, len(whole), PIECE_BYTES):
            self._sink.write(whole[start : start + PIECE_BYTES])
        self._unsynced += len(whole)
        if self._descriptor is not None and self._unsynced >= SYNCED_BYTES:
            begin_sync(self._descriptor)
            self._unsynced = 0


class Output:
    """The output of one run.

    Use it as a context manager, early: entering refuses what must not be written to, before any work is done.
    Then `write` stages the corpus, the caller adds its own files to `sidecar_staging`, and `commit` moves
    everything to its final name. Without `commit` nothing remains.

    Attributes:
        target: Where the output will be; None for standard output.
        sidecar: Where the files beside it will be; None if they are not kept.
        is_folder: Whether the output is a folder.
    """

    def __init__(self, corpus: Corpus, output: str, sidecar: Path | None, force: bool) -> None:
        self._corpus = corpus
        self._is_stdout = output == STANDARD_OUTPUT
        self._target = Path(os.path.abspath(output))
        if sidecar is None and not self._is_stdout:
            sidecar = self._target.with_name(self._target.name + SIDECAR_SUFFIX)
        self._force = force
        self._staging = None if self._is_stdout else Staging(self._target)
        self._sidecar = None if sidecar is None else Staging(Path(os.path.abspath(sidecar)))
        self._entries: list[FileEntry] = []
        self._is_stopped = False
        self._stack = ExitStack()
        self.target = None if self._is_stdout else self._target
        self.sidecar = None if self._sidecar is None else self._sidecar.target
        self.is_folder = not corpus.is_single_file

    def __enter__(self) -> Self:
        if self._is_stdout:
            self._refuse_stdout()
        for staging in (self._staging, self._sidecar):
            if staging is not None:
                refuse_overlap(staging.target, self._corpus.inputs)
                refuse_parent(staging.target)
        self._refuse_sidecar_in_output()
        with writing(self._target), ExitStack() as stack:
            # Before what is there is looked at: a run that was killed between two renames may have taken it away.
            for staging in (self._staging, self._sidecar):
                if staging is not None:
                    stack.enter_context(staging)
            if self._staging is not None:
                self._refuse_target()
            if self._sidecar is not None:
                self._refuse_foreign(self._sidecar.target)
                self._sidecar.path.mkdir()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def sidecar_staging(self) -> Path | None:
        """The folder for the files beside the output, inside the context; None if they are not kept."""
        return None if self._sidecar is None else self._sidecar.path

    def write(self, edits: Edits) -> None:
        """Stage the cleaned corpus and what undo needs."""
        self._corpus.complete()
        self._note_rejected()
        folder = self.sidecar_staging
        with writing(self._target):
            if folder is None:
                self._write_files(edits, Removals(None))
                return
            with (folder / REMOVED).open("wb") as sink:
                removals = Removals(sink, self._corpus.room)
                self._write_files(edits, removals)
            removals.save(folder / REMOVED_INDEX)

    def stop(self) -> None:
        """Make `write`, which is at work in another thread, fail soon."""
        self._is_stopped = True

    def commit(self, version: str = "") -> None:
        """Move everything to its final name; the sidecar first, so that no output is ever without it.

        Args:
            version: The version of dedup, for the manifest.
        """
        with writing(self._target):
            if self._sidecar is not None:
                Manifest(
                    version=version,
                    is_folder=not self._corpus.is_single_file,
                    text_field=list(self._corpus.fields.text),
                    files=self._entries,
                    sidecar=seal(self._sidecar.path),
                ).save(self._sidecar.path)
            if self._staging is not None:
                self._refuse_target()
            for staging in (self._sidecar, self._staging):
                if staging is not None:
                    staging.commit()

    def _write_files(self, edits: Edits, removals: Removals) -> None:
        rejected: dict[int, list[int]] = {}
        for record in self._corpus.rejected:
            rejected.setdefault(record.file, []).append(record.record)
        if self._staging is not None and not self._corpus.is_single_file:
            self._staging.path.mkdir()
        for file in self._corpus.files:
            if file.index in self._corpus.unreadable:
                continue
            self._proceed()
            own = edits.of_file(file.index, np.array(rejected.get(file.index, ()), np.int64))
            self._entries.append(self._write_file(file, own, removals))

    def _proceed(self) -> None:
        """Raise if the run is to end."""
        if self._is_stopped:
            raise _StoppedError

    def _write_file(self, file: InputFile, edits: FileEdits, removals: Removals) -> FileEntry:
        compression, path = self._place(file)
        fields, form = self._corpus.fields, file.form
        digest: Digest | None
        if form.kind == "text" and len(edits.drops):
            before, digest = strip(file, fields, edits, Meter(), removals, self._corpus.workers), None
        elif path is None:
            meter = Meter(_Paced(sys.stdout.buffer, self._proceed))
            before = strip(file, fields, edits, meter, removals, self._corpus.workers)
            digest = meter.digest
            sys.stdout.buffer.flush()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            if form.kind == "parquet":
                return self._write_parquet(file, edits, path)
            with path.open("wb") as raw, compressing(raw, compression, self._corpus.workers) as sink:
                meter = Meter(_Paced(sink, self._proceed, raw.fileno()))
                before = strip(file, fields, edits, meter, removals, self._corpus.workers)
                digest = meter.digest
        return FileEntry(
            file.index, stored_name(file.name, form), form.kind, form.compression, compression, before, digest
        )

    def _write_parquet(self, file: InputFile, edits: FileEdits, path: Path) -> FileEntry:
        from dedup.formats import parquet_edits

        undo = None
        if self.sidecar_staging is not None:
            undo = self.sidecar_staging / PARQUET
            undo.mkdir(exist_ok=True)
        before, texts, groups = parquet_edits.strip(file, self._corpus.fields, edits, path, undo, self._proceed)
        return FileEntry(
            file.index, file.name, "parquet", "", "", before, digest_of(path), text_xxh3=texts, group_rows=groups
        )

    def _place(self, file: InputFile) -> tuple[str, Path | None]:
        """Return the compression of an output file and its staged path, None for standard output."""
        if self._staging is None:
            return "", None
        if self._corpus.is_single_file:
            return compression_of(self._target.name), self._staging.path
        return file.form.compression, self._staging.path / stored_name(file.name, file.form)

    def _note_rejected(self) -> None:
        """Write the records that could not be read, with what is wrong with them."""
        if self.sidecar_staging is None or not self._corpus.rejected:
            return
        with (self.sidecar_staging / REJECTED).open("wb") as out:
            for record in self._corpus.rejected:
                file = self._corpus.files[record.file]
                raw = b""
                if record.end:
                    with file.open() as source:
                        source.seek(record.start)
                        raw = source.read(record.end - record.start)
                line = {
                    "file": file.name,
                    "record": record.record,
                    "line": record.line,
                    "error": record.message,
                    "raw": raw.decode("utf-8", "backslashreplace"),
                }
                out.write(msgspec.json.encode(line) + b"\n")

    def _refuse_stdout(self) -> None:
        files = self._corpus.files
        if not self._corpus.is_single_file or files[0].form.kind == "parquet":
            raise UsageError(
                "standard output takes one file of a text format",
                hint="Name an output with -o, or give one such file.",
            )

    def _refuse_target(self) -> None:
        """Raise if the output may not be where it was asked for."""
        is_file = self._corpus.is_single_file
        form, kind = form_of(self._target.name), self._corpus.files[0].form.kind
        if is_file and form is not None and form.kind != kind:
            raise UsageError(
                f"is named like {form.kind}, but the output has the format of the input: {kind}",
                file=str(self._target),
                hint="Give it the extension of the input.",
            )
        refuse_existing(self._target, is_file=is_file, force=self._force)

    def _refuse_sidecar_in_output(self) -> None:
        if self._staging is None or self._sidecar is None:
            return
        output, sidecar = (Path(os.path.realpath(each.target)) for each in (self._staging, self._sidecar))
        if sidecar.is_relative_to(output) or output.is_relative_to(sidecar):
            raise UsageError(
                "the output and its sidecar are in each other's place",
                file=str(self._sidecar.target),
                hint="Name another folder with --sidecar.",
            )

    def _refuse_foreign(self, target: Path) -> None:
        """Raise if the sidecar would replace anything but a sidecar."""
        if target.is_dir() and ((target / MANIFEST).exists() or not any(target.iterdir())):
            return
        if os.path.lexists(target):
            raise UsageError(
                "exists already and was not written by dedup",
                file=str(target),
                hint="Name another folder with --sidecar.",
            )
