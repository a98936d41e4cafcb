"""The texts of a verdict, shared by all renderers: headline, deciding sentence, notes, labels.

The text is still raw; renderers escape it.
"""

from __future__ import annotations

import math

from evalgate.domain import REUSED, Comparison, Evidence, Finding, GateReport, Report, ReportKind, Threshold, Verdict
from evalgate.domain.adaptations import NOT_AS_WRITTEN
from evalgate.domain.note_beginnings import PLACEHOLDERS
from evalgate.domain.numbers import show_count
from evalgate.report.escape import prose

SEVERITY = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
_PATH = 200
_MOST_NOTES = 5


def headline(gate: GateReport) -> str:
    """Return the decision, with its meaning for the merge where the decision alone does not show it."""
    if gate.exit_code.awaits_sign_off:
        return f"{gate.decision}, awaiting sign-off"
    if gate.only_warns:
        return f"{gate.decision}, does not block"
    if gate.evidence.kind is ReportKind.REPLAY:
        return f"{gate.decision}, a replay"
    return str(gate.decision)


def verdict(report: Report) -> str:
    """Return the headline of the whole report; of answers drawn again, the verdict that stays and theirs."""
    if report.redrawn is not None:
        return f"{report.standing} stays, drawn again {report.decision}"
    if report.exit_code.awaits_sign_off:  # also where only an edit of the rules waits
        return f"{report.decision}, awaiting sign-off"
    return headline(report.gates[0]) if len(report.gates) == 1 else str(report.decision)


NOT_A_GATE = "part of the cases: not a gate"


def redrawn(report: Report) -> str:
    """Return the first and last line of a report that decides nothing: of a part, or of answers drawn again."""
    if any(gate.evidence.kind is ReportKind.PART for gate in report.gates):
        return NOT_A_GATE
    found = report.redrawn
    if found is None:
        return ""
    count = show_count(len(found.cases), "case")
    what = {
        "all": "all answers",
        "broken": f"the answers to {count} that newly failed",
        "failed": f"the failed calls of {count}",
    }[found.what]
    return (
        f"drawn again: {what}. This report decides nothing: the verdict stays {found.decision}, "
        f"exit code {report.exit_code}."
    )


def title(report: Report) -> str:
    """Return the subject of the verdict of several gates, or of none."""
    if report.gates:
        return "all gates"
    if not _is_decided(report):
        return "not evaluated"
    if report.policy_changes and all(change.is_new_prompt for change in report.policy_changes):
        return "new prompts alone"
    return "the rules alone" if report.policy_changes else "nothing to gate"


def sentence(report: Report) -> str:
    """Return the deciding sentence of the only gate, or the summary of all."""
    return find_deciding_sentence(report.gates[0]) if len(report.gates) == 1 else summary(report)


def rules(report: Report) -> str:
    """Return the warning about a change that edits files with the rules or adds prompts; empty if it does neither."""
    edited = [change for change in report.policy_changes if not change.is_new_prompt]
    added = [change for change in report.policy_changes if change.is_new_prompt]
    sentences = []
    if edited:
        more = len(edited) - 1
        others = f" and {show_count(more, 'more file')} that hold" if more else ", which holds"
        sentences.append(
            f"This change edits {prose(edited[0].path, most=_PATH)}{others} the rules: it was judged by the base's "
            f"version of {'them' if more else 'it'}, and counts as MAJOR."
        )
    if added:
        more = len(added) - 1
        others = f" and {show_count(more, 'more prompt')}, which get" if more else ", which gets"
        sentences.append(
            f"This change adds {prose(added[0].path, most=_PATH)}{others} a gate by the merge: nothing has measured "
            f"{'them' if more else 'it'}, and the change counts as MAJOR."
        )
    return " ".join(sentences)


