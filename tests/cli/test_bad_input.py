"""Tests of bad input: one message with a place and a hint, the right exit code, no traceback, no lost answers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
from chat_server import Reply, error
from gated_project import CASES, CONFIG, World, prompt


def said(world: World, *arguments: str, code: int) -> str:
    ended = world.evalgate(*(arguments or ("run",)))
    assert ended.code == code, ended.out + ended.err
    return ended.err


def test_a_missing_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.edit()
    monkeypatch.delenv("API_KEY")
    err = said(world, code=2)
    assert "API_KEY" in err
    assert not world.server.received


@pytest.mark.parametrize(
    ("status", "message", "named"),
    [(401, "bad key", "API_KEY"), (403, "forbidden", "API_KEY"), (404, "no such model", '"m"')],
)
def test_what_the_endpoint_refuses_ends_the_run_at_once(world: World, status: int, message: str, named: str) -> None:
    world.edit()
    world.application = lambda system, user: error(status, message)
    err = said(world, code=3)
    assert named in err
    assert len(world.server.received) < CASES // 2, "one error, and not one per case"


def test_an_endpoint_that_is_down(world: World) -> None:
    world.edit("2.0.0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world.repository.write("evalgate.yml", CONFIG.format(url=f"http://127.0.0.1:{port}/v1"))
    err = said(world, code=3)
    assert f"127.0.0.1:{port}" in err


def test_an_endpoint_that_never_answers_in_time(world: World) -> None:
    world.edit()
    config = CONFIG.format(url=world.server.url).replace("attempts: 2", "attempts: 1, timeout: 0.2, concurrency: 4")
    world.repository.write("evalgate.yml", config)
    world.application = lambda system, user: Reply(body=b"{}", delay=1.0)
    assert "0.2" in said(world, code=3)


CASE = '{"id": "a", "query": "q", "context": "c", "expected": "c"}\n'


@pytest.mark.parametrize(
    ("file", "content", "needle"),
    [
        ("cases.jsonl", CASE + CASE, "cases.jsonl:2:"),
        ("cases.jsonl", "", "cases.jsonl"),
        ("cases.jsonl", b'{"id": "a", "query": "\xff"}\n', "cases.jsonl:1:23"),
        ("cases.jsonl", '{"id": "a", "query": NaN}\n', "cases.jsonl:1:22"),
        ("cases.jsonl", b'{"id": "a", "query": "' + b"x" * 50_000_000 + b'"}\n', "cases.jsonl:1"),
        ("prompts/support.prompt.yml", "name: x\nversion: \"1.0.0\"\n", "prompts/support.prompt.yml"),
        ("prompts/support.prompt.yml", "name: x\nversion: 1.10\nmessages: []\n", '"1.10.0"'),
        ("evalgate.yml", "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)), "evalgate.yml:"),
    ],
    ids=["duplicate ids", "empty", "not UTF-8", "NaN", "50 MB line", "no messages", "number for version", "anchors"],
)  # fmt: skip
def test_files_that_cannot_be_used(world: World, file: str, content: str | bytes, needle: str) -> None:
    world.repository.write(file, content)
    err = said(world, code=2)
    assert needle in err
    assert not world.server.received


def test_a_byte_order_mark_and_windows_line_ends_are_welcome(world: World) -> None:
    world.edit()
    for name in ("evalgate.yml", "cases.jsonl", "prompts/support.prompt.yml"):
        path = world.root / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert world.evalgate("run").code == 0


def test_a_variable_that_no_case_gives(world: World) -> None:
    world.repository.write("prompts/support.prompt.yml", prompt("1.1.0", "Say {{greeting}} first."))
    err = said(world, code=2)
    assert "greeting" in err
    assert "prompts/support.prompt.yml" in err


def test_a_detached_head_is_no_obstacle(world: World) -> None:
    world.edit()
    world.repository.commit("edit")
    world.repository.git("checkout", "--quiet", "--detach")
    assert world.evalgate("run").code == 0


def test_a_shallow_clone_says_how_deep_to_fetch(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    world.edit()
    world.repository.commit("edit")
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit("elsewhere", README="x")
    clone = tmp_path / "clone"
    order = ["git", "clone", "--quiet", "--depth", "1", "--no-single-branch", f"file://{world.root}", str(clone)]
    subprocess.run(order, check=True)
    subprocess.run(["git", "-C", str(clone), "switch", "--quiet", "work"], check=True)
    monkeypatch.chdir(clone)
    err = said(world, code=2)
    assert "fetch-depth: 0" in err


def test_no_repository_at_all(world: World) -> None:
    shutil.rmtree(world.root / ".git", ignore_errors=False)
    err = said(world, code=2)
    assert "--baseline" in err
    world.repository.write("old.prompt.yml", prompt())
    world.edit()
    assert world.evalgate("run", "--baseline", "old.prompt.yml").code == 0


def test_no_git_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    err = said(world, code=2)
    assert "git" in err and "--baseline" in err


def test_a_symlinked_prompt_is_refused(world: World) -> None:
    path = world.root / "prompts/support.prompt.yml"
    path.rename(world.root / "real.yml")
    path.symlink_to("../real.yml")
    assert "symbolic link" in said(world, code=2)


def test_no_configuration(world: World) -> None:
    assert "absent.yml" in said(world, "run", "--config", "absent.yml", code=2)


def test_an_unknown_gate_and_one_file_for_several(world: World) -> None:
    assert "the gates are: support" in said(world, "run", "--gate", "suport", code=2)


@pytest.mark.parametrize("arguments", [["run", "--candidate", "nowhere"], ["run", "--baseline", "nowhere"]])
def test_a_version_that_is_nowhere(world: World, arguments: list[str]) -> None:
    assert "neither a file nor a git ref" in said(world, *arguments, code=2)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT as a terminal does")
def test_ctrl_c_in_the_middle_keeps_what_was_answered(world: World) -> None:
    import signal
    import time

    world.edit()
    config = CONFIG.format(url=world.server.url).replace("attempts: 2", "attempts: 2, concurrency: 2")
    world.repository.write("evalgate.yml", config)
    world.application = lambda system, user: (time.sleep(0.02), json.dumps({"answer": user}))[1]
    process = subprocess.Popen(
        [sys.executable, "-c", "from evalgate.cli import main; main()", "run"],
        cwd=world.root, env={**os.environ, "API_KEY": "k"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(world.server.received) < 20 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "run the same command again" in err
    asked = len(world.server.received)
    assert 20 <= asked < 3 * CASES
    assert world.evalgate("run").code == 0
    assert len(world.server.received) <= 3 * CASES + 4, "existing answers are not requested again"
