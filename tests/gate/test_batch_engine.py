"""`evalgate run --engine batch`: the verdict of the ordinary engine, at half the price, through restarts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_server import BatchServer
from chat_server import Received, Reply
from gated_project import CASES, World

PROGRAM = [sys.executable, "-c", "from evalgate.cli import main; main()"]
BATCH = "run: {attempts: 2, batch: {poll_seconds: 0.1, collect_seconds: 0.2}}"


@pytest.fixture
def batches(world: World, batch_server: BatchServer) -> BatchServer:
    """The world with its endpoint's Batch API beside it; the lines of batches are answered as calls would be."""
    config = (world.root / "evalgate.yml").read_text()
    config = config.replace(world.server.url, batch_server.url).replace("run: {attempts: 2}", BATCH)
    world.repository.write("evalgate.yml", config)
    world.repository.commit("batches")
    world.repository.git("branch", "--force", "main")
    batch_server.script = world.server.script  # type: ignore[assignment]
    world.edit()
    return batch_server


def start(world: World) -> subprocess.Popen[str]:
    arguments = ["run", "--engine", "batch", "--output", "report.json"]
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=world.root,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: object) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def records(world: World) -> list[Path]:
    return sorted((world.root / ".evalgate" / "batches").glob("*"))


def test_both_rounds_go_by_batch_at_half_the_price(world: World, batches: BatchServer) -> None:
    ended = world.evalgate("run", "--engine", "batch", "--output", "report.json")
    assert ended.code == 0, ended.err
    gate = world.report()["gates"][0]
    assert gate["calls"] == {"made": 3 * CASES, "cached": 0, "saved": CASES, "stopped": 0, "confirming": 0}
    assert gate["cost_usd"] == pytest.approx(3 * CASES * (100 * 1 + 10 * 2) / 1e6 / 2)
    assert [len(batches.lines(n)) for n in range(len(batches.batches))] == [2 * CASES, CASES]
    assert batches.count("POST /v1/chat") == 0
    assert f'evalgate: batch batch_0: {2 * CASES} requests to target "api"' in ended.err
    assert f"evalgate: batch batch_1: completed, {CASES} of {CASES} done" in ended.err
    assert records(world) == [], "a complete run needs its batches no more"
    again = world.evalgate("run", "--engine", "batch")
    assert (again.code, len(batches.batches)) == (0, 2), "the cache answers"


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent to one process there")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_after_a_restart_what_is_under_way_is_waited_for(
    world: World, batches: BatchServer, end: signal.Signals
) -> None:
    batches.held = True
    process = start(world)
    wait_until(lambda: batches.count("GET /v1/batches/batch_0") >= 2)
    process.send_signal(end)
    if end == signal.SIGINT:
        time.sleep(0.3)
        process.send_signal(end)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if end == signal.SIGINT else -end), err
    assert len(records(world)) == 1
    batches.held = False
    ended = world.evalgate("run", "--engine", "batch", "--output", "report.json")
    assert ended.code == 0, ended.err
    assert (batches.count("POST /v1/files"), batches.count("POST /v1/batches")) == (2, 2), "one for each round"
    assert world.report()["gates"][0]["counts"]["decided"] == 3 * CASES


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent to one process there")
def test_killed_before_the_batch_had_a_name_it_is_found(world: World, batches: BatchServer) -> None:
    process = start(world)
    batches.after_create = process.kill
    process.communicate(timeout=60)
    (record,) = records(world)
    assert json.loads(record.read_text())["id"] is None
    batches.after_create = lambda: None
    ended = world.evalgate("run", "--engine", "batch")
    assert ended.code == 0, ended.err
    assert batches.count("POST /v1/batches") == 2, "one for each round"


