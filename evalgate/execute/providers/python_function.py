"""The provider for a Python function: a RAG pipeline, an agent, or any function that turns a case into a text."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import importlib
import inspect
import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from evalgate.domain import (
    CUT,
    MOST_TOKENS,
    Failure,
    Outcome,
    Output,
    Prices,
    Request,
    Target,
    Usage,
    classify_ending,
    find_error,
    find_refusal,
    list_inner,
    read_finish_reason,
    read_usage,
)
from evalgate.domain.tool_calls import add_tool_calls, holds_calls
from evalgate.errors import InputError
from evalgate.execute.providers.chat_completions import shorten
from evalgate.execute.providers.fingerprint import fingerprint
from evalgate.execute.providers.passing_errors import describe_error, is_passing
from evalgate.execute.providers.pricing import compute_cost
from evalgate.execute.providers.protocol import FunctionMemory, Memory, ProviderError, WithoutEndpoint
from evalgate.mask import Mask

_SIGNATURE = "write `def answer(case)` or `def answer(case, messages)`, sync or async"


class PythonProvider(WithoutEndpoint):
    """A provider that calls `function(case)` or `function(case, messages)`, async or sync (each call in a new thread).

    `case` is the mapping of the case's fields, `messages` the rendered prompt in the form of the chat completions API.
    The function returns the text, or a mapping with "text" and optionally "usage" (`{"input_tokens",
    "output_tokens"}`), "cost_usd", "finish_reason" and "tool_calls", the last two in the form of a chat completion. An
    exception is a ProviderError for this request, with the exception's type, message and last line. It is `refused`,
    unless it may pass: a function that fails on a model's reply has replied.

    - `target.location`: "package.module:function" (or with a dot).
    - `search`: the configuration's folder, which is added to `sys.path`.
    - `timeout`: seconds for one answer.
    - `store`: evalgate's own folder.
    - `mask`: the secrets that are removed from messages of exceptions.

    `sees_prompt` is True if the function takes the messages. Raise InputError when the function cannot be imported.

    Answers are cached under the version that the target declares. Without a version they are kept only to continue an
    interrupted run, while the code and the files around it are unchanged.
    """

    def __init__(
        self,
        target: Target,
        search: Path,
        timeout: float = 120.0,
        store: Path | None = None,
        *,
        mask: Mask | None = None,
    ) -> None:
        self._target = target
        self._timeout = timeout
        self._mask = mask or Mask(())
        self._folder = search.resolve()
        module, self._function = load_function(target, self._folder, self._mask)
        self.sees_prompt: Final = count_parameters(target, self._function) == 2
        self.memory: Final[Memory] = self._memory(module, store)
        self.concurrency: Final = None

    def _memory(self, module: ModuleType, store: Path | None) -> Memory:
        if "version" in self._target.options:
            return "declared"
        # the request's key does not cover the function's code and data
        state = fingerprint(module, self._function, self._folder, store)
        return "run" if state is None else FunctionMemory(state)

    async def answer(self, request: Request) -> Outcome:
        # a deep copy: checks and judges use the original values later
        arguments: list[Any] = [copy.deepcopy(dict(request.inputs or {}))]
        if self.sees_prompt:
            arguments.append([message.encode() for message in request.messages])
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                if inspect.iscoroutinefunction(self._function):
                    value = await self._function(*arguments)
                else:
                    value = await run_in_thread(lambda: self._function(*arguments))
                    if inspect.isawaitable(value):
                        value = await value
        except TimeoutError as error:
            location = find_traceback_place(error, self._folder)
            message = f"{self._target.location} did not answer within {self._timeout:g} s{location}"
            raise ProviderError(message) from error
        except BaseException as error:  # libraries raise some of their own, such as a panic of Rust code
            if isinstance(error, KeyboardInterrupt | GeneratorExit):
                raise
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            raise ProviderError(
                f"{self._target.location} raised {shorten(self._mask.text(describe_error(error)))}"
                f"{find_traceback_place(error, self._folder)}",
                refused=not is_passing(error),
            ) from error
        return self._outcome(value, time.perf_counter() - started)

    def _outcome(self, value: Any, seconds: float) -> Outcome:
        returned: Mapping[str, Any] = value if isinstance(value, Mapping) else {"text": value}
        text, inner = returned.get("text"), list_inner(returned)
        error = find_error(returned, *inner)
        if error is not None:
            said = shorten(self._mask.text(str(error)))
            message = f"{self._target.location} returned an error: {said}"
            raise ProviderError(message, refused=not is_passing(error))
        calls = [_read_calls(place) for place in (returned, *inner)]
        if text is None and any(calls):
            text = ""  # as in a chat completion
        if not isinstance(text, str):
            kind = "a mapping without a text" if isinstance(value, Mapping) else type(value).__name__
            raise ProviderError(
                f"{self._target.location} returned {kind}; it must return the text, or a mapping with it", refused=True
            )
        reason = read_finish_reason(returned, "stop", *inner)
        ended, reason = classify_ending(reason), shorten(reason, 60)
        if ended == "broken":
            raise ProviderError(f"{self._target.location} returned no answer (finish reason: {reason})")
        usage = self._usage(returned.get("usage"))
        cost = _read_cost(returned.get("cost_usd"), usage, self._target.prices)
        text, tool_calls = add_tool_calls(text, *calls, reason=reason)
        is_refusal = ended == "refused" or find_refusal(returned, *inner) is not None
        if is_refusal or ended == "spoilt" or not text.strip():
            what = f"no answer (finish reason: {reason})" if ended == "spoilt" else "an empty text"
            message = f"{self._target.location} returned {'a refusal' if is_refusal else what}"
            return Failure(kind="unusable", message=message, seconds=seconds, usage=usage, cost_usd=cost)
        return Output(
            text=text,
            finish_reason=CUT if ended == "cut" else reason,
            served_by=self._target.location,
            usage=usage,
            seconds=seconds,
            cost_usd=cost,
            tool_calls=tool_calls,
        )

    def _usage(self, returned: Any) -> Usage | None:
        if returned is None:
            return None
        if isinstance(returned, Mapping):
            usage = read_usage(returned.get("input_tokens"), returned.get("output_tokens"))
            if usage is not None:
                return usage
        raise ProviderError(
            f"{self._target.location} returned a usage that is not {{input_tokens, output_tokens}}, whole numbers"
        )


def _is_cancelled() -> bool:
    """Return True if this task was cancelled; otherwise the function itself raised CancelledError."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _read_cost(returned: Any, usage: Usage | None, prices: Prices | None) -> float | None:
    if isinstance(returned, int | float) and not isinstance(returned, bool) and 0 <= returned < MOST_TOKENS:
        return float(returned)
    return None if usage is None or prices is None else compute_cost(usage, prices)


