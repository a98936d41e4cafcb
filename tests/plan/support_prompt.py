"""A prompt version and its edits, for tests of change levels and diffs."""

from __future__ import annotations

from typing import Any

from evalgate.domain import Level, Message, PromptVersion
from evalgate.plan.prompt_diff import describe_differences

WORDS = " ".join(f"word{number}" for number in range(100))


SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"x": {"type": "string"}}}},
}


def messages(*pairs: str) -> tuple[Message, ...]:
    """ "user: text" -> a message."""
    return tuple(Message(role=pair.split(": ", 1)[0], content=pair.split(": ", 1)[1]) for pair in pairs)


def prompt(version: str | None = "1.0.0", **changes: Any) -> PromptVersion:
    fields: dict[str, Any] = {
        "name": "support",
        "path": "prompts/support.prompt.yml",
        "source": "working tree",
        "messages": messages(f"system: {WORDS}", "user: {{query}}"),
        "model": "m-1",
        "parameters": {"temperature": 0},
        "version": version,
        "lines": {"name": 1, "version": 3, "change": 4, "messages": 9} if version else {"messages": 9},
    }
    return PromptVersion(**{**fields, **changes})


def minimum(**changes: Any) -> tuple[Level, list[str]]:
    return describe_differences(prompt(**changes), prompt(), minor_share=0.05, minor_words=60)
