"""Checks, judges and thresholds of a configuration."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.errors import InputError
from evalgate.inputs.config import load_config
from evalgate.score.criterion import validate_criterion

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


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ("{type: start_with, value: x}", 'evalgate.yml:7:16: unknown type "start_with"; did you mean "starts_with"?'),
        ("{type: not_starts_with, value: x}", 'evalgate.yml:7:16: unknown type "not_starts_with"; did you mean'),
        ("{type: starts_with}", "evalgate.yml:7:9: a check needs one of: value, from"),
        ('{type: ends_with, value: " "}', 'evalgate.yml:7:34: "value" must be text that is not blank'),
        ("{type: one_of, values: []}", 'evalgate.yml:7:32: "values" is empty'),
        ("{type: one_of, values: [a], from: f}", 'evalgate.yml:7:37: "values" and "from" exclude each other'),
        ("{type: levenshtein, value: x}", 'evalgate.yml:7:9: "max_distance" is missing in a check'),
        ("{type: levenshtein, value: x, max_distance: -1}", 'evalgate.yml:7:53: "max_distance" must be at least 0'),
        ("{type: levenshtein, value: x, max_distanc: 1}", 'evalgate.yml:7:39: unknown key "max_distanc"; did you mean'),
        ("{type: number}", "evalgate.yml:7:9: a check needs one of: min, max, value, from"),
        ("{type: number, min: two}", 'evalgate.yml:7:29: "min" must be a number or a mapping, not "two"'),
        ("{type: number, min: 2, max: 1}", 'evalgate.yml:7:9: number: "min" is more than "max"'),
        ("{type: number, min: 2, tolerance: 1}", 'evalgate.yml:7:9: number: "tolerance" needs "value" or "from"'),
        ("{type: contains, value: x, words: 1}", 'evalgate.yml:7:43: "words" must be true or false, not 1'),
        (
            "{type: is_json, transform: last_codeblock}",
            'evalgate.yml:7:36: unknown value "last_codeblock"; did you mean "last_code_block"?',
        ),
        ("{type: is_json, transform: {regx: x}}", 'evalgate.yml:7:37: unknown key "regx"; did you mean "regex"?'),
        ("{type: is_json, transform: {pointer: x}}", 'evalgate.yml:7:46: "pointer" must be a JSON Pointer'),
        ('{type: is_json, transform: {regex: "(a"}}', 'evalgate.yml:7:9: RE2 refuses the pattern "(a"'),
        ("{type: is_json, transform: [{regex: a, group: 1}]}", 'evalgate.yml:7:9: the pattern "a" has no group 1'),
        ("{type: is_json, transform: []}", 'evalgate.yml:7:36: "transform" is empty'),
        ("{type: latency, max_seconds: 1, transform: last_code_block}", 'evalgate.yml:7:41: unknown key "transform"'),
        ("{type: is_sql, statements: [selct]}", 'evalgate.yml:7:37: unknown value "selct"; did you mean "select"?'),
        ("{type: is_sql, dialect: mysq}", 'evalgate.yml:7:9: is_sql: unknown dialect "mysq"; did you mean "mysql"?'),
        ("{type: any_of}", 'evalgate.yml:7:9: "checks" is missing in a check'),
        ("{type: any_of, checks: []}", 'evalgate.yml:7:32: "checks" is empty'),
        ("{type: all_of, checks: [{type: latency, max_seconds: 1}]}", 'evalgate.yml:7:40: unknown type "latency"'),
        ("{type: all_of, checks: [{type: is_json, strict: true}]}", 'evalgate.yml:7:49: "strict" has no effect in'),
        ("{type: all_of, checks: [{type: is_json, name: x}]}", 'evalgate.yml:7:49: "name" has no effect in a part'),
        ('{type: any_of, checks: [{type: regex, pattern: "("}]}', "evalgate.yml:7:9: RE2 refuses"),
        ("{type: any_of, checks: [{type: contains_json, schema: no.json}]}", "evalgate.yml:7:63: no such file"),
    ],
)
def test_an_option_that_cannot_work_is_refused_at_its_place(project: Project, check: str, fault: str) -> None:
    project.write("evalgate.yml", HEAD + f"    checks:\n      - {check}\n")
    found = project.faults(lambda: load_config(project.tree, "evalgate.yml", verify=validate_criterion))
    assert len(found) == 1
    assert found[0].startswith(fault)


@pytest.mark.parametrize("kind", ["checks", "judges"])
@pytest.mark.parametrize("key", ["max_drop", "min", "threshold"])
def test_a_threshold_inside_of_a_criterion_is_told_where_it_belongs(project: Project, kind: str, key: str) -> None:
    one = f"{{type: is_json, {key}: 0.9}}" if kind == "checks" else f"{{rubric: relevance, {key}: 0.9}}"
    project.write("evalgate.yml", HEAD + f"    {kind}:\n      - {one}\n")
    with pytest.raises(InputError) as raised:
        load_config(project.tree, "evalgate.yml")
    (fault,) = raised.value.faults
    assert (fault.message, "`thresholds: {NAME: {max_drop: 0.05}}`" in (fault.hint or "")) == (
        f'unknown key "{key}"',
        True,
    )


def test_parts_are_read_with_their_schemas_and_fields(project: Project) -> None:
    project.write("s.json", '{"type": "object"}')
    inner = "{type: contains_json, schema: s.json}, {type: not_contains, from: f, words: true}"
    nested = "{type: all_of, checks: [{type: length, max_words: {from: most}}, {type: number, from: n}]}"
    project.write("evalgate.yml", HEAD + f"    checks:\n      - {{type: any_of, checks: [{inner}, {nested}]}}\n")
    config = load_config(project.tree, "evalgate.yml", verify=validate_criterion)
    (check,) = config.gates[0].checks
    schema, forbidden, both = check.parts
    assert schema.options["schema"] == {"type": "object"} and schema.documents
    assert (forbidden.negated, dict(forbidden.options)) == (True, {"from": "f", "words": True})
    assert [dict(part.from_case) for part in both.parts] == [{"max_words": "most"}, {"value": "n"}]
    assert "s.json" in config.gates[0].files
