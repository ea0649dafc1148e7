"""Sizes in bytes as people write them: 512M, 2G."""

from __future__ import annotations

import re

from dedup.errors import UsageError

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size_of(size: str | int) -> int:
    """Return the bytes that a size means: a number, and K, M, G or T for powers of 1024.

    Raises UsageError for anything else.

    >>> size_of("512M"), size_of("1.5 GiB"), size_of(1000000)
    (536870912, 1610612736, 1000000)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", str(size).strip(), re.IGNORECASE)
    if not found:
        raise UsageError(f"{size!r} is no size", hint="Give a number with K, M, G or T, such as 2G.")
    return int(float(found[1]) * UNITS[found[2].upper()])


def shown(size: int) -> str:
    """Return a size as `size_of` reads it, in whole M, rounded up.

    >>> shown(3 << 29), shown(1)
    ('1536M', '1M')
    """
    return f"{-(-size // UNITS['M'])}M"
