"""Deterministic checks: one output and its case in, 0 or 1 with a sentence out. Nothing is read, called or timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalgate.domain import Case, Check, Output, Score, Scored, Unscored, as_text, classify_ending
from evalgate.domain.answered import CUT_SHORT
from evalgate.domain.lists import name_some
from evalgate.score import schema
from evalgate.score.json_output import dig, parse, pointer_parts, resolve
from evalgate.score.patterns import SlowPatternError, compile_search

TOOL_CALLS = "tool calls beside text are not visible to checks"
_REASON = 200  # characters of a reason
_QUOTE = 60  # characters of a text that a reason quotes


@dataclass(frozen=True, slots=True)
class _Seen:
    """Whether the output does what the type's name says, what that is ("contain ..."), and what was there instead."""

    holds: bool
    wanted: str
    found: str


class _RefusedError(Exception):
    """The output has nothing that could be looked at: 0, for a `not_` form too."""


class _UnknownError(Exception):
    """The case or the measurements lack what the check needs: Unscored."""


def score(check: Check, case: Case, output: Output) -> Scored:
    """1 when the output passes, 0 when not, with what was wanted and what was found in at most 200 characters.

    With `at` (a JSON Pointer) a check looks at that place of the output, parsed as strict JSON; an output that is no
    JSON or lacks the place scores 0, and does so under `not_` as well. A field the case lacks, and a measurement
    nobody took, are Unscored, and so is a pattern that takes too long, and what a check would say of the text alone
    where tool calls stand beside it. The reason of a failure says first where the answer was cut. Raises ValueError as
    `validate` does.
    """
    kind = _type(check)
    if output.tool_calls and check.type not in _MEASURING:
        return Unscored(reason=_clip(f"{TOOL_CALLS}: {_serialize_calls(output)}", _REASON))
    cut = f"{CUT_SHORT}; " if classify_ending(output.finish_reason) == "cut" and check.type not in _MEASURING else ""
    try:
        seen = kind(check, case, output)
    except _RefusedError as refusal:
        return Score(value=0.0, reason=_clip(f"{cut}{refusal}", _REASON))
    except (_UnknownError, SlowPatternError) as unknown:
        return Unscored(reason=_clip(str(unknown), _REASON))
    except RecursionError:
        return Score(value=0.0, reason="the output is nested too deeply")
    holds = seen.holds is not check.negated
    reason = f"{'' if holds else cut}must {'not ' if check.negated else ''}{seen.wanted}; found {seen.found}"
    return Score(value=float(holds), reason=_clip(reason, _REASON))


def validate(check: Check) -> None:
    """Finds before the first output what `score` would stumble over.

    Raises ValueError, as a sentence, for an unknown type, a `not_` form that does not exist, a bad JSON Pointer, a
    pattern RE2 refuses, a schema that cannot be used, and a check that lacks its value or limits.
    """
    _type(check)
    options = check.options
    if "at" in options:
        pointer_parts(str(options["at"]))
    if check.type in _COMPARING and not {"value", "values", "from"} & set(options):
        raise ValueError(f'{check.name}: needs "value", "values" or "from"')
    if check.type in _LIMITS and not set(_LIMITS[check.type]) & set(options):
        raise ValueError(f"{check.name}: needs one of {', '.join(_LIMITS[check.type])}")
    match check.type:
        case "regex":
            compile_search(str(options["pattern"]), bool(options.get("ignore_case")))
        case "json_schema":
            schema.make_validator(check)
        case "required_fields" if not options.get("fields"):
            raise ValueError(f'{check.name}: needs "fields"')


def _type(check: Check) -> Callable[[Check, Case, Output], _Seen]:
    found = TYPES.get(check.type)
    if found is None:
        raise ValueError(f"unknown type of check: {check.type}")
    if check.negated and check.type not in NEGATABLE:
        raise ValueError(f"there is no not_{check.type}")
    return found


def _equals(check: Check, case: Case, output: Output) -> _Seen:
    """Text is compared without white space at both ends. With `at`, and where the expected value is no text, JSON
    values are compared: 1 equals 1.0, true does not equal 1, the order of an object's keys does not count."""
    expected = _expected(check, case)
    found = _value(check, output) if "at" in check.options or not isinstance(expected, str) else output.text
    if isinstance(expected, str) and isinstance(found, str):
        holds = _fold(check, expected.strip()) == _fold(check, found.strip())
    else:
        holds = _same(expected, found)
    return _Seen(holds, f"equal {_quote(expected)}", "it" if holds else _quote(found))


def _contains(check: Check, case: Case, output: Output) -> _Seen:
    """Every text of a list; the not_ form forbids each of them, so that a list never weakens it."""
    if check.negated:
        return _contains_any(check, case, output)
    return _contains_all(check, case, output)


