"""Langfuse: the prompts of a project, as plain data. The only module that uses its package.

The low-level client of the package is used: the other one retries what is missing, and answers a wrong key with a
fallback. A write is sent once, so that its caller decides what a lost answer means.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from evalgate.errors import InputError
from evalgate.services.langfuse_errors import (
    ADDRESS,
    LATER,
    LangfuseError,
    LangfuseLostError,
    LangfuseMissingError,
    clean,
    make_error,
)
from evalgate.services.langfuse_items import ITEMS_A_PAGE, LangfuseItem, read_pages

if TYPE_CHECKING:
    import httpx
    from langfuse.api import CreateChatPromptRequest, CreateTextPromptRequest, LangfuseAPI

OLDEST = (4, 16)
"""The oldest server that is used. Before, `resolve=false` and the numbers after a deletion are not verified."""
LARGEST_REQUEST = 900_000
"""Bytes of a request at most. The server refuses those above 1 MiB, without an answer to some clients."""
LONGEST_MESSAGE = 500
"""Characters of a commit message at most."""

_SECONDS = 30
_PAGE = 100
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseKeys:
    """The keys of a project. The secret one is never shown."""

    public: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfusePrompt:
    """A version of a prompt: a text, or the messages of a chat as the server has them. `author` is empty if unknown.

    A version that was made with a project's keys has the author "API".
    """

    name: str
    version: int
    prompt: str | tuple[Mapping[str, Any], ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    message: str | None
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseListing:
    """All versions of a prompt by their numbers, the labels that any of them has, and the newest one's `config`.

    `config` is empty if it is no object.
    """

    name: str
    versions: tuple[int, ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    config: Mapping[str, Any]


class Langfuse:
    """A project of a Langfuse server. The server's version is checked with the first request."""

    def __init__(self, url: str, keys: LangfuseKeys, *, seconds: int = _SECONDS) -> None:
        """Nothing is requested yet. Raises InputError for an address that names no server."""
        self.url = check_address(url)
        self._keys = keys
        self._seconds = seconds
        self._client: LangfuseAPI | None = None
        self._http: httpx.Client | None = None
        self._version = (0, 0)

    @property
    def version(self) -> tuple[int, int]:
        """The first two numbers of the server's version."""
        with self._explain("the version"):
            self._open()
        return self._version

    def request(
        self,
        about: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request once, and return the JSON of its answer: a GET, or with a `body` of JSON a POST.

        It is for what the package has no call for in all of its versions. `about` names the request in errors.
        """
        with self._explain(about):
            from langfuse.api.core.api_error import ApiError

            self._open()
            assert self._http is not None
            sent = {"content-type": "application/json", **(headers or {})} if body is not None else dict(headers or {})
            answer = self._http.request(
                "GET" if body is None else "POST",
                f"{self.url}{path}",
                params=dict(query or {}),
                content=body,
                headers=sent,
                auth=(self._keys.public, self._keys.secret),
            )
            is_json = answer.headers.get("content-type", "").startswith("application/json")
            found = answer.json() if is_json and answer.content else answer.text
            if not 200 <= answer.status_code < 300 or not is_json:
                raise ApiError(status_code=answer.status_code, body=found)
            return found

    def list_prompts(self) -> list[LangfuseListing]:
        """Return all prompts of the project."""
        found: list[LangfuseListing] = []
        page = pages = 1
        while page <= pages:
            answer = self._ask("the prompts", partial(_list_page, page=page))
            found += [_make_listing(one) for one in answer.data]
            pages, page = answer.meta.total_pages, page + 1
        return found

    def find_prompt(self, name: str, *, label: str | None = None) -> LangfuseListing | None:
        """Return the versions of a prompt, with a label only those that have it; None if there are none."""
        answer = self._ask(name, lambda api: api.prompts.list(name=name, label=label))
        return next((_make_listing(one) for one in answer.data if one.name == name), None)

    def read(self, name: str, version: int) -> LangfusePrompt | None:
        """Return a version as it was written: references to other prompts are not filled in. None if there is none."""
        return self._read(name, version=version)

    def read_label(self, name: str, label: str) -> LangfusePrompt | None:
        """Return the version that has a label, read as `read` does; None if none has it."""
        return self._read(name, label=label)

    def read_items(self, name: str, *, at: datetime.datetime | None = None) -> tuple[LangfuseItem, ...] | None:
        """Return the ACTIVE items of a dataset by id, as they are or as they were at a time; None without the dataset.

        Raises LangfuseError if the dataset is being edited all the time.
        """
        about, quoted = f"the dataset {name}", quote(name, safe="")
        try:
            self._ask(about, lambda api: api.datasets.get(quoted))
        except LangfuseMissingError:
            return None
        given = {"dataset_name": name, "version": at, "limit": ITEMS_A_PAGE}
        found = read_pages(lambda page: self._ask(about, lambda api: api.dataset_items.list(page=page, **given)))
        if found is None:
            raise LangfuseError(f"{self.url}: {clean(about)}: its items change while they are read", hint=LATER)
        return found

    def create(
        self,
        name: str,
        text: str,
        *,
        config: Mapping[str, Any],
        tags: Sequence[str] | None = None,
        labels: Sequence[str] = (),
        message: str | None = None,
    ) -> LangfusePrompt:
        """Add a version of a text prompt, once, and return it with the number that the server gave.

        Raises LangfuseRaceError, LangfuseLostError, LangfuseError for a refusal, and InputError for a text too large.
        """
        from langfuse.api import CreateTextPromptRequest

        request = CreateTextPromptRequest(
            name=name,
            prompt=text,
            config=dict(config),
            labels=list(labels),
            tags=None if tags is None else list(tags),
            commit_message=message,
        )
        return self._create(name, request)

    def create_chat(
        self,
        name: str,
        messages: Sequence[Mapping[str, Any]],
        *,
        config: Mapping[str, Any],
        labels: Sequence[str] = (),
        message: str | None = None,
    ) -> LangfusePrompt:
        """Add a version of a chat prompt, as `create` does. A message has `role` and `content`, or is a placeholder."""
        from langfuse.api import CreateChatPromptRequest

        given = {
            "name": name,
            "type": "chat",
            "prompt": [dict(one) for one in messages],
            "config": dict(config),
            "labels": list(labels),
            "commitMessage": message,
        }
        request = CreateChatPromptRequest.model_validate(given)
        return self._create(name, request)

    def add_labels(self, name: str, version: int, labels: Sequence[str]) -> LangfusePrompt:
        """Give labels to a version, and take them from all others. Without labels, the server empties its cache.

        Raises LangfuseMissingError if there is no such version.
        """
        quoted = quote(name, safe="")
        return _make_prompt(
            self._ask(
                f"{name}, version {version}",
                lambda api: api.prompt_version.update(quoted, version, new_labels=list(labels), request_options=_ONCE),
            )
        )

    def _create(self, name: str, request: CreateTextPromptRequest | CreateChatPromptRequest) -> LangfusePrompt:
        # the server counts JSON with its escapes; a client may write each character outside of ASCII as one
        size = len(json.dumps(request.model_dump(by_alias=True, mode="json")))
        if size > LARGEST_REQUEST:
            raise InputError(
                f"{clean(name)}: a request of {size:,} bytes is too large: Langfuse takes at most {LARGEST_REQUEST:,}",
                hint="shorten the prompt, or keep releases in git",
            )
        return _make_prompt(self._ask(name, lambda api: api.prompts.create(request=request, request_options=_ONCE)))

    def _read(self, name: str, *, version: int | None = None, label: str | None = None) -> LangfusePrompt | None:
        quoted = quote(name, safe="")  # the client does not quote, and a name may have any character
        try:
            found = self._ask(name, lambda api: api.prompts.get(quoted, version=version, label=label, resolve=False))
        except LangfuseMissingError:
            return None
        return _make_prompt(found)

    def _ask(self, about: str, request: Callable[[LangfuseAPI], _T]) -> _T:
        with self._explain(about):
            return request(self._open())

    def _open(self) -> LangfuseAPI:
        if self._client is None:
            import httpx
            from langfuse.api import LangfuseAPI

            http = httpx.Client(timeout=self._seconds, follow_redirects=False)  # a redirected POST becomes a GET
            weakref.finalize(self, http.close)
            client = LangfuseAPI(
                base_url=self.url,
                username=self._keys.public,
                password=self._keys.secret,
                x_langfuse_public_key=self._keys.public,
                httpx_client=http,
            )
            self._check_version(client.health.health().version)
            self._client, self._http = client, http
        return self._client

    def _check_version(self, version: str) -> None:
        found = re.match(r"v?(\d+)\.(\d+)", version)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            raise LangfuseError(
                f"{self.url}: the server has the version {clean(version)}; evalgate needs "
                f"{'.'.join(map(str, OLDEST))} or later",
                hint="upgrade the Langfuse server",
            )
        self._version = int(found[1]), int(found[2])

    @contextlib.contextmanager
    def _explain(self, about: str) -> Iterator[None]:
        """Turn the errors of the client into LangfuseError, without keys: its own texts have the headers.

        Raises InputError if the package is not installed.
        """
        try:
            import httpx
            from langfuse.api.core.api_error import ApiError
        except ImportError:
            raise InputError(
                "Langfuse needs a package that is not installed", hint="pip install 'prompt-evalgate[langfuse]'"
            ) from None

        place = f"{self.url}: {clean(about)}"
        try:
            yield
        except ApiError as error:
            raise make_error(place, error.status_code or 0, error.body) from None
        except httpx.ConnectError:
            raise LangfuseError(f"{place}: the server cannot be reached", hint=ADDRESS) from None
        except httpx.TimeoutException:
            raise LangfuseLostError(f"{place}: no answer in {self._seconds} seconds", hint=LATER) from None
        except httpx.HTTPError as error:
            raise LangfuseLostError(f"{place}: the connection broke ({type(error).__name__})", hint=LATER) from None
        except ValueError as error:  # an answer that is not what the description says; pydantic's is one
            raise LangfuseLostError(
                f"{place}: the answer is not what Langfuse sends ({type(error).__name__})", hint=ADDRESS
            ) from None


_ONCE: Any = {"max_retries": 0}


def check_address(url: str) -> str:
    """Return the address of a server without a slash at its end. Raises InputError if it is none."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.username is not None or parts.query or parts.fragment or not url.isprintable():
        raise InputError(
            "the address of a Langfuse server has https, a host, and neither a user nor a query",
            hint="write langfuse:https://HOST, and give the keys in environment variables",
        )
    return url.rstrip("/")


def _list_page(api: LangfuseAPI, *, page: int) -> Any:
    return api.prompts.list(page=page, limit=_PAGE)


def _make_listing(found: Any) -> LangfuseListing:
    return LangfuseListing(
        name=found.name,
        versions=tuple(sorted(found.versions)),
        labels=tuple(found.labels),
        tags=tuple(found.tags),
        config=found.last_config if isinstance(found.last_config, dict) else {},
    )


def _make_prompt(found: Any) -> LangfusePrompt:
    text = found.prompt
    if not isinstance(text, str):
        text = tuple(one.model_dump(by_alias=True, exclude_none=True) for one in text)
    return LangfusePrompt(
        name=found.name,
        version=found.version,
        prompt=text,
        labels=tuple(found.labels),
        tags=tuple(found.tags),
        config=found.config if isinstance(found.config, dict) else {},
        message=found.commit_message,
        author=_read_author(found),
    )


def _read_author(found: Any) -> str:
    """Return who made a version. The description of the API does not name the key, but servers send it."""
    author = (found.model_extra or {}).get("createdBy")
    return clean(author.strip()) if isinstance(author, str) else ""
