"""Prompty files: messages, and the front matter of both specifications."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import PromptVersion
from evalgate.errors import InputError
from evalgate.inputs.prompts import parse_prompt

BODY = "system:\nYou help {{ customer }}.\n\nuser:\n{{ query | trim }}\n"
FIRST = """---
name: support
description: Answers
authors: [ada]
version: "1.2.0"
model:
  api: chat
  configuration:
    type: azure_openai
    azure_endpoint: ${env:ENDPOINT}
    azure_deployment: gpt-5-mini
  parameters:
    max_tokens: 300
    temperature: 0
    response_format: {type: json_object}
    stream: true
    tools: [{type: function, function: {name: find}}]
sample: {customer: Ada, query: Why?}
---
"""
PRESENT = """---
name: support
metadata: {version: "7"}
version: "1.2.0"
model:
  id: gpt-5-mini
  provider: openai
  apiType: chat
  connection: {kind: reference, name: mine}
  options:
    maxOutputTokens: 300
    temperature: 0
    additionalProperties: {response_format: {type: json_object}}
inputs:
  - {name: customer, kind: string}
tools:
  - {name: find, kind: function, description: "", parameters: [{name: word, kind: string, required: true}]}
  - {name: docs, kind: mcp}
template: {format: {kind: jinja2}, parser: {kind: prompty}}
---
"""


def read(text: str) -> PromptVersion:
    return parse_prompt(text.encode(), "p.prompty", "working tree")


def test_the_first_specification() -> None:
    prompt = read(FIRST + BODY)
    assert (prompt.name, prompt.version, prompt.model) == ("support", "1.2.0", "gpt-5-mini")
    assert prompt.parameters == {"max_tokens": 300, "temperature": 0}
    assert prompt.response_format == {"type": "json_object"}
    assert prompt.tools == ({"type": "function", "function": {"name": "find"}},)
    assert prompt.unsent == (
        "model.configuration.type", "model.configuration.azure_endpoint", "model.parameters.stream", "authors", "sample",
    )  # fmt: skip
    assert [m.content for m in prompt.render({"customer": "Ada", "query": " Why? "})] == ["You help Ada.", "Why?"]


def test_the_present_specification() -> None:
    prompt = read(PRESENT + BODY)
    assert (prompt.model, prompt.parameters) == ("gpt-5-mini", {"max_tokens": 300, "temperature": 0})
    assert prompt.response_format == {"type": "json_object"}
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    assert prompt.tools == (
        {"type": "function", "function": {"name": "find", "description": "", "parameters": schema}},
    )
    assert set(prompt.unsent) == {
        "model.provider", "model.connection.kind", "model.connection.name", "tools", "metadata", "inputs",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("front", "syntax"),
    [
        ("", "jinja"), ("template: mustache", "mustache"), ("template: jinja2", "jinja"),
        ("template: {type: jinja2, parser: prompty}", "jinja"), ("template: {format: mustache}", "mustache"),
    ],
)  # fmt: skip
def test_the_syntax_is_jinja_unless_it_is_stated(front: str, syntax: str) -> None:
    assert read(f"---\nname: x\n{front}\n---\nuser:\n{{{{ query }}}}\n").template.syntax == syntax


def test_a_name_from_the_environment_is_not_read() -> None:
    prompt = read("---\nmodel: {configuration: {azure_deployment: '${env:HOME}'}}\n---\n" + BODY)
    assert (prompt.model, prompt.unsent) == (None, ("model.configuration.azure_deployment",))
    assert read("---\nmodel: gpt-5\n---\n" + BODY).model == "gpt-5"


@pytest.mark.parametrize(
    ("front", "wanted"),
    [
        ("model: {api: completion}", 'p.prompty:2:14: "api: completion" is not a chat'),
        ("template: handlebars", "p.prompty:2:11: the template's syntax is not known"),
        ("tools: '${file:tools.json}'", "p.prompty:2:8: ${file:tools.json} is not read from there"),
        ("tools: tools.json", 'p.prompty:2:8: "tools" must be a list'),
        ("model: ' ${file:model.json}'", "p.prompty:2:8: ${file:model.json} is not read from there"),
        ("model: [gpt-5]", 'p.prompty:2:8: "model" must be a name or a mapping'),
        ("model: {api: [chat]}", 'p.prompty:2:14: "api: ["chat"]" is not a chat'),
        ("model: {parameters: '${file:p.json}'}", "p.prompty:2:21: ${file:p.json} is not read from there"),
        ("model: {options: [temperature]}", 'p.prompty:2:18: "model.options" must be a mapping'),
        ("tools: ['${file:a.json}']", "p.prompty:2:9: ${file:a.json} is not read from there"),
        ("model: {parameters: {stop: ['${env:STOP}']}}", "p.prompty:2:29: ${env:STOP} is not read from there"),
        (
            "model: {parameters: {response_format: {type: json_schema, json_schema: ' ${file:s.json}'}}}",
            "p.prompty:2:72: ${file:s.json} is not read from there",
        ),
        ("model: {parameters: {response_format: xml}}", "p.prompty:2:39: response_format must be text"),
        ("version: 1.0", "p.prompty:2:10: version is a number here"),
        ("model: {parameters: {maxTokens: 1, max_tokens: 2}}", 'p.prompty:2:36: "max_tokens" is given twice'),
    ],
)
def test_what_reaches_the_model_is_not_dropped(front: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"---\n{front}\n---\n{BODY}")
    assert str(caught.value).startswith(wanted), str(caught.value)


def make_trees(marked: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    keys = [
        "id", "api", "configuration", "azure_deployment", "name", "parameters", "options", "additionalProperties",
        "tools", "type", "kind", "function", "description", "properties", "required", "response_format", "stop", "other",
    ]  # fmt: skip
    constants = st.sampled_from(["function", "object", "chat", "json_object", True, None])
    own = st.dictionaries(st.sampled_from(keys), constants, max_size=3)
    inner = st.one_of(marked.map(lambda one: [one]), st.tuples(st.sampled_from(keys), marked).map(lambda p: dict([p])))
    return st.one_of(inner, st.tuples(own, st.sampled_from(keys), marked).map(lambda t: {**t[0], t[1]: t[2]}))


@given(
    tree=st.recursive(st.just("MARK"), make_trees, max_leaves=6),
    key=st.sampled_from(["model", "tools", "other"]),
)
def test_what_the_front_matter_says_is_sent_or_named_or_refused(tree: object, key: str) -> None:
    text = f"---\n{json.dumps({key: tree})}\n---\n{BODY}"
    try:
        first, second = read(text), read(text.replace("MARK", "other"))
    except InputError:
        return
    assert first.digest != second.digest or first.unsent


def test_tools_by_name_are_those_of_a_list() -> None:
    one = "kind: function, description: d, parameters: {properties: {w: {kind: string}}, required: [w]}"
    named = read(f"---\ntools: {{find: {{{one}}}}}\n---\n{BODY}")
    listed = read(f"---\ntools: [{{name: find, {one}}}]\n---\n{BODY}")
    assert named.tools == listed.tools and len(named.tools) == 1
    assert named.unsent == listed.unsent == ("tools.parameters.required",)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(InputError, match="the prompt is empty"):
        read("---\nname: x\n---\n")


def test_a_fault_of_the_template_has_its_line() -> None:
    with pytest.raises(InputError, match=r"p\.prompty:5: the template is not valid jinja"):
        read("---\nname: x\n---\nuser:\n{{ query | nothing }}\n")


def test_all_that_a_parameter_of_a_tool_says_is_sent_and_other_keys_are_named() -> None:
    inner = (
        "{name: filter, kind: object, default: {}, minProperties: 1, properties: {a: {type: string}}, required: [a]}"
    )
    tool = f"{{name: find, kind: function, strict: true, parameters: [{inner}, {{name: w, kind: string, required: true}}]}}"
    prompt = read(f"---\nname: x\ntools: [{tool}]\n---\n{BODY}")
    (found,) = prompt.tools
    assert isinstance(found, dict)
    assert found["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "filter": {
                "type": "object", "default": {}, "minProperties": 1,
                "properties": {"a": {"type": "string"}}, "required": ["a"],
            },
            "w": {"type": "string"},
        },
        "required": ["w"],
    }  # fmt: skip
    assert prompt.unsent == ("tools.strict",)


def test_a_long_value_is_searched_for_references_in_one_pass() -> None:
    text = "${" * 30_000
    start = time.process_time()
    assert read(f'---\nmodel: {{id: m, options: {{stop: "{text}"}}}}\n---\nuser:\n{{{{ query }}}}\n').parameters == {
        "stop": text
    }
    assert time.process_time() - start < 3
