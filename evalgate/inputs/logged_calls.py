"""Reader of logged model calls: spans of OpenTelemetry, observations of Langfuse, requests in OpenAI's format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalgate.domain import Json
from evalgate.domain.numbers import show_count
from evalgate.domain.strict_json import JsonError, load
from evalgate.errors import InputError
from evalgate.inputs.formats import json_lines
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.formats.nodes import refuse

KNOWN = (
    "a span or an export of spans (OTLP/JSON), an observation or a trace of Langfuse, or a request with its response "
    "in OpenAI's format"
)
_INPUTS = (
    "gen_ai.input.messages",
    "input.value",
    "gen_ai.prompt",
    "langfuse.observation.input",
    "traceloop.entity.input",
)
_OUTPUTS = (
    "gen_ai.output.messages",
    "output.value",
    "gen_ai.completion",
    "langfuse.observation.output",
    "traceloop.entity.output",
)
_VARIABLES = "llm.prompt_template.variables"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """What a call was given, and what it answered, as plain data; `id` is that of the span, observation or request."""

    id: str | None
    input: Json
    output: Json = None

    @property
    def variables(self) -> Mapping[str, Json]:
        """The input by names, if it is not a chat: the variables of a template, or the arguments of a function."""
        given = self.input
        if not isinstance(given, Mapping) or self.messages:
            return {}
        arguments = given.get("kwargs")
        return arguments if isinstance(arguments, Mapping) and set(given) <= {"args", "kwargs"} else given

    @property
    def messages(self) -> tuple[tuple[str, str], ...]:
        """Role and text of each message of the input; empty if it is not a chat, or has content that is not a text."""
        return _read_messages(self.input)

    @property
    def answer(self) -> str | None:
        """The text of the output; None if there is none."""
        return _read_answer(self.output)


def read_calls(data: bytes, path: str) -> list[LoggedCall]:
    """Return the calls of a file: one JSON value, or one a line. Raises InputError if it has none in a known form."""
    text = decode(data, path)
    found: list[LoggedCall] = []
    values: list[Any] = []
    try:
        values = [load(text, bounded=True)]
    except JsonError:
        for _, _, value in json_lines.read_values(text, path):
            if isinstance(value, InputError):
                raise value from None
            values.append(value)
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            found += _find_calls(one) if isinstance(one, Mapping) else ()
    if not found:
        raise refuse("has no call in a known form", path, hint=f"known are {KNOWN}")
    return found


def choose_call(calls: Sequence[LoggedCall], name: str | None, path: str) -> LoggedCall:
    """Return the call with an id; without one, the only call. Raises InputError if none or several fit."""
    fitting = [call for call in calls if name is None or call.id == name]
    if len(fitting) == 1:
        return fitting[0]
    known = [call.id for call in calls if call.id is not None]
    listed = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
    what = (
        f'no call has the id "{name}"'
        if name is not None and not fitting
        else f"has {show_count(len(fitting), 'call')}"
    )
    raise refuse(what, path, hint=f"name one with --case: {listed}" if listed else "give a file with one call")


def _find_calls(value: Mapping[str, Any]) -> Iterator[LoggedCall]:
    if isinstance(value.get("resourceSpans"), list):
        for span in _list_spans(value):
            yield from _read_span(span)
    elif "attributes" in value and ("spanId" in value or "span_id" in value or "traceId" in value):
        yield from _read_span(value)
    elif isinstance(value.get("data"), list) and "input" not in value:
        for one in _list_mappings(value["data"]):
            yield from _find_calls(one)
    else:
        yield from _read_request(value)
        for one in _list_mappings(value.get("observations")):
            if one.get("type") == "GENERATION":
                yield from _find_calls(one)


def _list_spans(export: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in _list_mappings(export["resourceSpans"]):
        for scope in _list_mappings(resource.get("scopeSpans")):
            yield from _list_mappings(scope.get("spans"))


def _list_mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _read_span(span: Mapping[str, Any]) -> Iterator[LoggedCall]:
    """Yield the call of a span, if it says what was given to a model."""
    values = _read_attributes(span.get("attributes"))
    given: Any = _parse(values.get(_VARIABLES))
    if not isinstance(given, Mapping):
        given = next((_parse(values[name]) for name in _INPUTS if name in values), None)
        given = given or _collect(values, "gen_ai.prompt") or _collect(values, "llm.input_messages")
    output = next((_parse(values[name]) for name in _OUTPUTS if name in values), None)
    output = output or _collect(values, "gen_ai.completion") or _collect(values, "llm.output_messages")
    if given:
        name = span.get("spanId") or span.get("span_id")
        yield LoggedCall(id=name if isinstance(name, str) else None, input=given, output=output or None)


def _read_attributes(given: Any) -> dict[str, Any]:
    """Return attributes by name, of OTLP's list of pairs or of a plain mapping."""
    if isinstance(given, Mapping):
        return dict(given)
    pairs = [one for one in _list_mappings(given) if isinstance(one.get("key"), str)]
    return {pair["key"]: _read_any_value(pair.get("value")) for pair in pairs}


