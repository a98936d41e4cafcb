"""Make the table of criteria: measurements and decisions, as text and as numbers for a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalgate.domain import ANSWERED, BlockingCheck, Comparison, GateReport, Verdict
from evalgate.domain.numbers import show, show_count
from evalgate.report import movements, view
from evalgate.report.similarity_lines import describe_similarity

NONE = "-"
_OF_A_CHECK: Mapping[Verdict, str] = {
    Verdict.PASS: "HOLDS",
    Verdict.FAIL: "FAIL",
    Verdict.INCONCLUSIVE: "undecided",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRow:
    """One line of the table of criteria; a cell without a number is "-".

    `pairs` is the number of cases behind the numbers. `units` is the number of independent units, empty where it is the
    same. For a blocking check `failed` says how many cases failed. `counts` also says how they went on, and how often
    the baseline failed. Both are empty where nothing failed in the cases of the row. `moves` is "11 worse, 26 same,
    0 better", empty without a baseline.
    """

    criterion: str
    baseline: str
    candidate: str
    difference: str
    interval: str
    pairs: str
    units: str
    deviation: str
    detectable: str
    decision: str
    failed: str = ""
    counts: str = ""
    moves: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A difference with its interval, and its lower limit (minus the allowed drop), where there is one."""

    low: float
    value: float
    high: float
    limit: float | None


def make_rows(gate: GateReport) -> tuple[CriterionRow, ...]:
    """Return the rows of the table of criteria, in the order of the configuration."""
    moves = movements.list_moves(gate)
    return tuple(_make_row(gate, one, moves.get(one.criterion)) for one in select_comparisons(gate))


def list_notes(gate: GateReport) -> tuple[str, ...]:
    """Return what has to be said below the table: why an interval has no width, and what is reported only."""
    equal = tuple(
        f"{c.criterion}: all {c.difference.n} differences are equal, so the interval has no width. It does not tell by "
        "how much other cases would differ."
        for c in select_comparisons(gate)
        if c.difference is not None and c.difference.low == c.difference.high and c.difference.value != 0
    )
    similarity = describe_similarity(gate.evidence)
    return (*equal, similarity) if similarity else equal


def make_spans(gate: GateReport) -> tuple[Span | None, ...]:
    """Return the difference of each row of the table as numbers, for a chart; None where there is none."""
    return tuple(_make_span(gate, comparison) for comparison in select_comparisons(gate))


def select_comparisons(gate: GateReport) -> tuple[Comparison, ...]:
    """Return all comparisons, without the implicit check if every case was answered."""
    return tuple(c for c in gate.comparisons if c.criterion != ANSWERED or not _is_answered(gate, c))


def _is_answered(gate: GateReport, comparison: Comparison) -> bool:
    check = _make_blocking_row(gate, comparison.criterion)
    if check is None or check.decision is not Verdict.PASS or check.failed or check.baseline_failed:
        return False
    means = (comparison.baseline, comparison.candidate)
    return not comparison.undecided and all(mean is None or mean.value == 1.0 for mean in means)


def _make_blocking_row(gate: GateReport, criterion: str) -> BlockingCheck | None:
    return next((check for check in gate.blocking if check.criterion == criterion), None)


def _make_span(gate: GateReport, comparison: Comparison) -> Span | None:
    difference = comparison.difference
    if difference is None:
        return None
    _, drop = view.limits(gate, comparison)
    is_limited = any(f.kind == "max_drop" and f.criterion == comparison.criterion for f in gate.findings)
    return Span(low=difference.low, value=difference.value, high=difference.high, limit=-drop if is_limited else None)


def _make_row(gate: GateReport, comparison: Comparison, moves: Sequence[movements.CaseMove] | None) -> CriterionRow:
    minimum, drop = view.limits(gate, comparison)
    difference, candidate, baseline = comparison.difference, comparison.candidate, comparison.baseline
    check = _make_blocking_row(gate, comparison.criterion)
    return CriterionRow(
        criterion=comparison.criterion,
        baseline=show(baseline.value, minimum) if baseline else NONE,
        candidate=show(candidate.value, minimum) if candidate else NONE,
        difference=show(difference.value, 0.0, -drop, signed=True) if difference else NONE,
        interval=(
            f"[{show(difference.low, 0.0, -drop, signed=True)}, {show(difference.high, 0.0, -drop, signed=True)}]"
            if difference
            else NONE
        ),
        pairs=str(comparison.pairs),
        units="" if comparison.units == comparison.pairs else str(comparison.units),
        deviation=show(comparison.deviation) if difference and comparison.deviation is not None else NONE,
        # Where all differences are equal the estimate is 0, which does not mean that any drop is detected.
        detectable=show(comparison.detectable, drop) if comparison.detectable else NONE,
        decision=_find_decision(gate, comparison.criterion) if check is None else _OF_A_CHECK[check.decision],
        failed=""
        if check is None or (not check.failed and check.cases == comparison.pairs)
        else _describe_failed(check),
        counts="" if check is None else _describe_counts(check, comparison),
        moves="" if moves is None else str(movements.count_moves(moves)),
    )


def _find_decision(gate: GateReport, criterion: str) -> str:
    """Return the label of the most severe finding on a criterion; blocking before warning."""
    findings = [f for f in gate.findings if f.criterion == criterion and f.kind != "remark"]
    if not findings:
        return "reported"
    worst = min(findings, key=lambda finding: (not finding.blocks, view.SEVERITY.index(finding.decision)))
    return view.label(worst)


def _describe_failed(check: BlockingCheck) -> str:
    return f"{check.failed} of {check.cases} failed"


def _describe_counts(check: BlockingCheck, comparison: Comparison) -> str:
    """Return the counts of a blocking check: the failed cases by how they went on, and the baseline's failed draws."""
    text = _describe_failed(check)
    if not check.failed and not check.baseline_failed:
        return text if check.cases != comparison.pairs else ""
    if check.failed and len(check.wavered) == check.failed:
        text += " once and held when asked again"
    elif check.failed:
        outcomes = {
            "held when asked again": check.wavered,
            "failed with the baseline as well": check.both,
            "failed in every draw": check.for_good,
            "could not be asked again": check.open,
        }
        parts = [f"{len(cases)} {words}" for words, cases in outcomes.items() if cases]
        text += f" at first ({', '.join(parts)})" if parts else " at first"
    before = (
        f"; the baseline: {check.baseline_failed} of {show_count(check.baseline_draws, 'draw')}"
        if check.baseline_draws
        else ""
    )
    return f"{text}{before}"
