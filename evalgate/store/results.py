"""The results of a run on disk: each is stored as its line in a report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from evalgate.domain import Report, Result
from evalgate.domain.stored_result import StoredResult
from evalgate.store import report_json, report_json_stream
from evalgate.store.results_file import ResultsFile

_DECODED_RESULTS = 64
_MAX_SHARED = 1000


def read(file: TextIO, path: str, folder: Path | None = None) -> Report:
    """Return the report in `file`. Results with one line each are stored in `folder` (None: the system's).

    `path` is for messages. Raise InputError for a file that evalgate did not write, OSError, UnicodeDecodeError.
    """
    if file.seekable():
        report = report_json_stream.read(file, ResultStore(ResultsFile(folder)).put)
        if report is not None:
            return report
        file.seek(0)
    return report_json.read(file.read(), path)


class ResultStore:
    """A store that keeps results in a file, and returns a StoredResult in place of each."""

    def __init__(self, file: ResultsFile) -> None:
        self._file = file
        self._values: dict[tuple[tuple[str, float | None], ...], Mapping[str, float | None]] = {}
        self.result = lru_cache(_DECODED_RESULTS)(self._read_result)

    def put(self, whole: Result, line: str | None = None) -> StoredResult:
        """Store a result and return its StoredResult; `line` is its line in a report, if that is known already."""
        place = self._file.put(report_json.line(whole) if line is None else line)
        return StoredResult(whole, self._share_scores(whole.values), self, place)

    def line(self, place: int) -> str:
        """Return the line of a result in a report. Raise ServiceError when it cannot be read back."""
        return self._file.get(place)

    def _read_result(self, place: int) -> Result:
        return report_json.result(self._file.get(place))

    def _share_scores(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        """Return one shared mapping for equal scores, to save memory: many results of a run have the same scores."""
        if len(self._values) >= _MAX_SHARED:
            return self._values.get(tuple(values.items()), values)
        return self._values.setdefault(tuple(values.items()), values)
