"""A small project on the disk, valid, that each test spoils in its own way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evalgate.errors import InputError
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import WorkTree

PROMPT = 'version: "1.0.0"\nmessages:\n  - {role: user, content: "Answer {{query}}"}\n'
CONFIG = """format: 1
targets:
  api: {type: openai, base_url: "https://example.org/v1", api_key_env: MY_KEY, model: m}
gates:
  - prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    checks:
      - {type: is_json}
"""
RUBRIC = """---
name: tone
version: "1.0.0"
scale: {min: 1, max: 5}
inputs: [query, "context?", output]
---
Is it friendly?
"""

HEAD = "targets:\n  api: {type: openai}\ngates:\n  - prompt: prompts/support.prompt.yml\n    dataset: cases.jsonl\n"
CHECKS = HEAD + "    checks:\n      - {type: is_json}\n"


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree = WorkTree(root)
        self.write("evalgate.yml", CONFIG)
        self.write("prompts/support.prompt.yml", PROMPT)
        self.write("cases.jsonl", '{"id": "a", "query": "q"}\n')

    def write(self, path: str, content: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def faults(self, act: Callable[[], object]) -> list[str]:
        """The faults an act raises, each as it is printed."""
        with pytest.raises(InputError) as caught:
            act()
        return [str(fault) for fault in caught.value.faults]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def faults(project: Project, text: str) -> list[str]:
    """Return the faults of a configuration."""
    project.write("evalgate.yml", text)
    return project.faults(lambda: load_config(project.tree, "evalgate.yml"))
