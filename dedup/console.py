"""What a person sees on stderr: progress on a terminal, then a table of what went and why."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dedup.config import Config
from dedup.errors import InputError
from dedup.quick import quick_loading
from dedup.staging import SIDECAR_SUFFIX, STANDARD_OUTPUT

# The engine takes a third of a second to import, in which Spark can start.
if TYPE_CHECKING:
    import rich.console

    from dedup.jobs import Run
    from dedup.plan import Progress

TOP_TEMPLATES = 5
"""Most frequent templates shown; report.json lists more."""

COMPILING = "compiling kernels (first run only)"
"""What is said when numba starts compiling."""


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

    @functools.cached_property
    def _rich(self) -> rich.console.Console:
        # Only here: rich takes 40 ms to import, and who is quiet prints nothing.
        import rich.console

        return rich.console.Console(stderr=True, highlight=False)

    def finish(self, report: dict[str, Any]) -> None:
        """Print the summary of a job."""
        if self.quiet:
            return
        from dedup import tables

        self._rich.print(tables.summary_table(report))
        if report["templates"]:
            self._rich.print()
            self._rich.print(tables.template_table(tables.most_telling(report["templates"])[:TOP_TEMPLATES]))
        if self.verbose:
            self._rich.print()
            self._rich.print(tables.source_table(report["sources"]))
            self._rich.print(tables.stage_line(report))
        for warning in tables.warnings(report):
            self._say(warning, style="yellow")

    def say_where(self, output: str) -> None:
        """Say where decisions and undo data are."""
        if self.quiet:
            return
        self._rich.print()
        if output != STANDARD_OUTPUT or self.sidecar:
            folder = self.sidecar or f"{Path(output)}{SIDECAR_SUFFIX}"
            self._say(f"Why, and how to undo it: {folder}", soft_wrap=True)
        else:
            self._say("Decisions and undo data are not kept: name a folder for them with --sidecar.")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show progress on a terminal; yield what the engine reports to."""
        from dedup.plan import silent

        with announced_compilation(self):
            if self.quiet or not self._rich.is_terminal:
                yield silent
                return
            from dedup import bars

            with bars.shown_on(self._rich) as progress:
                yield progress

    def note(self, text: str) -> None:
        """Print a line, unless quiet."""
        if not self.quiet:
            self._say(text, style="dim")

    def _say(self, text: str, *, style: str = "", soft_wrap: bool = False) -> None:
        from rich.text import Text

        self._rich.print(Text(text, style=style), soft_wrap=soft_wrap)


def configured(options: dict[str, Any]) -> Config:
    """Return the configuration that a command's options say; raises UsageError where they do not go together."""
    return Config(
        text_field=options["text_field"],
        id_field=options["id_field"],
        source_field=options["source_field"],
        extract=options["extract"],
        repeats=options["repeats"],
        boilerplate=options["boilerplate"],
        only=tuple(kind.strip() for kind in options["only"].split(",") if kind.strip()),
        threshold=options["threshold"],
        keep=options["keep"],
        max_loss=options.get("max_loss", Config().max_loss),
        original_floor=options["original_floor"],
        drop_contained=options["drop_contained"],
        protect=tuple(options["protect"]),
        known_boilerplate=read_lines(options["template_list"]),
    )


@contextmanager
def opened(options: dict[str, Any]) -> Iterator[tuple[Config, Run, Console]]:
    """Turn a command's options into a configuration, a run and a console."""
    from dedup.jobs import Run

    sidecar = options.get("sidecar")
    console = Console(options["quiet"], options["verbose"], sidecar)
    config = configured(options)
    with quick_loading(), console.progress() as progress:
        run = Run(
            workers=options["workers"],
            memory_limit=options["memory_limit"],
            format=options["format"],
            on_error=options["on_error"],
            max_expansion=options["max_expansion"],
            force=options.get("force", False),
            sidecar=None if sidecar is None else Path(sidecar),
            page=None if options.get("page") is None else Path(options["page"]),
            index=None if options.get("index") is None else Path(options["index"]),
            work_dir=None if options.get("work_dir") is None else Path(options["work_dir"]),
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


@contextmanager
def announced_compilation(console: Console) -> Iterator[None]:
    """Say so once when numba starts compiling, which takes seconds and happens on the very first run only."""
    from numba.core import event

    class Announcer(event.Listener):  # type: ignore[misc]  # numba is not typed for mypy here
        """Waits for the first compilation."""

        said = False

        def on_start(self, event: Any) -> None:
            if not self.said:
                self.said = True
                console.note(COMPILING)

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Announcer()):
        yield
