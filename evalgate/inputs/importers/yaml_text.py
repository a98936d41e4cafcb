"""Plain data as YAML text that is read back as the same data: block style for files, flow style for entries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evalgate.errors import EvalgateError
from evalgate.inputs.formats import yaml as yaml_reader

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "."})
_WIDTH = 110
_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def make_scalar(value: Any) -> str:
    """Return a scalar, in quotes where a plain one could be read as something else."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
            return value
        quoted = json.dumps(value, ensure_ascii=False)
        return _PRINTABLE.sub(_escape, quoted)
    return json.dumps(value, ensure_ascii=False)


def make_flow(value: Any) -> str:
    """Return data on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{make_scalar(str(key))}: {make_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(make_flow, value)) + "]"
    return make_scalar(value)


def make_block(value: Any, indent: int = 0) -> Iterator[str]:
    """Yield the lines of data in block style. What fits on a line, and has no line break, is written in flow style."""
    pad = " " * indent
    items = value.items() if isinstance(value, Mapping) else ((None, each) for each in value)
    for key, each in items:
        head = f"{pad}- " if key is None else f"{pad}{make_scalar(str(key))}:"
        glue = "" if key is None else " "
        flat = make_flow(each)
        text = _make_literal(each, indent + 2) if isinstance(each, str) else None
        if text is not None:
            yield f"{head}{glue}{text}"
        elif not isinstance(each, Mapping | list | tuple) or not each or (_is_flat(each, key, indent, flat)):
            yield f"{head}{glue}{flat}"
        elif key is None:
            lines = list(make_block(each, indent + 2))
            yield f"{head}{lines[0].lstrip()}"
            yield from lines[1:]
        else:
            yield head
            yield from make_block(each, indent + 2)


def _is_flat(value: Any, key: str | None, indent: int, flat: str) -> bool:
    """Return whether a mapping or list is written on one line: an entry of a list, or one of scalars."""
    if len(flat) + indent + len(key or "") > _WIDTH:
        return False
    parts = value.values() if isinstance(value, Mapping) else value
    return key is None and not any(isinstance(part, str) and "\n" in part for part in parts) and "prompt" not in value


def _make_literal(text: str, indent: int) -> str | None:
    """Return a text of several lines as a literal block; None if that would be read as another text."""
    if "\n" not in text.strip("\n") or _PRINTABLE.search(text) or "\r" in text:
        return None
    pad = " " * indent
    body = text.removesuffix("\n")
    sign = "|" if text.endswith("\n") else "|-"
    lines = [f"{pad}{line}" if line else "" for line in body.split("\n")]
    literal = "\n".join([sign, *lines])
    try:
        found = yaml_reader.parse(f"v: {literal}\n", "").data["v"]
    except EvalgateError:
        return None
    return literal if found == text else None


def _escape(hit: re.Match[str]) -> str:
    code = ord(hit[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
