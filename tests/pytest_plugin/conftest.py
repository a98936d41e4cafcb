"""A project whose gate pytest runs: a scripted endpoint on loopback, and a candidate that is wrong on chosen cases."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chat_server import ChatServer, Received, Reply, completion

import evalgate
from evalgate.pytest_plugin import gate_fixture  # noqa: F401 - pytester forgets what is first imported in its runs
from evalgate.report import terminal

CASES = 40
CONFIG = """\
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m}}
gates:
  - name: support
    prompt: support.prompt.yml
    baseline: old.prompt.yml
    dataset: cases.jsonl
    target: api
    samples: {{baseline: 1, candidate: 1}}
    checks:
      - {{type: not_contains, name: polite, value: "no way"}}
      - {{type: contains, name: fact, from: expected, blocking: false}}
    thresholds: {{fact: {{max_drop: 0.2}}}}
policy: {{stop_early: false}}
"""
PROMPT = """\
name: support
version: "{version}"
messages:
  - {{role: system, content: "You answer the customers of a small shop in one sentence. {manner}"}}
  - {{role: user, content: "{{{{query}}}}"}}
"""


class Gated:
    """The project in a folder `golden`. `wrong` maps numbers of cases to what the candidate answers there."""

    def __init__(self, pytester: pytest.Pytester, server: ChatServer) -> None:
        self.pytester = pytester
        self.server = server
        self.wrong: dict[int, str] = {}
        self.folder = pytester.mkdir("golden")
        write_project(self.folder, server.url)
        server.script = self._answer

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process, with the plugin of this source tree."""
        return self.pytester.runpytest_inprocess(
            "-p", "no:evalgate", "-p", "evalgate.pytest_plugin", "-rsx", *arguments
        )

    def _answer(self, received: Received, number: int) -> Reply:
        system, user = (message["content"] for message in received.body["messages"])
        case = int(re.findall(r"\d+", user)[-1])
        is_candidate = "Be brief" in system
        return Reply(body=completion(self.wrong.get(case, f"fact {case}") if is_candidate else f"fact {case}"))


def write_project(folder: Path, url: str) -> None:
    rows = [{"id": f"case-{i:02}", "query": f"question {i}", "expected": f"fact {i}"} for i in range(CASES)]
    (folder / "evalgate.yml").write_text(CONFIG.format(url=url))
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "old.prompt.yml").write_text(PROMPT.format(version="1.0.0", manner="Be exact and stay with the facts."))
    (folder / "support.prompt.yml").write_text(PROMPT.format(version="1.1.0", manner="Be brief, and polite, always."))


@pytest.fixture(scope="session")
def _everything_loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Load what a run needs: pytester takes out of `sys.modules` what a run in this process imports."""
    folder, server = tmp_path_factory.mktemp("warm"), ChatServer()
    write_project(folder, server.url)
    report = evalgate.run_gate(folder / "evalgate.yml", environment={"API_KEY": "k"})
    terminal.render(report)
    evalgate.load_report(folder / ".evalgate" / "report.json")
    server.close()


@pytest.fixture
def gated(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, _everything_loaded: None) -> Iterator[Gated]:
    monkeypatch.setenv("API_KEY", "secret-key-123")
    server = ChatServer()
    yield Gated(pytester, server)
    server.close()


@pytest.fixture
def write_gate() -> Callable[[Path, str], None]:
    return write_project
