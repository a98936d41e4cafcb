"""Which criteria of a gate can score answers in rows of production, and why the others cannot.

A row has fields and a text, at most its seconds and its cost. What a criterion needs beyond that, golden cases alone
have.
"""

from __future__ import annotations

import re

from evalgate.domain import TOOL_CHECKS, Check, Judge

EXPECTED = "expected"
"""The field with the answer that a case wants, which is known of golden cases only."""

_UNMEASURED = TOOL_CHECKS | {"tokens"}
_OF_ONE_ARM = frozenset({"latency", "cost"})
"""What rows have of the version in production, measured otherwise than that of a version that answers them again."""


def explain_unscorable(criterion: Check | Judge, *, replayed: bool) -> str | None:
    """Return why answers in rows cannot be scored by a criterion; None if they can.

    `replayed` rows are cases that another version answers too: conditions may read their fields, code of the repository
    runs as in a gate, and time and cost are not comparable.
    """
    conditions = [one for one in (criterion.when, criterion.unless) if one is not None]
    if conditions and not replayed:
        return "its `when` and `unless` choose cases, and an answer in production is not a case"
    if any(one.tags or one.ids for one in conditions):
        return "it chooses its cases by tags or ids, which rows do not have"
    if any(re.split(r"[./]", name)[0] == EXPECTED for name in list_needed_fields(criterion)):
        return f"it needs `{EXPECTED}`, which no row has"
    parts = criterion.nested if isinstance(criterion, Check) else ()
    return next((reason for each in parts if (reason := _explain_check(each, replayed=replayed)) is not None), None)


def list_needed_fields(criterion: Check | Judge) -> list[str]:
    """Return the fields of a row without which a criterion cannot score its answer, those of conditions first."""
    conditions = [one for one in (criterion.when, criterion.unless) if one is not None]
    needed = [name for condition in conditions for name in condition.fields]
    if isinstance(criterion, Check):
        return needed + [name for each in criterion.nested for name in each.fields]
    return needed + [name for name in criterion.rubric.inputs if name != "output" and not name.endswith("?")]


def _explain_check(check: Check, *, replayed: bool) -> str | None:
    if check.type in _UNMEASURED or (replayed and check.type in _OF_ONE_ARM):
        return f"rows do not have what a check of type {check.type} measures"
    if check.type == "python" and not replayed:
        return "it runs code of the repository"
    if check.type == "latency" and "max_seconds" not in {*check.options, *check.from_case}:
        return "its p95 is that of all cases; a rollout watches slow answers anyway"
    return None
