"""What `evalgate validate` says before any call: unused fields, levels that cannot pass, files that are not here."""

from __future__ import annotations

import json

import pytest
from gated_project import CONFIG, World


def write_cases(world: World, count: int, **more: object) -> None:
    rows = [{"query": f"question {i}", "context": f"fact {i}", "expected": f"fact {i}", **more} for i in range(count)]
    world.repository.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def test_fields_that_nothing_uses_are_named(world: World) -> None:
    ended = world.evalgate("validate")
    assert (ended.code, "note" in ended.out) == (0, False)
    write_cases(world, 64, author="x", source="y", tags=["t"], cluster=None)
    ended = world.evalgate("validate")
    assert ended.code == 0
    assert "support: note: no prompt, rubric or check uses the fields author, source\n" in ended.out


def test_a_level_that_cannot_pass_is_named(world: World) -> None:
    write_cases(world, 20)
    world.repository.commit("few cases")
    ended = world.evalgate("validate")
    assert ended.code == 0
    assert "no MAJOR change can pass: 20 cases cannot prove" in ended.out and "at least 59 are needed" in ended.out


def test_an_edit_that_cannot_pass_is_refused_as_the_run_refuses_it(world: World) -> None:
    world.repository.git("switch", "--quiet", "main")
    write_cases(world, 20)
    world.repository.commit("few cases")
    world.repository.git("switch", "--quiet", "--force-create", "work")
    world.edit("2.0.0")
    checked, ran = world.evalgate("validate"), world.evalgate("run")
    assert checked.code == ran.code == 2
    for ended in (checked, ran):
        assert "a MAJOR change needs a proven PASS" in ended.err and "at least 59 are needed" in ended.err
    assert not world.server.received


@pytest.mark.parametrize("verb", ["validate", "run"])
def test_a_field_that_a_case_lacks_or_that_is_null_is_refused_without_a_call(world: World, verb: str) -> None:
    rows = (world.root / "cases.jsonl").read_text().splitlines()
    rows[4] = json.dumps({"query": "q", "context": None, "id": "case-004"})
    world.repository.write("cases.jsonl", "\n".join(rows))
    world.edit()
    ended = world.evalgate(verb)
    assert ended.code == 2
    assert 'the field "expected" of the check fact is missing in 1 of 64 cases: case-004 (cases.jsonl:5)' in ended.err
    assert "the variable {{context}} is null in 1 of 64 cases: case-004 (cases.jsonl:5)" in ended.err
    assert not world.server.received


def test_cases_without_ids_and_with_other_columns_are_gated(world: World) -> None:
    config = CONFIG.format(url=world.server.url).replace(
        "dataset: cases.jsonl", 'dataset: cases.csv\n    fields: {query: "The question", expected: Answer}'
    )
    rows = "".join(f"question {i};fact {i};fact {i}\n" for i in range(64))
    world.repository.git("switch", "--quiet", "main")
    world.repository.write("evalgate.yml", config)
    world.repository.write("cases.csv", f"sep=;\nThe question;context;Answer\n{rows}")
    world.repository.commit("a table")
    world.repository.git("switch", "--quiet", "--force-create", "work")
    world.edit()
    assert world.evalgate("run").code == 0
    edited = rows.replace("question 3;", "question three;")
    world.repository.write("cases.csv", f"sep=;\nThe question;context;Answer\n{edited}")
    ended = world.evalgate("run")
    assert ended.code == 4
    assert "1 case of the baseline's dataset was removed (row-" in ended.out
    assert "A case without an `id` is known by its content" in ended.out
