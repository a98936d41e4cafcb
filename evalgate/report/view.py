"""The words of a verdict, chosen once for every rendering: headline, deciding sentence, what stands beside it.

Text is still raw here.
"""

from __future__ import annotations

import math

from evalgate.domain import REUSED, Comparison, Evidence, Finding, GateReport, Report, ReportKind, Threshold, Verdict
from evalgate.report.escape import prose

SEVERITY = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
_PATH = 200
_MOST_BESIDE = 5


def headline(gate: GateReport) -> str:
    """The decision in one or two words, with what it means for the change where that is not plain."""
    if gate.exit_code.awaits_sign_off:
        return f"{gate.decision}, awaiting sign-off"
    if gate.only_warns:
        return f"{gate.decision}, does not block"
    return str(gate.decision)


def verdict(report: Report) -> str:
    """The headline of the whole report."""
    if report.exit_code.awaits_sign_off:  # also where only an edit of the rules waits
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
    return find_deciding_sentence(report.gates[0]) if len(report.gates) == 1 else summary(report)


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
    if standing or not report.exit_code.awaits_sign_off:
        return ("Sign-off:", standing) if standing else None
    needed = (r.detail for gate in report.gates for r in gate.requirements if r.kind == "sign_off")
    return "Sign-off:", f"waiting for {next(needed, 'sign-off by a person who did not write the change')}"


def summary(report: Report) -> str:
    """The sentence under the verdict of several gates, or of none."""
    if not report.gates:
        return "No gated prompt has changed." if _is_decided(report) else next(iter(report.warnings), "")
    if all(gate.evidence.kind is ReportKind.DRIFT for gate in report.gates):
        drifted = sum(gate.decision is Verdict.FAIL for gate in report.gates)
        unclear = sum(gate.decision is Verdict.INCONCLUSIVE for gate in report.gates)
        return f"{drifted} of {len(report.gates)} gates have drifted{f'; {unclear} inconclusive' if unclear else ''}."
    awaiting = sum(gate.exit_code.awaits_sign_off for gate in report.gates)
    blocking = sum(gate.exit_code.blocks for gate in report.gates)
    sign_off = f"; {awaiting} awaiting sign-off" if awaiting else ""
    return f"{blocking} of {len(report.gates)} gates block the change{sign_off}."


def _is_decided(report: Report) -> bool:
    """Whether a report without gates is one of nothing to gate, and not that of a run which broke off."""
    return not report.exit_code.blocks


def find_deciding_sentence(gate: GateReport) -> str:
    """The sentence that decided: the first finding that made the verdict.

    Of a pass it is a threshold whose criterion is proven to be worse though within what is allowed, else the threshold
    with the least room, else what the checks say.
    """
    finding = _deciding_finding(gate)
    if gate.decision is not Verdict.PASS and finding is not None:
        return finding.sentence
    checks, thresholds = _count_held(gate), sum(_room(gate, other) < math.inf for other in gate.findings)
    if finding is None:
        cases = gate.evidence.dataset.cases
        if checks == 1:
            return f"The one required criterion holds on {cases} cases."
        return f"All {checks} required criteria hold on {cases} cases." if checks else f"{cases} cases were evaluated."
    if finding.kind == "check":
        return f"All {checks} required criteria hold. {finding.sentence}" if checks > 1 else finding.sentence
    nearest = "" if _is_worse(gate, finding) else "Nearest to its limit is "
    return f"All thresholds are met. {nearest}{finding.sentence}" if thresholds > 1 else finding.sentence


def list_remarks(gate: GateReport) -> tuple[str, ...]:
    """What is said right under the deciding sentence, since a reader must not miss it, whatever the verdict is.

    One text for many inputs, other criteria that are worse though within what is allowed, remarks, and that the verdict
    was reached before.
    """
    return (*(finding.sentence for finding in _findings_beside(gate)), *notes_first(gate.evidence))


def notes_first(evidence: Evidence) -> tuple[str, ...]:
    """The notes that are said at the top and not among the others: that a stored verdict answers, and for what."""
    reused = tuple(note for note in evidence.notes if note.startswith(REUSED))[-1:]
    if evidence.evaluated is None or any(evidence.evaluated[:12] in note for note in reused):
        return reused
    return (*reused, f"only white space differs from digest {evidence.evaluated[:12]}, which was answered")


