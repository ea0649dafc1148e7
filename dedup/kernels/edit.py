"""Taking byte spans out of texts."""

from __future__ import annotations

import numpy as np
from numba import njit

from dedup.kernels.vector import copy_range, count_code_points


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
            copy_range(out, to, data, at, keep - at)
            to += keep - at
            at = offsets[row] + ends[span]
            span += 1
        copy_range(out, to, data, at, offsets[row + 1] - at)
        to += offsets[row + 1] - at
        out_offsets[row + 1] = to


@njit(cache=True, nogil=True)
def take_spans(data, starts, ends, out, offsets):
    """Copy spans, given in bytes of the data, end to end."""
    offsets[0] = np.int64(0)
    for span in range(starts.shape[0]):
        copy_range(out, offsets[span], data, starts[span], ends[span] - starts[span])
        offsets[span + 1] = offsets[span] + ends[span] - starts[span]


@njit(cache=True, nogil=True)
def count_characters(data, offsets, counts):
    """Count the code points of every row: every byte that does not continue one."""
    for row in range(offsets.shape[0] - 1):
        counts[row] = count_code_points(data, offsets[row], offsets[row + 1])


@njit(cache=True, nogil=True)
def count_span_characters(data, offsets, rows, starts, ends, counts):
    """Count the code points of spans given in bytes from the start of their row."""
    for span in range(rows.shape[0]):
        base = offsets[rows[span]]
        counts[span] = count_code_points(data, base + starts[span], base + ends[span])


@njit(cache=True, nogil=True)
def to_characters(data, offsets, rows, positions, characters):
    """Turn byte positions into code-point positions, both from the start of the row; -1 stays.

    Each is counted on from the one before it where it can be: positions that ascend cost one look at each row.
    """
    row, at, count = np.int64(-1), np.int64(0), np.int64(0)
    for i in range(rows.shape[0]):
        if positions[i] < 0:
            characters[i] = np.int64(-1)
            continue
        base = offsets[rows[i]]
        if rows[i] != row or positions[i] < at:
            row, at, count = rows[i], np.int64(0), np.int64(0)
        count += count_code_points(data, base + at, base + positions[i])
        at = positions[i]
        characters[i] = count
