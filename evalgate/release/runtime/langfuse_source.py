"""Release documents in Langfuse, read by its public API with the standard library."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

from evalgate.release.document import ReleaseDocument, digest_document, parse_document
from evalgate.release.langfuse_chain import (
    find_last,
    make_label_name,
    make_prompt_name,
    make_version_label,
    parse_prompt_name,
)
from evalgate.release.runtime.http_source import Fetcher, NotThereError
from evalgate.release.runtime.prompt_error import PromptError, SourceError, make_printable

_PATH = "/api/public/v2/prompts"
_PAGE = 100
_MOST_PAGES = 1_000


class LangfuseSource:
    """The registry in a project of Langfuse. The last document that counts is read, never a label.

    `numbers` are the numbers in Langfuse of the ordinary prompt's versions, by the prompt's name and the version's
    digest. A version without one may get it later.
    """

    def __init__(self, url: str, *, keys: tuple[str, str] | None, timeout: float) -> None:
        """`url` is the address of the server, `keys` the public and the secret key. Raises PromptError without them."""
        if keys is None or not all(keys):
            raise PromptError(
                "a registry in Langfuse needs the keys of the project",
                hint='hand them in with keys=("pk-...", "sk-...")',
            )
        if not url.startswith(("https://", "http://")):
            raise PromptError(
                f'"{make_printable(url)}" is not an address of Langfuse', hint="write langfuse:https://HOST"
            )
        self._url = url.rstrip("/") + _PATH
        basic = b64encode(f"{keys[0]}:{keys[1]}".encode()).decode()
        self._fetcher = Fetcher(url, headers={"Authorization": f"Basic {basic}"}, timeout=timeout)
        self._known: dict[str, tuple[str, bytes]] = {}
        self.numbers: dict[tuple[str, str], int] = {}

    def read(self, name: str) -> bytes:
        row = self._find_row(make_prompt_name(name))
        versions = [] if row is None else _read_numbers(row)
        if row is None or not versions:
            raise SourceError(f'Langfuse has no document of "{make_printable(name)}"', hint="publish the prompt")
        known = self._known.get(name)
        about = row.get("lastConfig")
        if known is not None and isinstance(about, dict) and about.get("revision") == max(versions):
            digest, data = known
            if about.get("digest") == digest:  # the newest version is the document that is known
                self._find_numbers(name, parse_document(data))
                return data
        last = find_last(name, versions, lambda number: self._read_text(name, number))
        if last is None or last.document is None:
            raise SourceError(f'Langfuse has no document of "{make_printable(name)}"', hint="publish the prompt")
        self._known[name] = (digest_document(last.data), last.data)
        self._find_numbers(name, last.document)
        return last.data

    def list_names(self) -> list[str]:
        names, page, pages = [], 1, 1
        while page <= pages:
            answer = self._fetch(f"{self._url}?{urlencode({'page': page, 'limit': _PAGE})}")
            rows, meta = answer.get("data"), answer.get("meta")
            if not isinstance(rows, list) or not isinstance(meta, dict) or not isinstance(meta.get("totalPages"), int):
                raise _make_error("a list of prompts")
            names += [parse_prompt_name(str(row.get("name"))) for row in rows if isinstance(row, dict)]
            page, pages = page + 1, meta["totalPages"]
            if pages > _MOST_PAGES:
                raise _make_error(f"at most {_MOST_PAGES} pages of prompts")
        return sorted(name for name in names if name is not None)

    def _find_row(self, name: str, **more: str) -> dict[str, Any] | None:
        rows = self._fetch(f"{self._url}?{urlencode({'name': name, **more})}").get("data")
        if not isinstance(rows, list):
            raise _make_error("a list of prompts")
        return next((row for row in rows if isinstance(row, dict) and row.get("name") == name), None)

    def _read_text(self, name: str, number: int) -> str | None:
        """Return the text of a version; None if it is gone, and "" for a chat, which no document is."""
        query = urlencode({"version": number, "resolve": "false"})
        try:
            found = self._fetch(f"{self._url}/{quote(make_prompt_name(name), safe='')}?{query}")
        except NotThereError:
            return None
        if found.get("version") != number:
            raise _make_error(f"version {number}")
        text = found.get("prompt")
        return text if isinstance(text, str) else ""

    def _find_numbers(self, name: str, document: ReleaseDocument) -> None:
        """Note the numbers of the versions that may be served. A failure is not a reason to serve nothing."""
        wanted = set(document.labels.values())
        if document.rollout is not None:
            wanted |= {document.rollout["candidate"], document.rollout["control"]}
        for digest in sorted(wanted):
            if (name, digest) in self.numbers:
                continue
            try:
                row = self._find_row(make_label_name(name), label=make_version_label(document.versions[digest]))
            except SourceError:
                return
            numbers = [] if row is None else _read_numbers(row)
            about = None if row is None else row.get("lastConfig")
            mark = about.get("evalgate") if isinstance(about, dict) else None
            if len(numbers) == 1 and isinstance(mark, dict) and mark.get("digest") == digest:
                self.numbers[name, digest] = numbers[0]

    def _fetch(self, url: str) -> dict[str, Any]:
        found = self._fetcher.fetch(url)
        assert found is not None, "no ETag was sent"
        try:
            answer = json.loads(found[0])
        except (ValueError, RecursionError):
            raise _make_error("JSON") from None
        if not isinstance(answer, dict):
            raise _make_error("an object")
        return answer


def _read_numbers(row: dict[str, Any]) -> list[int]:
    numbers = row.get("versions")
    if not isinstance(numbers, list) or not all(isinstance(one, int) for one in numbers):
        raise _make_error("the numbers of versions")
    return numbers


def _make_error(wanted: str) -> SourceError:
    return SourceError(f"the answer of Langfuse is not {wanted}", hint="check the address of the server")
