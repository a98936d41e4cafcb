"""The tables of a rollout: all that is watched, with the means of both arms and their e-values."""

from __future__ import annotations

from evalgate.release.rollout.assessment import Assessment
from evalgate.release.rollout.decision_words import format_e, format_number
from evalgate.release.rollout.monitoring import Monitored
from evalgate.release.rollout.state import STAGING
from evalgate.release.rollout.tally import AB


def make_table(found: Assessment, candidate: str, control: str) -> list[list[str]]:
    """Return the table of a stage, head first. Staging has limits, and nothing that is fine; a test has two sides."""
    worse, fine = (float(found.decision.numbers[key]) for key in ("bound_worse", "bound_fine"))
    on_staging, is_ab = found.state.stage == STAGING, found.state.kind == AB
    head = ["watched", "limit" if on_staging else "may lose", control, candidate, f"e worse ({format_number(worse)})"]
    side = f"e better ({format_number(worse)})" if is_ab else f"e fine ({format_number(fine)})"
    rows = [head if on_staging else [*head, side]]
    for one in found.evidence.watched:
        row = [one.name, f"{one.allowed:g}", *map(_format_mean, one.mean), format_e(one.log_e_worse, worse)]
        last = format_e(one.log_e_better, worse) if is_ab else format_e(one.log_e_fine, fine)
        rows.append(row if on_staging else [*row, last])
    return rows


def make_monitored_table(found: Monitored, version: str) -> list[list[str]]:
    """Return the table of production after a rollout, head first."""
    rows = [["watched", "limit", version, f"e worse ({format_number(found.bound)})"]]
    for one in found.evidence.watched:
        mean = _format_mean(one.mean[1])
        rows.append([one.name, f"{found.limits[one.name]:.4g}", mean, format_e(one.log_e_worse, found.bound)])
    return rows


def _format_mean(mean: float | None) -> str:
    return "none" if mean is None else f"{mean:.4f}"
