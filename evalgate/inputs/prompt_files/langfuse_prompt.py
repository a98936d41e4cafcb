"""Reader of prompts in Langfuse: a text or a chat, with model and parameters in its `config`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from evalgate.domain import Json, Message
from evalgate.domain.message_shapes import MessageReader, find_result_faults
from evalgate.domain.messages import make_history
from evalgate.errors import Fault, Place
from evalgate.inputs.formats.nodes import raise_faults
from evalgate.inputs.prompt_files.prompt_keys import NOT_PARAMETERS, PARAMETERS, PromptParts, is_version, make_api_name

REFERENCE = "@@@langfusePrompt:"

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")
_RAW = re.compile(r"\{%-?\s*(end)?raw\s*-?%\}")
_OWN = ("parameters", "modelParameters", "model_parameters")
_FORMATS = ("text", "json_object", "json_schema")


def read_langfuse_prompt(data: bytes, path: str) -> PromptParts:
    """Read a version as `LangfuseTree` has it. `path` is its name, which the places of faults have.

    Raises InputError with all faults: for messages that cannot be sent, for a `config` of the wrong form, and for
    references to other prompts, whose text changes without a new version when another label moves.
    """
    given = json.loads(data)
    reader = _Reader(path)
    messages, is_text = reader.read_messages(given["prompt"])
    parts = PromptParts(messages=messages, name=given["name"], is_text=is_text)
    reader.read_config(given["config"], parts)
    numbers = given["numbers"]
    if parts.version is None and len(numbers) == 1:
        parts.version = numbers[0]
    raise_faults(reader.faults, path)
    return parts


class _Reader:
    def __init__(self, path: str) -> None:
        self.faults: list[Fault] = []
        self._path = path

    def read_messages(self, prompt: Any) -> tuple[tuple[Message, ...], bool]:
        """Return the messages, and whether they are one text without a role."""
        if isinstance(prompt, str):
            self._refuse_texts(prompt)
            text = _write_plainly(prompt).strip("\n")
            if not text.strip():
                self._refuse("the prompt is empty")
            return (Message(role="user", content=text),), True
        reader, messages, histories = MessageReader(is_template=True), [], 0
        for position, one in enumerate(prompt):
            if one.get("type") == "placeholder" or ("role" not in one and "name" in one):
                messages.append(make_history(str(one.get("name"))))
                histories += 1
                continue
            self._refuse_texts(str(one.get("content", "")))
            own = {key: value for key, value in one.items() if key != "type"}
            if isinstance(own.get("content"), str):
                own["content"] = _write_plainly(own["content"])
            message = reader.read(own, (position,))
            messages += [] if message is None else [message]
        faults = reader.faults or ([] if histories else find_result_faults(tuple(messages)))
        for fault in faults:
            where = f"message {int(fault.where[0]) + 1}: " if fault.where else ""
            self._refuse(f"{where}{fault.problem}", fault.hint)
        if not prompt:
            self._refuse("the prompt has no messages")
        return tuple(messages), False

    def read_config(self, config: Mapping[str, Any], parts: PromptParts) -> None:
        """Add what a `config` says: the model, the parameters, the form of the answer, tools, version and change."""
        parameters: dict[str, Json] = {}
        unsent: list[str] = []
        for key, value in config.items():
            name = make_api_name(key)
            if key == "evalgate" or value is None:
                continue  # which published version this is; it is not part of the content
            if key in _OWN:
                self._read_parameters(key, value, parameters)
            elif name == "model" and isinstance(value, str) and value.strip():
                parts.model = value
            elif name == "response_format":
                parts.response_format = self._read_format(value)
            elif name == "tools" and _are_tools(value):
                parts.tools = tuple(value)
            elif key == "version" and is_version(value):
                parts.version = value
            elif key == "change" and isinstance(value, str):
                parts.change = value
            elif name in PARAMETERS:
                self._add(key, name, value, parameters)
            else:
                unsent.append(key)
        parts.parameters, parts.unsent = parameters, tuple(unsent)

    def _read_parameters(self, key: str, value: Any, parameters: dict[str, Json]) -> None:
        if not isinstance(value, Mapping):
            self._refuse(f'config: "{key}" must be an object of parameters')
            return
        for inner, one in value.items():
            self._add(f"{key}.{inner}", make_api_name(inner), one, parameters)

    def _add(self, key: str, name: str, value: Json, parameters: dict[str, Json]) -> None:
        if name in NOT_PARAMETERS:
            self._refuse(f'config: "{key}" cannot be a model parameter')
        elif name in parameters:
            self._refuse(f'config: "{key}" is given twice')
        else:
            parameters[name] = value

    def _read_format(self, value: Any) -> Mapping[str, Json] | None:
        kind = value.get("type") if isinstance(value, Mapping) else value
        if kind not in _FORMATS or (kind == "json_schema" and kind == value):
            self._refuse('config: "response_format" must be text, json_object, or json_schema with its schema')
            return None
        if kind == "text":
            return None
        return dict(value) if isinstance(value, Mapping) else {"type": kind}

    def _refuse_texts(self, text: str) -> None:
        """Refuse a text that an application gets as another one than is evaluated."""
        if _RAW.search(text):
            self._refuse(
                "has {% raw %}, which Langfuse sends as it is", "leave the tags out: it fills in {{name}} alone"
            )
        at = text.find(REFERENCE)
        if at >= 0:
            written = text[at : at + 100].removeprefix(REFERENCE).partition("@@@")[0]
            self._refuse(
                f"refers to another prompt ({written}): its text changes without a new version when that one changes",
                "write the text of the other prompt into this one",
            )

    def _refuse(self, message: str, hint: str | None = None) -> None:
        self.faults.append(Fault(message=message, place=Place(path=self._path), hint=hint))


def _write_plainly(text: str) -> str:
    """Return a text with its variables written `{{name}}`, and with newlines: both are the same to Langfuse."""
    return _VARIABLE.sub(r"{{\1}}", text.replace("\r\n", "\n"))


def _are_tools(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and one.get("type") in ("function", "custom") for one in value
    )
