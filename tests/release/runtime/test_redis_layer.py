from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from release.chains import make_chain, make_revision
from release.redis_server import needs_redis, run_redis

from evalgate.release.runtime import redis_layer
from evalgate.release.runtime.cached_document import parse_cached
from evalgate.release.runtime.prompt_error import PromptError
from evalgate.release.runtime.redis_layer import RedisCopy, RedisLayer

FIRST, SECOND, THIRD = make_chain(3)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with run_redis() as chosen:
        yield chosen


@pytest.fixture(params=[False, True], ids=["bytes", "text"])
def client(port: int, request: pytest.FixtureRequest) -> Iterator[Any]:
    import redis

    with redis.Redis(port=port, decode_responses=request.param) as made:
        made.flushall()
        yield made


@needs_redis
def test_a_document_is_replaced_by_a_later_one_alone(client: Any) -> None:
    layer = RedisLayer(client, prefix="evalgate")
    assert layer.read("support") == RedisCopy(data=None, revision=0, digest="", age=0.0)
    now = time.monotonic()
    second = parse_cached("support", SECOND, now - 10)
    assert layer.store(second)
    assert not layer.store(parse_cached("support", FIRST, now))
    assert not layer.store(parse_cached("support", make_revision(2, FIRST, text="Bye "), now))
    copy = layer.read("support")
    assert (copy.data, copy.revision, copy.digest) == (SECOND, 2, second.digest)
    assert copy.age == pytest.approx(10, abs=1)
    assert layer.store(parse_cached("support", SECOND, now))
    assert layer.store(parse_cached("support", SECOND, now - 100))
    assert layer.read("support").age == pytest.approx(0, abs=1)
    above = layer.read("support", above=2)
    assert (above.data, above.revision) == (None, 2)
    assert layer.store(parse_cached("support", THIRD, now - 50))
    assert layer.read("support", above=2).data == THIRD
    assert layer.read("support").age == pytest.approx(50, abs=1)


@needs_redis
def test_clocks_of_processes_do_not_matter(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = RedisLayer(client, prefix="evalgate")
    monkeypatch.setattr(redis_layer, "monotonic", lambda: 1e6)
    layer.store(parse_cached("support", FIRST, 1e6 - 20))
    assert layer.read("support").age == pytest.approx(20, abs=1)
    layer.store(parse_cached("support", FIRST, 2e6))  # the future counts as now
    assert layer.read("support").age == pytest.approx(0, abs=1)


@needs_redis
def test_a_text_is_kept_byte_for_byte(client: Any) -> None:
    layer = RedisLayer(client, prefix="evalgate")
    data = make_revision(1, None, text="\ud800 @@@@ ü 😀 \u2028 ")
    assert layer.store(parse_cached("support", data, time.monotonic()))
    assert layer.read("support").data == data


@needs_redis
def test_one_process_leads_until_it_resigns_or_is_gone(client: Any) -> None:
    one, other = RedisLayer(client, prefix="evalgate"), RedisLayer(client, prefix="evalgate")
    assert [one.lead(), other.lead(), one.lead(), other.lead()] == [True, False, True, False]
    assert 14_000 < client.pttl("evalgate::lease") <= 15_000
    other.resign()
    assert not other.lead()
    one.resign()
    assert other.lead()
    other.forget_process()
    assert not other.lead()
    client.delete("evalgate::lease")
    assert other.lead()


@needs_redis
def test_names_that_are_in_use_are_known_to_all(client: Any) -> None:
    layer = RedisLayer(client, prefix="evalgate")
    layer.note_names([])
    layer.note_names(["a", "ü b"])
    client.zadd("evalgate::names", {"old": time.time() - 7200})
    assert layer.list_names() == ["a", "ü b"]
    assert RedisLayer(client, prefix="other").list_names() == []


def test_other_clients_are_refused() -> None:
    import redis.asyncio

    with pytest.raises(PromptError, match=r"takes the synchronous client; hand in redis\.Redis"):
        RedisLayer(redis.asyncio.Redis(), prefix="evalgate")
    with pytest.raises(PromptError, match=r"dict has no eval\(\)"):
        RedisLayer({}, prefix="evalgate")
