"""The command: its help, its exit codes, its messages, and what goes to which stream."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import click
import numba
import pytest
from click.testing import CliRunner, Result

from dedup import jobs
from dedup.cli import main
from dedup.console import COMPILING, Console, announced_compilation
from tests.corpora import article, sentence, written

CRAWL = Path(__file__).resolve().parents[1] / "fixtures" / "crawl"
COMMANDS = sorted(main.commands)
ARTICLE = "Der Gemeinderat hat am Montag nach langer Debatte den Bau der neuen Brücke beschlossen."
CAPTION = "Die Fähre liegt mit Motorschaden im Hafen von Nordersand."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pages() -> str:
    """A file of three documents, of which one goes and one loses a caption."""
    texts = [ARTICLE, f"{CAPTION}\n{CAPTION}\nWer auf die Insel muss, rudert.\n", ARTICLE]
    return write("pages.jsonl", *({"id": name, "text": text} for name, text in zip("abc", texts, strict=True)))


def write(name: str, *records: object) -> str:
    Path(name).write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return name


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command in this process."""
    result = CliRunner().invoke(main, arguments, input=stdin, prog_name="dedup")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def dedup(*arguments: str) -> list[str]:
    """Return the command line of a process of its own."""
    return [sys.executable, "-c", "from dedup.cli import main; main()", *arguments]


# Help


def test_the_program_says_what_it_is_for() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "Find what a scraped corpus says twice, and strip it." in result.stdout


def test_the_short_help_of_every_command_fits_its_line() -> None:
    assert "..." not in run("--help").stdout.partition("Commands:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_all_its_options_have_help(name: str) -> None:
    assert run(name, "-h").stdout == run(name, "--help").stdout
    assert main.commands[name].help
    for option in main.commands[name].params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.endswith((".", "]")), option.name


def test_help_needs_no_heavy_library() -> None:
    call = "main(['clean', '--help'], standalone_mode=False)"
    code = f"import sys; from dedup.cli import main; {call}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numba", "numpy", "pyarrow", "datasketch", "scipy", "rich"} & set(done.stdout.split())


# Exit codes and messages


def test_code_0_when_all_is_well(pages: str) -> None:
    assert run("clean", pages, "-o", "out.jsonl").exit_code == 0


def test_code_1_when_too_much_would_go() -> None:
    result = run("clean", str(CRAWL), "-o", "out", "--max-loss", "0.1")
    assert result.exit_code == 1
    assert "--max-loss allows 10%, so nothing was written. Look at the decisions" in result.stderr
    assert os.listdir() == []


FRACTION = "Give a fraction, such as 0.8."
SYNTAX = "See the regex package's syntax."
KINDS = "Name one or more of repeats, boilerplate, articles, separated by commas."
POLICIES = "Use longest, shortest, first, last, max:FIELD or min:FIELD."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--treshold 0.8", "Error: No such option '--treshold'. Did you mean '--threshold'?"),
        ("--on-error skp", "Error: Invalid value for '--on-error': 'skp' is not one of 'fail', 'skip'."),
        ("--workers 0", "Error: Invalid value for '--workers': 0 is not in the range x>=1."),
        ("--threshold 7", f"dedup: threshold is 7, but must be between 0.1 and 1. {FRACTION}"),
        ("--max-loss 20", f"dedup: max_loss is 20, but must be between 0 and 1. {FRACTION}"),
        ("--only repeats,articels", f"dedup: kind 'articels' is not known. {KINDS}"),
        ("--keep longst", f"dedup: keep policy 'longst' is not known. {POLICIES}"),
        ("--config no.toml", "Error: Invalid value for '--config': File 'no.toml' does not exist."),
        ("--drop-contained 2", f"dedup: drop_contained is 2, but must be between 0 and 1. {FRACTION}"),
        ("--template-list no.txt", "Error: Invalid value for '--template-list': File 'no.txt' does not exist."),
        (
            "--protect gut --protect [",
            "dedup: protected pattern '[' is no regular expression (unterminated character set at position 1). "
            + SYNTAX,
        ),
    ],
)
def test_code_2_when_an_option_is_wrong(pages: str, arguments: str, message: str) -> None:
    result = run("clean", pages, "-o", "out.jsonl", *arguments.split())
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, message)
    assert os.listdir() == [pages]


