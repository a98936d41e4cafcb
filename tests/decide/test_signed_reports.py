"""Reports that wait for a sign-off, and what a sign-off changes in them: nothing but the waiting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.commands import decide, merge
from evalgate.decide import policy, sign_off
from evalgate.domain import Admission, Level, PolicyChange, Report, Requirement, ScoreRow, SignOff
from evalgate.errors import InputError
from evalgate.gate import reports
from evalgate.inputs.importers.given_scores import GivenScores
from evalgate.store import report_json

CHANGES = (PolicyChange(path="evalgate.yml", digest="c0ffee"), PolicyChange(path="cases.jsonl", digest=""))


def scored(level: Level = Level.MAJOR, *, drop: float = 0.0, cases: int = 80) -> Report:
    rows = [
        ScoreRow(case=f"c{n}", arm=arm, criterion="quality", value=0.9 - (drop if arm == "candidate" else 0), repeat=0)
        for n in range(cases)
        for arm in ("baseline", "candidate")
    ]
    return decide.decide_scores(GivenScores(rows=tuple(rows), path="scores.csv"), floors={}, max_drop=0.05, level=level)


def edited(report: Report) -> Report:
    return reports.make_report(report.gates, report.warnings, CHANGES)


def word(report: Report, **other: str) -> SignOff:
    given = SignOff(
        by="ann",
        at="2026-03-02T11:00:00+00:00",
        kind="review",
        commit="a" * 40,
        subject=sign_off.digest_subject(report),
    )
    return replace(given, **other)  # type: ignore[arg-type]


WAITING = {
    "a MAJOR": scored(),
    "a MAJOR that edits the policy": edited(scored()),
    "a PATCH that edits the policy": edited(scored(Level.PATCH)),
    "the policy alone": reports.make_report((), (), CHANGES),
}


@pytest.mark.parametrize("what", WAITING)
def test_a_sign_off_is_what_was_waited_for(what: str) -> None:
    report = WAITING[what]
    assert (report.decision.value, report.exit_code) == ("PASS", 5)
    signed = policy.apply_sign_off(report, word(report))
    assert (signed.decision.value, signed.exit_code) == ("PASS", 0)
    assert all(gate.exit_code == 0 for gate in signed.gates)
    wanted = [r for gate in signed.gates for r in gate.requirements if r.kind == "sign_off"]
    assert all(r.state == "met" for r in wanted)
    assert signed.policy_changes == report.policy_changes
    assert sign_off.digest_subject(signed) == sign_off.digest_subject(report)
    for one in (report, signed):
        assert reports.verify_report(report_json.read(report_json.render(one), "x"), "x") == one
        assert decide.decide_again(one, None, floors={}, max_drop=None) == one


def test_a_canary_is_not_met_by_a_sign_off() -> None:
    report = scored()
    (gate,) = policy.apply_sign_off(report, word(report)).gates
    assert gate.requirements[0] == Requirement(kind="canary", state="pending", detail="48-hour canary")


@pytest.mark.parametrize(
    "report",
    [scored(Level.PATCH), scored(drop=0.3), edited(scored(drop=0.3)), scored(cases=5), reports.make_report(())],
    ids=["passes by itself", "fails", "fails and edits the policy", "open", "nothing to gate"],
)
def test_nothing_else_can_be_signed_off(report: Report) -> None:
    with pytest.raises(ValueError, match="does not wait"):
        policy.apply_sign_off(report, word(report))


def test_a_fail_stays_one_whatever_is_edited() -> None:
    assert edited(scored(drop=0.3)).exit_code == 1
    assert edited(scored(cases=5)).exit_code == 4


def test_a_sign_off_is_of_one_content() -> None:
    report = edited(scored())
    others = [
        scored(),
        scored(cases=81),
        decide.decide_again(report, None, floors={"quality": 0.1}, max_drop=None),
        decide.decide_again(report, None, floors={}, max_drop=0.2),
        replace(report, policy_changes=CHANGES[:1]),
        replace(report, policy_changes=(replace(CHANGES[0], digest="other"), CHANGES[1])),
    ]
    assert len({sign_off.digest_subject(one) for one in [report, *others]}) == len(others) + 1
    for other in others:
        with pytest.raises(ValueError, match="other content"):
            policy.apply_sign_off(other, word(report))


def test_what_is_signed_off_is_not_what_was_answered() -> None:
    assert sign_off.digest_subject(scored()) != sign_off.digest_subject(scored(drop=0.01)), (
        "other outputs of a scores file"
    )
    report = scored()
    (gate,) = report.gates
    moved = replace(gate.evidence, results=gate.evidence.results[:-1], notes=("later",), baseline=None)
    assert sign_off.digest_subject(replace(report, gates=(replace(gate, evidence=moved),))) == sign_off.digest_subject(
        report
    )


def test_deciding_again_by_another_policy_waits_again() -> None:
    report = edited(scored())
    signed = policy.apply_sign_off(report, word(report))
    again = decide.decide_again(signed, None, floors={"quality": 0.5}, max_drop=None)
    assert (again.exit_code, again.sign_off, again.policy_changes) == (5, None, CHANGES)
    failing = decide.decide_again(signed, None, floors={"quality": 0.95}, max_drop=None)
    assert (failing.exit_code, failing.sign_off, failing.policy_changes) == (1, None, CHANGES)


def forged() -> dict[str, Report]:
    report = edited(scored())
    signed = policy.apply_sign_off(report, word(report))
    alone, failed = reports.make_report((), (), CHANGES), edited(scored(drop=0.3))
    major = scored()
    return {
        "passes though the policy is edited": replace(report, exit_code=Admission.PASS, gates=signed.gates),
        "passes though the policy is all there is": replace(alone, exit_code=Admission.PASS),
        "passes, and its gate waits": replace(major, exit_code=Admission.PASS),
        "met by no person": replace(policy.apply_sign_off(major, word(major)), sign_off=None),
        "signed off for other content": replace(signed, sign_off=word(scored())),
        "signed off, and waits": replace(report, sign_off=word(report)),
        "signed off, with more edited since": replace(signed, policy_changes=(*CHANGES, CHANGES[0])),
        "signed off though it fails": replace(failed, sign_off=word(failed)),
        "signed off to pass": replace(failed, sign_off=word(failed), exit_code=Admission.PASS),
        "fails though nothing is there": replace(reports.make_report(()), exit_code=Admission.FAIL),
        "its requirement waits": replace(signed, gates=report.gates),
    }


@pytest.mark.parametrize("how", forged())
def test_a_report_that_contradicts_itself_is_refused(how: str) -> None:
    with pytest.raises(InputError):
        reports.verify_report(report_json.read(report_json.render(forged()[how]), "x"), "x")


@pytest.mark.parametrize("changes", [CHANGES, ()])
def test_the_reader_itself_takes_no_pass_over_an_unsigned_policy(changes: tuple[PolicyChange, ...]) -> None:
    text = report_json.render(replace(reports.make_report((), (), changes), exit_code=Admission.PASS))
    if not changes:
        assert report_json.read(text, "x").exit_code == 0
        return
    with pytest.raises(InputError, match="was not signed off"):
        report_json.read(text, "x")


def test_shards_of_one_run_have_the_same_policy_changes() -> None:
    alone = reports.make_report((), ("a warning",), CHANGES)
    merged = merge.merge_reports([("1.json", alone), ("2.json", alone)])
    assert (merged.exit_code, merged.policy_changes, merged.warnings) == (5, CHANGES, ("a warning",))
    with pytest.raises(InputError, match=r"it edits other policy files than 1\.json"):
        merge.merge_reports([("1.json", alone), ("2.json", reports.make_report(()))])
