"""What must not be imported before it is needed: the heavy half second."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HEAVY = ("numba", "pyarrow", "datasketch", "scipy", "numpy", "rich", "pandas", "numba.np.linalg")


def loaded(code: str) -> set[str]:
    """Run code in a fresh interpreter; return which heavy packages it has imported in the end."""
    program = f"import sys\n{code}\nprint(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert loaded("import dedup; dedup.DedupError") == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["clean", "--help"], ["scan", "--help"], ["restore", "--help"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(f"from dedup.cli import main\nmain({arguments!r}, standalone_mode=False)") == set()


def test_cleaning_does_not_import_datasketch() -> None:
    assert "datasketch" not in loaded("import dedup; dedup.clean_text('Ja.')")


def test_cleaning_json_lines_quietly_imports_neither_pyarrow_nor_rich(tmp_path: Path) -> None:
    source, output = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    source.write_text('{"text": "Ja."}\n')
    arguments = ["clean", "--quiet", "--repeats", "full", str(source), "--output", str(output)]
    code = f"from dedup.cli import main\nmain({arguments!r}, standalone_mode=False)"
    loaded(code)
    # The kernels are compiled by now, so that all of numba that compiles can stay where it is.
    output.unlink()
    shutil.rmtree(f"{output}.dedup")
    found = loaded(code)
    assert output.read_bytes() == source.read_bytes()
    assert found & {"pyarrow", "rich", "numba.np.linalg"} == set()


def test_cleaning_parquet_does_not_import_pandas(tmp_path: Path) -> None:
    """Arrow does, where it is installed, as soon as it is given an array of numpy."""
    source, output = tmp_path / "a.parquet", tmp_path / "b.parquet"
    text = "Ein Satz, der so oft wie kein anderer hier steht, ohne dass es nötig scheint."
    repeated = f"{text} Dieser kommt dazwischen, und er ist winzig. {text}"
    pq.write_table(pa.table({"text": ["Eins.", "Eins.", repeated]}), source)
    (tmp_path / "pandas.py").write_text("")
    arguments = ["clean", "--quiet", "--repeats", "full", str(source), "--output", str(output)]
    code = f"sys.path.insert(0, {str(tmp_path)!r})\nfrom dedup.cli import main\n"
    assert "pandas" not in loaded(f"{code}main({arguments!r}, standalone_mode=False)")
    assert pq.read_table(output).column("text").to_pylist() == ["Eins.", repeated.removesuffix(f" {text}")]


def test_public_names_are_there() -> None:
    assert loaded("import dedup; [getattr(dedup, name) for name in dedup.__all__]") >= {"numba", "numpy"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    import dedup

    with pytest.raises(AttributeError, match="module 'dedup' has no attribute 'deduplicate'"):
        dedup.deduplicate  # noqa: B018