def _read_calls(returned: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the tool calls of a function's return value as JSON data; they may be objects of any type."""
    calls = {name: value for name, value in returned.items() if value and (holds_calls(name) or name == "content")}
    try:
        # not strict JSON: the text was written on the same line
        found: Mapping[str, Any] = json.loads(json.dumps(calls, default=str, skipkeys=True))
    except (ValueError, RecursionError):
        return {"tool_calls": [{"name": None, "arguments": shorten(repr(calls))}]}
    return found


async def run_in_thread(function: Callable[[], Any]) -> Any:
    """Run a function in a daemon thread, so that a call that hangs does not keep the process alive."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if future.done():
            return  # the caller was cancelled
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def run() -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = function()
        except (StopIteration, GeneratorExit) as stop:  # a future cannot carry them
            error = RuntimeError(f"{type(stop).__name__}: {stop}")
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: the run has ended without this answer
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, daemon=True, name="evalgate-target").start()
    return await future


def load_function(target: Target, folder: Path, mask: Mask) -> tuple[ModuleType, Callable[..., Any]]:
    """Import a target's function, from `folder` first. Raise InputError if there is no such function."""
    path = target.location
    module_name, _, name = path.partition(":") if ":" in path else path.rpartition(".")
    label = f'target "{target.name}"'
    if not module_name or not name:
        raise InputError(
            f'{label}: "{path}" is not the name of a function', hint='write it as "package.module:function"'
        )
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise InputError(
            f'{label}: cannot import {module_name}: no module named "{error.name}"',
            hint=f"{folder} is searched first, then the environment in which evalgate is installed",
        ) from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            raise
        said = shorten(mask.text(describe_error(error)))
        raise InputError(
            f"{label}: importing {module_name} raised {said}{find_traceback_place(error, folder)}"
        ) from error
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise InputError(f'{label}: {module_name} has no function "{name}"', hint=_SIGNATURE)
    return module, found


def count_parameters(target: Target, function: Callable[..., Any]) -> int:
    """Return the number of positional arguments of a function: 1 or 2. Raise InputError for any other number."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return 1  # a callable without a signature
    for count in (2, 1):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        if count == 1 or not _second_is_optional(signature):
            return count
        return 2 if list(signature.parameters)[1] == "messages" else 1
    raise InputError(
        f'target "{target.name}": {target.location}{signature} takes neither one argument nor two', hint=_SIGNATURE
    )


def _second_is_optional(signature: inspect.Signature) -> bool:
    parameters = list(signature.parameters.values())
    return len(parameters) > 1 and parameters[1].default is not inspect.Parameter.empty


def find_traceback_place(error: BaseException, folder: Path) -> str:
    """Return the last line below `folder` in a traceback, in parentheses; empty if there is none."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(folder)
    ]
    if not frames:
        return ""
    return f" (at {Path(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name})"
