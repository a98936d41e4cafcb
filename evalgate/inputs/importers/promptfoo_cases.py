"""The tests of a promptfoo configuration as cases: their ids, and their variables as fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers import nunjucks
from evalgate.inputs.importers.promptfoo_grouping import number_names
from evalgate.inputs.importers.promptfoo_tests import ForeignTest

_RESERVED = frozenset({"id", "tags", "cluster", "tag", "clusters"})
"""Names of fields that evalgate reads in its own way, or takes for a misspelling of those, in lower case."""
_PLAIN = re.compile(r"[^\w.-]+")
_LONGEST = 60


def rename_fields(tests: Iterable[ForeignTest], names: Iterable[str]) -> dict[str, str]:
    """Return the new names of variables that evalgate reads in another way, by their old names."""
    used = {name for test in tests for name in test.variables} | set(names)
    found = sorted(name for name in used if name.strip(" _").lower() in _RESERVED)
    return {name: next(each for each in number_names(f"{name}_value") if each not in used) for name in found}


def make_cases(
    tests: Sequence[ForeignTest], names: Sequence[str], renamed: Mapping[str, str], texts: Sequence[str]
) -> list[dict[str, Json]]:
    """Return the cases of tests, each with the fields `names` that the prompts use, empty where a test has none.

    `texts` are those of the prompts: a value that they look into stays as it is, and every other one is a text or a
    number.
    """
    nested = {name for test in tests for name in test.variables if _is_taken_apart(name, texts)}
    taken: set[str] = set()
    cases: list[dict[str, Json]] = []
    for number, test in enumerate(tests, 1):
        stem = _PLAIN.sub("-", test.description or "").strip("-.")[:_LONGEST].strip("-.") or f"test-{number}"
        name = next(each for each in number_names(stem, "-") if each not in taken)
        taken.add(name)
        case: dict[str, Json] = {"id": name}
        for key, value in test.variables.items():
            case[renamed.get(key, key)] = _show(value, keep=key in nested)
        for key in names:
            if key != "env":
                case.setdefault(renamed.get(key, key), "")
        cases.append(case)
    return cases


def _is_taken_apart(name: str, texts: Sequence[str]) -> bool:
    """Return whether prompts look into a variable, or decide by it."""
    inside = re.compile(rf"\b{re.escape(name)}\b(?:\s*[.\[|])")
    tags = re.compile(rf"\{{%.*?\b{re.escape(name)}\b.*?%\}}", re.DOTALL)
    return any(inside.search(text) or tags.search(text) for text in texts)


def keep_common(tests: Sequence[ForeignTest]) -> ForeignTest:
    """Return the first test, with the variables that all tests have with the same value."""
    first = tests[0]
    common = {
        name: value
        for name, value in first.variables.items()
        if all(name in test.variables and test.variables[name] == value for test in tests)
    }
    return replace(first, variables=common)


def _show(value: Json, *, keep: bool) -> Json:
    """Return the value of a variable as a field: as templates of promptfoo show it, unless they look into it."""
    if value is None:
        return ""
    if keep:
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return nunjucks.show(value)


def rewrite_message(message: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """Return a message with its texts in jinja."""

    def change(value: Any) -> Any:
        if isinstance(value, str):
            return nunjucks.to_jinja(value, renamed)
        if isinstance(value, list):
            return [change(each) for each in value]
        return {key: change(each) for key, each in value.items()} if isinstance(value, dict) else value

    return {key: change(value) if key != "role" else value for key, value in message.items()}