def _contains_any(check: Check, case: Case, output: Output) -> _Seen:
    texts, haystack = _texts(check, case), _text(check, output)
    hits = [text for text in texts if _fold(check, text) in _fold(check, haystack)]
    wanted = f"contain {'any of ' if len(texts) > 1 else ''}{_list_texts(texts)}"
    return _Seen(bool(hits), wanted, _list_texts(hits) if hits else f"none in {_quote(haystack)}")


def _contains_all(check: Check, case: Case, output: Output) -> _Seen:
    texts, haystack = _texts(check, case), _text(check, output)
    missing = [text for text in texts if _fold(check, text) not in _fold(check, haystack)]
    if not missing:
        return _Seen(True, f"contain {_list_texts(texts)}", "all" if len(texts) > 1 else "it")
    return _Seen(False, f"contain {_list_texts(missing)}", f"only {_quote(haystack)}")


def _regex(check: Check, case: Case, output: Output) -> _Seen:
    """A match anywhere, in RE2's syntax (see `patterns.compile_search`)."""
    pattern, text = str(check.options["pattern"]), _text(check, output)
    holds = compile_search(pattern, bool(check.options.get("ignore_case")))(text)
    return _Seen(holds, f"match {_quote(pattern)}", f"{'a match' if holds else 'none'} in {_quote(text)}")


def _is_json(check: Check, case: Case, output: Output) -> _Seen:
    """With `at`, the text at that place must itself be JSON, as a tool call's arguments are."""
    text = _value(check, output) if "at" in check.options else output.text
    if not isinstance(text, str):
        raise _RefusedError(f"must be a text that is JSON; found {_quote(text)}")
    try:
        parse(text)
    except ValueError as error:
        return _Seen(False, "be JSON", f"{error}, in {_quote(text)}")
    return _Seen(True, "be JSON", _quote(text))


def _json_schema(check: Check, case: Case, output: Output) -> _Seen:
    wrong = schema.find_fault(check, _value(check, output))
    if isinstance(wrong, Unscored):
        raise _UnknownError(wrong.reason)
    wanted = f"fit {check.options.get('schema_path', 'the schema')}"
    return _Seen(wrong is None, wanted, "no fault" if wrong is None else _shorten(wrong, 130))


def _required_fields(check: Check, case: Case, output: Output) -> _Seen:
    """Present and not null; a name may be a dotted path."""
    value = _value(check, output)
    if not isinstance(value, Mapping):
        raise _RefusedError(f"must be a JSON object with fields; found {_quote(value)}")
    names = _items(check.options["fields"])
    missing = [str(name) for name in names if _is_missing(value, str(name))]
    return _Seen(not missing, f"have {_list_texts(names)}", f"no {_list_texts(missing)}" if missing else "all")


def _length(check: Check, case: Case, output: Output) -> _Seen:
    """Characters are Unicode code points; words are what white space separates; lines are what newlines separate (one
    at the very end opens no further line)."""
    text = _value(check, output) if "at" in check.options else output.text
    if not isinstance(text, str):
        raise _RefusedError(f"must be a text to have a length; found {_quote(text)}")
    counts = {
        "chars": len(text),
        "words": len(text.split()),
        "lines": len(text.removesuffix("\n").split("\n")) if text else 0,
    }
    return _within(check, counts, "have")


def _latency(check: Check, case: Case, output: Output) -> _Seen:
    """Per case; `p95_seconds` is a property of all cases and judged where they are compared."""
    if output.seconds is None:
        raise _UnknownError("nobody measured the seconds of this output")
    if "max_seconds" not in check.options:
        return _Seen(True, "keep its p95, which is judged over all cases", f"{_number(output.seconds)} seconds")
    return _within(check, {"seconds": output.seconds}, "take")


def _cost(check: Check, case: Case, output: Output) -> _Seen:
    if output.cost_usd is None:
        raise _UnknownError("the cost of this output is unknown: its target has no prices, or reported no usage")
    return _within(check, {"usd": output.cost_usd}, "cost")


def _tokens(check: Check, case: Case, output: Output) -> _Seen:
    if output.usage is None:
        raise _UnknownError("the target reported no token usage for this output, or none below 2^53")
    used = output.usage
    counts = {"input": used.input_tokens, "output": used.output_tokens, "total": used.input_tokens + used.output_tokens}
    return _within(check, counts, "use", " tokens")


TYPES: Mapping[str, Callable[[Check, Case, Output], _Seen]] = {
    "equals": _equals,
    "contains": _contains,
    "contains_any": _contains_any,
    "contains_all": _contains_all,
    "regex": _regex,
    "is_json": _is_json,
    "json_schema": _json_schema,
    "required_fields": _required_fields,
    "length": _length,
    "latency": _latency,
    "cost": _cost,
    "tokens": _tokens,
}
"""Every type of check by its positive name."""

