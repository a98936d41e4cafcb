"""Render the history of gates as text of 80 columns, as CSV and as plain data."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from evalgate.domain import Json
from evalgate.domain.history_rows import HistoryCriterion, HistoryRun
from evalgate.domain.history_totals import PeriodTotals
from evalgate.domain.numbers import show, show_count, show_exactly
from evalgate.report.csv import escape_formula
from evalgate.report.escape import line
from evalgate.report.view import format_cost
from evalgate.report.wrapped_text import wrap_words

COLUMNS = (
    "at",
    "run_id",
    "gate",
    "kind",
    "decision",
    "exit_code",
    "level",
    "candidate",
    "baseline",
    "criterion",
    "difference",
    "low",
    "high",
    "allowed_drop",
    "units",
    "calls_made",
    "calls_cached",
    "calls_saved",
    "cost_usd",
    "reused",
    "drawn_again",
)
_MOST = 20
_NAME = 24


def render_terminal(runs: Sequence[HistoryRun], gates: Sequence[PeriodTotals], weeks: Sequence[PeriodTotals]) -> str:
    """Render each gate's sums and its newest runs, newest first, and the sums of each week."""
    rows: list[str] = []
    for totals in gates:
        own = [run for run in runs if run.gate == totals.gate]
        rows += [wrap_words(f"{totals.gate}: {describe_totals(totals)}, from {own[0].at} to {own[-1].at}"), ""]
        for run in reversed(own[-_MOST:]):
            rows.append(wrap_words(_describe_run(run), indent="    ", first="  "))
            rows += [f"      {_describe_criterion(one)}" for one in run.criteria]
        if len(own) > _MOST:
            rows.append(f"  ... and {show_count(len(own) - _MOST, 'earlier run')}, with --format csv, json or html")
        rows.append("")
    if weeks:
        rows += ["Per week, which begins on Monday", *_make_weeks(weeks)]
    return "\n".join(rows).rstrip("\n") + "\n"


