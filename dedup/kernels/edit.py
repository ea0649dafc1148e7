"""Taking byte spans out of texts."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def remove_spans(data, offsets, rows, starts, ends, out, out_offsets):
    """Copy every row without its spans (ascending by row and start, disjoint, bytes from the row's start)."""
    to = np.int64(0)
    span = 0
    out_offsets[0] = 0
    for row in range(offsets.shape[0] - 1):
        at = offsets[row]
        while span < rows.shape[0] and rows[span] == row:
            keep = offsets[row] + starts[span]
            out[to : to + keep - at] = data[at:keep]
            to += keep - at
            at = offsets[row] + ends[span]
            span += 1
        out[to : to + offsets[row + 1] - at] = data[at : offsets[row + 1]]
        to += offsets[row + 1] - at
        out_offsets[row + 1] = to


@njit(cache=True, nogil=True)
def count_characters(data, offsets, counts):
    """Count the code points of every row: every byte that does not continue one."""
    for row in range(offsets.shape[0] - 1):
        count = 0
        for at in range(offsets[row], offsets[row + 1]):
            count += (data[at] & np.uint8(0xC0)) != np.uint8(0x80)
        counts[row] = count


@njit(cache=True, nogil=True)
def count_span_characters(data, offsets, rows, starts, ends, counts):
    """Count the code points of spans given in bytes from the start of their row."""
    for span in range(rows.shape[0]):
        base = offsets[rows[span]]
        count = 0
        for at in range(base + starts[span], base + ends[span]):
            count += (data[at] & np.uint8(0xC0)) != np.uint8(0x80)
        counts[span] = count
