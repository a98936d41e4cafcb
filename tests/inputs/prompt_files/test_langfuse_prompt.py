from __future__ import annotations

import json
from typing import Any

import pytest

from evalgate.domain import NO_SETTINGS, PromptSettings, PromptVersion
from evalgate.errors import InputError
from evalgate.inputs.prompts import parse_prompt

PATH = "langfuse:support@7"
CHAT = [{"role": "system", "content": "Be kind, {{ name }}."}, {"type": "placeholder", "name": "earlier"}]


def parse(prompt: Any = "Hello", settings: PromptSettings = NO_SETTINGS, **config: Any) -> PromptVersion:
    numbers = config.pop("numbers", [])
    data = {"name": "support", "prompt": prompt, "config": config, "numbers": numbers}
    return parse_prompt(json.dumps(data).encode(), PATH, PATH, settings)


def refuse(prompt: Any = "Hello", **config: Any) -> str:
    with pytest.raises(InputError) as caught:
        parse(prompt, **config)
    return "\n".join(map(str, caught.value.faults))


def test_a_text_is_one_message_without_a_role() -> None:
    found = parse("\nHello {{ name }}\r\nand {{ other name }}\n", user=None)
    assert found.is_text and found.messages[0].content == "Hello {{name}}\nand {{ other name }}"
    assert found.name == "support" and found.path == PATH and found.source == PATH
    assert parse("Be kind", PromptSettings(user="{{q}}")).messages[0].role == "system"


def test_a_chat_has_its_messages_and_a_placeholder_is_a_history() -> None:
    found = parse(CHAT)
    assert [message.role for message in found.messages] == ["system", "history"]
    assert found.histories == ("earlier",) and found.variables == {"name", "earlier"}
    assert parse([{**CHAT[0], "type": "chatmessage"}, CHAT[1]]).digest == found.digest


def test_blanks_in_a_variable_are_no_other_content() -> None:
    assert parse("a {{name}}").digest == parse("a {{  name }}").digest != parse("a {{nam}}").digest


def test_the_config_has_model_and_parameters() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    found = parse(
        model="m1", temperature=0, maxTokens=10, response_format={"type": "json_object"}, tools=tools, version="2.4.0",
        change="why", evalgate={"digest": "x"}, owner="team", top_p=None,
    )  # fmt: skip
    assert found.model == "m1" and found.parameters == {"temperature": 0, "max_tokens": 10}
    assert found.response_format == {"type": "json_object"} and list(found.tools) == tools
    assert (found.version, found.change, found.unsent) == ("2.4.0", "why", ("owner",))


def test_what_evalgate_projects_is_read_back() -> None:
    config = {"model": "m", "parameters": {"temperature": 1, "custom": 2}, "evalgate": {"version": "1.0.0"}}
    found = parse(**config)
    assert found.parameters == {"temperature": 1, "custom": 2} and found.version is None
    assert parse(**config, numbers=["1.0.0"]).version == "1.0.0"
    assert parse(**config, numbers=["1.0.0", "1.1.0"]).version is None
    assert parse(version="3.0.0", numbers=["1.0.0"]).version == "3.0.0"
    assert parse(version="spring").unsent == ("version",)


@pytest.mark.parametrize("prompt", ["see @@@langfusePrompt:name=x|label=production@@@", None])
def test_a_reference_to_another_prompt_is_refused(prompt: str | None) -> None:
    text = "a @@@langfusePrompt:name=x|version=3@@@"
    said = refuse(prompt or [{"role": "user", "content": text}])
    assert said.startswith(f"{PATH}: refers to another prompt (name=x|") and "changes without a new version" in said


@pytest.mark.parametrize(
    ("prompt", "config", "said"),
    [
        (" \n", {}, "the prompt is empty"),
        ([], {}, "the prompt has no messages"),
        ([{"role": "bot", "content": "x"}], {}, 'message 1: unknown role "bot"'),
        ("x {% raw %}{{a}}{% endraw %}", {}, "has {% raw %}, which Langfuse sends as it is"),
        ("x", {"parameters": [1]}, 'config: "parameters" must be an object'),
        ("x", {"parameters": {"stream": True}}, 'config: "parameters.stream" cannot be a model parameter'),
        ("x", {"temperature": 0, "parameters": {"temperature": 1}}, 'config: "parameters.temperature" is given twice'),
        ("x", {"response_format": "json_schema"}, 'config: "response_format" must be'),
    ],
)
def test_what_cannot_be_sent_is_refused(prompt: Any, config: dict[str, Any], said: str) -> None:
    assert f"{PATH}: {said}" in refuse(prompt, **config)
