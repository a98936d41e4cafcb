"""Checks of the tool calls of an output, and the texts in calls that the checks of text search."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evalgate.domain import Case, Check, Output, Unscored
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.domain.output_calls import ToolCall, parse_arguments
from evalgate.score import value_schema
from evalgate.score.json_output import decode_texts, dig, parse
from evalgate.score.observation import NotScoredError, Observation, clip, join_texts, shorten
from evalgate.score.shown_text import show_text

_ARGUMENTS = 40  # characters of arguments that a reason shows
_FAULT = 110
_RECIPIENT = "recipient_name"
_UNREADABLE = "a call without a readable name"


def check_tool_call(check: Check, case: Case, output: Output) -> Observation:
    """Require calls of a tool, or of any tool if the check names none.

    `from` is a field of the case with a name, a list of names that are all required, or nothing (null or an empty list)
    if no tool may be called. Every call of a required tool has to fit the schema, and its arguments have to be JSON.
    `times` is the exact number of calls of each tool. `only` forbids calls of other tools.
    """
    names, calls = _read_names(check, case), output.calls
    if names is not None and not names:
        return Observation(not calls, "call no tool", _show_calls(calls))
    required = None if names is None else set(names)
    named: list[ToolCall] = []
    others: list[ToolCall] = []
    for call in calls:
        (named if call.is_named and (required is None or call.name in required) else others).append(call)
    counts = Counter(call.name for call in named)
    wanted = f"call {'a tool' if names is None else join_texts(names)}"
    times = check.options.get("times")
    if times is not None:
        wanted += f" {times} time{'' if times == 1 else 's'}"
    for name in [None] if names is None else names:
        count = len(named) if name is None else counts[name]
        if count == 0 or times not in (None, count):
            return Observation(False, wanted, f"{show_count(count, 'such call')} in {_show_calls(calls)}")
    if check.options.get("only") and others:
        return Observation(False, f"{wanted} only", _show_calls(others))
    if "schema" in check.options:
        wanted += f" with arguments that fit {_describe_schema(check)}"
        for call in named:
            fault = _find_fault(check, call)
            if fault is not None:
                return Observation(False, wanted, f"{clip(call.name, _ARGUMENTS)}: {fault}")
    return Observation(True, wanted, _show_calls(named))


def check_no_tool_call(check: Check, case: Case, output: Output) -> Observation:
    """Forbid calls of some tools, or of all if the check names none.

    A call in another notation is still a call: names are compared as they are shown, without case, and with what
    endpoints put around them (`functions.`, `mcp__server__`, an index, a channel, parentheses). The calls that a call
    of several tools names count as well. If some tools are forbidden, a call without a readable name leaves the output
    unscored.
    """
    names, calls = _read_names(check, case), output.calls
    if names is None:
        return Observation(not calls, "call no tool", _show_calls(calls))
    is_forbidden = _make_search(names)
    found = [call for call in calls if any(map(is_forbidden, [call.name, *_list_recipients(call)]))]
    if not found and not all(call.is_named for call in calls):
        raise NotScoredError(f"{_UNREADABLE}: it is unknown whether it calls {join_texts(names)}")
    return Observation(not found, f"not call {join_texts(names)}", _show_calls(found or calls))


def validate_tool_check(check: Check) -> None:
    """Check the options of a tool check. Raises ValueError, with a sentence, for options that cannot be used."""
    options = check.options
    if len({"tool", "tools", "from"} & options.keys()) > 1:
        raise ValueError(f"{check.name}: name the tool once")
    if options.get("only") and not {"tool", "from"} & options.keys():
        raise ValueError(f'{check.name}: "only" needs the name of the tool')
    if "schema" in options and "schema" not in check.from_case:
        value_schema.make_validator(check)


def list_call_texts(output: Output) -> list[str]:
    """Return the texts in the calls of an output: names, arguments as received, and each text inside the arguments.

    JSON can write a text in several ways. The texts inside are decoded, so that a search finds each of them.
    """
    found: list[str] = []
    for call in output.calls:
        found += [call.name, call.arguments]
        value = parse_arguments(call.arguments)
        if not isinstance(value, str) or value != call.arguments:
            found += _list_texts(value)
    return found


def name_calls(calls: Sequence[ToolCall]) -> str:
    """Name the tools of some calls, each once."""
    return join_texts(list(dict.fromkeys(call.name or call.arguments for call in calls)))


def _list_texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item


def _read_names(check: Check, case: Case) -> list[str] | None:
    """Return the names of the tools; None if the check is about any tool."""
    options = check.options
    if "tool" in options:
        return [str(options["tool"])]
    if "tools" in options:
        value: Any = options["tools"]
        return [str(name) for name in value]
    if "from" not in options:
        return None
    path = str(options["from"])
    try:
        value = dig(case.fields, path)
    except LookupError:
        raise NotScoredError(f'case {case.id} has no field "{path}"') from None
    names = [] if value in (None, "") else [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name.strip() for name in names):
        raise NotScoredError(f'case {case.id}: the field "{path}" is not a name of a tool, nor a list of names')
    return list(dict.fromkeys(names))


def _find_fault(check: Check, call: ToolCall) -> str | None:
    try:
        value = parse(call.arguments)
    except ValueError as error:
        return f'arguments that are not JSON: {error}, in "{clip(call.arguments, _ARGUMENTS)}"'
    fault = value_schema.find_fault(check, value)
    if isinstance(fault, Unscored):
        raise NotScoredError(fault.reason)
    return None if fault is None else shorten(fault, _FAULT)


def _describe_schema(check: Check) -> str:
    return "the schema" if check.options.get("inline") else str(check.options.get("schema_path", "the schema"))


def _show_calls(calls: Sequence[ToolCall]) -> str:
    if not calls:
        return "no tool call"
    shown = [f"{clip(call.name, _ARGUMENTS) or '?'}({clip(call.arguments, _ARGUMENTS)})" for call in calls]
    return name_some(shown, 3)


def _make_search(names: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that tells whether the name of a call has one of these names as a part of its own."""
    folded = {_fold(name) for name in names}
    parts = re.compile(
        "|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in sorted(folded, key=len, reverse=True))
    )

    def search(called: str) -> bool:
        whole = _fold(called)
        return parts.search(whole) is not None or not folded.isdisjoint(whole.split("__"))

    return search


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", show_text(name)).casefold().strip()


def _list_recipients(call: ToolCall) -> list[str]:
    """Return the names of the tools that a call of several tools names, as in `multi_tool_use.parallel`."""
    if _RECIPIENT not in call.arguments and "\\u" not in call.arguments:  # the key may be written in escapes
        return []
    value = parse_arguments(call.arguments)
    if isinstance(value, str):
        texts = [value, *decode_texts(value)]  # no JSON: each piece between two quotation marks may be a name
        return [piece for text in texts for piece in text.split('"')]
    found, waiting = [], [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            found += [str(item[_RECIPIENT])] if _RECIPIENT in item else []
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return found