def test_code_2_when_a_pattern_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dedup.protection.SECONDS", 0.05)
    line = "a" * 5000 + "!"
    result = run(
        "clean", write("a.jsonl", {"text": f"{line}\nEnde.\n{line}"}), "-o", "out.jsonl", "--protect", "(a+)+$"
    )
    assert result.exit_code == 2
    assert result.stderr.startswith("dedup: protected pattern '(a+)+$' takes more than 0.05 s on 'aaa")
    assert os.listdir() == ["a.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clean"], "Error: Missing argument 'INPUT...'."),
        (["clean", "a"], "Error: Missing option '-o' / '--output'."),
        (["cleen"], "Error: No such command 'cleen'. Did you mean 'clean'?"),
        (["restore", "a", "-o", "b"], "Error: Invalid value for 'OUTPUT': Path 'a' does not exist."),
    ],
)
def test_code_2_when_the_command_is_wrong(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, message)


def test_code_3_when_a_field_is_missing() -> None:
    result = run("clean", write("news.jsonl", {"id": 1, "text": "a"}, {"id": 2, "body": "b"}), "-o", "out.jsonl")
    message = "dedup: news.jsonl:2: no field 'text' (it has: id, body). Name the field with --text-field.\n"
    assert (result.exit_code, result.stderr) == (3, message)
    assert os.listdir() == ["news.jsonl"]


def test_code_3_when_an_input_is_missing() -> None:
    result = run("clean", "nowhere", "-o", "out")
    assert (result.exit_code, result.stderr) == (3, "dedup: nowhere: does not exist. Check the path.\n")


@pytest.mark.parametrize("command", ["clean", "scan"])
def test_an_existing_output_is_kept_without_force(command: str, pages: str) -> None:
    Path("out.jsonl").write_text("precious")
    result = run(command, pages, "-o", "out.jsonl")
    assert result.exit_code == 2
    assert result.stderr.startswith("dedup: ")
    assert result.stderr.endswith("out.jsonl: exists already. Use --force to replace it.\n")
    assert Path("out.jsonl").read_text() == "precious"
    assert run(command, pages, "-o", "out.jsonl", "--force").exit_code == 0
    assert Path("out.jsonl").read_text() != "precious"


def test_the_input_is_never_the_output(folder: Path, pages: str) -> None:
    before = Path(pages).read_bytes()
    result = run("clean", pages, "-o", f"./{pages}", "--force")
    message = f"dedup: {folder / pages}: is the input {pages}. Name another output.\n"
    assert (result.exit_code, result.stderr) == (2, message)
    assert Path(pages).read_bytes() == before


# Settings


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pyproject.toml", '[tool.dedup]\nonly = ["repeats"]\nmax-loss = 0.5\nformat = "jsonl"\n'),
        ("own.toml", 'only = "repeats"\nmax_loss = 0.5\nformat = "jsonl"\n'),
    ],
)
def test_settings_come_from_a_file_and_flags_win(name: str, settings: str, pages: str) -> None:
    Path(name).write_text(settings)
    named = ["--config", name] if name != "pyproject.toml" else []
    assert run("clean", pages, "-o", "a.jsonl", *named).exit_code == 0
    assert run("clean", pages, "-o", "b.jsonl", "--only", "articles", *named).exit_code == 0
    first, second = (json.loads(Path(f"{out}.jsonl.dedup/report.json").read_bytes())["config"] for out in "ab")
    assert (first["only"], first["max_loss"]) == (["repeats"], 0.5)
    assert (second["only"], second["max_loss"]) == (["articles"], 0.5)


@pytest.mark.parametrize("patterns", ['["Motor.*den", "Nirgends"]', '["Nirgends", "Motor.*den"]', '"Motor.*den"'])
def test_patterns_to_protect_come_from_a_file(patterns: str, pages: str) -> None:
    Path("own.toml").write_text(f"protect = {patterns}\n")
    assert run("clean", pages, "-o", "out.jsonl", "--config", "own.toml").exit_code == 0
    assert kept_texts("out.jsonl")["b"].count(CAPTION) == 2


def test_a_pattern_of_the_command_line_takes_the_place_of_those_in_the_file(pages: str) -> None:
    Path("own.toml").write_text('protect = ["Motor"]\n')
    arguments = ("clean", pages, "-o", "out.jsonl", "--config", "own.toml", "--repeats", "full")
    assert run(*arguments, "--protect", "Nirgends").exit_code == 0
    assert kept_texts("out.jsonl")["b"].count(CAPTION) == 1


