"""Pieces as Spark comes by them, numbered in the order of the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pyspark import RDD, StorageLevel

from dedup.spark.parting import Parting, moved
from dedup.spark.spool import Spool
from dedup.work import work_folder


class Placed(NamedTuple):
    """A piece as it comes: where it stands in the input, and what it is.

    Attributes:
        place: Tuples of pieces ascend with the input.
        lines: How many lines it has.
        size: How long these are.
        piece: The piece, not numbered yet.
    """

    place: tuple[Any, ...]
    lines: int
    size: int
    piece: Any


def first_lines(pieces: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Yield the number of the first line of each piece, given its file and how many lines it has, in order.

    >>> list(first_lines([(0, 5), (0, 2), (1, 4)]))
    [1, 6, 1]
    """
    before: Counter[int] = Counter()
    for file, lines in pieces:
        yield before[file] + 1
        before[file] += lines


def numbered(coming: RDD[Placed], parts: int = 0) -> tuple[RDD[Any], list[tuple[tuple[Any, ...], int, int]]]:
    """Number pieces in the order of the input.

    Args:
        coming: The pieces.
        parts: To how many partitions they are moved, which follow one another; 0 if they are in such ones already.

    Returns:
        The pieces, each with its number and, if it is of lines, with that of the first; and place, lines and size of
        each, in order.
    """
    held = coming.persist(StorageLevel.DISK_ONLY)
    places = sorted(held.map(lambda one: (one.place, one.lines, one.size)).collect())
    firsts = first_lines((place[0], lines) for place, lines, _ in places)
    told = {
        place: {"number": number, "first": first}
        for number, ((place, *_), first) in enumerate(zip(places, firsts, strict=True))
    }

    def number_of(one: Placed) -> Any:
        fields = told[one.place]
        return one.piece._replace(**{name: fields[name] for name in one.piece._fields if name in fields})

    pieces = held.map(number_of)
    if parts:
        parting = Parting(parts, max(len(places), 1))
        pieces = moved(pieces.map(lambda one: (parting.of(one.number), one)), parts).mapPartitions(_in_order)
    return pieces, places


def _in_order(handed: Iterator[Any]) -> Iterator[Any]:
    with work_folder() as folder:
        spool = Spool[Any](folder)
        for piece in handed:
            spool.add(piece.number, piece)
        yield from spool
