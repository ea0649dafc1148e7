"""What stands beside an output: the list of its files, and digests that show if one was changed since."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import msgspec
import xxhash

from dedup.errors import StateError
from dedup.formats.digests import UNSEALED, Digest, digest_of

FORMAT_VERSION = 2

MANIFEST = "manifest.json"
REJECTED = "rejected.jsonl"
REMOVED = "removed.bin"
REMOVED_INDEX = "removed.npy"
PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One input file and what became of it.

    Attributes:
        index: Its position in the corpus. Files that could not be read at all have no entry.
        name: Its name in the corpus.
        kind: Its format.
        compression: The compression of the input.
        output_compression: The compression of the output.
        input: Digest of its plain bytes; in Parquet, of the file; None if that is not known.
        output: The same of the output; None if there is none, for a text that was dropped.
        text_xxh3: In Parquet, a digest over the values of the text column; a rebuilt file is checked by it.
        group_rows: In Parquet, the rows of each row group of the input.
    """

    index: int
    name: str
    kind: str
    compression: str
    output_compression: str
    input: Digest | None
    output: Digest | None
    text_xxh3: str = ""
    group_rows: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of `manifest.json`.

    Attributes:
        version: The version of dedup that wrote it.
        is_folder: Whether the output is a folder.
        text_field: The path of the field that was edited.
        files: The input files in order.
        sidecar: The digests of the other files in the sidecar, by relative name.
        format_version: The version of this layout.
        xxh3: Digest of the file, computed with `UNSEALED` in its own place.
    """

    version: str
    is_folder: bool
    text_field: list[str]
    files: list[FileEntry]
    sidecar: dict[str, Digest]
    format_version: int = FORMAT_VERSION
    xxh3: str = UNSEALED

    def save(self, folder: Path) -> None:
        """Write it into a sidecar, sealed."""
        unsealed = _encoded(dataclasses.replace(self, xxh3=UNSEALED))
        sealed = dataclasses.replace(self, xxh3=xxhash.xxh3_128_hexdigest(unsealed))
        (folder / MANIFEST).write_bytes(_encoded(sealed))


def load(folder: Path) -> Manifest:
    """Read the manifest of a sidecar and check that every file it lists is as it was written.

    Raises:
        StateError: It is missing, of another version or damaged, or a file of the sidecar was changed.
    """
    manifest = read(folder)
    for error in changes(folder, manifest):
        raise error
    return manifest


def read(folder: Path) -> Manifest:
    """Read the manifest of a sidecar; raises StateError if it is missing, of another version or damaged."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
        manifest = msgspec.json.decode(data, type=Manifest)
    except OSError:
        raise StateError(
            "is missing, and without it nothing can be restored",
            file=str(path),
            hint="Say with --sidecar where the folder written beside the output is.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _changed(path, f"is damaged: {error}") from None
    if manifest.format_version != FORMAT_VERSION:
        raise StateError(
            f"has the format {manifest.format_version}, but this version of dedup reads {FORMAT_VERSION}",
            file=str(path),
            hint=f"Use dedup {manifest.version}.",
        )
    if xxhash.xxh3_128_hexdigest(data.replace(manifest.xxh3.encode(), UNSEALED.encode())) != manifest.xxh3:
        raise _changed(path, "was changed since it was written")
    for name in (*manifest.sidecar, *(entry.name for entry in manifest.files)):
        # A forged name must not lead out of the folder that is written.
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise _changed(path, f"names a file outside its folder: {name}")
    return manifest


def changes(folder: Path, manifest: Manifest) -> Iterator[StateError]:
    """Yield what is wrong with the files of a sidecar that the manifest lists."""
    for name, digest in manifest.sidecar.items():
        if not (folder / name).is_file():
            yield _changed(folder / name, "is missing")
        elif digest_of(folder / name) != digest:
            yield _changed(folder / name, "was changed since it was written")


def seal(folder: Path) -> dict[str, Digest]:
    """Return the digests of all files in a folder and below, by relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in files}


def _encoded(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def _changed(path: Path, message: str) -> StateError:
    return StateError(
        message, file=str(path), hint="Bring back the folder as it was written, from a backup for instance."
    )
