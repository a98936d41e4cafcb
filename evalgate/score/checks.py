"""Deterministic checks: score one output of a case with 0 or 1 and a reason. No file, call or clock is used."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalgate.domain import TOOL_CHECKS, Case, Check, Output, Score, Scored, Unscored, classify_ending, normalize
from evalgate.domain.answered import CUT_SHORT
from evalgate.domain.output_calls import UNNAMED, ToolCall
from evalgate.domain.reasoning import split_reasoning
from evalgate.score import case_options, number_checks, sql_output, text_checks, tool_checks, value_schema, xml_output
from evalgate.score.combined_checks import COMBINING, combine, validate_parts
from evalgate.score.embedded_json import check_contains_json
from evalgate.score.examined import as_list, find_text, fold, read_expected, read_texts, read_value, show_number
from evalgate.score.json_output import decode_texts, dig, is_equal, parse, pointer_parts
from evalgate.score.observation import NotScoredError, NoValueError, Observation, clip, join_texts, quote, shorten
from evalgate.score.patterns import SlowPatternError, compile_search, validate_pattern
from evalgate.score.python_code import RunCode, leave_unrun, validate_python
from evalgate.score.shown_text import decode_entities, list_shown, make_search, show_value
from evalgate.score.transforms import transform, validate_transform
from evalgate.score.whole_words import has_words

TOOL_CALLS = "tool calls beside text are not visible to this check"
_REMEDY = "add a tool_call or no_tool_call check, or `tool_calls: ignore`"
_REASONING_FIRST = "the output begins with reasoning, which `strip_reasoning: true` of the target removes"
_REASON = 200  # characters of a reason
_NAMED = 60  # characters of the names of tools in it


def score(
    check: Check, case: Case, output: Output, *, covers_calls: bool = False, run_code: RunCode = leave_unrun
) -> Scored:
    """Return 1 if the output passes, else 0, with the requirement and the text found in at most 200 characters.

    With `at` (a JSON Pointer), the check examines that place of the output, parsed as strict JSON. An output that is
    not JSON or lacks the place scores 0, also for the `not_` form. The result is Unscored if the case lacks the field,
    if there is no measurement, if a pattern takes too long, or if the output has tool calls beside its text, which the
    check does not see, unless the gate `covers_calls` in another way. If the answer was cut, the reason of a failure
    begins with that, and so it does if the check fails because of the reasoning at the start of the text. `run_code` is
    what runs a check that is code. Raises ValueError as `validate` does.
    """
    if check.type == "python":
        return _find_hidden_calls(check, output, covers_calls) or run_code(check, case, output)
    try:
        check = case_options.bind(check, case)
    except case_options.CaseOptionError as error:
        return Unscored(reason=clip(f"case {case.id}: {error}", _REASON))
    scored = _score_text(check, case, output, covers_calls)
    if isinstance(scored, Unscored) or scored.value == 1.0 or check.type in _MEASURING:
        return scored
    split = split_reasoning(output.text)
    if not split.found or not split.answer.strip():
        return scored
    alone = _score_text(check, case, replace(output, text=split.answer), covers_calls)
    if isinstance(alone, Unscored) or alone.value == 0.0:
        return scored
    return Score(value=0.0, reason=clip(f"{_REASONING_FIRST}; {scored.reason}", _REASON))


def validate(check: Check) -> None:
    """Check the options of a check before any output is scored.

    Raises ValueError, with a sentence, for an unknown type, a `not_` form that does not exist, an invalid JSON Pointer,
    a pattern that RE2 refuses, a schema that cannot be used, and a check without its value or limits.
    """
    _find_function(check)
    validate_parts(check)
    for part in check.parts:
        validate(part)
    validate_transform(check)
    options = check.options
    if "at" in options:
        pointer_parts(str(options["at"]))
    if check.type in _COMPARING and not {"value", "values", "from"} & set(options):
        raise ValueError(f'{check.name}: needs "value", "values" or "from"')
    if check.type in _LIMITS and not set(_LIMITS[check.type]) & {*options, *check.from_case}:
        raise ValueError(f"{check.name}: needs one of {', '.join(_LIMITS[check.type])}")
    if check.type in _VALIDATORS:
        _VALIDATORS[check.type](check)
    match check.type:
        case "contains_json" if "schema" in options:
            value_schema.make_validator(check)
        case "regex" if "pattern" not in check.from_case:
            validate_pattern(str(options["pattern"]), bool(options.get("ignore_case")))
        case "json_schema" if "schema" not in check.from_case:
            value_schema.make_validator(check)
        case "required_fields" if not options.get("fields") and "fields" not in check.from_case:
            raise ValueError(f'{check.name}: needs "fields"')


def _score_text(check: Check, case: Case, output: Output, covers_calls: bool) -> Scored:
    kind = _find_function(check)
    hidden = _find_hidden_calls(check, output, covers_calls)
    if hidden is not None:
        return hidden
    cut = f"{CUT_SHORT}; " if classify_ending(output.finish_reason) == "cut" and check.type not in _MEASURING else ""
    try:
        examined = replace(output, text=transform(check, output.text)) if "transform" in check.options else output
        if check.type in _NEEDING_TEXT and not normalize(examined.text):
            raise NoValueError("must have a text; found none that is visible")
        if check.type in COMBINING:
            # the ending of the answer is told once, by this check
            whole = replace(examined, finish_reason="stop")
            seen = combine(check, [_score_text(part, case, whole, covers_calls) for part in check.parts])
        else:
            seen = kind(check, case, examined)
    except NoValueError as refusal:
        return Score(value=0.0, reason=clip(f"{cut}{refusal}", _REASON))
    except (NotScoredError, SlowPatternError) as unknown:
        return Unscored(reason=clip(str(unknown), _REASON))
    except RecursionError:
        return Score(value=0.0, reason="the output is nested too deeply")
    holds = seen.holds is not check.negated
    reason = f"{'' if holds else cut}must {'not ' if check.negated else ''}{seen.wanted}; found {seen.found}"
    return Score(value=float(holds), reason=clip(reason, _REASON))


def _find_hidden_calls(check: Check, output: Output, covers_calls: bool) -> Unscored | None:
    """Return that a check does not see the tool calls beside a text; None where there are none that matter."""
    beside = () if covers_calls else output.calls_beside_text
    if not beside or _sees_calls(check, beside):
        return None
    named = clip(tool_checks.name_calls(beside), _NAMED)
    return Unscored(reason=clip(f"{TOOL_CALLS}: {named}; {_REMEDY}", _REASON))


def _find_function(check: Check) -> Callable[[Check, Case, Output], Observation]:
    found = TYPES.get(check.type)
    if found is None:
        raise ValueError(f"unknown type of check: {check.type}")
    if check.negated and check.type not in NEGATABLE:
        raise ValueError(f"there is no not_{check.type}")
    return found


def _sees_calls(check: Check, calls: Sequence[ToolCall]) -> bool:
    """Return whether a check examines these tool calls, or measures the whole answer.

    A `not_` form of a search looks for its texts in the calls as well, if the answer contains them. All other checks of
    text examine the text alone: a required text in the arguments of a call does not reach the user.
    """
    if check.type in COMBINING:
        return True  # each part decides for itself
    searches = check.negated and check.type in _SEARCHING and not _PLACING & check.options.keys()
    if searches and not any(call.name == UNNAMED for call in calls):
        return True
    return check.type in _MEASURING or check.type in TOOL_CHECKS


def _equals(check: Check, case: Case, output: Output) -> Observation:
    """Compare the output with the expected value.

    Texts are compared without white space at both ends. With `at`, or if the expected value is not a string, JSON
    values are compared: 1 equals 1.0, true does not equal 1, and the order of an object's keys does not matter. The
    `not_` form also forbids values that look the same.
    """
    expected = read_expected(check, case)
    found = read_value(check, output) if "at" in check.options or not isinstance(expected, str) else output.text
    holds = _agrees(check, expected, found)
    if check.negated and not holds:
        holds = _agrees(check, show_value(expected), show_value(found))
    return Observation(holds, f"equal {quote(expected)}", "it" if holds else quote(found))


def _contains(check: Check, case: Case, output: Output) -> Observation:
    """Require every text of a list. The `not_` form forbids each of them, so that a longer list is never weaker."""
    if check.negated:
        return _contains_any(check, case, output)
    return _contains_all(check, case, output)


def _contains_any(check: Check, case: Case, output: Output) -> Observation:
    texts, haystacks = read_texts(check, case), _list_searched(check, output)
    hits = _find_texts(check, texts, haystacks)
    wanted = f"contain {'any of ' if len(texts) > 1 else ''}{join_texts(texts)}"
    return Observation(bool(hits), wanted, join_texts(hits) if hits else f"none in {quote(haystacks[0])}")


def _contains_all(check: Check, case: Case, output: Output) -> Observation:
    texts, haystacks = read_texts(check, case), _list_searched(check, output)
    found = _find_texts(check, texts, haystacks)
    missing = [text for text in texts if text not in found]
    if not missing:
        return Observation(True, f"contain {join_texts(texts)}", "all" if len(texts) > 1 else "it")
    return Observation(False, f"contain {join_texts(missing)}", f"only {quote(haystacks[0])}")


def _regex(check: Check, case: Case, output: Output) -> Observation:
    """Require a match anywhere in the text, in RE2's syntax (see `patterns.compile_search`)."""
    pattern, texts = str(check.options["pattern"]), _list_searched(check, output)
    texts = list_shown(texts) if check.negated else texts
    search = compile_search(pattern, bool(check.options.get("ignore_case")))
    matching = next((text for text in texts if search(text)), None)
    found = f"none in {quote(texts[0])}" if matching is None else f"a match in {quote(matching)}"
    return Observation(matching is not None, f"match {quote(pattern)}", found)


