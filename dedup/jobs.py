"""What the commands do with files: scan, apply, both in one, restore."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from dedup import __version__, audit, decisions, pipeline, readers, replay, report, writers
from dedup.config import Config
from dedup.decisions import Decision, Header
from dedup.plan import Plan, Progress, silent
from dedup.staging import Staging, refuse_existing, writing

DECISIONS, REPORT = "decisions.jsonl", "report.json"


@dataclass(frozen=True, slots=True)
class Run:
    """How to go about a job, as opposed to what counts as a duplicate.

    Attributes:
        workers: Threads.
        format: The format of files whose names do not tell; None to go by their names.
        on_error: `fail` at the first unreadable record, or `skip` and set such records aside.
        force: Replace an existing output.
        sidecar: The folder for decisions and undo data; None for OUTPUT.dedup.
        progress: Told how far the job is.
    """

    workers: int = 1
    format: str | None = None
    on_error: str = "fail"
    force: bool = False
    sidecar: Path | None = None
    progress: Progress = silent


@dataclass(slots=True)
class _Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - start, 3)


def clean(inputs: list[str], output: str, config: Config, run: Run) -> dict[str, Any]:
    """Scan and apply: write the cleaned corpus with its decisions, its report and what undo needs; return the report.

    Raises:
        DedupError: The input cannot be read, the output not written, or too much would go; nothing was written.
    """
    clock = _Clock()
    with _corpus(inputs, config, run) as corpus, writers.Output(corpus, output, run.sidecar, run.force) as out:
        with clock.time("scan"):
            plan = pipeline.scan(corpus, config, workers=run.workers, progress=run.progress)
        report.check_loss(plan)
        made = decisions.header(config, corpus.names), audit.decisions(plan, corpus)
        return _carry_out(plan, corpus, out, clock, *made)


def scan(inputs: list[str], output: str, config: Config, run: Run) -> dict[str, Any]:
    """Find and decide; write the decisions, to standard output for `-`, and return the report."""
    clock = _Clock()
    with _corpus(inputs, config, run) as corpus, _decisions_file(output, run) as file:
        with clock.time("scan"):
            plan = pipeline.scan(corpus, config, workers=run.workers, progress=run.progress)
        report.check_loss(plan)
        with clock.time("decide"):
            texts = _write_decisions(file, decisions.header(config, corpus.names), audit.decisions(plan, corpus))
        return report.build(plan, texts, corpus.names, len(corpus.rejected), clock.seconds)


@contextmanager
def judged(inputs: list[str], config: Config, run: Run) -> Iterator[tuple[readers.Corpus, Plan]]:
    """Find and decide; yield the corpus, which can be read again inside, and its plan. Nothing is written.

    Raises:
        DedupError: The input cannot be read.
    """
    with _corpus(inputs, config, run) as corpus:
        yield corpus, pipeline.scan(corpus, config, workers=run.workers, progress=run.progress)


def apply(path: str, inputs: list[str], output: str, config: Config, run: Run) -> dict[str, Any]:
    """Carry out the decisions of a file on the input they were made from; return the report."""
    clock = _Clock()
    with _corpus(inputs, config, run) as corpus, writers.Output(corpus, output, run.sidecar, run.force) as out:
        with clock.time("match"):
            plan = replay.read_plan(Path(path), config, corpus, progress=run.progress)
        report.check_loss(plan)
        # As they were made, flags included, and not as the plan would tell them.
        made = decisions.read_header(Path(path)), decisions.read(Path(path))
        return _carry_out(plan, corpus, out, clock, *made)


@contextmanager
def _decisions_file(output: str, run: Run) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when it is complete."""
    if output == writers.STANDARD_OUTPUT:
        yield sys.stdout.buffer
        return
    target = Path(output).absolute()
    refuse_existing(target, is_file=True, force=run.force)
    staged = Staging(target)
    with writing(target):
        staged.clear_leftovers()
        try:
            with staged.path.open("wb") as file:
                yield file
            staged.commit()
        finally:
            staged.discard()


@contextmanager
def _corpus(inputs: list[str], config: Config, run: Run) -> Iterator[readers.Corpus]:
    with tempfile.TemporaryDirectory(prefix="dedup-") as work:
        yield readers.open_corpus(inputs, config, work=Path(work), format=run.format, on_error=run.on_error)


def _carry_out(
    plan: Plan, corpus: readers.Corpus, out: writers.Output, clock: _Clock, head: Header, found: Iterable[Decision]
) -> dict[str, Any]:
    folder = out.sidecar_staging
    texts: dict[str, str] = {}
    with clock.time("decide"):
        if folder is not None:
            with (folder / DECISIONS).open("wb") as file:
                texts = _write_decisions(file, head, found)
    with clock.time("write"):
        out.write(edits_of(plan))
    summary = report.build(plan, texts, corpus.names, len(corpus.rejected), clock.seconds)
    if folder is not None:
        (folder / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n")
    out.commit(__version__)
    return summary


def _write_decisions(file: BinaryIO, head: Header, found: Iterable[Decision]) -> dict[str, str]:
    """Write all decisions; return the text of each template by its id."""
    texts: dict[str, str] = {}
    decisions.write(file, head, audit.noting_templates(found, texts))
    return texts


def edits_of(plan: Plan) -> writers.Edits:
    """Return what the plan takes away, as the writers take it."""
    documents, cuts = plan.documents, plan.cuts
    dropped = np.flatnonzero(plan.dropped)
    stays = ~plan.dropped[cuts.documents]
    of_cuts = cuts.documents[stays]
    return writers.Edits(
        documents.files[dropped], documents.records[dropped],
        documents.files[of_cuts], documents.records[of_cuts], cuts.starts[stays], cuts.ends[stays],
    )  # fmt: skip
