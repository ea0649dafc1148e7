"""How well `split_sentences` finds the ends that people marked, and how alike it treats a sentence among others."""

from __future__ import annotations

import itertools
from pathlib import Path

import segmentation

from figures.figure import Figure, share

TREEBANKS, LEGAL = "sentences_ud_*.jsonl.zst", "sentences_legal_de.jsonl.zst"
LEGAL_DOCUMENTS = 30

MEAN_F1 = 0.95

BEST_LIBRARY_F1 = {
    "Arabic-PUD": 0.9940,
    "Chinese-GSDSimp": 0.9889,
    "English-EWT": 0.9041,
    "French-GSD": 0.9673,
    "Hindi-PUD": 0.9975,
    "Japanese-GSD": 0.9776,
    "Portuguese-Bosque": 0.9096,
    "Spanish-GSD": 0.9640,
}
"""The best of sentencex 1.0.32, PyICU 2.15.2, nupunkt 0.8.0 and pysbd 0.3.4. Measured: quality.py DATA_DIR --peers."""

BEHIND = 0.02
"""What a set may be behind the best library."""

BEHIND_IN = {"English-EWT": 0.04}
"""Sets that may be further behind: EWT's sentences often end without a mark."""

CONSISTENCY, CONSISTENCY_IN = 0.95, {"Chinese-GSDSimp": 0.97, "Arabic-PUD": 0.97, "Hindi-PUD": 0.97, "legal_de": 0.97}


def treebanks(folder: Path) -> list[Path]:
    """Return the files of sentences marked by people."""
    return sorted(folder.glob(TREEBANKS))


def name_of(path: Path) -> str:
    """Return the name of a treebank.

    >>> name_of(Path("sentences_ud_French-GSD.jsonl.zst"))
    'French-GSD'
    """
    return path.name.removeprefix("sentences_ud_").removesuffix(".jsonl.zst")


def treebank_scores(paths: list[Path], split: segmentation.Splitter) -> tuple[dict[str, float], dict[str, float]]:
    """Return boundary F1 and consistency by treebank."""
    scores, consistencies = {}, {}
    for path in paths:
        language, texts = segmentation.gold_texts(path)
        sentences = [text[a:b] for text, spans in texts for a, b in segmentation.visible(text, spans)]
        scores[name_of(path)] = segmentation.f1(split, language, texts)
        consistencies[name_of(path)] = segmentation.consistency(split, language, sentences)
    return scores, consistencies


def legal_consistency(path: Path, split: segmentation.Splitter) -> float:
    """Return the consistency on German legal texts."""
    records = itertools.islice(segmentation.read(path), LEGAL_DOCUMENTS)
    sentences = [sentence for record in records for sentence in segmentation.gold_sentences(record)]
    return segmentation.consistency(split, "de", sentences)


def figures_of(scores: dict[str, float], consistencies: dict[str, float]) -> list[Figure]:
    """Return the figures of what was measured, with their targets."""
    mean = share("f1_mean", sum(scores.values()), len(scores), MEAN_F1)
    found = [
        Figure(f"f1 {name}", score, round(BEST_LIBRARY_F1[name] - BEHIND_IN.get(name, BEHIND), 6))
        for name, score in scores.items()
    ]
    same = [
        Figure(f"consistency {name}", value, CONSISTENCY_IN.get(name, CONSISTENCY))
        for name, value in consistencies.items()
    ]
    return [mean, *found, *same]