def _check_json(check: Check, case: Case, output: Output) -> Observation:
    """Require JSON. With `at`, the string at that place must itself be JSON, like the arguments of a tool call."""
    text = read_value(check, output) if "at" in check.options else output.text
    if not isinstance(text, str):
        raise NoValueError(f"must be a text that is JSON; found {quote(text)}")
    try:
        parse(text)
    except ValueError as error:
        return Observation(False, "be JSON", f"{error}, in {quote(text)}")
    return Observation(True, "be JSON", quote(text))


def _json_schema(check: Check, case: Case, output: Output) -> Observation:
    wrong = value_schema.find_fault(check, read_value(check, output))
    if isinstance(wrong, Unscored):
        raise NotScoredError(wrong.reason)
    wanted = f"fit {check.options.get('schema_path', 'the schema')}"
    return Observation(wrong is None, wanted, "no fault" if wrong is None else shorten(wrong, 130))


def _check_required_fields(check: Check, case: Case, output: Output) -> Observation:
    """Require fields that are present and not null. A name may be a dotted path."""
    value = read_value(check, output)
    if not isinstance(value, Mapping):
        raise NoValueError(f"must be a JSON object with fields; found {quote(value)}")
    names = as_list(check.options["fields"])
    missing = [str(name) for name in names if _is_missing(value, str(name))]
    return Observation(not missing, f"have {join_texts(names)}", f"no {join_texts(missing)}" if missing else "all")


