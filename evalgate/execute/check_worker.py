"""The child process of the checks that are code: reads outputs from standard input, and writes what the code returns.

The arguments are the folder in which modules are searched first, and the most bytes of memory. Each line of input is
JSON: `{"id", "path" or "expression", "output", "case"}`, or `{"id", "load": PATH}` to import a function. Each line of
output is `{"id", "value"}` or `{"id", "error", "place"}`. What the code prints goes to standard error.

This module imports the standard library alone, so that a child starts fast and code cannot change evalgate's own.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

_UTF_8: Mapping[str, Any] = {"encoding": "utf-8", "newline": "\n"}


def main() -> None:
    """Answer the lines of standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    requests = os.fdopen(os.dup(0), **_UTF_8)
    answers = os.fdopen(os.dup(1), "w", **_UTF_8)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    folder = Path(sys.argv[1])
    _limit_memory(int(sys.argv[2]))
    sys.path.insert(0, str(folder))
    code = Code()
    for line in requests:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = {"value": code.answer(request)}
            text = json.dumps({"id": request["id"], **answer})
        except BaseException as error:  # also an exit that the code asks for, and a MemoryError
            answer = {"error": _describe(error), "place": _find_place(error, folder)}
            text = json.dumps({"id": request["id"], **answer})
        answers.write(f"{text}\n")
        answers.flush()


class Code:
    """The functions and expressions of the checks, each loaded once."""

    def __init__(self) -> None:
        self._functions: dict[str, tuple[Callable[..., Any], int]] = {}
        self._expressions: dict[str, CodeType] = {}

    def answer(self, request: Mapping[str, Any]) -> Any:
        """Return what the code of a request returns, as JSON data; raise what it raises."""
        if "load" in request:
            self._find(request["load"])
            return None
        output, case = request["output"], request["case"]
        if "expression" in request:
            text = request["expression"]
            if text not in self._expressions:
                self._expressions[text] = compile(text.strip(), "<expression>", "eval")
            return _simplify(eval(self._expressions[text], {"output": output, "case": case}))
        function, count = self._find(request["path"])
        return _simplify(function(*(output, case)[:count]))

    def _find(self, path: str) -> tuple[Callable[..., Any], int]:
        if path not in self._functions:
            module, _, name = path.replace(":", ".").rpartition(".")
            function = getattr(importlib.import_module(module), name)
            self._functions[path] = function, _count_parameters(function, path)
        return self._functions[path]


def _count_parameters(function: Callable[..., Any], path: str) -> int:
    """Return 2 for a function of output and case, 1 for one of the output alone."""
    signature = inspect.signature(function)
    for count in (2, 1):
        with contextlib.suppress(TypeError):
            signature.bind(*range(count))
            return count
    raise TypeError(f"{path}{signature} takes neither (output, case) nor (output)")


def _simplify(value: Any) -> Any:
    """Return numbers of other packages (numpy) as plain ones, and what is not JSON as the name of its type."""
    if isinstance(value, Mapping):
        return {str(key): _simplify(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_simplify(one) for one in value[:3]]
    if isinstance(value, str):
        return value[:2_000]
    if value is None or isinstance(value, bool | int | float):
        return value
    plain = getattr(value, "item", None)
    if callable(plain):
        found = plain()
        if isinstance(found, bool | int | float):
            return found
    return f"<{type(value).__name__}>"


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500] if str(error) else type(error).__name__


def _find_place(error: BaseException, folder: Path) -> str:
    """Return the last line below the folder in a traceback, in parentheses; empty if there is none."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if Path(one.filename).is_relative_to(folder)]
    return f" (at {Path(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name})" if frames else ""


def _limit_memory(most: int) -> None:
    """Limit the memory of this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(ValueError, OSError):  # a lower limit is set already, or the system has none
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
