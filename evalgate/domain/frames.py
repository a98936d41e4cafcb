"""Reports as tables: the rows of a report's scores, and pandas frames of one or more reports.

This module is in `domain` because `Report.to_frame` is a method of a domain type. pandas is imported only when a frame
is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from evalgate.domain.inputs import ANSWERED
from evalgate.domain.similarity import REPORTED_SIMILARITY
from evalgate.domain.text import replace_surrogates
from evalgate.domain.trials import Score

if TYPE_CHECKING:
    from pandas import DataFrame

    from evalgate.domain.verdict import Comparison, Estimate, GateReport, Report

ScoreCells: TypeAlias = tuple[str, str, str, str, float | None, int, str | None, str | None, str]

SCORE_COLUMNS = ("gate", "case", "arm", "criterion", "value", "repeat", "tag", "cluster", "reason")
_RUN_COLUMNS = {
    "run_id": "str",
    "created_at": "str",
    "gate": "str",
    "candidate_version": "str",
    "candidate_digest": "str",
    "baseline_version": "str",
    "level": "str",
    "decision": "str",
    "exit_code": "int64",
    "drawn_again": "str",
    "criterion": "str",
    "candidate_mean": "float64",
    "baseline_mean": "float64",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
    "units": "Int64",
    "cost_usd": "float64",
}


def list_scores(report: Report) -> Iterator[ScoreCells]:
    """Yield one row of `SCORE_COLUMNS` for each gate, case, arm, repeat and criterion.

    `value` is None without a score. `tag` is the first tag of the case. `reason` is that of the score, or of its
    absence. Confirmation samples of flipped cases are left out, because no mean includes them. The similarities, which
    are reported only, come last, under a name that no criterion has.
    """
    for gate in report.gates:
        clusters = gate.evidence.clusters
        for result in gate.evidence.results:
            tag = result.tags[0] if result.tags else None
            for criterion, score in result.scores.items():
                if criterion == ANSWERED:  # derived from the outputs, and not part of the configuration
                    continue
                value = float(score.value) if isinstance(score, Score) else None
                own = (gate.evidence.name, result.case, result.arm.value, criterion, value, result.repeat)
                yield (*own, tag, clusters.get(result.case), score.reason)
        yield from _list_similarities(gate)


def _list_similarities(gate: GateReport) -> Iterator[ScoreCells]:
    measured = gate.evidence.similarity
    tags = {result.case: next(iter(result.tags), None) for result in gate.evidence.results}
    for one in () if measured is None else measured.outputs:
        value = float(one.score.value) if isinstance(one.score, Score) else None
        own = (gate.evidence.name, one.case, one.arm.value, REPORTED_SIMILARITY, value, one.repeat)
        yield (*own, tags.get(one.case), gate.evidence.clusters.get(one.case), one.score.reason)


def make_score_frame(report: Report) -> DataFrame:
    """Return the rows of `list_scores` as a frame. A missing `value` is NaN, a missing tag or cluster None.

    Half a surrogate pair, which a model may emit and a column of text cannot hold, becomes U+FFFD.
    """
    import pandas as pd

    rows = (tuple(map(replace_surrogates, row)) for row in list_scores(report))
    frame = pd.DataFrame(rows, columns=list(SCORE_COLUMNS))
    return frame.astype({"value": "float64", "repeat": "int64"})


def make_run_frame(reports: Iterable[Report]) -> DataFrame:
    """Return a frame with one row for each report, gate and compared criterion, in the order of the reports.

    A gate without a comparison and a report without gates have one row without a criterion, so that every decision
    has a row. Where answers were drawn again, `drawn_again` says which of them. They decide nothing, so `decision`
    and `exit_code` are those of the run's verdict that stays. `difference` is candidate minus baseline, `low` and
    `high` are its bounds, and `units` is the number of units in the comparison.
    """
    import pandas as pd

    found = (row for report in reports for row in _list_comparisons(report))
    rows = [{name: replace_surrogates(value) for name, value in row.items()} for row in found]
    return pd.DataFrame(rows, columns=list(_RUN_COLUMNS)).astype(_RUN_COLUMNS)


def _list_comparisons(report: Report) -> Iterator[dict[str, Any]]:
    run = {"run_id": report.run_id, "created_at": report.created_at}
    stays = {"decision": report.standing.value, "exit_code": int(report.exit_code)}
    if not report.gates:
        yield {**run, **stays}
    for gate in report.gates:
        own = {**run, **_describe_gate(gate)}
        if report.redrawn is not None:
            own |= {**stays, "drawn_again": report.redrawn.what}
        for comparison in gate.comparisons:
            yield {**own, **_describe_comparison(comparison)}
        if not gate.comparisons:
            yield own


def _describe_gate(gate: GateReport) -> dict[str, Any]:
    evidence = gate.evidence
    candidate, baseline = evidence.candidate, evidence.baseline
    return {
        "gate": evidence.name,
        "candidate_version": None if candidate is None else candidate.version,
        "candidate_digest": None if candidate is None else candidate.digest,
        "baseline_version": None if baseline is None else baseline.version,
        "level": None if evidence.level is None else evidence.level.effective.name,
        "decision": gate.decision.value,
        "exit_code": int(gate.exit_code),
        "cost_usd": evidence.cost_usd,
    }


def _describe_comparison(comparison: Comparison) -> dict[str, Any]:
    difference = comparison.difference
    return {
        "criterion": comparison.criterion,
        "candidate_mean": _get_mean(comparison.candidate),
        "baseline_mean": _get_mean(comparison.baseline),
        "difference": _get_mean(difference),
        "low": None if difference is None else difference.low,
        "high": None if difference is None else difference.high,
        "units": comparison.units,
    }


def _get_mean(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value
