"""Hand-made reports, one for each way a gate can end; the texts in them are hostile on purpose."""

from __future__ import annotations

import json
from dataclasses import replace

from evalgate.domain import (
    DEFAULT_LEVELS,
    REUSED,
    Admission,
    Arm,
    BlockingCheck,
    Calls,
    ChangeLevel,
    Comparison,
    ConstantOutput,
    Counts,
    Criterion,
    DatasetRef,
    Estimate,
    Evidence,
    Failure,
    Finding,
    Flips,
    GateReport,
    InputField,
    Level,
    LevelFinding,
    Look,
    Outcome,
    Output,
    Policy,
    PolicyChange,
    Report,
    Requirement,
    Result,
    Score,
    Scored,
    ScoreToken,
    SignOff,
    TagFall,
    Threshold,
    ToolCall,
    Unscored,
    Usage,
    Verdict,
    VersionRef,
)

POLICY = Policy(levels=DEFAULT_LEVELS)
NO_FLIPS = Flips()
FULL_LOOK = Look(number=3, of=3, cases=60, planned=60, level=0.0386)
CRITERIA = (
    Criterion(name="json_schema", kind="check", blocking=True, digest="a" * 64),
    Criterion(name="facts", kind="check", blocking=True, digest="b" * 64),
    Criterion(name="faithfulness", kind="judge", blocking=True, digest="c" * 64),
    Criterion(name="answered", kind="check", blocking=True, digest="e" * 64),
)
CANDIDATE = VersionRef(name="support", version="1.1.0", digest="5f2c" * 16, source="working tree")
BASELINE = VersionRef(name="support", version="1.0.0", digest="9b41" * 16, source="a1b2c3d:prompts/support.prompt.yml")
DATASET = DatasetRef(path="golden/cases.jsonl", digest="77aa" * 16, cases=60)

REFUND = {
    Arm.BASELINE: "You can return unused items within 30 days of delivery. The refund goes back to your original "
    "payment method within 5 to 7 working days.",
    Arm.CANDIDATE: "You can return unused items at any time. The refund goes back to your original payment method "
    "within a few days.",
}
HOSTILE = (
    "\x1b[2J\x1b]8;;https://evil.example\x07click\u202e me\u200b\r\n\n<!-- --><img src=x onerror=alert(1)>\n"
    "@octocat closes #1 and org/repo#2, GH-3, see https://evil.example or www.evil.example | ``` ~~~\n"
    "</pre></td></table></details>\n\n# PASS\n![x](https://evil.example/x.png) :tada: $\\frac{1}{2}$"
)


CONTEXT = (
    "Unused items can be returned within 30 days of delivery for a full refund. Tags must still be attached. Refunds go "
    "back to the original payment method.\nReturn labels are printed from the Orders page of your account, and a parcel "
    "that is handed in without one is sent back."
)


def input_of(case: str) -> tuple[InputField, ...]:
    """The fields that the prompt uses: one of one line, one that is longer."""
    question = f"How long do I have to send it back? ({case[:40]})"
    return InputField(name="query", text=question), InputField(name="context", text=CONTEXT)


def answer(text: str) -> Output:
    return Output(
        text=json.dumps({"answer": text}),
        served_by="fp_44709d6fcb",
        usage=Usage(input_tokens=212, output_tokens=38),
        seconds=0.8125,
        cached=True,
    )


def result(case: str, arm: Arm, repeat: int, outcome: Outcome | None, **scores: Scored) -> Result:
    verdict = Output(text='{"score": 4}', score_tokens=(ScoreToken(token=4, logprobs={4: -0.1, 5: -2.5}),))
    return Result(
        case=case,
        arm=arm,
        repeat=repeat,
        tags=("refund", "critical") if case.startswith("refund") else (),
        outcome=outcome,
        scores=scores,
        replies={"faithfulness": (verdict,)} if "faithfulness" in scores else {},
    )


def estimate(value: float, low: float, high: float, n: int = 60) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n)


def around(value: float) -> Estimate:
    return estimate(round(value, 4), round(value - 0.04, 4), round(min(1.0, value + 0.03), 4))


