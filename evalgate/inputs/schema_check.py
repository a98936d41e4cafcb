"""Validation of a document by one of evalgate's JSON Schemas: all faults, each with its place and the closest match.

The jsonschema package takes 0.1 to 1.3 s to import, more than a whole `evalgate validate` may take, and reports a
`oneOf` as a single error. This module therefore implements the few keywords of evalgate's own schemas. Tests compare
its results with those of jsonschema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalgate.domain.names import find_closest, suggest
from evalgate.errors import Fault
from evalgate.inputs.formats.nodes import Node

Schema = Mapping[str, Any]

ANNOTATIONS = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "default", "examples", "markdownDescription", "writeOnly"}
)
KEYWORDS = frozenset(
    {"$ref", "oneOf", "anyOf", "not", "type", "const", "enum", "pattern", "properties", "required"}
    | {"additionalProperties", "minProperties", "items", "minItems", "uniqueItems"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)
_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "empty (null)",
}
_TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


@lru_cache(maxsize=8)
def load(name: str) -> Schema:
    """Load a schema that is packaged in this folder."""
    # without strict_json, because the file is part of the package
    schema: Schema = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return schema


class SchemaCheck:
    """Checks one document against one schema.

    `faults` collects the faults of all `check` calls. `is_valid` says whether a node may be read.
    """

    def __init__(self, schema: Schema, path: str, hints: Mapping[str, str] | None = None) -> None:
        """Make a checker for the document at `path`. `hints` are hints for unknown keys, by lower-case name.

        A hint for the keys of one mapping, or for types, has the label of the mapping or `"type"` before the name.
        """
        self.faults: list[Fault] = []
        self._hints = hints or {}
        self._schema = schema
        self.path = path
        self._invalid: set[int] = set()
        self._copies: list[Node] = []  # alive, so that no other node gets the id of one

    def check(self, node: Node, definition: Schema | None = None, label: str = "the file") -> bool:
        """Check a node against a definition (default: the whole schema), and return whether it is valid.

        `label` names the node in messages.
        """
        before = len(self.faults)
        self._node(node, definition or self._schema, label)
        return len(self.faults) == before

    def is_valid(self, node: Node | None) -> bool:
        """Return whether a node and all nodes below it are without faults; True for an absent node."""
        return node is None or id(node) not in self._invalid

    def copy_validity(self, node: Node, copy: Node) -> None:
        """Mark a copy of a node as invalid if the node is. The copy has to be kept as long as this object."""
        self._copies.append(copy)
        if not self.is_valid(node):
            self._invalid.add(id(copy))

    def add_fault(self, node: Node, message: str, hint: str | None = None, *, key: str | None = None) -> None:
        """Add a fault at a node, or at one of its keys. The node then counts as invalid."""
        place = node.place(self.path) if key is None else node.key_place(key, self.path)
        self.faults.append(Fault(message=message, place=place, hint=hint))
        self._invalid.add(id(node))

    def _node(self, node: Node, schema: Schema, label: str) -> bool:
        before = len(self.faults)
        schema = self._resolve(schema)
        if "oneOf" in schema:
            branch = self._branch(node, [self._resolve(option) for option in schema["oneOf"]], label)
            if branch is not None:
                self._node(node, branch, label)
        elif self._type(node, schema, label):
            self._value(node, schema, label)
            if isinstance(node.children, dict):
                self._mapping(node, schema, label)
            elif isinstance(node.children, list):
                self._list(node, schema, label)
        if len(self.faults) > before:
            self._invalid.add(id(node))
        return len(self.faults) == before

    def _resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._schema["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return schema

    def _branch(self, node: Node, options: list[Schema], label: str) -> Schema | None:
        """Return the alternative that applies to a value: by its JSON type, and for mappings by their `type` key."""
        fitting = [option for option in options if "type" in option and _has_type(node.data, option["type"])]
        if not fitting:
            self._wrong_type(node, [option["type"] for option in options], label)
            return None
        if len(fitting) == 1:
            return fitting[0]
        by_type = {name: option for option in fitting for name in _list_named(option["properties"]["type"])}
        kind = node.get("type")
        if kind is None:
            self.add_fault(node, f'{label} has no "type"', f"one of: {', '.join(by_type)}")
        elif not isinstance(kind.data, str):
            self._wrong_type(kind, ["string"], '"type"')
        elif kind.data not in by_type:
            message, hint = describe_unknown("type", kind.data, by_type)
            self.add_fault(kind, message, self._hints.get(f'"type" {kind.data}'.lower(), hint))
        else:
            return by_type[kind.data]
        return None

    def _type(self, node: Node, schema: Schema, label: str) -> bool:
        if "type" not in schema or _has_type(node.data, schema["type"]):
            return True
        self._wrong_type(node, [schema["type"]], label)
        return False

    def _wrong_type(self, node: Node, wanted: list[str], label: str) -> None:
        if "string" in wanted and isinstance(node.data, bool | int | float):
            what = "true or false" if isinstance(node.data, bool) else "a number"
            self.add_fault(node, f'{label} is {what} here ({node.text}): quote it, "{node.text}"')
            return
        names = " or ".join(_NAMES[name] for name in dict.fromkeys(wanted))
        self.add_fault(node, f"{label} must be {names}, not {_show(node)}")

    def _value(self, node: Node, schema: Schema, label: str) -> None:
        value = node.data
        if "const" in schema and value != schema["const"]:
            self.add_fault(node, f"{label} must be {json.dumps(schema['const'])}, not {_show(node)}")
        elif "enum" in schema and value not in schema["enum"]:
            message, hint = describe_unknown("value", str(value), [str(option) for option in schema["enum"]])
            self.add_fault(node, f"{message} for {label}" if hint else message, hint)
        elif isinstance(value, str):
            if "pattern" in schema and not re.search(schema["pattern"], value):
                # instead of the name of a secret, the value may be the secret itself
                shown = "" if schema.get("writeOnly") else f", not {_show(node)}"
                self.add_fault(node, f"{label} must be {schema.get('title', 'of another form')}{shown}")
        elif isinstance(value, int | float):
            problem = _describe_range(value, schema)
            if problem:
                self.add_fault(node, f"{label} must be {problem}, not {node.text}")

    def _mapping(self, node: Node, schema: Schema, label: str) -> None:
        known: Mapping[str, Schema] = schema.get("properties", {})
        self._check_keys(node, schema, known, label)
        self._check_required(node, schema, known, label)
        self._check_combinations(node, schema, label)

    def _check_keys(self, node: Node, schema: Schema, known: Mapping[str, Schema], label: str) -> None:
        """Check the value of each key, and refuse a key that the schema does not know."""
        rest = schema.get("additionalProperties", True)
        for key, child in node.items():
            if key in known:
                self._node(child, known[key], f'"{key}"')
            elif rest is False:
                message, hint = describe_unknown("key", key, known)
                hint = self._hints.get(key.lower(), hint)
                self.add_fault(node, message, self._hints.get(f"{label} {key}".lower(), hint), key=key)
            elif isinstance(rest, Mapping):
                self._node(child, rest, f'"{key}"')

    def _check_required(self, node: Node, schema: Schema, known: Mapping[str, Schema], label: str) -> None:
        """Refuse a mapping that lacks a required key, or that is empty although it must not be."""
        missing = [key for key in schema.get("required", ()) if key not in node.data]
        meant = {find_closest(key, known) for key in node.data if key not in known} if missing else set()
        for key in missing:
            if key not in meant:  # else the fault of the unknown key already suggests this one
                self.add_fault(node, f'"{key}" is missing' + ("" if label == "the file" else f" in {label}"))
        if len(node.data) < schema.get("minProperties", 0):
            self.add_fault(node, f"{label} is empty")

    def _check_combinations(self, node: Node, schema: Schema, label: str) -> None:
        """Refuse a mapping that has none of the alternative keys, or that has two keys that exclude each other."""
        alternatives = [option["required"][0] for option in schema.get("anyOf", ())]
        known = schema.get("properties", {})
        meant = {find_closest(key, known) for key in node.data if key not in known} if alternatives else set()
        # an unknown key that is one of them, misspelt, is a fault already
        if alternatives and not any(key in node.data or key in meant for key in alternatives):
            self.add_fault(node, f"{label} needs one of: {', '.join(alternatives)}")
        excluded = schema.get("not", {}).get("required", ())
        if excluded and all(key in node.data for key in excluded):
            self.add_fault(node, " and ".join(f'"{key}"' for key in excluded) + " exclude each other", key=excluded[-1])

    def _list(self, node: Node, schema: Schema, label: str) -> None:
        if len(node.data) < schema.get("minItems", 0):
            self.add_fault(node, f"{label} is empty")
        seen: list[Any] = []
        item = self._resolve(schema.get("items", {}))
        inner = item.get("title") if "oneOf" in item or item.get("type") == "object" else None
        for child in node:
            self._node(child, item, inner or f"an entry of {label}")
            if schema.get("uniqueItems") and child.data in seen:
                self.add_fault(child, f"{_show(child)} appears twice in {label}")
            seen.append(child.data)


def describe_unknown(kind: str, name: str, known: Iterable[str]) -> tuple[str, str | None]:
    """Return the message for an unknown name with the closest match; without a match, also a hint with all names."""
    names = list(known)
    match = find_closest(name, names)
    shown = name if len(name) <= 60 else f"{name[:59]}…"
    if match is not None:
        return f'unknown {kind} "{shown}"; {suggest(match)}', None
    return f'unknown {kind} "{shown}"', f"known names: {', '.join(names)}" if names else None


def _list_named(schema: Schema) -> list[str]:
    return [schema["const"]] if "const" in schema else list(schema["enum"])


def _has_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _describe_range(value: float, schema: Schema) -> str | None:
    if "minimum" in schema and value < schema["minimum"]:
        return f"at least {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        return f"at most {schema['maximum']}"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        return f"more than {schema['exclusiveMinimum']}"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        return f"less than {schema['exclusiveMaximum']}"
    return None


def _show(node: Node) -> str:
    if isinstance(node.data, dict | list) or node.data is None:
        return "a mapping" if isinstance(node.data, dict) else "a list" if node.data is not None else "empty"
    text = json.dumps(node.data, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
