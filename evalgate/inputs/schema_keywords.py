"""The keywords of a `json_schema` check's schemas: one that is misspelt asks nothing of any output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urldefrag, urljoin

from evalgate.domain.names import find_closest, suggest
from evalgate.errors import Fault
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
# what says nothing of a value; the last line is OpenAPI's
_ANNOTATIONS = frozenset(
    {"$anchor", "$comment", "$dynamicAnchor", "$id", "$recursiveAnchor", "$schema", "$vocabulary", "default", "title"}
    | {"deprecated", "description", "examples", "id", "readOnly", "writeOnly"}
    | {"discriminator", "example", "externalDocs", "nullable", "xml"}
)
_KNOWN = _ASKING | _ANNOTATIONS
_NEAR = 0.77


def find_misspelt(documents: Mapping[str, tuple[str, Node]]) -> Iterator[Fault]:
    """A fault for each unknown keyword that looks like one which asks something; `documents` are files by URI.

    Looked for in every subschema, and in what references lead to, wherever that stands in a document.
    """
    waiting = [(uri, path, root) for uri, (path, root) in documents.items()]
    seen: set[int] = set()
    while waiting:
        uri, path, node = waiting.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        for key, child in node.items():
            if key in _REFERENCES and isinstance(child.data, str):
                waiting += _resolve_reference(uri, child.data, documents)
            elif key not in _KNOWN:
                yield from _find_unknown(key, node, path)
        waiting += [(uri, path, inner) for inner in _iterate_inner(node)]


def _find_unknown(key: str, node: Node, path: str) -> Iterator[Fault]:
    meant = find_closest(key, sorted(_KNOWN), cutoff=_NEAR)
    if meant in _ASKING and not key.startswith("x-"):
        yield Fault(
            message=f'unknown keyword "{key}"; {suggest(meant)}',
            place=node.key_place(key, path),
            hint='a keyword of your own begins with "x-"',
        )


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
) -> Iterator[tuple[str, str, Node]]:
    """The node that a reference by file and JSON Pointer leads to; none for another kind of reference."""
    document, fragment = urldefrag(urljoin(uri, reference))
    if document not in documents:
        return
    path, found = documents[document]
    node: Node | None = found
    for part in unquote(fragment).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if node is not None and isinstance(node.children, list):
            node = node.children[int(name)] if name.isdecimal() and int(name) < len(node.children) else None
        else:
            node = None if node is None else node.get(name)
    if node is not None:
        yield document, path, node
