"""A plan and its report laid out as one HTML file that needs nothing else and lets nothing from the corpus run."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dedup.page import charts, examples
from dedup.plan import Corpus, Plan
from dedup.report import losing_most
from dedup.visible import one_line, visible

MOST_SOURCES = 200
"""Sources in the table, those that lose most characters; report.json has all."""

REASONS = ("exact-duplicate", "near-duplicate", "repeat", "boilerplate")


def render(plan: Plan, corpus: Corpus, report: dict[str, Any]) -> str:
    """Return the page; the same for the same plan and report, whatever the time.

    Args:
        plan: What was decided.
        corpus: Where the documents shown as examples are read again.
        report: What `report.build` made of the plan.
    """
    style, script = (_own(name) for name in ("page.css", "page.js"))
    sources = losing_most(report["sources"])
    return _environment().get_template("page.html.jinja").render(
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        corpus=corpus.names[0] if len(corpus.names) == 1 else f"{len(corpus.names):,} files",
        report=report,
        reasons=REASONS,
        sources=sources[:MOST_SOURCES],
        more_sources=max(len(sources) - MOST_SOURCES, 0),
        charts={
            "by_source": charts.by_source(report["sources"], sources),
            "similarities": charts.similarities(plan),
            "cluster_sizes": charts.cluster_sizes(plan),
            "sweep": charts.sweep(report.get("threshold_sweep", [])),
        },
        examples=examples.collect(plan, corpus, [template["id"] for template in report["templates"]]),
    )  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dedup", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Every text passes here, so none can be forgotten; what is markup is our own.
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["percent"] = lambda part, whole: f"{part / max(whole, 1):.1%}"
    environment.filters["line"] = one_line
    return environment


def _own(name: str) -> Markup:
    """Return the text of a file of this package, to be embedded as it stands."""
    return Markup(resources.files("dedup.page").joinpath(name).read_text("utf-8"))  # noqa: S704


def _hash(text: str) -> str:
    """Return what a content security policy calls a script or style sheet by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
