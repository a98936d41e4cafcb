"""A small gated project on its default branch, whose gate is one check, and a registry beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from gated_project import Ended, World

from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.registry_access import open_registry

REGISTRY = "sqlite:releases.db"
CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m, parameters: {{top_p: 0.5}}}}
gates:
  - name: support
    prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    samples: {{baseline: 1, candidate: 1}}
    checks: [{{type: is_json}}]
run: {{attempts: 1}}
release: {{registry: "{registry}"}}
"""
PROMPT = """\
name: support
{head}messages:
  - role: system
    content: You answer the customers of a small outdoor shop in one friendly sentence, and you stay with what the context says, without guessing. {manner}
  - role: user
    content: "{{{{query}}}}"
"""


@dataclass(frozen=True)
class Shop:
    """The project. A prompt whose manner has the word "bad" gets answers that fail the check."""

    world: World

    @property
    def root(self) -> Path:
        return self.world.root

    @property
    def calls(self) -> int:
        return len(self.world.server.received)

    def write(self, manner: str, *, version: str | None = None, change: str | None = None) -> None:
        head = f'version: "{version}"\n' if version else ""
        head += f"change: {change}\n" if change else ""
        self.world.repository.write("prompts/support.prompt.yml", PROMPT.format(head=head, manner=manner))

    def merge(
        self, manner: str, *, version: str | None = None, change: str | None = None, message: str = "edit"
    ) -> str:
        """Commit an edit of the prompt to the default branch."""
        self.write(manner, version=version, change=change)
        return self.world.repository.commit(message)

    def configure(self, old: str, new: str) -> None:
        path = self.root / "evalgate.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.world.repository.commit("configure")

    def publish(self, *arguments: str) -> Ended:
        return self.world.evalgate("release", "publish", *arguments)

    def document(self) -> ReleaseDocument | None:
        stored = open_registry(REGISTRY, self.root).read("support")
        return None if stored is None else stored.document

    def newest(self) -> PublishedVersion:
        document = self.document()
        assert document is not None and document.entry.target is not None
        return document.versions[document.entry.target]


@pytest.fixture
def shop(world: World) -> Shop:
    """Return the project with one version of the prompt and an empty registry."""
    world.repository.git("switch", "--quiet", "main")
    world.repository.write(".gitignore", ".evalgate/\nreport.json\nreleases.db*\n")
    world.repository.write("evalgate.yml", CONFIG.format(url=world.server.url, registry=REGISTRY))
    rows = [{"id": f"case-{number}", "query": f"question {number}"} for number in range(6)]
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    made = Shop(world)
    world.application = lambda system, user: "no JSON" if "bad" in system else json.dumps({"answer": user})
    made.write("Be exact.")
    world.repository.git("add", "--all")
    world.repository.git("commit", "--quiet", "--amend", "-m", "first")
    return made
