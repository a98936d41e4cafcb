"""Tests of `evalgate cases`: add, lint, stats, diff and split, on a project in a repository."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gated_project import World

from evalgate.commands.cases.add import make_id

CASES = "cases.jsonl"
TRACE = {
    "spanId": "s1",
    "attributes": [
        {"key": "llm.prompt_template.variables", "value": {"stringValue": '{"query": "q?", "context": "c"}'}},
        {"key": "output.value", "value": {"stringValue": "the answer"}},
    ],
}


def rows(world: World, path: str = CASES) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (world.root / path).read_text(encoding="utf-8").splitlines()]


def write_rows(world: World, found: list[dict[str, Any]]) -> None:
    world.repository.write(CASES, "".join(json.dumps(row) + "\n" for row in found))


def test_a_case_is_added_from_the_command_line(world: World) -> None:
    before = (world.root / CASES).read_text()
    arguments = ["cases", "add", "--set", "query=where?", "--set", "context=here", "--expected", "here", "--tag", "odd"]
    told = world.evalgate(*arguments, "--dry-run")
    assert told.code == 0 and "would be added" in told.out and (world.root / CASES).read_text() == before
    told = world.evalgate(*arguments)
    assert told.out == "cases.jsonl:65: case case-064 added\n"
    added = {"id": "case-064", "query": "where?", "context": "here", "expected": "here", "tags": ["odd"]}
    assert (world.root / CASES).read_text() == before + json.dumps(added) + "\n"
    assert "sends the request of case case-064" in world.evalgate(*arguments).out


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "the case has no field"),
    (["--set", "query=x"], "{{context}} is missing in 1 of 65 cases"),
    (["--set", "query=x", "--set", "context=x"], "check fact is missing"),
    (["--set", "query=x", "--set", "context=x", "--expected", "x", "--id", "case-001"], "is given twice"),
    (["--set", "query"], "is not of the form"),
    (["--from-report", "report.json"], "--from-report needs --case"),
    (["--expected-from-output"], "needs --from-report or --from-trace"),
    (["--field", "query=user"], "needs --from-trace"),
    (["--gate", "other"], 'no gate is named "other"'),
])  # fmt: skip
def test_a_case_that_does_not_fit_is_refused_and_nothing_written(world: World, arguments: list[str], said: str) -> None:
    before = (world.root / CASES).read_text()
    told = world.evalgate("cases", "add", *arguments)
    assert told.code == 2 and said in told.err and (world.root / CASES).read_text() == before


def test_a_case_is_added_from_a_logged_call_and_its_answer_only_if_that_is_said(world: World) -> None:
    world.repository.write("trace.json", json.dumps(TRACE))
    refused = world.evalgate("cases", "add", "--from-trace", "trace.json")
    assert refused.code == 2 and "expected" in refused.err
    assert world.evalgate("cases", "add", "--from-trace", "trace.json", "--expected", "read").code == 0
    assert world.evalgate("cases", "add", "--from-trace", "trace.json", "--expected-from-output").code == 0
    first, second = rows(world)[-2:]
    assert (first["query"], first["context"], first["expected"]) == ("q?", "c", "read")
    assert second["expected"] == "the answer"


def test_a_case_is_added_from_a_report(world: World) -> None:
    world.edit()
    world.application = lambda system, user: "no JSON" if "brief" in system and "7" in user else json.dumps({"a": user})
    assert world.evalgate("run", "--output", "report.json").code == 1
    told = world.evalgate("cases", "add", "--from-report", "report.json", "--case", "case-007", "--expected", "x")
    assert told.code == 0 and "sends the request of case case-007" in told.out
    assert rows(world)[-1] == {"id": "case-064", "query": "question 7", "context": "fact 7", "expected": "x"}
    edited = [{**row, "query": "edited since"} if row["id"] == "case-007" else row for row in rows(world)]
    write_rows(world, edited)
    again = ["cases", "add", "--from-report", "report.json", "--case", "case-007", "--expected", "x"]
    assert world.evalgate(*again).code == 0 and rows(world)[-1]["query"] == "question 7"
    write_rows(world, [row for row in rows(world) if row["id"] not in ("case-007", "case-064", "case-065")])
    answer = ["--expected-from-output", "--id", "seven"]
    assert world.evalgate("cases", "add", "--from-report", "report.json", "--case", "case-007", *answer).code == 0
    assert rows(world)[-1] == {"id": "seven", "query": "question 7", "context": "fact 7", "expected": "no JSON"}
    told = world.evalgate("cases", "add", "--from-report", "report.json", "--case", "case-999")
    assert told.code == 2 and "no input of the case" in told.err


@pytest.mark.parametrize(("taken", "made"), [
    (["case-08"], "case-09"),
    (["case-9"], "case-10"),
    (["a", "b"], "case-1"),
    (["q1", "other", "q7", "q3"], "q8"),
    (["row-0123456789abcdef", "x-1"], "x-2"),
])  # fmt: skip
def test_an_id_follows_the_last_one_of_its_kind(taken: list[str], made: str) -> None:
    assert make_id(taken) == made


def test_cases_without_ids_get_none(world: World) -> None:
    write_rows(world, [{key: value for key, value in row.items() if key != "id"} for row in rows(world)])
    fields = ["--set", "query=a", "--set", "context=b", "--expected", "c"]
    assert "case row-" in world.evalgate("cases", "add", *fields).out and "id" not in rows(world)[-1]


def test_lint_finds_what_the_runs_have_shown(world: World) -> None:
    world.application = lambda system, user: json.dumps({"answer": user})
    write_rows(world, [{**row, "note": "x", "query": f"{'word ' * number}?"} for number, row in enumerate(rows(world))])
    world.repository.commit("other questions")
    world.edit()
    assert world.evalgate("run").code == 0
    told = world.evalgate("cases", "lint")
    assert told.code == 0 and "cases.jsonl: 64 cases" in told.out
    assert "cases.jsonl:1: unused_field: no prompt, rubric or check uses the field note\n  hint: " in told.out
    assert "always_passes: 64 of 64 cases have the full scores with each of the 2 versions" in told.out
    assert world.evalgate("cases", "lint", "--strict").code == 1
    assert world.evalgate("cases", "lint", "--report", "none.json").code == 2


def test_stats_counts_units_and_says_what_they_show(world: World) -> None:
    told = world.evalgate("cases", "stats").out
    for line in (
        "cases.jsonl: 64 cases\n",
        "tag         even: 32 cases, 32 units\n",
        "field       query: 10 to 11 characters, median 11\n",
        "script      Latin: 64 cases\n",
        "reliably shows a drop of 0.075 (standard deviation 0.200, assumed",
        "within the allowed drop of 0.05: possible\n",
    ):
        assert line in told
    write_rows(world, [{**row, "cluster": "one"} for row in rows(world)])
    told = world.evalgate("cases", "stats").out
    assert "64 cases, 1 independent unit" in told and "not possible below 59 units" in told


def test_diff_names_added_removed_renamed_and_changed_cases(world: World) -> None:
    assert world.evalgate("cases", "diff", "main").out == "0 added, 0 removed, 0 renamed, 0 changed, 64 the same\n"
    first, second, third, *rest = rows(world)
    changed = {**third, "query": "another", "tags": ["odd"]}
    write_rows(world, [{**second, "id": "renamed"}, changed, *rest, {**first, "id": "new", "query": "new"}])
    told = world.evalgate("cases", "diff", "main", "--exit-code")
    assert told.code == 1 and told.out.splitlines() == [
        "- case-000 (main:cases.jsonl:1)",
        "+ new (cases.jsonl:64)",
        "= case-001 -> renamed: the same content (cases.jsonl:1)",
        "~ case-002 (cases.jsonl:2)",
        '    query: "question 2" -> "another"',
        '    tags: "even" -> "odd"',
        "1 added, 1 removed, 1 renamed, 1 changed, 61 the same",
    ]
    assert world.evalgate("cases", "diff", "main", "HEAD").code == 0
    assert world.evalgate("cases", "diff", "nowhere").code == 2


def test_diff_of_two_files_needs_no_configuration(world: World) -> None:
    world.repository.write("a.csv", "id,query\n1,x\n")
    world.repository.write("b.yml", '- {id: 1, query: "y"}\n')
    (world.root / "evalgate.yml").unlink()
    assert '"x" -> "y"' in world.evalgate("cases", "diff", "a.csv", "b.yml").out


def test_split_puts_each_unit_into_one_part_that_it_keeps(world: World) -> None:
    found = [{**row, "cluster": f"page-{number % 20}"} for number, row in enumerate(rows(world))]
    write_rows(world, found)
    assert world.evalgate("cases", "split", "--parts", "3").code == 0
    parts = {number: rows(world, f"cases.part-{number}.jsonl") for number in (1, 2, 3)}
    assert sorted((row for part in parts.values() for row in part), key=lambda row: row["id"]) == found
    where = {row["cluster"]: number for number, part in parts.items() for row in part}
    assert all(where[row["cluster"]] == number for number, part in parts.items() for row in part)
    refused = world.evalgate("cases", "split", "--parts", "3")
    assert refused.code == 2 and "nothing was written" in refused.err
    write_rows(world, [*found[5:], {**found[0], "id": "more", "query": "more", "cluster": "page-more"}])
    assert world.evalgate("cases", "split", "--parts", "3", "--to", "again").code == 0
    again = {row["id"]: number for number in (1, 2, 3) for row in rows(world, f"again/cases.part-{number}.jsonl")}
    assert all(again[row["id"]] == where[row["cluster"]] for row in found[5:])


def test_split_by_tag_and_with_a_holdout(world: World) -> None:
    told = world.evalgate("cases", "split", "--by", "tag")
    assert told.out == "cases.even.jsonl: 32 cases\ncases.odd.jsonl: 32 cases\n"
    assert world.evalgate("cases", "split", "--holdout", "20%").code == 0
    held, rest = rows(world, "cases.holdout.jsonl"), rows(world, "cases.rest.jsonl")
    assert len(held) + len(rest) == 64 and 4 <= len(held) <= 24
    assert world.evalgate("cases", "split").code == 2
    write_rows(world, [{**row, "tags": ["one"]} for row in rows(world)])
    assert "would be in one file" in world.evalgate("cases", "split", "--by", "tag").err
