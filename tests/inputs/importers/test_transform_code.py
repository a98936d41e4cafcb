"""Tests of `transform`: the part of the output that code takes."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.inputs.importers.transform_code import read_transform


@pytest.mark.parametrize(
    ("code", "steps"),
    [
        ("output.a", [{"pointer": "/a"}]),
        ("JSON.parse(output).a['b/c']", [{"pointer": "/a/b~1c"}]),
        ("output[0].function.name", [{"pointer": "/tool_calls/0/name"}]),
        ("output", []),
        ("output.trim();", []),
        ("output.toLowerCase()", None),
        ("output.split(',')[0]", None),
        ("file://x.js", None),
        ("output.a.length", None),
    ],
)
def test_a_transform_is_steps_or_none(code: str, steps: Any) -> None:
    assert read_transform(code) == steps
