"""Types of prompts as they were sent: of each case its fields, and of each arm the rendered messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from evalgate.domain.report_refs import InputField
from evalgate.domain.text import Json
from evalgate.domain.trials import Arm


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """One rendered message, as text; `content` is a readable form of parts and tool calls."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPrompt:
    """The request of one arm. `settings` are the model, the parameters, the response format and the tools."""

    arm: Arm
    messages: tuple[SentMessage, ...]
    settings: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCase:
    """A case of a gate with the fields that its prompts use, and the request of each arm."""

    gate: str
    case: str
    fields: tuple[InputField, ...]
    prompts: tuple[SentPrompt, ...]
