"""Make an environment of its own for each peer, from the versions that its script names, and one for dedup.

Each script in `peers/` says in its head what it needs, as inline script metadata (PEP 723): Python and exact versions.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[1]
PEERS = PROJECT / "benchmarks" / "peers"
BLOCK = re.compile(r"^# /// script\n(?P<body>(?:#.*\n)*?)# ///$", re.MULTILINE)
PYTHONS = ("3.12", "3.13", "3.14", "3.11")


class Peer(NamedTuple):
    """A library we compare with.

    Attributes:
        name: Its name.
        script: What runs it: `SCRIPT INPUT OUTPUT`, JSON Lines both.
        python: The least Python it runs on.
        packages: What to install, with versions.
        slow: Whether it takes minutes where others take seconds.
    """

    name: str
    script: Path
    python: str
    packages: list[str]
    slow: bool

    def interpreter(self, cache: Path) -> Path:
        """Where its Python is, once it is set up."""
        return cache / self.name / "bin" / "python"


def peers() -> list[Peer]:
    """Read what the scripts say of themselves."""
    found = []
    for script in sorted(PEERS.glob("with_*.py")):
        block = BLOCK.search(script.read_text())
        if block is None:
            raise ValueError(f"{script.name} has no inline script metadata")
        about = tomllib.loads(re.sub(r"^# ?", "", block["body"], flags=re.MULTILINE))
        name = script.stem.removeprefix("with_").replace("_", "-")
        slow = about.get("tool", {}).get("benchmark", {}).get("slow", False)
        found.append(Peer(name, script, about["requires-python"].removeprefix(">="), about["dependencies"], slow))
    return found


def set_up(peer: Peer, cache: Path) -> str:
    """Install a peer into `cache`; return what was done, in words."""
    return _installed(peer.name, peer.python, peer.packages, cache)


def set_up_dedup(cache: Path) -> str:
    """Install dedup with what it needs, and no more, into `cache`; return what was done, in words."""
    about = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    # Editable: what is measured is the code as it is then, and not as it was when this was set up.
    return _installed("dedup", about["requires-python"].removeprefix(">="), ["--editable", str(PROJECT)], cache)


def dedup_in(cache: Path) -> Path:
    """Where the command of dedup is, once it is set up."""
    return cache / "dedup" / "bin" / "dedup"


def _installed(name: str, least: str, packages: list[str], cache: Path) -> str:
    python = _python(least)
    if python is None:
        return f"not installed: it needs Python {least} or later, and there is none on the PATH"
    home = cache / name
    subprocess.run([python, "-m", "venv", "--clear", str(home)], check=True)
    install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    done = subprocess.run(install, check=False, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(home)
        return f"not installed: {(done.stderr.strip().splitlines() or ['pip failed'])[-1]}"
    return f"installed: {' '.join(packages)}"


def _python(least: str) -> str | None:
    """Find an interpreter: this one, else one of another version that does start."""
    wanted = tuple(map(int, least.split(".")))
    if sys.version_info[:2] >= wanted:
        return sys.executable
    for version in PYTHONS:
        command = shutil.which(f"python{version}")
        fits = tuple(map(int, version.split("."))) >= wanted
        if fits and command and not subprocess.run([command, "-V"], check=False, capture_output=True).returncode:
            return command
    return None
