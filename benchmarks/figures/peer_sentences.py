"""Other sentence splitters, run in an environment of their own: boundary F1 by treebank and splitter, as JSON.

PYTHONPATH=benchmarks python peer_sentences.py DATA_DIR SCORES.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import segmentation


def main() -> None:
    data, target = map(Path, sys.argv[1:])
    scores: dict[str, dict[str, float]] = {}
    for path in sorted(data.glob("sentences_ud_*.jsonl.zst")):
        language, texts = segmentation.gold_texts(path)
        name = path.name.removeprefix("sentences_ud_").removesuffix(".jsonl.zst")
        for splitter, split in segmentation.installed().items():
            scores.setdefault(splitter, {})[name] = segmentation.f1(split, language, texts)
    target.write_text(json.dumps(scores), encoding="utf-8")


if __name__ == "__main__":
    main()
