"""The folder of evalgate's stored files; all paths below it are defined here."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from evalgate.errors import InputError, Place
from evalgate.store.atomic import write_file

FOLDER = ".evalgate"
"""The name of a project's store, beside its configuration."""

SCHEMA = f"{FOLDER}/evalgate.schema.json"
"""The path of the schema for editors, from the folder of the configuration."""

DAMAGED_MARK = ".damaged-"
"""The mark between the name of a damaged cache that was moved aside and the time in nanoseconds."""

CACHE: Final = "cache"
"""The name of the kind of the database's files."""
DAMAGED: Final = "--damaged"
FORGET: Final = "--forget-verdicts"
"""Options of `cache prune`, which remove whole kinds of files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKind:
    """Files of the folder that have one use. `patterns` are paths, in which `*` is any part of a name.

    `option` is the one of `cache prune` that removes all of them. Without one they stay, or only those go that are
    known to be of no use: what a verdict, a second draw, the history or a rollout needs.
    """

    name: str
    patterns: tuple[str, ...]
    option: str = ""


KINDS: Final = (
    StoredKind(name=CACHE, patterns=("cache.sqlite3", "cache.sqlite3-*")),
    StoredKind(name="verdicts", patterns=("verdicts/*.json",), option=FORGET),
    StoredKind(name="undecided", patterns=("verdicts/*.undecided",), option=FORGET),
    StoredKind(name="unanswered", patterns=("verdicts/*.unanswered",), option=FORGET),
    StoredKind(name="baselines", patterns=("baselines/*.json",)),
    StoredKind(name="journals", patterns=("journal/*.jsonl", "journal/*.unanswered")),
    StoredKind(name="batches", patterns=("batches/*.json",)),
    StoredKind(name="endpoints", patterns=("adaptations.json",)),
    StoredKind(name="reports", patterns=("report.json", "part.json")),
    StoredKind(name="prompts", patterns=("report.prompts.jsonl", "part.prompts.jsonl")),
    StoredKind(name="runs", patterns=("runs.jsonl",)),
    StoredKind(name="releases", patterns=("releases/*.json",)),
    StoredKind(name="rows", patterns=("rows/*.sqlite3", "rows/*.sqlite3-*")),
    StoredKind(name="damaged", patterns=(f"cache.sqlite3{DAMAGED_MARK}*",), option=DAMAGED),
    StoredKind(name="leftovers", patterns=(".evalgate-*.part", "*/.evalgate-*.part"), option=DAMAGED),
    StoredKind(name="schema", patterns=(SCHEMA.removeprefix(f"{FOLDER}/"),)),
    StoredKind(name="gitignore", patterns=(".gitignore",)),
)
"""All that lies below the folder. `leftovers` are of processes that were killed while they wrote a file."""
OTHER: Final = StoredKind(name="other", patterns=())
"""Files that are no part of the store, or that another version of evalgate made."""


def find_kind(path: str) -> StoredKind:
    """Return the kind of a file by its path below the folder, with `/` between its parts; `OTHER` for any other."""
    parts = path.split("/")
    for kind in KINDS:
        for pattern in kind.patterns:
            wanted = pattern.split("/")
            if len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted)):
                return kind
    return OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The folder of one project's answers, verdicts and last report, and the paths below it.

    The constructor reads and creates nothing. A list of files is sorted, and empty if the folder does not exist.
    """

    root: Path

    def list_files(self) -> dict[StoredKind, list[Path]]:
        """Return all files by their kind, of the folder and of those in it, with an empty list for a kind without.

        Raises InputError for a folder that cannot be read.
        """
        found: dict[StoredKind, list[Path]] = {kind: [] for kind in (*KINDS, OTHER)}
        for path in sorted(self._walk()):
            found[find_kind(path.relative_to(self.root).as_posix())].append(path)
        return found

    def list_removable(self, option: str) -> list[Path]:
        """Return the files of the kinds that an option of `cache prune` removes."""
        return [path for kind, files in self.list_files().items() if kind.option == option for path in files]

    def _walk(self) -> Iterator[Path]:
        try:
            for path in self.root.iterdir():
                if path.is_file():
                    yield path
                elif path.is_dir():
                    yield from (one for one in path.iterdir() if one.is_file())
        except FileNotFoundError:
            return
        except OSError as error:
            place = Place(path=str(error.filename or self.root))
            raise InputError(f"cannot be read: {error.strerror or error}", place=place) from error

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
