"""`schema`: the JSON Schemas of the files that evalgate reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalgate.inputs.schema_check import load

SCHEMAS: Mapping[str, str] = {
    "config": "evalgate.schema.json",
    "prompt": "prompt.schema.json",
    "rubric": "rubric.schema.json",
    "pins": "pins.schema.json",
}
"""The names of the formats, with the files of their schemas."""


def load_schema(name: str) -> Mapping[str, Any]:
    """Return the JSON Schema of one of `SCHEMAS`."""
    return load(SCHEMAS[name])
