"""Names of prompts and datasets in Langfuse, as a configuration and an option write them in place of a file."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TypeAlias

PREFIX = "langfuse:"
"""What a name in Langfuse begins with. No path of a file does."""

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_LABEL = re.compile(r"[a-z0-9_.-]{1,36}")
_FORM = "write langfuse:NAME@LABEL, such as langfuse:support@staging, or langfuse:NAME@NUMBER for one version"
_DATASET_FORM = "write langfuse:NAME, or langfuse:NAME@TIME, such as langfuse:golden@2026-11-30T12:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfusePromptSource:
    """A version of a prompt in Langfuse: one number, or the version that has a label."""

    name: str
    version: int | None = None
    label: str | None = None

    @property
    def wanted(self) -> str:
        """The number or the label, as it is written."""
        return self.label if self.label is not None else str(self.version)

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}@{self.wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseDatasetSource:
    """A dataset in Langfuse: as it is, or as it was `at` a time, which is kept as it is written."""

    name: str
    at: str | None = None

    @property
    def moment(self) -> datetime.datetime | None:
        return None if self.at is None else datetime.datetime.fromisoformat(self.at)

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}" if self.at is None else f"{PREFIX}{self.name}@{self.at}"


LangfuseSource: TypeAlias = LangfusePromptSource | LangfuseDatasetSource


def is_langfuse(path: str | None) -> bool:
    """Return whether a path, or what an option names, is in Langfuse."""
    return path is not None and path.startswith(PREFIX)


def parse_prompt_source(text: str) -> LangfusePromptSource:
    """Return the prompt that a text names. Raises ValueError, with the form, for any other text.

    The text after the last `@` is the number of a version if it has only digits, else a label.
    """
    name, at, wanted = text.removeprefix(PREFIX).rpartition("@")
    if not is_langfuse(text) or not at or not _is_name(name):
        raise ValueError(_FORM)
    if _NUMBER.fullmatch(wanted):
        return LangfusePromptSource(name=name, version=int(wanted))
    if wanted.isdigit() or not _LABEL.fullmatch(wanted):
        raise ValueError(_FORM)
    return LangfusePromptSource(name=name, label=wanted)


def parse_dataset_source(text: str) -> LangfuseDatasetSource:
    """Return the dataset that a text names. Raises ValueError, with the form, for any other text.

    A time has a time zone: without one it would mean another state on each machine.
    """
    written = text.removeprefix(PREFIX)
    name, at, time = written.rpartition("@")
    if not is_langfuse(text) or not _is_name(name if at else written):
        raise ValueError(_DATASET_FORM)
    if not at:
        return LangfuseDatasetSource(name=written)
    try:
        moment = datetime.datetime.fromisoformat(time)
    except ValueError:
        raise ValueError(_DATASET_FORM) from None
    if moment.tzinfo is None or "T" not in time:
        raise ValueError(_DATASET_FORM)
    return LangfuseDatasetSource(name=name, at=time)


def parse_source(text: str) -> LangfuseSource:
    """Return what a text names: a prompt if a number or a label follows `@`, else a dataset. Raises ValueError."""
    try:
        return parse_prompt_source(text)
    except ValueError:
        return parse_dataset_source(text)


def _is_name(name: str) -> bool:
    return bool(name) and name == name.strip() and name.isprintable() and "|" not in name


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseSettings:
    """A Langfuse server, and the variables with the keys of a project; None: those that its own clients read."""

    host: str | None = None
    public_key_env: str | None = None
    secret_key_env: str | None = None

    @property
    def key_variables(self) -> tuple[str, str]:
        """The names of the variables of the public and of the secret key."""
        return self.public_key_env or "LANGFUSE_PUBLIC_KEY", self.secret_key_env or "LANGFUSE_SECRET_KEY"
