"""The order of the properties in JSON Schemas: a model writes its answer in this order, and digests sort keys.

With `reasoning` before `answer` a model thinks first; the other way round it answers, and then finds reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalgate.domain.text import Json

PROPERTIES = "properties"


def keep_order(value: Json) -> Json:
    """Return data that is sent to a model in a form whose digest tells apart all orders of the properties in it.

    It is the value itself where `find_unusual_orders` finds none, so that most digests are those of the value alone.
    Objects, and lists of objects, are never equal to the form of another value.
    """
    orders = find_unusual_orders(value)
    return [value, orders] if orders else value


def find_unusual_orders(value: Json) -> list[Json]:
    """Return the path and the names of each object `properties` whose names are not in the usual order.

    The usual order is that of the list `required` beside it, which is part of every digest, and then the alphabet. The
    paths come in the order of sorted keys, so that no other order matters.
    """
    return [[list(path), names] for path, names in _walk(value, ())]


def _walk(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Json]]]:
    if isinstance(value, Mapping):
        properties = value.get(PROPERTIES)
        if isinstance(properties, Mapping) and list(properties) != _sort_usually(properties, value.get("required")):
            yield (*path, PROPERTIES), list(properties)
        for name in sorted(value):
            yield from _walk(value[name], (*path, name))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for position, item in enumerate(value):
            yield from _walk(item, (*path, str(position)))


def _sort_usually(properties: Mapping[str, Json], required: Json) -> list[str]:
    named = required if isinstance(required, Sequence) and not isinstance(required, str) else ()
    first = dict.fromkeys(name for name in named if isinstance(name, str) and name in properties)
    return [*first, *sorted(properties.keys() - first.keys())]
