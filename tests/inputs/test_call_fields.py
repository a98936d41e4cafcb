"""Tests of the fields of a case that a logged call gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.text import Json
from evalgate.errors import InputError
from evalgate.inputs.call_fields import read_call_fields
from evalgate.inputs.logged_calls import LoggedCall
from evalgate.inputs.prompts import parse_prompt

PROMPT = (
    'messages:\n  - {role: system, content: be brief}\n  - {role: user, content: "Q: {{query}}\\nC: {{context}}"}\n'
)


def read(given: Json, text: str = PROMPT, known: dict[str, Json] | None = None, **paths: str) -> dict[str, Json]:
    prompt = parse_prompt(text.encode(), "a.prompt.yml", "a.prompt.yml")
    return read_call_fields(LoggedCall(id=None, input=given, output="here"), prompt, known or {}, paths)


def chat(user: str) -> Json:
    return [{"role": "system", "content": "be brief"}, {"role": "user", "content": user}]


def test_variables_are_taken_by_name_and_by_path() -> None:
    assert read({"query": "q", "context": "c", "other": 1}) == {"query": "q", "context": "c"}
    paths = {"query": "input.data.question", "context": "output"}
    assert read({"data": {"question": "q"}}, **paths) == {"query": "q", "context": "here"}
    assert read(chat("whole"), query="user", context="input.0.content") == {"query": "whole", "context": "be brief"}


def test_a_message_is_read_where_one_set_of_values_fits() -> None:
    assert read(chat("Q: where?\nC: there")) == {"query": "where?", "context": "there"}
    for text in ("Q: where?\nC: there\nC: too", "where?", "Q: where?"):
        with pytest.raises(InputError, match="does not say what context, query are"):
            read(chat(text))


def test_one_text_is_the_only_variable() -> None:
    one = 'messages:\n  - {role: user, content: "{{query}}"}\n'
    assert read("where?", one) == {"query": "where?"}
    assert read("where?", known={"context": "c"}) == {"query": "where?"}
    with pytest.raises(InputError, match="--set context=TEXT"):
        read("where?")


def test_a_path_without_a_value_is_refused() -> None:
    with pytest.raises(InputError, match=r"no value at .input\.x"):
        read({"query": "q"}, context="input.x")


@given(st.text(), st.text())
def test_what_was_rendered_is_read_back_or_refused(query: str, context: str) -> None:
    sent = f"Q: {query}\nC: {context}"
    try:
        found = read(chat(sent))
    except InputError:
        assert sent.removeprefix("Q: ").count("\nC: ") != 1
        return
    assert found == {"query": query, "context": context}
