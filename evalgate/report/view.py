"""What every rendering shows, chosen once: headline, deciding sentence, cases, rows, footer. Text is still raw here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalgate.domain import Comparison, Evidence, Finding, GateReport, Look, Report, Threshold, Verdict, VersionRef
from evalgate.domain.numbers import shown
from evalgate.errors import ExitCode
from evalgate.report.neutralise import prose

NONE = "-"
_NAMED = 5
_LISTED = 20
_PATH = 200
_SEVERITY = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table of criteria; a cell without a number is "-"."""

    criterion: str
    baseline: str
    candidate: str
    difference: str
    interval: str
    n: str
    deviation: str
    detectable: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A difference with its interval, and the limit it must stay above, where there is one: minus the allowed drop."""

    low: float
    value: float
    high: float
    limit: float | None


def headline(gate: GateReport) -> str:
    """The decision in one or two words, with what it means for the change where that is not plain."""
    if gate.exit_code == ExitCode.AWAITING_SIGN_OFF:
        return f"{gate.decision}, awaiting sign-off"
    if gate.decision is not Verdict.PASS and gate.exit_code == ExitCode.PASS:
        return f"{gate.decision}, does not block"
    return str(gate.decision)


def verdict(report: Report) -> str:
    """The headline of the whole report."""
    if report.exit_code == ExitCode.AWAITING_SIGN_OFF:  # also where only an edit of the rules waits
        return f"{report.decision}, awaiting sign-off"
    return headline(report.gates[0]) if len(report.gates) == 1 else str(report.decision)


def title(report: Report) -> str:
    """What the verdict of several gates, or of none, is about."""
    if report.gates:
        return "all gates"
    if not _is_decided(report):
        return "not evaluated"
    return "the rules alone" if report.policy_changes else "nothing to gate"


def sentence(report: Report) -> str:
    """The sentence that decided, of one gate or of all."""
    return deciding(report.gates[0]) if len(report.gates) == 1 else summary(report)


def rules(report: Report) -> str:
    """What is said first when the change edits the files that hold the rules; empty when it edits none."""
    changes = report.policy_changes
    if not changes:
        return ""
    more = len(changes) - 1
    others = f" and {more} more {'file' if more == 1 else 'files'} that hold" if more else ", which holds"
    those = "them" if more else "it"
    path = prose(changes[0].path, most=_PATH)
    return (
        f"This change edits {path}{others} the rules: it was judged by the base's edition of {those}, "
        "and counts as MAJOR."
    )


def sign_off(report: Report, standing: str = "") -> tuple[str, str] | None:
    """Who signed the change off and when; else what is waited for: `standing`, where the caller knows more.

    Given as the words that stand out and the rest; None where neither is to be said.
    """
    if report.sign_off is not None:
        return "Signed off", f"by {prose(report.sign_off.by, most=_PATH)} at {report.sign_off.at}"
    if standing or report.exit_code != ExitCode.AWAITING_SIGN_OFF:
        return ("Sign-off:", standing) if standing else None
    needed = (r.detail for gate in report.gates for r in gate.requirements if r.kind == "sign_off")
    return "Sign-off:", f"waiting for {next(needed, 'sign-off by a person who did not write the change')}"


def summary(report: Report) -> str:
    """The sentence under the verdict of several gates, or of none."""
    if not report.gates:
        return "No gated prompt has changed." if _is_decided(report) else next(iter(report.warnings), "")
    if all(is_watch(gate.evidence) for gate in report.gates):
        drifted = sum(gate.decision is Verdict.FAIL for gate in report.gates)
        unclear = sum(gate.decision is Verdict.INCONCLUSIVE for gate in report.gates)
        return f"{drifted} of {len(report.gates)} gates have drifted{f'; {unclear} inconclusive' if unclear else ''}."
    awaiting = sum(gate.exit_code == ExitCode.AWAITING_SIGN_OFF for gate in report.gates)
    blocking = sum(gate.exit_code != ExitCode.PASS for gate in report.gates) - awaiting
    sign_off = f"; {awaiting} awaiting sign-off" if awaiting else ""
    return f"{blocking} of {len(report.gates)} gates block the change{sign_off}."


def _is_decided(report: Report) -> bool:
    """Whether a report without gates is one of nothing to gate, and not that of a run which broke off."""
    return report.exit_code in (ExitCode.PASS, ExitCode.AWAITING_SIGN_OFF)


def deciding(gate: GateReport) -> str:
    """The sentence that decided: the first finding that made the verdict; of a pass, the one with the least room."""
    finding = _deciding_finding(gate)
    if finding is not None:
        others = sum(_room(gate, other) < math.inf for other in gate.findings) - 1
        is_one_of_several = gate.decision is Verdict.PASS and others > 0
        return f"The closest call is {finding.sentence}" if is_one_of_several else finding.sentence
    cases = gate.evidence.dataset.cases
    checked = sum(finding.decision is Verdict.PASS and finding.criterion is not None for finding in gate.findings)
    if checked == 1:
        return f"The one required criterion holds on {cases} cases."
    return f"All {checked} required criteria hold on {cases} cases." if checked else f"{cases} cases were evaluated."


def other_findings(gate: GateReport) -> tuple[Finding, ...]:
    """All findings but the deciding one: what blocks, then warnings, then what holds."""
    rest = [finding for finding in gate.findings if finding is not _deciding_finding(gate)]
    return tuple(sorted(rest, key=lambda finding: (not finding.blocks, _SEVERITY.index(finding.decision))))


def label(finding: Finding) -> str:
    """The word before a finding's sentence."""
    if finding.blocks or finding.decision is Verdict.PASS:
        return str(finding.decision)
    return f"warning: {finding.decision}"


