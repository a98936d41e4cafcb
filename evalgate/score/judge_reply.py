"""The JSON object in the text of a judge's reply."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from evalgate.domain import digest, is_invisible, normalize, strict_json
from evalgate.score.json_output import parse

_FENCED = re.compile(r"\s*(?P<fence>`+|~{3,})(?:[A-Za-z][\w+.-]*)?\s*(?P<inner>\{.*\})\s*(?P=fence)\s*", re.DOTALL)
_BRACE = re.compile(r"[{}]")
_FLAT = re.compile(r"\{[^{}]{14,}\}")
"""An object without another one inside, long enough for the keys `score` and `reason`."""
MOST_OBJECTS = 20_000
"""Objects with both keys in an output, up to which they are compared with a reply. In more of them, any could be it."""
_ESCAPE = re.compile(r"\\(?:u(?P<code>[0-9a-fA-F]{4})|[^u])", re.DOTALL)
_LAYERS = 3
"""How often a text may be written as a text of JSON inside another one."""
_WORD = re.compile(r"[^\W_]+")
_EMPTY = re.compile(r"\breason\b[^\w\n,}]*(?:[\n,}]|\Z)")
_COMMENT = re.compile(r"/\*.*?\*/|(?://|#)[^\n]*", re.DOTALL)
_NEAR = 16
"""How many words a score may be away from its reason: comments, other keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyObject:
    """A JSON object as written in a reply, and the text of the reply before it."""

    value: dict[str, Any]
    written: str
    before: str = ""

    def is_in(self, text: str) -> bool:
        """Return whether another text holds the object: as JSON, or its score near its reason in another notation.

        The score alone is not a sign: an honest reply may give the number that an output mentions.
        """
        written = "".join(self.written.split())
        wanted = digest(_simplify(self.value))
        for reading in _list_readings(text):
            if written in "".join(reading.split()):
                return True
            alike = _list_alike(reading)
            if len(alike) > MOST_OBJECTS or any(_digest_object(one) == wanted for one in alike):
                return True
        return self._is_spelt_in(text)

    def _is_spelt_in(self, text: str) -> bool:
        """Return whether another text has the keys, the number and the words of the reason, whatever is between them.

        So quotes, brackets, commas and the case of letters do not count, nor do invisible characters and escapes.
        """
        score, reason = self.value.get("score"), self.value.get("reason")
        if not isinstance(score, int | float) or not isinstance(reason, str):
            return False
        words = _WORD.findall(_fold(reason))
        return any(
            _has_near(shown, abs(score), words)
            for one in map(_fold, _list_unescaped(text))
            for shown in dict.fromkeys((one, _COMMENT.sub(" ", one)))
        )


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


def _list_unescaped(text: str) -> Iterator[str]:
    """Yield the readings of a text, and those with the escapes of HTML and of addresses decoded as well."""
    yield from _list_readings(text)
    for _ in range(_LAYERS):
        decoded = unquote(html.unescape(text))
        if decoded == text:
            return
        yield from _list_readings(decoded)
        text = decoded


def _list_alike(text: str) -> list[str]:
    """Return the objects of a text that may have both keys, each once: one more than `MOST_OBJECTS` at most."""
    found: dict[str, None] = {}
    for hit in _FLAT.finditer(text):
        one = hit[0]
        if "\\u" in one or ("score" in one and "reason" in one):  # a key may be written in escapes
            found[one] = None
            if len(found) > MOST_OBJECTS:
                break
    return list(found)


def _digest_object(written: str) -> str | None:
    """Return the digest of what an object means; None for anything that is not JSON."""
    try:
        return digest(_simplify(strict_json.load(" ".join(written.split()))))
    except strict_json.JsonError:
        return None


def _fold(text: str) -> str:
    """Return a text without invisible characters, its letters and digits in their plain forms and in lower case."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_VISIBLE)


class _Visible(dict[int, int | None]):
    """A table for `str.translate` that caches each character, and drops the invisible ones that are not white space."""

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        self[code] = found = code if char.isspace() or not is_invisible(char) else None
        return found


_VISIBLE = _Visible()


def _has_near(text: str, number: float, reason: list[str]) -> bool:
    """Return whether a folded text has the key `score` with a number, near the key `reason` with its words.

    In a table both keys stand above the number and the words.
    """
    if "reason" not in text or "score" not in text:
        return False
    if not reason:
        spans = [word.span() for word in _WORD.finditer(text)]
        starts, ends = [start for start, _ in spans], [end for _, end in spans]
        for hit in _EMPTY.finditer(text):
            last, first = bisect_right(ends, hit.start()), bisect_left(starts, hit.end())
            around = [*spans[max(0, last - _NEAR) : last], (0, 0), *spans[first : first + _NEAR]]
            if _has_score([text[start:end] for start, end in around], number):
                return True
        return False
    words = _WORD.findall(text)
    for place, word in enumerate(words):
        end = place + 1 + len(reason)
        if word == "reason" and words[place + 1 : end] == reason:
            near = [*words[max(0, place - _NEAR) : place], "", *words[end : end + _NEAR]]
            if _has_score(near, number):
                return True
    return _has_row(text, number, " ".join(reason))


def _has_row(text: str, number: float, reason: str) -> bool:
    """Return whether a line has the number beside the words of the reason, below one with both keys, as in a table."""
    rows = [f" {number:g} {reason} ", f" {number:g} 0 {reason} ", f" {reason} {number:g} "]
    below = False
    for line in text.splitlines():
        words = _WORD.findall(line)
        written = f" {' '.join(words)} "
        if below and any(row in written for row in rows):
            return True
        below = below or ("score" in words and "reason" in words)
    return False


def _has_score(words: list[str], number: float) -> bool:
    """Return whether the first number after a key `score` is this one."""
    for place, word in enumerate(words):
        if word == "score":
            first = next((other for other in words[place + 1 :] if other.isdecimal()), None)
            if first is not None and len(first) <= _NEAR and int(first) == number:
                return True
    return False


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
