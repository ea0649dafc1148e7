"""The boilerplate that an index knows: which lines of which sources, since when, and what they say.

What enough articles carried once stays known: a site's cookie notice does not become content because it was not seen
for a while.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup.boilerplate import LABEL, LINE, LISTED, ONCE, Rule, Templates
from dedup.formats.digests import Digest, digest_of
from dedup.index.segments import damaged
from dedup.memory import with_known

Ints = npt.NDArray[np.int64]


REMEMBERED = 16
"""Generations of the index for which it is remembered what was known before, so that a repeated run comes to the same.
Chosen: who repeats a run does so because its output was lost, not weeks later."""

ALWAYS = np.iinfo(np.int64).max
"""In place of the generation that knows better, where none does."""


class Former(NamedTuple):
    """What was known until something else was counted.

    Attributes:
        found: The templates; their sources are rows of `Knowledge.sources`.
        since: int64[templates], generation of the index that knew it first.
        until: int64[templates], generation of the index that knew better.
    """

    found: Templates
    since: Ints
    until: Ints

    @classmethod
    def nothing(cls) -> Former:
        """Return what an empty index knew."""
        return cls(Templates.none(), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def rows(self, chosen: Any) -> Former:
        """Return some rows."""
        return Former(self.found.rows(chosen), self.since[chosen], self.until[chosen])

    def and_then(self, more: Former) -> Former:
        """Return these rows and more of them."""
        columns = zip(self.found, more.found, strict=True)
        found = Templates._make(np.concatenate([own, others]) for own, others in columns)
        return Former(found, np.concatenate([self.since, more.since]), np.concatenate([self.until, more.until]))


class Knowledge(NamedTuple):
    """Templates of all sources, ordered by key.

    Attributes:
        found: The templates; their sources are rows of `sources`.
        sources: The name of every source that has one.
        texts: What each template said where it was first seen; empty where it was not seen in what was stored.
        since: int64[templates], generation of the index that counted it so first.
        former: What was known before.
    """

    found: Templates
    sources: list[str]
    texts: list[str]
    since: Ints
    former: Former

    @classmethod
    def nothing(cls) -> Knowledge:
        """Return what an empty index knows."""
        return cls(Templates.none(), [], [], np.zeros(0, np.int64), Former.nothing())

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
            since, until = (table[name].to_numpy().astype(np.int64, casting="no") for name in ("since", "until"))
        except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise damaged(path, f"holds no templates ({error})") from None
        sources = sorted(set(names))
        numbers = {name: number for number, name in enumerate(sources)}
        of_source = np.array([numbers[name] for name in names], np.int64)
        every = Former(Templates(**columns, sources=of_source), since, until)
        now = every.rows(until == ALWAYS)
        return cls(now.found, sources, texts[: len(now.since)], now.since, every.rows(until != ALWAYS))

    def encode(self) -> bytes:
        """Return it as an Arrow file."""
        every = self._current().and_then(self.former)
        columns: dict[str, Any] = {name: getattr(every.found, name) for name in Templates._fields if name != "sources"}
        names = [self.sources[source] for source in every.found.sources.tolist()]
        texts = self.texts + [""] * len(self.former.since)
        table = pa.table(
            columns
            | {"source": pa.array(names, pa.string()), "text": pa.array(texts, pa.string())}
            | {"since": every.since, "until": every.until}
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())

    def before(self, generation: int) -> Knowledge:
        """Return what was known before a generation of the index."""
        known = self._current().and_then(self.former)
        known = known.rows((known.since < generation) & (generation <= known.until))
        said = self.said()
        order = np.argsort(known.found.keys, kind="stable")
        found = known.found.rows(order)
        texts = [said.get(f"{key:016x}", "") for key in found.keys.tolist()]
        return Knowledge(found, self.sources, texts, known.since[order], Former.nothing())

    def templates(self, source_names: list[str]) -> Templates:
        """Return what recurs in some sources; source i is `source_names[i]`."""
        numbers = {name: number for number, name in enumerate(source_names)}
        sources = np.array([numbers.get(name, -1) for name in self.sources], np.int64)
        of_source = sources[self.found.sources] if len(self.found.sources) else self.found.sources
        chosen = of_source >= 0
        return self.found._replace(sources=of_source).rows(chosen)

    def told(self) -> list[int]:
        """Return the rows of the templates that something was cut for, by source and key."""
        rows = [row for row, text in enumerate(self.texts) if text]
        return sorted(rows, key=lambda row: self.sources[self.found.sources[row]])

    def said(self) -> dict[str, str]:
        """Return what each template says, by its id."""
        return {f"{key:016x}": text for key, text in zip(self.found.keys.tolist(), self.texts, strict=True) if text}

    def fresh(self, counted: Templates, least: int) -> Templates:
        """Return the lines and labels that so many articles carry now, and that fewer did as far as was known.

        In sources of few articles nothing goes, so that what many of these carry is news when there are more.
        """
        known = np.append(self.found.articles, 0)[self.found.find(counted.keys)]
        of_lines = np.isin(counted.kinds, (LINE, LABEL))
        is_news = (known < max(least, Rule().usual_articles)) & (counted.articles > known)
        return counted.rows(of_lines & (counted.articles >= least) & is_news)

    def learned(
        self, counted: Templates, source_names: list[str], texts: dict[str, str], generation: int, least: int
    ) -> Knowledge:
        """Return what is known after lines were counted once more.

        What was counted before is kept where more articles carried it then, and not fewer than `least`.

        Args:
            counted: What was counted; what the user lists is left out.
            source_names: The names of its sources.
            texts: What templates say, by their id.
            generation: Of the index that will know them.
            least: Different articles that carry boilerplate.
        """
        counted = counted.rows(~np.isin(counted.kinds, (LISTED, ONCE)))
        of_counted = np.isin(self.sources, source_names)[self.found.sources]
        old = self.found.rows(~of_counted | (self.found.articles >= least))
        texts = texts | self.said()
        names = [*self.sources, *source_names]
        found = with_known(counted._replace(sources=counted.sources + len(self.sources)), old)
        is_same = _counts(self.found, np.arange(len(self.since))) == _counts(found, found.find(self.found.keys))
        stays = is_same.all(axis=0)
        since = np.full(len(found.keys), generation)
        since[found.find(self.found.keys[stays])] = self.since[stays]
        past = self._current().rows(~stays)
        former = self.former.and_then(past._replace(until=np.full(len(past.until), generation)))
        former = former.rows((former.until > generation - REMEMBERED) & (former.since < former.until))
        every = np.concatenate([found.sources, former.found.sources])
        used, sources = np.unique([names[source] for source in every.tolist()], return_inverse=True)
        now, before = np.split(sources.astype(np.int64), [len(found.keys)])
        return Knowledge(
            found._replace(sources=now),
            used.tolist(),
            [texts.get(f"{key:016x}", "") for key in found.keys.tolist()],
            since,
            former._replace(found=former.found._replace(sources=before)),
        )

    def _current(self) -> Former:
        """Return what is known now, in the form of what was known before."""
        return Former(self.found, self.since, np.full(len(self.since), ALWAYS))


def _counts(found: Templates, rows: Ints) -> Ints:
    """Return what was counted for some rows, int64[3, rows]; -1 stands for none."""
    return np.stack([np.append(column, -1)[rows] for column in (found.articles, found.documents, found.times)])
