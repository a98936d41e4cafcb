"""The items of a Langfuse dataset, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ITEMS_A_PAGE = 100
ACTIVE = "ACTIVE"
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseItem:
    """An item: a text that is JSON is kept by the server as that JSON, so that "42" is here the number 42."""

    id: str
    input: Any
    expected: Any
    metadata: Any


def read_pages(load: Callable[[int], Any]) -> tuple[LangfuseItem, ...] | None:
    """Return the ACTIVE items of all pages, by id. `load` returns a page by its number, from 1.

    The pages are newest first, so that an item that is added meanwhile moves others to the next page. Then they are
    read again; None if they are never the same for long enough.
    """
    for _ in range(_TRIES):
        first = load(1)
        pages = [first, *(load(number) for number in range(2, first.meta.total_pages + 1))]
        found = {one.id: one for page in pages for one in page.data}
        count = sum(len(page.data) for page in pages)
        totals = {page.meta.total_items for page in pages}
        if totals == {count} and len(found) == count:
            return tuple(_make_item(found[key]) for key in sorted(found) if _is_active(found[key]))
    return None


def _is_active(item: Any) -> bool:
    return str(getattr(item.status, "value", item.status)) == ACTIVE


def _make_item(item: Any) -> LangfuseItem:
    return LangfuseItem(id=item.id, input=item.input, expected=item.expected_output, metadata=item.metadata)
