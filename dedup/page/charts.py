"""The charts of a page, as SVG without scripts and styles of its own; the page's style sheet colours them.

By pygal, since it is small enough to come with every installation: 1.3 MB, and 3-20 KB a chart. Measured beside it:
matplotlib 35 MB, vl-convert for Altair 84 MB; pages of bokeh and plotly carry 1.3 and 4.8 MB of script.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pygal
from markupsafe import Markup
from pygal.etree import etree

from dedup.cluster import COMPARED_FLOOR
from dedup.plan import Plan
from dedup.visible import one_line

# It leaves a finder of an old kind behind, at which others who look for modules stumble.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "PluginImportFixer"]

# Else the bytes of a page would depend on whether lxml happens to be installed.
etree.to_etree()

MOST_SOURCES = 10
"""Sources in the chart; the table has more."""

SOURCE_CHARACTERS = 24

BINS = 25
"""Of the histogram, between the lowest similarity compared and 1."""

WIDTH, HEIGHT = 400, 270
"""Chosen so that the labels can still be read when the chart is as wide as a telephone."""

NOTHING = Markup()
"""In place of a chart that would be empty."""

SIZES = (2, 3, 4, 5, 6, 11, 21, 51)
"""Cluster sizes are counted from each of these to the next."""


def by_source(sources: dict[str, Any], names: Sequence[str]) -> Markup:
    """Draw the share of their characters that the first of some sources lose, by reason."""
    shown = names[:MOST_SOURCES]
    if not any(found["characters"] for name in shown for found in sources[name]["reasons"].values()):
        return NOTHING
    chart = pygal.HorizontalStackedBar(
        **_settings("kinds", HEIGHT + 12 * len(shown)), value_formatter=lambda share: f"{share:.0%}"
    )
    # The chart is drawn from the bottom up.
    upwards = [sources[name] for name in reversed(shown)]
    chart.x_labels = [one_line(name or "(none)", SOURCE_CHARACTERS) for name in reversed(shown)]
    for reason in upwards[0]["reasons"]:
        lost = (source["reasons"][reason]["characters"] / max(source["characters"]["read"], 1) for source in upwards)
        chart.add(reason, list(lost))
    return _drawn(chart, "Share of the characters of each source that goes, by reason")


def similarities(plan: Plan) -> Markup:
    """Draw how similar documents are to the most similar keeper, those that go and those that stay."""
    met = (plan.clusters.nearest >= 0) & ~plan.clusters.exact
    if not met.any():
        return NOTHING
    chart = pygal.Histogram(**_settings("verdicts"), value_formatter=_count, x_value_formatter=lambda x: f"{x:.2f}")
    chart.x_labels = [tenths / 10 for tenths in range(int(COMPARED_FLOOR * 10), 11)]
    for name, chosen in (("stay", met & ~plan.dropped), ("go", met & plan.dropped)):
        counts, edges = np.histogram(plan.clusters.similarities[chosen], bins=BINS, range=(COMPARED_FLOOR, 1))
        chart.add(name, list(zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)))
    return _drawn(chart, "Documents by their similarity to the most similar one that stays, equal texts left out")


def cluster_sizes(plan: Plan) -> Markup:
    """Draw how many clusters there are of each size."""
    _, sizes = np.unique(plan.clusters.keepers[plan.dropped], return_counts=True)
    if not len(sizes):
        return NOTHING
    counts, _ = np.histogram(sizes + 1, bins=[*SIZES, np.inf])
    chart = pygal.Bar(**_settings("single"), show_legend=False, value_formatter=_count)
    chart.x_labels = list(_ranges(SIZES))
    chart.add("clusters", counts.tolist())
    return _drawn(chart, "Clusters by the number of documents in them")


def sweep(swept: Sequence[dict[str, Any]]) -> Markup:
    """Draw how many documents go at each threshold, if that was asked for."""
    if not any(step["documents"] for step in swept):
        return NOTHING
    chart = pygal.XY(
        **_settings("single"),
        show_legend=False,
        range=(0, max(step["documents"] for step in swept)),
        value_formatter=_count,
        x_value_formatter=lambda x: f"{x:.2f}",
    )
    chart.add("documents", [(step["threshold"], step["documents"]) for step in swept])
    return _drawn(chart, "Duplicate articles that would go at each threshold")


def _ranges(starts: Sequence[int]) -> Iterable[str]:
    for start, following in itertools.pairwise(starts):
        yield str(start) if following == start + 1 else f"{start}–{following - 1}"
    yield f"{starts[-1]}+"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _settings(palette: str, height: int = HEIGHT) -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": height,
        "classes": ("chart", palette),
        "margin": 8,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 2,
        "truncate_legend": -1,
        "max_scale": 8,
        "disable_xml_declaration": True,
        "no_prefix": True,
        "js": (),
    }


def _drawn(chart: Any, title: str) -> Markup:
    chart.title = None
    chart.add_xml_filter(lambda root: _bare(root, title))
    drawn: str = chart.render(is_unicode=True)
    # Safe to embed: pygal builds it as an XML tree, which escapes every text in it.
    return Markup(drawn)  # noqa: S704


def _bare(root: Any, title: str) -> Any:
    """Take away what would not be the same tomorrow or runs, and say in words what the picture is."""
    for node in [*root.iter()]:
        values = {child.get("class"): child for child in node.findall("desc")}
        for child in [*node]:
            # Comments hold the date, definitions styles and scripts, and the rest is for the scripts.
            is_comment = not isinstance(child.tag, str)
            if is_comment or child.tag in ("defs", "desc", "title") or "tooltip-overlay" in child.get("class", ""):
                node.remove(child)
        if "value" in values:
            tooltip = etree.SubElement(node, "title")
            parts = (values[kind].text for kind in ("x_label", "value") if kind in values)
            tooltip.text = ": ".join(part for part in parts if part)
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", title)
    return root
