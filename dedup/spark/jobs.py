"""`dedup clean --engine spark`: a corpus at any path that Spark reads, cleaned to another.

OUTPUT is a folder of part files in the order of the input, and OUTPUT.dedup/ has the decisions, the dropped records,
the report, and what undo needs of lines (`dedup.parts`). Both are written beside their names and then renamed, the
sidecar first: at once on HDFS and local disks; an object store copies what it renames, so that there OUTPUT is complete
only when the command has ended well.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from pyspark import SparkContext

from dedup import __version__, decisions, report
from dedup.config import Config
from dedup.errors import InputError, UsageError
from dedup.formats.digests import Digest, digest_of_bytes
from dedup.formats.fields import Fields
from dedup.jobs import Clock, as_json
from dedup.parts import DECISIONS, DROPPED, HEADER, PARTS, REPORT, TAKEN, UNREAD, Lines, Parts, Table
from dedup.spark import engine, files, outputs, summary, telling
from dedup.spark.inputs import Input, Inputs, no_documents
from dedup.spark.parting import Parting
from dedup.spark.pieces import Fault
from dedup.spark.storage import Storage
from dedup.spark.tasks import Tasks
from dedup.staging import SIDECAR_SUFFIX

PART_BYTES = 256 << 20
"""Of the input, as it is stored, what one task works on."""


BESIDE = {telling.DROPPED: DROPPED, telling.DECISIONS: DECISIONS, telling.TAKEN: TAKEN, telling.UNREAD: UNREAD}
"""The folders of what is told, but for what stays."""


class _Target(NamedTuple):
    """What is to be written: under its name, if it is to have one, only when it is complete."""

    path: str
    staged: str


def clean(
    context: SparkContext,
    inputs: Sequence[str],
    output: str,
    config: Config,
    *,
    format_name: str | None = None,
    sidecar: str | None = None,
    force: bool = False,
    skips_bad: bool = False,
) -> dict[str, Any]:
    """Write the cleaned corpus, its decisions and its report; return the report.

    Args:
        context: Where Spark runs.
        inputs: Files, folders and patterns, all of JSON Lines or all of Parquet.
        output: The folder for what stays.
        config: What counts as a duplicate.
        format_name: The format of files whose names do not tell; None to go by their names.
        sidecar: The folder for decisions and dropped records; None for OUTPUT.dedup.
        force: Replace an existing output.
        skips_bad: Set records aside that hold no document, instead of raising for the first one.

    Raises:
        DedupError: The input cannot be read, the output not written, or too much would go; nothing was written.
    """
    storage, clock = Storage(context), Clock()
    found = files.find(storage, inputs, format_name)
    targets = _targets(storage, found, output.rstrip("/"), sidecar, force=force)
    kept, beside, scratch = (target.staged for target in targets)
    with _staged(storage, targets):
        context.setCheckpointDir(scratch)

        def refuse(fault: Fault) -> InputError:
            return InputError(fault.message, file=found.shown(fault.file), line=fault.record, hint=fault.hint)

        with clock.time("scan"):
            reading, working = _fitted(context, found)
            corpus = files.read(context, found, config, reading, skips_bad=skips_bad)
            tasks = Tasks(config, corpus.carrier, Parting(working, corpus.total))
            judged = engine.judge(corpus.pieces, tasks, refuse)
        with clock.time("decide"):
            result = outputs.written(engine.told(judged, tasks), storage, f"{scratch}/lines", corpus)
            summed = summary.summed(result.notes, tasks.nothing())
        if not summed.counts.total["documents"]["read"]:
            raise no_documents()
        report.refuse_loss(summed.counts.total, config.max_loss)
        with clock.time("write"):
            stays = result.put(telling.KEPT, kept, summed.seals)
            besides = {
                name: result.put(what, f"{beside}/{name}", summed.seals)
                for what, name in BESIDE.items()
                if what != telling.UNREAD or summed.rejected
            }
        names = tasks.carrier.names
        made = summary.build(judged.templates, judged.sources, summed, config, names, clock.seconds)
        head = msgspec.to_builtins(decisions.header(config, names))
        besides[""] = {}
        for name, data in ((HEADER, as_json(head)), (REPORT, as_json(made))):
            storage.write(f"{beside}/{name}", data)
            besides[""][name] = digest_of_bytes(data)
        storage.write(f"{beside}/{PARTS}", _listed(corpus, config, summed.checksums, stays, besides).encoded())
        _refuse_changed(storage, inputs, format_name, found)
        _commit(storage, targets[:2])
    return made


def _targets(storage: Storage, found: Inputs, output: str, sidecar: str | None, *, force: bool) -> list[_Target]:
    """Return where output, sidecar and checkpoints go; raises UsageError where they may not."""
    targets = []
    for name in (output, sidecar or f"{output}{SIDECAR_SUFFIX}"):
        path = storage.qualified(name)
        folder, _, last = path.rpartition("/")
        targets.append(_Target(path, f"{folder}/.{last}-{uuid.uuid4().hex[:8]}"))
        for file in found.files:
            for source in (file.path, file.root):
                if f"{path}/".startswith(f"{source}/") or f"{source}/".startswith(f"{path}/"):
                    raise UsageError(f"touches the input {source}", file=path, hint="Name another output.")
        if storage.exists(path) and not force:
            raise UsageError("exists already", file=path, hint="Use --force to replace it.")
    first, second = (f"{target.path}/" for target in targets)
    if first.startswith(second) or second.startswith(first):
        raise UsageError("the output and its sidecar are in each other's place", file=first, hint="Name another.")
    # Spark keeps there what must outlive an executor.
    return [*targets, _Target("", f"{targets[0].staged}-checkpoints")]


def _fitted(context: SparkContext, found: Inputs) -> tuple[int, int]:
    """Return how many partitions suit the input: to read it, and to work on it; what the user set goes first.

    As many for every processor, so that all of them end at about the same time.
    """
    cores, settings = context.defaultParallelism, context.getConf()
    size = sum(file.size for file in found.files)
    parts = cores * max(-(-size // (cores * PART_BYTES)), 1)
    reading, working = (
        int(settings.get(name, str(parts)))
        for name in ("spark.sql.files.minPartitionNum", "spark.sql.shuffle.partitions")
    )
    return reading, working


def _listed(
    corpus: Input, config: Config, checksums: dict[int, int], output: dict[str, Digest],
    sidecar: dict[str, dict[str, Digest]],
) -> Parts:  # fmt: skip
    """Return what `restore` is to know."""
    files: list[Lines | Table] = []
    for number, file in enumerate(corpus.files):
        if isinstance(file, Table):
            file = Table(file.name, file.groups, file.schema, checksums.get(number, 0))
        files.append(file)
    schemas = [] if corpus.tables is None else [own.serialize().to_pybytes() for own in corpus.tables.own]
    text_field = list(Fields.of(config).text)
    return Parts(
        version=__version__, text_field=text_field, files=files, schemas=schemas, output=output, sidecar=sidecar
    )


def _refuse_changed(storage: Storage, inputs: Sequence[str], format_name: str | None, found: Inputs) -> None:
    """Raise InputError if a file changed meanwhile: it was read more than once."""
    before, now = (set(each.files) for each in (found, files.find(storage, inputs, format_name)))
    for file in sorted(before ^ now):
        raise InputError("changed while it was being read", file=file.path, hint="Run again when nothing writes to it.")


@contextmanager
def _staged(storage: Storage, targets: list[_Target]) -> Iterator[None]:
    """Leave nothing of what is not complete."""
    try:
        yield
    finally:
        for target in targets:
            storage.remove(target.staged)


def _commit(storage: Storage, targets: list[_Target]) -> None:
    """Give all its name; the sidecar first, so that no output is ever without it."""
    for target in reversed(targets):
        storage.remove(target.path)
        storage.rename(target.staged, target.path)
