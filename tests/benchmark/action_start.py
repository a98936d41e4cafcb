"""How long the action takes from nothing to its first model call: the real install steps, then the real process.

    python tests/benchmark/action_start.py

Installs twice from the package index, with an empty cache of packages and with the one that the first time left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from action import events  # noqa: E402
from action.hosted import PROMPT_PATH, Hosted, prompt  # noqa: E402
from chat_server import ChatServer, Received, Reply, completion  # noqa: E402
from github_server import GitHubServer  # noqa: E402

KEPT = ("PATH", "SSL_CERT_FILE", "PIP_CERT", "HTTPS_PROXY", "NO_PROXY")


def step(number: int) -> str:
    """The shell text of one of the action's steps."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return str(action["runs"]["steps"][number]["run"])


def shell(text: str, folder: Path, environment: dict[str, str]) -> int:
    order = ["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", text]
    return subprocess.run(order, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False).returncode


def install(folder: Path, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds, and the interpreter."""
    folder.mkdir()
    output = folder / "output"
    given = {**environment, "RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(output)}
    began = time.perf_counter()
    if shell(step(0), folder, {**given, "GITHUB_ACTION_PATH": str(ROOT), "EVALGATE_PYTHON": sys.executable}):
        sys.exit("the action cannot be installed")
    return time.perf_counter() - began, output.read_text(encoding="utf-8").strip().partition("=")[2]


def first_call(folder: Path, interpreter: str, environment: dict[str, str]) -> float:
    """Seconds from the start of the action's process to the first request that reaches the endpoint."""
    called: list[float] = []
    chat, github = ChatServer(), GitHubServer({"repository": "acme/shop", "repository_id": 1000, "token": "t"})

    def answer(received: Received, number: int) -> Reply:
        called.append(time.perf_counter())
        return Reply(body=completion("all is fine"))

    chat.script = answer
    hosted = Hosted(folder / "hosted", chat_url=chat.url)
    pull = hosted.pull_request(7, {PROMPT_PATH: prompt("1.0.1", "Be brief.")})
    github.add_pull(7, head=pull.head_sha, base=pull.base_sha)
    event = events.pull_request(hosted, pull)
    (folder / "event.json").write_text(json.dumps(event.payload), encoding="utf-8")
    given = {
        **environment,
        "EVALGATE_INPUTS": json.dumps({"github-token": "t"}),
        "EVALGATE_MATRIX": "null",
        "EVALGATE_INTERPRETER": interpreter,
        "GITHUB_API_URL": github.url,
        "GITHUB_EVENT_NAME": event.name,
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_REPOSITORY": event.repository,
        "GITHUB_SHA": event.sha,
        "GITHUB_WORKSPACE": str(hosted.work.root),
        "OPENAI_API_KEY": "k",
        "RUNNER_TEMP": str(folder),
    }
    began = time.perf_counter()
    code = shell(step(1), folder, given)
    for server in (chat, github):
        server.close()
    if code or not called:
        sys.exit(f"the action ended with {code}, after {len(called)} calls")
    return called[0] - began


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {"HOME": str(folder), "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.invalid"}
        os.environ |= {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.invalid"}
        os.environ |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.invalid"}
        cold, _ = install(folder / "cold", environment)
        warm, interpreter = install(folder / "warm", environment)
        started = first_call(folder / "warm", interpreter, environment)
        print("| packages | install s | to the first call s | together s |")
        print("| --- | --- | --- | --- |")
        for name, seconds in (("fetched", cold), ("cached", warm)):
            print(f"| {name} | {seconds:.1f} | {started:.1f} | {seconds + started:.1f} |")


if __name__ == "__main__":
    main()