def render_csv(runs: Sequence[HistoryRun]) -> str:
    """Render one row for each run and compared criterion; a run without a comparison has one row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in runs:
        for criterion in run.criteria or (None,):
            row = [_get_cells(run, criterion)[name] for name in COLUMNS]
            writer.writerow(escape_formula(cell) if isinstance(cell, str) else cell for cell in row)
    return text.getvalue()


def as_json(
    runs: Sequence[HistoryRun],
    gates: Sequence[PeriodTotals],
    weeks: Sequence[PeriodTotals],
    problems: Sequence[str],
) -> dict[str, Json]:
    """Return the history as plain data."""
    return {
        "format": 1,
        "runs": [
            {
                "at": run.at,
                "run_id": run.run_id,
                "gate": run.gate,
                "kind": run.kind.value,
                "decision": run.word,
                "exit_code": run.exit_code,
                "level": run.level,
                "candidate": run.candidate,
                "baseline": run.baseline,
                "calls": {"made": run.made, "cached": run.cached, "saved": run.saved},
                "cost_usd": run.cost_usd,
                "reused": run.is_reused,
                "drawn_again": run.is_drawn_again,
                "criteria": [
                    {
                        "name": one.name,
                        "difference": one.difference,
                        "low": one.low,
                        "high": one.high,
                        "allowed_drop": one.allowed,
                        "units": one.units,
                    }
                    for one in run.criteria
                ],
            }
            for run in runs
        ],
        "gates": [_encode_totals(one) for one in gates],
        "weeks": [_encode_totals(one) for one in weeks],
        "problems": list(problems),
    }


def describe_totals(totals: PeriodTotals) -> str:
    """Return the runs and verdicts of a gate in words, with calls and cost."""
    runs = show_count(totals.runs, "run")
    verdicts = [(totals.passed, "PASS"), (totals.failed, "FAIL"), (totals.inconclusive, "INCONCLUSIVE")]
    words = ", ".join(f"{count} {word}" for count, word in verdicts if count) or "no verdict"
    return f"{runs} ({words}); {_describe_calls(totals)}; {describe_cost(totals)}"


def describe_cost(totals: PeriodTotals) -> str:
    """Return the dollars of some runs; runs whose cost is not known are counted beside them."""
    unknown = f", and {totals.unknown} of unknown cost" if totals.unknown else ""
    return f"{format_cost(totals.cost_usd)}{unknown}"


def describe_interval(one: HistoryCriterion) -> str:
    """Return the difference of a criterion with its interval."""
    limit = None if one.allowed is None else -one.allowed
    shown = [show(value, 0, limit, signed=True) for value in (one.difference, one.low, one.high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def describe_allowed(one: HistoryCriterion) -> str:
    """Return the allowed drop after a space; empty if the drop decides nothing."""
    return "" if one.allowed is None else f" may drop {show_exactly(one.allowed)}"


def describe_notes(run: HistoryRun) -> str:
    """Return what is particular of a run, in brackets after a space; empty if nothing is."""
    notes = [
        {"gate": "", "part": "part of the cases"}.get(run.kind.value, run.kind.value),
        "decided before" if run.is_reused else "",
        "numbers drawn again" if run.is_drawn_again else "",
    ]
    words = ", ".join(note for note in notes if note)
    return f" ({words})" if words else ""


def _describe_run(run: HistoryRun) -> str:
    at = run.at[:16].replace("T", " ")
    level = f" {run.level}" if run.level else ""
    what = f"{run.baseline} -> {run.candidate}{level}{describe_notes(run)}"
    return f"{at}  {run.word}  {what}; {_describe_calls(run)}; {format_cost(run.cost_usd)}"


def _describe_calls(counted: HistoryRun | PeriodTotals) -> str:
    return f"{show_count(counted.made, 'call')} made, {counted.cached:,} cached, {counted.saved:,} saved"


def _describe_criterion(one: HistoryCriterion) -> str:
    name = line(one.name)
    shown = name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."
    return f"{shown:<{_NAME}} {describe_interval(one):<26}{describe_allowed(one)}".rstrip()


def _make_weeks(weeks: Sequence[PeriodTotals]) -> list[str]:
    head = ("week", "gate", "runs", "made", "cached", "saved", "dollars")
    body = [
        (one.week, _cut(one.gate), *(f"{n:,}" for n in (one.runs, one.made, one.cached, one.saved)), _tell_dollars(one))
        for one in weeks
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *body)
    ]


def _cut(name: str) -> str:
    shown = line(name)
    return shown if len(shown) <= _NAME else f"{shown[: _NAME - 3]}..."


def _tell_dollars(totals: PeriodTotals) -> str:
    return f"{format_cost(totals.cost_usd)}{' + unknown' if totals.unknown else ''}"


def _get_cells(run: HistoryRun, criterion: HistoryCriterion | None) -> Mapping[str, str | float | None]:
    cells: dict[str, str | float | None] = {
        "at": run.at,
        "run_id": run.run_id,
        "gate": run.gate,
        "kind": run.kind.value,
        "decision": run.word,
        "exit_code": run.exit_code,
        "level": run.level,
        "candidate": run.candidate,
        "baseline": run.baseline,
        "calls_made": run.made,
        "calls_cached": run.cached,
        "calls_saved": run.saved,
        "cost_usd": run.cost_usd,
        "reused": int(run.is_reused),
        "drawn_again": int(run.is_drawn_again),
    }
    names = ("criterion", "difference", "low", "high", "allowed_drop", "units")
    values: tuple[str | float | None, ...] = (None,) * len(names)
    if criterion is not None:
        values = (
            criterion.name,
            criterion.difference,
            criterion.low,
            criterion.high,
            criterion.allowed,
            criterion.units,
        )
    return {**cells, **dict(zip(names, values, strict=True))}


def _encode_totals(totals: PeriodTotals) -> dict[str, Json]:
    week: dict[str, Json] = {"week": totals.week} if totals.week else {}
    return {
        **week,
        "gate": totals.gate,
        "runs": totals.runs,
        "passed": totals.passed,
        "failed": totals.failed,
        "inconclusive": totals.inconclusive,
        "calls": {"made": totals.made, "cached": totals.cached, "saved": totals.saved},
        "cost_usd": totals.cost_usd,
        "unknown_costs": totals.unknown,
    }
