"""Prompt versions: messages with their model and parameters, rendered for a case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from evalgate.domain.images import NO_IMAGES, Image
from evalgate.domain.joined_messages import join_messages
from evalgate.domain.message_shapes import read_history
from evalgate.domain.messages import HISTORY, Message, add_images, find_history_field, list_templates, render_message
from evalgate.domain.property_order import keep_order
from evalgate.domain.templates import MUSTACHE, Syntax, Template, fill_mustache
from evalgate.domain.text import Json, as_text, digest, normalize, place_hidden_text


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """What a gate says about its prompt files: their syntax, the user message, and the constant of a Python file."""

    template: Syntax | None = None
    user: str | None = None
    constant: str | None = None


NO_SETTINGS = PromptSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStart:
    """Where a text begins in a file, from 1. Its further lines begin at the column `indent`."""

    line: int
    column: int = 1
    indent: int = 1

    def locate(self, text: str, position: int) -> tuple[int, int]:
        """Return the line and column in the file of a position in the text."""
        lines = text.count("\n", 0, position)
        if not lines:
            return self.line, self.column + position
        return self.line + lines, self.indent + position - text.rfind("\n", 0, position) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """Immutable content, model and parameters, with a digest and (if declared) a semantic version.

    `parameters` use the names of the API (`temperature`, `max_tokens`). `response_format` is the object of the API.
    `source` is "working tree", a file, or "commit:path". `lines` maps top-level keys to their line in the file
    (1-based), so that findings can name the two lines to edit.

    `template` is the syntax of the messages. They are `is_joined` if they are one template, whose blocks reach over
    several of them: it is rendered as a whole, and then cut into messages. `user` is the user message that the gate
    adds, which is mustache. A prompt `is_text` if it is one text whose role is not stated: it is the user message if it
    uses a field, and else the system message beside that of the user. `asked` is the field that is the user message of
    such a prompt, if the cases have only that one. It is not part of the content, because it follows from the dataset.
    `starts` are the places of the messages in the file, as far as they are known. `unsent` are keys of the file that
    other tools read, and that are not sent. `has_front_matter` is true for a text with front matter, which is not sent.
    """

    name: str
    path: str
    source: str
    messages: tuple[Message, ...]
    model: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    response_format: Mapping[str, Json] | None = None
    tools: tuple[Json, ...] = ()
    version: str | None = None
    change: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    template: Template = MUSTACHE
    user: str | None = None
    is_joined: bool = False
    is_text: bool = False
    asked: str | None = None
    starts: tuple[TextStart | None, ...] = ()
    unsent: tuple[str, ...] = ()
    has_front_matter: bool = False

    @property
    def content(self) -> Json:
        """Everything that is sent to the model, as plain data. Excludes names, descriptions and version numbers."""
        return {"messages": [message.identity for message in self.messages], **self._plain}

    @property
    def _plain(self) -> dict[str, Json]:
        return {
            "model": self.model,
            "parameters": keep_order(dict(self.parameters)),
            "response_format": keep_order(self.response_format),
            "tools": keep_order(list(self.tools)),
            **({} if self.template.identity is None else {"template": self.template.identity}),
            **({"joined": True} if self.is_joined else {}),
            **({} if self.user is None else {"user": self.user}),
            **({"stated": True} if self._states_its_role else {}),
        }

    @property
    def _states_its_role(self) -> bool:
        """Whether the user's message is the whole prompt, names no field, and is not text whose role is not stated.

        Such a text is sent as the system message beside a field of the cases (`asked`).
        """
        if self.is_text or self.user is not None or [message.role for message in self.messages] != ["user"]:
            return False
        return not self.find_names(self.messages[0])

    @property
    def digest(self) -> str:
        return digest(self.content)

    @property
    def normalized_digest(self) -> str:
        """The digest of the content with normalised white space, invisible and control characters (`normalize`).

        Where the logic of a template reads white space, it counts.
        """
        messages: list[Json] = [message.normalized_identity for message in self.messages]
        plain = self._plain
        if self.template.files:
            plain["template"] = [self.template.syntax, {name: normalize(text) for name, text in self.template.files}]
        if self.user is not None:
            plain["user"] = normalize(self.user)
        read: list[Json] = [list(self.template.list_read_texts(text)) for _, text in self.list_templates()]
        if any(read):
            plain["read"] = read
        return digest({**plain, "messages": messages})

    @property
    def hidden_text(self) -> tuple[str, ...]:
        """The text in characters that are not displayed, of each message and of what is added to them.

        See `place_hidden_text`: it counts with its place.
        """
        added = [text for _, text in self.template.files] + ([] if self.user is None else [self.user])
        return tuple(place_hidden_text(text) for text in (*(message.content for message in self.messages), *added))

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables in all messages."""
        return frozenset(name for names in self.list_names() for name in names)

    def list_names(self) -> Iterator[tuple[str, ...]]:
        """Yield the names of the variables of each message, and of the user message that is added."""
        if self.is_joined:
            yield self.template.find_names(join_messages(self.messages).text)
        for message in self.messages:
            if not self.is_joined or message.role == HISTORY:
                yield self.find_names(message)
        if self.user is not None:
            yield MUSTACHE.find_names(self.user)
        if self.asked is not None:
            yield (self.asked,)

    def find_names(self, message: Message) -> tuple[str, ...]:
        """Return the names of the variables in one of the messages; of a history, its field."""
        field = find_history_field(message)
        if field is not None:
            return (field,)
        return tuple(name for text in list_templates(message) for name in self.template.find_names(text))

    def list_templates(self) -> list[tuple[int, str]]:
        """Return the texts that are filled in, each with the position of its message; one text if they are joined."""
        if self.is_joined:
            return [(0, join_messages(self.messages).text)]
        return [(position, text) for position, one in enumerate(self.messages) for text in list_templates(one)]

    def locate_line(self, position: int, line: int) -> tuple[int, int] | None:
        """Return the line and column in the file of a line (from 1) of a text of `list_templates`, if it is known."""
        if self.is_joined:
            position, line = join_messages(self.messages).find_message(line)
        start = self.starts[position] if position < len(self.starts) else None
        if start is None or self.messages[position].details is not None:
            return None
        return (start.line, start.column) if line <= 1 else (start.line + line - 1, start.indent)

    @property
    def histories(self) -> tuple[str, ...]:
        """The fields of the cases that hold messages, which are inserted into the prompt; in order."""
        found = map(find_history_field, self.messages)
        return tuple(dict.fromkeys(field for field in found if field is not None))

    @property
    def may_have_images(self) -> bool:
        """Whether a request can contain images: of the prompt, or of the messages that it inserts."""
        return any(message.images or message.role == HISTORY for message in self.messages)

    def render(self, variables: Mapping[str, Json], images: Mapping[str, Image] = NO_IMAGES) -> tuple[Message, ...]:
        """Return the messages with each variable replaced, and with the messages of histories inserted.

        Values and the messages of histories are not treated as templates. `images` are the image files by their paths.
        Raises KeyError with the name of a variable that the case lacks, and ValueError for a history of another shape
        and for a template that cannot be rendered (RenderingError).
        """
        found: list[Message] = []
        fill = self.template.make_filler(variables)
        messages = self.messages
        if self.is_joined:
            messages = join_messages(messages).cut(fill(join_messages(messages).text))
            fill = str  # it is filled in already
        for message in messages:
            field = find_history_field(message)
            if field is None:
                found.append(render_message(message, fill, images))
            else:
                found += (add_images(each, images) for each in read_history(variables[field]))
        if self.asked is not None:
            found = [replace(message, role="system") if self.is_text else message for message in found]
            found.append(Message(role="user", content=as_text(variables[self.asked])))
        elif self.user is not None:
            found.append(Message(role="user", content=fill_mustache(self.user, variables)))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAtCommit:
    """A version number with the digest of its content at one commit of the history."""

    commit: str
    version: str
    digest: str
