"""The keys that the prompt formats share: version, model parameters, the form of the answer; and what a file holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalgate.domain import Json, Message, TextStart
from evalgate.domain.templates import Syntax
from evalgate.errors import InputError
from evalgate.inputs.formats import json as json_text
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck

_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
# these have their own keys in a prompt file, or would change the form of a reply
NOT_PARAMETERS = frozenset({"model", "messages", "response_format", "tools", "stream", "stream_options", "n"})
PARAMETERS = frozenset({
    "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_output_tokens", "max_tokens", "min_p",
    "parallel_tool_calls", "presence_penalty", "reasoning", "reasoning_effort", "repetition_penalty", "seed", "stop",
    "temperature", "thinking", "tool_choice", "top_k", "top_logprobs", "top_p", "verbosity",
})  # fmt: skip
"""What the parameters of a request are called where they stand among keys of other kinds."""
PARAMETER_HINTS = {
    written: "it is a parameter of the model: write it under `modelParameters`"
    for name in PARAMETERS
    for written in (name, name.replace("_", ""), name.replace("_", "-"))
}
"""Hints for parameters that stand beside the keys of GitHub's format, by what `SchemaCheck` looks them up with."""
_SCHEMA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(slots=True, kw_only=True)
class PromptParts:
    """What a prompt file holds, before the settings of its gate apply.

    `template` is the syntax that the file states, or that its format has. `is_text` says that it is one text without a
    stated role, `is_marked` that its messages are parts of one text. `unsent` are keys that are not sent.
    `has_front_matter` is about files that may do without.
    """

    messages: tuple[Message, ...]
    starts: tuple[TextStart | None, ...] = ()
    name: str | None = None
    model: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    response_format: Mapping[str, Json] | None = None
    tools: tuple[Json, ...] = ()
    version: str | None = None
    change: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    template: Syntax | None = None
    is_marked: bool = False
    is_text: bool = False
    unsent: tuple[str, ...] = ()
    has_front_matter: bool = False


def read_parts(
    root: Node,
    checker: SchemaCheck,
    messages: tuple[Message, ...],
    starts: tuple[TextStart | None, ...],
    *,
    is_text: bool = False,
    unsent: tuple[str, ...] = (),
) -> PromptParts:
    """Read the keys of GitHub's format beside the messages. Adds their faults to the checker."""
    version = read_version(root, checker)
    parameters = read_parameters(root, checker)
    response_format = read_response_format(root, checker)
    given: Mapping[str, Any] = root.data if isinstance(root.data, dict) else {}
    tools = given.get("tools")
    return PromptParts(
        messages=messages,
        starts=starts,
        name=given.get("name"),
        model=given.get("model"),
        parameters=parameters,
        response_format=response_format,
        tools=tuple(tools) if isinstance(tools, list) else (),
        version=version,
        change=given.get("change"),
        lines={key: line for key, (line, _) in (root.keys or {}).items()},
        template=given.get("template") if checker.is_valid(root.get("template")) else None,
        is_text=is_text,
        unsent=unsent,
    )


def read_version(root: Node, checker: SchemaCheck) -> str | None:
    """Return the declared semantic version. For a number, the fault shows the correct text."""
    node = root.get("version")
    if node is None:
        return None
    if isinstance(node.data, int | float) and not isinstance(node.data, bool):
        checker.faults = [fault for fault in checker.faults if fault.place != node.place(checker.path)]
        written = node.text or ""
        full = ".".join([*written.split("."), "0", "0"][:3])
        checker.add_fault(node, f'version is a number here ({written}): quote it, "{full}"')
        return None
    if not checker.is_valid(node):
        return None
    text: str = node.data
    if is_version(text):
        return text
    hint = 'write it without the "v"' if re.match(r"[vV]\d", text) else 'such as "2.4.0"'
    checker.add_fault(node, f'"{text[:60]}" is not a semantic version (MAJOR.MINOR.PATCH)', hint)
    return None


def is_version(value: object) -> bool:
    """Return whether a value is a semantic version: text of the form MAJOR.MINOR.PATCH."""
    import semver

    return isinstance(value, str) and semver.Version.is_valid(value)


def make_api_name(key: str) -> str:
    """Return a parameter's name in the API: maxTokens -> max_tokens."""
    return _CAMEL.sub(r"_\1", key).lower()


def read_parameters(root: Node, checker: SchemaCheck) -> Mapping[str, Json]:
    node = root.get("modelParameters")
    parameters: dict[str, Json] = {}
    for key, value in node.items() if node is not None else ():
        name = make_api_name(key)
        if name in parameters:
            checker.add_fault(node or root, f'"{key}" is given twice, in camelCase and in snake_case', key=key)
        elif name in NOT_PARAMETERS:
            own = {"model": "model", "response_format": "responseFormat", "tools": "tools"}.get(name)
            hint = f'use the prompt\'s own "{own}"' if own else None
            checker.add_fault(node or root, f'"{key}" cannot be a model parameter', hint, key=key)
        parameters[name] = value.data
    return parameters


def read_response_format(root: Node, checker: SchemaCheck) -> Mapping[str, Json] | None:
    """Return the API's object {"type": "json_schema", "json_schema": {name, strict?, schema}}; None for plain text."""
    kind, schema = root.get("responseFormat"), root.get("jsonSchema")
    wanted = kind.data if kind is not None else "text"
    if schema is not None and wanted != "json_schema":
        checker.add_fault(root, '"jsonSchema" has no effect without "responseFormat: json_schema"', key="jsonSchema")
    elif schema is None and wanted == "json_schema":
        checker.add_fault(kind or root, '"responseFormat: json_schema" needs "jsonSchema"')
    elif schema is not None and checker.is_valid(schema):
        named = _read_schema(schema, checker)
        return None if named is None else {"type": "json_schema", "json_schema": named}
    return {"type": "json_object"} if wanted == "json_object" else None


def _read_schema(node: Node, checker: SchemaCheck) -> Mapping[str, Json] | None:
    """Return GitHub's {name, strict, schema}. A schema without a name gets one, because the API requires it."""
    value: Any = node.data
    if isinstance(value, str):
        try:
            value = json_text.loads(value, checker.path)
        except InputError as error:
            fault = error.faults[0]
            where = f" (line {fault.place.line} of it, column {fault.place.column})" if fault.place else ""
            checker.add_fault(node, f'"jsonSchema": {fault.message}{where}', fault.hint)
            return None
        if not isinstance(value, dict):
            checker.add_fault(node, '"jsonSchema" must contain a JSON object')
            return None
    if not {"name", "schema"} <= value.keys():
        return {"name": "response", "schema": value}
    if not isinstance(value["name"], str) or not _SCHEMA_NAME.fullmatch(value["name"]):
        checker.add_fault(node, '"jsonSchema": its "name" must be 1 to 64 letters, digits, _ and -')
    elif not isinstance(value["schema"], dict):
        checker.add_fault(node, '"jsonSchema": its "schema" must be an object')
    return dict(value)