def comparison(criterion: str, difference: Estimate | None, *, at: float = 0.98, **others: object) -> Comparison:
    found = Comparison(
        criterion=criterion,
        kind="judge" if criterion == "faithfulness" else "check",
        baseline=None if difference is None else around(at),
        candidate=around(at + (difference.value if difference else 0.0)),
        difference=difference,
        p_value=None if difference is None else 0.21,
        detectable=None if difference is None else 0.0813,
        deviation=None if difference is None else 0.21,
        units=60,
        pairs=60,
    )
    return replace(found, **others)


def answered(**others: object) -> Comparison:
    """What is found of the implicit check; by default every case is answered."""
    same = comparison("answered", estimate(0.0, -0.041, 0.0), detectable=0.0, deviation=0.0, p_value=1.0)
    found = replace(same, baseline=estimate(1.0, 0.95, 1.0), candidate=estimate(1.0, 0.95, 1.0))
    return replace(found, **others)


def blocks(criterion: str, decision: Verdict = Verdict.PASS, **others: object) -> BlockingCheck:
    """A blocking check that no case fails, but for what `others` say."""
    found = BlockingCheck(
        criterion=criterion,
        decision=decision,
        cases=60,
        failed=0,
        baseline_draws=180,
        baseline_failed=0,
        p_more=1.0,
    )
    return replace(found, **others)


def holds(criterion: str) -> Finding:
    return _proven("check", f"{criterion}: holds on all 60 cases.", criterion=criterion)


ALL_HOLD = tuple(blocks(name) for name in ("json_schema", "facts", "answered"))


def gate(
    decision: Verdict,
    exit_code: int,
    *,
    at: Level = Level.MINOR,
    comparisons: tuple[Comparison, ...] = (),
    findings: tuple[Finding, ...] = (),
    requirements: tuple[Requirement, ...] = (),
    results: tuple[Result, ...] = (),
    counts: Counts | None = None,
    look: Look = FULL_LOOK,
    flips: Flips = NO_FLIPS,
    tags: tuple[TagFall, ...] = (),
    blocking: tuple[BlockingCheck, ...] = ALL_HOLD,
    **evidence: object,
) -> GateReport:
    declared = ChangeLevel(
        declared=at, minimum=Level.PATCH, effective=at, reasons=("4 % of the words changed",), findings=()
    )
    proof = Evidence(
        name="support",
        level=declared,
        candidate=CANDIDATE,
        baseline=BASELINE,
        dataset=DATASET,
        criteria=CRITERIA,
        results=results,
        calls=Calls(made=63, cached=180, saved=12),
        usage=Usage(input_tokens=51_234, output_tokens=9_876),
        cost_usd=0.01342,
    )
    known = {row.case: input_of(row.case) for row in results}
    return GateReport(
        evidence=replace(proof, **{"inputs": known, **evidence}),
        thresholds={"faithfulness": Threshold(minimum=0.9, max_drop=0.05)},
        policy=POLICY,
        level_policy=DEFAULT_LEVELS[at],
        decision=decision,
        exit_code=Admission(exit_code),
        counts=counts or Counts(expected=180, decided=180, failures=0, unscored=0),
        look=look,
        flips=flips,
        tags=tags,
        comparisons=comparisons,
        findings=findings,
        requirements=requirements,
        units=proof.dataset.cases,
        blocking=blocking,
    )


def report(*gates: GateReport, decision: Verdict | None = None, exit_code: int | None = None) -> Report:
    return Report(
        run_id="20260304T050607Z-1f2e3d",
        created_at="2026-03-04T05:06:07Z",
        tool_version="0.1.0",
        decision=decision or (gates[0].decision if gates else Verdict.PASS),
        exit_code=Admission(exit_code if exit_code is not None else gates[0].exit_code if gates else 0),
        gates=gates,
    )


WITHIN_DROP = estimate(0.004, -0.0496, 0.031)


