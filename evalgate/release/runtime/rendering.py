"""Rendering of published versions: variables to the messages of a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalgate.release.document import HISTORY, PublishedVersion, Variable


def render_messages(version: PublishedVersion, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of a version with its variables filled in, in the form of the chat completions API.

    Text is inserted as it is, anything else as JSON, as the gate does. Raises KeyError for a missing variable,
    TypeError for one that the version does not use, for a history that is not a list of messages, and for a value that
    is neither text nor a number if the version has `plain_values`.
    """
    names = version.variables
    for name in names:
        if name not in variables:
            raise KeyError(name)
    for name in variables:
        if name not in names:
            raise TypeError(f'unknown variable "{name}"; the version {version.version} uses {", ".join(sorted(names))}')
    found: list[dict[str, Any]] = []
    for message in version.messages:
        if message.role == HISTORY:
            for part in message.parts or ():
                if isinstance(part, Variable):
                    found += _copy_history(part.name, variables[part.name])
            continue
        content = None
        if message.parts is not None:
            content = "".join(
                part if isinstance(part, str) else _as_text(part.name, variables[part.name], version.plain_values)
                for part in message.parts
            )
        # a copy of its own, so that a caller who edits it does not edit the version
        found.append({"role": message.role, "content": content, **json.loads(json.dumps(dict(message.extra)))})
    return found


def _as_text(name: str, value: Any, is_plain: bool) -> str:
    if isinstance(value, str):
        return value
    if is_plain and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f'the variable "{name}" must be text or a number: the prompt was evaluated as jinja')
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f'the variable "{name}" is neither text nor data of JSON: {error}') from None


def _copy_history(name: str, value: Any) -> list[dict[str, Any]]:
    is_list = isinstance(value, list | tuple)
    if not is_list or not all(isinstance(one, Mapping) and isinstance(one.get("role"), str) for one in value):
        raise TypeError(f'the variable "{name}" must be a list of messages, each with a role')
    return [dict(one) for one in value]
