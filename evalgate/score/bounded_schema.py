"""What `jsonschema` does in unbounded or quadratic time, done otherwise while an output is validated. Owns its insides.

Its keywords can be replaced in a validator's class, and the most important ones are; but documents of another draft
get the package's own class, and `unevaluatedProperties` searches within a private function.
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
    """Stands where a module of `jsonschema` has `re`."""

    error = re.error

    @staticmethod
    def search(pattern: str, text: str) -> bool:
        return compile_schema_search(pattern)(text)


@contextlib.contextmanager
def bound_patterns() -> Iterator[None]:
    """Within, every pattern is searched by `schema_searcher`, and what was quadratic in an output's size is linear.

    Each step into a subschema looks at the time that is left for the output.
    """
    from jsonschema import _keywords, _legacy_keywords, _utils, validators

    modules: list[Any] = [_keywords, _legacy_keywords, _utils]
    before = []
    for module in modules:
        own: dict[str, Any] = {"re": _Patterns}
        if module is not _utils:  # there it calls itself, and adds lists up
            own |= {name: _as_set(getattr(module, name)) for name in _EVALUATED if hasattr(module, name)}
        own |= {"uniq": is_unique} if hasattr(module, "uniq") else {}
        for name, value in own.items():
            before.append((module, name, getattr(module, name, None)))
            setattr(module, name, value)
    before.append((validators, "validator_for", validators.validator_for))
    validators.validator_for = _in_time(validators.validator_for)
    try:
        yield
    finally:
        for module, name, value in reversed(before):
            setattr(module, name, value)


def is_unique(items: Iterable[Any]) -> bool:
    """Whether no two values of a list are equal as JSON: 1 equals 1.0, and true equals neither."""
    seen: set[str] = set()
    for item in items:
        key = json.dumps(_plain(item), sort_keys=True)
        if key in seen:
            return False
        seen.add(key)
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _in_time(find: Any) -> Any:
    """What finds the class for a subschema, which is asked at every step into one."""

    def found(*arguments: Any, **options: Any) -> Any:
        in_time()
        return find(*arguments, **options)

    return found


def _as_set(find: Any) -> Any:
    def found(*arguments: Any) -> Collection[Any]:
        return frozenset(find(*arguments))

    return found
