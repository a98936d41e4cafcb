"""Reader of prompts that are one text: Markdown, plain text, XML and jinja files, with or without front matter."""

from __future__ import annotations

import re

from evalgate.domain import Message, TextStart
from evalgate.domain.names import find_closest
from evalgate.inputs.formats.data_file import decode, front_matter
from evalgate.inputs.formats.nodes import Node, raise_faults
from evalgate.inputs.prompt_files.prompt_keys import PARAMETER_HINTS, PromptParts, read_parts
from evalgate.inputs.prompt_files.role_markers import find_first_marker, split_roles
from evalgate.inputs.schema_check import SchemaCheck, load

EDITOR_KEYS = (
    "agent", "agents", "allowed-tools", "alwaysApply", "applyTo", "argument-hint", "author", "authors", "category",
    "compatibility", "context", "date", "deprecated", "disable-model-invocation", "excludeAgent", "globs", "handoffs",
    "hooks", "icon", "id", "infer", "inputs", "keywords", "language", "last-updated", "license", "mcp-servers",
    "metadata", "mode", "nickname", "owner", "paths", "permissions", "project", "status", "summary", "tags", "target",
    "title", "type", "updated", "user-invocable", "user-invokable",
)  # fmt: skip
"""Keys of front matter that editors and agents document, or that only describe the file. They are not sent."""
_EDITOR_FILES = (".prompt.md", ".instructions.md", ".chatmode.md", ".agent.md")
_NEAR = 0.8
_FENCE = re.compile(r"\s*(`{3,})(?:prompt|instructions|chatmode|chatagent|agent)[ \t]*\n(?=---)")
_MAY_BE_EMPTY = frozenset({"description", "model", "name", "tools"})


def read_text_file(data: bytes, path: str, *, is_jinja: bool) -> PromptParts:
    """Read a file whose body without surrounding blank lines is one message.

    Its role is the front matter's `role`. Front matter may have all keys of GitHub's format except `messages`, and
    those of an editor, which are not sent. A jinja file whose first line is a role marker has several messages.

    Raises InputError with all faults, each with its place.
    """
    skipped = 0
    if path.lower().endswith(_EDITOR_FILES):
        data, skipped = _unwrap(data, path)
    document, body, line = front_matter(data, path, skipped=skipped)
    has_front_matter = line > 1 + skipped
    schema = load("prompt.schema.json")
    checker = SchemaCheck(schema, path, PARAMETER_HINTS)
    root, unsent = _split_keys(document.root, frozenset(schema["$defs"]["front_matter"]["properties"]))
    checker.check(root, schema["$defs"]["front_matter"])
    stripped = body.strip("\n")
    if not stripped.strip():
        checker.add_fault(Node(data=body, line=line, column=1), "the prompt is empty")
    line += len(body) - len(body.lstrip("\n"))
    role = root.get("role")
    if is_jinja and role is None and find_first_marker(stripped):
        messages, starts = split_roles(stripped, line, checker)
        parts = read_parts(root, checker, messages, starts, unsent=unsent)
        parts.is_marked = True
    else:
        message = Message(role="user" if role is None else str(role.data), content=stripped)
        start = TextStart(line=line)
        parts = read_parts(root, checker, (message,), (start,), is_text=role is None, unsent=unsent)
    parts.has_front_matter = has_front_matter
    raise_faults(checker.faults, path)
    return parts


def _unwrap(data: bytes, path: str) -> tuple[bytes, int]:
    """Return a file without the code fence that editors put around its front matter and body, and the lines before."""
    text = decode(data, path)
    fence = _FENCE.match(text)
    end = text.rstrip()
    if fence is None or not end.endswith(f"\n{fence[1]}"):
        return data, 0
    return text[fence.end() : len(end) - len(fence[1])].encode(), text.count("\n", 0, fence.end())


def _split_keys(root: Node, known: frozenset[str]) -> tuple[Node, tuple[str, ...]]:
    """Return front matter without the keys that are not sent, and the names of these.

    A key that is neither known nor close to a known one describes the file for another tool. `model` and `tools` are
    sent if they have the API's form, and else are an editor's: "GPT-5 (copilot)", and names of tools.
    """
    if not isinstance(root.children, dict):
        return root, ()
    kept: dict[str, Node] = {}
    unsent: list[str] = []
    for key, node in root.children.items():
        if node.data is None and key in _MAY_BE_EMPTY:
            continue
        if _is_sent(key, node, known):
            kept[key] = node
        else:
            unsent.append(key)
    data = {key: node.data for key, node in kept.items()}
    return Node(data=data, line=root.line, column=root.column, children=kept, keys=root.keys), tuple(unsent)


def _is_sent(key: str, node: Node, known: frozenset[str]) -> bool:
    """Return whether a key is evalgate's own: valid, or misspelt, so that it is reported."""
    if key == "model":
        return isinstance(node.data, str) and not re.search(r"\s", node.data.strip())
    if key == "tools":
        return isinstance(node.data, list) and any(isinstance(tool, dict) for tool in node.data)
    if key in known:
        return True
    if key in EDITOR_KEYS:
        return False
    if key in ("messages", "testData", "evaluators") or key.lower() in PARAMETER_HINTS:
        return True
    return find_closest(key, sorted(known), _NEAR) is not None
