"""A Redis server for tests: on a free port of this machine, in a folder of its own, with nothing kept on disk."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_S = 20


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """Run a server as long as the block lasts; yield its address. Skips without a server, but fails where CI is."""
    program = shutil.which("redis-server")
    if program is None:
        assert not os.environ.get("CI"), "there is no redis-server"
        pytest.skip("there is no redis-server: apt-get install redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with subprocess.Popen([*command, "--appendonly", "no", *options], stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()


def wait_for(port: int) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "redis-server does not start"
            time.sleep(0.02)
        else:
            return