def _passing(difference: Estimate = WITHIN_DROP, **of_judge: object) -> tuple[Comparison, ...]:
    return (
        comparison("json_schema", estimate(0.0, -0.041, 0.0), at=1.0, detectable=0.0, deviation=0.0, p_value=1.0),
        comparison("facts", estimate(0.0166, -0.0312, 0.044), at=0.983),
        comparison("faithfulness", difference, at=0.8996 - difference.value, **of_judge),
        answered(),
    )


def _proven(kind: str, sentence: str, decision: Verdict = Verdict.PASS, **others: object) -> Finding:
    found = Finding(criterion="faithfulness", kind=kind, decision=decision, sentence=sentence, blocks=False)
    return replace(found, **others)


WITHIN = _proven(
    "max_drop",
    "faithfulness: proven to be less than 0.05 worse than the baseline: +0.004 [-0.0496, +0.031] over 60 cases.",
)
FLOOR = _proven("min", "faithfulness: proven at or above its floor of 0.6: 0.900 [0.860, 0.930] over 60 cases.")
CANARY = Requirement(kind="canary", state="pending", detail="48-hour canary")
SIGN_OFF = Requirement(kind="sign_off", state="pending", detail="sign-off by a person who did not write the change")


def passing() -> Report:
    scores = {"facts": Score(value=1.0), "faithfulness": Score(value=1.0)}
    plain = tuple(result("refund-001", arm, 0, answer("Within 30 days."), **scores) for arm in Arm)
    found = gate(
        Verdict.PASS,
        0,
        comparisons=_passing(improved=("billing-004",)),
        findings=(holds("json_schema"), holds("facts"), FLOOR, WITHIN),
        requirements=(CANARY,),
        results=plain,
    )
    return report(replace(found, thresholds={"faithfulness": Threshold(minimum=0.6, max_drop=0.05)}))


def _fallen(case: str, *, before: str, after: str) -> tuple[Result, ...]:
    good = {"json_schema": Score(value=1.0), "facts": Score(value=1.0)}
    bad = {"json_schema": Score(value=1.0), "facts": Score(value=0.0, reason='"30 days" is missing')}
    judged = Score(value=1.0, reason="Every statement is in the context.")
    weak = Score(value=0.5, reason="The delay is not in the context.")
    low = Score(value=0.25, reason='"At any time" contradicts the context,\nwhich gives 30 days.')
    return (
        result(
            case,
            Arm.BASELINE,
            0,
            answer(before + " Is there anything else I can do for you?"),
            **good,
            faithfulness=weak,
        ),
        result(case, Arm.BASELINE, 1, answer(before), **good, faithfulness=judged),
        result(case, Arm.BASELINE, 2, answer(before), **good, faithfulness=judged),
        result(case, Arm.CANDIDATE, 0, answer(after), **bad, faithfulness=low),
    )


def failing() -> Report:
    cases = ("refund-017", *(f"refund-{number:03}" for number in range(20, 27)))
    results = [row for case in cases for row in _fallen(case, before=REFUND[Arm.BASELINE], after=REFUND[Arm.CANDIDATE])]
    sentence = (
        f"facts: {', '.join(cases[:5])} and 3 more fail in 7 of 7 draws, and every draw of the baseline passes; "
        f'{cases[0]}: the value at /answer lacks "30 days", which `expected` asks for.'
    )
    worse = (
        "faithfulness: proven worse than the baseline, and not proven to be within the allowed drop of 0.05: "
        "-0.125 [-0.187, -0.062] over 60 cases."
    )
    return report(
        gate(
            Verdict.FAIL,
            1,
            at=Level.PATCH,
            comparisons=(
                comparison("json_schema", estimate(0.0, -0.041, 0.0), at=1.0, detectable=0.0),
                comparison("facts", estimate(-0.1333, -0.2131, -0.0593), at=0.9833, regressed=cases, p_value=0.0019),
                comparison("faithfulness", estimate(-0.125, -0.187, -0.062), at=0.93, regressed=cases[:1]),
                answered(),
            ),
            blocking=(
                blocks("json_schema"),
                blocks("facts", Verdict.FAIL, failed=8, p_more=0.0004, for_good=cases),
                blocks("answered"),
            ),
            findings=(
                holds("json_schema"),
                Finding(
                    criterion="facts",
                    kind="check",
                    decision=Verdict.FAIL,
                    sentence=sentence,
                    blocks=True,
                    cases=cases,
                ),
                _proven("max_drop", worse, Verdict.FAIL, blocks=True, cases=cases[:1]),
            ),
            results=tuple(results),
        )
    )


