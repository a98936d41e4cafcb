"""The history of gates in sums: by gate, and by gate and week. pandas is imported only when there are runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.domain.history_rows import HistoryRun
from evalgate.domain.text import replace_surrogates


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodTotals:
    """Sums over the runs of one gate, of all time or of the week that begins on Monday `week` (ISO date).

    `runs` counts those with a verdict; calls and costs include those of parts of the cases. `unknown` counts the runs
    whose cost is not known; `cost_usd` does not have it.
    """

    gate: str
    week: str
    runs: int
    passed: int
    failed: int
    inconclusive: int
    made: int
    cached: int
    saved: int
    cost_usd: float
    unknown: int


def total_runs(runs: Iterable[HistoryRun], *, by_week: bool) -> tuple[PeriodTotals, ...]:
    """Return the sums of runs by gate, or by gate and week. A week without runs between others has sums of 0.

    Runs are put into weeks by their time in UTC; one whose time cannot be read belongs to no week.
    """
    import pandas as pd

    table = [
        {
            "gate": replace_surrogates(run.gate),
            "at": run.at,
            "runs": int(run.has_verdict),
            "passed": int(run.word == "PASS"),
            "failed": int(run.word == "FAIL"),
            "inconclusive": int(run.word == "INCONCLUSIVE"),
            "made": run.made,
            "cached": run.cached,
            "saved": run.saved,
            "cost_usd": run.cost_usd or 0.0,
            "unknown": int(run.cost_usd is None),
        }
        for run in runs
    ]
    if not table:
        return ()
    frame = pd.DataFrame(table)
    summed = [name for name in frame.columns if name not in ("gate", "at")]
    if not by_week:
        totals = frame.groupby("gate", sort=True)[summed].sum()
        return tuple(_make_totals(str(gate), "", row) for gate, row in totals.to_dict("index").items())
    at = pd.to_datetime(frame["at"], utc=True, errors="coerce", format="ISO8601").dt.tz_localize(None)
    frame = frame.assign(week=at.dt.normalize() - pd.to_timedelta(at.dt.day_of_week, unit="D")).dropna(subset=["week"])
    found = []
    for gate, part in frame.groupby("gate", sort=True):
        weeks = part.groupby("week")[summed].sum()
        every = pd.date_range(weeks.index.min(), weeks.index.max(), freq="7D")
        filled = weeks.reindex(every, fill_value=0).to_dict("index")
        found += [_make_totals(str(gate), f"{pd.Timestamp(str(week)):%Y-%m-%d}", row) for week, row in filled.items()]
    return tuple(found)


def _make_totals(gate: str, week: str, row: Mapping[Any, Any]) -> PeriodTotals:
    counts = {name: int(row[name]) for name in row if name != "cost_usd"}
    return PeriodTotals(gate=gate, week=week, cost_usd=float(row["cost_usd"]), **counts)
