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

from evalgate.score.whole_words import UNSPACED

PATTERN_SECONDS = 1.0
"""The time limit of one pattern on one output. This and `SCHEMA_SECONDS` are the only uses of a clock in this package:
such a search has no other limit."""
SCHEMA_SECONDS = 5.0
"""The time limit of a whole JSON Schema on one output. Some schemas take time exponential in the output's depth."""

# one token of a pattern: an escaped character, a character class, or any character
_TOKEN = re.compile(r"\\x\{[0-9a-fA-F]{1,6}\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
# of a token, what stands for digits or letters, a character by its number, and any other escaped character
_CLASS = re.compile(r"\\([dDwW])|\\x\{([0-9a-fA-F]{1,6})\}|\\.", re.DOTALL)
_ASCII = {"d": "0-9", "D": r"\x00-/:-\U0010ffff", "w": "0-9A-Z_a-z", "W": r"\x00-/:-@\[-\^`{-\U0010ffff"}
# the end of a word; each character of a script without spaces may be a word
_WORD_END = rf"(?:\b|(?<={UNSPACED})|(?={UNSPACED}))"
_BROKEN = re.compile(r"[\r\n][ \t]*\||(?<!\\)\|[ \t]*[\r\n]")
_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")
_FAST_ENOUGH = (
    50_000_000  # bytes times instructions: RE2 needs at most 10 ns for each, so a smaller product is fast enough
)
_unfinished: dict[str, threading.Thread] = {}


@functools.lru_cache(maxsize=512)
def compile_search(pattern: str, ignore_case: bool = False) -> Callable[[str], bool]:
    r"""Return a function that tells whether `pattern` matches anywhere in a text.

    The syntax is RE2's: `\d`, `\w`, `\s` and `\b` are ASCII, `.` does not match a newline unless `(?s)`, `^` and `$`
    match only at the ends of the text unless `(?m)`. There are no look-arounds and no backreferences. In a pattern with
    `\b` and letters beyond ASCII, `\b` and `\w` know all letters, and `regex` searches in limited time.

    Raises ValueError, with a sentence, for a pattern that RE2 refuses. The search raises SlowPatternError.
    """
    find, _ = _make_find(pattern, ignore_case)
    return lambda text: find(text) is not None


def validate_pattern(pattern: str, ignore_case: bool = False) -> None:
    """Raise ValueError as `compile_search` does, and for a pattern with a line break that YAML may have added.

    One at its end, which a block of YAML has, or beside a `|` asks for one in the text. So a required word is not
    found, and a forbidden one neither.
    """
    compile_search(pattern, ignore_case)
    shown = json.dumps(pattern, ensure_ascii=False)
    if pattern.endswith(("\n", "\r")):
        raise ValueError(f'the pattern {shown} ends with a line break: in YAML, begin the block with "|-"')
    if _BROKEN.search(pattern):
        hint = r"write it in one line, or \n for a line break of the output"
        raise ValueError(f'the pattern {shown} has a line break beside a "|": {hint}')


@functools.lru_cache(maxsize=512)
def compile_group(pattern: str, group: int | None = None) -> Callable[[str], str | None]:
    """Return a function that finds the first match of `pattern` in a text and returns the text of one of its groups.

    It returns None without a match, and if the group took no part in it. Group 0 is the whole match. The default is the
    first group, or the whole match of a pattern without groups. The syntax and the errors are those of
    `compile_search`; a group that the pattern lacks raises ValueError too.
    """
    find, groups = _make_find(pattern, False)
    chosen = min(1, groups) if group is None else group
    if chosen > groups:
        raise ValueError(f'the pattern "{pattern}" has no group {chosen}')

    def read(text: str) -> str | None:
        match = find(text)
        found = None if match is None else match.group(chosen)
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else found

    return read


def _make_find(pattern: str, ignore_case: bool) -> tuple[Callable[[str], Any], int]:
    """Return a function that returns the first match or None, and the number of groups."""
    compiled = _compile(pattern, ignore_case)
    if not _names_other_words(pattern):
        return lambda text: _search_linear(pattern, compiled, _encode(text)), compiled.groups
    import regex

    try:
        wide = regex.compile(_translate(pattern, words=True), regex.V0 | (regex.I if ignore_case else 0))
    except (regex.error, OverflowError, RecursionError, ValueError, KeyError) as error:
        raise ValueError(
            f'in the pattern "{pattern}" a \\b stands with letters beyond ASCII, whose words RE2 does not know: {error}'
        ) from None
    return lambda text: _search_limited(pattern, wide, text), compiled.groups


def _names_other_words(pattern: str) -> bool:
    """Return whether a pattern has an end of a word, and letters that RE2 does not count among those of words."""
    tokens = [token[0] for token in _TOKEN.finditer(pattern)]
    if not any(token in (r"\b", r"\B") for token in tokens):
        return False
    named = (chr(int(number, 16)) for number in re.findall(r"\\x\{([0-9a-fA-F]{1,5})\}", pattern))
    return any(char > "\x7f" and char.isalpha() for char in (*pattern, *named)) or r"\p" in pattern


def _compile(pattern: str, ignore_case: bool) -> Any:
    import re2

    _refuse_backspace(pattern)
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    try:
        return re2.compile(_encode(pattern), options)
    except re2.error as error:
        why = error.args[0] if error.args else "refused"
        shown = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise ValueError(f'RE2 refuses the pattern "{pattern}": {shown}') from None


def _refuse_backspace(pattern: str) -> None:
    if "\b" in pattern:
        shown = json.dumps(pattern, ensure_ascii=False)
        hint = r"write \\b for the end of a word, or put it in single quotes in YAML"
        raise ValueError(f"the pattern {shown} has a backspace, which no output has: {hint}")


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

    _refuse_backspace(pattern)
    try:
        linear = _compile(pattern, False)
    except ValueError as refusal:
        try:
            compiled = regex.compile(_translate(pattern), regex.V0)
        except (regex.error, OverflowError, RecursionError, ValueError, KeyError):
            raise refusal from None
        return lambda text: _search_limited(pattern, compiled, text) is not None
    return lambda text: _search_linear(pattern, linear, _encode(text)) is not None


def _translate(pattern: str, *, words: bool = False) -> str:
    """Return the pattern with `$`, `\\d` and `\\w` as JSON Schema and RE2 read them.

    `$` is the end of the text, not before a last line break. Digits and letters are those of ASCII. With `words` the
    letters are all, also at the ends of words.
    """
    ends = r"\Z" if _MULTILINE.search(pattern) is None else "$"

    def change(one: re.Match[str]) -> str:
        if one[2]:
            return rf"\U{int(one[2], 16):08x}"
        return _ASCII[one[1]] if one[1] and not (words and one[1] in "wW") else one[0]

    def read(token: re.Match[str]) -> str:
        text = token[0]
        if text == "$":
            return ends
        if words and text == r"\b":
            return _WORD_END
        found = _CLASS.sub(change, text)
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


def _search_limited(pattern: str, compiled: Any, text: str) -> Any:
    clock = _clock.get() or _Clock()
    left, started = clock.left(pattern), time.thread_time()
    try:
        return compiled.search(text, timeout=left)
    except TimeoutError:
        raise SlowPatternError(pattern) from None
    finally:
        clock.spend(pattern, time.thread_time() - started)


def _encode(text: str) -> bytes:
    # JSON can contain lone surrogates, which UTF-8 cannot encode
    return text.encode("utf-8", "replace")
