"""Tests of the files of a new project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import placeholders
from evalgate.inputs import starter_files
from evalgate.inputs.prompts import parse_prompt
from evalgate.inputs.starter_files import NewGate

ROOT = Path(__file__).parents[2]


def test_the_workflow_is_that_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [text for text in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if "\njobs:\n" in text]
    assert [text.encode() for text in shown] == [starter_files.load_resource("prompts.yml")]


def test_the_schema_is_the_one_that_is_checked_against() -> None:
    shared = starter_files.make_shared_files("schema.json")
    assert shared["schema.json"] == (ROOT / "evalgate/inputs/evalgate.schema.json").read_bytes()
    config = starter_files.add_schema_line(starter_files.make_sample_config(), "schema.json")
    assert config.startswith("# yaml-language-server: $schema=schema.json\nformat: 1\n")


def test_the_sample_has_eight_real_cases_and_an_answer_to_each() -> None:
    files = starter_files.make_sample_files()
    cases = [json.loads(line) for line in files[starter_files.SAMPLE_CASES].splitlines()]
    answers = [json.loads(line) for line in files["golden/support.before.jsonl"].splitlines()]
    assert [case["id"] for case in cases] == [answer["case"] for answer in answers]
    assert len({case["query"] for case in cases}) == starter_files.CASES
    assert placeholders.PLACEHOLDER not in files[starter_files.SAMPLE_CASES].decode()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
@pytest.mark.parametrize("suffix", ["", ".md"])
def test_any_path_is_read_back_as_it_is(suffix: str, stem: str) -> None:
    version = parse_prompt(b"hi {{q}}", "p.md", "test")
    gate = NewGate(prompt=stem + suffix, dataset=f"golden/{stem}.jsonl", version=version, name=stem)
    (read,) = yaml.safe_load(starter_files.make_config([gate], "api"))["gates"]
    assert [read["prompt"], read["dataset"], read["name"]] == [stem + suffix, f"golden/{stem}.jsonl", stem]


@pytest.mark.parametrize(
    ("prompt", "model", "check"),
    [
        ("hi {{q}}", "gpt-5-mini", "not_contains"),
        ("---\nmodel: mine\n---\nhi {{q}}", None, "not_contains"),
        ("---\nresponseFormat: json_object\n---\nhi {{q}}", "gpt-5-mini", "is_json"),
    ],
)
def test_the_model_is_that_of_the_prompt_and_json_is_checked_as_json(
    prompt: str, model: str | None, check: str
) -> None:
    gate = NewGate(prompt="p.md", dataset="p.jsonl", version=parse_prompt(prompt.encode(), "p.md", "test"))
    config = yaml.safe_load(starter_files.make_config([gate], "api"))
    assert config["targets"]["api"].get("model") == model
    assert [one["type"] for one in config["gates"][0]["checks"]] == [check, "length"]
    assert list(yaml.safe_load(starter_files.make_config([gate], "embedded"))["targets"]) == ["embedded"]


def test_cases_have_a_placeholder_of_its_kind_for_each_variable() -> None:
    prompt = """
messages:
  - {history: past}
  - role: user
    content: [{type: text, text: "{{first name}} {{query}} {{query}}"}, {type: image, image: "{{picture}}"}]
"""
    rows = starter_files.make_cases(parse_prompt(prompt.encode(), "p.prompt.yml", "test")).splitlines()
    assert json.loads(rows[1]) == {
        "id": "case-2",
        "past": [{"role": "user", "content": "REPLACE: past 2"}],
        "first name": "REPLACE: first name 2",
        "query": "REPLACE: query 2",
        "picture": "https://example.com/REPLACE-2.png",
    }
    assert len(set(rows)) == starter_files.CASES


def test_a_prompt_without_variables_gets_one_field() -> None:
    rows = starter_files.make_cases(parse_prompt(b"Be kind.", "p.md", "test")).splitlines()
    assert list(json.loads(rows[0])) == ["id", "query"]
