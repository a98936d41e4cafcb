"""Notes on a prompt for the report: what of its file is not sent."""

from __future__ import annotations

from evalgate.domain import PromptVersion
from evalgate.domain.adaptations import NOT_AS_WRITTEN
from evalgate.domain.lists import name_some
from evalgate.plan.prompt_diff import adds_front_matter

_NAMED = 10


def describe_unsent(version: PromptVersion, baseline: PromptVersion | None = None) -> tuple[str, ...]:
    """Return a note on front matter that is new, and one that names the keys that are not sent to the model."""
    notes = []
    if baseline is not None and adds_front_matter(version, baseline):
        what = f"the new front matter of {version.path}"
        notes.append(
            f"{NOT_AS_WRITTEN}{what}: an application that reads the whole file sends it, which is not measured"
        )
    if version.unsent:
        named = name_some(version.unsent, _NAMED, rest=", and {} more")
        notes.append(f"{version.path}: not sent to the model: {named}")
    return tuple(notes)
