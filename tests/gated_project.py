"""A project in a real git repository with a scripted endpoint, on which tests run the command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Received, Reply, completion
from repository import Repository

from evalgate.cli import main

CASES = 64

CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m, prices: {{input: 1, output: 2}}}}
gates:
  - name: support
    prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    samples: {{baseline: 1, candidate: 1}}
    checks:
      - {{type: is_json}}
      - {{type: contains, name: fact, from: expected, blocking: false}}
    judges:
      - {{rubric: faithfulness}}
run: {{attempts: 2}}
policy: {{stop_early: false}} # every test but those of the looks counts calls over all cases
"""

PROMPT = """\
name: support
version: "{version}"
change: {change}
messages:
  - role: system
    content: You answer the customers of a small outdoor shop in one friendly sentence, and you stay with what the context says, without guessing. {manner}
  - role: user
    content: "{{{{query}}}}\\n{{{{context}}}}"
"""


def prompt(version: str = "1.0.0", manner: str = "Be exact.", change: str = "why") -> str:
    return PROMPT.format(version=version, manner=manner, change=change)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


class World:
    """A gated project. `application` makes an answer's text from its messages; `grade` gives a judge's score for it."""

    def __init__(self, repository: Repository, server: ChatServer, run: Callable[..., Ended]) -> None:
        self.repository = repository
        self.server = server
        self.evalgate = run
        self.application: Callable[[str, str], str | Reply] = lambda system, user: json.dumps({"answer": user})
        self.grade: Callable[[str], int | str | Reply] = lambda judged: 5
        server.script = self._script

    @property
    def root(self) -> Path:
        return self.repository.root

    def edit(self, version: str = "1.1.0", manner: str = "Be brief, always and everywhere, please.") -> None:
        self.repository.write("prompts/support.prompt.yml", prompt(version, manner))

    def report(self, name: str = "report.json") -> dict[str, Any]:
        return json.loads((self.root / name).read_text())

    def _script(self, received: Received, number: int) -> Reply:
        messages = received.body["messages"]
        if received.body.get("response_format", {}).get("json_schema", {}).get("name") == "judgement":
            grade = self.grade(messages[-1]["content"])
            text = json.dumps({"score": grade, "reason": "as scripted"}) if isinstance(grade, int) else grade
        else:
            text = self.application(messages[0]["content"], messages[-1]["content"])
        return text if isinstance(text, Reply) else Reply(body=completion(text))


@pytest.fixture
def evalgate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run the command in this process; only the start of an interpreter is left out."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["evalgate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(code=int(ended.value.code or 0), out=out, err=err)

    return run


@pytest.fixture
def world(
    repository: Repository,
    chat_server: ChatServer,
    evalgate: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """Make a project with version 1.0.0 on main and an unchanged working tree on a branch."""
    rows = [
        {
            "id": f"case-{i:03}",
            "query": f"question {i}",
            "context": f"fact {i}",
            "expected": f"fact {i}",
            "tags": ["odd" if i % 2 else "even"],
        }
        for i in range(CASES)
    ]
    repository.write("evalgate.yml", CONFIG.format(url=chat_server.url))
    repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    repository.write("prompts/support.prompt.yml", prompt())
    repository.write(".gitignore", ".evalgate/\nreport.json\n")
    repository.commit("first")
    repository.git("switch", "--quiet", "--create", "work")
    monkeypatch.chdir(repository.root)
    monkeypatch.setenv("API_KEY", "secret-key-123")
    return World(repository, chat_server, evalgate)
