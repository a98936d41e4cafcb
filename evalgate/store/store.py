"""Where everything lies that evalgate keeps below its own folder: the one place that knows these paths."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from evalgate.store.atomic import write_file

FOLDER = ".evalgate"
"""The name of a project's store, beside its configuration."""

DAMAGED_MARK = ".damaged-"
"""What follows the name of a cache that was moved aside, before the moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The folder of one project's answers, verdicts and last report, and the paths below it.

    Nothing is read or made before it is asked for; a list of files is sorted, and empty where there is no such folder.
    """

    root: Path

    @property
    def cache(self) -> Path:
        """The database of all answers."""
        return self.root / "cache.sqlite3"

    def list_damaged_caches(self) -> list[Path]:
        """Those that runs moved aside."""
        return sorted(self.root.glob(f"{self.cache.name}{DAMAGED_MARK}*"))

    def find_journal(self, name: str) -> Path:
        """The journal of the run of this name."""
        return self.root / "journal" / f"{name}.jsonl"

    def list_journals(self, names: str = "*") -> list[Path]:
        """Those of unfinished runs whose names match a pattern."""
        return sorted((self.root / "journal").glob(f"{names}.jsonl"))

    @property
    def batches(self) -> Path:
        """The folder of the records of batches under way."""
        return self.root / "batches"

    def find_verdict(self, key: str) -> Path:
        """The verdict that is stored under this key."""
        return self.root / "verdicts" / f"{key}.json"

    def list_verdicts(self) -> list[Path]:
        """All that are stored."""
        return sorted((self.root / "verdicts").glob("*.json"))

    def find_baseline(self, key: str) -> Path:
        """The samples of a baseline that are stored under this key."""
        return self.root / "baselines" / f"{key}.json"

    def list_baselines(self) -> list[Path]:
        """All that are stored."""
        return sorted((self.root / "baselines").glob("*.json"))

    @property
    def last_report(self) -> Path:
        """The report of the last run that had a verdict."""
        return self.root / "report.json"

    @property
    def results(self) -> Path:
        """The folder in which a process has its results while it runs, in files without a name."""
        return self.root

    def prepare(self) -> None:
        """Make the folder, and hide it from git; one that cannot be written is reported by cache and journal."""
        ignore = self.root / ".gitignore"
        with contextlib.suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            if not ignore.exists():
                write_file(ignore, "*\n")
