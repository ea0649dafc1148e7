"""What the commands do with files: scan, apply, both in one, restore."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import numpy as np

from dedup import __version__, audit, decisions, pairs, pipeline, readers, replay, report, writers
from dedup import explain as explanation
from dedup.audit import TemplateTexts
from dedup.columns import Ints
from dedup.config import Config
from dedup.decisions import Header
from dedup.errors import UsageError
from dedup.formats.compression import MAX_EXPANSION
from dedup.limit import give_back, room_within
from dedup.memory import Memory
from dedup.parallel import alongside
from dedup.plan import Plan, Progress, silent
from dedup.quotes import KeptQuotes
from dedup.stages import Stages, kept, make_folder
from dedup.stages import opened as opened_stages
from dedup.staging import (
    SIDECAR_SUFFIX,
    STANDARD_OUTPUT,
    Staging,
    refuse_existing,
    refuse_overlap,
    refuse_parent,
    writing,
)
from dedup.sweep import sweep
from dedup.work import work_folder

if TYPE_CHECKING:
    from dedup.index.runs import Session

DECISIONS, REPORT = "decisions.jsonl", "report.json"


@dataclass(frozen=True, slots=True)
class Run:
    """How to go about a job, as opposed to what counts as a duplicate.

    Attributes:
        workers: Threads.
        memory_limit: The most memory the process may take, in bytes; None for as much as it likes.
        format: The format of files whose names do not tell; None to go by their names.
        on_error: `fail` at the first unreadable record, or `skip` and set such records aside.
        max_expansion: How many times its size may come out of a compressed file, from 1 GB on.
        force: Replace an existing output.
        sidecar: The folder for decisions and undo data; None for OUTPUT.dedup.
        page: Where the statistics go as an HTML page; None for nowhere.
        index: The folder of the index that a corpus is judged against and added to; None for none.
        work_dir: The folder for finished stages and for what does not fit into memory; None to keep no stages, and for
            the system's folder for temporary files.
        progress: Told how far the job is.
    """

    workers: int = 1
    memory_limit: int | None = None
    format: str | None = None
    on_error: str = "fail"
    max_expansion: float = MAX_EXPANSION
    force: bool = False
    sidecar: Path | None = None
    page: Path | None = None
    index: Path | None = None
    work_dir: Path | None = None
    progress: Progress = silent


@dataclass(slots=True)
class Clock:
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
    clock = Clock()
    with (
        _corpus(inputs, config, run) as corpus,
        _page_file(run, inputs, output) as page,
        writers.Output(corpus, output, run.sidecar, run.force) as out,
        _index_session(corpus, config, run, out) as session,
        _stages(corpus, config, run, session) as stages,
    ):
        quotes = KeptQuotes(corpus.room)
        with clock.time("scan"):
            plan = _scanned(corpus, config, run, stages, quotes, None if session is None else session.memory)
        report.check_loss(plan)
        texts = TemplateTexts()
        made = decisions.header(config, corpus.names), audit.lines(plan, corpus, texts, quotes)
        return _carry_out(plan, corpus, out, clock, *made, texts, page, session)


def scan(inputs: list[str], output: str, config: Config, run: Run) -> dict[str, Any]:
    """Find and decide; write the decisions, to standard output for `-`, and return the report."""
    clock = Clock()
    with (
        _corpus(inputs, config, run) as corpus,
        _stages(corpus, config, run) as stages,
        _decisions_file(output, run) as file,
    ):
        quotes = KeptQuotes(corpus.room)
        with clock.time("scan"):
            plan = _scanned(corpus, config, run, stages, quotes)
        report.check_loss(plan)
        texts = TemplateTexts()
        with clock.time("decide"):
            decisions.write(file, decisions.header(config, corpus.names), audit.lines(plan, corpus, texts, quotes))
        return report.build(plan, texts.by_id, corpus.names, len(corpus.rejected), clock.seconds)


def _scanned(
    corpus: readers.Corpus,
    config: Config,
    run: Run,
    stages: Stages | None,
    quotes: KeptQuotes,
    memory: Memory | None = None,
) -> Plan:
    """Find and decide, as far as that is not done; `quotes` are complete if the documents were looked at here."""

    def find() -> Plan:
        return pipeline.scan(
            corpus,
            config,
            workers=run.workers,
            progress=run.progress,
            memory=memory,
            stages=stages,
            quotes=quotes,
        )

    plan = kept(stages, "plan", Plan, find)
    corpus.complete()
    # The breaker decides nothing, and so may be another one than when the plan was made.
    return dataclasses.replace(plan, config=config)


@contextmanager
def judged(inputs: list[str], config: Config, run: Run) -> Iterator[tuple[readers.Corpus, Plan]]:
    """Find and decide; yield the corpus, which can be read again inside, and its plan. Nothing is written.

    Raises:
        DedupError: The input cannot be read.
    """
    with _corpus(inputs, config, run) as corpus:
        yield corpus, pipeline.scan(corpus, config, workers=run.workers, progress=run.progress)


def explain(
    inputs: list[str], names: list[str], config: Config, run: Run, path: Path | None = None
) -> tuple[list[explanation.Story], pairs.Comparison | None]:
    """Tell what happens to one document and why; or to two, and compare them.

    Args:
        inputs: Files and folders.
        names: One or two documents: each an id, or FILE:RECORD.
        config: What counts as a duplicate; with `path`, that of the decisions holds instead.
        run: How to go about it.
        path: The decisions of a finished run on these inputs; None to scan.

    Raises:
        UsageError: A name fits no document, or several.
        DedupError: The input or the decisions cannot be read.
    """
    if path is not None:
        config = decisions.config_of(path)
    with _corpus(inputs, config, run) as corpus:
        if path is not None:
            decisions.check_inputs(path, corpus.names)
        subjects = explanation.find(corpus, names)
        if path is None:
            plan = pipeline.scan(corpus, config, workers=run.workers, progress=run.progress)
            made = list(audit.decisions(plan, corpus, only=_rows_of(plan, corpus, subjects)))
        else:
            places = {(subject.file, subject.record) for subject in subjects}
            made = [decision for decision in decisions.read(path) if (decision.file, decision.record) in places]
    stories = [explanation.tell(subject, made) for subject in subjects]
    return stories, pairs.compare(stories[0], stories[1], config) if len(stories) == 2 else None


def _rows_of(plan: Plan, corpus: readers.Corpus, subjects: list[explanation.Subject]) -> Ints:
    """Return the numbers of some documents."""
    documents = plan.documents
    rows = [
        np.flatnonzero((documents.files == corpus.names.index(subject.file)) & (documents.records == subject.record))
        for subject in subjects
    ]
    return np.concatenate(rows)


def statistics(inputs: list[str], config: Config, run: Run, *, is_swept: bool = False) -> dict[str, Any]:
    """Find and decide; return the report, whatever would go. Nothing is written but the page of `run`.

    Args:
        inputs: Files and folders.
        config: What counts as a duplicate.
        run: How to go about it.
        is_swept: Add `threshold_sweep` to the report: what would go at other thresholds.

    Raises:
        DedupError: The input cannot be read, or the page not written.
    """
    clock = Clock()
    with _corpus(inputs, config, run) as corpus, _page_file(run, inputs) as page:
        with clock.time("scan"):
            quotes = KeptQuotes(corpus.room)
            plan = pipeline.scan(corpus, config, workers=run.workers, progress=run.progress, quotes=quotes)
        with clock.time("decide"):
            texts = TemplateTexts()
            for _ in audit.lines(plan, corpus, texts, quotes):
                pass
        swept = {}
        if is_swept:
            with clock.time("sweep"):
                steps = sweep(plan, corpus, workers=run.workers, progress=run.progress)
            swept = {"threshold_sweep": [step._asdict() for step in steps]}
        summary = report.build(plan, texts.by_id, corpus.names, len(corpus.rejected), clock.seconds) | swept
        _write_page(page, plan, corpus, summary)
        return summary


def apply(path: str, inputs: list[str], output: str, config: Config, run: Run) -> dict[str, Any]:
    """Carry out the decisions of a file on the input they were made from; return the report."""
    clock = Clock()
    with _corpus(inputs, config, run) as corpus, writers.Output(corpus, output, run.sidecar, run.force) as out:
        with clock.time("match"):
            plan = replay.read_plan(Path(path), config, corpus, progress=run.progress)
        report.check_loss(plan)
        # As they were made, flags included, and not as the plan would tell them.
        texts = TemplateTexts()
        made = decisions.read_header(Path(path)), decisions.encoded(texts.noting(decisions.read(Path(path))))
        return _carry_out(plan, corpus, out, clock, *made, texts)


@contextmanager
def _index_session(corpus: readers.Corpus, config: Config, run: Run, out: writers.Output) -> Iterator[Session | None]:
    """Open the index of a run, if it has one."""
    if run.index is None:
        yield None
        return
    from dedup.index.runs import session

    refuse_overlap(run.index, [*corpus.inputs, *(str(path) for path in (out.target, out.sidecar) if path)])
    with session(run.index, corpus, config, run.workers) as opened:
        yield opened


@contextmanager
def _stages(
    corpus: readers.Corpus, config: Config, run: Run, session: Session | None = None
) -> Iterator[Stages | None]:
    """Open the stages of a run, if it keeps them; and remove them when it is complete."""
    if run.work_dir is None:
        yield None
        return
    with opened_stages(
        run.work_dir, corpus, config, -1 if session is None else session.memory.catalog.generation
    ) as stages:
        yield stages
        stages.clear()


@contextmanager
def _decisions_file(output: str, run: Run) -> Iterator[BinaryIO]:
    """Open the file for decisions, or standard output for `-`."""
    if output == STANDARD_OUTPUT:
        with writing(Path("standard output")), tempfile.TemporaryFile() as spool:
            yield spool
            spool.seek(0)
            shutil.copyfileobj(spool, sys.stdout.buffer)
        return
    with _new_file(Path(output).absolute(), run) as file:
        yield file


@contextmanager
def _page_file(run: Run, inputs: list[str], output: str | None = None) -> Iterator[BinaryIO | None]:
    """Open the page of a run, if it has one."""
    if run.page is None:
        yield None
        return
    refuse_overlap(run.page, inputs)
    if output is not None:
        outputs = Path(output), run.sidecar or Path(f"{output}{SIDECAR_SUFFIX}")
        if any(run.page.resolve().is_relative_to(path.resolve()) for path in outputs):
            raise UsageError("is where the output goes", file=str(run.page), hint="Name a page beside it.")
    with _new_file(run.page.absolute(), run) as file:
        yield file


def _write_page(file: BinaryIO | None, plan: Plan, corpus: readers.Corpus, summary: dict[str, Any]) -> None:
    if file is not None:
        # Not before somebody asks for a page: templates and charts take 0.2 s to import.
        from dedup.page.render import render

        file.write(render(plan, corpus, summary).encode())


@contextmanager
def _new_file(target: Path, run: Run) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when it is complete."""
    refuse_parent(target)
    with writing(target), Staging(target) as staged:
        refuse_existing(target, is_file=True, force=run.force)
        with staged.path.open("wb") as file:
            yield file
        staged.commit()