def rows(gate: GateReport) -> tuple[Row, ...]:
    """The table of criteria, in the order of the configuration."""
    return tuple(_row(gate, comparison) for comparison in gate.comparisons)


def spans(gate: GateReport) -> tuple[Span | None, ...]:
    """The difference of each row of the table as numbers, for a drawing; None where there is none."""
    return tuple(_span(gate, comparison) for comparison in gate.comparisons)


def _span(gate: GateReport, comparison: Comparison) -> Span | None:
    difference = comparison.difference
    if difference is None:
        return None
    _, drop = _limits(gate, comparison)
    is_limited = any(f.kind == "max_drop" and f.criterion == comparison.criterion for f in gate.findings)
    return Span(low=difference.low, value=difference.value, high=difference.high, limit=-drop if is_limited else None)


def footer(gate: GateReport) -> tuple[tuple[str, str], ...]:
    """Level, versions, cases, calls and cost of one gate, as pairs of a word and its text."""
    evidence = gate.evidence
    return (
        ("level", _level(evidence)),
        ("candidate", _version(evidence.candidate, "not named: scores only")),
        ("baseline", _version(evidence.baseline, "none: the absolute thresholds alone decide")),
        *((("samples", _samples(evidence)),) if evidence.stored_baseline else ()),
        *(("note", note) for note in evidence.notes),
        ("cases", _cases(gate)),
        *((("look", _look(gate.look)),) if gate.comparisons else ()),
        *((("broken", _flips(gate)), ("tags", _tags(gate))) if evidence.baseline else ()),
        ("calls", _calls(evidence)),
    )


def spent(report: Report) -> str:
    """What the run cost and what its calls were, of all gates together."""
    made, cached, saved = (
        sum(getattr(gate.evidence.calls, name) for gate in report.gates) for name in ("made", "cached", "saved")
    )
    return f"{cost(total_cost(report.gates))}, {made:,} calls made, {cached:,} cached, {saved:,} saved"


def edited(report: Report) -> str:
    """The files of rules that the change edits, by name; empty when it edits none."""
    paths = [
        prose(change.path, most=_PATH) + ("" if change.digest else " (removed)") for change in report.policy_changes
    ]
    more = f", and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return ", ".join(paths[:_LISTED]) + more


def foot(report: Report) -> tuple[tuple[str, str], ...]:
    """What stands under all gates: warnings, edited rules, and the run itself."""
    return (
        *(("warning", prose(warning)) for warning in report.warnings),
        *((("rules", f"edited: {edited(report)}"),) if report.policy_changes else ()),
        *((("attempts", attempts(report)),) if report.attempts else ()),
        ("run", run_line(report)),
    )


