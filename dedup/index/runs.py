"""A run of `dedup clean` on top of an index, and the one step that adds it.

The run is judged against what the index holds. When its output is staged, the segment it adds is written and
`pending.json` says what is about to happen; the output gets its final name; the catalog is replaced. Killed before the
output has its name, the run has not happened, and the next writer forgets it; killed after, the next writer finishes
it. Either way the command can be given again.

A run is recognised by its files, their names and the settings. Repeated when it is in the index already (with --force,
since its output is there), it is judged against the index as it was before it, comes to the same, and adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xxhash

from dedup import manifest
from dedup.config import Config
from dedup.errors import DedupError, UsageError
from dedup.formats.digests import READ_BYTES, digest_of
from dedup.index.adding import add_plan
from dedup.index.catalog import Catalog, RunEntry
from dedup.index.evidence import late_boilerplate, with_templates
from dedup.index.store import Proof, Store
from dedup.plan import Plan
from dedup.readers import Corpus
from dedup.writers import Output

DECISIONS = "decisions.jsonl"


class Session:
    """One run on top of an index, which is locked meanwhile.

    Attributes:
        memory: The index as the run sees it.
    """

    def __init__(self, store: Store, corpus: Corpus, config: Config, workers: int) -> None:
        self._store, self._corpus, self._config, self._workers = store, corpus, config, workers
        self._key = run_key(corpus, config)
        repeated = [run for run in store.catalog.runs if run.key == self._key]
        self.memory = store.snapshot.as_of(repeated[-1]) if repeated else store.snapshot
        self._is_repeated = bool(repeated)
        self._catalog: Catalog | None = None

    def stage(self, plan: Plan, texts: dict[str, str]) -> dict[str, Any]:
        """Write what the run adds, for nothing yet; return what the report says about it.

        Args:
            plan: What was decided.
            texts: The text of each template by its id, as far as it went anywhere.
        """
        stored = int((~plan.dropped).sum())
        late = late_boilerplate(self.memory, plan.templates, plan.documents.source_names, self._config, self._workers)
        if not self._is_repeated:
            before = self._store.catalog
            writer, end = add_plan(self._store, plan, self._corpus, self._workers)
            run = RunEntry(self._key, self._corpus.names, before.next_number, before.generation + 1, stored)
            changed = self._store.changed(writer, run, next_number=end)
            texts = texts | {found["id"]: found["text"] for found in late}
            names = plan.documents.source_names
            self._catalog = with_templates(
                self._store, changed, plan.templates, names, texts, self._config.template_documents
            )
        return {
            "path": str(self._store.folder),
            "before": len(self.memory.standing()),
            "added": 0 if self._is_repeated else stored,
            "is_repeated_run": self._is_repeated,
            "late_boilerplate": late,
        }

    def prepare(self, out: Output) -> None:
        """Make sure that what was staged is added if, and only if, the output gets its final name.

        Standard output has no such moment: killed behind it, the run is to be repeated.
        """
        if self._catalog is not None and out.target and out.sidecar and out.sidecar_staging:
            proof = Proof(
                output=str(out.target),
                is_folder=out.is_folder,
                sidecar=str(out.sidecar),
                decisions=digest_of(out.sidecar_staging / DECISIONS),
            )
            self._store.prepare(self._catalog, proof)

    def commit(self) -> None:
        """Add what was staged."""
        if self._catalog is not None:
            self._store.commit(self._catalog)


@contextmanager
def session(path: Path, corpus: Corpus, config: Config, workers: int) -> Iterator[Session]:
    """Open an index, or make one, for a run that may be added to it.

    Raises:
        StateError: It is damaged, or somebody else is writing to it.
        UsageError: The settings do not go together with it.
    """
    refuse_settings(config)
    store = Store.open_or_create(path, config)
    with store.locked(is_written):
        yield Session(store, corpus, config, workers)


def refuse_settings(config: Config) -> None:
    """Raise UsageError for settings that an index cannot honour: what is stored stays."""
    if config.keep != "first":
        raise UsageError(f"with an index the first article stays, not --keep {config.keep}", hint="Use --keep first.")
    if config.drop_contained:
        raise UsageError(
            "--drop-contained looks for longer versions, and what an index holds cannot give way to one",
            hint="Leave one of the two out.",
        )


def run_key(corpus: Corpus, config: Config) -> str:
    """Return what identifies a run: a hash of its files, their names and the settings."""
    digest = xxhash.xxh3_128(config.fingerprint().encode())
    for file in corpus.files:
        digest.update(f"\0{file.name}\0".encode())
        with file.open() as source:
            while data := source.read(READ_BYTES):
                digest.update(data)
    return digest.hexdigest()


def is_written(proof: Proof) -> bool:
    """Say whether the output of a run is there, whole, with the decisions of that run beside it."""
    sidecar, output = Path(proof.sidecar), Path(proof.output)
    try:
        written = manifest.load(sidecar)
        if written.sidecar[DECISIONS] != proof.decisions:
            return False
        for entry in written.files:
            path = output / entry.name if proof.is_folder else output
            if entry.output is not None and digest_of(path) != entry.output:
                return False
    except (DedupError, OSError):
        return False
    return True
