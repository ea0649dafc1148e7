"""What the fuzzer calls with bytes of its own: each target raises whatever is no error of ours, or no promise kept."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import dedup
from dedup import decisions, jobs, undo
from dedup.config import Config
from dedup.errors import DedupError
from dedup.formats.compression import decompressed
from dedup.jobs import Run

SUFFIXES = ("jsonl", "csv", "tsv", "txt", "parquet", "jsonl.gz", "jsonl.bz2", "jsonl.xz", "jsonl.zst", "html", "warc")
LINES = b'{"id": "a", "text": "Ein Satz, der breit genug ist.\\nEin Satz, der breit genug ist."}\n' * 2


def text(data: bytes) -> None:
    """Segmenter, keys, kernels and editor: what stays is the text less its cuts."""
    original = data.decode("utf-8", "replace")
    spans = dedup.split_sentences(original)
    assert "".join(original[start:end] for start, end in spans) == original
    once = dedup.clean_text(original)
    left, at = [], 0
    for decision in once.decisions:
        if decision.action == "cut":
            assert decision.start is not None
            assert original[decision.start : decision.end] == decision.text
            left.append(original[at : decision.start])
            at = decision.end or 0
    assert "".join(left) + original[at:] == once.text
    assert dedup.clean_text(once.text).text == once.text
    assert dedup.jaccard(original, original) in (0.0, 1.0)


def corpus(data: bytes) -> None:
    """Several texts at once, of two sources: every one is kept or dropped."""
    texts = data.decode("utf-8", "replace").split("\x1e")
    documents = [{"id": str(number), "source": "ab"[number % 2], "text": text} for number, text in enumerate(texts)]
    result = dedup.clean(documents, max_loss=1, template_documents=2, drop_contained=0.9)
    assert len(result.kept) + len(result.dropped) == len(documents)


def files(data: bytes) -> None:
    """Readers, writers and undo, in the format that the first byte names: refused by name, or given back."""
    if not data:
        return
    suffix = SUFFIXES[data[0] % len(SUFFIXES)]
    with tempfile.TemporaryDirectory() as folder:
        path, out, back = Path(folder, f"a.{suffix}"), Path(folder, "out"), Path(folder, "back")
        path.write_bytes(data[1:])
        with contextlib.suppress(DedupError):
            jobs.clean([str(path)], str(out), Config(max_loss=1, extract="lines"), Run())
            undo.restore(str(out), str(back))
            if suffix in ("jsonl", "csv", "tsv", "txt"):
                assert back.read_bytes() == data[1:]


def plan(data: bytes) -> None:
    """A file of decisions from somebody else: refused by name, or carried out on what it was made from."""
    with tempfile.TemporaryDirectory() as folder:
        path, made = Path(folder, "a.jsonl"), Path(folder, "decisions.jsonl")
        path.write_bytes(LINES)
        jobs.scan([str(path)], str(made), Config(max_loss=1), Run())
        made.write_bytes(mixed(made.read_bytes(), data))
        with contextlib.suppress(DedupError):
            jobs.apply(str(made), [str(path)], str(Path(folder, "out")), Config(max_loss=1), Run())
            list(decisions.read(made))


def undo_data(data: bytes) -> None:
    """The folder beside an output, changed by somebody else: refused by name, or the input comes back."""
    with tempfile.TemporaryDirectory() as folder:
        path, back = Path(folder, "a.jsonl"), Path(folder, "back")
        path.write_bytes(LINES)
        jobs.clean([str(path)], str(Path(folder, "out")), Config(max_loss=1), Run())
        names = sorted(file for file in Path(folder, "out.dedup").iterdir() if file.suffix in (".json", ".npy", ".bin"))
        if not data or not names:
            return
        chosen = names[data[0] % len(names)]
        chosen.write_bytes(mixed(chosen.read_bytes(), data[1:]))
        with contextlib.suppress(DedupError):
            undo.restore(str(Path(folder, "out")), str(back))
            assert back.read_bytes() == LINES


def index(data: bytes) -> None:
    """An index with one of its files changed: refused by name, or it answers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "news.index")
        with dedup.open_index(path) as opened:
            opened.add(json.loads(LINES.splitlines()[0]))
        names = sorted(file for file in path.rglob("*") if file.is_file())
        if not data:
            return
        chosen = names[data[0] % len(names)]
        chosen.write_bytes(mixed(chosen.read_bytes(), data[1:]))
        with contextlib.suppress(DedupError), dedup.open_index(path, is_reading=True) as opened:
            assert opened.judge("Ein Satz, der breit genug ist.").kind in ("new", "duplicate")


def packed(data: bytes) -> None:
    """The decompressors."""
    if not data:
        return
    kind = ("gzip", "bzip2", "xz", "zstd")[data[0] % 4]
    with tempfile.TemporaryFile() as file, contextlib.suppress(DedupError):
        file.write(data[1:])
        file.seek(0)
        for _ in decompressed(file, kind, "fuzz", 1e4):
            pass


def mixed(data: bytes, change: bytes) -> bytes:
    """Overwrite a stretch of the data, or cut it short: where and with what, `change` says."""
    if len(change) < 3:
        return data[: len(data) * (change[0] if change else 0) // 256]
    at = int.from_bytes(change[:2], "big") % max(1, len(data))
    return data[:at] + change[2:] + data[at + len(change) - 2 :]


TARGETS: dict[str, Callable[[bytes], None]] = {
    "text": text,
    "corpus": corpus,
    "files": files,
    "plan": plan,
    "undo_data": undo_data,
    "index": index,
    "packed": packed,
}
