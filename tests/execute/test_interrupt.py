"""Whole processes that are killed, interrupted, or share one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from chat_server import ChatServer, Received, Reply, completion

RUN = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from evalgate.domain import Arm, Case, Limits, Message, Request, Result, Target, Trial
    from evalgate.errors import EvalgateError
    from evalgate.store.output_cache import Cache
    from evalgate.execute.engine import Engine
    from evalgate.store.journal import Journal
    from evalgate.execute.providers.openai import OpenAIProvider

    url, folder, first, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    target = Target(name="t", kind="openai", location=url, identity="i", model="m")

    def evaluate(trial):
        (outcome,) = yield [trial.request]
        return Result(case=trial.case.id, arm=trial.arm, repeat=0, tags=(), outcome=outcome, scores={})

    def request(n):
        return Request(target="t", identity="i", model="m", messages=(Message(role="user", content=f"q{n}"),))

    trials = [
        Trial(case=Case(id=str(n), fields={}), arm=Arm.CANDIDATE, repeat=0, ask=lambda case, _: request(int(case.id)))
        for n in range(first, first + count)
    ]
    with Engine(
        {"t": OpenAIProvider(target, None, 30)},
        cache=Cache(folder / "cache.sqlite3") if "cache" in sys.argv else None,
        journal=Journal(folder / "journal" / "run.jsonl") if "journal" in sys.argv else None,
        limits=Limits(concurrency=4),
    ) as engine:
        try:
            run = engine.run(trials, evaluate)
        except EvalgateError as error:
            print(error)
            sys.exit(int(error.exit_code))
        texts = [result.outcome.text for result in run.results]
        assert texts == [f"re q{n}" for n in range(first, first + count)], texts
        print(run.calls.made, run.calls.cached, len(engine.warnings))
    """
)


def start(server: ChatServer, folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, server.url, str(folder), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=60)
    assert not err, err
    return process.returncode, out.strip()


def wait_for(server: ChatServer, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(server.received) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def echo(delay: float = 0.0, hang_from: int | None = None, hang: float = 0.0):  # type: ignore[no-untyped-def]
    def script(received: Received, number: int) -> Reply:
        text = received.body["messages"][0]["content"]
        slow = hang_from is not None and number >= hang_from
        return Reply(body=completion(f"re {text}"), delay=hang if slow else delay)

    return script


def test_killed_in_the_middle_it_repeats_at_most_what_was_in_flight(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = echo(0.01)
    process = start(chat_server, tmp_path, 0, 60, "journal")
    wait_for(chat_server, 30)
    process.kill()
    process.communicate()
    before = len(chat_server.received)
    assert before < 60, "it was to be killed half way"
    code, out = ended(start(chat_server, tmp_path, 0, 60, "journal"))
    assert code == 0, out
    made = int(out.split()[0])
    assert before + made <= 60 + 4


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent to one process there")
def test_ctrl_c_keeps_what_was_in_flight_and_the_next_run_continues(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = echo(0.0, hang_from=20, hang=0.5)
    process = start(chat_server, tmp_path, 0, 40, "journal")
    wait_for(chat_server, 24)
    process.send_signal(signal.SIGINT)
    code, out = ended(process)
    assert code == 130
    assert "run the same command again: it continues" in out
    assert len(chat_server.received) == 24
    journal = (tmp_path / "journal" / "run.jsonl").read_text().splitlines()
    assert len({json.loads(line)["key"] for line in journal}) == 24
    chat_server.script = echo()
    assert ended(start(chat_server, tmp_path, 0, 40, "journal")) == (0, "16 24 0")


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent to one process there")
def test_second_ctrl_c_ends_at_once(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = echo(0.0, hang_from=8, hang=20)
    process = start(chat_server, tmp_path, 0, 40, "journal")
    wait_for(chat_server, 12)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None, "the first lets calls in flight finish"
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, out = ended(process)
    assert code == 130, out
    assert time.monotonic() - asked < 3
    assert len((tmp_path / "journal" / "run.jsonl").read_text().splitlines()) == 8


STUCK = RUN.replace(
    "    (outcome,) = yield [trial.request]\n",
    "    (outcome,) = yield [trial.request]\n    print('stuck', flush=True)\n    while True:\n        pass\n",
)


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent to one process there")
def test_ctrl_c_ends_a_run_whose_check_is_stuck(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = echo()
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, chat_server.url, str(tmp_path), "0", "40", "journal"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT, err
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert time.monotonic() - asked < 15


def test_processes_share_one_cache(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = echo()
    processes = [start(chat_server, tmp_path, first, 40, "cache") for first in (0, 20, 40)]
    for process in processes:
        code, out = ended(process)
        assert code == 0, out
        assert out.endswith(" 0"), "no warning"
    assert ended(start(chat_server, tmp_path, 0, 80, "cache")) == (0, "0 80 0")


def test_processes_at_the_same_run_keep_separate_journals(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = echo(0.01)
    processes = [start(chat_server, tmp_path, first, 30, "journal") for first in (0, 30)]
    assert [ended(process)[0] for process in processes] == [0, 0]
    files = list((tmp_path / "journal").iterdir())
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len({json.loads(line)["key"] for line in lines}) == 60
    assert ended(start(chat_server, tmp_path, 0, 60, "journal")) == (0, "0 60 0")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a limit on the size of files")
def test_a_full_disk_costs_the_stores_and_not_the_run(chat_server: ChatServer, tmp_path: Path) -> None:
    chat_server.script = echo()
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))\n" + RUN
    arguments = [chat_server.url, str(tmp_path), "0", "60", "cache", "journal"]
    process = subprocess.Popen(
        [sys.executable, "-B", "-c", limited, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert ended(process) == (0, "60 0 2")
    code, out = ended(start(chat_server, tmp_path, 0, 60, "cache", "journal"))
    assert code == 0, out
    assert out.endswith(" 0"), out
