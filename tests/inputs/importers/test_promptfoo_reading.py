"""Tests of the value of an assertion, with the variables filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foreign_config import Imported, import_at


def read(folder: Path, assertion: dict[str, Any], **files: str) -> Imported:
    tests = [{"vars": {"q": "a", "w": "b"}, "assert": [assertion]}]
    return import_at(folder, {"prompts": ["{{q}}"], "providers": ["openai:m"], "tests": tests}, **files)


def test_a_value_is_filled_in_and_read_from_its_file(tmp_path: Path) -> None:
    assert read(tmp_path, {"type": "contains", "value": "{{w}}{{gone.part}}!"}).checks[0]["value"] == "b!"
    named = read(tmp_path, {"type": "contains", "value": "file://wanted.txt"}, wanted__txt="{{w}} file\n")
    assert named.checks[0]["value"] == "b file"


def test_a_value_that_cannot_be_filled_in_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, {"type": "javascript", "value": "{{ w | gone }} && setTimeout"})
    assert [each.rsplit(": ", 1)[1] for each in found.left_out] == ["the template in its value cannot be rendered"]
