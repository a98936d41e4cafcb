"""A gated project whose prompt, baseline and dataset are in a fake Langfuse; git has only the configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chat_server import ChatServer, Reply, completion
from gated_project import Ended, World
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from repository import Repository

CASES = 24
CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m}}
gates:
  - prompt: langfuse:support@staging
    dataset: langfuse:golden
    samples: {{baseline: 1, candidate: 1}}
    checks:
      - {{type: is_json}}
      - {{type: contains, name: fact, from: expected, blocking: false}}
langfuse: {{host: "{langfuse}"}}
run: {{attempts: 2}}
policy: {{stop_early: false}}
{more}"""


class LangfuseWorld(World):
    """The project, with its Langfuse server. Version 1 is production, and version 2 is staging."""

    def __init__(self, repository: Repository, server: ChatServer, run: Callable[..., Ended], langfuse: LangfuseServer):
        super().__init__(repository, server, run)
        self.langfuse = langfuse

    def configure(self, more: str = "", *, edit: tuple[str, str] = ("", "")) -> None:
        text = CONFIG.format(url=self.server.url, langfuse=self.langfuse.url, more=more)
        assert edit[0] in text
        self.repository.write("evalgate.yml", text.replace(*edit) if edit[0] else text)

    def save(self, system: str, *labels: str, **more: Any) -> int:
        """Save a version of the prompt as the page of Langfuse does, and return its number."""
        messages = [
            {"role": "system", "content": system},
            {"type": "placeholder", "name": "earlier"},
            {"role": "user", "content": "{{ query }}\n{{context}}"},
        ]
        config = {"model": "m", "temperature": 0}
        body = {"name": "support", "type": "chat", "prompt": messages, "labels": list(labels), "config": config}
        body |= more
        return int(self.langfuse.prompts.create(body)["version"])

    def put(self, number: int, **facts: Any) -> None:
        """Write an item of the dataset."""
        given = {"query": f"question {number}", "context": f"fact {number}", "earlier": []}
        item = {"datasetName": "golden", "id": f"case-{number:03}", "input": given, "expectedOutput": f"fact {number}"}
        self.langfuse.datasets.put({**item, **facts})


SYSTEM = "You answer the customers of a small outdoor shop in one friendly sentence, and you stay with the context."


def make_world(
    repository: Repository,
    chat_server: ChatServer,
    evalgate: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    langfuse: LangfuseServer,
) -> LangfuseWorld:
    world = LangfuseWorld(repository, chat_server, evalgate, langfuse)
    world.application = lambda system, user: Reply(body=completion(json.dumps({"answer": user})))
    world.configure()
    repository.write(".gitignore", ".evalgate/\nreport.json\n")
    repository.commit("first")
    langfuse.datasets.create({"name": "golden"})
    for number in range(CASES):
        world.put(number, metadata={"tags": ["odd" if number % 2 else "even"]})
    world.save(SYSTEM, "production", commitMessage="first")
    world.save(f"{SYSTEM} Be brief.", "staging", commitMessage="Be brief")
    monkeypatch.chdir(repository.root)
    for name, value in {"API_KEY": "k-123", "LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET}.items():
        monkeypatch.setenv(name, value)
    return world


@pytest.fixture
def langfuse() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def source_world(
    repository: Repository,
    chat_server: ChatServer,
    evalgate: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    langfuse: LangfuseServer,
) -> LangfuseWorld:
    return make_world(repository, chat_server, evalgate, monkeypatch, langfuse)
