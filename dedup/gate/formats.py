"""The formats of a verdict, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable

from dedup.gate import data, github, junit, markdown, sarif, text
from dedup.gate.verdict import Verdict


def renderer(name: str, *, verbose: bool) -> Callable[[Verdict], str]:
    """Return what writes a verdict in a format."""
    renderers: dict[str, Callable[[Verdict], str]] = {
        "text": functools.partial(text.render, verbose=verbose),
        "json": data.render,
        "markdown": markdown.render,
        "github": github.render,
        "junit": junit.render,
        "sarif": sarif.render,
    }
    return renderers[name]
