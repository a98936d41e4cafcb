"""Regular expressions in linear time (RE2), for checks and for the patterns in JSON Schemas."""

from __future__ import annotations

import functools
from collections.abc import Callable


@functools.lru_cache(maxsize=512)
def searcher(pattern: str, ignore_case: bool = False) -> Callable[[str], bool]:
    r"""Whether `pattern` matches anywhere in a text, in RE2's syntax: `\d`, `\w`, `\s` and `\b` are ASCII, `.` stops
    at a newline unless `(?s)`, `^` and `$` are the ends of the text unless `(?m)`; no look-around, no backreference.

    Raises ValueError, as a sentence, for a pattern RE2 refuses.
    """
    import re2

    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    try:
        compiled = re2.compile(_encoded(pattern), options)
    except re2.error as error:
        why = error.args[0] if error.args else "refused"
        shown = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise ValueError(f'RE2 refuses the pattern "{pattern}": {shown}') from None
    return lambda text: compiled.search(_encoded(text)) is not None


@functools.lru_cache(maxsize=512)
def schema_searcher(pattern: str) -> Callable[[str], bool]:
    """Like `searcher`, for a JSON Schema's `pattern`: one that RE2 cannot express (look-around, `\\u` escapes, more
    than 1000 repeats) falls back to Python's `re`, whose time is not bounded. Raises ValueError when both refuse."""
    import re

    try:
        return searcher(pattern)
    except ValueError as refusal:
        try:
            compiled = re.compile(pattern)
        except (re.error, OverflowError, RecursionError):
            raise refusal from None
    return lambda text: compiled.search(text) is not None


def _encoded(text: str) -> bytes:
    # JSON can spell lone surrogates, which UTF-8 has no bytes for
    return text.encode("utf-8", "replace")