def sign_off(report: Report, standing: str = "") -> tuple[str, str] | None:
    """Return the sign-off with its author and time, or what it is waiting for (`standing`, if the caller knows it).

    The result is a pair of the emphasized words and the rest; None where no sign-off is given or needed.
    """
    if report.sign_off is not None:
        return "Signed off", f"by {prose(report.sign_off.by, most=_PATH)} at {report.sign_off.at}"
    if standing or not report.exit_code.awaits_sign_off:
        return ("Sign-off:", standing) if standing else None
    needed = (r.detail for gate in report.gates for r in gate.requirements if r.kind == "sign_off")
    return "Sign-off:", f"waiting for {next(needed, 'sign-off by a person who did not write the change')}"


def summary(report: Report) -> str:
    """Return the sentence below the verdict of several gates, or of none."""
    if not report.gates:
        return "No gated prompt has changed." if _is_decided(report) else next(iter(report.warnings), "")
    if all(gate.evidence.kind is ReportKind.DRIFT for gate in report.gates):
        drifted = sum(gate.decision is Verdict.FAIL for gate in report.gates)
        unclear = sum(gate.decision is Verdict.INCONCLUSIVE for gate in report.gates)
        return (
            f"{drifted} of {len(report.gates)} gates {'has' if drifted == 1 else 'have'} "
            f"drifted{f'; {unclear} inconclusive' if unclear else ''}."
        )
    awaiting = sum(gate.exit_code.awaits_sign_off for gate in report.gates)
    blocking = sum(gate.exit_code.blocks for gate in report.gates)
    sign_off = f"; {awaiting} awaiting sign-off" if awaiting else ""
    return f"{blocking} of {len(report.gates)} gates {'blocks' if blocking == 1 else 'block'} the change{sign_off}."


def _is_decided(report: Report) -> bool:
    """Return whether a report without gates had nothing to gate, rather than coming from an aborted run."""
    return not report.exit_code.blocks


def find_deciding_sentence(gate: GateReport) -> str:
    """Return the sentence of the finding that decided the verdict.

    For a PASS it is the threshold of a criterion that is worse but within the allowed drop, else the threshold with the
    smallest distance to its limit, else the result of the checks.
    """
    finding = _find_deciding(gate)
    if gate.decision is not Verdict.PASS and finding is not None:
        return finding.sentence
    checks = _count_held(gate)
    thresholds = sum(_measure_distance(gate, other) < math.inf for other in gate.findings)
    if finding is None:
        cases = gate.evidence.dataset.cases
        if checks == 1:
            return f"The one required criterion holds on {show_count(cases, 'case')}."
        if checks:
            return f"All {checks} required criteria hold on {show_count(cases, 'case')}."
        return f"{show_count(cases, 'case was', 'cases were')} evaluated."
    if finding.kind == "check":
        return f"All {checks} required criteria hold. {finding.sentence}" if checks > 1 else finding.sentence
    nearest = "" if _is_worse(gate, finding) else "Nearest to its limit is "
    return f"All thresholds are met. {nearest}{finding.sentence}" if thresholds > 1 else finding.sentence


def list_remarks(gate: GateReport) -> tuple[str, ...]:
    """Return the notes shown directly below the deciding sentence, for every verdict.

    They are: one text for many inputs, other criteria that are worse but within the allowed drop, remarks, and that the
    verdict is a stored one.
    """
    return (*(finding.sentence for finding in _list_notes(gate)), *notes_first(gate.evidence))


def notes_first(evidence: Evidence) -> tuple[str, ...]:
    """Return the notes shown at the top instead of the footer.

    They are: what of a prompt was not sent, that cases have placeholders, that a stored verdict is used, and for which
    digest.
    """
    reused = tuple(note for note in evidence.notes if note.startswith(REUSED))[-1:]
    reused = (*(note for note in evidence.notes if note.startswith((NOT_AS_WRITTEN, PLACEHOLDERS))), *reused)
    if evidence.evaluated is None or any(evidence.evaluated[:12] in note for note in reused):
        return reused
    return (*reused, f"only white space differs from digest {evidence.evaluated[:12]}, which was evaluated")


