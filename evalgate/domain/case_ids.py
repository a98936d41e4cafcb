"""Ids of cases that are given none: digests of their content."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from evalgate.domain.text import Json, digest

OWN_KEYS = frozenset({"id", "tags", "cluster"})
"""The keys of a row that name and group a case. They are not part of its content."""

_DIGITS = 16
_DERIVED = re.compile(rf"row-[0-9a-f]{{{_DIGITS}}}(-[0-9]+)?")


def derive_case_id(fields: Mapping[str, Json]) -> str:
    """Return the id of a row that has none: `row-` and the first 16 hex digits of the digest of its content."""
    return f"row-{digest({key: value for key, value in fields.items() if key not in OWN_KEYS})[:_DIGITS]}"


def describe_lost(lost: Sequence[str]) -> str:
    """Return a sentence, after a space, on lost cases whose ids are derived; empty if none is."""
    if not any(map(is_derived, lost)):
        return ""
    return " A case without an `id` is known by its content, so an edited one counts as gone and as new: give ids."


def is_derived(case: str) -> bool:
    """Return whether a case's id has the form of a derived one."""
    return _DERIVED.fullmatch(case) is not None
