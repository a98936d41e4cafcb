"""The field of the cases that is the user message of a prompt which names none."""

from __future__ import annotations

from dataclasses import replace

from evalgate.domain import GoldenDataset, PromptVersion, Target

NOT_ASKED = frozenset({"id", "tags", "cluster", "expected"})
"""Fields that identify a case, or that contain its expected answer."""


def ask_only_field(version: PromptVersion, dataset: GoldenDataset, target: Target) -> PromptVersion:
    """Return a version whose user message is the only field of the cases, if the prompt itself uses none.

    This applies to a text whose role is not stated, and to messages of the roles system and developer alone. Recorded
    outputs need no message, and a Python function gets the fields as well.
    """
    if target.kind in ("recorded", "python") or not version.messages or version.variables or version.user is not None:
        return version
    fields = list_askable_fields(dataset)
    is_open = version.is_text or all(message.role in ("system", "developer") for message in version.messages)
    return replace(version, asked=fields[0]) if is_open and len(fields) == 1 else version


def list_askable_fields(dataset: GoldenDataset) -> list[str]:
    """Return the fields that can hold what is asked, sorted."""
    return sorted({field for case in dataset.cases for field in case.fields} - NOT_ASKED)
