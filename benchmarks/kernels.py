"""Measure the kernels alone, in MB of UTF-8 per second on one core, the text in memory.

    python benchmarks/kernels.py [--documents 5000] [--rounds 5] [--json FILE]

Compilation is not counted, nor is reading: what whole runs cost is measured by speed.py.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click
import corpus
import measure
import numpy as np

from dedup import edit, findings, lsh, signature
from dedup.boilerplate import Occurrences, Templates
from dedup.columns import Column
from dedup.config import Config
from dedup.fragments import find_fragments
from dedup.markdown import find_markup
from dedup.segment import segment
from dedup.shingle import shingle_sets

DOCUMENTS_A_BATCH = 500
"""About 1.5 MB of text, so that the arrays stay as warm as they do in the pipeline."""


def steps(texts: Column) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name."""
    config = Config()
    permutations = signature.permutations(config.hashes, config.seed)
    bands = lsh.choose_bands(config.threshold, config.hashes, config.recall)
    signatures = signature.sketch(texts, permutations).signatures
    segments, sources = segment(texts), np.zeros(len(texts), np.int64)
    keys = np.zeros(len(texts), np.uint64)
    templates = Templates.none()
    return {
        "signatures, 128 hashes": lambda: signature.sketch(texts, permutations),
        "band keys": lambda: signature.band_keys(signatures, *bands),
        "shingle sets": lambda: shingle_sets(texts),
        "segmentation, both keys": lambda: segment(texts),
        "boilerplate, counting lines": lambda: Occurrences().add(
            segments, find_fragments(texts, segments), find_markup(texts, segments), sources, keys
        ),
        "repeats and boilerplate, finding": lambda: findings.find(texts, keys, templates, config),
        "characters, counting": lambda: edit.count_characters(texts),
    }


def timed(batches: list[Column], rounds: int) -> dict[str, dict[str, float]]:
    """Run every step on every batch, round after round; return MB/s of processor time, the median and the best."""
    prepared = [steps(batch) for batch in batches]
    megabytes = sum(int(batch.offsets[-1]) for batch in batches) / 1e6
    found = {}
    for name in prepared[0]:
        prepared[0][name]()
        speeds = []
        for _ in range(rounds):
            start = time.process_time()
            for calls in prepared:
                calls[name]()
            speeds.append(megabytes / (time.process_time() - start))
        found[name] = {"mb_per_s": round(statistics.median(speeds), 1), "best_mb_per_s": round(max(speeds), 1)}
    return found


@click.command(help=(__doc__ or "").split("\n", 1)[0])
@click.option("--documents", type=click.IntRange(10), default=5000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write all figures here.")
def main(documents: int, rounds: int, json_path: Path | None) -> None:
    on = measure.cores(1)
    if on:
        os.sched_setaffinity(0, on)
    texts = [record["text"] for _, record in corpus.documents(documents, seed=7)]
    batches = [Column.of(texts[at : at + DOCUMENTS_A_BATCH]) for at in range(0, len(texts), DOCUMENTS_A_BATCH)]
    megabytes = sum(int(batch.offsets[-1]) for batch in batches) / 1e6
    figures = timed(batches, rounds)
    click.echo(f"{documents:,} documents, {megabytes:.1f} MB, median of {rounds}, {measure.processor()}\n")
    click.echo("| kernel | MB/s | best |\n|---|---|---|")
    for name, speed in figures.items():
        click.echo(f"| {name} | {speed['mb_per_s']:,} | {speed['best_mb_per_s']:,} |")
    if json_path is not None:
        about = {"date": date.today().isoformat(), "machine": {"processor": measure.processor()}, "rounds": rounds}
        written = about | {"documents": documents, "megabytes": round(megabytes, 1), "kernels": figures}
        json_path.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
