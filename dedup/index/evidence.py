"""What stored documents say about boilerplate: counted with new ones, counted alone, and judged again by what is new.

Per source the latest documents stored are the evidence (`past.EVIDENCE`). What was found once stays known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dedup import findings
from dedup.boilerplate import Templates
from dedup.config import Config
from dedup.index.catalog import Catalog
from dedup.index.knowledge import Knowledge
from dedup.index.past import Past
from dedup.index.store import Store
from dedup.model import Batch, Wanted
from dedup.parallel import in_order
from dedup.pipeline import count_lines
from dedup.plan import silent
from dedup.sources import SourceNumbers
from dedup.spill import IN_MEMORY

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

ONLY_FILE = np.int32(0)


class Evidence:
    """The latest documents of some sources, as a corpus.

    Attributes:
        room: In memory: there is a bounded number of documents a source.
        names: One file, for want of any.
        rejected: Nothing.
    """

    room, names, rejected = IN_MEMORY, [""], ()

    def __init__(self, past: Past, source_names: list[str]) -> None:
        self._past, self._records = past, past.latest(source_names) + 1

    def batches(self, wanted: Wanted | None = None) -> Iterator[Batch]:
        """Read all of them, or the wanted ones, as they were read when they were stored."""
        return self._past.reread(self._records if wanted is None else wanted.records, ONLY_FILE)


def learn(store: Store, source_names: list[str], config: Config, workers: int) -> list[dict[str, Any]]:
    """Count the lines of some sources anew and commit what is known then; return what became boilerplate only now."""
    found = counted_anew(store.snapshot, source_names, config, workers)
    if found.is_news:
        catalog = store.changed()
        store.commit(with_knowledge(store, catalog, found.knowledge(store.snapshot, catalog.generation)))
    return found.late


class Counted(NamedTuple):
    """What lines come to when those of some sources are counted anew.

    Attributes:
        templates: What was counted.
        source_names: The names of its sources.
        late: What became boilerplate only now, as `late_boilerplate` tells it.
        is_news: Whether there is boilerplate that was not known.
        least: Different articles that carry boilerplate.
    """

    templates: Templates
    source_names: list[str]
    late: list[dict[str, Any]]
    is_news: bool
    least: int

    def knowledge(self, past: Past, generation: int) -> Knowledge:
        """Return what is known then, as of a generation of the index."""
        texts = {found["id"]: found["text"] for found in self.late}
        return past.knowledge.learned(self.templates, self.source_names, texts, generation, self.least)


def counted_anew(past: Past, source_names: list[str], config: Config, workers: int) -> Counted:
    """Count the lines of the latest documents of some sources."""
    sources = SourceNumbers()
    templates, _ = count_lines(Evidence(past, source_names), config, sources, workers, silent)
    late = late_boilerplate(past, templates, sources.names, config, workers)
    least = config.template_documents
    is_news = bool(len(past.knowledge.fresh(templates, least).keys))
    return Counted(templates, sources.names, late, is_news, least)


def with_templates(
    store: Store, catalog: Catalog, counted: Templates, source_names: list[str], texts: dict[str, str], least: int
) -> Catalog:
    """Return a changed catalog that knows what was counted, too; arguments as of `Knowledge.learned`."""
    known = store.snapshot.knowledge.learned(counted, source_names, texts, catalog.generation, least)
    return with_knowledge(store, catalog, known)


def with_knowledge(store: Store, catalog: Catalog, known: Knowledge) -> Catalog:
    """Return a changed catalog that names new templates; they are on disk."""
    return msgspec.structs.replace(catalog, templates=store.write_templates(known.encode()))


def late_boilerplate(
    past: Past, templates: Templates, source_names: list[str], config: Config, workers: int
) -> list[dict[str, Any]]:
    """Return the boilerplate that was none when earlier documents were stored, and who carries it.

    Args:
        past: What was stored before.
        templates: What is boilerplate now.
        source_names: The names of its sources.
        config: Says what is looked for.
        workers: Threads.

    Returns:
        For each such template, most carriers first, its `id`, `text` and `source`, and the stored `documents` that
        carry it, each with its id (`document`), `file` and `record`.
    """
    fresh = past.knowledge.fresh(templates, config.template_documents)
    if not len(fresh.keys):
        return []
    only = dataclasses.replace(config, only=("boilerplate",))
    is_fresh = np.isin(templates.keys, fresh.keys)
    evidence = Evidence(past, [source_names[source] for source in np.unique(fresh.sources).tolist()])

    def look(batch: Batch, _: Ints, keys: Keys) -> tuple[Batch, findings.Findings]:
        return batch, findings.find(batch.texts, keys, templates, only)

    told: dict[int, dict[str, Any]] = {}
    for batch, found in in_order(look, SourceNumbers().number(evidence.batches()), workers):
        cuts = found.cuts
        went, begins, _ = past.cuts(batch.records - 1)
        is_late = ~np.isin(_places(cuts.documents, cuts.starts), _places(went, begins))
        spans = np.flatnonzero(is_fresh[cuts.templates] & is_late)
        places = past.places(batch.records[cuts.documents[spans]] - 1)
        for span, place in zip(spans.tolist(), places, strict=True):
            text = batch.texts.row(int(cuts.documents[span]))[cuts.starts[span] : cuts.ends[span]].decode().strip()
            key = int(templates.keys[cuts.templates[span]])
            template = {"id": f"{key:016x}", "text": text, "source": place.source, "documents": []}
            documents = told.setdefault(key, template)["documents"]
            carrier = {"document": place.id, "file": place.file, "record": place.record}
            if carrier not in documents[-1:]:
                documents.append(carrier)
    return sorted(told.values(), key=lambda template: (-len(template["documents"]), template["id"]))


def _places(documents: Ints, starts: Ints) -> Ints:
    """Return one number for each place in a text; texts have less than 2**31 bytes."""
    return (documents.astype(np.int64) << 31) | starts
