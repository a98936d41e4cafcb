"""The text of `evalgate calibrate`: agreement with human labels, corrected means, drift of anchors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from evalgate.cli.render import tables
from evalgate.commands.calibrate import MIN_LABELS, Agreement, Calibrated, Drift, Relation
from evalgate.domain import Verdict
from evalgate.domain.numbers import show, show_count, show_exactly
from evalgate.report.escape import line

_STANDING = {"shown": "proven", "rejected": "NONE that is useful", "open": "neither proven nor refuted"}


def render_text(judged: Sequence[Calibrated], drifts: Mapping[str, Drift]) -> str:
    """Render the agreement of each judge with its labels, and the drift of each criterion's anchors."""
    shown_lines = []
    for one in judged:
        found = one.agreement
        kappa = "undefined" if found.kappa is None else f"{found.kappa:.2f}"
        shown_lines += [
            f"{one.gate}: {one.criterion}: the judge against "
            f"{show_count(found.labels, 'label')}{_render_disagreement(found)}",
            f"  bias    {_format_signed(found.bias)} [{_format_signed(found.low)}, {_format_signed(found.high)}], "
            "positive: more lenient than the labels",
            f"  agrees  {found.exact:.0%} on the point, {found.within_one:.0%} within one; quadratic kappa {kappa}",
            f"  relation to the labels: {_STANDING[found.standing]}{_render_correlation(found.relation)}",
        ]
        if one.floor is not None:
            shown_lines.append(f"  floor   {_render_floor(one, one.floor)}")
        if one.left_out:
            shown_lines.append(
                f"  {show_count(one.left_out, 'label is', 'labels are')} left out: the judge did not score "
                f"{'its output' if one.left_out == 1 else 'their outputs'}"
            )
        shown_lines += [f"  warning: {warning}" for warning in one.warnings]
    for criterion, drift in drifts.items():
        shift = f"{_format_signed(drift.shift)} (p {drift.p_value:.2g})"
        shown_lines.append(f"{criterion}: {show_count(drift.anchors, 'anchor')} moved by {shift}{_render_drift(drift)}")
    return "\n".join(map(line, shown_lines))


def render_json(judged: Sequence[Calibrated], drifts: Mapping[str, Drift]) -> str:
    """Render the same results as JSON."""
    return tables.render_json(
        {
            "labels": [dataclasses.asdict(one) for one in judged],
            "anchors": [{"criterion": name, **dataclasses.asdict(drift)} for name, drift in drifts.items()],
        }
    )


def _render_disagreement(found: Agreement) -> str:
    return "" if found.units == found.labels else f" of {show_count(found.units, 'independent output')}"


def _render_correlation(found: Relation) -> str:
    if found.correlation is None:
        return " (one of the two does not vary)"
    bounds = f"[{show(found.low, 0.0, signed=True)}, {show(found.high, 0.0, signed=True)}]"
    return f" (correlation {_format_signed(found.correlation)} {bounds}, p {found.p_value:.2g})"


def _render_drift(drift: Drift) -> str:
    """Describe the drift, and whether each anchor kept its score."""
    one_by_one = f"one by one{_render_correlation(drift.relation)}"
    if drift.alarm:
        return f", {one_by_one}: DRIFT. Earlier and new scores cannot be compared: sample the baselines again"
    if drift.stable:
        return f", {one_by_one}: stable"
    return f", {one_by_one}: too little evidence that the scores are stable; use more anchors, good ones and bad ones"


def _render_floor(one: Calibrated, floor: float) -> str:
    if one.corrected is None:
        return f"{show_exactly(floor)}: INCONCLUSIVE, a correction needs {MIN_LABELS} labelled cases of the candidate"
    found = one.corrected
    how = "corrected by the labels" if found.method == "corrected" else "from the labels alone"
    words = {
        Verdict.PASS: "PASS, proven at or above the floor",
        Verdict.FAIL: "FAIL, proven below the floor",
        Verdict.INCONCLUSIVE: "INCONCLUSIVE, neither proven",
    }
    assert one.decision is not None
    bounds = f"[{show(found.low, floor)}, {show(found.high, floor)}]"
    return f"{show_exactly(floor)}: {words[one.decision]}: {show(found.estimate, floor)} {bounds} {how}"


def _format_signed(value: float) -> str:
    return show(value, 0.0, signed=True)
