from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evalgate.domain import Arm, Failure, Output, Result, Score, StoredBaseline, Unscored
from evalgate.errors import InputError
from evalgate.store import baseline_json


def result(case: str, repeat: int = 0, **more: Any) -> Result:
    given = {"outcome": Output(text='ünï "quoted" \ud800'), "scores": {"fact": Score(value=0.1, reason="so")}, **more}
    return Result(case=case, arm=Arm.BASELINE, repeat=repeat, tags=("x",), **given)


SAMPLES = StoredBaseline(
    gate="support",
    prompt="support",
    version=None,
    dataset="cases.jsonl",
    parts={"prompt": "p", "dataset": "d"},
    sampled_at="2026-01-02T03:04:05+00:00",
    tool_version="0.1.0",
    served_by=("m-1", "m-2"),
    results=(
        result("a"),
        result("a", 1, replies={"fact": (Failure(kind="unusable", message="refused"), Output(text="4"))}),
        result("b", outcome=Failure(kind="infrastructure", message="down"), scores={"fact": Unscored(reason="down")}),
    ),
    self_check=("fact: one sentence",),
)


def test_samples_come_back_exactly_from_ascii_with_a_line_for_each_result() -> None:
    text = baseline_json.render(SAMPLES)
    assert text.isascii()
    assert baseline_json.read(text, "x") == SAMPLES
    assert sum(line.startswith('  {"') for line in text.splitlines()) == len(SAMPLES.results)


def test_the_digest_is_that_of_the_samples_and_their_key() -> None:
    digests = {
        baseline_json.digest_results(one)
        for one in (
            SAMPLES,
            replace(SAMPLES, results=SAMPLES.results[:2]),
            replace(SAMPLES, parts={"prompt": "other"}),
        )
    }
    assert len(digests) == 3
    assert baseline_json.digest_results(replace(SAMPLES, self_check=())) in digests


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data.update(format=2), "2 is not the 1 that this evalgate reads"),
        (lambda data: data.update(more=1), 'unknown "more"'),
        (lambda data: data.pop("gate"), 'missing "gate"'),
        (lambda data: data.update(key="0" * 64), "does not match the samples"),
        (lambda data: data["results"].pop(), "does not match the samples"),
        (lambda data: data.update(sampled_at="2026-01-02T03:04:05"), "no time zone"),
        (lambda data: data.update(sampled_at="yesterday"), "isoformat"),
    ],
)
def test_what_was_edited_is_refused(edit: Callable[[dict[str, Any]], object], message: str) -> None:
    data = json.loads(baseline_json.render(SAMPLES))
    edit(data)
    with pytest.raises(InputError, match="not a stored baseline") as caught:
        baseline_json.read(json.dumps(data), "baselines/k.json")
    assert message in str(caught.value)
    assert str(caught.value).startswith("baselines/k.json")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ((result("a"), result("a")), "the same sample of a case twice"),
        ((replace(result("a"), arm=Arm.CANDIDATE),), "is not a sample of a baseline"),
        ((result("a", -1),), "is not a sample of a baseline"),
        ((result("a", scores={"fact": Score(value=1.5)}),), "outside"),
    ],
)
def test_results_that_are_no_samples_are_refused(results: tuple[Result, ...], message: str) -> None:
    text = baseline_json.render(replace(SAMPLES, results=results))
    with pytest.raises(InputError, match=message):
        baseline_json.read(text, "x")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"not JSON|not a stored baseline"):
        baseline_json.read(text, "x")


def test_a_number_that_is_not_finite_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        baseline_json.render(replace(SAMPLES, results=(result("a", scores={"fact": Score(value=float("nan"))}),)))
