"""The assertions that a call fits the tools of the provider, as checks of tool calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers.promptfoo_criteria import NotCarriedError, Wanted, make_check
from evalgate.inputs.importers.promptfoo_file import SCHEME, ForeignFiles, as_mapping, try_parse


def check_calls(tools: Json, files: ForeignFiles) -> list[Wanted]:
    """Return the checks that every call is one of a tool that is defined, with arguments of its schema.

    Raises NotCarriedError if the definitions are not at hand.
    """
    defined = dict(_list_functions(load_tools(tools, files)))
    if not defined:
        raise NotCarriedError("the provider has no tools at hand")
    if len(defined) == 1:
        ((name, parameters),) = defined.items()
        options: dict[str, Json] = {"tool": name, "only": True}
        if not parameters:
            return [make_check("tool_call", options)]
        return [make_check("tool_call", options, slot="schema", value=parameters)]
    choices: list[Json] = [
        {
            "properties": {"name": {"const": name}, **({"arguments": parameters} if parameters else {})},
            "required": ["name", "arguments"],
        }
        for name, parameters in defined.items()
    ]
    calls: dict[str, Json] = {"type": "array", "minItems": 1, "items": {"anyOf": choices}}
    schema: dict[str, Json] = {"type": "object", "required": ["tool_calls"], "properties": {"tool_calls": calls}}
    return [make_check("json_schema", slot="schema", value=schema)]


def load_tools(tools: Json, files: ForeignFiles) -> Json:
    """Return the definitions of tools, from the files that are named in their place."""
    if isinstance(tools, str) and tools.startswith(SCHEME):
        return try_parse(files.read(tools), tools) if files.exists(tools) and tools.endswith(_DATA) else None
    if isinstance(tools, list):
        return [load_tools(each, files) if isinstance(each, str) else each for each in tools]
    return tools


_DATA = (".json", ".yaml", ".yml")


def _list_functions(tools: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names and the parameters of functions, in the forms of tools and of the older functions."""
    for each in tools if isinstance(tools, list) else ():
        if isinstance(each, list):
            yield from _list_functions(each)
            continue
        declared = as_mapping(each).get("functionDeclarations") or as_mapping(each).get("function_declarations")
        if isinstance(declared, list):
            yield from ((name, _lower_types(held)) for name, held in _list_functions(declared))
            continue
        function = each.get("function", each) if isinstance(each, dict) else {}
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str) and name:
            parameters = function.get("parameters") or function.get("input_schema")
            yield name, parameters if isinstance(parameters, dict) else {}


def _lower_types(schema: Any) -> Any:
    """Return a schema of Google's API with the names of types as JSON Schema has them."""
    if isinstance(schema, list):
        return [_lower_types(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _lower_types(each) for key, each in schema.items()}
    return {**made, "type": made["type"].lower()} if isinstance(made.get("type"), str) else made
