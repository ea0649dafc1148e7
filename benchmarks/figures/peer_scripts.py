"""Other tools, each run in an environment of its own: texts in, what they leave of them out.

    python peer_scripts.py TOOL TEXTS.jsonl LEFT.jsonl

TEXTS holds a JSON string a line. LEFT gets a line for each: a string, or null for a text that was dropped. Nothing of
this project is imported: it is not installed there. Every tool runs with its own defaults, except that the threshold
is 0.8 on word 5-grams where it can be said.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Left = list[str | None]

THRESHOLD, SHINGLE_WORDS, HASHES = 0.8, 5, 128


def shingles(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + SHINGLE_WORDS]) for i in range(max(1, len(words) - SHINGLE_WORDS + 1))}


def datasketch(texts: list[str]) -> Left:
    """Keep the first of what `MinHashLSH` reports as alike, as its documentation does it: not verified."""
    module = importlib.import_module("datasketch")
    lsh = module.MinHashLSH(threshold=THRESHOLD, num_perm=HASHES)
    left: Left = []
    for number, text in enumerate(texts):
        sketch = module.MinHash(num_perm=HASHES)
        sketch.update_batch([shingle.encode() for shingle in shingles(text)])
        seen = lsh.query(sketch)
        left.append(None if seen else text)
        if not seen:
            lsh.insert(str(number), sketch)
    return left


def rensa(texts: list[str]) -> Left:
    """Keep what `RMinHashDeduplicator` does not report as a duplicate of an earlier one."""
    module = importlib.import_module("rensa")
    kept = module.RMinHashDeduplicator(threshold=THRESHOLD, num_perm=HASHES, use_lsh=True)
    left: Left = []
    for number, text in enumerate(texts):
        sketch = module.RMinHash(num_perm=HASHES, seed=42)
        sketch.update(sorted(shingles(text)))
        left.append(text if kept.add(str(number), sketch) else None)
    return left


def text_dedup(texts: list[str]) -> Left:
    """Run `python -m text_dedup.minhash` on the texts."""
    datasets = importlib.import_module("datasets")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "texts.jsonl"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps({'number': i, 'text': text})}\n" for i, text in enumerate(texts))
        options = {
            "path": "json", "data_files": source, "split": "train", "cache_dir": Path(folder) / "cache",
            "output": Path(folder) / "out", "column": "text", "threshold": THRESHOLD, "ngram": SHINGLE_WORDS,
            "num_perm": HASHES, "batch_size": 1000,
        }  # fmt: skip
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        subprocess.run([sys.executable, "-m", "text_dedup.minhash", *flags], check=True, cwd=folder)
        kept = set(datasets.load_from_disk(str(Path(folder) / "out"))["number"])
    return [text if number in kept else None for number, text in enumerate(texts)]


def _datatrove(texts: list[str], stages: Callable[[Path], list[list[Any]]]) -> Left:
    """Run a pipeline of several stages over the texts, which the last stage writes to the folder `out`."""
    executor = importlib.import_module("datatrove.executor").LocalPipelineExecutor
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        with (folder / "in" / "texts.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps({'id': str(i), 'text': text})}\n" for i, text in enumerate(texts))
        for number, steps in enumerate(stages(folder)):
            # Candidates are looked for in one task a band.
            bands = [step.config.num_buckets for step in steps if type(step).__name__ == "MinhashDedupBuckets"]
            executor(pipeline=steps, tasks=max([1, *bands]), logging_dir=str(folder / f"log{number}")).run()
        left: Left = [None] * len(texts)
        for path in (folder / "out").iterdir():
            with path.open(encoding="utf-8") as file:
                for record in map(json.loads, file):
                    left[int(record["id"])] = record["text"]
    return left


def _reader_and_writer(folder: Path) -> tuple[Any, Any]:
    readers = importlib.import_module("datatrove.pipeline.readers")
    writers = importlib.import_module("datatrove.pipeline.writers")
    return readers.JsonlReader(str(folder / "in")), writers.JsonlWriter(str(folder / "out"), compression=None)


def datatrove_sentences(texts: list[str]) -> Left:
    """Run the sentence deduplication with spans of three sentences, in German, keeping short texts."""
    module = importlib.import_module("datatrove.pipeline.dedup")

    def stages(folder: Path) -> list[list[Any]]:
        reader, writer = _reader_and_writer(folder)
        config = module.SentDedupConfig(min_doc_words=0, min_num_sentences=0)
        signatures, found = str(folder / "signatures"), str(folder / "found")
        return [
            [reader, module.SentenceDedupSignature(signatures, config=config, language="deu")],
            [module.SentenceFindDedups(data_folder=signatures, output_folder=found, config=config)],
            [reader, module.SentenceDedupFilter(data_folder=found, config=config, language="deu"), writer],
        ]

    return _datatrove(texts, stages)


def datatrove_minhash(texts: list[str]) -> Left:
    """Run the MinHash deduplication with its own bands and rows: 14 of 8."""
    module = importlib.import_module("datatrove.pipeline.dedup")

    def stages(folder: Path) -> list[list[Any]]:
        reader, writer = _reader_and_writer(folder)
        config = module.MinhashConfig(n_grams=SHINGLE_WORDS)
        signatures, buckets, found = (str(folder / name) for name in ("signatures", "buckets", "found"))
        return [
            [reader, module.MinhashDedupSignature(output_folder=signatures, config=config, language="eng")],
            [module.MinhashDedupBuckets(input_folder=signatures, output_folder=buckets, config=config)],
            [module.MinhashDedupCluster(input_folder=buckets, output_folder=found, config=config)],
            [reader, module.MinhashDedupFilter(input_folder=found), writer],
        ]

    return _datatrove(texts, stages)


def trafilatura(texts: list[str]) -> Left:
    """Ask trafilatura's own test for duplicates about every line, as it asks about every paragraph of a page."""
    deduplication = importlib.import_module("trafilatura.deduplication")
    options = importlib.import_module("trafilatura.settings").Extractor(dedup=True)
    etree = importlib.import_module("lxml.etree")
    left: Left = []
    for text in texts:
        stays = []
        for line in text.splitlines(keepends=True):
            paragraph = etree.Element("p")
            paragraph.text = "".join(c for c in line.strip() if c.isprintable())
            if not deduplication.duplicate_test(paragraph, options):
                stays.append(line)
        left.append("".join(stays))
    return left


TOOLS: dict[str, Callable[[list[str]], Left]] = {
    "datasketch": datasketch,
    "rensa": rensa,
    "text-dedup": text_dedup,
    "datatrove sentences": datatrove_sentences,
    "datatrove minhash": datatrove_minhash,
    "trafilatura": trafilatura,
}


def main() -> None:
    tool, source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    left = TOOLS[tool](texts)
    with open(target, "w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(text)}\n" for text in left)


if __name__ == "__main__":
    main()
