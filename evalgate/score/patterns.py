"""Regular expressions in linear time (RE2), or else in limited time, for checks and the patterns in JSON Schemas."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

PATTERN_SECONDS = 1.0
"""What one pattern that is not searched in linear time may take on one output, as this process's own time: the only
clock of this package, since such a search has no other end."""

_spent: ContextVar[dict[str, float] | None] = ContextVar("spent", default=None)


@functools.lru_cache(maxsize=512)
def compile_search(pattern: str, ignore_case: bool = False) -> Callable[[str], bool]:
    r"""Whether `pattern` matches anywhere in a text, in RE2's syntax: `\d`, `\w`, `\s` and `\b` are ASCII, `.` stops
    at a newline unless `(?s)`, `^` and `$` are the ends of the text unless `(?m)`; no look-around, no backreference.

    Raises ValueError, as a sentence, for a pattern RE2 refuses.
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
    return lambda text: compiled.search(_encode(text)) is not None


class SlowPatternError(Exception):
    """A pattern took more time on one output than it has."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f'the pattern "{pattern}" took more than {PATTERN_SECONDS:g} s on this output')


@contextlib.contextmanager
def limit_output() -> Iterator[None]:
    """What is searched inside belongs to one output: each pattern has `PATTERN_SECONDS` for all of it."""
    token = _spent.set({})
    try:
        yield
    finally:
        _spent.reset(token)


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
            compiled = regex.compile(pattern, regex.V0)
        except (regex.error, OverflowError, RecursionError, ValueError, KeyError):
            raise refusal from None
    return lambda text: _search_limited(pattern, compiled, text)


def _search_limited(pattern: str, compiled: Any, text: str) -> bool:
    spent = _spent.get()
    spent = {} if spent is None else spent
    left = PATTERN_SECONDS - spent.get(pattern, 0.0)
    if left <= 0:
        raise SlowPatternError(pattern)
    started = time.process_time()
    try:
        return compiled.search(text, timeout=left) is not None
    except TimeoutError:
        raise SlowPatternError(pattern) from None
    finally:
        spent[pattern] = spent.get(pattern, 0.0) + time.process_time() - started


def _encode(text: str) -> bytes:
    # JSON can spell lone surrogates, which UTF-8 has no bytes for
    return text.encode("utf-8", "replace")
