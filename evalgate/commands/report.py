"""`report`: read a stored report and verify it, without a model call; and the runs before it, for its page."""

from __future__ import annotations

from pathlib import Path

from evalgate.domain import Report
from evalgate.domain.history_rows import HistoryRun, list_runs
from evalgate.gate import reports
from evalgate.store import run_log
from evalgate.store.store import Store


def read_report(path: Path | None, store: Store) -> Report:
    """Read and verify a stored report, by default that of the last run. Raises InputError if none is valid."""
    return reports.load_report(path or store.last_report)


def find_log(path: Path | None, store: Store) -> Path:
    """Return the log of runs beside a stored report, if there is one, else that of the store."""
    beside = None if path is None else Store(root=path.parent).run_log
    return beside if beside is not None and beside.is_file() else store.run_log


def list_past_runs(report: Report, log: Path, *, is_new: bool = False) -> list[HistoryRun]:
    """Return the runs of a log until the run of this report, with it, in the order of the log.

    There are none if the log does not have this run: it may be that of another project. A run that `is_new` is not in
    the log yet, and comes last.
    """
    runs = run_log.read_last_runs(log)
    last = max((place for place, run in enumerate(runs) if run.run_id == report.run_id), default=None)
    if last is not None:
        return runs[: last + 1]
    return [*runs, *list_runs(report)] if is_new else []