def test_commas_do_not_part_patterns(pages: str) -> None:
    Path("own.toml").write_text('protect = ["Motorscha{1,2}den"]\nrepeats = "full"\n')
    assert run("clean", pages, "-o", "out.jsonl", "--config", "own.toml").exit_code == 0
    assert kept_texts("out.jsonl")["b"].count(CAPTION) == 2


def test_a_list_and_a_share_come_from_a_file(pages: str) -> None:
    Path("known.txt").write_text(f"{CAPTION}\n", encoding="utf-8")
    Path("own.toml").write_text('template-list = "known.txt"\ndrop-contained = 0.9\n')
    assert run("clean", pages, "-o", "out.jsonl", "--config", "own.toml").exit_code == 0
    config = json.loads(Path("out.jsonl.dedup/report.json").read_bytes())["config"]
    assert (config["known_boilerplate"], config["drop_contained"]) == ([CAPTION], 0.9)


def test_a_pyproject_named_with_config_is_read_like_any() -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/pyproject.toml").write_text("[project]\nname = 'x'\n[tool.dedup]\ntreshold = 0.7\n")
    result = run("clean", str(CRAWL), "-o", "out", "--config", "elsewhere/pyproject.toml")
    message = "dedup: elsewhere/pyproject.toml: setting 'treshold' is not known. 'dedup clean --help' lists them.\n"
    assert (result.exit_code, result.stderr) == (2, message)


def test_a_setting_of_the_wrong_type_is_named(pages: str) -> None:
    Path("own.toml").write_text("threshold = 'high'\n")
    result = run("clean", pages, "-o", "out.jsonl", "--config", "own.toml")
    message = "Error: Invalid value for '--threshold': 'high' is not a valid float."
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, message)


def test_broken_toml_is_named(pages: str) -> None:
    Path("own.toml").write_text("threshold =\n")
    result = run("clean", pages, "-o", "out.jsonl", "--config", "own.toml")
    assert result.exit_code == 2
    assert result.stderr.startswith("dedup: own.toml: is not valid TOML (Invalid value (at line 1, column 12)). ")


# Known boilerplate


def kept_texts(path: str) -> dict[str, str]:
    return {record["id"]: record["text"] for record in map(json.loads, Path(path).read_bytes().splitlines())}


@pytest.mark.parametrize(
    "content",
    [
        f"{CAPTION}\n".encode(),
        CAPTION.encode(),
        f"\n\n  {CAPTION}  \n \t \n\nNirgends steht das.\n\n".encode(),
        f"Nirgends steht das.\r\n{CAPTION}\r\n".encode(),
        f"{CAPTION}\n".encode("utf-8-sig"),
    ],
)
def test_listed_lines_go_from_a_single_document(content: bytes, pages: str) -> None:
    Path("known.txt").write_bytes(content)
    assert run("clean", pages, "-o", "out.jsonl", "--template-list", "known.txt").exit_code == 0
    assert kept_texts("out.jsonl") == {"a": ARTICLE, "b": "Wer auf die Insel muss, rudert.\n"}


@pytest.mark.parametrize("content", ["", "\n", " \n\t\n\n"])
def test_an_empty_list_is_like_none(content: str, pages: str) -> None:
    Path("known.txt").write_text(content)
    assert run("clean", pages, "-o", "out.jsonl", "--template-list", "known.txt").exit_code == 0
    assert run("clean", pages, "-o", "none.jsonl").exit_code == 0
    made, without = (Path(f"{name}.jsonl.dedup/decisions.jsonl").read_bytes() for name in ("out", "none"))
    assert made == without


def test_code_3_when_a_list_is_not_utf_8(pages: str) -> None:
    Path("known.txt").write_bytes("Veröffentlicht\n".encode("latin-1"))
    result = run("clean", pages, "-o", "out.jsonl", "--template-list", "known.txt")
    assert result.exit_code == 3
    assert result.stderr.startswith(
        "dedup: known.txt: is not UTF-8 ('utf-8' codec can't decode byte 0xf6 in position 3"
    )
    assert result.stderr.endswith("). Convert it first.\n")
    assert sorted(os.listdir()) == ["known.txt", pages]


