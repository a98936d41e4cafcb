"""What an assertion of promptfoo is in evalgate: a check or a judge of one case, before cases are put together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from evalgate.domain import Json

Slot: TypeAlias = Literal["texts", "value", "pattern", "schema", "rubric"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A check or a judge that one test asks for.

    `options` are those of the check, with its `type`, or of the judge. `slot` is the option that `value` is for: it may
    become a field of the cases. `limits` are options whose numbers may become fields. `source` is the variable that the
    value was taken from as it is. `is_partial`: it has scores between 0 and 1 that count in a test's threshold.
    """

    kind: Literal["check", "judge"]
    options: Mapping[str, Json]
    slot: Slot | None = None
    value: Json = None
    limits: Mapping[str, Json] = field(default_factory=dict)
    name: str | None = None
    blocking: bool = True
    label: str = ""
    source: str | None = None
    is_partial: bool = False

    @property
    def key(self) -> str:
        """What checks of several cases have to have in common to become one."""
        shown = [self.kind, dict(self.options), self.slot, sorted(self.limits), self.name, self.blocking, self.label]
        return json.dumps(shown, sort_keys=True, ensure_ascii=False)

    @property
    def content(self) -> str:
        """What differs between cases."""
        return json.dumps([self.value, dict(self.limits)], sort_keys=True, ensure_ascii=False)


class NotCarriedError(ValueError):
    """An assertion that evalgate has no counterpart for. The message is a phrase that says why."""


def make_check(kind: str, options: Mapping[str, Json] | None = None, **rest: Any) -> Wanted:
    """Return a check of one type."""
    return Wanted(kind="check", options={"type": kind, **(options or {})}, **rest)


def as_wanted(check: Mapping[str, Any], **rest: Any) -> Wanted:
    """Return a check as the configuration has it; its value becomes what may differ between cases."""
    options = dict(check)
    kind = str(options["type"])
    if kind in _TEXTS and set(options) <= {"type", "value", "values", "ignore_case"}:
        texts = options.pop("values", None) or [options.pop("value")]
        options["type"] = _TEXTS[kind]
        return Wanted(kind="check", options=options, slot="texts", value=texts, **rest)
    if kind in ("equals", "not_equals", "starts_with", "ends_with") and "value" in options:
        value = options.pop("value")
        return Wanted(kind="check", options=options, slot="value", value=value, **rest)
    if kind in ("regex", "not_regex"):
        value = options.pop("pattern")
        return Wanted(kind="check", options=options, slot="pattern", value=value, **rest)
    if kind == "json_schema" and isinstance(options.get("schema"), dict):
        value = options.pop("schema")
        return Wanted(kind="check", options=options, slot="schema", value=value, **rest)
    if kind == "length":
        limits = {key: value for key, value in options.items() if key != "type"}
        return Wanted(kind="check", options={"type": kind}, limits=limits, **rest)
    return Wanted(kind="check", options=options, **rest)


_TEXTS = {
    "contains": "contains_all",
    "contains_all": "contains_all",
    "contains_any": "contains_any",
    "not_contains": "not_contains_any",
    "not_contains_any": "not_contains_any",
    "not_contains_all": "not_contains_all",
}
SINGLE = {
    "contains_all": "contains",
    "contains_any": "contains",
    "not_contains_any": "not_contains",
    "not_contains_all": "not_contains",
}
"""The type of a check of one text, by that of a check of several."""
MERGING = frozenset({"contains_all", "not_contains_any"})
"""The types of which two checks are one check of both lists."""