def inconclusive() -> Report:
    sentence = (
        "faithfulness: not proven worse, and not proven within 0.05 of the baseline: -0.018 [-0.069, +0.027] over 60 "
        "cases. 60 cases with a standard deviation of 0.210 reliably show drops of 0.081 or more. To settle it: about 160 cases."
    )
    return report(
        gate(
            Verdict.INCONCLUSIVE,
            0,
            at=Level.PATCH,
            comparisons=_passing(estimate(-0.018, -0.0692, 0.0271), regressed=("refund-017",)),
            findings=(
                holds("json_schema"),
                holds("facts"),
                _proven("max_drop", sentence, Verdict.INCONCLUSIVE, cases=("refund-017",)),
            ),
            results=_fallen("refund-017", before=REFUND[Arm.BASELINE], after=REFUND[Arm.CANDIDATE]),
        )
    )


def major() -> Report:
    found = gate(
        Verdict.PASS,
        5,
        at=Level.MAJOR,
        comparisons=_passing(),
        findings=(holds("json_schema"), holds("facts"), WITHIN),
        requirements=(replace(CANARY, state="met"), SIGN_OFF),
    )
    return report(replace(found, thresholds={}))


CHANGES = (
    PolicyChange(path="evalgate.yml", digest="1e" * 32),
    PolicyChange(path="golden/cases.jsonl", digest="2f" * 32),
    PolicyChange(path="golden/rubrics/tone_of_voice.md", digest=""),
)
SIGNED = SignOff(
    by="octocat",
    at="2026-03-04T06:07:08Z",
    kind="review",
    commit="c0ffee" * 6 + "c0ff",
    subject="5a" * 32,
    url="https://github.example/acme/support/pull/12#pullrequestreview-3",
)


def rules_changed() -> Report:
    return replace(major(), policy_changes=CHANGES)


def rules_alone() -> Report:
    return replace(report(exit_code=5), policy_changes=CHANGES[:1])


def signed_off() -> Report:
    found = major()
    met = replace(
        found.gates[0],
        exit_code=Admission.PASS,
        requirements=tuple(replace(r, state="met") for r in found.gates[0].requirements),
    )
    return replace(found, exit_code=Admission.PASS, gates=(met,), policy_changes=CHANGES[:2], sign_off=SIGNED)


def new_prompt() -> Report:
    alone = "There is no baseline: the absolute thresholds alone decide."
    floor = "faithfulness: not proven to be on either side of its floor of 0.9: 0.8996 [0.860, 0.930] over 60 cases."
    low = Score(value=0.25, reason="Nothing of it is in the context.")
    return report(
        gate(
            Verdict.INCONCLUSIVE,
            4,
            comparisons=(
                comparison("json_schema", None, at=1.0),
                comparison("faithfulness", None, at=0.8996, undecided=()),
            ),
            blocking=(blocks("json_schema", baseline_draws=0), blocks("answered", baseline_draws=0)),
            findings=(
                holds("json_schema"),
                _proven("min", floor, Verdict.INCONCLUSIVE, blocks=True, cases=("refund-017",)),
                Finding(criterion=None, kind="no_baseline", decision=Verdict.PASS, sentence=alone, blocks=False),
            ),
            results=(
                result("refund-017", Arm.CANDIDATE, 0, Output(text=""), json_schema=Score(value=1.0), faithfulness=low),
            ),
            baseline=None,
            level=ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR),
            cost_usd=None,
        )
    )


