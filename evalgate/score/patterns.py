"""Regular expressions in limited time, for checks and the patterns in JSON Schemas: RE2's, which is linear, or less."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

PATTERN_SECONDS = 1.0
"""What one pattern may take on one output: with `SCHEMA_SECONDS` the only clock of this package, since such a search
has no other end."""
SCHEMA_SECONDS = 5.0
"""What a whole JSON Schema may take on one output: some take time that is exponential in an output's depth."""

_SOON = 50_000_000  # bytes times instructions: RE2 needs 10 ns for each at most, so less is never too long
# one sign of a pattern: escaped, a class of characters, or any
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")
_late: dict[str, threading.Thread] = {}


@functools.lru_cache(maxsize=512)
def compile_search(pattern: str, ignore_case: bool = False) -> Callable[[str], bool]:
    r"""Whether `pattern` matches anywhere in a text, in RE2's syntax: `\d`, `\w`, `\s` and `\b` are ASCII, `.` stops
    at a newline unless `(?s)`, `^` and `$` are the ends of the text unless `(?m)`; no look-around, no backreference.

    Raises ValueError, as a sentence, for a pattern RE2 refuses; the search raises SlowPatternError.
    """
    import re2

    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    try:
        compiled = re2.compile(_encode(pattern), options)
    except re2.error as error:
        why = error.args[0] if error.args else "refused"
        shown = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise ValueError(f'RE2 refuses the pattern "{pattern}": {shown}') from None
    return lambda text: _linear(pattern, compiled, _encode(text))


class SlowPatternError(Exception):
    """A pattern took more time on one output than it has."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f'the pattern "{pattern}" took more than {PATTERN_SECONDS:g} s on this output')


class _Clock:
    """What one output has taken: by each pattern, since when, and in waiting for searches in other threads.

    Of the own thread's time: others of this process, such as the embedded model's, have nothing to do with it.
    """

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.began = time.thread_time()
        self.waited = 0.0

    def left(self, pattern: str) -> float:
        """Seconds. Raises SlowPatternError where there are none."""
        left = PATTERN_SECONDS - self.spent.get(pattern, 0.0)
        if left <= 0:
            raise SlowPatternError(pattern)
        return left

    def spend(self, pattern: str, seconds: float) -> None:
        self.spent[pattern] = self.spent.get(pattern, 0.0) + seconds


_clock: ContextVar[_Clock | None] = ContextVar("clock", default=None)


class SlowSchemaError(Exception):
    """A JSON Schema took more time on one output than it has."""

    def __init__(self) -> None:
        super().__init__(f"the schema took more than {SCHEMA_SECONDS:g} s on this output")


@contextlib.contextmanager
def limit_output() -> Iterator[None]:
    """What is done inside belongs to one output: a pattern has `PATTERN_SECONDS` for it, all of it `SCHEMA_SECONDS`."""
    token = _clock.set(_Clock())
    try:
        yield
    finally:
        _clock.reset(token)


def in_time() -> None:
    """Raises SlowSchemaError where the time for the output of `limit_output` is over."""
    clock = _clock.get()
    if clock is not None and time.thread_time() - clock.began + clock.waited > SCHEMA_SECONDS:
        raise SlowSchemaError


@functools.lru_cache(maxsize=512)
def compile_schema_search(pattern: str) -> Callable[[str], bool]:
    """Like `compile_search`, for a JSON Schema's `pattern`.

    One that RE2 cannot express (look-around, `\\u` escapes, more than 1000 repeats) goes to `regex`, whose time is
    limited: see `limit_output`. Raises ValueError when both refuse; the
    search raises SlowPatternError."""
    import regex

    try:
        return compile_search(pattern)
    except ValueError as refusal:
        try:
            compiled = regex.compile(_end_at_end(pattern), regex.V0)
        except (regex.error, OverflowError, RecursionError, ValueError, KeyError):
            raise refusal from None
    return lambda text: _search_limited(pattern, compiled, text)


def _end_at_end(pattern: str) -> str:
    """The pattern with `$` as JSON Schema and RE2 have it: the end of the text, and not before a last line break."""
    if _MULTILINE.search(pattern):
        return pattern
    return _TOKEN.sub(lambda token: r"\Z" if token.group() == "$" else token.group(), pattern)


def _linear(pattern: str, compiled: Any, data: bytes) -> bool:
    """A search by RE2; linear time is long, too, where both the text and the pattern are.

    RE2 has no time limit and lets other threads work meanwhile: one that is late is left behind in its own. Until it
    has ended the pattern gets no other long text, so that no more than one of each is ever left behind.
    """
    if len(data) * compiled.programsize <= _SOON:
        return compiled.search(data) is not None
    before = _late.get(pattern)
    if before is not None and before.is_alive():
        raise SlowPatternError(pattern)
    clock = _clock.get() or _Clock()
    left, started = clock.left(pattern), time.monotonic()
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(compiled.search(data) is not None), daemon=True)
    thread.start()
    thread.join(left)
    if not found:
        _late[pattern] = thread
        raise SlowPatternError(pattern)
    waited = time.monotonic() - started
    clock.spend(pattern, waited)
    clock.waited += waited
    return found[0]


def _search_limited(pattern: str, compiled: Any, text: str) -> bool:
    clock = _clock.get() or _Clock()
    left, started = clock.left(pattern), time.thread_time()
    try:
        return compiled.search(text, timeout=left) is not None
    except TimeoutError:
        raise SlowPatternError(pattern) from None
    finally:
        clock.spend(pattern, time.thread_time() - started)


def _encode(text: str) -> bytes:
    # JSON can spell lone surrogates, which UTF-8 has no bytes for
    return text.encode("utf-8", "replace")