def test_code_2_when_a_listed_line_is_nothing_but_figures(pages: str) -> None:
    Path("known.txt").write_text(f"{CAPTION}\n2025\n", encoding="utf-8")
    result = run("clean", pages, "-o", "out.jsonl", "--template-list", "known.txt")
    message = "known boilerplate '2025' is nothing but a number or a date, and so is every line of figures"
    assert (result.exit_code, result.stderr) == (2, f"dedup: {message}. Take it off the list.\n")


# Streams


def test_stdout_carries_data_only(pages: str) -> None:
    result = run("clean", pages, "-o", "-")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["a", "b"]
    assert "Decisions and undo data are not kept" in result.stderr
    assert os.listdir() == [pages]


def test_standard_input_is_json_lines(pages: str) -> None:
    result = run("clean", "-", "-o", "-", "--sidecar", "why", stdin=Path(pages).read_bytes())
    assert result.stdout_bytes == run("clean", pages, "-o", "-").stdout_bytes
    assert (Path("why") / jobs.DECISIONS).is_file()


def test_decisions_can_go_to_standard_output(pages: str) -> None:
    assert run("scan", pages, "-o", "decisions.jsonl").stdout == ""
    assert run("scan", pages, "-o", "-").stdout_bytes == Path("decisions.jsonl").read_bytes()


@pytest.mark.parametrize("command", ["clean", "scan"])
def test_quiet_is_silent(command: str, pages: str) -> None:
    assert run(command, pages, "-o", "out.jsonl", "-q").output == ""


def test_verbose_names_every_source_and_stage() -> None:
    shown = run("clean", str(CRAWL), "-o", "out", "-v").stderr
    for word in ("bergblick.example", "hafenpost.example", "stadtbote.example", "seconds: scan "):
        assert word in shown


def test_a_pipe_gets_no_colours_and_no_progress(pages: str) -> None:
    done = subprocess.run(dedup("clean", pages, "-o", "out.jsonl"), capture_output=True, check=True)
    assert b"near-duplicate" in done.stderr
    assert b"\x1b" not in done.stderr
    assert b"\r" not in done.stderr


# Scan and apply


def files(folder: str) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def test_scan_and_apply_give_what_clean_gives() -> None:
    assert run("clean", str(CRAWL), "-o", "cleaned").exit_code == 0
    assert run("scan", str(CRAWL), "-o", "decisions.jsonl").exit_code == 0
    assert run("apply", "decisions.jsonl", str(CRAWL), "-o", "applied").exit_code == 0
    assert files("applied") == files("cleaned")
    decisions = Path("decisions.jsonl").read_bytes()
    assert Path("cleaned.dedup/decisions.jsonl").read_bytes() == decisions
    assert Path("applied.dedup/decisions.jsonl").read_bytes() == decisions


def test_scan_and_apply_take_what_is_protected_known_and_contained() -> None:
    Path("known.txt").write_text("Von Florian Mairhofer\n", encoding="utf-8")
    options = ["--protect", "Cookies", "--template-list", "known.txt", "--drop-contained", "0.8"]
    assert run("clean", str(CRAWL), "-o", "cleaned", *options).exit_code == 0
    assert run("scan", str(CRAWL), "-o", "decisions.jsonl", *options).exit_code == 0
    assert run("apply", "decisions.jsonl", str(CRAWL), "-o", "applied", *options).exit_code == 0
    assert files("applied") == files("cleaned")
    assert Path("applied.dedup/decisions.jsonl").read_bytes() == Path("cleaned.dedup/decisions.jsonl").read_bytes()
    assert run("restore", "cleaned", "-o", "back").exit_code == 0
    assert files("back") == files(str(CRAWL))
    for wrong in ([], [*options, "--protect", "mehr"], options[:4]):
        assert run("apply", "decisions.jsonl", str(CRAWL), "-o", "never", *wrong).exit_code == 3


def test_apply_refuses_decisions_made_under_other_options(pages: str) -> None:
    assert run("scan", pages, "-o", "decisions.jsonl").exit_code == 0
    result = run("apply", "decisions.jsonl", pages, "-o", "out.jsonl", "--threshold", "0.7")
    assert result.exit_code == 3
    assert result.stderr.startswith("dedup: decisions.jsonl:1: made under another configuration (")
    assert not Path("out.jsonl").exists()


def test_restore_gives_the_input_back(pages: str) -> None:
    assert run("clean", pages, "-o", "out.jsonl").exit_code == 0
    assert run("restore", "out.jsonl", "-o", "back.jsonl").exit_code == 0
    assert Path("back.jsonl").read_bytes() == Path(pages).read_bytes()


