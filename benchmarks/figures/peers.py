"""Others on the same sets: algorithms, and on request tools, each in an environment of its own, run one at a time."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import environments
import segmentation

from figures import gold, outcome, pages, sentences, similarity, suites
from figures.corpora import Corpus, read_set
from figures.figure import Figure
from figures.line_algorithms import ALGORITHMS, COUNTING, left
from figures.outcome import Outcome

RUN_TIMEOUT_S = 900
LEAST_PYTHON = "3.11"
HERE = Path(__file__).parent
OURS = "dedup"

STRIPPING = {
    "datatrove sentences": ["datatrove[io,processing]==0.10.1", "spacy==3.8.18", "nltk==3.10.4", "orjson==3.13.0"],
    "trafilatura": ["trafilatura==2.3.1", "lxml_html_clean==0.4.6"],
}
"""Tools that strip lines or sentences, with what is installed for them."""

ARTICLES = {
    "datasketch": ["datasketch==2.0.0"],
    "rensa": ["rensa==0.5.0"],
    "text-dedup": ["text-dedup==0.4.0"],
    "datatrove minhash": STRIPPING["datatrove sentences"],
}
"""Tools that drop near-duplicate documents. Newer versions of text-dedup need Python 3.12."""

SPLITTERS = [
    "sentencex==1.0.32", "pyicu-wheels==2.15.2", "nupunkt==0.8.0", "pysbd==0.3.4", "click==8.5.1", "zstandard==0.25.0",
]  # fmt: skip
"""Sentence splitters, and what the benchmark itself needs; all in one environment."""


class Table(NamedTuple):
    """A table of tools.

    Attributes:
        name: What was measured, on which set.
        figures: By tool, in the order of the rows.
    """

    name: str
    figures: dict[str, list[Figure]]

    @property
    def values(self) -> dict[str, dict[str, float]]:
        """The values by tool and figure."""
        return {tool: {figure.name: figure.value for figure in found} for tool, found in self.figures.items()}

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Return the header and the rows."""
        header = [figure.name.replace("_", " ") for figure in next(iter(self.figures.values()))]
        return ["", *header], [[tool, *(f.shown(f.value) for f in found)] for tool, found in self.figures.items()]


def measure(data: Path, cache: Path | None, chosen: Collection[str]) -> Iterator[Table]:
    """Measure others on the chosen sets they can do something with; tools to install only where there is a cache."""
    if suites.PAGES in chosen and suites.path_of(data, suites.PAGES).is_file():
        yield _pages(read_set(suites.path_of(data, suites.PAGES)))
    if cache is None:
        return
    if "sites_de" in chosen and suites.path_of(data, "sites_de").is_file():
        yield _stripping(read_set(suites.path_of(data, "sites_de")), cache)
    for name in ("terms_versions", "licences"):
        if name in chosen and suites.path_of(data, name).is_file():
            yield _articles(name, read_set(suites.path_of(data, name)), cache)
    if suites.SPLITTING in chosen and sentences.treebanks(data):
        yield _splitting(data, cache)


def _pages(corpus: Corpus) -> Table:
    made = {f"{OURS}, {name}": pages.our_figures(corpus.records, o) for name, o in pages.settings().items()}
    made |= {name: pages.figures_of(corpus.records, strip) for name, strip in (COUNTING | ALGORITHMS).items()}
    return Table("boilerplate of real pages, each site by itself: pages_dev", made)


def _stripping(corpus: Corpus, cache: Path) -> Table:
    texts = [record["text"] for record in corpus.records]
    made = {OURS: outcome.clean(corpus.records)}
    made |= {name: outcome.of_left(texts, left(texts, strip)) for name, strip in ALGORITHMS.items()}
    made |= _run_all(STRIPPING, texts, cache)
    return Table("boilerplate and repeats: sites_de", {tool: stripping_figures(corpus, o) for tool, o in made.items()})


def stripping_figures(corpus: Corpus, made: Outcome) -> list[Figure]:
    """Return what can be asked of a tool that strips lines."""
    boilerplate, repeats, _ = gold.cut_figures(corpus.records, made)
    return [boilerplate, repeats, gold.lost_for_good(corpus.records, made)]


def _articles(name: str, corpus: Corpus, cache: Path) -> Table:
    texts = [record["text"] for record in corpus.records]
    pairs = similarity.similar_pairs(texts, suites.THRESHOLD)
    # On the texts as they are read, since the others do not edit them.
    made = {OURS: outcome.clean(corpus.records)._replace(keepers={})} | _run_all(ARTICLES, texts, cache)
    return Table(f"near-duplicates: {name}", {t: similarity.article_figures(pairs, o, "raw") for t, o in made.items()})


def _splitting(data: Path, cache: Path) -> Table:
    paths = sentences.treebanks(data)
    scores = {OURS: sentences.treebank_scores(paths, segmentation.ours())[0]}
    python = _environment("sentence splitters", SPLITTERS, cache)
    if python:
        with tempfile.TemporaryDirectory() as work:
            target = Path(work) / "scores.json"
            if run("sentence splitters", [python, HERE / "peer_sentences.py", data, target]):
                scores |= json.loads(target.read_text(encoding="utf-8"))
    return Table(
        "boundary F1 of sentences",
        {tool: [Figure(name, score) for name, score in by_set.items()] for tool, by_set in scores.items()},
    )


def _run_all(tools: dict[str, list[str]], texts: list[str], cache: Path) -> dict[str, Outcome]:
    """Run tools on texts; those that do not install or fail are left out."""
    made = {}
    for tool, requirements in tools.items():
        python = _environment(tool, requirements, cache)
        if python is None:
            continue
        with tempfile.TemporaryDirectory() as work:
            source, target = Path(work) / "texts.jsonl", Path(work) / "left.jsonl"
            source.write_text("".join(f"{json.dumps(text)}\n" for text in texts), encoding="utf-8")
            if run(tool, [python, HERE / "peer_scripts.py", tool, source, target]):
                stored = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
                made[_versioned(tool, requirements)] = outcome.of_left(texts, stored)
    return made


def _versioned(tool: str, requirements: list[str]) -> str:
    return f"{tool} {requirements[0].partition('==')[2]}"


def _environment(tool: str, requirements: list[str], cache: Path) -> Path | None:
    """Return the Python of an environment that holds some packages, made if need be; None where it cannot be made."""
    # The environments of speed.py may lie in the same folder and hold other packages under the tool's name.
    name = f"quality-{requirements[0].partition('==')[0].partition('[')[0]}"
    peer = environments.Peer(name, HERE / "peer_scripts.py", LEAST_PYTHON, requirements, slow=False)
    python = peer.interpreter(cache.absolute())
    if not python.exists():
        click.echo(f"{tool} {environments.set_up(peer, cache.absolute())}", err=True)
    return python if python.exists() else None


def run(what: str, command: list[Any], timeout_s: int = RUN_TIMEOUT_S) -> bool:
    """Run a command; say so on standard error if it fails."""
    environment = os.environ | {"PYTHONPATH": str(HERE.parent), "PYTHONUTF8": "1"}
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=timeout_s, env=environment)
    except subprocess.TimeoutExpired:
        click.echo(f"{what}: given up after {timeout_s} s", err=True)
        return False
    except subprocess.CalledProcessError as error:
        click.echo(f"{what} failed:\n{error.stderr.decode(errors='replace')[-500:]}", err=True)
        return False
    return True
