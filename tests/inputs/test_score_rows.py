from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Arm, ScoreRow
from evalgate.errors import InputError
from evalgate.inputs.formats.rows import number_rows
from evalgate.inputs.score_rows import load_scores, read_scores

from .conftest import Project


def faults(project: Project, load: Callable[..., object], path: str, text: str | bytes) -> list[str]:
    project.write(path, text)
    return project.faults(lambda: load(project.tree, path))


def test_scores_from_jsonl_and_csv(project: Project) -> None:
    wanted = (
        ScoreRow(case="a", arm=Arm.BASELINE, criterion="tone", value=0.5, line=2),
        ScoreRow(case="a", arm=Arm.CANDIDATE, criterion="tone", value=1.0, repeat=1, tag="refund", line=3),
        ScoreRow(case="7", arm=Arm.CANDIDATE, criterion="tone", value=0.0, line=4),
        ScoreRow(case="7", arm=Arm.BASELINE, criterion="tone", value=0.001, line=5),
    )
    project.write(
        "s.csv",
        "case,arm,criterion,value,repeat,tag,notes\na,baseline,tone,0.5,,,x\na,Candidate,tone,true,1,refund,\n7,candidate,tone,FALSE,0,,\n7,baseline,tone, 1e-3 ,0,,\n",
    )
    project.write(
        "s.jsonl",
        '\n{"case": "a", "arm": "baseline", "criterion": "tone", "value": 0.5}\n'
        '{"case": "a", "arm": "candidate", "criterion": "tone", "value": true, "repeat": 1, "tag": "refund"}\n'
        '{"case": 7, "arm": "candidate", "criterion": "tone", "value": 0, "tag": null}\n'
        '{"case": "7", "arm": "baseline", "criterion": "tone", "value": 1e-3}\n',
    )
    assert load_scores(project.tree, "s.csv") == load_scores(project.tree, "s.jsonl") == wanted


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,tone,NaN\n",
            's.csv:2: "value" must be a number in [0, 1], or true or false, not NaN',
        ),
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,tone,\n",
            's.csv:2: "value" must be a number in [0, 1], or true or false, not empty',
        ),
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,tone,inf\n",
            's.csv:2: "value" must be a number in [0, 1], or true or false, not inf',
        ),
        ("s.csv", "case,arm,criterion,value\na,candidate,tone,1e999\n", 's.csv:2: "value" must be a number'),
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,tone,4.5\n",
            's.csv:2: "value" must be in [0, 1], not 4.5\n  hint: map a rating r of 1 to 5 by (r - 1) / 4',
        ),
        ("s.csv", "case,arm,criterion,value\na,candidat,tone,1\n", 's.csv:2: "arm" must be candidate or baseline'),
        (
            "s.csv",
            "case,arm,criterion,value,repeat\na,candidate,tone,1,x\n",
            's.csv:2: "repeat" must be a whole number from 0',
        ),
        ("s.csv", "case,arm,criterion,value\na,candidate,,1\n", 's.csv:2: "criterion" is empty'),
        (
            "s.csv",
            "case,arm,criterion,value,tags\na,candidate,t,1,x\n",
            's.csv:2: unknown key "tags"; did you mean "tag"?',
        ),
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,t,1\na,candidate,t,1\n",
            's.csv:3: a second score of case "a", candidate, "t", repeat 0; first in line 2',
        ),
        ("s.csv", "case,arm,criterion\na,candidate,t\n", 's.csv:2: "value" is missing'),
        ("s.csv", "case,arm,criterion,value\n", "s.csv: the file has no scores"),
        (
            "s.jsonl",
            '{"case": "a", "arm": "candidate", "criterion": "t", "value": NaN}',
            "s.jsonl:1:62: NaN is not a number in JSON",
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": "candidate", "criterion": "t", "value": null}',
            's.jsonl:1:62: "value" must be a number in [0, 1]',
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": "candidate", "criterion": "t", "value": "0.5"}',
            's.jsonl:1:62: "value" must be a number in [0, 1], or true or false, not "0.5"',
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": "candidate", "criterion": "t", "value": -0.1}',
            's.jsonl:1:62: "value" must be in [0, 1], not -0.1',
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": 1, "criterion": "t", "value": 1}',
            's.jsonl:1:22: "arm" must be candidate or baseline',
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": "baseline", "criterion": "t", "value": 1, "tag": 5}',
            's.jsonl:1:71: "tag" must be text',
        ),
    ],
)
def test_faulty_scores_are_refused_with_the_place(project: Project, path: str, text: str, wanted: str) -> None:
    found = faults(project, load_scores, path, text)
    assert len(found) == 1, found
    assert found[0].startswith(wanted)


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: not 0 <= value <= 1))
def test_a_number_outside_of_the_range_is_shown_as_one(value: float) -> None:
    rows = number_rows({1: {"case": "a", "arm": "candidate", "criterion": "q", "value": value}}, "s")
    with pytest.raises(InputError, match=r"must be in \[0, 1\], not ") as refused:
        read_scores(rows, "s")
    assert not 0 <= float(str(refused.value).partition(", not ")[2].split()[0]) <= 1


def test_an_empty_value_with_its_reason_is_a_named_absence(project: Project) -> None:
    project.write("s.csv", "case,arm,criterion,value,reason\na,candidate,q,,not asked: is_json failed\n")
    (row,) = load_scores(project.tree, "s.csv", absent=True)
    assert (row.unscored, math.isnan(row.value)) == ("not asked: is_json failed", True)
    assert faults(project, load_scores, "s.csv", "case,arm,criterion,value,reason\na,candidate,q,,why\n")
    project.write("s.csv", "case,arm,criterion,value,reason\na,candidate,q,,\n")
    with pytest.raises(InputError, match="not empty"):
        load_scores(project.tree, "s.csv", absent=True)
