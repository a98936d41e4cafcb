"""A repository with a configuration whose outputs are recorded."""

from __future__ import annotations

from typing import Any

from repository import Repository

from evalgate.change import changed_gates, versions
from evalgate.change.versions import Versions
from evalgate.domain import Config, Gate
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import WorkTree
from evalgate.services.git import Git

PROMPT = "prompts/p.prompt.yml"


def prompt_text(version: str | None = "1.0.0", text: str = "Answer {{query}} in one sentence.", extra: str = "") -> str:
    number = f'version: "{version}"\nchange: because\n' if version else ""
    return f"name: p\n{number}{extra}model: m\nmessages:\n  - role: user\n    content: {text}\n"


CONFIG = """\
format: 1
targets:
  app: {type: recorded, path: outputs.jsonl}
  grader: {type: openai, base_url: "http://127.0.0.1:1/v1", api_key_env: GRADER_KEY, model: j}
gates:
  - name: support
    prompt: prompts/p.prompt.yml
    dataset: cases.jsonl
    target: app
    checks:
      - {type: json_schema, schema: schema.json}
    judges:
      - {rubric: rubrics/tone.md, target: grader}
"""


RUBRIC = """\
---
name: tone
version: "1.0.0"
scale: {min: 1, max: 5}
inputs: [query, output]
---
Judge the tone.
"""


FILES = {
    "evalgate.yml": CONFIG,
    PROMPT: prompt_text(),
    "cases.jsonl": '{"id": "a", "query": "one"}\n{"id": "b", "query": "two"}\n',
    "outputs.jsonl": '{"case": "a", "text": "1"}\n{"case": "b", "text": "2"}\n',
    "schema.json": '{"type": "object"}\n',
    "rubrics/tone.md": RUBRIC,
}


class Project(Repository):
    """A repository with a configuration: what a user has."""

    @property
    def tree(self) -> WorkTree:
        return WorkTree(self.root)

    def config(self, path: str = "evalgate.yml") -> Config:
        return load_config(self.tree, path)

    def resolve(self, gate: Gate | None = None, **options: Any) -> Versions:
        git = options.pop("git", Git.find(self.root))
        plain = Gate(name="g", prompt=PROMPT, dataset="cases.jsonl", candidate_target="app", baseline_target="app")
        return versions.resolve(gate or plain, self.tree, git, **options)

    def changed(self, path: str = "evalgate.yml") -> list[str]:
        config = self.config(path)
        return [g.name for g in changed_gates.find_changed_gates(config.gates, self.tree, Git.find(self.root), config)]
