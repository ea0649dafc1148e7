"""Feed a target with inputs that reach new lines of the package (atheris).

    python -m tests.fuzz.run text --seconds 60

A failing input is written to the current folder; put it into fixtures/fuzz/TARGET/ once it is mended, where
tests/test_fuzz.py calls the target with it ever after. With --interpreted the kernels run as Python, so that their
branches count, too: a hundred times slower.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import warnings
from pathlib import Path

import atheris

from dedup import kernels

SEEDS = Path(__file__).resolve().parents[2] / "fixtures" / "fuzz"


def main() -> None:
    """Run a target for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--interpreted", action="store_true")
    options = parser.parse_args()
    if options.interpreted:
        os.environ["NUMBA_DISABLE_JIT"] = "1"
    else:
        # What is imported already stays without the counting, which numba cannot compile.
        for module in pkgutil.iter_modules(kernels.__path__, f"{kernels.__name__}."):
            importlib.import_module(module.name)
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["dedup"]):
        from tests.fuzz.targets import TARGETS
    if not options.interpreted:
        # Compiled before inputs are timed.
        TARGETS["text"](b"Ein Satz. Ein Satz.")
    target = TARGETS[options.target]
    seeds = SEEDS / options.target
    arguments = [
        sys.argv[0],
        f"-max_total_time={options.seconds}",
        "-max_len=2048",
        "-timeout=300",
        "-rss_limit_mb=4096",
    ]
    atheris.Setup([*arguments, *([str(seeds)] if seeds.is_dir() else [])], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
