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
            data = json.loads(row)
            if not isinstance(data, dict) or data.pop("format", None) != _FORMAT:
                raise DecodeError("", "not a line that this version of evalgate writes")
            runs.append(codec.decode(HistoryRun, data, ""))
        except (ValueError, DecodeError, RecursionError) as error:
            problems.append(f"{path}:{number}: {error}")
    return runs, problems
