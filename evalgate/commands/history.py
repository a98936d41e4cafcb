"""`history`: the verdicts, intervals, calls and costs of gates over time, from the store and from report files."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.domain.history_rows import HistoryRun, list_runs
from evalgate.domain.history_totals import PeriodTotals, total_runs
from evalgate.domain.names import suggest_closest
from evalgate.errors import EvalgateError, InputError
from evalgate.gate.reports import load_report
from evalgate.store import run_log
from evalgate.store.store import Store

_RUN_ID = re.compile(rb'^ "run_id": "([0-9a-f]+)",$', re.MULTILINE)
_HEAD_BYTES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Runs of gates in the order of their time, their sums by gate and by week, and the files that were skipped."""

    runs: tuple[HistoryRun, ...]
    gates: tuple[PeriodTotals, ...]
    weeks: tuple[PeriodTotals, ...]
    problems: tuple[str, ...]
    files: int


def read_history(
    store: Store, paths: Sequence[Path], *, gates: Sequence[str] = (), since: datetime.datetime | None = None
) -> History:
    """Return the history of gates, of all without a name, since a time.

    It is read from the log, the stored verdicts and the last report of a store, and from files and folders of reports.
    A run that several files have counts once. A file that is not a report is skipped, and `problems` has a sentence for
    it. Raises InputError for a path that does not exist, and for a gate of which there is no run.
    """
    logged, problems = run_log.read_runs(store.run_log)
    found = {(run.run_id, run.gate): run for run in logged}
    files = int(bool(logged))
    known = {run.run_id for run in logged}
    stored = [path for path in _list_stored(store) if _read_run_id(path) not in known]  # verification takes a while
    for path in (*stored, *_list_given(paths)):
        try:
            report = load_report(path)
        except EvalgateError as error:
            problems.append(str(error.faults[0]).splitlines()[0])
            continue
        files += 1
        for run in list_runs(report):
            found.setdefault((run.run_id, run.gate), run)
    everything = sorted(found.values(), key=lambda run: _read_time(run.at))  # runs of one second stay as logged
    _refuse_unknown(gates, everything)
    runs = tuple(
        run for run in everything if (not gates or run.gate in gates) and (since is None or _read_time(run.at) >= since)
    )
    return History(
        runs=runs,
        gates=total_runs(runs, by_week=False),
        weeks=total_runs(runs, by_week=True),
        problems=tuple(problems),
        files=files,
    )


def _list_stored(store: Store) -> Iterator[Path]:
    if store.last_report.is_file():  # with all its gates; a stored verdict of the same run has one of them
        yield store.last_report
    yield from store.list_verdicts()


def _read_run_id(path: Path) -> str | None:
    """Return the run of a stored report, which is at its beginning; None if it is not there."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        found = _RUN_ID.search(file.read(_HEAD_BYTES))
        return None if found is None else found[1].decode("ascii")
    return None


def _list_given(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*.json") if one.is_file())
        elif path.exists():
            yield path
        else:
            raise InputError(f"{path}: there is no such file or folder")


def _refuse_unknown(gates: Sequence[str], runs: Sequence[HistoryRun]) -> None:
    known = sorted({run.gate for run in runs})
    for name in gates if known else ():
        if name not in known:
            hint = suggest_closest(name, known, otherwise=f"the gates are: {', '.join(known)}")
            raise InputError(f'there is no run of a gate "{name}"', hint=hint)


def _read_time(at: str) -> datetime.datetime:
    """Return the time of a report; one that cannot be read is before all others."""
    try:
        time = datetime.datetime.fromisoformat(at)
    except ValueError:
        return datetime.datetime.min.replace(tzinfo=datetime.UTC)
    return time if time.tzinfo is not None else time.replace(tzinfo=datetime.UTC)
