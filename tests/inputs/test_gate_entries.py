"""Gates of patterns, and the defaults of all gates."""

from __future__ import annotations

import pytest

from evalgate.domain import Config
from evalgate.inputs.config import load_config, read_gate_names

from .conftest import PROMPT, Project, faults

TOP = "targets:\n  api: {type: openai, model: m}\n"


def load(project: Project, text: str) -> Config:
    project.write("evalgate.yml", TOP + text)
    return load_config(project.tree, "evalgate.yml")


@pytest.fixture
def many(project: Project) -> Project:
    for name in ("a/one.prompt.yml", "a/two.prompt.yml", "b/three.md", "b/README.md"):
        project.write(f"prompts/{name}", PROMPT if name.endswith("yml") else "Answer {{query}}")
    return project


CHECKS = "    checks: [{type: is_json}]\n"


def test_a_pattern_makes_one_gate_for_each_file(many: Project) -> None:
    text = "gates:\n  - prompt: prompts/**/*.prompt.yml\n    dataset: cases.jsonl\n" + CHECKS
    config = load(many, text)
    names = ["prompts/a/one.prompt.yml", "prompts/a/two.prompt.yml", "prompts/support.prompt.yml"]
    assert [gate.name for gate in config.gates] == [gate.prompt for gate in config.gates] == names
    assert config.has_patterns
    assert list(read_gate_names(many.tree, "evalgate.yml").items()) == list(zip(names, names, strict=True))
    assert len({id(gate.checks[0]) for gate in config.gates}) == 1


def test_a_named_file_and_excluded_ones_are_not_part_of_a_pattern(many: Project) -> None:
    text = (
        "gates:\n  - prompt: prompts/**/*\n    exclude: [prompts/**/README.md, prompts/a/*]\n    dataset: cases.jsonl\n"
        f"{CHECKS}  - prompt: prompts/support.prompt.yml\n    dataset: cases.jsonl\n{CHECKS}"
    )
    config = load(many, text)
    assert [(gate.name, gate.pattern) for gate in config.gates] == [
        ("prompts/b/three.md", "prompts/**/*"),
        ("support", None),
    ]


def test_a_file_with_a_wildcard_in_its_name_is_a_file(many: Project) -> None:
    many.write("prompts/[x].md", "Answer {{query}}")
    config = load(many, 'gates:\n  - prompt: "prompts/[x].md"\n    dataset: cases.jsonl\n' + CHECKS)
    assert [(gate.prompt, gate.pattern) for gate in config.gates] == [("prompts/[x].md", None)]


def test_defaults_are_those_of_every_gate_and_its_own_keys_replace_them(many: Project) -> None:
    many.write("other.jsonl", '{"id": "a", "query": "q"}\n')
    text = (
        "defaults:\n  dataset: cases.jsonl\n  checks: [{type: is_json}, {type: length, max_words: 9}]\n"
        "  samples: {baseline: 5}\n  thresholds: {length: {min: 0.5}}\n"
        "gates:\n  - prompt: prompts/a/*.yml\n  - prompt: prompts/support.prompt.yml\n    dataset: other.jsonl\n"
        "    checks: [{type: equals, value: x}]\n    samples: {candidate: 2}\n    thresholds: {}\n"
    )
    config = load(many, text)
    assert [gate.dataset for gate in config.gates] == ["cases.jsonl", "cases.jsonl", "other.jsonl"]
    assert [[check.name for check in gate.checks] for gate in config.gates[1:]] == [["is_json", "length"], ["equals"]]
    assert [(gate.baseline_samples, gate.candidate_samples) for gate in config.gates[1:]] == [(5, 1), (3, 2)]
    assert [set(gate.thresholds) for gate in config.gates[1:]] == [{"length"}, set()]


def test_each_prompt_may_have_its_own_dataset(many: Project) -> None:
    for name in ("a/one", "a/two"):
        many.write(f"golden/{name}.jsonl", '{"id": "a", "query": "q"}\n')
    text = "defaults:\n  dataset: golden/{dir}/{stem}.jsonl\ngates:\n  - prompt: prompts/**/[ot]*.prompt.yml\n"
    config = load(many, text + CHECKS)
    assert [gate.dataset for gate in config.gates] == ["golden/a/one.jsonl", "golden/a/two.jsonl"]
    many.write("prompts/c/odd.prompt.yml", PROMPT)
    assert faults(many, TOP + text + CHECKS) == ['evalgate.yml:4:12: no such file: "golden/c/odd.jsonl"']


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("gates:\n  - prompt: prompts/*.toml\n    dataset: cases.jsonl\n" + CHECKS, 'no prompt file matches "prompts/*.toml"'),
        ("gates:\n  - prompt: promts/**/*.md\n    dataset: cases.jsonl\n" + CHECKS, 'no prompt file matches "promts/**/*.md"'),
        ("gates:\n  - {name: x, prompt: prompts/*, dataset: cases.jsonl, checks: [{type: is_json}]}\n", "named by the paths"),
        ("gates:\n  - {prompt: ../*.md, dataset: cases.jsonl, checks: [{type: is_json}]}\n", "is outside of the project"),
        ("gates:\n  - prompt: prompts/*\n" + CHECKS, '"dataset" is missing in a gate'),
        ("defaults: {datset: cases.jsonl}\ngates:\n  - prompt: prompts/*\n    dataset: cases.jsonl\n" + CHECKS, 'unknown key "datset"; did you mean "dataset"?'),
        ("defaults: {prompt: a.md}\ngates:\n  - prompt: prompts/*\n    dataset: cases.jsonl\n" + CHECKS, 'unknown key "prompt"'),
        ("defaults: {checks: [{type: length}]}\ngates:\n  - prompt: prompts/**/*\n    dataset: cases.jsonl\n", "needs one of: min_chars"),
        ("gates:\n  - prompt: prompts/*\n    dataset: cases.jsonl\n" + CHECKS + "  - prompt: prompts/**/*.yml\n    dataset: cases.jsonl\n" + CHECKS, 'the gate "prompts/support.prompt.yml" is defined twice'),
        ("ungated: never\ngates:\n  - prompt: prompts/*\n    dataset: cases.jsonl\n" + CHECKS, 'unknown value "never"'),
    ],
)  # fmt: skip
def test_faults_of_patterns_and_defaults_are_told_once(many: Project, text: str, wanted: str) -> None:
    found = faults(many, TOP + text)
    assert len(found) == 1, found
    assert wanted in found[0]
    assert found[0].startswith("evalgate.yml:")


def test_too_many_matches_are_refused(many: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.inputs.config.MOST_MATCHES", 2)
    found = faults(many, TOP + "gates:\n  - prompt: prompts/**/*\n    dataset: cases.jsonl\n" + CHECKS)
    assert "files match; at most 2 may" in found[0]
