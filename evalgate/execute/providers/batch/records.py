"""Records of the batches in progress, one small file each: a restart waits for them and does not pay again."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from evalgate.domain import strict_json
from evalgate.errors import ServiceError
from evalgate.store.atomic import write_file

_MAX_AGE = 29 * 24 * 3600.0  # seconds; the API keeps a batch's files for 30 days


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """One batch.

    - `token`: the mark by which the endpoint finds the batch before its id is known.
    - `id`: the endpoint's id; None from before the upload until the endpoint has returned it.
    - `identity`: the identity of the target.
    - `run`: the run that sent it, as in the journal's name.
    - `created`: seconds since 1970.
    - `keys`: the keys of its requests, which are their `custom_id`s.
    """

    token: str
    id: str | None
    identity: str
    run: str
    created: float
    keys: tuple[str, ...]


class BatchRecords:
    """The folder of records (`<store>/batches`), one JSON file each.

    With `only_this_run` (answers must be fresh) batches of other runs are not used; otherwise they are. A record that
    cannot be written is a ServiceError: a batch without a record would be paid for twice.
    """

    def __init__(
        self, folder: Path, run: str, *, only_this_run: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self.run = run
        self.now = clock
        self._folder = folder
        self._only_this_run = only_this_run

    def load(self, identity: str) -> list[BatchRecord]:
        """Return the target's batches, oldest first; remove unreadable records and those older than the API's files."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            record = _read(path)
            if record is None or self.now() - record.created > _MAX_AGE:
                with contextlib.suppress(OSError):
                    path.unlink()
            elif record.identity == identity and (record.run == self.run or not self._only_this_run):
                found.append(record)
        return sorted(found, key=lambda record: record.created)

    def store(self, record: BatchRecord, keys: Sequence[str] | None = None) -> BatchRecord:
        """Write a record, with `keys` in place of its own if given; remove it if no keys are left."""
        record = record if keys is None else replace(record, keys=tuple(keys))
        path = self._path(record)
        try:
            if not record.keys:
                path.unlink(missing_ok=True)
                return record
            write_file(path, json.dumps(asdict(record)), sync=True)
        except OSError as error:
            raise ServiceError(
                f"the record of a batch cannot be written: {path}: {error.strerror or error}",
                hint="free disk space, or choose another folder with --store",
            ) from error
        return record

    def remove(self, record: BatchRecord) -> None:
        self.store(record, ())

    def finish(self) -> None:
        """Remove the records of this run, after it is complete."""
        for path in self._folder.glob("*.json"):
            record = _read(path)
            if record is not None and record.run == self.run:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, record: BatchRecord) -> Path:
        return self._folder / f"{record.token}.json"


def _read(path: Path) -> BatchRecord | None:
    try:
        data = strict_json.load(path.read_bytes())
        return BatchRecord(
            token=str(data["token"]),
            id=None if data["id"] is None else str(data["id"]),
            identity=str(data["identity"]),
            run=str(data["run"]),
            created=float(data["created"]),
            keys=tuple(map(str, data["keys"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
