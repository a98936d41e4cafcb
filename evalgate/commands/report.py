"""`report`: read a stored report and verify it, without a model call."""

from __future__ import annotations

from pathlib import Path

from evalgate.domain import Report
from evalgate.gate import reports
from evalgate.store.store import Store


def read_report(path: Path | None, store: Store) -> Report:
    """Read and verify a stored report, by default that of the last run. Raises InputError if none is valid."""
    return reports.load_report(path or store.last_report)
