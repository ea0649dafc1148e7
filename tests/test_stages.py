"""Finished stages: a run given again after it was killed comes to the same, and uses no stage but its own."""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from hypothesis import given

from dedup import jobs, pipeline
from dedup.cli import main
from dedup.config import Config
from dedup.errors import LossError, StateError, UsageError
from dedup.plan import Plan
from dedup.work import locked_folder
from tests.corpora import FEET, Document, corpora, edited, site, written

CONFIG = Config(max_loss=1.0)


class KilledError(Exception):
    """Stands for the end of a process."""


def kill(*_: object, **__: object) -> None:
    raise KilledError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a corpus."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, documents())
    return tmp_path


def documents() -> list[Document]:
    rng = random.Random(8)
    rows = site(rng, "a.example", 12) + site(rng, "b.example", 8)
    rows += [{**row, "text": edited(rng, row["text"], 0.01)} for row in rows[:3]]
    return [*rows, {"id": "bare", "source": "c.example", "text": f"{FEET[0]}\n{FEET[0]}\n"}]


def clean(config: Config = CONFIG, **how: Any) -> dict[str, Any]:
    how = {"work_dir": Path("stages"), "force": True} | how
    return jobs.clean(["news.jsonl"], "out.jsonl", config, jobs.Run(**how))


def written_by(run: Callable[[], dict[str, Any]]) -> tuple[bytes, bytes, dict[str, Any]]:
    """Return the output of a run, its decisions and its report."""
    report = run() | {"timing_s": {}}
    return Path("out.jsonl").read_bytes(), Path("out.jsonl.dedup/decisions.jsonl").read_bytes(), report


def killed_after(stage: str, config: Config = CONFIG, **how: Any) -> None:
    """Kill a run as soon as it has finished a stage."""
    module, name = {"lines": (pipeline, "bands_of"), "plan": (jobs, "_carry_out")}[stage]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, kill)
        with pytest.raises(KilledError):
            clean(config, **how)
    assert stage in {path.stem for path in Path("stages").iterdir()}


