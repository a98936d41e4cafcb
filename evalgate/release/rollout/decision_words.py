"""The words of a rollout's decision. No number in them contradicts it: 299.6 against a bound of 300 is not "300"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from evalgate.domain.numbers import show_count
from evalgate.domain.rollout import MOST_FAULTS, RATES
from evalgate.release.rollout.later_answers import LaterAnswers
from evalgate.release.rollout.tally import StageEvidence, Watched
from evalgate.release.rollout.traffic_rows import FAULTS, REASONS, has_lost

BETTING_COST: Final = 1.6
"""How many times more keys the bets of `means` need than one bet that knows the difference, from the simulation."""
_LARGEST_SHOWN: Final = math.log(1e9)
_MOST_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The e-values at which something is proven to be worse, and to be fine."""

    worse: float
    fine: float


def describe_worse(one: Watched, bounds: Bounds, *, on_staging: bool, is_better: bool = False) -> str:
    """Return the sentence for a thing on which the candidate is proven to be worse, or better."""
    if on_staging:
        side = "most" if one.name in RATES else "least"
        mean, limit = _format_pair(one, (one.mean[1], one.allowed))
        return (
            f"{one.name}: {mean} on staging, where {limit} is the {side} allowed, over {show_count(one.n[1], 'key')}, "
            f"e = {format_e(one.log_e_worse, bounds.worse)} against {format_number(bounds.worse)}"
        )
    log_e = one.log_e_better if is_better else one.log_e_worse
    later = None if is_better else one.later
    compared = _compare_means(one) if later is None else _compare_later(one, later)
    text = f"{compared}, e = {format_e(log_e, bounds.worse)} against {format_number(bounds.worse)}"
    control, candidate = (one if later is None else later).mean
    if control is None or candidate is None:
        return text
    is_lower = candidate < control
    looks_worse = is_lower if one.name not in RATES else candidate > control
    if candidate == control or looks_worse == is_better:
        word = "better" if is_better else "worse"
        text += f"; it is {word} within the same minutes, and the means of the whole stage do not show it"
    return text


def describe_unproven(unproven: Sequence[Watched], bounds: Bounds) -> str:
    """Return the sentence for things that are not proven to have lost less than they may."""
    if not unproven:
        return "nothing is watched, so nothing is proven"
    parts = []
    for one in sorted(unproven, key=lambda one: one.log_e_fine)[:_MOST_SHOWN]:
        if not all(one.n):
            arm = "canary" if not one.n[1] else "production"
            parts.append(f"{one.name}: {arm} has no value that counts")
            continue
        parts.append(
            f"{_compare_means(one)}, e = {format_e(one.log_e_fine, bounds.fine)} against {format_number(bounds.fine)}"
        )
    more = len(unproven) - len(parts)
    tail = f"; and {more} more" if more else ""
    return f"not proven to have lost less than allowed: {'; '.join(parts)}{tail}"


def describe_left_out(evidence: StageEvidence) -> str:
    """Return the sentence for too many rows with a fault: of all, or of one arm."""
    lost, rows, whose = evidence.faults, evidence.rows, ""
    if not has_lost(lost, rows):
        arms = zip(evidence.arm_faults, evidence.arm_rows, (" of production", " of the canary"), strict=True)
        lost, rows, whose = max(
            (one for one in arms if has_lost(*one[:2], is_arm=True)), key=lambda one: one[0] / one[1]
        )
    reasons = sorted((count, reason) for reason, count in evidence.left_out.items() if reason in FAULTS)[::-1]
    listed = "; ".join(f"{count:,} {REASONS.get(reason, reason)}" for count, reason in reasons)
    return (
        f"{lost:,} of {show_count(rows, 'row')}{whose} are left out, "
        f"{_format_above(100 * lost / rows, 100 * MOST_FAULTS)} % where "
        f"{100 * MOST_FAULTS:g} % is the most allowed: {'of both arms ' if whose else ''}{listed}"
    )


