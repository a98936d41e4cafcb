"""Parsing of outputs as JSON, and access to places inside a JSON value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from evalgate.domain import strict_json
from evalgate.domain.field_paths import dig, step

__all__ = ["decode_texts", "dig", "is_equal", "parse", "pointer_parts", "resolve"]

_LAYERS = 3
"""How often a text may be written as a text of JSON inside another one."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPE_OR_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def parse(text: str) -> Any:
    """Parse `text` as one JSON value (RFC 8259).

    Raises ValueError for anything else, including NaN and Infinity, duplicate keys, numbers out of a float's range and
    nesting that is too deep for Python's parser. The message is a phrase that can follow "the output is not JSON: ".
    """
    return strict_json.load(text, bounded=True)


def decode_texts(text: str) -> Iterator[str]:
    """Yield a text with the escapes decoded that JSON has between two quotation marks; nothing where there are none.

    JSON counts wherever it stands: alone, in a fence, in a sentence, and, once or twice, as a text inside of JSON. The
    rest of the text stays as it is. Takes linear time.
    """
    for _ in range(_LAYERS):
        decoded = _decode_once(text)
        if decoded == text:
            return
        yield decoded
        text = decoded


def _decode_once(text: str) -> str:
    quotes = [hit.start() for hit in _ESCAPE_OR_QUOTE.finditer(text) if hit[0] == '"']
    if len(quotes) < 2:
        return text
    start, end = quotes[0], quotes[-1]
    decoded = _ESCAPE.sub(lambda hit: chr(int(hit[1], 16)) if hit[1] else _ESCAPES.get(hit[2], hit[0]), text[start:end])
    # the halves of a pair become one character, a half alone U+FFFD
    whole = decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return f"{text[:start]}{whole}{text[end:]}"


def pointer_parts(pointer: str) -> tuple[str, ...]:
    """Return the unescaped reference tokens of a JSON Pointer (RFC 6901); "" is the whole value.

    Raises ValueError for an invalid pointer.
    """
    if pointer == "":
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f'"{pointer}" is not a JSON Pointer: it must start with "/"')
    if re.search(r"~(?![01])", pointer):
        raise ValueError(f'"{pointer}" is not a JSON Pointer: write "~" as "~0"')
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def resolve(value: Any, pointer: str) -> Any:
    """Return the value at a JSON Pointer. Raises ValueError for an invalid pointer, LookupError without a value."""
    for part in pointer_parts(pointer):
        value = step(value, part)
    return value


def is_equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal as JSON: 1 equals 1.0, and `true` does not equal 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(is_equal(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(is_equal, left, right))
    return bool(left == right)
