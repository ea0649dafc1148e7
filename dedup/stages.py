"""Finished stages of a run in a folder, so that the run, given again after it was killed, does only what is missing.

A stage is a file that says which run it belongs to: the program, the settings, and the digests of all input files. It
is used by that very run alone. Anything else there is refused, and never used or replaced in silence.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from dedup import __version__
from dedup.config import Config
from dedup.errors import InputError, StateError
from dedup.formats.digests import READ_BYTES, Digest, Meter
from dedup.formats.source import InputFile
from dedup.readers import Corpus
from dedup.segment import SEGMENTER_VERSION
from dedup.staging import Staging, clear_away, refuse_overlap, writing
from dedup.work import WITHOUT_LOCKS, try_lock

FORMAT = 3
"""Version of the layout of a stage, and of the hashes of words."""

SUFFIX = ".stage"
SEAL_BYTES = 32
"""How much of the end of a file is the digest of the rest: 128 bits, hexadecimal."""

Kept = TypeVar("Kept")


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The run that a stage belongs to.

    Attributes:
        program: The versions of dedup, of its segmenter and of this layout.
        settings: All that decisions depend on.
        files: The inputs: name, format, and digest of the plain bytes, None where a file cannot be read.
        index: The generation of the index that the run is judged against; -1 for none.
    """

    program: str
    settings: dict[str, Any]
    files: list[tuple[str, str, Digest | None]]
    index: int


class _Head(msgspec.Struct, frozen=True):
    """The first line of a stage; `arrays` arrays in numpy's format and a tree of msgpack follow, and the seal."""

    owner: Owner
    arrays: int


class Stages:
    """The finished stages of one run, in a folder that nobody else works in."""

    def __init__(self, folder: Path, owner: Owner) -> None:
        """Look at what is there.

        Raises:
            StateError: A stage was changed since it was written, or belongs to another run.
        """
        self._folder = folder
        self._owner = owner
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            _check_owner(_owner_in(path), owner, path)

    def load(self, name: str, kind: type[Kept]) -> Kept | None:
        """Return what a stage came to; None if it is not there."""
        path = self._path(name)
        # A run may have been killed when the stage had its name, but the folder where it was written was still there.
        clear_away(path)
        if not path.exists():
            return None
        with path.open("rb") as file:
            head = msgspec.json.decode(file.readline(), type=_Head)
            arrays = [np.lib.format.read_array(file, allow_pickle=False) for _ in range(head.arrays)]
            tree = file.read()[:-SEAL_BYTES]
        return msgspec.msgpack.decode(tree, type=kind, dec_hook=lambda _, number: arrays[number])

    def save(self, name: str, value: object) -> None:
        """Keep what a stage came to: named tuples and frozen dataclasses of arrays, numbers, texts and lists.

        Raises:
            OutputError: It cannot be written.
        """
        arrays: list[npt.NDArray[Any]] = []
        tree = msgspec.msgpack.encode(value, enc_hook=functools.partial(_noted, arrays))
        path = self._path(name)
        with writing(path), Staging(path) as staged:
            with staged.path.open("wb") as file:
                sink = Meter(file)
                sink.write(msgspec.json.encode(_Head(self._owner, len(arrays))) + b"\n")
                for array in arrays:
                    np.lib.format.write_array(sink, array, allow_pickle=False)
                sink.write(tree)
                file.write(sink.digest.xxh3.encode())
            staged.commit()

    def clear(self) -> None:
        """Remove all stages; for a run that is complete."""
        with writing(self._folder):
            for path in self._folder.glob(f"*{SUFFIX}"):
                path.unlink()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"


def kept(stages: Stages | None, name: str, kind: type[Kept], make: Callable[[], Kept]) -> Kept:
    """Return what a stage came to, from the folder if it is there; else make it, and keep it if there is a folder."""
    found = None if stages is None else stages.load(name, kind)
    if found is not None:
        return found
    made = make()
    if stages is not None:
        stages.save(name, made)
    return made


