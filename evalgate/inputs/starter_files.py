"""The files of a new project as text: configuration, cases, workflow, and a sample prompt with recorded answers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalgate.domain import Json, PromptVersion
from evalgate.domain.jinja_shapes import make_examples
from evalgate.domain.models import DEFAULT_MODEL
from evalgate.domain.placeholders import PLACEHOLDER, make_image
from evalgate.domain.templates import Syntax

CASES = 8
"""Cases of a new dataset: as many as `policy.min_cases` asks for by default."""
WORKFLOW = ".github/workflows/prompts.yml"
SAMPLE = "prompts/support.prompt.yml"
SAMPLE_CASES = "golden/support.jsonl"
_SAMPLE_ANSWERS = {"before": "golden/support.before.jsonl", "after": "golden/support.after.jsonl"}

_PLAIN = re.compile(r"(?=.*[./])[A-Za-z_][A-Za-z0-9_./-]*(?::[A-Za-z_][A-Za-z0-9_.]*)?")
_HEAD = """\
format: 1
targets:
"""
_API = """\
  api:
    type: openai # any endpoint of the chat completions API
    base_url: https://api.openai.com/v1
    api_key_env: OPENAI_API_KEY # the name of the variable, never the key
"""
_API_MODEL = """\
    model: gpt-5-mini
    prices: {input: 0.25, output: 2.00} # dollars per million tokens
"""
_EMBEDDED = f"""\
  embedded: {{type: local, model: {DEFAULT_MODEL}}} # in this process; no server and no key
"""
_CHECKS = {
    "not_contains": '{type: not_contains, value: "as an AI", ignore_case: true}',
    "length": "{type: length, max_words: 400}",
    "is_json": "{type: is_json}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGate:
    """A gate of a new project. `prompt` is as the configuration names it.

    `name` and `template` are None where the defaults hold.
    """

    prompt: str
    dataset: str
    version: PromptVersion
    template: Syntax | None = None
    name: str | None = None


def load_resource(name: str) -> bytes:
    """Return a file that is packaged for new projects."""
    return Path(__file__).with_name("starter").joinpath(name).read_bytes()


def make_shared_files(schema: str) -> dict[str, bytes]:
    """Return the files that every new project has, by path: the schema for editors at a path, and the workflow."""
    return {
        schema: Path(__file__).with_name("evalgate.schema.json").read_bytes(),
        WORKFLOW: load_resource("prompts.yml"),
    }


def add_schema_line(config: str, schema: str) -> str:
    """Return a configuration whose first line names the schema for editors."""
    return f"# yaml-language-server: $schema={schema}\n{config}"


def make_sample_files() -> dict[str, bytes]:
    """Return the sample prompt, its cases, and the recorded answers of both versions, by path."""
    answers = load_resource("answers.jsonl")
    return {
        SAMPLE: load_resource("support.prompt.yml"),
        SAMPLE_CASES: load_resource("support.jsonl"),
        **dict.fromkeys(_SAMPLE_ANSWERS.values(), answers),
    }


def make_sample_config() -> str:
    """Return the configuration of the sample prompt: recorded answers, and an endpoint to ask instead."""
    before, after = _SAMPLE_ANSWERS["before"], _SAMPLE_ANSWERS["after"]
    return f"""{_HEAD}\
  # answers before an edit of the prompt, and after it. Both are the same now: change one in the second file
  before: {{type: recorded, path: {before}}}
  after: {{type: recorded, path: {after}}}
{_API}{_API_MODEL}\
gates:
  - prompt: {SAMPLE}
    dataset: {SAMPLE_CASES}
    target: {{candidate: after, baseline: before}} # `target: api` asks the model
    checks: # both block
      - {{type: contains_all, name: facts, from: expected, ignore_case: true}}
      - {{type: length, max_words: 60}}
"""


def make_config(gates: Sequence[NewGate], target: Literal["api", "embedded"], *, langfuse: str = "") -> str:
    """Return a configuration of gates with two blocking checks each, answered by an endpoint or the embedded model.

    `langfuse` is the address of the server that prompts are in.
    """
    who = _EMBEDDED
    if target == "api":
        # a target's model goes before that of a prompt
        who = _API if all(gate.version.model for gate in gates) else _API + _API_MODEL
    server = f"langfuse: {{host: {_quote(langfuse)}}}\n" if langfuse else ""
    return f"{_HEAD}{who}gates:\n{''.join(map(_make_gate, gates))}{server}"


def _make_gate(gate: NewGate) -> str:
    style = "" if gate.template is None else f"    template: {gate.template}\n"
    style += "" if gate.name is None else f"    name: {_quote(gate.name)}\n"
    asked = gate.version.response_format
    first = "is_json" if asked and str(asked.get("type", "")).startswith("json") else "not_contains"
    return f"""\
  - prompt: {_quote(gate.prompt)}
{style}    dataset: {_quote(gate.dataset)}
    checks: # both block; replace them by what your answers have to hold
      - {_CHECKS[first]}
      - {_CHECKS["length"]}
"""


def _quote(text: str) -> str:
    """Return a text as a YAML scalar that is read as this text."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def make_cases(version: PromptVersion) -> str:
    """Return a dataset of CASES cases as JSONL, with a placeholder for each variable of a prompt.

    A prompt without variables gets one field, `query`, which is sent as the user's message. All texts differ, because
    cases that ask the same count as one.
    """
    names = [name for names in version.list_names() for name in names] or ["query"]
    rows = []
    for number in range(1, CASES + 1):
        row: dict[str, Json] = {"id": f"case-{number}"}
        row |= {name: _make_value(version, name, number) for name in dict.fromkeys(names)}
        if version.template.syntax == "jinja":
            texts = [text for _, text in version.list_templates()]
            shaped = make_examples(texts, version.template.files, f"{PLACEHOLDER}: ", number)
            row |= {name: shaped[name] for name in names if name in shaped and row[name] == _make_text(name, number)}
        rows.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(rows)


def _make_text(name: str, number: int) -> str:
    return f"{PLACEHOLDER}: {name} {number}"


def _make_value(version: PromptVersion, name: str, number: int) -> Json:
    text = _make_text(name, number)
    if name in version.histories:
        return [{"role": "user", "content": text}]
    sources = [part.source for message in version.messages for part in message.images]
    if any(name in version.template.find_names(source) for source in sources):
        return make_image(number)
    return text
