"""Prompt versions: messages with their model and parameters, rendered for a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalgate.domain.images import NO_IMAGES, Image
from evalgate.domain.message_shapes import read_history
from evalgate.domain.messages import HISTORY, VARIABLE, Message, add_images, find_history_field, render_message
from evalgate.domain.text import Json, digest, find_hidden_text, normalize


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """Immutable content, model and parameters, with a digest and (if declared) a semantic version.

    `parameters` use the names of the API (`temperature`, `max_tokens`). `response_format` is the object of the API.
    `source` is "working tree", a file, or "commit:path". `lines` maps top-level keys to their line in the file
    (1-based), so that findings can name the two lines to edit.
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

    @property
    def content(self) -> Json:
        """Everything that is sent to the model, as plain data. Excludes names, descriptions and version numbers."""
        return {"messages": [message.identity for message in self.messages], **self._plain}

    @property
    def _plain(self) -> dict[str, Json]:
        return {
            "model": self.model,
            "parameters": dict(self.parameters),
            "response_format": self.response_format,
            "tools": list(self.tools),
        }

    @property
    def digest(self) -> str:
        return digest(self.content)

    @property
    def normalized_digest(self) -> str:
        """The digest of the content with normalised white space, invisible and control characters (`normalize`)."""
        messages: list[Json] = [
            [m.role, normalize(m.content)] if m.details is None else [normalize(m.content), m.identity]
            for m in self.messages
        ]
        return digest({**self._plain, "messages": messages})

    @property
    def hidden_text(self) -> tuple[str, ...]:
        """The text of each message in characters that are not displayed: see `find_hidden_text`."""
        return tuple(find_hidden_text(message.content) for message in self.messages)

    @property
    def variables(self) -> frozenset[str]:
        """The names of the `{{variable}}` placeholders in all messages."""
        return frozenset(name for message in self.messages for name in VARIABLE.findall(message.content))

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
        Raises KeyError with the name of a variable that the case lacks, and ValueError for a history of another shape.
        """
        found: list[Message] = []
        for message in self.messages:
            field = find_history_field(message)
            if field is None:
                found.append(render_message(message, variables, images))
            else:
                found += (add_images(each, images) for each in read_history(variables[field]))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAtCommit:
    """A version number with the digest of its content at one commit of the history."""

    commit: str
    version: str
    digest: str
