"""The entries of `gates:` with the files that their prompts name or match, and with the defaults of all gates."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from evalgate.domain.langfuse_reference import is_langfuse
from evalgate.errors import InputError
from evalgate.inputs import path_patterns
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.prompt_files.python_constant import split_constant
from evalgate.inputs.prompts import PROMPT_SUFFIXES
from evalgate.inputs.tree import Tree, inside, is_absolute, join


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEntry:
    """An entry of `gates:`. With a `pattern`, relative to the tree's root, it has one gate for each of `prompts`."""

    node: Node
    pattern: str | None = None
    prompts: tuple[str, ...] = ()


def find_entries(tree: Tree, folder: str, nodes: Iterable[Node]) -> list[GateEntry]:
    """Return the entries of a configuration in `folder`, with the files that their patterns match.

    A file that an entry names is not part of a pattern, nor is one that the entry excludes. A path with a wildcard that
    is the path of a file names this file.
    """
    entries = [_find_pattern(tree, folder, node) for node in nodes]
    named = {
        join(folder, split_constant(_read_text(entry.node) or "")[0]) for entry in entries if entry.pattern is None
    }
    return [replace(entry, prompts=tuple(_find_prompts(tree, folder, entry, named))) for entry in entries]


def name_gate(prompt: str, folder: str) -> str:
    """Return the name of a gate of a pattern: the path of its prompt, relative to the configuration's folder."""
    return posixpath.relpath(prompt, folder or ".")


def add_defaults(node: Node, defaults: Node | None) -> Node:
    """Return an entry with the defaults for the keys that it lacks."""
    if defaults is None or not isinstance(defaults.children, dict) or not isinstance(node.children, dict):
        return node
    return replace(
        node,
        data={**defaults.data, **node.data},
        children={**defaults.children, **node.children},
        keys={**(defaults.keys or {}), **(node.keys or {})},
    )


def fill_path(node: Node | None, prompt: str, pattern: str | None, tree: Tree, folder: str) -> Node | None:
    """Return the node of a path with `{dir}` and `{stem}` replaced. A path of a file that exists stays as it is."""
    if node is None or not isinstance(node.data, str) or "{" not in node.data:
        return node
    if tree.exists(join(folder, node.data)):
        return node
    return replace(node, data=path_patterns.fill(node.data, prompt, pattern or prompt))


def _find_pattern(tree: Tree, folder: str, node: Node) -> GateEntry:
    text = _read_text(node)
    if text is None or is_langfuse(text) or not path_patterns.is_pattern(text):
        return GateEntry(node=node)
    path = join(folder, text)
    if is_absolute(path) or tree.exists(path):
        return GateEntry(node=node)
    try:
        return GateEntry(node=node, pattern=inside(path))
    except InputError:
        return GateEntry(node=node)  # the fault of a path outside of the tree


def _find_prompts(tree: Tree, folder: str, entry: GateEntry, named: set[str]) -> Iterator[str]:
    if entry.pattern is None:
        return
    given = entry.node.get("exclude")
    excluded: Sequence[object] = given.data if given is not None and isinstance(given.data, list) else ()
    left_out = [join(folder, pattern) for pattern in excluded if isinstance(pattern, str)]
    for path in path_patterns.find_matches(tree, entry.pattern, PROMPT_SUFFIXES):
        if path not in named and not path_patterns.matches_any(path, left_out):
            yield path


def _read_text(entry: Node) -> str | None:
    prompt = entry.get("prompt")
    return prompt.data if prompt is not None and isinstance(prompt.data, str) else None
