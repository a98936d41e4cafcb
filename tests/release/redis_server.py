"""A real redis-server on loopback for tests and measurements."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed here")


def find_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def run_redis(port: int | None = None) -> Iterator[int]:
    """Run a server that keeps nothing, and yield its port."""
    assert PROGRAM is not None
    chosen = port or find_port()
    order = [PROGRAM, "--port", str(chosen), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    running = subprocess.Popen(order, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", chosen)) == 0:
                    break
            time.sleep(0.02)
        yield chosen
    finally:
        running.terminate()
        running.wait(10)
