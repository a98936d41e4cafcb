"""Reader of messages from plain data in the form of the chat completions API, with all faults of their shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from evalgate.domain import strict_json
from evalgate.domain.images import find_source_fault
from evalgate.domain.messages import (
    ContentPart,
    ImagePart,
    Message,
    MessageCall,
    MessageDetails,
    TextPart,
    find_unknown_results,
    make_message,
)
from evalgate.domain.names import find_closest, suggest
from evalgate.domain.text import as_text

ROLES = ("system", "user", "assistant", "developer", "tool")
_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")
_PART_KEYS = ("type", "text", "image", "image_url", "detail")
_CALL_KEYS = ("id", "type", "function", "custom", "name", "arguments", "index")
Where: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead to a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeFault:
    """A fault in the shape of messages: where it is in the data, what it is, and how to mend it."""

    where: Where
    problem: str
    hint: str | None = None

    def __str__(self) -> str:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.where).lstrip(".")
        return f"{place}: {self.problem}" if place else self.problem


def read_history(value: Any) -> tuple[Message, ...]:
    """Return the messages of a history. Raises ValueError with its first fault, which `find_history_faults` finds."""
    messages, faults = parse_messages(value)
    if faults:
        raise ValueError(str(faults[0]))
    return messages


def parse_messages(value: Any) -> tuple[tuple[Message, ...], list[ShapeFault]]:
    """Read a list of messages, which is data and not a template; also as a JSON text, which a cell of a table holds.

    Returns the valid messages, and all faults.
    """
    if isinstance(value, str):
        try:
            value = strict_json.load(value)
        except strict_json.JsonError as error:
            return (), [ShapeFault(where=(), problem=f"must be a list of messages, not a text ({error})")]
    if not isinstance(value, list | tuple):
        return (), [ShapeFault(where=(), problem="must be a list of messages", hint="each has a role and content")]
    reader = MessageReader(is_template=False)
    messages = [reader.read(item, (position,)) for position, item in enumerate(value)]
    found = tuple(message for message in messages if message is not None)
    if not reader.faults:
        reader.faults += find_result_faults(found)
    return found, reader.faults


def find_result_faults(messages: tuple[Message, ...]) -> list[ShapeFault]:
    """Return a fault for each tool message whose `tool_call_id` names no call before it."""
    return [
        ShapeFault(
            where=(position, "tool_call_id"),
            problem='"tool_call_id" names no tool call of an assistant message before it',
            hint="it is the `id` of the call in `tool_calls`",
        )
        for position in find_unknown_results(messages)
    ]


class MessageReader:
    """Reads messages one by one. `faults` are the faults of all of them.

    With `is_template`, texts may contain variables, so that what they are filled with is not known yet.
    """

    def __init__(self, *, is_template: bool) -> None:
        self.faults: list[ShapeFault] = []
        self._is_template = is_template

    def read(self, item: Any, where: Where) -> Message | None:
        """Return a message; None if it has a fault."""
        before = len(self.faults)
        if not isinstance(item, Mapping):
            self._add(where, "must be a message: a mapping with role and content")
            return None
        self._check_keys(item, _KEYS, where)
        role = item.get("role")
        if "role" not in item:
            self._add(where, '"role" is missing in a message')
        elif role not in ROLES:
            hint = "write calls as `tool_calls`, and results with the role tool" if role == "function" else None
            self._add((*where, "role"), f"unknown role {_show(role)}", hint or f"known roles: {', '.join(ROLES)}")
        calls = self._read_calls(item, where)
        content = self._read_content(item, where, is_needed=not calls)
        call_id, name = self._read_text(item, "tool_call_id", where), self._read_text(item, "name", where)
        if role == "tool" and item.get("tool_call_id") is None and not self._is_template:
            self._add(where, '"tool_call_id" is missing in a message of the role tool')
        elif role != "tool" and call_id is not None:
            self._add((*where, "tool_call_id"), '"tool_call_id" belongs to messages of the role tool')
        if calls and role != "assistant":
            self._add((*where, "tool_calls"), '"tool_calls" belong to messages of the role assistant')
        if len(self.faults) > before:
            return None
        details = MessageDetails(content=content, calls=calls, call_id=call_id, name=name)
        return make_message(str(role), details)

    def _read_content(self, item: Mapping[str, Any], where: Where, *, is_needed: bool) -> Any:
        content = item.get("content")
        at = (*where, "content")
        if content is None:
            if is_needed and not item.get("tool_calls"):
                problem = '"content" is missing in a message' if "content" not in item else '"content" must not be null'
                self._add(where if "content" not in item else at, problem)
            return None
        if isinstance(content, str):
            return content
        if not isinstance(content, list | tuple):
            self._add(at, '"content" must be text, or a list of parts', "put a number in quotes")
            return None
        if not content:
            self._add(at, '"content" has no part')
        parts = [self._read_part(part, (*at, position)) for position, part in enumerate(content)]
        return tuple(part for part in parts if part is not None)

    def _read_part(self, part: Any, where: Where) -> ContentPart | None:
        if not isinstance(part, Mapping):
            self._add(where, "must be a part: a mapping with a type", "such as {type: text, text: ...}")
            return None
        self._check_keys(part, _PART_KEYS, where)
        kind = part.get("type")
        if kind == "text" and isinstance(part.get("text"), str):
            return TextPart(text=part["text"])
        if kind in ("image", "image_url"):
            return self._read_image(part, str(kind), where)
        if kind == "text":
            self._add(where, 'a part of the type text needs a "text"')
        else:
            hint = "the types are text and image (or the API's image_url)"
            self._add(
                where, f"unknown type of a part: {_show(kind)}" if "type" in part else 'a part has no "type"', hint
            )
        return None

    def _read_image(self, part: Mapping[str, Any], kind: str, where: Where) -> ImagePart | None:
        given = part.get(kind)
        detail = part.get("detail")
        if isinstance(given, Mapping):
            self._check_keys(given, ("url", "detail"), (*where, kind))
            detail = given.get("detail") if detail is None else detail
            given = given.get("url")
        if not isinstance(given, str) or not given.strip():
            self._add(where, f'a part of the type {kind} needs "{kind}": a path or an address')
            return None
        if detail is not None and not isinstance(detail, str):
            self._add(where, '"detail" must be text')
            return None
        problem = None if self._is_template and re.search(r"\{[{%]|\{\w", given) else find_source_fault(given)
        if problem is not None:
            self._add(where, f"the image {_show(given)} {problem}")
            return None
        return ImagePart(source=given, detail=detail)

    def _read_calls(self, item: Mapping[str, Any], where: Where) -> tuple[MessageCall, ...]:
        given = item.get("tool_calls")
        at = (*where, "tool_calls")
        if given is None:
            return ()
        if not isinstance(given, list | tuple):
            self._add(at, '"tool_calls" must be a list of calls')
            return ()
        calls = [self._read_call(call, (*at, position)) for position, call in enumerate(given)]
        ids = [call.id for call in calls if call is not None]
        if len(set(ids)) < len(ids):
            self._add(at, "two calls have the same id")
        return tuple(call for call in calls if call is not None)

    def _read_call(self, call: Any, where: Where) -> MessageCall | None:
        """Read a call in the API's form, or with its name and arguments beside its id."""
        if not isinstance(call, Mapping):
            self._add(where, "must be a call: a mapping with id and function")
            return None
        self._check_keys(call, _CALL_KEYS, where)
        is_custom = call.get("type") == "custom" or "custom" in call
        kind: Literal["function", "custom"] = "custom" if is_custom else "function"
        held = call.get(kind, call)
        if call.get("type", kind) != kind or not isinstance(held, Mapping):
            self._add(where, f'a call needs the type function or custom, and "{kind}" with its name and arguments')
            return None
        if held is not call:
            self._check_keys(held, ("name", "input" if is_custom else "arguments"), (*where, kind))
        name, arguments = held.get("name"), held.get("input" if is_custom else "arguments", "" if is_custom else "{}")
        if not isinstance(call.get("id"), str) or not call["id"].strip():
            self._add(where, 'a call needs an "id"', "a tool message names it by `tool_call_id`")
            return None
        if not isinstance(name, str) or not name.strip():
            self._add(where, 'a call needs the "name" of its tool')
            return None
        return MessageCall(id=call["id"], name=name, arguments=as_text(arguments), kind=kind)

    def _read_text(self, item: Mapping[str, Any], key: str, where: Where) -> str | None:
        value = item.get(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self._add((*where, key), f'"{key}" must be text that is not blank')
        return None

    def _check_keys(self, given: Mapping[str, Any], known: tuple[str, ...], where: Where) -> None:
        """Refuse unknown keys. A key without a value asks nothing: exports of the API have `refusal: null`."""
        for key, value in given.items():
            if key not in known and value not in (None, [], "", {}):
                near = find_closest(str(key), known)
                hint = suggest(near) if near is not None else f"known keys: {', '.join(known)}"
                self._add((*where, str(key)), f'unknown key "{str(key)[:60]}"', hint)

    def _add(self, where: Where, problem: str, hint: str | None = None) -> None:
        self.faults.append(ShapeFault(where=where, problem=problem, hint=hint))


def _show(value: Any) -> str:
    text = as_text(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 60 else f"{text[:59]}…"
