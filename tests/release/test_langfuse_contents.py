from __future__ import annotations

import pytest
from release.documents import make_version

from evalgate.errors import InputError
from evalgate.release.document import PublishedMessage, Variable
from evalgate.release.langfuse_contents import make_langfuse_contents

ASKED = PublishedMessage(role="user", parts=(Variable(name="question"),))


def test_a_version_is_a_chat_with_variables_and_placeholders() -> None:
    history = PublishedMessage(role="history", parts=(Variable(name="before"),))
    first = PublishedMessage(role="system", parts=("Be {kind}, ", Variable(name="name"), "!"))
    version = make_version(messages=(first, history, ASKED), response_format={"type": "json_object"}, tools=({"a": 1},))
    found = make_langfuse_contents("support", version, is_text=False)
    assert found.prompt == (
        {"role": "system", "content": "Be {kind}, {{name}}!"},
        {"type": "placeholder", "name": "before"},
        {"role": "user", "content": "{{question}}"},
    )
    assert found.config == {
        "model": "gpt-5-mini",
        "parameters": {"temperature": 0},
        "response_format": {"type": "json_object"},
        "tools": [{"a": 1}],
        "evalgate": {"digest": version.digest, "version": "1.0.0"},
    }


def test_a_text_prompt_has_the_text_without_the_question() -> None:
    text = PublishedMessage(role="system", parts=("Hello ", Variable(name="name")))
    for messages in ((text,), (text, ASKED)):
        found = make_langfuse_contents("support", make_version(messages=messages), is_text=True)
        assert found.prompt == "Hello {{name}}"
    with pytest.raises(InputError, match="has 2 messages, and support is a text prompt there"):
        make_langfuse_contents("support", make_version(), is_text=True)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (PublishedMessage(role="assistant", parts=None, extra={"tool_calls": []}), "a tool call"),
        (PublishedMessage(role="user", parts=("x",), extra={"name": "ada"}), "a named message"),
        (PublishedMessage(role="user", parts=("{{ question }}",)), "takes for a variable"),
        (PublishedMessage(role="user", parts=("@@@langfusePrompt:name=x|label=y@@@",)), "a reference"),
    ],
)
def test_what_langfuse_has_no_form_for_is_refused(message: PublishedMessage, why: str) -> None:
    with pytest.raises(InputError, match=why):
        make_langfuse_contents("support", make_version(messages=(message, ASKED)), is_text=False)


def test_braces_that_are_no_variable_stay() -> None:
    message = PublishedMessage(role="user", parts=("{{other}} {", Variable(name="question"), "}"))
    found = make_langfuse_contents("support", make_version(messages=(message,)), is_text=False)
    assert found.prompt == ({"role": "user", "content": "{{other}} {{{question}}}"},)


def test_the_same_text_with_another_model_is_another_version() -> None:
    version = make_version(messages=(ASKED,))
    found = make_langfuse_contents("support", version, is_text=False)
    assert found.is_same([{"type": "chatmessage", "role": "user", "content": "{{question}}"}], found.config)
    assert not found.is_same(found.prompt, {**found.config, "model": "other"})
    assert not found.is_same([{"role": "user", "content": "edited"}], found.config)
    assert not found.is_same("{{question}}", found.config)
