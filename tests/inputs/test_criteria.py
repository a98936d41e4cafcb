"""Checks, judges and thresholds of a configuration."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.inputs.config import load_config

from .conftest import HEAD, RUBRIC, Project, faults


@pytest.mark.parametrize(
    "key",
    [
        "model",
        "messages",
        "response_format",
        "responseFormat",
        "stream",
        "stream_options",
        "n",
        "tools",
        "logprobs",
        "top_logprobs",
    ],
)
def test_a_judge_keeps_what_its_reply_is_read_by(project: Project, key: str) -> None:
    found = faults(project, HEAD + f"    judges:\n      - {{rubric: relevance, parameters: {{seed: 1, {key}: 1}}}}\n")
    assert len(found) == 1
    assert found[0].startswith(f'evalgate.yml:7:51: "{key}" cannot be a parameter of a judge')


def test_recorded_outputs_cannot_judge(project: Project) -> None:
    project.write("o.jsonl", '{"case": "a", "text": "t"}')
    text = (
        HEAD.replace("{type: openai}", "{type: recorded, path: o.jsonl}")
        + "    judges:\n      - {rubric: relevance%s}\n"
    )
    assert faults(project, text % ", target: api") == [
        'evalgate.yml:7:37: a judge cannot use "api": recorded outputs are answers to cases, not to judges\n'
        "  hint: give the judge a target of type openai or local"
    ]
    assert faults(project, text % "") == [
        'evalgate.yml:7:9: "target" is missing in a judge: the gate has no single model to use'
    ]


def test_a_shared_rubric_is_told_once(project: Project) -> None:
    project.write("tone.md", RUBRIC.replace('"1.0.0"', "1"))
    found = faults(
        project, HEAD + "    judges:\n      - {rubric: tone.md, name: a}\n      - {rubric: tone.md, name: b}\n"
    )
    assert found == ['tone.md:3:10: version is a number here (1): quote it, "1.0.0"']


def test_verify_refuses_at_the_criterion(project: Project) -> None:
    def verify(criterion: Any) -> None:
        raise ValueError(f"{criterion.name} displeases")

    assert project.faults(lambda: load_config(project.tree, "evalgate.yml", verify=verify)) == [
        "evalgate.yml:8:9: is_json displeases"
    ]