def incomplete() -> Report:
    sentence = (
        "faithfulness: 2 of 60 cases could not be decided (refund-017, refund-018); the first: "
        "candidate, the reply is not JSON: {}"
    )
    down = Failure(kind="infrastructure", message="connection reset by peer, 5 attempts", seconds=31.5)
    unread = Unscored(reason="the reply is not JSON: {}")
    good = Score(value=1.0, reason="All of it is in the context.")
    found = report(
        gate(
            Verdict.INCONCLUSIVE,
            4,
            comparisons=(
                comparison("facts", estimate(0.0, -0.04, 0.0), at=1.0),
                comparison(
                    "faithfulness", None, candidate=None, undecided=("refund-017", "refund-018"), units=0, pairs=0
                ),
            ),
            findings=(
                _proven(
                    "completeness", sentence, Verdict.INCONCLUSIVE, blocks=True, cases=("refund-017", "refund-018")
                ),
                holds("facts"),
            ),
            results=(
                result("refund-017", Arm.BASELINE, 0, answer("30 days."), faithfulness=good),
                result("refund-017", Arm.CANDIDATE, 0, answer("30 days."), faithfulness=unread),
                result("refund-018", Arm.BASELINE, 0, down, faithfulness=Unscored(reason="there is no output")),
                result("refund-018", Arm.CANDIDATE, 0, answer("30 days."), faithfulness=good),
            ),
            counts=Counts(expected=180, decided=178, failures=1, unscored=1),
        )
    )
    return replace(found, warnings=("the cache cannot be written: No space left on device",))


def small() -> Report:
    """Eight cases, of which one broke: the set cannot show much, and says so first."""
    sentence = "faithfulness: 8 cases can only show a very large drop; 59 can prove a PASS: -0.031 [-0.306, +0.029] over 8 cases."
    few = Look(number=1, of=1, cases=8, planned=8, level=0.05)
    fallen = comparison("faithfulness", estimate(-0.031, -0.306, 0.029, 8), at=0.93, pairs=8, units=8)
    found = gate(
        Verdict.INCONCLUSIVE,
        0,
        comparisons=(replace(fallen, deviation=0.088, detectable=0.094, broken=("refund-017",)),),
        findings=(_proven("max_drop", sentence, Verdict.INCONCLUSIVE),),
        results=_fallen("refund-017", before=REFUND[Arm.BASELINE], after=REFUND[Arm.CANDIDATE]),
        counts=Counts(expected=8, decided=8, failures=0, unscored=0),
        look=few,
        blocking=(),
        dataset=replace(DATASET, cases=8),
        criteria=CRITERIA[2:3],
    )
    return report(replace(found, units=8))


