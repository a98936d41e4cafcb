"""`when`, `unless` and `from` of checks and judges in a configuration."""

from __future__ import annotations

import pytest

from evalgate.domain import Condition
from evalgate.inputs.config import load_config

from .conftest import HEAD, Project, faults


def read(project: Project, line: str, part: str = "checks"):
    project.write("evalgate.yml", HEAD + f"    {part}:\n      - {line}\n")
    return getattr(load_config(project.tree, "evalgate.yml").gates[0], part)[0]


def test_conditions_are_read(project: Project) -> None:
    check = read(project, "{type: is_json, when: {tags: [a, b], field: kind, in: [x, 1]}, unless: {has: [free.text]}}")
    assert check.when == Condition(tags=("a", "b"), field="kind", values=("x", 1))
    assert check.unless == Condition(has=("free.text",))
    assert check.when.place is not None and check.when.place.line == 7
    judge = read(project, "{rubric: relevance, when: {field: kind, equals: null}}", "judges")
    assert judge.when == Condition(field="kind", values=(None,))


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("{type: is_json, when: {}}", '"when" is empty'),
        ("{type: is_json, when: {tag: [a]}}", 'unknown key "tag"; did you mean "tags"?'),
        ("{type: is_json, when: {field: a}}", '"field" needs "equals" or "in"'),
        ("{type: is_json, unless: {equals: a}}", '"equals" needs "field"'),
        ("{type: is_json, when: {field: a, equals: 1, in: [1]}}", '"equals" and "in" exclude each other'),
        ("{type: length, max_words: {form: n}}", 'unknown key "form"; did you mean "from"?'),
        ("{type: regex, pattern: a, from: b}", '"pattern" and "from" exclude each other'),
        ("{type: regex}", "needs one of: pattern, from"),
        ("{type: latency, p95_seconds: {from: n}}", '"p95_seconds" must be a number, not a mapping'),
    ],
)
def test_faults_of_conditions_have_a_place(project: Project, line: str, wanted: str) -> None:
    found = faults(project, HEAD + f"    checks:\n      - {line}\n")
    assert len(found) == 1
    assert found[0].startswith("evalgate.yml:7:")
    assert wanted in found[0]


@pytest.mark.parametrize(
    ("line", "wanted", "options"),
    [
        ("{type: regex, from: p}", {"pattern": "p"}, {}),
        ("{type: regex, pattern: {from: p}}", {"pattern": "p"}, {}),
        ("{type: json_schema, from: s, formats: true}", {"schema": "s"}, {"formats": True}),
        ("{type: json_schema, schema: {from: s}}", {"schema": "s"}, {}),
        ("{type: required_fields, from: f}", {"fields": "f"}, {}),
        ("{type: length, min_words: 1, max_words: {from: n}}", {"max_words": "n"}, {"min_words": 1}),
        ("{type: length, min_words: {from: m}, max_words: {from: n}}", {"min_words": "m", "max_words": "n"}, {}),
        ("{type: equals, at: {from: place}, from: expected}", {"at": "place"}, {"from": "expected"}),
        ("{type: tool_call, tool: t, arguments: {from: s}}", {"schema": "s"}, {"tool": "t"}),
    ],
)
def test_options_may_be_fields_of_the_case(project: Project, line: str, wanted: dict, options: dict) -> None:
    check = read(project, line)
    assert check.from_case == wanted
    assert check.options == options
    assert set(check.fields) == {*wanted.values(), *([options["from"]] if "from" in options else [])}