def attempts(report: Report) -> str:
    """How often the pull request was tried, and what luck alone makes of that; empty where nothing was counted."""
    found = report.attempts
    if found is None:
        return ""
    if found.number is None or found.luck is None:
        return "not known, so this may not be the first"
    limits = {gate.policy.max_drop for gate in report.gates}
    limits |= {t.max_drop for gate in report.gates for t in gate.thresholds.values() if t.max_drop is not None}
    drop = f"a drop of {limits.pop():g}" if len(limits) == 1 else "a drop of the allowed size"
    passed = "it" if found.number == 1 else "one of these"
    return f"attempt {found.number}: by luck alone {drop} would have passed {passed} in {100 * found.luck:.0f} %"


def is_watch(evidence: Evidence) -> bool:
    """Whether a version was compared with its own stored samples: that is no change, and has no level."""
    return evidence.level is None and evidence.stored_baseline is not None


def run_line(report: Report) -> str:
    """Which run this was, by which evalgate, and what its process ends with."""
    return f"{report.run_id}, {report.created_at}, evalgate {report.tool_version}, exit code {report.exit_code}"


def total_cost(gates: Iterable[GateReport]) -> float | None:
    """The dollars of all gates together; None where one of them is unknown."""
    costs = [gate.evidence.cost_usd for gate in gates]
    known = [cost for cost in costs if cost is not None]
    return math.fsum(known) if len(known) == len(costs) else None


def _deciding_finding(gate: GateReport) -> Finding | None:
    if gate.decision is Verdict.PASS:
        return min(
            (finding for finding in gate.findings if _room(gate, finding) < math.inf),
            key=lambda finding: _room(gate, finding),
            default=None,
        )
    found = [finding for finding in gate.findings if finding.decision is gate.decision]
    return next((finding for finding in found if finding.blocks), found[0] if found else None)


def _room(gate: GateReport, finding: Finding) -> float:
    """How far a threshold's bound lies from its limit; infinite where nothing is measured against one."""
    comparison = next((c for c in gate.comparisons if c.criterion == finding.criterion), None)
    if comparison is None:
        return math.inf
    minimum, drop = _limits(gate, comparison)
    if finding.kind == "max_drop" and comparison.difference is not None:
        return comparison.difference.low + drop
    if finding.kind == "min" and comparison.candidate is not None and minimum is not None:
        bound = comparison.candidate.low if comparison.kind == "judge" else comparison.candidate.value
        return bound - minimum
    return math.inf


def _limits(gate: GateReport, comparison: Comparison) -> tuple[float | None, float]:
    threshold = gate.thresholds.get(comparison.criterion, Threshold())
    return threshold.minimum, gate.policy.max_drop if threshold.max_drop is None else threshold.max_drop


def _row(gate: GateReport, comparison: Comparison) -> Row:
    minimum, drop = _limits(gate, comparison)
    difference, candidate, baseline = comparison.difference, comparison.candidate, comparison.baseline
    some = difference or candidate
    return Row(
        criterion=comparison.criterion,
        baseline=shown(baseline.value, minimum) if baseline else NONE,
        candidate=shown(candidate.value, minimum) if candidate else NONE,
        difference=shown(difference.value, 0.0, -drop, signed=True) if difference else NONE,
        interval=(
            f"[{shown(difference.low, 0.0, -drop, signed=True)}, {shown(difference.high, 0.0, -drop, signed=True)}]"
            if difference
            else NONE
        ),
        n=str(some.n) if some else "0",
        deviation=shown(comparison.deviation) if difference and comparison.deviation is not None else NONE,
        # Where all differences are equal the estimate is 0, which is no power of detection.
        detectable=shown(comparison.detectable, drop) if comparison.detectable else NONE,
        decision=_decision(gate, comparison.criterion),
    )


def _decision(gate: GateReport, criterion: str) -> str:
    """The most severe finding on a criterion; blocking before warning."""
    findings = [finding for finding in gate.findings if finding.criterion == criterion]
    if not findings:
        blocking = any(c.name == criterion and c.blocking for c in gate.evidence.criteria)
        return "held so far" if blocking and gate.look.early else "reported"
    worst = min(findings, key=lambda finding: (not finding.blocks, _SEVERITY.index(finding.decision)))
    return label(worst)


