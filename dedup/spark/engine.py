"""The engine on a cluster: the local engine's functions on pieces of the input, and Spark for what it is good at.

Four steps. Lines are counted source by source, which takes one shuffle of the texts. All pieces are examined where they
are. Documents that share a band key, an equal text or an article are put together by connected components, and the
members of whole components meet in one task each, which compares them as the local engine does. Then what happens to
documents is brought to their pieces, and carried out there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import add
from typing import Any, NamedTuple

import numpy as np
from pyspark import RDD, StorageLevel

from dedup import boilerplate
from dedup.boilerplate import Templates
from dedup.errors import InputError
from dedup.spark.components import Nodes, on_driver
from dedup.spark.meeting import Ties
from dedup.spark.outcomes import Outcomes
from dedup.spark.parting import Parting, moved
from dedup.spark.pieces import Fault, Piece
from dedup.spark.tasks import Counted, Found, Tasks, together
from dedup.spark.telling import Told

DRIVER_TIES = 4_000_000
"""Ties between documents that the driver takes to find components, which is faster there: 40 bytes each, and a few
times that while it works."""

DRIVER_MEMBERS = 1_000_000
"""Members of components that the driver sends to all tasks, and whose outcomes it does: some 200 bytes each. Of more,
every task gets its own."""

SPREAD = 2
"""Partitions of sources for each processor, at least: sources are of very different sizes, and whole ones are counted.
"""

Refuse = Callable[[Fault], InputError]
"""Makes of a fault what is raised."""


class Judged(NamedTuple):
    """All that was found and decided.

    Attributes:
        found: The pieces, with what was found in each.
        outcomes: What happens to documents that had to do with others, with the partition of their pieces.
        are_few: Whether these are so few that the driver sends them.
        templates: The boilerplate of every source.
        sources: The sources, as templates number them.
    """

    found: RDD[Found]
    outcomes: RDD[tuple[int, Outcomes]]
    are_few: bool
    templates: Templates
    sources: list[str]


def judge(pieces: RDD[Piece], tasks: Tasks, refuse: Refuse) -> Judged:
    """Find and decide.

    Args:
        pieces: The input; gone through several times.
        tasks: What is done with it.
        refuse: Makes what is raised for a record that holds no document.

    Raises:
        InputError: A record holds no document; it is the first one.
    """
    counted = _counted(pieces, tasks, refuse)
    templates = counted.templates
    examined: RDD[Found | Fault] = pieces.mapPartitions(lambda handed: tasks.examine(handed, templates))
    examined = examined.persist(StorageLevel.DISK_ONLY)
    parts, context = tasks.parting.parts, pieces.context
    if "articles" not in tasks.config.only:
        _gathered(examined, refuse)
        return Judged(examined, context.parallelize([], 1), True, _with_listed(examined, templates), counted.sources)
    met = moved(examined.mapPartitions(tasks.keyed), parts).mapPartitions(tasks.meet).persist(StorageLevel.DISK_ONLY)
    members, are_few = _members(met, counted, tasks.parting, refuse)
    sent = _beside(examined, members, Nodes, tasks.parting).mapPartitions(tasks.sent)
    outcomes = moved(sent, parts).mapPartitions(tasks.judge)
    return Judged(examined, outcomes, are_few, _with_listed(examined, templates), counted.sources)


def told(judged: Judged, tasks: Tasks) -> RDD[Told]:
    """Return what is told of all pieces, in partitions that follow one another."""
    templates, outcomes = judged.templates, judged.outcomes
    few = Outcomes.join([own for _, own in outcomes.collect()]) if judged.are_few else None
    both = _beside(judged.found, outcomes if few is None else few, Outcomes, tasks.parting)
    return both.mapPartitions(lambda handed: tasks.tell(handed, templates))


def _members(met: RDD[Any], counted: _Counted, parting: Parting, refuse: Refuse) -> tuple[Any, bool]:
    """Return the members of components, and whether they are so few that the driver sends them."""
    context = met.context
    _, ties = _gathered(met, refuse)
    if ties is None or counted.versions is None or _count([*ties, *counted.versions]) > DRIVER_TIES:
        # Not before, since it imports all of Spark's tables.
        from dedup.spark import rounds

        return rounds.by_spark(context.union([met, counted.counted]).filter(_is_tie), parting), False
    members = on_driver([*ties, *counted.versions])
    if len(members.rows) <= DRIVER_MEMBERS:
        return members, True
    return context.parallelize(list(members.parted(parting)), parting.parts), False


def _beside(found: RDD[Found], others: Any, kind: type[Nodes | Outcomes], parting: Parting) -> RDD[tuple[Found, Any]]:
    """Return pieces with what else is known of each: sent along by the driver, or come from other partitions."""
    if isinstance(others, kind):
        every = found.context.broadcast(others)
        return found.map(lambda one: (one, every.value.of(one.piece.number)))
    placed = found.map(lambda one: (parting.of(one.piece.number), one))
    both = moved(found.context.union([placed, others]), parting.parts)
    return both.mapPartitions(lambda handed: together(handed, kind))


class _Counted(NamedTuple):
    """What counting lines comes to.

    Attributes:
        templates: The boilerplate of every source.
        sources: The sources, as templates number them.
        versions: Who is a version of whom; None if that is more than the driver takes.
        counted: The same among other things, on the executors.
    """

    templates: Templates
    sources: list[str]
    versions: list[Ties] | None
    counted: RDD[Any]


def _counted(pieces: RDD[Piece], tasks: Tasks, refuse: Refuse) -> _Counted:
    """Count lines, where that is asked for."""
    kinds = tasks.config.only
    if "boilerplate" not in kinds and not (tasks.config.drop_contained and "articles" in kinds):
        return _Counted(Templates.none(), [], [], pieces.context.parallelize([], 1))
    parts = max(tasks.parting.parts, SPREAD * pieces.context.defaultParallelism)
    evidence = moved(pieces.mapPartitions(lambda handed: tasks.evidence(handed, parts)), parts)
    counted = evidence.mapPartitions(tasks.count).persist(StorageLevel.DISK_ONLY)
    found, versions = _gathered(counted, refuse)
    templates, names = _joined(found)
    if "boilerplate" in kinds:
        templates = Templates.join([boilerplate.always(tasks.config), templates])
    return _Counted(templates, names, versions, counted)


def _gathered(things: RDD[Any], refuse: Refuse) -> tuple[list[Counted], list[Ties] | None]:
    """Compute things and bring them to the driver: counted lines, and ties, or None if these are too many.

    Raises:
        InputError: There are faults among them; it is the first one.
    """
    most = DRIVER_TIES // things.getNumPartitions()

    def brought(handed: Iterator[Any]) -> Iterator[tuple[list[Any], list[Ties] | None]]:
        others: list[Any] = []
        ties: list[Ties] = []
        for one in handed:
            if isinstance(one, Ties):
                ties.append(one)
            elif not isinstance(one, Found):
                others.append(one)
        yield others, ties if _count(ties) <= most else None

    found = things.mapPartitions(brought).collect()
    every = [one for others, _ in found for one in others]
    faults = [one for one in every if isinstance(one, Fault)]
    if faults:
        raise refuse(min(faults))
    parts = [ties for _, ties in found]
    return every, None if None in parts else [some for ties in parts for some in ties or ()]


def _count(ties: list[Ties]) -> int:
    return sum(len(some.rows) for some in ties)


def _is_tie(one: Any) -> bool:
    return isinstance(one, Ties)


def _joined(found: list[Counted]) -> tuple[Templates, list[str]]:
    """Put the templates of all sources together, with sources numbered by their names."""
    names = sorted(name for one in found for name in one.sources)
    numbers = {name: number for number, name in enumerate(names)}
    own = (np.array([numbers[name] for name in one.sources], np.int64)[one.templates.sources] for one in found)
    parts = [one.templates._replace(sources=sources) for one, sources in zip(found, own, strict=True)]
    return Templates.join(parts), names


def _with_listed(found: RDD[Found], templates: Templates) -> Templates:
    """Fill in how many documents carry each line that the user listed."""
    listed = np.flatnonzero(templates.kinds == boilerplate.LISTED)
    if not len(listed):
        return templates

    def carried(one: Found) -> list[int]:
        cuts = one.examined.found.cuts
        counted = boilerplate.count_listed(templates, cuts.documents, cuts.templates)
        counts: list[int] = counted.documents[listed].tolist()
        return counts

    counts = found.map(carried).fold([0] * len(listed), lambda one, other: list(map(add, one, other)))
    documents, articles = templates.documents.copy(), templates.articles.copy()
    documents[listed] = articles[listed] = counts
    return templates._replace(documents=documents, articles=articles)
