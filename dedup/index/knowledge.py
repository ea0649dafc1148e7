"""The boilerplate that an index knows: which lines of which sources, since when, and what they say.

What was boilerplate once stays it: a site's cookie notice does not become content because it was not seen for a while.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup.boilerplate import LISTED, Templates
from dedup.formats.digests import Digest, digest_of
from dedup.index.segments import damaged

Ints = npt.NDArray[np.int64]


class Knowledge(NamedTuple):
    """Templates of all sources, ordered by key.

    Attributes:
        found: The templates; their sources are rows of `sources`.
        sources: The name of every source that has one.
        texts: What each template said where it was first seen; empty where it was not seen in what was stored.
        since: int64[templates], generation of the index that knew it first.
    """

    found: Templates
    sources: list[str]
    texts: list[str]
    since: Ints

    @classmethod
    def nothing(cls) -> Knowledge:
        """Return what an empty index knows."""
        return cls(Templates.none(), [], [], np.zeros(0, np.int64))

    @classmethod
    def read(cls, folder: Path, file: tuple[str, Digest] | None) -> Knowledge:
        """Read what `encode` wrote; raises StateError if it was changed since."""
        if file is None:
            return cls.nothing()
        path = folder / file[0]
        if not path.is_file() or digest_of(path) != file[1]:
            raise damaged(path, "is missing or was changed since it was written")
        with pa.memory_map(str(path)) as source:
            return cls.decode(source, path)

    @classmethod
    def decode(cls, data: Any, path: Path | str) -> Knowledge:
        """Read what `encode` returned, from bytes or an open file; raises StateError if that is not what it is."""
        try:
            table = pa.ipc.open_file(data).read_all().combine_chunks()
            table.validate(full=True)
            if any(column.null_count for column in table.columns):
                raise ValueError("a value is missing")
            columns = {
                name: np.array(table[name].to_numpy(zero_copy_only=False)).astype(column.dtype, casting="no")
                for name, column in Templates.none()._asdict().items() if name != "sources"
            }  # fmt: skip
            names, texts = (table[name].cast(pa.string()).to_pylist() for name in ("source", "text"))
            since = table["since"].to_numpy().astype(np.int64, casting="no")
        except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise damaged(path, f"holds no templates ({error})") from None
        sources = sorted(set(names))
        numbers = {name: number for number, name in enumerate(sources)}
        of_source = np.array([numbers[name] for name in names], np.int64)
        return cls(Templates(**columns, sources=of_source), sources, texts, since)

    def encode(self) -> bytes:
        """Return it as an Arrow file."""
        columns: dict[str, Any] = {name: getattr(self.found, name) for name in Templates._fields if name != "sources"}
        names = [self.sources[source] for source in self.found.sources.tolist()]
        table = pa.table(columns | {"source": pa.array(names, pa.string()), "text": self.texts, "since": self.since})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())

    def before(self, generation: int) -> Knowledge:
        """Return what was known before a generation of the index."""
        return self._rows(np.flatnonzero(self.since < generation))

    def templates(self, source_names: list[str]) -> Templates:
        """Return the templates of some sources; source i is `source_names[i]`."""
        numbers = {name: number for number, name in enumerate(source_names)}
        sources = np.array([numbers.get(name, -1) for name in self.sources], np.int64)
        of_source = sources[self.found.sources] if len(self.found.sources) else self.found.sources
        chosen = of_source >= 0
        return Templates._make(column[chosen] for column in self.found._replace(sources=of_source))

    def told(self) -> list[int]:
        """Return the rows of the templates that something was cut for: of each its main wording, by source and key."""
        rows = np.flatnonzero(self.found.mains == self.found.keys).tolist()
        return sorted((row for row in rows if self.texts[row]), key=lambda row: self.sources[self.found.sources[row]])

    def said(self) -> dict[str, str]:
        """Return what each template says, by its id."""
        return {f"{main:016x}": text for main, text in zip(self.found.mains.tolist(), self.texts, strict=True)}

    def fresh(self, counted: Templates) -> Templates:
        """Return what is boilerplate and was not known; suspicious lines and those listed by the user are left out."""
        chosen = counted.often & (counted.kinds != LISTED) & ~np.isin(counted.keys, self.found.keys)
        return Templates._make(column[chosen] for column in counted)

    def learned(self, counted: Templates, source_names: list[str], texts: dict[str, str], generation: int) -> Knowledge:
        """Return what is known after lines were counted once more.

        Args:
            counted: What was counted; suspicious lines and lines listed by the user are left out.
            source_names: The names of its sources.
            texts: What templates say, by their id.
            generation: Of the index that will know them.
        """
        sure = counted.often & (counted.kinds != LISTED)
        counted = Templates._make(column[sure] for column in counted)
        old = self._rows(np.flatnonzero(~np.isin(self.found.keys, counted.keys)))
        since = dict(zip(self.found.keys.tolist(), self.since.tolist(), strict=True))
        texts = texts | {name: text for name, text in self.said().items() if text}
        names = [*old.sources, *source_names]
        found = Templates.join([old.found, counted._replace(sources=counted.sources + len(old.sources))])
        used, sources = np.unique([names[source] for source in found.sources.tolist()], return_inverse=True)
        return Knowledge(
            found._replace(sources=sources.astype(np.int64)),
            used.tolist(),
            [texts.get(f"{main:016x}", "") for main in found.mains.tolist()],
            np.array([since.get(key, generation) for key in found.keys.tolist()], np.int64),
        )

    def _rows(self, rows: Ints) -> Knowledge:
        return Knowledge(
            Templates._make(column[rows] for column in self.found),
            self.sources,
            [self.texts[row] for row in rows.tolist()],
            self.since[rows],
        )
