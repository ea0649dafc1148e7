"""The benchmarks measure what they say: the corpus is what its labels claim, the scripts give the promised figures."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


corpus = module("corpus")
environments = module("environments")


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def similarity(a: str, b: str) -> float:
    first, second = shingles(a), shingles(b)
    return len(first & second) / len(first | second)


def test_the_corpus_depends_on_its_seed_only():
    once, again = (list(corpus.documents(60, seed)) for seed in (7, 7))
    assert once == again
    assert once != list(corpus.documents(60, 8))


def test_a_fifth_of_the_documents_are_copies_and_every_copy_has_its_article():
    labels = list(corpus.labels(5000, 7))
    assert len({label.id for label in labels}) == 5000
    assert sum(label.copy > 0 for label in labels) == 1000
    articles = {label.cluster for label in labels if not label.copy}
    assert {label.cluster for label in labels} == articles == set(range(4000))


def test_clusters_have_at_most_twenty_members():
    sizes: dict[int, int] = defaultdict(int)
    for label in corpus.labels(20_000, 7):
        sizes[label.cluster] += 1
    assert max(sizes.values()) <= 20


@pytest.mark.parametrize("edit", ["words", "passage", "cut", "mixed"])
def test_copies_have_the_similarity_they_claim(edit: str):
    errors: dict[float, list[float]] = defaultdict(list)
    for label in corpus.labels(5000, 7):
        if label.edit == edit and len(errors[label.similarity]) < 8:
            whole = corpus.Label(label.id, label.cluster, 0, 1.0, "", True)
            original, _ = corpus.body_and_text(7, label.cluster, whole)
            body, _ = corpus.body_and_text(7, label.cluster, label)
            errors[label.similarity].append(similarity(original, body) - label.similarity)
    assert set(errors) == set(corpus.SIMILARITIES)
    assert max(abs(mean(those)) for those in errors.values()) < 0.04
    assert max(abs(error) for those in errors.values() for error in those) < 0.12


def test_a_copy_in_the_same_frame_repeats_its_boilerplate():
    label = next(label for label in corpus.labels(2000, 7) if label.copy and label.same_frame)
    boilerplate, _ = corpus.boilerplate()
    whole = label._replace(copy=0, similarity=1.0, edit="")
    lines = [set(corpus.body_and_text(7, label.cluster, one)[1].split("\n\n")) for one in (whole, label)]
    assert lines[0] & set(boilerplate) == lines[1] & set(boilerplate)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_every_format_holds_the_same_records(tmp_path: Path, suffix: str):
    from dedup.config import Config
    from dedup.readers import open_corpus

    path = tmp_path / f"corpus{suffix}"
    records = [record for _, record in corpus.documents(30, 7)]
    corpus.write(iter(records), path)
    read = open_corpus([str(path)], Config(), work=tmp_path)
    assert [text for batch in read.batches() for text in batch.texts] == [record["text"] for record in records]


def test_every_peer_names_its_versions():
    peers = environments.peers()
    assert [peer.name for peer in peers] == ["daft", "datasketch", "datatrove", "gaoya", "rensa", "text-dedup"]
    assert all(re.search(r"==\d", package) for peer in peers for package in peer.packages)


def test_the_kernels_are_timed(tmp_path: Path):
    figures = tmp_path / "figures.json"
    printed = run("kernels.py", "--documents", "20", "--rounds", "1", "--json", str(figures))
    written = json.loads(figures.read_bytes())
    assert written["documents"] == 20
    for name in ("signatures, 128 hashes", "segmentation, both keys", "shingle sets"):
        assert written["kernels"][name]["mb_per_s"] > 0
        assert f"| {name} |" in printed


def test_whole_runs_are_measured(tmp_path: Path):
    figures = tmp_path / "figures.json"
    options = ("--no-peers", "--documents", "20", "--documents", "200", "--rounds", "1", "--cache", str(tmp_path))
    printed = run("speed.py", *options, "--json", str(figures))
    written: dict[str, Any] = json.loads(figures.read_bytes())
    assert [size["documents"] for size in written["sizes"]] == [20, 200]
    contenders = written["sizes"][1]["contenders"]
    kinds = ("articles", "articles, .zst", "articles, .zst to JSON Lines", "articles, Parquet", "all kinds")
    for name in ("wc -w", *(f"dedup, {kind}" for kind in kinds)):
        assert "failed" not in contenders[name]
    ours = contenders["dedup, articles"]
    assert contenders["dedup, articles, .zst to JSON Lines"]["kept"] == ours["kept"]
    assert contenders["dedup, articles, .zst"]["kept"] is None
    assert 160 <= ours["kept"] < 200
    assert ours["cpu_ratio"] == 1
    assert min(ours[field] for field in ("cpu_s", "wall_s", "peak_mb", "mb_per_s")) > 0
    assert "first run ever, one article" in written["start_up"]
    assert {"time_per_mb_ratio", "bytes_per_document"} <= set(written["growth"][0])
    assert "| dedup, articles |" in printed


def test_a_failing_contender_is_told_and_the_others_go_on(tmp_path: Path):
    (tmp_path / "rensa" / "bin").mkdir(parents=True)
    (tmp_path / "rensa" / "bin" / "python").symlink_to("/bin/false")
    options = ("--only", "rensa", "--only", "wc -w", "--documents", "20", "--rounds", "1", "--cache", str(tmp_path))
    printed = run("speed.py", *options)
    assert "| rensa | failed: exit code 1" in printed
    assert "| wc -w |" in printed


def test_dedup_is_measured_in_the_environment_made_for_it(tmp_path: Path):
    own = environments.dedup_in(tmp_path)
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho as it is installed by itself\nexit 1\n")
    own.chmod(0o755)
    options = ("--only", "dedup, articles", "--documents", "20", "--rounds", "1", "--cache", str(tmp_path))
    assert "| dedup, articles | failed: exit code 1: as it is installed by itself |" in run("speed.py", *options)
