"""The text of `evalgate release plan`: the traffic, what each stage will take, and the stages that fit."""

from __future__ import annotations

import math

from evalgate.cli.render import tables
from evalgate.commands.release.plan import DROPS, TrafficPlan
from evalgate.domain.numbers import show_count
from evalgate.report.wrapped_text import wrap_words

_DAY = 24


def render_traffic_plan(plan: TrafficPlan) -> str:
    """Render a plan for the terminal."""
    rows = [["stage", "scored keys", "takes", *(f"shows -{drop:.2f} in" for drop in DROPS)]]
    for stage in plan.stages:
        needed = "too many" if stage.needed is None else f"{stage.needed:,}"
        shown = [_describe_hours(hours) for _, hours in stage.drops]
        rows.append([_describe_share(stage.share), needed, _describe_hours(stage.hours), *shown])
    return "\n".join((wrap_words(_describe_traffic(plan)), "", tables.render_text(rows), "", wrap_words(_advise(plan))))


def _describe_traffic(plan: TrafficPlan) -> str:
    traffic = plan.traffic
    text = f"{show_count(traffic.keys, 'user')} in {_describe_time(traffic.days)}, {traffic.per_day:,.0f} a day"
    text += " if all hours are like these; " if traffic.days < 1 else "; "
    text += f"{100 * traffic.scored:.0f} % have a first answer with all scores that are watched."
    if not math.isinf(traffic.population):
        all_users = float(f"{traffic.population:.2g}")
        text += f" Many come back: there are about {all_users:,.0f} of them, and each counts once."
    if plan.is_even:
        text += " As many answers of each arm are scored."
    return text


def _advise(plan: TrafficPlan) -> str:
    own = tuple(stage.share for stage in plan.stages)
    listed = ", ".join(f"{share / 100:g}" for share in plan.fitting)
    if plan.fitting == own:
        return "All stages fit this traffic. Half of all rollouts of an equal version take no longer than this."
    unfit = [stage for stage in plan.stages if stage.share not in plan.fitting]
    never = ", ".join(_describe_share(stage.share) for stage in unfit if stage.hours is None)
    slow = ", ".join(_describe_share(stage.share) for stage in unfit if stage.hours is not None)
    few = "the users are too few" if plan.traffic.scored else "no row has all scores that are watched"
    text = f"At {never} nothing is ever proven: {few}. " if never else ""
    if slow:
        text += f"At {slow} it takes longer than the hours of the stage and the {plan.limit:g} of hold_hours. "
    if not plan.fitting:
        return f"{text}No stages fit this traffic: score more answers, or allow a larger drop."
    return f"{text}Use stages: [{listed}]."


def _describe_share(share: int) -> str:
    return f"{share / 100:g} %"


def _describe_time(days: float) -> str:
    """Describe the time that rows cover: in hours, with a tenth below a day."""
    if days < 1:
        hours = f"{days * _DAY:.1f}".removesuffix(".0")
        return f"{hours} {'hour' if hours == '1' else 'hours'}"
    whole, hours_left = divmod(round(days * _DAY), _DAY)
    text = "1 day" if whole == 1 else f"{whole} days"
    return text + (f" and {hours_left} {'hour' if hours_left == 1 else 'hours'}" if hours_left else "")


def _describe_hours(hours: float | None) -> str:
    """Describe the time that a stage takes, never less of it: in hours, from four days on in tenths of a day."""
    if hours is None:
        return "never"
    if hours <= 4 * _DAY:
        return f"{math.ceil(hours):,} h"
    return f"{math.ceil(10 * hours / _DAY) / 10:,g} days"