@contextmanager
def _corpus(inputs: list[str], config: Config, run: Run) -> Iterator[readers.Corpus]:
    if run.work_dir is not None:
        make_folder(run.work_dir, inputs)
    with work_folder(run.work_dir) as work:
        room = room_within(work, run.memory_limit, run.workers)
        yield readers.open_corpus(
            inputs,
            config,
            work=work,
            format=run.format,
            on_error=run.on_error,
            room=room,
            workers=run.workers,
            max_expansion=run.max_expansion,
        )


def _carry_out(
    plan: Plan,
    corpus: readers.Corpus,
    out: writers.Output,
    clock: Clock,
    head: Header,
    lines: Iterable[bytes],
    texts: TemplateTexts,
    page: BinaryIO | None = None,
    session: Session | None = None,
) -> dict[str, Any]:
    folder = out.sidecar_staging
    edits = edits_of(plan)

    def write() -> None:
        with clock.time("write"):
            out.write(edits)

    def decide() -> None:
        with clock.time("decide"):
            if folder is not None:
                with writing(out.sidecar or folder), (folder / DECISIONS).open("wb") as file:
                    decisions.write(file, head, lines)
        give_back()

    # The kernels of the one leave Python to the other.
    alongside(write, decide, corpus.workers, out.stop)
    summary = report.build(plan, texts.by_id, corpus.names, len(corpus.rejected), clock.seconds)
    if session is not None:
        with clock.time("index"):
            summary |= {"index": session.stage(plan, texts.by_id)}
    if folder is not None:
        with writing(out.sidecar or folder):
            (folder / REPORT).write_bytes(as_json(summary))
    _write_page(page, plan, corpus, summary)
    if session is not None:
        session.prepare(out)
    out.commit(__version__)
    if session is not None:
        session.commit()
    return summary


def as_json(summary: dict[str, Any]) -> bytes:
    """Return a report as report.json holds it."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n"


def edits_of(plan: Plan) -> writers.Edits:
    """Return what the plan takes away, as the writers take it."""
    documents, cuts = plan.documents, plan.cuts
    dropped = np.flatnonzero(plan.dropped)
    stays = ~plan.dropped[cuts.documents]
    of_cuts = cuts.documents[stays]
    return writers.Edits(
        documents.files[dropped], documents.records[dropped],
        documents.files[of_cuts], documents.records[of_cuts],
        cuts.starts[stays], cuts.ends[stays],
    )  # fmt: skip
