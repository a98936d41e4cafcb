"""What the answers of each arm took: seconds, tokens and dollars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.domain import Arm, Evidence, Outcome, Output, Usage
from evalgate.domain.numbers import show_count
from evalgate.report.view import format_cost

NONE = "not measured"
HEAD = ("arm", "answers", "seconds each", "tokens", "dollars")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmUsage:
    """What the answers of one arm took, whether they were asked for in this run or came from the cache.

    `seconds` are those of each answer, shortest first. `usage` and `cost_usd` are None unless known of all answers.
    Judges are not included.
    """

    arm: Arm
    answers: int
    seconds: tuple[float, ...]
    usage: Usage | None
    cost_usd: float | None


def measure_arms(evidence: Evidence) -> tuple[ArmUsage, ...]:
    """Return what each arm took, the baseline first; nothing for scores that came without outputs."""
    outcomes: dict[Arm, list[Outcome]] = {}
    for result in evidence.results:
        if result.outcome is not None:
            outcomes.setdefault(result.arm, []).append(result.outcome)
    return tuple(_measure(arm, outcomes[arm]) for arm in (Arm.BASELINE, Arm.CANDIDATE) if arm in outcomes)


def make_rows(arms: Sequence[ArmUsage]) -> tuple[tuple[str, ...], ...]:
    """Return a row of texts for each arm, below `HEAD`."""
    return tuple((str(one.arm), f"{one.answers:,}", *_describe(one)) for one in arms)


def describe_arm(one: ArmUsage) -> str:
    """Return what an arm took as a sentence without its name."""
    seconds, tokens, dollars = _describe(one)
    answers = show_count(one.answers, "answer")
    each = "seconds not measured" if seconds == NONE else f"{seconds} each"
    return f"{answers}; {each}; {'tokens not measured' if tokens == NONE else tokens}; {dollars}"


def find_quantile(values: Sequence[float], share: float) -> float:
    """Return the value of sorted `values` that the given share of them does not exceed (nearest rank)."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _measure(arm: Arm, outcomes: Sequence[Outcome]) -> ArmUsage:
    answers = [one for one in outcomes if isinstance(one, Output)]
    usages = [one.usage for one in answers if one.usage is not None]
    costs = [one.cost_usd for one in answers if one.cost_usd is not None]
    return ArmUsage(
        arm=arm,
        answers=len(answers),
        seconds=tuple(sorted(one.seconds for one in answers if one.seconds is not None)),
        usage=sum(usages, Usage()) if answers and len(usages) == len(answers) else None,
        cost_usd=math.fsum(costs) if answers and len(costs) == len(answers) else None,
    )


def _describe(one: ArmUsage) -> tuple[str, str, str]:
    seconds = tokens = NONE
    if one.seconds:
        middle, slow = find_quantile(one.seconds, 0.5), find_quantile(one.seconds, 0.95)
        seconds = f"median {format_seconds(middle)}, p95 {format_seconds(slow)}"
    if one.usage is not None:
        tokens = f"{one.usage.input_tokens:,} in, {one.usage.output_tokens:,} out"
    return seconds, tokens, format_cost(one.cost_usd)


def format_seconds(value: float) -> str:
    """Format seconds with their unit: 0.043 s, 2.4 s, 75 s."""
    return f"{value:.3f} s" if value < 1 else f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"
