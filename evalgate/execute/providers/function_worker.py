"""The child process of a function: reads requests from standard input, calls the function, and writes its answers.

A request is a line of JSON, `{"id", "arguments"}`, and an answer `{"id", "value"}`, `{"id", "other"}` (the type of a
value that is neither a text nor a mapping) or `{"id", "error", "place", "passing"}`. The first line that is written is
`{"parameters"}`, or `{"fault", "hint"}` if the function cannot be imported. What the function prints goes to standard
error.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evalgate.domain import Target
from evalgate.errors import InputError
from evalgate.execute.providers import python_function
from evalgate.execute.providers.passing_errors import describe_error, is_passing
from evalgate.mask import Mask

_UTF_8: Mapping[str, Any] = {"encoding": "utf-8", "newline": "\n"}


def main() -> None:
    """Serve the function named by the arguments, NAME and LOCATION, from the current folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process by closing its standard input
    requests = os.fdopen(os.dup(0), **_UTF_8)
    answers = os.fdopen(os.dup(1), "w", **_UTF_8)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    lock = threading.Lock()

    def write(message: Mapping[str, Any]) -> None:
        line = json.dumps(message, default=str, skipkeys=True)
        with lock:
            answers.write(f"{line}\n")
            answers.flush()

    name, location = sys.argv[1:3]
    folder = Path.cwd()
    target = Target(name=name, kind="python", location=location, identity="")
    try:
        function = python_function.load_function(target, folder, Mask(()))[1]
        parameters = python_function.count_parameters(target, function)
    except InputError as error:
        fault = error.faults[0]
        write({"fault": fault.message, "hint": fault.hint})
        return
    write({"parameters": parameters})
    asyncio.run(_serve(function, folder, requests, write))


async def _serve(
    function: Callable[..., Any], folder: Path, requests: Any, write: Callable[[Mapping[str, Any]], None]
) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def begin(request: Mapping[str, Any]) -> None:
        task = loop.create_task(_answer(function, folder, request, write))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def read() -> None:
        for line in requests:
            loop.call_soon_threadsafe(begin, json.loads(line))
        os._exit(0)  # the parent has closed the pipe, or is gone: an answer has no reader

    threading.Thread(target=read, daemon=True).start()
    await asyncio.Event().wait()


async def _answer(
    function: Callable[..., Any], folder: Path, request: Mapping[str, Any], write: Callable[[Mapping[str, Any]], None]
) -> None:
    number, arguments = request["id"], request["arguments"]
    try:
        if inspect.iscoroutinefunction(function):
            value = await function(*arguments)
        else:
            value = await python_function.run_in_thread(lambda: function(*arguments))
            if inspect.isawaitable(value):
                value = await value
        if isinstance(value, str | Mapping):
            write({"id": number, "value": value if isinstance(value, str) else dict(value)})
        else:
            write({"id": number, "other": type(value).__name__})
    except BaseException as error:  # libraries raise some of their own, such as a panic of Rust code
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            raise
        place = python_function.find_traceback_place(error, folder)
        write({"id": number, "error": describe_error(error), "place": place, "passing": is_passing(error)})


if __name__ == "__main__":
    main()
