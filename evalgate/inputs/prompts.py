"""Readers of prompt files and rubric files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalgate.domain import VARIABLE, Json, Message, PromptVersion, Rubric
from evalgate.domain.message_shapes import MessageReader, find_result_faults
from evalgate.domain.messages import HISTORY, make_history
from evalgate.errors import InputError
from evalgate.inputs.formats import json as json_text
from evalgate.inputs.formats.document import front_matter, read
from evalgate.inputs.formats.nodes import Node, raise_faults, refuse
from evalgate.inputs.schema_check import SchemaCheck, describe_unknown, load
from evalgate.inputs.tree import Tree

PROMPT_SUFFIXES = (".prompt.yml", ".prompt.yaml", ".prompt.json", ".yml", ".yaml", ".json", ".md", ".txt")
# the built-in rubrics are data files in score/, which this package may not import
_RUBRICS = Path(__file__).parent.parent / "score" / "rubrics"
_TEXT_SUFFIXES = (".md", ".txt")
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
# these have their own keys in a prompt file, or would change the form of a reply
NOT_PARAMETERS = frozenset({"model", "messages", "response_format", "tools", "stream", "stream_options", "n"})
_SCHEMA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def load_prompt(tree: Tree, path: str) -> PromptVersion:
    """Load the prompt version of a file. Raises InputError with all faults of the file, each with its place."""
    return parse_prompt(tree.read(path), path, tree.describe(path))


def parse_prompt(data: bytes, path: str, source: str) -> PromptVersion:
    """Parse the bytes of a prompt file. The suffix of `path` determines the format; `source` names the origin.

    `.prompt.yml` (also .yaml, .json) is GitHub's format with the additional keys `version`, `change` and `tools`. In
    `.md` and `.txt` files, the body without surrounding blank lines is one message. Its role is the front matter's
    `role`, or user. The front matter may have all keys of a .prompt.yml except `messages`. CRLF counts as a newline, so
    that a checkout on Windows has the same digest.

    Raises InputError with all faults, each with line and column.
    """
    name = posixpath.basename(path)
    suffix = next((suffix for suffix in PROMPT_SUFFIXES if name.lower().endswith(suffix)), None)
    if suffix is None:
        raise refuse("is not a prompt file", path, hint="name it .prompt.yml, .md or .txt")
    schema = load("prompt.schema.json")
    if suffix in _TEXT_SUFFIXES:
        document, body, line = front_matter(data, path)
        checker = SchemaCheck(schema, path)
        checker.check(document.root, schema["$defs"]["front_matter"])
        messages = _read_body(document.root, body.strip("\n"), line, checker)
    else:
        document = read(data, path)
        if document.data is None:
            raise refuse("is empty: a prompt has messages", path, 1, 1)
        checker = SchemaCheck(schema, path)
        checker.check(document.root)
        messages = _read_messages(document.root, checker)
    version = _read_version(document.root, checker)
    parameters = _read_parameters(document.root, checker)
    response_format = _read_response_format(document.root, checker)
    raise_faults(checker.faults, path)
    given: Mapping[str, Any] = document.data
    return PromptVersion(
        name=given.get("name") or name[: -len(suffix)],
        path=path,
        source=source,
        messages=messages,
        model=given.get("model"),
        parameters=parameters,
        response_format=response_format,
        tools=tuple(given.get("tools", ())),
        version=version,
        change=given.get("change"),
        lines={key: line for key, (line, _) in (document.root.keys or {}).items()},
    )


def load_rubric(tree: Tree, name_or_path: str) -> Rubric:
    """Load a rubric by its built-in name, or from a Markdown file with front matter (name, version, scale, inputs).

    Raises InputError with all faults, each with its place. For an unknown name it suggests the closest one.
    """
    if not is_built_in(name_or_path):
        return parse_rubric(tree.read(name_or_path), name_or_path)
    known = {file.stem: file for file in sorted(_RUBRICS.glob("*.md"))}
    if name_or_path not in known:
        message, hint = describe_unknown("rubric", name_or_path, known)
        raise InputError(message, hint=hint or "name your own rubric by its path, such as rubrics/tone.md")
    return parse_rubric(known[name_or_path].read_bytes(), f"evalgate/score/rubrics/{name_or_path}.md")


def is_built_in(name_or_path: str) -> bool:
    """Return whether this is the name of a built-in rubric: it has no folder and no suffix."""
    return "/" not in name_or_path and "." not in name_or_path


def parse_rubric(data: bytes, path: str) -> Rubric:
    """Parse the bytes of a rubric file. Raises InputError with all faults, each with its place."""
    document, body, first_line = front_matter(data, path)
    root = document.root
    checker = SchemaCheck(load("rubric.schema.json"), path)
    checker.check(root, label="the front matter")
    version = _read_version(root, checker)
    scale, inputs = root.get("scale"), root.get("inputs")
    if scale is not None and checker.is_valid(scale) and scale.data["min"] >= scale.data["max"]:
        checker.add_fault(scale, '"min" must be less than "max"')
    if inputs is not None and checker.is_valid(inputs):
        names = [name.removesuffix("?") for name in inputs.data]
        if "output" not in inputs.data:
            checker.add_fault(inputs, '"output" must be among the inputs (and not be optional)')
        elif len(set(names)) < len(names):
            checker.add_fault(inputs, "an input is given twice")
    instruction = body.strip()
    at = Node(data=body, line=first_line, column=1)
    if not instruction:
        checker.add_fault(at, "the rubric has no instruction below its front matter")
    for hit in VARIABLE.finditer(body):
        line = first_line + body.count("\n", 0, hit.start())
        column = hit.start() - body.rfind("\n", 0, hit.start())
        checker.add_fault(
            Node(data=None, line=line, column=column),
            f"a rubric cannot have variables: {hit.group()}",
            'name the field under "inputs"; the judge gets its value after the instruction',
        )
    raise_faults(checker.faults, path)
    return Rubric(
        name=root["name"].data,
        version=version or "",
        path=path,
        instruction=instruction,
        inputs=tuple(root["inputs"].data),
        minimum=root["scale"].data["min"],
        maximum=root["scale"].data["max"],
    )


def _read_body(root: Node, body: str, line: int, checker: SchemaCheck) -> tuple[Message, ...]:
    if not body.strip():
        checker.add_fault(Node(data=body, line=line, column=1), "the prompt is empty")
    role = root.get("role")
    return (Message(role="user" if role is None else str(role.data), content=body),)


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


def _read_version(root: Node, checker: SchemaCheck) -> str | None:
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
    import semver

    text: str = node.data
    if semver.Version.is_valid(text):
        return text
    hint = 'write it without the "v"' if re.match(r"[vV]\d", text) else 'such as "2.4.0"'
    checker.add_fault(node, f'"{text[:60]}" is not a semantic version (MAJOR.MINOR.PATCH)', hint)
    return None


def make_api_name(key: str) -> str:
    """Return a parameter's name in the API: maxTokens -> max_tokens."""
    return _CAMEL.sub(r"_\1", key).lower()


def _read_parameters(root: Node, checker: SchemaCheck) -> Mapping[str, Json]:
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


def _read_response_format(root: Node, checker: SchemaCheck) -> Mapping[str, Json] | None:
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
