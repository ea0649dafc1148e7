"""What every peer's script needs: to read the articles, to cut a text into word 5-grams, to write the lines that stay.

The standard library only, since each script runs in the environment of its peer.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

THRESHOLD = 0.8
HASHES = 128
BANDS, ROWS = 18, 7
"""As dedup chooses them: a pair at the threshold is a candidate with probability 0.98."""
SHINGLE_WORDS = 5

_words = re.compile(r"\w+").findall


def paths() -> tuple[Path, Path]:
    """Return input and output as given on the command line."""
    _, source, target = sys.argv
    return Path(source), Path(target)


def texts(path: Path) -> Iterator[str]:
    """Read the texts, one after the other."""
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)["text"]


def shingles(text: str) -> list[str]:
    """Return the word 5-grams of a text; of a shorter one, all of it."""
    words = _words(text.lower())
    if len(words) < SHINGLE_WORDS:
        return [" ".join(words)]
    return list(map(" ".join, zip(words, words[1:], words[2:], words[3:], words[4:], strict=False)))


def write_kept(source: Path, target: Path, kept: Sequence[bool]) -> None:
    """Copy the lines that stay."""
    with source.open("rb") as lines, target.open("wb") as file:
        file.writelines(line for line, stays in zip(lines, kept, strict=True) if stays)
