"""The files of a promptfoo configuration: the configuration itself, and those that it names with `file://`."""

from __future__ import annotations

import base64
import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.domain import Json
from evalgate.errors import EvalgateError, InputError, Place
from evalgate.inputs.formats import csv as csv_text
from evalgate.inputs.formats import json as json_text
from evalgate.inputs.formats import json_lines
from evalgate.inputs.formats import yaml as yaml_text
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.formats.nodes import Node, refuse
from evalgate.inputs.tree import Tree, is_absolute

SCHEME = "file://"
MOST_FILES = 1_000
"""The most files that one pattern of the configuration may match."""
LARGEST = 16 * 1024 * 1024
"""The most bytes of one file."""
LARGEST_MEDIUM = 4 * 1024 * 1024
"""The most bytes of an image or a recording, which becomes a part of the cases."""
_MOST_REFERENCES = 10_000
_IMAGES = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "gif": "gif", "bmp": "bmp", "webp": "webp", "svg": "svg+xml"}
_RECORDINGS = (
    "mp4",
    "webm",
    "ogg",
    "mov",
    "avi",
    "wmv",
    "mkv",
    "m4v",
    "wav",
    "mp3",
    "aac",
    "m4a",
    "flac",
    "aiff",
    "opus",
)
_STARTS = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG", "png"), (b"GIF8", "gif"))
_GLOB = re.compile(r"[*?\[{]")
_ENV = re.compile(r"\{\{-?\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*-?\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFiles:
    """A tree, and the folder in it of the file that names the others."""

    tree: Tree
    folder: str

    def resolve(self, name: str) -> str:
        """Return the path in the tree of a file that is named relative to the folder, with or without `file://`.

        A file outside of the tree's root gets an absolute path.
        """
        name = name.removeprefix(SCHEME).replace("\\", "/")
        path = posixpath.normpath(posixpath.join(self.folder, name))
        return posixpath.normpath(posixpath.join(self.tree.root, path)) if path.startswith("..") else path

    def read(self, name: str) -> str:
        """Return the text of a named file. Raises InputError for one that is missing, too large or not UTF-8."""
        path = self.resolve(name)
        data = self.tree.read(path)
        if len(data) > LARGEST:
            raise refuse(f"has {len(data):,} bytes; at most {LARGEST:,} are read", path)
        return decode(data, path)

    def read_media(self, name: str) -> str | None:
        """Return an image as a data URL, sound and video as Base64, as promptfoo does; None for another file.

        Raises InputError for a file that is missing or too large.
        """
        ending = posixpath.splitext(name)[1].lower().lstrip(".")
        if ending not in (*_IMAGES, *_RECORDINGS):
            return None
        path = self.resolve(name)
        data = self.tree.read(path)
        if len(data) > LARGEST_MEDIUM:
            raise refuse(f"has {len(data):,} bytes; the most of an image or a recording is {LARGEST_MEDIUM:,}", path)
        shown = base64.b64encode(data).decode()
        if ending not in _IMAGES:
            return shown
        kind = next((kind for start, kind in _STARTS if data.startswith(start)), _IMAGES[ending])
        return f"data:image/{kind};base64,{shown}"

    def exists(self, name: str) -> bool:
        """Return whether a named file can be read."""
        path = self.resolve(name)
        return self.tree.exists(path) if path not in ("", ".") else False

    def parse(self, name: str) -> Node:
        """Return a named file of YAML or JSON as nodes."""
        return parse_data(self.read(name), self.resolve(name))

    def match(self, pattern: str) -> list[str]:
        """Return the paths that a name with wildcards matches, sorted; the name's own path if it has none."""
        path = self.resolve(pattern)
        if not _GLOB.search(path) or self.tree.exists(path):
            return [path]
        start = posixpath.dirname(_GLOB.split(path, maxsplit=1)[0])
        if is_absolute(path):
            return []
        tests = [re.compile(_translate(each)) for each in _expand(path)]
        found = [each for each in self.tree.list_files(start) if any(test.fullmatch(each) for test in tests)]
        return found[:MOST_FILES]

    def inside(self, path: str) -> ForeignFiles:
        """Return the files as a file at `path` names them."""
        return ForeignFiles(tree=self.tree, folder=posixpath.dirname(path))

    def rows(self, path: str) -> list[tuple[dict[str, Json], Place]]:
        """Return the rows of a CSV or JSONL file, each with its place."""
        text = self.read(f"{SCHEME}{path}") if is_absolute(path) else decode(self.tree.read(path), path)
        if path.lower().endswith(".jsonl"):
            values = [(value, line) for _, line, value in json_lines.read_values(text, path)]
            return [(value, Place(path=path, line=line)) for value, line in values if isinstance(value, dict)]
        rows, faults = csv_text.parse(text, path, "\t" if path.lower().endswith(".tsv") else None)
        if faults:
            raise InputError(faults=faults)
        return [(dict(row.cells), Place(path=path, line=row.line)) for row in rows]


def is_results(root: Node) -> bool:
    """Return whether a document is a file of results of promptfoo, and no configuration."""
    return root.get("results") is not None and root.get("prompts") is None


def parse_data(text: str, path: str) -> Node:
    """Parse a file of promptfoo, with merge keys filled in and references `$ref` inside of the file resolved."""
    is_json = path.lower().endswith((".json", ".jsonc"))
    root = json_text.parse(text, path) if is_json else yaml_text.parse(text, path, is_foreign=True)
    return _Resolver(root, path).resolve(root, ())


def list_variables(text: str) -> list[str]:
    """Return the environment variables that a text takes in the form `{{env.NAME}}`."""
    return _ENV.findall(text)


def replace_variables(text: str) -> str:
    """Return a text with `${NAME}` in place of `{{env.NAME}}`."""
    return _ENV.sub(r"${\1}", text)


def as_mapping(data: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, and an empty one for every other value."""
    return data if isinstance(data, Mapping) else {}


class _Resolver:
    """Replaces `{$ref: '#/place'}` by what stands there."""

    def __init__(self, root: Node, path: str) -> None:
        self._root = root
        self._path = path
        self._left = _MOST_REFERENCES

    def resolve(self, node: Node, inside: tuple[str, ...]) -> Node:
        if isinstance(node.children, list):
            children = [self.resolve(child, inside) for child in node.children]
            return Node([child.data for child in children], node.line, node.column, children=children)
        if not isinstance(node.children, dict):
            return node
        reference = node.get("$ref")
        if reference is not None and isinstance(reference.data, str) and reference.data.startswith("#/"):
            return self._follow(node, reference, inside)
        made = {key: self.resolve(child, inside) for key, child in node.children.items()}
        data = {key: child.data for key, child in made.items()}
        return Node(data, node.line, node.column, children=made, keys=node.keys)

    def _follow(self, node: Node, reference: Node, inside: tuple[str, ...]) -> Node:
        name = str(reference.data)
        self._left -= 1
        if name in inside or self._left < 0:
            raise refuse(f'the reference "{name}" has no end', self._path, reference.line, reference.column)
        found: Node | None = self._root
        for part in name.removeprefix("#/").split("/"):
            found = None if found is None else found.get(part.replace("~1", "/").replace("~0", "~"))
        if found is None:
            # a schema of the configuration has references of its own
            return node
        target = self.resolve(found, (*inside, name))
        own = {key: self.resolve(child, inside) for key, child in node.items() if key != "$ref"}
        if not own or not isinstance(target.children, dict):
            return Node(target.data, node.line, node.column, target.text, target.children, target.keys)
        children = {**target.children, **own}
        data = {key: child.data for key, child in children.items()}
        return Node(data, node.line, node.column, children=children, keys={**(target.keys or {}), **(node.keys or {})})


def _expand(pattern: str) -> Iterator[str]:
    """Yield the patterns that braces in a pattern stand for."""
    hit = re.search(r"\{([^{}]*)\}", pattern)
    if hit is None:
        yield pattern
        return
    for each in hit[1].split(","):
        yield from _expand(pattern[: hit.start()] + each + pattern[hit.end() :])


def _translate(pattern: str) -> str:
    """Return the regular expression of a pattern, in which `*` stays within a name and `**` does not."""
    parts = []
    for part in re.split(r"(\*\*/?|\*|\?)", pattern):
        known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        parts.append(known.get(part, re.escape(part) if "[" not in part else fnmatch.translate(part)[4:-3]))
    return "".join(parts)


def try_parse(text: str, path: str) -> Any:
    """Return the data of a text that is YAML or JSON; None if it is neither."""
    try:
        return parse_data(text, path).data
    except EvalgateError:
        return None
