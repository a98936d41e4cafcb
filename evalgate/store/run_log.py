"""The log of runs: a line for each gate of each run, appended when the run ends, for `evalgate history`.

No verdict depends on it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from evalgate.domain.history_rows import HistoryRun
from evalgate.store import codec
from evalgate.store.codec import DecodeError

_FORMAT = 1
_LAST_BYTES = 1_000_000
_FARTHEST = 10.0
"""More than any difference of scores in [0, 1], or a bound of it."""
_MOST_DOLLARS = 1e12


def append_runs(path: Path, runs: Iterable[HistoryRun]) -> None:
    """Append a line for each run. A log that cannot be written is left as it is: the run does not depend on it."""
    lines = "".join(f"{json.dumps({'format': _FORMAT, **codec.encode(run)}, allow_nan=False)}\n" for run in runs)
    if not lines:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        start = "\n" if _is_cut(path) else ""
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(number, f"{start}{lines}".encode())  # in one call: other processes append to the same file
        finally:
            os.close(number)


def _is_cut(path: Path) -> bool:
    """Return whether the last line of a file does not end, as after a full disk."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
    return False


def read_runs(path: Path) -> tuple[list[HistoryRun], list[str]]:
    """Return the runs of a log, and a sentence for each line that cannot be read; nothing without a file."""
    runs: list[HistoryRun] = []
    problems: list[str] = []
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return runs, problems
    except OSError as error:
        return runs, [f"{path}: cannot be read: {error.strerror}"]
    for number, row in enumerate(lines, start=1):
        if not row.strip():
            continue
        try:
            runs.append(_read_run(row))
        except (ValueError, DecodeError, RecursionError) as error:
            problems.append(f"{path}:{number}: {error}")
    return runs, problems


def read_last_runs(path: Path) -> list[HistoryRun]:
    """Return the runs at the end of a log, from at most 1 MB of it. Lines that cannot be read are left out."""
    runs: list[HistoryRun] = []
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES)
            file.seek(start)
            lines = file.read(_LAST_BYTES).split(b"\n")
    except OSError:
        return runs
    for row in lines[1:] if start else lines:
        if row.strip():
            with contextlib.suppress(ValueError, DecodeError, RecursionError):
                runs.append(_read_run(row))
    return runs


def _read_run(row: bytes) -> HistoryRun:
    """Return the run of a line. Raises ValueError or DecodeError if it is none, or has numbers that no run has."""
    data = json.loads(row, parse_constant=_refuse_number)
    if not isinstance(data, dict) or data.pop("format", None) != _FORMAT:
        raise DecodeError("", "not a line that this version of evalgate writes")
    run: HistoryRun = codec.decode(HistoryRun, data, "")
    for one in run.criteria:
        if any(abs(number) > _FARTHEST for number in (one.difference, one.low, one.high, one.allowed or 0.0)):
            raise DecodeError("criteria", "a number is not the difference of two scores")
    if run.cost_usd is not None and not 0 <= run.cost_usd <= _MOST_DOLLARS:
        raise DecodeError("cost_usd", "not a number of dollars")
    return run


def _refuse_number(name: str) -> float:
    raise DecodeError("", f"{name} is not a number")
