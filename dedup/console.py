"""What a person sees on stderr: progress on a terminal, then a table of what went and why."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rich.console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from dedup.config import Config
from dedup.errors import InputError
from dedup.jobs import Run
from dedup.plan import VERIFYING
from dedup.staging import SIDECAR_SUFFIX
from dedup.writers import STANDARD_OUTPUT

TOP_TEMPLATES = 5
"""Most frequent templates shown; report.json lists more."""

TEXT_CHARACTERS = 44
"""Of a template, how much is shown: with a source of usual length it fits into 80 columns."""


@dataclass
class Console:
    """Reports to a person, as loudly as asked for.

    Attributes:
        quiet: Print errors only.
        verbose: Print every source and every stage too.
    """

    quiet: bool
    verbose: bool
    sidecar: str | None
    _rich: rich.console.Console = field(default_factory=lambda: rich.console.Console(stderr=True, highlight=False))

    def finish(self, report: dict[str, Any]) -> None:
        """Print the summary of a job."""
        if self.quiet:
            return
        self._rich.print(summary_table(report))
        # Of equally frequent ones the longest say most.
        templates = sorted(report["templates"], key=lambda found: (-found["articles"], -len(found["text"])))
        if templates:
            self._rich.print()
            self._rich.print(template_table(templates[:TOP_TEMPLATES]))
        if self.verbose:
            self._rich.print()
            self._rich.print(source_table(report["sources"]))
            times = (f"{stage} {seconds:.2f}" for stage, seconds in report["timing_s"].items())
            self._rich.print(Text(f"seconds: {', '.join(times)}"))
        for flag in report["flags"]["sources_losing_much"]:
            self._warn(f"{flag['source'] or '(no source)'} loses {flag['lost_ratio']:.0%} of its text")
        if report["documents"]["rejected"]:
            self._warn(f"{report['documents']['rejected']} unreadable records were set aside")

    def _warn(self, text: str) -> None:
        self._rich.print(Text(text, style="yellow"))

    def say_where(self, output: str) -> None:
        """Say where decisions and undo data are."""
        if self.quiet:
            return
        self._rich.print()
        if output != STANDARD_OUTPUT or self.sidecar:
            folder = self.sidecar or f"{Path(output)}{SIDECAR_SUFFIX}"
            self._rich.print(Text(f"Why, and how to undo it: {folder}"), soft_wrap=True)
        else:
            self._rich.print(Text("Decisions and undo data are not kept: name a folder for them with --sidecar."))

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """Show progress on a terminal; yield what the engine reports to."""
        announce_compilation(self)
        if self.quiet or not self._rich.is_terminal:
            yield lambda stage, documents: None
            return
        name = TextColumn("{task.description}")
        columns = SpinnerColumn(), name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self._rich, transient=True) as bars:
            tasks: dict[str, TaskID] = {}
            totals: dict[str, int] = {}

            def advance(stage: str, documents: int) -> None:
                if stage not in tasks:
                    for earlier, task in tasks.items():
                        bars.update(task, total=totals[earlier])
                    # The first full pass tells how many documents there are; how many meet another, only the end does.
                    full = max(totals.values(), default=0) if stage != VERIFYING else 0
                    tasks[stage] = bars.add_task(stage, total=full or None)
                totals[stage] = totals.get(stage, 0) + documents
                bars.advance(tasks[stage], documents)

            yield advance

    def note(self, text: str) -> None:
        """Print a line, unless quiet."""
        if not self.quiet:
            self._rich.print(Text(text, style="dim"))


@contextmanager
def opened(options: dict[str, Any]) -> Iterator[tuple[Config, Run, Console]]:
    """Turn a command's options into a configuration, a run and a console."""
    sidecar = options.get("sidecar")
    console = Console(options["quiet"], options["verbose"], sidecar)
    config = Config(
        text_field=options["text_field"],
        id_field=options["id_field"],
        source_field=options["source_field"],
        extract=options["extract"],
        only=tuple(kind.strip() for kind in options["only"].split(",") if kind.strip()),
        threshold=options["threshold"],
        keep=options["keep"],
        max_loss=options.get("max_loss", Config().max_loss),
        drop_contained=options["drop_contained"],
        protect=tuple(options["protect"]),
        known_boilerplate=read_lines(options["template_list"]),
    )
    skip_scipy()
    with console.progress() as progress:
        run = Run(
            workers=options["workers"],
            format=options["format"],
            on_error=options["on_error"],
            force=options.get("force", False),
            sidecar=None if sidecar is None else Path(sidecar),
            progress=progress,
        )
        yield config, run, console


def read_lines(path: str | None) -> tuple[str, ...]:
    """Read the lines of a template list; raises InputError if it is not UTF-8."""
    if path is None:
        return ()
    try:
        return tuple(line for line in Path(path).read_text("utf-8").splitlines() if line.strip())
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 ({error})", file=path, hint="Convert it first.") from None


def skip_scipy() -> None:
    """Keep numba from importing scipy.linalg (0.3 s) to learn whether there is a BLAS, which no kernel uses.

    Only here, where the process is our own: in a library it would take `numpy.dot` away from other compiled functions.
    """
    if "scipy.linalg" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]


def announce_compilation(console: Console) -> None:
    """Say so once when numba starts compiling, which takes seconds and happens on the very first run only."""
    from numba.core import event

    class Announcer(event.Listener):  # type: ignore[misc]  # numba is not typed for mypy here
        """Waits for the first compilation."""

        said = False

        def on_start(self, event: Any) -> None:
            if not self.said:
                self.said = True
                console.note("compiling kernels (first run only)")

        def on_end(self, event: Any) -> None:
            pass

    event.register("numba:compile", Announcer())


def summary_table(report: dict[str, Any]) -> Table:
    """Return what was read, what went and why, and what is left."""
    documents, characters = report["documents"], report["characters"]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for column in ("documents", "spans", "characters", "share"):
        table.add_column(column, justify="right")

    def add(name: str, count: int, spans: int | None, length: int, style: str = "") -> None:
        shown = "" if spans is None else f"{spans:,}"
        share = length / max(characters["read"], 1)
        table.add_row(name, f"{count:,}", shown, f"{length:,}", f"{share:.1%}", style=style)

    add("read", documents["read"], None, characters["read"])
    for reason, counts in report["reasons"].items():
        spans = counts["spans"] if reason in ("repeat", "boilerplate") else None
        add(f"- {reason}", counts["documents"], spans, counts["characters"])
    add("left", documents["kept"] + documents["edited"], None, characters["kept"], "bold")
    return table


def template_table(templates: list[dict[str, Any]]) -> Table:
    """Return the most frequent boilerplate."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("articles", justify="right")
    table.add_column("source", no_wrap=True)
    table.add_column("boilerplate", no_wrap=True)
    for template in templates:
        text = template["text"]
        shown = text if len(text) <= TEXT_CHARACTERS else f"{text[: TEXT_CHARACTERS - 1]}…"
        table.add_row(f"{template['articles']:,}", Text(template["source"]), Text(shown))
    return table


def source_table(sources: dict[str, Any]) -> Table:
    """Return documents and characters by source."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("source")
    for column in ("documents", "dropped", "characters", "left"):
        table.add_column(column, justify="right")
    for name, counts in sources.items():
        documents, characters = counts["documents"], counts["characters"]
        table.add_row(
            Text(name or "(none)"),
            f"{documents['read']:,}",
            f"{documents['dropped']:,}",
            f"{characters['read']:,}",
            f"{characters['kept'] / max(characters['read'], 1):.1%}",
        )
    return table
