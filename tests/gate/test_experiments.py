"""The arms of a report as experiments: all answers and scores, nothing that may not leave, ids that stay the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.samples import failing, passing, report, result

from evalgate.domain import (
    Arm,
    Failure,
    GateReport,
    Output,
    Redrawn,
    Report,
    Result,
    Score,
    ToolCall,
    Unscored,
    Usage,
    Verdict,
)
from evalgate.domain.masking import Mask
from evalgate.gate.experiments import LARGEST_TEXT, ArmContents, Experiment, PromptLink, _cut, _measure, make_experiment
from evalgate.services.langfuse import LARGEST_REQUEST

LINK = PromptLink(name="support", version=7)
NO_MASK = Mask(())


def make_contents(**facts: Any) -> ArmContents:
    given = {
        "link": None,
        "model": "m",
        "find_input": lambda case: [{"role": "user", "content": f"ask {case}"}],
        "find_expected": lambda case: f"expect {case}",
        "kept": None,
    }
    return ArmContents(**{**given, **facts})


def make(of: Report | GateReport, arm: Arm = Arm.CANDIDATE, mask: Mask = NO_MASK, **facts: Any) -> Experiment:
    whole = of if isinstance(of, Report) else report(of)
    made = make_experiment(whole, whole.gates[0], arm, make_contents(**facts), mask)
    assert made is not None
    return made


def make_gate(*results: Result) -> GateReport:
    gate = passing().gates[0]
    return replace(gate, evidence=replace(gate.evidence, results=results, confirmations=()))


def make_one(outcome: Any, mask: Mask = NO_MASK, facts: Any = None, **scores: Any) -> Experiment:
    one = make_gate(result("a", Arm.CANDIDATE, 0, outcome, **scores))
    return make(one, mask=mask, **(facts or {}))


def read(span: Any) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_each_answer_is_an_item_and_each_score_one_of_it() -> None:
    whole = failing()
    evidence = whole.gates[0].evidence
    for arm in Arm:
        made = make(whole, arm)
        own = [one for one in (*evidence.results, *evidence.confirmations) if one.arm is arm]
        assert [(item.case, item.repeat) for item in made.items] == [(one.case, one.repeat) for one in own]
        scored = [(one.case, name) for one in own for name, score in one.scores.items() if isinstance(score, Score)]
        assert [(item.case, score["name"]) for item in made.items for score in item.scores] == scored
        assert (made.verdict is not None) is (arm is Arm.CANDIDATE)
        assert evidence.name in made.name and made.name.endswith(f"{arm} {whole.run_id}")


def test_all_ids_differ_and_stay_the_same() -> None:
    whole = failing()
    made = [make(whole, arm) for arm in Arm]
    spans = [span for one in made for item in one.items for span in item.spans]
    ids = [span["spanId"] for span in spans]
    assert len(set(ids)) == len(ids) and all(len(one) == 16 and int(one, 16) for one in ids)
    assert {len(span["traceId"]) for span in spans} == {32}
    scores = [score["id"] for one in made for item in one.items for score in item.scores]
    assert len(set(scores)) == len(scores)
    assert [make(whole, arm) for arm in Arm] == made
    another = make(replace(whole, run_id="another"))
    assert another.id != made[0].id and not {one["spanId"] for item in another.items for one in item.spans} & set(ids)


def test_a_span_names_its_item_and_a_generation_its_prompt_version() -> None:
    output = Output(text="hello", usage=Usage(input_tokens=3, output_tokens=4), cost_usd=0.5, seconds=1.5)
    made = make_one(output, facts={"link": LINK}, fact=Score(value=0.25, reason="why"))
    (item,) = made.items
    root, call = map(read, item.spans)
    assert (root["langfuse.experiment.id"], root["langfuse.experiment.item.id"]) == (made.id, "a")
    for one in (root, call):
        assert one["langfuse.experiment.item.root_observation_id"] == item.root
        assert json.loads(one["langfuse.experiment.metadata"])["prompt_version"] == 7
    assert json.loads(root["langfuse.observation.input"]) == [{"role": "user", "content": "ask a"}]
    assert root["langfuse.observation.output"] == "hello"
    assert json.loads(root["langfuse.experiment.item.expected_output"]) == "expect a"
    assert (call["langfuse.observation.prompt.name"], call["langfuse.observation.prompt.version"]) == ("support", "7")
    assert json.loads(call["langfuse.observation.usage_details"]) == {"input": 3, "output": 4}
    assert json.loads(call["langfuse.observation.cost_details"]) == {"total": 0.5}
    first, last = (int(item.spans[0][f"{name}TimeUnixNano"]) for name in ("start", "end"))
    assert last - first == 1_500_000_000
    (score,) = item.scores
    assert (score["value"], score["comment"], score["observationId"]) == (0.25, "why", item.root)
    assert "langfuse.observation.prompt.name" not in read(make_one(output).items[0].spans[1])


def test_what_has_no_score_is_told_and_never_a_number() -> None:
    outcome = Failure(kind="infrastructure", message="no answer in 60 seconds")
    (item,) = make_one(outcome, fact=Unscored(reason="no output"), other=Score(value=0.0)).items
    root = read(item.spans[0])
    assert [score["name"] for score in item.scores] == ["other"]
    assert json.loads(root["langfuse.observation.metadata.unscored"]) == {"fact": "no output"}
    assert root["langfuse.observation.level"] == "ERROR" and "langfuse.observation.output" not in root
    assert root["langfuse.observation.status_message"] == "no answer in 60 seconds"
    assert item.spans[0]["status"] == {"code": 2, "message": "no answer in 60 seconds"}


def test_texts_of_other_cases_stay() -> None:
    whole = failing()
    kept = {whole.gates[0].evidence.results[0].case}
    for item in make(whole, kept=kept).items:
        texts = {"langfuse.observation.input", "langfuse.experiment.item.expected_output"} & read(item.spans[0]).keys()
        assert len(texts) == (2 if item.case in kept else 0)


def test_calls_beside_a_text_are_shown() -> None:
    output = Output(text="one moment", tool_calls=(ToolCall(name="look", arguments="{}"),))
    shown = json.loads(read(make_one(output).items[0].spans[0])["langfuse.observation.output"])
    assert shown == {"content": "one moment", "tool_calls": [{"name": "look", "arguments": "{}"}]}


def test_an_arm_without_answers_is_none() -> None:
    whole = passing()
    bare = replace(whole.gates[0], evidence=replace(whole.gates[0].evidence, results=(), confirmations=()))
    assert make_experiment(whole, bare, Arm.CANDIDATE, make_contents(), NO_MASK) is None
    bare = replace(whole.gates[0], evidence=replace(whole.gates[0].evidence, baseline=None))
    assert make_experiment(whole, bare, Arm.BASELINE, make_contents(), NO_MASK) is None


def test_the_verdict_is_that_of_the_gate() -> None:
    assert make(failing()).verdict is not None and make(failing()).verdict["value"] == "FAIL"  # type: ignore[index]
    again = replace(failing(), redrawn=Redrawn(what="all", decision=Verdict.PASS))
    assert "PASS stays" in make(again).verdict["comment"]  # type: ignore[index]


@pytest.mark.parametrize("secret", ["sk-1234567890abc", 'sk-"12\\345"678', "sk-é1234567890"])
def test_secrets_are_masked_in_all_that_leaves(secret: str) -> None:
    mask = Mask([secret])
    facts = {
        "find_input": lambda case: [{"role": "user", "content": f"use {secret}"}, {secret: [secret]}],
        "find_expected": lambda case: {"key": secret},
        "model": secret,
    }
    failed = make_one(
        Failure(kind="unusable", message=f"bad {secret}"),
        mask,
        facts,
        fact=Unscored(reason=secret),
        x=Score(value=1, reason=secret),
    )
    answered = make_one(Output(text=json.dumps({"k": secret}), served_by=secret), mask, facts)
    for made in (failed, answered):
        sent = json.dumps([(item.spans, item.scores) for item in made.items], ensure_ascii=False)
        # what a reader of the JSON sees, at every depth
        for text in (sent, sent.replace("\\\\", "\\"), sent.replace("\\", "")):
            assert secret not in text and json.dumps(secret)[1:-1] not in text
        assert "***" in sent


HOSTILE = st.text(alphabet=st.one_of(st.characters(), st.sampled_from('\0\ud800\udfff"\\\x01é')), max_size=60)


@given(text=HOSTILE, case=HOSTILE, reason=HOSTILE)
def test_any_text_is_sent_as_utf_8_without_nul(text: str, case: str, reason: str) -> None:
    one = make_gate(result(case, Arm.CANDIDATE, 0, Output(text=text), fact=Score(value=1, reason=reason)))
    made = make(one, find_input=lambda case: {case: text}, find_expected=lambda case: [text])
    for item in made.items:
        sent = json.dumps([*item.spans, *item.scores], ensure_ascii=False).encode()
        assert b"\\u0000" not in sent.replace(b"\\\\u0000", b"")
        json.loads(read(item.spans[0])["langfuse.observation.input"])


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=80), largest=st.integers(min_value=2, max_value=90))
def test_a_text_is_cut_to_its_bytes_in_json(text: str, largest: int) -> None:
    cut = _cut(text, largest)
    if cut != text:
        assert _measure(text) > largest and text.startswith(cut.removesuffix(" ... (cut)"))
        assert _measure(cut) <= largest + len(" ... (cut)")


def test_the_largest_item_fits_in_a_request() -> None:
    huge = "\x01" * 500_000
    output = Output(text=huge, served_by=huge, finish_reason=huge)
    scores = {f"c{number}": Unscored(reason=huge) for number in range(50)}
    facts = {"find_input": lambda case: huge, "find_expected": lambda case: huge, "model": huge}
    (item,) = make_one(output, facts=facts, **scores).items
    assert len(json.dumps(item.spans, ensure_ascii=False).encode()) < LARGEST_REQUEST
    assert 3 * LARGEST_TEXT < LARGEST_REQUEST