def worse_within() -> Report:
    """A pass that is worse, with all that a reader must not miss: unsteady checks, units, an idle judge, a reuse."""
    early = Look(number=2, of=4, cases=50, planned=100, level=0.0106)
    worse = (
        "faithfulness: worse, but proven to be within the allowed drop of 0.05: -0.018 [-0.029, -0.007] over 38 cases "
        "in 24 independent units (stopped early, of 100); 12 more are left out: the baseline fails facts in 11, both versions give "
        "no answer in 1."
    )
    facts = (
        "facts: holds, compared with the baseline: 4 of 100 cases failed at first; the baseline: 13 of 300 draws. "
        "Failed once and held when asked again: refund-002, refund-009. Failed by both versions: refund-031, refund-044."
    )
    silent = (
        "answered: holds, compared with the baseline: 1 of 100 cases failed at first; the baseline: 3 of 300 draws. "
        "Failed by both versions: refund-050."
    )
    idle = "tone gives 1.000 to every output of both versions, so it shows no difference."
    fell = "brevity fell by 0.312, but has no threshold, so it does not decide."
    of_tone = comparison("tone", estimate(0.0, -0.0496, 0.0), at=1.0, deviation=0.0, detectable=None)
    numbers = {"pairs": 38, "units": 24}
    left = tuple(f"refund-{number:03}" for number in range(31, 43))
    found = gate(
        Verdict.PASS,
        0,
        comparisons=(
            comparison("json_schema", estimate(0.0, -0.041, 0.0, 30), at=1.0, detectable=0.0, pairs=50, units=30),
            comparison("facts", estimate(0.0133, -0.0441, 0.0702, 30), at=0.94, pairs=50, units=30),
            replace(of_tone, kind="judge", **numbers),
            comparison("brevity", estimate(-0.3124, -0.355, -0.2701, 30), at=0.9, pairs=50, units=30),
            comparison(
                "faithfulness", estimate(-0.018, -0.029, -0.007, 24), at=0.93, deviation=0.021, left_out=left, **numbers
            ),
            answered(candidate=estimate(0.99, 0.91, 1.0), baseline=estimate(0.99, 0.93, 1.0), pairs=50, units=30),
        ),
        blocking=(
            blocks("json_schema", cases=100, baseline_draws=300),
            blocks(
                "facts",
                cases=100,
                failed=4,
                baseline_draws=300,
                baseline_failed=13,
                p_more=0.81,
                wavered=("refund-002", "refund-009"),
                both=("refund-031", "refund-044"),
            ),
            blocks("answered", cases=100, failed=1, baseline_draws=300, baseline_failed=3, both=("refund-050",)),
        ),
        findings=(
            _proven("check", "json_schema: holds on all 100 cases.", criterion="json_schema"),
            _proven("check", facts, criterion="facts"),
            _proven("check", silent, criterion="answered"),
            replace(WITHIN, criterion="tone", sentence=WITHIN.sentence.replace("faithfulness", "tone")),
            _proven("max_drop", worse),
            _proven("remark", fell, criterion="brevity"),
            _proven("remark", idle, criterion="tone"),
        ),
        counts=Counts(expected=238, decided=238, failures=3, unscored=0),
        look=early,
        dataset=replace(DATASET, cases=100),
        notes=(
            "the candidate was served by fp_1, fp_2",
            f"{REUSED}, in run 20260303T111111Z-aaaaaa of 2026-03-03T11:11:11Z: the same content is not drawn again; "
            "only white space differs from digest 1d1d1d1d1d1d, which was answered then",
        ),
        evaluated="1d" * 32,
    )
    return report(replace(found, units=60, thresholds={"faithfulness": Threshold(max_drop=0.05)}))


def broken() -> Report:
    """A mean that is fine, and cases that worked and do not any more, told criterion by criterion."""
    cases = ("refund-017", "refund-020", "refund-021")
    sentence = (
        "faithfulness: 3 cases are broken, 1 fixed, and at most 1 more broken than fixed are allowed (refund-017, "
        "refund-020, refund-021). The baseline passes in every sample, the candidate in none of its draws, fresh ones "
        "included."
    )
    found = gate(
        Verdict.FAIL,
        1,
        comparisons=(
            replace(_passing()[2], broken=cases, fixed=("billing-004",)),
            comparison("relevance", estimate(0.004, -0.021, 0.02), at=0.8, suspects=("refund-031",), fixed=cases[:1]),
        ),
        findings=(_proven("broken", sentence, Verdict.FAIL, blocks=True, cases=cases), WITHIN),
        results=tuple(
            row for case in cases for row in _fallen(case, before=REFUND[Arm.BASELINE], after=REFUND[Arm.CANDIDATE])
        ),
        flips=Flips(broken=cases, fixed=("billing-004", "refund-017"), open=("refund-031",)),
        calls=Calls(made=63, cached=180, saved=12, confirming=9),
    )
    return report(found)


def constant() -> Report:
    """One text for many questions: no pass, whatever the judges say."""
    text = "I am sorry, I cannot help with that."
    sentence = f'Constant output: the candidate answers "{text}" in 57 cases with different requests.'
    said = Finding(
        criterion=None, kind="constant_output", decision=Verdict.INCONCLUSIVE, sentence=sentence, blocks=True
    )
    unsure = _proven(
        "completeness",
        "facts: refund-017 fails with the candidate and passed with the baseline, and recorded outputs cannot be "
        "drawn again: 7 draws are needed to decide.",
        Verdict.INCONCLUSIVE,
        criterion="facts",
        blocks=True,
        cases=("refund-017",),
    )
    found = gate(
        Verdict.INCONCLUSIVE,
        4,
        comparisons=_passing(),
        blocking=(
            blocks("json_schema"),
            blocks("facts", Verdict.INCONCLUSIVE, failed=1, open=("refund-017",)),
            blocks("answered"),
        ),
        findings=(unsure, holds("json_schema"), WITHIN, said),
        results=_fallen("refund-017", before=REFUND[Arm.BASELINE], after=REFUND[Arm.CANDIDATE]),
    )
    return report(replace(found, constant_output=ConstantOutput(text=text, cases=57)))