NEGATABLE = frozenset({"equals", "contains", "contains_any", "contains_all", "regex", "is_json"})
"""The types with a `not_` form. `not_contains_all` fails when every text is there, `not_contains_any` when any is."""

_MEASURING = frozenset({"latency", "cost", "tokens"})
_COMPARING = frozenset({"equals", "contains", "contains_any", "contains_all"})
_LIMITS: Mapping[str, tuple[str, ...]] = {
    "length": ("min_chars", "max_chars", "min_words", "max_words", "min_lines", "max_lines"),
    "latency": ("max_seconds", "p95_seconds"),
    "cost": ("max_usd",),
    "tokens": ("max_input", "max_output", "max_total"),
}


def _within(check: Check, measured: Mapping[str, float], verb: str, unit: str = "") -> _Seen:
    """The first limit that is broken, or all limits when none is; NaN keeps no limit."""
    kept: list[tuple[str, str]] = []
    for option in _LIMITS[check.type]:
        bound, _, name = option.partition("_")
        limit = check.options.get(option)
        if limit is None or bound == "p95":
            continue
        assert isinstance(limit, int | float)
        value = measured[name]
        holds = value >= limit if bound == "min" else value <= limit
        wanted = f"at {'least' if bound == 'min' else 'most'} {_number(limit)} {name}{unit}"
        found = f"{_number(value, limit)} {name}{unit}"
        if not holds:
            return _Seen(False, f"{verb} {wanted}", found)
        kept.append((wanted, found))
    found_all = dict.fromkeys(found for _, found in kept)
    return _Seen(True, f"{verb} {', '.join(wanted for wanted, _ in kept)}", ", ".join(found_all))


def _expected(check: Check, case: Case) -> Any:
    options = check.options
    if "from" in options:
        path = str(options["from"])
        try:
            return dig(case.fields, path)
        except LookupError:
            raise _UnknownError(f'case {case.id} has no field "{path}"') from None
    if "values" in options:
        return options["values"]
    if "value" in options:
        return options["value"]
    raise ValueError(f'{check.name}: needs "value", "values" or "from"')


def _texts(check: Check, case: Case) -> list[str]:
    """The texts to look for. An empty list or text would be contained in anything, which is no evidence."""
    texts = ["" if item is None else as_text(item) for item in _items(_expected(check, case))]
    if not texts or not all(texts):
        source = f'field "{check.options["from"]}"' if "from" in check.options else "value"
        raise _UnknownError(f"case {case.id}: the {source} gives nothing to look for")
    return texts


def _value(check: Check, output: Output) -> Any:
    """The JSON value the check looks at: the output, or its place `at`."""
    try:
        value = parse(output.text)
    except ValueError as error:
        raise _RefusedError(f"must be JSON; found {error}, in {_quote(output.text)}") from None
    pointer = str(check.options.get("at", ""))
    try:
        return resolve(value, pointer)
    except LookupError:
        raise _RefusedError(f"must have something at {pointer}; found {_quote(value)}") from None


def _text(check: Check, output: Output) -> str:
    """The text the check looks at; at a place that holds no text, its JSON."""
    if "at" not in check.options:
        return output.text
    value = _value(check, output)
    if value is None:
        raise _RefusedError(f"must have text at {check.options['at']}; found null")
    return as_text(value)


def _is_missing(value: Any, name: str) -> bool:
    try:
        return dig(value, name) is None
    except LookupError:
        return True


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _serialize_calls(output: Output) -> str:
    return _list_texts(list(dict.fromkeys(call.name or call.arguments for call in output.tool_calls)))


def _fold(check: Check, text: str) -> str:
    return text.casefold() if check.options.get("ignore_case") else text


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _list_texts(texts: Sequence[str]) -> str:
    return name_some([_quote(text) for text in texts], 3)


def _quote(value: Any) -> str:
    return f'"{_clip(value, _QUOTE)}"' if isinstance(value, str) else _clip(as_text(value), _QUOTE)


def _number(value: float, limit: float | None = None) -> str:
    """Short, but never on the other side of its limit than the number itself."""
    for digits in (4, 8, 12):
        short = f"{value:.{digits}g}"
        if "e" not in short and (limit is None or (float(short) > limit) == (value > limit)):
            return short
    return str(value)


def _clip(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[: size - 1]}…"


def _shorten(text: str, size: int) -> str:
    """Cut in the middle: a schema's message quotes the value first and says what is wrong with it last."""
    return text if len(text) <= size else f"{text[: size // 2 - 1]}…{text[-(size // 2) :]}"
