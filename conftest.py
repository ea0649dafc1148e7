"""What tests need that is not always installed, and what need not be tested again once it is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

# It is imported by Scrapy, which is there then, and otherwise only for its examples.
collect_ignore = [] if find_spec("scrapy") else ["dedup/scrapy.py"]
if find_spec("pyspark") is None:
    collect_ignore.append("dedup/spark")
# No test, and it needs a fuzzer.
collect_ignore.append("tests/fuzz/run.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option for whoever runs the tests twice, with more installed the second time."""
    parser.addoption("--passed", type=Path, metavar="FILE", help="Leave out the tests FILE lists, add what passes.")


def pytest_configure(config: pytest.Config) -> None:
    """Heed it."""
    if config.getoption("passed"):
        config.pluginmanager.register(_Passed(config.getoption("passed")))


class _Passed:
    """Tests that passed, in a file of their names."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        done = [item for item in items if _name(item.nodeid) in self._names]
        config.hook.pytest_deselected(items=done)
        items[:] = [item for item in items if _name(item.nodeid) not in self._names]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self._names.add(_name(report.nodeid))

    def pytest_sessionfinish(self) -> None:
        self._path.write_text("".join(f"{name}\n" for name in sorted(self._names)), encoding="utf-8")


def _name(test: str) -> str:
    return test.encode("unicode_escape").decode()
