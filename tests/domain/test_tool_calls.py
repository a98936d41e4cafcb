"""Tool calls of an answer, in the forms of several endpoints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalgate.domain import ToolCall
from evalgate.domain.tool_calls import add_tool_calls, holds_calls

CALL = ToolCall(name="search", arguments='{"q": "x"}')


@pytest.mark.parametrize(
    "message",
    [
        {"tool_calls": [{"function": {"name": "search", "arguments": '{"q": "x"}'}}]},
        {"function_call": {"name": "search", "arguments": {"q": "x"}}},
        {"content": [{"type": "tool_use", "id": "1", "name": "search", "input": {"q": "x"}}]},
    ],
)
def test_a_call_is_read_with_its_name_and_arguments(message: dict[str, Any]) -> None:
    assert add_tool_calls("Wait.", message) == ("Wait.", (CALL,))


def test_calls_without_a_text_are_the_text() -> None:
    text, calls = add_tool_calls(" ", {"tool_calls": [{"name": "search", "arguments": '{"q": "x"}'}]})
    assert calls == (CALL,) and json.loads(text) == {"tool_calls": [{"name": "search", "arguments": {"q": "x"}}]}


def test_a_call_that_is_announced_and_missing_has_no_known_name() -> None:
    text, (call,) = add_tool_calls("Wait.", {}, reason="tool_calls")
    assert text == "Wait." and call.name == "an unnamed tool"
    assert add_tool_calls("Wait.", {}, reason="stop") == ("Wait.", ())


@pytest.mark.parametrize(("key", "holds"), [("toolCalls", True), ("tool-calls", True), ("tools", False), (3, False)])
def test_which_keys_hold_calls(key: object, holds: bool) -> None:
    assert holds_calls(key) is holds


@pytest.mark.parametrize("key", ["executed_tools", "executedTools"])
def test_tools_that_the_endpoint_ran_are_calls(key: str) -> None:
    ran = [
        {"index": 0, "type": "search", "arguments": '{"q": "x"}'},
        {"index": 0, "type": "search", "arguments": '{"q": "x"}', "output": "found"},
        {"index": 1, "name": "visit", "type": "function", "arguments": "{}", "output": "page"},
    ]
    text, calls = add_tool_calls("Done.", {"content": "Done.", key: ran})
    assert text == "Done." and calls == (CALL, ToolCall(name="visit", arguments="{}"))
    assert add_tool_calls("Done.", {key: []}) == ("Done.", ())
