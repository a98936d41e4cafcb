"""Tests for evalgate.score.reply_fault: each fault of a reply names the setting that mends it, if there is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.domain import Failure, Judge, Output, Rubric, Unscored
from evalgate.domain.reasoning import LIMIT_REACHED, LIMIT_SPENT, ONLY_REASONING
from evalgate.score import judges

RUBRIC = Rubric(name="r", version="1.0.0", path="r.md", instruction="i", inputs=("output",), minimum=1, maximum=5)
STRICT = Judge(name="r", rubric=RUBRIC, target="api")
GOOD = '{"score": 5, "reason": "good"}'


@pytest.mark.parametrize(
    ("outcome", "setting"),
    [
        (Output(text=GOOD, finish_reason="length"), "max_tokens"),
        (Output(text="<think>hm", finish_reason="length"), "max_tokens"),
        (Output(text="<think>hm"), "max_tokens"),
        (Failure(kind="unusable", message=LIMIT_SPENT), "max_tokens"),
        (Failure(kind="unusable", message=LIMIT_REACHED), "max_tokens"),
        (Failure(kind="unusable", message=ONLY_REASONING), "max_tokens"),
        (Failure(kind="unusable", message="the reply is empty (finish reason: stop)"), "response_format"),
        (Output(text=f"Sure: {GOOD}"), "reading"),
        (Output(text="I would say 4 of 5."), "response_format"),
        (Output(text='{"rating": 4}'), "response_format"),
        (Failure(kind="unusable", message="the model refused: no"), None),
        (Failure(kind="infrastructure", message="gone"), None),
        (Output(text=GOOD, finish_reason="content_filter"), None),
    ],
)
def test_a_fault_names_the_setting_that_mends_it(outcome: Output | Failure, setting: str | None) -> None:
    fault = judges.find_fault(STRICT, outcome)
    assert fault is not None
    assert fault.setting == setting
    assert (fault.hint in str(fault)) and bool(fault.hint) == (setting is not None)
    scored = judges.read_reply(STRICT, outcome)
    assert scored == Unscored(reason=str(fault))


def test_the_suggested_limit_is_above_the_present_one() -> None:
    spent = Failure(kind="unusable", message=LIMIT_SPENT)
    own = replace(STRICT, parameters={"max_completion_tokens": 3000})
    assert "parameters: {max_completion_tokens: 12000}" in str(judges.find_fault(own, spent))
    assert "parameters: {max_tokens: 2000}" in str(judges.find_fault(STRICT, spent))
