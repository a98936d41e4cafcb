"""Regular expressions in limited time, for checks and JSON Schemas: RE2 in linear time, or `regex` with a timeout."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

PATTERN_SECONDS = 1.0
"""The time limit of one pattern on one output. This and `SCHEMA_SECONDS` are the only uses of a clock in this package:
such a search has no other limit."""
SCHEMA_SECONDS = 5.0
"""The time limit of a whole JSON Schema on one output. Some schemas take time exponential in the output's depth."""

# one token of a pattern: an escaped character, a character class, or any character
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
# of a token, what stands for digits or letters, and any other escaped character
_CLASS = re.compile(r"\\([dDwW])|\\.", re.DOTALL)
_ASCII = {"d": "0-9", "D": r"\x00-/:-\U0010ffff", "w": "0-9A-Z_a-z", "W": r"\x00-/:-@\[-\^`{-\U0010ffff"}
# `\\b` as NUL, directly beside a letter that is not ASCII, or beside a group that begins or ends with one
_GROUP = r"\((?:\?(?:P?<\w+>|[A-Za-z-]*:))?"
_BLIND = re.compile(
    rf"\0(?:(?:{_GROUP})+(?:[^()|]*\|)*)?(?P<after>[^\0-\x7f])"
    r"|(?P<before>[^\0-\x7f])(?:(?:\|[^()]{0,500})?\)+)?\0",
    re.DOTALL,
)
_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")
_FAST_ENOUGH = (
    50_000_000  # bytes times instructions: RE2 needs at most 10 ns for each, so a smaller product is fast enough
)
_unfinished: dict[str, threading.Thread] = {}


@functools.lru_cache(maxsize=512)
def compile_search(pattern: str, ignore_case: bool = False) -> Callable[[str], bool]:
    r"""Return a function that tells whether `pattern` matches anywhere in a text.

    The syntax is RE2's: `\d`, `\w`, `\s` and `\b` are ASCII, `.` does not match a newline unless `(?s)`, `^` and `$`
    match only at the ends of the text unless `(?m)`. There are no look-arounds and no backreferences.

    Raises ValueError, with a sentence, for a pattern that RE2 refuses. The search raises SlowPatternError.
    """
    compiled = _compile(pattern, ignore_case)
    return lambda text: _search_linear(pattern, compiled, _encode(text)) is not None


def validate_pattern(pattern: str, ignore_case: bool = False) -> None:
    """Raise ValueError as `compile_search` does, and for a pattern that is not what it seems to be.

    A line break at its end, which a block of YAML has, asks for one in the text. A `\\b` beside a letter that is not
    one of ASCII is never the end of a word. So a required word is not found, and a forbidden one neither.
    """
    compile_search(pattern, ignore_case)
    if pattern.endswith(("\n", "\r")):
        raise ValueError(
            f'the pattern {json.dumps(pattern)} ends with a line break: in YAML, begin the block with "|-"'
        )
    written = _TOKEN.sub(lambda token: "\0" if token[0] == r"\b" else token[0] if len(token[0]) == 1 else "\1", pattern)
    letters = (hit["after"] or hit["before"] for hit in _BLIND.finditer(written))
    found = next((letter for letter in letters if letter.isalpha()), None)
    if found is not None:
        raise ValueError(
            f'in the pattern "{pattern}" a \\b stands beside "{found}", and RE2 knows the ends of ASCII words alone: '
            r"use `contains_any` with `words: true`, or (?:^|\PL) and (?:\PL|$)"
        )


@functools.lru_cache(maxsize=512)
def compile_group(pattern: str, group: int | None = None) -> Callable[[str], str | None]:
    """Return a function that finds the first match of `pattern` in a text and returns the text of one of its groups.

    It returns None without a match, and if the group took no part in it. Group 0 is the whole match. The default is the
    first group, or the whole match of a pattern without groups. The syntax and the errors are those of
    `compile_search`; a group that the pattern lacks raises ValueError too.
    """
    compiled = _compile(pattern, False)
    chosen = min(1, compiled.groups) if group is None else group
    if chosen > compiled.groups:
        raise ValueError(f'the pattern "{pattern}" has no group {chosen}')

    def find(text: str) -> str | None:
        match = _search_linear(pattern, compiled, _encode(text))
        found = None if match is None else match.group(chosen)
        return None if found is None else found.decode("utf-8", "replace")

    return find


