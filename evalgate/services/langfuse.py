"""Langfuse: the prompts of a project, as plain data. The only module that uses its package.

The low-level client of the package is used: the other one retries what is missing, and answers a wrong key with a
fallback. A write is sent once, so that its caller decides what a lost answer means.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from evalgate.errors import InputError
from evalgate.mask import Mask
from evalgate.services.langfuse_errors import (
    ADDRESS,
    LATER,
    LangfuseError,
    LangfuseLostError,
    LangfuseMissingError,
    clean,
    make_error,
    read_message,
)
from evalgate.services.langfuse_items import ITEMS_A_PAGE, LangfuseItem, read_pages
from evalgate.services.langfuse_prompts import LangfuseListing, LangfusePrompt, make_listings, make_prompt

if TYPE_CHECKING:
    import httpx
    from langfuse.api import CreateChatPromptRequest, CreateTextPromptRequest, LangfuseAPI

    from evalgate.services.request_limits import RequestLimits

OLDEST = (4, 16)
"""The oldest server that is used. Before, `resolve=false` and the numbers after a deletion are not verified."""
LARGEST_REQUEST = 900_000
"""Bytes of a request at most. The server refuses those above 1 MiB, without an answer to some clients."""
LONGEST_MESSAGE = 500
"""Characters of a commit message at most."""

_SECONDS = 30
_PAGE = 100
_MOST_PAGES = 1000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseKeys:
    """The keys of a project. The secret one is never shown."""

    public: str
    secret: str = field(repr=False)


class Langfuse:
    """A project of a Langfuse server. The server's version is checked with the first request."""

    def __init__(self, url: str, keys: LangfuseKeys, *, seconds: int = _SECONDS) -> None:
        """Make no request yet. Raises InputError for an address that names no server."""
        self.url = check_address(url)
        self._keys = keys
        self._mask = Mask((keys.secret, f"{keys.public}:{keys.secret}"))
        self._seconds = seconds
        self._client: LangfuseAPI | None = None
        self._limits: RequestLimits | None = None
        self._http: httpx.Client | None = None
        self._version = (0, 0)

    @property
    def public_key(self) -> str:
        """The public key, which identifies the project."""
        return self._keys.public

    @property
    def version(self) -> tuple[int, int]:
        """The first two numbers of the server's version."""
        with self._mask.errors(), self._explain("the version"):
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
        """Send a request, and return the JSON of its answer: a GET, or with a `body` of JSON a POST.

        It is for what the package has no call for in all of its versions. `about` names the request in errors. A POST
        is sent once. A GET is sent again if the server asks to wait (429), within the limits of all requests.
        """
        with self._mask.errors(), self._explain(about):
            from langfuse.api.core.api_error import ApiError

            self._open()
            assert self._http is not None and self._limits is not None
            sent = {"content-type": "application/json", **(headers or {})} if body is not None else dict(headers or {})
            while True:
                with self._limits.hold():
                    answer = self._http.request(
                        "GET" if body is None else "POST",
                        f"{self.url}{path}",
                        params=dict(query or {}),
                        content=body,
                        headers=sent,
                        auth=(self._keys.public, self._keys.secret),
                    )
                pause = answer.headers.get("retry-after")  # the limits leave a number of seconds here, or nothing
                if answer.status_code != 429 or body is not None or pause is None:
                    break
                time.sleep(float(pause))
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
            rows, pages = self._ask("the prompts", partial(_list_page, page=page))
            found += rows
            page += 1
        return found

    def find_prompt(self, name: str, *, label: str | None = None) -> LangfuseListing | None:
        """Return the versions of a prompt, with a label only those that have it; None if there are none."""
        found = self._ask(name, lambda api: make_listings(api.prompts.list(name=name, label=label)))
        return next((one for one in found if one.name == name), None)

    def read(self, name: str, version: int) -> LangfusePrompt | None:
        """Return a version as it was written: references to other prompts are not filled in. None if there is none."""
        quoted = quote(name, safe="")  # the client does not quote, and a name may have any character
        try:
            return self._ask(name, lambda api: make_prompt(api.prompts.get(quoted, version=version, resolve=False)))
        except LangfuseMissingError:
            return None

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
        return self._ask(
            f"{name}, version {version}",
            lambda api: make_prompt(
                api.prompt_version.update(quoted, version, new_labels=list(labels), request_options=_ONCE)
            ),
        )

    def _create(self, name: str, request: CreateTextPromptRequest | CreateChatPromptRequest) -> LangfusePrompt:
        # the server counts JSON with its escapes; a client may write each character outside of ASCII as one
        size = len(json.dumps(request.model_dump(by_alias=True, mode="json")))
        if size > LARGEST_REQUEST:
            raise InputError(
                f"{clean(name)}: a request of {size:,} bytes is too large: Langfuse takes at most {LARGEST_REQUEST:,}",
                hint="shorten the prompt, or keep releases in git",
            )
        return self._ask(name, lambda api: make_prompt(api.prompts.create(request=request, request_options=_ONCE)))

    def _ask(self, about: str, request: Callable[[LangfuseAPI], _T]) -> _T:
        with self._mask.errors(), self._explain(about):
            client = self._open()
            assert self._limits is not None
            with self._limits.hold():
                return request(client)

    def _open(self) -> LangfuseAPI:
        if self._client is None:
            from langfuse.api import LangfuseAPI

            from evalgate.services.request_limits import RequestLimits

            self._limits = self._limits or RequestLimits(self._seconds)
            http = self._limits.open_client()
            weakref.finalize(self, http.close)
            client = LangfuseAPI(
                base_url=self.url,
                username=self._keys.public,
                password=self._keys.secret,
                x_langfuse_public_key=self._keys.public,
                httpx_client=http,
            )
            with self._limits.hold():
                version = client.health.health().version
            self._check_version(version)
            self._client, self._http = client, http
        return self._client

    def _check_version(self, version: str) -> None:
        found = re.match(r"v?(\d+)\.(\d+)", version)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            raise LangfuseError(
                f"{self.url}: the server has the version {clean(self._mask.text(version))}; evalgate needs "
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

        from evalgate.services.request_limits import RequestLimitError

        place = f"{self.url}: {clean(self._mask.text(about))}"
        try:
            yield
        except ApiError as error:
            raise make_error(place, error.status_code or 0, read_message(error.body, self._mask)) from None
        except RequestLimitError as error:
            raise LangfuseLostError(f"{place}: {error}", hint=LATER) from None
        except httpx.ConnectError:
            raise LangfuseError(f"{place}: the server cannot be reached", hint=ADDRESS) from None
        except httpx.TimeoutException:
            raise LangfuseLostError(f"{place}: no answer in {self._seconds} seconds", hint=LATER) from None
        except httpx.HTTPError as error:
            raise LangfuseLostError(f"{place}: the connection broke ({type(error).__name__})", hint=LATER) from None
        # an answer that is not what the description says: pydantic's error is a ValueError
        except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
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


def _list_page(api: LangfuseAPI, *, page: int) -> tuple[list[LangfuseListing], int]:
    """Return the prompts of a page, and how many pages there are, which the server alone says."""
    answer = api.prompts.list(page=page, limit=_PAGE)
    pages = answer.meta.total_pages
    if pages > _MOST_PAGES:
        raise ValueError(f"{pages} pages of prompts")
    return make_listings(answer), pages
