"""Reader of .prompty files, with the front matter of the first specification and of the present one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from evalgate.domain import Json, as_text
from evalgate.domain.templates import Syntax
from evalgate.inputs.formats.data_file import front_matter
from evalgate.inputs.formats.nodes import Node, raise_faults
from evalgate.inputs.prompt_files.prompt_keys import NOT_PARAMETERS, PromptParts, make_api_name, read_version
from evalgate.inputs.prompt_files.role_markers import split_roles
from evalgate.inputs.schema_check import SchemaCheck, load

_TOOL = ("kind", "name", "description", "parameters")
_FILE = "${file:"
_WHOLE_REFERENCE = re.compile(r"\s*\$\{[^}]*\}\s*")
"""A text inside of a value that is read from elsewhere; any other may have these characters."""
_NAMES = {
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "allow_multiple_tool_calls": "parallel_tool_calls",
}
_CHAT = ("chat", "agent", "responses")
_KINDS: Mapping[str, Syntax] = {
    "jinja2": "jinja",
    "jinja": "jinja",
    "nunjucks": "jinja",
    "mustache": "mustache",
    "fstring": "fstring",
}
_READ = frozenset({"name", "description", "version", "change", "model", "template", "tools"})


def read_prompty(data: bytes, path: str) -> PromptParts:
    """Read a .prompty file: its messages by role markers, the model with its parameters, and the syntax (else jinja).

    Connections, inputs, samples and metadata are not sent. Values from the environment (`${env:NAME}`) are not read.

    Raises InputError with all faults, each with its place.
    """
    document, body, line = front_matter(data, path)
    root = document.root
    checker = SchemaCheck(load("prompt.schema.json"), path)
    text = body.strip("\n")
    line += len(body) - len(body.lstrip("\n"))
    if not text.strip():
        checker.add_fault(Node(data=body, line=line, column=1), "the prompt is empty")
    messages, starts = split_roles(text, line, checker, with_images=True)
    reader = _KeyReader(root, checker)
    name, change = root.get("name"), root.get("change")
    parts = PromptParts(
        messages=messages,
        starts=starts,
        is_marked=True,
        name=name.data if name is not None and isinstance(name.data, str) and name.data.strip() else None,
        change=change.data if change is not None and isinstance(change.data, str) else None,
        version=read_version(root, checker),
        lines={key: at for key, (at, _) in (root.keys or {}).items()},
        template=reader.read_syntax(),
        model=reader.read_model(),
        parameters=reader.parameters,
        response_format=reader.response_format,
        tools=tuple(reader.tools),
    )
    parts.unsent = tuple(dict.fromkeys([*reader.unsent, *(key for key, _ in root.items() if key not in _READ)]))
    raise_faults(checker.faults, path)
    return parts


class _KeyReader:
    """Reads model, parameters and tools. `unsent` are the keys that are not sent, with dots."""

    def __init__(self, root: Node, checker: SchemaCheck) -> None:
        self._root = root
        self._checker = checker
        self.unsent: list[str] = []
        self.parameters: dict[str, Json] = {}
        self.response_format: Mapping[str, Json] | None = None
        self.tools: list[Json] = []

    def read_syntax(self) -> Syntax | None:
        """Return the syntax of `template`: a name, {type}, or {format: {kind}}; None if it is not stated."""
        node = self._root.get("template")
        for key in ("format", "type", "kind"):
            inner = None if node is None else node.get(key)
            node = node if inner is None else inner
        if node is None:
            return None
        kind = node.data if isinstance(node.data, str) else ""
        if kind not in _KINDS:
            known = ", ".join(_KINDS)
            self._checker.add_fault(node, "the template's syntax is not known", f"known: {known}")
        return _KINDS.get(kind)

    def read_model(self) -> str | None:
        """Return the name of the model, and read its parameters and the tools."""
        self._read_tools(self._root.get("tools"), "tools")
        node = self._root.get("model")
        if node is None or node.data is None:
            return None
        if isinstance(node.data, str):
            is_file = _FILE in node.data  # it may hold parameters as well
            return None if is_file and self._refuse_references(node) else self._read_name(node, "model")
        named = None
        for key, child in self._list_items(node, "model", "a name or a mapping"):
            if key in ("api", "apiType"):
                if child.data is not None and child.data not in _CHAT:
                    problem = f'"{key}: {as_text(child.data)}" is not a chat'
                    self._checker.add_fault(child, problem, "only chats are sent: `api: chat`")
            elif key == "id":
                named = self._read_name(child, f"model.{key}") or named
            elif key in ("configuration", "connection"):
                deployment = self._read_deployment(child, key)
                named = named or deployment
            elif key in ("parameters", "options"):
                self._read_parameters(child, f"model.{key}")
            else:
                self.unsent.append(f"model.{key}")
        return named

    def _read_name(self, node: Node, label: str) -> str | None:
        if isinstance(node.data, str) and node.data.strip() and not _has_reference(node.data):
            return node.data
        self.unsent.append(label)
        return None

    def _read_deployment(self, node: Node, key: str) -> str | None:
        named = None
        # in a connection, the name is that of the connection
        own = ("azure_deployment", "deployment", "model", *(["name"] if key == "configuration" else []))
        if node.data is not None and not isinstance(node.data, dict):
            self.unsent.append(f"model.{key}")
        for inner, child in node.items():
            if inner in own and named is None:
                named = self._read_name(child, f"model.{key}.{inner}")
            else:
                self.unsent.append(f"model.{key}.{inner}")
        return named

    def _list_items(self, node: Node, label: str, wanted: str = "a mapping") -> Iterator[tuple[str, Node]]:
        """Yield the keys of a mapping. Adds a fault for any other value, because nothing of it would be sent."""
        if isinstance(node.data, dict):
            yield from node.items()
        elif node.data is not None and not self._refuse_references(node):
            self._checker.add_fault(node, f'"{label}" must be {wanted}')

    def _read_parameters(self, node: Node, label: str) -> None:
        for key, child in self._list_items(node, label):
            name = make_api_name(key)
            name = _NAMES.get(name, name)
            if key == "additionalProperties":
                self._read_parameters(child, f"{label}.{key}")
            elif name == "tools":
                self._read_tools(child, f"{label}.{key}")
            elif name == "response_format":
                self._read_format(child)
            elif name in NOT_PARAMETERS or child.data is None:
                self.unsent.append(f"{label}.{key}")
            elif name in self.parameters:
                self._checker.add_fault(node, f'"{key}" is given twice', key=key)
            elif not self._refuse_references(child):
                self.parameters[name] = child.data

    def _read_format(self, node: Node) -> None:
        kind = node.data.get("type") if isinstance(node.data, dict) else node.data
        if self._refuse_references(node):
            return
        if kind not in ("text", "json_object", "json_schema") or (kind == "json_schema" and kind == node.data):
            self._checker.add_fault(node, "response_format must be text, json_object, or json_schema with its schema")
        elif kind != "text":
            self.response_format = {"type": kind} if isinstance(node.data, str) else node.data

    def _read_tools(self, node: Node | None, label: str) -> None:
        if node is None or node.data is None:
            return
        if self._refuse_references(node):
            return
        named = [] if isinstance(node.data, list) else [*self._list_items(node, label, "a list")]
        for name, child in [*(("", child) for child in node), *named]:
            tool: Any = child.data
            if isinstance(tool, dict) and tool.get("type") in ("function", "custom"):
                self.tools.append(tool)
            elif isinstance(tool, dict) and tool.get("kind") == "function":
                made, left_out = _make_tool({"name": name, **tool})
                self.tools.append(made)
                self.unsent += [f"{label}.{key}" for key in left_out]
            else:
                self.unsent.append(label)

    def _refuse_references(self, node: Node) -> bool:
        """Return whether a value, or one inside of it, is read from a file or a variable, with a fault for each."""
        if isinstance(node.data, str) and _has_reference(node.data):
            hint = "write the value here; it is part of what is evaluated"
            self._checker.add_fault(node, f"{node.data.strip()} is not read from there", hint)
            return True
        inner = [*node, *(child for _, child in node.items())]
        found = [one for one in inner if not isinstance(one.data, str) or _WHOLE_REFERENCE.fullmatch(one.data)]
        return sum(map(self._refuse_references, found)) > 0  # all of them are reported


def _has_reference(text: str) -> bool:
    """Return whether a text has a `${` with a `}` behind it."""
    return -1 < text.find("${") < text.rfind("}")


def _make_tool(tool: Mapping[str, Any]) -> tuple[Json, list[str]]:
    """Return the API's definition of a function whose parameters are a list of {name, kind, description, required}.

    Returns also the keys of the tool that are not sent.
    """
    left_out = [key for key in tool if key not in _TOOL]
    given = tool.get("parameters")
    if isinstance(given, Mapping) and "properties" in given:
        left_out += [f"parameters.{key}" for key in given if key not in ("properties", "type")]
        given = given["properties"]
    if isinstance(given, Mapping):
        given = [{"name": name, **one} if isinstance(one, Mapping) else one for name, one in given.items()]
    listed = given if isinstance(given, list) else []
    own = [one for one in listed if isinstance(one, Mapping) and "name" in one]
    if len(own) < len(listed) or not isinstance(given, list | None):
        left_out.append("parameters")
    properties = {
        str(one["name"]): {
            ("type" if key == "kind" else str(key)): value
            for key, value in one.items()
            if key != "name" and not (key == "required" and isinstance(value, bool))
        }
        for one in own
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": [str(one["name"]) for one in own if one.get("required") is True],
    }
    function = {"name": tool.get("name", ""), "description": tool.get("description", ""), "parameters": schema}
    return {"type": "function", "function": function}, left_out