def _read_any_value(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "arrayValue" in value:
        return [_read_any_value(one) for one in _list_mappings(_as_mapping(value["arrayValue"]).get("values"))]
    if "kvlistValue" in value:
        return _read_attributes(_as_mapping(value["kvlistValue"]).get("values"))
    return next(iter(value.values()), None)


def _collect(values: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Return the messages of numbered attributes: `gen_ai.prompt.0.role`, `llm.input_messages.0.message.content`."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in values.items():
        parts = name.removeprefix(f"{prefix}.").split(".") if name.startswith(f"{prefix}.") else []
        if len(parts) > 1 and parts[0].isdecimal() and parts[-1] in ("role", "content"):
            found.setdefault(int(parts[0]), {})[parts[-1]] = value
    return [found[number] for number in sorted(found)]


def _read_request(value: Mapping[str, Any]) -> Iterator[LoggedCall]:
    """Yield the call of a request with its response, of a line of a batch, or of an observation or a trace."""
    request, response = value.get("request"), value.get("response")
    body = _as_mapping(value.get("body", request)) or value
    body = _as_mapping(body.get("body")) or body
    if isinstance(response, Mapping):
        response = response.get("body", response)
    given = _parse(body.get("messages", body.get("input")))
    output = _parse(value.get("output", response if response is not None else None))
    if output is None and isinstance(value.get("choices"), list):
        output = {"choices": value["choices"]}
    name = value.get("custom_id") or value.get("id") or value.get("traceId")
    if given:
        yield LoggedCall(id=name if isinstance(name, str) else None, input=given, output=output)


def _parse(value: Any) -> Any:
    """Return the data of a text that is a JSON object or list, else the value itself."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return load(value, bounded=True)
    except JsonError:
        return value


def _read_messages(given: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(given, Mapping):
        given = given.get("messages")
    if not isinstance(given, list) or not given:
        return ()
    found = []
    for one in given:
        role = one.get("role") if isinstance(one, Mapping) else None
        text = _read_content(one.get("content", one.get("parts"))) if isinstance(one, Mapping) else None
        if not isinstance(role, str) or text is None:
            return ()
        found.append((role, text))
    return tuple(found)


def _read_content(content: Any) -> str | None:
    """Return the text of a message, of one text or of several parts; None if a part is not a text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [one.get("text", one.get("content")) if isinstance(one, Mapping) else one for one in content]
    return "".join(texts) if texts and all(isinstance(text, str) for text in texts) else None


def _read_answer(output: Any) -> str | None:
    if isinstance(output, str):
        return output
    if isinstance(output, list):
        messages = [one for one in output if isinstance(one, Mapping)]
        return _read_answer(messages[-1]) if messages else None
    if not isinstance(output, Mapping):
        return None
    for key in ("choices", "output", "messages"):
        if isinstance(output.get(key), list) and output[key]:
            inner = output[key][0] if key == "choices" else output[key][-1]
            return _read_answer(inner.get("message", inner) if isinstance(inner, Mapping) else inner)
    return _read_content(output.get("content", output.get("parts", output.get("text"))))
