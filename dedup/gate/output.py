"""Files that appear complete or not at all."""

from __future__ import annotations

from pathlib import Path

from dedup.staging import Staging, writing


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in place of what was there; raises OutputError if that cannot be done."""
    target = path.absolute()
    with writing(path):
        if target.exists() and not target.is_file():
            # Of a pipe or a device there is but one.
            target.write_bytes(data)
            return
        with Staging(target) as staged:
            staged.path.write_bytes(data)
            staged.commit()
