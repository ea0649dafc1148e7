"""Progress bars, one a stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import rich.console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars

from dedup.plan import VERIFYING, Progress


@contextmanager
def shown_on(console: rich.console.Console) -> Iterator[Progress]:
    """Show bars while the engine reports to what is yielded; they vanish in the end."""
    name = TextColumn("{task.description}")
    columns = SpinnerColumn(), name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Bars(*columns, console=console, transient=True) as bars:
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
