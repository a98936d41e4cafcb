"""Replacements for the parts of `jsonschema` that take unbounded or quadratic time, active during a validation.

This is the only module that changes internals of `jsonschema`. A validator class allows the replacement of keywords,
and `schema` replaces the most important ones. This is not enough: documents of another draft use the package's own
class, and `unevaluatedProperties` searches patterns in a private function.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from evalgate.score.patterns import compile_schema_search, in_time

_EVALUATED = ("find_evaluated_property_keys_by_schema", "find_evaluated_item_indexes_by_schema")


class _Patterns:
    """A replacement for `re` in the modules of `jsonschema`."""

    error = re.error

    @staticmethod
    def search(pattern: str, text: str) -> bool:
        return compile_schema_search(pattern)(text)


@contextlib.contextmanager
def bound_patterns() -> Iterator[None]:
    """Bound the time of `jsonschema` inside the block.

    All patterns are searched by `compile_schema_search`. Steps that are quadratic in the size of an output become
    linear. Each step into a subschema checks the remaining time for the output.
    """
    from jsonschema import _keywords, _legacy_keywords, _utils, validators

    modules: list[Any] = [_keywords, _legacy_keywords, _utils]
    before = []
    for module in modules:
        own: dict[str, Any] = {"re": _Patterns}
        if module is not _utils:  # in _utils the functions call themselves and concatenate lists
            own |= {name: _wrap_as_set(getattr(module, name)) for name in _EVALUATED if hasattr(module, name)}
        own |= {"uniq": is_unique} if hasattr(module, "uniq") else {}
        for name, value in own.items():
            before.append((module, name, getattr(module, name, None)))
            setattr(module, name, value)
    before.append((validators, "validator_for", validators.validator_for))
    validators.validator_for = _wrap_timed(validators.validator_for)
    try:
        yield
    finally:
        for module, name, value in reversed(before):
            setattr(module, name, value)


def is_unique(items: Iterable[Any]) -> bool:
    """Return whether all values of a list are different as JSON: 1 equals 1.0, and true equals neither."""
    seen: set[str] = set()
    for item in items:
        key = json.dumps(_simplify_numbers(item), sort_keys=True)
        if key in seen:
            return False
        seen.add(key)
    return True


def _simplify_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _simplify_numbers(inner) for name, inner in value.items()}
    return [_simplify_numbers(inner) for inner in value] if isinstance(value, list) else value


def _wrap_timed(find: Any) -> Any:
    """Wrap the function that finds the class for a subschema, which is called at each step into one."""

    def found(*arguments: Any, **options: Any) -> Any:
        in_time()
        return find(*arguments, **options)

    return found


def _wrap_as_set(find: Any) -> Any:
    def found(*arguments: Any) -> Collection[Any]:
        return frozenset(find(*arguments))

    return found