def make_folder(folder: Path, inputs: list[str]) -> None:
    """Make the folder for stages if there is none; raises UsageError if it holds the input, or the input it."""
    refuse_overlap(folder, inputs)
    with writing(folder):
        folder.mkdir(exist_ok=True)


@contextlib.contextmanager
def opened(folder: Path, corpus: Corpus, config: Config, index: int = -1) -> Iterator[Stages]:
    """Open the stages of a run in an existing folder.

    Args:
        folder: Where they are.
        corpus: The input; it is read once, for its digests.
        config: The settings.
        index: The generation of the index that the run is judged against; -1 for none.

    Raises:
        StateError: The folder holds stages of another run or damaged ones, or somebody else works in it.
    """
    with _locked(folder):
        yield Stages(folder, owner_of(corpus, config, index))


def owner_of(corpus: Corpus, config: Config, index: int) -> Owner:
    """Say which run this is; `max_loss`, which decides nothing, is no part of it."""
    settings = dataclasses.asdict(config) | {"on_error": "skip" if corpus.skips_bad else "fail"}
    del settings["max_loss"]
    return Owner(
        program=f"dedup {__version__} (segmenter {SEGMENTER_VERSION}, stages {FORMAT})",
        # As a stage gives them back: with lists for tuples.
        settings=msgspec.json.decode(msgspec.json.encode(settings)),
        files=[(file.name, file.form.kind, _digest(file, corpus)) for file in corpus.files],
        index=index,
    )


def _digest(file: InputFile, corpus: Corpus) -> Digest | None:
    meter = Meter()
    try:
        with file.open() as source:
            while data := source.read(READ_BYTES):
                meter.write(data)
    except InputError:
        if not corpus.skips_bad:
            raise
        return None
    return meter.digest


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Be the only run that works in a folder, where the file system has locks."""
    with contextlib.ExitStack() as stack:
        try:
            lock = try_lock(str(folder))
            if lock < 0:
                raise StateError(
                    "another run works in this folder", file=str(folder), hint="Name another with --work-dir."
                )
            stack.callback(os.close, lock)
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield


def _owner_in(path: Path) -> Owner:
    """Return the owner of a stage; raises StateError if the stage was changed since it was written."""
    meter = Meter()
    with path.open("rb") as file:
        left = path.stat().st_size - SEAL_BYTES
        while data := file.read(min(READ_BYTES, max(left, 0))):
            meter.write(data)
            left -= len(data)
        if file.read() != meter.digest.xxh3.encode():
            raise _unusable(path, "was changed since it was written, or is no stage of a run")
        file.seek(0)
        try:
            return msgspec.json.decode(file.readline(), type=_Head).owner
        except msgspec.DecodeError:
            raise _unusable(path, "was written by another version of dedup") from None


def _check_owner(found: Owner, ours: Owner, path: Path) -> None:
    """Raise StateError if a stage is not ours, and say what is different."""
    if found.program != ours.program:
        raise _unusable(path, f"was written by {found.program}, and this is {ours.program}")
    if found.settings != ours.settings:
        names = [name for name, value in ours.settings.items() if found.settings.get(name) != value]
        raise _unusable(path, f"was made under other settings: {', '.join(names)}")
    if found.files != ours.files:
        theirs, mine = set(found.files), set(ours.files)
        names = sorted({name for name, *_ in theirs ^ mine} or {name for name, *_ in mine})
        raise _unusable(path, f"was made from another input: {', '.join(names[:3])} changed, came, went or moved")
    if found.index != ours.index:
        raise _unusable(path, "was made when the index held something else")


def _noted(arrays: list[npt.NDArray[Any]], value: Any) -> Any:
    """Put an array aside and return its number."""
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a {type(value).__name__} cannot be kept")
    arrays.append(value)
    return len(arrays) - 1


def _unusable(path: Path, message: str) -> StateError:
    return StateError(message, file=str(path), hint="Remove it to begin anew, or name another folder with --work-dir.")
