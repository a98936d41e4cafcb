"""Describe the semantic similarity of a gate and of one output, which is reported only. The text is still raw."""

from __future__ import annotations

from evalgate.domain import Arm, Evidence, Result, Score
from evalgate.domain.lists import name_some
from evalgate.domain.measured_similarity import MeasuredSimilarity
from evalgate.domain.numbers import show, show_count
from evalgate.domain.similarity import REPORTED_SIMILARITY, WHY_ONLY_REPORTED
from evalgate.report.case_selection import Mark

_NAMED = 3


def describe_similarity(evidence: Evidence) -> str:
    """Return the sentences on the similarity of a gate: both means, and which outputs have none; empty without it."""
    measured = evidence.similarity
    if measured is None:
        return ""
    return (
        f"{REPORTED_SIMILARITY}: {_describe_means(measured, with_baseline=evidence.baseline is not None)}; by "
        f"{measured.model}, compared with {measured.source}. It decides nothing: {WHY_ONLY_REPORTED}."
        f"{_describe_unscored(measured)}"
    )


def make_similarity_mark(evidence: Evidence, result: Result) -> Mark | None:
    """Return the similarity of one output, to be shown below its scores; None if it was not measured."""
    measured = evidence.similarity
    score = None if measured is None else measured.find(result.case, result.arm, result.repeat)
    if score is None:
        return None
    shown = show(score.value) if isinstance(score, Score) else "unscored"
    return Mark(criterion=REPORTED_SIMILARITY, score=shown, reason=score.reason)


def _describe_means(measured: MeasuredSimilarity, *, with_baseline: bool) -> str:
    candidate, baseline = measured.collect_means(Arm.CANDIDATE), measured.collect_means(Arm.BASELINE)
    cases = [case for case in candidate if not with_baseline or case in baseline]
    if not cases:
        return "no case could be compared" if with_baseline else "no case was measured"
    over = f"over {show_count(len(cases), 'case')}"
    after = sum(candidate[case] for case in cases) / len(cases)
    if not with_baseline:
        return f"candidate {show(after)} {over}"
    before = sum(baseline[case] for case in cases) / len(cases)
    return f"baseline {show(before)}, candidate {show(after)} {over}"


def _describe_unscored(measured: MeasuredSimilarity) -> str:
    unscored = list(measured.list_unscored())
    if not unscored:
        return ""
    reasons: dict[str, list[str]] = {}
    for one, reason in unscored:
        reasons.setdefault(reason, []).append(f"{one.case} ({one.arm})")
    parts = [
        f"{name_some(list(dict.fromkeys(outputs)), _NAMED, rest=', and {} more')}: {reason}"
        for reason, outputs in reasons.items()
    ]
    count, of = len(unscored), len(measured.outputs)
    named = name_some(parts, _NAMED, rest="; and {} more reasons")
    return f" {count} of {of} outputs {'has' if count == 1 else 'have'} none: {named}."