def _compile(pattern: str, ignore_case: bool) -> Any:
    import re2

    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    try:
        return re2.compile(_encode(pattern), options)
    except re2.error as error:
        why = error.args[0] if error.args else "refused"
        shown = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise ValueError(f'RE2 refuses the pattern "{pattern}": {shown}') from None


class SlowPatternError(Exception):
    """A pattern exceeded its time limit on one output."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f'the pattern "{pattern}" took more than {PATTERN_SECONDS:g} s on this output')


class _Clock:
    """The time that was spent on one output: by each pattern, in total, and in waiting for searches in other threads.

    It counts the time of its own thread only, not that of other threads such as the embedded model's.
    """

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.began = time.thread_time()
        self.waited = 0.0

    def left(self, pattern: str) -> float:
        """Return the remaining seconds of a pattern. Raises SlowPatternError if there are none."""
        left = PATTERN_SECONDS - self.spent.get(pattern, 0.0)
        if left <= 0:
            raise SlowPatternError(pattern)
        return left

    def spend(self, pattern: str, seconds: float) -> None:
        self.spent[pattern] = self.spent.get(pattern, 0.0) + seconds


_clock: ContextVar[_Clock | None] = ContextVar("clock", default=None)


class SlowSchemaError(Exception):
    """A JSON Schema exceeded its time limit on one output."""

    def __init__(self) -> None:
        super().__init__(f"the schema took more than {SCHEMA_SECONDS:g} s on this output")


@contextlib.contextmanager
def limit_output() -> Iterator[None]:
    """Limit the time for one output inside the block: `PATTERN_SECONDS` per pattern, `SCHEMA_SECONDS` in total."""
    token = _clock.set(_Clock())
    try:
        yield
    finally:
        _clock.reset(token)


def in_time() -> None:
    """Raise SlowSchemaError if the time limit of the current `limit_output` block is exceeded."""
    clock = _clock.get()
    if clock is not None and time.thread_time() - clock.began + clock.waited > SCHEMA_SECONDS:
        raise SlowSchemaError


@functools.lru_cache(maxsize=512)
def compile_schema_search(pattern: str) -> Callable[[str], bool]:
    """Return a search function as `compile_search` does, for the `pattern` of a JSON Schema.

    A pattern that RE2 does not support (look-around, `\\u` escapes, more than 1000 repeats) uses `regex` with a time
    limit; see `limit_output`. Raises ValueError if both refuse the pattern. The search raises SlowPatternError.
    """
    import regex

    try:
        return compile_search(pattern)
    except ValueError as refusal:
        try:
            compiled = regex.compile(_translate(pattern), regex.V0)
        except (regex.error, OverflowError, RecursionError, ValueError, KeyError):
            raise refusal from None
    return lambda text: _search_limited(pattern, compiled, text)


def _translate(pattern: str) -> str:
    """Return the pattern with `$`, `\\d` and `\\w` as JSON Schema and RE2 read them.

    `$` is the end of the text, not before a last line break. Digits and letters are those of ASCII.
    """
    ends = r"\Z" if _MULTILINE.search(pattern) is None else "$"

    def read(token: re.Match[str]) -> str:
        text = token[0]
        if text == "$":
            return ends
        found = _CLASS.sub(lambda one: _ASCII[one[1]] if one[1] else one[0], text)
        return found if found == text or text.startswith("[") else f"[{found}]"

    return _TOKEN.sub(read, pattern)


def _search_linear(pattern: str, compiled: Any, data: bytes) -> Any:
    """Search with RE2, and return the match or None. If text and pattern are both long, it runs in its own thread.

    RE2 has no timeout, but it releases the GIL. A search that exceeds the time limit continues in its thread and its
    result is ignored. Until it ends, the pattern is not used on another long text, so that at most one such thread per
    pattern exists.
    """
    if len(data) * compiled.programsize <= _FAST_ENOUGH:
        return compiled.search(data)
    before = _unfinished.get(pattern)
    if before is not None and before.is_alive():
        raise SlowPatternError(pattern)
    clock = _clock.get() or _Clock()
    left, started = clock.left(pattern), time.monotonic()
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(compiled.search(data)), daemon=True)
    thread.start()
    thread.join(left)
    if not found:
        _unfinished[pattern] = thread
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
    # JSON can contain lone surrogates, which UTF-8 cannot encode
    return text.encode("utf-8", "replace")
