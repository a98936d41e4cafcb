"""Reader of chats in YAML and JSON: GitHub's .prompt.yml, and lists of messages."""

from __future__ import annotations

from evalgate.domain import Message, TextStart
from evalgate.domain.message_shapes import MessageReader, find_result_faults
from evalgate.domain.messages import HISTORY, make_history
from evalgate.inputs.formats.data_file import decode, read
from evalgate.inputs.formats.nodes import Node, raise_faults, refuse
from evalgate.inputs.prompt_files.prompt_keys import PARAMETER_HINTS, PromptParts, read_parts
from evalgate.inputs.schema_check import SchemaCheck, load


def read_chat_file(data: bytes, path: str) -> PromptParts:
    """Read a file in GitHub's format, or a list of messages. Raises InputError with all faults, each with its place."""
    document = read(data, path)
    root = document.root
    if document.data is None:
        raise refuse("is empty: a prompt has messages", path, 1, 1)
    if isinstance(document.data, list):
        root = _wrap(root)
    checker = SchemaCheck(load("prompt.schema.json"), path, PARAMETER_HINTS)
    checker.check(root)
    messages = _read_messages(root, checker)
    parts = read_parts(root, checker, messages, _find_starts(root.get("messages"), decode(data, path)))
    raise_faults(checker.faults, path)
    return parts


def _wrap(messages: Node) -> Node:
    """Return a list of messages as the mapping of GitHub's format."""
    keys = {"messages": (messages.line, messages.column)}
    data = {"messages": messages.data}
    return Node(data=data, line=messages.line, column=messages.column, children={"messages": messages}, keys=keys)


def _find_starts(messages: Node | None, text: str) -> tuple[TextStart | None, ...]:
    """Return where the content of each message begins in the file; None where it is not one text."""
    lines = text.split("\n")
    contents = [item.get("content") for item in messages or ()]
    return tuple(
        _find_start(content, lines) if content is not None and isinstance(content.data, str) else None
        for content in contents
    )


def _find_start(node: Node, lines: list[str]) -> TextStart:
    line = lines[node.line - 1] if node.line <= len(lines) else ""
    mark = line[node.column - 1 : node.column]
    if mark in ("|", ">"):
        first = next((at for at in range(node.line, len(lines)) if lines[at].strip()), node.line)
        indent = len(lines[first]) - len(lines[first].lstrip(" ")) + 1 if first < len(lines) else 1
        return TextStart(line=node.line + 1, column=indent, indent=indent)
    column = node.column + (mark in ("'", '"') and bool(mark))
    return TextStart(line=node.line, column=column, indent=column)


def _read_messages(root: Node, checker: SchemaCheck) -> tuple[Message, ...]:
    node = root.get("messages")
    if node is None or not checker.is_valid(node):
        return ()
    reader = MessageReader(is_template=True)
    messages = []
    for position, item in enumerate(node):
        history = item.get("history")
        message = reader.read(item.data, (position,)) if history is None else _read_history(item, checker)
        messages += [] if message is None else [message]
    faults = reader.faults or ([] if any(m.role == HISTORY for m in messages) else find_result_faults(tuple(messages)))
    for fault in faults:
        checker.add_fault(_find_node(node, fault.where), fault.problem, fault.hint)
    return tuple(messages)


def _read_history(item: Node, checker: SchemaCheck) -> Message | None:
    for key, _ in item.items():
        if key != "history":
            checker.add_fault(
                item, f'"{key}" has no effect beside "history"', "write it as a message of its own", key=key
            )
            return None
    return make_history(item["history"].data)


def _find_node(node: Node, where: tuple[str | int, ...]) -> Node:
    """Return the node at the end of a path, or the last one on it that exists."""
    for step in where:
        child = node.get(step) if isinstance(step, str) else None
        if isinstance(step, int) and isinstance(node.children, list) and step < len(node.children):
            child = node.children[step]
        if child is None:
            return node
        node = child
    return node
