"""Prompts of one text, with the front matter of editors."""

from __future__ import annotations

import pytest

from evalgate.domain import Level, PromptVersion
from evalgate.errors import InputError
from evalgate.inputs.prompts import parse_prompt
from evalgate.plan.prompt_diff import describe_differences


def read(text: str, path: str = "p.prompt.md") -> PromptVersion:
    return parse_prompt(text.encode(), path, "working tree")


def test_keys_of_an_editor_are_named_and_not_sent() -> None:
    prompt = read(
        "---\nmode: agent\nagent: 'reviewer'\ntools: ['search', 'edit']\nmodel: GPT-5 (copilot)\nargument-hint: a path\n"
        "applyTo: '**/*.py'\ndescription: Reviews\nname: review\ntitle: Review\nnever-heard-of: 1\nempty:\n---\nReview it.\n"
    )
    assert prompt.unsent == (
        "mode", "agent", "tools", "model", "argument-hint", "applyTo", "title", "never-heard-of", "empty",
    )  # fmt: skip
    assert (prompt.name, prompt.model, prompt.tools) == ("review", None, ())
    assert prompt.digest == read("Review it.").digest


def test_keys_in_the_form_of_the_api_are_sent() -> None:
    prompt = read(
        "---\nmodel: gpt-5-mini\ntools: [{type: function, function: {name: f}}]\nmodelParameters: {temperature: 0}\n---\nx"
    )
    assert (prompt.model, len(prompt.tools), prompt.parameters) == ("gpt-5-mini", 1, {"temperature": 0})
    assert prompt.unsent == ()


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("modle: gpt-5", 'unknown key "modle"; did you mean "model"?'),
        ("verison: '1.0.0'", 'unknown key "verison"; did you mean "version"?'),
        ("temperature: 0", 'unknown key "temperature"'),
        ("maxTokens: 5", 'unknown key "maxTokens"'),
        ("messages: []", 'unknown key "messages"'),
        ("role: pirate", 'unknown value "pirate" for "role"'),
        ("template: handlebars", 'unknown value "handlebars" for "template"'),
    ],
)
def test_a_key_that_would_reach_the_model_is_not_dropped(key: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"---\n{key}\n---\nx\n")
    assert any(wanted in str(fault) for fault in caught.value.faults), str(caught.value)


def test_a_code_fence_around_the_file_is_no_text() -> None:
    prompt = read("````prompt\n---\nmode: ask\n---\nReview {{ query | x }} ```py\n```\n````\n")
    assert prompt.messages[0].content == "Review {{ query | x }} ```py\n```"
    assert prompt.starts[0] is not None and prompt.starts[0].line == 5
    with pytest.raises(InputError, match=r"p\.prompt\.md:3:1: unknown key"):
        read("````prompt\n---\nmodle: x\n---\nReview\n````\n")
    assert read("```prompt\n---\nx\n---\ny\n```\n", "p.md").messages[0].content.startswith("```prompt")


def test_a_text_begins_where_the_file_says() -> None:
    prompt = read("---\nmode: ask\n---\n\n\nfirst\nsecond\n")
    start = prompt.starts[0]
    assert start is not None
    assert start.locate(prompt.messages[0].content, 6) == (7, 1)


def test_a_jinja_file_with_role_markers_is_a_chat() -> None:
    prompt = read("# system:\nBe kind.\n\n# user:\n{{ query }}\n", "p.jinja2")
    assert [(m.role, m.content) for m in prompt.messages] == [("system", "Be kind."), ("user", "{{ query }}")]
    assert [m.role for m in read("Say\nsystem:\nx", "p.j2").messages] == ["user"]
    assert [m.role for m in read("system:\nx", "p.md").messages] == ["user"]


@pytest.mark.parametrize("path", ["p.md", "p.prompt.md", "p.txt", "p.xml", "p.j2", "p"])
@pytest.mark.parametrize("front", ["version: 1.0.0\n", "description: Be rude.\n", "# Be rude.\n", ""])
def test_front_matter_in_a_text_that_had_none_is_no_patch(path: str, front: str) -> None:
    """An application that reads the whole file sends it; one that cuts it has cut it before."""
    text = "Answer {{ query }}.\n"
    old, new = read(text, path), read(f"---\n{front}---\n{text}", path)
    assert (old.has_front_matter, new.has_front_matter) == (False, True)
    assert new.digest == old.digest
    level, reasons = describe_differences(new, old, minor_share=0.05, minor_words=60)
    assert level is Level.MINOR and reasons == ["front matter added"]
    other = parse_prompt(b'[{"role": "user", "content": "Answer {{ query }}."}]', "p.json", "p.json")
    for before in (new, other):
        assert "front matter" not in str(describe_differences(new, before, minor_share=0.05, minor_words=60))
