"""Chat messages: text, or content parts, tool calls and tool results. Rendering of templates, and the API's form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from evalgate.domain import strict_json
from evalgate.domain.images import Image
from evalgate.domain.text import Json, normalize

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")
"""A variable with a plain name. `templates` also knows other names and syntaxes."""

HISTORY = "history"
"""The role of an entry of a prompt that inserts the messages of a case's field. Its content is the field's variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """A text among the parts of a message's content."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePart:
    """An image among the parts of a message's content.

    `source` is a file in the dataset's folder, an https address or a data URL. `detail` is the API's ("low", "high").
    `image` is the content of the file, in a rendered message.
    """

    source: str
    detail: str | None = None
    image: Image | None = None


ContentPart: TypeAlias = TextPart | ImagePart


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCall:
    """A tool call in a message: the API's id and kind, the name, and the arguments as text (JSON for a function)."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDetails:
    """What a message has besides one text. `content` is that text, the parts, or None for calls without a text."""

    content: str | tuple[ContentPart, ...] | None
    calls: tuple[MessageCall, ...] = ()
    call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat message. In a prompt version, the content is a template with `{{variable}}` placeholders.

    A message with `details` has more than one text. Its `content` is then a readable form of all of them, which is
    compared, counted and searched for variables, but not sent.
    """

    role: str
    content: str
    details: MessageDetails | None = None

    @property
    def identity(self) -> Json:
        """Everything that is sent, as plain data; an image is named by the digest of its content."""
        return self._identify(str)

    @property
    def normalized_identity(self) -> Json:
        """The identity with normalised white space, invisible and control characters in all texts (`normalize`).

        Texts that follow each other in the parts of a content are one text, wherever they are cut.
        """
        return _join_texts(self)._identify(normalize)

    def _identify(self, clean: Callable[[str], str]) -> Json:
        return [self.role, clean(self.content) if self.details is None else _identify(self.details, clean)]

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """The images of the content, in order."""
        parts = self.details.content if self.details is not None else None
        return tuple(part for part in parts if isinstance(part, ImagePart)) if isinstance(parts, tuple) else ()

    def encode(self) -> dict[str, Any]:
        """Return the message in the form of the chat completions API."""
        if self.details is None:
            return {"role": self.role, "content": self.content}
        content = self.details.content
        sent: dict[str, Any] = {"role": self.role}
        sent["content"] = [_encode_part(part) for part in content] if isinstance(content, tuple) else content
        if self.details.name is not None:
            sent["name"] = self.details.name
        if self.details.calls:
            sent["tool_calls"] = [_encode_call(call) for call in self.details.calls]
        if self.details.call_id is not None:
            sent["tool_call_id"] = self.details.call_id
        return sent


def make_message(role: str, details: MessageDetails) -> Message:
    """Return the message with these details, and with its readable content. One plain text needs no details."""
    content = details.content
    if isinstance(content, str) and not details.calls and details.call_id is None and details.name is None:
        return Message(role=role, content=content)
    lines = [] if details.name is None else [f"[name: {details.name}]"]
    if details.call_id is not None:
        lines.append(f"[result of {details.call_id}]")
    if isinstance(content, str):
        lines.append(content)
    lines += [_describe_part(part) for part in content] if isinstance(content, tuple) else []
    lines += [f"[tool call {call.id}: {call.name}({call.arguments})]" for call in details.calls]
    return Message(role=role, content="\n".join(lines), details=details)


def make_history(field: str) -> Message:
    """Return the entry of a prompt that inserts the messages of a field."""
    return Message(role=HISTORY, content=f"{{{{{field}}}}}")


def find_history_field(message: Message) -> str | None:
    """Return the field whose messages this entry inserts; None for a message."""
    return message.content.removeprefix("{{").removesuffix("}}") if message.role == HISTORY else None


def list_templates(message: Message) -> list[str]:
    """Return the texts of a message that are templates: of its content, images, ids and tool calls; none of a history.

    Of arguments in JSON, these are the texts inside.
    """
    details = message.details
    if message.role == HISTORY:
        return []
    if details is None:
        return [message.content]
    texts = [details.content] if isinstance(details.content, str) else []
    for part in details.content if isinstance(details.content, tuple) else ():
        texts.append(part.text if isinstance(part, TextPart) else part.source)
    for call in details.calls:
        texts += [call.id, call.name, *_list_argument_texts(call.arguments)]
    return texts if details.call_id is None else [*texts, details.call_id]


def render_message(message: Message, fill: Callable[[str], str], images: Mapping[str, Image]) -> Message:
    """Return a message with its templates filled in by `fill`, and with the content of its image files."""
    if message.details is None:
        return Message(role=message.role, content=fill(message.content))
    details = message.details
    content = details.content
    filled = replace(
        details,
        content=tuple(_fill_part(part, fill) for part in content)
        if isinstance(content, tuple)
        else None
        if content is None
        else fill(content),
        calls=tuple(
            replace(call, id=fill(call.id), name=fill(call.name), arguments=_fill_arguments(call, fill))
            for call in details.calls
        ),
        call_id=None if details.call_id is None else fill(details.call_id),
    )
    return add_images(make_message(message.role, filled), images)


def add_images(message: Message, images: Mapping[str, Image]) -> Message:
    """Return a message with the content of its image files, by their sources."""
    details = message.details
    if details is None or not isinstance(details.content, tuple):
        return message
    parts = tuple(
        replace(part, image=images.get(part.source)) if isinstance(part, ImagePart) else part
        for part in details.content
    )
    return replace(message, details=replace(details, content=parts))


def find_unknown_results(messages: Sequence[Message]) -> list[int]:
    """Return the positions of tool messages whose id is that of no call before them."""
    known: set[str] = set()
    found = []
    for position, message in enumerate(messages):
        details = message.details
        if details is not None and details.call_id is not None and details.call_id not in known:
            found.append(position)
        known |= {call.id for call in details.calls} if details is not None else set()
    return found


def _fill_part(part: ContentPart, fill: Callable[[str], str]) -> ContentPart:
    return TextPart(text=fill(part.text)) if isinstance(part, TextPart) else replace(part, source=fill(part.source))


def _fill_arguments(call: MessageCall, fill: Callable[[str], str]) -> str:
    """Fill in arguments. In JSON, values are filled into its texts, so that they cannot end them."""
    try:
        value = strict_json.load(call.arguments)
    except strict_json.JsonError:
        return fill(call.arguments)
    filled = _fill_json(value, fill)
    return call.arguments if filled == value else json.dumps(filled, ensure_ascii=False)


def _list_argument_texts(arguments: str) -> list[str]:
    try:
        value = strict_json.load(arguments)
    except strict_json.JsonError:
        return [arguments]
    found: list[str] = []

    def add(text: str) -> str:
        found.append(text)
        return text

    _fill_json(value, add)
    return found


def _fill_json(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, dict):
        return {fill(key): _fill_json(inner, fill) for key, inner in value.items()}
    return [_fill_json(inner, fill) for inner in value] if isinstance(value, list) else value


def _join_texts(message: Message) -> Message:
    """Return a message whose content has no two text parts in a row, and is not a list where it is one text."""
    details = message.details
    if details is None or not isinstance(details.content, tuple):
        return message
    joined: list[ContentPart] = []
    for part in details.content:
        last = joined[-1] if joined else None
        if isinstance(part, TextPart) and isinstance(last, TextPart):
            joined[-1] = TextPart(text=f"{last.text} {part.text}")
        elif isinstance(part, ImagePart) or normalize(part.text):
            joined.append(part)
    texts = [part.text for part in joined if isinstance(part, TextPart)]
    content = " ".join(texts) if len(texts) == len(joined) else tuple(joined)
    return make_message(message.role, replace(details, content=content))


def _identify(details: MessageDetails, clean: Callable[[str], str]) -> Json:
    content = details.content
    parts: Json = clean(content) if isinstance(content, str) else None
    if isinstance(content, tuple):
        parts = [_identify_part(part, clean) for part in content]
    calls: Json = [[call.kind, clean(call.id), clean(call.name), clean(call.arguments)] for call in details.calls]
    call_id, name = (None if text is None else clean(text) for text in (details.call_id, details.name))
    return {"content": parts, "tool_calls": calls, "tool_call_id": call_id, "name": name}


def _identify_part(part: ContentPart, clean: Callable[[str], str]) -> Json:
    if isinstance(part, TextPart):
        return ["text", clean(part.text)]
    return ["image", part.source if part.image is None else part.image.digest, part.detail]


def _describe_part(part: ContentPart) -> str:
    if isinstance(part, TextPart):
        return part.text
    return f"[image: {part.source}{'' if part.detail is None else f', detail {part.detail}'}]"


def _encode_part(part: ContentPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    url = {"url": part.source if part.image is None else part.image.url}
    return {"type": "image_url", "image_url": url if part.detail is None else {**url, "detail": part.detail}}


def _encode_call(call: MessageCall) -> dict[str, Any]:
    held = {"name": call.name, "input" if call.kind == "custom" else "arguments": call.arguments}
    return {"id": call.id, "type": call.kind, call.kind: held}
