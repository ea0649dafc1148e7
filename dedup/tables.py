"""A report as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rich.console
from rich.table import Table
from rich.text import Text

from dedup.formats.sites import Way
from dedup.report import losing_most
from dedup.visible import one_line

MOST_SOURCES = 20
"""Sources shown, those that lose most characters; the report has all."""

MOST_TEMPLATES = 10
MOST_CLUSTERS = 10
MOST_WARNINGS = 10

TEXT_CHARACTERS = 44
"""Of a template, how much is shown: with a source of usual length it fits into 80 columns."""

NAME_CHARACTERS = 22

BAR_CHARACTERS = 40


def print_statistics(report: dict[str, Any], *, is_verbose: bool) -> None:
    """Print all that `dedup stats` tells to standard output: it is its data. Verbose: every source and stage."""
    console = rich.console.Console(highlight=False)
    for number, part in enumerate(statistics(report, is_verbose=is_verbose)):
        if number:
            console.print()
        console.print(part)


def statistics(report: dict[str, Any], *, is_verbose: bool) -> Iterator[Table | Text]:
    """Yield the tables of a report; none for what it does not have."""
    yield summary_table(report)
    yield shares_table(report["sources"], len(report["sources"]) if is_verbose else MOST_SOURCES)
    if report["templates"]:
        yield template_table(most_telling(report["templates"])[:MOST_TEMPLATES])
    if report["clusters"]:
        yield cluster_table(report["clusters"][:MOST_CLUSTERS])
    if any(step["documents"] for step in report["similarity_histogram"]):
        yield histogram_table(report["similarity_histogram"])
    if "threshold_sweep" in report:
        yield sweep_table(report["threshold_sweep"], report["documents"]["read"])
    flagged = [*flags(report), *warnings(report)]
    if flagged:
        yield Text("\n".join(flagged), style="yellow")
    if is_verbose:
        yield stage_line(report)


def summary_table(report: dict[str, Any]) -> Table:
    """Return what was read, what went and why, and what is left."""
    documents, characters = report["documents"], report["characters"]
    table = _table("", "documents", "spans", "characters", "share")

    def add(name: str, count: int, spans: int | None, length: int, style: str = "") -> None:
        shown = "" if spans is None else f"{spans:,}"
        table.add_row(name, f"{count:,}", shown, f"{length:,}", _share(length, characters["read"]), style=style)

    add("read", documents["read"], None, characters["read"])
    for reason, counts in report["reasons"].items():
        spans = counts["spans"] if reason in ("repeat", "boilerplate") else None
        add(f"- {reason}", counts["documents"], spans, counts["characters"])
    add("left", documents["kept"] + documents["edited"], None, characters["kept"], "bold")
    return table


def source_table(sources: dict[str, Any]) -> Table:
    """Return documents and characters by source."""
    table = _table("source", "documents", "dropped", "characters", "left")
    for name, counts in sources.items():
        documents, characters = counts["documents"], counts["characters"]
        table.add_row(
            Text(one_line(name) or "(none)"),
            f"{documents['read']:,}",
            f"{documents['dropped']:,}",
            f"{characters['read']:,}",
            _share(characters["kept"], characters["read"]),
        )
    return table


def shares_table(sources: dict[str, Any], most: int) -> Table:
    """Return the share of its characters that each source loses, by kind; those that lose most first."""
    table = _table("source", "documents", "characters", "exact", "near", "repeat", "boilerplate", "left")
    # Or it would be wider than 80 columns.
    table.collapse_padding = True
    names = losing_most(sources)
    for name in names[:most]:
        counts = sources[name]
        read = counts["characters"]["read"]
        shares = (_share(found["characters"], read) for found in counts["reasons"].values())
        left = _share(counts["characters"]["kept"], read)
        shown = Text(one_line(name, NAME_CHARACTERS) or "(none)")
        table.add_row(shown, f"{counts['documents']['read']:,}", f"{read:,}", *shares, left)
    if len(names) > most:
        table.add_row(Text(f"and {len(names) - most:,} more", style="dim"))
    return table


def most_telling(templates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return templates, the most frequent first, and of equally frequent ones the longest, which say most."""
    return sorted(templates, key=lambda found: (-found["articles"], -len(found["text"])))


