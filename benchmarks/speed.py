"""Measure whole runs of dedup, of its peers and of `wc -w`: in turn, on one core, start-up included.

    python benchmarks/speed.py --setup CACHE        make an environment for dedup and for each peer (once)
    python benchmarks/speed.py --cache CACHE        10,000 and 100,000 documents, every contender, five rounds
    python benchmarks/speed.py --no-peers --documents 1000000 --rounds 3

Corpora are made on first use (see corpus.py) and stay in the cache. Every round runs each contender once, A B C A B C,
so that a machine that slows down slows them all. JSON Lines in, JSON Lines out, unless the name says otherwise.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import click
import environments
import measure

HERE = Path(__file__).parent
ARTICLES = "dedup, articles"
SLOW_LIMIT = 10_000
"""Documents up to which the slow peers run without --slow."""
WARM_UP = 200
"""Documents of the uncounted run before each counted one: it compiles, fills caches, and brings back into memory what
the system let go of while others ran. Seen: within a minute."""
TIMEOUT_S = 7200.0


class Contender(NamedTuple):
    """Something that is measured.

    Attributes:
        name: What the table calls it.
        command: The command, `{dedup}`, `{input}` and `{output}` to be filled in.
        suffix: The format of its input.
        written: The format of its output, where that is another.
        cores: How many it may use.
    """

    name: str
    command: tuple[str, ...]
    suffix: str = ".jsonl"
    written: str = ""
    cores: int = 1


def clean(*options: str, workers: int = 1) -> tuple[str, ...]:
    """Return the command that cleans a corpus."""
    return ("{dedup}", "clean", "{input}", "-o", "{output}", "--force", "--quiet", "--workers", str(workers), *options)


OURS = (
    Contender("wc -w", ("wc", "-w", "{input}")),
    Contender(ARTICLES, clean("--only", "articles")),
    Contender("dedup, articles, 2 workers", clean("--only", "articles", workers=2), cores=2),
    Contender("dedup, articles, .zst", clean("--only", "articles"), suffix=".jsonl.zst"),
    Contender("dedup, articles, .zst to JSON Lines", clean("--only", "articles"), ".jsonl.zst", ".jsonl"),
    Contender("dedup, articles, Parquet", clean("--only", "articles"), suffix=".parquet"),
    Contender("dedup, all kinds", clean()),
    Contender("dedup, all kinds, 2 workers", clean(workers=2), cores=2),
)


class Measured(NamedTuple):
    """What a contender took over all rounds.

    Attributes:
        runs: Every round.
        kept: Lines of the output; None where that is not JSON Lines.
        failed: Why it could not be measured; empty where it could.
    """

    runs: list[measure.Usage]
    kept: int | None
    failed: str

    def median(self, field: str) -> float:
        """The median of one field of the runs."""
        return float(statistics.median(getattr(run, field) for run in self.runs))


def dedup(cache: Path) -> Path:
    """Return the command of dedup: of the environment made for it, else of the one that this runs in."""
    own = environments.dedup_in(cache)
    return own if own.exists() else Path(sys.executable).with_name("dedup")


def corpus(documents: int, suffix: str, cache: Path) -> Path:
    """Return the corpus of that size and format, made now if it is not there yet."""
    maker = HERE / "corpus.py"
    made_by = hashlib.sha256(maker.read_bytes()).hexdigest()[:8]
    path = cache / f"corpus-{made_by}-{documents}{suffix}"
    if not path.exists():
        click.echo(f"making {path.name}", err=True)
        unfinished = cache / f"unfinished-{path.name}"
        subprocess.run([sys.executable, str(maker), str(documents), str(unfinished)], check=True)
        unfinished.rename(path)
    return path


def contest(contenders: list[Contender], documents: int, rounds: int, cache: Path) -> dict[str, Measured]:
    """Run all contenders on a corpus, round after round."""
    results = {contender.name: Measured([], None, "") for contender in contenders}
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache) as folder:
        for contender in [contender for _ in range(rounds) for contender in contenders]:
            before = results[contender.name]
            if before.failed:
                continue
            found = _run(contender, min(WARM_UP, documents), cache, Path(folder))
            if not found.failed:
                found = _run(contender, documents, cache, Path(folder))
                click.echo(".", err=True, nl=False)
            results[contender.name] = found._replace(runs=[*before.runs, *found.runs])
        click.echo(err=True)
    return results


def _run(contender: Contender, documents: int, cache: Path, folder: Path) -> Measured:
    """Run a contender once."""
    source = corpus(documents, contender.suffix, cache)
    output = folder / f"output{contender.written or contender.suffix}"
    # Nobody takes away what another one left.
    output.unlink(missing_ok=True)
    shutil.rmtree(f"{output}.dedup", ignore_errors=True)
    command = [part.format(dedup=dedup(cache), input=source, output=output) for part in contender.command]
    measure.read(source)
    on = measure.cores(contender.cores)
    try:
        usage = measure.run(command, on, folder / "log", timeout_s=TIMEOUT_S, environment={"TMPDIR": str(folder)})
    except measure.FailedError as error:
        return Measured([], None, str(error))
    kept = None
    if output.exists() and output.suffix == ".jsonl":
        with output.open("rb") as lines:
            kept = sum(1 for _ in lines)
    return Measured([usage], kept, "")


def start_up(rounds: int, cache: Path) -> dict[str, Measured]:
    """Measure what a run costs before it does anything: the help, one article, and the first run with no kernels."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache) as folder:
        source, output = Path(folder, "one.jsonl"), Path(folder, "out.jsonl")
        source.write_bytes(corpus(WARM_UP, ".jsonl", cache).read_bytes().split(b"\n", 1)[0] + b"\n")
        one = [part.format(dedup=dedup(cache), input=source, output=output) for part in clean()]
        kernels = {"NUMBA_CACHE_DIR": str(Path(folder, "kernels"))}

        def measured(command: list[str], environment: Mapping[str, str], times: int) -> Measured:
            log, on = Path(folder, "log"), measure.cores(1)
            runs = [
                measure.run(command, on, log, timeout_s=TIMEOUT_S, environment=dict(environment)) for _ in range(times)
            ]
            return Measured(runs, None, "")

        return {
            "dedup --help": measured([str(dedup(cache)), "--help"], {}, rounds),
            "first run ever, one article": measured(one, kernels, 1),
            "one article, kernels compiled": measured(one, kernels, rounds),
        }


