"""Notes on a prompt for the report: what of its file is not sent."""

from __future__ import annotations

from evalgate.domain import PromptVersion
from evalgate.domain.lists import name_some

_NAMED = 10


def describe_unsent(version: PromptVersion) -> tuple[str, ...]:
    """Return a note that names the keys of a prompt file that are not sent to the model, if there are any."""
    if not version.unsent:
        return ()
    named = name_some(version.unsent, _NAMED, rest=", and {} more")
    return (f"{version.path}: not sent to the model: {named}",)
