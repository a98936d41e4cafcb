"""A name that matches nothing protects nothing: it is an error with its place, and with the name that is meant."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.change.workspace import open_workspace
from evalgate.commands.validate import validate
from evalgate.errors import InputError
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.schema_keywords import _ASKING
from evalgate.inputs.score_rows import load_scores
from evalgate.score.criterion import validate_criterion

from .conftest import CONFIG, PROMPT, Project

KEYWORDS = sorted(_ASKING - {"if", "not", "then", "else", "$ref", "enum", "type"})


def other_spellings(name: str) -> st.SearchStrategy[str]:
    """A name as hands slip: another case, a letter too few, two in the wrong order, a plural, a separator."""
    places = st.integers(1, len(name) - 2)
    return st.one_of(
        st.sampled_from([name.upper(), name.capitalize(), f" {name}", f"{name} ", f"{name}s", name[:-1]]),
        places.map(lambda at: name[:at] + name[at + 1 :]),
        places.map(lambda at: name[:at] + name[at + 1] + name[at] + name[at + 2 :]),
        places.map(lambda at: f"{name[:at]}_{name[at:]}"),
    ).filter(lambda made: made != name)


@pytest.fixture
def faults(project: Project) -> Callable[[], list[str]]:
    return lambda: project.faults(
        lambda: validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion))
    )


def valid(project: Project) -> bool:
    return bool(validate(open_workspace(project.root / "evalgate.yml", verify=validate_criterion)))


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(
    meant=st.sampled_from(["tags", "cluster"]),
    data=st.data(),
    rows=st.integers(1, 4),
    used=st.booleans(),
    at=st.integers(),
)
def test_a_misspelt_key_of_a_case_is_refused_unless_something_reads_it(  # noqa: PLR0917
    project: Project, faults: Callable[[], list[str]], meant: str, data: st.DataObject, rows: int, used: bool, at: int
) -> None:
    key = data.draw(other_spellings(meant))
    at %= rows
    written = [{"id": f"c{n}", "query": "q"} | ({key: ["critical"]} if n == at or used else {}) for n in range(rows)]
    project.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in written))
    checks = f'{{type: contains, from: "{key}", blocking: false}}' if used else "{type: is_json}"
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", checks))
    if used:
        assert valid(project)
        return
    (fault,) = faults()
    assert fault.startswith(f'cases.jsonl:{at + 1}: unknown key "{key}"')
    assert f'did you mean "{meant}"?' in fault


def test_a_field_that_a_prompt_uses_is_its_own(project: Project) -> None:
    project.write("cases.jsonl", '{"id": "a", "query": "q", "tag": "t"}\n')
    project.write("prompts/support.prompt.yml", PROMPT.replace("{{query}}", "{{tag}}"))
    assert valid(project)


@pytest.mark.parametrize("key", ["customer", "task", "stage", "Query", "expected", "target"])
def test_a_field_of_another_name_is_no_misspelling(project: Project, key: str) -> None:
    project.write("cases.jsonl", json.dumps({"id": "a", "query": "q", key: "x"}) + "\n")
    assert valid(project)


def test_a_misspelt_id_is_told_with_what_is_meant(project: Project) -> None:
    project.write("cases.jsonl", '{"ID": "a", "query": "q"}\n')
    told = project.faults(lambda: load_dataset(project.tree, "cases.jsonl"))
    assert told == [
        'cases.jsonl:1:8: unknown key "ID"; did you mean "id"?\n  hint: rename it, or map it under `fields` in the gate'
    ]


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(
    tag=st.sampled_from(["critical", "must hold", "vip"]),
    data=st.data(),
    kind=st.sampled_from(["critical", "blocking"]),
)
def test_a_tag_that_differs_in_spelling_alone_is_refused(
    project: Project, faults: Callable[[], list[str]], tag: str, data: st.DataObject, kind: str
) -> None:
    given_tag = data.draw(
        st.sampled_from([tag.upper(), tag.title(), tag.replace(" ", "_") + " ", tag.replace(" ", "-"), f"{tag}\u200b"])
    )
    rows = [{"id": "a", "query": "q", "tags": [given_tag]}, {"id": "b", "query": "q", "tags": [tag]}]
    project.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    project.write("evalgate.yml", CONFIG + f"policy: {{{kind}_tags: [{tag}]}}\n")
    if given_tag.strip() == tag:
        assert valid(project)
        return
    (fault,) = faults()
    assert fault.startswith("cases.jsonl:1: ")
    assert f'did you mean "{tag}"?' in fault


@pytest.mark.parametrize("kind", ["critical_tags", "blocking_tags"])
def test_a_tag_of_the_policy_that_no_case_has_is_refused(
    project: Project, faults: Callable[[], list[str]], kind: str
) -> None:
    project.write("cases.jsonl", '{"id": "a", "query": "q", "tags": ["refund"]}\n')
    project.write("evalgate.yml", CONFIG + f"policy: {{{kind}: [refunds]}}\n")
    (fault,) = faults()
    assert fault == f'evalgate.yml: no case has the tag refunds of policy.{kind}; did you mean "refund"?'
    project.write("evalgate.yml", CONFIG)
    assert valid(project), "the default may stand nowhere"


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(
    keyword=st.sampled_from(KEYWORDS),
    data=st.data(),
    way=st.sampled_from(
        [(), ("properties", "a"), ("items",), ("allOf", 0), ("$defs", "x", "not"), ("components", "y")]
    ),
)
def test_a_misspelt_keyword_of_a_schema_is_refused_wherever_it_stands(
    project: Project, faults: Callable[[], list[str]], keyword: str, data: st.DataObject, way: tuple[str | int, ...]
) -> None:
    made = data.draw(other_spellings(keyword).filter(lambda made: made not in _ASKING))
    schema: object = {made: {}}
    for step in reversed(way):
        schema = [schema] if isinstance(step, int) else {step: schema}
    if "components" in way:
        schema = {"$ref": "#/components/y", **schema}  # type: ignore[dict-item]
    project.write("schema.json", json.dumps(schema))
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", "{type: json_schema, schema: schema.json}"))
    (fault,) = faults()
    assert fault.startswith("schema.json:1:")
    assert f'unknown keyword "{made}"; did you mean "' in fault


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"requierd": {}, "Type": {"type": "string"}}, "example": {"requierd": 1}},
        {"enum": [{"requierd": 1}], "default": {"propertys": {}}, "x-requierd": 1, "comment": "c", "nullable": True},
        {"$defs": {"item": {"type": "string"}}, "items": {"$ref": "#/$defs/item"}},
    ],
)
def test_what_is_no_keyword_may_be_called_anything(project: Project, schema: dict[str, object]) -> None:
    project.write("schema.json", json.dumps(schema))
    project.write("evalgate.yml", CONFIG.replace("{type: is_json}", "{type: json_schema, schema: schema.json}"))
    assert valid(project)


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(clusters=st.lists(st.sampled_from(["a", "b", None]), min_size=2, max_size=6))
def test_a_case_has_one_cluster(project: Project, clusters: list[str | None]) -> None:
    rows = [
        {"case": "c", "arm": "candidate", "criterion": "x", "value": 1, "repeat": n, "cluster": cluster}
        for n, cluster in enumerate(clusters)
    ]
    project.write("scores.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    if len({cluster for cluster in clusters if cluster is not None}) < 2:
        assert len(load_scores(project.tree, "scores.jsonl")) == len(rows)
        return
    with pytest.raises(InputError, match="a case belongs to one cluster"):
        load_scores(project.tree, "scores.jsonl")


def test_a_misspelt_key_of_a_later_row_of_scores_is_told(project: Project) -> None:
    rows = [{"case": "c", "arm": "candidate", "criterion": "x", "value": 1}]
    rows.append({**rows[0], "case": "d", "Cluster": "a"})
    project.write("scores.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    told = project.faults(lambda: load_scores(project.tree, "scores.jsonl"))
    assert len(told) == 1
    assert "scores.jsonl:2" in told[0]
    assert 'did you mean "cluster"?' in told[0]
