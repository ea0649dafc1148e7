"""The output appears complete under its final name or not at all, and never where it must not."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup.config import Config
from dedup.errors import DedupError, StateError, UsageError
from dedup.formats.bytewise import Removals
from dedup.formats.compression import compressing, decompressed
from dedup.readers import Corpus, open_corpus
from dedup.writers import Edits, Output

LINES = b'{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n'
NONE = np.zeros(0, np.int64)


def edits(*drops: tuple[int, int], cuts: list[tuple[int, int, int, int]] | None = None) -> Edits:
    dropped = np.array(drops, np.int64).reshape(-1, 2).T
    cut = np.array(cuts or [], np.int64).reshape(-1, 4).T
    return Edits(dropped[0].astype(np.int32), dropped[1], cut[0].astype(np.int32), *cut[1:])


def opened(folder: Path, *inputs: Path | str, **options: str) -> Corpus:
    work = folder / ".work"
    work.mkdir(exist_ok=True)
    return open_corpus([str(path) for path in inputs], Config(), work=work, **options)


def write(corpus: Corpus, output: Path | str, what: Edits, sidecar: Path | None = None, force: bool = False) -> None:
    with Output(corpus, str(output), sidecar, force) as out:
        out.write(what)
        out.commit("1")


def refusal(corpus: Corpus, output: Path | str, sidecar: Path | None = None, force: bool = False) -> str:
    """The message with which writing is refused before anything is written."""
    with pytest.raises(UsageError) as caught, Output(corpus, str(output), sidecar, force):
        pass
    assert caught.value.hint
    return caught.value.message


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    return path


def test_nothing_is_visible_before_commit(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "out.jsonl"
    with Output(opened(tmp_path, source), str(target), None, False) as out:
        out.write(edits((0, 2)))
        assert out.sidecar_staging is not None
        (out.sidecar_staging / "report.json").write_text("{}")
        visible = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
        assert visible == ["a.jsonl"]
        out.commit("1")
    assert target.read_bytes() == b'{"text": "a"}\n{"text": "c"}\n'
    manifest = json.loads((tmp_path / "out.jsonl.dedup" / "manifest.json").read_bytes())
    assert set(manifest["sidecar"]) == {"removed.bin", "removed.npy", "report.json"}


@pytest.mark.parametrize("is_written", [False, True])
def test_nothing_remains_without_commit(tmp_path: Path, source: Path, is_written: bool) -> None:
    before = sorted(tmp_path.rglob("*"))
    corpus = opened(tmp_path, source)

    def interrupted() -> None:
        with Output(corpus, str(tmp_path / "out.jsonl"), None, False) as out:
            if is_written:
                out.write(edits((0, 2)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / ".work"])


def test_a_run_that_is_stopped_writes_no_more(tmp_path: Path, source: Path) -> None:
    with Output(opened(tmp_path, source), str(tmp_path / "out.jsonl"), None, False) as out:
        out.stop()
        with pytest.raises(Exception, match=r"^$"):
            out.write(edits())
    assert not list(tmp_path.glob("*out.jsonl*"))


SLOW = """
import sys, time
from pathlib import Path
from dedup.config import Config
from dedup.readers import open_corpus
from dedup.writers import Edits, Output
import numpy as np
folder, target, stage = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
none = np.zeros(0, np.int64)
corpus = open_corpus([str(folder / "a.jsonl")], Config(), work=folder / ".work")
def wait():
    print("now", flush=True)
    time.sleep(600)
with Output(corpus, target, None, False) as out:
    if stage == "entered":
        wait()
    out.write(Edits(np.zeros(1, np.int32), np.array([2]), none.astype(np.int32), none, none, none))
    wait()