def _length(check: Check, case: Case, output: Output) -> Observation:
    """Limit the characters, words or lines of a text.

    Characters are Unicode code points. Words are separated by white space, lines by any line break of Unicode. One at
    the end does not start another line.
    """
    text = read_value(check, output) if "at" in check.options else output.text
    if not isinstance(text, str):
        raise NoValueError(f"must be a text to have a length; found {quote(text)}")
    counts = {
        "chars": len(text),
        "words": len(text.split()),
        "lines": len(text.splitlines()),
    }
    return _check_limits(check, counts, "have")


def _latency(check: Check, case: Case, output: Output) -> Observation:
    """Limit the seconds of one case. `p95_seconds` applies to all cases and is decided in the comparison."""
    if output.seconds is None:
        raise NotScoredError("the seconds of this output were not measured")
    if "max_seconds" not in check.options:
        return Observation(
            True, "keep its p95, which is decided over all cases", f"{show_number(output.seconds)} seconds"
        )
    return _check_limits(check, {"seconds": output.seconds}, "take")


def _cost(check: Check, case: Case, output: Output) -> Observation:
    if output.cost_usd is None:
        raise NotScoredError("the cost of this output is unknown: its target has no prices, or reported no usage")
    return _check_limits(check, {"usd": output.cost_usd}, "cost")


def _tokens(check: Check, case: Case, output: Output) -> Observation:
    if output.usage is None:
        raise NotScoredError("the target reported no token usage for this output, or none below 2^53")
    used = output.usage
    counts = {"input": used.input_tokens, "output": used.output_tokens, "total": used.input_tokens + used.output_tokens}
    return _check_limits(check, counts, "use", " tokens")


def _run_nothing(check: Check, case: Case, output: Output) -> Observation:
    raise ValueError(f"{check.name}: its code runs in a child process")


def _combine_nothing(check: Check, case: Case, output: Output) -> Observation:
    raise ValueError(f"{check.name}: its parts are scored first")