def list_other_findings(gate: GateReport) -> tuple[Finding, ...]:
    """Return all findings except those shown at the top: blocking ones, then warnings, then passed ones."""
    shown = (_find_deciding(gate), *_list_notes(gate))
    rest = [finding for finding in gate.findings if not any(finding is other for other in shown)]
    return tuple(sorted(rest, key=lambda finding: (not finding.blocks, SEVERITY.index(finding.decision))))


def label(finding: Finding) -> str:
    """Return the word before a finding's sentence."""
    if finding.blocks or finding.decision is Verdict.PASS:
        return str(finding.decision)
    return f"warning: {finding.decision}"


def limits(gate: GateReport, comparison: Comparison) -> tuple[float | None, float]:
    """Return the floor of a criterion, None where it has none, and its allowed drop."""
    threshold = gate.thresholds.get(comparison.criterion, Threshold())
    return threshold.minimum, gate.policy.max_drop if threshold.max_drop is None else threshold.max_drop


def format_cost(dollars: float | None) -> str:
    """Format dollars with two significant digits: $0.0042, $12.30."""
    if dollars is None:
        return "cost unknown"
    if 0 < dollars < 0.000001:
        return "less than $0.000001"
    digits = 2 if dollars == 0 or dollars >= 0.1 else 1 - math.floor(math.log10(dollars))
    return f"${dollars:,.{digits}f}"


def _find_deciding(gate: GateReport) -> Finding | None:
    if gate.decision is Verdict.PASS:
        if not gate.evidence.results and (back := _find_revert(gate)) is not None:
            return back
        measured = [finding for finding in gate.findings if _measure_distance(gate, finding) < math.inf]
        return min(
            measured,
            key=lambda finding: (not _is_worse(gate, finding), _measure_distance(gate, finding)),
            default=_describe_unsteady(gate),
        )
    found = [finding for finding in gate.findings if finding.decision is gate.decision]
    return next((finding for finding in found if finding.blocks), found[0] if found else None)


def _list_notes(gate: GateReport) -> list[Finding]:
    deciding = _find_deciding(gate)
    worse = [f for f in gate.findings if gate.decision is Verdict.PASS and _is_worse(gate, f)]
    first = [finding for finding in gate.findings if finding.kind == "constant_output"]
    found = [*first, *worse, *(finding for finding in gate.findings if finding.kind in ("revert", "remark"))]
    return [finding for finding in found if finding is not deciding][:_MOST_NOTES]


def _find_revert(gate: GateReport) -> Finding | None:
    return next((finding for finding in gate.findings if finding.kind == "revert"), None)


def _count_held(gate: GateReport) -> int:
    """Return the number of criteria with a PASS."""
    return sum(f.decision is Verdict.PASS and f.criterion is not None and f.kind != "remark" for f in gate.findings)


def _describe_unsteady(gate: GateReport) -> Finding | None:
    """Return the finding on the blocking check with the most failed cases, in a gate that passes."""
    failing = sorted((check for check in gate.blocking if check.failed), key=lambda check: -check.failed)
    of = {finding.criterion: finding for finding in gate.findings if finding.kind == "check"}
    return next((of[check.criterion] for check in failing if check.criterion in of), None)


def _measure_distance(gate: GateReport, finding: Finding) -> float:
    """Return the distance of a threshold's bound from its limit; infinite for a finding without a measured one."""
    comparison = _find_comparison(gate, finding)
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
    """Return whether a criterion is within its allowed drop although its whole interval is below 0."""
    comparison = _find_comparison(gate, finding)
    if finding.kind != "max_drop" or finding.decision is not Verdict.PASS or comparison is None:
        return False
    return comparison.difference is not None and comparison.difference.high < 0


def _find_comparison(gate: GateReport, finding: Finding) -> Comparison | None:
    return next((c for c in gate.comparisons if c.criterion == finding.criterion), None)
