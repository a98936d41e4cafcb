"""Conditions of the configuration that choose the cases to which a check or judge applies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from dataclasses import field as make_field

from evalgate.domain.field_paths import dig
from evalgate.domain.text import Json, normalize
from evalgate.errors import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A choice of cases: by tags, ids, fields that are present, and the value of one field.

    A case meets the condition if it meets every part that is given. `tags` and `ids`: it has at least one of them.
    `has`: it has all of these fields, and none of them is null, empty or blank. `field`: its value is one of `values`.
    `place` is the place in the configuration, for messages.
    """

    tags: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    field: str | None = None
    values: tuple[Json, ...] = ()
    place: Place | None = make_field(default=None, compare=False, repr=False)

    def holds(self, case: str, tags: Collection[str], fields: Mapping[str, Json]) -> bool:
        """Return whether a case, given by its id, tags and fields, meets the condition."""
        if self.tags and not set(self.tags) & set(tags):
            return False
        if self.ids and case not in self.ids:
            return False
        if any(is_absent(fields, name) for name in self.has):
            return False
        if self.field is None:
            return True
        try:
            found = dig(fields, self.field)
        except LookupError:
            return False
        return any(is_same(found, value) for value in self.values)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a case that the condition reads."""
        return self.has if self.field is None else (*self.has, self.field)

    def as_json(self) -> Json:
        """Return the parts that are given as plain data. The order of names does not matter."""
        parts: dict[str, Json] = {
            name: sorted(given) for name in ("tags", "ids", "has") if (given := getattr(self, name))
        }
        return parts if self.field is None else {**parts, "field": self.field, "values": list(self.values)}


def is_absent(fields: Mapping[str, Json], name: str) -> bool:
    """Return whether a field is missing, null, an empty list or mapping, or a text without a visible character."""
    try:
        value = dig(fields, name)
    except LookupError:
        return True
    return not normalize(value) if isinstance(value, str) else value in (None, [], (), {})


def is_same(left: Json, right: Json) -> bool:
    """Return whether two JSON values are equal. `true` is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right
