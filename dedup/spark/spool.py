"""What a task was handed, on disk, so that it can be gone through in order and again and again."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pyspark.serializers import CPickleSerializer

from dedup.work import held

AS_SPARK = CPickleSerializer()
"""Things come from Spark in this form, and out of its folders; here they are in the task's own."""

Thing = TypeVar("Thing")


class Spool(Generic[Thing]):
    """Things with numbers, in their order.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     spool = Spool[str](Path(folder))
    ...     spool.add(2, "zwei")
    ...     spool.add(1, "eins")
    ...     list(spool)
    ['eins', 'zwei']
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "spool").open("w+b")
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, int, int]] = []

    def add(self, number: int, thing: Thing) -> None:
        """Put a thing in; raises OutputError if the folder cannot hold it."""
        with held("what a task is handed", Path(self._file.name)):
            place = self._file.seek(0, 2)
            self._places.append((number, place, self._file.write(AS_SPARK.dumps(thing))))

    def __iter__(self) -> Iterator[Thing]:
        for _, place, size in sorted(self._places):
            self._file.seek(place)
            yield AS_SPARK.loads(self._file.read(size))