def test_an_answer_that_must_be_fresh_is_not_another_runs(world: World, batches: BatchServer) -> None:
    batches.ends = lambda batch, n: "cancelled" if n == 1 else "completed"
    batches.script = lambda received, n: Reply(fault="reset") if n >= 2 * CASES else world._script(received, n)
    assert world.evalgate("run", "--engine", "batch").code == 3
    assert len(records(world)) == 1, "the first round's answers are paid"
    world.repository.write(
        "cases.jsonl", (world.root / "cases.jsonl").read_text().replace('question 1"', 'question one"')
    )
    batches.script = world._script
    assert world.evalgate("run", "--engine", "batch", "--no-cache").code == 0
    assert len(batches.lines(2)) == 2 * CASES


def with_function(world: World, config: str) -> None:
    """The application is a function that sees the prompt; the endpoint is there for targets that name it."""
    code = "import json\n\n\ndef answer(case, messages):\n    return json.dumps({'answer': case['expected']})\n"
    world.repository.write("app.py", code)
    config = config.replace("gates:", "  app: {type: python, function: 'app:answer'}\ngates:")
    world.repository.write("evalgate.yml", config.replace("    prompt:", "    target: app\n    prompt:"))


def test_who_has_no_use_for_a_batch_is_told(world: World, batches: BatchServer) -> None:
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config.replace("- {type: is_json}", "- {type: latency, max_seconds: 3}"))
    ended = world.evalgate("run", "--engine", "batch")
    assert ended.code == 2
    assert 'the check "latency" needs seconds, and a batch does not report any' in ended.err
    with_function(world, config.replace("    judges:\n      - {rubric: faithfulness}\n", ""))
    world.edit("2.0.0")
    ended = world.evalgate("run", "--engine", "batch")
    assert ended.code == 2, ended.err
    assert "--engine batch has no effect: no target that is to be called is of type openai" in ended.err
    assert batches.asked == []
    world.edit("1.1.0")
    assert world.evalgate("run").code == 1, "the new target is a change that was not declared"


def test_a_function_answers_here_and_its_judge_by_batch(world: World, batches: BatchServer) -> None:
    config = (world.root / "evalgate.yml").read_text()
    with_function(world, config.replace("rubric: faithfulness", "rubric: faithfulness, target: api"))
    world.edit("2.0.0")
    ended = world.evalgate("run", "--engine", "batch", "--output", "report.json")
    assert [len(batches.lines(n)) for n in range(len(batches.batches))] == [CASES], ended.err
    counts = world.report()["gates"][0]["counts"]
    assert counts == {"expected": 3 * CASES, "decided": 3 * CASES, "failures": 0, "unscored": 0}


@pytest.mark.parametrize("first", [("--engine", "batch"), ()], ids=["batch first", "calls first"])
def test_the_verdict_of_one_engine_is_that_of_the_other(
    world: World, batches: BatchServer, monkeypatch: pytest.MonkeyPatch, first: tuple[str, ...]
) -> None:
    """A batch has no looks, so that it may reach another verdict: it is a second draw, and not made."""
    direct = batches.answer

    def answer(method: str, target: str, headers: dict, body: bytes) -> Reply:
        if target.endswith("/chat/completions"):
            return world._script(Received(path=target, headers=headers, body=json.loads(body)), 0)
        return direct(method, target, headers, body)

    monkeypatch.setattr(batches, "answer", answer)
    config = (world.root / "evalgate.yml").read_text()
    world.repository.write("evalgate.yml", config[: config.index("policy:")])
    world.repository.git("commit", "--quiet", "--message", "looks", "evalgate.yml")
    world.repository.git("branch", "--force", "main")
    world.application = lambda system, user: json.dumps({"answer": user, "v": "brief" in system})
    world.grade = lambda judged: 3 if "true" in judged else 5
    assert world.evalgate("run", *first).code == 1
    world.grade = lambda judged: 5
    shutil.rmtree(world.root / ".evalgate/batches", ignore_errors=True)
    (world.root / ".evalgate/cache.sqlite3").unlink()
    other = () if first else ("--engine", "batch")
    for options in (other, first, other):
        ended = world.evalgate("run", *options)
        assert ended.code == 1
        assert "decided before" in " ".join(ended.out.split())
