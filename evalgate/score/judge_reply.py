"""The JSON object in the text of a judge's reply."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from evalgate.domain import strict_json
from evalgate.score.json_output import parse

_FENCED = re.compile(r"\s*(?P<fence>`+|~{3,})(?:[A-Za-z][\w+.-]*)?\s*(?P<inner>\{.*\})\s*(?P=fence)\s*", re.DOTALL)
_BRACE = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyObject:
    """A JSON object as written in a reply, and the text of the reply before it."""

    value: dict[str, Any]
    written: str
    before: str = ""

    def is_in(self, text: str) -> bool:
        """Return whether another text holds the object in the same characters; white space does not count."""
        return "".join(self.written.split()) in "".join(text.split())


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


def _require_object(value: Any, written: str, before: str = "") -> ReplyObject:
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return ReplyObject(value=value, written=written, before=before)
