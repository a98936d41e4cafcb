from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from release.documents import make_version

from evalgate.release.document import PublishedMessage, Variable
from evalgate.release.runtime.rendering import render_messages


def test_messages_are_filled_in_with_text_and_the_messages_of_a_history() -> None:
    history = PublishedMessage(role="history", parts=(Variable(name="conversation"),))
    version = make_version()
    version = replace(version, messages=(*version.messages, history))
    turns = [{"role": "user", "content": "{{name}}"}]
    found = render_messages(version, {"name": "$& {{name}} \u2028 😀", "conversation": turns})
    assert found == [
        {"role": "system", "content": "You are support."},
        {"role": "user", "content": "Hello $& {{name}} \u2028 😀!"},
        {"role": "user", "content": "{{name}}"},
    ]
    assert found[2] is not turns[0]


@pytest.mark.parametrize(
    ("given", "error", "named"),
    [
        ({}, KeyError, "name"),
        ({"name": "Ada", "nmae": "Ada"}, TypeError, "nmae"),
        ({"name": float("nan")}, TypeError, "name"),
        ({"name": object()}, TypeError, "name"),
    ],
)
def test_a_missing_unknown_or_unfit_variable_is_named(
    given: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        render_messages(make_version(), given)


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (1.0, "1.0"), (True, "true"), ({"a": "ü"}, '{"a": "ü"}')])
def test_other_data_is_inserted_as_the_gate_inserts_it(value: Any, text: str) -> None:
    assert render_messages(make_version(), {"name": value})[1]["content"] == f"Hello {text}!"


@pytest.mark.parametrize("value", [True, None, [1], {"k": "v"}])
def test_a_version_of_plain_values_takes_text_and_numbers_alone(value: Any) -> None:
    version = replace(make_version(), plain_values=True)
    with pytest.raises(TypeError, match='"name" must be text or a number'):
        render_messages(version, {"name": value})
    assert [render_messages(version, {"name": one})[1]["content"] for one in ("x", 7, 0.5)] == [
        "Hello x!",
        "Hello 7!",
        "Hello 0.5!",
    ]