# Interruptions


@pytest.mark.parametrize(
    ("number", "code", "line"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupt_is_one_line_and_a_code(
    pages: str, monkeypatch: pytest.MonkeyPatch, number: int, code: int, line: str
) -> None:
    monkeypatch.setattr(jobs, "clean", lambda *_: signal.raise_signal(number))
    before = signal.getsignal(number)
    result = run("clean", pages, "-o", "out.jsonl")
    assert (result.exit_code, result.stderr) == (code, f"dedup: {line}\n")
    assert signal.getsignal(number) is before


def test_an_interrupt_that_the_caller_ignores_is_ignored(pages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = jobs.clean
    monkeypatch.setattr(jobs, "clean", lambda *given: [signal.raise_signal(signal.SIGINT), clean(*given)][1])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run("clean", pages, "-o", "out.jsonl", "-q").exit_code == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupted_run_leaves_nothing(folder: Path) -> None:
    """More is written than a pipe holds, so that it has begun when the signal comes, and it cannot end."""
    process = subprocess.Popen(
        dedup("clean", "-", "-o", "out.jsonl"), stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
    )
    assert process.stdin is not None
    process.stdin.write(b'{"text": "Ein Satz."}\n' * 100_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert (process.returncode, shown.decode().splitlines()[-1]) == (130, "dedup: interrupted")
    assert b"Traceback" not in shown
    assert os.listdir(folder) == []


@pytest.mark.parametrize("command", ["clean", "scan"])
def test_a_reader_that_went_away_is_no_error(command: str, pages: str) -> None:
    """`true` reads nothing and has ended long before there is anything to write."""
    piped = '"$@" | true; exit "${PIPESTATUS[0]}"'
    shell = subprocess.run(
        ["bash", "-c", piped, "-", *dedup(command, pages, "-o", "-", "-q")], capture_output=True, check=False
    )
    assert (shell.returncode, shell.stderr) == (141, b"")


# The first run


def test_compiling_is_announced_once_and_only_while_a_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with announced_compilation(Console(quiet=False, verbose=False, sidecar=None)):
        assert [numba.njit(lambda: 1)(), numba.njit(lambda: 2)()] == [1, 2]
    assert numba.njit(lambda: 3)() == 3
    assert capsys.readouterr().err == f"{COMPILING}\n"


def test_who_is_quiet_hears_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    with announced_compilation(Console(quiet=True, verbose=False, sidecar=None)):
        assert numba.njit(lambda: 1)() == 1
    assert capsys.readouterr().err == ""


def test_lines_that_stand_once_in_boilerplate_are_told_and_go_if_asked_for(tmp_path: Path) -> None:
    rng = random.Random(8)
    box, foot = "Aus dem Archiv\nDie Fähre\nDer Steg\n", "Impressum\nDatenschutz\nHafenpost Verlag\n"
    texts = [f"{article(rng)}{box}{sentence(rng, 4)[:-1]}\n{sentence(rng, 4)[:-1]}\n{foot}" for _ in range(6)]
    corpus = written(tmp_path, [{"id": f"{n}", "source": "a.example", "text": text} for n, text in enumerate(texts)])
    safe = run("clean", corpus, "-o", str(tmp_path / "safe.jsonl"))
    said = "12 lines stand once between boilerplate; --boilerplate full cuts them"
    assert said in " ".join(safe.stderr.split())
    full = run("clean", corpus, "-o", str(tmp_path / "full.jsonl"), "--boilerplate", "full")
    assert "stand once" not in full.stderr
    counts = [json.loads((tmp_path / f"{name}.jsonl.dedup" / "report.json").read_text()) for name in ("safe", "full")]
    assert [count["flags"]["lines_once_in_boilerplate"] for count in counts] == [12, 0]
    assert [count["reasons"]["boilerplate"]["spans"] for count in counts] == [36, 48]
    for name in ("safe", "full"):
        assert run("verify", corpus, str(tmp_path / f"{name}.jsonl")).exit_code == 0
    decided = str(tmp_path / "decisions.jsonl")
    assert run("scan", corpus, "-o", decided).exit_code == 0
    applied = run("apply", decided, corpus, "-o", str(tmp_path / "applied.jsonl"))
    assert said in " ".join(applied.stderr.split())
