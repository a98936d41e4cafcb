"""The tool calls of an output: their type, and the text that shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalgate.domain import strict_json
from evalgate.domain.text import as_text

UNNAMED = "an unnamed tool"
"""The name of a call that the finish reason announces and that the answer does not contain."""
_KEY = "tool_calls"
_KEYS = {"name", "arguments"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One tool call: its name, and its arguments as the text received, which is usually JSON.

    The name is empty if the call has none that can be read.
    """

    name: str
    arguments: str

    @property
    def is_named(self) -> bool:
        """Whether it is known which tool is called."""
        return self.name.strip() not in ("", UNNAMED)


def format_calls(calls: Sequence[ToolCall]) -> str:
    """Return calls as the JSON text that is the text of an output without any other."""
    shown = [{"name": call.name, "arguments": parse_arguments(call.arguments)} for call in calls]
    return json.dumps({_KEY: shown}, ensure_ascii=False)


def parse_calls(text: str) -> tuple[ToolCall, ...]:
    """Return the calls of a text that `format_calls` wrote; none for any other text."""
    if not text.startswith('{"'):
        return ()
    try:
        data: Any = strict_json.load(text)
    except strict_json.JsonError:
        return ()
    is_flat = isinstance(data, Mapping) and len(data) == 1 and not strict_json.is_too_deep(data)
    rows = data.get(_KEY) if is_flat else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and {*row} == _KEYS for row in rows):
        return ()
    return tuple(ToolCall(name=str(row["name"]), arguments=as_text(row["arguments"])) for row in rows)


def parse_arguments(arguments: str) -> Any:
    """Parse arguments as JSON; return the text itself if they are not JSON or nested too deeply."""
    try:
        value = strict_json.load(arguments)
    except strict_json.JsonError:
        return arguments
    return arguments if strict_json.is_too_deep(value) else value