def describe_undecided(evidence: StageEvidence, bounds: Bounds) -> str:
    """Return the sentence of an A/B test that has not found a better version, with the keys that would settle it."""
    compared = [one for one in evidence.watched if None not in one.mean and one.mean[0] != one.mean[1]]
    if not compared:
        return "no difference between the versions was seen"
    one = max(compared, key=lambda one: max(one.log_e_worse, one.log_e_better))
    log_e = max(one.log_e_worse, one.log_e_better)
    text = (
        f"neither version is proven to be better; the most is known of {_compare_means(one)}, "
        f"e = {format_e(log_e, bounds.worse)} against {format_number(bounds.worse)}"
    )
    keys = estimate_keys(one, bounds.worse)
    if keys is None:
        return text
    return f"{text}; about {show_count(keys, 'key')} with such values would settle a difference of this size"


def estimate_keys(one: Watched, bound: float) -> int | None:
    """Return about how many keys reach an e-value, if the difference is the one that was found; None if there is none.

    With n keys of which a share p is the candidate's, one bet that knows the difference d and the variance v gains
    n p (1 - p) d^2 / (2 v) on average.
    """
    control, candidate = one.mean
    if control is None or candidate is None or None in one.deviation:
        return None
    n = sum(one.n)
    p = one.n[1] / n
    variance = sum(count * (deviation or 0.0) ** 2 for count, deviation in zip(one.n, one.deviation, strict=True)) / n
    difference = candidate - control
    if not difference or not variance:
        return None
    needed = BETTING_COST * 2 * variance * math.log(bound) / (p * (1 - p) * difference**2)
    if not needed < 1e12:
        return None
    size = int(10 ** max(0, int(math.log10(needed)) - 1))
    return max(n + 1, math.ceil(needed / size) * size)


def format_e(log_e: float, bound: float) -> str:
    """Return an e-value with as many digits as it takes to show on which side of a bound it is."""
    if log_e > max(_LARGEST_SHOWN, math.log(bound) + 1):
        return f"10^{math.floor(log_e / math.log(10) + 1e-9)}"
    e = math.exp(log_e)
    reached = log_e >= math.log(bound)
    if reached and e < bound:
        e = bound  # the last digit of exp
    least = max(0, 2 - math.floor(math.log10(e))) if e else 0
    for more in (0, 1, 2, 4, 6, 9):
        text = f"{e:,.{least + more}f}"
        if (float(text.replace(",", "")) >= bound) == reached:
            return text.rstrip("0").rstrip(".") if "." in text else text
    return f"just {'above' if reached else 'below'} {format_number(bound)}"


def format_number(value: float) -> str:
    """Return a bound with thousands separated."""
    return f"{value:,.0f}" if abs(value - round(value)) < 1e-9 * value else f"{value:,.2f}"


def format_hours(hours: float, *, below: float = math.inf) -> str:
    """Return hours to a tenth, rounded down, so that hours that are not over do not look as if they were."""
    for places in (1, 2, 4):
        shown = math.floor(hours * 10**places) / 10**places
        if shown < below:
            return f"{shown:g}"
    return f"almost {below:g}"


def _compare_means(one: Watched) -> str:
    candidate, control = _format_pair(one, (one.mean[1], one.mean[0]))
    return f"{one.name}: the canary's {candidate} against {control} over {one.n[1]:,} and {show_count(one.n[0], 'key')}"


def _compare_later(one: Watched, later: LaterAnswers) -> str:
    found = _compare_means(replace(one, n=later.n, mean=later.mean))
    return f"{found}, in the answers number {later.number} of each key"


def _format_pair(one: Watched, pair: tuple[float | None, float | None]) -> tuple[str, str]:
    """Return two means with as many decimals as show that they differ; shares of bad answers in percent."""
    percent = one.name in RATES
    first, second = (math.nan if each is None else 100 * each if percent else each for each in pair)
    sign = " %" if percent else ""
    for places in range(1 if percent else 2, 9):
        texts = [f"{each:.{places}f}" for each in (first, second)]
        if first == second or texts[0] != texts[1]:
            break
    shown = [
        ("no value" if math.isnan(each) else text + sign) for each, text in zip((first, second), texts, strict=True)
    ]
    return shown[0], shown[1]


def _format_above(value: float, limit: float) -> str:
    for places in (1, 2, 4, 8):
        text = f"{value:.{places}f}"
        if float(text) > limit:
            return text
    return f"more than {limit:g}"
