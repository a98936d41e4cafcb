"""Gates whose checks and judges apply to some cases, or take their limits from fields of the cases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gated_project import CASES, World, prompt

CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m}}
gates:
  - name: support
    prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    samples: {{baseline: 1, candidate: 1}}
    checks: [{checks}]
    judges: [{judges}]
policy: {{stop_early: false{policy}}}
"""


def configure(world: World, check: str, *, judge: str = "", policy: str = "") -> None:
    text = CONFIG.format(url=world.server.url, checks=check, judges=judge, policy=policy)
    world.repository.write("evalgate.yml", text)


def rows(world: World, **fields: Any) -> None:
    """Write the cases; each field is a function of the case's number."""
    made = (
        {"id": f"case-{i:03}", "query": f"question {i}", "context": f"fact {i}", **{k: f(i) for k, f in fields.items()}}
        for i in range(CASES)
    )
    lines = [json.dumps({k: v for k, v in row.items() if v is not None}) for row in made]
    world.repository.write("cases.jsonl", "".join(line + "\n" for line in lines))


def run(world: World) -> tuple[int, dict[str, Any]]:
    world.repository.commit("rules")
    world.repository.git("branch", "--force", "main")
    world.edit()
    code = world.evalgate("run", "--output", "report.json").code
    return code, world.report()["gates"][0]


def odd(i: int) -> list[str]:
    return ["odd" if i % 2 else "even"]


JUDGE = "{rubric: faithfulness, when: {tags: [odd]}}"

SHAPES = [
    ("{type: contains, from: word, when: {has: [word]}}", {"word": lambda i: f"fact {i}" if i % 2 else None}),
    ("{type: not_contains, from: bad, unless: {tags: [even]}}", {"bad": lambda i: "rude" if i % 2 else None, "tags": odd}),
    ("{type: regex, from: form}", {"form": lambda i: rf"fact {i}\b"}),
    ("{type: equals, at: {from: place}, from: value}", {"place": lambda i: "/answer", "value": lambda i: f"question {i}\nfact {i}"}),
    ("{type: length, max_words: {from: most}}", {"most": lambda i: 5 + i}),
    ("{type: length, min_chars: {from: least}, max_chars: 500}", {"least": lambda i: 10 + i % 3}),
    ("{type: required_fields, from: keys}", {"keys": lambda i: ["answer"]}),
    ("{type: json_schema, from: form, when: {field: kind, equals: order}}", {"kind": lambda i: "order" if i % 4 else "chat", "form": lambda i: {"type": "object", "required": ["answer"]} if i % 4 else None}),
    ("{type: latency, max_seconds: {from: wait}, when: {ids: [case-003, case-005]}}", {"wait": lambda i: 60}),
    ("{type: is_json, unless: {field: kind, in: [prose, verse]}}", {"kind": lambda i: ["prose", "data", "verse"][i % 3]}),
]  # fmt: skip


@pytest.mark.parametrize(("check", "fields"), SHAPES, ids=[check for check, _ in SHAPES])
def test_shapes_of_checks_per_case_pass(world: World, check: str, fields: dict[str, Any]) -> None:
    configure(world, check)
    rows(world, **fields)
    valid = world.evalgate("validate")
    assert valid.code == 0, valid.err
    code, gate = run(world)
    assert (code, gate["decision"]) == (0, "PASS")


def test_a_failing_answer_blocks_only_where_the_check_applies(world: World) -> None:
    configure(world, "{type: not_contains, value: sorry, when: {tags: [odd]}}")
    rows(world, tags=odd)
    world.application = lambda system, user: (
        "sorry" if "brief" in system and user.startswith("question 4\n") else "fine"
    )
    code, gate = run(world)
    assert (code, gate["decision"]) == (0, "PASS")
    assert "holds on all 32 cases to which it applies" in gate["findings"][0]["sentence"]
    assert all(("not_contains" in r["scores"]) is ("odd" in r["tags"]) for r in gate["results"])
    assert gate["counts"] == {"expected": 32, "decided": 32, "failures": 0, "unscored": 0}
    world.application = lambda system, user: (
        "sorry" if "brief" in system and user.startswith("question 5\n") else "fine"
    )
    world.edit("1.1.1", "Be brief, and never lengthy, please; a word is enough.")
    assert world.evalgate("run", "--output", "report.json").code == 1
    assert world.report()["gates"][0]["decision"] == "FAIL"


def test_a_judge_is_not_asked_about_other_cases_and_decides_on_its_own(world: World) -> None:
    configure(world, "{type: is_json, when: {tags: [even]}}", judge=JUDGE)
    rows(world, tags=odd)
    # the check does not apply to the judged cases, so that an answer that is not JSON is judged
    world.application = lambda system, user: json.dumps(user) if int(user.split()[1]) % 2 == 0 else user
    world.grade = lambda judged: 1 if "brief" in judged else 5
    _, gate = run(world)
    judged = {r["case"] for r in gate["results"] if "faithfulness" in r["scores"]}
    assert judged == {f"case-{i:03}" for i in range(CASES) if i % 2}
    (comparison,) = [c for c in gate["comparisons"] if c["criterion"] == "faithfulness"]
    assert (comparison["pairs"], comparison["undecided"], comparison["left_out"]) == (32, [], [])
    # 32 cases cannot prove a PASS, and nothing is missing
    assert gate["decision"] == "INCONCLUSIVE"
    assert [f for f in gate["findings"] if f["kind"] == "completeness"] == []


