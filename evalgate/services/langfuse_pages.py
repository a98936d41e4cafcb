"""Requests of Langfuse that are sent again, and answers that come in pages with a cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from evalgate.services.langfuse import Langfuse
from evalgate.services.langfuse_errors import LangfuseError, LangfuseLostError

_TRIES = 4
_WAIT_SECONDS = 0.5
_MOST_PAGES = 10_000
_T = TypeVar("_T")


def repeat(request: Callable[[], _T]) -> _T:
    """Return the answer of a request, which is sent again while answers are lost. Raises LangfuseError."""
    for attempt in range(_TRIES - 1):
        try:
            return request()
        except LangfuseLostError:
            time.sleep(_WAIT_SECONDS * 2**attempt)
    return request()


def stream_pages(
    langfuse: Langfuse, about: str, path: str, asked: Mapping[str, str]
) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the rows of each page, objects with an `id`. `about` names the request in errors. Raises LangfuseError.

    A page says in `meta` what follows it. One without `meta` is cut, or of another server: there may be more rows.
    """
    cursors: set[str] = set()
    query = asked
    for _ in range(_MOST_PAGES):
        found = repeat(lambda query=query: langfuse.request(about, path, query=query))  # type: ignore[misc]
        yield _get_rows(langfuse, about, found)
        cursor = found["meta"].get("cursor")
        if not cursor:
            return
        if not isinstance(cursor, str) or cursor in cursors:
            break
        cursors.add(cursor)
        query = {**asked, "cursor": cursor}
    raise LangfuseError(f"{langfuse.url}: {about}: the pages have no end")


def _get_rows(langfuse: Langfuse, about: str, found: Any) -> list[Mapping[str, Any]]:
    rows = found.get("data") if isinstance(found, dict) and isinstance(found.get("meta"), dict) else None
    if isinstance(rows, list) and all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in rows):
        return rows
    raise LangfuseError(f"{langfuse.url}: {about}: the answer is not what Langfuse sends")
