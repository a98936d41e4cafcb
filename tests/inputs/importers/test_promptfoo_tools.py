"""Tests of the checks that a call fits the tools of the provider."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_config import decide

from evalgate.domain import Case, Check
from evalgate.inputs.importers.promptfoo_criteria import NotCarriedError
from evalgate.inputs.importers.promptfoo_file import ForeignFiles
from evalgate.inputs.importers.promptfoo_tools import check_calls
from evalgate.inputs.tree import WorkTree

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}, {"name": "time", "parameters": {}}]
CASE = Case(id="a", fields={}, line=1)


@pytest.fixture
def files(tmp_path: Path) -> ForeignFiles:
    (tmp_path / "tools.yaml").write_text("- {name: weather, parameters: {type: object}}\n")
    return ForeignFiles(tree=WorkTree(tmp_path), folder="")


def test_one_tool_is_a_check_of_its_calls(files: ForeignFiles) -> None:
    (wanted,) = check_calls(TOOLS[:1], files)
    assert (wanted.options, wanted.value) == ({"type": "tool_call", "tool": "weather", "only": True}, CITY)
    assert check_calls("file://tools.yaml", files)[0].value == {"type": "object"}


def test_declarations_of_google_have_the_types_of_json_schema(files: ForeignFiles) -> None:
    declared = {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
    (wanted,) = check_calls([{"functionDeclarations": [declared]}], files)
    assert wanted.options["tool"] == "weather"
    assert wanted.value == {"type": "object", "properties": {"city": {"type": "string"}}}


def test_a_call_of_several_tools_fits_one_of_them(files: ForeignFiles) -> None:
    (wanted,) = check_calls(TOOLS, files)
    check = Check(name="a", type="json_schema", options={"schema": wanted.value, "inline": True})
    text = '{"tool_calls": [{"name": "%s", "arguments": %s}]}'
    calls = [("weather", '{"city": "x"}'), ("time", "{}"), ("weather", "{}"), ("other", "{}")]
    assert [decide(check, CASE, text % call) for call in calls] == [True, True, False, False]
    assert not decide(check, CASE, '{"tool_calls": []}') and not decide(check, CASE, "It is warm.")


@pytest.mark.parametrize("tools", [None, [], "file://gone.json", [{"functionDeclarations": []}]])
def test_tools_that_are_not_at_hand_are_named(files: ForeignFiles, tools: object) -> None:
    with pytest.raises(NotCarriedError, match="no tools at hand"):
        check_calls(tools, files)  # type: ignore[arg-type]
