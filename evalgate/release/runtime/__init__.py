"""The runtime: an application gets its prompts from a registry, without a deployment and without waiting.

    from evalgate.release.runtime import PromptClient

    client = PromptClient("https://prompts.example.com/releases", last_good="/var/lib/app/prompts.json")
    served = client.get("support")
    messages = served.messages(name="Ada")

The standard library is all that it needs. docs/runtime.md describes it.
"""

from __future__ import annotations

from evalgate.release.runtime.client import PromptClient
from evalgate.release.runtime.prompt_error import (
    PromptError,
    PromptUnavailableError,
    SourceError,
    UnknownLabelError,
    VariableError,
)
from evalgate.release.runtime.served import Served

__all__ = [
    "PromptClient",
    "PromptError",
    "PromptUnavailableError",
    "Served",
    "SourceError",
    "UnknownLabelError",
    "VariableError",
]
