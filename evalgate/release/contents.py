"""The messages of a prompt version as a release document has them: texts and variables, without a template syntax."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from evalgate.domain import Message, PromptVersion
from evalgate.domain.expressions import Placeholder, RenderingError
from evalgate.domain.jinja_templates import split_template
from evalgate.domain.messages import find_history_field, render_message
from evalgate.domain.templates import MUSTACHE, Template, find_placeholders, is_name, split_text
from evalgate.errors import Fault, InputError, Place
from evalgate.release.document import HISTORY, PublishedMessage, Variable

_HINT = (
    "such a prompt can be gated, but not published: leave the logic to the application, and pass it on as a variable"
)
_DELIMITERS = re.compile(r"\{\{|\{%")
_PLAIN_EXPRESSION = re.compile(r"\{\{[-+]?\s*\w+\s*[-+]?\}\}")


def make_contents(version: PromptVersion, fields: Collection[str]) -> tuple[PublishedMessage, ...]:
    """Return the messages that are sent for a case with these fields, with variables in place of the values.

    Rendered with the values of a case, they are the messages of `version.render`. Raises InputError with the place of
    all that texts and variables cannot say: logic of jinja, images, content in parts, variables in tool calls.
    """
    reader = _Reader(version, frozenset(fields))
    messages = reader.read()
    if reader.faults:
        raise InputError(faults=reader.faults)
    return messages


def has_plain_values(version: PromptVersion) -> bool:
    """Return whether only text and numbers are written alike by the prompt's syntax and by a reader of documents."""
    return version.template.syntax == "jinja" and any(
        version.find_names(message) for message in version.messages if message.role != HISTORY
    )


class _Reader:
    """Reads the messages of a version one by one, and collects the faults of all of them."""

    def __init__(self, version: PromptVersion, fields: frozenset[str]) -> None:
        self.faults: list[Fault] = []
        self._version = version
        self._fields = fields

    def read(self) -> tuple[PublishedMessage, ...]:
        version = self._version
        if version.is_joined:
            self._refuse("its messages are one template, whose blocks reach over several of them", self._locate(0, 1))
            return ()
        found = [self._read_message(position, message) for position, message in enumerate(version.messages)]
        if version.asked is not None:
            if version.is_text:
                found = [PublishedMessage(role="system", parts=one.parts, extra=one.extra) for one in found]
            parts: tuple[str | Variable, ...] = (self._make_variable(version.asked, Place(path=version.path)),)
            found.append(PublishedMessage(role="user", parts=parts))
        elif version.user is not None:
            parts = self._split(version.user, MUSTACHE, None)
            found.append(PublishedMessage(role="user", parts=parts))
        return tuple(found)

    def _read_message(self, position: int, message: Message) -> PublishedMessage:
        template = self._version.template
        field = find_history_field(message)
        if field is not None:
            return PublishedMessage(role=HISTORY, parts=(self._make_variable(field, self._locate(position, 1)),))
        details = message.details
        if details is None:
            return PublishedMessage(role=message.role, parts=self._split(message.content, template, position))
        if isinstance(details.content, tuple):
            what = "an image" if message.images else "a message whose content is in several parts"
            self._refuse(f"it has {what}", self._locate(position, 1))
            return PublishedMessage(role=message.role, parts=())
        parts = None if details.content is None else self._split(details.content, template, position)
        without = replace(message, details=replace(details, content=None))
        extra = render_message(without, lambda text: self._fill_constant(text, position), {}).encode()
        del extra["role"], extra["content"]
        return PublishedMessage(role=message.role, parts=parts, extra=extra)

    def _fill_constant(self, text: str, position: int) -> str:
        """Return a text of a tool call as it is sent, which no variable may be part of."""
        parts = self._split(text, self._version.template, position)
        if any(isinstance(part, Variable) for part in parts):
            self._refuse("it has a variable in a tool call", self._locate(position, 1))
        return "".join(part for part in parts if isinstance(part, str))

    def _split(self, text: str, template: Template, position: int | None) -> tuple[str | Variable, ...]:
        """Return a text in parts. `position` is that of its message; None for the user message of the gate."""
        try:
            if template.syntax == "jinja":
                pieces = split_template(text)
            else:
                pieces = [*split_text(text, template.syntax, self._fields)]
                self._refuse_doubtful(text, template, position)
        except RenderingError as error:
            self._refuse(f"its template {error.problem}", self._locate_error(text, position, error.line))
            return ()
        parts: list[str | Variable] = []
        for piece in pieces:
            if isinstance(piece, Placeholder):
                parts.append(self._make_variable(piece.name, self._locate_in(text, position, piece.position)))
            elif piece and parts and isinstance(parts[-1], str):
                parts[-1] += piece
            elif piece:
                parts.append(piece)
        return tuple(parts)

    def _refuse_doubtful(self, text: str, template: Template, position: int | None) -> None:
        """Refuse a name that counts as a variable, but that is sent unchanged because no case has the field."""
        filled = {
            piece.position for piece in split_text(text, template.syntax, self._fields) if not isinstance(piece, str)
        }
        for found in find_placeholders(text, template.syntax):
            if found.position not in filled and is_name(found.name):
                place = self._locate_in(text, position, found.position)
                self._refuse(f"{found.written[:60]} names no field of the cases", place, "name a field, or escape it")

    def _make_variable(self, name: str, place: Place) -> Variable:
        if not name.strip():
            self._refuse("a variable has no name", place, "give the column of the dataset a name")
        return Variable(name=name)

    def _refuse(self, problem: str, place: Place, hint: str = _HINT) -> None:
        fault = Fault(message=f"the prompt cannot be published: {problem}", place=place, hint=hint)
        if fault not in self.faults:
            self.faults.append(fault)

    def _locate(self, position: int | None, line: int, column: int = 0) -> Place:
        """Return the place of a line of a message (from 1), as far as it is known; else that of the messages."""
        version = self._version
        if position is None:  # the user message is in the configuration
            return Place(path=version.path)
        start = version.starts[position] if position < len(version.starts) else None
        found = None if start is None else version.locate_line(position, line)
        if start is None or (found is None and line > 1):
            return Place(path=version.path, line=version.lines.get("messages", 0))
        first, indent = found or (start.line, start.column)
        return Place(path=version.path, line=first, column=indent + column)

    def _locate_in(self, text: str, position: int | None, at: int) -> Place:
        before = text[:at]
        return self._locate(position, before.count("\n") + 1, at - before.rfind("\n") - 1)

    def _locate_error(self, text: str, position: int | None, line: int) -> Place:
        """Return the place of what jinja refuses, of which it only tells the line: the first logic of that line."""
        lines = text.split("\n")
        row = lines[line - 1] if 0 < line <= len(lines) else ""
        plain = [hit.start() for hit in _PLAIN_EXPRESSION.finditer(row)]
        column = next((hit.start() for hit in _DELIMITERS.finditer(row) if hit.start() not in plain), 0)
        return self._locate(position, max(1, line), column)
