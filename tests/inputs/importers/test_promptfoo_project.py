"""Tests of a whole configuration of promptfoo: the project is valid, and what it holds is what the file says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from foreign_config import import_at, import_valid

from evalgate.errors import InputError

CONFIG = """
description: Support
prompts:
  - file://support.txt
  - id: short
    label: short
    raw: |-
      Answer briefly.
      {{ question }}
providers:
  - id: openai:chat:gpt-5-mini
    config: {temperature: 0, max_tokens: 300}
  - anthropic:messages:claude-haiku
  - python:provider.py
assertionTemplates:
  kind: &kind {type: llm-rubric, value: Is it kind?}
defaultTest:
  vars: {shop: Tents}
  assert:
    - $ref: '#/assertionTemplates/kind'
    - {type: javascript, value: output.length < 500}
tests:
  - description: Refund after 30 days
    vars: {question: Can I get a refund?}
    assert:
      - {type: icontains, value: refund}
      - {type: contains, value: '30'}
  - vars: {question: [Do you ship to Bern?, Do you ship to Oslo?]}
    assert:
      - {type: icontains-any, value: [ship, deliver]}
      - {type: llm-rubric, value: 'Names the country of {{question}}'}
  - vars: {question: file://question.txt, id: x7}
    assert:
      - {type: python, value: file://check.py}
"""


def test_a_configuration_becomes_a_valid_project(tmp_path: Path) -> None:
    found = import_valid(
        tmp_path, CONFIG, support__txt="You help at {{shop}}.\n{{question}}\n", question__txt="Where are you?\n"
    )
    assert list(found.config) == ["format", "targets", "defaults", "gates"]
    assert found.config["targets"]["gpt-5-mini"] == {
        "type": "openai", "base_url": "https://api.openai.com/v1", "api_key_env": "OPENAI_API_KEY",
        "model": "gpt-5-mini", "parameters": {"temperature": 0, "max_tokens": 300},
    }  # fmt: skip
    assert found.config["gates"] == [
        {"prompt": "support.txt", "template": "jinja", "target": "gpt-5-mini"},
        {"prompt": "prompts/short.prompt.yml", "target": "gpt-5-mini"},
    ]
    assert found.project.kept == ("support.txt",)
    assert [case["id"] for case in found.cases] == ["Refund-after-30-days", "test-2", "test-3", "test-4"]
    assert [case["question"] for case in found.cases][1:] == [
        "Do you ship to Bern?",
        "Do you ship to Oslo?",
        "Where are you?",
    ]
    assert {case["shop"] for case in found.cases} == {"Tents"} and found.cases[3]["id_value"] == "x7"
    assert found.checks == [
        {"type": "length", "max_chars": 499},
        {"type": "contains", "value": "refund", "when": {"ids": ["Refund-after-30-days"]}, "ignore_case": True},
        {"type": "contains", "name": "contains_2", "value": "30", "when": {"ids": ["Refund-after-30-days"]}},
        {"type": "contains_any", "values": ["ship", "deliver"], "when": {"ids": ["test-2", "test-3"]}, "ignore_case": True},
    ]  # fmt: skip
    assert found.shared["judges"] == [
        {"rubric": "rubrics/llm-rubric.md"},
        {"rubric": "rubrics/llm-rubric_2.md", "when": {"has": ["criteria"]}},
    ]
    assert found.cases[1]["criteria"] == "Names the country of Do you ship to Bern?"
    assert "Is it kind?" in found.project.files["rubrics/llm-rubric.md"]
    assert found.left_out == ["promptfooconfig.yaml:34:9: the assertion python: check.py is not at hand"]
    assert found.changed == ['promptfooconfig.yaml: the variable "id" is the field "id_value"']
    assert found.open == [
        "promptfooconfig.yaml:14:5: the provider python:provider.py has no counterpart: replace its target, a placeholder"
    ]
    short = yaml.safe_load(found.project.files["prompts/short.prompt.yml"])
    assert short["messages"] == [{"role": "user", "content": "Answer briefly.\n{{ question }}"}]


def test_a_value_that_differs_by_test_becomes_a_field(tmp_path: Path) -> None:
    tests = [
        {"vars": {"q": str(n), "want": f"w{n}"}, "assert": [{"type": "equals", "value": "{{want}}"}, {"type": "contains", "value": f"c{n}"}]}
        for n in range(3)
    ]  # fmt: skip
    found = import_valid(tmp_path, {"prompts": ["{{q}}"], "providers": ["openai:m"], "tests": tests})
    assert found.checks == [{"type": "equals", "from": "want"}, {"type": "contains_all", "from": "expected_contains"}]
    assert found.cases[2] == {"id": "test-3", "q": "2", "want": "w2", "expected_contains": "c2"}


def test_a_prompt_that_is_not_at_hand_is_a_placeholder(tmp_path: Path) -> None:
    config = {"prompts": ["file://gone.txt", "file://made.py:f"], "providers": ["openai:m"],
              "tests": [{"vars": {"q": n}, "assert": [{"type": "is-json"}]} for n in "ab"]}  # fmt: skip
    found = import_valid(tmp_path, config)
    assert found.left_out == []
    assert {each.split(": ", 1)[1] for each in found.open} == {
        "the prompt file://made.py:f is made by code or by a service: write it down in its file",
        "the prompt file://gone.txt is not at hand: write it down in its file",
    }
    assert "REPLACE: the prompt (file://gone.txt) is not at hand.\nq: {{ q }}" in str(
        yaml.safe_load(found.project.files["prompts/gone.prompt.yml"])["messages"][0]["content"]
    )


def test_a_prompt_that_evalgate_cannot_read_is_named(tmp_path: Path) -> None:
    config = {
        "prompts": ["{{ q | allcaps }}"],
        "providers": ["openai:m"],
        "tests": [{"vars": {"q": "a"}, "assert": [{"type": "is-json"}]}],
    }
    found = import_valid(tmp_path, config)
    assert any("allcaps" in each for each in found.open)
    assert found.checks == [{"type": "is_json"}]


def test_a_prompt_that_cannot_show_the_images_of_the_cases_is_to_do(tmp_path: Path) -> None:
    part = {"type": "image_url", "image_url": {"url": "{{image}}"}}
    config = {
        "prompts": [json.dumps([{"role": "user", "content": [part]}])],
        "providers": ["openai:m"],
        "tests": [{"vars": {"image": ""}, "assert": [{"type": "is-json"}]}],
    }
    found = import_valid(tmp_path, config)
    assert found.left_out == [] and found.checks == [{"type": "is_json"}]
    assert any("names no image" in each for each in found.open)


def test_tests_of_a_prompt_without_variables_are_one_case(tmp_path: Path) -> None:
    config = {"prompts": ["Write a haiku."], "providers": ["openai:m"],
              "tests": [{"assert": [{"type": "contains", "value": each}]} for each in "ab"]}  # fmt: skip
    found = import_valid(tmp_path, config)
    assert len(found.cases) == 1 and len(found.checks) == 2
    assert found.changed == ["promptfooconfig.yaml:1:70: 2 tests with equal requests are one case"]


def test_tools_and_formats_of_the_provider_are_those_of_the_prompt(tmp_path: Path) -> None:
    tool = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    provider = {"id": "openai:m", "config": {"tools": [tool], "response_format": {"type": "json_object"}}}
    config = {
        "prompts": ["{{q}}"],
        "providers": [provider],
        "tests": [{"vars": {"q": "a"}, "assert": [{"type": "is-valid-openai-tools-call"}]}],
    }
    found = import_valid(tmp_path, config)
    prompt = yaml.safe_load(found.project.files["prompts/cases.prompt.yml"])
    assert (prompt["tools"], prompt["responseFormat"]) == ([tool], "json_object")
    assert found.checks == [
        {"type": "tool_call", "arguments": tool["function"]["parameters"], "tool": "weather", "only": True}
    ]  # type: ignore[index]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("results: {version: 3}", "is a file of results"),
        ("- a", "is not a configuration"),
        ("prompts: [a]\nredteam: {plugins: [x]}", "has no tests"),
        ("prompts: [a\n", "not valid YAML"),
        ("a: {$ref: '#/b'}\nb: {$ref: '#/a'}", "has no end"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, config: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        import_at(tmp_path, config)


def test_keys_without_a_counterpart_are_named(tmp_path: Path) -> None:
    found = import_at(
        tmp_path,
        "prompts: ['{{q}}']\nextensions: [file://x.js, 'file://x.js:afterAll']\noutputPath: x.json\n"
        "redteam: {}\nenv: {KEY: a}\nderivedMetrics: []\nnonsense: 1\nnunjucksFilters: {}\n"
        "tests:\n- vars: {q: a}\n  assert: [{type: is-json}]\n",
    )
    assert found.left_out == [
        "promptfooconfig.yaml:2:1: the extension file://x.js",
        "promptfooconfig.yaml:8:1: `nunjucksFilters`",
    ]
    assert [each.split(": ", 1)[1] for each in found.changed] == [
        "the extension file://x.js:afterAll runs after a decision, and is not needed here",
        "`redteam`: red teaming stays with promptfoo, whose `eval` does not read it",
        "`derivedMetrics` decides nothing, and is not needed here",
        "`nonsense` is not a key of promptfoo, which ignores it",
    ]
    assert "promptfooconfig.yaml:5:1: `env`: set the environment variables where the gate runs: KEY" in found.open
