"""Run the checks that are code in one child process, with a time limit for each output."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from evalgate.domain import Case, Check, Output, Scored, Unscored
from evalgate.errors import InputError
from evalgate.execute.process_group import OWN_GROUP, end_group
from evalgate.mask import Mask

SECONDS = 10.0
"""The time limit for one output, if a check sets none."""
MOST_MEMORY = 4 * 1024**3
"""Bytes of memory that the child may map, where the system can limit them."""

_START_SECONDS = 120.0  # an import may load a model
_MOST_TIMEOUTS = 3
_LONGEST_ANSWER = 1024 * 1024
_REASON = 200
_LAST_WORDS = 20
# what a program needs of its surroundings; anything else could be a secret
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT")


class CodeRunner:
    """A context manager around the child process. Modules are searched in `folder` first.

    `read_result` makes a score of the value that the code returned. The child gets none of the variables of
    `environment` that could be a secret. Code that fails, ends its process, or exceeds the time limit leaves the output
    unscored. A check that exceeds the limit for several outputs is not run any more.
    """

    def __init__(
        self,
        folder: Path,
        read_result: Callable[[Check, Any], Scored],
        *,
        environment: dict[str, str],
        mask: Mask | None = None,
    ) -> None:
        self._folder = folder
        self._read_result = read_result
        self._environment = {name: environment[name] for name in _KEPT if name in environment}
        self._mask = mask or Mask(())
        self._child: _Child | None = None
        self._timeouts: Counter[str] = Counter()
        self._count = 0

    def load(self, checks: Iterable[Check]) -> None:
        """Import the functions of checks. Raises InputError for one that cannot be imported."""
        for check in checks:
            path = check.options.get("path")
            if path is None:
                continue
            answer = self._ask({"load": path}, _START_SECONDS)
            if "value" not in answer:
                said = self._mask.text(f"{answer['error']}{answer.get('place', '')}")
                raise InputError(f'the check "{check.name}" cannot load {path}: {said}')

    def run(self, check: Check, case: Case, output: Output) -> Scored:
        """Score one output by the code of a check."""
        limit = check.options.get("timeout", SECONDS)
        seconds = float(limit) if isinstance(limit, int | float) else SECONDS
        if self._timeouts[check.name] >= _MOST_TIMEOUTS:
            return _leave(f"not run: it took over {seconds:g} s for {_MOST_TIMEOUTS} outputs")
        code = {name: check.options[name] for name in ("path", "expression") if name in check.options}
        fields = {"id": case.id, "tags": list(case.tags), **case.fields}
        answer = self._ask({**code, "output": output.text, "case": fields}, seconds)
        if "value" in answer:
            return self._mask_reason(self._read_result(check, answer["value"]))
        self._timeouts[check.name] += bool(answer.get("timeout"))
        return _leave(self._mask.text(f"the code failed: {answer['error']}{answer.get('place', '')}"))

    def close(self) -> None:
        """End the child process."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> CodeRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        if self._child is None:
            self._child = _Child(self._folder, self._environment)
        self._count += 1
        answer = self._child.ask({"id": self._count, **request}, seconds)
        if "ended" in answer:  # also after a timeout: the next output gets a new process
            self.close()
        return answer

    def _mask_reason(self, scored: Scored) -> Scored:
        return replace(scored, reason=self._mask.text(scored.reason))


class _Child:
    """A running child process. Its answers are read in a thread, so that waiting for them has a limit."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        # without -E, since the environment is ours: a fixed seed makes the order of sets the same in every run
        command = [sys.executable, "-P", "-s", "-B", str(Path(__file__).with_name("check_worker.py"))]
        self._process = subprocess.Popen(
            [*command, str(folder), str(MOST_MEMORY)],
            cwd=folder,
            env={**environment, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=OWN_GROUP,
        )
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._keep_words)]
        for thread in self._threads:
            thread.start()

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the answer to a request; one with `ended` where there will be none."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it has ended, which the reader tells
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            return {"error": f"it took over {seconds:g} s", "timeout": True, "ended": True}
        if answer.get("id") in (request["id"], None):
            return answer
        return {"error": "it wrote something that is not an answer", "ended": True}

    def close(self) -> None:
        end_group(self._process)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # the threads close the other two
            self._process.stdin.close()
        for thread in self._threads:
            thread.join(2.0)

    def _read(self) -> None:
        lines = self._process.stdout
        assert lines is not None
        why = ""
        try:
            while line := lines.readline(_LONGEST_ANSWER + 1):
                self._answers.put(json.loads(line))
        except (ValueError, OSError, RecursionError):
            why = "it wrote something that is not an answer"
            end_group(self._process)
        code = self._process.wait()
        said = next((word for word in reversed(self._words) if word.strip()), "")
        ended = why or f"its process ended with exit code {code}{f': {said}' if said else ''}"
        self._answers.put({"error": ended, "ended": True})
        lines.close()

    def _keep_words(self) -> None:
        errors: IO[bytes] | None = self._process.stderr
        assert errors is not None
        with contextlib.suppress(OSError, ValueError):
            while line := errors.readline(4096):
                self._words.append(line.decode("utf-8", "replace").strip())
        errors.close()


def _leave(reason: str) -> Unscored:
    one = " ".join(reason.split())
    return Unscored(reason=one if len(one) <= _REASON else f"{one[: _REASON - 1]}…")
