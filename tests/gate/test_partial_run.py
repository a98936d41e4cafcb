"""Tests of a run of a part of the cases: it decides nothing, and what it asked for counts in the run of all cases."""

from __future__ import annotations

import json

import pytest
from gate.test_earlier_refusals import FAILED, mend, refuse
from gate.test_redraw import asked, by_fact, stored, well, worse_when_brief
from gated_project import CASES, World

from evalgate.domain import ReportKind
from evalgate.gate import given_report
from evalgate.report.view import NOT_A_GATE


def test_a_part_is_not_a_gate_and_the_run_of_all_cases_uses_its_answers(world: World) -> None:
    world.edit()
    ended = world.evalgate("run", "--case", "case-003", "--case", "case-004", "--output", "part.json")
    rows = ended.out.strip().split("\n")
    assert (ended.code, rows[0], rows[-1]) == (4, NOT_A_GATE, NOT_A_GATE)
    assert "PASS" not in ended.out and "case-003" in ended.out
    assert (world.report("part.json")["decision"], world.report("part.json")["exit_code"]) == ("INCONCLUSIVE", 4)
    assert asked(world) == 2 * 3  # two arms of each case, and one judgement, because their outputs are equal
    assert not stored(world)
    assert not (world.root / ".evalgate" / "report.json").exists()
    assert world.evalgate("run", "--case", "case-003", "--case", "case-004").code == 4
    assert asked(world) == 0

    assert world.evalgate("run").code == 0
    assert asked(world) == 3 * CASES - 2 * 3
    # a part after a verdict leaves the verdict and the last report as they are
    before, last = stored(world), (world.root / ".evalgate" / "report.json").read_bytes()
    assert len(before) == 1
    assert world.evalgate("run", "--first", "3").code == 4
    assert asked(world) == 0
    assert (stored(world), (world.root / ".evalgate" / "report.json").read_bytes()) == (before, last)


def test_a_report_of_a_part_decides_nothing_elsewhere(world: World) -> None:
    world.edit()
    assert world.evalgate("run", "--first", "2", "--output", "part.json", "--output", "part.md").code == 4
    page = (world.root / "part.md").read_text().strip().split("\n")
    assert NOT_A_GATE in page[1] and page[-1] == NOT_A_GATE
    for verb in ("decide", "merge"):
        ended = world.evalgate(verb, "part.json")
        assert ended.code == 2
        assert "part of the cases" in ended.err
    assert world.evalgate("report", "part.json").out.startswith(NOT_A_GATE)
    assert set(given_report._NOT_OF_A_CHANGE) == set(ReportKind) - {ReportKind.GATE}
    # an edited report is refused, or its missing cases keep it from a PASS
    data = world.report("part.json")
    data["decision"] = data["gates"][0]["decision"] = "PASS"
    data["exit_code"] = data["gates"][0]["exit_code"] = 0
    for kept in (True, False):
        if not kept:
            del data["gates"][0]["part"]
        (world.root / "edited.json").write_text(json.dumps(data))
        assert "does not follow from" in world.evalgate("decide", "edited.json").err


def test_a_refusal_in_a_part_counts_in_the_run_of_all_cases(world: World) -> None:
    refuse(world, FAILED)
    world.edit()
    cases = [f"--case=case-{number:03}" for number in range(0, CASES, 5)]
    assert world.evalgate("run", *cases).code == 4
    mend(world)
    for options in (cases, []):
        ended = world.evalgate("run", *options)
        assert ended.code == 4
    assert "followed a refusal in an earlier run" in " ".join(ended.out.split())


@pytest.mark.matrix
@pytest.mark.parametrize("flag", ["--no-cache", "--live"])
def test_a_draw_without_the_cache_does_not_replace_the_answers_of_a_part(world: World, flag: str) -> None:
    world.application, world.grade = worse_when_brief, by_fact
    world.edit()
    odd = ["--tag", "odd"]
    assert world.evalgate("run", *odd).code == 4
    world.application = well
    ended = world.evalgate("run", flag)
    assert ended.code == 1
    assert "answers of an earlier run of a part of the cases count" in " ".join(ended.out.split())
    assert len(stored(world)) == 1


def test_the_cases_of_a_part(world: World) -> None:
    world.edit()
    ended = world.evalgate("run", "--case", "case-3", "--tag", "evn", "--case", "case-001")
    assert ended.code == 2
    assert 'no case has the id "case-3"\n  hint: did you mean "case-0' in ended.err
    assert 'no case has the tag "evn"\n  hint: did you mean "even"?' in ended.err
    assert asked(world) == 0
    chosen = ["--case", "case-001", "--tag", "even", "--first", "5", "--output", "part.json"]
    assert world.evalgate("run", *chosen).code == 4
    gate = world.report("part.json")["gates"][0]
    cases = list(dict.fromkeys(result["case"] for result in gate["results"]))
    of_chosen = [case for case in gate["order"] if case == "case-001" or int(case[-3:]) % 2 == 0]
    assert cases == of_chosen[:5]
    assert gate["part"] == {"cases": ["case-001"], "tags": ["even"], "first": 5}


@pytest.mark.parametrize(
    "options",
    [
        ("--shard", "1/2"),
        ("--record",),
        ("--no-cache",),
        ("--redraw", "all"),
        ("--changed",),
        ("--policy-ref", "base"),
        ("--langfuse",),
    ],
)
def test_options_that_a_part_excludes(world: World, options: tuple[str, ...]) -> None:
    ended = world.evalgate("run", "--first", "1", *options)
    assert ended.code == 2
    assert "leave one of the two" in ended.err or "langfuse" in ended.err.casefold()
    assert not world.server.received


def test_a_wrong_version_number_keeps_no_part_from_running(world: World) -> None:
    world.edit(version="1.0.0")
    ended = world.evalgate("run", "--first", "1")
    assert ended.code == 4
    assert asked(world) == 3
    assert "version" in ended.out.partition("warning: ")[2]
