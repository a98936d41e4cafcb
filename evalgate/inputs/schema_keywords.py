"""Search for keywords without effect in the schemas of `json_schema` checks: misspelt, or of another draft."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urldefrag, urljoin

from evalgate.domain.names import find_closest, suggest
from evalgate.errors import Fault
from evalgate.inputs.formats import json
from evalgate.inputs.formats.nodes import Node

_ONE = frozenset(
    {"additionalItems", "additionalProperties", "contains", "contentSchema", "else", "extends", "if", "items", "not"}
    | {"propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
)
_LIST = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_NAMED = frozenset({"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"})
_REFERENCES = frozenset({"$dynamicRef", "$recursiveRef", "$ref"})
_VALUES = frozenset(
    {"const", "contentEncoding", "contentMediaType", "dependentRequired", "disallow", "divisibleBy", "enum", "format"}
    | {"exclusiveMaximum", "exclusiveMinimum", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum"}
    | {"minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "required"}
    | {"type", "uniqueItems"}
)
_ASKING = _ONE | _LIST | _NAMED | _REFERENCES | _VALUES
# keywords that do not constrain a value; the last line has those of OpenAPI
_ANNOTATIONS = frozenset(
    {"$anchor", "$comment", "$dynamicAnchor", "$id", "$recursiveAnchor", "$schema", "$vocabulary", "default", "title"}
    | {"deprecated", "description", "examples", "id", "readOnly", "writeOnly"}
    | {"discriminator", "example", "externalDocs", "nullable", "xml"}
)
_KNOWN = _ASKING | _ANNOTATIONS
_NEAR = 0.77
_OTHER_WORDS = {"max": "maximum", "min": "minimum", "regex": "pattern", "regexp": "pattern"}
_DRAFTS = ("draft-03", "draft-04", "draft-06", "draft-07", "2019-09", "2020-12")
_DEFAULT = _DRAFTS.index("2020-12")
_SINCE = {
    **dict.fromkeys(("allOf", "anyOf", "maxProperties", "minProperties", "multipleOf", "not", "oneOf"), "draft-04"),
    **dict.fromkeys(("const", "contains", "propertyNames"), "draft-06"),
    **dict.fromkeys(("else", "if", "then"), "draft-07"),
    **dict.fromkeys(("dependentRequired", "dependentSchemas", "maxContains", "minContains"), "2019-09"),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties", "$recursiveRef"), "2019-09"),
    **dict.fromkeys(("prefixItems", "$dynamicRef"), "2020-12"),
}
_UNTIL = {
    **dict.fromkeys(("disallow", "divisibleBy", "extends"), "draft-03"),
    "additionalItems": "2019-09",
    "dependencies": "draft-07",
    "$recursiveRef": "2019-09",
}
_NEEDS = {
    **dict.fromkeys(("else", "then"), ("if",)),
    **dict.fromkeys(("maxContains", "minContains"), ("contains",)),
    "if": ("then", "else"),
}
"""The keywords without any of which another has no effect."""
_UNASSERTED = frozenset({"$defs", "contentEncoding", "contentMediaType", "contentSchema", "definitions"})
_EMPTY_WHEN_FALSE = frozenset({"minItems", "minLength", "minProperties", "required", "uniqueItems"})
_TYPES = frozenset({"array", "boolean", "null", "number", "object", "string"})
_OF_ONE_TYPE = frozenset(
    {"additionalItems", "additionalProperties", "contains", "dependencies", "dependentRequired", "dependentSchemas"}
    | {"divisibleBy", "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxContains", "maxItems", "maxLength"}
    | {"maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf"}
    | {"pattern", "patternProperties", "prefixItems", "properties", "propertyNames", "required", "unevaluatedItems"}
    | {"unevaluatedProperties", "uniqueItems"}
)
"""The keywords that ask something of objects alone, or of lists, texts or numbers alone."""
# up to this draft, `$ref` is read alone
_INDEX = re.compile("[0-9]{1,9}")
_ALONE = _DRAFTS.index("draft-07")


def find_empty(documents: Mapping[str, tuple[str, Node]]) -> Iterator[Fault]:
    """Yield a fault for a schema that every value meets. An empty schema has none: it says openly what it takes.

    `documents` are files by URI, the check's own first.
    """
    path, root = next(iter(documents.values()), ("", None))
    if root is None or not root.data or root.data is True:
        return
    if _accepts_all(root.data):
        inner = next((key for key in ("schema", "json_schema") if isinstance(root.data.get(key), dict)), None)
        hint = None if inner is None else f'the schema is below "{inner}": keep only that part in the file'
        yield Fault(
            message="the schema asks nothing of an output: every value is valid", place=root.place(path), hint=hint
        )


def find_untyped(documents: Mapping[str, tuple[str, Node]]) -> Iterator[Fault]:
    """Yield a fault for a schema with required fields that every list, text and number meets."""
    path, root = next(iter(documents.values()), ("", None))
    required = None if root is None else root.get("required")
    if root is None or required is None or not isinstance(required.data, list) or not required.data:
        return
    if all(key in _OF_ONE_TYPE or _asks_nothing(key, value) for key, value in root.data.items() if key in _ASKING):
        yield Fault(
            message='"required" asks nothing of a list, a text or a number: each is valid',
            place=root.key_place("required", path),
            hint='add "type": "object"',
        )


def find_idle_keywords(documents: Mapping[str, tuple[str, Node]]) -> Iterator[Fault]:
    """Yield a fault for each keyword that is unknown and looks like one that asks something, or is of another draft.

    Or it stands beside `$ref` in a draft that reads that alone. Looked for in every subschema, and in what references
    lead to, wherever that stands in a document.
    """
    waiting = [(uri, path, root, _DEFAULT) for uri, (path, root) in documents.items()]
    seen: set[int] = set()
    while waiting:
        uri, path, node, around = waiting.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        draft = _find_draft(node, around)
        for key, child in node.items():
            if key in _REFERENCES and isinstance(child.data, str):
                waiting += _resolve_reference(uri, child.data, documents)
            elif key not in _KNOWN:
                yield from _find_unknown(key, node, path)
            if key in _ASKING:
                yield from _idle(key, node, path, draft)
        waiting += [(uri, path, inner, draft) for inner in _iterate_inner(node)]


@functools.lru_cache(maxsize=256)
def find_written_fault(schema: str) -> Fault | None:
    """Return the first such fault of a schema that is given as its JSON, without a place; None if it has none."""
    documents = {"file:///schema": ("", json.parse(schema, ""))}
    for find in (find_idle_keywords, find_empty, find_untyped):
        for fault in find(documents):
            return Fault(message=fault.message, hint=fault.hint)
    return None


def _find_unknown(key: str, node: Node, path: str) -> Iterator[Fault]:
    meant = _OTHER_WORDS.get(key) or find_closest(key, sorted(_KNOWN), cutoff=_NEAR)
    if meant == "type" and key.endswith("Type"):
        return  # an annotation for code generators, such as `tsType`
    meant = meant or next((one for one in sorted(_ASKING) if sorted(one) == sorted(key)), None)
    if meant in _ASKING and not key.startswith("x-"):
        yield Fault(
            message=f'unknown keyword "{key}"; {suggest(meant)}',
            place=node.key_place(key, path),
            hint='begin a keyword of your own with "x-"',
        )


def _idle(key: str, node: Node, path: str, draft: int) -> Iterator[Fault]:
    """Yield a fault if a keyword has no effect in this draft, or in this place."""
    name, needed = _DRAFTS[draft], _NEEDS.get(key, ())
    first, last = (_DRAFTS.index(table.get(key, _DRAFTS[end])) for table, end in ((_SINCE, 0), (_UNTIL, -1)))
    if not first <= draft <= last:
        period = f"since {_DRAFTS[first]}" if draft < first else f"up to {_DRAFTS[last]}"
        message, hint = f'"{key}" has no effect in {name}', f"it has one {period}; $schema names the draft"
    elif draft <= _ALONE and "$ref" in node.data and key != "$ref" and key not in ("$defs", "definitions"):
        message, hint = f'"{key}" has no effect beside "$ref" in {name}', 'put both into "allOf", or name a newer draft'
    elif needed and not any(one in node.data for one in needed):
        named = " or ".join(f'"{one}"' for one in needed)
        message, hint = f'"{key}" has no effect without {named}', f"add {named}"
    else:
        return
    yield Fault(message=message, place=node.key_place(key, path), hint=hint)


def _accepts_all(schema: object) -> bool:
    """Return whether a schema accepts every value, as far as its own keywords tell; references are not followed."""
    if not isinstance(schema, dict):
        return schema is True
    return all(_asks_nothing(key, value) for key, value in schema.items() if key in _ASKING)


def _asks_nothing(key: str, value: object) -> bool:
    """Return whether a keyword with this value accepts every value."""
    if key in _UNASSERTED:
        return True
    if key in _EMPTY_WHEN_FALSE:
        return not value
    if key == "type":
        return isinstance(value, list) and all(name in value for name in _TYPES)
    if key in _NAMED and isinstance(value, dict):
        return all(_accepts_all(each) for each in value.values())
    if key in _LIST and isinstance(value, list):  # `items` was a list in earlier drafts
        found = [_accepts_all(each) for each in value]
        return any(found) if key == "anyOf" else all(found) and (key != "oneOf" or len(found) == 1)
    return key in _ONE - {"contains", "extends", "not"} and _accepts_all(value)


def _find_draft(node: Node, around: int) -> int:
    """Return the draft of a schema as an index of `_DRAFTS`: what it names, else that of the schema around it.

    Unknown drafts are refused elsewhere.
    """
    named = node.get("$schema")
    written = named.data if named is not None else None
    if not isinstance(written, str):
        return around
    return next((number for number, draft in enumerate(_DRAFTS) if draft in written), _DEFAULT)


def _iterate_inner(node: Node) -> Iterator[Node]:
    for key, child in node.items():
        if key in _ONE and isinstance(child.data, dict):
            yield child
        if key in _LIST and isinstance(child.data, list):
            yield from child
        if key in _NAMED:
            yield from (schema for _, schema in child.items())


def _resolve_reference(
    uri: str, reference: str, documents: Mapping[str, tuple[str, Node]]
) -> Iterator[tuple[str, str, Node, int]]:
    """Yield the node that a reference by file and JSON Pointer leads to, with the draft of the schema around it."""
    try:
        document, fragment = urldefrag(urljoin(uri, reference))
    except ValueError:  # not a URI: another check reports it
        return
    if document not in documents:
        return
    path, found = documents[document]
    node: Node | None = found
    draft = _DEFAULT
    for part in unquote(fragment).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        draft = draft if node is None else _find_draft(node, draft)
        if node is not None and isinstance(node.children, list):
            number = int(name) if _INDEX.fullmatch(name) else len(node.children)
            node = node.children[number] if number < len(node.children) else None
        else:
            node = None if node is None else node.get(name)
    if node is not None:
        yield document, path, node, draft
