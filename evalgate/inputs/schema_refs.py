"""Loader of a `json_schema` check's schema and of all files that its `$ref`s reach.

References may reach files in the dataset's folder, never the network.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin

from evalgate.errors import Fault, InputError
from evalgate.inputs.formats.data_file import read
from evalgate.inputs.formats.nodes import MAX_FAULTS, Node
from evalgate.inputs.schema_keywords import find_empty, find_idle_keywords, find_untyped
from evalgate.inputs.tree import Tree

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PLAIN_DATA = ("const", "enum", "default", "examples")
_METASCHEMAS = ("http://json-schema.org/", "https://json-schema.org/")
MAX_DOCUMENTS = 200


@dataclass(slots=True)
class LoadedSchema:
    """A schema with its references. `documents` are all files by URI, `uri` that of the schema, `files` the paths."""

    uri: str
    documents: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _NoReferenceError(Exception):
    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


def make_file_uri(path: str) -> str:
    """Return the URI of a file in a check's documents. It is the same on all machines and works with `urljoin`."""
    return "file:///" + quote(path.lstrip("/"))


def load_schema(tree: Tree, path: str, folder: str, *, root: Node | None = None) -> LoadedSchema:
    """Load a schema and the files it refers to. References must stay in `folder`, which is the dataset's.

    `root` is a schema that is written inside the file `path`; without it, the whole file is the schema.

    Faults are collected with their places, not raised: a file that is not valid JSON (or YAML, if not named .json), a
    reference to the network, to a file outside the folder or to a missing file, a misspelt keyword.
    """
    loaded = LoadedSchema(uri=make_file_uri(path))
    waiting = [(path, loaded.uri)]
    tried = {loaded.uri}
    ids: set[str] = set()
    references: list[tuple[str, Node, str]] = []
    roots: dict[str, tuple[str, Node]] = {}
    while waiting and len(loaded.documents) < MAX_DOCUMENTS:
        file, uri = waiting.pop()
        if root is not None and uri == loaded.uri:
            document = root
        else:
            try:
                document = read(tree.read(file), file).root
            except InputError as error:
                loaded.faults.extend(error.faults)
                continue
            loaded.files.append(file)
        loaded.documents[uri] = document.data
        roots[uri] = (file, document)
        try:
            found = list(_find_references(document, uri, ids))
        except _NoReferenceError as error:
            loaded.faults.append(Fault(message=f'"{error.node.data}" is not a URI', place=error.node.place(file)))
            continue
        references.extend((file, node, target) for node, target in found)
        # the URI does not show whether the path is absolute or relative to the tree's root: take it from `path`
        top = "/" if path.startswith("/") else ""
        for _, target in found:
            wanted = top + unquote(target.removeprefix("file:///"))
            fits = target.startswith("file:///") and target not in tried
            if fits and _read_within(wanted, folder) and tree.exists(wanted):
                tried.add(target)
                waiting.append((wanted, target))
    for file, node, target in references:
        if target not in tried and target not in ids and not target.startswith(_METASCHEMAS):
            loaded.faults.append(_find_unreachable(file, node, target, folder))
    loaded.faults.extend(find_idle_keywords(roots))
    if not loaded.faults:
        loaded.faults.extend([*find_empty(roots), *find_untyped(roots)])
    del loaded.faults[MAX_FAULTS:]
    return loaded


def _find_references(node: Node, base: str, ids: set[str]) -> Iterator[tuple[Node, str]]:
    """Yield each reference below a node with the URI of its document, without fragment. Adds each `$id` to `ids`."""
    own = node.get("$id") or node.get("id")
    if own is not None and isinstance(own.data, str) and not own.data.startswith("#"):
        base = _resolve(base, own)
        ids.add(base)
    for key, child in node.items():
        if key in _REFERENCES and isinstance(child.data, str):
            yield child, _resolve(base, child)
        elif key not in _PLAIN_DATA:
            yield from _find_references(child, base, ids)
    for child in node:
        yield from _find_references(child, base, ids)


def _resolve(base: str, node: Node) -> str:
    """Return the document that a reference or an `$id` means. Raises _NoReferenceError."""
    written = str(node.data)
    if not written or written.startswith("#"):
        return base  # `urljoin` cannot join to a URI without a path, such as a urn
    try:
        return urldefrag(urljoin(base, written)).url
    except ValueError:
        raise _NoReferenceError(node) from None


def _read_within(path: str, folder: str) -> bool:
    normal = posixpath.normpath(path)
    return not normal.startswith("../") and (not folder or normal.startswith(f"{folder.rstrip('/')}/"))


def _find_unreachable(file: str, node: Node, target: str, folder: str) -> Fault:
    where = f'the dataset\'s folder, "{folder or "."}"'
    if not target.startswith("file:///"):
        what = "would reach the network" if "//" in target else "is not a file of this project"
        hint = f"a schema may refer to files of {where}; they are relative to its $id, if it has one"
        return Fault(message=f'the reference "{node.data}" {what}', place=node.place(file), hint=hint)
    if not _read_within(unquote(target.removeprefix("file:///")), folder.lstrip("/")):
        return Fault(message=f'the reference "{node.data}" is outside of {where}', place=node.place(file))
    return Fault(message=f'the reference "{node.data}" names a missing file', place=node.place(file))
