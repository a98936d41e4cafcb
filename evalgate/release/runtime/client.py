"""The client of an application: prompts by name and label, or by the key of a user."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping
from os import PathLike
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from evalgate.release.bucket import is_candidate
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import parse_document
from evalgate.release.runtime.cached_document import CachedDocument
from evalgate.release.runtime.loads import Load
from evalgate.release.runtime.prompt_error import PromptError, SourceError, UnknownLabelError, make_printable
from evalgate.release.runtime.refresher import Refresher
from evalgate.release.runtime.served import Served
from evalgate.release.runtime.tracing import set_attributes

if TYPE_CHECKING:  # a client loads what its registry needs
    from evalgate.release.runtime.http_source import Headers
    from evalgate.release.runtime.last_good import LastGood
    from evalgate.release.runtime.redis_layer import RedisLayer

PRODUCTION = "production"
CANDIDATE = "candidate"
_WHERE = "a document is what a registry serves, such as a file of its branch: git show BRANCH:NAME.json"


class PromptClient:
    """Prompts from a registry, for an application. One client serves all threads, also after a fork.

    The first request for a name waits for the registry. All later ones are answered from memory, and a thread in the
    background asks the registry again after at most `ttl` seconds. While the registry does not answer, the last
    document that it gave is served.
    """

    def __init__(
        self,
        url: str,
        *,
        redis: Any = None,
        last_good: str | PathLike[str] | None = None,
        ttl: float = 300.0,
        headers: Headers | None = None,
        keys: tuple[str, str] | None = None,
        timeout: float = 5.0,
        redis_prefix: str = "evalgate",
    ) -> None:
        """Read nothing yet.

        `url` is file:PATH (a document, or a folder of them), sqlite:PATH, https://ADDRESS or langfuse:https://HOST.
        `keys` are the public and the secret key of a project in Langfuse. `redis` is a synchronous
        client of redis-py; `redis_prefix` begins its keys. `last_good` is a file that keeps the last documents for the
        next start. `headers` go to a registry by HTTP: a mapping, or a function that returns one for each request.
        `timeout` is for one request to the registry, in seconds. Raises PromptError for arguments that cannot work.
        """
        from evalgate.release.runtime.sources import open_source

        if not ttl > 0 or not timeout > 0:
            raise PromptError("ttl and timeout are seconds, more than 0")
        source = open_source(url, headers=headers, keys=keys, timeout=timeout)
        self._numbers: Mapping[tuple[str, str], int] = getattr(source, "numbers", {})
        self._refresher = Refresher(
            source,
            ttl=ttl,
            redis=None if redis is None else _open_redis(redis, redis_prefix),
            last_good=None if last_good is None else _open_last_good(last_good),
        )
        self._held = self._refresher.documents.by_name

    @classmethod
    def from_document(cls, path: str | PathLike[str]) -> Self:
        """Return a client of a document in a file, or of all in a folder, for an application's tests.

        They are read now and never again; there is no thread, no network and no state. Raises SourceError.
        """
        from pathlib import Path

        from evalgate.release.runtime.bounded_file import read_bounded
        from evalgate.release.runtime.sources import FileSource

        place = Path(path).absolute()
        client = cls.__new__(cls)
        client._numbers = {}
        client._refresher = Refresher(FileSource(place), ttl=math.inf, static=True)
        client._held = client._refresher.documents.by_name
        files = sorted(place.glob("*.json")) if place.is_dir() else [place]
        for file in files:
            try:
                data = read_bounded(file)
                client._refresher.documents.accept(parse_document(data).name, data, monotonic())
            except (OSError, DocumentError) as error:
                raise SourceError(
                    f"{file} is not a release document: {make_printable(error)}",
                    hint=_WHERE,
                ) from None
        if not files:
            raise SourceError(f"{place} has no release document", hint=_WHERE)
        return client

    def get(self, name: str, label: str = PRODUCTION) -> Served:
        """Return the version of a prompt that has a label.

        Raises PromptUnavailableError if no document of it can be had, UnknownLabelError if no version has the label.
        """
        held = self._held.get(name) or self._refresher.find(name)
        if not self._refresher.running:
            self._refresher.start()
        return self._serve(name, held, label, None)

    def choose(self, name: str, key: object = None) -> Served:
        """Return the version of a prompt for a user: the candidate of a rollout for its share of keys, else production.

        The same key gets the same version as long as the rollout goes on, in each process and language. `key` is text,
        or a whole number or a UUID, which count as their text. An empty or missing key gets production. Raises what
        `get` raises.
        """
        held = self._held.get(name) or self._refresher.find(name)
        if not self._refresher.running:
            self._refresher.start()
        text = key if isinstance(key, str) else _make_text(key)
        rollout = held.rollout
        if text and rollout is not None and is_candidate(rollout[0], text, rollout[1]):
            number = self._numbers.get((name, rollout[2].digest))
            return _trace(Served(name, rollout[2], CANDIDATE, text, monotonic() - held.confirmed, number=number))
        return self._serve(name, held, PRODUCTION, text or None)

    def warm_up(self, *names: str) -> None:
        """Load prompts, all at once, and wait for them, so that no request has to.

        Without names, all that the registry has are loaded; by HTTP they cannot be listed. Raises
        PromptUnavailableError and SourceError.
        """
        wanted = names or tuple(self._refresher.list_names())
        loads: list[Load] = [load for name in wanted if (load := self._refresher.begin(name)) is not None]
        for load in loads:
            load.wait()
        for name in wanted:
            self._refresher.find(name)
        if wanted and not self._refresher.running:
            self._refresher.start()

    def load(self, *names: str) -> Awaitable[None]:
        """Load prompts as `warm_up` does, without blocking the event loop: `await client.load("support")`."""
        import asyncio

        return asyncio.to_thread(self.warm_up, *names)

    def close(self) -> None:
        """End the refreshes. What was loaded is served on."""
        self._refresher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, name: str, held: CachedDocument, label: str, key: str | None) -> Served:
        version = held.labels.get(label)
        if version is None:
            known = ", ".join(sorted(held.labels)) or "none"
            raise UnknownLabelError(
                make_printable(
                    f'{name}: no version has the label "{label}" in revision {held.revision} (labels: {known})'
                ),
                hint=f"evalgate release promote {make_printable(name)} --to {make_printable(label)}",
            )
        number = self._numbers.get((name, version.digest))
        return _trace(Served(name, version, label, key, monotonic() - held.confirmed, number=number))


def _open_redis(client: Any, prefix: str) -> RedisLayer:
    from evalgate.release.runtime.redis_layer import RedisLayer

    return RedisLayer(client, prefix=prefix)


def _open_last_good(path: str | PathLike[str]) -> LastGood:
    from pathlib import Path

    from evalgate.release.runtime.last_good import LastGood

    return LastGood(Path(path).absolute())


def _trace(served: Served) -> Served:
    set_attributes(served.name, served.version, served.variant)
    return served


def _make_text(key: object) -> str:
    """Return the text of a key that is not text. A number like 1.0 has another text in other languages."""
    if key is None:
        return ""
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if type(key).__name__ == "UUID":
        return str(key)
    raise TypeError(f"key must be text, a whole number or a UUID, not {type(key).__name__}")
