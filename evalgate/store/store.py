"""The folder of evalgate's stored files; all paths below it are defined here."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from evalgate.store.atomic import write_file

FOLDER = ".evalgate"
"""The name of a project's store, beside its configuration."""

DAMAGED_MARK = ".damaged-"
"""The mark between the name of a damaged cache that was moved aside and the time in nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The folder of one project's answers, verdicts and last report, and the paths below it.

    The constructor reads and creates nothing. A list of files is sorted, and empty if the folder does not exist.
    """

    root: Path

    @property
    def cache(self) -> Path:
        """The database of all answers."""
        return self.root / "cache.sqlite3"

    def list_damaged_caches(self) -> list[Path]:
        """Return the damaged caches that runs moved aside."""
        return sorted(self.root.glob(f"{self.cache.name}{DAMAGED_MARK}*"))

    def find_journal(self, name: str) -> Path:
        """Return the path of the journal of the run with this name."""
        return self.root / "journal" / f"{name}.jsonl"

    def list_journals(self, names: str = "*") -> list[Path]:
        """Return the journals of unfinished runs whose names match a pattern."""
        return sorted((self.root / "journal").glob(f"{names}.jsonl"))

    @property
    def batches(self) -> Path:
        """The folder of the records of batches in progress."""
        return self.root / "batches"

    def find_verdict(self, key: str) -> Path:
        """Return the path of the verdict with this key."""
        return self.root / "verdicts" / f"{key}.json"

    def find_undecided(self, key: str) -> Path:
        """Return the path of the mark that says that a run of this key's verdict measured too little for one."""
        return self.root / "verdicts" / f"{key}.undecided"

    def find_unanswered(self, key: str) -> Path:
        """Return the path of the draws without an answer of this key's content."""
        return self.root / "verdicts" / f"{key}.unanswered"

    def list_verdicts(self) -> list[Path]:
        """Return all stored verdicts."""
        return sorted((self.root / "verdicts").glob("*.json"))

    def list_undecided(self) -> list[Path]:
        """Return the marks of all runs that measured too little for a verdict."""
        return sorted((self.root / "verdicts").glob("*.undecided"))

    def list_unanswered(self) -> list[Path]:
        """Return the files of all draws without an answer."""
        return sorted((self.root / "verdicts").glob("*.unanswered"))

    def find_baseline(self, key: str) -> Path:
        """Return the path of the baseline with this key."""
        return self.root / "baselines" / f"{key}.json"

    def list_baselines(self) -> list[Path]:
        """Return all stored baselines."""
        return sorted((self.root / "baselines").glob("*.json"))

    @property
    def adaptations(self) -> Path:
        """The file of the adaptations that endpoints need."""
        return self.root / "adaptations.json"

    def find_release(self, name: str) -> Path:
        """Return the path of the copy of a prompt's last release document. Any name gives a file name."""
        return self.root / "releases" / f"{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}.json"

    def find_rows(self, key: str) -> Path:
        """Return the path of the copy of the rows of this key's source."""
        return self.root / "rows" / f"{key}.sqlite3"

    @property
    def last_report(self) -> Path:
        """The report of the last run that had a verdict."""
        return self.root / "report.json"

    @property
    def last_part(self) -> Path:
        """The report of the last run of a part of the cases, if no run of all cases began after it."""
        return self.root / "part.json"

    @property
    def run_log(self) -> Path:
        """The log of the runs whose reports were kept here."""
        return self.root / "runs.jsonl"

    def find_prompts(self, report: Path) -> Path:
        """Return the path of the prompts that were sent in the run of a report of the store."""
        return self.root / f"{report.stem}.prompts.jsonl"

    @property
    def results(self) -> Path:
        """The folder of the results of running processes, which are files without a name."""
        return self.root

    def prepare(self) -> None:
        """Create the folder, and make git ignore it. Ignore errors: cache and journal report them."""
        ignore = self.root / ".gitignore"
        with contextlib.suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            if not ignore.exists():
                write_file(ignore, "*\n")
