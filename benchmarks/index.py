"""Measure the index: adding, judging, size on disk, days against one batch, and kills.

    python benchmarks/corpus.py 1000000 corpus.jsonl
    python benchmarks/index.py speed corpus.jsonl [--work FOLDER]
    python benchmarks/index.py days [DATA_DIR] [--work FOLDER]

`speed` stores the articles of a corpus made by `corpus.py` as `dedup index add` does, and then judges articles one by
one: half of them new, a quarter equal to a stored one, a quarter with a sentence more. Both on one thread. `days`
cleans 30 days of 5,000 articles, those of `wikinews_de` and `terms_versions` in DATA_DIR among them, with
`clean --index`, and compares what stays with one batch. Kills are in `python tests/index_kills.py FOLDER --random 200`.
"""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import corpus
import numpy as np
import zstandard

import dedup
from dedup import jobs
from dedup.config import Config
from dedup.index import upkeep

DAYS, DAY = 30, 5_000
SETS = ("wikinews_de", "terms_versions")
JUDGED = 2_000

work_option = click.option(
    "--work", type=click.Path(file_okay=False, path_type=Path), help="Folder to work in. [default: a temporary one]"
)


@click.group()
def main() -> None:
    """Measure the index."""


def table(rows: dict[str, Any]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def records(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Make up articles."""
    return (record for _, record in corpus.documents(count, seed))


def judged(index: dedup.Index, articles: list[dict[str, str]]) -> list[float]:
    """Return how many milliseconds of processor time each article takes to judge."""
    times = []
    for record in articles:
        start = time.thread_time()
        index.judge(record)
        times.append(1000 * (time.thread_time() - start))
    return times


@main.command()
@click.argument("articles", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@work_option
def speed(articles: Path, work: Path | None) -> None:
    """Add articles, and judge some."""
    folder = Path(tempfile.mkdtemp(dir=work))
    try:
        path = folder / "news.index"
        # Once before, so that no kernel is compiled or loaded while the clock runs.
        upkeep.add(folder / "warm.index", [str(written(folder / "warm.jsonl", records(DAY, 9)))], upkeep.Reading({}))
        cpu, wall = time.process_time(), time.perf_counter()
        count = upkeep.add(path, [str(articles)], upkeep.Reading({}))["added"]
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
        with articles.open("rb") as file:
            stored = [json.loads(line) for line in itertools.islice(file, JUDGED)]
        more = [{**record, "text": f"{record['text']} Ein Satz mehr, der neu ist."} for record in stored]
        new = list(itertools.islice(records(10 * JUDGED, 8), JUDGED))
        wall = time.perf_counter()
        with dedup.open_index(path, is_reading=True) as index:
            opened_s = time.perf_counter() - wall
            judged(index, new[:100])
            times = [judged(index, some) for some in (new, stored[: JUDGED // 2], more[: JUDGED // 2])]
        size = upkeep.info(path)
        rows = {
            "articles": f"{count:,}",
            "added a second of processor time, of wall time": f"{count / cpu_s:,.0f}, {count / wall_s:,.0f}",
            "bytes on disk an article, and of the corpus": f"{size['bytes_per_document']:,}, "
            f"{articles.stat().st_size / count:,.0f}",
            "opening, s": f"{opened_s:.2f}",
        }
        for name, found in zip(("new", "equal", "nearly equal"), times, strict=True):
            rows[f"judging one, {name}, ms: median, 99 %"] = (
                f"{statistics.median(found):.2f}, {np.percentile(found, 99):.2f}"
            )
        rows["judging one, all, ms: median"] = f"{statistics.median(itertools.chain(*times)):.2f}"
        click.echo(table(rows))
    finally:
        shutil.rmtree(folder)


def written(path: Path, articles: Iterator[dict[str, str]]) -> Path:
    """Write articles as JSON Lines."""
    path.write_bytes(b"".join(map(corpus.encode, articles)))
    return path


def real_and_made_up(data: Path | None) -> list[dict[str, str]]:
    """Return the articles of 30 days, the real ones scattered among made-up ones."""
    found = []
    for name in SETS if data else ():
        with zstandard.open(data / f"{name}.jsonl.zst", "rt", encoding="utf-8") as file:
            for record in map(json.loads, file):
                found.append({"id": f"{name}/{record['id']}", "source": name, "text": record["text"]})
    found += itertools.islice(records(DAYS * DAY, 7), DAYS * DAY - len(found))
    order = np.random.default_rng(1).permutation(len(found)).tolist()
    return [found[place] for place in order]


@main.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@work_option
def days(data: Path | None, work: Path | None) -> None:
    """Clean 30 days on top of an index, and all of them at once."""
    folder = Path(tempfile.mkdtemp(dir=work))
    try:
        articles = real_and_made_up(data)
        rows: dict[str, Any] = {}
        for only in (("repeats", "articles"), ("repeats", "boilerplate", "articles")):
            config, name = Config(keep="first", max_loss=1.0, only=only), ", ".join(only)
            stayed, spent = [], []
            for day in range(DAYS):
                path, output = folder / "day.jsonl", folder / "clean.jsonl"
                path.write_bytes(b"".join(map(corpus.encode, articles[day * DAY : (day + 1) * DAY])))
                start = time.process_time()
                run = jobs.Run(index=folder / f"{len(only)}.index", force=True)
                jobs.clean([str(path)], str(output), config, run)
                spent.append(time.process_time() - start)
                stayed += [json.loads(line)["id"] for line in output.open(encoding="utf-8")]
            path.write_bytes(b"".join(map(corpus.encode, articles)))
            start = time.process_time()
            jobs.clean([str(path)], str(output), config, jobs.Run(force=True))
            batch = [json.loads(line)["id"] for line in output.open(encoding="utf-8")]
            rows[f"{name}: days, batch, only days, only batch"] = (
                f"{len(stayed):,}, {len(batch):,}, {len(set(stayed) - set(batch)):,}, {len(set(batch) - set(stayed)):,}"
            )
            rows[f"{name}: CPU s of day 1, day 30, the batch"] = (
                f"{spent[0]:.1f}, {spent[-1]:.1f}, {time.process_time() - start:.1f}"
            )
        click.echo(table(rows))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