TYPES: Mapping[str, Callable[[Check, Case, Output], Observation]] = {
    "equals": _equals,
    "contains": _contains,
    "contains_any": _contains_any,
    "contains_all": _contains_all,
    "regex": _regex,
    "is_json": _check_json,
    "json_schema": _json_schema,
    "required_fields": _check_required_fields,
    "length": _length,
    "latency": _latency,
    "cost": _cost,
    "tokens": _tokens,
    "starts_with": text_checks.check_starts_with,
    "ends_with": text_checks.check_ends_with,
    "one_of": text_checks.check_one_of,
    "levenshtein": text_checks.check_levenshtein,
    "no_refusal": text_checks.check_no_refusal,
    "number": number_checks.check_number,
    "contains_json": check_contains_json,
    "is_xml": xml_output.check_xml,
    "is_sql": sql_output.check_sql,
    "python": _run_nothing,
    "any_of": _combine_nothing,
    "all_of": _combine_nothing,
    "tool_call": tool_checks.check_tool_call,
    "no_tool_call": tool_checks.check_no_tool_call,
}
"""The check functions by type, without `not_` forms."""

NEGATABLE = frozenset({"equals", "contains", "contains_any", "contains_all", "regex", "is_json"})
"""The types with a `not_` form. `not_contains_all` fails if all texts are present, `not_contains_any` if any is."""

_VALIDATORS: Mapping[str, Callable[[Check], None]] = {
    "number": number_checks.validate_number,
    "is_sql": sql_output.validate_sql,
    "python": validate_python,
    **dict.fromkeys(TOOL_CHECKS, tool_checks.validate_tool_check),
}
_MEASURING = frozenset({"latency", "cost", "tokens"})
_SEARCHING = frozenset({"contains", "contains_any", "contains_all", "regex"})
_COMPARING = _SEARCHING - {"regex"} | {"equals", "starts_with", "ends_with", "one_of", "levenshtein"}
_PLACING = {"at", "transform"}
# an output without a visible character passes none of these
_NEEDING_TEXT = COMBINING | frozenset(
    {"starts_with", "ends_with", "one_of", "levenshtein", "no_refusal", "number", "contains_json", "is_xml", "is_sql"}
)
_LIMITS: Mapping[str, tuple[str, ...]] = {
    "length": ("min_chars", "max_chars", "min_words", "max_words", "min_lines", "max_lines"),
    "levenshtein": ("max_distance",),
    "latency": ("max_seconds", "p95_seconds"),
    "cost": ("max_usd",),
    "tokens": ("max_input", "max_output", "max_total"),
}


def _check_limits(check: Check, measured: Mapping[str, float], verb: str, unit: str = "") -> Observation:
    """Compare measurements with the limits: report the first exceeded limit, or all if none is. NaN exceeds each."""
    kept: list[tuple[str, str]] = []
    for option in _LIMITS[check.type]:
        bound, _, name = option.partition("_")
        limit = check.options.get(option)
        if limit is None or bound == "p95":
            continue
        assert isinstance(limit, int | float)
        value = measured[name]
        holds = value >= limit if bound == "min" else value <= limit
        wanted = f"at {'least' if bound == 'min' else 'most'} {show_number(limit)} {name}{unit}"
        found = f"{show_number(value, limit)} {name}{unit}"
        if not holds:
            return Observation(False, f"{verb} {wanted}", found)
        kept.append((wanted, found))
    found_all = dict.fromkeys(found for _, found in kept)
    return Observation(True, f"{verb} {', '.join(wanted for wanted, _ in kept)}", ", ".join(found_all))


def _list_searched(check: Check, output: Output) -> list[str]:
    """Return the texts that the check searches.

    A `not_` form searches the texts of tool calls as well, and the texts of JSON and HTML as written and decoded; all
    of them also as they are shown (`shown_text`).
    """
    text = find_text(check, output)
    if not check.negated:
        return [text]
    written = [text] if _PLACING & check.options.keys() else [text, *tool_checks.list_call_texts(output)]
    found = [*written, *(decoded for each in written for decoded in decode_texts(each))]
    return list(dict.fromkeys([*found, *map(decode_entities, found)]))


def _find_texts(check: Check, texts: list[str], haystacks: list[str]) -> list[str]:
    """Return those of the texts that any haystack contains; for a `not_` form also in spellings that look the same."""
    folded = [fold(check, haystack) for haystack in haystacks]
    is_in = has_words if check.options.get("words") else operator.contains
    is_there = make_search(folded, is_in) if check.negated else lambda text: any(is_in(one, text) for one in folded)
    return [text for text in texts if is_there(fold(check, text))]


def _agrees(check: Check, expected: Any, found: Any) -> bool:
    if isinstance(expected, str) and isinstance(found, str):
        return fold(check, expected.strip()) == fold(check, found.strip())
    return is_equal(expected, found)


def _is_missing(value: Any, name: str) -> bool:
    try:
        return dig(value, name) is None
    except LookupError:
        return True