"""


@pytest.mark.parametrize("stage", ["entered", "written"])
def test_a_killed_run_leaves_nothing_but_what_the_next_one_clears(tmp_path: Path, source: Path, stage: str) -> None:
    (tmp_path / ".work").mkdir()
    target = tmp_path / "out.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path), str(target), stage],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        write(opened(tmp_path, source), tmp_path / "other.jsonl", edits())
        process.send_signal(signal.SIGKILL)
    assert not target.exists()
    assert not (tmp_path / "out.jsonl.dedup").exists()
    assert any(path.name.startswith(".out.jsonl") for path in tmp_path.iterdir())
    write(opened(tmp_path, source), target, edits())
    assert not any(path.name.startswith(".out") for path in tmp_path.iterdir())
    assert target.read_bytes() == LINES


def test_what_a_running_process_stages_is_left_alone(tmp_path: Path, source: Path) -> None:
    corpus = opened(tmp_path, source)
    with Output(corpus, str(tmp_path / "out.jsonl"), None, False) as first:
        first.write(edits((0, 1)))
        write(corpus, tmp_path / "out.jsonl", edits((0, 2)))
        with pytest.raises(UsageError, match="exists already"):
            first.commit("1")
    assert (tmp_path / "out.jsonl").read_bytes() == b'{"text": "a"}\n{"text": "c"}\n'


def test_an_existing_file_is_replaced_only_by_force(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_bytes(b"mine")
    corpus = opened(tmp_path, source)
    assert refusal(corpus, target) == "exists already"
    write(corpus, target, edits(), force=True)
    assert target.read_bytes() == LINES


def test_an_existing_folder_is_replaced_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(LINES)
    target = tmp_path / "out"
    target.mkdir()
    (target / "old.jsonl").write_bytes(b"old")
    corpus = opened(tmp_path, tmp_path / "in")
    assert refusal(corpus, target) == "exists already"
    write(corpus, target, edits(), force=True)
    assert [path.name for path in target.iterdir()] == ["a.jsonl"]
    assert not any(path.name.startswith(".out") for path in tmp_path.iterdir())


@pytest.mark.parametrize("is_link", [False, True])
def test_a_folder_takes_the_place_of_a_file_by_force(tmp_path: Path, is_link: bool) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(LINES)
    (tmp_path / "else").mkdir()
    if is_link:
        (tmp_path / "out").symlink_to(tmp_path / "else")
    else:
        (tmp_path / "out").write_bytes(b"old")
    write(opened(tmp_path, tmp_path / "in"), tmp_path / "out", edits(), force=True)
    assert (tmp_path / "out" / "a.jsonl").read_bytes() == LINES
    assert list((tmp_path / "else").iterdir()) == []


def test_a_sidecar_in_the_output_is_refused(tmp_path: Path, source: Path) -> None:
    (tmp_path / "out").mkdir()
    corpus = opened(tmp_path, source)
    for output, sidecar in (("x", "x"), ("out/x", "out")):
        message = refusal(corpus, tmp_path / output, sidecar=tmp_path / sidecar)
        assert message == "the output and its sidecar are in each other's place"


def test_the_current_folder_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(LINES)
    (tmp_path / "here" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deep")
    corpus = opened(tmp_path, tmp_path / "in")
    assert refusal(corpus, tmp_path / "here", force=True) == "holds the current folder and cannot be replaced"


def test_an_output_that_touches_an_input_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "in" / "deep"
    source.mkdir(parents=True)
    (source / "a.jsonl").write_bytes(LINES)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    folder, file = opened(tmp_path, tmp_path / "in"), opened(tmp_path, source / "a.jsonl")
    for target in (tmp_path / "in", tmp_path / "link", tmp_path / "in" / ".." / "in"):
        assert refusal(folder, target, force=True).startswith("is the input")
    for target in (tmp_path / "in" / "out", tmp_path / "link" / "deep" / "out"):
        assert refusal(folder, target, force=True).startswith("is inside the input")
    assert refusal(opened(tmp_path, source), tmp_path / "in", force=True).startswith("holds the input")
    assert refusal(file, source / "a.jsonl", force=True).startswith("is the input")
    assert refusal(file, tmp_path / "link" / "deep" / "a.jsonl", force=True).startswith("is the input")
    assert refusal(folder, tmp_path / "out", sidecar=tmp_path / "in" / "x").startswith("is inside the input")
    os.link(source / "a.jsonl", tmp_path / "same.jsonl")
    assert refusal(file, tmp_path / "same.jsonl", force=True).startswith("is the input")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.csv", "is named like csv, but the output has the format of the input: jsonl"),
        ("no/out", "has no folder to be in"),
    ],
)
def test_an_impossible_output_is_refused(tmp_path: Path, source: Path, name: str, message: str) -> None:
    assert refusal(opened(tmp_path, source), tmp_path / name) == message


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path, source: Path) -> None:
    (tmp_path / "out").mkdir()
    message = refusal(opened(tmp_path, source), tmp_path / "out", force=True)
    assert message == "is a folder, but the output of one file is a file"


def test_a_folder_that_is_no_sidecar_is_never_replaced(tmp_path: Path, source: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine")
    corpus = opened(tmp_path, source)
    message = refusal(corpus, tmp_path / "out.jsonl", sidecar=mine, force=True)
    assert message == "exists already and was not written by dedup"
    (mine / "letter.txt").unlink()
    write(corpus, tmp_path / "out.jsonl", edits(), sidecar=mine)
    write(corpus, tmp_path / "out.jsonl", edits((0, 1)), sidecar=mine, force=True)
    assert (mine / "manifest.json").exists()
    assert not (tmp_path / "out.jsonl.dedup").exists()


class Stdout(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO())

    @property
    def data(self) -> bytes:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()


def test_standard_input_goes_to_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES)))
    stdout = Stdout()
    monkeypatch.setattr(sys, "stdout", stdout)
    corpus = opened(tmp_path, "-")
    with Output(corpus, "-", None, False) as out:
        assert out.sidecar_staging is None
        out.write(edits((0, 2)))
        out.commit("1")
    assert stdout.data == b'{"text": "a"}\n{"text": "c"}\n'
    assert [batch.ids[1] for batch in corpus.batches()] == ["-:2"]


def test_standard_output_keeps_a_sidecar_that_is_named(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = Stdout()
    monkeypatch.setattr(sys, "stdout", stdout)
    write(opened(tmp_path, source), "-", edits((0, 1), (0, 2), (0, 3)), sidecar=tmp_path / "side")
    assert stdout.data == b""
    assert (tmp_path / "side" / "removed.bin").read_bytes() == LINES


def test_standard_output_takes_one_text_file_only(tmp_path: Path, source: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "b.parquet")
    for corpus in (
        opened(tmp_path, tmp_path / "b.parquet"),
        opened(tmp_path, source, tmp_path / "b.parquet"),
    ):
        assert refusal(corpus, "-") == "standard output takes one file of a text format"


def test_the_extension_of_the_output_decides_its_compression(tmp_path: Path, source: Path) -> None:
    write(opened(tmp_path, source), tmp_path / "out.jsonl.gz", edits())
    again = opened(tmp_path, tmp_path / "out.jsonl.gz")
    write(again, tmp_path / "plain.jsonl", edits())
    write(again, tmp_path / "bare", edits())
    assert gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()) == LINES
    assert (tmp_path / "plain.jsonl").read_bytes() == (tmp_path / "bare").read_bytes() == LINES


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, source: Path) -> None:
    for suffix in ("gz", "bz2", "xz", "zst"):
        names = [tmp_path / f"{number}.jsonl.{suffix}" for number in (1, 2)]
        for name in names:
            write(opened(tmp_path, source), name, edits((0, 2)))
            time.sleep(0.01)
        assert names[0].read_bytes() == names[1].read_bytes()


def test_threads_that_compress_do_not_show(tmp_path: Path) -> None:
    plain = np.random.default_rng(1).integers(ord("a"), ord("k"), 20 << 20, np.uint8).tobytes()
    found = set()
    for workers in (1, 2, 3):
        path = tmp_path / f"{workers}.zst"
        with path.open("wb") as file, compressing(file, "zstd", workers) as sink:
            sink.write(plain)
        with path.open("rb") as file:
            assert b"".join(decompressed(file, "zstd", "a.zst")) == plain
        found.add(path.read_bytes())
    assert len(found) == 1


def test_zstandard_finds_again_what_was_a_megabyte_ago() -> None:
    lines = np.random.default_rng(1).integers(0, 256, 1 << 20, np.uint8).tobytes()
    with io.BytesIO() as file:
        with compressing(file, "zstd") as sink:
            sink.write(lines + lines)
        assert len(file.getvalue()) < 1.5 * len(lines)


def test_a_file_whose_records_all_go_stays_as_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(LINES)
    (tmp_path / "in" / "b.csv").write_bytes(b"text\na\n")
    write(opened(tmp_path, tmp_path / "in"), tmp_path / "out", edits((0, 1), (0, 2), (0, 3), (1, 1)))
    assert (tmp_path / "out" / "a.jsonl").read_bytes() == b""
    assert (tmp_path / "out" / "b.csv").read_bytes() == b"text\n"


def test_untouched_bytes_stay_as_they_are(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf {"n":1.0e5, "text" :"\\u00e4\\/\\n",  "z":[ ] }\r\n\r\n\t\n{"text":"b"}'
    (tmp_path / "a.jsonl").write_bytes(data)
    corpus = opened(tmp_path, tmp_path / "a.jsonl")
    write(corpus, tmp_path / "same.jsonl", edits())
    assert (tmp_path / "same.jsonl").read_bytes() == data
    write(corpus, tmp_path / "cut.jsonl", edits((0, 4), cuts=[(0, 1, 0, 3)]))
    assert (tmp_path / "cut.jsonl").read_bytes() == (b'\xef\xbb\xbf {"n":1.0e5, "text" :"\\n",  "z":[ ] }\r\n\r\n\t\n')


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
@pytest.mark.parametrize("what", [edits((0, 4)), edits(cuts=[(0, 4, 0, 1)]), edits(cuts=[(0, 2, 1, 2)])])
def test_decisions_that_do_not_fit_are_refused(tmp_path: Path, name: str, what: Edits) -> None:
    if name == "a.parquet":
        pq.write_table(pa.table({"text": ["a", "b", "c"]}), tmp_path / name)
    else:
        (tmp_path / name).write_bytes(LINES if name == "a.jsonl" else b"text\na\nb\nc\n")
    corpus = opened(tmp_path, tmp_path / name)
    with pytest.raises(StateError, match="a decision names a record, or a place in its text, that is not there"):
        write(corpus, tmp_path / f"out-{name}", what)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".work", name]


def test_a_disk_that_cannot_be_written_is_named(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    corpus = opened(tmp_path, source)
    monkeypatch.setattr(Removals, "save", full)
    with pytest.raises(DedupError, match="cannot be written: No space left on device"):
        write(corpus, tmp_path / "out.jsonl", edits())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".work", "a.jsonl"]


def test_edits_of_large_files_cross_chunks(tmp_path: Path) -> None:
    lines = [b'{"id": %d, "text": "%s"}\n' % (number, b"wort " * (number % 300)) for number in range(40_000)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    drops = [(0, record) for record in range(1, 40_001, 7)]
    cuts = [(0, record, 5, 10) for record in range(2, 40_001, 7) if (record - 1) % 300 > 2]
    corpus = opened(tmp_path, tmp_path / "a.jsonl")
    write(corpus, tmp_path / "out.jsonl", edits(*drops, cuts=cuts))
    dropped, cut = {record for _, record in drops}, {record for _, record, _, _ in cuts}
    expected = [
        line.replace(b"wort ", b"", 1) if number in cut else line
        for number, line in enumerate(lines, 1)
        if number not in dropped
    ]
    assert (tmp_path / "out.jsonl").read_bytes() == b"".join(expected)
