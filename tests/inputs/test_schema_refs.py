"""Schemas and the files that their references reach."""

from __future__ import annotations

import pytest

from evalgate.inputs.config import load_config

from .conftest import CONFIG, HEAD, Project, faults


@pytest.mark.parametrize(
    ("schema", "others", "wanted"),
    [
        (
            '{"$ref": "http://evil.example/x"}',
            {},
            'data/s.json:1:10: the reference "http://evil.example/x" would reach the network',
        ),
        (
            '{"$ref": "../secret.json"}',
            {"secret.json": "{}"},
            'the reference "../secret.json" is outside of the dataset\'s folder, "data"',
        ),
        ('{"$ref": "x/../../secret.json"}', {"secret.json": "{}"}, 'is outside of the dataset\'s folder, "data"'),
        ('{"$ref": "%2e%2e/secret.json"}', {"secret.json": "{}"}, 'is outside of the dataset\'s folder, "data"'),
        ('{"$ref": "file:///etc/passwd"}', {}, 'is outside of the dataset\'s folder, "data"'),
        ('{"$ref": "/etc/passwd"}', {}, 'is outside of the dataset\'s folder, "data"'),
        ('{"$ref": "../../../../etc/passwd"}', {}, 'is outside of the dataset\'s folder, "data"'),
        ('{"$ref": "//evil.example/x"}', {}, "data/s.json:1:10: the reference"),
        ('{"$ref": "none.json"}', {}, 'data/s.json:1:10: the reference "none.json" names a missing file'),
        ('{"items": [{"a": {"$dynamicRef": "none.json"}}]}', {}, 'the reference "none.json" names a missing file'),
        (
            '{"$id": "https://e.org/a/", "$ref": "b.json"}',
            {"data/b.json": "{}"},
            'the reference "b.json" would reach the network',
        ),
        ('{"$ref": "b.json"}', {"data/b.json": '{"a": NaN}'}, "data/b.json:1:7: NaN is not a number in JSON"),
        ('{"a": 1, "a": 2}', {}, 'data/s.json:1:10: the key "a" is given twice'),
    ],
)
def test_a_schema_reaches_only_the_dataset_s_folder(
    project: Project, schema: str, others: dict[str, str], wanted: str
) -> None:
    for path, text in {"data/s.json": schema, "data/cases.jsonl": '{"id": "a"}', **others}.items():
        project.write(path, text)
    text = (
        HEAD.replace("dataset: cases", "dataset: data/cases")
        + "    checks:\n      - {type: json_schema, schema: data/s.json}\n"
    )
    found = faults(project, text)
    assert len(found) == 1
    assert wanted in found[0]


def test_a_reference_through_a_link_is_refused(project: Project) -> None:
    project.write("secret.json", "{}")
    project.write("data/s.json", '{"$ref": "link.json"}')
    project.write("data/cases.jsonl", '{"id": "a"}')
    (project.root / "data" / "link.json").symlink_to(project.root / "secret.json")
    text = (
        HEAD.replace("dataset: cases", "dataset: data/cases")
        + "    checks:\n      - {type: json_schema, schema: data/s.json}\n"
    )
    assert 'the reference "link.json" names a missing file' in faults(project, text)[0]


def test_references_between_schemas_are_loaded(project: Project) -> None:
    project.write(
        "schema/answer.json",
        '{"$ref": "common.json#/$defs/a", "properties": {"$ref": {"type": "string"}, "x": {"$ref": "#/$defs/y"}}, "$defs": {"y": {"const": {"$ref": "http://not.a/reference"}}}}',
    )
    project.write("schema/common.json", '{"$defs": {"a": {"$ref": "deep/more schemas.json"}}}')
    project.write("schema/deep/more schemas.json", '{"$ref": "../common.json#/$defs/b"}')
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", "{type: json_schema, schema: schema/answer.json}"))
    gate = load_config(project.tree, "evalgate.yml").gates[0]
    assert set(gate.files) == {"schema/answer.json", "schema/common.json", "schema/deep/more schemas.json"}
    assert set(gate.checks[0].documents) == {
        "file:///schema/answer.json",
        "file:///schema/common.json",
        "file:///schema/deep/more schemas.json",
    }


@pytest.mark.parametrize("absolute", [False, True])
def test_loaded_schemas_work_where_they_are_scored(project: Project, absolute: bool) -> None:
    from evalgate.domain import Case, Output, Score
    from evalgate.score import checks

    project.write(
        "schema/answer.json",
        '{"$id": "https://example.org/s/answer.json", "$ref": "#/$defs/own", "$defs": {"own": {"required": ["a"], "properties": {"a": {"$ref": "file:///%s"}}}}}'
        % ((str(project.root).lstrip("/") + "/" if absolute else "") + "schema/text.json"),
    )
    project.write("schema/text.json", '{"type": "string", "maxLength": 2}')
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", "{type: json_schema, schema: schema/answer.json}"))
    path = str(project.root / "evalgate.yml") if absolute else "evalgate.yml"
    check = load_config(project.tree, path, verify=checks.validate).gates[0].checks[0]  # type: ignore[arg-type]
    good, bad = (
        checks.score(check, Case(id="a", fields={}), Output(text=text)) for text in ('{"a": "xy"}', '{"a": "xyz"}')
    )
    assert isinstance(good, Score) and good.value == 1
    assert isinstance(bad, Score) and bad.value == 0