def test_validate_tells_which_criterion_has_too_few_cases(world: World) -> None:
    configure(world, "{type: is_json}", judge=JUDGE)
    rows(world, tags=odd)
    said = world.evalgate("validate")
    assert said.code == 0
    assert "32 cases to which faithfulness applies cannot prove" in said.out + said.err


def test_unscored_cases_outside_of_a_check_are_not_needed(world: World) -> None:
    configure(world, "{type: contains, from: word, when: {tags: [odd]}}")
    rows(world, tags=odd, word=lambda i: f"fact {i}" if i % 2 else None)
    assert world.evalgate("validate").code == 0
    rows(world, tags=odd, word=lambda i: f"fact {i}" if i % 4 == 1 else None)
    said = world.evalgate("validate")
    assert said.code == 2
    assert 'the field "word" of the check contains is missing in 16 of 32 cases' in said.err


@pytest.mark.parametrize(
    ("check", "wanted"),
    [
        ("{type: is_json, when: {tags: [od]}}", 'no case of cases.jsonl has the tag "od"'),
        ("{type: is_json, unless: {tags: [oddd]}}", 'did you mean "odd"?'),
        ("{type: is_json, when: {ids: [case-999]}}", 'no case of cases.jsonl has the id "case-999"'),
        ("{type: is_json, when: {has: [qery]}}", 'did you mean "query"?'),
        ("{type: is_json, unless: {has: [query]}}", "is_json applies to no case of cases.jsonl"),
        ("{type: is_json, when: {field: query, equals: nothing}}", "is_json applies to no case of cases.jsonl"),
        ("{type: regex, from: form}", 'the field "form" cannot be "pattern"'),
    ],
)
def test_a_condition_that_chooses_nothing_is_an_error(world: World, check: str, wanted: str) -> None:
    configure(world, check)
    rows(world, tags=odd, form=lambda i: "(" if i == 7 else "a")
    said = world.evalgate("validate")
    assert said.code == 2
    assert wanted in said.err
    assert "evalgate.yml:9" in said.err or "cases.jsonl:8" in said.err


def test_a_change_cannot_take_cases_out_of_a_check(world: World) -> None:
    configure(world, "{type: not_contains, value: sorry, when: {tags: [odd]}}")
    rows(world, tags=odd)
    world.application = lambda system, user: (
        "sorry" if "brief" in system and user.startswith("question 5\n") else "fine"
    )
    world.repository.commit("rules")
    world.repository.git("branch", "--force", "main")
    world.edit()
    rows(world, tags=lambda i: ["even"] if i == 5 else odd(i))
    assert world.evalgate("run", "--output", "report.json").code == 4
    gate = world.report()["gates"][0]
    assert gate["dataset"]["narrowed"] == {"not_contains": ["case-005"]}
    (finding,) = [f for f in gate["findings"] if f["decision"] == "INCONCLUSIVE"]
    assert "no longer applies (case-005)" in finding["sentence"]
    # the condition itself narrows in the same way
    rows(world, tags=odd)
    configure(world, "{type: not_contains, value: sorry, when: {tags: [odd]}, unless: {ids: [case-005]}}")
    assert world.evalgate("run", "--output", "report.json").code == 4
    configure(
        world,
        "{type: not_contains, value: sorry, when: {tags: [odd]}, unless: {ids: [case-005]}}",
        policy=", removed_cases: allow",
    )
    assert world.evalgate("run", "--output", "report.json").code == 0
    sentences = [f["sentence"] for f in world.report()["gates"][0]["findings"]]
    assert any("no longer applies to 1 case" in one for one in sentences)


def test_a_report_is_decided_again_with_its_conditions(world: World) -> None:
    configure(world, "{type: not_contains, value: sorry, when: {tags: [odd]}}")
    rows(world, tags=odd)
    world.application = lambda system, user: "fine"
    code, _ = run(world)
    assert code == 0
    assert world.evalgate("decide", "report.json").code == 0
    assert world.evalgate("report", "report.json").code == 0


def test_stored_samples_of_a_restricted_judge_are_reused(world: World) -> None:
    configure(world, "{type: is_json, unless: {tags: [odd]}}", judge=JUDGE)
    rows(world, tags=odd)
    world.repository.commit("rules")
    world.repository.git("branch", "--force", "main")
    assert world.evalgate("baseline", "sample").code == 0
    world.edit()
    world.evalgate("run", "--output", "report.json")
    assert world.report()["gates"][0]["stored_baseline"] is not None


def test_a_rubric_needs_its_inputs_only_where_the_judge_applies(world: World) -> None:
    configure(world, "{type: is_json}", judge="{rubric: faithfulness, when: {has: [context]}}")
    rows(world, context=lambda i: f"fact {i}" if i % 2 else None)
    world.repository.write("prompts/support.prompt.yml", prompt().replace("{{context}}", ""))
    assert world.evalgate("validate").code == 0
    configure(world, "{type: is_json}", judge="{rubric: faithfulness}")
    said = world.evalgate("validate")
    assert said.code == 2
    assert 'the input "context" of the rubric faithfulness is missing in 32 of 64 cases' in said.err
