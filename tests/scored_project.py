"""A project whose gate scores answers in production: a check, a judge on a scripted endpoint, and rows with texts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from chat_server import ChatServer, Received, Reply, completion

from evalgate.gate.online_scoring import OnlineScorer
from evalgate.gate.options import Machine
from evalgate.store.store import Store

CONFIG = """\
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m, prices: {{input: 1, output: 2}}}}
gates:
  - name: support
    prompt: support.prompt.yml
    dataset: cases.jsonl
    target: api
    checks:
      - {{type: not_contains, name: polite, value: "no way"}}
      - {{type: contains, name: fact, from: expected}}
    judges:
      - {{rubric: faithfulness, model: {model}}}
    thresholds: {{faithfulness: {{max_drop: 0.1}}}}
{more}
"""
PROMPT = """\
name: support
version: "1.0.0"
messages:
  - {role: user, content: "{{query}} {{context}}"}
"""
FIELDS = {"query": "How much are socks?", "context": "Socks cost $5."}
GOOD, BAD = "Socks cost $5.", "Socks cost $9."
ENVIRONMENT = {"API_KEY": "secret-key-123"}


def write_project(folder: Path, server: ChatServer, *, more: str = "", model: str = "judge-1") -> Path:
    """Write the configuration, and let the judge find wrong prices. Returns its path."""
    config = folder / "evalgate.yml"
    config.write_text(CONFIG.format(url=server.url, more=more, model=model))
    (folder / "support.prompt.yml").write_text(PROMPT)
    (folder / "cases.jsonl").write_text(json.dumps({"id": "c1", **FIELDS, "expected": "$5"}) + "\n")
    server.script = grade
    return config


def grade(received: Received, number: int) -> Reply:
    """Give 5 for a right price, and 1 for another one. The output is the last block of the request."""
    output = received.body["messages"][-1]["content"].rpartition("Output:")[2]
    return Reply(body=completion(json.dumps({"score": 5 if "$5" in output else 1, "reason": "the price"})))


def make_scorer(
    config: Path, rows: Iterable[Mapping[str, Any]], environment: Mapping[str, str] = ENVIRONMENT, **options: Any
) -> OnlineScorer:
    lines = [json.dumps(row).encode() for row in rows]
    store = Store(root=config.parent / ".evalgate")
    machine = Machine(environment=environment, store=store, home=config.parent / "home")
    return OnlineScorer(config_path=config, name="support", open_rows=lambda: lines, machine=machine, **options)


def add_texts(bad: float = 0.0) -> Callable[[dict[str, Any], random.Random], dict[str, Any]]:
    """Return a change of rows: they have texts and no scores, and so many more of the candidate's answers are wrong."""

    def change(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        wrong = rng.random() < 0.1 + (bad if row["variant"] in ("candidate", "staging") else 0.0)
        return {**row, "scores": {}, "sampled": False, "fields": FIELDS, "output": BAD if wrong else GOOD}

    return change