def hostile() -> Report:
    """Every text that others write is hostile, in a report with two gates."""
    dirty = Score(value=0.0, reason=HOSTILE)
    findings = (Finding(criterion=HOSTILE, kind="check", decision=Verdict.FAIL, sentence=HOSTILE, blocks=True),)
    remark = Finding(criterion=HOSTILE, kind="remark", decision=Verdict.PASS, sentence=HOSTILE, blocks=False)
    bad = gate(
        Verdict.FAIL,
        1,
        comparisons=(
            comparison(
                HOSTILE,
                estimate(-0.5, -0.6, -0.4),
                regressed=(HOSTILE,),
                broken=(HOSTILE,),
                fixed=(HOSTILE,),
                suspects=(HOSTILE,),
            ),
        ),
        findings=(*findings, replace(findings[0], cases=(HOSTILE,)), remark),
        blocking=(blocks(HOSTILE, Verdict.FAIL, failed=1, for_good=(HOSTILE,)),),
        requirements=(replace(SIGN_OFF, detail=HOSTILE),),
        results=(
            replace(
                result("x", Arm.BASELINE, 0, Output(text="fine"), **{HOSTILE: Score(value=1.0)}),
                case=HOSTILE,
                tags=(HOSTILE,),
            ),
            replace(
                result(
                    "x",
                    Arm.CANDIDATE,
                    0,
                    Output(text=HOSTILE, tool_calls=(ToolCall(name=HOSTILE, arguments=HOSTILE),)),
                    **{HOSTILE: dirty},
                ),
                case=HOSTILE,
            ),
        ),
        name=HOSTILE,
        level=ChangeLevel(
            declared=Level.PATCH,
            minimum=Level.MAJOR,
            effective=Level.MAJOR,
            reasons=(HOSTILE,),
            findings=(LevelFinding(kind="level", sentence=HOSTILE),),
        ),
        candidate=VersionRef(name=HOSTILE, version=HOSTILE, digest=HOSTILE, source=HOSTILE),
        dataset=DatasetRef(path=HOSTILE, digest=HOSTILE, cases=1),
        criteria=(Criterion(name=HOSTILE, kind="check", blocking=True, digest="d" * 64),),
        notes=(HOSTILE, f"{REUSED} {HOSTILE}"),
        evaluated=HOSTILE,
        inputs={HOSTILE: (InputField(name=HOSTILE, text=HOSTILE), InputField(name="empty", text=" "))},
    )
    bad = replace(bad, constant_output=ConstantOutput(text=HOSTILE, cases=1))
    both = replace(
        report(bad, passing().gates[0]),
        warnings=(HOSTILE,),
        policy_changes=(PolicyChange(path=HOSTILE, digest=HOSTILE), PolicyChange(path=HOSTILE, digest="")),
        sign_off=SignOff(by=HOSTILE, at=HOSTILE, kind="label", commit=HOSTILE, subject=HOSTILE, url=HOSTILE),
    )
    return replace(both, run_id=HOSTILE, created_at=HOSTILE, tool_version=HOSTILE)


SAMPLES = {
    "pass": passing,
    "fail": failing,
    "inconclusive": inconclusive,
    "major": major,
    "rules-changed": rules_changed,
    "rules-alone": rules_alone,
    "signed-off": signed_off,
    "new-prompt": new_prompt,
    "incomplete": incomplete,
    "nothing": report,
    "small": small,
    "worse-within": worse_within,
    "broken": broken,
    "constant": constant,
    "hostile": hostile,
}
