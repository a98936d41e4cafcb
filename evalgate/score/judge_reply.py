"""The JSON object in the text of a judge's reply."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evalgate.domain import digest, normalize, strict_json
from evalgate.score.json_output import parse

_FENCED = re.compile(r"\s*(?P<fence>`+|~{3,})(?:[A-Za-z][\w+.-]*)?\s*(?P<inner>\{.*\})\s*(?P=fence)\s*", re.DOTALL)
_BRACE = re.compile(r"[{}]")
_FLAT = re.compile(r"\{[^{}]*\}")
_ESCAPE = re.compile(r"\\(?:u(?P<code>[0-9a-fA-F]{4})|[^u])", re.DOTALL)
_LAYERS = 3
"""How often a text may be written as a text of JSON inside another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyObject:
    """A JSON object as written in a reply, and the text of the reply before it."""

    value: dict[str, Any]
    written: str
    before: str = ""

    def is_in(self, text: str) -> bool:
        """Return whether another text holds the object, in whatever notation: see `_list_readings`."""
        written = "".join(self.written.split())
        wanted = digest(_simplify(self.value))
        for reading in _list_readings(text):
            if written in "".join(reading.split()):
                return True
            for hit in _FLAT.finditer(reading):
                try:
                    found = strict_json.load(" ".join(hit[0].split()))
                except strict_json.JsonError:
                    continue
                if digest(_simplify(found)) == wanted:
                    return True
        return False


def read_object(text: str, reading: Literal["strict", "lenient"]) -> ReplyObject:
    """Return the JSON object of a reply.

    "strict" accepts a reply that is one object, or one Markdown fence with one object and nothing else. "lenient" also
    accepts text around the object, if there is no other brace in it: a second object may be quoted from the output.

    Raises ValueError, with a phrase that can follow "the judge's reply is not JSON: ", for anything else.
    """
    if reading == "lenient":
        return _find_only_object(text)
    fenced = _FENCED.fullmatch(text)
    if fenced is None:
        return _require_object(parse(text), text)
    return _require_object(parse(fenced["inner"]), fenced["inner"], before=text[: fenced.start("inner")])


def _find_only_object(text: str) -> ReplyObject:
    start = text.find("{")
    if start < 0:
        raise ValueError("there is no object in it")
    try:
        value, end = strict_json.DECODER.raw_decode(text, start)
    except strict_json.JsonError:
        raise
    except json.JSONDecodeError as error:
        raise strict_json.JsonError(error.msg, error.lineno, error.colno) from None
    except (ValueError, RecursionError):
        raise ValueError(strict_json.TOO_DEEP) from None
    if _BRACE.search(text, end) is not None or "}" in text[:start]:
        raise ValueError("there is more than one object in it, or a brace outside of the object")
    return _require_object(value, text[start:end], before=text[:start])


def _list_readings(text: str) -> Iterator[str]:
    """Yield a text as written, and with the escapes of JSON decoded, which a text inside of JSON has once or twice."""
    yield text
    for _ in range(_LAYERS):
        decoded = _ESCAPE.sub(_decode_escape, text)
        decoded = decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # pairs become characters
        if decoded == text:
            return
        yield decoded
        text = decoded


def _decode_escape(hit: re.Match[str]) -> str:
    if hit["code"] is not None:
        return chr(int(hit["code"], 16))
    return {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " "}.get(hit[0][1], hit[0][1])


def _simplify(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its texts normalised and its whole numbers as integers, so that only the meaning counts."""
    return {
        key: normalize(inner)
        if isinstance(inner, str)
        else int(inner)
        if isinstance(inner, float) and inner.is_integer()
        else inner
        for key, inner in value.items()
    }


def _require_object(value: Any, written: str, before: str = "") -> ReplyObject:
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return ReplyObject(value=value, written=written, before=before)
