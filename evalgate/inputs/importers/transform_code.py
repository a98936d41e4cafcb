"""The `transform` of promptfoo, as far as it takes a part of the output."""

from __future__ import annotations

from evalgate.domain import Json
from evalgate.inputs.importers.code_values import Text
from evalgate.inputs.importers.javascript import find_value
from evalgate.inputs.importers.javascript_syntax import SyntaxOutsideError, parse
from evalgate.inputs.importers.json_conditions import JsonValue
from evalgate.inputs.importers.output_conditions import NoCheckError


def read_transform(code: str) -> Json:
    """Return the steps of a check's `transform` that code means; [] for one that changes nothing, None if none do.

    `output.answer` and `JSON.parse(output).answer` take the value at a place. `output.trim()` changes nothing that
    matters here.
    """
    if code.startswith("file://"):
        return None
    try:
        value = find_value(parse(code.strip().rstrip(";")), {})
    except (NoCheckError, SyntaxOutsideError):
        return None
    if isinstance(value, Text):
        return None if value.lower else []
    if not isinstance(value, JsonValue) or value.root or value.keys or value.length or value.lower:
        return None
    parts = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in value.path)
    return [{"pointer": parts}] if parts else []
