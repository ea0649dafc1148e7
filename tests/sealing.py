"""Decisions files written by hand, sealed as if `dedup scan` had made them."""

from __future__ import annotations

import json
from typing import Any

import xxhash

from dedup.formats.digests import UNSEALED


def sealed(lines: list[dict[str, Any]]) -> bytes:
    """Return the bytes of a decisions file with these lines, the first of which is the header of another one."""
    body = [json.dumps(line, ensure_ascii=False) for line in [{**lines[0], "xxh3": UNSEALED}, *lines[1:]]]
    data = "".join(f"{line}\n" for line in body).encode()
    return data.replace(UNSEALED.encode(), xxhash.xxh3_128_hexdigest(data).encode(), 1)
