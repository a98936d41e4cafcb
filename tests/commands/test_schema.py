"""Tests of `evalgate schema`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gated_project import Ended
from jsonschema import Draft202012Validator

from evalgate.commands.schema import SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_prints_a_valid_schema(evalgate: Callable[..., Ended], name: str) -> None:
    told = evalgate("schema", name)
    Draft202012Validator.check_schema(json.loads(told.out))


def test_the_default_is_the_configuration_and_a_file_gets_the_same(
    evalgate: Callable[..., Ended], tmp_path: Path
) -> None:
    printed = evalgate("schema").out
    assert printed == evalgate("schema", "config").out and "gates" in json.loads(printed)["properties"]
    assert evalgate("schema", "--output", str(tmp_path / "s.json")).out == ""
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == printed