def list_other_findings(gate: GateReport) -> tuple[Finding, ...]:
    """All findings but those said at the top: what blocks, then warnings, then what holds."""
    said = (_deciding_finding(gate), *_findings_beside(gate))
    rest = [finding for finding in gate.findings if not any(finding is other for other in said)]
    return tuple(sorted(rest, key=lambda finding: (not finding.blocks, SEVERITY.index(finding.decision))))


def label(finding: Finding) -> str:
    """The word before a finding's sentence."""
    if finding.blocks or finding.decision is Verdict.PASS:
        return str(finding.decision)
    return f"warning: {finding.decision}"


def limits(gate: GateReport, comparison: Comparison) -> tuple[float | None, float]:
    """The floor of a criterion, None where it has none, and the drop that it is allowed."""
    threshold = gate.thresholds.get(comparison.criterion, Threshold())
    return threshold.minimum, gate.policy.max_drop if threshold.max_drop is None else threshold.max_drop


def format_cost(dollars: float | None) -> str:
    """Dollars with two digits that mean something: $0.0042, $12.30."""
    if dollars is None:
        return "cost unknown"
    if 0 < dollars < 0.000001:
        return "less than $0.000001"
    digits = 2 if dollars == 0 or dollars >= 0.1 else 1 - math.floor(math.log10(dollars))
    return f"${dollars:,.{digits}f}"


def _deciding_finding(gate: GateReport) -> Finding | None:
    if gate.decision is Verdict.PASS:
        measured = [finding for finding in gate.findings if _room(gate, finding) < math.inf]
        return min(
            measured,
            key=lambda finding: (not _is_worse(gate, finding), _room(gate, finding)),
            default=_describe_unsteady(gate),
        )
    found = [finding for finding in gate.findings if finding.decision is gate.decision]
    return next((finding for finding in found if finding.blocks), found[0] if found else None)


def _findings_beside(gate: GateReport) -> list[Finding]:
    deciding = _deciding_finding(gate)
    worse = [f for f in gate.findings if gate.decision is Verdict.PASS and _is_worse(gate, f)]
    first = [finding for finding in gate.findings if finding.kind == "constant_output"]
    found = [*first, *worse, *(finding for finding in gate.findings if finding.kind == "remark")]
    return [finding for finding in found if finding is not deciding][:_MOST_BESIDE]


def _count_held(gate: GateReport) -> int:
    """How many criteria are found to hold."""
    return sum(f.decision is Verdict.PASS and f.criterion is not None and f.kind != "remark" for f in gate.findings)


def _describe_unsteady(gate: GateReport) -> Finding | None:
    """What is found of the blocking check that failed in the most cases and holds nevertheless."""
    failing = sorted((check for check in gate.blocking if check.failed), key=lambda check: -check.failed)
    of = {finding.criterion: finding for finding in gate.findings if finding.kind == "check"}
    return next((of[check.criterion] for check in failing if check.criterion in of), None)


def _room(gate: GateReport, finding: Finding) -> float:
    """How far a threshold's bound lies from its limit; infinite where nothing is measured against one."""
    comparison = _comparison(gate, finding)
    if comparison is None:
        return math.inf
    minimum, drop = limits(gate, comparison)
    if finding.kind == "max_drop" and comparison.difference is not None:
        return comparison.difference.low + drop
    if finding.kind == "min" and comparison.candidate is not None and minimum is not None:
        bound = comparison.candidate.low if comparison.kind == "judge" else comparison.candidate.value
        return bound - minimum
    return math.inf


def _is_worse(gate: GateReport, finding: Finding) -> bool:
    """Whether an allowed drop is kept, and the whole interval lies below 0 all the same."""
    comparison = _comparison(gate, finding)
    if finding.kind != "max_drop" or finding.decision is not Verdict.PASS or comparison is None:
        return False
    return comparison.difference is not None and comparison.difference.high < 0


def _comparison(gate: GateReport, finding: Finding) -> Comparison | None:
    return next((c for c in gate.comparisons if c.criterion == finding.criterion), None)