def summary(results: dict[str, Measured], size_bytes: int) -> dict[str, Any]:
    """Return medians and ratios, ready for JSON; ratios are to dedup on articles only."""
    ours = results.get(ARTICLES)
    table: dict[str, Any] = {}
    for name, measured in results.items():
        if measured.failed:
            table[name] = {"failed": measured.failed}
            continue
        cpu_s, wall_s = measured.median("cpu_s"), measured.median("wall_s")
        table[name] = {
            "cpu_s": round(cpu_s, 3),
            "wall_s": round(wall_s, 3),
            "peak_mb": round(measured.median("peak_mb"), 1),
            "mb_per_s": round(size_bytes / 1e6 / cpu_s, 2) if size_bytes else None,
            "cpu_ratio": round(cpu_s / ours.median("cpu_s"), 2) if ours and ours.runs else None,
            "wall_ratio": round(wall_s / ours.median("wall_s"), 2) if ours and ours.runs else None,
            "kept": measured.kept,
            "runs": [[round(value, 3) for value in run] for run in measured.runs],
        }
    return table


def growth(sizes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Compare each size with the one before: time per MB, and peak memory per document that came on top."""
    for small, large in itertools.pairwise(sizes):
        for name in large["contenders"]:
            a, b = small["contenders"].get(name, {}), large["contenders"][name]
            if "cpu_s" in a and "cpu_s" in b:
                more = large["documents"] - small["documents"]
                yield {
                    "contender": name,
                    "from": small["documents"],
                    "to": large["documents"],
                    "time_per_mb_ratio": round(a["mb_per_s"] / b["mb_per_s"], 3),
                    "bytes_per_document": round((b["peak_mb"] - a["peak_mb"]) * 1e6 / more),
                }


def show(title: str, table: dict[str, Any]) -> None:
    """Print one table, in Markdown."""
    heads = ("", "CPU s", "wall s", "MB/s", "peak MB", "CPU / dedup", "wall / dedup", "kept")
    click.echo(f"\n{title}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, row in table.items():
        if "failed" in row:
            click.echo(f"| {name} | failed: {row['failed']} |{' |' * (len(heads) - 2)}")
            continue
        cells = [row[key] for key in ("cpu_s", "wall_s", "mb_per_s", "peak_mb", "cpu_ratio", "wall_ratio", "kept")]
        click.echo(f"| {name} | " + " | ".join("" if cell is None else f"{cell:,}" for cell in cells) + " |")


def contenders(documents: int, cache: Path, *, slow: bool, with_peers: bool) -> list[Contender]:
    """Choose who runs on a corpus of that size; says who does not, and why."""
    if not environments.dedup_in(cache).exists():
        click.echo(f"dedup is not set up (--setup {cache}): measured with the packages that are here", err=True)
    chosen = [contender for contender in OURS if len(measure.cores(contender.cores)) in (0, contender.cores)]
    for peer in environments.peers() if with_peers else ():
        python = peer.interpreter(cache)
        if not python.exists():
            click.echo(f"{peer.name} is not set up (--setup {cache})", err=True)
        elif peer.slow and documents > SLOW_LIMIT and not slow:
            click.echo(f"{peer.name} is left out at {documents} documents (--slow)", err=True)
        else:
            command = (str(python), str(peer.script), "{input}", "{output}")
            chosen.append(Contender(peer.name, command))
    return chosen


def only(names: tuple[str, ...], chosen: list[Contender]) -> list[Contender]:
    """Keep the contenders of these names; all, without any."""
    known = [contender.name for contender in chosen]
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r} is not one of: {'; '.join(known)}", param_hint="--only")
    return [contender for contender in chosen if not names or contender.name in names]


@click.command(help=(__doc__ or "").split("\n", 1)[0])
@click.option("--setup", type=click.Path(path_type=Path), help="Install dedup and the peers here, and stop.")
@click.option("--cache", type=click.Path(path_type=Path), default=Path("benchmarks-cache"), show_default=True)
@click.option("--documents", type=click.IntRange(10), multiple=True, default=(10_000, 100_000), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--no-peers", is_flag=True, help="Measure dedup and wc only.")
@click.option("--slow", is_flag=True, help=f"Run text-dedup and datatrove on more than {SLOW_LIMIT} documents too.")
@click.option("--only", "names", multiple=True, help="Measure this contender, as the table calls it; no start-up.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write all figures here.")
def main(
    setup: Path | None,
    cache: Path,
    documents: tuple[int, ...],
    rounds: int,
    no_peers: bool,
    slow: bool,
    names: tuple[str, ...],
    json_path: Path | None,
) -> None:
    (setup or cache).mkdir(parents=True, exist_ok=True)
    if setup is not None:
        click.echo(f"dedup: {environments.set_up_dedup(setup.absolute())}")
        for peer in environments.peers():
            click.echo(f"{peer.name}: {environments.set_up(peer, setup.absolute())}")
        return
    cache = cache.absolute()
    machine = {"processor": measure.processor(), "system": platform.platform(), "python": platform.python_version()}
    sizes = []
    for count in sorted(documents):
        chosen = only(names, contenders(count, cache, slow=slow, with_peers=not no_peers))
        size_bytes = corpus(count, ".jsonl", cache).stat().st_size
        table = summary(contest(chosen, count, rounds, cache), size_bytes)
        sizes.append({"documents": count, "megabytes": round(size_bytes / 1e6, 1), "contenders": table})
        show(f"{count:,} documents, {size_bytes / 1e6:,.1f} MB of JSON Lines, median of {rounds}", table)
    starts = {} if names else summary(start_up(rounds, cache), 0)
    if starts:
        show("Start-up", starts)
    curve = list(growth(sizes))
    for step in curve:
        steps = f"{step['contender']}, {step['from']:,} to {step['to']:,} documents"
        click.echo(f"{steps}: time per MB x {step['time_per_mb_ratio']}, {step['bytes_per_document']} bytes a document")
    if json_path is not None:
        figures = {"date": date.today().isoformat(), "machine": machine, "rounds": rounds, "sizes": sizes}
        figures |= {"start_up": starts, "growth": curve}
        json_path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
