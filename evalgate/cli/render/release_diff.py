"""The text of `evalgate release diff`: changed words of messages, and changed model, parameters, tools and scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from evalgate.cli.render.release_message import format_message
from evalgate.release.document import PublishedVersion
from evalgate.report.escape import line
from evalgate.report.message_diff import compare_messages
from evalgate.report.wrapped_text import wrap_words


def render_diff(first: PublishedVersion, second: PublishedVersion) -> str:
    """Render the differences between two versions, in 80 columns.

    `message_diff.compare_messages` explains the marks.
    """
    rows = [line(f"- {first}, {first.at}"), line(f"+ {second}, {second.at}")]
    changes = [*_compare_fields(first, second), *_compare_messages(first, second)]
    return "\n".join([*rows, *(changes or ["", "the content and the scores are the same"])])


def _compare_fields(first: PublishedVersion, second: PublishedVersion) -> list[str]:
    pairs: list[tuple[str, Any, Any]] = [
        ("model", first.model, second.model),
        *_pair("parameters", first.parameters, second.parameters),
        ("response format", first.response_format, second.response_format),
        ("tools", list(first.tools), list(second.tools)),
        ("level", first.level, second.level),
        *_pair(
            "scores",
            *({name: one.get("value") for name, one in each.evaluation.scores.items()} for each in (first, second)),
        ),
    ]
    rows = []
    for name, old, new in pairs:
        if _format(old) != _format(new):
            text = f"{name}: {_format(old)} -> {_format(new)}"
            rows.append(wrap_words(text, indent="    ", first=""))
    return ["", *rows] if rows else []


def _pair(name: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted({*first, *second}):
        yield f"{name}.{key}", first.get(key), second.get(key)


def _format(value: Any) -> str:
    # not sorted: the order of the properties of a schema is part of a version, and a document sorts all other keys
    return "none" if value is None or value == [] else json.dumps(value, ensure_ascii=False)


def _compare_messages(first: PublishedVersion, second: PublishedVersion) -> list[str]:
    old, new = ([(one.role, format_message(one)) for one in each.messages] for each in (first, second))
    return compare_messages(old, new)
