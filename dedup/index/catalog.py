"""What an index holds, on one page that is replaced whole: the step that makes a change happen.

Everything else in the folder of an index is written once and never changed. `index.json` names what counts; what it
does not name is left over from a killed run. So a change is made by writing new files, bringing them to disk, and then
renaming a new `index.json` over the old one: whoever looks sees yesterday's index or today's.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import xxhash

from dedup.config import Config
from dedup.errors import StateError, UsageError
from dedup.formats.digests import Digest
from dedup.staging import sync as sync_all
from dedup.staging import sync_folder

FORMAT = 3
"""Version of the layout and of the hashes of words; an index of another version is refused."""

CATALOG = "index.json"

Page = TypeVar("Page", bound=msgspec.Struct)

COMPARABLE = ("threshold", "hashes", "recall", "seed")
"""The settings that make keys comparable: they decide what the bands are, and what bands are looked up for."""


class SegmentEntry(msgspec.Struct, frozen=True):
    """A segment: the name of its folder, its documents (stored or nearly duplicates), its files."""

    name: str
    documents: int
    files: dict[str, Digest]


class RunEntry(msgspec.Struct, frozen=True):
    """A corpus that was added: what identifies it, and the state of the index before.

    Attributes:
        key: A hash of its files, their names and the settings.
        files: What its files are called.
        first: Number of its first document; all before were stored before.
        generation: Of the index that it made; templates of lower ones were known before.
        documents: How many of its documents are stored.
    """

    key: str
    files: list[str]
    first: int
    generation: int
    documents: int


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `index.json`.

    Attributes:
        format: Version of the layout.
        dedup: The version of dedup that wrote it.
        segmenter: The version of the rules that made the keys of lines.
        config: The settings it was made with.
        generation: Grows by one with every change; names of new files are made of it.
        next_number: The number of the next document.
        segments: Oldest first.
        removed: Numbers of documents that were removed and are still in a segment.
        templates: The file of templates and its digest; nothing before any is known.
        runs: The corpora that were added, oldest first.
    """

    format: int = FORMAT
    dedup: str
    segmenter: str
    config: dict[str, object]
    generation: int = 0
    next_number: int = 0
    segments: list[SegmentEntry] = []
    removed: list[int] = []
    templates: tuple[str, Digest] | None = None
    runs: list[RunEntry] = []

    def files(self) -> set[str]:
        """Return the names of all that counts in the folder."""
        return {segment.name for segment in self.segments} | ({self.templates[0]} if self.templates else set())

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that it was made with as `Config` takes them."""
        return {name: tuple(value) if isinstance(value, list) else value for name, value in self.config.items()}

    def check(self, config: Config, path: Path | str) -> None:
        """Raise UsageError unless documents judged under `config` can be compared with what is stored."""
        for name in COMPARABLE:
            mine, theirs = getattr(config, name), self.config[name]
            if mine != theirs:
                raise UsageError(
                    f"the index was made with {name} {theirs:g}, this run has {mine:g}",
                    file=str(path),
                    hint="Use the same setting, or another index.",
                )


class _Sealed(msgspec.Struct, frozen=True):
    """A page with the checksum of its text."""

    checksum: str
    page: msgspec.Raw


def encode(page: msgspec.Struct) -> bytes:
    """Write a page down with its checksum."""
    text = msgspec.json.encode(page)
    return msgspec.json.encode(_Sealed(xxhash.xxh3_128_hexdigest(text), msgspec.Raw(text))) + b"\n"


def decode(data: bytes, kind: type[Page], path: Path | str) -> Page:
    """Read a page; raises StateError if it was changed since it was written."""
    try:
        sealed = msgspec.json.decode(data, type=_Sealed)
        if xxhash.xxh3_128_hexdigest(bytes(sealed.page)) != sealed.checksum:
            raise _changed(path, "was changed since it was written")
        # Before its shape is looked at, which other versions may have changed.
        found = msgspec.json.decode(sealed.page, type=dict[str, object]).get("format", FORMAT)
        if found != FORMAT:
            raise StateError(
                f"is an index of format {found}, and this version of dedup reads format {FORMAT}",
                file=str(path),
                hint="Use the version of dedup that made it, or build it anew.",
            )
        return msgspec.json.decode(sealed.page, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _changed(path, f"is no index ({error})") from None


def load(folder: Path) -> Catalog:
    """Read what an index holds.

    Raises:
        StateError: There is no index, it was changed, or another version of dedup made it.
    """
    path = folder / CATALOG
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise StateError(
            "is no index", file=str(folder), hint="Name the folder that 'dedup clean --index' made."
        ) from None
    return decode_catalog(data, path)


def decode_catalog(data: bytes, path: Path | str) -> Catalog:
    """Read what an index holds off its page; raises StateError if it was changed, or made by another version."""
    from dedup.segment import SEGMENTER_VERSION

    catalog = decode(data, Catalog, path)
    if catalog.segmenter != SEGMENTER_VERSION:
        raise StateError(
            f"made by dedup {catalog.dedup} (segmenter {catalog.segmenter}), not by this version ({SEGMENTER_VERSION})",
            file=str(path),
            hint="Use that version, or build the index anew: 'dedup index export', then 'dedup index add'.",
        )
    return catalog


def empty(config: Config) -> Catalog:
    """Return the catalog of an index that nothing was added to."""
    from dedup import __version__
    from dedup.segment import SEGMENTER_VERSION

    return Catalog(dedup=__version__, segmenter=SEGMENTER_VERSION, config=dataclasses.asdict(config))


def replace(path: Path, data: bytes) -> None:
    """Write a file that is there whole, and on disk, or not at all."""
    staged = path.with_name(f".{path.name}.new")
    with staged.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
    sync_folder(path.parent)


def sync(path: Path) -> None:
    """Bring a file, or a folder with all that is in it, to disk, and its name too."""
    sync_all(path)
    sync_folder(path.parent)


def _changed(path: Path | str, message: str) -> StateError:
    return StateError(message, file=str(path), hint="Bring the index back from a backup, or build it anew.")
