"""`evalgate run --engine ray`: a real cluster of two nodes, one of which dies in the middle of the run."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Received, Reply, completion, error
from gated_project import World
from ray_cluster import TwoNodes

import evalgate
from evalgate.domain import Message, Outcome, Output, Request, Target
from evalgate.execute.providers.ray import RayRefusal, Worker

PROGRAM = "import evalgate; evalgate.__version__ = {version!r}; from evalgate.cli import main; main()"
SECRET = "secret-key-123"

needs_a_cluster = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None or sys.platform == "win32",
    reason="the extra `ray` is not installed, or processes cannot be ended by group",
)


@pytest.fixture
def cluster() -> Iterator[TwoNodes]:
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:  # a short path, for sockets
        nodes = TwoNodes(Path(folder))
        try:
            yield nodes
        finally:
            nodes.close()


def start(world: World, address: str, *, version: str = evalgate.__version__) -> subprocess.Popen[str]:
    arguments = ["run", "--engine", "ray", "--store", "of-ray", "--format", "json"]
    environment = {**os.environ, "RAY_ADDRESS": address}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(version=version), *arguments],
        cwd=world.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, out, err


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lasting(part: Any) -> Any:
    """A report without the moment it was made and how long things took; sums of dollars depend on their order."""
    if isinstance(part, dict):
        return {name: lasting(value) for name, value in part.items() if name not in ("run_id", "created_at", "seconds")}
    if isinstance(part, list):
        return [lasting(each) for each in part]
    return round(part, 9) if isinstance(part, float) else part


@pytest.mark.ray
@needs_a_cluster
def test_a_worker_dies_then_a_node_and_the_report_is_the_same(world: World, cluster: TwoNodes) -> None:
    answer = world.server.script
    world.application = lambda system, user: json.dumps(
        {"answer": "other" if "brief" in system and "7" in user else user}
    )
    world.grade = lambda judged: 2 if "other" in judged else 5
    world.edit()
    assert world.evalgate("run", "--output", "report.json").code == 1
    expected = world.report()

    world.server.received.clear()
    assert callable(answer)

    def slowly(received: Received, number: int) -> Reply:
        reply = answer(received, number)
        reply.delay = 0.2
        return reply

    world.server.script = slowly
    process = start(world, cluster.address)
    try:
        wait_until(lambda: len(world.server.received) >= 40 or process.poll() is not None)
        before = cluster.ask("workers")
        assert cluster.ask("crash") == "crashed"
        wait_until(lambda: len(world.server.received) >= 90 or process.poll() is not None)
        assert cluster.ask("kill") == "killed"
    finally:
        code, out, err = ended(process)
    assert code == 1, err
    assert len(before) == len(set(before)) == 2, "a worker on each node"
    assert lasting(json.loads(out)) == lasting(expected)
    # every call once, but for those that were under way where something died
    made = expected["gates"][0]["calls"]["made"]
    assert made <= len(world.server.received) <= made + 2 * 8
    logs = [path for path in cluster.folder.rglob("*") if path.is_file()]
    assert any("raylet" in path.name for path in logs)
    assert not [path for path in logs if SECRET.encode() in path.read_bytes()]
    assert SECRET not in err
    assert "Raylet is terminated" in err, "Ray says so on stdout, which is the report's"
    # a worker is said to be lost when one of its calls tells so; each may have been asked again of the other before
    assert err.count("evalgate: ray: a worker was lost; other workers repeat its calls") in (1, 2), err
    assert "evalgate: ray: 2 workers, one on each node" in err

    code, _, err = ended(start(world, cluster.address, version="0.0.9"))
    assert code == 3
    assert f"a node of the Ray cluster has evalgate {evalgate.__version__}, and this is 0.0.9" in err
    assert 'on every node: pip install "prompt-evalgate[ray]==0.0.9"' in err


@needs_a_cluster
def test_without_a_cluster_the_run_ends_and_says_how_to_get_one(world: World) -> None:
    code, _, err = ended(start(world, "ray://127.0.0.1"))
    assert (code, err.splitlines()[0]) == (2, 'RAY_ADDRESS is "ray://127.0.0.1", which is not HOST:PORT')
    code, _, err = ended(start(world, "127.0.0.1:1"))
    assert code == 3
    assert err.startswith("no Ray cluster at 127.0.0.1:1: ")
    assert "ray start --head" in err


def test_without_the_package_a_hint_says_what_to_install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    world.edit()
    ended = world.evalgate("run", "--engine", "ray")
    assert ended.code == 2
    assert 'pip install "prompt-evalgate[ray]"' in ended.err
    assert world.evalgate("run", "--engine", "asyncio").code == 0


def test_a_worker_hands_back_what_an_error_carries(chat_server: ChatServer) -> None:
    chat_server.script = [
        Reply(body=completion("hello")),
        error(429, "slow", retry_after="7"),
        error(401, f"bad {SECRET}"),
        error(500, "oops"),
    ]
    target = Target(
        name="t",
        kind="openai",
        location=chat_server.url,
        identity="i",
        model="m",
        api_key_env="K",
        headers={"x-gateway-key": "GATEWAY_KEY"},
    )
    request = Request(target="t", identity="i", model=None, messages=(Message(role="user", content="hi"),))

    async def ask() -> list[Outcome | RayRefusal]:
        worker = Worker([(target, SECRET, {"x-gateway-key": "of-the-gateway"})], 10)
        found = [await worker.answer("t", request) for _ in range(4)]
        await worker.aclose()
        return found

    answer, busy, wrong, broken = asyncio.run(ask())
    assert isinstance(answer, Output)
    assert answer.text == "hello"
    assert chat_server.received[0].headers["x-gateway-key"] == "of-the-gateway"
    assert isinstance(busy, RayRefusal)
    assert (busy.retryable, busy.retry_after, busy.fatal) == (True, 7.0, False)
    assert isinstance(wrong, RayRefusal)
    assert (wrong.fatal, wrong.hint, SECRET in wrong.message) == (True, "check the key and its rights", False)
    assert isinstance(broken, RayRefusal)
    assert (broken.retryable, broken.retry_after) == (True, None)
    assert pickle.loads(pickle.dumps(wrong)) == wrong
    assert pickle.loads(pickle.dumps(request)) == request
