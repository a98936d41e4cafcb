"""A Python function of the user's as a provider: a RAG pipeline, an agent, anything that makes a text of a case."""

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
    read_usage,
    reason_told,
)
from evalgate.domain.masking import Mask
from evalgate.domain.tool_calls import add_tool_calls, holds_calls
from evalgate.errors import InputError
from evalgate.execute.providers.chat_completions import compute_cost, shorten
from evalgate.execute.providers.fingerprint import fingerprint
from evalgate.execute.providers.protocol import FunctionMemory, Memory, ProviderError, WithoutEndpoint

_SIGNATURE = "write `def answer(case)` or `def answer(case, messages)`, sync or async"


class PythonProvider(WithoutEndpoint):
    """Calls `function(case)` or `function(case, messages)`, sync (in a thread of its own) or async.

    `case` is the mapping of the case's fields, `messages` the rendered prompt as a list of `{"role", "content"}`. It
    returns the text, or a mapping with "text" and optionally "usage" (`{"input_tokens", "output_tokens"}`), "cost_usd",
    "finish_reason" and "tool_calls", the last two as a chat completion has them. An exception is this request's
    Failure("infrastructure"), with its type, text and last line.

    `target.location` is "package.module:function" (or with a dot); `search`, the configuration's folder, is put on
    `sys.path`. `timeout` is seconds for one answer. `sees_prompt`: it takes the messages. `store` is evalgate's own
    folder. Raises InputError when the function cannot be imported. What the function says in an exception is shown
    without the secrets of `mask`.

    Answers are kept under the version that the target declares. Without one they are kept for an interrupted run alone,
    while the code and the files around it are what they were.
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
        module, self._function = _load(target, self._folder, self._mask)
        self.sees_prompt: Final = _count_parameters(target, self._function) == 2
        self.memory: Final[Memory] = self._memory(module, store)
        self.concurrency: Final = None

    def _memory(self, module: ModuleType, store: Path | None) -> Memory:
        if "version" in self._target.options:
            return "declared"
        # the request's key cannot know what stands behind the function
        state = fingerprint(module, self._function, self._folder, store)
        return "run" if state is None else FunctionMemory(state)

    async def answer(self, request: Request) -> Outcome:
        # a copy all the way down: checks and judges compare with these very values later
        arguments: list[Any] = [copy.deepcopy(dict(request.inputs or {}))]
        if self.sees_prompt:
            arguments.append([{"role": message.role, "content": message.content} for message in request.messages])
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                if inspect.iscoroutinefunction(self._function):
                    value = await self._function(*arguments)
                else:
                    value = await _run_in_thread(lambda: self._function(*arguments))
                    if inspect.isawaitable(value):
                        value = await value
        except TimeoutError as error:
            place = _find_traceback_place(error, self._folder)
            message = f"{self._target.location} did not answer within {self._timeout:g} s{place}"
            raise ProviderError(message) from error
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_to_end():
                raise
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise ProviderError(
                f"{self._target.location} raised {shorten(self._mask.text(said))}"
                f"{_find_traceback_place(error, self._folder)}"
            ) from error
        return self._outcome(value, time.perf_counter() - started)

    def _outcome(self, value: Any, seconds: float) -> Outcome:
        given: Mapping[str, Any] = value if isinstance(value, Mapping) else {"text": value}
        text, error = given.get("text"), given.get("error")
        if error:
            said = shorten(self._mask.text(str(error)))
            raise ProviderError(f"{self._target.location} returned an error: {said}")
        calls = _read_calls(given)
        if text is None and calls:
            text = ""  # as a chat completion has it
        if not isinstance(text, str):
            kind = "a mapping without a text" if isinstance(value, Mapping) else type(value).__name__
            raise ProviderError(
                f"{self._target.location} returned {kind}; it must return the text, or a mapping with it"
            )
        reason = reason_told(given, "stop")
        ended, reason = classify_ending(reason), shorten(reason, 60)
        if ended == "broken":
            raise ProviderError(f"{self._target.location} returned what is no answer (finish reason: {reason})")
        usage = self._usage(given.get("usage"))
        cost = _read_cost(given.get("cost_usd"), usage, self._target.prices)
        text, beside = add_tool_calls(text, calls, reason=reason)
        is_refusal = ended == "refused" or bool(given.get("refusal"))
        if is_refusal or not text.strip():
            what = "a refusal" if is_refusal else "an empty text"
            message = f"{self._target.location} returned {what}"
            return Failure(kind="unusable", message=message, seconds=seconds, usage=usage, cost_usd=cost)
        return Output(
            text=text,
            finish_reason=CUT if ended == "cut" else reason,
            served_by=self._target.location,
            usage=usage,
            seconds=seconds,
            cost_usd=cost,
            tool_calls=beside,
        )

    def _usage(self, given: Any) -> Usage | None:
        if given is None:
            return None
        if isinstance(given, Mapping):
            told = read_usage(given.get("input_tokens"), given.get("output_tokens"))
            if told is not None:
                return told
        raise ProviderError(
            f"{self._target.location} returned a usage that is not {{input_tokens, output_tokens}}, whole numbers"
        )


def _is_to_end() -> bool:
    """Whether somebody wants this task to end: else the function itself raised what looks like it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _read_cost(given: Any, usage: Usage | None, prices: Prices | None) -> float | None:
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given < MOST_TOKENS:
        return float(given)
    return None if usage is None or prices is None else compute_cost(usage, prices)


def _read_calls(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The calls of what a function returned, as JSON: its values may be objects of any kind."""
    calls = {name: value for name, value in given.items() if value and holds_calls(name)}
    try:
        # not strict: the text was written on this very line
        found: Mapping[str, Any] = json.loads(json.dumps(calls, default=str, skipkeys=True))
    except (ValueError, RecursionError):
        return {"tool_calls": [{"name": None, "arguments": shorten(repr(calls))}]}
    return found


async def _run_in_thread(function: Callable[[], Any]) -> Any:
    """Runs a function in a daemon thread: a call that hangs must not keep the process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if future.done():
            return  # nobody waits any more
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


def _load(target: Target, folder: Path, mask: Mask) -> tuple[ModuleType, Callable[..., Any]]:
    path = target.location
    module_name, _, name = path.partition(":") if ":" in path else path.rpartition(".")
    place = f'target "{target.name}"'
    if not module_name or not name:
        raise InputError(f'{place}: "{path}" names no function', hint='write it as "package.module:function"')
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise InputError(
            f'{place}: cannot import {module_name}: no module named "{error.name}"',
            hint=f"{folder} is searched first, then what is installed beside evalgate",
        ) from error
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {shorten(mask.text(str(error)))}"
        raise InputError(
            f"{place}: importing {module_name} raised {said}{_find_traceback_place(error, folder)}"
        ) from error
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise InputError(f'{place}: {module_name} has no function "{name}"', hint=_SIGNATURE)
    return module, found


def _count_parameters(target: Target, function: Callable[..., Any]) -> int:
    """How many arguments it takes by position: 1 or 2. Raises InputError when it takes neither."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return 1  # a callable that tells nothing
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


def _find_traceback_place(error: BaseException, folder: Path) -> str:
    """The last line of the user's own code that it went through, in parentheses; empty when there is none."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(folder)
    ]
    if not frames:
        return ""
    return f" (at {Path(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name})"