def passes(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the passes over the input that are made from now on."""
    made: set[str] = set()
    for name in ("count_lines", "examine"):
        function = getattr(pipeline, name)
        monkeypatch.setattr(pipeline, name, lambda *given, f=function, n=name: [made.add(n), f(*given)][1])
    return made


@pytest.mark.parametrize(("stage", "missing"), [("lines", {"examine"}), ("plan", set())])
def test_a_killed_run_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, stage: str, missing: set[str]) -> None:
    expected = written_by(lambda: clean(work_dir=None))
    killed_after(stage)
    made = passes(monkeypatch)
    assert written_by(clean) == expected
    assert made == missing
    assert not list(Path("stages").iterdir())


@pytest.mark.parametrize("stage", ["lines", "plan"])
@given(rows=corpora())
def test_any_corpus_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, stage: str, rows: list[Document]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        written(Path(), rows)
        config = Config(max_loss=1.0, keep="max:id", drop_contained=0.9)
        expected = written_by(lambda: clean(config, work_dir=None))
        killed_after(stage, config)
        assert written_by(lambda: clean(config)) == expected


@pytest.mark.parametrize("stage", ["lines", "plan"])
def test_bad_records_are_set_aside_as_before(stage: str) -> None:
    with Path("news.jsonl").open("ab") as file:
        file.write(b"broken\n")
    expected = written_by(lambda: clean(work_dir=None, on_error="skip"))
    assert expected[2]["documents"]["rejected"] == 1
    killed_after(stage, on_error="skip")
    assert written_by(lambda: clean(on_error="skip")) == expected


@pytest.mark.parametrize("kind", ["csv", "txt", "parquet", "jsonl.gz"])
def test_other_formats_go_on_too(folder: Path, kind: str) -> None:
    source = folder / "in"
    source.mkdir()
    rows = pa.Table.from_pylist([{"id": row["id"], "text": row["text"]} for row in documents()])
    if kind == "csv":
        pa.csv.write_csv(rows, source / "a.csv")
    elif kind == "parquet":
        pa.parquet.write_table(rows, source / "a.parquet")
    elif kind == "jsonl.gz":
        (source / "a.jsonl.gz").write_bytes(gzip.compress(Path("news.jsonl").read_bytes()))
    else:
        for number, row in enumerate(rows.to_pylist()):
            (source / f"{number}.txt").write_text(row["text"], encoding="utf-8")

    def run(**how: Any) -> dict[str, bytes]:
        jobs.clean(["in"], "cleaned", CONFIG, jobs.Run(force=True, **how))
        return {path.name: path.read_bytes() for path in Path("cleaned").iterdir()}

    expected = run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "_carry_out", kill)
        with pytest.raises(KilledError):
            run(work_dir=Path("stages"))
    assert run(work_dir=Path("stages")) == expected


def test_where_a_stage_was_written_goes_with_the_next_run() -> None:
    """A run was killed when the stage had its name, but before the folder was removed that it was written in."""
    killed_after("lines")
    with locked_folder(Path("stages"), ".lines.stage.dedup-") as folder:
        pass
    folder.mkdir()
    clean()
    assert not list(Path("stages").iterdir())


def test_scan_goes_on_too(monkeypatch: pytest.MonkeyPatch) -> None:
    run = jobs.Run(work_dir=Path("stages"))
    jobs.scan(["news.jsonl"], "expected.jsonl", CONFIG, jobs.Run())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.decisions, "write", kill)
        with pytest.raises(KilledError):
            jobs.scan(["news.jsonl"], "decisions.jsonl", CONFIG, run)
    made = passes(monkeypatch)
    jobs.scan(["news.jsonl"], "decisions.jsonl", CONFIG, run)
    assert made == set()
    assert Path("decisions.jsonl").read_bytes() == Path("expected.jsonl").read_bytes()


def test_a_run_that_the_breaker_stopped_goes_on_with_another_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LossError):
        clean(Config(max_loss=0.01))
    made = passes(monkeypatch)
    assert clean()["config"]["max_loss"] == 1
    assert made == set()


def test_a_run_on_an_index_goes_on_while_the_index_is_the_same() -> None:
    config = Config(max_loss=1.0, keep="first")
    jobs.clean(["news.jsonl"], "first.jsonl", config, jobs.Run(index=Path("expected.index")))
    shutil.copytree("expected.index", "news.index")
    with Path("news.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(site(random.Random(3), "a.example", 1)[0]) + "\n")
    expected = written_by(lambda: clean(config, work_dir=None, index=Path("expected.index")))
    killed_after("plan", config, index=Path("news.index"))
    found = written_by(lambda: clean(config, index=Path("news.index")))
    assert found[:2] == expected[:2]
    killed_after("plan", config, index=Path("expected.index"))
    Path("other.jsonl").write_text('{"text": "Etwas anderes."}\n', encoding="utf-8")
    jobs.clean(["other.jsonl"], "cleaned.jsonl", config, jobs.Run(index=Path("expected.index")))
    with pytest.raises(StateError, match=r"lines\.stage: was made when the index held something else"):
        clean(config, index=Path("expected.index"))


def refusal(config: Config = CONFIG, **how: Any) -> StateError:
    """Return what a run says about stages that are not its own; they stay, and nothing is written."""
    before = {path: path.read_bytes() for path in Path("stages").iterdir()}
    with pytest.raises(StateError) as raised:
        clean(config, **how)
    assert {path: path.read_bytes() for path in Path("stages").iterdir()} == before
    assert not Path("out.jsonl").exists()
    assert raised.value.hint == "Remove it to begin anew, or name another folder with --work-dir."
    return raised.value


def test_other_settings_are_refused() -> None:
    killed_after("lines")
    error = refusal(Config(max_loss=1.0, threshold=0.7, keep="first"))
    assert (error.file, error.message) == ("stages/lines.stage", "was made under other settings: threshold, keep")
    assert refusal(on_error="skip").message == "was made under other settings: on_error"


def test_another_input_is_refused() -> None:
    killed_after("lines")
    data = Path("news.jsonl").read_bytes()
    Path("news.jsonl").write_bytes(data[:-9] + data[-9:].swapcase())
    assert refusal().message == "was made from another input: news.jsonl changed, came, went or moved"


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after("lines")
    monkeypatch.setattr("dedup.stages.__version__", "99.0")
    assert refusal().message.startswith("was written by dedup 0")
    assert ", and this is dedup 99.0 (" in refusal().message


@pytest.mark.parametrize("stage", ["lines", "plan"])
@pytest.mark.parametrize("change", ["flipped", "truncated", "longer", "empty", "foreign"])
def test_a_damaged_stage_is_refused(stage: str, change: str) -> None:
    killed_after(stage)
    path = Path("stages") / f"{stage}.stage"
    data = path.read_bytes()
    rng = random.Random(1)
    for _ in range(20 if change in ("flipped", "truncated") else 1):
        place = rng.randrange(len(data))
        path.write_bytes(
            {
                "flipped": data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :],
                "truncated": data[:place],
                "longer": data + b"\0",
                "empty": b"",
                "foreign": b"my own file",
            }[change]
        )
        assert refusal().message == "was changed since it was written, or is no stage of a run"


def test_two_runs_do_not_share_a_folder(folder: Path) -> None:
    with locked_folder(folder, "stages") as taken:
        with pytest.raises(StateError) as raised:
            clean(work_dir=taken)
        assert raised.value.message == "another run works in this folder"
        assert list(taken.iterdir()) == []


@pytest.mark.parametrize("place", [".", "news.jsonl"])
def test_the_folder_is_not_where_the_input_is(place: str) -> None:
    with pytest.raises(UsageError):
        clean(work_dir=Path(place))


def test_what_does_not_fit_into_memory_goes_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    count = pipeline.count_lines

    def look(corpus: Any, *given: Any) -> Any:
        seen.append(corpus.room.folder)
        return count(corpus, *given)

    monkeypatch.setattr(pipeline, "count_lines", look)
    clean()
    assert [folder.parent for folder in seen] == [Path("stages")]
    assert not list(Path("stages").iterdir())


def test_without_the_option_nothing_is_kept(folder: Path) -> None:
    clean(work_dir=None)
    assert sorted(path.name for path in folder.iterdir()) == ["news.jsonl", "out.jsonl", "out.jsonl.dedup"]


def test_the_command_line_takes_it() -> None:
    killed_after("plan")
    arguments = ["clean", "news.jsonl", "-o", "out.jsonl", "--max-loss", "1", "--work-dir", "stages"]
    refused = CliRunner().invoke(main, [*arguments, "--threshold", "0.7"])
    assert (refused.exit_code, refused.stderr.count("\n")) == (3, 1)
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert not list(Path("stages").iterdir())


def test_a_plan_comes_back_as_it_was() -> None:
    """The types of all that a plan holds, the kinds of its arrays included."""
    plans: list[Plan] = []
    kept = jobs.kept
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "kept", lambda *given: [plans.append(plan := kept(*given)), plan][1])
        patch.setattr(jobs, "_carry_out", kill)
        for _ in range(2):
            with pytest.raises(KilledError):
                clean()
    first, second = ([*shape_of(plan)] for plan in plans)
    assert first == second


def shape_of(value: Any) -> Iterator[Any]:
    """Yield the types and values of all that something holds."""
    if isinstance(value, np.ndarray):
        yield value.dtype, value.tolist()
    elif isinstance(value, tuple):
        yield type(value)
        for part in value:
            yield from shape_of(part)
    elif dataclasses.is_dataclass(value):
        yield type(value)
        for field in dataclasses.fields(value):
            yield from shape_of(getattr(value, field.name))
    else:
        yield value
