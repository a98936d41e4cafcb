"""The prompts of Langfuse, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.services.langfuse_errors import clean

_HIGHEST = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfusePrompt:
    """A version of a prompt: a text, or the messages of a chat as the server has them. `author` is empty if unknown.

    A version that was made with a project's keys has the author "API". `id` is never given again, as a number may be;
    empty if the server does not say it.
    """

    name: str
    version: int
    prompt: str | tuple[Mapping[str, Any], ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    message: str | None
    author: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseListing:
    """All versions of a prompt by their numbers, the labels that any of them has, and the newest one's `config`.

    `config` is empty if it is not an object.
    """

    name: str
    versions: tuple[int, ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    config: Mapping[str, Any]


def make_listings(answer: Any) -> list[LangfuseListing]:
    """Return the prompts of a page. Raises ValueError for a prompt without versions."""
    return [_make_listing(one) for one in answer.data]


def _make_listing(found: Any) -> LangfuseListing:
    if not found.versions or not all(1 <= one <= _HIGHEST for one in found.versions):
        raise ValueError("a prompt has versions, which count from 1")
    return LangfuseListing(
        name=found.name,
        versions=tuple(sorted(found.versions)),
        labels=tuple(found.labels),
        tags=tuple(found.tags),
        config=found.last_config if isinstance(found.last_config, dict) else {},
    )


def make_prompt(found: Any) -> LangfusePrompt:
    """Return a version of a prompt from what Langfuse's client has of it."""
    text = found.prompt
    if not isinstance(text, str):
        text = tuple(one.model_dump(by_alias=True, exclude_none=True) for one in text)
    return LangfusePrompt(
        name=found.name,
        version=found.version,
        prompt=text,
        labels=tuple(found.labels),
        tags=tuple(found.tags),
        config=found.config if isinstance(found.config, dict) else {},
        message=found.commit_message,
        author=_read_author(found),
        id=_read_id(found),
    )


def _read_author(found: Any) -> str:
    """Return who made a version. The description of the API does not name the key, but servers send it."""
    author = (found.model_extra or {}).get("createdBy")
    return clean(author.strip()) if isinstance(author, str) else ""


def _read_id(found: Any) -> str:
    identity = (found.model_extra or {}).get("id")
    return identity if isinstance(identity, str) else ""
