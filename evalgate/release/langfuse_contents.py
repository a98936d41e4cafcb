"""What a published version is as an ordinary prompt of Langfuse, for people and for applications on its SDK. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from evalgate.domain.numbers import show_count
from evalgate.errors import InputError
from evalgate.release.document import HISTORY, PublishedMessage, PublishedVersion, Variable

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")
_REFERENCE = "@@@langfusePrompt:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseContents:
    """A text, or the messages of a chat, with the configuration that Langfuse keeps beside it."""

    prompt: str | tuple[Mapping[str, Any], ...]
    config: Mapping[str, Any]

    def is_same(self, prompt: str | Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> bool:
        """Return whether a version of Langfuse is this one: somebody may save another text with a copied `config`."""
        given = prompt if isinstance(prompt, str) else tuple(_strip_type(one) for one in prompt)
        own = self.prompt if isinstance(self.prompt, str) else tuple(_strip_type(one) for one in self.prompt)
        return given == own and dict(config) == dict(self.config)


def make_source(name: str, number: int) -> str:
    """Return the `source` of a version that was published of a version in Langfuse."""
    return f"langfuse:{name}@{number}"


def is_own_source(
    version: PublishedVersion,
    name: str,
    number: int,
    prompt: str | Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
) -> bool:
    """Return whether a version in Langfuse is the one that a published version was made of.

    Its number may have been given again after a deletion, so the texts and what the `config` says have to be the same.
    """
    if version.git_sha is not None or version.source != make_source(name, number):
        return False
    try:
        own = make_langfuse_contents(name, version, is_text=isinstance(prompt, str))
    except InputError:
        return False
    given = prompt if isinstance(prompt, str) else tuple(_strip_type(one) for one in prompt)
    expected = own.prompt if isinstance(own.prompt, str) else tuple(_strip_type(one) for one in own.prompt)
    known = {"model": version.model, **version.parameters}
    same = all(known[key] == value for key, value in config.items() if key in known)
    return same and _write_plainly(given) == _write_plainly(expected)


def _write_plainly(prompt: str | tuple[Mapping[str, Any], ...]) -> Any:
    """Return a prompt with its variables written `{{name}}`, and with newlines, as a gate reads it."""
    if not isinstance(prompt, str):
        return [{key: _write_plainly(one) if key == "content" else one for key, one in each.items()} for each in prompt]
    return _VARIABLE.sub(r"{{\1}}", prompt.replace("\r\n", "\n")).strip("\n")


def make_langfuse_contents(name: str, version: PublishedVersion, *, is_text: bool) -> LangfuseContents:
    """Return a version as a text prompt or as a chat prompt. A prompt of Langfuse never changes its type.

    Raises InputError for what Langfuse has no form for: tool calls, a text that looks like a variable or a reference,
    and in a text prompt several messages.
    """
    config = {
        "model": version.model,
        "parameters": dict(version.parameters),
        **({"response_format": dict(version.response_format)} if version.response_format is not None else {}),
        **({"tools": list(version.tools)} if version.tools else {}),
        "evalgate": {"digest": version.digest, "version": version.version},
    }
    messages = [_make_message(name, version, message) for message in version.messages]
    if not is_text:
        return LangfuseContents(prompt=tuple(messages), config=config)
    # a prompt in a text file is published with the variable of the user's message after it
    asked = version.messages[1:]
    if (
        not messages
        or not all(_is_variable(message) for message in asked)
        or len(asked) > 1
        or "content" not in messages[0]
    ):
        _refuse(name, version, f"it has {show_count(len(messages), 'message')}, and {name} is a text prompt there")
    return LangfuseContents(prompt=str(messages[0]["content"]), config=config)


def _make_message(name: str, version: PublishedVersion, message: PublishedMessage) -> dict[str, Any]:
    if message.role == HISTORY and message.parts:
        (part,) = message.parts
        assert isinstance(part, Variable)
        return {"type": "placeholder", "name": part.name}
    if message.extra or message.parts is None:
        _refuse(name, version, "it has a tool call or a named message")
    text = ""
    for part in message.parts:
        text += f"{{{{{part.name}}}}}" if isinstance(part, Variable) else part
    plain = "\0".join(part for part in message.parts if isinstance(part, str))
    if any(re.search(rf"\{{\{{\s*{re.escape(one)}\s*\}}\}}", plain) for one in version.variables):
        _refuse(name, version, "it has a text that Langfuse takes for a variable")
    if _REFERENCE in text:
        _refuse(name, version, "it has a text that Langfuse takes for a reference to another prompt")
    return {"role": message.role, "content": text}


def _is_variable(message: PublishedMessage) -> bool:
    return message.role == "user" and message.parts is not None and [type(one) for one in message.parts] == [Variable]


def _strip_type(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message without the type that some versions of Langfuse add to an ordinary one."""
    return {key: value for key, value in message.items() if (key, value) != ("type", "chatmessage")}


def _refuse(name: str, version: PublishedVersion, why: str) -> NoReturn:
    raise InputError(
        f"{name}: {version} cannot be shown as a prompt of Langfuse: {why}",
        hint="applications get it by evalgate's readers; the release itself is complete",
    )
