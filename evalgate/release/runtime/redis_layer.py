"""Redis between the processes and the registry: one process asks the registry for all, and the others look here.

The application hands its client in. A prompt is one hash, so that a document, its revision and its digest change
together, also in a cluster.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import monotonic, time
from typing import Any

from evalgate.release.runtime.cached_document import CachedDocument
from evalgate.release.runtime.prompt_error import PromptError

LEASE_MILLISECONDS = 15_000
"""How long one process asks for all without renewing. It renews with each round."""
_USED_SECONDS = 3600.0
"""How long a prompt is kept up to date for processes that do not name it any more."""
_MOST_NAMES = 1000

_LEAD = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RESIGN = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
# times are those of the server, so that clocks of processes that differ do not matter
_STORE = """
local before = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0')
local given = tonumber(ARGV[1])
if given < before then return 0 end
if given == before and redis.call('HGET', KEYS[1], 'digest') ~= ARGV[2] then return 0 end
if given > before then
  redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'digest', ARGV[2], 'data', ARGV[3])
end
local now = redis.call('TIME')
local confirmed = now[1] + now[2] / 1000000 - tonumber(ARGV[4])
if given > before or confirmed > tonumber(redis.call('HGET', KEYS[1], 'confirmed') or '0') then
  redis.call('HSET', KEYS[1], 'confirmed', string.format('%.6f', confirmed))
end
return 1
"""
_READ = """
local found = redis.call('HMGET', KEYS[1], 'revision', 'digest', 'confirmed')
if not found[1] then return {'', '0', '', '0'} end
local data = ''
if tonumber(found[1]) > tonumber(ARGV[1]) then data = redis.call('HGET', KEYS[1], 'data') or '' end
local now = redis.call('TIME')
local age = now[1] + now[2] / 1000000 - tonumber(found[3] or '0')
return {data, found[1], found[2] or '', string.format('%.6f', age)}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisCopy:
    """What Redis has of a prompt, unchecked. The revision is 0 if it has nothing.

    `data` is None unless it was asked for. `age` is the time since the registry confirmed the document, in seconds.
    """

    data: bytes | None
    revision: int
    digest: str
    age: float


class RedisLayer:
    """The keys of the runtime in Redis, below a prefix. Any error of the client may be raised by each method.

    `PREFIX:NAME` is the hash of a prompt (`data`, `revision`, `digest`, `confirmed`), `PREFIX::lease` names the process
    that asks the registry, and `PREFIX::names` has the prompts in use with the time of their last use.
    """

    def __init__(self, client: Any, *, prefix: str) -> None:
        if ".asyncio" in type(client).__module__:
            raise PromptError("redis= takes the synchronous client", hint="hand in redis.Redis(...)")
        missing = [name for name in ("eval", "zadd", "zrangebyscore") if not hasattr(client, name)]
        if missing:
            raise PromptError(f"redis= takes a client of Redis, and {type(client).__name__} has no {missing[0]}()")
        self._client = client
        self._prefix = prefix
        self._token = os.urandom(16).hex()

    def forget_process(self) -> None:
        """Take a new identity, after a fork."""
        self._token = os.urandom(16).hex()

    def lead(self) -> bool:
        """Return whether this process asks the registry for all now: take the lease, or renew it."""
        return bool(self._client.eval(_LEAD, 1, f"{self._prefix}::lease", self._token, LEASE_MILLISECONDS))

    def resign(self) -> None:
        """Give the lease back, if this process has it."""
        self._client.eval(_RESIGN, 1, f"{self._prefix}::lease", self._token)

    def note_names(self, names: list[str]) -> None:
        """Say which prompts this process uses. A name that is not text in UTF-8 cannot be said."""
        said = [name for name in names if name == name.encode("utf-8", "replace").decode()]
        if said:
            self._client.zadd(f"{self._prefix}::names", dict.fromkeys(said, time()))

    def list_names(self) -> list[str]:
        """Return the prompts that any process has used lately."""
        least = time() - _USED_SECONDS
        found = self._client.zrangebyscore(f"{self._prefix}::names", least, "+inf", start=0, num=_MOST_NAMES)
        return [_encode(one).decode("utf-8", "replace") for one in found]

    def read(self, name: str, above: int = 0) -> RedisCopy:
        """Return what there is of a prompt, with its data if the revision is higher than `above`."""
        found = self._client.eval(_READ, 1, f"{self._prefix}:{name}", above)
        data, revision, digest, age = (_encode(one) for one in found)
        return RedisCopy(
            data=data or None,
            revision=int(revision),
            digest=digest.decode("ascii", "replace"),
            age=max(0.0, float(age)),
        )

    def store(self, held: CachedDocument) -> bool:
        """Keep a document unless there is a later one, and when it was confirmed. Return whether it is the last."""
        key = f"{self._prefix}:{held.document.name}"
        age = repr(max(0.0, monotonic() - held.confirmed))
        return bool(self._client.eval(_STORE, 1, key, held.revision, held.digest, held.data, age))


def _encode(value: str | bytes) -> bytes:
    # a client may decode what it reads
    return value.encode() if isinstance(value, str) else bytes(value)