def _level(evidence: Evidence) -> str:
    level = evidence.level
    if is_watch(evidence):
        return "none: nothing was edited, a version is compared with its own stored samples"
    if level is None:
        return "none: stored scores are compared as they are"
    declared = "not declared" if level.declared is None else f"declared {level.declared.name}"
    why = f": {'; '.join(level.reasons)}" if level.reasons else ""
    return f"{level.effective.name} ({declared}; the diff asks for {level.minimum.name} at least{why})"


def _version(version: VersionRef | None, otherwise: str) -> str:
    if version is None:
        return otherwise
    name = " ".join(part for part in (version.name, version.version) if part)
    return f"{name}, digest {version.digest[:12]}, {version.source}"


def _cases(gate: GateReport) -> str:
    dataset, counts = gate.evidence.dataset, gate.counts
    return (
        f"{dataset.cases} of {dataset.path}, digest {dataset.digest[:12]}; "
        f"{counts.decided} of {counts.expected} scores decided, "
        f"{counts.failures} {'call' if counts.failures == 1 else 'calls'} without an output, {counts.unscored} unscored"
    )


def _samples(evidence: Evidence) -> str:
    stored = evidence.stored_baseline
    assert stored is not None
    return f"{stored.samples} of each case by the baseline, stored {stored.sampled_at}, digest {stored.digest[:12]}"


def _look(look: Look) -> str:
    confidence = f"each bound holds with {100 * (1 - look.level):.1f} % confidence"
    if look.early:
        where = f"stopped at {look.cases} of {look.planned} cases (look {look.number} of {look.of})"
        return f"{where}; {confidence}; estimates are those at stop"
    return f"{look.number} of {look.of}, at all {look.planned} cases; {confidence}"


def _flips(gate: GateReport) -> str:
    flips = gate.flips
    parts = [f"{len(flips.broken)}{_named(flips.broken)}", f"proven fixed {len(flips.fixed)}{_named(flips.fixed)}"]
    if flips.open:
        parts.append(f"{len(flips.open)} more went from pass to fail and were not asked again{_named(flips.open)}")
    confirming = gate.evidence.calls.confirming
    drawn = f"; {confirming} calls for fresh samples" if confirming else ""
    return f"{', '.join(parts)}; at most {flips.allowed} more broken than fixed may pass{drawn}"


def _named(cases: Sequence[str]) -> str:
    if not cases:
        return ""
    return f" ({', '.join(cases[:_NAMED])}{', ...' if len(cases) > _NAMED else ''})"


def _tags(gate: GateReport) -> str:
    if not gate.tags:
        return "none flagged (of those with 8 cases or more; Benjamini-Hochberg, 10 %)"
    falls = [
        f"{fall.tag}: {fall.criterion} {shown(fall.difference, 0.0, signed=True)} over {fall.n}" for fall in gate.tags
    ]
    more = f", and {len(falls) - _NAMED} more" if len(falls) > _NAMED else ""
    return f"{', '.join(falls[:_NAMED])}{more} (flagged by Benjamini-Hochberg, 10 %)"


def _calls(evidence: Evidence) -> str:
    usage = evidence.usage
    return (
        f"{calls(evidence)}; "
        f"{usage.input_tokens:,} input and {usage.output_tokens:,} output tokens; {cost(evidence.cost_usd)}"
    )


def calls(evidence: Evidence) -> str:
    """How many calls were made, answered by the cache, and saved."""
    calls = evidence.calls
    stopped = f" ({calls.stopped:,} by stopping early)" if calls.stopped else ""
    return f"{calls.made:,} made, {calls.cached:,} cached, {calls.saved:,} saved{stopped}"


def cost(dollars: float | None) -> str:
    """Dollars with two digits that mean something: $0.0042, $12.30."""
    if dollars is None:
        return "cost unknown"
    digits = 2 if dollars == 0 or dollars >= 0.1 else 1 - math.floor(math.log10(dollars))
    return f"${dollars:,.{digits}f}"