def template_table(templates: list[dict[str, Any]]) -> Table:
    """Return the most frequent boilerplate."""
    table = _table("articles")
    table.columns[0].justify = "right"
    table.add_column("source", no_wrap=True)
    table.add_column("boilerplate", no_wrap=True)
    for template in templates:
        source = template["source"]
        shown = Text(one_line(source)), Text(one_line(template["text"], TEXT_CHARACTERS))
        table.add_row(f"{template['articles']:,}", *shown)
    return table


def cluster_table(clusters: list[dict[str, Any]]) -> Table:
    """Return the largest clusters: how many documents, which stays, and how alike the others are to it."""
    table = _table("cluster of", "least similar")
    table.columns[0].justify = "right"
    table.add_column("the one that stays", no_wrap=True)
    for cluster in clusters:
        name = f"{cluster['keeper_file']}:{cluster['keeper_record']}"
        if cluster["keeper"] not in (name, cluster["keeper_file"]):
            name = f"{cluster['keeper']} ({name})"
        table.add_row(f"{cluster['size']:,}", f"{cluster['similarities'][0]:.3f}", Text(one_line(name)))
    return table


def histogram_table(histogram: list[dict[str, Any]]) -> Table:
    """Return how many documents are how similar to the nearest one that stays, equal texts left out."""
    table = _table("similarity", "documents")
    table.add_column("")
    most = max(step["documents"] for step in histogram)
    first = next(number for number, step in enumerate(histogram) if step["documents"])
    for step in histogram[first:]:
        bar = "█" * -(-BAR_CHARACTERS * step["documents"] // most)
        table.add_row(f"{step['from']:.2f}-{step['to']:.2f}", f"{step['documents']:,}", Text(bar, style="cyan"))
    return table


def sweep_table(swept: list[dict[str, Any]], read: int) -> Table:
    """Return what would go at each threshold."""
    table = _table("threshold", "would go", "share", "characters")
    for step in swept:
        count = step["documents"]
        table.add_row(f"{step['threshold']:.2f}", f"{count:,}", _share(count, read), f"{step['characters']:,}")
    return table


def flags(report: dict[str, Any]) -> Iterator[str]:
    """Yield what stays though it was suspicious."""
    for kind, what in (
        ("structured_pages", "say something more than once that may be meant"),
        ("contained", "are held by a longer one of their source"),
        ("crowded", "met more than could be compared"),
        ("all_boilerplate", "are nothing but boilerplate"),
    ):
        if report["flags"][kind]:
            yield f"documents that stay though they {what}: {report['flags'][kind]:,}"


def warnings(report: dict[str, Any]) -> Iterator[str]:
    """Yield what went so far that a person should look at it."""
    nameless = report["sources_from"].get(Way.FILE.told, 0)
    if nameless and "boilerplate" in report["config"]["only"]:
        yield (
            f"{nameless:,} documents name no source, so that boilerplate is counted by the folder or file they are in; "
            "say with --source-field which field names it"
        )
    losing = report["flags"]["sources_losing_much"]
    for flag in losing[:MOST_WARNINGS]:
        yield f"{one_line(flag['source']) or '(no source)'} loses {flag['lost_ratio']:.0%} of its text"
    if len(losing) > MOST_WARNINGS:
        yield f"{len(losing) - MOST_WARNINGS:,} more sources lose more than half of their text"
    once = report["flags"]["lines_once_in_boilerplate"]
    if once:
        yield f"{once:,} lines stand once between boilerplate; --boilerplate full cuts them"
    late = report.get("index", {}).get("late_boilerplate", ())
    if late:
        carriers = {(place["file"], place["record"]) for template in late for place in template["documents"]}
        yield (
            f"{len(late):,} lines are boilerplate only now, and {len(carriers):,} stored documents carry them: "
            "late_boilerplate in report.json names them"
        )
    if report["documents"]["rejected"]:
        yield f"{report['documents']['rejected']:,} unreadable records were set aside"


def stage_line(report: dict[str, Any]) -> Text:
    """Return how long each stage took."""
    times = (f"{stage} {seconds:.2f}" for stage, seconds in report["timing_s"].items())
    return Text(f"seconds: {', '.join(times)}")


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first)
    for column in numbers:
        table.add_column(column, justify="right")
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.1%}"
