from __future__ import annotations

import pytest
from inputs.conftest import HEAD, Project, faults

from evalgate.domain import Config
from evalgate.domain.langfuse_reference import LangfuseSettings
from evalgate.errors import InputError
from evalgate.inputs.config import load_config, read_gate_names
from evalgate.inputs.langfuse_names import (
    find_gates,
    find_production_source,
    find_prompt_name,
    list_unseen,
    make_settings,
    parse_option,
)

GATES = """targets:
  api: {type: openai, base_url: "https://example.org/v1", api_key_env: MY_KEY, model: m}
defaults:
  checks:
    - {type: is_json}
gates:
  - {prompt: "langfuse:team/support@staging", dataset: "langfuse:golden@2026-11-30T12:00:00Z"}
  - {prompt: "langfuse:team/support@canary", name: second, baseline: "langfuse:team/support@3", dataset: cases.jsonl}
  - {prompt: prompts/support.prompt.yml, dataset: cases.jsonl}
langfuse: {host: "https://langfuse.test", secret_key_env: SK}
"""


@pytest.fixture
def config(project: Project) -> Config:
    project.write("evalgate.yml", GATES)
    return load_config(project.tree, "evalgate.yml")


def test_a_gate_names_prompt_baseline_and_dataset_in_langfuse(project: Project, config: Config) -> None:
    first, second, third = config.gates
    assert (first.name, first.prompt) == ("team/support", "langfuse:team/support@staging")
    assert (second.baseline, second.files) == ("langfuse:team/support@3", ())
    assert list_unseen(first) == ("langfuse:team/support@staging", "langfuse:golden@2026-11-30T12:00:00Z")
    assert list_unseen(third) == ()
    assert config.langfuse == LangfuseSettings(host="https://langfuse.test", secret_key_env="SK")
    assert read_gate_names(project.tree, "evalgate.yml") == {gate.name: gate.prompt for gate in config.gates}


def test_the_gates_of_a_prompt_are_found(config: Config) -> None:
    first, second, third = config.gates
    assert find_gates(config, "team/support") == (first, second)
    assert find_gates(config, "support") == (third,) and find_gates(config, "other") == ()
    assert (find_prompt_name(first), find_prompt_name(third)) == ("team/support", None)
    assert find_production_source(second) == "langfuse:team/support@production"
    assert find_production_source(third) is None


def test_the_template_of_a_file_is_not_that_of_a_prompt_in_langfuse(project: Project) -> None:
    project.write("a.md", "Answer {query}")
    lines = (
        '  - {prompt: a.md, template: fstring, baseline: "langfuse:a@production", dataset: cases.jsonl}',
        '  - {prompt: "langfuse:b@staging", template: jinja, baseline: "langfuse:b@3", dataset: cases.jsonl}',
    )
    project.write("evalgate.yml", f"{GATES.partition('gates:')[0]}gates:\n" + "\n".join(lines) + "\n")
    file, named = load_config(project.tree, "evalgate.yml").gates
    assert (file.settings.template, file.baseline_settings.template) == ("fstring", None)
    assert (named.settings.template, named.baseline_settings.template) == ("jinja", "jinja")
    assert make_settings(file).template is None and make_settings(named).template == "jinja"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("prompt", "langfuse:support", "names no prompt in Langfuse\n  hint: write langfuse:NAME@LABEL"),
        ("baseline", "langfuse:support@A", "names no prompt in Langfuse"),
        ("dataset", "langfuse:golden@production", "names no dataset in Langfuse"),
    ],
)
def test_another_form_is_a_fault_with_its_place(project: Project, key: str, value: str, said: str) -> None:
    gate = {"prompt": "prompts/support.prompt.yml", "dataset": "cases.jsonl", key: value}
    lines = "".join(f'    {name}: "{written}"\n' for name, written in gate.items())
    (fault,) = faults(project, f"{GATES.partition('gates:')[0]}gates:\n  - name: x\n{lines}")
    assert fault.startswith(f"evalgate.yml:{8 + list(gate).index(key)}:") and f'"{value}" {said}' in fault


def test_the_server_has_an_address(project: Project) -> None:
    (fault,) = [one for one in faults(project, f"{HEAD}langfuse: {{host: x}}\n") if "langfuse" in one or "host" in one]
    assert "https://cloud.langfuse.com" in fault


def test_an_option_of_another_form_is_refused() -> None:
    assert parse_option("langfuse:a@7", "--source").version == 7
    with pytest.raises(InputError, match="--source: "):
        parse_option("a@7", "--source")
