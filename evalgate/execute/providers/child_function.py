"""The provider for a Python function that runs in a child process, from an export of a commit."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, Any, Final

from evalgate.domain import Outcome, Request, Target
from evalgate.errors import InputError
from evalgate.execute.process_group import OWN_GROUP, end_group
from evalgate.execute.providers.chat_completions import shorten
from evalgate.execute.providers.protocol import DeclaredCode, FunctionMemory, Memory, ProviderError
from evalgate.execute.providers.python_function import PythonProvider
from evalgate.mask import Mask

START_SECONDS = 120.0
"""Seconds in which the child process must have imported the function."""

LONGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of one answer of the child process; a longer one ends the process."""

_LAST_WORDS = 40  # lines of standard error that are kept for the message of a crash
_LONGEST_LINE = 4096
_JOIN_SECONDS = 2.0  # a process that the function has started may keep a pipe open


class _Child:
    """A running child process. Answers are read in a thread and handed to the futures of the requests."""

    def __init__(self, target: Target, folder: Path) -> None:
        command = [sys.executable, "-I", "-B", "-m", "evalgate.execute.providers.function_worker"]
        self._process = subprocess.Popen(
            [*command, target.name, target.location],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=OWN_GROUP,
        )
        self.first: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.answered_at = time.monotonic()
        self.why = ""
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._pending: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[dict[str, Any] | None]]] = {}
        self._lock = threading.Lock()
        self._ended = False
        self._count = 0
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._drain = threading.Thread(target=self._keep_words, daemon=True)
        self._threads = (
            self._drain,
            threading.Thread(target=self._write, daemon=True),
            threading.Thread(target=self._read, daemon=True),
        )
        for thread in self._threads:
            thread.start()

    @property
    def has_ended(self) -> bool:
        return self._ended

    def send(self, arguments: list[Any]) -> asyncio.Future[dict[str, Any] | None]:
        """Send a request; the future has its answer, or None when the process has ended without one."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[dict[str, Any] | None] = loop.create_future()
        with self._lock:
            if self._ended:
                future.set_result(None)
                return future
            self._count += 1
            self._pending[self._count] = (loop, future)
            self._requests.put(json.dumps({"id": self._count, "arguments": arguments}).encode() + b"\n")
        return future

    def close(self) -> None:
        """End the process at once; it has nothing to save."""
        end_group(self._process)
        self._requests.put(None)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def _write(self) -> None:
        """Write the requests: a child that does not read would block the loop."""
        requests = self._process.stdin
        assert requests is not None
        try:
            while line := self._requests.get():
                requests.write(line)
                requests.flush()
        except (OSError, ValueError):
            pass  # it has ended: the reader settles the futures
        with contextlib.suppress(OSError, ValueError):
            requests.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        lines = self._process.stdout
        try:
            while line := lines.readline(LONGEST_ANSWER + 1):
                if len(line) > LONGEST_ANSWER:
                    self.why = f"one answer has more than {LONGEST_ANSWER // 1024**2} MiB"
                    break
                self._take(json.loads(line))
        except (ValueError, OSError, RecursionError):
            self.why = self.why or "it wrote something that is not an answer"
        end_group(self._process)
        code = self._process.wait()
        self._requests.put(None)
        self._drain.join(_JOIN_SECONDS)
        said = next((word for word in reversed(self._words) if word.strip()), "")
        self.why = self.why or f"its process ended with exit code {code}{f': {said}' if said else ''}"
        lines.close()
        with self._lock:
            self._ended = True
            pending, self._pending = self._pending, {}
        self.first.put(None)
        for loop, future in pending.values():
            _settle(loop, future, None)

    def _take(self, message: dict[str, Any]) -> None:
        self.answered_at = time.monotonic()
        number = message.get("id")
        if number is None:
            self.first.put(message)
            return
        with self._lock:
            waiting = self._pending.pop(number, None)
        if waiting is not None:
            _settle(*waiting, message)

    def _keep_words(self) -> None:
        errors: IO[bytes] | None = self._process.stderr
        assert errors is not None
        with contextlib.suppress(OSError, ValueError):
            while line := errors.readline(_LONGEST_LINE):
                self._words.append(line.decode("utf-8", "replace").strip())
        errors.close()


def _settle(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[dict[str, Any] | None], answer: dict[str, Any] | None
) -> None:
    def settle() -> None:
        if not future.done():  # its caller may have stopped waiting
            future.set_result(answer)

    with contextlib.suppress(RuntimeError):  # the loop is closed: the run has ended without this answer
        loop.call_soon_threadsafe(settle)


class ChildFunctionProvider(PythonProvider):
    """A provider that calls a function of an exported commit in a child process.

    `folder` is the configuration's folder in the export: the working folder of the child, and the first entry of its
    `sys.path`. `code` is the digest of the exported code, under which answers are kept beside the declared version.

    A process that ends, or writes too much, fails the requests in it, which are made again by a new process. One that
    answers nothing during a whole timeout is ended. Raise InputError when the function cannot be imported.
    """

    def __init__(self, target: Target, folder: Path, timeout: float, *, code: str, mask: Mask | None = None) -> None:
        self._target = target
        self._timeout = timeout
        self._mask = mask or Mask(())
        self._folder = folder
        self._starting = asyncio.Lock()
        self._child, parameters = self._start()
        self.sees_prompt: Final = parameters == 2  # type: ignore[misc]
        is_declared = "version" in target.options
        self.memory: Final[Memory] = DeclaredCode(code) if is_declared else FunctionMemory(code)  # type: ignore[misc]
        self.concurrency: Final = None  # type: ignore[misc]

    def close(self) -> None:
        """End the child process."""
        self._child.close()

    async def aclose(self) -> None:
        self.close()

    async def answer(self, request: Request) -> Outcome:
        arguments: list[Any] = [dict(request.inputs or {})]
        if self.sees_prompt:
            arguments.append([{"role": message.role, "content": message.content} for message in request.messages])
        async with self._starting:
            if self._child.has_ended:
                self._child = await asyncio.to_thread(self._start_again)
        child, started = self._child, time.perf_counter()
        sent = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                reply = await child.send(arguments)
        except TimeoutError:
            if child.answered_at < sent:
                child.close()
            raise ProviderError(f"{self._target.location} did not answer within {self._timeout:g} s") from None
        if reply is None:
            why = shorten(self._mask.text(child.why))
            raise ProviderError(f"{self._target.location} gave no answer: {why}", retryable=True)
        if "error" in reply:
            said = shorten(self._mask.text(str(reply["error"])))
            message = f"{self._target.location} raised {said}{self._mask.text(str(reply.get('place', '')))}"
            raise ProviderError(message, refused=not reply.get("passing"))
        if "other" in reply:
            raise ProviderError(
                f"{self._target.location} returned {reply['other']}; it must return the text, or a mapping with it",
                refused=True,
            )
        return self._outcome(reply["value"], time.perf_counter() - started)

    def _start_again(self) -> _Child:
        self._child.close()
        try:
            return self._start()[0]
        except InputError as error:
            raise ProviderError(error.faults[0].message, fatal=True, hint=error.faults[0].hint) from error

    def _start(self) -> tuple[_Child, int]:
        child = _Child(self._target, self._folder)
        label = f'target "{self._target.name}"'
        try:
            first = child.first.get(timeout=START_SECONDS)
        except queue.Empty:
            child.close()
            raise InputError(f"{label}: importing {self._target.location} takes over {START_SECONDS:g} s") from None
        if first is not None and "parameters" in first:
            return child, int(first["parameters"])
        child.close()
        why = f"{label}: {child.why}" if first is None else str(first.get("fault"))
        raise InputError(shorten(self._mask.text(why)), hint=None if first is None else first.get("hint"))
