"""Reports as pandas frames: every score of one, and the comparisons of many."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalgate.commands.decide import decide_scores
from evalgate.domain import Arm, Report, Score, ScoreRow, Unscored, Verdict
from evalgate.domain.frames import make_run_frame
from evalgate.inputs.importers.given_scores import GivenScores


def make_report(drop: float = 0.0, criteria: tuple[str, ...] = ("tone",)) -> Report:
    rows = [
        ScoreRow(
            case=f"c{i}", arm=arm, criterion=name, value=0.9 - drop * (arm == Arm.CANDIDATE), tag="t", cluster=f"d{i}"
        )
        for i in range(60)
        for arm in Arm
        for name in criteria
    ]
    return decide_scores(GivenScores(rows=tuple(rows), path="s.csv"), floors={}, max_drop=0.05, level=None)


def test_a_report_is_a_frame_of_its_scores() -> None:
    frame = make_report().to_frame()
    assert list(frame) == ["gate", "case", "arm", "criterion", "value", "repeat", "tag", "cluster", "reason"]
    assert len(frame) == 120
    assert (frame["value"].dtype, frame["repeat"].dtype) == ("float64", "int64")
    assert frame.iloc[0].to_dict() == {
        "gate": "scores", "case": "c0", "arm": "candidate", "criterion": "tone", "value": 0.9, "repeat": 0, "tag": "t",
        "cluster": "d0", "reason": "",
    }  # fmt: skip


def test_what_has_no_score_has_a_row_and_no_value() -> None:
    report = make_report()
    gate = report.gates[0]
    first = replace(gate.evidence.results[0], scores={"tone": Unscored(reason="why"), "answered": Score(value=1.0)})
    evidence = replace(gate.evidence, results=(first, *gate.evidence.results[1:]))
    frame = replace(report, gates=(replace(gate, evidence=evidence),)).to_frame()
    assert len(frame) == 120, "answered is not a score of the configuration's"
    assert math.isnan(frame["value"][0]) and frame["reason"][0] == "why"


@given(
    text=st.text(st.characters(categories=["Cs", "L"]), min_size=1),
    at=st.sampled_from(["case", "tag", "name", "reason"]),
)
def test_a_frame_of_half_a_surrogate_pair_is_made_and_can_be_saved(text: str, at: str) -> None:
    report = make_report()
    gate = report.gates[0]
    first = gate.evidence.results[0]
    match at:
        case "case":
            first = replace(first, case=text)
        case "tag":
            first = replace(first, tags=(text,))
        case "name":
            first = replace(first, scores={text: Score(value=1.0)})
        case _:
            first = replace(first, scores={"tone": Unscored(reason=text)})
    evidence = replace(gate.evidence, name=text, results=(first, *gate.evidence.results[1:]))
    comparisons = tuple(replace(one, criterion=text) for one in gate.comparisons)
    report = replace(report, gates=(replace(gate, evidence=evidence, comparisons=comparisons),))
    for frame in (report.to_frame(), make_run_frame([report])):
        saved = frame.to_csv().encode().decode()
        assert text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") in saved


def test_a_report_without_gates_is_an_empty_frame_with_all_columns() -> None:
    empty = replace(make_report(), gates=())
    assert len(empty.to_frame()) == 0 and "value" in empty.to_frame()


def test_runs_have_a_row_for_each_gate_and_criterion() -> None:
    good, bad = make_report(criteria=("tone", "facts")), make_report(drop=0.3)
    frame = make_run_frame([good, bad])
    assert list(frame["run_id"]) == [good.run_id, good.run_id, bad.run_id]
    assert list(frame["criterion"]) == ["tone", "facts", "tone"]
    assert list(frame["decision"]) == ["PASS", "PASS", "FAIL"]
    last = frame.iloc[2]
    assert (round(last["candidate_mean"], 6), last["baseline_mean"], round(last["difference"], 6)) == (0.6, 0.9, -0.3)
    assert last["candidate_digest"] == bad.gates[0].evidence.candidate.digest  # type: ignore[union-attr]


def test_no_decision_is_left_out_of_the_runs() -> None:
    report = make_report()
    bare = replace(report, gates=(replace(report.gates[0], comparisons=(), decision=Verdict.INCONCLUSIVE),))
    frame = make_run_frame([replace(report, gates=()), bare])
    assert list(frame["decision"]) == ["PASS", "INCONCLUSIVE"]
    assert frame["criterion"].isna().all() and frame["candidate_mean"].isna().all()


def test_no_report_is_an_empty_frame() -> None:
    assert len(make_run_frame([])) == 0


def test_pandas_loads_when_a_frame_is_made_and_not_before() -> None:
    code = "import sys, evalgate.domain.frames, evalgate.report.csv; print('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
