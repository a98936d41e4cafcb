"""Describe the lines below a gate and a report: level, versions, cases, calls, cost. The text is still raw."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.domain import Comparison, Evidence, GateReport, Look, Report, ReportKind, VersionRef
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show, show_count, show_exactly
from evalgate.report import arm_usage, criteria_table, view
from evalgate.report.escape import prose

_NAMED = 5
_LISTED = 20
_PATH = 200
_NONE_BROKEN = "none is proven by fresh draws: the baseline passes in every sample, the candidate in no draw"
_BROKEN = "Broken: the baseline passes in every sample, the candidate in no draw."


def describe_gate(gate: GateReport) -> tuple[tuple[str, str], ...]:
    """Return level, versions, cases, calls and cost of one gate, as pairs of a word and its text."""
    evidence = gate.evidence
    return (
        ("level", _describe_level(evidence)),
        ("candidate", _describe_version(evidence.candidate, "not named: scores only")),
        ("baseline", _describe_version(evidence.baseline, "none: the absolute thresholds alone decide")),
        *((("samples", _describe_samples(evidence)),) if evidence.stored_baseline else ()),
        *(("note", note) for note in evidence.notes if note not in view.notes_first(evidence)),
        ("cases", _describe_cases(gate)),
        *((("seen", _describe_look(gate.look)),) if gate.comparisons else ()),
        *((("broken", _describe_turned(gate)), ("tags", _describe_tags(gate))) if evidence.baseline else ()),
        *((("detectable", detectable),) if (detectable := _describe_detectable(gate)) else ()),
        *((("answers", answers),) if (answers := _describe_answers(evidence)) else ()),
        ("calls", _describe_gate_calls(evidence)),
    )


def describe_report(report: Report) -> tuple[tuple[str, str], ...]:
    """Return the lines below all gates: warnings, edited rules, attempts, and the run."""
    return (
        *(("warning", prose(warning)) for warning in report.warnings),
        *((("rules", f"edited: {name_edited(report)}"),) if report.policy_changes else ()),
        *((("attempts", describe_attempts(report)),) if report.attempts else ()),
        ("run", describe_run(report)),
    )


def describe_attempts(report: Report) -> str:
    """Return the number of attempts and the probability of a PASS by chance; empty where nothing was counted."""
    found = report.attempts
    if found is None:
        return ""
    if found.number is None or found.chance_of_pass is None:
        return "unknown, so this may not be the first attempt"
    limits = {gate.policy.max_drop for gate in report.gates}
    limits |= {t.max_drop for gate in report.gates for t in gate.thresholds.values() if t.max_drop is not None}
    drop = f"a drop of {show_exactly(limits.pop())}" if len(limits) == 1 else "a drop of the allowed size"
    passed = "this attempt" if found.number == 1 else "at least one of these"
    chance = f"{100 * found.chance_of_pass:.0f} %"
    return f"attempt {found.number}: by chance alone, {drop} would pass {passed} with a probability of {chance}"


def name_edited(report: Report) -> str:
    """Return the names of the files of rules that the change edits; empty if it edits none."""
    paths = [
        prose(change.path, most=_PATH)
        + (" (new prompt)" if change.is_new_prompt else "" if change.digest else " (removed)")
        for change in report.policy_changes
    ]
    return name_some(paths, _LISTED, rest=", and {} more")


def describe_run(report: Report) -> str:
    """Return the id, time, evalgate version and exit code of the run."""
    return f"{report.run_id}, {report.created_at}, evalgate {report.tool_version}, exit code {report.exit_code}"


def describe_cost(report: Report) -> str:
    """Return the cost and the calls of all gates together."""
    made, cached, saved = (
        sum(getattr(gate.evidence.calls, name) for gate in report.gates) for name in ("made", "cached", "saved")
    )
    return (
        f"{view.format_cost(report.cost_usd)}, {show_count(made, 'call')} made, {cached:,} cached, {saved:,} not needed"
    )


def describe_calls(evidence: Evidence) -> str:
    """Return the numbers of calls made, answered by the cache, and not needed (duplicates, or after an early stop)."""
    calls = evidence.calls
    stopped = f" ({calls.stopped:,} by stopping early)" if calls.stopped else ""
    return f"{calls.made:,} made, {calls.cached:,} cached, {calls.saved:,} not needed{stopped}"


def _describe_level(evidence: Evidence) -> str:
    level = evidence.level
    if evidence.kind is ReportKind.DRIFT:
        return "none: nothing was edited, a version is compared with its own stored samples"
    if evidence.kind is ReportKind.REPLAY:
        return "none: a replay of rows of production, which is not a verdict of the gate and moves no label"
    if level is None:
        return "none: stored scores are compared as they are"
    declared = "not declared" if level.declared is None else f"declared {level.declared.name}"
    why = f": {'; '.join(level.reasons)}" if level.reasons else ""
    return f"{level.effective.name} ({declared}; the diff requires at least {level.minimum.name}{why})"


def _describe_version(version: VersionRef | None, otherwise: str) -> str:
    if version is None:
        return otherwise
    name = " ".join(part for part in (version.name, version.version) if part)
    return f"{name}, digest {version.digest[:12]}, {version.source}"


def _describe_cases(gate: GateReport) -> str:
    dataset, counts = gate.evidence.dataset, gate.counts
    units = f" ({show_count(gate.units, 'independent unit')})" if 0 < gate.units != dataset.cases else ""
    return (
        f"{dataset.cases}{units} of {dataset.path}, digest {dataset.digest[:12]}; {counts.decided} of "
        f"{show_count(counts.expected, 'score')} decided, {show_count(counts.failures, 'call')} without an output, "
        f"{show_count(counts.unscored, 'score')} missing"
    )


def _describe_detectable(gate: GateReport) -> str:
    """Return the smallest drop of each criterion that so many cases reliably show; empty where none is known."""
    rows = [row for row in criteria_table.make_rows(gate) if row.detectable != criteria_table.NONE]
    drops = [f"{row.criterion} {row.detectable} (standard deviation {row.deviation})" for row in rows]
    return f"the smallest drops that these cases reliably show: {', '.join(drops)}" if drops else ""


def _describe_answers(evidence: Evidence) -> str:
    arms = arm_usage.measure_arms(evidence)
    return ". ".join(f"{str(one.arm).capitalize()}: {arm_usage.describe_arm(one)}" for one in arms)


def _describe_samples(evidence: Evidence) -> str:
    stored = evidence.stored_baseline
    assert stored is not None
    return f"{stored.samples} of each case by the baseline, stored {stored.sampled_at}, digest {stored.digest[:12]}"


def _describe_look(look: Look) -> str:
    """Return the number of cases compared; a run can stop at fixed points of the data (interim analyses)."""
    confidence = f"each bound holds with {100 * (1 - look.level):.1f} % confidence"
    if look.early:
        where = (
            f"{look.cases} of {show_count(look.planned, 'case')}, where the verdict was clear (interim "
            f"analysis {look.number} of"
        )
        return f"{where} {look.of}); {confidence}; estimates after an early stop are biased away from 0"
    return f"{'the only case' if look.planned == 1 else f'all {look.planned:,} cases'}; {confidence}"


def _describe_turned(gate: GateReport) -> str:
    """Return the cases that were broken and fixed, by criterion."""
    parts = [f"{c.criterion}: {', '.join(found)}" for c in gate.comparisons if (found := _list_turned(c))]
    confirming = gate.evidence.calls.confirming
    drawn = f"; {show_count(confirming, 'call')} for fresh samples" if confirming else ""
    if not parts:
        return f"{_NONE_BROKEN}{drawn}"
    allowed = gate.flips.allowed
    limit = f"A criterion may have at most {allowed} more broken than fixed; {allowed + 1} fail the gate."
    if any(criterion.excluded for criterion in gate.evidence.criteria):
        limit = "A criterion may have more broken than fixed: 2 % of the cases to which it applies, and at least 1."
    return f"{'; '.join(parts)}{drawn}. {_BROKEN} {limit}"


def _list_turned(comparison: Comparison) -> list[str]:
    kinds = {
        "broken": comparison.broken,
        "fixed": comparison.fixed,
        "failed once, not asked again": comparison.suspects,
    }
    return [f"{len(cases)} {word}{_name_cases(cases)}" for word, cases in kinds.items() if cases]


def _name_cases(cases: Sequence[str]) -> str:
    named = name_some(cases, _NAMED, rest=", ...")
    return f" ({named})"


def _describe_tags(gate: GateReport) -> str:
    seen = f" of the first {show_count(gate.look.cases, 'case')}" if gate.look.early else ""
    if not gate.tags:
        return f"none flagged (of tags with 8 cases or more{seen}; false discovery rate 10 %, Benjamini-Hochberg)"
    falls = [
        f"{fall.tag}: {fall.criterion} {show(fall.difference, 0.0, signed=True)} over {fall.n}" for fall in gate.tags
    ]
    named = name_some(falls, _NAMED, rest=", and {} more")
    return f"{named}{seen} (false discovery rate 10 %, Benjamini-Hochberg)"


def _describe_gate_calls(evidence: Evidence) -> str:
    usage = evidence.usage
    return (
        f"{describe_calls(evidence)}; {usage.input_tokens:,} input and "
        f"{show_count(usage.output_tokens, 'output token')}; {view.format_cost(evidence.cost_usd)}"
    )
