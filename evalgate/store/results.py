"""The shelf of a run's results: their texts lie in a file, as the lines that the report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from evalgate.domain import Report, Result
from evalgate.domain.stored_result import StoredResult
from evalgate.store import report_json, report_json_stream
from evalgate.store.results_file import ResultsFile

_AT_HAND = 64
_SHARED = 1000


def read(file: TextIO, path: str, folder: Path | None = None) -> Report:
    """The report in `file`, its results on a shelf in `folder` (None: the system's) where they have lines of their own.

    `path` is named in messages. Raises InputError for what evalgate did not write, OSError, UnicodeDecodeError.
    """
    if file.seekable():
        report = report_json_stream.read(file, ResultStore(ResultsFile(folder)).put)
        if report is not None:
            return report
        file.seek(0)
    return report_json.read(file.read(), path)


class ResultStore:
    """Takes results in, and gives for each one that stands for it."""

    def __init__(self, file: ResultsFile) -> None:
        self._file = file
        self._values: dict[tuple[tuple[str, float | None], ...], Mapping[str, float | None]] = {}
        self.result = lru_cache(_AT_HAND)(self._result)

    def put(self, whole: Result, line: str | None = None) -> StoredResult:
        """`line` is how a report writes it, where that is known already."""
        place = self._file.put(report_json.line(whole) if line is None else line)
        return StoredResult(whole, self._share_scores(whole.values), self, place)

    def line(self, place: int) -> str:
        """The result as a report writes it. Raises ServiceError when it cannot be read back."""
        return self._file.get(place)

    def _result(self, place: int) -> Result:
        return report_json.result(self._file.get(place))

    def _share_scores(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        """Most results of a run have the scores of many others: one mapping does for all of these."""
        if len(self._values) >= _SHARED:
            return self._values.get(tuple(values.items()), values)
        return self._values.setdefault(tuple(values.items()), values)
