"""Settling which lines of a document go: the sure ones, and the likely ones beside them."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def settle(line_offsets, blank, sure, likely, marked, whole):
    """Mark the sure lines, and the likely ones in an unbroken run with a sure one; spare documents with nothing else.

    Args:
        line_offsets: int64[rows + 1].
        blank: bool[lines]; blank lines neither break a run nor are marked.
        sure: bool[lines].
        likely: bool[lines].
        marked: bool[lines], out, all False.
        whole: bool[rows], out: every line with text would have gone, so none is marked.
    """
    for row in range(line_offsets.shape[0] - 1):
        start, end = line_offsets[row], line_offsets[row + 1]
        texts = 0
        hits = 0
        run = False
        for line in range(start, end):
            if blank[line]:
                continue
            texts += 1
            run = sure[line] or (run and likely[line])
            marked[line] = run
        run = False
        for line in range(end - 1, start - 1, -1):
            if blank[line]:
                continue
            run = marked[line] or (run and likely[line])
            marked[line] = run
            hits += run
        whole[row] = texts > 0 and hits == texts
        if whole[row]:
            marked[start:end] = False
