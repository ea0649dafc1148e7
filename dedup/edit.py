"""The only place where text changes: spans are taken out, and nothing else happens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedup.columns import Column, Whole

Ints = npt.NDArray[np.int64]


def remove_spans(texts: Column, rows: Whole, starts: Whole, ends: Whole) -> Column:
    """Return the texts without the given spans.

    Args:
        texts: The texts.
        rows: int[spans], the row of each span, ascending.
        starts: int[spans], bytes from the start of the row, ascending inside a row.
        ends: int[spans], exclusive; no two spans of a row overlap.

    >>> column = remove_spans(Column.of(["eins zwei drei"]), *(np.array([n]) for n in (0, 4, 9)))
    >>> column[0]
    'eins drei'
    """
    from dedup.kernels import edit as kernels

    rows, starts, ends = _wide(rows), _wide(starts), _wide(ends)
    base, top = int(texts.offsets[0]), int(texts.offsets[-1])
    out = np.empty(top - base - int((ends - starts).sum()), np.uint8)
    offsets = np.empty(len(texts) + 1, np.int64)
    kernels.remove_spans(texts.data, texts.offsets, rows, starts, ends, out, offsets)
    return Column(out, offsets)


def take_spans(texts: Column, rows: Whole, starts: Whole, ends: Whole) -> Column:
    """Return what the given spans say.

    Args:
        texts: The texts.
        rows: int[spans], the row of each span.
        starts: int[spans], bytes from the start of the row.
        ends: int[spans], exclusive.

    >>> list(take_spans(Column.of(["eins zwei drei"]), *(np.array([n, n]) for n in (0, 5, 9))))
    ['zwei', 'zwei']
    """
    from dedup.kernels import edit as kernels

    bases = texts.offsets[rows]
    starts, ends = bases + starts, bases + ends
    out = np.empty(int((ends - starts).sum()), np.uint8)
    offsets = np.empty(len(starts) + 1, np.int64)
    kernels.take_spans(texts.data, starts, ends, out, offsets)
    return Column(out, offsets)


def take_rows(texts: Column, rows: Ints) -> Column:
    """Return some rows, in any order, as a column of its own.

    >>> list(take_rows(Column.of(["eins", "zwei", "drei"]), np.array([2, 0])))
    ['drei', 'eins']
    """
    return take_spans(texts, rows, np.zeros_like(rows), texts.offsets[rows + 1] - texts.offsets[rows])


def count_characters(texts: Column) -> Ints:
    """Return the code points of each row.

    >>> count_characters(Column.of(["Käse", ""])).tolist()
    [4, 0]
    """
    from dedup.kernels import edit as kernels

    counts = np.zeros(len(texts), np.int64)
    kernels.count_characters(texts.data, texts.offsets, counts)
    return counts


def count_span_characters(texts: Column, rows: Ints, starts: Ints, ends: Ints) -> Ints:
    """Return the code points of each span, given as for `remove_spans`."""
    from dedup.kernels import edit as kernels

    counts = np.zeros(len(rows), np.int64)
    kernels.count_span_characters(texts.data, texts.offsets, rows, starts, ends, counts)
    return counts


def to_characters(texts: Column, rows: Ints, positions: Whole) -> Ints:
    """Turn byte positions from the start of their row into code-point positions; -1 stays.

    >>> to_characters(Column.of(["Käse da", "ä"]), np.array([0, 0, 1, 1]), np.array([0, 5, 2, -1])).tolist()
    [0, 4, 1, -1]
    """
    from dedup.kernels import edit as kernels

    characters = np.empty(len(rows), np.int64)
    kernels.to_characters(texts.data, texts.offsets, rows, _wide(positions), characters)
    return characters


def to_bytes(text: bytes, positions: Ints) -> Ints:
    """Turn code-point positions in one text into byte positions; raises IndexError for one past the end.

    >>> to_bytes("Käse da".encode(), np.array([0, 4, 7])).tolist()
    [0, 5, 8]
    """
    begins = np.flatnonzero((np.frombuffer(text, np.uint8) & 0xC0) != 0x80)
    return np.concatenate([begins, [len(text)]])[positions]


def _wide(column: Whole) -> Ints:
    return np.ascontiguousarray(column, np.int64)
